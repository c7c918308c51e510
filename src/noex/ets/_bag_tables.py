"""The bag tables: several values per key, each once or as often as it comes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from noex import kernel
from noex.clock import check_clock
from noex.ets._names import Names, names_of
from noex.ets._table import Table
from noex.typing import Clock

__all__ = ["BagTable", "DuplicateBagTable"]

K = TypeVar("K")
V = TypeVar("V")
T_co = TypeVar("T_co", covariant=True)


class _BagWalks(Table[K, V]):
    """Ways to walk a bag; none raises under concurrent writes, and what stays throughout is met exactly once."""

    __slots__ = ()

    if TYPE_CHECKING:  # what the kernel classes bring

        def _walk(self) -> Iterator[tuple[K, list[V]]]: ...

    def __iter__(self) -> Iterator[K]:
        """Walk the distinct keys."""
        return (key for key, _ in self._walk())

    def keys(self) -> Collection[K]:
        """Return a view of the distinct keys."""
        return _Keys(self)

    def values(self) -> Collection[V]:
        """Return a view of the values, those of one key together and in order of insertion."""
        return _Values(self)

    def items(self) -> Collection[tuple[K, V]]:
        """Return a view of the entries, as pairs of key and value."""
        return _Items[K, V](self)


class DuplicateBagTable(kernel.DuplicateBagTable[K, V], _BagWalks[K, V]):
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

    __slots__ = ("_options", "_store")

    def __new__(
        cls,
        name: str | None = None,
        *,
        store: Names | None = None,
        exist_ok: bool = False,
        clock: Clock | None = None,
    ) -> DuplicateBagTable[K, V]:
        check_clock(clock)  # every table takes one; bags keep no lifetimes and never read it
        return names_of(store)._register(name, (cls.__name__,), exist_ok=exist_ok, make=lambda: cls._create(name))


class BagTable(kernel.BagTable[K, V], _BagWalks[K, V]):
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

    __slots__ = ("_options", "_store")

    def __new__(
        cls,
        name: str | None = None,
        *,
        store: Names | None = None,
        exist_ok: bool = False,
        clock: Clock | None = None,
    ) -> BagTable[K, V]:
        check_clock(clock)  # as above
        return names_of(store)._register(name, (cls.__name__,), exist_ok=exist_ok, make=lambda: cls._create(name))


class _View(Generic[T_co]):
    """Base of the views of a bag."""

    __slots__ = ("_table",)

    def __init__(self, table: _BagWalks[Any, Any]) -> None:
        self._table = table

    @abstractmethod
    def __iter__(self) -> Iterator[T_co]: ...

    def __contains__(self, wanted: object) -> bool:
        return any(found is wanted or found == wanted for found in self)

    def __len__(self) -> int:
        return len(self._table)

    def __repr__(self) -> str:
        return f"{type(self).__name__.lstrip('_')}({list(self)!r})"


class _Keys(_View[K]):
    __slots__ = ()

    def __iter__(self) -> Iterator[K]:
        return iter(self._table)

    def __contains__(self, wanted: object) -> bool:
        return wanted in self._table

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Values(_View[V]):
    __slots__ = ()

    def __iter__(self) -> Iterator[V]:
        return (value for _, values in self._table._walk() for value in values)


class _Items(_View[tuple[K, V]], Generic[K, V]):
    __slots__ = ()

    def __iter__(self) -> Iterator[tuple[K, V]]:
        return ((key, value) for key, values in self._table._walk() for value in values)
