"""A rate counter: how many in the last minute?

The problem: keeping the time of each event answers that exactly, and costs memory for each event. Counting by minute
of the clock costs nothing, and forgets everything at each full minute. In between lie buckets: a window of 60 s in 12
buckets of 5 s, where the oldest bucket counts for as much as is still inside the window.

One ordered set table does it. Its key is `(what, number of the bucket)`, so that the buckets of one counter lie side
by side, and are read as one range. Each bucket has a lifetime: the window moves on by itself.

Run it: python examples/rate_counter.py
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right

from noex import ets
from noex.testing import ManualClock
from noex.typing import Clock


class RateCounter:
    """Events per key within the last `window` seconds, in so many `buckets`."""

    def __init__(self, *, window: float, buckets: int, clock: Clock) -> None:
        if not (0 < window < math.inf and buckets >= 1):
            raise ValueError(f"window must be above 0 and buckets 1 or more, not {window} and {buckets}")
        self._window = window
        self._width = window / buckets
        self._clock = clock
        self._started = clock()
        # A bucket is needed until its last moment has left the window: one width longer than the window. After that
        # it goes by itself, and with it the keys that nobody asks for any more: memory is bounded by the keys of one
        # window. Cleaning up at every tenth call, by chance, would bound nothing.
        self._buckets = ets.OrderedSetTable[tuple[str, int], int](ttl=window + self._width, clock=clock)

    def increment(self, key: str, amount: int = 1) -> None:
        """Count an event. O(log n)."""
        if amount < 0:
            raise ValueError(f"events cannot be taken back: amount must be 0 or more, not {amount}")
        # One step: a bucket that is not there yet starts at 0, and its lifetime starts with it.
        self._buckets.update_counter((key, int(self._clock() // self._width)), amount)

    def count(self, key: str) -> float:
        """Return the number of events in the window; the error is at most what the oldest bucket holds."""
        # Read the clock once: two readings could lie on both sides of a bucket's end.
        now = self._clock()
        start = now - self._window
        oldest, newest = int(start // self._width), int(now // self._width)
        total = 0.0
        for (_, bucket), events in self._buckets.range((key, oldest), (key, newest), bounds="[]"):
            # Trap: leaving out the bucket that is half outside would forget events of the last minute, and taking it
            # in would count events that are older. It counts by the part of it that is inside.
            inside = 1.0 if bucket > oldest else (oldest + 1) - start / self._width
            total += events * inside
        return total

    def per_second(self, key: str) -> float:
        """Return the rate."""
        # Trap: a counter that has run for 2 s and is divided by 60 shows a thirtieth of the rate.
        seconds = min(self._window, max(self._clock() - self._started, self._width))
        return self.count(key) / seconds

    def busiest(self, n: int) -> list[tuple[str, float]]:
        """Return the keys with the most events, the largest first, equal ones by name. O(keys)."""
        keys = {key for key, _ in self._buckets}
        return sorted(((key, self.count(key)) for key in keys), key=lambda pair: (-pair[1], pair[0]))[:n]

    def __len__(self) -> int:
        """Return the number of buckets held."""
        return len(self._buckets)


def show_the_window_moving(clock: ManualClock) -> None:
    """Count twelve events at once, and watch them leave."""
    rates = RateCounter(window=60, buckets=12, clock=clock)
    rates.increment("/", 12)
    print("Twelve requests at second 0:")
    for moment in (0, 30, 59, 60, 61, 62.5, 64, 65):
        clock.advance_to(moment)
        print(f"  second {moment:>4}: {rates.count('/'):g}")
    print("  buckets held:", len(rates))


def show_a_steady_rate(clock: ManualClock) -> None:
    """Count two events a second for three minutes."""
    rates = RateCounter(window=60, buckets=12, clock=clock)
    print("Two requests each second:")
    for second in range(181):
        if second in {0, 1, 10, 59, 60, 180}:
            print(f"  second {second:>3}: {rates.count('/'):g} in the window, {rates.per_second('/'):g} per second")
        rates.increment("/", 2)
        clock.advance(1)
    print("  buckets held:", len(rates))


def show_how_exact_it_is(clock: ManualClock) -> None:
    """Compare with the exact answer, over random arrivals."""
    chance = random.Random(7)  # noqa: S311  # arrivals, no secrets
    rates = RateCounter(window=60, buckets=12, clock=clock)
    times: list[float] = []
    worst = 0.0
    for _ in range(2000):
        clock.advance(chance.expovariate(10))
        rates.increment("/")
        times.append(clock())
        exact = len(times) - bisect_right(times, clock() - 60)
        worst = max(worst, abs(rates.count("/") - exact) / exact)
    print(f"Ten a second at random, against the times of all events: never off by more than {worst:.1%}")


def show_many_keys(clock: ManualClock) -> None:
    """Count many addresses: those that stay away are forgotten."""
    rates = RateCounter(window=60, buckets=12, clock=clock)
    for number in range(1000):
        rates.increment(f"10.0.{number // 256}.{number % 256}")
    clock.advance(65)
    for host, amount in (("10.0.0.7", 30), ("10.0.0.9", 2), ("10.0.0.10", 2)):
        rates.increment(host, amount)
    print("Of 1000 hosts, three came back:", rates.busiest(5), "- buckets held:", len(rates))


def main() -> None:
    """Show it all, on a clock that is turned by hand."""
    show_the_window_moving(ManualClock())
    show_a_steady_rate(ManualClock())
    show_how_exact_it_is(ManualClock())
    show_many_keys(ManualClock())


if __name__ == "__main__":
    main()

# The recipe that does this for you: noex.RateCounter.
