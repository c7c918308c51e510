"""How does the cost of a verb grow with the table, next to how a dict's grows, and to the logarithm of the size?

Tables of several sizes stand side by side and take turns. Keys are made anew before each run, as those of a service
are that come with its requests: no hash is known yet, and nothing of a row is in the processor's caches. What grows in
a dict is the wait for memory, and a table is to add to that 1.3 times as much at most; an ordered table's cost is to
stay within 1.3 times the growth of the logarithm.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import partial
from typing import Any

from _measure import Fresh, Timer, each, environment, medians, options, ratio, rounds, verdict

from noex import ets

BAR = 1.3


def fill(container: Any, rows: int) -> Any:
    """Put the rows into a dict or a table, in random order, a part at a time: all pairs at once would take room."""
    update: Any = getattr(container, "insert_many" if hasattr(container, "insert_many") else "update")
    numbers = list(range(rows))
    random.Random(1).shuffle(numbers)
    for start in range(0, rows, 100_000):
        update([(f"user:{number}", number) for number in numbers[start : start + 100_000]])
    return container


def fresh_keys(rows: int, calls: int) -> Callable[[], list[str]]:
    """Return what makes keys that are there, others each time."""
    rng = random.Random(2)
    return lambda: [f"user:{rng.randrange(rows)}" for _ in range(calls)]


def verbs(rows: int, calls: int) -> dict[tuple[str, str], Timer]:
    """Return timers by verb and container, over that many rows."""
    keys = Fresh(fresh_keys(rows, calls))
    d: dict[str, int] = fill({}, rows)
    table: ets.SetTable[str, int] = fill(ets.SetTable[str, int](), rows)
    ordered: ets.OrderedSetTable[str, int] = fill(ets.OrderedSetTable[str, int](), rows)
    numbers = Fresh(partial(random.Random(3).choices, range(rows), k=calls))
    return {
        ("lookup", "dict"): each("f(key)", keys, f=d.get),
        ("lookup", "set"): each("f(key)", keys, f=table.lookup),
        ("insert", "dict"): each("d[key] = 1", keys, d=d),
        ("insert", "set"): each("f(key, 1)", keys, f=table.insert),
        ("delete, insert", "dict"): each("del d[key]; d[key] = 1", keys, d=d),
        ("delete, insert", "set"): each("f(key); g(key, 1)", keys, f=table.delete, g=table.insert),
        ("lookup", "ordered_set"): each("f(key)", keys, f=ordered.lookup),
        ("insert", "ordered_set"): each("f(key, 1)", keys, f=ordered.insert),
        ("delete, insert", "ordered_set"): each("f(key); g(key, 1)", keys, f=ordered.delete, g=ordered.insert),
        ("next", "ordered_set"): each("f(key)", keys, f=ordered.next),
        ("rank", "ordered_set"): each("f(key)", keys, f=ordered.rank),
        ("at", "ordered_set"): each("f(i)", numbers, "i", f=ordered.at),
    }


def main() -> None:
    """Print one line per verb and size."""
    chosen = options(calls=20_000, rounds=9)
    sizes = [100_000, 1_000_000] + ([10_000_000] if chosen.full else [])
    print(environment())
    print(f"nanoseconds each; growth since {sizes[0]:,} rows: median of {chosen.rounds} interleaved rounds (quartiles)")
    print("and beside it what growth is allowed for: 1.3 times a dict's, or 1.3 times the logarithm's\n")
    tables = {rows: verbs(rows, chosen.calls) for rows in sizes}
    print(f"{'verb':<30} {'rows':>11} {'each':>8} {'growth':>18} {'of':>18}   bar")
    for verb, kind in (key for key in tables[sizes[0]] if key[1] != "dict"):
        kinds = (kind,) if kind == "ordered_set" else (kind, "dict")
        timers = {f"{name} {rows}": tables[rows][verb, name] for rows in sizes for name in kinds}
        seconds = rounds(timers, chosen.rounds)
        middle = medians(seconds)
        for rows in sizes:
            mine = ratio(seconds[f"{kind} {rows}"], seconds[f"{kind} {sizes[0]}"])
            line = f"{f'{kind}: {verb}':<30} {rows:>11,} {middle[f'{kind} {rows}'] / chosen.calls * 1e9:>8.0f}"
            if rows > sizes[0]:
                if kind == "set":
                    its = ratio(seconds[f"dict {rows}"], seconds[f"dict {sizes[0]}"]).median
                    peer = f"dict {its:.2f}"
                else:
                    its = math.log(rows) / math.log(sizes[0])
                    peer = f"log n {its:.2f}"
                line += f" {mine!s:>18} {peer:>18}   {mine.median / its:.2f} {verdict(mine.median / its, BAR)}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
