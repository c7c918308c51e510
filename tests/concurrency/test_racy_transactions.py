"""Threads that run transactions over the same tables: all or nothing, of one instant, and never stuck."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest

from noex import ets
from noex.errors import IndexViolation, TransactionConflict
from noex.ets import row

THREADS = 8
ROUNDS = 120

Race = Callable[..., list[Any]]

KINDS: dict[str, tuple[str, str]] = {
    "set, set": ("set", "set"),
    "set, ordered_set": ("set", "ordered_set"),
    "ordered_set, ordered_set": ("ordered_set", "ordered_set"),
}
kinds = pytest.mark.parametrize("kinds", KINDS.values(), ids=KINDS)


def each(function: Callable[[int], Any], count: int = THREADS) -> list[Callable[[], Any]]:
    """One function without arguments per thread, which knows its number."""
    return [lambda number=number: function(number) for number in range(count)]


@kinds
@pytest.mark.parametrize("lifetimes", [False, True], ids=["for ever", "with lifetimes"])
def test_racy_money_is_never_lost_created_or_seen_halfway(kinds: tuple[str, str], lifetimes: bool, race: Race) -> None:
    """Eight threads move money between accounts of two tables; auditors sum it up inside transactions."""
    options = {"ttl": 1e6} if lifetimes else {}
    store = ets.Store()
    banks: list[Any] = [store.new(name, kind, **options) for name, kind in zip(("one", "two"), kinds, strict=True)]
    moves = store.new("moves")
    for bank in banks:
        bank.insert_many(dict.fromkeys(range(5), 100))
    by_balance = banks[0].add_index("balance", lambda _account, balance: balance, ordered=True)
    seen: list[int] = []  # by auditors inside their functions, also in runs that came to nothing

    def move(thread: int) -> int:
        numbers = random.Random(thread)
        for _ in range(ROUNDS):
            (giver, giving), (taker, taking) = ((numbers.randrange(2), numbers.randrange(5)) for _ in range(2))
            amount = numbers.randrange(1, 50)

            def transfer(tx: ets.Transaction, g=giver, ga=giving, t=taker, ta=taking, a=amount) -> None:  # type: ignore[no-untyped-def]
                if tx[banks[g]][ga] < a:
                    return
                tx[banks[g]].update_counter(ga, -a)
                tx[banks[t]].update_counter(ta, a)
                tx[moves].update_counter("all")

            store.transact(transfer)
        return 0

    def audit(_thread: int) -> int:
        def look(tx: ets.Transaction) -> int:
            total = sum(tx[banks[0]].values()) + sum(tx[banks[1]][account] for account in range(5))
            seen.append(total)
            return total

        return sum(store.transact(look) != 1000 for _ in range(ROUNDS // 4))

    assert race(*each(move), *each(audit, 2)) == [0] * (THREADS + 2)
    assert set(seen) == {1000}
    assert sum(banks[0].values()) + sum(banks[1].values()) == 1000
    assert min(min(bank.values()) for bank in banks) >= 0
    assert [entry.value for entry in by_balance.range()] == sorted(banks[0].values())
    assert 0 < moves["all"] <= THREADS * ROUNDS
    for table in (*banks, moves):
        table._check()


@kinds
def test_racy_index_and_plain_readers_see_whole_transactions(kinds: tuple[str, str], race: Race) -> None:
    """Every transaction keeps the sum of one table at zero; readers outside, of rows or of the index, see only that."""
    store = ets.Store()
    table, other = (store.new(None, kind) for kind in kinds)
    by_value = table.add_index("value", lambda _key, value: value, ordered=True)
    table.insert_many(dict.fromkeys(range(6), 0))
    stop: list[bool] = []

    def write(thread: int) -> None:
        numbers = random.Random(thread)
        for _ in range(ROUNDS):
            one, two = numbers.sample(range(6), 2)

            def shift(tx: ets.Transaction, one: int = one, two: int = two) -> None:
                tx[table].update_counter(one, 1)
                tx[other].update_counter("all")
                tx[table].update_counter(two, -1)

            store.transact(shift)
        stop.append(True)

    def read() -> list[Any]:
        strange = []
        while len(stop) < 4:
            sums = [
                sum(table.lookup_many(range(6)).values()),
                sum(entry.value for entry in table.to_list()),
                sum(entry.value for entry in by_value.range()),
                sum(entry.value for entry in table.select(row.value >= -1_000_000)),
            ]
            if any(sums):
                strange.append(sums)
        return strange

    assert race(*each(write, 4), read, read)[4:] == [[], []]
    assert other["all"] == 4 * ROUNDS
    table._check()


@pytest.mark.parametrize("kind", ["set", "ordered_set"])
@pytest.mark.parametrize("indexed", [False, True], ids=["plain", "indexed"])
def test_racy_transactions_and_plain_counters_lose_nothing(kind: str, indexed: bool, race: Race) -> None:
    store = ets.Store()
    table = store.new(None, kind)
    if indexed:
        table.add_index("value", lambda _key, value: value)

    def count(_thread: int) -> None:
        for number in range(ROUNDS * 2):
            table.update_counter(number % 3)

    def transact(_thread: int) -> None:
        for number in range(ROUNDS):

            def twice(tx: ets.Transaction, number: int = number) -> None:
                tx[table].update_counter(number % 3)
                tx[table].insert((number + 1) % 3, tx[table].lookup((number + 1) % 3, 0) + 1)

            store.transact(twice)

    race(*each(count, 3), *each(transact, 3))
    assert sum(table.values()) == 3 * ROUNDS * 2 + 3 * ROUNDS * 2
    table._check()


@pytest.mark.parametrize("kind", ["bag", "duplicate_bag"])
def test_racy_transactions_move_entries_of_bags_whole(kind: str, race: Race) -> None:
    """Each entry is in one of two bags at any time, whoever moves it."""
    store = ets.Store()
    one, two = store.new(None, kind), store.new(None, kind)
    one.insert_many([(key, value) for key in range(4) for value in range(5)])
    sizes: list[int] = []

    def move(thread: int) -> None:
        numbers = random.Random(thread)
        for _ in range(ROUNDS // 2):
            source, target = numbers.sample([one, two], 2)
            key = numbers.randrange(4)

            def shift(tx: ets.Transaction, source: Any = source, target: Any = target, key: int = key) -> None:
                sizes.append(len(tx[source]) + len(tx[target]))
                taken = tx[source].take(key)
                tx[target].insert_many([(key, value) for value in taken])

            store.transact(shift)

    def add(thread: int) -> None:
        for number in range(ROUNDS):
            one.insert("outside", (thread, number))
            one.delete_object("outside", (thread, number))

    race(*each(move, 4), *each(add, 2))
    one._check()
    two._check()
    assert set(sizes) <= {20, 21, 22}
    entries = [tuple(entry) for table in (one, two) for entry in table.to_list()]
    assert sorted(entries) == [(key, value) for key in range(4) for value in range(5)]


@pytest.mark.parametrize("kind", ["set", "ordered_set", "bag", "duplicate_bag"])
def test_racy_transactions_in_crossing_orders_never_lock_up(kind: str, race: Race) -> None:
    store = ets.Store()
    tables = [store.new(None, kind) for _ in range(3)]

    def work(thread: int) -> None:
        order = list(itertools.permutations(tables))[thread % 6]
        for number in range(ROUNDS // 2):

            def write(tx: ets.Transaction, number: int = number) -> None:
                for table in order:
                    tx[table].lookup(number % 4)
                    tx[table].insert(number % 4, (thread, number))

            store.transact(write)

    race(*each(work))
    for table in tables:
        table._check()
    last = [tuple(tables[0].lookup(key)) for key in range(4)]
    assert all([tuple(table.lookup(key)) for key in range(4)] == last for table in tables[1:])


def test_racy_transactions_of_several_stores_do_not_hinder_each_other(race: Race) -> None:
    stores = [ets.Store() for _ in range(THREADS)]
    tables = [store.new("counts") for store in stores]

    def work(thread: int) -> int:
        runs = 0
        for _ in range(ROUNDS):

            def count(tx: ets.Transaction) -> None:
                nonlocal runs
                runs += 1
                tx[tables[thread]].update_counter("all")

            stores[thread].transact(count, retries=0)
        return runs

    assert race(*each(work)) == [ROUNDS] * THREADS
    assert [table["all"] for table in tables] == [ROUNDS] * THREADS


@pytest.mark.parametrize("kind", ["set", "ordered_set"])
def test_racy_transactions_meet_a_unique_index_as_one(kind: str, race: Race) -> None:
    store = ets.Store()
    table, log = store.new(None, kind), store.new(None, "duplicate_bag")
    table.add_index("slot", "slot", unique=True)

    def claim(thread: int) -> int:
        won = 0
        for slot in range(ROUNDS // 2):

            def take(tx: ets.Transaction, slot: int = slot) -> None:
                tx[log].insert(slot, thread)
                tx[table].insert(f"{thread} {slot}", {"slot": slot})

            try:
                store.transact(take)
            except IndexViolation:
                continue
            won += 1
        return won

    assert sum(race(*each(claim))) == ROUNDS // 2 == len(table) == len(log)
    assert all(len(log.lookup(slot)) == 1 for slot in range(ROUNDS // 2))
    table._check()
    log._check()


@pytest.mark.parametrize("kind", ["set", "ordered_set"])
def test_racy_phantoms_are_conflicts(kind: str, race: Race) -> None:
    """Each transaction adds a row only where it counts fewer than ten: never are there more."""
    store = ets.Store()
    table = store.new(None, kind)
    counts: dict[str, Callable[[Any], int]] = {
        "len": len,
        "count": lambda view: view.count(row.value >= 0),
        "walk": lambda view: sum(1 for _ in view),
        "select": lambda view: len(view.select(lambda _key, _value: True)),
    }
    if kind == "ordered_set":
        counts["range"] = lambda view: len(view.range())
        counts["prefix"] = lambda view: len(view.prefix(()))
        counts["rank"] = lambda view: 0 if view.last() is None else view.rank(view.last().key) + 1
    largest: list[int] = []

    def work(thread: int) -> None:
        count = list(counts.values())[thread % len(counts)]
        for number in range(ROUNDS // 3):

            def add(tx: ets.Transaction, number: int = number) -> None:
                if count(tx[table]) < 10:
                    tx[table].insert((thread, number), number)

            store.transact(add)
            largest.append(len(table))
            if number % 4 == 0 and len(table) > 5:
                table.delete_many(list(table)[:3])

    race(*each(work, 6))
    assert max(largest) <= 10
    table._check()


def test_racy_hot_rows_end_in_a_conflict_that_says_so(race: Race) -> None:
    """With few retries a transaction gives up, and then has changed nothing: what is counted is what succeeded."""
    store = ets.Store()
    table = store.new()
    table.insert("stirred", 0)

    said: list[str] = []
    stirs: list[int] = []

    def stir(tx: Any) -> None:
        tx[table].update_counter("stirred")
        table.update_counter("stirred")  # past the transaction, so that it never holds
        stirs.append(1)  # a run may end before that, when others write while it begins

    def work(_thread: int) -> int:
        done = 0
        for _ in range(ROUNDS):
            try:
                store.transact(lambda tx: tx[table].update_counter("hot"), retries=1)
                done += 1
            except TransactionConflict as error:
                said.append(str(error))
        with pytest.raises(TransactionConflict, match="4 times over"):
            store.transact(stir, retries=3)
        return done

    threads = race(*each(work))
    assert sum(threads) == table["hot"]
    assert table["stirred"] == len(stirs) <= 4 * len(threads)
    assert all("2 times over" in message for message in said)
