"""Transactions and events over native tables: those of the pure kernel say what is right."""

# pyright: reportUnknownLambdaType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
# pyright: reportUnknownVariableType=false
# The tables underneath are of either kernel.
from __future__ import annotations

import gc
import os
import random
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from noex import ets
from noex.errors import IndexViolation, TableClosed, TransactionConflict
from noex.typing import DELETE

from ._kernels import KINDS, Kernel, native_kernel, over, pure_kernel

KEYS: list[Any] = ["a", "b", "c", 1, True, 1.0, 2, (1,), (True,), 0.5, "x"]
FOREIGN: list[Any] = [*KEYS, Fraction(1, 3)]
MIXED: list[Any] = [*FOREIGN, Decimal(1), Decimal(2)]  # equal to some of the others
RUNS = 10
STEPS = 40

set_kinds = pytest.mark.parametrize("kind", KINDS[:2])
each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def native() -> Iterator[Kernel]:
    kernel = native_kernel()
    if not all(hasattr(kernel.classes.get(kind), "_commit_all") for kind in KINDS):
        pytest.skip("the native kernel here has no transactions yet")
    with over(kernel):
        yield kernel


def _bag_step(draw: random.Random, table: Any, key: Any, value: int) -> Any:
    what = draw.randrange(7)
    if what <= 2:
        return table.insert(key, value)
    if what == 3:
        return table.delete(key)
    if what == 4:
        return table.lookup(key)
    if what == 5:
        return table.delete_object(key, value)
    return len(table)


def _set_step(draw: random.Random, table: Any, key: Any, value: int) -> Any:
    what = draw.randrange(14)
    if what <= 1:
        return table.insert(key, value)
    if what == 2:
        return table.insert(key, value, ttl=draw.choice([1, 2, 3]))
    if what == 3:
        return table.delete(key)
    if what == 4:
        return table.take(key)
    if what == 5:
        return table.touch(key, draw.choice([1, 5, None]))
    if what == 6:
        return table.update_counter(key)
    if what == 7:
        return table.insert_many([(key, value), (draw.choice(KEYS), value + 1)])
    if what == 8:
        return table.clear() if draw.random() < 0.1 else table.lookup(key)
    if what == 9:
        return table.compute(key, lambda old: DELETE if old > 4 else old + 1, default=0)
    if what == 10:
        return len(table)
    if what == 11:
        return table.insert_new(key, value)
    if what == 12:
        return table.compare_and_set(key, value, value + 1)
    return repr(table.to_list()) if table.kind == "ordered_set" else sorted(map(repr, table.to_list()))


def step(seed: float, table: Any, keys: list[Any]) -> str:
    """Do the thing of that seed, and say what came of it."""
    draw = random.Random(seed)
    key, value = draw.choice(KEYS if table.kind == "ordered_set" else keys), draw.randrange(6)
    try:
        return repr((_bag_step if "bag" in table.kind else _set_step)(draw, table, key, value))
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


def content(table: Any) -> list[Any]:
    """Return what is in a table, in the order that it promises."""
    entries = [(repr(entry), table.expires_in(entry[0]) if "set" in table.kind else None) for entry in table.to_list()]
    return entries if table.kind == "ordered_set" else sorted(entries, key=repr)


class Tables:
    """A store of two tables of one kind, and what their subscribers have heard."""

    def __init__(self, kind: str, kernel: Kernel, lifetime: float | None) -> None:
        self.now = 0.0
        self.store = ets.Store()
        self.heard: list[str] = []
        options: dict[str, Any] = {} if "bag" in kind else {"clock": lambda: self.now, "ttl": lifetime}
        self.tables = [kernel.new(kind, name=f"t{number}", store=self.store, **options) for number in range(2)]

    def listen(self) -> None:
        """Note all events."""
        for place, table in enumerate(self.tables):
            table.subscribe(lambda event, place=place: self.heard.append(f"{place} {event}"))

    def pass_time(self) -> None:
        """Let a second pass, and what has ended be gone."""
        self.now += 1
        for table in self.tables:
            len(table)

    def state(self) -> Any:
        """Return what the tables hold, and what was heard since this was asked last."""
        for table in self.tables:
            table._check()
        heard, self.heard = self.heard, []
        return [content(table) for table in self.tables], sorted(heard)


def script(draw: random.Random) -> list[tuple[int, float, bool]]:
    """Return steps: of which table, what, and whether somebody else takes it."""
    return [(draw.randrange(2), draw.random(), draw.random() < 0.2) for _ in range(draw.randrange(1, 7))]


@pytest.mark.parametrize("seed", range(RUNS))
@each_kind
def test_a_transaction_is_as_its_steps_one_after_the_other(native: Kernel, kind: str, seed: int) -> None:
    """Whatever others write meanwhile: what was committed is what its steps do to the tables as they are then."""
    draw = random.Random(seed)
    lifetime = draw.choice([None, 4.0])
    mine, theirs = Tables(kind, native, lifetime), Tables(kind, pure_kernel(), lifetime)
    for _ in range(STEPS):
        if draw.random() < 0.2:
            mine.pass_time()
            theirs.pass_time()
        steps = script(draw)
        done: list[tuple[int, float, str]] = []

        def function(transaction: Any, steps: Any = steps, done: Any = done) -> None:
            for place, what, outside in steps:
                if outside:
                    assert step(what, mine.tables[place], MIXED) == step(what, theirs.tables[place], MIXED)
                else:
                    done.append((place, what, step(what, transaction[mine.tables[place]], MIXED)))

        try:
            mine.store.transact(function, retries=0)
        except TransactionConflict:
            pass
        else:
            for place, what, answer in done:
                assert step(what, theirs.tables[place], MIXED) == answer
        assert mine.state() == theirs.state()


@pytest.mark.parametrize("seed", range(RUNS))
@each_kind
def test_transactions_that_nobody_disturbs_are_the_same(native: Kernel, kind: str, seed: int) -> None:
    def run(kernel: Kernel) -> list[Any]:
        draw = random.Random(seed)
        mine = Tables(kind, kernel, draw.choice([None, 4.0]))
        mine.listen()
        log: list[Any] = []
        for _ in range(STEPS):
            if draw.random() < 0.2:
                mine.pass_time()
            steps = script(draw)

            def function(transaction: Any, steps: Any = steps) -> list[str]:
                return [step(what, transaction[mine.tables[place]], FOREIGN) for place, what, _ in steps]

            with over(kernel):
                log.append(mine.store.transact(function, retries=0))
            log.append(mine.state())
        return log

    assert run(native) == run(pure_kernel())


def both(kind: str, native: Kernel, scenario: Callable[[Any, Any], Any]) -> None:
    """Run a scenario over both kernels: `scenario(store, new)` returns what must be the same."""
    mine = ets.Store()
    answer = scenario(mine, lambda **options: native.new(kind, store=mine, **options))
    theirs, pure = ets.Store(), pure_kernel()
    with over(pure):
        assert answer == scenario(theirs, lambda **options: pure.new(kind, store=theirs, **options))


@pytest.mark.parametrize("before", [1, True, 1.0, Decimal(1)], ids=repr)
@pytest.mark.parametrize("after", [1, True, 1.0, Decimal(1)], ids=repr)
def test_an_equal_key_takes_the_place_of_one_that_was_removed(native: Kernel, before: Any, after: Any) -> None:
    def scenario(store: Any, new: Any) -> Any:
        table, events = new(), []
        table.insert(before, "old")
        table.subscribe(events.append)

        def function(transaction: Any) -> Any:
            transaction[table].delete(before)
            transaction[table].insert(after, "new")
            return repr(transaction[table].to_list())

        seen = store.transact(function)
        table._check()
        found = [table.lookup(key) for key in (before, after, 1, Decimal(1))]
        return seen, repr(table.to_list()), found, repr(events), table.delete(before), len(table)

    both("set", native, scenario)


@set_kinds
def test_subscribers_hear_what_a_transaction_has_done(native: Kernel, kind: str) -> None:
    def scenario(store: Any, new: Any) -> Any:
        moment = [0.0]
        table, other = new(clock=lambda: moment[0]), new()
        events: list[Any] = []
        for place, each in enumerate((table, other)):
            each.subscribe(lambda event, place=place: events.append((place, event)))
        table.insert("ends", 1, ttl=5)
        table.insert("stays", 1)
        other.insert("goes", 1)

        def function(transaction: Any) -> None:
            transaction[table].insert("ends", 2)
            moment[0] = 9.0  # the old row has ended when the new one comes
            transaction[table].insert("stays", 2)
            transaction[table].touch("stays", 3)
            transaction[other].delete("goes")
            transaction[other].insert("comes", 1)

        store.transact(function)
        table.clear()
        return [(place, repr(event)) for place, event in events]

    both(kind, native, scenario)


@set_kinds
def test_a_unique_index_stops_all_of_a_transaction(native: Kernel, kind: str) -> None:
    def scenario(store: Any, new: Any) -> Any:
        table, other = new(name="people"), new()
        table.add_index("name", "name", unique=True)
        table.insert(1, {"name": "ann"})

        def function(transaction: Any) -> None:
            transaction[other].insert("k", 1)
            transaction[table].insert(2, {"name": "bob"})
            transaction[table].insert(3, {"name": "ann"})

        with pytest.raises(IndexViolation) as caught:
            store.transact(function)
        assert not other
        table._check()
        return str(caught.value), table.to_list(), [entry.key for entry in table.index("name").lookup("bob")]

    both(kind, native, scenario)


@set_kinds
def test_index_questions_in_a_transaction(native: Kernel, kind: str) -> None:
    def scenario(store: Any, new: Any) -> Any:
        table = new()
        table.add_index("age", "age", ordered=True)
        table.add_index("city", "city")
        for number in range(8):
            table.insert(number, {"age": number % 3, "city": "abc"[number % 3]})

        def function(transaction: Any) -> Any:
            mine = transaction[table]
            mine.insert(20, {"age": 1, "city": "b"})
            mine.insert(1, {"age": 0, "city": "c"})
            mine.delete(4)
            age = mine.index("age")
            answers = [age.range(0, 2), age.rank(20), age.at(-1), len(age), mine.index("city").lookup("b")]
            return repr(answers)

        return store.transact(function), repr(table.index("age").range(0, 2))

    both(kind, native, scenario)


@each_kind
def test_nothing_of_a_transaction_on_a_closed_table(native: Kernel, kind: str) -> None:
    store = ets.Store()
    table, other = (native.new(kind, store=store) for _ in range(2))

    def function(transaction: Any) -> None:
        transaction[other].insert("k", 1)
        transaction[table].insert("k", 1)
        table.close()

    with pytest.raises((TransactionConflict, TableClosed)):
        store.transact(function, retries=0)
    assert not other


class Meddler:
    """A value whose end writes to a table."""

    def __init__(self, table: Any, log: list[Any]) -> None:
        self.table = table
        self.log = log

    def __del__(self) -> None:
        with suppress(TableClosed):
            self.log.append(sorted(map(repr, self.table.to_list())))
            self.table.insert("from the end", 1)


@each_kind
def test_a_value_that_ends_with_a_transaction_sees_all_of_it(native: Kernel, kind: str) -> None:
    store = ets.Store()
    table, other = (native.new(kind, store=store) for _ in range(2))
    log: list[Any] = []
    table.insert("k", Meddler(other, log))

    def function(transaction: Any) -> None:
        transaction[table].delete("k")
        transaction[table].insert("l", 1)
        transaction[other].insert("m", 2)

    store.transact(function)
    gc.collect()
    assert log == [["Entry(key='m', value=2)"]]
    assert sorted(entry.key for entry in other.to_list()) == ["from the end", "m"]
    for each in (table, other):
        each._check()


@set_kinds
def test_threads_count_exactly_in_transactions(native: Kernel, kind: str) -> None:
    store = ets.Store()
    tables = [native.new(kind, store=store) for _ in range(2)]
    times, threads = 150, 4
    sums: list[list[int]] = [[], []]
    for place, table in enumerate(tables):
        table.insert("n", 0)
        table.subscribe(lambda event, place=place: sums[place].append(event.value))

    def function(transaction: Any) -> None:
        first, second = (transaction[table] for table in tables)
        count = first["n"] + 1
        first["n"] = count
        second["n"] = second["n"] + 1

    def work() -> None:
        for _ in range(times):
            store.transact(function, retries=100_000)
            tables[0].insert(threading.get_ident(), -1)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [table["n"] for table in tables] == [times * threads] * 2
    for table in tables:
        table.subscribe(lambda event: None).cancel()
    assert [number for number in sums[0] if number >= 0] == list(range(1, times * threads + 1))
    assert sums[1] == list(range(1, times * threads + 1))


@each_kind
def test_events_that_wait_keep_what_they_are_about(native: Kernel, kind: str) -> None:
    table = native.new(kind)
    heard: list[Any] = []

    def callback(event: Any) -> None:
        if event.kind == "insert" and event.key == "first":
            table.insert("second", Meddler(table, []))
            table.delete("second")
            gc.collect()
        heard.append((event.kind, event.key))

    table.subscribe(callback)
    table.insert("first", 1)
    gc.collect()
    assert heard[:3] == [("insert", "first"), ("insert", "second"), ("delete", "second")]


@each_kind
def test_a_subscribed_table_in_a_cycle_is_collected(native: Kernel, kind: str) -> None:
    table = native.new(kind)
    witness = weakref.ref(table)
    events: list[Any] = [table]
    table.subscribe(events.append)
    table.insert("k", "v")
    del table, events
    gc.collect()
    assert witness() is None


@each_kind
def test_a_table_that_nobody_watches_any_more_forgets_its_subscribers(native: Kernel, kind: str) -> None:
    table = native.new(kind)
    with table.subscribe(lambda event: None) as subscription:
        table.insert("k", 1)
    assert not subscription.active
    table.insert("k", 2)
    kept = weakref.ref(subscription)
    del subscription
    gc.collect()
    assert kept() is None


@each_kind
def test_closing_ends_subscriptions(native: Kernel, kind: str) -> None:
    table = native.new(kind)
    subscription = table.subscribe(lambda event: None)
    table.close()
    assert not subscription.active
    with pytest.raises(TableClosed):
        table.subscribe(lambda event: None)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@set_kinds
def test_a_child_delivers_its_own_events_only(native: Kernel, kind: str) -> None:
    table = native.new(kind)
    heard: list[Any] = []
    result = [-1]

    def callback(event: Any) -> None:
        heard.append(event.key)
        if event.key == "fork":
            table.insert("of the parent", 1)  # waits in the queue at the fork
            child = os.fork()
            if child == 0:
                table.insert("of the child", 1)
                os._exit(0 if heard == ["fork", "of the child"] else 1)
            result[0] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    table.subscribe(callback)
    table.insert("fork", 1)
    assert heard == ["fork", "of the parent"]
    assert result == [0]
