"""Verbs near the limit of recursion, where CPython refuses to compare even ints: they do all, or refuse."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest

from noex import Cache, ets
from noex.kernel import KERNEL
from noex.testing import ManualClock

pytestmark = pytest.mark.skipif(
    KERNEL == "pure", reason="the pure kernel is Python code, which may be refused to call anything at any step"
)

# Equal keys that are not the same object have to be compared; a tuple is compared by its items.
KEYS: dict[str, Callable[[], Any]] = {
    "an int": lambda: int("1000"),
    "a float": lambda: float("1.5"),
    "a nested tuple": lambda: ((int("1000"), (int("2000"), "x")), int("3000")),
    "a str among other keys": lambda: "".join(["k", "ey"]),
}


def one_more(value: Any) -> Any:
    """Return a value and one."""
    return value + 1


def as_value(_key: Any, value: Any) -> tuple[Any, ...]:
    """Return what an index has of an entry."""
    return (value,)


VERBS: dict[str, Callable[[Any, Any], object]] = {
    "lookup": lambda table, key: table.lookup(key),
    "member": lambda table, key: table.member(key),
    "insert": lambda table, key: table.insert(key, 2),
    "insert with a ttl": lambda table, key: table.insert(key, 2, ttl=5),
    "insert_new": lambda table, key: table.insert_new(key, 2),
    "insert_many of pairs": lambda table, key: table.insert_many([("n1", 1), ("n2", 2), (key, 3)]),
    "insert_many of a mapping": lambda table, key: table.insert_many({"n1": 1, "n2": 2, key: 3}),
    "lookup_many": lambda table, key: table.lookup_many([key]),
    "update_counter": lambda table, key: table.update_counter(key, 1),
    "setdefault": lambda table, key: table.setdefault(key, 2),
    "touch": lambda table, key: table.touch(key, 7),
    "delete": lambda table, key: table.delete(key),
    "delete_many": lambda table, key: table.delete_many(["n1", key]),
    "delete_object": lambda table, key: table.delete_object(key, 1),
    "take": lambda table, key: table.take(key),
    "compute": lambda table, key: table.compute(key, one_more),
    "compare_and_set": lambda table, key: table.compare_and_set(key, 1, 5),
}
OF_BAGS = {
    *("lookup", "member", "insert", "insert_new", "insert_many of pairs"),
    *("delete", "delete_many", "delete_object", "take"),
}

KINDS = ["set", "set with a ttl", "indexed set", "ordered_set", "bag", "duplicate_bag"]


def deep(depth: int, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function at some depth."""
    return function(*arguments) if depth == 0 else deep(depth - 1, function, *arguments)


def table_of(kind: str, clock: ManualClock) -> Any:
    """Return a table with other keys of all sorts in it."""
    classes: dict[str, Any] = {
        "set": ets.SetTable,
        "set with a ttl": partial(ets.SetTable[Any, Any], ttl=10),
        "indexed set": ets.SetTable,
        "ordered_set": ets.OrderedSetTable,
        "bag": ets.BagTable,
        "duplicate_bag": ets.DuplicateBagTable,
    }
    table = classes[kind](clock=clock)
    if kind == "indexed set":
        table.add_index("by value", as_value)
    table.insert_many([(1, 1), ("a", 2), (2.5, 3), ((1, 2), 4)])
    return table


def depths() -> range:
    """Return depths of calls from here that reach from well below the limit to beyond it."""
    frame: FrameType | None = sys._getframe()
    used = 0
    while frame is not None:
        frame, used = frame.f_back, used + 1
    room = sys.getrecursionlimit() - used
    return range(room - 60, room + 3)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("key", KEYS)
def test_evil_depth(key: str, kind: str, verb: str) -> None:
    if kind.endswith("bag") and verb not in OF_BAGS:
        pytest.skip(f"bags have no {verb}")
    outcomes: set[str] = set()
    for depth in depths():
        table = table_of(kind, ManualClock())
        table.insert(KEYS[key](), 1)
        before = sorted(map(repr, table.items()))
        try:
            deep(depth, VERBS[verb], table, KEYS[key]())
        except RecursionError:
            outcomes.add("refused")
            assert sorted(map(repr, table.items())) == before, depth
        else:
            outcomes.add("done")
            again = table_of(kind, ManualClock())
            again.insert(KEYS[key](), 1)
            VERBS[verb](again, KEYS[key]())
            assert sorted(map(repr, table.items())) == sorted(map(repr, again.items())), depth
        table._check()
        table.close()
    assert outcomes == {"refused", "done"}


@pytest.mark.parametrize("key", KEYS)
def test_evil_depth_of_caches(key: str) -> None:
    for depth in depths():
        cache = Cache[Any, int](max_entries=10, clock=ManualClock())
        cache.set(KEYS[key](), 1)
        verbs: list[Callable[[Any], object]] = [cache.get, partial(cache.set, value=2), cache.delete]
        for verb in verbs:
            try:
                deep(depth, verb, KEYS[key]())
            except RecursionError:
                pass
            assert len(cache.to_list()) in {0, 1}


def test_evil_depth_ends_nothing_twice() -> None:
    """What has an end is listed once, whatever was refused meanwhile."""
    clock = ManualClock()
    table = ets.SetTable[Any, Any](ttl=10, clock=clock)
    table.insert(int("1000"), 5)
    for depth in depths():
        verbs: list[Callable[[Any, Any], object]] = [table.insert_new, table.insert, table.update_counter, table.touch]
        for verb in verbs:
            try:
                deep(depth, verb, int("1000"), 1)
            except RecursionError:
                pass
    table._check()
    clock.advance(11)
    assert table.sweep() in {0, 1}
    assert len(table) == 0
