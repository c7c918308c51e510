"""What a transaction has read and others have written meanwhile: it runs again, and sees one instant only."""

from __future__ import annotations

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# The tables here are `Any`, so nothing says what the functions given to their verbs get.
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import pytest

from noex import errors, ets
from noex.ets import row
from noex.testing.conformance._base import Table
from noex.testing.conformance._transactions import Transactional, Verb

# What is read in a transaction, what is written from outside then, and whether that is a conflict.
_CONFLICTS: Final[Mapping[str, tuple[Verb, Verb]]] = {
    "lookup": (lambda view: view.lookup("k"), lambda table: table.insert("k", 99)),
    "lookup, deleted": (lambda view: view.lookup("k"), lambda table: table.delete("k")),
    "lookup, deleted and back": (
        lambda view: view.lookup("k"),
        lambda table: (
            table.insert_many([("k", value) for value in table.take("k") or ()])
            if table.kind.endswith("bag")
            else table.insert("k", table.take("k"))
        ),
    ),
    "lookup of an absent key": (lambda view: view.lookup("absent"), lambda table: table.insert("absent", 1)),
    "member": (lambda view: view.member("k"), lambda table: table.delete("k")),
    "in": (lambda view: "absent" in view, lambda table: table.insert("absent", 1)),
    "lookup_many": (lambda view: view.lookup_many(["k", "absent"]), lambda table: table.insert("absent", 1)),
    "insert_new": (lambda view: view.insert_new("absent", 1), lambda table: table.insert("absent", 1)),
    "take": (lambda view: view.take("k"), lambda table: table.insert("k", 99)),
    "delete in vain": (lambda view: view.delete("absent"), lambda table: table.insert("absent", 1)),
    "delete_many": (lambda view: view.delete_many(["k", "absent"]), lambda table: table.insert("absent", 1)),
    "delete_object": (lambda view: view.delete_object("k", 5), lambda table: table.insert("k", 5)),
    "len": (len, lambda table: table.insert("absent", 1)),
    "iter": (list, lambda table: table.insert("absent", 1)),
    "values": (lambda view: list(view.values()), lambda table: table.insert("k", 99)),
    "to_list": (lambda view: view.to_list(), lambda table: table.delete("other")),
    "fold": (lambda view: view.fold(lambda n, _k, _v: n + 1, 0), lambda table: table.insert("absent", 1)),
    "select": (lambda view: view.select(row.value == 99), lambda table: table.insert("absent", 99)),
    "select by a function": (lambda view: view.select(lambda *_: False), lambda table: table.insert("absent", 99)),
    "select by a key": (lambda view: view.select(row.key == "absent"), lambda table: table.insert("absent", 99)),
    "count": (lambda view: view.count(row.value == 99), lambda table: table.insert("k", 99)),
    "count all": (lambda view: view.count(), lambda table: table.delete("k")),
    "delete_where": (lambda view: view.delete_where(row.value == 99), lambda table: table.insert("absent", 99)),
    "clear": (lambda view: view.clear(), lambda table: table.insert("absent", 1)),
    "foreign key": (lambda view: view.lookup(1), lambda table: table.insert(1.0, 5)),
    "clear from outside": (lambda view: view.lookup("k"), lambda table: table.clear()),
}

_NO_CONFLICTS: Final[Mapping[str, tuple[Verb, Verb]]] = {
    "lookup": (lambda view: view.lookup("k"), lambda table: table.insert("absent", 1)),
    "member": (lambda view: view.member("absent"), lambda table: table.delete("other")),
    "insert": (lambda view: view.insert("mine", 1), lambda table: table.insert("absent", 1)),
    "delete": (lambda view: view.delete("k"), lambda table: table.insert("other", 9)),
    "select by a key": (lambda view: view.select(row.key == "k"), lambda table: table.insert("absent", 9)),
    "nothing": (lambda _view: None, lambda table: table.clear()),
}


class TransactionConflicts(Transactional):
    """When a transaction runs again, in every kind."""

    def runs(self, store: ets.Store, table: Table, read: Verb, write: Verb, *, writes: bool) -> int:
        """Run a transaction during whose first run something is written from outside; return how often it ran."""
        runs: list[int] = []

        def function(tx: Any) -> None:
            runs.append(1)
            read(tx[table])
            if len(runs) == 1:
                write(table)
            if writes:
                tx[table].insert("end", len(runs))

        store.transact(function, retries=3)
        if writes:
            assert self.values_of(table, "end") == [len(runs)]
        self.check(table)
        return len(runs)

    @pytest.mark.parametrize("writes", [False, True], ids=["reading", "writing"])
    @pytest.mark.parametrize("name", _CONFLICTS)
    def test_what_was_read_and_has_changed_is_a_conflict(
        self, store: ets.Store, stock: Table, name: str, *, writes: bool
    ) -> None:
        read, write = _CONFLICTS[name]
        assert self.runs(store, stock, read, write, writes=writes) == 2

    @pytest.mark.parametrize("name", _NO_CONFLICTS)
    def test_what_was_not_read_is_no_conflict(self, store: ets.Store, stock: Table, name: str) -> None:
        read, write = _NO_CONFLICTS[name]
        assert self.runs(store, stock, read, write, writes=True) == 1

    def test_reads_of_several_tables_are_of_one_instant(self, store: ets.Store, stock: Table) -> None:
        other = self.fill({"k": 1}, store=store)
        seen: list[Any] = []

        def function(tx: Any) -> None:
            first = self.values_of(tx[stock], "k")
            if not seen:
                seen.append("outside")
                for one in (stock, other):
                    one.delete("k")
                    one.insert("k", 5)
            seen.append((first, self.values_of(tx[other], "k")))

        store.transact(function)
        assert seen == ["outside", ([5], [5])]

    def test_retries_come_to_an_end(self, store: ets.Store, stock: Table) -> None:
        runs: list[int] = []
        values = iter(range(100, 200))

        def function(tx: Any) -> None:
            runs.append(1)
            tx[stock].lookup("k")
            tx[stock].insert("new", 1)
            stock.insert("k", next(values))

        for retries in (3, 0):
            runs.clear()
            with pytest.raises(errors.TransactionConflict, match=str(retries + 1)):
                store.transact(function, retries=retries)
            assert len(runs) == retries + 1
            assert not stock.member("new")

    def test_an_exception_about_what_was_out_of_date_is_not_raised(self, store: ets.Store, stock: Table) -> None:
        runs: list[int] = []

        def function(tx: Any) -> str:
            runs.append(1)
            found = self.values_of(tx[stock], "k")
            if len(runs) == 1:
                stock.delete("k")
                raise LookupError(found)
            return "done"

        assert store.transact(function) == "done"
        assert len(runs) == 2

    @pytest.mark.parametrize("key", ["new", UUID(int=1), Decimal(1)], ids=str)
    def test_a_key_that_is_new_in_two_transactions_is_one(self, store: ets.Store, stock: Table, key: Any) -> None:
        if self.is_ordered and not isinstance(key, str):
            pytest.skip("the key has no place in an order")
        runs: list[int] = []

        def outer(tx: Any) -> None:
            runs.append(1)
            if tx[stock].insert_new(key, "outer"):
                tx[stock].insert("count", 1)
            if len(runs) == 1:
                store.transact(lambda inner: inner[stock].insert(key, "inner"))

        store.transact(outer)
        assert self.values_of(stock, key) == ["inner"]
        assert len(runs) == 2
        assert len(stock) == 3

    def test_nested_transactions_are_transactions_of_their_own(self, store: ets.Store, stock: Table) -> None:
        other = self.make(store=store)

        def outer(tx: Any) -> None:
            tx[stock].insert("outer", 1)
            store.transact(lambda inner: inner[other].insert("inner", 1))
            assert other.member("inner")
            raise LookupError

        with pytest.raises(LookupError):
            store.transact(outer)
        assert (stock.member("outer"), other.member("inner")) == (False, True)

    def test_events_come_once_for_a_commit_and_in_its_order(self, store: ets.Store, stock: Table) -> None:
        seen: list[Any] = []
        stock.subscribe(lambda event: seen.append((event.kind, event.key, event.value)))
        runs: list[int] = []

        def function(tx: Any) -> None:
            runs.append(1)
            tx[stock].lookup("x")
            tx[stock].insert("a", len(runs))
            tx[stock].insert("gone", 1)
            tx[stock].delete("gone")
            tx[stock].delete("k")
            tx[stock].insert("b", 1)
            if len(runs) == 1:
                stock.insert("x", 1)

        store.transact(function)
        assert seen[0] == ("insert", "x", 1)
        assert sorted(seen[1:]) == [("delete", "k", 1), ("insert", "a", 2), ("insert", "b", 1)]
        store.transact(lambda tx: (tx[stock].lookup("a"), len(tx[stock])))
        assert len(seen) == 4
