"""Bags as a transaction sees them: cells are copied when they are read first, and the verbs change the copies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, TypeAlias

from noex.kernel._pure.bag_tables import BagTable, DuplicateBagTable
from noex.kernel._pure.ground.hashed import Handle
from noex.kernel._pure.queries.access import Access
from noex.kernel._pure.rows.cells import BagCells, Cell, K, V
from noex.kernel._pure.transactions.attempt import OVER, Attempt
from noex.kernel._pure.transactions.base import BagWritten, CellWritten, Listed
from noex.kernel._pure.transactions.index_view import LATER

__all__ = ["BagOverlay", "DuplicateBagOverlay"]

Seen: TypeAlias = tuple[Listed, Cell | None, int]
"""The values that were read, the cell that was made of them, for the transaction to change, and its version then."""


class BagOverlayBase(BagCells[K, V]):
    """A bag as a transaction sees it."""

    __slots__ = ()

    _absent: dict[Any, Handle]  # the handles of keys that the table did not have
    _attempt: Attempt
    _table: Any  # a `BagBase`, until the end
    _known: int
    _questions: list[tuple[Callable[..., Any], Any, Any]]  # what was asked, of what, and the answer
    _reads: dict[Handle, tuple[Any, int]]  # token or None, and witness
    _seen: dict[Handle, Seen]

    def _begin(self, table: Any, attempt: Attempt) -> None:
        self._name = table._name
        self._rows = {}
        self._foreign = {}
        self._arrivals = 0
        self._size = 0
        self._version = 0
        self._delivery = None
        self._tickets = count(LATER)
        self._table = table  # the slots are those of the classes at the end
        self._attempt = attempt  # type: ignore[misc]
        self._questions = []  # type: ignore[misc]
        self._reads = {}  # type: ignore[misc]
        self._seen = {}  # type: ignore[misc]
        self._absent = {}  # type: ignore[misc]
        table._begin_reading()
        self._known = table._version  # type: ignore[misc]
        attempt.views[id(table)] = self
        attempt.validate()

    def _end(self) -> None:
        """Let go of the table; no verb can be called any more."""
        table, self._table = self._table, OVER
        table._end_reading()

    def _still_holds(self) -> bool:
        """Tell whether all that was read holds, if nobody writes meanwhile."""
        if not self._table._all_stand(self._reads):
            return False
        return all(question(*arguments) == answer for question, arguments, answer in self._questions)

    def _written(self) -> BagWritten | None:
        """Return what is to be done to the table, or None for nothing."""
        written: list[CellWritten] = []
        for handle, (listed, copy, version) in self._seen.items():
            mine = self._rows.get(handle)
            if mine is copy and (mine is None or mine.version == version):
                continue
            left = {} if mine is None else mine.values
            removed = [ticket for ticket, _, _ in listed if ticket not in left]
            new = [(ticket, value) for ticket, value in left.items() if ticket >= LATER]
            if removed or new:
                by_hash = {} if mine is None or not new else mine.by_hash
                hashes = {ticket: hashed for hashed, tickets in by_hash.items() for ticket in tickets}
                added = [(value, hashes.get(ticket)) for ticket, value in new]
                cell = copy if mine is None else mine
                key = None if cell is None else cell.key
                written.append(CellWritten(handle, *self._reads[handle], key, removed, added))
        return BagWritten(self._table, written) if written else None

    def _resolve(self, key: Any) -> tuple[Handle, Cell | None, int]:
        try:
            known = self._absent.get(key)
        except TypeError as error:
            raise self._explain(key, error) from None
        if known is not None:
            return known, self._rows.get(known), self._arrivals
        handle, token, _ = self._read(key)
        mine = self._rows.get(handle)
        if token is None:
            self._absent[key] = handle
        elif mine is None:
            fresh, witness = self._table._handle_for(handle, key)
            if fresh is not handle:  # an equal key was removed, whose handle cannot stand for this one
                handle = self._absent[key] = fresh
                self._see_none(handle, witness)
        return handle, mine, self._arrivals

    def _read(self, key: Any) -> tuple[Handle, Any | None, int]:
        """Return the key's handle in the table, the token of its values there, and the witness; noted as read."""
        table = self._table
        while True:
            handle, token, witness = table._locate(key)
            if handle in self._reads:
                return handle, *self._reads[handle]
            if token is None:
                if not table._stands(handle, None, witness):
                    continue
                self._see_none(handle, witness)
            else:
                found = table._values_of(handle)
                if found is None:
                    continue
                self._see(handle, *found)
            self._attempt.validate()
            return handle, *self._reads[handle]

    def _see_none(self, handle: Handle, witness: int) -> None:
        self._reads[handle] = None, witness
        self._seen[handle] = (), None, 0

    def _see(self, handle: Handle, key: Any, token: Any, listed: Listed) -> None:
        """Take the values of a key into the view."""
        copy = self._rows[handle] = self._filled(key, listed)
        self._reads[handle] = token, 0
        self._seen[handle] = listed, copy, copy.version

    def _see_all(self) -> None:
        """Take all keys into the view; none may come or go until the end."""
        table = self._table
        found = table._all_values()
        self._questions.append((table._are_all_keys, (frozenset(found),), True))
        for handle, entry in found.items():
            if handle not in self._reads:
                self._see(handle, *entry)
        mine = self._rows
        in_order = {handle: mine[handle] for handle in found if handle in mine}
        self._rows = {**in_order, **mine}
        self._attempt.validate()

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
        size: int = table._stored()
        self._questions.append((table._stored, (), size))
        self._attempt.validate()
        mine = sum(len(cell.values) for cell in self._rows.values())
        theirs = sum(len(listed) for listed, _, _ in self._seen.values())
        return size + mine - theirs


_OVERLAY_SLOTS = ("_absent", "_attempt", "_known", "_questions", "_reads", "_seen", "_table")


class DuplicateBagOverlay(BagOverlayBase[K, V], DuplicateBagTable[K, V]):
    """A duplicate_bag as a transaction sees it."""

    __slots__ = _OVERLAY_SLOTS


class BagOverlay(BagOverlayBase[K, V], BagTable[K, V]):
    """A bag as a transaction sees it."""

    __slots__ = _OVERLAY_SLOTS
