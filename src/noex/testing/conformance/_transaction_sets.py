"""Transactions over set kinds: lifetimes, indexes, order, and what else only they have."""

from __future__ import annotations

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# The tables here are `Any`, so nothing says what the functions given to their verbs get.
from collections.abc import Mapping
from typing import Any, Final

import pytest

from noex import errors, ets
from noex.ets import row
from noex.testing import ManualClock
from noex.testing.conformance._base import Table
from noex.testing.conformance._index_changes import CHANGES, CHANGES_OF_ORDERED, START
from noex.testing.conformance._transactions import Transactional, Verb

# What is read of an ordered set with the keys 10, 20, 30; a key whose coming is a conflict, and one whose is not.
_READS: Final[Mapping[str, tuple[Verb, int, int | None]]] = {
    "first": (lambda view: view.first(), 5, 25),
    "last": (lambda view: view.last(), 35, None),
    "next": (lambda view: view.next(10), 15, 25),
    "next of an absent key": (lambda view: view.next(12), 13, 25),
    "prev": (lambda view: view.prev(30), 25, 15),
    "range": (lambda view: view.range(10, 30), 25, None),
    "empty range": (lambda view: view.range(11, 19), 15, None),
    "range with a limit": (lambda view: view.range(limit=1), 5, None),
    "rank": (lambda view: view.rank(20), 15, 25),
    "at": (lambda view: view.at(1), 15, None),
    "at the end": (lambda view: view.at(-1), 35, None),
    "pop_first": (lambda view: view.pop_first(), 5, 25),
    "pop_last": (lambda view: view.pop_last(), 35, None),
    "delete_range": (lambda view: view.delete_range(10, 30), 25, None),
    "select a range": (lambda view: view.select((row.key >= 10) & (row.key < 30)), 25, None),
    "select after": (lambda view: view.select(after=20, limit=1), 25, None),
}


class TransactionsOfSets(Transactional):
    """What `transact` does with `SetTable` and `OrderedSetTable`."""

    @pytest.fixture
    def account(self, store: ets.Store, clock: ManualClock) -> Table:
        """A table of that store on the manual clock."""
        return self.fill({"k": 1, "other": 2}, store=store, clock=clock)

    # -- verbs and lifetimes ------------------------------------------------------------------------------------

    @pytest.mark.parametrize("indexed", [False, True], ids=["plain", "indexed"])
    @pytest.mark.parametrize("change", [*CHANGES, *CHANGES_OF_ORDERED])
    def test_every_change_does_in_a_transaction_what_it_does_outside(
        self, store: ets.Store, change: str, *, indexed: bool
    ) -> None:
        if change in CHANGES_OF_ORDERED and not self.is_ordered:
            pytest.skip("the kind has no order")
        make = {**CHANGES, **CHANGES_OF_ORDERED}[change]
        clocks = ManualClock(), ManualClock()
        table, twin = self.fill(START, store=store, clock=clocks[0]), self.fill(START, clock=clocks[1])

        class View:
            """A view that has the few things beside it that changes ask for."""

            def __init__(self, view: Any) -> None:
                self.view = view

            def __getattr__(self, name: str) -> Any:
                return getattr(table if name == "info" else self.view, name)

            def __setitem__(self, key: Any, value: Any) -> None:
                self.view[key] = value

            def __delitem__(self, key: Any) -> None:
                del self.view[key]

            def __contains__(self, key: object) -> bool:
                return key in self.view

        for one in (table, twin):
            one.insert("gone soon", 33, ttl=2)
            if indexed:
                one.add_index("function", lambda _key, value: value % 3, ordered=True)
                one.add_index("value", row.value, unique=True)
        for _ in range(2):
            make(twin, clocks[1])
            runs: list[int] = []

            def function(tx: Any, runs: list[int] = runs) -> list[tuple[Any, Any]]:
                runs.append(1)
                make(View(tx[table]), clocks[0])
                assert len(tx[table]) == len(tx[table].to_list())
                return self.content(tx[table])

            inside = store.transact(function, retries=3)
            assert inside == self.content(twin)
            assert self.content(table) == self.content(twin)
            assert {key: table.expires_in(key) for key in table} == {key: twin.expires_in(key) for key in twin}
            assert len(runs) == 1
            self.check(table)

    def test_what_expires_inside_is_gone_inside(self, store: ets.Store, account: Table, clock: ManualClock) -> None:
        account.insert("short", 5, ttl=5)

        def function(tx: Any) -> None:
            view = tx[account]
            view.insert("mine", 1, ttl=3)
            view.touch("k", 3)
            assert (len(view), view.lookup("mine"), view.lookup("short")) == (4, 1, 5)
            clock.advance(3)
            assert (len(view), view.lookup("mine"), view.lookup("k"), view.lookup("short")) == (2, None, None, 5)
            assert sorted(view) == sorted(entry.key for entry in view.to_list()) == ["other", "short"]
            assert view.count() == view.count(row.value >= 0) == 2
            if self.is_ordered:
                assert view.first() == ("other", 2)
                assert [entry.key for entry in view.range()] == ["other", "short"]
                assert (view.rank("short"), view.rank("k"), view.at(1).key) == (1, None, "short")
            assert view.insert_new("mine", 2)

        store.transact(function, retries=0)
        assert self.content(account) == [("mine", 2), ("other", 2), ("short", 5)]
        clock.advance(2)
        assert account.sweep() == 1
        self.check(account)

    def test_what_expires_outside_meanwhile_is_a_conflict(
        self, store: ets.Store, account: Table, clock: ManualClock
    ) -> None:
        account.insert("short", 5, ttl=5)
        seen: list[Any] = []

        def function(tx: Any) -> None:
            seen.append(tx[account].lookup("short"))
            if len(seen) == 1:
                clock.advance(5)
                account.sweep()
            tx[account].insert("found", seen[-1])

        store.transact(function)
        assert seen == [5, None]
        assert account["found"] is None

    def test_lifetimes_are_written_with_the_rest(self, store: ets.Store, account: Table, clock: ManualClock) -> None:
        account.insert("p", 1, ttl=5)

        def function(tx: Any) -> None:
            tx[account].insert("t", 1, ttl=7)
            tx[account].persist("p")
            tx[account].touch("k", 9)
            assert (tx[account].expires_in("t"), tx[account].expires_in("p"), tx[account].expires_in("k")) == (
                7,
                None,
                9,
            )
            assert (account.expires_in("p"), account.expires_in("k")) == (5, None)

        store.transact(function)
        assert [account.expires_in(key) for key in ("t", "p", "k")] == [7, None, 9]
        clock.advance(9)
        assert sorted(account) == ["other", "p"]

    def test_lifetimes_alone_are_no_events(self, store: ets.Store, account: Table) -> None:
        seen: list[Any] = []
        account.subscribe(seen.append)
        store.transact(lambda tx: (tx[account].touch("k", 9), tx[account].touch("k", 8), tx[account].persist("other")))
        assert (seen, account.expires_in("k")) == ([], 8)

    # -- compute ------------------------------------------------------------------------------------------------

    def test_compute_and_transactions_of_one_key(self, store: ets.Store, account: Table) -> None:
        def inside(value: int) -> int:
            with pytest.raises(errors.ReentrantCompute):
                store.transact(lambda tx: tx[account].insert("k", 5))
            return value + 1

        assert account.compute("k", inside) == 2

        def reentrant(tx: Any) -> int:
            view = tx[account]
            with pytest.raises(errors.ReentrantCompute):
                view.compute("k", lambda _value: view.insert("k", 9))
            return int(view.compute("k", lambda value: value + view.lookup("other")))

        assert store.transact(reentrant) == account["k"] == 4

    def test_transactions_of_compute_run_again_with_the_new_value(self, store: ets.Store, account: Table) -> None:
        runs: list[int] = []

        def function(tx: Any) -> None:
            runs.append(1)
            tx[account].compute("k", lambda value: value + 10)
            if len(runs) == 1:
                account.update_counter("k", 100)

        store.transact(function)
        assert (account["k"], len(runs)) == (111, 2)

    # -- indexes ------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("ordered", [False, True])
    def test_a_unique_index_refuses_the_whole_transaction(
        self, store: ets.Store, account: Table, *, ordered: bool
    ) -> None:
        other = self.make(store=store)
        index = account.add_index("value", row.value, unique=True, ordered=ordered)

        def function(tx: Any) -> None:
            tx[other].insert("new", 1)
            tx[account].insert("a", 3)
            tx[account].insert("b", 1)

        with pytest.raises(errors.IndexViolation, match="'value'"):
            store.transact(function)
        assert (self.content(account), len(other), len(index)) == ([("k", 1), ("other", 2)], 0, 2)

        def swap(tx: Any) -> None:
            tx[account]["k"], tx[account]["other"] = tx[account]["other"], tx[account]["k"]

        store.transact(swap)
        assert (index.keys(1), index.keys(2)) == (["other"], ["k"])

    def test_an_index_function_that_raises_fails_the_transaction(self, store: ets.Store, account: Table) -> None:
        other = self.make(store=store)
        account.add_index("quotient", lambda _key, value: 12 // value)
        with pytest.raises(ZeroDivisionError):
            store.transact(lambda tx: (tx[other].insert("new", 1), tx[account].insert("k", 0)))
        assert (self.content(account), len(other)) == ([("k", 1), ("other", 2)], 0)

    def test_queries_in_a_transaction_see_what_it_wrote(self, store: ets.Store, account: Table) -> None:
        account.add_index("age", "age", ordered=True)
        account.insert_many({number: {"age": number} for number in range(10)})

        def function(tx: Any) -> None:
            view = tx[account]
            view.delete(3)
            view.insert(4, {"age": 40})
            view.insert("new", {"age": 3})
            assert [entry.key for entry in view.select(row.field("age") == 3)] == ["new"]
            assert view.count((row.field("age") >= 2) & (row.field("age") < 6)) == 3
            assert view.update_where(row.field("age") > 8, lambda value: {"age": -value["age"]}) == 2
            assert view.delete_where(row.field("age") < 0) == 2
            assert view.count(row.field("age").exists()) == 8

        store.transact(function)
        assert account.index("age").count(3) == 1
        assert account.count(row.field("age").exists()) == len(account.index("age")) == 8
        self.check(account)

    def test_indexes_in_a_transaction_see_what_it_wrote(self, store: ets.Store, account: Table) -> None:
        account.clear()
        account.add_index("hashed", lambda _key, value: value % 3)
        account.add_index("value", row.value, ordered=True)
        account.insert_many({number: number for number in range(10)})

        def function(tx: Any) -> None:
            view = tx[account]
            hashed, by_value = view.index("hashed"), view.index("value")
            view.delete(3)
            view.insert(4, 40)
            view.insert("new", 3)
            assert sorted(map(str, hashed.keys(0))) == ["0", "6", "9", "new"]
            assert hashed.count(1) == 3
            assert [entry.value for entry in by_value.range(2, 7)] == [2, 3, 5, 6]
            assert by_value.last(2) == [(4, 40), (9, 9)]
            assert (by_value.rank("new"), by_value.rank(4), by_value.rank(3)) == (3, 9, None)
            assert [by_value.at(place).value for place in (0, 3, -1)] == [0, 3, 40]
            assert len(by_value) == len(view) == 10
            assert hashed.delete_all(1) == 3
            assert (len(hashed), hashed.lookup(1)) == (7, [])
            with pytest.raises(errors.IndexNotFound):
                view.index("other")

        store.transact(function, retries=0)
        assert [entry.value for entry in account.index("value").range()] == [0, 2, 3, 5, 6, 8, 9]
        self.check(account)

    @pytest.mark.parametrize("write", ["insert", "delete", "move"])
    def test_what_an_index_was_asked_and_has_changed_is_a_conflict(
        self, store: ets.Store, account: Table, write: str
    ) -> None:
        account.add_index("value", row.value, ordered=True)
        reads: dict[str, Verb] = {
            "lookup": lambda view: view.index("value").lookup(1),
            "count": lambda view: view.index("value").count(1),
            "range": lambda view: view.index("value").range(1, 2),
            "first": lambda view: view.index("value").first(),
            "len": lambda view: len(view.index("value")),
            "select": lambda view: view.select(row.value == 1),
            "delete_all": lambda view: view.index("value").delete_all(1),
        }
        for name, read in reads.items():
            account.insert_many({"k": 1, "other": 2})
            account.delete("new")
            runs: list[int] = []

            def function(tx: Any, read: Verb = read, runs: list[int] = runs) -> None:
                runs.append(1)
                read(tx[account])
                if len(runs) > 1:
                    return
                if write == "insert":
                    account.insert("new", 1)
                elif write == "delete":
                    account.delete("k")
                else:
                    account.insert("k", 9)

            store.transact(function)
            assert len(runs) == 1 + (name != "len" or write != "move"), name

    # -- order --------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("name", _READS)
    def test_what_comes_where_a_transaction_looked_is_a_conflict(self, store: ets.Store, name: str) -> None:
        if not self.is_ordered:
            pytest.skip("the kind has no order")
        read, hit, miss = _READS[name]
        for key, expected in [(hit, 2), (miss, 1)]:
            if key is None:
                continue
            table = self.fill({10: 1, 20: 2, 30: 3}, store=store)
            runs: list[int] = []

            def function(tx: Any, key: int = key, runs: list[int] = runs, table: Table = table) -> None:
                runs.append(1)
                read(tx[table])
                if len(runs) == 1:
                    table.insert(key, 0)

            store.transact(function)
            assert len(runs) == expected, key
            self.check(table)
