"""The set table: one value per key, found by hash, as in a dict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeVar

from noex import kernel
from noex.clock import check_clock, seconds
from noex.ets._names import Names, names_of
from noex.ets._ownership import Owner, claim
from noex.ets._set_kind import SetKind
from noex.typing import Clock, Duration

__all__ = ["SetTable"]

K = TypeVar("K")
V = TypeVar("V")


@kernel.quickened
class SetTable(kernel.SetTable[K, V], SetKind[K, V]):  # type: ignore[misc]  # as SetKind
    """A table with one value per key: a dict that threads can share, with lifetimes and counters.

    Keys are any hashable values, compared as a dict does. `ttl` is the lifetime of entries that are written without
    one of their own, in seconds; None means no end. Every verb is atomic, but for `update_where` and `delete_where`,
    which go entry by entry. A table is a `MutableMapping`, except that `clear` tells how many entries there were.
    Values are held by reference: treat what is in a table as immutable, and change it by writing it again (`compute`).

    >>> from noex import ets
    >>> users = ets.SetTable[str, str](ttl=3600)
    >>> users.insert("u1", "Ada")
    >>> users["u1"], users.lookup("u2"), len(users)
    ('Ada', None, 1)

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
        ttl: Duration | None = None,
        clock: Clock | None = None,
        owner: Owner | None = None,
        heir: Owner | None = None,
        heir_data: Any = None,
    ) -> SetTable[K, V]:
        """Make an empty table, or find the one of that name."""
        options, make = cls._blueprint(name, ttl=ttl, clock=clock)
        claimed = claim(owner, heir, heir_data)
        return names_of(store)._register(name, options, exist_ok=exist_ok, make=make, claim=claimed)

    @classmethod
    def _blueprint(
        cls, name: str | None, *, ttl: Duration | None, clock: Clock | None
    ) -> tuple[tuple[Any, ...], Callable[[], Self]]:
        """Return the options that tell such tables apart, and what makes one that is in no store yet."""
        lifetime = None if ttl is None else seconds(ttl, "ttl")
        time = check_clock(clock)
        return (cls.__name__, ("ttl", lifetime), ("clock", time)), lambda: cls._create(name, time, lifetime)
