"""How often something happened lately, by key: counts over a sliding window.

The window is cut into buckets on an absolute grid: bucket `i` holds the events from `i * width` until `(i + 1) *
width` on the clock. A count is the sum of the newest buckets plus the oldest one in the part that still lies in the
window, as if its events were spread evenly (the sliding window counter known from rate limiting): it is off by less
than the events of one bucket.

All of it is whole numbers. Time is counted in microseconds, and `divmod(microseconds * buckets, window)` is the
number of the present bucket and how much of it has passed, so no binary fraction puts an event in the wrong bucket:
0.3 s is in bucket 3 of widths of 0.1 s, on a clock that counts from 1970 too.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, Final, Generic, TypeAlias, TypeVar

from noex._arguments import whole_number
from noex._recipe import Recipe
from noex.clock import check_clock, seconds
from noex.ets import SetTable, Store
from noex.kernel import acquire, release, shortened
from noex.typing import Clock, Duration, Number

__all__ = ["RateCounter"]

K = TypeVar("K")

_Ring: TypeAlias = list[Number]
"""Bucket number, its count, next bucket number, its count, ...: ascending, only buckets in which something happened."""

_NONE_LEFT: Any = object()
_ONE: Final = 1
_SMALL_CROWD: Final = 64
_MOST: Final = int(sys.float_info.max)
_SHORTEST: Final = 1e-6
_LONGEST: Final = 1e12


@shortened()
class RateCounter(Recipe, Generic[K]):
    """Events of the last `window` seconds, by key.

    Safe from any thread. The state is a set table, key -> its buckets, which a key leaves when the bucket of its last
    event has left the window; so memory is bounded by the keys of that time x (buckets + 1), and less where keys are
    idle in between. Keys that have become idle are dropped as new ones come, a few at a time.

    Options: `window` (seconds or a `timedelta`), `buckets` (more of them are more exact and take more memory), `name`
    of the table in `store`, `clock`.

    >>> from noex.testing import ManualClock
    >>> clock = ManualClock()
    >>> requests = RateCounter[str](window=60, buckets=60, clock=clock)
    >>> requests.increment("/")
    >>> clock.advance(30)
    30.0
    >>> requests.increment("/", 2)
    >>> requests.count("/")
    3.0
    >>> clock.advance(30.25)  # a quarter of the first event's bucket has left the window
    60.25
    >>> requests.count("/")
    2.75
    """

    __slots__ = (
        "_buckets",
        "_clock",
        "_crowd",
        "_lookup",
        "_round",
        "_started",
        "_table",
        "_window",
    )

    def __init__(
        self,
        window: Duration = 60,
        buckets: int = 60,
        *,
        name: str | None = None,
        store: Store | None = None,
        clock: Clock | None = None,
    ) -> None:
        length = seconds(window, "window", optional=False)
        if not _SHORTEST <= length <= _LONGEST:
            raise ValueError(f"window must be from 1 microsecond to 1e12 seconds, not {window!r}")
        whole_number(buckets, "buckets", 1)
        self._clock = check_clock(clock)
        self._window = round(length * 1_000_000)
        self._buckets = buckets
        self._table = SetTable[K, _Ring](name, store=store, clock=clock)
        self._lookup = self._table.lookup
        self._round: Iterator[K] | None = None  # the keys that are still to be looked at for being idle
        self._crowd = _SMALL_CROWD  # from so many keys on, look for idle ones
        self._started = round(self._clock() * 1_000_000)

    def increment(self, key: K, amount: Number = 1) -> None:
        """Count `amount` events of the key now.

        O(1), atomic.

        Raises:
            TypeError: `amount` is no int or float, or is a bool; `UnhashableKey` when the key has no hash.
            ValueError: `amount` is negative, infinite, NaN, or too large for a float.
            TableClosed: after `close()`.
        """
        if amount is not _ONE:
            _check_amount(amount, key)
        self._increment_at(key, amount, self._clock())

    def _increment_at(self, key: K, amount: Number, now: float) -> None:
        """Count events of the key at that reading of the clock."""
        number = round(now * 1_000_000) * self._buckets // self._window
        oldest = number - self._buckets
        while True:
            ring = self._lookup(key)
            if ring is None:
                if self._table.insert_new(key, [number, amount]):
                    self._look_round(oldest)
                    return
                continue
            acquire()
            try:
                if ring:
                    if number <= ring[-2]:
                        ring[-1] += amount
                    else:
                        ring += (number, amount)
                        while ring[0] < oldest:
                            del ring[:2]
                    return
            finally:
                release()
            self._table.delete_object(key, ring)  # it was found idle and given up

    def count(self, key: K) -> float:
        """Return how many events of the key lie in the window that ends now, 0.0 when there are none.

        O(buckets in use), atomic. The oldest bucket counts in the part that still lies in the window.

        Raises:
            UnhashableKey: the key has no hash.
            TableClosed: after `close()`.

        >>> RateCounter[str]().count("never")
        0.0
        """
        number, rest = divmod(round(self._clock() * 1_000_000) * self._buckets, self._window)
        ring = self._lookup(key)
        if ring is None:
            return 0.0
        acquire()
        try:
            return self._in_window(ring, number, rest)
        finally:
            release()

    def per_second(self, key: K) -> float:
        """Return the events of the key per second, on average over the window.

        O(buckets in use), atomic. A counter younger than its window divides by its age, or by the width of a bucket
        while it is younger than that, so that the rate is not too low until a whole window has passed.

        Raises:
            UnhashableKey: the key has no hash.
            TableClosed: after `close()`.

        >>> from noex.testing import ManualClock
        >>> clock = ManualClock()
        >>> requests = RateCounter[str](window=60, buckets=60, clock=clock)
        >>> requests.increment("/", 30)
        >>> clock.advance(10), requests.per_second("/")
        (10.0, 3.0)
        >>> clock.advance(20), requests.per_second("/")
        (30.0, 1.0)
        """
        now = round(self._clock() * 1_000_000)
        number, rest = divmod(now * self._buckets, self._window)
        watched = min(self._window, max(self._window / self._buckets, now - self._started))
        ring = self._lookup(key)
        if ring is None:
            return 0.0
        acquire()
        try:
            return self._in_window(ring, number, rest) * 1_000_000 / watched
        finally:
            release()

    def top(self, n: int = 10) -> list[tuple[K, float]]:
        """Return the `n` keys with most events in the window and their counts, most first.

        O(keys x buckets in use), one consistent cut. Of equal counts the key that came first stands first; keys
        without an event in the window are left out.

        Raises:
            TypeError: `n` is no int.
            ValueError: `n` is negative.
            TableClosed: after `close()`.

        >>> requests = RateCounter[str]()
        >>> requests.increment("/a"), requests.increment("/b", 5), requests.top(1)
        (None, None, [('/b', 5.0)])
        """
        whole_number(n, "n", 0)
        number, rest = divmod(round(self._clock() * 1_000_000) * self._buckets, self._window)
        acquire()
        try:
            counts = [(key, self._in_window(ring, number, rest)) for key, ring in self._table.to_list()]
        finally:
            release()
        return heapq.nlargest(n, (row for row in counts if row[1]), key=itemgetter(1))

    def keys(self) -> list[K]:
        """Return the keys that are counted at present, in the order in which they came.

        O(keys), atomic. A key vanishes when the bucket of its last event has left the window.

        Raises:
            TableClosed: after `close()`.
        """
        self.sweep()
        return [key for key, _ in self._table.to_list()]

    def sweep(self) -> int:
        """Give back the memory of idle keys at once and return how many there were.

        O(keys). There is no need to call it to bound the memory: new keys look at others in turn.

        Raises:
            TableClosed: after `close()`.
        """
        oldest = round(self._clock() * 1_000_000) * self._buckets // self._window - self._buckets
        return sum(self._drop_if_idle(key, ring, oldest) for key, ring in self._table.to_list())

    def close(self) -> None:
        """Close the table and free its name; every other verb raises `TableClosed` then. May be repeated."""
        self._table.close()

    def _look_round(self, oldest: int) -> None:
        """Look at two keys in turn, and drop those that are idle.

        A round begins when there are twice as many keys as the last one left, and ends before there are three times as
        many; no write does more than this much.
        """
        keys = self._round
        if keys is None:
            if len(self._table) < self._crowd:
                return
            keys = self._round = iter(list(self._table))
        for _ in range(2):
            key = next(keys, _NONE_LEFT)
            if key is _NONE_LEFT:
                self._round = None
                self._crowd = max(2 * len(self._table), _SMALL_CROWD)
                return
            ring = self._lookup(key)
            if ring is not None:
                self._drop_if_idle(key, ring, oldest)

    def _drop_if_idle(self, key: K, ring: _Ring, oldest: int) -> bool:
        """Drop a key whose last event is older than the window; return whether it was.

        Its ring is emptied first, which says to whoever holds it that it is given up.
        """
        acquire()
        try:
            if not ring or ring[-2] >= oldest:
                return False
            ring.clear()
        finally:
            release()
        self._table.delete_object(key, ring)
        return True

    def _in_window(self, ring: _Ring, number: int, rest: int) -> float:
        """Add up a key's buckets as bucket `number` is under way, `rest` / window of it; the caller has the lock."""
        oldest = number - self._buckets
        if not ring or ring[-2] < oldest:
            return 0.0
        while ring[0] < oldest:
            del ring[:2]
        try:
            if ring[0] == oldest:
                return sum(ring[3::2]) + ring[1] * ((self._window - rest) / self._window)
            return float(sum(ring[1::2]))
        except OverflowError:
            return float("inf")

    def __len__(self) -> int:
        """Return the number of keys that are counted at present. O(keys)."""
        self.sweep()
        return len(self._table)

    def __repr__(self) -> str:
        return f"RateCounter(window={self._window / 1_000_000}, buckets={self._buckets}, name={self._table.name!r})"


def _check_amount(amount: object, key: object) -> None:
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        raise TypeError(f"amount must be an int or a float, not {amount!r}, to count events of {key!r}")
    if not 0 <= amount <= _MOST:
        raise ValueError(f"amount must be a finite number of 0 or more, not {amount!r}, to count events of {key!r}")
