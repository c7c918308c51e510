"""Bags as a transaction sees them: cells are copied when they are read first, and the verbs change the copies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from noex.kernel._pure.bag_tables import BagTable, DuplicateBagTable
from noex.kernel._pure.ground.hashed import Foreign, Handle, is_plain
from noex.kernel._pure.ground.lock import acquire, release
from noex.kernel._pure.queries.access import Access
from noex.kernel._pure.rows.cells import BagCells, Cell, K, V
from noex.kernel._pure.transactions.attempt import OVER, Attempt
from noex.kernel._pure.transactions.bag_part import BagPart, Seen

__all__ = ["BagOverlay", "DuplicateBagOverlay"]


class BagOverlayBase(BagCells[K, V]):
    """A bag as a transaction sees it."""

    __slots__ = ()

    _absent: dict[Any, Handle]  # the handles of keys that the table did not have
    _attempt: Attempt
    _table: Any
    _known: int
    _questions: list[Callable[[], bool]]
    _seen: dict[Handle, Seen]

    def _begin(self, table: Any, attempt: Attempt) -> None:
        self._name = table._name
        self._rows = {}
        self._foreign = {}
        self._arrivals = 0
        self._size = 0
        self._version = 0
        self._delivery = None
        self._tickets = table._tickets
        self._table = table  # the slots are those of the classes at the end
        self._attempt = attempt  # type: ignore[misc]
        self._questions = []  # type: ignore[misc]
        self._seen = {}  # type: ignore[misc]
        self._absent = {}  # type: ignore[misc]
        acquire()
        try:
            len(table._rows)  # a closed table says so here
            self._known = table._version  # type: ignore[misc]
            attempt.views[id(table)] = self
            attempt.validate()
        finally:
            release()

    def _end(self) -> None:
        """Let go of the table; no verb can be called any more."""
        self._table = OVER

    def _still_holds(self) -> bool:
        """Tell, under the lock, whether all that was read still holds."""
        version = self._table._version
        if version == self._known:
            return True
        if not self._part_holds():
            return False
        self._known = version  # type: ignore[misc]
        return True

    def _part_holds(self) -> bool:
        return self._part()._current()

    def _part(self) -> BagPart:
        return BagPart(self._table, self._seen, self._rows, self._questions)

    def _resolve(self, key: Any) -> tuple[Handle, Cell | None, int]:
        try:
            known = self._absent.get(key)
        except TypeError as error:
            raise self._explain(key, error) from None
        if known is not None:
            return known, self._rows.get(known), self._arrivals
        handle, cell, witness = self._read(key)
        mine = self._rows.get(handle)
        if cell is None:
            self._absent[key] = handle
        elif mine is None and type(handle) is not Foreign and not is_plain(key):
            # An equal plain key was removed: its handle cannot stand for this key.
            handle = self._absent[key] = Foreign(key, hash(key))
            self._seen[handle] = None, 0, witness, None
        return handle, mine, self._arrivals

    def _read(self, key: Any) -> tuple[Handle, Cell | None, int]:
        """Return the key's handle in the table, its cell there, and the witness; noted as read."""
        while True:
            handle, cell, witness = self._table._resolve(key)
            if handle in self._seen:
                return handle, self._seen[handle][0], self._seen[handle][2]
            acquire()
            try:
                if self._table._rows.get(handle) is cell and (
                    cell is not None or self._table._still_absent(handle, witness)
                ):
                    self._see(handle, cell, witness)
                    self._attempt.validate()
                    return handle, cell, witness
            finally:
                release()

    def _see(self, handle: Handle, cell: Cell | None, witness: int) -> None:
        """Take a cell into the view, under the lock."""
        if cell is None:
            self._seen[handle] = None, 0, witness, None
            return
        copy = Cell(cell.key)
        copy.values, copy.by_hash, copy.version = cell.values.copy(), cell.by_hash.copy(), cell.version
        self._rows[handle] = copy
        self._seen[handle] = cell, cell.version, witness, copy

    def _see_all(self) -> None:
        """Take all cells into the view; no key may come or go until the end."""
        table = self._table
        acquire()
        try:
            rows = table._rows.copy()
            handles = frozenset(rows)
            self._questions.append(lambda: table._rows.keys() == handles)
            mine = self._rows
            for handle, cell in rows.items():
                if handle not in self._seen:
                    self._see(handle, cell, table._arrivals)
            in_order = {handle: mine[handle] for handle in rows if handle in mine}
            self._rows = {**in_order, **mine}
            self._attempt.validate()
        finally:
            release()

    def _add_plain(self, key: K, value: V, hashed: Any, *, only_new: bool) -> bool | None:
        return None  # no short cut past `_resolve`

    def _snapshot(self) -> list[tuple[Handle, Cell, dict[int, V]]]:
        self._see_all()
        return super()._snapshot()

    def _cells_of(self, access: Access) -> list[tuple[Handle, Cell, dict[int, V]]]:
        if access[0] != "key":
            return self._snapshot()
        found = {handle: cell for handle, cell, _ in map(self._resolve, access[1])}
        return [(handle, cell, cell.values.copy()) for handle, cell in found.items() if cell is not None]

    def _walk(self) -> Iterator[tuple[K, list[V]]]:
        return iter([(cell.key, list(values.values())) for _, cell, values in self._snapshot()])

    def clear(self) -> int:
        """Remove all entries; return how many there were. O(n)."""
        self._see_all()
        size = sum(len(cell.values) for cell in self._rows.values())
        self._rows = {}
        return size

    def __len__(self) -> int:
        table = self._table
        acquire()
        try:
            size: int = table._size
            self._questions.append(lambda: table._size == size)
            self._attempt.validate()
        finally:
            release()
        mine = sum(len(cell.values) for cell in self._rows.values())
        theirs = sum(len(cell.values) for cell, _, _, _ in self._seen.values() if cell is not None)
        return size + mine - theirs


_OVERLAY_SLOTS = ("_absent", "_attempt", "_known", "_questions", "_seen", "_table")


class DuplicateBagOverlay(BagOverlayBase[K, V], DuplicateBagTable[K, V]):
    """A duplicate_bag as a transaction sees it."""

    __slots__ = _OVERLAY_SLOTS


class BagOverlay(BagOverlayBase[K, V], BagTable[K, V]):
    """A bag as a transaction sees it."""

    __slots__ = _OVERLAY_SLOTS
