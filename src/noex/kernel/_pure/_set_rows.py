"""Rows of the set kinds: one value per key, each with its deadline; how they are found, changed and reclaimed.

A row is a tuple `(key, value, deadline, scheduled)` and never changes: writing replaces it. So a reader that holds one
holds a consistent row, and "has this row changed?" is a question of identity, whatever `==` of the values says. That
identity is the row's *version*.

Deadlines are whole milliseconds of the clock. A heap holds, for every row that has one, an entry that comes due no
later than it: `scheduled`. A row whose lifetime was extended keeps its entry, and gets a new one when that comes due;
touching a session at every request costs the heap nothing. Entries of rows that are gone are dropped when they come
up, or all at once when they outnumber the rows.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from math import ceil
from threading import get_ident
from typing import Any, Final, Generic, TypeAlias, TypeVar

from noex.clock import TOLERANCE, seconds
from noex.errors import ReentrantCompute
from noex.kernel._pure._closed import ClosedRows
from noex.kernel._pure._commit import acquire, release
from noex.kernel._pure._hashed import Foreign, Handle
from noex.typing import DEFAULT, Clock, Ttl

__all__ = ["FOREVER", "NEVER", "RECLAIM_PER_WRITE", "K", "Row", "SetRows", "V"]

K = TypeVar("K")
V = TypeVar("V")

Row: TypeAlias = tuple[Any, Any, float | None, float | None]

NEVER: Final = float("-inf")
"""A moment at which nothing has expired yet: the time, for a table without lifetimes."""

FOREVER: Final = float("inf")
_GONE: Final[Row] = (None, None, NEVER, None)  # stands, for an instant, for rows that are removed together
RECLAIM_PER_WRITE: Final = 4
_SPARE_SCHEDULE: Final = 64


class SetRows(Generic[K, V]):
    """State of a set kind, and the four ways in which it changes: commit, commit many, reclaim, clear."""

    __slots__ = (
        "__weakref__",
        "_clock",
        "_computing",
        "_name",
        "_next_due",
        "_on_reclaim",
        "_plans",
        "_rows",
        "_schedule",
        "_tickets",
        "_ttl",
    )

    kind: str
    _rows: dict[Handle, Row]
    _name: str | None
    _clock: Clock
    _ttl: float | None
    _schedule: list[tuple[float, int, Handle]]
    _plans: int  # how often something was scheduled
    _next_due: float  # when the first of the schedule comes due; may be read without the lock
    _tickets: count[int]
    _computing: list[tuple[int, Handle]]
    _on_reclaim: Callable[[list[Row]], None] | None

    @abstractmethod
    def _resolve(self, key: Any) -> tuple[Handle, Row | None, int]:
        """Return the key's handle, its row or None, and the witness that `_admit` asks for."""

    @abstractmethod
    def _admit(self, handle: Handle, witness: int) -> bool:
        """Let a new key in, under the lock, before its row; False to resolve it again."""

    def _stands_for(self, handle: Handle, key: Any) -> bool:
        """Tell whether the handle may stand for a new row with that key: the plain one of an equal key may not."""
        return True

    @abstractmethod
    def _still_absent(self, handle: Handle, witness: int) -> bool:
        """Tell whether a key that was not found cannot have arrived since under another handle."""

    @abstractmethod
    def _arrived(self, handle: Handle) -> None:
        """Take note of a new row, under the lock, after it is in."""

    @abstractmethod
    def _departed(self, handle: Handle) -> None:
        """Take note that a row is gone, under the lock, after it is."""

    def _open(self, name: str | None, clock: Clock, ttl: float | None) -> None:
        self._name = name
        self._clock = clock
        self._ttl = ttl
        self._rows = {}
        self._schedule = []
        self._next_due = FOREVER
        self._plans = 0
        self._tickets = count()
        self._computing = []
        self._on_reclaim = None

    def _label(self) -> str:
        """Name the table in messages."""
        return f"the unnamed {self.kind} table" if self._name is None else f"the {self.kind} table {self._name!r}"

    def _shut(self) -> None:
        """Let go of all entries; every verb from now on raises `TableClosed`."""
        self._rows = ClosedRows(self._label())
        self._schedule = []
        self._next_due = FOREVER

    # -- time ---------------------------------------------------------------------------------------------------

    def _tick(self) -> float:
        """Begin a verb: read the clock once, reclaim a little of what is due, return the time in milliseconds."""
        if self._next_due == FOREVER:
            return NEVER
        now = self._clock() * 1000 + TOLERANCE
        if self._next_due <= now:
            self._reclaim(now, RECLAIM_PER_WRITE)
        return now

    def _tick_all(self) -> float:
        """Begin a verb that counts or ranks: as `_tick`, and reclaim all that is due."""
        if self._next_due == FOREVER:
            return NEVER
        now = self._clock() * 1000 + TOLERANCE
        if self._next_due <= now:
            self._reclaim(now, None)
        return now

    def _lifetime(self, ttl: Ttl) -> tuple[float, float | None]:
        """Begin a verb that may start a lifetime: return the time, as `_tick` does, and the deadline or None."""
        length = self._ttl if ttl is DEFAULT else None if ttl is None else seconds(ttl, "ttl")
        if length is None:
            return (self._tick() if self._next_due != FOREVER else NEVER), None
        now = self._clock()
        moment = now * 1000 + TOLERANCE
        if self._next_due <= moment:
            self._reclaim(moment, RECLAIM_PER_WRITE)
        return moment, self._due(now + length)

    def _due(self, end: float) -> int:
        """Return the deadline of what ends at that time of the clock."""
        try:
            return ceil(end * 1000 - TOLERANCE)
        except (OverflowError, ValueError):
            raise ValueError(
                f"the clock of {self._label()} leads to the time {end!r}, at which nothing can end; "
                "a clock returns seconds as a finite number"
            ) from None

    @staticmethod
    def _row(key: Any, value: Any, due: float | None, old: Row | None) -> Row:
        """Make a row in the place of another: it stays scheduled as it was, if that is early enough."""
        if due is None:
            return key, value, None, None
        if old is not None and old[3] is not None and old[3] <= due:
            return key, value, due, old[3]
        return key, value, due, due

    # -- finding ------------------------------------------------------------------------------------------------

    def _find(self, key: Any, now: float) -> tuple[Handle, Row | None, int]:
        """As `_resolve`, but a row that has expired is reclaimed and not found."""
        while True:
            handle, row, witness = found = self._resolve(key)
            if row is None or row[2] is None or now < row[2]:
                return found
            if self._commit(handle, row, None, witness) and row is not _GONE:
                self._reclaimed([row])

    def _snapshot(self) -> list[tuple[Handle, Row]]:
        """Return all live rows as they stand at one instant, with their handles."""
        now = self._tick()
        acquire()
        try:
            rows = self._rows.copy()
        finally:
            release()
        return [item for item in rows.items() if item[1][2] is None or now < item[1][2]]

    def _entries(self) -> list[tuple[K, V]]:
        """Return keys and values of all live entries, as they stand at one instant, in the table's order."""
        return [(row[0], row[1]) for _, row in self._snapshot()]

    # -- changing -----------------------------------------------------------------------------------------------

    def _commit(self, handle: Handle, old: Row | None, new: Row | None, witness: int) -> bool:
        """Replace `old` by `new`, None meaning no row, if `old` is still current; else change nothing, return False.

        The caller holds `old` until it is done, so nothing is freed under the lock.
        """
        if self._computing:
            self._forbid(handle)
        acquire()
        try:
            if old is None and new is not None and not self._admit(handle, witness):
                return False
            rows = self._rows
            if (rows[handle] if handle in rows else None) is not old:
                return False
            if new is None:
                if old is not None:
                    del rows[handle]
                    self._departed(handle)
                return True
            rows[handle] = new
            if old is None:
                self._arrived(handle)
            if new[3] is not None and (old is None or old[3] != new[3]):
                self._plan(new[3], handle)
            return True
        finally:
            release()

    def _commit_many(
        self, writes: dict[Handle, tuple[Any, Any]], due: float | None, witness: int, now: float
    ) -> list[Row] | None:
        """Write keys and values by handle, all seen at once; None, and no change, if a handle is out of date.

        Returns the rows that were displaced, for the caller to drop. One that has expired is no row to write over: the
        key is that of the new row.
        """
        for handle in writes if self._computing else ():
            self._forbid(handle)
        acquire()
        try:
            rows = self._rows
            old = {handle: rows[handle] for handle in writes if handle in rows}
            live = {handle: row for handle, row in old.items() if row[2] is None or now < row[2]}
            if not all(handle in live or self._stands_for(handle, key) for handle, (key, _) in writes.items()):
                return None
            new = [handle for handle in writes if handle not in old]
            arrived = 0
            for handle in new:
                if not self._admit(handle, witness + arrived):
                    return None
                arrived += 1
            changed: dict[Handle, Row] = {}
            for handle, (key, value) in writes.items():
                row = live.get(handle)
                changed[handle] = self._row(key if row is None else row[0], value, due, old.get(handle))
            rows.update(changed)
            for handle in new:
                self._arrived(handle)
            if due is not None:
                for handle, row in changed.items():
                    if handle not in old or old[handle][3] != row[3]:
                        self._plan(due, handle)
            return list(old.values())
        finally:
            release()

    def _remove_many(self, found: list[tuple[Handle, Row | None, int]]) -> dict[Handle, Row] | None:
        """Remove the rows of keys that were resolved, all seen at once; return them, for the caller to count and drop.

        None, and no change, if a key that was not found may have arrived since under another handle.
        """
        handles = [handle for handle, _, _ in found]
        for handle in handles if self._computing else ():
            self._forbid(handle)
        acquire()
        try:
            rows = self._rows
            for handle, row, witness in found:
                if row is None and handle not in rows and not self._still_absent(handle, witness):
                    return None
            gone = {handle: rows[handle] for handle in handles if handle in rows and rows[handle] is not _GONE}
            rows.update(dict.fromkeys(gone, _GONE))
            for handle in gone:
                if handle in rows and rows[handle] is _GONE:  # no finalizer has put another there
                    del rows[handle]
                    self._departed(handle)
        finally:
            release()
        return gone

    def _drop(self, handle: Handle) -> Row | None:
        """Remove the row of a handle, whatever it is; return it, for the caller to drop."""
        acquire()
        try:
            row = self._rows.pop(handle, None)
            if row is not None:
                self._departed(handle)
            return row
        finally:
            release()

    def _remove_all(self, now: float) -> int:
        """Remove every row; return how many were live."""
        if self._computing:
            self._forbid(None)
        acquire()
        try:
            rows = self._rows
            size = len(rows)
            self._rows, self._schedule, self._next_due = {}, [], FOREVER
            self._emptied()
        finally:
            release()
        return size if now == NEVER else self._count_live(rows, now)

    def _count_live(self, gone: dict[Handle, Row], now: float) -> int:
        """Return how many of the rows that were just removed were live; the others have expired."""
        return len(gone) - self._reclaimed_among(list(gone.values()), now)

    def _reclaimed_among(self, gone: list[Row], now: float) -> int:
        """Take note of those rows, just removed or written over, that had expired; return how many."""
        expired = [row for row in gone if row[2] is not None and row[2] <= now and row is not _GONE]
        if expired:
            self._reclaimed(expired)
        return len(expired)

    def _emptied(self) -> None:
        """Take note, under the lock, that all rows are gone."""

    # -- reclaiming ---------------------------------------------------------------------------------------------

    def _plan(self, due: float, handle: Handle) -> None:
        """Schedule a row to be looked at when `due`, under the lock."""
        entry = (due, next(self._tickets), handle)
        heappush(self._schedule, entry)
        self._plans += 1
        if len(self._schedule) > 2 * len(self._rows) + _SPARE_SCHEDULE:
            self._thin_out()
        schedule = self._schedule
        self._next_due = schedule[0][0] if schedule else FOREVER

    def _thin_out(self) -> None:
        """Drop the entries of rows that are gone, unless a finalizer that strikes in here plans something meanwhile."""
        plans, tickets = self._plans, self._tickets
        rows = self._rows.copy()
        live = [(row[3], next(tickets), handle) for handle, row in rows.items() if row[3] is not None]
        heapify(live)
        if self._plans == plans:
            self._schedule = live

    def _reclaim(self, now: float, limit: int | None) -> list[Row]:
        """Remove rows that have expired, in at most `limit` steps; return them, for the caller to drop."""
        gone: list[Row] = []
        steps = 0
        acquire()
        try:
            while self._schedule and self._schedule[0][0] <= now and (limit is None or steps < limit):
                steps += 1
                scheduled, _, handle = heappop(self._schedule)
                row = self._rows.get(handle)
                if row is None or row[2] is None or row[3] != scheduled:
                    continue  # that row is gone, or scheduled anew
                later = None if row[2] <= now else (row[0], row[1], row[2], row[2])
                rows = self._rows
                if handle in rows and rows[handle] is row:
                    if later is None:
                        del rows[handle]
                        gone.append(row)
                        self._departed(handle)
                    else:
                        rows[handle] = later
                        self._plan(row[2], handle)
            schedule = self._schedule
            self._next_due = schedule[0][0] if schedule else FOREVER
        finally:
            release()
        if gone:
            self._reclaimed(gone)
        return gone

    def _reclaimed(self, rows: list[Row]) -> None:
        """Take note, outside the lock, that these rows have expired and are gone."""
        if self._on_reclaim is not None:
            self._on_reclaim(rows)

    # -- guarding -----------------------------------------------------------------------------------------------

    def _forbid(self, handle: Handle) -> None:
        """Refuse to write a key from inside the function that computes it; None stands for all keys."""
        me = get_ident()
        for thread, other in self._computing.copy():
            if thread != me:
                continue
            same = handle is None or handle == other
            if not same and type(handle) is Foreign and type(other) is Foreign:
                same = handle.hash == other.hash and bool(handle.key == other.key)
            if same:
                raise ReentrantCompute(
                    f"a function given to compute of {self._label()} wrote the very key that it computes; "
                    "return the new value instead, or DELETE"
                )

    def _memory(self) -> int:
        """Return the bytes of the table's own structures: neither keys nor values are counted. O(1)."""
        rows, schedule = len(self._rows), len(self._schedule)
        row, entry = sys.getsizeof((None,) * 4), sys.getsizeof((None,) * 3)
        return sys.getsizeof(self._rows) + rows * row + sys.getsizeof(self._schedule) + schedule * entry

    def _check(self) -> None:
        """Raise AssertionError unless rows and schedule agree."""
        scheduled = {(when, handle) for when, _, handle in self._schedule}
        for handle, row in self._rows.items():
            assert row is not _GONE, row
            assert (row[2] is None) == (row[3] is None), row
            if row[2] is not None and row[3] is not None:
                assert row[3] <= row[2], row
                assert (row[3], handle) in scheduled, f"nothing is scheduled for {row[0]!r}"
        heap = self._schedule
        assert all(heap[(i - 1) // 2] <= heap[i] for i in range(1, len(heap))), "the schedule is no heap"
        assert self._next_due == (heap[0][0] if heap else FOREVER), "the next deadline is another"
        assert not self._computing, "a compute is left behind"
