"""Counters: what each verb returns, and what it refuses."""

from __future__ import annotations

import math
from typing import Any

import pytest

from noex import ets
from noex.counters import Counters
from noex.errors import TableClosed, TableExists, UnhashableKey


def test_increment_returns_the_new_number() -> None:
    hits = Counters[str]()
    assert hits.increment("a") == 1
    assert hits.increment("a", 41) == 42
    assert hits.increment("b", 2.5) == 2.5


def test_decrement_takes_away_and_may_go_below_zero() -> None:
    hits = Counters[str]()
    assert hits.decrement("open") == -1
    assert hits.decrement("open", 2.5) == -3.5
    assert hits.increment("open", 3.5) == 0


def test_ints_stay_exact_whatever_their_size() -> None:
    hits = Counters[str]()
    hits.increment("a", 2**53)
    assert hits.increment("a") == 2**53 + 1
    assert hits.increment("a", 10**400) == 10**400 + 2**53 + 1


def test_a_counter_that_was_never_counted_is_zero_and_takes_no_memory() -> None:
    hits = Counters[str]()
    assert hits.get("never") == 0
    assert len(hits) == 0
    assert hits.items() == []
    assert hits.total() == 0


def test_reset_returns_the_number_and_removes_the_key() -> None:
    hits = Counters[str]()
    hits.increment("a", 3)
    assert hits.reset("a") == 3
    assert hits.reset("a") == 0
    assert hits.get("a") == 0
    assert len(hits) == 0


def test_clear_returns_how_many_there_were() -> None:
    hits = Counters[str]()
    hits.increment("a")
    hits.increment("b")
    assert hits.clear() == 2
    assert hits.clear() == 0
    assert hits.total() == 0


def test_items_and_total_tell_all_counters() -> None:
    hits = Counters[tuple[str, int]]()
    hits.increment(("GET", 200), 5)
    hits.increment(("GET", 404))
    hits.decrement(("PUT", 200), 2)
    assert hits.items() == [(("GET", 200), 5), (("GET", 404), 1), (("PUT", 200), -2)]
    assert hits.total() == 4
    assert len(hits) == 3


@pytest.mark.parametrize("verb", ["increment", "decrement"])
@pytest.mark.parametrize("amount", [True, "1", None, 1j, [1]])
def test_an_amount_that_is_no_number_is_refused_and_changes_nothing(verb: str, amount: Any) -> None:
    hits = Counters[str]()
    hits.increment("a", 7)
    with pytest.raises(TypeError):
        getattr(hits, verb)("a", amount)
    with pytest.raises(TypeError):
        getattr(hits, verb)("new", amount)
    assert hits.items() == [("a", 7)]


@pytest.mark.parametrize("verb", ["increment", "decrement"])
@pytest.mark.parametrize("amount", [math.nan, math.inf, -math.inf])
def test_an_amount_that_is_not_finite_is_refused_and_changes_nothing(verb: str, amount: float) -> None:
    hits = Counters[str]()
    hits.increment("a", 7)
    with pytest.raises(ValueError):
        getattr(hits, verb)("a", amount)
    assert hits.items() == [("a", 7)]


def test_a_key_without_a_hash_is_refused() -> None:
    hits = Counters[Any]()
    for call in (hits.increment, hits.decrement, hits.get, hits.reset):
        with pytest.raises(UnhashableKey):
            call([1])


def test_an_unknown_option_is_refused() -> None:
    options: dict[str, Any] = {"striped": True}
    with pytest.raises(TypeError):
        Counters[str](**options)


def test_every_verb_of_closed_counters_says_so() -> None:
    hits = Counters[str]()
    hits.increment("a")
    hits.close()
    hits.close()
    for call in (
        lambda: hits.increment("a"),
        lambda: hits.decrement("a"),
        lambda: hits.get("a"),
        lambda: hits.reset("a"),
        hits.clear,
        hits.items,
        hits.total,
        lambda: len(hits),
    ):
        with pytest.raises(TableClosed):
            call()
    assert "Counters" in repr(hits)


def test_the_table_is_found_by_name_in_its_store_until_the_counters_close() -> None:
    with ets.Store() as store:
        with Counters[str]("hits", store=store) as hits:
            hits.increment("a", 3)
            table = store.whereis("hits")
            assert isinstance(table, ets.SetTable)
            assert table.lookup("a") == 3
            with pytest.raises(TableExists):
                Counters[str]("hits", store=store)
        assert store.whereis("hits") is None


def test_two_without_a_name_have_nothing_in_common() -> None:
    one, other = Counters[str](), Counters[str]()
    one.increment("a")
    assert other.get("a") == 0
