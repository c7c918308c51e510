"""Names and stores: who stands under which name, for how long, and when two may share one."""

from __future__ import annotations

import gc
import threading
import weakref

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# The tables here are `Any`, so nothing says what the functions given to their verbs get.
from collections.abc import Iterator
from typing import Any, Final

import pytest

from noex import errors, ets
from noex.testing import ManualClock
from noex.typing import TableKind

_CLASSES: Final[dict[TableKind, Any]] = {
    "set": ets.SetTable,
    "ordered_set": ets.OrderedSetTable,
    "bag": ets.BagTable,
    "duplicate_bag": ets.DuplicateBagTable,
}

every_kind = pytest.mark.parametrize("kind", _CLASSES)


class StoreConformance:
    """What a `Store` must do; override `make_store` to run it over your own."""

    def make_store(self) -> Any:
        """Return a new store without tables."""
        return ets.Store()

    @pytest.fixture
    def store(self) -> Iterator[Any]:
        """A store of the test's own."""
        with self.make_store() as store:
            yield store

    # -- making -------------------------------------------------------------------------------------------------

    @every_kind
    def test_a_table_knows_its_name_and_kind(self, store: Any, kind: TableKind) -> None:
        table = store.new("stock", kind)
        assert isinstance(table, _CLASSES[kind])
        assert (table.name, table.kind, table.closed) == ("stock", kind, False)
        assert "stock" in repr(table)
        assert table.info().name == "stock"

    def test_a_set_is_made_unless_another_kind_is_said(self, store: Any) -> None:
        assert store.new("stock").kind == "set"
        assert ets.new().kind == "set"
        assert ets.new(kind="bag", store=store).kind == "bag"
        assert ets.new("more", "ordered_set", store=store) is store.whereis("more")

    @every_kind
    def test_the_classes_and_new_make_the_same(self, store: Any, kind: TableKind) -> None:
        table = _CLASSES[kind]("stock", store=store)
        assert store.whereis("stock") is table
        assert type(ets.new("other", kind, store=store)) is type(table)

    @every_kind
    def test_a_class_with_type_arguments_makes_a_table(self, kind: TableKind) -> None:
        assert isinstance(_CLASSES[kind][str, int](), _CLASSES[kind])

    def test_an_unnamed_table_has_no_name(self, store: Any) -> None:
        table = store.new()
        other = store.new()
        assert table.name is None
        assert table is not other
        assert table.info().name is None
        assert store.whereis("None") is None

    def test_options_reach_the_table(self, store: Any) -> None:
        clock = ManualClock()
        table = store.new("stock", "ordered_set", ttl=5, clock=clock, key=str.lower)
        table.insert("Apples", 1)
        assert table.lookup("apples") == 1
        clock.advance(5)
        assert len(table) == 0

    # -- finding ------------------------------------------------------------------------------------------------

    def test_whereis_finds_by_name(self, store: Any) -> None:
        table = store.new("stock")
        assert store.whereis("stock") is table
        assert store.whereis("other") is None

    def test_tables_are_those_that_are_open_with_a_name_or_without(self, store: Any) -> None:
        assert store.tables() == []
        tables = [store.new(name) for name in ("b", "a", None)]
        found = store.tables()
        assert type(found) is list
        assert {id(table) for table in found} == {id(table) for table in tables}
        tables[0].close()
        assert len(store.tables()) == 2
        tables[2].close()
        assert len(store.tables()) == 1

    def test_stores_share_nothing(self, store: Any) -> None:
        with self.make_store() as other:
            table = store.new("stock")
            twin = other.new("stock")
            assert twin is not table
            twin.close()
            assert store.whereis("stock") is table

    def test_the_default_store_serves_the_functions_of_the_module(self) -> None:
        name = "noex.testing: the default store"
        assert ets.whereis(name) is None
        with ets.SetTable[str, int](name) as table:
            assert ets.whereis(name) is table
            assert any(found is table for found in ets.tables())
        with ets.new(name, "bag") as bag:
            assert ets.whereis(name) is bag
        assert ets.whereis(name) is None

    # -- names that are taken -----------------------------------------------------------------------------------

    @every_kind
    def test_a_second_table_of_a_name_raises(self, store: Any, kind: TableKind) -> None:
        table = store.new("stock", kind)
        with pytest.raises(errors.TableExists, match="stock") as caught:
            store.new("stock", kind)
        assert isinstance(caught.value, ValueError)
        with pytest.raises(errors.TableExists):
            _CLASSES[kind]("stock", store=store)
        table.insert("k", 1)
        assert store.whereis("stock") is table
        assert len(table) == 1

    @every_kind
    def test_exist_ok_gives_the_table_that_stands(self, store: Any, kind: TableKind) -> None:
        table = store.new("stock", kind, exist_ok=True)
        table.insert("k", 1)
        assert store.new("stock", kind, exist_ok=True) is table
        assert _CLASSES[kind]("stock", store=store, exist_ok=True) is table
        assert len(table) == 1

    def test_exist_ok_gives_no_table_of_another_kind_or_with_other_options(self, store: Any) -> None:
        clock = ManualClock()
        table = store.new("stock", "ordered_set", ttl=5, clock=clock, key=str.lower)
        same: dict[str, Any] = {"kind": "ordered_set", "ttl": 5, "clock": clock, "key": str.lower}
        assert store.new("stock", exist_ok=True, **same) is table
        assert store.new("stock", exist_ok=True, **{**same, "ttl": 5.0}) is table
        for change in (
            {"ttl": 6},
            {"ttl": None},
            {"clock": None},
            {"clock": ManualClock()},
            {"key": None},
            {"key": len},
        ):
            with pytest.raises(errors.TableExists, match="stock"):
                store.new("stock", exist_ok=True, **{**same, **change})
        with pytest.raises(errors.TableExists, match="stock"):
            store.new("stock", "set", exist_ok=True, ttl=5, clock=clock)

    def test_exist_ok_without_a_name_makes_a_new_table(self, store: Any) -> None:
        assert store.new(exist_ok=True) is not store.new(exist_ok=True)

    def test_a_name_is_free_once_its_table_is_closed(self, store: Any) -> None:
        table = store.new("stock")
        table.insert("k", 1)
        table.close()
        assert store.whereis("stock") is None
        again = store.new("stock", "bag")
        assert store.whereis("stock") is again
        table.close()
        assert store.whereis("stock") is again
        assert len(again) == 0

    @pytest.mark.parametrize(
        ("kind", "options", "error"),
        [
            ("set", {"nonsense": 1}, TypeError),
            ("set", {"key": str}, TypeError),
            ("set", {"ttl": -1}, ValueError),
            ("set", {"clock": 5}, TypeError),
            ("ordered_set", {"key": 5}, TypeError),
            ("bag", {"ttl": 5}, TypeError),
            ("heap", {}, ValueError),
            (None, {}, (TypeError, ValueError)),
        ],
    )
    def test_a_table_that_cannot_be_made_takes_no_name(
        self, store: Any, kind: Any, options: dict[str, Any], error: Any
    ) -> None:
        with pytest.raises(error):
            store.new("stock", kind, **options)
        assert store.whereis("stock") is None
        assert store.new("stock", "bag") is store.whereis("stock")

    def test_a_store_is_a_store(self) -> None:
        with pytest.raises(TypeError, match="store"):
            ets.SetTable[str, int](store=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    @pytest.mark.parametrize("name", [5, b"stock", ("stock",), []], ids=repr)
    def test_a_name_is_text(self, store: Any, name: Any) -> None:
        with pytest.raises(TypeError, match="name"):
            store.new(name)

    # -- how long they stand ------------------------------------------------------------------------------------

    def test_a_store_keeps_its_named_tables(self, store: Any) -> None:
        store.new("stock").insert("k", 1)
        gc.collect()
        assert store.whereis("stock").lookup("k") == 1

    @every_kind
    def test_an_unnamed_table_that_nobody_holds_is_freed(self, store: Any, kind: TableKind) -> None:
        class Value:
            pass

        table, value = store.new(None, kind), Value()
        table.insert("k", value)
        freed = weakref.ref(value)
        del table, value
        gc.collect()
        assert freed() is None

    def test_closing_a_store_closes_its_tables(self) -> None:
        store = self.make_store()
        tables = [store.new("a"), store.new("b", "bag")]
        unnamed = store.new()
        store.close()
        store.close()
        assert [table.closed for table in [*tables, unnamed]] == [True, True, True]
        for call in (lambda: store.new("a"), store.new, lambda: store.whereis("a"), store.tables):
            with pytest.raises(errors.TableClosed):
                call()
        with pytest.raises(errors.TableClosed):
            ets.SetTable("a", store=store)

    def test_a_store_is_a_context_manager(self) -> None:
        with self.make_store() as store:
            table = store.new("stock")
        assert table.closed

    def test_one_of_many_threads_makes_the_table(self, store: Any) -> None:
        made: list[Any] = []
        refused: list[errors.TableExists] = []
        start = threading.Barrier(4)

        def make() -> None:
            start.wait(10)
            for number in range(50):
                made.append(store.new(f"shared {number}", "bag", exist_ok=True))
                try:
                    store.new(f"single {number}")
                except errors.TableExists as error:
                    refused.append(error)

        threads = [threading.Thread(target=make, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(made) == 200
        assert len({id(table) for table in made}) == 50
        assert len(refused) == 150
