"""What do the verbs of tables cost, next to a dict and to `sortedcontainers.SortedDict` doing the same?

String keys `user:N`, 100,000 rows. A ratio of 2 means twice as long as the peer, which keeps no promise to threads.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from _measure import environment, medians, rounds
from sortedcontainers import SortedDict

from noex import ets

ROWS = 100_000
ROUNDS = 7
CALLS = 20_000


def loop(statement: str, **names: Any) -> Callable[[], None]:
    """Return a function that runs the statement for each of `keys`, compiled for itself: none gets in another's way."""
    source = f"def run():\n    for key in keys:\n        {statement}\n"
    exec(source, names)  # noqa: S102 - the statements are those below
    run: Callable[[], None] = names["run"]
    return run


def cases() -> Iterator[tuple[str, str, Callable[[], None], Callable[[], None]]]:
    """Yield the verb, its peer, and a run of each."""
    rng = random.Random(1)
    pairs = [(f"user:{number}", 0) for number in range(ROWS)]
    keys = rng.sample([key for key, _ in pairs], CALLS)
    d, sd = dict(pairs), SortedDict(pairs)
    table, timed = ets.SetTable[str, int](), ets.SetTable[str, int](ttl=3600)
    ordered = ets.OrderedSetTable[str, int]()
    for t in (table, timed, ordered):
        t.insert_many(pairs)

    get = loop("get(key)", keys=keys, get=d.get)
    put = loop("d[key] = 1", keys=keys, d=d)
    yield "SetTable.lookup", "dict.get", loop("f(key)", keys=keys, f=table.lookup), get
    yield "SetTable.lookup, with a ttl", "dict.get", loop("f(key)", keys=keys, f=timed.lookup), get
    yield "key in SetTable", "key in dict", loop("key in t", keys=keys, t=table), loop("key in d", keys=keys, d=d)
    yield "SetTable.insert", "d[key] = v", loop("f(key, 1)", keys=keys, f=table.insert), put
    yield "SetTable.insert, with a ttl", "d[key] = v", loop("f(key, 1)", keys=keys, f=timed.insert), put
    count = loop("d[key] = d.get(key, 0) + 1", keys=keys, d=d)
    yield (
        "SetTable.update_counter",
        "d[key] = d.get(key, 0) + 1",
        loop("f(key)", keys=keys, f=table.update_counter),
        count,
    )

    ours = loop("t.delete(key); t.first(); t.insert(key, 1); t.first()", keys=keys, t=ordered)
    theirs = loop("del d[key]; d.peekitem(0); d[key] = 1; d.peekitem(0)", keys=keys, d=sd)
    yield "OrderedSetTable: delete, first, insert, first", "SortedDict", ours, theirs
    yield (
        "OrderedSetTable.rank",
        "SortedDict.bisect_left",
        loop("f(key)", keys=keys, f=ordered.rank),
        loop("f(key)", keys=keys, f=sd.bisect_left),
    )
    yield (
        "OrderedSetTable.next",
        "SortedDict: bisect_right, peekitem",
        loop("f(key)", keys=keys, f=ordered.next),
        loop("d.peekitem(d.bisect_right(key)) if key < last else None", keys=keys, d=sd, last=max(d)),
    )


def main() -> None:
    """Print one line per verb."""
    print(environment())
    print(f"nanoseconds per call, median of {ROUNDS} interleaved rounds, {ROWS:,} rows\n")
    print(f"{'noex':<46} {'peer':<36} {'noex':>7} {'peer':>7} {'ratio':>6}")
    for verb, other, ours, theirs in cases():
        measured = medians(rounds({"noex": ours, "peer": theirs}, ROUNDS))
        mine, its = (measured[name] / CALLS * 1e9 for name in ("noex", "peer"))
        print(f"{verb:<46} {other:<36} {mine:>7.0f} {its:>7.0f} {mine / its:>6.2f}")


if __name__ == "__main__":
    main()
