"""The bag tables: several values per key, each once or as often as it comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, TypeVar

from noex import kernel
from noex.clock import check_clock
from noex.ets._bag_walks import BagWalks
from noex.ets._events import Observable
from noex.ets._names import Names, names_of
from noex.ets._ownership import Owner, claim
from noex.ets._table import Table
from noex.ets.queries import DeletingQueries
from noex.ets.snapshots._dump import DumpingBag
from noex.typing import Clock

__all__ = ["BagTable", "DuplicateBagTable"]

K = TypeVar("K")
V = TypeVar("V")


class _BagKind(BagWalks[K, V], DeletingQueries[K, V], Observable, DumpingBag[K, V], Table[K, V]):
    """What the two bags share, beside the verbs of their kernel classes."""

    __slots__ = ()


@kernel.quickened
class DuplicateBagTable(kernel.DuplicateBagTable[K, V], _BagKind[K, V]):
    """A table that keeps every entry: several values per key, equal ones too, in order of insertion.

    Keys are any hashable values, compared as a dict does. Every verb is atomic, but for `delete_where`,
    which goes entry by entry.

    >>> from noex import ets
    >>> events = ets.DuplicateBagTable[str, str]()
    >>> events.insert_many([("ada", "click"), ("ada", "click")])
    2
    >>> events.lookup("ada")
    ['click', 'click']

    Raises:
        TableExists: the store has a table of that name, and not `exist_ok`, or of another kind.
        TypeError: an option is unknown or of the wrong type.
    """

    __slots__ = ("_options", "_ownership", "_store")

    def __new__(
        cls,
        name: str | None = None,
        *,
        store: Names | None = None,
        exist_ok: bool = False,
        clock: Clock | None = None,
        owner: Owner | None = None,
        heir: Owner | None = None,
        heir_data: Any = None,
    ) -> DuplicateBagTable[K, V]:
        options, make = cls._blueprint(name, clock=clock)
        claimed = claim(owner, heir, heir_data)
        return names_of(store)._register(name, options, exist_ok=exist_ok, make=make, claim=claimed)

    @classmethod
    def _blueprint(cls, name: str | None, *, clock: Clock | None) -> tuple[tuple[Any, ...], Callable[[], Self]]:
        """Return the options that tell such tables apart, and what makes one that is in no store yet."""
        check_clock(clock)  # every table takes one; bags keep no lifetimes and never read it
        return (cls.__name__,), lambda: cls._create(name)


@kernel.quickened
class BagTable(kernel.BagTable[K, V], _BagKind[K, V]):
    """A table that keeps each pair of key and value once: several values per key, in order of insertion.

    Keys are any hashable values, compared as a dict does, and so are values; those without a hash are allowed, and
    compared one by one. Every verb is atomic, but for `delete_where`,
    which goes entry by entry.

    >>> from noex import ets
    >>> tags = ets.BagTable[str, str]()
    >>> tags.insert_many([("post", "python"), ("post", "rust"), ("post", "python")])
    2
    >>> tags.lookup("post")
    ['python', 'rust']

    Raises:
        TableExists: the store has a table of that name, and not `exist_ok`, or of another kind.
        TypeError: an option is unknown or of the wrong type.
    """

    __slots__ = ("_options", "_ownership", "_store")

    def __new__(
        cls,
        name: str | None = None,
        *,
        store: Names | None = None,
        exist_ok: bool = False,
        clock: Clock | None = None,
        owner: Owner | None = None,
        heir: Owner | None = None,
        heir_data: Any = None,
    ) -> BagTable[K, V]:
        options, make = cls._blueprint(name, clock=clock)
        claimed = claim(owner, heir, heir_data)
        return names_of(store)._register(name, options, exist_ok=exist_ok, make=make, claim=claimed)

    @classmethod
    def _blueprint(cls, name: str | None, *, clock: Clock | None) -> tuple[tuple[Any, ...], Callable[[], Self]]:
        """Return the options that tell such tables apart, and what makes one that is in no store yet."""
        check_clock(clock)  # as above
        return (cls.__name__,), lambda: cls._create(name)
