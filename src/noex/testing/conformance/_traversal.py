"""Walking, selecting and folding, also while the table changes."""

from __future__ import annotations

from collections import Counter

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# The tables here are `Any`, so nothing says what the functions given to their verbs get.
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from noex import ets
from noex.testing.conformance._base import Conformance, Table

_WALKS: Final[dict[str, Callable[[Table], Iterator[Any]]]] = {
    "iter": iter,
    "keys": lambda table: iter(table.keys()),
    "values": lambda table: iter(table.values()),
    "items": lambda table: (key for key, _ in table.items()),
}

walks = pytest.mark.parametrize("walk", _WALKS.values(), ids=_WALKS.keys())


class Traversal(Conformance):
    """Every kind can be walked, and no walk minds a change."""

    # -- what is seen -------------------------------------------------------------------------------------------

    def test_an_empty_table_has_nothing_to_walk(self, table: Table) -> None:
        assert [list(walk(table)) for walk in _WALKS.values()] == [[], [], [], []]
        assert table.to_list() == []

    def test_every_way_to_walk_sees_the_entries(self, table: Table) -> None:
        entries = [("a", 1), ("b", 2), ("a", 3)]
        for key, value in entries:
            table.insert(key, value)
        kept = sorted([("a", value) for value in self.kept(1, 3)] + [("b", 2)])
        assert sorted(table) == ["a", "b"]
        assert sorted(table.keys()) == ["a", "b"]
        assert sorted(table.values()) == sorted(value for _, value in kept)
        assert sorted(table.items()) == kept
        assert sorted(table.to_list()) == kept

    def test_to_list_and_select_give_entries(self, table: Table) -> None:
        table.insert("a", 1)
        for (entry,) in (table.to_list(), table.select(), table.select(lambda _key, _value: True)):
            assert type(entry) is ets.Entry
            assert (entry.key, entry.value) == ("a", 1)
        (item,) = table.items()
        assert item == ("a", 1)

    def test_keys_values_and_items_have_a_size_and_can_be_walked_again(self, table: Table) -> None:
        for key, value in [("a", 1), ("a", 2), ("b", 1)]:
            table.insert(key, value)
        entries = 3 if self.is_bag else 2
        assert (len(table.keys()), len(table.values()), len(table.items())) == (2, entries, entries)
        for view in (table.keys(), table.values(), table.items()):
            assert sorted(view) == sorted(view)
            assert len(list(view)) == len(view)

    def test_keys_values_and_items_know_what_is_in_them(self, table: Table) -> None:
        table.insert("a", 1)
        keys = table.keys()
        assert "a" in keys
        assert "b" not in keys
        assert 1 in table.values()
        assert 2 not in table.values()
        assert ("a", 1) in table.items()
        assert ("a", 2) not in table.items()

    # -- under changes ------------------------------------------------------------------------------------------

    @walks
    def test_deleting_what_a_walk_is_at(self, walk: Callable[[Table], Iterator[Any]]) -> None:
        table = self.fill({key: key for key in range(300)})
        seen = [table.delete(key) and key for key in walk(table)]
        assert sorted(seen) == list(range(300))
        assert len(table) == 0
        self.check(table)

    @walks
    @pytest.mark.parametrize("start", [0, 1, 150, 299])
    def test_entries_that_stay_are_seen_exactly_once_whatever_is_deleted(
        self, walk: Callable[[Table], Iterator[Any]], start: int
    ) -> None:
        table = self.fill({key: key for key in range(300)})
        walker = walk(table)
        seen = Counter(next(walker) for _ in range(start))
        table.delete_many([key for key in range(300) if key % 3])
        seen.update(walker)
        assert max(seen.values()) == 1
        assert {key for key in seen if key % 3 == 0} == set(range(0, 300, 3))
        self.check(table)

    @walks
    def test_entries_that_stay_are_seen_exactly_once_whatever_is_inserted(
        self, walk: Callable[[Table], Iterator[Any]]
    ) -> None:
        table = self.fill({key: key for key in range(0, 300, 3)})
        seen: Counter[int] = Counter()
        for step, key in enumerate(walk(table)):
            seen[key] += 1
            if step < 300:
                table.insert((step * 7) % 300 + 0.5, (step * 7) % 300 + 0.5)
        assert max(seen.values()) == 1
        assert {key for key in seen if key in range(0, 300, 3)} == set(range(0, 300, 3))
        self.check(table)

    @walks
    def test_entries_that_stay_are_seen_exactly_once_under_churn(self, walk: Callable[[Table], Iterator[Any]]) -> None:
        table = self.fill({key: key for key in range(0, 100, 2)})
        seen: Counter[int] = Counter()
        for step, key in enumerate(walk(table)):
            seen[key] += 1
            if step < 500:
                volatile = (step * 37) % 50 * 2 + 1
                if not table.delete(volatile):
                    table.insert(volatile, volatile)
        assert {key: seen[key] for key in range(0, 100, 2)} == dict.fromkeys(range(0, 100, 2), 1)

    @walks
    def test_clearing_under_a_walk(self, walk: Callable[[Table], Iterator[Any]]) -> None:
        table = self.fill({key: key for key in range(100)})
        walker = walk(table)
        seen = [next(walker), next(walker)]
        table.clear()
        seen.extend(walker)
        assert len(seen) == len(set(seen))
        assert list(walker) == []

    def test_two_walks_do_not_disturb_each_other(self) -> None:
        table = self.fill({key: key for key in range(10)})
        assert sorted((one, two) for one in table for two in table) == [(x, y) for x in range(10) for y in range(10)]

    def test_a_walk_that_ended_stays_at_its_end(self) -> None:
        table = self.fill({"a": 1})
        walker = iter(table)
        assert list(walker) == ["a"]
        table.insert("b", 2)
        assert list(walker) == []

    # -- select, count, delete_where ----------------------------------------------------------------------------

    def test_select_filters_by_key_and_value(self, table: Table) -> None:
        table.insert_many({"a": 1, "b": 2, "c": 3})
        assert sorted(table.select(lambda _key, value: value > 1)) == [("b", 2), ("c", 3)]
        assert table.select(lambda key, _value: key == "a") == [("a", 1)]
        assert table.select(lambda _key, _value: False) == []
        assert sorted(table.select()) == sorted(table.select(None)) == [("a", 1), ("b", 2), ("c", 3)]

    def test_select_visits_every_entry_of_a_key(self, table: Table) -> None:
        for value in (1, 2, 1):
            table.insert("k", value)
        seen: list[object] = []

        def where(_key: object, value: object) -> bool:
            seen.append(value)
            return True

        assert len(table.select(where)) == len(self.kept(1, 2, 1))
        assert seen == self.kept(1, 2, 1)

    def test_truth_decides_not_true_itself(self, table: Table) -> None:
        table.insert_many({"a": 1, "b": 0, "c": []})
        assert table.select(lambda _key, value: value) == [("a", 1)]
        assert table.count(lambda _key, value: value) == 1
        assert table.delete_where(lambda _key, value: value) == 1
        assert len(table) == 2

    def test_select_stops_at_its_limit(self, table: Table) -> None:
        table.insert_many({key: key for key in range(10)})
        assert [len(table.select(limit=limit)) for limit in (0, 1, 9, 10, 11)] == [0, 1, 9, 10, 10]
        assert len(table.select(lambda key, _value: key % 2, limit=3)) == 3
        assert len(table.select(lambda key, _value: key % 2, limit=None)) == 5

    @pytest.mark.parametrize(("limit", "error"), [(-1, ValueError), (1.0, TypeError), ("1", TypeError)])
    def test_a_limit_is_a_count(self, table: Table, limit: Any, error: type[Exception]) -> None:
        with pytest.raises(error, match="limit"):
            table.select(limit=limit)

    def test_count_counts_entries(self, table: Table) -> None:
        for key, value in [("a", 1), ("a", 2), ("b", 2)]:
            table.insert(key, value)
        assert table.count() == table.count(None) == len(table)
        assert table.count(lambda _key, value: value == 2) == 2
        assert table.count(lambda _key, _value: False) == 0

    def test_delete_where_removes_and_counts(self, table: Table) -> None:
        for key, value in [("a", 1), ("a", 2), ("b", 2), ("c", 3)]:
            table.insert(key, value)
        assert table.delete_where(lambda _key, value: value == 2) == 2
        assert self.content(table) == ([("a", 1), ("c", 3)] if self.is_bag else [("c", 3)])
        assert table.delete_where(lambda _key, _value: False) == 0

    def test_a_function_that_raises_reaches_the_caller(self) -> None:
        table = self.fill({key: key for key in range(10)})

        def raising(_key: int, value: int) -> bool:
            return 1 / (value - 5) < 2

        calls: dict[str, Callable[[], object]] = {
            "select": lambda: table.select(raising),
            "count": lambda: table.count(raising),
            "fold": lambda: table.fold(lambda _total, key, value: raising(key, value), 0),
        }
        assert self.that_do_not_raise(ZeroDivisionError, calls) == {}
        assert len(table) == 10
        with pytest.raises(ZeroDivisionError):
            table.delete_where(raising)
        assert 5 in table
        self.check(table)

    def test_what_cannot_be_called_is_no_where(self, table: Table) -> None:
        calls: dict[str, Callable[[], object]] = {
            "select": lambda: table.select("a"),
            "count": lambda: table.count(5),
            "delete_where": lambda: table.delete_where({"a": 1}),
            "delete_where of nothing": lambda: table.delete_where(None),
            "fold": lambda: table.fold(None, 0),
        }
        assert self.that_do_not_raise(TypeError, calls) == {}

    def test_a_where_may_change_the_table_it_walks(self) -> None:
        table = self.fill({key: key for key in range(100)})
        judged: Counter[int] = Counter()

        def meddling(key: int, _value: int) -> bool:
            judged[key] += 1
            if key < 100:
                table.insert(key + 100.5, 0)
                table.delete(99 - key)
            return key < 40

        table.select(meddling)
        assert max(judged.values()) == 1
        self.check(table)
        judged.clear()
        table.delete_where(meddling)
        assert max(judged.values()) == 1
        assert all(key >= 40 for key in table)
        self.check(table)

    # -- fold ---------------------------------------------------------------------------------------------------

    def test_fold_carries_an_accumulator_over_every_entry(self, table: Table) -> None:
        for key, value in [("a", 1), ("a", 2), ("b", 4)]:
            table.insert(key, value)
        assert table.fold(lambda total, _key, value: total + value, 0) == (7 if self.is_bag else 6)
        assert sorted(table.fold(lambda keys, key, _value: [*keys, key], [])) == ["a"] * (2 if self.is_bag else 1) + [
            "b"
        ]

    def test_fold_of_an_empty_table_is_its_start(self, table: Table) -> None:
        start = object()
        assert table.fold(lambda _total, _key, _value: None, start) is start
