"""The comparison with Erlang finds what it should: tables with a fault each, and the steps that show it."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from noex import ets

from ._erlang import Erlang
from ._keys import FAMILIES
from ._sequences import Difference, draw, first_difference, operations_of, shrunk

SEQUENCES = 20
LENGTH = 500


class _DeletesTooMuch(ets.DuplicateBagTable[Any, Any]):
    __slots__ = ()
    shown_by: ClassVar = "delete_object"

    def delete_object(self, key: Any, value: Any) -> int:
        count = super().delete_object(key, value)
        if count == 2:
            self.delete(key)
        return count


class _DeletesOneCopy(ets.DuplicateBagTable[Any, Any]):
    __slots__ = ()
    shown_by: ClassVar = "delete_object"

    def delete_object(self, key: Any, value: Any) -> int:
        values = self.take(key)
        count = values.count(value)
        if count:
            values.remove(value)
        self.insert_many([(key, kept) for kept in values])
        return min(count, 1)


class _MovesToTheEnd(ets.BagTable[Any, Any]):
    __slots__ = ()
    shown_by: ClassVar = "insert"

    def insert(self, key: Any, value: Any, **options: Any) -> None:
        self.delete_object(key, value)
        super().insert(key, value, **options)


class _CountsFromTheThreshold(ets.SetTable[Any, Any]):
    __slots__ = ()
    shown_by: ClassVar = "update_counter"

    def update_counter(self, key: Any, step: Any = 1, **options: Any) -> Any:
        if options.get("threshold") is not None:
            options["threshold"] -= step > 0
        return super().update_counter(key, step, **options)


class _InsertsAnyway(ets.SetTable[Any, Any]):
    __slots__ = ()
    shown_by: ClassVar = "insert_new"

    def insert_new(self, key: Any, value: Any, **options: Any) -> bool:
        is_new = not self.member(key)
        self.insert(key, value, **options)
        return is_new


class _KnowsNoNeighbours(ets.OrderedSetTable[Any, Any]):
    __slots__ = ()
    shown_by: ClassVar = "next"

    def next(self, key: Any) -> Any:
        return super().next(key) if self.member(key) else None


class _TakesTheEndIn(ets.OrderedSetTable[Any, Any]):
    __slots__ = ()
    shown_by: ClassVar = "range"

    def range(self, low: Any = None, high: Any = None, **options: Any) -> Any:
        if options.get("bounds") == "()":
            options["bounds"] = "(]"
        return super().range(low, high, **options)


FAULTY: list[Any] = [
    _DeletesTooMuch,
    _DeletesOneCopy,
    _MovesToTheEnd,
    _CountsFromTheThreshold,
    _InsertsAnyway,
    _KnowsNoNeighbours,
    _TakesTheEndIn,
]


@pytest.mark.parametrize("faulty", FAULTY)
def test_a_fault_is_found_and_cut_down_to_what_shows_it(erlang: Erlang, faulty: Any) -> None:
    operations = operations_of(faulty.kind, FAMILIES[0], lists_stay_in_order=False)
    found: Difference | None = None
    for number in range(SEQUENCES):
        found = found or first_difference(erlang, operations, faulty, draw(operations, f"{number}", LENGTH))
    assert found is not None
    smallest = shrunk(erlang, operations, faulty, found)
    assert len(smallest.steps) <= 6, str(smallest)
    assert any(step.text.startswith(f"{faulty.shown_by}(") for step in smallest.steps)
    assert "ets:" in str(smallest)
