"""A cache that bounds itself: a lifetime, a size limit, and cleaning up without a thread.

The problem: keys come from outside (URLs, search terms), so a lifetime alone does not bound memory: a crawler writes
a million entries in a minute. When the cache is full, something has to go: first what has expired, then what was used
least recently (LRU).

Three tables do it, one for each question that is asked:

- `rows`: what is stored under this key? (set: by hash)
- `by_use`: which entry was used least recently? (ordered set: its first)
- `by_deadline`: which entry expires next? (ordered set: its first)

No question needs a walk through the entries: each verb is O(log n), whether there are a hundred or a million.

Run it: python examples/bounded_cache.py
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Any, NamedTuple

from noex import ets
from noex.testing import ManualClock
from noex.typing import Clock

RECLAIMED_PER_WRITE = 2


class Row(NamedTuple):
    """What the cache knows of an entry: rows are written anew, never changed."""

    value: Any
    deadline: float
    written: int
    used: int


class BoundedCache:
    """At most `max_entries` values, each for at most `ttl` seconds."""

    def __init__(self, *, max_entries: int, ttl: float, clock: Clock) -> None:
        # Trap: with `if max_entries and ...` a limit of 0 means "no limit". Refuse what cannot be meant, NaN too.
        if not (max_entries >= 1 and 0 < ttl < float("inf")):
            raise ValueError(f"max_entries must be 1 or more and ttl above 0, not {max_entries} and {ttl}")
        self._max_entries = max_entries
        self._ttl = ttl
        self._clock = clock
        self._rows = ets.SetTable[Hashable, Row]()
        self._by_use = ets.OrderedSetTable[int, Hashable]()
        self._by_deadline = ets.OrderedSetTable[tuple[float, int], Hashable]()
        self._counts = ets.SetTable[str, int]()
        # Each verb of a table is atomic by itself. A verb of this cache changes three tables, so it holds a lock.
        self._lock = threading.Lock()

    def get(self, key: Hashable, default: Any = None) -> Any:
        """Return the value of a key, and make it the one used last. O(log n)."""
        with self._lock:
            row = self._rows.lookup(key)
            # Whether an entry is live is a matter of its deadline, not of whether somebody has cleaned up yet.
            if row is None or self._clock() >= row.deadline:
                self._count("misses")
                return default
            self._count("hits")
            self._by_use.delete(row.used)
            row = row._replace(used=self._tick())
            self._by_use.insert(row.used, key)
            self._rows.insert(key, row)
            return row.value

    def set(self, key: Hashable, value: Any) -> None:
        """Write a value; make room for it if it is new. O(log n)."""
        with self._lock:
            old = self._rows.lookup(key)
            if old is not None:
                # Trap: who overwrites needs no room. Evicting first would cost an innocent entry its place.
                self._forget(key, old)
                if self._clock() >= old.deadline:
                    self._count("expirations")
            self._reclaim(RECLAIMED_PER_WRITE)
            if len(self._rows) >= self._max_entries:
                self._evict()
            # Recency is a count of uses, not a time: two uses in one millisecond are still one after the other.
            tick = self._tick()
            row = Row(value, self._clock() + self._ttl, written=tick, used=tick)
            self._rows.insert(key, row)
            self._by_use.insert(row.used, key)
            # Deadlines may be equal, so the number of the write makes the pair unique. A tuple, never a joined
            # string: "9.5" sorts behind "10.5", and a key with the separator in it is cut at the wrong place.
            self._by_deadline.insert((row.deadline, row.written), key)

    def sweep(self) -> int:
        """Give back the space of all that has expired; return how many entries. O(log n) for each."""
        with self._lock:
            return self._reclaim(len(self._rows))

    def stats(self) -> dict[str, int]:
        """Return the counts so far."""
        names = ("hits", "misses", "evictions", "expirations")
        return {"entries": len(self._rows), **{name: self._counts.lookup(name, default=0) for name in names}}

    def keys(self) -> list[Hashable]:
        """Return the stored keys, least recently used first."""
        return list(self._by_use.values())

    def _forget(self, key: Hashable, row: Row) -> None:
        self._rows.delete(key)
        self._by_use.delete(row.used)
        self._by_deadline.delete((row.deadline, row.written))

    def _evict(self) -> None:
        """Drop the entry that was used least recently."""
        eldest = self._by_use.first()
        if eldest is not None:
            self._forget(eldest.value, self._rows[eldest.value])
            self._count("evictions")

    def _reclaim(self, limit: int) -> int:
        """Drop expired entries, the earliest first, at most `limit`; return how many."""
        # A thread that scans all entries twice a minute has to be started, stopped and watched, and it stalls
        # everybody while it scans. Each write adds one entry and drops up to two that are due: that keeps up, no single
        # call pays for all, and a live entry has to go only when nothing is due.
        now = self._clock()
        for dropped in range(limit):
            earliest = self._by_deadline.first()
            if earliest is None or now < earliest.key[0]:
                return dropped
            self._forget(earliest.value, self._rows[earliest.value])
            self._count("expirations")
        return limit

    def _tick(self) -> int:
        return self._count("ticks")

    def _count(self, name: str) -> int:
        return int(self._counts.update_counter(name))


def show_least_recently_used_goes(clock: ManualClock) -> None:
    """Fill a cache of three, use one entry, and see which one goes."""
    print("Three entries, and a fourth:")
    cache = BoundedCache(max_entries=3, ttl=60, clock=clock)
    for page in ("/a", "/b", "/c"):
        cache.set(page, f"<{page}>")
    print("  get /a:", cache.get("/a"))
    cache.set("/d", "</d>")
    print("  /b was used least recently, and is gone:", cache.keys())
    cache.set("/c", "<new /c>")
    print("  overwriting /c evicts nobody:", cache.keys())
    print(" ", cache.stats())


def show_expired_go_first(clock: ManualClock) -> None:
    """Let one entry expire: it goes before any live one."""
    print("What has expired goes first:")
    cache = BoundedCache(max_entries=3, ttl=60, clock=clock)
    cache.set("/old", "")
    clock.advance(59)
    cache.set("/a", "")
    cache.set("/b", "")
    print("  /old is live and used last:", cache.get("/old") is not None, cache.keys())
    clock.advance(1)
    cache.set("/c", "")
    print("  a second later it has expired, and makes room:", cache.keys())
    print(" ", cache.stats())


def show_it_cleans_up(clock: ManualClock) -> None:
    """Write much, wait, write little."""
    print("Cleaning up needs no thread:")
    cache = BoundedCache(max_entries=1000, ttl=60, clock=clock)
    for number in range(1000):
        cache.set(("search", number), number)
    clock.advance(60)
    print("  all have expired, but space comes back with writes:", cache.stats()["entries"])
    for number in range(10):
        cache.set(("search", number), number)
    print("  10 writes later:", cache.stats()["entries"])
    print("  sweep:", cache.sweep(), "- left:", cache.stats()["entries"])


def main() -> None:
    """Show it all, on a clock that is turned by hand."""
    show_least_recently_used_goes(ManualClock())
    show_expired_go_first(ManualClock())
    show_it_cleans_up(ManualClock())


if __name__ == "__main__":
    main()

# The recipe that does all this for you, and loads each key once however many ask: noex.Cache.
