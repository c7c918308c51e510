"""Counters, compute and compare-and-set, and what else only the kinds with one value per key have."""

from __future__ import annotations

import math
import threading

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# The tables here are `Any`, so nothing says what the functions given to their verbs get.
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from noex import errors, ets
from noex.testing.conformance._base import Conformance, Table


def _elsewhere(call: Callable[[], object]) -> None:
    """Call in another thread and wait for it."""
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "a verb in another thread waits for the function given to compute"


class SetKinds(Conformance):
    """What `SetTable` and `OrderedSetTable` add."""

    # -- lookup, take -------------------------------------------------------------------------------------------

    def test_lookup_and_take_take_a_default(self, table: Table) -> None:
        default = object()
        assert table.lookup("k", default) is default
        assert table.lookup("k", default=default) is default
        assert table.take("k", default) is default
        assert table.take("k", default=default) is default
        table.insert("k", None)
        assert table.lookup("k", default) is None
        assert table.take("k", default) is None

    # -- update_counter -----------------------------------------------------------------------------------------

    def test_a_missing_counter_starts_at_its_default(self, table: Table) -> None:
        assert table.update_counter("a") == 1
        assert table.update_counter("b", 5) == 5
        assert table.update_counter("c", -3, default=10) == 7
        assert self.content(table) == [("a", 1), ("b", 5), ("c", 7)]

    def test_a_counter_counts_from_what_is_stored(self, table: Table) -> None:
        table.insert("k", 40)
        assert table.update_counter("k", 2, default=1000) == 42
        assert table.update_counter("k", -50) == -8
        assert table.update_counter("k", 0) == -8
        assert table.lookup("k") == -8

    @pytest.mark.parametrize("start", [2**31 - 1, 2**63 - 1, -(2**63), 2**200, 10**400])
    def test_integers_of_any_size_are_counted_exactly(self, table: Table, start: int) -> None:
        table.insert("k", start)
        assert table.update_counter("k", 1) == start + 1
        assert table.update_counter("k", -2) == start - 1
        assert table.update_counter("k", 2**200) == start - 1 + 2**200

    def test_floats_are_counted(self, table: Table) -> None:
        assert table.update_counter("k", 0.5) == 0.5
        assert table.update_counter("k", 2) == 2.5
        table.insert("n", 1)
        assert table.update_counter("n", 0.25) == 1.25

    def test_the_threshold_upwards_is_strict(self, table: Table) -> None:
        table.insert("k", 8)
        counted = [table.update_counter("k", 1, threshold=10, reset_to=0) for _ in range(4)]
        assert counted == [9, 10, 0, 1]

    def test_the_threshold_downwards_is_strict(self, table: Table) -> None:
        table.insert("k", 2)
        counted = [table.update_counter("k", -1, threshold=0, reset_to=5) for _ in range(4)]
        assert counted == [1, 0, 5, 4]

    def test_a_step_of_zero_can_pass_the_threshold(self, table: Table) -> None:
        table.insert("k", 11)
        assert table.update_counter("k", 0, threshold=11, reset_to=0) == 11
        assert table.update_counter("k", 0, threshold=10, reset_to=3) == 3
        table.insert("low", -5)
        assert table.update_counter("low", 0, threshold=0, reset_to=3) == -5

    def test_what_it_is_reset_to_may_lie_beyond_the_threshold(self, table: Table) -> None:
        table.insert("k", 10)
        assert table.update_counter("k", 1, threshold=10, reset_to=99) == 99
        assert table.update_counter("k", 1, threshold=10, reset_to=99) == 99

    @pytest.mark.parametrize(("stored", "step"), [(1e308, 1e308), (-1e308, -1e308), (10**400, 0.5), (0.5, 10**400)])
    def test_a_sum_that_is_no_finite_float_changes_nothing(self, table: Table, stored: Any, step: Any) -> None:
        table.insert("k", stored)
        with pytest.raises(ValueError, match="'k'"):
            table.update_counter("k", step)
        assert table.lookup("k") == stored
        with pytest.raises(ValueError, match="'new'"):
            table.update_counter("new", step, default=stored)
        assert not table.member("new")

    def test_a_missing_counter_minds_the_threshold_too(self, table: Table) -> None:
        assert table.update_counter("k", 5, default=10, threshold=12, reset_to=1) == 1
        assert table.update_counter("far", 5, threshold=math.inf, reset_to=1) == 5

    @pytest.mark.parametrize(
        ("arguments", "options", "error"),
        [
            ((1,), {"threshold": 5}, TypeError),
            ((1,), {"reset_to": 5}, TypeError),
            (("1",), {}, TypeError),
            ((None,), {}, TypeError),
            ((True,), {}, TypeError),
            ((Decimal(1),), {}, TypeError),
            ((1j,), {}, TypeError),
            ((1,), {"default": "0"}, TypeError),
            ((1,), {"default": None}, TypeError),
            ((1,), {"default": False}, TypeError),
            ((1,), {"threshold": 5, "reset_to": "0"}, TypeError),
            ((1,), {"threshold": 5, "reset_to": True}, TypeError),
            ((1,), {"threshold": "5", "reset_to": 0}, TypeError),
            ((1,), {"treshold": 5, "reset_to": 0}, TypeError),
            ((math.nan,), {}, ValueError),
            ((math.inf,), {}, ValueError),
            ((1,), {"default": math.nan}, ValueError),
            ((1,), {"default": -math.inf}, ValueError),
            ((1,), {"threshold": 5, "reset_to": math.nan}, ValueError),
            ((1,), {"threshold": 5, "reset_to": math.inf}, ValueError),
            ((1,), {"threshold": math.nan, "reset_to": 0}, ValueError),
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("key", ["there", "missing"])
    def test_bad_arguments_change_nothing(
        self, table: Table, key: str, arguments: tuple[Any, ...], options: dict[str, Any], error: type[Exception]
    ) -> None:
        table.insert("there", 1)
        with pytest.raises(error):
            table.update_counter(key, *arguments, **options)
        assert self.content(table) == [("there", 1)]

    @pytest.mark.parametrize("stored", ["1", None, True, False, [1], Decimal(1), 1j, math.nan], ids=repr)
    def test_what_is_no_number_is_not_counted_with(self, table: Table, stored: Any) -> None:
        table.insert("stock", stored)
        with pytest.raises(errors.CounterTypeError, match="stock") as caught:
            table.update_counter("stock", 1, default=5)
        assert isinstance(caught.value, TypeError)
        assert table.lookup("stock") is stored

    def test_a_counter_keeps_its_first_key(self, table: Table) -> None:
        table.update_counter(7)
        assert table.update_counter(7.0) == 2
        assert list(map(repr, table)) == ["7"]

    # -- compute ------------------------------------------------------------------------------------------------

    def test_compute_stores_and_returns_what_the_function_makes_of_the_value(self, table: Table) -> None:
        table.insert("k", [1])
        assert table.compute("k", lambda value: [*value, 2]) == [1, 2]
        assert table.lookup("k") == [1, 2]

    def test_compute_of_a_missing_key_starts_from_the_default(self, table: Table) -> None:
        assert table.compute("k", lambda value: [value], default=None) == [None]
        assert table.compute("k", lambda value: [value], default=0) == [[None]]

    def test_compute_of_a_missing_key_without_default_raises(self, table: Table) -> None:
        with pytest.raises(errors.KeyNotFound) as caught:
            table.compute("k", lambda value: value)
        assert caught.value.key == "k"
        assert isinstance(caught.value, KeyError)
        assert len(table) == 0

    def test_compute_can_remove(self, table: Table) -> None:
        table.insert_many({"k": 1, "other": 2})
        assert table.compute("k", lambda _value: ets.DELETE) == 1
        assert self.content(table) == [("other", 2)]
        assert table.compute("k", lambda _value: ets.DELETE, default=5) == 5
        assert len(table) == 1

    def test_compute_can_store_none(self, table: Table) -> None:
        table.insert("k", 1)
        assert table.compute("k", lambda _value: None) is None
        assert table.lookup("k", 0) is None
        assert table.compute("k", lambda value: value is None) is True

    def test_compute_whose_function_raises_changes_nothing(self, table: Table) -> None:
        table.insert("k", 0)
        with pytest.raises(ZeroDivisionError):
            table.compute("k", lambda value: 1 / value)
        with pytest.raises(ZeroDivisionError):
            table.compute("missing", lambda value: 1 / value, default=0)
        assert self.content(table) == [("k", 0)]
        assert table.compute("k", lambda value: value + 1) == 1

    def test_compute_needs_a_function(self, table: Table) -> None:
        table.insert("k", 1)
        for function in (None, 5, "upper"):
            with pytest.raises(TypeError):
                table.compute("k", function)
        with pytest.raises(TypeError):
            table.compute("missing", 5, default=1)

    def test_compute_may_read_its_key_and_write_others(self, table: Table) -> None:
        table.insert_many({"k": 1, "other": 10})

        def function(value: int) -> int:
            assert table.lookup("k") == 1
            assert "k" in table
            assert len(table) >= 2
            table.insert("new", 0)
            other: int = table.compute("other", lambda other: other + 1)
            return value + other

        assert table.compute("k", function) == 12
        assert self.content(table) == [("k", 12), ("new", 0), ("other", 11)]

    @pytest.mark.parametrize(
        "write",
        [
            lambda table: table.insert("k", 5),
            lambda table: table.insert_many([("a", 1), ("k", 5)]),
            lambda table: table.__setitem__("k", 5),
            lambda table: table.update(k=5),
            lambda table: table.delete("k"),
            lambda table: table.delete_many(["a", "k"]),
            lambda table: table.take("k"),
            lambda table: table.pop("k"),
            lambda table: table.__delitem__("k"),
            lambda table: table.update_counter("k"),
            lambda table: table.compare_and_set("k", 1, 5),
            lambda table: table.compute("k", lambda value: value),
        ],
        ids=[
            "insert",
            "many",
            "[]=",
            "update",
            "delete",
            "delete_many",
            "take",
            "pop",
            "del",
            "counter",
            "cas",
            "compute",
        ],
    )
    def test_compute_that_writes_its_own_key_raises(self, table: Table, write: Callable[[Table], object]) -> None:
        table.insert("k", 1)
        with pytest.raises(errors.ReentrantCompute, match="k"):
            table.compute("k", lambda _value: write(table))
        assert self.content(table) == [("k", 1)]
        with pytest.raises(errors.ReentrantCompute):
            table.compute("k", lambda value: table.compute("other", lambda _other: write(table), default=value))
        assert self.content(table) == [("k", 1)]
        assert table.compute("k", lambda value: value + 1) == 2

    def test_compute_of_the_same_key_in_another_table_is_another_thing(self, table: Table) -> None:
        other = self.fill({"k": 10})
        table.insert("k", 1)
        assert table.compute("k", lambda value: value + other.compute("k", lambda more: more + 1)) == 12

    @pytest.mark.parametrize("key", ["k", ("tuple", 1), 5])
    def test_compute_runs_again_when_the_key_was_written_meanwhile(self, table: Table, key: Any) -> None:
        table.insert(key, [1])
        seen: list[list[int]] = []

        def function(value: list[int]) -> list[int]:
            seen.append(value)
            if len(seen) == 1:
                _elsewhere(lambda: table.insert(key, [2]))
            return [*value, 3]

        assert table.compute(key, function) == [2, 3]
        assert seen == [[1], [2]]

    def test_compute_is_not_fooled_by_an_equal_value(self, table: Table) -> None:
        table.insert("k", [1])
        seen: list[list[int]] = []

        def function(value: list[int]) -> list[int]:
            seen.append(value)
            if len(seen) == 1:
                _elsewhere(lambda: table.insert("k", [1]))
            return value

        result = table.compute("k", function)
        assert len(seen) == 2
        assert result is seen[1]
        assert result is not seen[0]

    def test_compute_of_a_key_that_vanished_meanwhile(self, table: Table) -> None:
        table.insert("k", 1)

        def function(value: int) -> int:
            if value == 1:
                _elsewhere(lambda: table.delete("k"))
            return value + 1

        with pytest.raises(errors.KeyNotFound):
            table.compute("k", function)
        assert len(table) == 0
        table.insert("k", 1)
        assert table.compute("k", function, default=10) == 11

    def test_compute_of_a_key_that_appeared_meanwhile(self, table: Table) -> None:
        def function(value: int) -> int:
            if value == 0:
                _elsewhere(lambda: table.insert("k", 5))
            return value + 1

        assert table.compute("k", function, default=0) == 6

    # -- compare_and_set ----------------------------------------------------------------------------------------

    def test_compare_and_set_writes_where_the_value_is_the_expected_one(self, table: Table) -> None:
        table.insert("k", [1])
        assert table.compare_and_set("k", [2], [3]) is False
        assert table.lookup("k") == [1]
        assert table.compare_and_set("k", [1], [3]) is True
        assert table.lookup("k") == [3]

    def test_compare_and_set_of_a_missing_key_is_false_whatever_is_expected(self, table: Table) -> None:
        assert table.compare_and_set("k", None, 1) is False
        assert table.compare_and_set("k", ets.MISSING, 1) is False
        assert len(table) == 0

    def test_compare_and_set_compares_as_python_does(self, table: Table) -> None:
        table.insert("k", 1)
        assert table.compare_and_set("k", 1.0, None) is True
        assert table.compare_and_set("k", None, "end") is True

    def test_compare_and_set_whose_comparison_raises_changes_nothing(self, table: Table) -> None:
        class Uncomparable:
            def __eq__(self, other: object) -> bool:
                raise ZeroDivisionError("compared")

            __hash__ = None  # type: ignore[assignment]

        table.insert("k", Uncomparable())
        with pytest.raises(ZeroDivisionError):
            table.compare_and_set("k", 1, 2)
        assert isinstance(table.lookup("k"), Uncomparable)

    # -- update_where -------------------------------------------------------------------------------------------

    def test_update_where_changes_what_it_selects(self, table: Table) -> None:
        table.insert_many({"a": 1, "b": 2, "c": 3})
        assert table.update_where(lambda _key, value: value > 1, lambda value: value * 10) == 2
        assert self.content(table) == [("a", 1), ("b", 20), ("c", 30)]
        assert table.update_where(lambda _key, _value: False, lambda value: value) == 0

    def test_update_where_takes_an_expression(self, table: Table) -> None:
        table.insert_many({"user:1": 30, "user:2": 17, "user:10": 41, "admin:1": 35})
        query = ets.row.key.startswith("user:") & (ets.row.value < 40)
        assert table.update_where(query, lambda age: age + 1) == 2
        assert self.content(table) == [("admin:1", 35), ("user:1", 31), ("user:10", 41), ("user:2", 18)]

    def test_update_where_can_remove(self, table: Table) -> None:
        table.insert_many({"a": 1, "b": 2, "c": 3})
        removed = table.update_where(
            lambda _key, value: value != 2, lambda value: ets.DELETE if value == 1 else value + 1
        )
        assert removed == 2
        assert self.content(table) == [("b", 2), ("c", 4)]

    @pytest.mark.parametrize(
        ("where", "function"),
        [
            (lambda _key, value: 1 / (value - 5), lambda value: value + 100),
            (lambda _key, _value: True, lambda value: value + 100 + 0 / (value - 5)),
        ],
        ids=["where", "function"],
    )
    def test_update_where_whose_functions_raise_leaves_whole_rows(
        self, where: Callable[[Any, Any], object], function: Callable[[Any], Any]
    ) -> None:
        table = self.fill({key: key for key in range(10)})
        with pytest.raises(ZeroDivisionError):
            table.update_where(where, function)
        assert len(table) == 10
        assert all(value in (key, key + 100) for key, value in table.items())
        assert table[5] == 5
        self.check(table)

    def test_update_where_needs_functions(self, table: Table) -> None:
        for where, function in ((None, str), ("a", str), (lambda _key, _value: True, None)):
            with pytest.raises(TypeError):
                table.update_where(where, function)
