"""Verbs about lifetimes: how long an entry has, giving it longer, taking the end away, reclaiming what is over."""

from __future__ import annotations

from noex._arguments import check_limit
from noex.clock import TOLERANCE
from noex.kernel._pure.ground.row import FOREVER
from noex.kernel._pure.rows.scheduled_rows import K, V
from noex.kernel._pure.verbs.indexing import Indexing
from noex.typing import DEFAULT, Ttl

__all__ = ["Lifetimes"]


class Lifetimes(Indexing[K, V]):
    """What set kinds offer about expiry."""

    __slots__ = ()

    def expires_in(self, key: K) -> float | None:
        """Return the seconds that the entry has left, or None if it has no end or is not there.

        O(1); O(log n) on an ordered table. Atomic.

        Raises:
            UnhashableKey, UnorderableKey: the key cannot be one of this table.

        >>> from noex import ets
        >>> from noex.testing import ManualClock
        >>> table = ets.SetTable(clock=ManualClock())
        >>> table.insert("a", 1, ttl=30)
        >>> table.expires_in("a")
        30.0
        """
        row = self._resolve(key)[1]
        if row is None or row[2] is None:
            return None
        left = row[2] - self._clock() * 1000.0
        return left / 1000 if left > TOLERANCE else None

    def touch(self, key: K, ttl: Ttl = DEFAULT) -> bool:
        """Give a live entry a new lifetime from now on, None meaning no end; return whether it is there.

        O(1); O(log n) on an ordered table. Atomic: an entry that has expired stays expired.

        Raises:
            ValueError: `ttl` is zero or negative.
            TypeError: `ttl` is no duration.

        >>> from noex import ets
        >>> from noex.testing import ManualClock
        >>> table = ets.SetTable(clock=ManualClock(), ttl=60)
        >>> table.insert("a", 1)
        >>> table.touch("a", 90), table.expires_in("a"), table.touch("b")
        (True, 90.0, False)
        """
        now, due = self._lifetime(ttl)
        while True:
            handle, row, witness = self._find(key, now)
            if row is None:
                return False
            if self._commit(handle, row, self._row(row[0], row[1], due, row), witness, now, written=False):
                return True

    def persist(self, key: K) -> bool:
        """Take the end away from an entry; return whether there was one to take.

        O(1); O(log n) on an ordered table. Atomic.

        >>> from noex import ets
        >>> table = ets.SetTable(ttl=60)
        >>> table.insert("a", 1)
        >>> table.persist("a"), table.persist("a"), table.expires_in("a")
        (True, False, None)
        """
        now = self._tick()
        while True:
            handle, row, witness = self._find(key, now)
            if row is None or row[2] is None:
                return False
            if self._commit(handle, row, (row[0], row[1], None, None), witness, now, written=False):
                return True

    def sweep(self, limit: int | None = None) -> int:
        """Reclaim entries that have expired, at most about `limit` of them; return how many were.

        O(log n) for each. Writes do a little of this themselves: call it to get memory back at once, or from a
        timer for a table that is hardly written. Each removal is atomic.

        Raises:
            ValueError: `limit` is negative.

        >>> from noex import ets
        >>> from noex.testing import ManualClock
        >>> clock = ManualClock()
        >>> table = ets.SetTable(clock=clock, ttl=60)
        >>> table.insert_many({"a": 1, "b": 2})
        2
        >>> _ = clock.advance(60)
        >>> table.sweep()
        2
        """
        check_limit(limit)
        if self._next_due == FOREVER:
            len(self._rows)  # a closed table says so here
            return 0
        now = self._clock() * 1000 + TOLERANCE
        if limit is None:
            return len(self._reclaim(now, None))
        reclaimed = 0
        while reclaimed < limit and self._next_due <= now:
            reclaimed += len(self._reclaim(now, limit - reclaimed))
        return reclaimed
