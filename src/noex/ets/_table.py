"""What all tables share beside the verbs of the kernel: a name in a store, closing, and reading through everything."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, NoReturn, Protocol, Self, TypeVar

from noex._arguments import check_limit
from noex.ets._info import TableInfo
from noex.kernel import KERNEL
from noex.typing import Entry, new_entry

__all__ = ["Table"]

K = TypeVar("K")
V = TypeVar("V")
A = TypeVar("A")


class Home(Protocol):
    """Where a table has its name."""

    def _forget(self, table: Table[Any, Any], name: str | None) -> None: ...


class Table(Generic[K, V]):
    """Base of the four kinds of table; made by its subclasses only."""

    __slots__ = ()

    kind: str
    _name: str | None
    _store: Home | None
    _options: tuple[Any, ...]

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def _entries(self) -> list[tuple[K, V]]:
        """Return keys and values of all live entries, as they stand at one instant, in the table's order."""

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

    def info(self) -> TableInfo:
        """Return what there is to know about the table: kind, size, memory and so on. O(keys) for bags, else O(1).

        >>> from noex import ets
        >>> table = ets.SetTable[str, int]("ages", store=ets.Store())
        >>> table.info().kind, table.info().size, table.info().engine
        ('set', 0, 'memory')
        """
        size = len(self)
        ttl: float | None = getattr(self, "_ttl", None)
        return TableInfo(self._name, self.kind, "memory", size, self._memory(), (), ttl, KERNEL)

    def to_list(self) -> list[Entry]:
        """Return all entries, as they stand at one instant, in the table's order. O(n). Atomic.

        >>> from noex import ets
        >>> table = ets.OrderedSetTable[str, int]()
        >>> table.insert_many({"b": 2, "a": 1})
        2
        >>> table.to_list()
        [Entry(key='a', value=1), Entry(key='b', value=2)]
        """
        return [new_entry(Entry, entry) for entry in self._entries()]

    def select(self, where: Callable[[K, V], object] | None = None, *, limit: int | None = None) -> list[Entry]:
        """Return the entries for which `where(key, value)` is true, in the table's order; all, without one.

        O(n). The entries are those of one instant; the function runs after it, outside every lock, and may use the
        table.

        Raises:
            TypeError: `where` cannot be called, or `limit` is no int.
            ValueError: `limit` is negative.

        >>> from noex import ets
        >>> ages = ets.SetTable[str, int]()
        >>> ages.insert_many({"Ada": 36, "Kim": 12})
        2
        >>> ages.select(lambda name, age: age >= 18)
        [Entry(key='Ada', value=36)]
        """
        _check_where(where)
        check_limit(limit)
        entries = self._entries()
        if where is None:
            return [new_entry(Entry, entry) for entry in entries[:limit]]
        selected: list[Entry] = []
        for key, value in entries if limit is None or limit > 0 else ():
            if where(key, value):
                selected.append(new_entry(Entry, (key, value)))
                if len(selected) == limit:
                    break
        return selected

    def count(self, where: Callable[[K, V], object] | None = None) -> int:
        """Return the number of entries for which `where(key, value)` is true; of all, without one.

        O(n) with a function, which runs as in `select`; otherwise as `len`.

        Raises:
            TypeError: `where` cannot be called.

        >>> from noex import ets
        >>> ages = ets.SetTable[str, int]()
        >>> ages.insert_many({"Ada": 36, "Kim": 12})
        2
        >>> ages.count(lambda name, age: age >= 18), ages.count()
        (1, 2)
        """
        _check_where(where)
        if where is None:
            return len(self)
        return sum(1 for key, value in self._entries() if where(key, value))

    def fold(self, function: Callable[[A, K, V], A], initial: A) -> A:
        """Combine all entries into one value: `function(accumulator, key, value)`, in the table's order.

        O(n). The entries are those of one instant; the function runs after it, outside every lock.

        Raises:
            TypeError: `function` cannot be called.

        >>> from noex import ets
        >>> ages = ets.SetTable[str, int]()
        >>> ages.insert_many({"Ada": 36, "Kim": 12})
        2
        >>> ages.fold(lambda total, name, age: total + age, 0)
        48
        """
        if not callable(function):
            raise TypeError(f"fold takes a function of accumulator, key and value, not {function!r}")
        accumulator = initial
        for key, value in self._entries():
            accumulator = function(accumulator, key, value)
        return accumulator

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


def _check_where(where: object) -> None:
    if where is not None and not callable(where):
        raise TypeError(f"where must be a function of key and value, not {where!r}")
