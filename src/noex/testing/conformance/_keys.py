"""What can be a key, and what cannot."""

from __future__ import annotations

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# The tables here are `Any`, so nothing says what the functions given to their verbs get.
import math
from typing import Any
from uuid import UUID

import pytest

from noex import ets
from noex.testing.conformance._base import Conformance, Table
from noex.testing.conformance._verbs import keyed_verbs


class EveryKey(Conformance):
    """Keys that every kind takes and treats alike."""

    @pytest.mark.parametrize(
        "key",
        [
            None,
            "",
            b"",
            (),
            0,
            False,
            -1,
            10**40,
            1.5,
            math.inf,
            -math.inf,
            "\ud800",
            "a\x00b",
            "\U0001f600",
            ("user:1", "search", 2),
            (None, ("",), (((),),)),
        ],
        ids=repr,
    )
    def test_a_key_is_found_again(self, table: Table, key: Any) -> None:
        table.insert("neighbour", 0)
        table.insert(key, 1)
        assert self.values_of(table, key) == [1]
        assert key in table
        assert table.lookup_many([key]) == {key: [1] if self.is_bag else 1}
        assert key in list(table.keys())
        assert table.delete(key) is True
        assert self.content(table) == [("neighbour", 0)]

    def test_numbers_that_are_equal_are_one_key_and_the_first_one_stays(self, table: Table) -> None:
        for value, key in enumerate((1, 1.0, True)):
            table.insert(key, value)
        (kept,) = table.keys()
        assert type(kept) is int
        assert self.values_of(table, key=True) == self.kept(0, 1, 2)
        table.delete(1.0)
        table.insert(True, 3)
        (kept,) = table.keys()
        assert kept is True

    def test_the_first_key_object_stays_with_insert_many_too(self, table: Table) -> None:
        table.insert_many([(1, "a"), (1.0, "b"), (0.0, "c"), (-0.0, "d")])
        table.insert_many({True: "e", -0.0: "f"})
        assert sorted(map(repr, table.keys())) == ["0.0", "1"]

    def test_negative_zero_is_zero(self, table: Table) -> None:
        table.insert(-0.0, 1)
        assert self.values_of(table, 0) == [1]
        assert [math.copysign(1, key) for key in table] == [-1]

    def test_huge_integers_are_never_mixed_up_with_floats(self, table: Table) -> None:
        table.insert(2**53 + 1, "int")
        table.insert(float(2**53), "float")
        assert len(table) == 2
        assert self.values_of(table, 2**53 + 1) == ["int"]
        assert self.values_of(table, 2**53) == ["float"]
        assert self.values_of(table, float(2**53 + 2)) == []

    def test_text_and_bytes_are_different_keys(self, table: Table) -> None:
        table.insert("a", 1)
        table.insert(b"a", 2)
        assert self.values_of(table, "a") == [1]
        assert self.values_of(table, b"a") == [2]

    def test_a_key_the_kind_cannot_take_changes_nothing_in_any_verb(self, table: Table) -> None:
        table.insert("good", 0)
        bad_keys: list[Any] = [[], {}, ("a", []), {1}]
        for bad in bad_keys:
            calls = {
                name: (lambda verb=verb, bad=bad: verb(table, bad)) for name, verb in keyed_verbs(self.kind).items()
            }
            assert self.that_do_not_raise(self.key_error, calls) == {}
            assert self.that_do_not_raise(TypeError, calls) == {}
        assert self.content(table) == [("good", 0)]

    def test_a_bad_key_that_cannot_even_be_shown_raises_the_same(self, table: Table) -> None:
        class Shy:
            __hash__ = None  # type: ignore[assignment]

            def __repr__(self) -> str:
                raise ZeroDivisionError("repr")

        with pytest.raises(self.key_error):
            table.insert(Shy(), 1)
        assert len(table) == 0

    def test_the_error_of_a_bad_key_names_the_key_and_the_table(self) -> None:
        with ets.Store() as store:
            table = self.make(name="stock", store=store)
            with pytest.raises(self.key_error) as caught:
                table.insert(["apples"], 1)
        assert "apples" in str(caught.value)
        assert "stock" in str(caught.value)


class _Loud(str):
    """A string that is equal to nothing, not even to itself."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return 7


class _Failing:
    """A key whose hash raises."""

    def __hash__(self) -> int:
        raise ZeroDivisionError("hash")


class HashedKeys(Conformance):
    """Keys of the kinds that stand on hashing: whatever a dict takes, compared as a dict compares."""

    def test_any_hashable_is_a_key(self, table: Table) -> None:
        keys = [frozenset({1, 2}), UUID(int=5), object(), int, 1j, (UUID(int=6), "x"), Ellipsis]
        table.insert_many([(key, place) for place, key in enumerate(keys)])
        assert [self.values_of(table, key) for key in keys] == [[place] for place in range(len(keys))]
        assert self.values_of(table, UUID(int=5)) == [1]
        assert table.delete_many(keys) == len(keys)

    def test_nan_is_a_key_by_identity(self, table: Table) -> None:
        table.insert(math.nan, 1)
        assert self.values_of(table, math.nan) == [1]
        assert self.values_of(table, float("nan")) == []
        assert table.delete(math.nan) is True

    def test_a_subclass_is_compared_by_its_own_equality(self, table: Table) -> None:
        key = _Loud("a")
        table.insert(key, 1)
        table.insert(_Loud("a"), 2)
        assert len(table) == 2
        assert self.values_of(table, key) == [1]
        assert self.values_of(table, "a") == []

    def test_an_error_in_the_hash_of_a_key_reaches_the_caller_and_changes_nothing(self, table: Table) -> None:
        table.insert("good", 0)
        bad = _Failing()
        calls = {name: (lambda verb=verb: verb(table, bad)) for name, verb in keyed_verbs(self.kind).items()}
        assert self.that_do_not_raise(ZeroDivisionError, calls) == {}
        assert self.content(table) == [("good", 0)]

    @pytest.mark.parametrize(
        "verb",
        ["first", "last", "next", "prev", "range", "prefix", "pop_first", "pop_last", "delete_range", "rank", "at"],
    )
    def test_tables_without_an_order_have_no_verbs_that_need_one(self, table: Table, verb: str) -> None:
        with pytest.raises(AttributeError, match=verb):
            getattr(table, verb)
