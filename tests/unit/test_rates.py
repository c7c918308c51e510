"""RateCounter: which events lie in the window, how much of the oldest bucket counts, and when a key is forgotten."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest

from noex import ets
from noex.errors import TableClosed, TableExists, UnhashableKey
from noex.rates import RateCounter
from noex.testing import ManualClock


def test_events_of_the_window_are_counted() -> None:
    clock = ManualClock()
    rates = RateCounter[str](60, 60, clock=clock)
    rates.increment("a")
    rates.increment("a", 4)
    clock.advance(30)
    rates.increment("a", 2.5)
    assert rates.count("a") == 7.5
    assert rates.count("other") == 0.0


def test_counts_and_rates_are_floats() -> None:
    rates = RateCounter[str](clock=ManualClock())
    rates.increment("a")
    assert type(rates.count("a")) is float
    assert type(rates.count("never")) is float
    assert type(rates.per_second("a")) is float
    assert type(rates.per_second("never")) is float
    assert type(rates.top()[0][1]) is float


def test_the_oldest_bucket_counts_in_the_part_that_lies_in_the_window() -> None:
    clock = ManualClock(1000)
    rates = RateCounter[str](60, 60, clock=clock)
    rates.increment("a", 8)
    clock.advance(59.002)  # still inside: an event of 59.002 seconds ago belongs to a window of 60
    assert rates.count("a") == 8.0
    clock.advance_to(1060)
    assert rates.count("a") == 8.0
    clock.advance_to(1060.25)
    assert rates.count("a") == 6.0
    clock.advance_to(1060.75)
    assert rates.count("a") == 2.0
    clock.advance_to(1061)
    assert rates.count("a") == 0.0


@pytest.mark.parametrize("start", [0, 807_249_601, 1_700_000_000])
def test_one_second_buckets_are_exact_on_clocks_that_count_from_1970(start: int) -> None:
    clock = ManualClock(start)
    rates = RateCounter[str](60, 60, clock=clock)
    for second in range(200):
        clock.advance_to(start + second)
        rates.increment("a")
        assert rates.count("a") == min(second + 1, 61)  # at a full second, the oldest bucket lies in the window whole
        clock.advance_to(start + second + 0.5)
        assert rates.count("a") == min(second + 1, 60.5)


@pytest.mark.parametrize("start", [0, 1_700_000_000])
@pytest.mark.parametrize(("window", "buckets"), [(1, 10), (0.3, 3), (6, 60), (0.7, 7)])
def test_buckets_of_a_tenth_of_a_second_begin_when_they_should(start: int, window: float, buckets: int) -> None:
    # 0.3 / 0.1 is 2.9999999999999996, and the float 1700000000.3 is a little less than that: neither may move an event
    for tenth in range(1, 3 * buckets):
        clock = ManualClock(start + tenth / 10)
        rates = RateCounter[str](window, buckets, clock=clock)
        rates.increment("a")
        clock.advance_to(start + tenth / 10 + window)
        assert rates.count("a") == 1.0, tenth
        clock.advance_to(start + (tenth + buckets) / 10 + 0.05)
        assert rates.count("a") == pytest.approx(0.5, abs=1e-4), tenth


def test_a_window_may_be_a_timedelta() -> None:
    clock = ManualClock()
    rates = RateCounter[str](timedelta(minutes=1), 6, clock=clock)
    rates.increment("a")
    clock.advance(65)
    assert rates.count("a") == 0.5


def test_one_bucket_is_enough() -> None:
    clock = ManualClock()
    rates = RateCounter[str](10, 1, clock=clock)
    rates.increment("a", 4)
    clock.advance(10)
    rates.increment("a", 1)
    assert rates.count("a") == 5.0
    clock.advance(5)
    assert rates.count("a") == 3.0


def test_the_rate_of_a_young_counter_is_not_too_low() -> None:
    clock = ManualClock(1000)
    rates = RateCounter[str](60, 60, clock=clock)
    rates.increment("a", 2)
    assert rates.per_second("a") == 2.0  # a bucket's width at least
    clock.advance(10)
    assert rates.per_second("a") == pytest.approx(0.2)
    rates.increment("a", 28)
    clock.advance(20)
    assert rates.per_second("a") == pytest.approx(1.0)
    clock.advance(30)
    assert rates.per_second("a") == pytest.approx(0.5)


def test_the_rate_of_an_old_counter_is_over_the_window() -> None:
    clock = ManualClock(1000)
    rates = RateCounter[str](60, 60, clock=clock)
    clock.advance(3600)
    rates.increment("a", 30)
    assert rates.per_second("a") == 0.5
    assert rates.per_second("never") == 0.0


def test_top_is_most_first_and_of_equals_the_first_to_come() -> None:
    clock = ManualClock()
    rates = RateCounter[str](60, 60, clock=clock)
    for key, amount in (("a", 1), ("b", 3), ("c", 1), ("d", 2), ("zero", 0)):
        rates.increment(key, amount)
    assert rates.top() == [("b", 3.0), ("d", 2.0), ("a", 1.0), ("c", 1.0)]
    assert rates.top(3) == [("b", 3.0), ("d", 2.0), ("a", 1.0)]
    assert rates.top(0) == []
    clock.advance(60.5)
    assert rates.top(1) == [("b", 1.5)]
    clock.advance(0.5)
    assert rates.top() == []


def test_idle_keys_vanish() -> None:
    clock = ManualClock()
    rates = RateCounter[str](60, 60, clock=clock)
    rates.increment("a")
    clock.advance(30)
    rates.increment("b")
    assert rates.keys() == ["a", "b"]
    clock.advance(31)
    assert rates.keys() == ["b"]
    assert len(rates) == 1
    clock.advance(30)
    assert rates.keys() == []
    assert len(rates) == 0


def test_sweep_gives_back_what_idle_keys_took() -> None:
    clock = ManualClock()
    rates = RateCounter[int](1, 10, clock=clock)
    for key in range(100):
        rates.increment(key)
    assert rates.sweep() == 0
    clock.advance(2)
    assert rates.sweep() == 100
    assert rates.sweep() == 0


def test_a_key_that_is_counted_again_lives_on() -> None:
    clock = ManualClock()
    rates = RateCounter[str](60, 60, clock=clock)
    for _ in range(10):
        rates.increment("a")
        clock.advance(40)
    assert rates.keys() == ["a"]
    assert rates.count("a") == 1.0


def test_memory_of_a_key_is_bounded_by_the_buckets() -> None:
    clock = ManualClock()
    with ets.Store() as store:
        rates = RateCounter[str](10, 10, name="rates", store=store, clock=clock)
        table = store.whereis("rates")
        assert isinstance(table, ets.SetTable)
        for _ in range(200):
            rates.increment("a", 3)
            clock.advance(0.5)
            ring = table["a"]
            assert len(ring) <= 2 * (10 + 1)


def test_reading_adds_no_key() -> None:
    rates = RateCounter[str](clock=ManualClock())
    rates.count("a")
    rates.per_second("a")
    assert len(rates) == 0


def test_the_clock_is_read_once_by_each_verb_of_the_counter_itself() -> None:
    # A clock that moves at each reading: one event and one count in the same bucket whatever the table reads.
    readings = iter(range(10**6))
    rates = RateCounter[str](10**6, 10, clock=lambda: next(readings))
    rates.increment("a")
    assert rates.count("a") == 1.0
    assert rates.per_second("a") == pytest.approx(1 / 100_000)


@pytest.mark.parametrize("amount", [True, "1", None, 1j])
def test_an_amount_that_is_no_number_is_refused(amount: Any) -> None:
    rates = RateCounter[str](clock=ManualClock())
    with pytest.raises(TypeError, match="'a'"):
        rates.increment("a", amount)
    assert len(rates) == 0


@pytest.mark.parametrize("amount", [-1, -0.5, math.nan, math.inf, -math.inf, 10**400])
def test_an_amount_that_is_negative_or_not_finite_is_refused(amount: Any) -> None:
    rates = RateCounter[str](clock=ManualClock())
    rates.increment("a", 2)
    with pytest.raises(ValueError, match="'a'"):
        rates.increment("a", amount)
    assert rates.count("a") == 2.0


def test_sums_beyond_all_floats_are_infinite() -> None:
    rates = RateCounter[str](clock=ManualClock())
    for _ in range(3):
        rates.increment("a", 10**308)
    assert rates.count("a") == math.inf


@pytest.mark.parametrize("window", [0, -1, math.nan, math.inf, timedelta(0), 1e-9, 1e13])
def test_a_window_of_no_length_is_refused(window: Any) -> None:
    with pytest.raises(ValueError, match="window"):
        RateCounter[str](window)


@pytest.mark.parametrize("window", [None, "60", True])
def test_a_window_that_is_no_duration_is_refused(window: Any) -> None:
    with pytest.raises(TypeError, match="window"):
        RateCounter[str](window)


@pytest.mark.parametrize(("buckets", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)])
def test_buckets_that_are_no_number_of_buckets_are_refused(buckets: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="buckets"):
        RateCounter[str](60, buckets)


@pytest.mark.parametrize(("n", "error"), [(-1, ValueError), (1.0, TypeError), (True, TypeError), (None, TypeError)])
def test_top_of_no_number_is_refused(n: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="n must"):
        RateCounter[str]().top(n)


def test_a_key_without_a_hash_is_refused() -> None:
    rates = RateCounter[Any]()
    for call in (rates.increment, rates.count, rates.per_second):
        with pytest.raises(UnhashableKey):
            call([1])
    rates.increment("a")  # the lock was given back


def test_a_clock_that_cannot_be_called_is_refused() -> None:
    clock: Any = 5.0
    with pytest.raises(TypeError, match="clock"):
        RateCounter[str](clock=clock)


def test_every_verb_of_a_closed_counter_says_so() -> None:
    rates = RateCounter[str]()
    rates.increment("a")
    rates.close()
    rates.close()
    for call in (
        lambda: rates.increment("a"),
        lambda: rates.count("a"),
        lambda: rates.per_second("a"),
        rates.top,
        rates.keys,
        rates.sweep,
        lambda: len(rates),
    ):
        with pytest.raises(TableClosed):
            call()
    assert "RateCounter" in repr(rates)


def test_a_name_is_taken_until_the_counter_closes() -> None:
    with ets.Store() as store:
        with RateCounter[str](name="rates", store=store):
            with pytest.raises(TableExists):
                RateCounter[str](name="rates", store=store)
        RateCounter[str](name="rates", store=store).close()
