"""Selecting, counting, deleting and changing by expressions over `row`: as by a function, however it is done."""

from __future__ import annotations

import math

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# The tables here are `Any`, so nothing says what the functions given to their verbs get.
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import pytest

from noex import errors
from noex.ets import Expression, row
from noex.ets.queries import Term
from noex.testing.conformance._base import Conformance, Table

_USERS: Final = {"user:1": 30, "user:2": 17, "user:10": 41, "admin:1": 50}
_SERVICES: Final = {"service": 0, "service/a": 1, "service/a/b": 2, "services": 3}
_MIXED: Final[list[Any]] = [None, 0, 1, 2.5, 7, "", "a", "ab", "b", b"a", b"b", (), ("a",), ("a", 1), ("ab", 1), ("b",)]

_NAN: Final = math.nan

Test: TypeAlias = Callable[[Any], bool]


def _number(found: Any) -> bool:
    return isinstance(found, (int, float))


def _text(found: Any) -> bool:
    return isinstance(found, str)


def _queries_over(term: Term) -> list[tuple[Expression, Test]]:
    """Return conditions on a term, each with the function that says the same of what the term reads."""
    return [
        (term == 1, lambda found: found == 1),
        (term == 1.0, lambda found: found == 1),
        (term == True, lambda found: found == 1),  # noqa: E712 - the operator is what is tested
        (term == None, lambda found: found is None),  # noqa: E711
        (term != 1, lambda found: found != 1),
        (term == "a", lambda found: found == "a"),
        (term == "missing", lambda _found: False),
        (term == [1], lambda _found: False),
        (term == _NAN, lambda _found: False),
        (term < _NAN, lambda _found: False),
        (term.is_in(["a", [1], 1.0, _NAN, "a"]), lambda found: found in ("a", 1)),
        (term.is_in(["a", None]), lambda found: found in ("a", None)),
        (term.is_in([]), lambda _found: False),
        (term >= 1, lambda found: _number(found) and found >= 1),
        (term < 7, lambda found: _number(found) and found < 7),
        ((term > 0) & (term <= 7), lambda found: _number(found) and 0 < found <= 7),
        ((term > 7) & (term < 0), lambda _found: False),
        ((term >= 1) & (term < "b"), lambda _found: False),
        ((term >= "a") & (term < "b"), lambda found: _text(found) and "a" <= found < "b"),
        (term <= b"a", lambda found: isinstance(found, bytes) and found <= b"a"),
        (term > ("a",), lambda found: found in [("a", 1), ("ab", 1), ("b",)]),
        (term.startswith("a"), lambda found: _text(found) and found.startswith("a")),
        (term.startswith(b"a"), lambda found: isinstance(found, bytes) and found.startswith(b"a")),
        (term.startswith(("a",)), lambda found: isinstance(found, tuple) and found[:1] == ("a",)),
        (term.startswith(()), lambda found: isinstance(found, tuple)),
        (term.startswith(""), _text),
        (term.matches("a*"), lambda found: _text(found) and found.startswith("a")),
        (term.matches("a"), lambda found: found == "a"),
        ((term == 1) & (term == "a"), lambda _found: False),
        ((term == 1) | (term == "a"), lambda found: found in (1, "a")),
        ((term >= 1) | (term < "b"), lambda found: (_number(found) and found >= 1) or (_text(found) and found < "b")),
        (~(term == 1), lambda found: found != 1),
        (~(term >= 1), lambda found: not (_number(found) and found >= 1)),
    ]


def _each(term: Term) -> pytest.MarkDecorator:
    queries = _queries_over(term)
    return pytest.mark.parametrize(("query", "test"), queries, ids=[repr(query) for query, _ in queries])


class Queries(Conformance):
    """What a query finds does not depend on how the table looks for it."""

    @pytest.fixture
    def mixed(self) -> Table:
        """A table with keys of many types."""
        return self.fill([(key, place) for place, key in enumerate(_MIXED)])

    @_each(row.key)
    def test_a_query_selects_what_a_function_selects(self, mixed: Table, query: Expression, test: Test) -> None:
        expected = [entry for entry in mixed.to_list() if test(entry.key)]
        found = mixed.select(query)
        assert found == expected if self.is_ordered else sorted(found, key=repr) == sorted(expected, key=repr)
        assert mixed.count(query) == len(expected)
        assert len(mixed.select(query, limit=1)) == min(1, len(expected))
        if self.is_ordered:
            assert mixed.select(query, limit=2) == expected[:2]

    @_each(row.key)
    def test_a_query_deletes_what_a_function_deletes(self, mixed: Table, query: Expression, test: Test) -> None:
        kept = [entry for entry in mixed.to_list() if not test(entry.key)]
        assert mixed.delete_where(query) == len(_MIXED) - len(kept)
        assert mixed.to_list() == kept
        self.check(mixed)

    def test_conditions_on_key_and_value_combine(self, mixed: Table) -> None:
        key, value = row.key == 1, row.value == 3
        assert mixed.select(key & value) == mixed.select(value & ~(row.key >= 0)) == []
        assert sorted(entry.value for entry in mixed.select(key | value)) == [2, 3]
        assert mixed.select(key & ~value) == mixed.select(key & (row.value == 2)) == [(1, 2)]
        assert mixed.count(~(key | value)) == len(_MIXED) - 2

    # -- patterns -----------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("glob", "found"),
        [
            ("user:*", ["user:1", "user:10", "user:2"]),
            ("user:?", ["user:1", "user:2"]),
            ("*:1", ["admin:1", "user:1"]),
            ("user:1", ["user:1"]),
            ("user", []),
            ("nobody:*", []),
            ("**", ["admin:1", "user:1", "user:10", "user:2"]),
        ],
    )
    def test_patterns_find_keys(self, glob: str, found: list[str]) -> None:
        table = self.fill(_USERS)
        keys = [entry.key for entry in table.select(row.key.matches(glob))]
        assert (keys if self.is_ordered else sorted(keys)) == found

    def test_a_star_stops_at_a_slash_and_two_do_not(self) -> None:
        table = self.fill(_SERVICES)
        assert sorted(entry.key for entry in table.select(row.key.matches("service*"))) == ["service", "services"]
        assert sorted(entry.key for entry in table.select(row.key.matches("service/*"))) == ["service/a"]
        found = table.select(row.key.matches("service/**"))
        assert sorted(entry.key for entry in found) == ["service/a", "service/a/b"]

    def test_a_pattern_and_a_condition_on_the_value(self) -> None:
        table = self.fill(_USERS)
        assert table.select(row.key.matches("user:*") & (row.value < 18)) == [("user:2", 17)]

    def test_keys_that_are_no_text_match_no_pattern(self, mixed: Table) -> None:
        found = mixed.select(row.key.matches("**"))
        assert sorted(entry.key for entry in found) == ["", "a", "ab", "b"]

    # -- fields and values --------------------------------------------------------------------------------------

    def test_fields_of_values(self, table: Table) -> None:
        table.insert_many(
            {
                "ada": {"age": 36, "address": {"city": "London"}},
                "kim": {"age": 12},
                "bot": {"age": "unknown"},
                "none": None,
            }
        )
        age = row.field("age")
        assert table.select(age >= 18) == [("ada", {"age": 36, "address": {"city": "London"}})]
        assert table.count(age != 36) == 2
        assert table.count(~(age == 36)) == 3
        assert table.count(age.exists()) == 3
        assert table.count(row.field("address", "city") == "London") == 1
        assert table.count(row.field("missing") != 1) == 0

    def test_every_entry_of_a_key_is_judged_by_itself(self, table: Table) -> None:
        for value in (1, 2, 1, 3):
            table.insert("k", value)
        table.insert("other", 1)
        kept = self.kept(1, 2, 1, 3)
        expected = [("k", value) for value in kept if value <= 2]
        assert table.select((row.key == "k") & (row.value <= 2)) == expected
        assert table.delete_where((row.key == "k") & (row.value <= 2)) == len(expected)
        assert self.values_of(table, "k") == [value for value in kept if value > 2]
        assert self.values_of(table, "other") == [1]

    def test_a_query_can_be_asked_of_many_tables_many_times(self) -> None:
        query = row.value >= 18
        for entries, count in [(_USERS, 3), ({}, 0), (_SERVICES, 0), (_USERS, 3)]:
            assert self.fill(entries).count(query) == count

    def test_a_query_follows_the_changes_of_the_table(self, table: Table) -> None:
        query = row.key.is_in(["a", "b"]) & (row.value > 1)
        table.insert_many({"a": 1, "b": 2, "c": 3})
        assert table.select(query) == [("b", 2)]
        table.delete("b")
        table.delete("a")
        table.insert("a", 5)
        assert table.select(query) == [("a", 5)]
        table.clear()
        assert table.select(query) == []

    def test_a_closed_table_answers_no_query(self) -> None:
        table = self.fill(_USERS)
        table.close()
        query = row.key == "user:1"
        calls: dict[str, Callable[[], object]] = {
            "select": lambda: table.select(query),
            "count": lambda: table.count(query),
            "delete_where": lambda: table.delete_where(query),
        }
        assert self.that_do_not_raise(errors.TableClosed, calls) == {}

    def test_what_is_compared_with_and_then_or_or_raises(self, table: Table) -> None:
        table.insert("a", 1)
        with pytest.raises(TypeError):
            table.select((row.value > 0) and (row.value < 2))
        with pytest.raises(TypeError):
            table.select(0 < row.value < 2)
        with pytest.raises(TypeError):
            table.select(row.value)


class QueriesOverIndexes(Conformance):
    """Indexes change how a query is answered, never what it finds."""

    @pytest.fixture(params=["hashed", "ordered"])
    def fields(self, request: pytest.FixtureRequest) -> Table:
        """A table whose values have a field of many types, which is indexed; two have none."""
        table = self.make()
        table.add_index("by_field", "field", ordered=request.param == "ordered")
        table.insert_many({place: {"field": found, "other": place} for place, found in enumerate(_MIXED)})
        table.insert_many([(100, {}), (101, None)])
        return table

    @_each(row.field("field"))
    def test_a_query_over_an_index_finds_what_a_scan_finds(self, fields: Table, query: Expression, test: Test) -> None:
        is_negated = repr(query).startswith("~")
        expected = [place for place, found in enumerate(_MIXED) if test(found)] + [100, 101] * is_negated
        assert sorted(entry.key for entry in fields.select(query)) == expected
        assert fields.count(query) == len(expected)
        assert len(fields.select(query, limit=1)) == min(1, len(expected))
        if self.is_ordered:
            assert [entry.key for entry in fields.select(query)] == expected
        both = query & (row.field("other") < 5)
        assert sorted(entry.key for entry in fields.select(both)) == [key for key in expected if key < 5]
        assert fields.delete_where(query) == len(expected)
        assert fields.count(query) == 0
        self.check(fields)

    def test_a_query_over_an_index_sees_each_change(self) -> None:
        table = self.fill({"ada": {"city": "London"}, "kim": {"city": "Kyiv"}})
        table.add_index("by_city", "city")
        query = row.field("city") == "London"
        table.insert("kim", {"city": "London"})
        assert sorted(entry.key for entry in table.select(query)) == ["ada", "kim"]
        table.compute("ada", lambda user: {**user, "city": "Lviv"})
        assert [entry.key for entry in table.select(query)] == ["kim"]
        table.delete("kim")
        assert table.select(query) == []
        table.drop_index("by_city")
        table.insert("kim", {"city": "London"})
        assert [entry.key for entry in table.select(query)] == ["kim"]

    def test_update_where_moves_entries_within_the_index_it_is_answered_from(self) -> None:
        table = self.fill({key: {"age": key} for key in range(20)})
        table.add_index("by_age", "age", ordered=True)
        assert table.update_where(row.field("age") >= 10, lambda user: {"age": user["age"] + 5}) == 10
        assert sorted(entry.value["age"] for entry in table.select()) == [*range(10), *range(15, 25)]
        self.check(table)
