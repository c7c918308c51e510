"""Stores: spaces of table names of one's own, and the verbs that make and find tables by name and kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias, TypeVar, overload

from noex.ets._bag_tables import BagTable, DuplicateBagTable
from noex.ets._names import Names, default_names, names_of
from noex.ets._ordered_set_table import OrderedSetTable
from noex.ets._set_table import SetTable
from noex.ets._table import Table
from noex.ets._transactions import RETRIES, Transaction
from noex.ets._transactions import transact as _transact

__all__ = ["KINDS", "AnyTable", "Store", "new", "tables", "transact", "whereis"]

K = TypeVar("K")
V = TypeVar("V")
R = TypeVar("R")

AnyTable: TypeAlias = SetTable[K, V] | OrderedSetTable[K, V] | BagTable[K, V] | DuplicateBagTable[K, V]
"""A table whose kind is data; `isinstance` tells which."""

KINDS: Final[dict[str, Callable[..., Table[Any, Any]]]] = {
    "set": SetTable,
    "ordered_set": OrderedSetTable,
    "bag": BagTable,
    "duplicate_bag": DuplicateBagTable,
}


class Store(Names):
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

    __slots__ = ()

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
        return _make(self, name, kind, options)

    def transact(self, function: Callable[[Transaction], R], *, retries: int = RETRIES) -> R:
        """Call `function(tx)` and then do all that it did to tables of this store at once; return what it returned.

        `tx[table]` has the table's verbs, over a private view that reads its own writes. All that the function reads is
        of one instant; if others have written any of it by the end, nothing is done and the function runs again, at
        most `retries` times, so let it have no other effects. An exception from it goes through and nothing is done.
        No lock is held while it runs, so nothing can deadlock. Cost of the verbs, plus O(what was read and written).

        Raises:
            TransactionConflict: others kept writing what it reads.
            IndexViolation: a unique index has a value already.
            TypeError: it is a coroutine function, or no function.
            ValueError: a table is of another store.

        >>> from noex import ets
        >>> store = ets.Store()
        >>> checking, savings = store.new("checking"), store.new("savings")
        >>> checking.insert("ada", 100); savings.insert("ada", 0)
        >>> def save(tx):
        ...     tx[checking].update_counter("ada", -30)
        ...     return tx[savings].update_counter("ada", 30)
        >>> store.transact(save), checking["ada"]
        (30, 70)
        """
        return _transact(self, function, retries)


def transact(function: Callable[[Transaction], R], *, retries: int = RETRIES) -> R:
    """Call `function(tx)` and then do all that it did to tables of the default store at once; see `Store.transact`.

    >>> from noex import ets
    >>> hits = ets.SetTable[str, int]()
    >>> ets.transact(lambda tx: tx[hits].update_counter("home"))
    1
    """
    return _transact(default_names, function, retries)


@overload
def new(
    name: str | None = None, kind: Literal["set"] = "set", *, store: Store | None = None, **options: Any
) -> SetTable[Any, Any]: ...
@overload
def new(
    name: str | None = None, *, kind: Literal["ordered_set"], store: Store | None = None, **options: Any
) -> OrderedSetTable[Any, Any]: ...
@overload
def new(
    name: str | None, kind: Literal["ordered_set"], *, store: Store | None = None, **options: Any
) -> OrderedSetTable[Any, Any]: ...
@overload
def new(
    name: str | None = None, *, kind: Literal["bag"], store: Store | None = None, **options: Any
) -> BagTable[Any, Any]: ...
@overload
def new(
    name: str | None, kind: Literal["bag"], *, store: Store | None = None, **options: Any
) -> BagTable[Any, Any]: ...
@overload
def new(
    name: str | None = None, *, kind: Literal["duplicate_bag"], store: Store | None = None, **options: Any
) -> DuplicateBagTable[Any, Any]: ...
@overload
def new(
    name: str | None, kind: Literal["duplicate_bag"], *, store: Store | None = None, **options: Any
) -> DuplicateBagTable[Any, Any]: ...
def new(name: str | None = None, kind: str = "set", *, store: Store | None = None, **options: Any) -> Table[Any, Any]:
    """Make a table whose kind is data, in the default store unless another is given.

    The options are those of the kind's class. O(1). Atomic.

    Raises:
        ValueError: there is no such kind.
        TableExists: the name is taken.
        TypeError: there is no such option.

    >>> from noex import ets
    >>> ets.new(kind="bag")
    <BagTable engine='memory' size=0>
    """
    return _make(names_of(store), name, kind, options)


def whereis(name: str) -> Table[Any, Any] | None:
    """Return the open table of that name in the default store, or None. O(1).

    >>> from noex import ets
    >>> ets.whereis("nobody") is None
    True
    """
    return default_names.whereis(name)


def tables() -> list[Table[Any, Any]]:
    """Return the open tables of the default store. O(n).

    >>> from noex import ets
    >>> isinstance(ets.tables(), list)
    True
    """
    return default_names.tables()


def _make(names: Names, name: str | None, kind: str, options: dict[str, Any]) -> Table[Any, Any]:
    if kind not in KINDS:
        raise ValueError(f"no table is of kind {kind!r}; kinds are {', '.join(map(repr, KINDS))}")
    return KINDS[kind](name, store=names, **options)
