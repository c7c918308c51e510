"""Four threads on one table: every compound verb is atomic, whatever its keys are made of."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from noex import errors, ets
from noex.testing import ManualClock

THREADS = 4
ROUNDS = 250


@dataclass(frozen=True)
class Point:
    """A key whose hash and comparison are Python code."""

    x: int
    y: int


@dataclass(frozen=True)
class Case:
    """How a table is made, and its keys: each call of `key` makes a new object."""

    make: Callable[..., Any]
    key: Callable[[int], Any]


SETS = {
    "set, text": Case(ets.SetTable, lambda number: f"key {number}"),
    "set, UUID": Case(ets.SetTable, lambda number: UUID(int=number)),
    "set, dataclass": Case(ets.SetTable, lambda number: Point(number, -number)),
    "set, tuple of dataclass": Case(ets.SetTable, lambda number: ("point", Point(number, 0))),
    "set with lifetimes, text": Case(lambda **o: ets.SetTable(ttl=1e6, **o), lambda number: f"key {number}"),
    "set with lifetimes, dataclass": Case(lambda **o: ets.SetTable(ttl=1e6, **o), lambda number: Point(number, 0)),
    "ordered_set, text": Case(ets.OrderedSetTable, lambda number: f"key {number:06}"),
    "ordered_set, tuple": Case(ets.OrderedSetTable, lambda number: (number // 10, "x", number)),
    "ordered_set by key, dataclass": Case(
        lambda **o: ets.OrderedSetTable(key=lambda point: (ets.desc(point.x), point.y), **o),
        lambda number: Point(number, 0),
    ),
    "ordered_set with lifetimes": Case(lambda **o: ets.OrderedSetTable(ttl=1e6, **o), lambda number: number),
}
BAGS = {
    "bag, text": Case(ets.BagTable, lambda number: f"key {number}"),
    "bag, dataclass": Case(ets.BagTable, lambda number: Point(number, 0)),
    "duplicate_bag, text": Case(ets.DuplicateBagTable, lambda number: f"key {number}"),
    "duplicate_bag, UUID": Case(ets.DuplicateBagTable, lambda number: UUID(int=number)),
}
EVERY = SETS | BAGS

sets = pytest.mark.parametrize("case", SETS.values(), ids=SETS)
bags = pytest.mark.parametrize("case", BAGS.values(), ids=BAGS)
every = pytest.mark.parametrize("case", EVERY.values(), ids=EVERY)
ordered = pytest.mark.parametrize(
    "case", [case for name, case in SETS.items() if "ordered" in name], ids=[n for n in SETS if "ordered" in n]
)

Race = Callable[..., list[Any]]


def each(function: Callable[[int], Any], count: int = THREADS) -> list[Callable[[], Any]]:
    """One function without arguments per thread, which knows its number."""
    return [lambda number=number: function(number) for number in range(count)]


# -- one key, many writers --------------------------------------------------------------------------------------------


@sets
def test_racy_update_counter_is_exact(case: Case, race: Race) -> None:
    table = case.make()

    def count(_thread: int) -> None:
        for number in range(ROUNDS):
            table.update_counter(case.key(number % 3))

    race(*each(count))
    assert sum(table.values()) == THREADS * ROUNDS
    table._check()


@sets
def test_racy_update_counter_passes_each_threshold_once(case: Case, race: Race) -> None:
    table = case.make()

    def count(_thread: int) -> int:
        results = [table.update_counter(case.key(0), 1, threshold=9, reset_to=0) for _ in range(ROUNDS)]
        return results.count(0)

    assert sum(race(*each(count))) == THREADS * ROUNDS // 10
    assert table.lookup(case.key(0)) == THREADS * ROUNDS % 10


@sets
def test_racy_compute_loses_no_update(case: Case, race: Race) -> None:
    table = case.make()

    def compute(thread: int) -> None:
        for number in range(ROUNDS):
            table.compute(case.key(0), lambda value, n=number: (*value, (thread, n)), default=())

    race(*each(compute))
    written = table.lookup(case.key(0))
    assert Counter(thread for thread, _ in written) == dict.fromkeys(range(THREADS), ROUNDS)
    for thread in range(THREADS):
        assert [number for writer, number in written if writer == thread] == list(range(ROUNDS))


@sets
def test_racy_compute_that_removes_and_makes_anew_is_seen_whole(case: Case, race: Race) -> None:
    table = case.make()

    def toggle(_thread: int) -> int:
        made = 0
        for _ in range(ROUNDS):
            seen: list[Any] = []
            table.compute(
                case.key(0),
                lambda value, seen=seen: seen.append(value) or ("there" if value is None else ets.DELETE),
                default=None,
            )
            made += seen[-1] is None
        return made

    assert sum(race(*each(toggle))) == THREADS * ROUNDS // 2
    assert len(table) == 0
    table._check()


@sets
def test_racy_compare_and_set_lets_one_through(case: Case, race: Race) -> None:
    table = case.make()
    table.insert(case.key(0), 0)

    def step(_thread: int) -> int:
        done = 0
        for _ in range(ROUNDS):
            value = table.lookup(case.key(0))
            done += table.compare_and_set(case.key(0), value, value + 1)
        return done

    assert sum(race(*each(step))) == table.lookup(case.key(0)) >= ROUNDS


@sets
def test_racy_update_where_loses_no_count(case: Case, race: Race) -> None:
    table = case.make()
    table.insert_many([(case.key(number), 0) for number in range(5)])

    def count(thread: int) -> int:
        if thread % 2:
            return sum(
                table.update_where(lambda _key, _value: True, lambda value: value + 1) for _ in range(ROUNDS // 5)
            )
        return len([table.update_counter(case.key(number % 5)) for number in range(ROUNDS)])

    assert sum(race(*each(count))) == sum(table.values())
    table._check()


@sets
def test_racy_insert_new_has_exactly_one_winner(case: Case, race: Race) -> None:
    table = case.make()

    def win(thread: int) -> list[int]:
        return [number for number in range(ROUNDS) if table.insert_new(case.key(number), thread)]

    won = race(*each(win))
    assert sorted(itertools.chain(*won)) == list(range(ROUNDS))
    for thread, numbers in enumerate(won):
        assert {table.lookup(case.key(number)) for number in numbers} <= {thread}


@bags
def test_racy_insert_new_of_a_bag_has_exactly_one_winner(case: Case, race: Race) -> None:
    table = case.make()
    won = race(*each(lambda thread: sum(table.insert_new(case.key(number), thread) for number in range(ROUNDS))))
    assert sum(won) == len(table) == ROUNDS


@sets
def test_racy_setdefault_gives_everybody_the_same(case: Case, race: Race) -> None:
    table = case.make()
    got = race(*each(lambda thread: [table.setdefault(case.key(number), thread) for number in range(ROUNDS)]))
    assert all(values == got[0] for values in got)
    assert len(table) == ROUNDS


# -- each entry once --------------------------------------------------------------------------------------------------


@every
def test_racy_take_has_exactly_one_taker(case: Case, race: Race) -> None:
    table = case.make()
    table.insert_many([(case.key(number), number) for number in range(ROUNDS)])

    def take(_thread: int) -> list[int]:
        taken = [table.take(case.key(number)) for number in range(ROUNDS)]
        return [value[0] if isinstance(value, list) else value for value in taken if value not in (None, [])]

    assert sorted(itertools.chain(*race(*each(take)))) == list(range(ROUNDS))
    assert len(table) == 0


@every
@pytest.mark.parametrize("verb", ["delete", "delete_many", "delete_object", "delete_where"])
def test_racy_deletes_count_each_entry_once(case: Case, verb: str, race: Race) -> None:
    table = case.make()
    keys = [case.key(number) for number in range(ROUNDS)]
    table.insert_many([(key, 0) for key in keys])

    def delete(thread: int) -> int:
        if verb == "delete":
            return sum(table.delete(key) for key in keys)
        if verb == "delete_many":
            return sum(table.delete_many(keys[start : start + 25]) for start in range(0, ROUNDS, 25))
        if verb == "delete_object":
            return sum(table.delete_object(key, 0) for key in keys)
        return table.delete_where(lambda _key, _value: True)

    assert sum(race(*each(delete))) == ROUNDS
    assert len(table) == 0
    table._check()


@sets
def test_racy_popitem_gives_each_entry_once(case: Case, race: Race) -> None:
    table = case.make()
    table.insert_many([(case.key(number), number) for number in range(ROUNDS)])

    def pop(_thread: int) -> list[int]:
        popped: list[int] = []
        while True:
            try:
                popped.append(table.popitem()[1])
            except KeyError:
                return popped

    assert sorted(itertools.chain(*race(*each(pop)))) == list(range(ROUNDS))


@ordered
def test_racy_pop_first_and_pop_last_give_each_entry_once_and_in_order(case: Case, race: Race) -> None:
    table = case.make()
    table.insert_many([(case.key(number), 0) for number in range(ROUNDS * 2)])
    order = list(table)

    def pop(thread: int) -> list[Any]:
        pop_end = table.pop_last if thread % 2 else table.pop_first
        popped: list[Any] = []
        while (entry := pop_end()) is not None:
            popped.append(entry.key)
        return popped if not thread % 2 else popped[::-1]

    popped = race(*each(pop))
    for keys in popped:
        assert keys == [key for key in order if key in keys]
    assert sorted(itertools.chain(*popped), key=order.index) == order


@every
def test_racy_deletes_and_inserts_add_up(case: Case, race: Race) -> None:
    table = case.make()

    def work(thread: int) -> int:
        change = 0
        for number in range(ROUNDS):
            key = case.key(number % 7)
            if thread % 2:
                change += table.insert_new(key, number)
            elif number % 3:
                change -= bool(table.delete(key))
            else:
                change -= table.delete_where(lambda _key, value: value % 2)
        return change

    assert sum(race(*each(work))) == len(table) == len(table.to_list())
    table._check()


# -- all at once ------------------------------------------------------------------------------------------------------


@sets
def test_racy_insert_many_is_seen_all_at_once(case: Case, race: Race) -> None:
    table = case.make()
    keys = [case.key(number) for number in range(40)]
    table.insert_many([(key, -1) for key in keys])

    def work(thread: int) -> int:
        for number in range(ROUNDS // 5):
            if thread % 2:
                table.insert_many([(case.key(place), (thread, number)) for place in range(40)])
            else:
                values = set(table.lookup_many(keys).values())
                assert len(values) == 1
        return 0

    race(*each(work))
    assert len(set(table.values())) == 1
    assert len(table) == 40


@every
@pytest.mark.parametrize("verb", ["len", "count", "info", "lookup_many", "to_list"])
def test_racy_insert_many_and_delete_many_are_seen_all_at_once(case: Case, verb: str, race: Race) -> None:
    table = case.make()
    keys = [case.key(number) for number in range(40)]
    running = [True]
    size: Callable[[Any], int] = {
        "len": len,
        "count": lambda table: table.count(),
        "info": lambda table: table.info().size,
        "lookup_many": lambda table: len(table.lookup_many(keys)),
        "to_list": lambda table: len(table.to_list()),
    }[verb]

    def write() -> None:
        for _ in range(ROUNDS // 5):
            assert table.insert_many([(key, 1) for key in keys]) == 40
            assert table.delete_many(keys) == 40
        running.clear()

    def fail() -> None:
        def items() -> Iterator[tuple[Any, int]]:
            yield from [(key, 1) for key in keys[:20]]
            raise ZeroDivisionError

        while running:
            with pytest.raises(ZeroDivisionError):
                table.insert_many(items())

    def read() -> set[int]:
        sizes = {size(table)}
        while running:
            sizes.add(size(table))
        return sizes

    _, _, *sizes = race(write, fail, read, read)
    assert set().union(*sizes) <= {0, 40}


@sets
def test_racy_insert_many_that_one_lookup_has_seen_is_seen_by_the_next(case: Case, race: Race) -> None:
    table = case.make()
    keys = [case.key(number) for number in range(40)]
    table.insert_many([(key, 0) for key in keys])
    running = [True]

    def write() -> None:
        for number in range(1, ROUNDS):
            table.insert_many([(key, number) for key in keys])
        running.clear()

    def read(first: Any, second: Any) -> int:
        torn = 0
        while running:
            torn += table.lookup(first) > table.lookup(second)
        return torn

    torn = race(
        write, lambda: read(keys[0], keys[-1]), lambda: read(keys[-1], keys[0]), lambda: read(keys[20], keys[21])
    )
    assert torn[1:] == [0, 0, 0]


@sets
def test_racy_delete_many_that_one_lookup_has_seen_is_seen_by_the_next(case: Case, race: Race) -> None:
    table = case.make()
    keys = [case.key(number) for number in range(40)]
    running = [True]

    def write() -> None:
        for number in range(0, ROUNDS * 2, 2):
            table.insert_many([(key, number) for key in keys])
            table.delete_many(keys)
        running.clear()

    def read(first: Any, second: Any) -> int:
        torn = 0
        while running:
            before, other, after = table.lookup(first), table.lookup(second), table.lookup(first)
            torn += before is not None and before == after and other is None
        return torn

    _, *torn = race(write, lambda: read(keys[0], keys[-1]), lambda: read(keys[-1], keys[0]))
    assert torn == [0, 0]


@bags
def test_racy_insert_many_under_one_key_is_seen_all_at_once(case: Case, race: Race) -> None:
    table = case.make()
    items = [(case.key(0), value) for value in range(30)]
    running = [True]

    def write() -> None:
        for _ in range(ROUNDS // 5):
            table.insert_many(items)
            assert table.take(case.key(0)) == list(range(30))
        running.clear()

    def read() -> set[int]:
        sizes: set[int] = set()
        while running:
            sizes.add(len(table.lookup(case.key(0))))
        return sizes

    _, *sizes = race(write, read, read)
    assert set().union(*sizes) <= {0, 30}


@every
def test_racy_clear_leaves_of_each_writer_an_unbroken_suffix(case: Case, race: Race) -> None:
    table = case.make()
    writers = THREADS - 1

    def work(thread: int) -> int:
        if thread == writers:
            return sum(table.clear() for _ in range(20))
        for number in range(ROUNDS):
            table.insert(case.key(number * writers + thread), (thread, number))
        return 0

    cleared = sum(race(*each(work)))
    survivors = list(table.values())
    assert cleared + len(survivors) == writers * ROUNDS
    for writer in range(writers):
        numbers = sorted(number for thread, number in survivors if thread == writer)
        assert numbers == list(range(ROUNDS - len(numbers), ROUNDS))
    table._check()


# -- bags -------------------------------------------------------------------------------------------------------------


@bags
def test_racy_bags_keep_every_entry_in_the_order_of_its_writer(case: Case, race: Race) -> None:
    table = case.make()

    def insert(thread: int) -> None:
        for number in range(ROUNDS):
            table.insert(case.key(0), (thread, number))

    race(*each(insert))
    values = table.lookup(case.key(0))
    assert len(values) == len(table) == THREADS * ROUNDS
    for thread in range(THREADS):
        assert [number for writer, number in values if writer == thread] == list(range(ROUNDS))
    table._check()


@pytest.mark.parametrize("value", [int, lambda number: Point(number, 0), lambda number: [number]])
def test_racy_bag_keeps_a_pair_once(value: Callable[[int], Any], race: Race) -> None:
    table = ets.BagTable[str, Any]()

    def insert(thread: int) -> int:
        if thread % 2:
            return sum(table.insert_many([("k", value(number))]) for number in range(ROUNDS // 3))
        for number in range(ROUNDS // 3):
            table.insert("k", value(number))
        return 0

    race(*each(insert))
    assert len(table) == len(table.lookup("k")) == ROUNDS // 3
    table._check()


# -- walking while others write ---------------------------------------------------------------------------------------

WALKS: dict[str, Callable[[Any], Iterator[Any]]] = {
    "iter": iter,
    "items": lambda table: (key for key, _ in table.items()),
    "to_list": lambda table: (key for key, _ in table.to_list()),
    "select": lambda table: (key for key, _ in table.select(lambda _key, _value: True)),
    "fold": lambda table: iter(table.fold(lambda keys, key, _value: [*keys, key], [])),
}


def churn(table: Any, case: Case, running: list[bool]) -> None:
    """Remove and insert every other key, for as long as others run."""
    for number in itertools.cycle(range(1, 200, 2)):
        if not running:
            return
        if not table.delete(case.key(number)):
            table.insert(case.key(number), 0)


@every
@pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)
def test_racy_walks_see_what_stays_exactly_once(case: Case, walk: Callable[[Any], Iterator[Any]], race: Race) -> None:
    table = case.make()
    stable = [case.key(number) for number in range(0, 200, 2)]
    table.insert_many([(key, 0) for key in stable])
    running = [True]

    def look() -> None:
        try:
            for _ in range(3):
                seen = Counter(walk(table))
                assert {key: seen[key] for key in stable} == dict.fromkeys(stable, 1)
                if case.make is not ets.DuplicateBagTable:  # where both churn a key, it has two entries
                    assert max(seen.values()) == 1
        finally:
            running.clear()

    race(partial(churn, table, case, running), partial(churn, table, case, running), look)
    table._check()


@ordered
def test_racy_neighbours_lead_past_every_key_that_stays(case: Case, race: Race) -> None:
    table = case.make()
    stable = [case.key(number) for number in range(0, 200, 2)]
    table.insert_many([(key, 0) for key in stable])
    order = list(table)
    running = [True]

    def look() -> None:
        try:
            forward, entry = [], table.first()
            while entry is not None:
                forward.append(entry.key)
                entry = table.next(entry.key)
            backward, entry = [], table.last()
            while entry is not None:
                backward.append(entry.key)
                entry = table.prev(entry.key)
            assert [key for key in forward if key in order] == order
            assert [key for key in backward if key in order] == order[::-1]
            for _ in range(20):
                assert [key for key, _ in table.range() if key in order] == order
                assert table.rank(order[10]) >= 10
                assert table.at(0).key is not None
        finally:
            running.clear()

    race(partial(churn, table, case, running), partial(churn, table, case, running), look)
    table._check()


# -- lifetimes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [ets.SetTable, ets.OrderedSetTable])
def test_racy_sweep_never_removes_what_was_written_anew(make: Callable[..., Any], race: Race) -> None:
    clock = ManualClock()
    table = make(clock=clock, ttl=0.001)
    for number in range(ROUNDS):
        table.insert(number, "old")

    def write(thread: int) -> None:
        for number in range(thread, ROUNDS, 2):
            table.insert(number, "new", ttl=None)
            assert table.lookup(number) == "new"

    def expire() -> int:
        swept = 0
        for _ in range(50):
            clock.advance(0.0005)
            swept += table.sweep(10)
        return swept

    race(lambda: write(0), lambda: write(1), expire, expire)
    assert table.lookup_many(range(ROUNDS)) == dict.fromkeys(range(ROUNDS), "new")
    assert len(table) == ROUNDS
    table._check()


@pytest.mark.parametrize("make", [ets.SetTable, ets.OrderedSetTable])
def test_racy_counters_with_a_lifetime_are_exact_between_deadlines(make: Callable[..., Any], race: Race) -> None:
    """Every count lands in exactly one life of the counter: a life starts whenever a count returns 1."""
    clock = ManualClock()
    table = make(clock=clock, ttl=0.01)

    def count(_thread: int) -> list[int]:
        return [table.update_counter("k") for _ in range(ROUNDS)]

    def tick() -> list[int]:
        for _ in range(100):
            clock.advance(0.001)
        return []

    counted = Counter(itertools.chain(*race(*each(count, 3), tick)))
    assert sum(counted.values()) == 3 * ROUNDS
    lives = counted[1]
    assert lives >= 1
    assert all(counted[value] >= counted[value + 1] for value in range(1, max(counted)))
    table._check()


# -- closing ----------------------------------------------------------------------------------------------------------


@every
def test_racy_close_stops_every_writer_with_table_closed(case: Case, race: Race) -> None:
    table = case.make()

    def write(thread: int) -> int:
        for number in itertools.count():
            try:
                table.insert(case.key(number % 50), thread)
                table.lookup_many([case.key(0)])
                len(table)
                table.delete(case.key(number % 25))
                list(table.items())
            except errors.TableClosed:
                return number
        return 0

    def close() -> None:
        while len(table) < 25:
            pass
        table.close()

    race(*each(write, 3), close)
    assert table.closed
