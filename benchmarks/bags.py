"""What do bags cost, next to a dict of lists and a dict of dicts?

In a bag each pair of key and value is there once: a dict of dicts (or of sets, without the order) does the same. A
duplicate bag keeps every entry, as a dict of lists does. Both have five values a key; and one key with many values.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

from _measure import Case, Fresh, compare, each, environment, options, shuffled_keys

from noex import ets

Pairs: TypeAlias = list[tuple[str, int]]
Bag: TypeAlias = ets.BagTable[str, int] | ets.DuplicateBagTable[str, int]
Kind: TypeAlias = type[ets.BagTable[str, int]] | type[ets.DuplicateBagTable[str, int]]

VALUES = 5


def inserter(kind: Kind) -> Callable[[str, int], None]:
    """Return the `insert` of an empty bag."""
    return kind().insert


def filled(kind: Kind, pairs: Pairs) -> Bag:
    """Return a bag of the pairs."""
    bag = kind()
    bag.insert_many(pairs)
    return bag


def deleter(kind: Kind, pairs: Pairs) -> Callable[[str, int], int]:
    """Return the `delete_object` of a bag of the pairs."""
    return filled(kind, pairs).delete_object


def lists(pairs: Pairs) -> defaultdict[str, list[int]]:
    """Return a dict of lists of the pairs."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return found


def dicts(pairs: Pairs) -> defaultdict[str, dict[int, None]]:
    """Return a dict of dicts of the pairs, whose values are in the order of their coming."""
    found: defaultdict[str, dict[int, None]] = defaultdict(dict)
    for key, value in pairs:
        found[key][value] = None
    return found


def cases(keys: list[str], pairs: Pairs) -> Iterator[Case]:
    """Yield the verbs."""
    entries, target = len(pairs), "key, value"
    shuffled = random.Random(5).sample(pairs, entries)
    kinds: tuple[tuple[str, Kind], ...] = (
        ("bag", ets.BagTable[str, int]),
        ("duplicate_bag", ets.DuplicateBagTable[str, int]),
    )
    for name, kind in kinds:
        if name == "bag":
            add, remove = "d[key][value] = None", "del d[key][value]"
            copy = each("list(d[key])", keys, d=dicts(pairs))
            new, old, peer = Fresh(partial(dicts, [])), Fresh(partial(dicts, pairs)), "dict of dicts"
        else:
            add, remove = "d[key].append(value)", "d[key].remove(value)"
            copy = each("d[key].copy()", keys, d=lists(pairs))
            new, old, peer = Fresh(partial(lists, [])), Fresh(partial(lists, pairs)), "dict of lists"
        ours = each("f(key, value)", pairs, target, f=Fresh(partial(inserter, kind)))
        yield Case(f"{name}: insert", ours, {f"{peer}: {add}": each(add, pairs, target, d=new)}, entries)
        ours = each("f(key)", keys, f=filled(kind, pairs).lookup)
        yield Case(f"{name}: lookup", ours, {f"{peer}: copy": copy}, len(keys))
        ours = each("f(key, value)", shuffled, target, f=Fresh(partial(deleter, kind, pairs)))
        yield Case(
            f"{name}: delete_object", ours, {f"{peer}: {remove}": each(remove, shuffled, target, d=old)}, entries
        )


def crowded(entries: int) -> Iterator[Case]:
    """Yield the verbs of a key that has many values: no verb of one entry may depend on how many there are."""
    pairs: Pairs = [("all", value) for value in range(entries)]
    shuffled = random.Random(6).sample(pairs, entries)
    ours = each("f(key, value)", pairs, "key, value", f=Fresh(partial(inserter, ets.BagTable[str, int])))
    add = each("d[key][value] = None", pairs, "key, value", d=Fresh(lambda: dicts([])))
    yield Case("bag, one key: insert", ours, {"dict of dicts": add}, entries)
    ours = each("f(key, value)", shuffled, "key, value", f=Fresh(partial(deleter, ets.BagTable[str, int], pairs)))
    remove = each("del d[key][value]", shuffled, "key, value", d=Fresh(lambda: dicts(pairs)))
    yield Case("bag, one key: delete_object", ours, {"dict of dicts": remove}, entries)


def main() -> None:
    """Print one line per verb."""
    chosen = options(keys=20_000, rounds=9)
    print(environment())
    print(f"{chosen.keys:,} keys with {VALUES} values each, and one key with {chosen.keys:,}; by the entry or the key")
    keys = shuffled_keys(chosen.keys)
    pairs = [(key, value) for value in range(VALUES) for key in keys]

    def both() -> Iterator[Case]:
        yield from cases(keys, pairs)
        yield from crowded(chosen.keys)

    compare(both(), chosen.rounds)


if __name__ == "__main__":
    main()
