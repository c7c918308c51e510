"""Neighbours, ranges, prefixes, ranks, and tables with a sort key of their own."""

from __future__ import annotations

import math
import random

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# The tables here are `Any`, so nothing says what the functions given to their verbs get.
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from noex import errors, ets
from noex.testing.conformance._base import Conformance, Table


@dataclass(frozen=True)
class _Player:
    score: int
    name: str


class OrderedSet(Conformance):
    """What `OrderedSetTable` adds."""

    @pytest.fixture
    def tens(self) -> Table:
        """A table with the keys 10, 20, 30, 40, 50, each with its text as the value."""
        keys = [30, 10, 50, 20, 40]
        return self.fill([(key, str(key)) for key in keys])

    # -- order --------------------------------------------------------------------------------------------------

    def test_everything_comes_in_order_whatever_the_order_of_insertion(self, table: Table) -> None:
        keys = list(range(2000))
        random.Random(5).shuffle(keys)  # noqa: S311 - a fixed shuffle
        for key in keys:
            table.insert(key, -key)
        ordered = list(range(2000))
        assert [table.lookup(key) for key in (*keys, 2000)] == [*(-key for key in keys), None]
        assert list(table) == list(table.keys()) == ordered
        assert list(table.values()) == [-key for key in ordered]
        assert list(table.items()) == table.to_list() == table.select() == [(key, -key) for key in ordered]
        assert table.fold(lambda keys, key, _value: [*keys, key], [])[:5] == [0, 1, 2, 3, 4]
        assert table.select(lambda key, _value: key % 2, limit=2) == [(1, -1), (3, -3)]
        self.check(table)

    @pytest.mark.parametrize("step", [1, -1])
    def test_ascending_and_descending_insertion(self, table: Table, step: int) -> None:
        for key in range(1000)[::step]:
            table.insert(key, key)
        assert list(table) == list(range(1000))
        assert [table.at(place).key for place in (0, 500, 999)] == [0, 500, 999]
        self.check(table)

    def test_overwriting_keeps_one_entry_in_its_place(self, tens: Table) -> None:
        tens.insert(30, "new")
        assert len(tens) == 5
        assert tens.at(2) == (30, "new")

    def test_deleting_in_the_middle_keeps_the_order(self, tens: Table) -> None:
        assert tens.delete(30)
        assert tens.delete_object(20, "20") == 1
        assert tens.delete_object(40, "other") == 0
        assert list(tens) == [10, 40, 50]

    # -- first, last, next, prev --------------------------------------------------------------------------------

    def test_first_and_last(self, tens: Table, table: Table) -> None:
        assert tens.first() == ets.Entry(10, "10")
        assert tens.last() == ets.Entry(50, "50")
        assert type(tens.first()) is type(tens.last()) is ets.Entry
        assert table.first() is None
        assert table.last() is None
        table.insert("only", 1)
        assert table.first() == table.last() == ("only", 1)

    def test_next_and_prev_walk_the_table(self, tens: Table) -> None:
        assert [tens.next(key) for key in (10, 20, 40)] == [(20, "20"), (30, "30"), (50, "50")]
        assert [tens.prev(key) for key in (50, 20)] == [(40, "40"), (10, "10")]
        assert tens.next(50) is None
        assert tens.prev(10) is None
        assert type(tens.next(10)) is type(tens.prev(50)) is ets.Entry

    def test_next_and_prev_of_a_key_that_is_not_there(self, tens: Table, table: Table) -> None:
        assert [tens.next(key).key for key in (-5, 15, 29.5, True)] == [10, 20, 30, 10]
        assert [tens.prev(key).key for key in (15, 30.5, 99, "text")] == [10, 30, 50, 50]
        assert tens.next(99) is None
        assert tens.next("text") is None
        assert tens.prev(5) is None
        assert tens.prev(None) is None
        assert table.next(1) is None
        assert table.prev(1) is None

    def test_a_traversal_survives_the_deletion_of_where_it_is(self, tens: Table) -> None:
        seen: list[int] = []
        entry = tens.first()
        while entry is not None:
            seen.append(entry.key)
            tens.delete(entry.key)
            entry = tens.next(entry.key)
        assert seen == [10, 20, 30, 40, 50]

    # -- range --------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("bounds", "expected"),
        [("[)", [20, 30]), ("[]", [20, 30, 40]), ("()", [30]), ("(]", [30, 40])],
    )
    def test_the_bounds_of_a_range(self, tens: Table, bounds: str, expected: list[int]) -> None:
        assert tens.range(20, 40, bounds=bounds) == [(key, str(key)) for key in expected]
        assert [key for key, _ in tens.range(20, 40, bounds=bounds, reverse=True)] == expected[::-1]

    @pytest.mark.parametrize("bounds", ["[)", "[]", "()", "(]"])
    def test_a_range_between_keys_that_are_not_there(self, tens: Table, bounds: str) -> None:
        assert [key for key, _ in tens.range(15, 45, bounds=bounds)] == [20, 30, 40]

    def test_a_range_without_an_end(self, tens: Table) -> None:
        assert [key for key, _ in tens.range()] == [10, 20, 30, 40, 50]
        assert [key for key, _ in tens.range(30)] == [30, 40, 50]
        assert [key for key, _ in tens.range(30, bounds="(]")] == [40, 50]
        assert [key for key, _ in tens.range(high=30)] == [10, 20]
        assert [key for key, _ in tens.range(None, 30, bounds="[]")] == [10, 20, 30]
        assert all(type(entry) is ets.Entry for entry in tens.range())

    def test_a_range_with_nothing_in_it(self, tens: Table, table: Table) -> None:
        assert tens.range(40, 20) == []
        assert tens.range(40, 20, bounds="[]", reverse=True) == []
        assert tens.range(30, 30) == tens.range(30, 30, bounds="()") == []
        assert tens.range(30, 30, bounds="[]") == [(30, "30")]
        assert tens.range(60) == tens.range("a", "b") == []
        assert table.range() == table.range(1, 2) == []

    def test_a_range_can_be_reversed_and_limited(self, tens: Table) -> None:
        assert [key for key, _ in tens.range(reverse=True)] == [50, 40, 30, 20, 10]
        assert [key for key, _ in tens.range(limit=2)] == [10, 20]
        assert [key for key, _ in tens.range(reverse=True, limit=2)] == [50, 40]
        assert [key for key, _ in tens.range(20, 50, reverse=True, limit=2)] == [40, 30]
        assert tens.range(limit=0) == []
        assert len(tens.range(limit=99)) == 5

    @pytest.mark.parametrize(
        ("options", "error"),
        [
            ({"bounds": "[["}, ValueError),
            ({"bounds": ""}, ValueError),
            ({"bounds": None}, (TypeError, ValueError)),
            ({"bounds": 5}, (TypeError, ValueError)),
            ({"limit": -1}, ValueError),
            ({"limit": 1.0}, TypeError),
            ({"limit": "1"}, TypeError),
            ({"nonsense": 1}, TypeError),
        ],
        ids=repr,
    )
    def test_bad_options_of_a_range(self, tens: Table, options: dict[str, Any], error: Any) -> None:
        with pytest.raises(error):
            tens.range(10, 30, **options)
        if "limit" not in options:
            with pytest.raises(error):
                tens.delete_range(10, 30, **options)
        assert len(tens) == 5

    def test_the_first_key_object_comes_back_from_a_range(self, table: Table) -> None:
        table.insert(1, "a")
        table.insert(1.0, "b")
        assert repr(table.range(1.0, 1.0, bounds="[]")) == repr([ets.Entry(1, "b")])

    # -- prefix -------------------------------------------------------------------------------------------------

    def test_prefix_gives_the_composite_keys_that_begin_so(self, table: Table) -> None:
        keys: list[Any] = [
            ("user:1", "search", 1),
            ("user:1", "search", 2),
            ("user:1", "view", 1),
            ("user:10", "search", 1),
        ]
        keys += [("user:1",), ("user:1", None), "user:1", b"user:1", ("user:1\x00",), ("user:0", "\U0010ffff"), 5, ()]
        table.insert_many([(key, 0) for key in keys])
        beginning = [("user:1",), ("user:1", None), *keys[:3]]
        assert [key for key, _ in table.prefix(("user:1",))] == beginning
        assert [key for key, _ in table.prefix(("user:1", "search"))] == keys[:2]
        assert [key for key, _ in table.prefix(("user:1", "search", 2))] == [keys[1]]
        assert table.prefix(("user:1", "search", 2, 0)) == []
        assert table.prefix(("user",)) == []
        assert [key for key, _ in table.prefix(())] == [key for key in table if isinstance(key, tuple)]
        assert all(type(entry) is ets.Entry for entry in table.prefix(()))

    def test_prefix_compares_numbers_by_value_and_nested_tuples_whole(self, table: Table) -> None:
        table.insert_many(
            [((1, "a"), 0), ((1.0, "b"), 0), ((True, "c"), 0), ((2, "a"), 0), (((1, 2), 3), 0), (((1,), 3), 0)]
        )
        assert [key for key, _ in table.prefix((1,))] == [(1, "a"), (1.0, "b"), (True, "c")]
        assert [key for key, _ in table.prefix(((1,),))] == [((1,), 3)]

    def test_prefix_with_last_values_of_every_kind(self, table: Table) -> None:
        lasts = [math.inf, "\U0010ffff", b"\xff\xff", (b"\xff",), None, -math.inf, "", b"", ()]
        table.insert_many([((last, end), 0) for last in lasts for end in (None, 1, "\U0010ffff", b"\xff", ((),))])
        for last in lasts:
            assert len(table.prefix((last,))) == 5

    @pytest.mark.parametrize("prefix", ["user:1", 5, None, ["user:1"]], ids=repr)
    def test_a_prefix_is_a_tuple(self, table: Table, prefix: Any) -> None:
        with pytest.raises(TypeError):
            table.prefix(prefix)

    # -- pop_first, pop_last, delete_range ----------------------------------------------------------------------

    def test_pop_first_and_pop_last_empty_the_table_from_both_ends(self, tens: Table) -> None:
        popped = [tens.pop_first(), tens.pop_last(), tens.pop_first(), tens.pop_first(), tens.pop_last()]
        assert popped == [(10, "10"), (50, "50"), (20, "20"), (30, "30"), (40, "40")]
        assert all(type(entry) is ets.Entry for entry in popped)
        assert tens.pop_first() is None
        assert tens.pop_last() is None
        self.check(tens)

    @pytest.mark.parametrize(
        ("low", "high", "bounds", "left"),
        [
            (20, 40, "[)", [10, 40, 50]),
            (20, 40, "[]", [10, 50]),
            (20, 40, "()", [10, 20, 40, 50]),
            (20, 40, "(]", [10, 20, 50]),
            (15, 99, "[)", [10]),
            (None, 30, "[)", [30, 40, 50]),
            (30, None, "[)", [10, 20]),
            (None, None, "[)", []),
            (40, 20, "[]", [10, 20, 30, 40, 50]),
            ("a", "b", "[]", [10, 20, 30, 40, 50]),
        ],
    )
    def test_delete_range_removes_and_counts(
        self, tens: Table, low: Any, high: Any, bounds: str, left: list[int]
    ) -> None:
        assert tens.delete_range(low, high, bounds=bounds) == 5 - len(left)
        assert list(tens) == left
        self.check(tens)

    def test_delete_range_of_thousands(self, table: Table) -> None:
        table.insert_many([(key, key) for key in range(5000)])
        assert table.delete_range(10, 4990) == 4980
        assert list(table) == [*range(10), *range(4990, 5000)]
        assert table.rank(4990) == 10
        self.check(table)

    # -- rank, at -----------------------------------------------------------------------------------------------

    def test_rank_counts_the_keys_before(self, tens: Table) -> None:
        assert [tens.rank(key) for key in (10, 20, 30.0, 40, 50)] == [0, 1, 2, 3, 4]
        assert tens.rank(15) is None
        assert tens.rank("missing") is None
        tens.delete(10)
        tens.insert(25, "25")
        assert [tens.rank(key) for key in (20, 25, 30)] == [0, 1, 2]

    def test_at_finds_by_position_from_both_ends(self, tens: Table) -> None:
        assert [tens.at(place).key for place in range(-5, 5)] == [10, 20, 30, 40, 50] * 2
        assert type(tens.at(0)) is ets.Entry

    @pytest.mark.parametrize("position", [5, -6, 10**30, -(10**30)])
    def test_a_position_outside_the_table(self, tens: Table, position: int) -> None:
        with pytest.raises(IndexError):
            tens.at(position)

    @pytest.mark.parametrize("position", [1.0, "1", None, slice(1)])
    def test_a_position_is_an_integer(self, tens: Table, position: Any) -> None:
        with pytest.raises(TypeError):
            tens.at(position)

    # -- key= and desc ------------------------------------------------------------------------------------------

    def test_a_sort_key_orders_what_has_no_order_of_its_own(self) -> None:
        table = self.make(key=lambda player: (ets.desc(player.score), player.name))
        players = [_Player(10, "ann"), _Player(30, "bob"), _Player(30, "abe"), _Player(-5, "zoe")]
        table.insert_many([(player, player.name) for player in players])
        assert list(table.values()) == ["abe", "bob", "ann", "zoe"]
        assert table.lookup(_Player(30, "bob")) == "bob"
        assert table.rank(_Player(10, "ann")) == 2
        assert table.next(_Player(20, "nobody")).value == "ann"
        assert [value for _, value in table.range(_Player(30, "b"), _Player(0, ""))] == ["bob", "ann"]
        assert table.delete_range(_Player(30, ""), _Player(30, "b")) == 1
        assert table.take(_Player(-5, "zoe")) == "zoe"
        self.check(table)

    def test_two_keys_of_one_sort_value_are_one_key_and_the_first_stays(self) -> None:
        table = self.make(key=str.lower)
        table.insert("Ann", 1)
        table.insert("ANN", 2)
        assert table.to_list() == [("Ann", 2)]
        assert table.update_counter("ann") == 3
        assert table.insert_many([("bob", 1), ("BOB", 2)]) == 1
        assert table.lookup_many(["aNN", "BoB"]) == {"aNN": 3, "BoB": 2}
        assert table.delete_many(["ann", "ANN"]) == 1
        assert "boB" in table

    def test_keys_with_a_sort_key_need_no_hash(self) -> None:
        table = self.make(key=tuple)
        table.insert([2, 1], "b")
        table.insert([1, 2], "a")
        assert list(table) == [[1, 2], [2, 1]]
        assert table[[2, 1]] == "b"
        assert table.update_counter([3], 5) == 5
        assert table == self.fill([([2, 1], "b"), ([1, 2], "a"), ([3], 5)], key=tuple)
        assert table != self.fill([([2, 1], "b"), ([1, 2], "a"), ([3], 6)], key=tuple)
        assert table != {}
        assert table.delete([1, 2]) is True

    def test_prefix_is_the_beginning_of_what_the_sort_key_returns(self) -> None:
        table = self.make(key=lambda player: (player.name.lower(), ets.desc(player.score)))
        table.insert_many([(_Player(1, "Ann"), 1), (_Player(2, "ANN"), 2), (_Player(3, "bob"), 3)])
        assert [value for _, value in table.prefix(("ann",))] == [2, 1]
        assert [value for _, value in table.prefix(("ann", ets.desc(1)))] == [1]
        assert table.prefix(("Ann",)) == []
        assert len(table.prefix(())) == 3
        with pytest.raises(TypeError):
            table.prefix("ann")

    def test_the_sort_key_runs_once_for_each_verb_with_a_key(self) -> None:
        calls: list[object] = []

        def key(value: str) -> str:
            calls.append(value)
            return value

        table = self.make(key=key)
        table.insert_many([(name, 1) for name in "abc"])
        assert calls == ["a", "b", "c"]
        verbs: list[Callable[[], object]] = [
            lambda: table.insert("a", 2),
            lambda: table.insert_new("b", 2),
            lambda: table.lookup("a"),
            lambda: "a" in table,
            lambda: table.update_counter("a"),
            lambda: table.compute("a", lambda value: value + 1),
            lambda: table.compare_and_set("a", 4, 5),
            lambda: table.next("a"),
            lambda: table.rank("a"),
            lambda: table.delete("b"),
            lambda: table.take("c"),
        ]
        for verb in verbs:
            calls.clear()
            verb()
            assert len(calls) == 1
        calls.clear()
        assert table.to_list() == [("a", 5)]
        assert calls == []

    @pytest.mark.parametrize("bad", [math.nan, [], object(), (1, math.nan)], ids=["nan", "list", "object", "inner nan"])
    def test_a_sort_key_that_makes_no_term_raises(self, bad: object) -> None:
        table = self.make(key=lambda key: bad if key == "bad" else key)
        table.insert("good", 1)
        with pytest.raises(errors.UnorderableKey, match="bad"):
            table.insert_many([("a", 1), ("bad", 2)])
        assert table.to_list() == [("good", 1)]

    def test_a_sort_key_that_raises_reaches_the_caller_and_changes_nothing(self) -> None:
        table = self.make(key=lambda number: 1 / number)
        table.insert(1, 1)
        with pytest.raises(ZeroDivisionError):
            table.insert(0, 1)
        with pytest.raises(ZeroDivisionError):
            table.insert_many([(2, 1), (0, 1)])
        assert list(table) == [1]

    def test_a_sort_key_is_a_function(self) -> None:
        with pytest.raises(TypeError, match="key"):
            self.make(key="name")
