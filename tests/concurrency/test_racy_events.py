"""Events of tables that many threads write to: each once, in the order of the commits, one at a time."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from noex import ets
from noex.testing import ManualClock

from ._collecting import PATIENCE
from ._events import replayed

THREADS = 4
ROUNDS = 600

Race = Callable[..., list[Any]]

set_kinds = pytest.mark.parametrize("kind", ["set", "ordered_set"])
bag_kinds = pytest.mark.parametrize("kind", ["bag", "duplicate_bag"])


def each(function: Callable[[int], Any], count: int = THREADS) -> list[Callable[[], Any]]:
    """One function without arguments per thread, which knows its number."""
    return [lambda number=number: function(number) for number in range(count)]


class Listener:
    """A subscriber that keeps what it gets, and notices if it is called twice at once."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.overlaps = 0
        self._inside = threading.Lock()

    def __call__(self, event: Any) -> None:
        if not self._inside.acquire(blocking=False):
            self.overlaps += 1
            return
        try:
            self.events.append(event)
        finally:
            self._inside.release()


def write(table: Any, numbers: random.Random, value: Any) -> None:
    """Change some of few keys in one of the ways there are; every value is another."""
    key, way = numbers.randrange(6), numbers.randrange(12)
    if way < 3:
        table.insert(key, value)
    elif way == 3:
        table.delete(key)
    elif way == 4:
        table.insert_many({key: value, (key + 1) % 6: (value, 1)})
    elif way == 5:
        table.delete_many([key, (key + 1) % 6])
    elif way == 6:
        table.compute(key, lambda _old: value, default=None)
    elif way == 7:
        table.insert_new(key, value)
    elif way == 8:
        table.take(key)
    elif way == 9:
        table.update_where(lambda found, _value: found == key, lambda _value: value)
    elif way == 10:
        table.setdefault(key, value)
    elif numbers.randrange(4) == 0:
        table.clear()


@set_kinds
@pytest.mark.parametrize("indexed", [False, True], ids=["plain", "indexed"])
def test_racy_events_replayed_are_the_table(kind: str, indexed: bool, race: Race) -> None:
    table = ets.new(kind=kind)
    if indexed:
        table.add_index("value", lambda _key, value: repr(value), ordered=True)
    listener = Listener()
    table.subscribe(listener)

    def work(thread: int) -> None:
        numbers = random.Random(thread)
        for number in range(ROUNDS):
            write(table, numbers, (thread, number))

    race(*each(work))
    state, wrong = replayed(listener.events)
    assert wrong == []
    assert state == dict(table.items())
    assert listener.overlaps == 0
    table._check()


@set_kinds
def test_racy_events_of_transactions_come_together(kind: str, race: Race) -> None:
    store = ets.Store()
    table = store.new(None, kind)
    listener = Listener()
    table.subscribe(listener)

    def work(thread: int) -> None:
        for number in range(ROUNDS // 2):

            def both(tx: ets.Transaction, number: int = number) -> None:
                tx[table].insert("left", (thread, number))
                tx[table].insert("right", (thread, number))

            store.transact(both)
            table.insert("else", (thread, number))

    race(*each(work))
    state, wrong = replayed(listener.events)
    assert wrong == []
    assert state == dict(table.items())
    pairs = [event for event in listener.events if event.key != "else"]
    assert len(pairs) == THREADS * ROUNDS
    assert all(left.value == right.value for left, right in zip(pairs[::2], pairs[1::2], strict=True))
    assert all({left.key, right.key} == {"left", "right"} for left, right in zip(pairs[::2], pairs[1::2], strict=True))


@set_kinds
def test_racy_expiry_is_told_once_for_each_entry(kind: str, race: Race) -> None:
    clock = ManualClock()
    table = ets.new(kind=kind, clock=clock, ttl=1)
    table.add_index("value", lambda _key, value: value)
    listener = Listener()
    table.subscribe(listener)

    def work(thread: int) -> None:
        for number in range(ROUNDS):
            table.insert(number % 7, (thread, number))
            if number % 5 == thread:
                clock.advance(0.4)
            if number % 11 == 0:
                table.sweep()

    race(*each(work))
    clock.advance(2)
    assert len(table) == 0
    state, wrong = replayed(listener.events)
    assert (state, wrong) == ({}, [])
    assert {event.kind for event in listener.events} == {"insert", "expire"}


@bag_kinds
def test_racy_events_of_bags_replayed_are_the_bag(kind: str, race: Race) -> None:
    table = ets.new(kind=kind)
    listener = Listener()
    table.subscribe(listener)

    def work(thread: int) -> None:
        numbers = random.Random(thread)
        for number in range(ROUNDS):
            key, value = numbers.randrange(4), numbers.randrange(5)
            way = number % 6
            if way < 3:
                table.insert(key, value)
            elif way == 3:
                table.delete_object(key, value)
            elif way == 4:
                table.insert_many([(key, value), (key, value + 1), (key + 1, value)])
            else:
                table.take(key)

    race(*each(work))
    entries: Counter[Any] = Counter()
    for event in listener.events:
        entries[event.key, event.value] += 1 if event.kind == "insert" else -1
        assert entries[event.key, event.value] >= 0
    assert +entries == Counter(tuple(entry) for entry in table.to_list())
    assert listener.overlaps == 0
    table._check()


def test_racy_callbacks_that_write_are_told_of_their_own_writes(race: Race) -> None:
    """Each insert into one table makes one of two others grow, whose events make the third grow."""
    first, second, third = ets.SetTable[Any, int](), ets.SetTable[Any, int](), ets.SetTable[str, int]()
    first.subscribe(lambda event: second.insert(("copy", event.key), event.value), kinds={"insert"})
    first.subscribe(lambda event: first.insert(("echo", event.key), 0) if type(event.key) is int else None)
    second.subscribe(lambda _event: third.update_counter("all"))
    listener = Listener()
    first.subscribe(listener)

    def work(thread: int) -> None:
        for number in range(ROUNDS):
            first.insert(thread * ROUNDS + number, number)

    race(*each(work))
    assert len(first) == len(second) == third["all"] == 2 * THREADS * ROUNDS
    assert replayed(listener.events) == (dict(first.items()), [])


def test_racy_cancelling_ends_one_subscription_and_no_other(race: Race) -> None:
    table = ets.SetTable[Any, int]()
    stays = Listener()
    table.subscribe(stays)
    late: list[Any] = []

    def work(thread: int) -> None:
        for number in range(ROUNDS):
            table.insert((thread, number), number)

    def toggle() -> None:
        for _ in range(ROUNDS):
            seen: list[Any] = []
            subscription = table.subscribe(seen.append)
            table.insert("mine", 0)
            subscription.cancel()
            assert not subscription.active
            settled = len(seen)
            table.insert("mine", 1)
            late.append(len(seen) - settled)

    race(*each(work, 3), toggle)
    # One that is being delivered as the subscription ends may still come; none after that.
    assert max(late) <= 1
    assert len(stays.events) == 3 * ROUNDS + 2 * ROUNDS
    assert replayed(stays.events) == (dict(table.items()), [])


def test_racy_subscribers_begin_and_end_with_whole_changes(race: Race) -> None:
    """A batch is one change: who subscribes meanwhile gets all of its events or none."""
    table = ets.SetTable[int, Any]()
    strange: list[Any] = []
    stop: list[bool] = []

    def work(thread: int) -> None:
        for number in range(ROUNDS):
            table.insert_many(dict.fromkeys(range(3), (thread, number)))
        stop.append(True)

    def watch() -> None:
        while len(stop) < 2:
            seen: list[Any] = []
            with table.subscribe(seen.append):
                table.lookup_many(range(3))
                table.insert("end", None)  # type: ignore[arg-type]
            counts = Counter(event.value for event in seen if event.key != "end")
            # the last may be cut short by the end of the subscription
            strange.extend(list(counts.items())[:-1] if any(c != 3 for c in list(counts.values())[:-1]) else [])

    race(work_of(work, 0), work_of(work, 1), watch)
    assert strange == []


def work_of(function: Callable[[int], None], number: int) -> Callable[[], None]:
    return lambda: function(number)


def test_racy_writers_do_not_wait_for_slow_callbacks(race: Race) -> None:
    """While a callback is held up, other threads' writes return; their events come after it, in order."""
    table = ets.SetTable[int, int]()
    entered, go_on = threading.Event(), threading.Event()
    seen: list[int] = []

    def slow(event: Any) -> None:
        if event.key == 0:
            entered.set()
            assert go_on.wait(PATIENCE)
        seen.append(event.key)

    table.subscribe(slow)

    def first() -> None:
        table.insert(0, 0)

    def others() -> list[int]:
        assert entered.wait(PATIENCE)
        for number in range(1, 20):
            table.insert(number, number)
        found = list(seen)
        go_on.set()
        return found

    assert race(first, others)[1] == []
    assert seen == list(range(20))
