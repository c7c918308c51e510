"""Ways to walk a bag: by key, by value, by entry."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

__all__ = ["BagWalks"]

K = TypeVar("K")
V = TypeVar("V")
T_co = TypeVar("T_co", covariant=True)


class BagWalks(Generic[K, V]):
    """Ways to walk a bag; none raises under concurrent writes, and what stays throughout is met exactly once."""

    __slots__ = ()

    if TYPE_CHECKING:  # what the kernel classes bring

        def _walk(self) -> Iterator[tuple[K, list[V]]]: ...
        def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[K]:
        """Walk the distinct keys."""
        return (key for key, _ in self._walk())

    def _walk_values(self) -> Iterator[V]:
        """Walk the values; a kernel may know a shorter way."""
        return (value for _, values in self._walk() for value in values)

    def _walk_items(self) -> Iterator[tuple[K, V]]:
        """Walk pairs of key and value; a kernel may know a shorter way."""
        return ((key, value) for key, values in self._walk() for value in values)

    def keys(self) -> Collection[K]:
        """Return a view of the distinct keys."""
        return _Keys(self)

    def values(self) -> Collection[V]:
        """Return a view of the values, those of one key together and in order of insertion."""
        return _Values(self)

    def items(self) -> Collection[tuple[K, V]]:
        """Return a view of the entries, as pairs of key and value."""
        return _Items[K, V](self)


class _View(Generic[T_co]):
    """Base of the views of a bag."""

    __slots__ = ("_table",)

    def __init__(self, table: BagWalks[Any, Any]) -> None:
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
        return self._table._walk_values()


class _Items(_View[tuple[K, V]], Generic[K, V]):
    __slots__ = ()

    def __iter__(self) -> Iterator[tuple[K, V]]:
        return self._table._walk_items()
