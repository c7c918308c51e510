"""Transactions: all or nothing, of one instant, over a view that reads its own writes."""

from __future__ import annotations

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# The tables here are `Any`, so nothing says what the functions given to their verbs get.
import functools
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import pytest

from noex import errors, ets
from noex.ets import row
from noex.testing.conformance._base import Conformance, Table
from noex.testing.conformance._verbs import every_verb

Verb = Callable[[Table], object]

# What a transaction does before a verb is tried, in a table with "k" and "other".
_BEFORE: Final[Mapping[str, Verb]] = {
    "nothing": lambda _table: None,
    "reading all": lambda table: (len(table), table.to_list(), table.lookup("k")),
    "writing the key": lambda table: table.insert("k", 7),
    "deleting the key": lambda table: table.delete("k"),
    "deleting and writing the key": lambda table: (table.take("k"), table.insert("k", 7)),
    "writing others": lambda table: table.insert_many([("a", 1), ("other", 5), ("z", 2), ("m", 3)]),
    "deleting others": lambda table: (table.delete("other"), table.delete("absent")),
    "clearing": lambda table: table.clear(),
    "clearing and writing": lambda table: (table.clear(), table.insert_many([("a", 1), ("k", 9)])),
    "writing and clearing": lambda table: (table.insert_many([("a", 1), ("k", 9)]), table.clear()),
}

_NO_PART: Final = frozenset({"info"})
_BY_ARRIVAL: Final = frozenset({"popitem", "select where"})  # in hash kinds, depend on an order that nobody promises


def _on(table: Table, steps: Callable[[Table], list[object]], tx: Any) -> list[object]:
    return steps(tx[table])


class Transactional(Conformance):
    """What the suites of transactions share: a store, and a table in it."""

    @pytest.fixture
    def store(self) -> Iterator[ets.Store]:
        """A store of the test's own."""
        with ets.Store() as store:
            yield store

    @pytest.fixture
    def stock(self, store: ets.Store) -> Iterator[Table]:
        """A table of that store with two entries; its invariants are checked after the test."""
        with self.fill({"k": 1, "other": 2}, store=store) as table:
            yield table
            if not table.closed:
                self.check(table)


class Transactions(Transactional):
    """What `transact` does with tables of every kind."""

    def outcome(self, call: Callable[[], object]) -> object:
        """Return what the call returns, lists of hash kinds sorted, or the type of what it raises."""
        try:
            result = call()
        except Exception as error:  # the type is compared
            return type(error)
        return sorted(result, key=repr) if isinstance(result, list) and not self.is_ordered else result

    # -- verbs --------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("before", _BEFORE)
    def test_every_verb_does_in_a_transaction_what_it_does_outside(self, store: ets.Store, before: str) -> None:
        wrong: dict[str, object] = {}
        for name, verb in every_verb(self.kind).items():
            if name in _NO_PART or (name in _BY_ARRIVAL and not self.is_ordered and before != "nothing"):
                continue
            table, twin = self.fill({"k": 1, "other": 2}, store=store), self.fill({"k": 1, "other": 2})
            _BEFORE[before](twin)
            expected = self.outcome(functools.partial(verb, twin)), self.content(twin)

            def function(tx: Any, verb: Verb = verb, table: Table = table) -> object:
                _BEFORE[before](tx[table])
                return self.outcome(lambda: verb(tx[table])), self.content(tx[table])

            inside = store.transact(function, retries=0)
            if not (inside == expected and self.content(table) == expected[1]):
                wrong[name] = inside, expected, self.content(table)
            self.check(table)
        assert wrong == {}

    @pytest.mark.parametrize("key", [UUID(int=1), Decimal(5), ("x", Decimal(5)), b"k", 1.5, None], ids=repr)
    def test_keys_of_every_type(self, store: ets.Store, key: Any) -> None:
        if self.is_ordered and isinstance(key, UUID | Decimal | tuple):
            pytest.skip("the key has no place in an order")
        for entries in ([], [(key, 1)]):
            table, twin = self.fill(entries, store=store), self.fill(entries)

            def steps(view: Table) -> list[object]:
                return [
                    view.insert_new(key, 2),
                    self.values_of(view, key),
                    view.delete(key),
                    view.member(key),
                    view.insert(key, 3),
                    view.insert(key, 4),
                    len(view),
                    view.insert_many([(key, 5), (key, 6)]),
                    self.values_of(view, key),
                    len(view.to_list()),
                    view.lookup_many([key]),
                    view.take(key),
                    len(view),
                    view.insert(key, 7),
                ]

            assert store.transact(functools.partial(_on, table, steps)) == steps(twin)
            assert self.content(table) == self.content(twin)
            self.check(table)

    def test_equal_keys_are_one_in_a_transaction(self, store: ets.Store) -> None:
        table = self.fill([(1, "int")], store=store)
        equal = [1, 1.0, True] if self.is_ordered else [1, Decimal(1), 1.0, True]

        def function(tx: Any) -> list[int]:
            sizes = []
            for key in equal:
                tx[table].delete(key)
                assert not any(tx[table].member(other) for other in equal)
                tx[table].insert(key, "new")
                assert all(self.values_of(tx[table], other) == ["new"] for other in equal)
                sizes.append(len(tx[table]))
            return sizes

        assert store.transact(function, retries=0) == [1] * len(equal)
        assert [value for _, value in table.to_list()] == ["new"]
        assert len(table) == 1
        self.check(table)

    def test_after_clear_an_equal_key_may_come(self, store: ets.Store) -> None:
        table = self.fill([(1, "int")], store=store)
        key = 1.0 if self.is_ordered else Decimal(1)

        def function(tx: Any) -> None:
            tx[table].clear()
            tx[table].insert(key, "new")
            tx[table].insert("a", 1)

        store.transact(function, retries=0)
        assert self.values_of(table, 1) == ["new"]
        assert len(table) == 2
        self.check(table)

    def test_queries_go_by_the_key_in_and_out_of_a_transaction(self, store: ets.Store, stock: Table) -> None:
        query = (row.key == "k") & (row.value < 5)
        assert stock.explain(query).access == "key"

        def function(tx: Any) -> list[Any]:
            assert tx[stock].explain(query).access == "key"
            tx[stock].insert("k", 0)
            return [*tx[stock].select(query)]

        assert store.transact(function) == [("k", value) for value in self.kept(1, 0)]

    # -- all or nothing -----------------------------------------------------------------------------------------

    def test_it_returns_what_the_function_returns(self, store: ets.Store, stock: Table) -> None:
        result = object()
        assert store.transact(lambda _tx: result) is result
        assert store.transact(lambda tx: tx[stock].member("k")) is True

    def test_nothing_is_seen_outside_before_the_end(self, store: ets.Store, stock: Table) -> None:
        other = self.make(store=store)

        def function(tx: Any) -> None:
            tx[stock].insert("new", 1)
            tx[stock].delete("k")
            tx[other].insert("new", 1)
            assert tx[stock] is tx[stock]
            assert tx[stock].member("new")
            assert self.content(stock) == [("k", 1), ("other", 2)]
            assert len(other) == 0

        store.transact(function)
        assert self.content(stock) == [("new", 1), ("other", 2)]
        assert self.content(other) == [("new", 1)]

    @pytest.mark.parametrize("error", [LookupError, KeyboardInterrupt, GeneratorExit])
    def test_an_exception_goes_through_and_nothing_is_done(
        self, store: ets.Store, stock: Table, error: type[BaseException]
    ) -> None:
        seen: list[Any] = []
        stock.subscribe(seen.append)

        def function(tx: Any) -> None:
            tx[stock].insert("new", 1)
            tx[stock].clear()
            raise error

        with pytest.raises(error):
            store.transact(function)
        assert self.content(stock) == [("k", 1), ("other", 2)]
        assert seen == []

    # -- misuse -------------------------------------------------------------------------------------------------

    def test_a_transaction_ends_with_its_function(self, store: ets.Store, stock: Table) -> None:
        kept: list[Any] = []
        store.transact(lambda tx: kept.extend([tx, tx[stock]]))
        transaction, view = kept
        calls: dict[str, Callable[[], object]] = {
            "tx[stock]": lambda: transaction[stock],
            "lookup": lambda: view.lookup("k"),
            "insert": lambda: view.insert("k", 1),
            "len": lambda: len(view),
            "to_list": view.to_list,
            "delete_many": lambda: view.delete_many(["k"]),
            "clear": view.clear,
        }
        assert self.that_do_not_raise(RuntimeError, calls) == {}
        assert self.content(stock) == [("k", 1), ("other", 2)]

    def test_what_is_no_open_table_of_the_store_raises(self, store: ets.Store, stock: Table) -> None:
        elsewhere, closed = self.make(store=ets.Store()), self.make(store=store)
        closed.close()
        for strange, error in [(elsewhere, ValueError), (closed, errors.TableClosed), ("k", TypeError)]:

            def function(tx: Any, strange: Any = strange) -> None:
                tx[stock].insert("new", 1)
                tx[strange].insert("new", 1)

            with pytest.raises(error):
                store.transact(function)
        assert self.content(stock) == [("k", 1), ("other", 2)]

    def test_a_table_that_is_closed_meanwhile_raises(self, store: ets.Store, stock: Table) -> None:
        other = self.make(store=store)

        def function(tx: Any) -> None:
            tx[other].insert("new", 1)
            tx[stock].insert("k", 5)
            stock.close()

        with pytest.raises(errors.TableClosed):
            store.transact(function)
        assert len(other) == 0
        self.check(other)

    def test_coroutines_and_what_is_awaited_raise(self, store: ets.Store, stock: Table) -> None:
        async def coroutine(tx: Any) -> None:
            tx[stock].insert("new", 1)

        class Asynchronous:
            async def __call__(self, tx: Any) -> None:
                tx[stock].insert("new", 1)

        def sneaky(tx: Any) -> Any:
            tx[stock].insert("new", 1)
            return coroutine(tx)

        given: list[Any] = [coroutine, Asynchronous(), functools.partial(coroutine), sneaky, coroutine]
        for function in given:
            with pytest.raises(TypeError):
                store.transact(function)
        assert not stock.member("new")

    def test_wrong_arguments_of_transact_raise(self, store: ets.Store) -> None:
        transact: Any = store.transact
        calls: dict[str, Callable[[], object]] = {
            "no function": lambda: transact(5),
            "nothing": transact,
            "retries": lambda: transact(lambda _tx: 1, retries="many"),
            "retries bool": lambda: transact(lambda _tx: 1, retries=True),
            "option": lambda: transact(lambda _tx: 1, times=2),
        }
        assert self.that_do_not_raise(TypeError, calls) == {}
        with pytest.raises(ValueError):
            transact(lambda _tx: 1, retries=-1)
