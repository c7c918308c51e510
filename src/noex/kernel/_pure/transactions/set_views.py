"""Set kinds as a transaction sees them: the verbs' ways to find, change, count and tell the time."""

# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# Verbs of the base are taken over as they are.
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from noex._arguments import check_limit
from noex.clock import TOLERANCE, seconds
from noex.kernel._pure.ground.hashed import Handle
from noex.kernel._pure.ground.row import FOREVER, NEVER, Row
from noex.kernel._pure.queries.access import Access
from noex.kernel._pure.rows.scheduled_rows import K, V
from noex.kernel._pure.set_table import SetTable
from noex.kernel._pure.transactions.attempt import Attempt
from noex.kernel._pure.transactions.set_view_indexes import SetViewIndexes
from noex.kernel._pure.verbs.lifetimes import Lifetimes
from noex.kernel._pure.verbs.read_modify_write import ReadModifyWrite
from noex.kernel._pure.verbs.set_verbs import SetVerbs
from noex.typing import DEFAULT, Ttl

__all__ = ["OVERLAY_SLOTS", "SetOverlay", "SetOverlayBase"]


class SetOverlayBase(SetViewIndexes[K, V]):
    """A set kind as a transaction sees it."""

    __slots__ = ()

    def _resolve(self, key: Any) -> tuple[Handle, Row | None, int]:
        handle, row, _ = self._read(key)
        return handle, self._writes.get(handle, row), 0

    def _find(self, key: Any, now: float) -> tuple[Handle, Row | None, int]:
        while True:
            handle, row, witness = self._resolve(key)
            if row is None or row[2] is None or now < row[2]:
                return handle, row, witness
            self._commit(handle, row, None, witness)

    def _commit(
        self,
        handle: Handle,
        old: Row | None,
        new: Row | None,
        witness: int,
        now: float = NEVER,
        *,
        written: bool = True,
    ) -> bool:
        if self._computing:
            self._forbid(handle)
        if handle not in self._reads:
            self._read_many([handle])
        self._write(handle, new)
        if written:
            self._rewritten.add(handle)
        return True

    def _write(self, handle: Handle, new: Row | None) -> None:
        """Keep a row back until the end, None meaning that there shall be none."""
        if new is not None and self._writes.get(handle, new) is None:
            del self._writes[handle]
            self._renewed.add(handle)
        self._writes[handle] = new
        if new is not None and new[2] is not None:
            self._own_due = min(self._own_due, new[2])  # type: ignore[misc]

    def _commit_many(
        self, writes: dict[Handle, tuple[Any, Any]], due: float | None, witness: int, now: float
    ) -> list[Row] | None:
        for key, value in writes.values():
            handle, row, _ = self._find(key, now)
            self._commit(handle, row, self._row(key if row is None else row[0], value, due, row), 0, now)
        return []

    def _change(self, changes: Any, now: float) -> bool:
        for handle, old, new, witness in changes:
            self._commit(handle, old, new, witness, now)
        return True

    def _remove_many(self, found: Any, now: float) -> dict[Handle, Row] | None:
        gone = {handle: row for handle, row, _ in found if row is not None}
        self._change([(handle, row, None, -1) for handle, row in gone.items()], now)
        return gone

    def _remove_all(self, now: float) -> int:
        rows = self._snapshot()
        self._change([(handle, row, None, -1) for handle, row in rows], now)
        return len(rows)

    def _rows_of(self, handles: list[Handle]) -> list[tuple[Handle, Row]]:
        self._read_many([handle for handle in handles if handle not in self._writes])
        return [(handle, row) for handle in handles if (row := self._row_at(handle)) is not None]

    def _scan(self) -> dict[Handle, Row]:
        """Return all rows as they stand in the table, of which none may come, go or change until the end."""
        self._tick_all()
        table = self._table
        rows: dict[Handle, Row] = table._all_rows()
        self._questions.append((table._are_all_rows, (rows,), True))
        self._attempt.validate()
        return rows

    def _snapshot(self) -> list[tuple[Handle, Row]]:
        now = self._tick_all()
        base = self._scan()
        reads = self._reads
        for handle, row in base.items():
            reads.setdefault(handle, (row, 0))
        renewed = self._renewed
        mine = [(handle, row) for handle, row in self._writes.items() if handle not in base or handle in renewed]
        theirs = [(handle, self._writes.get(handle, row)) for handle, row in base.items() if handle not in renewed]
        return [
            (handle, row) for handle, row in [*theirs, *mine] if row is not None and (row[2] is None or now < row[2])
        ]

    def _located(self, access: Access) -> list[tuple[Handle, Row]]:
        """As the table's: part by part, for a transaction sees all of them at one instant anyway."""
        kind, *arguments = access
        if kind == "key":
            return self._rows_under(arguments[0])
        if kind == "index":
            spec, values = arguments
            return list({handle: (handle, row) for v in values for handle, row in self._indexed_rows(spec, v)}.values())
        if kind == "index range":
            spec, low, high, bounds = arguments
            return self._spots_between(spec, *self._index_ends(spec, (low, high, bounds)), reverse=False, limit=None)
        if kind == "index prefix":
            spec, beginning = arguments
            bounds = self._terms.prefix_bounds(beginning, mirrors=True)
            return self._spots_between(spec, *bounds, reverse=False, limit=None)
        if kind == "union":
            return list({item[0]: item for part in arguments for item in self._candidates(part)}.values())
        return self._snapshot()

    def _rows_under(self, keys: tuple[Any, ...]) -> list[tuple[Handle, Row]]:
        now = self._tick_all()
        found = {handle: row for handle, row, _ in map(self._resolve, keys)}
        return [(handle, row) for handle, row in found.items() if row and (row[2] is None or now < row[2])]

    # -- counting and walking -----------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Return the number of entries, which must be the same at the end. O(what was written)."""
        self._tick_all()
        size: int = self._ask(self._table._stored)
        for handle, row in self._writes.items():
            size += (row is not None) - (self._reads[handle][0] is not None)
        return size

    def _walk(self) -> Iterator[Row]:
        return iter([row for _, row in self._snapshot()])

    # -- time ---------------------------------------------------------------------------------------------------

    def _tick(self) -> float:
        return self._tick_all()

    def _tick_all(self) -> float:
        now: float = self._table._tick_all()
        if self._own_due == FOREVER:
            return now
        now = self._clock() * 1000 + TOLERANCE
        if self._own_due <= now:
            ended = [handle for handle, row in self._writes.items() if row and row[2] is not None and row[2] <= now]
            self._own_due = FOREVER  # type: ignore[misc]
            for handle in ended:
                self._write(handle, None)
            dues = [row[2] for row in self._writes.values() if row is not None and row[2] is not None]
            self._own_due = min(dues, default=FOREVER)  # type: ignore[misc]
        return now

    def _lifetime(self, ttl: Ttl) -> tuple[float, float | None]:
        length = self._ttl if ttl is DEFAULT else None if ttl is None else seconds(ttl, "ttl")
        self._tick_all()
        now = self._clock()
        return now * 1000 + TOLERANCE, None if length is None else self._due(now + length)

    def sweep(self, limit: int | None = None) -> int:
        """Reclaim nothing: what has expired is gone from the view already."""
        check_limit(limit)
        return 0

    def _plan(self, due: float, handle: Handle) -> None:
        """Nothing: rows are scheduled when they come into the table."""

    def _arrived(self, handle: Handle) -> None:
        """Nothing: that is for the table."""

    _departed = _arrived

    def _admit(self, handle: Handle, witness: int) -> bool:
        return True

    def _still_absent(self, handle: Handle, witness: int) -> bool:
        return True

    def _emptied(self) -> None:
        """Nothing: `_remove_all` has removed each."""


OVERLAY_SLOTS = (
    "_attempt",
    "_known",
    "_own_due",
    "_questions",
    "_reads",
    "_renewed",
    "_rewritten",
    "_table",
    "_terms",
    "_views",
    "_writes",
)


class SetOverlay(SetOverlayBase[K, V], SetTable[K, V]):
    """A set table as a transaction sees it: without the short cuts of the hot verbs."""

    __slots__ = (*OVERLAY_SLOTS, "_absent")

    _absent: dict[Any, Handle]  # the handles of keys that the table did not have

    insert = SetVerbs.insert
    __setitem__ = insert
    lookup = SetVerbs.lookup
    member = SetVerbs.member
    __contains__ = SetVerbs.__contains__  # type: ignore[assignment]
    update_counter = ReadModifyWrite.update_counter
    touch = Lifetimes.touch

    def _begin(self, table: Any, attempt: Attempt) -> None:
        super()._begin(table, attempt)
        self._foreign = {0: ()}  # so that no verb takes a short cut past `_resolve`
        self._absent = {}

    def _resolve(self, key: Any) -> tuple[Handle, Row | None, int]:
        try:
            known = self._absent.get(key)
        except TypeError as error:
            raise self._explain(key, error) from None
        if known is not None:
            return known, self._row_at(known), 0
        handle, row, witness = self._read(key)
        mine = self._writes.get(handle, row)
        if row is None:
            self._absent[key] = handle
        elif mine is None:
            fresh, witness = self._table._handle_for(handle, key)
            if fresh is not handle:  # an equal key was removed, whose handle cannot stand for this one
                handle = self._absent[key] = fresh
                self._reads[handle] = None, witness
        return handle, mine, 0

    def _pop_entry(self) -> tuple[K, V] | None:
        rows = self._snapshot()
        if not rows:
            return None
        handle, row = rows[-1]
        self._commit(handle, row, None, -1)
        return row[0], row[1]
