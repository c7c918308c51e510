"""Finalizers that strike inside tables with indexes and subscribers, and inside transactions, and use them themselves.

As in `test_evil_finalizers`: the collector runs at almost every allocation, and every round leaves a circle behind
whose finalizer does what the round does, on the same thread, somewhere inside a verb.
"""

from __future__ import annotations

import queue
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from noex import ets
from noex.errors import IndexViolation, TransactionConflict
from noex.ets import row
from noex.testing import ManualClock

from ._collecting import PATIENCE, Garbage, Use, collecting_every
from ._events import replayed

Run = Callable[..., list[Any]]
ROUNDS = 500
LAST = 1_000_000


@pytest.fixture(autouse=True)
def _collect_all_the_time() -> Iterator[None]:
    with collecting_every(5, old=1000):
        yield


class Told:
    """A subscriber. Events of finalizers may come by another thread, some time later: `all` waits for them."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()  # may be used by finalizers
        table.subscribe(self._events.put)

    def all(self) -> list[Any]:
        """Return the events so far, and those of a last write."""
        self._table.insert(LAST, 1)
        events = [self._events.get(timeout=PATIENCE)]
        while events[-1].key != LAST:
            events.append(self._events.get(timeout=PATIENCE))
        return events


def mixed_writes(table: Any, number: int) -> None:
    """One of the ways to write, by number, over few keys."""
    key = number % 13
    way = number // 13 % 11
    if way < 3:
        table.insert(key, number)
    elif way == 3:
        table.delete(key)
    elif way == 4:
        table.insert_many({key: number, key + 1: number + 1, key + 2: number})
    elif way == 5:
        table.delete_many([key, key + 1])
    elif way == 6:
        table.update_counter(key)
    elif way == 7:
        table.compute(key, lambda value: ets.DELETE if value % 2 else value + 1, default=number)
    elif way == 8:
        table.update_where(row.value <= number % 50, lambda value: value + 1)
    elif way == 9:
        table.pop(key, None)
    else:
        table.take(key)


def _watched(table: Any, read: Callable[[int], object]) -> Use:
    told = Told(table)

    def use(number: int) -> None:
        mixed_writes(table, number)
        read(number)

    def check() -> None:
        table._check()
        state, wrong = replayed(told.all())
        assert wrong == []
        assert state == dict(table.items())

    return Use(use, check)


def hashed_index() -> Use:
    table = ets.SetTable[int, int]()
    index = table.add_index("last digit", lambda _key, value: value % 10)
    return _watched(table, lambda number: (index.lookup(number % 10), len(index), index.count(number % 10)))


def index_of_foreign_values() -> Use:
    table = ets.SetTable[int, int]()
    index = table.add_index("last digit", lambda _key, value: Decimal(value % 10))
    other = table.add_index("id", lambda key, _value: UUID(int=key))

    def read(number: int) -> None:
        index.lookup(Decimal(number % 10))
        index.keys(Decimal(11))
        other.lookup(UUID(int=number % 20))

    return _watched(table, read)


def ordered_indexes() -> Use:
    table = ets.OrderedSetTable[int, int]()
    by_value = table.add_index("by value", lambda _key, value: value, ordered=True)
    by_digit = table.add_index("by digit", lambda _key, value: (ets.desc(value % 10), "x"), ordered=True)

    def read(number: int) -> None:
        by_value.range(number // 2, number)
        by_value.first(2)
        by_digit.rank(number % 13)
        by_digit.last(3)
        table.select(row.value >= 5)

    return _watched(table, read)


def deletes_by_index() -> Use:
    table = ets.SetTable[int, int]()
    by_digit = table.add_index("by digit", lambda _key, value: value % 10, ordered=True)
    hashed = table.add_index("hashed", lambda _key, value: Decimal(value % 7))

    def read(number: int) -> None:
        if number % 3 == 0:
            by_digit.delete_all(number % 10)
        elif number % 3 == 1:
            hashed.delete_all(Decimal(number % 7))

    return _watched(table, read)


def expiring() -> Use:
    clock = ManualClock()
    table = ets.SetTable[int, int](clock=clock, ttl=5)
    index = table.add_index("last digit", lambda _key, value: value % 10, ordered=True)

    def read(number: int) -> None:
        clock.advance(0.25)
        index.range(2, 5)
        table.touch(number % 13)
        table.persist(number % 31)
        if number % 40 == 0:
            table.clear()

    return _watched(table, read)


def indexes_that_come_and_go() -> Use:
    table = ets.SetTable[int, int]()
    table.add_index("stays", lambda _key, value: value, ordered=True)
    names = iter(range(1_000_000))

    def read(number: int) -> None:
        name = f"index {next(names)}"
        index = table.add_index(name, lambda _key, value: value % 5, ordered=number % 2 == 0)
        index.lookup(3)
        table.drop_index(name)

    return _watched(table, read)


def unique_index_as_lock() -> Use:
    table = ets.SetTable[int, dict[str, int]]()
    table.add_index("slot", "slot", unique=True)
    tickets = iter(range(1_000_000))

    def use(number: int) -> None:
        mine = next(tickets)
        try:
            table.insert(mine, {"slot": number % 20})
        except IndexViolation:
            table.delete_where(row.field("slot") == number % 20)

    return Use(use, table._check)


def transactions_over_two_tables() -> Use:
    store = ets.Store()
    one, two = ets.SetTable[int, int](store=store), ets.OrderedSetTable[int, int](store=store)
    index = one.add_index("by value", lambda _key, value: value, ordered=True)

    def use(number: int) -> None:
        def count(tx: ets.Transaction) -> None:
            tx[one].update_counter(number % 5)
            tx[two].update_counter(number % 7)

        store.transact(count)

    def check() -> None:
        one._check()
        two._check()
        assert sum(one.values()) == sum(two.values()) == use_.uses
        assert [entry.value for entry in index.range()] == sorted(one.values())

    use_ = Use(use, check)
    return use_


def transactions_and_plain_writes() -> Use:
    store = ets.Store()
    one, two = ets.SetTable[int, int](store=store), ets.SetTable[int, int](store=store)
    told = Told(one)

    def use(number: int) -> None:
        def count(tx: ets.Transaction) -> None:
            tx[one].update_counter(number % 5)
            tx[two].update_counter(number % 5)

        if number % 2:
            store.transact(count)
        else:
            one.update_counter(number % 5)
            two.update_counter(number % 5)

    def check() -> None:
        one._check()
        two._check()
        assert dict(one.items()) == dict(two.items())
        assert sum(one.values()) == use_.uses
        assert replayed(told.all()) == (dict(one.items()), [])

    use_ = Use(use, check)
    return use_


def transactions_of_bags() -> Use:
    store = ets.Store()
    bag, duplicates = ets.BagTable[int, int](store=store), ets.DuplicateBagTable[int, int](store=store)
    counted = ets.SetTable[str, int](store=store)
    tickets = iter(range(1_000_000))

    def use(number: int) -> None:
        mine = next(tickets)

        def add(tx: ets.Transaction) -> None:
            tx[bag].insert(number % 5, mine)
            tx[duplicates].insert(number % 7, mine)
            tx[counted].update_counter("all")

        store.transact(add)

    def check() -> None:
        bag._check()
        duplicates._check()
        assert len(bag) == len(duplicates) == counted["all"] == use_.uses

    use_ = Use(use, check)
    return use_


def transactions_that_read_all() -> Use:
    store = ets.Store()
    rows = ets.OrderedSetTable[int, int](store=store)
    total = ets.SetTable[str, int](store=store)
    rows.insert_many(dict.fromkeys(range(10), 100))

    def use(number: int) -> None:
        def move(tx: ets.Transaction) -> None:
            mine = tx[rows]
            assert sum(entry.value for entry in mine.range()) == 1000
            mine.update_counter(number % 10, -1)
            mine.update_counter(number * 3 % 10, 1)
            tx[total].insert("sum", sum(mine.values()))

        try:
            store.transact(move)
        except TransactionConflict:  # a finalizer in each run
            pass

    def check() -> None:
        rows._check()
        assert sum(rows.values()) == total["sum"] == 1000

    return Use(use, check)


USES = [
    hashed_index,
    index_of_foreign_values,
    ordered_indexes,
    deletes_by_index,
    expiring,
    indexes_that_come_and_go,
    unique_index_as_lock,
    transactions_over_two_tables,
    transactions_and_plain_writes,
    transactions_of_bags,
    transactions_that_read_all,
]
each_use = pytest.mark.parametrize("make", USES, ids=lambda make: make.__name__)


@each_use
@pytest.mark.parametrize("seed", range(2))
def test_evil_finalizers_inside_watched_tables_leave_them_whole(
    make: Callable[[], Use], seed: int, guarded: Run
) -> None:
    def work() -> None:
        use, garbage = make(), Garbage()
        numbers = random.Random(seed)
        for _ in range(ROUNDS):
            inner, outer = numbers.randrange(1000), numbers.randrange(1000)
            garbage.leave(lambda inner=inner: use(inner))
            use(outer)
        garbage.finish()
        use.check()

    guarded(work)


@each_use
def test_racy_finalizers_inside_watched_tables_never_lock_up(make: Callable[[], Use], race: Run) -> None:
    use = make()
    others = [other() for other in USES if other is not make]
    left = [Garbage(), Garbage(), Garbage()]

    def one(seed: int) -> Callable[[], None]:
        def work() -> None:
            numbers = random.Random(seed)
            for number in range(ROUNDS // 5):
                inner = numbers.randrange(1000)
                left[seed].leave(lambda number=number, inner=inner: others[number % len(others)](inner))
                use(numbers.randrange(1000))

        return work

    race(one(0), one(1), one(2))
    for garbage in left:
        garbage.finish()
    use.check()
    for other in others:
        other.check()


@pytest.mark.parametrize("interrupted", ["set", "ordered_set", "bag", "duplicate_bag", "indexed"])
def test_evil_writes_inside_verbs_of_others_are_told_without_a_further_write(interrupted: str, guarded: Run) -> None:
    """Inside the verb of another table, a finalizer's write cannot be told at once; it is told soon, and in order."""

    def work() -> None:
        table, garbage = ets.SetTable[int, int](), Garbage()
        told: queue.SimpleQueue[int] = queue.SimpleQueue()
        table.subscribe(lambda event: told.put(event.key))
        other: Any = ets.new(kind="ordered_set" if interrupted == "indexed" else interrupted)
        if interrupted == "indexed":
            other.add_index("all", lambda _key, _value: 1)
        written: list[int] = []

        def deed(number: int) -> None:
            written.append(number)
            table.insert(number, number)

        for number in range(ROUNDS):
            garbage.leave(lambda number=number: deed(number))
            other.insert((number % 10, "x"), [number])
            other.to_list()
            other.lookup_many([(1, "x"), (2, "x")])
            other.delete_many([(number % 10, "x"), (1, "x")])
            len(other)
        garbage.finish()
        assert [told.get(timeout=PATIENCE) for _ in range(ROUNDS)] == written

    guarded(work)


@pytest.mark.parametrize("indexed", [False, True], ids=["plain", "indexed"])
def test_evil_finalizers_read_rows_that_are_there_and_whole(indexed: bool, guarded: Run) -> None:
    """Many rows go in one step, and what strikes within that step finds either all of them or none."""
    strange: list[Any] = []

    def work() -> None:
        table, garbage = ets.OrderedSetTable[int, str](), Garbage()
        table.insert_many(dict.fromkeys(range(10), "v"))
        reads: list[Callable[[], Any]] = [
            table.to_list,
            table.range,
            lambda: [table.first(), table.last(), table.next(0), table.prev(9), table.at(0), table.at(-1)],
            lambda: table.select(row.value == "v"),
            lambda: table.prefix(()) or [],
        ]
        if indexed:
            by_key = table.add_index("by key", lambda key, _value: key, ordered=True)
            hashed = table.add_index("value", lambda _key, value: value)
            reads += [by_key.range, lambda: [by_key.at(0), *by_key.last(2)], lambda: hashed.lookup("v")]

        def look() -> None:
            for read in reads:
                strange.extend(entry for entry in read() if entry is not None and entry[1] != "v")
            if len(table.to_list()) not in (5, 10):
                strange.append(table.to_list())
            if indexed and len(hashed.lookup("v")) != len(by_key):
                strange.append((hashed.lookup("v"), by_key.range()))

        for _ in range(ROUNDS):
            garbage.leave(look)
            table.delete_many([1, 2, 3, 4, 5])
            table.insert_many(dict.fromkeys(range(1, 6), "v"))
        garbage.finish()
        table._check()

    guarded(work)
    assert strange == []
