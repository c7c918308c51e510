"""Any table comes back from a file as it was: kind, keys, values and their types, order, lifetimes."""

import math
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from noex import ets
from noex.errors import SnapshotError
from noex.ets.snapshots._extensions import unpack
from noex.ets.snapshots._keys import key_of, pack_key
from noex.ets.snapshots._values import pack
from noex.testing import ManualClock
from noex.testing.strategies import hashable_keys, lifetimes, term_keys

zones = st.one_of(
    st.none(),
    st.sampled_from([UTC, ZoneInfo("Europe/Kyiv"), ZoneInfo("America/New_York"), timezone(timedelta(0), "zero")]),
    st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone),
)
texts = st.text(alphabet=st.characters(codec=None, exclude_categories=()))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**200), 2**200),
    st.floats(),
    texts,
    st.binary(),
    st.uuids(),
    st.decimals().filter(lambda number: not number.is_snan()),  # which have no hash
    st.dates(),
    st.timedeltas(),
    st.builds(time.replace, st.times(), fold=st.integers(0, 1), tzinfo=zones),
    st.builds(datetime.replace, st.datetimes(), fold=st.integers(0, 1), tzinfo=zones),
)
hashables = st.recursive(
    scalars,
    lambda parts: st.one_of(st.lists(parts, max_size=3).map(tuple), st.frozensets(parts, max_size=3)),
    max_leaves=5,
)
values = st.recursive(
    st.one_of(scalars, hashables, st.sets(hashables, max_size=3), st.binary().map(bytearray)),
    lambda parts: st.one_of(
        st.lists(parts, max_size=4),
        st.lists(parts, max_size=3).map(tuple),
        st.dictionaries(hashables, parts, max_size=3),
        st.dictionaries(texts, parts, max_size=3),
    ),
    max_leaves=10,
)


def form(value: Any) -> Any:
    """Return what tells a value from every other, its types included, and compares by Python's own `==`."""
    kind = type(value)
    if kind is float:
        return kind, "nan" if math.isnan(value) else value.hex()
    if kind in (list, tuple):
        return kind, [form(part) for part in value]
    if kind in (set, frozenset):
        return kind, sorted((form(part) for part in value), key=repr)
    if kind is dict:
        return kind, [(form(key), form(part)) for key, part in value.items()]
    if kind in (datetime, time):
        return kind, repr(value), value.fold, type(value.tzinfo), repr(value.tzinfo)
    if kind is Decimal:
        return kind, value.as_tuple()
    return kind, value


@given(values)
def test_a_value_comes_back_with_its_types(value: Any) -> None:
    assert form(unpack(pack(value))) == form(value)


@given(st.one_of(hashables, term_keys()))
def test_a_key_comes_back_with_its_types(key: Any) -> None:
    assert form(key_of(unpack(pack_key(key)))) == form(key)


def through_a_file(table: Any, **options: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table")
        wall = options.get("wall")
        table.dump(path, **({} if wall is None else {"wall": wall}))
        assert ets.snapshot_info(path).entries == len(table)
        return ets.load(path, store=ets.Store(), **options)


def entries(table: Any) -> list[Any]:
    return [(form(key), form(value)) for key, value in table.to_list()]


@settings(max_examples=60)
@given(st.lists(st.tuples(hashables, values), max_size=12))
def test_a_table_by_hash_comes_back(items: list[tuple[Any, Any]]) -> None:
    makes: list[Callable[..., Any]] = [ets.SetTable, ets.BagTable, ets.DuplicateBagTable]
    for make in makes:
        table = make(store=ets.Store())
        table.insert_many(items)
        again = through_a_file(table)
        again._check()
        assert entries(again) == entries(table)


@settings(max_examples=60)
@given(st.lists(st.tuples(term_keys(), values), max_size=12))
def test_an_ordered_table_comes_back(items: list[tuple[Any, Any]]) -> None:
    for key in (None, ets.desc):
        table = ets.OrderedSetTable[Any, Any](store=ets.Store(), key=key)
        table.insert_many(items)
        again = through_a_file(table, key=key)
        again._check()
        assert entries(again) == entries(table)


@given(hashable_keys())
def test_any_key_comes_back_or_is_refused(key: Any) -> None:
    table = ets.SetTable[Any, int](store=ets.Store())
    table.insert(key, 1)
    try:
        again = through_a_file(table)
    except SnapshotError:
        assert isinstance(key, (complex, type, type(Ellipsis)))
    else:
        assert entries(again) == entries(table)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 20), lifetimes(), st.floats(0, 3)), max_size=15),
    st.floats(0, 1e6),
    st.floats(-1e9, 2e9),
    st.floats(-10, 10),
)
def test_lifetimes_go_on(steps: list[tuple[int, Any, float]], start: float, other_start: float, away: float) -> None:
    clock = ManualClock(start)
    table = ets.SetTable[int, int](store=ets.Store(), clock=clock)
    for key, ttl, pause in steps:
        table.insert(key, 1, ttl=ttl)
        clock.advance(pause)
    left = {key: table.expires_in(key) for key in table}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table")
        table.dump(path, wall=lambda: 1.7e9)
        again: Any = ets.load(path, store=ets.Store(), clock=ManualClock(abs(other_start)), wall=lambda: 1.7e9 + away)
    again._check()
    passed = max(away, 0)
    for key, seconds in left.items():
        if seconds is None:
            assert again.expires_in(key) is None
            assert key in again
        elif key in again:
            assert seconds - passed - 0.003 <= again.expires_in(key) <= seconds - passed + 1e-5
        else:
            assert seconds - passed <= 0.003


@given(st.dates())
def test_a_date_is_no_datetime(day: date) -> None:
    assert type(unpack(pack([day]))[0]) is date
