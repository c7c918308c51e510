"""Time: lengths of it, deadlines in whole milliseconds, and the clock that is turned by hand."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from noex import clock as clocks
from noex import ets
from noex.clock import TOLERANCE, check_clock, deadline, milliseconds, seconds
from noex.testing import ManualClock

EPOCH = 1_700_000_000

# -- seconds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (1, 1.0),
        (0.25, 0.25),
        (10**9, 1e9),
        (5e-324, 5e-324),
        (timedelta(minutes=1), 60.0),
        (timedelta(microseconds=1), 1e-6),
        (timedelta(days=365), 31_536_000.0),
    ],
)
def test_a_length_of_time_is_given_in_seconds_or_as_timedelta(duration: Any, expected: float) -> None:
    result = seconds(duration, "ttl")
    assert result == expected
    assert type(result) is float


@pytest.mark.parametrize(
    "duration", [0, 0.0, -0.0, -1, -1e-9, math.nan, math.inf, -math.inf, 10**400, -(10**400), timedelta(0)]
)
def test_a_length_of_time_is_finite_and_more_than_zero(duration: Any) -> None:
    with pytest.raises(
        ValueError, match=r"idle_timeout must be (more than 0 seconds|at most 1e\+12 seconds)"
    ) as caught:
        seconds(duration, "idle_timeout")
    assert repr(duration) in str(caught.value)
    assert "None means no limit" in str(caught.value)


@pytest.mark.parametrize("duration", [None, True, False, "60", b"60", 1j, [1], Fraction(1, 2), ets.DEFAULT])
def test_a_length_of_time_is_never_of_another_type(duration: Any) -> None:
    with pytest.raises(TypeError, match="ttl must be seconds") as caught:
        seconds(duration, "ttl")
    assert repr(duration) in str(caught.value)


def test_a_lifetime_beyond_all_measure_is_refused_or_has_no_end() -> None:
    table = ets.SetTable[str, int](clock=ManualClock())
    try:
        table.insert("a", 1, ttl=1e306)
    except ValueError:
        assert len(table) == 0
    else:
        assert table.lookup("a") == 1


# -- check_clock ------------------------------------------------------------------------------------------------------


def test_the_default_clock_is_the_monotonic_one() -> None:
    assert check_clock(None) is clocks.monotonic is time.monotonic


def test_a_clock_is_anything_that_can_be_called() -> None:
    manual = ManualClock()
    assert check_clock(manual) is manual
    assert check_clock(time.time) is time.time


@pytest.mark.parametrize("clock", [0, 1.5, "now", object()])
def test_what_cannot_be_called_is_no_clock(clock: Any) -> None:
    with pytest.raises(TypeError, match="source must be a function that returns seconds") as caught:
        check_clock(clock, "source")
    assert repr(clock) in str(caught.value)


# -- deadlines --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "lifetime", "expected"),
    [
        (0.0, 1.0, 1000),
        (0.0, 0.001, 1),
        (0.0, 0.0001, 1),
        (0.0, 0.0011, 2),
        (10.0, 0.3, 10_300),
        (10.0, 0.0001, 10_001),
        (0.0004, 1.0, 1001),
        (0.1, 0.2, 300),  # 0.30000000000000004 in binary
        (0.7, 0.1, 800),  # 0.7999999999999999
        (1.1, 2.2, 3300),
        (EPOCH, 0.001, EPOCH * 1000 + 1),
    ],
)
def test_a_deadline_is_a_whole_millisecond_rounded_up(now: float, lifetime: float, expected: int) -> None:
    result = deadline(now, lifetime)
    assert result == expected
    assert type(result) is int


def test_the_tolerance_is_half_a_microsecond() -> None:
    assert TOLERANCE == 0.0005
    assert deadline(0.0, 0.001_000_4) == 1
    assert deadline(0.0, 0.001_000_6) == 2


def test_sums_of_decimal_fractions_meet_their_deadline_exactly() -> None:
    assert milliseconds(0.1 + 0.2) >= deadline(0.1, 0.2)
    assert milliseconds(0.3) >= deadline(0.1, 0.2)
    assert milliseconds(0.3) >= deadline(0.2, 0.1)
    assert milliseconds(0.299) < deadline(0.1, 0.2)


@pytest.mark.parametrize("start", [0, 1000, 10**6, EPOCH])
def test_whole_milliseconds_are_exact_on_clocks_of_any_size(start: int) -> None:
    """A lifetime of n ms is over n ms later and not one ms before, however the binary fractions fall."""
    generator = random.Random(start)
    for _ in range(3000):
        begin = start * 1000 + generator.randrange(1000)
        length = generator.choice([1, 2, 3, 7, 10, 100, 300, 333, 999, 1001, 59_999, 3_600_000])
        end = deadline(begin / 1000, length / 1000)
        assert end == begin + length
        assert milliseconds((begin + length) / 1000) >= end
        assert milliseconds((begin + length - 1) / 1000) < end


@pytest.mark.parametrize("start", [0, 10**6, EPOCH])
def test_nothing_ends_early_and_nothing_lives_a_millisecond_too_long(start: int) -> None:
    generator = random.Random(start)
    for _ in range(3000):
        begin = start + Fraction(generator.randrange(10**6), 10**6)
        length = Fraction(generator.randrange(1, 10**7), 10**6)
        end = deadline(float(begin), float(length))
        exact = (begin + length) * 1000
        assert exact - Fraction(1, 1000) <= end < exact + 1
        assert end == math.ceil(exact)


@pytest.mark.parametrize("start", [0.0, 0.1, 1e6 + 0.7, EPOCH + 0.3])
@pytest.mark.parametrize("ttl", [0.1, 0.3, 0.7, 1.1, 2.675, timedelta(milliseconds=700)])
def test_a_table_keeps_to_the_deadline_on_clocks_of_any_size(start: float, ttl: Any) -> None:
    clock = ManualClock(start)
    table = ets.SetTable[str, int](ttl=ttl, clock=clock)
    table.insert("a", 1)
    length = ttl if isinstance(ttl, timedelta) else timedelta(seconds=ttl)
    clock.advance(length - timedelta(milliseconds=1))
    assert "a" in table
    clock.advance(0.001)
    assert "a" not in table


def test_many_small_steps_meet_the_deadline_exactly() -> None:
    clock = ManualClock(EPOCH)
    table = ets.SetTable[str, int](ttl=100, clock=clock)
    table.insert("a", 1)
    for _ in range(999):
        clock.advance(0.1)
    assert "a" in table
    clock.advance(0.099)
    assert "a" in table
    clock.advance(0.001)
    assert "a" not in table


# -- ManualClock ------------------------------------------------------------------------------------------------------


def test_a_manual_clock_stands_still_until_it_is_told_to_move() -> None:
    clock = ManualClock()
    assert (clock(), clock(), clock()) == (0.0, 0.0, 0.0)
    assert ManualClock(5)() == 5.0
    assert ManualClock(-3.5)() == -3.5
    assert type(ManualClock(5)()) is float
    assert repr(ManualClock(1.5)) == "ManualClock(1.5)"


def test_advance_moves_by_and_advance_to_moves_to() -> None:
    clock = ManualClock(10)
    assert clock.advance(2.5) == 12.5 == clock()
    assert clock.advance(timedelta(seconds=1)) == 13.5 == clock()
    assert clock.advance_to(20) == 20.0 == clock()
    assert clock.advance(0) == 20.0
    assert clock.advance_to(20) == 20.0
    assert clock.advance(timedelta(0)) == 20.0


def test_small_steps_add_up_exactly() -> None:
    clock = ManualClock()
    for _ in range(1000):
        clock.advance(0.1)
    assert clock() == 100.0
    assert ManualClock(0.1).advance(0.2) == 0.3


def test_a_nanosecond_is_the_smallest_step() -> None:
    clock = ManualClock()
    assert clock.advance(1e-9) == 1e-9
    assert clock.advance(1e-10) == 1e-9


@pytest.mark.parametrize("step", [-1, -0.001, timedelta(seconds=-1), math.nan, math.inf, -math.inf])
def test_advance_never_goes_back_or_nowhere(step: Any) -> None:
    clock = ManualClock(10)
    with pytest.raises(ValueError, match=r"advance\(|finite"):
        clock.advance(step)
    assert clock() == 10.0


@pytest.mark.parametrize("moment", [9.999, 0, -5, math.nan, math.inf, -math.inf])
def test_advance_to_never_goes_back_or_nowhere(moment: float) -> None:
    clock = ManualClock(10)
    with pytest.raises(ValueError, match=r"advance_to\(|finite"):
        clock.advance_to(moment)
    assert clock() == 10.0


@pytest.mark.parametrize("value", ["1", None, True, 1j, [1], Fraction(1, 2)])
def test_a_manual_clock_takes_numbers_only(value: Any) -> None:
    clock = ManualClock(10)
    for verb in (clock.advance, clock.advance_to, ManualClock):
        with pytest.raises(TypeError, match="seconds"):
            verb(value)
    assert clock() == 10.0


def test_a_manual_clock_needs_a_finite_start() -> None:
    with pytest.raises(ValueError, match="start must be a finite number"):
        ManualClock(math.nan)


def in_threads(function: Callable[[], Any], count: int = 4) -> None:
    threads = [threading.Thread(target=function, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def test_no_step_of_any_thread_is_lost() -> None:
    clock = ManualClock()

    def work() -> None:
        for _ in range(1000):
            clock.advance(0.001)

    in_threads(work)
    assert clock() == 4.0


def test_no_thread_ever_sees_the_clock_go_back() -> None:
    clock = ManualClock()
    wrong: list[tuple[float, float]] = []

    def work() -> None:
        before = clock()
        for step in range(1000):
            try:
                clock.advance_to(before + 0.001)
            except ValueError:
                clock.advance(0.001)  # another thread was faster
            now = clock()
            if now < before or step < 0:
                wrong.append((before, now))
            before = now

    in_threads(work)
    assert wrong == []
