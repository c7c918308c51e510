"""What tables hold on to: memory returns, references are counted, and cycles through a table are collected.

Written for the native kernel, where each of these is done by hand; the pure one must do the same.
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from noex import Cache, Counters, Leaderboard, Metrics, RateCounter, SessionStore, ets
from noex.errors import NoexError
from noex.kernel import KERNEL
from noex.testing import ManualClock
from noex.typing import TableKind

KINDS: tuple[TableKind, ...] = ("set", "ordered_set", "bag", "duplicate_bag")
SETS: tuple[TableKind, ...] = ("set", "ordered_set")
COUNT = 1000

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind} of the {KERNEL} kernel")
each_set = pytest.mark.parametrize("kind", SETS, ids=lambda kind: f"{kind} of the {KERNEL} kernel")


@pytest.fixture(autouse=True)
def no_garbage_of_others() -> Iterator[None]:
    """Collect garbage only where a test asks for it, so that counts are exact."""
    gc.collect()
    gc.freeze()  # what was there before is looked at no more, so that a collection takes no time
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


def blocks() -> int:
    """Return how many blocks of memory Python has in use, without garbage."""
    gc.collect()
    return sys.getallocatedblocks()


def growth(work: Callable[[], object], rounds: int = 6) -> int:
    """Return by how many blocks the last rounds of some work have grown, after a few in which things are made once."""
    for _ in range(4):
        work()
    before = blocks()
    for _ in range(rounds):
        work()
    return blocks() - before


# A leak of one block per entry and round would be far more; what is made now and then (caches, free lists), less.
SLACK = COUNT // 2


class Value:
    """A value that tells when it is gone."""

    __slots__ = ("__weakref__", "number")

    def __init__(self, number: int) -> None:
        self.number = number


class Key:
    """A key with a hash and an equality of its own."""

    __slots__ = ("__weakref__", "number", "table")

    def __init__(self, number: int) -> None:
        self.number = number
        self.table: Any = None

    def __hash__(self) -> int:
        return hash(self.number)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and other.number == self.number


def number_of(key: Any) -> Any:
    """Order keys of any class."""
    return key.number if isinstance(key, Key) else key


# -- memory returns -------------------------------------------------------------------------------------------------


def _pairs(kind: TableKind, *, foreign: bool) -> list[tuple[Any, Any]]:
    make: Callable[[int], Any] = Decimal if foreign and kind != "ordered_set" else int
    return [(make(number), float(number)) for number in range(COUNT)]


def _empty_by_clear(table: Any) -> None:
    table.clear()


def _empty_by_delete(table: Any) -> None:
    for key in list(table.keys()):
        table.delete(key)


def _empty_by_delete_many(table: Any) -> None:
    table.delete_many(list(table.keys()))


def _empty_by_delete_where(table: Any) -> None:
    table.delete_where(lambda _key, _value: True)


def _empty_by_take(table: Any) -> None:
    for key in list(table.keys()):
        table.take(key)


EMPTYING = [_empty_by_clear, _empty_by_delete, _empty_by_delete_many, _empty_by_delete_where, _empty_by_take]


@each_kind
@pytest.mark.parametrize("foreign", [False, True], ids=["plain keys", "foreign keys"])
@pytest.mark.parametrize("empty", EMPTYING, ids=lambda empty: empty.__name__.strip("_"))
def test_filling_and_emptying_returns_all_memory(
    kind: TableKind, empty: Callable[[Any], None], *, foreign: bool
) -> None:
    table = ets.new(kind=kind)
    bare = table._memory()

    def work() -> None:
        table.insert_many(_pairs(kind, foreign=foreign))
        empty(table)
        assert len(table) == 0

    assert growth(work) < SLACK
    table.clear()
    assert table._memory() <= bare + 4096
    table._check()


@each_kind
def test_writing_one_by_one_and_closing_returns_all_memory(kind: TableKind) -> None:
    def work() -> None:
        with ets.new(kind=kind) as table:
            for key, value in _pairs(kind, foreign=False):
                table.insert(key, value)

    assert growth(work) < SLACK


@each_kind
def test_tables_that_are_simply_let_go_return_all_memory(kind: TableKind) -> None:
    def work() -> None:
        ets.new(kind=kind).insert_many(_pairs(kind, foreign=True))

    assert growth(work) < SLACK


@each_set
def test_overwriting_and_counting_returns_what_was_there(kind: TableKind) -> None:
    clock = ManualClock()
    table = ets.new(kind=kind, ttl=10, clock=clock)

    def work() -> None:
        table.insert_many([(number, 0) for number in range(COUNT)])
        for number in range(COUNT):
            table.update_counter(number, 10**9)
            table.insert(number, float(number), ttl=None if number % 2 else 5)
            table.touch(number)
            table.compute(number, lambda value: value + 1)
            table.insert(number, 0)
        clock.advance(20)
        while table.sweep():
            pass
        assert table.clear() == 0

    assert growth(work, 3) < SLACK
    table._check()


@each_set
def test_what_expires_is_let_go(kind: TableKind) -> None:
    clock = ManualClock()
    table = ets.new(kind=kind, ttl=1, clock=clock)
    bare = table._memory()

    def work() -> None:
        for number in range(COUNT):
            table.insert(number, float(number), ttl=1 + number % 7)
        clock.advance(10)
        while table.sweep():
            pass
        assert len(table) == 0

    assert growth(work) < SLACK
    table.clear()
    assert table._memory() <= bare + 4096
    table._check()


@each_set
@pytest.mark.parametrize("ordered", [False, True], ids=["hashed index", "ordered index"])
def test_indexes_let_go_of_what_they_have(kind: TableKind, *, ordered: bool) -> None:
    table = ets.new(kind=kind)
    foreign = [] if ordered else [Decimal(number) for number in range(COUNT)]

    def work() -> None:
        table.add_index("value", lambda _key, value: value, ordered=ordered)
        table.insert_many([(number, (number % 10, str(number))) for number in range(COUNT)])
        table.insert_many(list(enumerate(foreign)))
        table.delete_where(lambda key, _value: key % 2)
        table.clear()
        table.insert_many([(number, number) for number in range(COUNT)])
        table.drop_index("value")
        table.clear()

    assert growth(work) < SLACK
    table._check()


@each_kind
def test_transactions_and_events_leave_nothing_behind(kind: TableKind) -> None:
    store = ets.Store()
    table = ets.new(kind=kind, store=store)
    heard: list[Any] = []

    def work() -> None:
        with table.subscribe(heard.append):
            table.insert_many(_pairs(kind, foreign=False))
            store.transact(lambda tx: [tx[table].insert(number, None) for number in range(0, COUNT, 3)])
            store.transact(lambda tx: tx[table].delete_many(list(range(0, COUNT, 2))))
            with pytest.raises(ZeroDivisionError):
                store.transact(lambda tx: tx[table].clear() / 0)
            table.clear()
        heard.clear()

    assert growth(work, 3) < SLACK
    table._check()


def test_caches_let_go_of_what_they_evict() -> None:
    clock = ManualClock()
    cache: Cache[Any, Any] = Cache(max_entries=100, ttl=5, clock=clock)

    def work() -> None:
        for number in range(COUNT):
            cache.set(number, float(number))
            cache.get(number - 50)
            cache.get_or_set(Decimal(number), list)
        clock.advance(10)
        cache.get(0)
        cache.clear()

    assert growth(work) < SLACK
    cache._check()


@each_kind
def test_reading_and_failing_leaves_nothing_behind(kind: TableKind) -> None:
    table = ets.new(kind=kind)
    table.insert_many(_pairs(kind, foreign=False))

    def fail(*_arguments: Any) -> Any:
        raise ZeroDivisionError

    def work() -> None:
        for number in range(300):
            for call in (
                lambda number=number: table.lookup([number]),
                lambda number=number: table.insert({}, number),
                lambda number=number: table.insert_many([(number + COUNT, 1), ([], 2)]),
                lambda: table.insert_many(5),
                lambda: table.insert(1),
                lambda: table.lookup(1, nothing=2),
                lambda: table.select(fail),
                lambda: table.fold(fail, 0),
                lambda: table.delete_where(fail),
            ):
                with pytest.raises((NoexError, TypeError, ZeroDivisionError)):
                    call()
            table.lookup(number)
            table.lookup_many([number, -1])
            next(iter(table))
        table.to_list()
        list(table.items())

    assert growth(work, 3) < SLACK


def test_resident_memory_does_not_grow_with_the_rounds() -> None:
    """What is not Python's own memory (Rust's) shows in what the process has from the system, and only there."""
    resource = pytest.importorskip("resource")
    clock = ManualClock()

    def work() -> None:
        for kind in SETS:
            table = ets.new(kind=kind, ttl=5, clock=clock)
            table.add_index("value", lambda _key, value: value, ordered=True)
            table.insert_many([(number, number) for number in range(20_000)])
            clock.advance(10)
            while table.sweep():
                pass
            table.insert_many([(str(number), number) for number in range(20_000)])
            table.close()

    for _ in range(3):
        work()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(6):
        work()
    gc.collect()
    # One round has many megabytes; a peak that moves by less than two is no leak of a round.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 * 1024


# -- references are counted -------------------------------------------------------------------------------------------


def _raise(*_arguments: Any) -> Any:
    raise ZeroDivisionError


def _calls(table: Any, key: Any, value: Any) -> dict[str, Callable[[], object]]:
    """Return calls that write, read, remove and fail, each leaving key and value as they were at its end."""
    is_set = table.kind in SETS
    calls: dict[str, Callable[[], object]] = {
        "insert": lambda: table.insert(key, value),
        "insert again": lambda: [table.insert(key, value) for _ in range(3)],
        "insert_new": lambda: [table.insert_new(key, value) for _ in range(3)],
        "insert_many": lambda: table.insert_many([(key, value), (key, value)]),
        "insert_many of a dict": lambda: table.insert_many({key: value}),
        "insert_many that fails": lambda: table.insert_many([(key, value), ([], value)]),
        "insert_many of what is no pair": lambda: table.insert_many([(key, value), (key,)]),
        "insert of a bad key": lambda: table.insert([key], value),
        "insert of too much": lambda: table.insert(key, value, value, value),
        "insert with what it does not know": lambda: table.insert(key, value, nothing=value),
        "lookup": lambda: table.lookup(key),
        "lookup of another": lambda: table.lookup(-1),
        "member": lambda: (table.member(key), key in table),
        "lookup_many": lambda: table.lookup_many([key, key, -1]),
        "take": lambda: (table.insert(key, value), table.take(key)),
        "take of nothing": lambda: table.take(-1),
        "delete_many": lambda: (table.insert(key, value), table.delete_many([key, -1, key])),
        "delete_object": lambda: (table.insert(key, value), table.delete_object(key, value)),
        "delete_object of another": lambda: table.delete_object(key, [value]),
        "walks": lambda: (table.insert(key, value), table.to_list(), list(table), list(table.items())),
        "a walk left off": lambda: (table.insert(key, value), next(iter(table.items()))),
        "select": lambda: (table.insert(key, value), table.select(lambda _key, found: found is value)),
        "select that fails": lambda: (table.insert(key, value), table.select(_raise)),
        "count": lambda: table.count(lambda _key, found: found is value),
        "fold": lambda: (table.insert(key, value), table.fold(lambda _total, _key, found: found, value)),
        "fold that fails": lambda: (table.insert(key, value), table.fold(_raise, value)),
        "delete_where": lambda: (table.insert(key, value), table.delete_where(lambda _key, found: found is value)),
        "clear": lambda: (table.insert(key, value), table.clear()),
        "events": lambda: _listen(table, key, value),
        "transaction": lambda: table._store.transact(lambda tx: (tx[table].insert(key, value), tx[table].lookup(key))),
        "transaction that fails": lambda: table._store.transact(lambda tx: (tx[table].insert(key, value), _raise())),
    }
    if is_set:
        calls |= {
            "setdefault": lambda: [table.setdefault(key, value) for _ in range(2)],
            "item": lambda: (table.__setitem__(key, value), table[key], table.__delitem__(key)),
            "pop": lambda: (table.insert(key, value), table.pop(key), table.pop(key, value)),
            "pop of nothing": lambda: table.pop(-1),
            "popitem": lambda: (table.insert(key, value), table.popitem()),
            "lookup of a default": lambda: table.lookup(-1, value),
            "update_counter of what is no number": lambda: (table.insert(key, value), table.update_counter(key)),
            "update_counter by what is no number": lambda: table.update_counter(-1, value),
            "compute": lambda: (table.insert(key, value), table.compute(key, lambda found: found)),
            "compute to another": lambda: (table.insert(key, value), table.compute(key, lambda found: [found])),
            "compute that deletes": lambda: (table.insert(key, value), table.compute(key, lambda _: ets.DELETE)),
            "compute of a default": lambda: table.compute(key, lambda found: found, default=value),
            "compute that fails": lambda: (table.insert(key, value), table.compute(key, _raise)),
            "compare_and_set": lambda: (table.insert(key, value), table.compare_and_set(key, value, [value])),
            "compare_and_set in vain": lambda: (table.insert(key, value), table.compare_and_set(key, -1, value)),
            "update_where": lambda: (
                table.insert(key, value),
                table.update_where(lambda *_: True, lambda found: [found]),
            ),
            "lifetimes": lambda: (
                table.insert(key, value, ttl=5),
                table.touch(key, 3),
                table.expires_in(key),
                table.persist(key),
                table.touch(key, 1),
                table.touch(-1),
            ),
            "a bad lifetime": lambda: table.insert(key, value, ttl=value),
            "expiry": lambda: (table.insert(key, value, ttl=1), table._clock.advance(5), table.sweep(), len(table)),
            "expiry that is not swept": lambda: (
                table.insert(key, value, ttl=1),
                table._clock.advance(5),
                table.lookup(key),
                table.insert(key, value),
            ),
            "an index": lambda: (
                table.add_index("v", lambda _key, found: id(found)),
                table.insert(key, value),
                table.index("v").lookup(id(value)),
                table.drop_index("v"),
            ),
            "an index that has it": lambda: (
                table.insert(key, value),
                table.add_index("v", lambda _key, found: found),
                table.index("v").keys(value),
                table.drop_index("v"),
            ),
            "an index that refuses": lambda: (
                table.add_index("v", _raise),
                table.insert(key, value),
            ),
            "dump and load of rows": lambda: (table.insert(key, value), table._timed_entries()),
        }
    if table.kind == "ordered_set":
        calls |= {
            "neighbours": lambda: (
                table.insert(key, value),
                table.first(),
                table.last(),
                table.next(-5),
                table.prev(key),
            ),
            "ranges": lambda: (table.insert(key, value), table.range(), table.range(key, key, bounds="[]")),
            "ranks": lambda: (table.insert(key, value), table.rank(key), table.at(0), table.delete_range(-99, key)),
            "pop_first": lambda: (table.insert(key, value), table.pop_first()),
            "pop_last": lambda: (table.insert(key, value), table.pop_last()),
        }
    return calls


def _listen(table: Any, key: Any, value: Any) -> None:
    with table.subscribe(lambda _event: None), table.subscribe(_quietly):
        table.insert(key, value)
        table.insert(key, value)
        table.delete(key)


def _quietly(event: Any) -> None:
    event.previous  # noqa: B018 - looked at, and no more


def _reset(table: Any) -> None:
    for index in table.info().indexes:
        table.drop_index(index)
    table.clear()


@each_kind
@pytest.mark.parametrize("keys", ["plain", "foreign"])
def test_references_to_keys_and_values_are_as_before_each_verb(kind: TableKind, keys: str) -> None:
    options: dict[str, Any] = {"clock": ManualClock()} if kind in SETS else {}
    if kind == "ordered_set" and keys == "foreign":
        options["key"] = number_of
    table = ets.new(kind=kind, store=ets.Store(), **options)
    key: Any = Key(10**6) if keys == "foreign" else int("1000000")
    value = Value(1)
    wrong: dict[str, tuple[int, int]] = {}

    def counts() -> tuple[int, int]:
        _reset(table)
        gc.collect(0)  # what a transaction or an error leaves in cycles
        return sys.getrefcount(key), sys.getrefcount(value)

    for name, call in _calls(table, key, value).items():
        for _ in range(2):  # the first time may make what stays
            before = counts()
            for _ in range(5):
                try:
                    call()
                except (NoexError, TypeError, ValueError, ZeroDivisionError, LookupError):
                    pass
            after = counts()
        if after != before:
            wrong[name] = after[0] - before[0], after[1] - before[1]
    assert wrong == {}
    table._check()


@each_kind
def test_what_is_displaced_is_let_go_at_once(kind: TableKind) -> None:
    table: Any = ets.new(kind=kind)
    for name in ("delete", "take", "clear", "close", "overwrite"):
        value = Value(1)
        gone = weakref.ref(value)
        table.insert("k", value)
        del value
        assert gone() is not None
        if name == "overwrite" and kind in SETS:
            table.insert("k", None)
        elif name == "overwrite":
            continue
        elif name in {"clear", "close"}:
            getattr(table, name)()
        else:
            getattr(table, name)("k")
        assert gone() is None, name
        if table.closed:
            table = ets.new(kind=kind)


class RefusedError(Exception):
    """An error that can be watched."""


class Refusing:
    """A key whose hash, or place in an order, fails with an error that somebody watches."""

    def __init__(self) -> None:
        self.seen: list[weakref.ref[Exception]] = []

    def fail(self) -> Any:
        raise self.error()  # not from a variable, which would hold what holds the frame

    def error(self) -> RefusedError:
        error = RefusedError("this key cannot be one")
        self.seen.append(weakref.ref(error))
        return error

    def __hash__(self) -> int:
        return int(self.fail())


ONE_KEY: dict[str, Callable[[Any, Any], object]] = {
    "lookup": lambda table, key: table.lookup(key),
    "subscript": lambda table, key: table[key],
    "member": lambda table, key: table.member(key),
    "contains": lambda table, key: key in table,
    "insert": lambda table, key: table.insert(key, 1),
    "insert with a ttl": lambda table, key: table.insert(key, 1, ttl=5),
    "assign": lambda table, key: table.__setitem__(key, 1),
    "update_counter": lambda table, key: table.update_counter(key),
    "touch": lambda table, key: table.touch(key, 5),
    "delete": lambda table, key: table.delete(key),
    "take": lambda table, key: table.take(key),
    "insert_many": lambda table, key: table.insert_many([(1, 1), (key, 1)]),
}


@each_set
@pytest.mark.parametrize("verb", ONE_KEY)
def test_what_a_key_raises_is_let_go_with_the_error(kind: TableKind, verb: str) -> None:
    """Short cuts of the native kernel do without the bookkeeping that puts off what it is to let go of."""
    refusing = Refusing()
    table: Any = ets.OrderedSetTable(key=lambda key: refusing.fail() if key is refusing else key, ttl=60)
    if kind == "set":
        table = ets.SetTable(ttl=60)
    table.insert(1, 1)
    try:
        ONE_KEY[verb](table, refusing)
    except RefusedError:
        pass
    assert len(refusing.seen) == 1
    assert refusing.seen[0]() is None
    assert list(table.items()) == [(1, 1)]


@each_set
def test_an_answer_outlives_its_entry(kind: TableKind) -> None:
    table: Any = ets.new(kind=kind)
    table.insert("k" * 3, [1])
    entry, value = table.to_list()[0], table.lookup("kkk")
    walk = iter(table.items())
    table.clear()
    table.close()
    gc.collect()
    assert (entry.key, entry.value, value) == ("kkk", [1], [1])
    del walk


# -- cycles are collected ---------------------------------------------------------------------------------------------


def _by_value(table: Any) -> None:
    table.insert("k", [table])


def _by_value_with_an_end(table: Any) -> None:
    if table.kind in SETS:
        table.insert("k", [table], ttl=100)
    else:
        table.insert("k", table)


def _by_key(table: Any) -> None:
    if table.kind == "ordered_set":
        table.insert("k", {"table": table})
        return
    key = Key(1)
    key.table = table
    table.insert(key, 1)


def _by_many_values(table: Any) -> None:
    table.insert_many([(number, {"table": table}) for number in range(100)])


def _by_subscriber(table: Any) -> None:
    heard: list[Any] = [table]
    table.subscribe(heard.append)
    table.insert("k", 1)


def _by_kept_events(table: Any) -> None:
    heard: list[Any] = []
    table.subscribe(heard.append)
    table.insert("k", [table])
    table.delete("k")


def _by_index_function(table: Any) -> None:
    if table.kind in SETS:
        table.add_index("v", lambda _key, _value: len([table]))
        table.add_index("w", lambda _key, _value: len([table]), ordered=True)
        table.insert("k", 1)
    else:
        table.insert("k", [table])


def _by_indexed_value(table: Any) -> None:
    if table.kind in SETS:
        table.add_index("v", lambda _key, value: value)
        value = Key(1)
        value.table = table
        table.insert("k", value)
    else:
        table.insert("k", [table])


def _by_walk(table: Any) -> None:
    table.insert_many([(1, 1), (2, 2)])
    walk = iter(table.items())
    next(walk)
    table.insert(3, [walk])


def _by_transaction(table: Any) -> None:
    seen: list[Any] = [table]
    table._store.transact(lambda tx: (tx[table].insert("k", seen), seen.append(tx)))


def _by_on_reclaim(table: Any) -> None:
    if table.kind in SETS:
        table._on_reclaim = lambda rows: len([rows, table])
    else:
        table.insert("k", [table])


CYCLES = [
    _by_value,
    _by_value_with_an_end,
    _by_key,
    _by_many_values,
    _by_subscriber,
    _by_kept_events,
    _by_index_function,
    _by_indexed_value,
    _by_walk,
    _by_transaction,
    _by_on_reclaim,
]


class _MyTables:
    """Subclasses of all kinds, with an attribute of their own."""

    class SetTable(ets.SetTable[Any, Any]):
        mine: Any = None

    class OrderedSetTable(ets.OrderedSetTable[Any, Any]):
        mine: Any = None

    class BagTable(ets.BagTable[Any, Any]):
        mine: Any = None

    class DuplicateBagTable(ets.DuplicateBagTable[Any, Any]):
        mine: Any = None

    by_kind: dict[str, Any] = {  # noqa: RUF012 - not to be changed
        "set": SetTable,
        "ordered_set": OrderedSetTable,
        "bag": BagTable,
        "duplicate_bag": DuplicateBagTable,
    }


@each_kind
@pytest.mark.parametrize("subclass", [False, True], ids=["public class", "subclass"])
@pytest.mark.parametrize("tie", CYCLES, ids=lambda tie: tie.__name__.strip("_"))
def test_a_table_in_a_cycle_is_collected(kind: TableKind, tie: Callable[[Any], None], *, subclass: bool) -> None:
    store = ets.Store()
    table = _MyTables.by_kind[kind](store=store) if subclass else ets.new(kind=kind, store=store)
    tie(table)
    if subclass:
        table.mine = [table]
    gone, still = weakref.ref(table), len(table)
    gc.collect()
    assert gone() is table, "collected, and in use"
    assert len(table) == still
    table._check()
    del table
    gc.collect()
    gc.collect()  # what a finalizer brought back once
    assert gone() is None


@each_set
def test_a_table_in_a_cycle_through_its_clock_or_sort_key_is_collected(kind: TableKind) -> None:
    held: list[Any] = []

    class Clock:
        def __init__(self) -> None:
            self.table: Any = None

        def __call__(self) -> float:
            return 1.0

        def order(self, key: Any) -> Any:
            return key

    clock = Clock()
    options: dict[str, Any] = {"key": clock.order} if kind == "ordered_set" else {}
    clock.table = ets.new(kind=kind, clock=clock, ttl=5, **options)
    clock.table.insert(1, 1)
    gone = weakref.ref(clock.table)
    del clock, options, held
    gc.collect()
    assert gone() is None


def test_a_cache_in_a_cycle_is_collected() -> None:
    cache: Cache[Any, Any] = Cache(max_entries=10, ttl=5)
    cache.set("k", [cache])
    cache.set("l", {"cache": cache}, ttl=1)
    gone = weakref.ref(cache)
    gc.collect()
    assert gone() is cache
    del cache
    gc.collect()
    assert gone() is None


@each_kind
def test_two_tables_that_hold_each_other_are_collected(kind: TableKind) -> None:
    one, other = ets.new(kind=kind), ets.new(kind=kind)
    one.insert("k", other)
    other.insert("k", one)
    gone = weakref.ref(one), weakref.ref(other)
    del one, other
    gc.collect()
    assert (gone[0](), gone[1]()) == (None, None)


@each_kind
def test_finalizers_in_a_cycle_may_still_use_the_table(kind: TableKind) -> None:
    """A finalizer runs before anything is cleared, and finds its table whole."""
    seen: list[Any] = []

    class Last:
        def __init__(self, table: Any) -> None:
            self.table = table

        def __del__(self) -> None:
            try:
                seen.append((len(self.table), self.table.member("k")))
                self.table.insert("l", 1)
                self.table._check()
            except BaseException as error:
                seen.append(error)

    table = ets.new(kind=kind)
    table.insert("k", Last(table))
    del table
    gc.collect()
    assert seen == [(1, True)]


@each_kind
def test_nothing_is_lost_to_the_collector_while_a_table_is_in_use(kind: TableKind) -> None:
    table: Any = ets.new(kind=kind)
    for number in range(200):
        table.insert(number, [number, table])
    for _ in range(3):
        gc.collect()
    assert sorted(entry.value[0] for entry in table.to_list()) == list(range(200))
    table._check()


@each_kind
def test_the_collector_is_told_of_keys_and_values(kind: TableKind) -> None:
    table: Any = ets.new(kind=kind)
    value = Value(1)
    table.insert("k", value)
    seen, found = [table], set()
    while seen:
        thing = seen.pop()
        if id(thing) in found or isinstance(thing, type):
            continue
        found.add(id(thing))
        if len(found) > 2000:
            break
        seen.extend(gc.get_referents(thing))
    assert id(value) in found


@each_kind
def test_weak_references_to_tables_work(kind: TableKind) -> None:
    table = ets.new(kind=kind)
    told: list[Any] = []
    reference = weakref.ref(table, told.append)
    assert reference() is table
    assert weakref.proxy(table).kind == kind
    kept = weakref.WeakValueDictionary({1: table})
    del table
    gc.collect()
    assert told == [reference]
    assert dict(kept) == {}


def test_recipes_hold_on_to_nothing_that_they_replace() -> None:
    clock = ManualClock()
    counters = Counters[str]()
    rates = RateCounter[str](60, 60, clock=clock)
    metrics = Metrics()
    sessions = SessionStore(None, clock=clock)
    board = Leaderboard[str](mode="sum")
    token = sessions.create("ada")

    def use() -> None:
        for number in range(COUNT):
            counters.increment("a", 1000)
            rates.increment("a", 1000)
            clock.advance(0.25)
            metrics.observe("a", number + 0.5)
            metrics.observe("b", number)
            assert sessions.touch(token)
            board.submit("ada", 1000 + number)
            board.submit("bob", -1000)

    assert growth(use) < SLACK
