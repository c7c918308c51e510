"""What all tables share beside the verbs of the kernel: a name in a store, closing, and reading through everything."""

from __future__ import annotations

from abc import abstractmethod
from types import TracebackType
from typing import Any, NoReturn, Protocol, Self, TypeVar

from noex.ets._info import TableInfo
from noex.ets._ownership import Owned
from noex.ets.queries import Queries
from noex.kernel import KERNEL

__all__ = ["Table"]

K = TypeVar("K")
V = TypeVar("V")


class Home(Protocol):
    """Where a table has its name."""

    def _forget(self, table: Table[Any, Any], name: str | None) -> None: ...


class Table(Queries[K, V], Owned):
    """Base of the four kinds of table; made by its subclasses only."""

    __slots__ = ()

    kind: str
    _name: str | None
    _store: Home | None
    _options: tuple[Any, ...]

    @abstractmethod
    def _shut(self) -> None:
        """Let go of all entries; every verb from now on raises `TableClosed`."""

    @abstractmethod
    def _memory(self) -> int:
        """Return the bytes of the table's own structures."""

    @property
    def name(self) -> str | None:
        """The name in the store, or None."""
        return self._name

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._store is None

    def close(self) -> None:
        """Free the entries and the name; every verb after it raises `TableClosed`. Idempotent.

        O(entries).

        >>> from noex import ets
        >>> table = ets.SetTable[str, int]()
        >>> table.close()
        >>> table.insert("a", 1)
        Traceback (most recent call last):
        ...
        noex.errors.TableClosed: the unnamed set table is closed; use it before close(), or make a new one
        """
        store = self._store
        if store is not None:
            self._store = None  # type: ignore[misc]  # the slot is that of each kind
            store._forget(self, self._name)
            self._shut()
            self._leave_owner()

    def info(self) -> TableInfo:
        """Return what there is to know about the table: kind, size, memory and so on. O(keys) for bags, else O(1).

        >>> from noex import ets
        >>> table = ets.SetTable[str, int]("ages", store=ets.Store())
        >>> table.info().kind, table.info().size, table.info().engine
        ('set', 0, 'memory')
        """
        size = len(self)
        ttl: float | None = getattr(self, "_ttl", None)
        return TableInfo(
            self._name,
            self.kind,
            "memory",
            size,
            self._memory(),
            tuple(index.name for index in self._indexes()),
            ttl,
            KERNEL,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} cannot be pickled or copied: a table is a place; take its entries with to_list()")

    def __repr__(self) -> str:
        name = "" if self._name is None else f" {self._name!r}"
        if self._store is None:
            return f"<{type(self).__name__}{name} closed>"
        return f"<{type(self).__name__}{name} engine='memory' size={self._size_now()}>"

    def _size_now(self) -> int:
        """Return the number of entries, or -1 where a clock of the user's fails: `repr` never does."""
        try:
            return len(self)
        except Exception:  # a user's clock may raise, and a repr must not
            return -1
