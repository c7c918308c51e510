"""What does a query of a table cost, next to a comprehension over a dict that builds the same list of entries?

The rows are dicts with a name and an age; the first query matches 80 % of them. The bar is for the comprehension that
anybody would write, which calls the class `Entry`. One can build entries past the class, too, from key and value or
from the item: where no bar stands, the quickest way of the three is the peer.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, TypeAlias

from _measure import Case, Timer, compare, environment, once, options, shuffled_keys

from noex import ets
from noex.ets import Entry, row
from noex.typing import new_entry

Person: TypeAlias = dict[str, Any]

ADULT = 18
OLD = 89


def people(rows: int) -> dict[str, Person]:
    """Return rows of whom 80 % are 18 or older, and 1 % are 89."""
    rng = random.Random(4)
    ages = [rng.randrange(ADULT) if number % 5 == 0 else rng.randrange(ADULT, OLD) for number in range(rows)]
    ages[1::100] = [OLD] * len(ages[1::100])
    return {key: {"name": key.title(), "age": age} for key, age in zip(shuffled_keys(rows), ages, strict=True)}


def comprehensions(test: str, d: dict[str, Person]) -> dict[str, Timer]:
    """Return the peers: the comprehension over a dict, in all ways."""
    called = f"[Entry(k, v) for k, v in d.items() if {test}]"
    made = f"[new(Entry, (k, v)) for k, v in d.items() if {test}]"
    taken = f"[new(Entry, item) for item in d.items() if {test.replace('v[', 'item[1][')}]"
    return {
        "[Entry(k, v) for ... if ...]": once(called, d=d, Entry=Entry),
        "[new(Entry, (k, v)) for ... if ...]": once(made, d=d, Entry=Entry, new=new_entry),
        "[new(Entry, item) for ... if ...]": once(taken, d=d, Entry=Entry, new=new_entry),
    }


def cases(d: dict[str, Person]) -> Iterator[Case]:
    """Yield the queries."""
    rows = len(d)
    table, ordered = ets.SetTable[str, Person](), ets.OrderedSetTable[str, Person]()
    indexed = ets.SetTable[str, Person]()
    for t in (table, ordered, indexed):
        t.insert_many(d)
    indexed.add_index("age", "age", ordered=True)
    adults = row.field("age") >= ADULT
    peers = comprehensions(f"v['age'] >= {ADULT}", d)
    old = comprehensions(f"v['age'] == {OLD}", d)
    matching = len(table.select(row.field("age") == OLD))

    called = dict(list(peers.items())[:1])
    yield Case("select(field >= 18)", once("f(where)", f=table.select, where=adults), called, rows, 0.35)
    yield Case("select(field >= 18)", once("f(where)", f=table.select, where=adults), peers, rows)
    yield Case("ordered: select(field >= 18)", once("f(where)", f=ordered.select, where=adults), peers, rows)
    both = (row.field("age") >= ADULT) & row.field("name").startswith("User:1")
    prefix = comprehensions(f"v['age'] >= {ADULT} and v['name'].startswith('User:1')", d)
    yield Case("select((field >= 18) & startswith)", once("f(where)", f=table.select, where=both), prefix, rows)
    counted = {"sum(1 for v in d.values() if ...)": once(f"sum(1 for v in d.values() if v['age'] >= {ADULT})", d=d)}
    yield Case("count(field >= 18)", once("f(where)", f=table.count, where=adults), counted, rows)
    callable_test = once("f(lambda k, v: v['age'] >= limit)", f=table.select, limit=ADULT)
    yield Case("select(lambda k, v: ...)", callable_test, peers, rows)
    equal = row.field("age") == OLD
    yield Case("select(field == 89), 1 % of the rows", once("f(where)", f=table.select, where=equal), old, rows)
    by_index = once("f(where)", f=indexed.select, where=equal)
    yield Case("the same, by index, by the match", by_index, old, matching)
    yield Case("select(field >= 18), by index", once("f(where)", f=indexed.select, where=adults), peers, rows)


def main() -> None:
    """Print one line per query."""
    chosen = options(rows=100_000, rounds=9)
    print(environment())
    print(f"{chosen.rows:,} rows; by the row that is looked at, unless it says otherwise")
    compare(cases(people(chosen.rows)), chosen.rounds)


if __name__ == "__main__":
    main()
