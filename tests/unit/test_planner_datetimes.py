"""Datetimes of one zone are compared by what its clocks show, the term order goes by the instant: plans know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from noex import ets
from noex.ets import row

BERLIN = ZoneInfo("Europe/Berlin")
FIRST = datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN)  # clocks show this time twice in that night
SECOND = FIRST.replace(fold=1)
LATER = datetime(2024, 10, 27, 2, 45, tzinfo=BERLIN)
MOMENTS = [FIRST, SECOND, LATER, LATER.replace(fold=1), FIRST - timedelta(hours=3), SECOND + timedelta(hours=3)]


def tables() -> list[Any]:
    ordered: Any = ets.OrderedSetTable()
    indexed: Any = ets.SetTable()
    indexed.add_index("at", "at", ordered=True)
    composite: Any = ets.OrderedSetTable()
    for number, moment in enumerate(MOMENTS):
        ordered.insert(moment, {"at": moment})
        indexed.insert(number, {"at": moment})
        composite.insert((moment, number), {"at": moment})
    return [ordered, indexed, composite]


@pytest.mark.parametrize("other", MOMENTS, ids=str)
def test_a_plan_finds_what_a_function_finds(other: datetime) -> None:
    for table in tables():
        for term, value in ((row.key, other), (row.field("at"), other), (row.key, (other,)), (row.key, (other, 1))):
            for where in (term < value, term <= value, term > value, term >= value, term == value):
                by_function = table.select(where._test)
                assert sorted(map(str, table.select(where))) == sorted(map(str, by_function)), where
            beginning = row.key.startswith((other,))
            assert table.select(beginning) == table.select(beginning._test)


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=2))], ids=str)
def test_moments_of_a_fixed_offset_use_the_order(zone: Any) -> None:
    ordered, indexed, composite = tables()
    moment = SECOND.astimezone(zone)
    assert ordered.explain(row.key < moment).access == "range"
    assert indexed.explain(row.field("at") < moment).access == "index"
    assert composite.explain(row.key < (moment,)).access == "range"
    assert ordered.select(row.key < moment) == ordered.select((row.key < moment)._test)


def test_moments_of_a_zone_look_at_all() -> None:
    ordered, indexed, composite = tables()
    for table, where in (
        (ordered, row.key < LATER),
        (indexed, row.field("at") < LATER),
        (composite, row.key < (LATER,)),
    ):
        assert table.explain(where).access == "scan"
