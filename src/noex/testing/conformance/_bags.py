"""Several values under one key: which are kept, and in which order."""

from __future__ import annotations

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# The tables here are `Any`, so nothing says what the functions given to their verbs get.
import itertools
from collections.abc import Hashable
from typing import Any

import pytest

from noex import ets
from noex.testing import ManualClock
from noex.testing.conformance._base import Conformance, Table


class _Uncomparable:
    """A value without hash that cannot be compared."""

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError("compared")

    __hash__ = None  # type: ignore[assignment]


class BagKinds(Conformance):
    """What `BagTable` and `DuplicateBagTable` have in common."""

    def test_values_of_a_key_come_in_the_order_of_insertion(self, table: Table) -> None:
        for key, value in [("a", 3), ("b", 9), ("a", 1), ("a", 2), ("b", 7)]:
            table.insert(key, value)
        assert table.lookup("a") == [3, 1, 2]
        assert table.lookup("b") == [9, 7]
        assert [value for key, value in table.items() if key == "a"] == [3, 1, 2]
        assert table.take("a") == [3, 1, 2]
        assert len(table) == 2

    def test_lookup_gives_a_list_of_its_own(self, table: Table) -> None:
        table.insert("k", 1)
        table.lookup("k").append(2)
        table.lookup("missing").append(2)
        assert table.lookup("k") == [1]
        assert table.lookup("missing") == []
        found = table.lookup_many(["k"])
        found["k"].append(2)
        assert table.lookup("k") == [1]

    def test_keys_are_distinct_and_in_the_order_in_which_they_came(self, table: Table) -> None:
        for key in ("b", "a", "b", "c", "a"):
            table.insert(key, len(table))
        assert list(table) == list(table.keys()) == ["b", "a", "c"]
        assert len(table.keys()) == 3
        assert len(table.values()) == len(table.items()) == len(table) == 5

    def test_every_permutation_of_deleting_and_inserting_again_keeps_the_order(self) -> None:
        values = [1, 2, 3, 4]
        for deleted in itertools.permutations(values):
            for steps in range(5):
                table = self.fill([("k", value) for value in values])
                expected = list(values)
                for value in deleted[:steps]:
                    assert table.delete_object("k", value) == 1
                    expected.remove(value)
                    assert table.lookup("k") == expected
                for value in deleted[:steps]:
                    table.insert("k", value)
                    expected.append(value)
                    assert table.lookup("k") == expected
                assert len(table) == 4
                self.check(table)

    def test_insert_new_minds_the_key_alone(self, table: Table) -> None:
        assert table.insert_new("k", 1) is True
        assert table.insert_new("k", 2) is False
        assert table.lookup("k") == [1]

    def test_any_value_can_be_kept_also_one_without_a_hash(self, table: Table) -> None:
        values: list[Any] = [[1], {"a": 1}, None, (1, [2]), {1, 2}, 1.5, "text", b"bytes"]
        for value in values:
            table.insert("k", value)
        assert table.lookup("k") == values
        assert [table.delete_object("k", value) for value in values] == [1] * len(values)
        assert len(table) == 0

    def test_clearing_counts_entries_and_delete_where_sees_each(self, table: Table) -> None:
        table.insert_many([("a", 1), ("a", 2), ("b", 3)])
        assert table.delete_where(lambda _key, value: value == 2) == 1
        assert table.lookup("a") == [1]
        assert table.delete_where(lambda key, _value: key == "a") == 1
        assert "a" not in table
        assert list(table.keys()) == ["b"]
        assert table.clear() == 1

    def test_thousands_of_values_under_one_key(self, table: Table) -> None:
        assert table.insert_many([("k", number) for number in range(20_000)]) == 20_000
        table.insert("k", 20_000)
        assert table.lookup("k") == list(range(20_001))
        assert table.delete_object("k", 5) == 1
        assert table.delete_where(lambda _key, value: value % 2) == 9_999
        assert len(table) == len(table.lookup("k")) == 10_001
        self.check(table)

    def test_thousands_of_values_at_once_stay_in_order_and_come_twice_only_where_copies_are_kept(
        self, table: Table
    ) -> None:
        items = [("k", (number * 7919) % 32_003) for number in range(32_000)]
        values = [value for _, value in items]
        assert table.insert_many(items) == 32_000
        assert table.lookup("k") == values
        copies = 0 if self.kind == "bag" else 32_000
        assert table.insert_many(items) == copies
        assert len(table) == 32_000 + copies
        assert table.lookup("k") == (values + values)[: len(table)]

    def test_bags_compare_by_identity_and_have_a_hash(self, table: Table) -> None:
        other = self.make()
        assert table == table
        assert table != other
        assert table != {}
        assert isinstance(table, Hashable)
        assert len({table, other, table}) == 2

    @pytest.mark.parametrize(
        "verb",
        [
            *("update_counter", "compute", "compare_and_set", "update_where"),
            *("expires_in", "touch", "persist", "sweep"),
            *("get", "pop", "popitem", "setdefault", "update", "__getitem__", "__setitem__", "__delitem__"),
            *(
                "first",
                "last",
                "next",
                "prev",
                "range",
                "prefix",
                "pop_first",
                "pop_last",
                "delete_range",
                "rank",
                "at",
            ),
        ],
    )
    def test_bags_have_no_verbs_that_need_one_value_per_key(self, table: Table, verb: str) -> None:
        with pytest.raises(AttributeError):
            getattr(table, verb)

    def test_bags_have_no_lifetimes(self, table: Table) -> None:
        assert table.info().ttl is None
        wrong = self.that_do_not_raise(
            TypeError,
            {
                "constructor": lambda: self.make(ttl=5),
                "insert": lambda: table.insert("k", 1, ttl=5),
                "insert_many": lambda: table.insert_many([("k", 1)], ttl=5),
                "insert_new": lambda: table.insert_new("k", 1, ttl=5),
                "sort key": lambda: self.make(key=str),
            },
        )
        assert wrong == {}
        assert len(table) == 0
        assert len(self.make(clock=ManualClock())) == 0


class OnlyBag(Conformance):
    """What only `BagTable` does: a pair is kept once."""

    def test_a_pair_is_kept_once_and_stays_where_it_is(self, table: Table) -> None:
        for value in (1, 2, 1, 3, 2):
            table.insert("k", value)
        assert table.lookup("k") == [1, 2, 3]
        table.insert("other", 1)
        assert len(table) == 4

    def test_values_are_compared_as_a_dict_compares(self, table: Table) -> None:
        nan = float("nan")
        for value in (1, 1.0, True, nan, nan, float("nan"), [1], [1.0], (1, [2]), (1.0, [2]), "1"):
            table.insert("k", value)
        assert list(map(repr, table.lookup("k"))) == ["1", "nan", "nan", "[1]", "(1, [2])", "'1'"]

    def test_a_hashable_value_that_is_equal_to_one_without_hash_is_the_same(self, table: Table) -> None:
        table.insert("k", {1, 2})
        table.insert("k", frozenset({1, 2}))
        assert table.lookup("k") == [{1, 2}]
        table.insert("j", frozenset({1, 2}))
        table.insert("j", {1, 2})
        assert table.lookup("j") == [{1, 2}]

    def test_insert_many_counts_only_what_it_adds(self, table: Table) -> None:
        table.insert("k", 1)
        assert table.insert_many([("k", 1), ("k", 2), ("k", 2), ("j", 1)]) == 2
        assert table.insert_many([("k", 1)]) == 0

    def test_a_comparison_that_raises_changes_nothing(self, table: Table) -> None:
        table.insert("k", _Uncomparable())
        with pytest.raises(ZeroDivisionError):
            table.insert("k", [1])
        with pytest.raises(ZeroDivisionError):
            table.insert_many([("a", 1), ("k", [1])])
        assert len(table) == 1
        assert "a" not in table


class OnlyDuplicateBag(Conformance):
    """What only `DuplicateBagTable` does: every entry is kept."""

    def test_equal_pairs_are_all_kept(self, table: Table) -> None:
        for _ in range(3):
            table.insert("k", 1)
        assert table.lookup("k") == [1, 1, 1]
        assert len(table) == 3
        assert table.delete("k") is True
        assert len(table) == 0

    def test_delete_object_removes_every_copy_and_keeps_the_order_of_the_others(self, table: Table) -> None:
        for value in (1, 2, 1, 3, 1):
            table.insert("k", value)
        assert table.delete_object("k", 1) == 3
        assert table.lookup("k") == [2, 3]
        assert len(table) == 2

    def test_values_are_never_compared_on_insertion(self, table: Table) -> None:
        table.insert("k", _Uncomparable())
        table.insert("k", _Uncomparable())
        table.insert_many([("k", _Uncomparable())])
        assert len(table) == 3

    def test_entries_are_entries(self, table: Table) -> None:
        table.insert("k", 1)
        assert table.to_list() == [ets.Entry("k", 1)]
