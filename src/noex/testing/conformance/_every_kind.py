"""Reading and writing, in every kind."""

from __future__ import annotations

import math

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# The tables here are `Any`, so nothing says what the functions given to their verbs get.
from collections.abc import Iterator
from typing import Any

import pytest

from noex import ets
from noex.testing.conformance._base import Conformance, Table


class _OwnMapping:
    """What `dict.update` takes for a mapping: `keys` and subscription, nothing else."""

    def keys(self) -> list[str]:
        return ["a", "b"]

    def __getitem__(self, key: str) -> str:
        return key.upper()


class _Uncomparable:
    """A value that cannot be compared."""

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError("compared")

    __hash__ = None  # type: ignore[assignment]


def _breaking_off() -> Iterator[tuple[str, int]]:
    yield "x", 1
    yield "a", 2
    raise ZeroDivisionError("in the middle")


class EveryKind(Conformance):
    """The verbs of every kind that read and write, but for walking and selecting."""

    # -- insert, lookup, member ---------------------------------------------------------------------------------

    def test_insert_returns_nothing_and_lookup_finds_the_very_object(self, table: Table) -> None:
        value = object()
        assert table.insert("k", value) is None
        (found,) = self.values_of(table, "k")
        assert found is value

    def test_a_missing_key_is_absent(self, table: Table) -> None:
        table.insert("other", 1)
        assert table.lookup("k") == ([] if self.is_bag else None)
        assert table.member("k") is False
        assert "k" not in table

    def test_a_second_insert_overwrites_or_adds_as_the_kind_says(self, table: Table) -> None:
        for value in (1, 2, 1, 2.0):
            table.insert("k", value)
        assert self.values_of(table, "k") == self.kept(1, 2, 1, 2.0)
        assert len(table) == len(self.kept(1, 2, 1, 2.0))

    def test_member_and_in_agree(self, table: Table) -> None:
        table.insert("k", 1)
        assert table.member("k") is True
        assert "k" in table

    def test_none_is_a_value_like_any_other(self, table: Table) -> None:
        table.insert("k", None)
        assert table.member("k")
        assert self.values_of(table, "k") == [None]
        assert table.insert_new("k", 1) is False
        assert table.lookup_many(["k"]) == {"k": [None] if self.is_bag else None}
        assert table.delete_object("k", None) == 1
        assert not table.member("k")

    def test_values_are_held_by_reference(self, table: Table) -> None:
        value: list[int] = []
        table.insert("k", value)
        value.append(1)
        assert self.values_of(table, "k") == [[1]]

    def test_a_thousand_entries(self, table: Table) -> None:
        for number in range(1000):
            table.insert(f"key{number}", number)
        assert len(table) == 1000
        assert self.values_of(table, "key0") == [0]
        assert self.values_of(table, "key999") == [999]
        self.check(table)

    # -- insert_new ---------------------------------------------------------------------------------------------

    def test_insert_new_writes_only_where_the_key_is_absent(self, table: Table) -> None:
        assert table.insert_new("k", 1) is True
        assert table.insert_new("k", 2) is False
        assert self.content(table) == [("k", 1)]
        table.delete("k")
        assert table.insert_new("k", 3) is True

    # -- insert_many --------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "items",
        [
            {"a": "A", "b": "B"},
            [("a", "A"), ("b", "B")],
            (["a", "A"], ["b", "B"]),
            {"a": "A", "b": "B"}.items(),
            _OwnMapping(),
        ],
        ids=["mapping", "pairs", "lists", "view", "keys and []"],
    )
    def test_insert_many_takes_what_dict_takes(self, table: Table, items: Any) -> None:
        assert table.insert_many(items) == 2
        assert self.content(table) == [("a", "A"), ("b", "B")]

    def test_insert_many_takes_an_iterator(self, table: Table) -> None:
        assert table.insert_many((key, key.upper()) for key in "ab") == 2
        assert self.content(table) == [("a", "A"), ("b", "B")]

    def test_insert_many_takes_a_table(self, table: Table) -> None:
        source = self.fill({"a": 1, "b": 2})
        assert table.insert_many(source if not self.is_bag else source.items()) == 2
        assert self.content(table) == [("a", 1), ("b", 2)]

    def test_insert_many_counts_what_it_writes(self, table: Table) -> None:
        items = [("a", 1), ("b", 1), ("a", 2), ("a", 1), ("a", 3)]
        written = {"set": 2, "ordered_set": 2, "bag": 4, "duplicate_bag": 5}[self.kind]
        assert table.insert_many(items) == written
        assert self.values_of(table, "a") == self.kept(1, 2, 1, 3)
        assert len(table) == written

    def test_insert_many_over_what_is_there(self, table: Table) -> None:
        table.insert("a", 1)
        written = {"set": 2, "ordered_set": 2, "bag": 1, "duplicate_bag": 2}[self.kind]
        assert table.insert_many([("a", 1), ("b", 1)]) == written

    def test_insert_many_of_nothing(self, table: Table) -> None:
        assert table.insert_many([]) == 0
        assert table.insert_many({}) == 0
        assert len(table) == 0

    @pytest.mark.parametrize(
        ("last", "error"),
        [((1, 2, 3), ValueError), ((1,), ValueError), ((), ValueError), (5, TypeError), (None, TypeError)],
        ids=["triple", "single", "empty", "number", "none"],
    )
    def test_insert_many_with_an_item_that_is_no_pair_changes_nothing(
        self, table: Table, last: Any, error: type[Exception]
    ) -> None:
        table.insert("a", 1)
        with pytest.raises(error):
            table.insert_many([("x", 1), ("a", 2), last])
        assert self.content(table) == [("a", 1)]

    def test_insert_many_with_a_bad_key_changes_nothing(self, table: Table) -> None:
        table.insert("a", 1)
        with pytest.raises(self.key_error):
            table.insert_many([("x", 1), ("a", 2), ([], 3)])
        assert self.content(table) == [("a", 1)]

    def test_insert_many_with_an_iterator_that_raises_in_the_middle_changes_nothing(self, table: Table) -> None:
        table.insert("a", 1)
        with pytest.raises(ZeroDivisionError, match="in the middle"):
            table.insert_many(_breaking_off())
        assert self.content(table) == [("a", 1)]

    @pytest.mark.parametrize("items", [42, None, object()], ids=["number", "none", "object"])
    def test_insert_many_of_what_holds_no_entries(self, table: Table, items: Any) -> None:
        with pytest.raises(TypeError):
            table.insert_many(items)

    # -- lookup_many --------------------------------------------------------------------------------------------

    def test_lookup_many_gives_those_present(self, table: Table) -> None:
        table.insert_many({"a": 1, "b": 2})
        found = table.lookup_many(iter(["b", "missing", "a", "b"]))
        assert type(found) is dict
        assert found == ({"a": [1], "b": [2]} if self.is_bag else {"a": 1, "b": 2})
        assert table.lookup_many([]) == {}

    def test_lookup_many_has_the_keys_that_were_asked_for(self, table: Table) -> None:
        table.insert(1, "one")
        (key,) = table.lookup_many([1.0])
        assert type(key) is float

    # -- take, delete, delete_many, clear -----------------------------------------------------------------------

    def test_take_removes_what_it_returns(self, table: Table) -> None:
        for value in (1, 2, 1):
            table.insert("k", value)
        table.insert("other", 0)
        assert table.take("k") == (self.kept(1, 2, 1) if self.is_bag else 1)
        assert self.content(table) == [("other", 0)]
        assert table.take("k") == ([] if self.is_bag else None)

    def test_delete_removes_all_entries_of_the_key_and_says_whether_there_were_any(self, table: Table) -> None:
        for value in (1, 2, 1):
            table.insert("k", value)
        table.insert("other", 0)
        assert table.delete("k") is True
        assert table.delete("k") is False
        assert self.content(table) == [("other", 0)]
        assert len(table) == 1

    def test_delete_many_counts_entries(self, table: Table) -> None:
        for key, value in [("a", 1), ("a", 2), ("b", 1), ("c", 1)]:
            table.insert(key, value)
        assert table.delete_many(iter(["a", "missing", "b", "a"])) == (3 if self.is_bag else 2)
        assert self.content(table) == [("c", 1)]
        assert table.delete_many([]) == 0

    def test_delete_many_with_a_bad_key_changes_nothing(self, table: Table) -> None:
        table.insert_many({"a": 1, "b": 2})
        with pytest.raises(self.key_error):
            table.delete_many(["a", [], "b"])
        assert self.content(table) == [("a", 1), ("b", 2)]

    def test_delete_many_with_an_iterator_that_raises_changes_nothing(self, table: Table) -> None:
        table.insert_many({"a": 1, "x": 2})
        with pytest.raises(ZeroDivisionError):
            table.delete_many(key for key, _ in _breaking_off())
        assert self.content(table) == [("a", 1), ("x", 2)]

    def test_clear_counts_and_the_table_is_usable_after_it(self, table: Table) -> None:
        assert table.clear() == 0
        for key, value in [("a", 1), ("a", 2), ("b", 1)]:
            table.insert(key, value)
        assert table.clear() == (3 if self.is_bag else 2)
        assert len(table) == 0
        assert self.values_of(table, "a") == []
        assert table.to_list() == []
        table.insert("a", 3)
        assert self.content(table) == [("a", 3)]

    # -- delete_object ------------------------------------------------------------------------------------------

    def test_delete_object_removes_only_entries_of_that_value(self, table: Table) -> None:
        for value in (1, 2, 1, 3):
            table.insert("k", value)
        table.insert("other", 3)
        kept = self.kept(1, 2, 1, 3)
        assert table.delete_object("k", 99) == 0
        assert self.values_of(table, "k") == kept
        assert table.delete_object("k", 3) == 1
        assert self.values_of(table, "k") == [value for value in kept if value != 3]
        assert self.values_of(table, "other") == [3]

    def test_delete_object_removes_every_copy(self, table: Table) -> None:
        for value in (1, 2, 1):
            table.insert("k", value)
        copies = self.kept(1, 2, 1).count(1)
        assert table.delete_object("k", 1) == copies
        assert self.values_of(table, "k") == ([2] if self.is_bag else [])
        assert len(table) == len(self.values_of(table, "k"))

    def test_delete_object_of_the_last_value_removes_the_key(self, table: Table) -> None:
        table.insert("k", [1])
        assert table.delete_object("k", [1]) == 1
        assert not table.member("k")
        assert list(table.keys()) == []

    def test_delete_object_of_a_missing_key(self, table: Table) -> None:
        assert table.delete_object("k", 1) == 0

    def test_delete_object_compares_as_a_dict_does_by_identity_first(self, table: Table) -> None:
        uncomparable = _Uncomparable()
        table.insert("nan", math.nan)
        table.insert("u", uncomparable)
        assert table.delete_object("nan", float("nan")) == 0
        assert table.delete_object("nan", math.nan) == 1
        assert table.delete_object("u", uncomparable) == 1

    def test_delete_object_whose_comparison_raises_changes_nothing(self, table: Table) -> None:
        table.insert("k", _Uncomparable())
        with pytest.raises(ZeroDivisionError, match="compared"):
            table.delete_object("k", 1)
        assert len(table) == 1

    # -- len, info, repr, options -------------------------------------------------------------------------------

    def test_len_follows_every_change(self, table: Table) -> None:
        assert len(table) == 0
        table.insert_many({"a": 1, "b": 2, "c": 3})
        assert len(table) == 3
        table.delete("b")
        table.delete("b")
        assert len(table) == 2
        table.take("a")
        table.insert("c", 3.5)
        assert len(table) == (2 if self.is_bag else 1)

    def test_info_tells_what_the_table_is(self) -> None:
        with ets.Store() as store:
            table = self.make(name="stock", store=store)
            table.insert_many({"a": 1, "b": 2})
            info = table.info()
            assert (info.name, info.kind, info.size, info.ttl) == ("stock", self.kind, 2, None)
            assert isinstance(info.engine, str)
            assert isinstance(info.kernel, str)
            assert isinstance(info.memory, int)
            assert info.memory > 0
            assert len(info.indexes) == 0
            with pytest.raises(AttributeError):
                info.size = 3

    def test_repr_names_the_table_and_never_raises(self) -> None:
        class Shy:
            def __repr__(self) -> str:
                raise ZeroDivisionError("repr")

        with ets.Store() as store:
            table = self.make(name="stock", store=store)
            table.insert("shy", Shy())
            table.insert("self", table)
            assert "stock" in repr(table)
            table.close()
            assert "stock" in repr(table)
        assert isinstance(repr(self.make()), str)

    def test_an_unknown_option_raises_type_error(self, table: Table) -> None:
        wrong = self.that_do_not_raise(
            TypeError,
            {
                "constructor": lambda: self.make(nonsense=1),
                "insert": lambda: table.insert("k", 1, nonsense=1),
                "insert_many": lambda: table.insert_many([("k", 1)], nonsense=1),
                "insert_new": lambda: table.insert_new("k", 1, nonsense=1),
                "select": lambda: table.select(nonsense=1),
                "take": lambda: table.take("k", nonsense=1),
            },
        )
        assert wrong == {}
        assert len(table) == 0

    def test_a_clock_that_cannot_be_called_raises_type_error(self) -> None:
        with pytest.raises(TypeError, match="clock"):
            self.make(clock=5)
