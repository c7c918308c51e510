"""The verbs of an index: their arguments and errors, and what queries over it look at."""

from __future__ import annotations

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# The tables here are `Any`, so nothing says what the functions given to their verbs get.
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import pytest

from noex import errors, ets
from noex.ets import Expression, row
from noex.testing import ManualClock
from noex.testing.conformance._base import Conformance, Table

_SIZE: Final = 100


class Counted(Mapping[str, Any]):
    """A mapping that tells a list which of its kind were looked at."""

    def __init__(self, content: Mapping[str, Any], looked_at: list[int]) -> None:
        self._content = content
        self._looked_at = looked_at

    def __getitem__(self, name: str) -> Any:
        self._looked_at.append(self._content["id"])
        return self._content[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __contains__(self, name: object) -> bool:
        return name in self._content

    def __len__(self) -> int:
        return len(self._content)


_AGE: Final = row.field("age")
_CITY: Final = row.field("city")
_TAG: Final = row.field("tag")

# A query, what `explain` says of it in every set kind, and which of the entries 0 to 99 it may look at.
_PLANS: Final[Mapping[str, tuple[Expression, str, Callable[[int], bool]]]] = {
    "nothing applies": (row.field("name") == "n7", "scan", lambda _: True),
    "negation": (~(_AGE == 3), "scan", lambda _: True),
    "key": (row.key == 7, "key", lambda n: n == 7),
    "keys": (row.key.is_in([7, 8, 1000]) & (_AGE >= 0), "key", lambda n: n in (7, 8)),
    "key rather than index": ((_AGE == 3) & (row.key == 3), "key", lambda n: n == 3),
    "index": (_CITY == "c3", "index", lambda n: n % 10 == 3),
    "index of some": (_CITY.is_in(["c3", "c4", "none"]), "index", lambda n: n % 10 in (3, 4)),
    "ordered index": (_AGE == 30, "index", lambda n: n == 30),
    "range of an index": ((_AGE >= 30) & (_AGE < 35), "index", lambda n: 30 <= n < 35),
    "half a range": (_AGE > 95, "index", lambda n: n > 95),
    "range and another condition": ((_AGE < 5) & (row.field("name") == "n3"), "index", lambda n: n < 5),
    "unique index first": ((_CITY == "c3") & (row.field("id") == 13), "index", lambda n: n == 13),
    "text that begins so": (_TAG.startswith("t/1/"), "index", lambda n: 10 <= n < 20),
    "pattern": (_TAG.matches("t/2/*"), "index", lambda n: 20 <= n < 30),
    "tuple that begins so": (row.field("pair").startswith((4,)), "index", lambda n: 40 <= n < 50),
    "union": ((_AGE == 3) | (_CITY == "c4"), "union", lambda n: n == 3 or n % 10 == 4),
    "union that needs all": ((_AGE == 3) | (row.field("name") == "n4"), "scan", lambda _: True),
    "union and index": (((_AGE == 3) | (_CITY == "c4")) & (row.field("id") == 4), "index", lambda n: n == 4),
    "nothing found": (_AGE == 1000, "index", lambda _: False),
}

_PLANS_OF_ORDERED: Final[Mapping[str, tuple[Expression, str, Callable[[int], bool]]]] = {
    "range of keys": ((row.key >= 10) & (row.key < 12) & (row.field("name") != ""), "range", lambda n: 10 <= n < 12),
    "half a range of keys": ((row.key > 97) & (row.field("name") != ""), "range", lambda n: n > 97),
}


class IndexVerbs(Conformance):
    """How an index of `SetTable` or `OrderedSetTable` is asked, and what that costs."""

    @pytest.fixture
    def looked_at(self) -> list[int]:
        """Which entries of `people` were looked at."""
        return []

    @pytest.fixture
    def people(self, looked_at: list[int]) -> Table:
        """A hundred entries with four indexes, whose values tell when they are looked at."""
        table = self.make()
        for name, options in {
            "city": {},
            "age": {"ordered": True},
            "id": {"unique": True},
            "tag": {"ordered": True},
            "pair": {"ordered": True},
        }.items():
            table.add_index(name, name, **options)
        for number in range(_SIZE):
            content = {
                "id": number,
                "age": number,
                "city": f"c{number % 10}",
                "name": f"n{number}",
                "tag": f"t/{number // 10}/{number}",
                "pair": (number // 10, number),
            }
            table.insert(number, Counted(content, looked_at))
        looked_at.clear()
        return table

    @pytest.mark.parametrize("name", [*_PLANS, *_PLANS_OF_ORDERED])
    def test_a_query_looks_only_at_the_entries_of_its_plan(
        self, people: Table, looked_at: list[int], name: str
    ) -> None:
        if name in _PLANS_OF_ORDERED and not (self.is_ordered and getattr(people, "_key", None) is None):
            pytest.skip("keys have no order, or that of a function")
        query, access, within = {**_PLANS, **_PLANS_OF_ORDERED}[name]
        assert people.explain(query).access == access
        assert looked_at == []
        found = people.select(query)
        visited = set(looked_at)
        assert visited <= {number for number in range(_SIZE) if within(number)}
        everything = people.select(query._test)
        assert sorted(entry.key for entry in found) == sorted(entry.key for entry in everything)
        looked_at.clear()
        assert people.count(query) == len(found)
        assert set(looked_at) == visited
        looked_at.clear()
        assert people.delete_where(query) == len(found)
        assert set(looked_at) == visited
        assert len(people) == _SIZE - len(found)
        self.check(people)

    def test_update_where_looks_only_at_the_entries_of_its_plan(self, people: Table, looked_at: list[int]) -> None:
        seen: list[Any] = []

        def keep(value: Any) -> Any:
            seen.append(value)
            return {"age": -1}

        assert people.update_where(_AGE < 3, keep) == len(seen) == 3
        assert set(looked_at) == {0, 1, 2}
        assert people.index("age").count(-1) == 3

    def test_a_plan_says_what_it_goes_by(self, people: Table) -> None:
        plan = people.explain((_AGE >= 30) & (row.field("name") == "n3"))
        assert (plan.access, plan.index, "30" in str(plan.condition)) == ("index", "age", True)
        assert "age" in str(plan)
        scan = people.explain(lambda _key, _value: True)
        assert (scan.access, scan.index, scan.condition) == ("scan", None, None)
        assert people.explain().access == "scan"
        people.drop_index("age")
        assert people.explain(_AGE >= 30).access == "scan"
        with pytest.raises(TypeError):
            people.explain("age")

    def test_an_index_over_a_function_serves_no_query(self, table: Table) -> None:
        table.insert_many({"a": {"age": 1}, "b": {"age": 2}})
        table.add_index("age", lambda _key, value: value["age"], ordered=True)
        assert table.explain(_AGE == 1).access == "scan"
        assert table.select(_AGE == 1) == [("a", {"age": 1})]

    def test_a_query_for_none_goes_by_no_index(self, table: Table) -> None:
        table.add_index("age", "age", ordered=True)
        table.insert_many({"a": {"age": None}, "b": {"age": 2}, "c": {}})
        assert table.select(_AGE == None) == [("a", {"age": None})]  # noqa: E711 - the operator is what is tested
        assert sorted(table.select(_AGE.is_in([None, 2]))) == [("a", {"age": None}), ("b", {"age": 2})]

    # -- one pass -----------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("ordered", [False, True])
    def test_an_index_is_made_in_one_pass_and_kept_with_one_call_for_each_write(
        self, table: Table, *, ordered: bool
    ) -> None:
        calls: list[Any] = []

        def function(key: Any, value: Any) -> Any:
            calls.append(key)
            return value

        table.insert_many({number: number for number in range(1000)})
        index = table.add_index("value", function, ordered=ordered)
        assert sorted(calls) == list(range(1000))
        calls.clear()
        table.insert("k", 5)
        table.update_counter("k")
        table.insert_many({"k": 7, "l": 8})
        assert sorted(calls) == ["k", "k", "k", "l"]
        calls.clear()
        table.delete("k")
        table.delete_many([1, 2])
        index.delete_all(3)
        table.touch("l", 10)
        table.persist("l")
        index.lookup(4)
        table.clear()
        assert calls == []

    # -- verbs --------------------------------------------------------------------------------------------------

    def test_delete_all_removes_the_entries_of_a_value_only(self, table: Table) -> None:
        table.insert_many({number: number % 3 for number in range(9)})
        index = table.add_index("value", row.value)
        assert index.delete_all(1) == 3
        assert index.delete_all(1) == index.delete_all("absent") == 0
        assert sorted(table) == [0, 2, 3, 5, 6, 8]
        assert (index.count(0), index.count(1), index.count(2)) == (3, 0, 3)

    def test_an_index_leaves_out_what_has_expired(self, clock: ManualClock) -> None:
        with self.make(clock=clock) as table:
            hashed = table.add_index("hashed", row.value)
            ordered = table.add_index("ordered", row.value, ordered=True)
            table.insert_many({"a": 1, "b": 1, "c": 2})
            table.insert_many({"d": 1, "e": 2, "f": 3}, ttl=5)
            clock.advance(5)
            assert sorted(hashed.keys(1)) == sorted(ordered.keys(1)) == ["a", "b"]
            assert (len(hashed), len(ordered), ordered.count(2), hashed.count(3)) == (3, 3, 1, 0)
            assert ordered.last() == [("c", 2)]
            assert (ordered.rank("c"), ordered.rank("f")) == (2, None)
            table.insert("d", 1, ttl=5)
            clock.advance(5)
            assert hashed.delete_all(1) == 2
            assert table.to_list() == [("c", 2)]

    def test_an_index_tells_what_it_is(self, table: Table) -> None:
        hashed = table.add_index("h", row.value)
        ordered = table.add_index("o", row.value, ordered=True, unique=True)
        assert (hashed.name, hashed.ordered, hashed.unique) == ("h", False, False)
        assert (ordered.name, ordered.ordered, ordered.unique) == ("o", True, True)
        assert bool(hashed)
        assert len(hashed) == 0
        assert "'o'" in repr(ordered)
        assert table.info().indexes == ("h", "o")
        table.insert("a", 1)
        assert table.index("h").keys(1) == table.index("o").keys(1) == hashed.keys(1) == ["a"]

    def test_what_needs_an_order_raises_without_one(self, table: Table) -> None:
        table.insert("a", 1)
        index = table.add_index("value", row.value)
        calls: dict[str, Callable[[], object]] = {
            "first": index.first,
            "last": index.last,
            "range": lambda: index.range(1, 2),
            "rank": lambda: index.rank("a"),
            "at": lambda: index.at(0),
        }
        assert self.that_do_not_raise(TypeError, calls) == {}

    def test_wrong_arguments_of_indexes_raise_and_change_nothing(self, table: Table) -> None:
        table.insert("a", 1)
        index = table.add_index("value", row.value, ordered=True)
        type_errors: dict[str, Callable[[], object]] = {
            "name": lambda: table.add_index(5, "age"),
            "key": lambda: table.add_index("n", 5),
            "key None": lambda: table.add_index("n", None),
            "expression": lambda: table.add_index("n", row.value == 1),
            "option": lambda: table.add_index("n", "age", sorted=True),
            "positional": lambda: table.add_index("n", "age", True),  # noqa: FBT003 - the point
            "first": lambda: index.first("x"),
            "at": lambda: index.at(0.0),
            "at bool": lambda: index.at(True),  # noqa: FBT003 - as above
            "range limit": lambda: index.range(limit="x"),
        }
        assert self.that_do_not_raise(TypeError, type_errors) == {}
        value_errors: dict[str, Callable[[], object]] = {
            "taken": lambda: table.add_index("value", "age"),
            "first": lambda: index.first(-1),
            "last": lambda: index.last(-1),
            "limit": lambda: index.range(limit=-1),
            "bounds": lambda: index.range(bounds="]["),
        }
        assert self.that_do_not_raise(ValueError, value_errors) == {}
        not_found: dict[str, Callable[[], object]] = {
            "index": lambda: table.index("other"),
            "drop_index": lambda: table.drop_index("other"),
        }
        assert self.that_do_not_raise(errors.IndexNotFound, not_found) == {}
        assert self.that_do_not_raise(IndexError, {"at": lambda: index.at(1), "-": lambda: index.at(-2)}) == {}
        with pytest.raises(errors.UnorderableKey):
            index.range([])
        assert table.info().indexes == ("value",)
        assert index.first(0) == []

    def test_an_index_of_a_closed_table(self) -> None:
        table = self.fill({"a": 1})
        index = table.add_index("value", row.value, ordered=True)
        table.close()
        calls: dict[str, Callable[[], object]] = {
            "add_index": lambda: table.add_index("n", "age"),
            "index": lambda: table.index("value"),
            "drop_index": lambda: table.drop_index("value"),
            "explain": lambda: table.explain(row.key == 1),
            "lookup": lambda: index.lookup(1),
            "keys": lambda: index.keys(1),
            "count": lambda: index.count(1),
            "delete_all": lambda: index.delete_all(1),
            "first": index.first,
            "range": index.range,
            "rank": lambda: index.rank("a"),
            "at": lambda: index.at(0),
            "len": lambda: len(index),
        }
        assert self.that_do_not_raise(errors.TableClosed, calls) == {}
        assert "closed" in repr(index)

    def test_a_table_that_is_found_again_has_its_indexes(self) -> None:
        with ets.Store() as store:
            table = self.make(name="users", store=store)
            table.add_index("value", row.value)
            again = self.make(name="users", store=store, exist_ok=True)
            again.insert("a", 1)
            assert again.index("value").keys(1) == ["a"]
