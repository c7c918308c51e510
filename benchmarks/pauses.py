"""How long is the longest pause when a tenth of a large table expires at one instant?

Every call around that instant is timed by itself: inserts over live rows and where rows have expired, lookups of live
and expired rows, deletes. The collector of cyclic garbage is off, and the dict below the table has room enough, so
that no resize is due; what a dict's own resize costs at this size stands beside it. Two clocks run: that on the wall,
and that of the processor's time in this thread, which stops while another program has the processor. The bar is about
the latter, for the former depends on what else the machine does; the last lines say both, and only the one that is
judged has a verdict.
"""

from __future__ import annotations

import gc
import random
import sys
import time
from array import array
from bisect import bisect_right
from collections.abc import Callable
from typing import Any

from _measure import environment, options, verdict

from noex import ets

BAR_MS = 5.0
TTL = 1000.0
LIMITS = (500, 1_000, 2_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000)
"""Nanoseconds: the columns of the histogram."""


class Times:
    """How long the calls of one kind took, each of them: nanoseconds on the wall, and of the processor."""

    def __init__(self) -> None:
        self.wall = array("q")
        self.processor = array("q")

    def line(self, title: str) -> str:
        """Return how many calls took how long, and the longest."""
        counts = [0] * (len(LIMITS) + 1)
        for taken in self.wall:
            counts[bisect_right(LIMITS, taken)] += 1
        cells = " ".join(f"{count or '.':>7}" for count in counts)
        return f"{title:<26} {cells}   {max(self.wall) / 1e6:>9.3f} {max(self.processor) / 1e6:>9.3f}"


class Calls:
    """Calls verbs of a table and notes how long each call takes."""

    def __init__(self) -> None:
        self.times: dict[str, Times] = {}

    def note(self, what: str, function: Callable[..., object], *arguments: object) -> None:
        """Call the function."""
        times = self.times.setdefault(what, Times())
        processor, wall = time.thread_time_ns, time.perf_counter_ns
        busy = processor()
        start = wall()
        function(*arguments)
        end = wall()
        times.processor.append(processor() - busy)
        times.wall.append(end - start)

    def longest(self) -> tuple[float, float]:
        """Return how long the longest call took, in milliseconds: of the processor, and on the wall."""
        processor = max(max(times.processor) for times in self.times.values())
        return processor / 1e6, max(max(times.wall) for times in self.times.values()) / 1e6


def table_of(lasting: list[str], ending: list[str], now: list[float]) -> ets.SetTable[str, int]:
    """Return a table in which some rows last and some end, all at one instant, mixed with each other."""

    def clock() -> float:
        return now[0]

    table = ets.SetTable[str, int](clock=clock)
    every = len(lasting) // len(ending)
    for number, key in enumerate(ending):
        for other in lasting[number * every : (number + 1) * every]:
            table.insert(other, 0)
        table.insert(key, 0, ttl=TTL)
    table.insert_many((key, 0) for key in lasting[len(ending) * every :])
    return table


def work(table: ets.SetTable[str, int], lasting: list[str], ending: list[str], turns: range) -> Calls:
    """Call each verb once a turn, and note the times."""
    calls = Calls()
    note, insert, lookup, delete = calls.note, table.insert, table.lookup, table.delete
    for turn in turns:
        note("insert", insert, lasting[turn], 1)
        note("insert, other key", insert, ending[turn], 1)
        note("lookup", lookup, lasting[-turn - 1])
        note("lookup, other key", lookup, ending[-turn - 1])
        note("delete", delete, lasting[len(lasting) // 2 + turn])
    return calls


def resize(keys: list[str]) -> Calls:
    """Fill a dict until it grows once more, and time that."""
    d: dict[str, int] = dict.fromkeys(keys, 0)
    size, number = sys.getsizeof(d), 0
    calls = Calls()
    set_item: Any = d.__setitem__
    while sys.getsizeof(d) == size:
        calls.times.clear()
        calls.note("a dict's resize", set_item, f"other:{number}", 0)
        number += 1
    return calls


def main() -> None:
    """Print a histogram before and after the instant."""
    chosen = options(rows=1_000_000, turns=0)
    rows = 10_000_000 if chosen.full else chosen.rows
    print(environment())
    rng = random.Random(1)
    keys = [f"user:{number}" for number in range(rows)]
    rng.shuffle(keys)
    expiring = rows // 10
    turns = chosen.turns or expiring // 6  # two writes a turn that free some; with what they do, most are gone by then
    gc.disable()
    growing = resize(keys)
    now = [0.0]
    ending, lasting = keys[:expiring], keys[expiring:]
    table = table_of(lasting, ending, now)
    before = work(table, lasting, ending, range(turns // 10))
    now[0] = TTL
    after = work(table, lasting, ending, range(turns // 10, turns + turns // 10))

    print(f"{rows:,} rows, of which {expiring:,} expire at one instant; {turns:,} calls of each verb after it")
    print("how many calls took less than so many microseconds, and the longest call in milliseconds\n")
    titles = " ".join(f"{limit / 1000:>7g}" for limit in LIMITS)
    print(f"{'':<26} {titles} {'more':>7}   {'wall':>9} {'processor':>9}")
    for title, calls in (("before", before), ("after", after)):
        for what, times in calls.times.items():
            print(times.line(f"{title}: {what}"))
    print(growing.times["a dict's resize"].line("a dict's resize"))
    processor, wall = after.longest()
    print("\nlongest call after the instant, in milliseconds:")
    print(f"  of the processor's time in the thread: {processor:.3f}  {verdict(processor, BAR_MS)}")
    print(f"  on the wall, which is not judged:      {wall:.3f}")
    started = time.perf_counter_ns()
    live = len(table)
    print(f"then len(t), which is exact: {live:,} in {(time.perf_counter_ns() - started) / 1e6:.3f} ms")


if __name__ == "__main__":
    main()
