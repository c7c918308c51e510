"""Transactions: several verbs on several tables of a store, as one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, overload

from noex._arguments import check_function, whole_number
from noex.errors import TableClosed, TransactionConflict, shown
from noex.ets._bag_tables import BagTable, DuplicateBagTable
from noex.ets._bag_walks import BagWalks
from noex.ets._indexes import IndexReading
from noex.ets._mapping import SetMapping
from noex.ets._ordered_set_table import OrderedSetTable
from noex.ets._set_table import SetTable
from noex.ets.queries import DeletingQueries, OrderedQueries, UpdatingQueries
from noex.kernel import Attempt, BagOverlay, Conflict, DuplicateBagOverlay, OrderedSetOverlay, SetOverlay

if TYPE_CHECKING:
    from noex.ets._names import Names

__all__ = [
    "RETRIES",
    "Transaction",
    "TransactionBag",
    "TransactionDuplicateBag",
    "TransactionOrderedSet",
    "TransactionSet",
    "transact",
]

K = TypeVar("K")
V = TypeVar("V")
R = TypeVar("R")

RETRIES = 1000
"""How often a transaction is tried again, unless it says otherwise."""


class _View:
    """What the views of all kinds share: how they show themselves, and that they stay where they are."""

    __slots__ = ()

    if TYPE_CHECKING:  # what the kernel classes bring

        def _label(self) -> str: ...

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} cannot be pickled or copied; take entries with to_list()")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._label()}>"


class TransactionSet(_View, SetOverlay[K, V], SetMapping[K, V], IndexReading[K, V], UpdatingQueries[K, V]):  # type: ignore[misc]  # as SetTable
    """A set table as a transaction sees it, with the table's verbs."""

    __slots__ = ()


class TransactionOrderedSet(_View, OrderedSetOverlay[K, V], OrderedQueries[K, V], SetMapping[K, V], IndexReading[K, V]):  # type: ignore[misc]  # as above
    """An ordered set as a transaction sees it, with the table's verbs."""

    __slots__ = ()


class TransactionBag(_View, BagOverlay[K, V], BagWalks[K, V], DeletingQueries[K, V]):
    """A bag as a transaction sees it, with the table's verbs."""

    __slots__ = ()


class TransactionDuplicateBag(_View, DuplicateBagOverlay[K, V], BagWalks[K, V], DeletingQueries[K, V]):
    """A duplicate_bag as a transaction sees it, with the table's verbs."""

    __slots__ = ()


_VIEWS: tuple[tuple[type[Any], type[Any]], ...] = (
    (SetTable, TransactionSet),
    (OrderedSetTable, TransactionOrderedSet),
    (BagTable, TransactionBag),
    (DuplicateBagTable, TransactionDuplicateBag),
)


class Transaction:
    """What the function given to `transact` gets: `tx[table]` has the table's verbs, and reads its own writes.

    All reads are of one instant. What is written is seen by others when the function has returned, all at once. It
    ends with the function. Not part of it are `add_index`, `drop_index`, `subscribe`, `dump`, `info` and `close`, nor
    what a subclass of a table has of its own.
    """

    __slots__ = ("_attempt", "_store")

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} cannot be pickled or copied: it ends with the function it was given to")

    def __init__(self, store: Names) -> None:
        self._store = store
        self._attempt: Attempt | None = Attempt()

    @overload
    def __getitem__(self, table: SetTable[K, V]) -> TransactionSet[K, V]: ...
    @overload
    def __getitem__(self, table: OrderedSetTable[K, V]) -> TransactionOrderedSet[K, V]: ...
    @overload
    def __getitem__(self, table: BagTable[K, V]) -> TransactionBag[K, V]: ...
    @overload
    def __getitem__(self, table: DuplicateBagTable[K, V]) -> TransactionDuplicateBag[K, V]: ...
    def __getitem__(self, table: Any) -> Any:
        """Return the table as this transaction sees it. O(1).

        Raises:
            TypeError: it is none of the four kinds of table.
            ValueError: it is a table of another store.
            TableClosed: it is closed.
            RuntimeError: the transaction is over.
        """
        attempt = self._attempt
        if attempt is None:
            raise RuntimeError("this transaction is over; use what it gives only inside the function given to transact")
        view = next((view for kind, view in _VIEWS if isinstance(table, kind)), None)
        if view is None:
            raise TypeError(f"a transaction is about tables of the four kinds, and {shown(table)} is none")
        known = attempt.views.get(id(table))
        if known is not None:
            return known
        if table.closed:
            raise TableClosed(f"{table._label()} is closed; use it before close(), or make a new one")
        if table._store is not self._store:
            raise ValueError(
                f"{table!r} belongs to another store than the transaction; call transact of the store it was made in"
            )
        mine = object.__new__(view)
        mine._begin(table, attempt)
        return mine

    def _end(self) -> None:
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.end()

    def __repr__(self) -> str:
        return f"<Transaction {'over' if self._attempt is None else f'over {len(self._attempt.views)} tables'}>"


def transact(store: Names, function: Callable[[Transaction], R], retries: int) -> R:
    """Run a transaction on the tables of a store; see `Store.transact`."""
    check_function(function, "transact takes a function of a transaction")
    whole_number(retries, "retries", least=0)
    store._refuse_if_closed()
    for _ in range(retries + 1):
        transaction = Transaction(store)
        attempt = transaction._attempt
        if attempt is None:
            raise RuntimeError("a new transaction has begun")
        try:
            try:
                result = function(transaction)
            except Exception:
                # What it has seen may have been out of date: then this exception is about nothing that ever was.
                if attempt.valid():
                    raise
                continue
            _refuse_awaitable(result)
            if attempt.commit():
                return result
        except Conflict:
            continue
        finally:
            transaction._end()
    raise TransactionConflict(
        f"what the transaction had read was written meanwhile, {retries + 1} times over; nothing was done; use only "
        "tx[table] inside, let it read less, or give more retries"
    )


def _refuse_awaitable(result: object) -> None:
    if inspect.iscoroutine(result):
        result.close()
    if inspect.isawaitable(result):
        raise TypeError(
            "the function given to transact returned something to await: a transaction does not wait; nothing was "
            "changed"
        )
