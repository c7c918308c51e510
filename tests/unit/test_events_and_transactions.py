"""What is refused, shown and kept of subscriptions, indexes and transactions, whatever the kind of table."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import threading
import warnings
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from noex import ets
from noex.errors import TableClosed, TransactionConflict
from noex.kernel import KERNEL
from noex.testing import ManualClock


async def coroutine(*_: object) -> None: ...


def generator(*_: object) -> Iterator[None]:
    yield


async def asynchronous_generator(*_: object) -> AsyncIterator[None]:
    yield


class AsyncCallable:
    async def __call__(self, *_: object) -> None: ...


@pytest.mark.parametrize("function", [coroutine, generator, asynchronous_generator, AsyncCallable()])
@pytest.mark.parametrize("verb", ["subscribe", "add_index", "transact"])
def test_functions_that_are_not_done_when_they_return_are_refused(verb: str, function: Any) -> None:
    store = ets.Store()
    table = ets.SetTable[str, int](store=store)
    calls: dict[str, Callable[[], object]] = {
        "subscribe": lambda: table.subscribe(function),
        "add_index": lambda: table.add_index("i", function),
        "transact": lambda: store.transact(function),
    }
    with pytest.raises(TypeError, match="done when it returns"):
        calls[verb]()
    assert table.info().indexes == ()


@pytest.mark.parametrize("n", [None, True, 1.0, "1"])
def test_the_ends_of_an_index_take_a_number(n: Any) -> None:
    index = ets.SetTable[str, int]().add_index("i", ets.row.value, ordered=True)
    for end in (index.first, index.last):
        with pytest.raises(TypeError, match="n must be an int"):
            end(n)


@pytest.mark.parametrize(("kinds", "message"), [(["wrong"], "'wrong'"), ([[]], r"kind \[\]")])
def test_kinds_of_events_are_checked(kinds: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ets.SetTable[str, int]().subscribe(print, kinds=kinds)


def test_what_is_a_place_is_neither_copied_nor_pickled() -> None:
    store = ets.Store()
    table = ets.SetTable[str, int](store=store)
    seen: list[Any] = []
    things: list[Any] = [store, table.subscribe(print), table.add_index("i", ets.row.value)]

    def look(tx: Any) -> None:
        for thing in (*things, tx, tx[table]):
            for way in (copy.copy, copy.deepcopy, pickle.dumps):
                with pytest.raises(TypeError, match="cannot be pickled or copied"):
                    way(thing)
            seen.append(thing)

    store.transact(look)
    assert len(seen) == 5


def test_events_and_plans_are_values() -> None:
    table = ets.SetTable[str, int]()
    events: list[ets.TableEvent] = []
    table.subscribe(events.append)
    table.insert("a", 1)
    plan = table.explain(ets.row.key == "a")
    for value in (events[0], plan):
        assert pickle.loads(pickle.dumps(value)) == value


def test_an_index_is_equal_to_itself_alone() -> None:
    table = ets.SetTable[str, int]()
    index = table.add_index("i", ets.row.value)
    other = table.add_index("o", ets.row.value)
    assert index == table.index("i")
    assert hash(index) == hash(table.index("i"))
    assert index != other
    assert index != "i"


def test_views_say_what_they_are_of() -> None:
    store = ets.Store()
    table = ets.OrderedSetTable[str, int]("scores", store=store)
    kept: list[Any] = []
    store.transact(lambda tx: kept.append(tx[table]))
    assert repr(kept[0]) == "<TransactionOrderedSet of the ordered_set table 'scores'>"


def test_a_closed_store_runs_nothing() -> None:
    store = ets.Store()
    store.close()
    runs: list[Any] = []
    with pytest.raises(TableClosed):
        store.transact(runs.append)
    assert runs == []


def test_a_transaction_that_writes_past_itself_is_told_so() -> None:
    store = ets.Store()
    table = ets.SetTable[str, int](store=store)

    def slip(tx: ets.Transaction) -> None:
        tx[table].insert("x", 2)
        table.insert("x", 10)

    with pytest.raises(TransactionConflict, match=r"use only tx\[table\] inside"):
        store.transact(slip, retries=3)


def test_what_ends_a_thread_in_a_callback_keeps_nothing_from_the_others() -> None:
    table = ets.SetTable[int, int]()
    everything = threading.Event()
    seen: list[int] = []

    def leave(event: ets.TableEvent) -> None:
        if event.key == 1:
            raise KeyboardInterrupt

    def note(event: ets.TableEvent) -> None:
        seen.append(event.key)
        if len(seen) == 3:
            everything.set()

    table.subscribe(leave)
    table.subscribe(note)
    with pytest.raises(KeyboardInterrupt):
        table.insert_many({1: 1, 2: 2, 3: 3})
    assert len(table) == 3
    assert everything.wait(30)
    assert seen == [1, 2, 3]


class Owner:
    """A value to index by, whose hash and `==` are Python code."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        return hash(self.number)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Owner) and self.number == other.number


@pytest.mark.parametrize("end", ["clear", "sweep", "drop_index", "close"])
@pytest.mark.parametrize("kind", ["set", "ordered_set"])
def test_an_index_lets_go_of_what_its_table_let_go_of(kind: str, end: str) -> None:
    clock = ManualClock()
    table: Any = ets.new(kind=kind, store=ets.Store(), clock=clock, ttl=1)
    index = table.add_index("owner", "owner")
    owners = [Owner(number) for number in range(100)]
    alive = [weakref.ref(owner) for owner in owners]
    table.insert_many({owner.number: {"owner": owner} for owner in owners})
    assert index.count(Owner(7)) == 1
    owners.clear()
    clock.advance(1)
    if end == "sweep":
        assert table.sweep() == 100
    elif end == "drop_index":
        table.drop_index("owner")
        table.clear()
    else:
        getattr(table, end)()
    gc.collect()
    assert sum(ref() is not None for ref in alive) == 0
    assert index.name == "owner"  # whoever still holds the index holds none of the rows


@pytest.mark.parametrize("key", [UUID(int=7), Decimal(7), 7, "seven"], ids=lambda key: type(key).__name__)
def test_that_a_key_is_absent_counts_as_read(key: Any) -> None:
    store = ets.Store()
    table = ets.SetTable[Any, str](store=store)
    table.insert(UUID(int=1), "there")
    runs: list[bool] = []

    def claim(tx: ets.Transaction) -> bool:
        free = key not in tx[table]
        runs.append(free)
        if len(runs) == 1:
            table.insert(key, "theirs")
        if free:
            tx[table].insert("claim", "mine")
        return free

    assert store.transact(claim) is False
    assert runs == [True, False]
    assert "claim" not in table


def test_a_batch_that_was_not_read_disturbs_nobody() -> None:
    store = ets.Store()
    table = ets.SetTable[str, int](store=store)
    table.insert("mine", 1)
    runs: list[int] = []

    def count(tx: ets.Transaction) -> None:
        runs.append(tx[table].update_counter("mine"))
        table.insert_many({f"theirs {number}": number for number in range(len(runs), len(runs) + 10)})

    store.transact(count)
    assert runs == [2]


@pytest.mark.skipif(KERNEL != "pure", reason="strikes between two steps of the pure kernel: NOEX_KERNEL=pure runs this")
def test_delete_all_takes_what_came_while_it_looked() -> None:
    """A session opened in the middle of "log out everywhere" is ended too, or was opened after it."""
    table: Any = ets.SetTable[str, str]()
    index = table.add_index("user", lambda _key, user: user)
    table.insert("a", "ada")
    found = type(table)._marked
    looks: list[object] = []

    class Looked(type(table)):  # type: ignore[misc]
        __slots__ = ()

        def _marked(self, spec: Any, value: Any) -> Any:
            answer = found(self, spec, value)
            looks.append(answer)
            if len(looks) == 1:
                self.insert("b", "ada")
            return answer

    table.__class__ = Looked
    assert index.delete_all("ada") == 2
    assert len(looks) == 2
    assert list(table) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_events_that_wait_at_a_fork_are_delivered_by_the_parent() -> None:
    table = ets.SetTable[str, int]()
    reading, writing = os.pipe()
    children: list[int] = []

    def fork(event: ets.TableEvent) -> None:
        if event.key == "a":
            table.insert("b", 2)  # waits behind this one
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of forking with threads
                children.append(os.fork())
            if children[0] == 0:
                table.insert("c", 3)

    def tell(event: ets.TableEvent) -> None:
        os.write(writing, f"{'child' if children == [0] else 'parent'} {event.key}\n".encode())

    table.subscribe(fork)
    table.subscribe(tell)
    table.insert("a", 1)
    if children == [0]:
        os._exit(0)
    os.waitpid(children[0], 0)
    os.close(writing)
    with os.fdopen(reading) as lines:
        told = sorted(lines.read().splitlines())
    assert "parent a" in told
    assert "parent b" in told
    assert "child b" not in told
    assert told.count("child c") == 1


@pytest.mark.parametrize("kind", ["set", "ordered_set"])
def test_what_expires_while_a_function_looks_at_it_is_not_changed(kind: str) -> None:
    clock = ManualClock()
    table: Any = ets.new(kind=kind, store=ets.Store(), clock=clock)
    events: list[str] = []
    table.subscribe(lambda event: events.append(event.kind))

    def looks_long(_key: str, _value: int) -> bool:
        clock.advance(2)
        return True

    for change in (
        lambda: table.delete_where(looks_long),
        lambda: table.update_where(looks_long, lambda value: value + 1),
        lambda: table.update_where(ets.row.key == "a", lambda value: clock.advance(2)),
    ):
        table.insert("a", 1, ttl=1)
        assert change() == 0
        assert events == ["insert", "expire"]
        assert len(table) == 0
        events.clear()


@pytest.mark.parametrize("kind", ["set", "ordered_set"])
def test_what_a_transaction_wrote_ends_inside_it_each_at_its_time(kind: str) -> None:
    clock = ManualClock()
    store = ets.Store()
    table: Any = store.new(None, kind, clock=clock)

    def write(tx: ets.Transaction) -> list[list[str]]:
        view = tx[table]
        view.insert("short", 1, ttl=1)
        view.insert("long", 2, ttl=3)
        view.insert("ever", 3)
        seen: list[list[str]] = []
        for _ in range(4):
            seen.append(sorted(view))
            assert len(view) == len(seen[-1])
            clock.advance(1)
        return seen

    assert store.transact(write) == [["ever", "long", "short"], ["ever", "long"], ["ever", "long"], ["ever"]]
    assert list(table) == ["ever"]


def test_a_value_that_changes_is_a_conflict_for_whoever_read_all() -> None:
    store = ets.Store()
    table = ets.SetTable[str, int](store=store)
    table.insert_many({"a": 1, "b": 2})
    runs: list[int] = []

    def total(tx: ets.Transaction) -> int:
        runs.append(tx[table].fold(lambda sum_, _key, value: sum_ + value, 0))
        if len(runs) == 1:
            table.insert("a", 10)  # as many keys as before
        return runs[-1]

    assert store.transact(total) == 12
    assert runs == [3, 12]


def test_a_union_counts_as_its_dearest_part() -> None:
    table = ets.SetTable[int, dict[str, int]]()
    table.add_index("by_b", "b")
    keys = (ets.row.key == 1) | (ets.row.key == 2)
    assert table.explain(keys & (ets.row.field("b") == 3)).access == "union"
    half = keys | (ets.row.field("b") == 1)
    assert table.explain(half & (ets.row.key == 3)).access == "key"
    assert table.explain(half & ets.row.key.is_in([3, 4])).access == "key"


@pytest.mark.parametrize("beginning", [b"a\xff", b"\xff\xff", b"\xff", "a\U0010ffff", "\U0010ffff"])
def test_a_beginning_with_nothing_above_it(beginning: Any) -> None:
    table = ets.OrderedSetTable[Any, None]()
    end = b"\xff" if isinstance(beginning, bytes) else "\U0010ffff"
    keys = [beginning, beginning + end, beginning[:-1], beginning + beginning, b"b", b"a", "a", "b", b"\xfe", 1, ("a",)]
    table.insert_many([(key, None) for key in keys])
    where = ets.row.key.startswith(beginning)
    expected = [key for key in table if isinstance(key, type(beginning)) and key.startswith(beginning)]
    assert table.explain(where).access == "prefix"
    assert [entry.key for entry in table.select(where)] == expected
    assert len(expected) >= 2


@pytest.mark.skipif(KERNEL != "pure", reason="in other kernels rows that go together go in one step")
def test_a_row_that_is_half_gone_holds_up_nobody_and_is_no_event() -> None:
    """What a finalizer meets that strikes between the two steps in which rows go together."""
    from noex.kernel._pure.ground.row import GONE

    table: Any = ets.SetTable[str, int]()
    table.insert("a", 1)
    seen: list[ets.TableEvent] = []
    table.subscribe(seen.append)
    table._rows["a"] = GONE
    assert table.lookup("a") is None
    table.insert("a", 2)
    assert [(event.kind, event.value) for event in seen] == [("insert", 2)]
    assert table["a"] == 2
    table._check()


def test_events_of_a_section_under_the_lock_come_when_it_ends() -> None:
    """A recipe uses tables while it has the lock: who subscribed to one of them is told by another thread."""
    from noex.kernel import acquire, release

    table = ets.SetTable[int, int]()
    told = threading.Event()
    seen: list[tuple[int, bool]] = []
    here = threading.get_ident()

    def note(event: ets.TableEvent) -> None:
        seen.append((event.key, threading.get_ident() == here))
        if len(seen) == 3:
            told.set()

    table.subscribe(note)
    acquire()
    try:
        for number in range(3):
            table.insert(number, number)
        assert seen == []
    finally:
        release()
    assert told.wait(30)
    assert seen == [(0, False), (1, False), (2, False)]
