"""Rows of the set kinds and when they expire: the clock, the schedule, and taking out what is due.

A row is a tuple `(key, value, deadline, scheduled)` and never changes: writing replaces it.

Deadlines are whole milliseconds of the clock. A heap holds, for every row that has one, an entry that comes due no
later than it: `scheduled`. A row whose lifetime was extended keeps its entry, and gets a new one when that comes due;
touching a session at every request costs the heap nothing. Entries of rows that are gone are dropped when they come
up, or all at once when they outnumber the rows.

Any call in here may run a finalizer that uses this very table, so nothing read before a call is taken to hold after it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from math import ceil
from typing import Any, Final, Generic, TypeVar

from noex.clock import FARTHEST, TOLERANCE, seconds
from noex.kernel._pure.ground.closed import ClosedRows
from noex.kernel._pure.ground.hashed import Handle
from noex.kernel._pure.ground.lock import acquire, commits, release
from noex.kernel._pure.ground.row import FOREVER, GONE, NEVER, Row
from noex.kernel._pure.watch.delivery import Queued
from noex.kernel._pure.watch.watch import Note, Watch
from noex.typing import DEFAULT, Clock, TableEvent, Ttl

__all__ = ["RECLAIM_PER_WRITE", "K", "ScheduledRows", "V"]

K = TypeVar("K")
V = TypeVar("V")

RECLAIM_PER_WRITE: Final = 4
_SPARE_SCHEDULE: Final = 64


class ScheduledRows(Generic[K, V]):
    """State of a set kind, and its time: what is due is taken out a little by each write, or all at once."""

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
        "_watch",
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
    _watch: Watch | None  # what goes on beside the rows; most tables have nothing

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
        self._watch = None

    def _label(self) -> str:
        """Name the table in messages."""
        return f"the unnamed {self.kind} table" if self._name is None else f"the {self.kind} table {self._name!r}"

    def _shut(self) -> None:
        """Let go of all entries; every verb from now on raises `TableClosed`."""
        self._rows = ClosedRows(self._label())
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.end()
        self._schedule = []
        self._next_due = FOREVER

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
        if -FARTHEST <= end <= FARTHEST:
            return ceil(end * 1000 - TOLERANCE)
        raise ValueError(
            f"the clock of {self._label()} leads to the time {end!r}, at which nothing can end; "
            "a clock returns seconds as a number from -1e15 to 1e15"
        )

    @staticmethod
    def _row(key: Any, value: Any, due: float | None, old: Row | None) -> Row:
        """Make a row in the place of another: it stays scheduled as it was, if that is early enough."""
        if due is None:
            return key, value, None, None
        if old is not None and old[3] is not None and old[3] <= due:
            return key, value, due, old[3]
        return key, value, due, due

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
        notes: tuple[Note, ...] = ()
        told: tuple[Queued, ...] = ()
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
                watch = self._watch
                if watch is not None:
                    notes, told = ((handle, None, ()),), self._expired(watch, row)
                rows = self._rows
                if handle in rows and rows[handle] is row:
                    if later is None:
                        del rows[handle]
                        if watch is not None:
                            watch.version += 1
                            commits[0] += 1
                            watch.pending += notes
                            watch.delivery.queue += told
                        gone.append(row)
                        self._departed(handle)
                    else:
                        rows[handle] = later
                        if watch is not None:
                            watch.version += 1
                            commits[0] += 1
                        self._plan(row[2], handle)
            schedule = self._schedule
            self._next_due = schedule[0][0] if schedule else FOREVER
            watch = self._watch
            trash = watch.caught_up() if watch is not None and gone and limit is None else []
        finally:
            release()
        del trash  # finalizers may run now
        if gone:
            self._reclaimed(gone)
            if self._watch is not None:
                self._watch.delivery.deliver()
        return gone

    @staticmethod
    def _expired(watch: Watch, row: Row) -> tuple[Queued, ...]:
        """Return what the queue of events gets for a row that has expired."""
        if not watch.delivery.subscriptions:
            return ()
        return watch.delivery.queued([TableEvent("expire", row[0], row[1], row[1])])

    def _reclaimed(self, rows: list[Row]) -> None:
        """Take note, outside the lock, that these rows have expired and are gone."""
        if self._on_reclaim is not None:
            self._on_reclaim(rows)

    def _reclaimed_among(self, gone: list[Row], now: float) -> int:
        """Take note of those rows, just removed or written over, that had expired; return how many."""
        expired = [row for row in gone if not (row[2] is None or now < row[2]) and row is not GONE]
        if expired:
            self._reclaimed(expired)
        return len(expired)

    @abstractmethod
    def _departed(self, handle: Handle) -> None:
        """Take note that a row is gone, under the lock, after it is."""
