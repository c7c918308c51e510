"""The cells of the bags: the values of each key, and how they change.

A *cell* holds the values of one key by their ticket, a number that grows with every insertion. A bag, which keeps each
value once, also finds tickets by the hash of the value, and compares values outside the lock: the cell's version then
tells whether what was found still holds. A duplicate_bag never has to look.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import count, islice
from typing import Any, Generic, Self, TypeAlias, TypeVar

from noex.kernel._pure.ground.hashed import Foreign, Handle, Hashed
from noex.kernel._pure.ground.lock import acquire, commits, release
from noex.kernel._pure.queries.access import Access, Test
from noex.kernel._pure.watch.delivery import Delivery, Subscription
from noex.typing import MISSING, Entry, TableEvent, TableEventKind, new_entry

__all__ = ["UNHASHABLE", "BagCells", "Cell", "Choice", "Plan"]

K = TypeVar("K")
V = TypeVar("V")

UNHASHABLE = None  # stands in a cell for the hash of values that have none


class Cell:
    """The values of one key. Begins with the key, as rows do: `cell[0]`."""

    __slots__ = ("by_hash", "key", "values", "version")

    def __init__(self, key: Any) -> None:
        self.key = key
        self.values: dict[int, Any] = {}  # by ticket
        self.by_hash: dict[int | None, tuple[int, ...]] = {}  # tickets; kept by bags only
        self.version = 0

    def __getitem__(self, _position: int) -> Any:
        return self.key


Plan: TypeAlias = dict[Handle, tuple[Cell, int, bool]]
"""What a write was worked out on, by handle: the cell, its version, and whether it is new."""

Choice: TypeAlias = tuple[Cell, Any, Any]
"""A value to add: its cell, the value, and what finds it again."""


class BagCells(Hashed, Generic[K, V]):
    """State of a bag, and the ways in which it changes: add what was chosen, discard by ticket, remove keys."""

    __slots__ = ("__weakref__", "_arrivals", "_delivery", "_foreign", "_name", "_rows", "_size", "_tickets", "_version")

    _rows: dict[Handle, Cell]
    _foreign: dict[int, tuple[Foreign, ...]]
    _arrivals: int
    _size: int
    _tickets: count[int]
    _version: int  # counts changes
    _delivery: Delivery | None  # of events, once somebody has subscribed

    @classmethod
    def _create(cls, name: str | None) -> Self:
        table = object.__new__(cls)
        table._name = name
        table._rows = {}
        table._foreign = {}
        table._arrivals = 0
        table._size = 0
        table._tickets = count()
        table._delivery = None
        table._version = 0
        return table

    def _subscribe(self, callback: Callable[[TableEvent], object], kinds: frozenset[str]) -> Subscription:
        acquire()
        try:
            len(self._rows)  # a closed table says so here
            if self._delivery is None:
                self._delivery = Delivery()
            return self._delivery.subscribe(callback, kinds)
        finally:
            release()

    def _tell(self, kind: TableEventKind, entries: Iterable[tuple[Any, Any]]) -> None:
        """Queue an event for each entry, under the lock; `_deliver` follows it."""
        if self._delivery is not None and self._delivery.subscriptions:
            events = [TableEvent(kind, key, value, MISSING) for key, value in entries]
            self._delivery.queue += self._delivery.queued(events)

    def _deliver(self) -> None:
        if self._delivery is not None:
            self._delivery.deliver()

    def _hash(self, value: Any) -> Any:
        """Return what finds the value in a cell again: a duplicate_bag needs nothing."""
        return None

    def _holds(self, cell: Cell | None, value: Any, hashed: Any) -> bool:
        """Tell whether the value must not be added to the cell again: a duplicate_bag takes all."""
        return False

    def _find(self, cell: Cell, value: Any, hashed: Any) -> list[tuple[int, Any]]:
        """Return the tickets of all values of the cell that equal this one, each with what finds it."""
        return [(ticket, hashed) for ticket, other in cell.values.copy().items() if other is value or other == value]

    def _put(self, cell: Cell, ticket: int, value: Any, hashed: Any) -> None:
        cell.values[ticket] = value
        cell.version += 1

    def _forget(self, cell: Cell, ticket: int, hashed: Any) -> None:
        """Take note, under the lock, that a value is gone."""

    def _filled(self, key: K, listed: Iterable[tuple[int, V, int | None]]) -> Cell:
        """Make a cell of values with their tickets and hashes."""
        cell = Cell(key)
        cell.values = {ticket: value for ticket, value, _ in listed}
        return cell

    def _forget_all(self, cell: Cell, tickets: Iterable[int]) -> None:
        """Take values out of a cell that nobody else has."""
        for ticket in tickets:
            del cell.values[ticket]

    def _planned(self, key: K, handles: dict[K, Handle], plan: Plan) -> Handle:
        """Return the handle of a key of the batch, entering its cell in the plan; equal keys share one."""
        try:
            handle = handles.get(key, handles)
        except TypeError as error:
            raise self._explain(key, error) from None
        if handle is not handles:
            return handle
        handle, cell, _ = self._resolve(key)
        handles[key] = handle
        if cell is None:
            plan[handle] = (Cell(key), 0, True)
        else:
            plan[handle] = (cell, cell.version, False)
        return handle

    def _apply(self, plan: Plan, chosen: list[Choice], witness: int) -> bool:
        """Add the chosen values, under the lock, if every cell of the plan is as it was; else change nothing."""
        acquire()
        try:
            rows = self._rows
            arrived = 0
            for handle, (cell, version, is_new) in plan.items():
                current = rows.get(handle)
                if current is not (None if is_new else cell) or cell.version != version:
                    return False
            for handle, (_, _, is_new) in plan.items():
                if is_new:
                    if not self._admit(handle, witness + arrived):
                        return False
                    arrived += 1
            rows.update({handle: cell for handle, (cell, _, is_new) in plan.items() if is_new})
            for cell, value, hashed in chosen:
                self._put(cell, next(self._tickets), value, hashed)
            self._size += len(chosen)
            self._version += 1
            commits[0] += 1
            self._tell("insert", ((cell.key, value) for cell, value, _ in chosen))
        finally:
            release()
        self._deliver()
        return True

    def _discard(
        self, handle: Handle, cell: Cell, tickets: list[tuple[int, Any]], version: int | None
    ) -> list[Any] | None:
        """Remove values by ticket and return them; None, and no change, if the cell is not of that version any more."""
        gone: list[Any] = []
        acquire()
        try:
            rows = self._rows
            if rows.get(handle) is not cell or (version is not None and cell.version != version):
                return None
            for ticket, hashed in tickets:
                if ticket in cell.values:
                    gone.append(cell.values.pop(ticket))
                    self._forget(cell, ticket, hashed)
                    self._size -= 1
                    self._version += 1
                    commits[0] += 1
                    cell.version += 1
            if not cell.values:
                rows.pop(handle, None)
                self._dismiss(handle)
            self._tell("delete", ((cell.key, value) for value in gone))
        finally:
            release()
        self._deliver()
        return gone

    def _remove(self, keys: list[K]) -> list[Cell]:
        """Remove the cells of the keys, all at once, and return them."""
        while True:
            found = [self._resolve(key) for key in keys]
            gone: list[Cell] = []
            acquire()
            try:
                rows = self._rows
                len(rows)  # a closed table says so here
                if all(handle in rows or self._still_absent(handle, witness) for handle, _, witness in found):
                    for handle, _, _ in found:
                        cell = rows.pop(handle, None)
                        if cell is not None:
                            gone.append(cell)
                            cell.version += 1
                            self._size -= len(cell.values)
                            self._version += 1
                            commits[0] += 1
                            self._dismiss(handle)
                    self._tell("delete", ((cell.key, value) for cell in gone for value in cell.values.values()))
                    break
            finally:
                release()
        self._deliver()
        return gone

    def _snapshot(self) -> list[tuple[Handle, Cell, dict[int, V]]]:
        """Return handles, cells and their values, as they stand at one instant."""
        acquire()
        try:
            return [(handle, cell, cell.values.copy()) for handle, cell in self._rows.copy().items()]
        finally:
            release()

    def _cells_of(self, access: Access) -> list[tuple[Handle, Cell, dict[int, V]]]:
        """Return what `_snapshot` does, of the keys alone that the access names, if it names any."""
        if access[0] != "key":
            return self._snapshot()
        found: dict[Handle, Cell] = {}
        for key in access[1]:
            handle, cell, _ = self._resolve(key)
            if cell is not None:
                found[handle] = cell
        acquire()
        try:
            rows = self._rows
            return [(handle, cell, cell.values.copy()) for handle, cell in found.items() if rows.get(handle) is cell]
        finally:
            release()

    def _entries(self) -> list[Entry]:
        """Return all entries, as they stand at one instant."""
        return _entries_in(self._snapshot())

    def _fold(self, function: Callable[[Any, K, V], Any], initial: Any) -> Any:
        """Combine all entries of one instant into one value; the function runs outside the lock."""
        accumulator = initial
        for _, cell, values in self._snapshot():
            for value in values.values():
                accumulator = function(accumulator, cell.key, value)
        return accumulator

    def _select(self, access: Access, test: Test | None, limit: int | None) -> list[Entry]:
        """Return the entries that the test is true of, at most `limit`; all without one. It runs outside the lock."""
        found = _entries_in(self._cells_of(access))
        if test is None:
            return found[:limit]
        matching = (entry for entry in found if test(entry[0], entry[1]))
        return list(matching if limit is None else islice(matching, min(limit, sys.maxsize)))

    def _count_where(self, access: Access, test: Test | None) -> int:
        """Return how many entries the test is true of."""
        found = self._cells_of(access)
        if test is None:
            return sum(len(values) for _, _, values in found)
        return sum(1 for _, cell, values in found for value in values.values() if test(cell.key, value))

    def _walk(self) -> Iterator[tuple[K, list[V]]]:
        """Walk the keys with their values: what stays throughout is met exactly once, whatever comes and goes."""
        acquire()
        try:
            handles = list(self._rows)
        finally:
            release()
        for handle in handles:
            acquire()
            try:
                cell = self._rows.get(handle)
                values = [] if cell is None else list(cell.values.values())
            finally:
                release()
            if cell is not None and values:
                yield cell.key, values

    def _shut(self) -> None:
        super()._shut()
        self._size = 0
        self._version = -1
        if self._delivery is not None:
            self._delivery.end()

    def _memory(self) -> int:
        """Return the bytes of the table's own structures: neither keys nor values are counted. O(keys)."""
        cells = list(self._rows.copy().values())
        each = sys.getsizeof(Cell(None))
        return sys.getsizeof(self._rows) + sum(
            each + sys.getsizeof(cell.values) + sys.getsizeof(cell.by_hash) for cell in cells
        )

    def _check(self) -> None:
        """Raise AssertionError unless cells, size and handles agree."""
        self._check_handles()
        assert self._size == sum(len(cell.values) for cell in self._rows.values()), "the size is wrong"
        for handle, cell in self._rows.items():
            assert cell.values, f"an empty cell for {cell.key!r}"
            assert type(handle) is Foreign or handle is cell.key or handle == cell.key, (handle, cell.key)
            assert list(cell.values) == sorted(cell.values), "tickets are out of order"


def _entries_in(found: list[tuple[Handle, Cell, dict[int, Any]]]) -> list[Entry]:
    return [new_entry(Entry, (cell.key, value)) for _, cell, values in found for value in values.values()]
