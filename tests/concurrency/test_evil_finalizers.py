"""Finalizers that the garbage collector runs in the middle of anything, and that use tables and recipes themselves.

The collector is set to run at almost every allocation, and every round leaves a circle behind whose finalizer does the
deed: on the same thread, somewhere inside a verb, or on another one while this one holds the lock.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from noex import Cache, Counters, Leaderboard, Metrics, RateCounter, SessionStore, ets
from noex.errors import LoadDeadlock

from ._collecting import Garbage, Use, collecting_every

Run = Callable[..., list[Any]]
ROUNDS = 600


@pytest.fixture(autouse=True)
def _collect_all_the_time() -> Iterator[None]:
    with collecting_every(5, old=1000):
        yield


def leaderboard() -> Use:
    board = Leaderboard[int](mode="sum", keep=20, store=ets.Store())
    return Use(lambda number: board.submit(number * 7 % 30, 1), board._check)


def whole_leaderboard() -> Use:
    board = Leaderboard[int](mode="sum", store=ets.Store())

    def check() -> None:
        board._check()
        assert sum(standing.score for standing in board.top(100)) == use.uses

    use = Use(lambda number: board.submit(number * 7 % 30, 1), check)
    return use


def metrics() -> Use:
    collector = Metrics(store=ets.Store())

    def record(number: int) -> None:
        collector.increment("uses", labels={"n": str(number % 50)})
        collector.observe("sizes", number % 7, labels={"n": str(number % 3)})

    def check() -> None:
        lines = collector.to_prometheus().splitlines()
        assert sum(float(line.split()[-1]) for line in lines if line.startswith("uses_total{")) == use.uses
        assert sum(float(line.split()[-1]) for line in lines if line.startswith("sizes_count")) == use.uses

    use = Use(record, check)
    return use


def rates() -> Use:
    counter = RateCounter[int](window=3600, buckets=1, store=ets.Store())

    def check() -> None:
        assert sum(count for _, count in counter.top(1000)) == use.uses

    use = Use(lambda number: counter.increment(number % 200), check)
    return use


def counters() -> Use:
    hits = Counters[int](store=ets.Store())
    use = Use(lambda number: hits.increment(number % 50), lambda: _equal(hits.total(), use.uses))
    return use


def _equal(found: object, wanted: object) -> None:
    assert found == wanted


def sessions() -> Use:
    store = SessionStore(store=ets.Store())

    def use(number: int) -> None:
        store.create(f"user {number % 5}")
        if number % 3 == 0:
            store.destroy_all_of(f"user {number % 5}")

    def check() -> None:
        stats = store.stats()
        assert stats.created == stats.active + stats.expired + stats.destroyed
        assert stats.active == len(store) == len(store._by_user)
        store._sessions._check()

    return Use(use, check)


def cache() -> Use:
    pages = Cache[int, list[int]](max_entries=20, store=ets.Store())

    def use(number: int) -> None:
        pages.set(number * 7 % 40, [number])
        pages.get(number * 3 % 40)
        with contextlib.suppress(LoadDeadlock):  # the key may be what the load that it interrupts is for
            pages.get_or_set(number % 40, lambda: [0])

    return Use(use, pages._check)


USES = [leaderboard, whole_leaderboard, metrics, rates, counters, sessions, cache]
each_use = pytest.mark.parametrize("make", USES, ids=lambda make: make.__name__)


@each_use
def test_evil_finalizers_that_use_what_they_interrupt_leave_it_whole(make: Callable[[], Use], guarded: Run) -> None:
    def work() -> None:
        use, garbage = make(), Garbage()
        for number in range(ROUNDS):
            garbage.leave(lambda number=number: use(number))
            use(number)
        garbage.finish()
        use.check()

    guarded(work)


@each_use
def test_racy_finalizers_that_use_one_thing_inside_another_never_lock_up(make: Callable[[], Use], race: Run) -> None:
    """Thread A is in a verb of a table when a finalizer there uses the recipe; thread B is in a verb of the recipe."""
    use = make()
    left = [Garbage(), Garbage(), Garbage()]
    table = ets.SetTable[int, list[int]](store=ets.Store())
    others = [other() for other in USES if other is not make]

    def tables() -> None:
        for number in range(ROUNDS):
            left[0].leave(lambda number=number: use(number))
            table.insert(number % 100, [number])

    def recipes(garbage: Garbage) -> None:
        for number in range(ROUNDS):
            garbage.leave(lambda number=number: others[number % len(others)](number))
            use(number)

    race(tables, lambda: recipes(left[1]), lambda: recipes(left[2]))
    for garbage in left:
        garbage.finish()
    table._check()
