"""Finalizers that strike at every call inside a verb, one after the other: nothing is left to chance.

CPython runs finalizers and signal handlers at calls. A profile function sees every call, so a deed is done at the first
call inside a verb, in a new table at the second, and so on until the verb has no further call. The deed stands for the
finalizer: same thread, in the middle of the verb, free to use the same table.
"""

from __future__ import annotations

import os
import queue
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from noex import ets
from noex.errors import IndexNotFound, IndexViolation, ReentrantCompute, TransactionConflict
from noex.ets import row
from noex.testing import ManualClock

from ._collecting import PATIENCE
from ._events import replayed

Run = Callable[..., list[Any]]
STEP = 1 if os.environ.get("NOEX_TEST_LONG") == "1" else 7
KERNEL = os.path.join("noex", "kernel")


class Stage:
    """A store with two tables, indexes of every sort, and a subscriber."""

    def __init__(self, kind: str) -> None:
        self.clock = ManualClock()
        self.store = ets.Store()
        self.table: Any = self.store.new(None, kind, clock=self.clock)
        self.other: Any = self.store.new(None, "ordered_set")
        self.counts = 0  # that must have arrived in "count" of both tables
        self.table.insert_many({number: number for number in range(6)} | {"count": 0})
        self.table.insert("short", 99, ttl=5)
        self.other.insert("count", 0)
        self.ordered = self.table.add_index("ordered", lambda _key, value: value % 3, ordered=True)
        self.hashed = self.table.add_index("hashed", lambda _key, value: Decimal(value % 4))
        self.unique = self.table.add_index("unique", lambda key, value: (value, str(key)), unique=True)
        self.table.insert_many({1: 11, 2: 12})  # which the indexes are to catch up with
        self.told: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.state = dict(self.table.items())
        self.table.subscribe(self.told.put)

    def count(self) -> None:
        """Count in both tables in one transaction."""

        def both(tx: Any) -> None:
            tx[self.table].update_counter("count")
            tx[self.other].update_counter("count")

        self.store.transact(both)
        self.counts += 1

    def check(self) -> None:
        """Look at everything: indexes, events, counts."""
        self.table._check()
        self.other._check()
        self.table.insert("the end", -1)
        events = [self.told.get(timeout=PATIENCE)]
        while events[-1].key != "the end":
            events.append(self.told.get(timeout=PATIENCE))
        state, wrong = replayed(events, self.state)
        assert wrong == []
        assert state == dict(self.table.items())
        assert self.other["count"] == self.counts
        assert self.table.lookup("count", self.counts) == self.counts
        assert self.told.empty()


def _read(stage: Stage) -> None:
    stage.ordered.range()
    stage.hashed.lookup(Decimal(1))
    stage.hashed.lookup(Decimal(17))
    len(stage.table)
    stage.table.to_list()


def _write(stage: Stage) -> None:
    stage.table.insert(1, 50)
    stage.table.insert("struck", 51)
    stage.table.delete(2)


def _write_many(stage: Stage) -> None:
    stage.table.insert_many({0: 30, 1: 31, 2: 32, "struck": 33})
    stage.table.delete_many([3, 4])


def _write_and_read(stage: Stage) -> None:
    _write(stage)
    _read(stage)
    stage.table.insert(3, 52)


def _delete_by_index(stage: Stage) -> None:
    stage.ordered.delete_all(1)
    stage.hashed.delete_all(Decimal(2))


def _expire(stage: Stage) -> None:
    stage.clock.advance(10)
    stage.table.insert("struck", 51)
    stage.table.sweep()


def _reindex(stage: Stage) -> None:
    stage.table.add_index("struck", row.value, ordered=True)
    stage.table.insert(1, 50)
    stage.table.drop_index("struck")


DEEDS: dict[str, Callable[[Stage], object]] = {
    "reads": _read,
    "writes": _write,
    "writes many": _write_many,
    "writes and reads": _write_and_read,
    "deletes by index": _delete_by_index,
    "counts": Stage.count,
    "expires": _expire,
    "indexes": _reindex,
}


def _count_alone(stage: Stage) -> None:
    stage.table.update_counter("alone")


def _many(stage: Stage) -> None:
    stage.table.insert_many({1: 40, 2: 41, "new": 42})


def _transact(stage: Stage) -> None:
    def function(tx: Any) -> None:
        view = tx[stage.table]
        view.insert("new", view.lookup(1, 0) + 1)
        view.delete(2)
        tx[stage.other].insert("new", len(view))

    stage.store.transact(function)


VERBS: dict[str, Callable[[Stage], object]] = {
    "insert": lambda stage: stage.table.insert("new", 7),
    "insert over": lambda stage: stage.table.insert(1, 8),
    "insert_many": _many,
    "delete": lambda stage: stage.table.delete(1),
    "delete_many": lambda stage: stage.table.delete_many([1, 2, 3]),
    "update_counter": _count_alone,
    "compute": lambda stage: stage.table.compute(1, lambda value: value + 1, default=0),
    "take": lambda stage: stage.table.take(2),
    "update_where": lambda stage: stage.table.update_where(row.value == 3, lambda value: value + 3),
    "touch": lambda stage: stage.table.touch(1, 5),
    "ordered.range": lambda stage: stage.ordered.range(),
    "hashed.lookup": lambda stage: stage.hashed.lookup(Decimal(1)),
    "delete_all": lambda stage: stage.hashed.delete_all(Decimal(1)),
    "delete_all in order": lambda stage: stage.ordered.delete_all(1),
    "rank": lambda stage: stage.ordered.rank(3),
    "add_index": lambda stage: stage.table.add_index("new", row.value, unique=True),
    "drop_index": lambda stage: stage.table.drop_index("unique"),
    "select": lambda stage: stage.table.select(row.value >= 2),
    "expiry": lambda stage: (stage.clock.advance(10), stage.table.insert("new", 1), len(stage.table)),
    "clear": lambda stage: stage.table.clear(),
    "transact": _transact,
    "count": Stage.count,
}

# What the deed may rightly make of the verb.
EXPLAINED = (IndexViolation, IndexNotFound, ReentrantCompute, TransactionConflict)


def strike(stage: Stage, verb: Callable[[Stage], object], deed: Callable[[Stage], object], at: int) -> bool:
    """Call the verb and do the deed at its call of that number; return whether there was one."""
    calls = 0
    failed: list[BaseException] = []

    def profile(frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        if event not in ("call", "c_return") or KERNEL not in frame.f_code.co_filename:
            return
        calls += 1
        if calls == at:
            sys.setprofile(None)
            try:
                deed(stage)
            except EXPLAINED:
                pass
            except BaseException as error:
                failed.append(error)

    sys.setprofile(profile)
    try:
        verb(stage)
    except EXPLAINED:
        pass
    finally:
        sys.setprofile(None)
    if failed:
        raise failed[0]
    return calls >= at


@pytest.mark.parametrize("kind", ["set", "ordered_set"])
@pytest.mark.parametrize("verb", VERBS)
def test_evil_strikes_at_any_call_inside_a_verb_leave_a_watched_table_whole(kind: str, verb: str, guarded: Run) -> None:
    def work() -> None:
        for number, (name, deed) in enumerate(DEEDS.items()):
            at = 1 + number % STEP
            while True:
                stage = Stage(kind)
                try:
                    if not strike(stage, VERBS[verb], deed, at):
                        break
                    if verb == "clear" or stage.table.lookup("count") is None:
                        stage.counts = stage.other["count"]
                    stage.check()
                except BaseException as error:
                    error.add_note(f"the deed that {name!r} at call {at} of {verb!r}")
                    raise
                at += STEP

    guarded(work)
