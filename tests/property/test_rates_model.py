"""RateCounter against a list of all events and exact fractions."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from noex.rates import RateCounter
from noex.testing import ManualClock

KEYS = st.sampled_from(["a", "b", "c"])
SHAPES = st.sampled_from([(60.0, 60), (1.0, 10), (0.3, 3), (10.0, 1), (7.0, 3), (1.0, 7)])
STARTS = st.sampled_from([0, 1, 807_249_601, 1_700_000_000])


class RatesModel(RuleBasedStateMachine):
    @initialize(shape=SHAPES, start=STARTS)
    def begin(self, shape: tuple[float, int], start: int) -> None:
        window, buckets = shape
        self.clock = ManualClock(start)
        self.rates = RateCounter[str](window, buckets, clock=self.clock)
        self.window = Fraction(str(window))
        self.width = self.window / buckets
        self.start = self.now = Fraction(start)
        self.events: list[tuple[Fraction, str, Fraction]] = []

    @rule(steps=st.integers(0, 130), part=st.sampled_from([0, 1, 2, 3]))
    def advance(self, steps: int, part: int) -> None:
        """Move by quarters of a bucket, on whole microseconds, as clocks in this test are exact to those."""
        length = self.width * steps / 4 if part else self.width * steps
        self.now = Fraction(floor((self.now + length) * 1_000_000), 1_000_000)
        self.clock.advance_to(float(self.now))

    @rule(key=KEYS, amount=st.integers(0, 1000) | st.integers(0, 1000).map(lambda n: n / 8))
    def increment(self, key: str, amount: float) -> None:
        self.rates.increment(key, amount)
        self.events.append((self.now, key, Fraction(amount)))

    def expected(self, key: str) -> Fraction:
        """Spread each bucket's events evenly over it, and add up what lies in the window that ends now."""
        begin = self.now - self.window
        total = Fraction(0)
        for moment, owner, amount in self.events:
            low = floor(moment / self.width) * self.width
            inside = low + self.width - max(low, begin)
            if owner == key and inside > 0:
                total += amount * inside / self.width
        return total

    @invariant()
    def counts_agree(self) -> None:
        if not hasattr(self, "rates"):
            return
        watched = min(self.window, max(self.width, self.now - self.start))
        counts: dict[str, float] = {}
        for key in "abc":
            expected = self.expected(key)
            counts[key] = self.rates.count(key)
            assert counts[key] == pytest.approx(float(expected), rel=1e-9, abs=1e-9)
            assert self.rates.per_second(key) == pytest.approx(float(expected / watched), rel=1e-6, abs=1e-9)
        top = self.rates.top()
        assert dict(top) == {key: count for key, count in counts.items() if count}
        assert [count for _, count in top] == sorted((count for _, count in top), reverse=True)

    @invariant()
    def idle_keys_are_gone_and_others_are_not(self) -> None:
        if not hasattr(self, "rates"):
            return
        keys = self.rates.keys()
        assert len(self.rates) == len(keys)
        for key in "abc":
            moments = [moment for moment, owner, _ in self.events if owner == key]
            if moments and self.now < floor(moments[-1] / self.width) * self.width + self.window + self.width:
                assert key in keys
            elif not moments or self.now >= moments[-1] + self.window + self.width + Fraction(1, 1000):
                assert key not in keys


TestRatesModel = RatesModel.TestCase
TestRatesModel.settings = settings(stateful_step_count=30)
