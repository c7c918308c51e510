"""Walks of the native kernel meet what those of the pure one meet, whatever happens to the table meanwhile."""

from __future__ import annotations

import gc
import random
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

import pytest

from noex.errors import TableClosed
from noex.testing import ManualClock

from ._kernels import both_kernels, native_kernel

KINDS = ("set", "ordered_set", "bag", "duplicate_bag")
WALKS: dict[str, Callable[[Any], Iterator[Any]]] = {
    "iter": iter,
    "keys": lambda table: iter(table.keys()),
    "values": lambda table: iter(table.values()),
    "items": lambda table: iter(table.items()),
    "_walk": lambda table: ((row[0], row[1]) for row in table._walk()),
}

each_kind = pytest.mark.parametrize("kind", KINDS)
each_set = pytest.mark.parametrize("kind", KINDS[:2])
each_walk = pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)


class Named:
    """A key with Python code in it."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Named) and other.number == self.number

    def __hash__(self) -> int:
        return hash(self.number)

    def __repr__(self) -> str:
        return f"Named({self.number})"


def text(number: int) -> str:
    return f"key {number}"


def pair(number: int) -> tuple[int, str]:
    return number // 3, text(number)


# -- amid changes -----------------------------------------------------------------------------------------------------


@each_kind
@each_walk
@pytest.mark.parametrize("key", [int, text, pair, Named])
@pytest.mark.parametrize("seed", range(4))
def test_a_walk_amid_changes(kind: str, walk: Callable[[Any], Iterator[Any]], key: Any, seed: int) -> None:
    if kind == "ordered_set" and key is Named:
        pytest.skip("the key has no place in an order")
    met: list[list[Any]] = []
    for kernel in both_kernels():
        chance = random.Random(seed)
        table = kernel.new(kind)
        for number in range(150):
            table.insert(key(number % 100), number)
        walker, seen = walk(table), list[Any]()
        seen += islice(walker, chance.randrange(60))
        for _ in range(300):
            match chance.randrange(6):
                case 0:
                    table.insert(key(chance.randrange(120)), chance.randrange(5))
                case 1:
                    table.delete(key(chance.randrange(120)))
                case 2:
                    table.insert_many([(key(chance.randrange(120)), -number) for number in range(chance.randrange(4))])
                case 3 if chance.random() < 0.01:
                    table.clear()
                case _:
                    seen += islice(walker, chance.randrange(3))
        met.append([*seen, *walker])
        assert list(walker) == []
        table._check()
    assert repr(met[0]) == repr(met[1])


@each_set
@each_walk
def test_a_walk_while_entries_expire(kind: str, walk: Callable[[Any], Iterator[Any]]) -> None:
    met: list[list[Any]] = []
    for kernel in both_kernels():
        chance, clock = random.Random(7), ManualClock()
        table = kernel.new(kind, clock=clock)
        for number in range(200):
            table.insert(number, str(number), ttl=None if number % 4 == 0 else 1 + number % 50)
        walker, seen = walk(table), list[Any]()
        while step := list(islice(walker, 3)):
            seen += step
            if chance.random() < 0.3:
                clock.advance(1)
        met.append(seen)
    assert met[0] == met[1]


@each_set
@each_walk
def test_the_last_end_is_reached_during_a_walk(kind: str, walk: Callable[[Any], Iterator[Any]]) -> None:
    clock = ManualClock()
    table = native_kernel().new(kind, clock=clock)
    table.insert_many([(number, number) for number in range(100)])
    table.insert(50, 50, ttl=1)
    walker = walk(table)
    first = [next(walker), next(walker)]
    clock.advance(1)
    assert len(table) == 99
    assert len([*first, *walker]) == 99


@each_kind
@each_walk
def test_a_walk_begins_with_its_first_step(kind: str, walk: Callable[[Any], Iterator[Any]]) -> None:
    for kernel in both_kernels():
        table = kernel.new(kind)
        walker = walk(table)
        table.insert("late", 1)
        assert len(list(walker)) == 1
        walker = walk(table)
        table.close()
        with pytest.raises(TableClosed):
            next(walker)


@each_kind
@each_walk
def test_a_walk_of_a_table_that_is_closed(kind: str, walk: Callable[[Any], Iterator[Any]]) -> None:
    outcomes: list[list[Any]] = []
    for kernel in both_kernels():
        table = kernel.new(kind)
        table.insert_many([(number, number) for number in range(200)])
        walker = walk(table)
        seen = [next(walker), next(walker)]
        table.close()
        with suppress(TableClosed):
            seen += walker
        outcomes.append(seen[:2])
    assert outcomes[0] == outcomes[1]


# -- what is handed out -----------------------------------------------------------------------------------------------


@each_kind
def test_pairs_that_are_kept_do_not_change(kind: str) -> None:
    table = native_kernel().new(kind)
    table.insert_many([(number, [number]) for number in range(200)])
    kept, hashes = list[Any](), set[Any]()
    for number, item in enumerate(table.items()):
        assert type(item) is tuple
        hashes.add(item[0])
        if number % 3 == 0:
            kept.append(item)
    assert sorted(kept) == [(number, [number]) for number in sorted(key for key, _ in kept)]
    assert len(kept) == 67
    assert hashes == set(range(200))
    assert len(set(map(id, list(table.items())))) == 200


@each_kind
def test_a_pair_is_hashed_as_what_it_holds(kind: str) -> None:
    table = native_kernel().new(kind)
    table.insert_many([(number, str(number)) for number in range(100)])
    assert [hash(item) for item in table.items()] == [hash((key, value)) for key, value in table.items()]


@each_kind
def test_the_collector_sees_what_a_pair_holds(kind: str) -> None:
    table = native_kernel().new(kind)
    table.insert_many([(number, number) for number in range(3)])
    walker = iter(table.items())
    next(walker)
    gc.collect()  # the collector loses interest in a tuple of ints
    table.insert(1, [walker])
    for item in walker:
        del item
    gone = weakref.ref(table)
    del walker, table
    gc.collect()
    assert gone() is None


@each_kind
@each_walk
def test_a_walk_that_is_dropped_midway_holds_nothing(kind: str, walk: Callable[[Any], Iterator[Any]]) -> None:
    class Value:
        pass

    table = native_kernel().new(kind)
    values = [Value() for _ in range(100)]
    alive = [weakref.ref(value) for value in values]
    table.insert_many(list(enumerate(values)))
    del values
    walker = walk(table)
    for _ in range(10):
        next(walker)
    table.clear()
    del walker
    gc.collect()
    assert [value() for value in alive] == [None] * 100


@each_kind
def test_a_finalizer_that_steps_the_walk(kind: str) -> None:
    steps: list[Any] = []

    class Stepping:
        def __del__(self) -> None:
            steps.append(next(walker, None))

    table = native_kernel().new(kind)
    table.insert_many([(number, Stepping()) for number in range(10)])
    walker = iter(table.items())
    seen: list[int] = []
    for item in walker:
        seen.append(item[0])
        table.delete(item[0])
        del item  # nobody but the walk has it now, until it is handed out again
    met = seen + [item[0] for item in steps if item is not None]
    steps.clear()
    assert sorted(met) == list(range(10))
    table._check()


@each_kind
def test_threads_that_share_a_walk(kind: str) -> None:
    table = native_kernel().new(kind)
    table.insert_many([(number, number) for number in range(3000)])
    walker = iter(table.items())
    met: list[list[Any]] = [[] for _ in range(4)]

    def run(mine: list[Any]) -> None:
        mine.extend(walker)

    threads = [threading.Thread(target=run, args=(mine,)) for mine in met]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = [item for mine in met for item in mine]
    assert len(together) == len(set(together)) <= 3000
    assert all(key == value for key, value in together)


@each_kind
def test_walks_are_made_by_tables_alone(kind: str) -> None:
    table: Any = native_kernel().new(kind)
    walk = iter(table).__class__
    with pytest.raises(TypeError, match="cannot create"):
        walk()
    with pytest.raises(TypeError, match="not an acceptable base"):
        type("Mine", (walk,), {})
    with pytest.raises(TypeError, match="immutable"):
        walk.mine = 1
