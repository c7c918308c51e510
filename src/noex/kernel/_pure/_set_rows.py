"""Rows of the set kinds: how they are found and changed.

A row never changes, so a reader that holds one holds a consistent row, and "has this row changed?" is a question of
identity, whatever `==` of the values says. That identity is the row's *version*.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from threading import get_ident
from typing import Any

from noex.errors import ReentrantCompute
from noex.kernel._pure._commit import acquire, release
from noex.kernel._pure._hashed import Foreign, Handle
from noex.kernel._pure._scheduled_rows import FOREVER, GONE, NEVER, K, Row, ScheduledRows, V

__all__ = ["SetRows"]


class SetRows(ScheduledRows[K, V]):
    """State of a set kind, and the four ways in which it changes: commit, commit many, reclaim, clear."""

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
            if self._commit(handle, row, None, witness) and row is not GONE:
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
            gone = {handle: rows[handle] for handle in handles if handle in rows and rows[handle] is not GONE}
            rows.update(dict.fromkeys(gone, GONE))
            for handle in gone:
                if handle in rows and rows[handle] is GONE:  # no finalizer has put another there
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
        return sys.getsizeof(self._rows) + rows * row + sys.getsizeof(self._schedule) + schedule * entry

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
