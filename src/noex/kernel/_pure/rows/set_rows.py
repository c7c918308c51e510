"""Rows of the set kinds: how they are found and changed.

A row never changes, so a reader that holds one holds a consistent row, and "has this row changed?" is a question of
identity, whatever `==` of the values says. That identity is the row's *version*.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Callable, Sequence
from threading import get_ident
from typing import Any

from noex.errors import ReentrantCompute
from noex.kernel._pure.ground.hashed import Foreign, Handle
from noex.kernel._pure.ground.lock import acquire, commits, release
from noex.kernel._pure.ground.row import FOREVER, GONE, NEVER, Row
from noex.kernel._pure.queries.access import Access, Test
from noex.kernel._pure.queries.choosing import chosen
from noex.kernel._pure.rows.changes import Change, Part, Read, change, told
from noex.kernel._pure.rows.scheduled_rows import K, ScheduledRows, V
from noex.kernel._pure.watch.delivery import Queued
from noex.kernel._pure.watch.index_rows import Placed
from noex.kernel._pure.watch.watch import CLEARING, IndexSpec
from noex.typing import MISSING, Entry, TableEvent, new_entry

__all__ = ["SetRows"]


class SetRows(ScheduledRows[K, V]):
    """State of a set kind, and the ways in which it changes: commit one row, change many, reclaim, clear."""

    __slots__ = ()

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

    # -- finding ------------------------------------------------------------------------------------------------

    def _find(self, key: Any, now: float) -> tuple[Handle, Row | None, int]:
        """As `_resolve`, but a row that has expired is reclaimed and not found."""
        while True:
            handle, row, witness = found = self._resolve(key)
            if row is None or row[2] is None or now < row[2]:
                return found
            if self._commit(handle, row, None, witness, now) and row is not GONE:
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

    def _entries(self) -> list[Entry]:
        """Return all live entries, as they stand at one instant, in the table's order."""
        return [new_entry(Entry, row[:2]) for _, row in self._snapshot()]

    def _timed_entries(self) -> list[Row]:
        """Return what begins with key, value and deadline of all live entries, as they stand at one instant."""
        return [row for _, row in self._snapshot()]

    def _fold(self, function: Callable[[Any, K, V], Any], initial: Any) -> Any:
        """Combine all live entries of one instant into one value; the function runs outside the lock."""
        accumulator = initial
        for _, row in self._snapshot():
            accumulator = function(accumulator, row[0], row[1])
        return accumulator

    def _candidates(self, access: Access) -> list[tuple[Handle, Row]]:
        """Return handles and live rows of where the access says, as they stand at one instant: of everywhere."""
        return self._snapshot()

    def _select(self, access: Access, test: Test | None, limit: int | None) -> list[Entry]:
        """Return the entries that the test is true of, at most `limit`; all without one. It runs outside the lock."""
        return chosen(self._candidates(access), test, limit)

    def _count_where(self, access: Access, test: Test | None) -> int:
        """Return how many entries the test is true of."""
        found = self._candidates(access)
        return len(found) if test is None else sum(1 for _, row in found if test(row[0], row[1]))

    # -- changing -----------------------------------------------------------------------------------------------

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
        """Replace `old` by `new`, None meaning no row, if `old` is still current; else change nothing, return False.

        `now` tells, where the caller knows it, whether `old` has expired; `written` is False for a row whose lifetime
        alone changes. The caller holds `old` until it is done, so nothing is freed under the lock.
        """
        if self._computing:
            self._forbid(handle)
        acquire()
        try:
            watch = self._watch
            if watch is None or not written:
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
                if watch is not None:
                    watch.version += 1
                    commits[0] += 1
                if old is None:
                    self._arrived(handle)
                if new[3] is not None and (old is None or old[3] != new[3]):
                    self._plan(new[3], handle)
                return True
        finally:
            release()
        return self._commit_watched(handle, old, new, witness, now)

    def _commit_watched(self, handle: Handle, old: Row | None, new: Row | None, witness: int, now: float) -> bool:
        """As `_commit`, in a watched table; what `Part` does for many rows, for one."""
        watch = self._watch
        indexes = () if watch is None else watch.indexes
        if watch is None or any(index.unique for index in indexes):
            return self._change([(handle, old, new, witness)], now)
        places = () if new is None else tuple([index.place(new[0], new[1]) for index in indexes])
        journalled = bool(watch.journals)
        notes = ((handle, new if journalled else None, places),) if indexes or journalled else ()
        subscribed = bool(watch.delivery.subscriptions)
        events = watch.delivery.queued(told(old, new, now)) if subscribed else ()
        valued: list[tuple[IndexSpec, Placed]] = []
        arrives = done = False
        trash: list[Any] = []  # dropped when the lock is free
        acquire()
        try:
            version = watch.version
            if self._watch is not watch or watch.indexes is not indexes:
                return False
            if bool(watch.delivery.subscriptions) > subscribed or bool(watch.journals) > journalled:
                return False  # somebody began to listen meanwhile
            for index, place in zip(indexes, places, strict=False):
                if place is not None:
                    if not index.rows.admit(place, index.rows.arrivals):
                        return False
                    valued.append((index, place))
            rows, queue, successor = self._rows, watch.delivery.queue, version + 1
            if old is None and new is not None:
                arrives = self._admit(handle, witness)
                if not arrives:
                    return False
            if watch.version != version or (rows[handle] if handle in rows else None) is not old:
                return False
            watch.version = successor
            commits[0] += 1
            watch.pending += notes
            queue += events
            if new is not None:
                rows[handle] = new
            elif old is not None:
                del rows[handle]
            done = True  # the run began with the test, and had no call in it
            if new is None:
                self._departed(handle)
            else:
                if old is None:
                    self._arrived(handle)
                if new[3] is not None and (old is None or old[3] != new[3]):
                    self._plan(new[3], handle)
        finally:
            if not done:
                watch.strays += valued
                if arrives:
                    self._departed(handle)
            watch.spare()
            trash += watch.take_trash()
            release()
        watch.delivery.deliver()
        return True

    def _change(self, changes: Sequence[Change], now: float) -> bool:
        """Make many changes, all seen at once; False, and none, if one of them is out of date. As `_commit`."""
        return change([Part(self, changes, now=now)])

    def _commit_many(
        self, writes: dict[Handle, tuple[Any, Any]], due: float | None, witness: int, now: float
    ) -> list[Row] | None:
        """Write keys and values by handle, all seen at once; None, and nothing written, if a handle is out of date.

        Returns the rows that were displaced, for the caller to drop. One that has expired is no row to write over: it
        is reclaimed, and its handle is out of date.
        """
        rows = self._rows
        changes: list[Change] = []
        expired: list[tuple[Handle, Row]] = []
        for handle, (key, value) in writes.items():
            old = rows.get(handle)
            if old is not None and not (old[2] is None or now < old[2]):
                expired.append((handle, old))
            elif old is None and not self._stands_for(handle, key):
                return None
            changes.append((handle, old, self._row(key if old is None else old[0], value, due, old), witness))
        for handle, old in expired:
            if self._commit(handle, old, None, -1, now) and old is not GONE:
                self._reclaimed([old])
        if expired:
            return None
        if not self._change(changes, now):
            return None
        return [old for _, old, _, _ in changes if old is not None]

    def _remove_many(self, found: Sequence[Read], now: float) -> dict[Handle, Row] | None:
        """Remove the rows of keys that were resolved, all seen at once; return them, for the caller to count and drop.

        None, and no change, if one of them has changed since.
        """
        gone = {handle: row for handle, row, _ in found if row is not None}
        absent = [read for read in found if read[1] is None]
        changes = [(handle, row, None, -1) for handle, row in gone.items()]
        return gone if change([Part(self, changes, now=now, reads=absent)]) else None

    def _add_at(self, handle: Handle, key: K, value: V, witness: int) -> bool:
        """Write a new entry where `_resolve` found none; False, and no change, if one may have come since."""
        return self._commit(handle, None, (key, value, None, None), witness)

    def _drop(self, handle: Handle) -> Row | None:
        """Remove the row of a handle, whatever it is; return it, for the caller to drop."""
        while True:
            row = self._rows.get(handle)
            if row is None or self._commit(handle, row, None, -1):
                return row

    def _remove_all(self, now: float) -> int:
        """Remove every row; return how many were live."""
        if self._computing:
            self._forbid(None)
        events: tuple[Queued, ...] = ()
        acquire()
        try:
            rows, watch = self._rows, self._watch
            size = len(rows)
            if watch is not None and size:
                events = watch.delivery.queued([TableEvent("clear", MISSING, MISSING, MISSING)])
            self._rows, self._schedule, self._next_due = {}, [], FOREVER
            if watch is not None:
                watch.version += 1
                commits[0] += 1
                watch.pending += CLEARING
                watch.delivery.queue += events
            self._emptied()
            trash = [] if watch is None else watch.caught_up()
        finally:
            release()
        del trash  # finalizers may run now
        if watch is not None:
            watch.delivery.deliver()
        return size if now == NEVER else self._count_live(rows, now)

    def _count_live(self, gone: dict[Handle, Row], now: float) -> int:
        """Return how many of the rows that were just removed were live; the others have expired."""
        return len(gone) - self._reclaimed_among(list(gone.values()), now)

    def _emptied(self) -> None:
        """Take note, under the lock, that all rows are gone."""

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
        indexes = 0 if self._watch is None else sum(index.rows.memory() for index in self._watch.indexes)
        return sys.getsizeof(self._rows) + rows * row + sys.getsizeof(self._schedule) + schedule * entry + indexes

    def _check(self) -> None:
        """Raise AssertionError unless rows and schedule agree."""
        scheduled = {(when, handle) for when, _, handle in self._schedule}
        for handle, row in self._rows.items():
            assert row is not GONE, row
            assert (row[2] is None) == (row[3] is None), row
            if row[2] is not None and row[3] is not None:
                assert row[3] <= row[2], row
                assert (row[3], handle) in scheduled, f"nothing is scheduled for {row[0]!r}"
        heap = self._schedule
        assert all(heap[(i - 1) // 2] <= heap[i] for i in range(1, len(heap))), "the schedule is no heap"
        assert self._next_due == (heap[0][0] if heap else FOREVER), "the next deadline is another"
        assert not self._computing, "a compute is left behind"
        if self._watch is not None:
            self._watch._check(self._rows)
