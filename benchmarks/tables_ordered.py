"""What do the verbs of an `OrderedSetTable` cost, next to `sortedcontainers.SortedDict` doing the same?

Where a SortedDict can do it in several ways, the quickest in the same run is the one that counts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, TypeAlias

from _measure import Case, Fresh, compare, each, environment, once, options, shuffled_keys
from sortedcontainers import SortedDict

from noex import ets

WIDTH = 100
"""Rows in a range."""

Keys: TypeAlias = list[Any]
Table: TypeAlias = ets.OrderedSetTable[Any, int]


def filled(pairs: list[tuple[Any, int]]) -> Table:
    """Return a table of the pairs."""
    table = ets.OrderedSetTable[Any, int]()
    table.insert_many(pairs)
    return table


def inserts(what: str, keys: Keys) -> Iterator[Case]:
    """Yield writing."""
    rows = len(keys)
    ours = each("f(key, 1)", keys, f=Fresh(lambda: ets.OrderedSetTable[Any, int]().insert))
    theirs = each("d[key] = 1", keys, d=Fresh(SortedDict[Any, int]))
    yield Case(f"insert, random order, {what}", ours, {"SortedDict: d[key] = v": theirs}, rows, 0.3)


def neighbours(what: str, keys: Keys, table: Table, sd: SortedDict[Any, int]) -> Iterator[Case]:
    """Yield finding the row after a key, and rows in a range."""
    last = max(keys)
    but_last = [key for key in keys if key != last]
    peers = {
        "SortedDict: peekitem(bisect_right(key))": each(
            "peek(bisect(key))", but_last, peek=sd.peekitem, bisect=sd.bisect_right
        ),
        "SortedDict: k = keys[bisect_right(key)]; d[k]": each(
            "k = keys[bisect(key)]; d[k]", but_last, keys=sd.keys(), bisect=sd.bisect_right, d=sd
        ),
        "SortedDict: k = next(irange(key)); d[k]": each(
            "k = next(irange(key, None, (False, False))); d[k]", but_last, irange=sd.irange, next=next, d=sd
        ),
    }
    yield Case(f"next, {what}", each("f(key)", but_last, f=table.next), peers, len(but_last), 0.35)

    order = sorted(keys)
    starts = random.Random(2).sample(range(len(order) - WIDTH), min(1000, len(order) - WIDTH))
    ranges = [(order[start], order[start + WIDTH - 1]) for start in starts]
    ours = each('f(low, high, bounds="[]")', ranges, "low, high", f=table.range)
    comprehension = each("[(k, d[k]) for k in irange(low, high)]", ranges, "low, high", d=sd, irange=sd.irange)
    peers = {"[(k, d[k]) for k in d.irange(lo, hi)]": comprehension}
    yield Case(f"range of {WIDTH}, by the row, {what}", ours, peers, len(ranges) * WIDTH, 0.35)


def positions(keys: Keys, table: Table, sd: SortedDict[Any, int]) -> Iterator[Case]:
    """Yield what is about positions."""
    rows = len(keys)
    numbers = list(range(rows))
    random.Random(3).shuffle(numbers)
    bisect = {"SortedDict.bisect_left": each("f(key)", keys, f=sd.bisect_left)}
    yield Case("rank", each("f(key)", keys, f=table.rank), bisect, rows, 0.5)
    peek = {"SortedDict.peekitem": each("f(i)", numbers, "i", f=sd.peekitem)}
    yield Case("at", each("f(i)", numbers, "i", f=table.at), peek, rows, 0.5)
    first = {"SortedDict.peekitem(0)": each("f(0)", keys, f=sd.peekitem)}
    yield Case("first", each("f()", keys, f=table.first), first, rows)


def rest(keys: Keys, table: Table, sd: SortedDict[Any, int]) -> Iterator[Case]:
    """Yield what sets and ordered sets both do, and what a queue does."""
    rows, pairs = len(keys), [(key, 0) for key in keys]
    yield Case("lookup", each("f(key)", keys, f=table.lookup), {"SortedDict.get": each("f(key)", keys, f=sd.get)}, rows)
    store = {"SortedDict: d[key] = v": each("d[key] = 1", keys, d=sd)}
    yield Case("insert, over what is there", each("f(key, 1)", keys, f=table.insert), store, rows)
    count = {"SortedDict: d[key] = d.get(key, 0) + 1": each("d[key] = d.get(key, 0) + 1", keys, d=sd)}
    yield Case("update_counter", each("f(key)", keys, f=table.update_counter), count, rows)
    again = each("delete(key); insert(key, 1)", keys, delete=table.delete, insert=table.insert)
    theirs = {"SortedDict: del d[key]; d[key] = v": each("del d[key]; d[key] = 1", keys, d=sd)}
    yield Case("delete, insert", again, theirs, rows)
    pops = {"SortedDict.popitem(0)": each("f(0)", keys, f=Fresh(lambda: SortedDict(pairs).popitem))}
    yield Case("pop_first", each("f()", keys, f=Fresh(lambda: filled(pairs).pop_first)), pops, rows)
    ours, update = once("f(items)", f=table.insert_many, items=pairs), once("f(items)", f=sd.update, items=pairs)
    yield Case("insert_many, over what is there", ours, {"SortedDict.update": update}, rows)
    items = {"for k, v in SortedDict.items()": each("pass", Fresh(lambda: iter(sd.items())), "k, v")}
    yield Case("for k, v in t.items()", each("pass", Fresh(lambda: iter(table.items())), "k, v"), items, rows)


def main() -> None:
    """Print one line per verb."""
    chosen = options(rows=100_000, rounds=9)
    print(environment())
    print(f"{chosen.rows:,} rows; str keys are `user:N`, in random order")
    strings = shuffled_keys(chosen.rows)
    integers = list(range(chosen.rows))
    random.Random(1).shuffle(integers)

    def cases() -> Iterator[Case]:
        yield from inserts("str", strings)
        yield from inserts("int", integers)
        for what, keys in (("str", strings), ("int", integers)):
            pairs: list[tuple[Any, int]] = [(key, 0) for key in keys]
            yield from neighbours(what, keys, filled(pairs), SortedDict(pairs))
        pairs = [(key, 0) for key in strings]
        table, sd = filled(pairs), SortedDict(pairs)
        yield from positions(strings, table, sd)
        yield from rest(strings, table, sd)

    compare(cases(), chosen.rounds)


if __name__ == "__main__":
    main()
