"""The term order, as a table shows it: total, transitive, Python's own inside each type, turned round by desc."""

import itertools
from datetime import UTC, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noex import ets
from noex.errors import UnorderableKey
from noex.testing._models import term
from noex.testing.strategies import term_keys

numbers = st.one_of(st.integers(), st.floats(allow_nan=False), st.booleans(), st.integers().map(float))
texts = st.text(alphabet=st.characters(codec=None, exclude_categories=()))
near_numbers = st.integers(-(2**70), 2**70).flatmap(
    lambda number: st.sampled_from([number, number + 1, float(number), float(number + 1), -number])
)
aware = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))]))
same_type = st.one_of(
    *(
        st.lists(elements, min_size=2, max_size=8)
        for elements in (
            numbers,
            near_numbers,
            texts,
            st.binary(),
            st.datetimes(),
            aware,
            st.tuples(numbers, texts),
            st.lists(numbers).map(tuple),
            st.lists(st.tuples(texts)).map(tuple),
        )
    )
)


def order(keys: Any, **options: Any) -> list[Any]:
    table = ets.OrderedSetTable[Any, None](**options)
    for key in keys:
        table.insert(key, None)
    table._check()
    return list(table)


def compare(one: Any, other: Any) -> int:
    """-1, 0 or 1, as a table with just these two keys orders them."""
    keys = order([one, other])
    if len(keys) == 1:
        return 0
    return -1 if keys[0] is one else 1


@given(term_keys(), term_keys())
def test_any_two_keys_are_ordered_one_way_or_are_one_key(one: Any, other: Any) -> None:
    assert compare(one, other) == -compare(other, one)
    assert compare(one, one) == 0
    assert compare(one, other) == (term(one) > term(other)) - (term(one) < term(other))


@given(st.lists(term_keys(), max_size=8))
def test_the_order_is_transitive_and_the_same_from_every_start(keys: list[Any]) -> None:
    ordered = order(keys)
    assert [compare(one, other) for one, other in itertools.combinations(ordered, 2)] == [-1] * (
        len(ordered) * (len(ordered) - 1) // 2
    )
    assert list(map(term, order(reversed(keys)))) == list(map(term, ordered))
    assert list(map(term, ordered)) == sorted({term(key): key for key in keys})


@given(same_type)
def test_inside_a_type_it_is_the_order_of_python(keys: list[Any]) -> None:
    ordered = order(keys)
    assert ordered == sorted(set(keys))
    for one, other in itertools.pairwise(ordered):
        assert one < other


@given(st.lists(term_keys(), max_size=8))
def test_types_stand_in_their_order(keys: list[Any]) -> None:
    ranks = [term(key)[0] for key in order(keys)]
    assert ranks == sorted(ranks)


@given(st.lists(term_keys(), max_size=8))
def test_desc_reverses(keys: list[Any]) -> None:
    ordered = order(keys)
    assert order(keys, key=ets.desc) == ordered[::-1]
    assert order(keys, key=lambda key: ets.desc(ets.desc(key))) == ordered


@given(st.lists(st.tuples(term_keys(max_leaves=3), term_keys(max_leaves=3)), max_size=10))
def test_desc_reverses_one_component_alone(pairs: list[tuple[Any, Any]]) -> None:
    expected = sorted({term(pair): pair for pair in pairs}.values(), key=lambda pair: term(pair[1]))
    expected.sort(key=lambda pair: term(pair[0]), reverse=True)
    ordered = order(pairs, key=lambda pair: (ets.desc(pair[0]), pair[1]))
    assert list(map(term, ordered)) == list(map(term, expected))


@given(st.lists(term_keys(), max_size=12), st.lists(term_keys(), max_size=3).map(tuple))
def test_a_prefix_selects_the_tuples_that_begin_with_it(keys: list[Any], prefix: tuple[Any, ...]) -> None:
    keys += [(*prefix, key) for key in keys[:4]]
    table = ets.OrderedSetTable[Any, None]()
    table.insert_many([(key, None) for key in keys])
    expected = [key for key in table if isinstance(key, tuple) and term(key[: len(prefix)]) == term(prefix)]
    assert [key for key, _ in table.prefix(prefix)] == expected


@settings(max_examples=50)
@given(st.recursive(st.just(float("nan")), lambda inner: st.tuples(term_keys(), inner), max_leaves=4))
def test_nan_has_no_place_however_deep_it_hides(key: Any) -> None:
    with pytest.raises(UnorderableKey):
        order([key])
