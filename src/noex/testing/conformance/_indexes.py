"""Secondary indexes: whatever happens to the entries, an index finds them by what its function makes of them."""

from __future__ import annotations

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# The tables here are `Any`, so nothing says what the functions given to their verbs get.
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeAlias
from uuid import UUID

import pytest

from noex import errors, ets
from noex.ets import row
from noex.testing import ManualClock
from noex.testing.conformance._base import Conformance, Table
from noex.testing.conformance._index_changes import CHANGES, CHANGES_OF_ORDERED, START, Change

_changes = pytest.mark.parametrize("change", CHANGES)


@dataclass(frozen=True)
class Point:
    """A value whose hash and comparison are Python code."""

    x: int


@dataclass(frozen=True)
class Shape:
    """A way to index numbers: what `add_index` gets, what that makes of an entry, and how it sorts."""

    key: Any
    of: Callable[[Any, Any], Any]
    sort: Callable[[Any], Any] | None = None  # None: only hashed
    unique: bool = False
    hashed: bool = True


def _halves(value: int) -> int | None:
    return value // 2 if value < 50 else None


SHAPES: Final[Mapping[str, Shape]] = {
    "function": Shape(lambda _key, value: value % 3, lambda _key, value: value % 3, lambda found: found),
    "term of the value": Shape(row.value, lambda _key, value: value, lambda found: found, unique=True),
    "term of the key": Shape(row.key, lambda key, _value: key, lambda found: found, unique=True),
    "some kept out": Shape(lambda _k, value: _halves(value), lambda _k, value: _halves(value), lambda found: found),
    "text": Shape(lambda _k, value: f"{value % 4}", lambda _k, value: f"{value % 4}", lambda found: found),
    "tuple": Shape(lambda k, v: (v % 2, "x", k), lambda k, v: (v % 2, "x", k), lambda found: found, unique=True),
    "reversed": Shape(
        lambda key, value: (ets.desc(value % 5), key),
        lambda key, value: (ets.desc(value % 5), key),
        lambda found: (-_undone(found[0]), found[1]),
        unique=True,
        hashed=False,  # what `desc` returns is for orders
    ),
    "Decimal": Shape(lambda _key, value: Decimal(value % 3), lambda _key, value: Decimal(value % 3)),
    "UUID": Shape(lambda _key, value: UUID(int=value), lambda _key, value: UUID(int=value), unique=True),
    "dataclass": Shape(lambda _key, value: Point(value % 4), lambda _key, value: Point(value % 4)),
    "tuple of dataclass": Shape(lambda _k, value: (1, Point(value % 4)), lambda _k, value: (1, Point(value % 4))),
}


def _undone(mirrored: Any) -> int:
    """Return the number that `desc` was given: the one whose stand-in it equals."""
    return next(number for number in range(10) if repr(ets.desc(number)) == repr(mirrored))


Grouped: TypeAlias = list[tuple[Any, list[Any]]]


def _grouped(table: Table, shape: Shape) -> Grouped:
    """Return each value that the index must know, with the keys of its entries."""
    groups: Grouped = []
    for key, value in table.to_list():
        found = shape.of(key, value)
        if found is None:
            continue
        same = next((keys for other, keys in groups if repr(other) == repr(found)), None)
        if same is None:
            groups.append((found, [key]))
        else:
            same.append(key)
    return groups


class Indexes(Conformance):
    """What `add_index` gives to `SetTable` and `OrderedSetTable`."""

    def indexed(self, table: Table) -> dict[str, tuple[Shape, Any]]:
        """Add an index of every shape, hashed and ordered; return shapes and indexes by name."""
        added: dict[str, tuple[Shape, Any]] = {}
        for name, shape in SHAPES.items():
            if shape.hashed:
                added[name] = shape, table.add_index(name, shape.key, unique=shape.unique)
            if shape.sort is not None:
                ordered = table.add_index(f"{name}, ordered", shape.key, ordered=True, unique=shape.unique)
                added[f"{name}, ordered"] = shape, ordered
        return added

    def agree(self, table: Table, indexes: Mapping[str, tuple[Shape, Any]]) -> None:
        """Compare all that indexes answer with what their functions make of the entries."""
        entries = dict(table.to_list())
        for name, (shape, index) in indexes.items():
            groups = _grouped(table, shape)
            assert len(index) == sum(len(keys) for _, keys in groups), name
            for found, keys in groups:
                assert sorted(index.keys(found)) == sorted(keys), (name, found)
                assert sorted(index.lookup(found)) == sorted((key, entries[key]) for key in keys), (name, found)
                assert index.count(found) == len(keys), (name, found)
            for absent in (-1, "absent", Decimal(-1), ()):
                if index.ordered and isinstance(absent, Decimal):
                    continue
                assert (index.lookup(absent), index.keys(absent), index.count(absent)) == ([], [], 0), (name, absent)
            if index.ordered:
                self._agree_in_order(entries, shape, index, groups)
        self.check(table)

    def _agree_in_order(self, entries: dict[Any, Any], shape: Shape, index: Any, groups: Grouped) -> None:
        sort = shape.sort
        assert sort is not None
        groups = sorted(groups, key=lambda group: sort(group[0]))
        found = index.range()
        rest = list(found)
        for _, keys in groups:
            here, rest = rest[: len(keys)], rest[len(keys) :]
            assert sorted(here) == sorted((key, entries[key]) for key in keys)
            if self.is_ordered:
                assert here == sorted(here)
        assert rest == []
        assert index.range(reverse=True) == found[::-1]
        assert index.first(3) == found[:3]
        assert index.last(3) == found[::-1][:3]
        assert [index.at(place) for place in range(-len(found), len(found))] == found + found
        assert [index.rank(entry.key) for entry in found] == list(range(len(found)))
        assert index.rank("nobody") is None
        for low, high in pairwise(groups):
            size = len(low[1])
            assert len(index.range(low[0], high[0])) == size
            assert len(index.range(low[0], high[0], bounds="()")) == 0
            assert len(index.range(low[0], high[0], bounds="[]")) == size + len(high[1])
            assert len(index.range(low[0], high[0], bounds="(]")) == len(high[1])
            assert index.range(low[0], high[0], limit=1) == index.range(low[0], high[0])[:1]
            assert index.range(low[0], high[0], limit=1, reverse=True) == index.range(low[0], high[0])[-1:]

    # -- kept in step -------------------------------------------------------------------------------------------

    @_changes
    def test_every_index_follows_every_change(self, change: str, clock: ManualClock) -> None:
        with self.make(clock=clock) as table:
            self._follows(table, CHANGES[change], clock)

    @pytest.mark.parametrize("change", CHANGES_OF_ORDERED)
    def test_every_index_follows_the_changes_of_an_order(self, change: str, clock: ManualClock) -> None:
        if not self.is_ordered:
            pytest.skip("the kind has no order")
        with self.make(clock=clock) as table:
            self._follows(table, CHANGES_OF_ORDERED[change], clock)

    def _follows(self, table: Table, change: Change, clock: ManualClock) -> None:
        table.insert_many(START)
        indexes = self.indexed(table)
        self.agree(table, indexes)
        change(table, clock)
        self.agree(table, indexes)
        table.insert("later", 13)
        change(table, clock)
        self.agree(table, indexes)

    @_changes
    def test_an_index_that_is_made_late_is_as_one_that_was_always_there(self, change: str, clock: ManualClock) -> None:
        with self.fill(START, clock=clock) as table:
            CHANGES[change](table, clock)
            self.agree(table, self.indexed(table))

    def test_an_index_of_a_table_that_was_loaded(self, tmp_path: Path) -> None:
        table = self.fill(START)
        self.indexed(table)
        table.dump(tmp_path / "table")
        again = ets.load(tmp_path / "table", store=ets.Store(), key=getattr(table, "_key", None))
        assert again.info().indexes == ()
        self.agree(again, self.indexed(again))

    def test_memory_counts_what_an_index_takes(self, table: Table) -> None:
        table.insert_many({number: {"age": number} for number in range(1000)})
        for name in table.info().indexes:
            table.drop_index(name)
        bare = table.info().memory
        table.add_index("hashed", "age")
        one = table.info().memory
        table.add_index("ordered", "age", ordered=True)
        assert bare < one < table.info().memory
        table.drop_index("hashed")
        table.drop_index("ordered")
        assert table.info().memory == bare

    def test_an_index_is_dropped_and_added_again(self, table: Table) -> None:
        table.insert_many(START)
        indexes = self.indexed(table)
        shape, index = indexes["function"]
        table.drop_index("function")
        assert "function" not in table.info().indexes
        table.insert("k", 30)
        with pytest.raises(errors.IndexNotFound, match="function"):
            index.lookup(0)
        with pytest.raises(errors.IndexNotFound):
            table.drop_index("function")
        again = table.add_index("function", lambda _key, value: value % 3, ordered=True)
        with pytest.raises(LookupError):
            len(index)
        self.agree(table, {**indexes, "function": (shape, again)})
        for name in table.info().indexes:
            table.drop_index(name)
        table.insert("l", 30)
        assert table.info().indexes == ()

    # -- values -------------------------------------------------------------------------------------------------

    def test_fields_of_mappings_and_of_objects(self, table: Table) -> None:
        by_x = table.add_index("x", "x")
        by_city = table.add_index("city", row.field("address", "city"), ordered=True)
        table.insert_many({"a": {"x": 1}, "b": Point(1), "c": {"x": None}, "d": None, "e": {}, "f": 5})
        table.insert("g", {"x": 2, "address": {"city": "Kyiv"}})
        assert sorted(by_x.keys(1)) == ["a", "b"]
        assert by_x.keys(2) == by_city.keys("Kyiv") == ["g"]
        assert (len(by_x), len(by_city)) == (3, 1)

    @pytest.mark.parametrize("ordered", [False, True])
    def test_none_is_kept_out(self, table: Table, *, ordered: bool) -> None:
        index = table.add_index("value", row.value, ordered=ordered, unique=True)
        table.insert_many({"a": None, "b": None, "c": 1})
        assert len(index) == 1
        table.insert("c", None)
        assert len(index) == 0
        table.insert("a", 0)
        assert index.keys(0) == ["a"]
        if ordered:
            assert index.rank("b") is None
            assert index.range() == [("a", 0)]

    def test_equal_values_of_different_types_are_one(self, table: Table) -> None:
        index = table.add_index("value", row.value)
        table.insert_many({"a": 1, "b": 1.0, "c": True, "d": Decimal(1), "e": 2})
        for value in (1, 1.0, True, Decimal(1)):
            assert sorted(index.keys(value)) == ["a", "b", "c", "d"]
        table.delete("a")
        table.delete("d")
        assert sorted(index.keys(Decimal(1))) == ["b", "c"]
        assert index.delete_all(Decimal(1)) == 2
        table.insert("d", Decimal(1))
        assert index.keys(1) == ["d"]

    def test_a_batch_of_new_values_of_every_type(self, table: Table) -> None:
        index = table.add_index("value", row.value)
        table.insert_many({place: UUID(int=place // 2) for place in range(8)})
        table.insert_many({place: Decimal(place // 2) for place in range(8, 12)} | {12: Point(1), 13: Point(1), 14: 4})
        assert [len(index.keys(UUID(int=number))) for number in range(5)] == [2, 2, 2, 2, 0]
        assert (sorted(index.keys(4)), sorted(index.keys(Point(1)))) == ([8, 9, 14], [12, 13])

    @pytest.mark.parametrize("ordered", [False, True])
    def test_an_entry_that_keeps_its_value_keeps_its_place(self, table: Table, *, ordered: bool) -> None:
        index = table.add_index("place", lambda _key, value: value[0], ordered=ordered)
        table.insert_many([(1, ("x", "old")), (2, ("x", "old")), (3, ("x", "old"))])
        assert index.keys("x") == [1, 2, 3]
        table.insert(1, ("x", "new"))
        assert index.keys("x") == [1, 2, 3]
        table.insert_many([(2, ("x", "new"))])
        assert index.keys("x") == [1, 2, 3]

    def test_entries_of_one_value_stand_by_key_or_as_they_came(self, table: Table) -> None:
        index = table.add_index("size", "size", ordered=True)
        for key in ("b", "c", "a"):
            table.insert(key, {"size": 1})
        expected = ["a", "b", "c"] if self.is_ordered else ["b", "c", "a"]
        assert [entry.key for entry in index.range()] == expected
        assert index.keys(1) == expected
        table.insert("b", {"size": 1, "other": 2})  # it keeps its place
        assert [entry.key for entry in index.range()] == expected
        table.insert("b", {"size": 2})
        table.insert("b", {"size": 1})  # it comes anew
        assert [entry.key for entry in index.range()] == (expected if self.is_ordered else ["c", "a", "b"])

    def _uses_of(self, table: Table, bad: object) -> dict[str, Callable[[], object]]:
        return {
            "insert": lambda: table.insert("k", bad),
            "over": lambda: table.insert("a", bad),
            "insert_many": lambda: table.insert_many({"b": 2, "k": bad}),
            "insert_new": lambda: table.insert_new("k", bad),
            "setdefault": lambda: table.setdefault("k", bad),
            "compute": lambda: table.compute("a", lambda _value: bad),
            "compare_and_set": lambda: table.compare_and_set("a", 1, bad),
            "lookup": lambda: table.index("value").lookup(bad),
            "delete_all": lambda: table.index("value").delete_all(bad),
        }

    @pytest.mark.parametrize("ordered", [False, True])
    def test_a_value_that_cannot_be_indexed_changes_nothing(self, table: Table, *, ordered: bool) -> None:
        table.add_index("value", row.value, ordered=ordered)
        table.insert("a", 1)
        error = errors.UnorderableKey if ordered else errors.UnhashableKey
        for bad in ([1], {"x": 1}, (1, [2])):
            assert self.that_do_not_raise(error, self._uses_of(table, bad)) == {}
        assert table.to_list() == [("a", 1)]
        if ordered:
            with pytest.raises(errors.UnorderableKey):
                table.insert("k", Decimal(1))
        table.insert_many({"b": 2, "c": 3})
        bad_index: dict[str, Callable[[], object]] = {"add": lambda: table.add_index("bad", lambda *_: [])}
        assert self.that_do_not_raise(errors.UnhashableKey, bad_index) == {}
        assert table.info().indexes == ("value",)

    def test_a_function_that_raises_fails_the_write_and_changes_nothing(self, table: Table) -> None:
        table.insert_many({"a": 1, "b": 2})
        quotient = table.add_index("quotient", lambda _key, value: 12 // value)
        before = table.to_list()
        writes: dict[str, Callable[[], object]] = {
            "insert": lambda: table.insert("k", 0),
            "over": lambda: table.insert("a", 0),
            "insert_many": lambda: table.insert_many({"c": 3, "k": 0}),
            "update_counter": lambda: table.update_counter("a", -1),
            "compute": lambda: table.compute("a", lambda _value: 0),
            "add": lambda: table.add_index("other", lambda _key, value: 1 // (value - 2)),
        }
        assert self.that_do_not_raise(ZeroDivisionError, writes) == {}
        assert table.to_list() == before
        assert (len(quotient), quotient.keys(12), quotient.keys(6)) == (2, ["a"], ["b"])
        assert table.info().indexes == ("quotient",)
        assert table.delete("a")

    # -- unique -------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("ordered", [False, True])
    @pytest.mark.parametrize("value", [7, "x", ("x", 7), UUID(int=7), Point(7)], ids=str)
    def test_a_unique_index_refuses_a_second_entry(self, table: Table, value: Any, *, ordered: bool) -> None:
        if ordered and isinstance(value, UUID | Point):
            pytest.skip("the value has no place in an order")
        table.insert_many({"a": value, "b": 2})
        index = table.add_index("value", row.value, ordered=ordered, unique=True)
        before = table.to_list()
        writes: dict[str, Callable[[], object]] = {
            "insert": lambda: table.insert("k", value),
            "over": lambda: table.insert("b", value),
            "[]=": lambda: table.update({"k": value}),
            "insert_many": lambda: table.insert_many({"c": 3, "k": value, "d": 4}),
            "in the batch": lambda: table.insert_many({"c": 3, "d": 3}),
            "insert_new": lambda: table.insert_new("k", value),
            "setdefault": lambda: table.setdefault("k", value),
            "compute": lambda: table.compute("b", lambda _value: value),
            "compute anew": lambda: table.compute("k", lambda _value: value, default=0),
            "compare_and_set": lambda: table.compare_and_set("b", 2, value),
            "update_where": lambda: table.update_where(row.key == "b", lambda _value: value),
        }
        assert self.that_do_not_raise(errors.IndexViolation, writes) == {}
        assert self.that_do_not_raise(ValueError, writes) == {}
        assert table.to_list() == before
        with pytest.raises(errors.IndexViolation, match=r"'value'.*'a'"):
            table.insert("k", value)
        assert index.keys(value) == ["a"]
        table.insert("a", value)  # its own it may write again
        table.delete("a")
        table.insert("k", value)
        assert index.keys(value) == ["k"]

    def test_a_batch_may_swap_and_hand_on_unique_values(self, table: Table) -> None:
        table.insert_many({"a": 1, "b": 2, "c": 3})
        index = table.add_index("value", row.value, unique=True)
        assert table.insert_many({"a": 2, "b": 1}) == 2
        assert (index.keys(1), index.keys(2)) == (["b"], ["a"])
        assert table.insert_many({"a": 3, "b": 2, "c": 1}) == 3
        assert [index.keys(value) for value in (1, 2, 3)] == [["c"], ["b"], ["a"]]

    def test_an_entry_that_has_expired_frees_its_unique_value(self, clock: ManualClock) -> None:
        with self.make(clock=clock) as table:
            index = table.add_index("value", row.value, unique=True)
            table.insert("a", 1, ttl=5)
            clock.advance(5)
            table.insert("b", 1)
            assert index.keys(1) == ["b"]
            table.insert("c", 2, ttl=5)
            clock.advance(5)
            assert table.add_index("again", row.value, ordered=True, unique=True).range() == [("b", 1)]
            self.check(table)

    @pytest.mark.parametrize("ordered", [False, True])
    def test_an_index_is_not_made_unique_over_entries_that_are_not(self, table: Table, *, ordered: bool) -> None:
        table.insert_many({"a": 1, "b": 2, "c": 1})
        with pytest.raises(errors.IndexViolation, match="'value'"):
            table.add_index("value", row.value, ordered=ordered, unique=True)
        assert table.info().indexes == ()
        table.delete("c")
        assert table.add_index("value", row.value, ordered=ordered, unique=True).keys(1) == ["a"]
