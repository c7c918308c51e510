"""Stores: where names of tables belong."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, overload
from weakref import WeakValueDictionary

from noex._locks import new_lock
from noex.errors import TableClosed, TableExists

if TYPE_CHECKING:
    from noex.ets._bag_tables import BagTable, DuplicateBagTable
    from noex.ets._ordered_set_table import OrderedSetTable
    from noex.ets._set_table import SetTable
    from noex.ets._table import Table

__all__ = ["KINDS", "Store", "default_store", "tables", "whereis"]

T = TypeVar("T", bound="Table[Any, Any]")

KINDS: dict[str, Callable[..., Table[Any, Any]]] = {}
"""The table classes by kind; each module of a table enters its own."""


class Store:
    """A space of table names; keeps its named tables until they are closed.

    Without `store=`, tables belong to the process's default store, so a test that makes its own shares nothing. As a
    context manager it closes its tables at the end.

    >>> from noex import ets
    >>> with ets.Store() as store:
    ...     users = ets.SetTable("users", store=store)
    ...     store.whereis("users") is users
    True
    >>> users.closed
    True
    """

    __slots__ = ("__weakref__", "_closed", "_lock", "_named", "_unnamed")

    def __init__(self) -> None:
        self._lock = new_lock()
        self._closed = False
        self._named: dict[str, Table[Any, Any]] = {}
        self._unnamed: WeakValueDictionary[int, Table[Any, Any]] = WeakValueDictionary()

    @overload
    def new(self, name: str | None = None, kind: Literal["set"] = "set", **options: Any) -> SetTable[Any, Any]: ...
    @overload
    def new(self, name: str | None, kind: Literal["ordered_set"], **options: Any) -> OrderedSetTable[Any, Any]: ...
    @overload
    def new(self, name: str | None, kind: Literal["bag"], **options: Any) -> BagTable[Any, Any]: ...
    @overload
    def new(self, name: str | None, kind: Literal["duplicate_bag"], **options: Any) -> DuplicateBagTable[Any, Any]: ...
    @overload
    def new(
        self, name: str | None = None, *, kind: Literal["ordered_set"], **options: Any
    ) -> OrderedSetTable[Any, Any]: ...
    @overload
    def new(self, name: str | None = None, *, kind: Literal["bag"], **options: Any) -> BagTable[Any, Any]: ...
    @overload
    def new(
        self, name: str | None = None, *, kind: Literal["duplicate_bag"], **options: Any
    ) -> DuplicateBagTable[Any, Any]: ...
    @overload
    def new(self, name: str | None = None, kind: str = "set", **options: Any) -> Table[Any, Any]: ...
    def new(self, name: str | None = None, kind: str = "set", **options: Any) -> Table[Any, Any]:
        """Make a table whose kind is data; the options are those of its class.

        O(1). Atomic.

        Raises:
            ValueError: there is no such kind.
            TableExists: the name is taken.
            TypeError: there is no such option.

        >>> from noex import ets
        >>> ets.Store().new("log", "duplicate_bag")
        <DuplicateBagTable 'log' engine='memory' size=0>
        """
        if kind not in KINDS:
            raise ValueError(f"no table is of kind {kind!r}; kinds are {', '.join(map(repr, KINDS))}")
        return KINDS[kind](name, store=self, **options)

    def whereis(self, name: str) -> Table[Any, Any] | None:
        """Return the open table of that name, or None. O(1).

        Raises:
            TableClosed: the store is closed.

        >>> from noex import ets
        >>> ets.Store().whereis("users") is None
        True
        """
        self._refuse_if_closed()
        return self._named.get(name)

    def tables(self) -> list[Table[Any, Any]]:
        """Return the open tables, those without a name too. O(n).

        Raises:
            TableClosed: the store is closed.

        >>> from noex import ets
        >>> store = ets.Store()
        >>> kept = store.new("users"), store.new()
        >>> len(store.tables())
        2
        """
        self._refuse_if_closed()
        return self._all()

    def _all(self) -> list[Table[Any, Any]]:
        with self._lock:
            return [*self._named.values(), *self._unnamed.values()]

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise TableClosed("this store is closed; use it before close(), or make tables in another store")

    def close(self) -> None:
        """Close all tables of the store, and the store to new ones. O(entries). Idempotent.

        >>> from noex import ets
        >>> store = ets.Store()
        >>> store.close()
        >>> store.new("users")
        Traceback (most recent call last):
        ...
        noex.errors.TableClosed: this store is closed; use it before close(), or make tables in another store
        """
        with self._lock:
            self._closed = True
            tables = self._all()
        for table in tables:
            table.close()

    def _register(self, name: str | None, options: tuple[Any, ...], *, exist_ok: bool, make: Callable[[], T]) -> T:
        """Make a table and enter it, or return the one that stands; names are checked before anything is made."""
        if name is not None and not isinstance(name, str):
            raise TypeError(f"a table's name is a str or None, not {name!r}")
        with self._lock:
            self._refuse_if_closed()
            standing: Any = None if name is None else self._named.get(name)
            if standing is None:
                table = make()
                table._options = options
                table._store = self
                if name is None:
                    self._unnamed[id(table)] = table
                else:
                    self._named[name] = table
                return table
            if not exist_ok:
                raise TableExists(
                    f"{standing!r} has the name {name!r} already; close it, or say exist_ok=True to share it"
                )
            if standing._options != options:
                raise TableExists(
                    f"{standing!r} has the name {name!r} already, with other options: "
                    f"{_differences(standing._options, options)}; exist_ok=True shares one of equal kind and options"
                )
            return standing  # type: ignore[no-any-return]

    def _forget(self, table: Table[Any, Any], name: str | None) -> None:
        with self._lock:
            if name is None:
                self._unnamed.pop(id(table), None)
            elif self._named.get(name) is table:
                del self._named[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Store {'closed' if self._closed else ', '.join(sorted(self._named)) or 'without named tables'}>"


def _differences(standing: tuple[Any, ...], wanted: tuple[Any, ...]) -> str:
    if standing[0] != wanted[0]:
        return f"it is a {standing[0]}, not a {wanted[0]}"
    return ", ".join(
        f"{name} is {value!r}, not {other!r}"
        for (name, value), (_, other) in zip(standing[1:], wanted[1:], strict=True)
        if value != other
    )


default_store = Store()
"""The process's store: the only global state there is."""


def whereis(name: str) -> Table[Any, Any] | None:
    """Return the open table of that name in the default store, or None. O(1).

    >>> from noex import ets
    >>> ets.whereis("nobody") is None
    True
    """
    return default_store.whereis(name)


def tables() -> list[Table[Any, Any]]:
    """Return the open tables of the default store. O(n).

    >>> from noex import ets
    >>> isinstance(ets.tables(), list)
    True
    """
    return default_store.tables()
