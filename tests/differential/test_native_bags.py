"""Bags of the native kernel where it differs inside from the pure one: many values, hostile ones, cycles, and tokens.

What both kernels answer is compared by `test_native_tables.py`; here is what random steps come upon too seldom.
"""

from __future__ import annotations

import gc
import inspect
import random
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from noex import ets
from noex.errors import TableClosed

from ._kernels import both_kernels, native_kernel, over

BAGS = ("bag", "duplicate_bag")
each_kind = pytest.mark.parametrize("kind", BAGS)


def new(kind: str) -> Any:
    return native_kernel().new(kind)


class Boom(Exception):
    """What hostile values raise."""


class Hostile:
    """A value that does something when it is compared, hashed or freed, once."""

    def __init__(self, deed: Callable[[], object], trigger: str, number: int = 0) -> None:
        self.deed: Callable[[], object] | None = deed
        self.trigger = trigger
        self.number = number

    def _strike(self, trigger: str) -> None:
        if trigger == self.trigger and self.deed is not None:
            deed, self.deed = self.deed, None
            deed()

    def __eq__(self, other: object) -> bool:
        self._strike("eq")
        return isinstance(other, Hostile) and other.number == self.number

    def __hash__(self) -> int:
        self._strike("hash")
        return 7

    def __del__(self) -> None:
        with suppress(TableClosed):
            self._strike("del")


def boom(_table: Any) -> None:
    raise Boom


DEEDS: dict[str, Callable[[Any], object]] = {
    "reads": lambda table: (table.lookup("key"), table.to_list(), len(table), list(table.items()), table.info()),
    "writes the key": lambda table: table.insert("key", "more"),
    "writes others": lambda table: table.insert_many([(number, number) for number in range(500)]),
    "empties the key": lambda table: table.delete("key"),
    "renews the key": lambda table: (table.delete("key"), table.insert("key", "fresh")),
    "clears": lambda table: table.clear(),
    "closes": lambda table: table.close(),
    "raises": boom,
    "collects": lambda _table: gc.collect(),
}

VERBS: dict[str, Callable[[Any, Any], object]] = {
    "insert": lambda table, value: table.insert("key", value),
    "insert_new": lambda table, value: table.insert_new("key", value),
    "insert_many": lambda table, value: table.insert_many([("other", 0), ("key", value), ("key", value)]),
    "delete_object": lambda table, value: table.delete_object("key", value),
}

REMOVALS: dict[str, Callable[[Any], object]] = {
    "delete": lambda table: table.delete("key"),
    "take": lambda table: table.take("key"),
    "delete_many": lambda table: table.delete_many(["key", "other"]),
    "delete_where": lambda table: table.delete_where(is_of_the_key),
    "delete_object": lambda table: [table.delete_object("key", value) for value in table.lookup("key")],
    "clear": lambda table: table.clear(),
    "close": lambda table: table.close(),
}


def is_of_the_key(key: object, _value: object) -> bool:
    return key == "key"


@each_kind
@pytest.mark.parametrize("trigger", ["eq", "hash"])
@pytest.mark.parametrize("stored", [1, 3, 20])
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("deed", DEEDS)
def test_values_that_strike_when_they_are_used(kind: str, verb: str, deed: str, stored: int, trigger: str) -> None:
    table = new(kind)
    table.insert("innocent", 1)
    for number in range(stored):
        table.insert("key", Hostile(lambda: None, "", number + 1))
    try:
        VERBS[verb](table, Hostile(partial(DEEDS[deed], table), trigger, number=stored))
    except (Boom, TableClosed):
        assert deed in {"raises", "closes"}
    if table.closed:
        return
    table._check()
    assert deed == "clears" or table.lookup("innocent") == [1]
    table.insert("innocent", 2)
    assert len(table) == len(table.to_list()) == sum(len(values) for _, values in table._walk())


@each_kind
@pytest.mark.parametrize("deed", [deed for deed in DEEDS if deed != "raises"])
@pytest.mark.parametrize("removal", REMOVALS)
@pytest.mark.parametrize("stored", [1, 5])
def test_values_that_strike_when_they_are_freed(kind: str, removal: str, deed: str, stored: int) -> None:
    table = new(kind)
    for number in range(stored):
        table.insert("key", Hostile(partial(DEEDS[deed], table), "del", number))
    try:
        REMOVALS[removal](table)
        table._check()
    except TableClosed:
        assert deed == "closes" or table.closed


@each_kind
@pytest.mark.parametrize("seed", range(6))
def test_many_values_under_few_keys(kind: str, seed: int) -> None:
    """Values come and go, by one, by many, and by what is true of them, in both kernels alike."""
    chance = random.Random(seed)
    tables = [kernel.new(kind) for kernel in both_kernels()]
    values: list[Any] = [
        *range(300),
        *(f"value {number}" for number in range(100)),
        [1],
        {2},
        frozenset({2}),
        1.0,
        True,
    ]

    def both(verb: str, *arguments: Any) -> None:
        answers = [repr(getattr(table, verb)(*arguments)) for table in tables]
        assert answers[0] == answers[1]

    for _ in range(1500):
        key, value, some = chance.choice("abc"), chance.choice(values), chance.sample(values, 5)
        match chance.randrange(12):
            case 0:
                both("delete_where", partial(_is_one, key, some))
            case 1:
                both("insert_many", [(key, value) for value in some])
            case 2 if chance.random() < 0.1:
                both("take", key)
            case 3 | 4 | 5:
                both("delete_object", key, value)
            case 6:
                both("lookup", key)
            case _:
                both("insert", key, value)
    both("to_list")
    tables[1]._check()


def _is_one(wanted: str, some: list[Any], key: object, value: object) -> bool:
    return key == wanted and value in some


@dataclass(frozen=True)
class Point:
    x: int


def _script(seed: int) -> list[tuple[str, tuple[Any, ...]]]:
    chance = random.Random(seed)
    keys: list[Any] = [1, True, 1.0, Decimal(1), "a", "b", Point(1), Point(2), (1,), (1.0,)]
    script: list[tuple[str, tuple[Any, ...]]] = []
    for _ in range(chance.randrange(1, 8)):
        key, value = chance.choice(keys), chance.randrange(4)
        verbs: dict[str, tuple[Any, ...]] = {
            "insert": (key, value),
            "insert_many": ([(key, value), (chance.choice(keys), 9)],),
            "delete": (key,),
            "take": (key,),
            "lookup": (key,),
            "delete_object": (key, value),
            "to_list": (),
            "__len__": (),
            "clear": (),
        }
        verb = chance.choice([*verbs, "insert", "insert", "delete"])
        script.append((verb, verbs[verb]))
    return script


def _hear(told: list[str], event: object) -> None:
    told.append(repr(event))


def _run(table: Any, script: list[tuple[str, tuple[Any, ...]]], answered: list[str], transaction: Any) -> None:
    view = transaction[table]
    answered += [repr(getattr(view, verb)(*arguments)) for verb, arguments in script]


@each_kind
def test_transactions_do_the_same_over_both(kind: str) -> None:
    """Keys that are equal, and not the same, take each other's places in transactions."""
    kernels = both_kernels()
    stores = [ets.Store(), ets.Store()]
    tables = [kernel.new(kind, store=store) for kernel, store in zip(kernels, stores, strict=True)]
    heard: list[list[str]] = [[], []]
    for table, told in zip(tables, heard, strict=True):
        table.subscribe(partial(_hear, told))
    for seed in range(400):
        outside, inside = _script(seed), _script(seed + 1000)
        answers: list[list[str]] = []
        for kernel, store, table in zip(kernels, stores, tables, strict=True):
            answered = [repr(getattr(table, verb)(*arguments)) for verb, arguments in outside]

            with over(kernel):
                store.transact(partial(_run, table, inside, answered))
            table._check()
            answers.append(answered)
        assert answers[1] == answers[0]
        assert repr(tables[1].to_list()) == repr(tables[0].to_list())
        assert heard[1] == heard[0]


@each_kind
def test_tokens_tell_states_apart(kind: str) -> None:
    table = new(kind)
    table.insert_many([("a", 1), ("b", 2), ("b", 3)])
    version = table._version
    handle, token, witness = table._locate("a")
    assert table._values_of(handle)[:2] == ("a", token)
    assert [value for _, value, _ in table._values_of(handle)[2]] == [1]
    assert table._stands(handle, token, witness)
    assert table._version == version
    table.delete("a")
    assert not table._stands(handle, token, witness)
    table.insert("a", 1)
    assert not table._all_stand({handle: (token, witness)})
    everything = table._all_values()
    assert [(key, [value for _, value, _ in listed]) for key, _, listed in everything.values()] == [
        ("b", [2, 3]),
        ("a", [1]),
    ]
    assert table._are_all_keys(everything.keys())
    assert all(table._stands(handle, token, 0) for handle, (_, token, _) in everything.items())
    table.insert("c", 1)
    assert not table._are_all_keys(everything.keys())
    absent, nothing, witness = table._locate("d")
    assert nothing is None
    assert table._stands(absent, None, witness)
    table.close()
    assert table._version == -1
    with pytest.raises(TableClosed):
        table._stands(absent, None, witness)


class Node:
    """Something with room for what refers to it."""

    def __init__(self) -> None:
        self.table: Any = None


@dataclass(eq=False)
class Named:
    """A foreign key."""

    table: Any = None


CYCLES: dict[str, Callable[[Any, Any], list[tuple[Any, Any]]]] = {
    "alone": lambda node, _key: [("a", node)],
    "in a cell": lambda node, _key: [("a", 1), ("a", node), ("a", 2)],
    "as a key": lambda _node, key: [(key, 1)],
    "in a cell under a key": lambda node, key: [(key, 1), (key, node)],
}


@each_kind
@pytest.mark.parametrize("cycle", CYCLES)
def test_a_bag_in_a_cycle_is_collected(kind: str, cycle: str) -> None:
    table, node, key = new(kind), Node(), Named()
    node.table = key.table = table
    table.insert_many(CYCLES[cycle](node, key))
    gone = weakref.ref(table)
    gc.collect()
    assert gone() is table  # nothing is collected that can be reached
    table._check()
    del table, node, key
    gc.collect()
    assert gone() is None


@each_kind
def test_a_bag_takes_little_room(kind: str) -> None:
    table = new(kind)
    empty = table._memory()
    table.insert_many([(f"user:{number}", number) for number in range(10_000)])
    alone = table._memory()
    assert alone < {f"user:{number}": number for number in range(10_000)}.__sizeof__() + 1000
    table.insert_many([(f"user:{number}", number + 1) for number in range(10_000)])
    assert table._memory() - alone <= 10_000 * 128
    for number in range(10_000):
        table.insert("queue", number)
        table.delete_object("queue", number - 1)
    assert len(table) == 20_001
    assert table._memory() - alone <= 10_000 * 128 + 1000
    table.clear()
    assert table._memory() == empty


@each_kind
def test_threads_that_write_the_same_keys(kind: str) -> None:
    table = new(kind)
    each, threads = 400, 4
    errors: list[BaseException] = []

    def write(mine: int) -> None:
        try:
            for number in range(each):
                table.insert(Point(number % 5), Point(number))
                table.insert("text", number)
                table.insert("own", (mine, number))
                table.delete_object("own", (mine, number - 1))
                assert table.lookup("text")
                assert table.member("own") or table.lookup(Point(1))
        except BaseException as error:
            errors.append(error)

    running = [threading.Thread(target=write, args=(mine,)) for mine in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert errors == []
    table._check()
    copies = 1 if kind == "bag" else threads
    assert sorted(table.lookup("text")) == sorted([*range(each)] * copies)
    assert sorted(table.lookup("own")) == [(mine, each - 1) for mine in range(threads)]
    assert len(table) == each * copies * 2 + threads


@each_kind
def test_verbs_are_documented_as_those_of_the_pure_kernel(kind: str) -> None:
    pure, native = (kernel.new(kind) for kernel in both_kernels())
    for name in ("insert", "insert_new", "insert_many", "lookup", "lookup_many", "member", "take", "delete", "clear"):
        ours, theirs = getattr(native, name), getattr(pure, name)
        assert inspect.getdoc(ours) == inspect.getdoc(theirs)
        assert [*inspect.signature(ours).parameters] == [*inspect.signature(theirs).parameters]
