"""Cache against a plain model, by random verbs: what it holds, who has to go, and every statistic, exactly.

`NOEX_TEST_LONG=1` runs many more.
"""

from __future__ import annotations

import math
import os
from collections import OrderedDict
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from noex import Cache, CacheStats, ets
from noex.testing import ManualClock

EVERYDAY = settings(max_examples=100, stateful_step_count=50)
LONG = settings(EVERYDAY, max_examples=2000, stateful_step_count=80)
long_run = pytest.mark.skipif(os.environ.get("NOEX_TEST_LONG") != "1", reason="NOEX_TEST_LONG=1 runs it")

KEYS = st.integers(0, 7)
VALUES = st.one_of(st.none(), st.integers(-2, 2), st.sampled_from(["", "a", ets.MISSING, ets.DEFAULT]))
LIFETIMES = st.sampled_from([None, 1, 2, 2.5, 0.1, 0.3, timedelta(milliseconds=700)])
TTLS = st.just(ets.DEFAULT) | LIFETIMES
STEPS = st.sampled_from([0, 0.001, 0.1, 0.2, 0.7, 1, 2, 5])


class LoadError(Exception):
    """What a factory raises."""


class Model:
    """What a cache is, in the plainest words: an OrderedDict in the order of use, deadlines in whole milliseconds."""

    def __init__(self, clock: ManualClock, ttl: Any, max_entries: int | None) -> None:
        self.clock = clock
        self.ttl = ttl
        self.max_entries = max_entries
        self.rows: OrderedDict[int, tuple[Any, float]] = OrderedDict()
        self.hits = self.misses = self.evictions = self.expirations = self.loads = self.load_failures = 0

    def milliseconds(self) -> int:
        return round(self.clock() * 1000)

    def purge(self) -> None:
        due = [key for key, (_, deadline) in self.rows.items() if self.milliseconds() >= deadline]
        self.expirations += len(due)
        for key in due:
            del self.rows[key]

    def deadline(self, ttl: Any) -> float:
        if ttl is ets.DEFAULT:
            ttl = self.ttl
        if ttl is None:
            return math.inf
        length = ttl.total_seconds() if isinstance(ttl, timedelta) else ttl
        return self.milliseconds() + round(length * 1000)

    def get(self, key: int, default: Any) -> Any:
        self.purge()
        if key not in self.rows:
            self.misses += 1
            return default
        self.hits += 1
        self.rows.move_to_end(key)
        return self.rows[key][0]

    def set(self, key: int, value: Any, ttl: Any) -> None:
        self.purge()
        self.rows[key] = (value, self.deadline(ttl))
        self.rows.move_to_end(key)
        if self.max_entries is not None and len(self.rows) > self.max_entries:
            self.rows.popitem(last=False)
            self.evictions += 1

    def stats(self) -> CacheStats:
        self.purge()
        asked = self.hits + self.misses
        return CacheStats(
            size=len(self.rows),
            max_entries=self.max_entries,
            hits=self.hits,
            misses=self.misses,
            hit_ratio=self.hits / asked if asked else 0.0,
            evictions=self.evictions,
            expirations=self.expirations,
            loads=self.loads,
            load_failures=self.load_failures,
        )


class CacheMachine(RuleBasedStateMachine):
    """All verbs, on a clock that the machine turns; keys are plain integers."""

    def key(self, number: int) -> Any:
        """Return the key for a number: another object each time, where it can be."""
        return number

    def number(self, key: Any) -> int:
        """Return the number of a key."""
        return int(key)

    @initialize(ttl=LIFETIMES, max_entries=st.sampled_from([None, 1, 2, 3, 5]), start=st.sampled_from([0.0, 0.3, 1e9]))
    def begin(self, ttl: Any, max_entries: int | None, start: float) -> None:
        self.clock = ManualClock(start)
        self.cache: Cache[Any, Any] = Cache(ttl=ttl, max_entries=max_entries, clock=self.clock, store=ets.Store())
        self.model = Model(self.clock, ttl, max_entries)

    @invariant()
    def the_structures_are_whole(self) -> None:
        """Nothing else is looked at, so that no verb is called that would tidy up."""
        if hasattr(self, "cache"):
            self.cache._check()

    @rule(seconds=STEPS)
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(number=KEYS, value=VALUES, ttl=TTLS)
    def set(self, number: int, value: Any, ttl: Any) -> None:
        self.model.set(number, value, ttl)
        self.cache.set(self.key(number), value, ttl=ttl)

    @rule(number=KEYS, default=VALUES)
    def get(self, number: int, default: Any) -> None:
        assert self.cache.get(self.key(number), default) is self.model.get(number, default)

    @rule(number=KEYS)
    def contains(self, number: int) -> None:
        self.model.purge()
        assert (self.key(number) in self.cache) is (number in self.model.rows)

    @rule(number=KEYS)
    def delete(self, number: int) -> None:
        self.model.purge()
        assert self.cache.delete(self.key(number)) is (self.model.rows.pop(number, None) is not None)

    @rule(number=KEYS, ttl=TTLS)
    def touch(self, number: int, ttl: Any) -> None:
        """A read follows, for whether touching alone is a use is nobody's business."""
        self.model.purge()
        there = number in self.model.rows
        assert self.cache.touch(self.key(number), ttl) is there
        if there:
            self.model.rows[number] = (self.model.rows[number][0], self.model.deadline(ttl))
            self.get(number, None)

    @rule(number=KEYS)
    def expires_in(self, number: int) -> None:
        self.model.purge()
        left = self.cache.expires_in(self.key(number))
        _, deadline = self.model.rows.get(number, (None, math.inf))
        if deadline == math.inf:
            assert left is None
        else:
            assert left == pytest.approx(deadline / 1000 - self.clock(), abs=1e-5)

    @rule(number=KEYS, value=VALUES, ttl=TTLS)
    def get_or_set(self, number: int, value: Any, ttl: Any) -> None:
        expected = self.model.get(number, self)
        if expected is self:
            self.model.loads += 1
            self.model.set(number, value, ttl)
            expected = value
        assert self.cache.get_or_set(self.key(number), lambda: value, ttl=ttl) is expected

    @rule(number=KEYS)
    def get_or_set_that_fails(self, number: int) -> None:
        def fail() -> Any:
            raise LoadError

        expected = self.model.get(number, self)
        if expected is not self:
            assert self.cache.get_or_set(self.key(number), fail) is expected
            return
        self.model.loads += 1
        self.model.load_failures += 1
        with pytest.raises(LoadError):
            self.cache.get_or_set(self.key(number), fail)

    @rule(outer=KEYS, inner=KEYS, seconds=STEPS)
    def get_or_set_that_loads_another_key_and_takes_its_time(self, outer: int, inner: int, seconds: float) -> None:
        if outer == inner:
            return

        def load() -> str:
            self.clock.advance(seconds)
            self.cache.get_or_set(self.key(inner), lambda: "inner")
            return "outer"

        expected = self.model.get(outer, self)
        if expected is self:
            before = self.clock()
            assert self.cache.get_or_set(self.key(outer), load) == "outer"
            assert self.clock() >= before
            self.model.loads += 1
            if self.model.get(inner, self) is self:
                self.model.loads += 1
                self.model.set(inner, "inner", ets.DEFAULT)
            self.model.set(outer, "outer", ets.DEFAULT)
        else:
            assert self.cache.get_or_set(self.key(outer), load) is expected

    @rule(number=KEYS, ttl=st.sampled_from([0, -1, math.nan, math.inf, True, "1"]))
    def a_bad_ttl(self, number: int, ttl: Any) -> None:
        for verb in (
            lambda: self.cache.set(self.key(number), 1, ttl=ttl),
            lambda: self.cache.get_or_set(self.key(number), lambda: 1, ttl=ttl),
        ):
            with pytest.raises((ValueError, TypeError)):
                verb()

    @rule(limit=st.sampled_from([None, 0, 1, 3]))
    def sweep(self, limit: int | None) -> None:
        swept = self.cache.sweep(limit)
        assert limit is None or swept <= limit
        if limit is None:
            assert self.cache.sweep() == 0

    @precondition(lambda self: len(self.model.rows) > 2)
    @rule()
    def clear(self) -> None:
        self.model.purge()
        assert self.cache.clear() == len(self.model.rows)
        self.model.rows.clear()

    @rule()
    def size(self) -> None:
        self.model.purge()
        assert len(self.cache) == len(self.model.rows)

    @rule()
    def everything(self) -> None:
        self.model.purge()
        found = {self.number(key): value for key, value in self.cache.to_list()}
        assert found == {key: value for key, (value, _) in self.model.rows.items()}

    @rule()
    def stats(self) -> None:
        assert self.cache.stats() == self.model.stats()

    def teardown(self) -> None:
        """Compare everything once more, and then who would go, in order."""
        if hasattr(self, "cache"):
            self.everything()
            self.stats()
            if self.model.max_entries is not None:
                for number in range(self.model.max_entries):
                    self.set(100 + number, None, None)
                    self.everything()
            self.the_structures_are_whole()
            self.cache.close()


class Key:
    """A key whose hash and comparison are Python code; many have the same hash."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        return self.number % 2

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self.number == other.number

    def __repr__(self) -> str:
        return f"Key({self.number})"


class ForeignKeysMachine(CacheMachine):
    """The same with keys that only Python code can compare."""

    def key(self, number: int) -> Any:
        return Key(number)

    def number(self, key: Any) -> int:
        return int(key.number)


class MixedKeysMachine(CacheMachine):
    """The same with plain keys and others side by side; some of each have one hash."""

    def key(self, number: int) -> Any:
        return (number, Key(number), (number, "plain"), (Key(number), "foreign"))[number % 4]

    def number(self, key: Any) -> int:
        first = key[0] if isinstance(key, tuple) else key
        return int(first.number if isinstance(first, Key) else first)


class TestCache(CacheMachine.TestCase):  # type: ignore[misc, name-defined]
    settings = EVERYDAY


class TestCacheOfForeignKeys(ForeignKeysMachine.TestCase):  # type: ignore[misc, name-defined]
    settings = EVERYDAY


class TestCacheOfMixedKeys(MixedKeysMachine.TestCase):  # type: ignore[misc, name-defined]
    settings = EVERYDAY


@long_run
@pytest.mark.slow
class TestCacheAtLength(CacheMachine.TestCase):  # type: ignore[misc, name-defined]
    settings = LONG


@long_run
@pytest.mark.slow
class TestCacheOfForeignKeysAtLength(ForeignKeysMachine.TestCase):  # type: ignore[misc, name-defined]
    settings = LONG
