"""Counters: how often did that happen?

The problem: count requests, log-ins, failures, from any thread, and lose none. `counts[key] += 1` on a dict is two
steps, a read and a write; whoever comes in between is forgotten. A table counts in one step: `update_counter`.

Run it: python examples/counters.py
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

from noex import ets
from noex.errors import CounterTypeError
from noex.testing import ManualClock


def show_counting() -> None:
    """Count up, down and by any step; read, and read what was never counted."""
    print("Counting:")
    counts = ets.SetTable[str, int]()
    # A key that is not there counts from 0 (`default=` for another start), so no counter has to be set up.
    print("  requests:", counts.update_counter("requests"), counts.update_counter("requests"))
    print(
        "  bytes:", counts.update_counter("bytes", 512), "- credits:", counts.update_counter("credits", -1, default=10)
    )
    # What was never counted is absent, and absent means 0 here: say so where it is read.
    print("  errors:", counts.lookup("errors", default=0))
    # Python's ints have no end, so neither has a counter.
    print("  large:", counts.update_counter("large", 2**64))


def show_threads() -> None:
    """Count in four threads at once."""
    counts = ets.SetTable[str, int]()

    def work() -> None:
        for _ in range(1000):
            # Trap: counts["hits"] = counts.lookup("hits", default=0) + 1
            counts.update_counter("hits")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("Four threads, 1000 each:", counts["hits"])


def show_reporting() -> None:
    """Hand counts on and start again, without losing what comes in between."""
    print("Reporting once a minute:")
    counts = ets.SetTable[str, int]()
    for path in ("/", "/", "/about"):
        counts.update_counter(path)
    # Trap: reading a counter and then setting it to 0 loses what was counted in between. `take` reads and removes in
    # one step: each event is in exactly one report.
    report = {path: counts.take(path, default=0) for path in sorted(counts)}
    print("  first report:", report)
    counts.update_counter("/")
    print("  second report:", {path: counts.take(path, default=0) for path in sorted(counts)})


def show_numbers_in_turn() -> None:
    """Give out numbers in turn: a counter that starts again beyond a threshold."""
    lanes = ets.SetTable[str, int]()
    turns = [lanes.update_counter("lane", threshold=2, reset_to=0, default=-1) for _ in range(7)]
    # "Beyond" is strict: 2 is allowed, 3 becomes 0.
    print("Three lanes in turn:", turns)


def show_lifetimes(clock: ManualClock) -> None:
    """Count failed log-ins within a quarter of an hour from the first one."""
    print("Failed log-ins:")
    failures = ets.SetTable[str, int](clock=clock)
    # The lifetime starts with the first count and is kept by the others. It also bounds the table: names that are
    # tried once, by the million, are gone after 15 minutes.
    tries = [failures.update_counter("ada", ttl=900) for _ in range(3)]
    print("  at once:", tries)
    clock.advance(899)
    print("  after 899 s:", failures.update_counter("ada", ttl=900))
    clock.advance(1)
    print("  after 900 s:", failures.update_counter("ada", ttl=900))


@contextmanager
def in_flight(gauges: ets.SetTable[str, int], name: str) -> Generator[None, None, None]:
    """Count what is under way: up at the start, down at the end, also when it fails."""
    gauges.update_counter(name)
    try:
        yield
    finally:
        gauges.update_counter(name, -1)


def show_in_flight() -> None:
    """Count requests that are being answered right now."""
    gauges = ets.SetTable[str, int]()
    with in_flight(gauges, "requests"), in_flight(gauges, "requests"):
        print("Under way:", gauges["requests"])
    try:
        with in_flight(gauges, "requests"):
            int("no number")
    except ValueError:
        print("Under way after a failure:", gauges["requests"])


def show_what_is_refused() -> None:
    """Try to count what is no number: the table stays as it was."""
    print("Refused:")
    table = ets.SetTable[str, object]()
    table.insert("name", "Ada")
    table.insert("flag", True)
    for key, step in (("name", 1), ("flag", 1), ("total", float("nan"))):
        try:
            table.update_counter(key, step)
        except (CounterTypeError, ValueError) as error:
            print(f"  {type(error).__name__}: {error}")
    print("  unchanged:", sorted(table.items()))


def main() -> None:
    """Show it all."""
    show_counting()
    show_threads()
    show_reporting()
    show_numbers_in_turn()
    show_lifetimes(ManualClock())
    show_in_flight()
    show_what_is_refused()


if __name__ == "__main__":
    main()

# The recipe that does this for you: noex.Counters.
