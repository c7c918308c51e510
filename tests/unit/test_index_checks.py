"""`_check()` recomputes every index from the rows: a fault that is put in is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from noex import ets
from noex.kernel import KERNEL

pytestmark = pytest.mark.skipif(
    KERNEL != "pure", reason="faults are put into the pure kernel's structures: NOEX_KERNEL=pure runs this"
)


def table_with_indexes() -> Any:
    table: Any = ets.SetTable[int, str]()
    table.add_index("hashed", lambda _key, value: value)
    table.add_index("ordered", lambda _key, value: value, ordered=True)
    table.insert_many({1: "x", 2: "y", 3: "x"})
    table._check()
    return table


def hashed(table: Any) -> Any:
    return table._spec("hashed").rows


def ordered(table: Any) -> Any:
    return table._spec("ordered").rows


def in_a_second_bucket(table: Any) -> None:
    rows = hashed(table)
    rows._rows = {"w": type(rows._rows["x"])("w"), **rows._rows}
    rows._rows["w"].members[1] = None


def at_a_second_spot(table: Any) -> None:
    rows = ordered(table)
    spot = (*rows.place("a")[0], 0, 99)
    rows.spots = {spot: 1, **rows.spots}
    rows.order.add(spot)


def under_another_value(table: Any) -> None:
    rows = hashed(table)
    rows._rows["y"].members[1] = rows._rows["x"].members.pop(1)
    rows.marks[1] = "y"


def at_another_spot(table: Any) -> None:
    rows = ordered(table)
    old, spot = rows.marks[1], (*rows.place("z")[0], 0, 99)
    del rows.spots[old]
    rows.order.discard(old)
    rows.spots[spot], rows.marks[1] = 1, spot
    rows.order.add(spot)


def missing(table: Any) -> None:
    rows = hashed(table)
    del rows._rows["x"].members[1]
    del rows.marks[1]


def left_behind(table: Any) -> None:
    rows = ordered(table)
    spot = (*rows.place("x")[0], 0, 98)
    rows.marks[4], rows.spots[spot] = spot, 4
    rows.order.add(spot)


def out_of_order(table: Any) -> None:
    chunk = ordered(table).order._chunks[0]
    chunk[0], chunk[1] = chunk[1], chunk[0]


def an_empty_bucket(table: Any) -> None:
    rows = hashed(table)
    rows._rows["nobody"] = type(rows._rows["x"])("nobody")


FAULTS: list[Callable[[Any], None]] = [
    in_a_second_bucket,
    at_a_second_spot,
    under_another_value,
    at_another_spot,
    missing,
    left_behind,
    out_of_order,
    an_empty_bucket,
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_in_an_index_is_found(fault: Callable[[Any], None]) -> None:
    table = table_with_indexes()
    fault(table)
    with pytest.raises(AssertionError):
        table._check()


def test_two_rows_of_one_value_in_a_unique_index_are_found() -> None:
    table = table_with_indexes()
    table._spec("hashed").unique = True
    with pytest.raises(AssertionError, match="not unique"):
        table._check()
