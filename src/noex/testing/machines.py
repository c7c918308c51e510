"""Hypothesis state machines: random verbs on a table and on a plain model, equal answers, `_check()` after each.

One per kind tries the verbs of a table: `SetTableMachine`, `OrderedSetTableMachine`, `BagTableMachine`,
`DuplicateBagTableMachine`. `StoreMachine` tries one or two tables of a store with all that stands on them: indexes,
queries, expiry, events, transactions and snapshots, together; `SetStoreMachine`, `OrderedSetStoreMachine` and
`BagStoreMachine` do so with tables of some kinds only. To run one over your own tables, override `make` and hand its
`TestCase` to pytest::

    class MyMachine(SetTableMachine):
        def make(self, **options):
            return MySetTable(**options)

    TestMyMachine = MyMachine.TestCase

Answers are compared by their looks (`repr`), so that `1` is not taken for `1.0`; what has no order is sorted first.
They need hypothesis (`pip install 'noex[testing]'`).
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from noex.testing._index_rules import IndexRules
from noex.testing._machine import KEYS, LIMITS, POOLS, VALUES, WHERES, TableMachine
from noex.testing._models import BagModel
from noex.testing._set_machine import SetKindMachine
from noex.testing._snapshot_rules import SnapshotRules
from noex.testing._transaction_rules import TransactionRules
from noex.testing.strategies import hashable_keys, term_keys

__all__ = [
    "BagStoreMachine",
    "BagTableMachine",
    "DuplicateBagTableMachine",
    "OrderedSetStoreMachine",
    "OrderedSetTableMachine",
    "SetStoreMachine",
    "SetTableMachine",
    "StoreMachine",
]

_BOUNDS = st.sampled_from(["[)", "[]", "()", "(]"])


class SetTableMachine(SetKindMachine):
    """The verbs of a `SetTable`."""

    kind = "set"
    keys = hashable_keys()


class OrderedSetTableMachine(SetKindMachine):
    """The verbs of an `OrderedSetTable`."""

    kind = "ordered_set"
    keys = term_keys()

    @rule(key=KEYS)
    def neighbours(self, key: Any) -> None:
        """Compare `first`, `last`, `next` and `prev`, also of keys that are not there."""
        entries = self.model.entries()
        self.agree(self.table.first(), entries[0] if entries else None)
        self.agree(self.table.last(), entries[-1] if entries else None)
        after = [entry for entry in entries if self.model.identity(entry.key) > self.model.identity(key)]
        before = [entry for entry in entries if self.model.identity(entry.key) < self.model.identity(key)]
        self.agree(self.table.next(key), after[0] if after else None)
        self.agree(self.table.prev(key), before[-1] if before else None)

    @rule(low=KEYS, high=KEYS, bounds=_BOUNDS, reverse=st.booleans(), limit=LIMITS)
    def range(self, low: Any, high: Any, bounds: str, reverse: Any, limit: int | None) -> None:
        """Compare `range`."""
        expected = self.model.between(low, high, bounds)
        found = self.table.range(low, high, bounds=bounds, reverse=reverse, limit=limit)
        self.agree(found, (expected[::-1] if reverse else expected)[:limit])

    @rule(low=KEYS, high=KEYS, bounds=_BOUNDS)
    def delete_range(self, low: Any, high: Any, bounds: str) -> None:
        """Compare `delete_range`."""
        doomed = self.model.between(low, high, bounds)
        for key, _ in doomed:
            self.model.delete(key)
        self.agree(self.table.delete_range(low, high, bounds=bounds), len(doomed))

    @rule(key=KEYS, length=st.integers(0, 3))
    def prefix(self, key: Any, length: int) -> None:
        """Compare `prefix`, with the beginning of a key, or with all of it."""
        parts: tuple[Any, ...] = key if isinstance(key, tuple) else (key,)  # pyright: ignore[reportUnknownVariableType]
        prefix = parts[:length]
        self.agree(self.table.prefix(prefix), self.model.beginning_with(prefix))

    @rule(from_the_end=st.booleans())
    def pop_an_end(self, from_the_end: Any) -> None:
        """Compare `pop_first` and `pop_last`."""
        entries = self.model.entries()
        expected = (entries[-1] if from_the_end else entries[0]) if entries else None
        if expected is not None:
            self.model.delete(expected.key)
        self.agree(self.table.pop_last() if from_the_end else self.table.pop_first(), expected)

    @rule(key=KEYS, position=st.integers(-12, 12))
    def positions(self, key: Any, position: int) -> None:
        """Compare `rank`, of any key and of all that are there, and `at`."""
        entries = self.model.entries()
        ranks = {self.model.identity(entry.key): place for place, entry in enumerate(entries)}
        self.agree(self.table.rank(key), ranks.get(self.model.identity(key)))
        for place, entry in enumerate(entries):
            self.agree(self.table.rank(entry.key), place)
            self.agree(self.table.at(place), entry)
            self.agree(self.table.at(place - len(entries)), entry)
        if not -len(entries) <= position < len(entries):
            try:
                self.table.at(position)
            except IndexError:
                return
            raise AssertionError(f"at({position}) finds what is not there")


class _BagRules(TableMachine):
    """The verbs of the bags."""

    keys = hashable_keys()
    model: BagModel

    @initialize(pool=POOLS)
    def begin(self, pool: list[Any]) -> None:
        """Make the table."""
        self.pool = pool
        self.table = self.make()
        self.model = BagModel(duplicates=self.kind == "duplicate_bag")
        self.insert_many([(key, place % 3) for place, key in enumerate([*pool, *pool[::2]])])

    @rule(key=KEYS, value=VALUES)
    def insert(self, key: Any, value: Any) -> None:
        """Insert an entry."""
        self.model.insert(key, value)
        self.agree(self.table.insert(key, value), None)

    @rule(items=st.lists(st.tuples(KEYS, VALUES), max_size=6))
    def insert_many(self, items: list[tuple[Any, Any]]) -> None:
        """Compare `insert_many`."""
        self.agree(self.table.insert_many(items), self.model.insert_many(items))

    @rule(key=KEYS, value=VALUES)
    def insert_new(self, key: Any, value: Any) -> None:
        """Compare `insert_new`."""
        new = not self.model.member(key)
        if new:
            self.model.insert(key, value)
        self.agree(self.table.insert_new(key, value), new)

    @rule(where=st.sampled_from(sorted(WHERES)))
    def delete_where(self, where: str) -> None:
        """Compare `delete_where`."""
        self.agree(self.table.delete_where(WHERES[where]), self.model.delete_where(WHERES[where]))


class BagTableMachine(_BagRules):
    """The verbs of a `BagTable`."""

    kind = "bag"


class DuplicateBagTableMachine(_BagRules):
    """The verbs of a `DuplicateBagTable`."""

    kind = "duplicate_bag"


class StoreMachine(IndexRules, TransactionRules, SnapshotRules):
    """One or two tables of any kinds in a store, with all that stands on them."""


class SetStoreMachine(StoreMachine):
    """The same with `SetTable`s."""

    kinds = ("set",)


class OrderedSetStoreMachine(StoreMachine):
    """The same with `OrderedSetTable`s, by their keys or by `key=`."""

    kinds = ("ordered_set",)


class BagStoreMachine(TransactionRules, SnapshotRules):
    """The same with bags of both kinds, which have no indexes and no lifetimes."""

    kinds = ("bag", "duplicate_bag")
