"""The kernel's cache: a set table that is bounded, counts its hits, and lets go of what was used least recently.

Expired entries go before live ones; overwriting evicts nobody; each write evicts at most what it brought in. Recency
is an order of uses, never a time, so no tick of a clock is too coarse for it.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Protocol, Self, TypeVar, overload

from noex.clock import TOLERANCE
from noex.kernel._pure.ground.hashed import PLAIN, Handle
from noex.kernel._pure.ground.lock import acquire, release
from noex.kernel._pure.ground.row import FOREVER, NEVER, Row
from noex.kernel._pure.rows.hashed_rows import HashedRows
from noex.kernel._pure.rows.scheduled_rows import K, V
from noex.kernel._pure.verbs.lifetimes import Lifetimes
from noex.kernel._pure.verbs.set_verbs import ABSENT
from noex.typing import DEFAULT, Clock, Ttl

__all__ = ["CacheTable"]


D = TypeVar("D")


class Stale(Protocol):
    """Something that may be out of date."""

    stale: bool


class CacheTable(HashedRows[K, V], Lifetimes[K, V]):
    """Rows by hash and `==`, at most `max_entries` of them."""

    __slots__ = (
        "_evictions",
        "_expirations",
        "_hits",
        "_load_failures",
        "_loads",
        "_max_entries",
        "_misses",
        "_recency",
    )

    kind = "cache"
    _max_entries: int | None
    _recency: OrderedDict[Handle, None]
    _hits: int
    _misses: int
    _evictions: int
    _expirations: int
    _loads: int
    _load_failures: int

    @classmethod
    def _create(cls, name: str | None, clock: Clock, ttl: float | None, max_entries: int | None) -> Self:
        table = object.__new__(cls)
        table._open(name, clock, ttl)
        table._max_entries = max_entries
        table._recency = OrderedDict()  # least recently used first; empty if unbounded
        table._hits = table._misses = table._evictions = table._expirations = 0
        table._loads = table._load_failures = 0
        return table

    @overload
    def get(self, key: K) -> V | None: ...
    @overload
    def get(self, key: K, default: D) -> V | D: ...
    def get(self, key: K, default: Any = None) -> Any:
        """Return the value of the key, or `default` on a miss. Counts a hit or a miss; a hit is a use.

        O(1). Atomic.

        Raises:
            UnhashableKey: the key has no hash.

        >>> from noex import Cache
        >>> pages = Cache[str, str](ttl=300, max_entries=1000)
        >>> pages.set("/", "<h1>Home</h1>")
        >>> pages.get("/"), pages.get("/missing")
        ('<h1>Home</h1>', None)
        """
        now = self._clock() * 1000 + TOLERANCE if self._next_due != FOREVER else NEVER
        if type(key) in PLAIN and not self._foreign:
            handle: Handle = key
        else:
            handle = self._resolve(key)[0]
        acquire()
        try:
            row = self._rows.get(handle)
            if row is None:
                self._misses += 1
                return default
            _, value, due, _ = row
            if not (due is None or now < due):
                self._misses += 1
                return default
            self._hits += 1
            if self._max_entries is not None:
                self._recency.move_to_end(handle)
            return value
        finally:
            release()

    def set(self, key: K, value: V, *, ttl: Ttl = DEFAULT) -> None:
        """Write an entry; its lifetime starts anew, and it counts as used. A new key in a full cache evicts another.

        O(1), plus O(log n) for a lifetime shorter than the entry had. Atomic.

        Raises:
            UnhashableKey: the key has no hash.
            ValueError: `ttl` is zero or negative.
            TypeError: `ttl` is no duration.

        >>> from noex import Cache
        >>> pages = Cache[str, str](max_entries=2)
        >>> for path in ["/a", "/b", "/c"]:
        ...     pages.set(path, "...")
        >>> "/a" in pages, len(pages)
        (False, 2)
        """
        now, due = self._lifetime(ttl)
        if type(key) in PLAIN and not self._foreign and self._set_plain(key, value, due, now):
            return
        while True:
            handle, row, witness = self._find(key, now)
            new = self._row(key if row is None else row[0], value, due, row)
            if self._keep(handle, row, new, witness, now) is not None:
                return

    def _add(self, key: K, value: V, ttl: Ttl, unless: Stale) -> bool:
        """Write an entry only where the key is absent, and not if `unless` is stale; return whether it was written.

        Cost and errors as `set`. Atomic.
        """
        now, due = self._lifetime(ttl)
        while True:
            handle, row, witness = self._find(key, now)
            if row is not None:
                return False
            acquire()
            try:
                if unless.stale:
                    return False
                gone = self._keep(handle, None, self._row(key, value, due, None), witness, now)
            finally:
                release()
            if gone is not None:
                return True

    def _set_plain(self, key: K, value: V, due: float | None, now: float) -> bool:
        """Do as `set` in one step, for a plain key that is new, in a table of plain keys; False for any other."""
        gone: list[Row] = []  # dropped when the lock is free again
        acquire()
        try:
            rows = self._rows
            if key in rows or self._foreign:
                return False
            rows[key] = (key, value, due, due)
            self._arrivals += 1
            if due is not None:
                self._plan(due, key)
            if self._max_entries is not None:
                self._recency[key] = None
                if len(rows) > self._max_entries:
                    self._shrink(now, gone)
            return True
        finally:
            release()

    def _keep(self, handle: Handle, old: Row | None, new: Row, witness: int, now: float) -> list[Row] | None:
        """Commit a row, mark it as used, and bring the cache back to its size, in one step.

        Returns the rows that had to go, for the caller to drop; None, and no change, if `old` is out of date.
        """
        gone: list[Row] = []
        acquire()
        try:
            if not self._commit(handle, old, new, witness):
                return None
            if self._max_entries is not None:
                self._recency[handle] = None
                self._recency.move_to_end(handle)
                self._shrink(now, gone)
            return gone
        finally:
            release()

    def _shrink(self, now: float, gone: list[Row]) -> None:
        """Bring the cache back to its size, under the lock, adding to `gone` what had to go: the expired first."""
        while self._max_entries is not None and len(self._rows) > self._max_entries:
            if self._next_due <= now:
                gone += self._reclaim(now, 1)
            else:
                gone.append(self._evict())

    def _evict(self) -> Row:
        handle, _ = self._recency.popitem(last=False)
        row: Row = self._rows.pop(handle)
        self._dismiss(handle)
        self._evictions += 1
        return row

    def delete(self, key: K) -> bool:
        """Remove the entry of the key; return whether there was one. O(1). Atomic."""
        now = self._tick()
        while True:
            handle, row, witness = self._find(key, now)
            if row is None:
                return False
            if self._commit(handle, row, None, witness):
                return True

    def clear(self) -> int:
        """Remove all entries; return how many there were. Atomic."""
        return self._remove_all(self._tick_all())

    def __contains__(self, key: object) -> bool:
        """Tell whether the key is cached. Counts neither hit nor miss, and is no use. O(1)."""
        return self._peek(key) is not ABSENT  # type: ignore[arg-type]

    def __len__(self) -> int:
        """Return the number of live entries, exactly. O(1), plus O(log n) for each entry that has expired since."""
        self._tick_all()
        acquire()
        try:
            return len(self._rows)
        finally:
            release()

    def _peek(self, key: K) -> Any:
        """Return the value of the key or `ABSENT`, counting nothing."""
        row = self._resolve(key)[1]
        if row is None or not (row[2] is None or self._clock() * 1000 + TOLERANCE < row[2]):
            return ABSENT
        return row[1]

    def _count_load(self, *, failed: bool) -> None:
        acquire()
        self._loads += 1
        self._load_failures += failed
        release()

    def _counts(self) -> tuple[int, int, int, int, int, int, int]:
        """Return size, hits, misses, evictions, expirations, loads and failed loads, of one instant."""
        self._tick_all()
        acquire()
        try:
            return (
                len(self._rows),
                self._hits,
                self._misses,
                self._evictions,
                self._expirations,
                self._loads,
                self._load_failures,
            )
        finally:
            release()

    def _departed(self, handle: Handle) -> None:
        self._recency.pop(handle, None)
        if self._foreign:
            self._dismiss(handle)

    def _emptied(self) -> None:
        super()._emptied()
        self._recency = OrderedDict()

    def _reclaimed(self, rows: list[Row]) -> None:
        acquire()
        self._expirations += len(rows)
        release()

    def _shut(self) -> None:
        super()._shut()
        self._recency = OrderedDict()

    def _check(self) -> None:
        """Raise AssertionError unless rows, schedule, handles and recency agree, and the size is kept."""
        super()._check()
        if self._max_entries is None:
            assert not self._recency
        else:
            assert len(self._rows) <= self._max_entries, len(self._rows)
            assert set(self._recency) == set(self._rows), "recency and rows differ"
