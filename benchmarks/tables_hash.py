"""What do the verbs of a `SetTable` cost, next to a dict doing the same?

String keys `user:N`, all rows in random order. A dict keeps none of the promises that a table makes to threads.
"""

from __future__ import annotations

from collections.abc import Iterator

from _measure import Case, Fresh, compare, each, environment, once, options, shuffled_keys

from noex import ets

HOUR = 3600


def filled(pairs: list[tuple[str, int]], ttl: float | None = None) -> ets.SetTable[str, int]:
    """Return a table of the pairs."""
    table = ets.SetTable[str, int](ttl=ttl)
    table.insert_many(pairs)
    return table


def single(keys: list[str]) -> Iterator[Case]:
    """Yield the verbs of one key that leave all keys where they are."""
    pairs = [(key, 0) for key in keys]
    rows = len(keys)
    d, table, timed = dict(pairs), filled(pairs), filled(pairs, HOUR)

    look, put = each("f(key)", keys, f=table.lookup), each("f(key, 1)", keys, f=table.insert)
    get, store = each("f(key)", keys, f=d.get), each("d[key] = 1", keys, d=d)
    yield Case("lookup", look, {"dict.get": get}, rows, 1.15)
    yield Case("t[key]", each("t[key]", keys, t=table), {"d[key]": each("d[key]", keys, d=d)}, rows)
    yield Case("insert", put, {"d[key] = v": store}, rows, 1.35)
    yield Case("t[key] = v", each("t[key] = 1", keys, t=table), {"d[key] = v": store}, rows)
    contains = each("f(key)", keys, f=d.__contains__)
    yield Case("member", each("f(key)", keys, f=table.member), {"dict.__contains__": contains}, rows, 1.2)
    inside = each("key in d", keys, d=d)
    yield Case("key in t", each("key in t", keys, t=table), {"key in d": inside}, rows, 1.2)
    count = each("d[key] = d.get(key, 0) + 1", keys, d=d)
    idiom = {"d[key] = d.get(key, 0) + 1": count}
    yield Case("update_counter", each("f(key)", keys, f=table.update_counter), idiom, rows, 1.2)
    yield Case("lookup, with a ttl", each("f(key)", keys, f=timed.lookup), {"lookup, without": look}, rows, 1.5)
    insert = each("f(key, 1)", keys, f=timed.insert)
    yield Case("insert, with a ttl", insert, {"insert, without": put}, rows, 2.5)
    insert = each("f(key, 1, ttl=60)", keys, f=timed.insert)
    yield Case("insert(..., ttl=60)", insert, {"insert, without": put}, rows)
    insert = each("f(key)", keys, f=timed.update_counter)
    yield Case("update_counter, with a ttl", insert, {"without": each("f(key)", keys, f=table.update_counter)}, rows)


def coming_and_going(keys: list[str]) -> Iterator[Case]:
    """Yield what begins with an empty table or makes it one."""
    pairs = [(key, 0) for key in keys]
    rows = len(keys)
    one, other = Fresh(lambda: ets.SetTable[str, int]().insert), Fresh(dict)
    fill = each("d[key] = 1", keys, d=other)
    yield Case("insert, from empty", each("f(key, 1)", keys, f=one), {"d[key] = v": fill}, rows)
    one = Fresh(lambda: ets.SetTable[str, int](ttl=HOUR).insert)
    unlimited = each("f(key, 1)", keys, f=Fresh(lambda: ets.SetTable[str, int]().insert))
    yield Case("insert, from empty, with a ttl", each("f(key, 1)", keys, f=one), {"insert, without": unlimited}, rows)
    remove = {"dict.pop(key, None)": each("f(key, None)", keys, f=Fresh(lambda: dict(pairs).pop))}
    yield Case("delete", each("f(key)", keys, f=Fresh(lambda: filled(pairs).delete)), remove, rows)
    yield Case("take", each("f(key)", keys, f=Fresh(lambda: filled(pairs).take)), remove, rows)
    remove = {"del d[key]": each("del d[key]", keys, d=Fresh(lambda: dict(pairs)))}
    yield Case("del t[key]", each("del t[key]", keys, t=Fresh(lambda: filled(pairs))), remove, rows)


def many(keys: list[str]) -> Iterator[Case]:
    """Yield the verbs of many keys, by the row."""
    pairs = [(key, number) for number, key in enumerate(keys)]
    rows, mapping = len(keys), dict(pairs)
    before = [(key, -number) for number, key in enumerate(keys)]
    d, table = dict(before), filled(before)
    for title, argument in (("pairs", pairs), ("a mapping", mapping)):
        ours = once("f(items)", f=table.insert_many, items=argument)
        theirs = once("f(items)", f=d.update, items=argument)
        yield Case(f"insert_many of {title}", ours, {"dict.update": theirs}, rows, 1.1)
        ours = once("f(items)", f=Fresh(lambda: ets.SetTable[str, int]().insert_many), items=argument)
        theirs = once("f(items)", f=Fresh(lambda: dict[str, int]().update), items=argument)
        yield Case(f"insert_many of {title}, into empty", ours, {"dict.update": theirs}, rows, 1.1)
    comprehension = once("{key: d[key] for key in keys if key in d}", keys=keys, d=d)
    yield Case("lookup_many", once("f(keys)", f=table.lookup_many, keys=keys), {"comprehension": comprehension}, rows)
    keys_of = {"for key in d": each("pass", d)}
    yield Case("for key in t", each("pass", table), keys_of, rows)
    items = {"for k, v in d.items()": each("pass", Fresh(d.items), "k, v")}
    yield Case("for k, v in t.items()", each("pass", Fresh(table.items), "k, v"), items, rows)
    yield Case("list(t)", once("list(t)", t=table), {"list(d)": once("list(d)", d=d)}, rows)


def main() -> None:
    """Print one line per verb."""
    chosen = options(rows=100_000, rounds=9)
    print(environment())
    print(f"{chosen.rows:,} rows")
    keys = shuffled_keys(chosen.rows)

    def cases() -> Iterator[Case]:
        yield from single(keys)
        yield from coming_and_going(keys)
        yield from many(keys)

    compare(cases(), chosen.rounds)


if __name__ == "__main__":
    main()
