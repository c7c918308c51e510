"""After fork(), tables are private copies: the child can use them at once, and the parent never sees what it does."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from noex import Cache, Counters, Leaderboard, Metrics, RateCounter, SessionStore, ets
from noex.testing import ManualClock

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")

PATIENCE = 60.0


def in_child(function: Callable[[], object]) -> str:
    """Fork, run the function in the child, and return the repr of what it returns; fail if it hangs or raises."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of forking with threads
        child = os.fork()
    if child == 0:
        try:
            answer = repr(function())
        except BaseException:
            answer = "FAILED " + traceback.format_exc()
        os.write(writing, answer.encode()[:60_000])
        os._exit(0)
    os.close(writing)
    try:
        ready, _, _ = select.select([reading], [], [], PATIENCE)
        if not ready:
            pytest.fail("the child hangs")
        answer = os.read(reading, 65_536).decode()
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert not answer.startswith("FAILED"), answer
    return answer


@contextmanager
def writers(*functions: Callable[[int], None]) -> Iterator[None]:
    """Call each function again and again in a thread of its own, switching often."""
    stop = threading.Event()
    errors: list[BaseException] = []

    def work(function: Callable[[int], None]) -> None:
        number = 0
        try:
            while not stop.is_set():
                function(number)
                number += 1
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(function,), daemon=True) for function in functions]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        yield
    finally:
        stop.set()
        sys.setswitchinterval(interval)
        for thread in threads:
            thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    assert errors == []


class Key:
    """A key whose hash and comparison are Python code."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        return self.number % 5

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self.number == other.number


KINDS: dict[str, tuple[Callable[[], Any], Callable[[int], Any]]] = {
    "set": (lambda: ets.SetTable(store=ets.Store()), lambda number: number),
    "set of foreign keys": (lambda: ets.SetTable(store=ets.Store()), Key),
    "set with lifetimes": (lambda: ets.SetTable(ttl=60, store=ets.Store()), lambda number: number),
    "ordered_set": (lambda: ets.OrderedSetTable(store=ets.Store()), lambda number: number),
    "bag": (lambda: ets.BagTable(store=ets.Store()), lambda number: number),
    "duplicate_bag": (lambda: ets.DuplicateBagTable(store=ets.Store()), lambda number: number),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_child_can_use_a_table_at_once_while_others_write(kind: str) -> None:
    make, key = KINDS[kind]
    table = make()

    def write(number: int) -> None:
        table.insert(key(number % 50), number)
        table.insert_many([(key(50 + place), number) for place in range(5)])
        table.delete(key(number * 7 % 50))
        if number % 50 == 0:
            table.clear()  # a duplicate_bag keeps all of it

    def child() -> str:
        table._check()
        many = table.lookup_many([key(50 + place) for place in range(5)])
        assert len(many) in (0, 5)  # all or nothing, in the child too
        table.insert(key(1000), "child")
        assert table.member(key(1000))
        table.delete(key(50))
        assert len(table) == len(table.to_list())
        table.clear()
        table._check()
        return "done"

    with writers(write, write):
        for _ in range(10):
            assert in_child(child) == "'done'"
    assert not table.member(key(1000))
    table._check()


def test_what_the_child_changes_never_reaches_the_parent() -> None:
    table = ets.SetTable[str, int](store=ets.Store())
    table.insert("a", 1)

    def child() -> object:
        table.insert("a", 2)
        table.insert("b", 3)
        changed = dict(table.items())
        table.close()
        return changed

    assert in_child(child) == "{'a': 2, 'b': 3}"
    assert dict(table.items()) == {"a": 1}
    assert not table.closed


def test_what_the_parent_changes_later_never_reaches_the_child() -> None:
    table = ets.SetTable[str, int](store=ets.Store())
    table.insert("both", 1)
    reading, writing = os.pipe()
    parent = os.getpid()

    def child() -> object:
        ready, _, _ = select.select([reading], [], [], PATIENCE)
        assert ready
        return sorted(table)

    def write_after_the_fork() -> None:
        if os.getpid() == parent:
            table.insert("parent", 1)
            os.write(writing, b"x")

    changes = [write_after_the_fork]
    os.register_at_fork(after_in_parent=lambda: changes.pop()() if changes else None)
    assert in_child(child) == "['both']"
    assert sorted(table) == ["both", "parent"]
    os.close(reading)
    os.close(writing)


def test_threads_of_the_child_can_use_the_table() -> None:
    table = ets.SetTable[int, int](store=ets.Store())

    def child() -> object:
        def count() -> None:
            for _ in range(200):
                table.update_counter(0)

        threads = [threading.Thread(target=count, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        return table.lookup(0)

    with writers(lambda number: table.insert(number % 10 + 1, number)):
        assert in_child(child) == "600"
    assert table.lookup(0) is None


def test_the_child_of_a_child_can_use_the_table() -> None:
    table = ets.SetTable[str, int](store=ets.Store())

    def grandchild() -> object:
        return table.update_counter("a")

    def child() -> object:
        table.update_counter("a")
        return in_child(grandchild)

    assert in_child(child) == "'2'"
    assert len(table) == 0


def test_a_fork_from_inside_a_function_given_to_the_table_does_no_harm() -> None:
    table = ets.SetTable[str, int](store=ets.Store())
    table.insert("a", 1)

    def function(value: int) -> int:
        assert in_child(lambda: table.update_counter("b")) == "1"
        return value + 1

    assert table.compute("a", function) == 2
    assert dict(table.items()) == {"a": 2}
    table._check()


def test_the_child_can_use_a_cache_at_once_while_others_write() -> None:
    clock = ManualClock()
    cache = Cache[int, int](max_entries=20, ttl=60, clock=clock, store=ets.Store())

    def write(number: int) -> None:
        cache.set(number % 50, number)
        cache.get_or_set(number % 37, lambda: number)

    def child() -> str:
        cache._check()
        cache.set(1000, 1)
        assert cache.get(1000) == 1
        assert len(cache) <= 20
        assert [cache.get_or_set(number, lambda: 1) is not None for number in range(50)] == [True] * 50
        return "done"

    with writers(write, write):
        for _ in range(10):
            assert in_child(child) == "'done'"
    assert 1000 not in cache


def test_the_child_never_waits_for_a_load_of_a_thread_that_did_not_come_along() -> None:
    cache = Cache[str, str](store=ets.Store())
    loading, go_on = threading.Event(), threading.Event()

    def factory() -> str:
        loading.set()
        assert go_on.wait(PATIENCE)
        return "parent"

    thread = threading.Thread(target=cache.get_or_set, args=("a", factory), daemon=True)
    thread.start()
    assert loading.wait(PATIENCE)
    assert in_child(lambda: cache.get_or_set("a", lambda: "child")) == "'child'"
    go_on.set()
    thread.join(PATIENCE)
    assert cache.get("a") == "parent"


def test_the_child_has_the_sessions_of_the_parent_and_its_own() -> None:
    sessions = SessionStore(store=ets.Store())
    token = sessions.create("ada")

    def child() -> object:
        assert sessions.get(token) is not None
        sessions.create("ada")
        return sessions.destroy_all_of("ada")

    assert in_child(child) == "2"
    assert sessions.get(token) is not None
    assert len(sessions) == 1


class Recipes:
    """One of each recipe that has a lock of its own."""

    def __init__(self) -> None:
        self.store = ets.Store()
        self.sessions = SessionStore(store=self.store)
        self.counters = Counters[str](store=self.store)
        self.rates = RateCounter[str](store=self.store)
        self.board = Leaderboard[str](mode="sum", store=self.store)
        self.metrics = Metrics(store=self.store)

    def use(self, number: int) -> None:
        user = f"user {number % 20}"
        self.sessions.create(user)
        self.sessions.destroy_all_of(f"user {number * 7 % 20}")
        self.counters.increment(user)
        self.rates.increment(user)
        self.board.submit(user, 1)
        self.metrics.increment("uses")
        self.metrics.observe("number", number)
        ets.SetTable("temporary" + user + str(threading.get_ident()), store=self.store).close()


def test_the_child_can_use_recipes_at_once_while_others_write() -> None:
    recipes = Recipes()

    def child() -> str:
        recipes.use(3)
        recipes.board._check()
        recipes.metrics.to_prometheus()
        recipes.store.tables()
        return "done"

    with writers(recipes.use, recipes.use):
        for _ in range(10):
            assert in_child(child) == "'done'"


def test_a_recipe_that_is_in_use_for_long_at_the_fork_is_free_in_the_child() -> None:
    """A user id whose hash takes its time is hashed while the session store's lock is held."""
    sessions = SessionStore(store=ets.Store())
    inside, leave = threading.Event(), threading.Event()

    class Slow(Key):
        def __hash__(self) -> int:
            inside.set()
            assert leave.wait(PATIENCE)
            return super().__hash__()

    thread = threading.Thread(target=sessions.create, args=(Slow(1),), daemon=True)
    thread.start()
    assert inside.wait(PATIENCE)
    try:
        assert in_child(lambda: len(sessions.create("ada"))) == "43"
    finally:
        leave.set()
        thread.join(PATIENCE)
    assert not thread.is_alive()
