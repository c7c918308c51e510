"""The ordered set table: one value per key, with the keys in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeVar

from noex import kernel
from noex.clock import check_clock, seconds
from noex.ets._names import Names, names_of
from noex.ets._ownership import Owner, claim
from noex.ets._set_kind import SetKind
from noex.ets.queries import OrderedQueries
from noex.kernel import Desc
from noex.typing import Clock, Duration

__all__ = ["OrderedSetTable", "desc"]

K = TypeVar("K")
V = TypeVar("V")


@kernel.quickened
class OrderedSetTable(kernel.OrderedSetTable[K, V], OrderedQueries[K, V], SetKind[K, V]):  # type: ignore[misc]  # as SetKind
    """A table with one value per key, in the order of the keys: ranges, neighbours, ranks and both ends.

    Keys are values of the term order, which is total across types: `None < numbers < naive datetime < aware
    datetime < str < bytes < tuple`, numbers by exact value (1 and 1.0 are one key), tuples element by element. `key`
    gives other keys a place: a function from a key to such a value; two keys of one value are one key, and equal keys
    must get one value. `ets.desc` inside it reverses a part. Otherwise as `SetTable`.

    >>> from noex import ets
    >>> scores = ets.OrderedSetTable[tuple[int, str], None](key=lambda k: (ets.desc(k[0]), k[1]))
    >>> for key in [(10, "bob"), (30, "ada"), (10, "al")]:
    ...     scores.insert(key, None)
    >>> list(scores)
    [(30, 'ada'), (10, 'al'), (10, 'bob')]

    Raises:
        TableExists: the store has a table of that name, and not `exist_ok`, or of other kind or options.
        TypeError: an option is unknown or of the wrong type.
        ValueError: `ttl` is zero or negative.
    """

    __slots__ = ("_options", "_ownership", "_store")

    def __new__(
        cls,
        name: str | None = None,
        *,
        store: Names | None = None,
        exist_ok: bool = False,
        key: Callable[[K], Any] | None = None,
        ttl: Duration | None = None,
        clock: Clock | None = None,
        owner: Owner | None = None,
        heir: Owner | None = None,
        heir_data: Any = None,
    ) -> OrderedSetTable[K, V]:
        options, make = cls._blueprint(name, key=key, ttl=ttl, clock=clock)
        claimed = claim(owner, heir, heir_data)
        return names_of(store)._register(name, options, exist_ok=exist_ok, make=make, claim=claimed)

    @classmethod
    def _blueprint(
        cls, name: str | None, *, key: Callable[[K], Any] | None, ttl: Duration | None, clock: Clock | None
    ) -> tuple[tuple[Any, ...], Callable[[], Self]]:
        """Return the options that tell such tables apart, and what makes one that is in no store yet."""
        lifetime = None if ttl is None else seconds(ttl, "ttl")
        time = check_clock(clock)
        if key is not None and not callable(key):
            raise TypeError(f"key must be a function from a key to a value of the term order, not {key!r}")
        options: tuple[Any, ...] = (cls.__name__, ("key", key), ("ttl", lifetime), ("clock", time))
        return options, lambda: cls._create(name, time, lifetime, key)


def desc(value: object) -> Desc:
    """Return a stand-in for a value that sorts in reverse, for what a `key=` function returns.

    >>> from noex import ets
    >>> newest_first = ets.OrderedSetTable[int, str](key=ets.desc)
    >>> newest_first.insert_many({1: "old", 2: "new"})
    2
    >>> list(newest_first)
    [2, 1]
    """
    return Desc(value)
