"""The native cache against the pure one: same answers, same errors, same statistics, the same entry goes.

`NOEX_TEST_LONG=1` runs many more.
"""

from __future__ import annotations

import gc
import math
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from noex import ets
from noex.testing import ManualClock

from ._kernels import both_kernels, native_kernel
from ._twins import outcome_of

EVERYDAY = settings(max_examples=60, stateful_step_count=40)
LONG = settings(EVERYDAY, max_examples=2000, stateful_step_count=80)
long_run = pytest.mark.skipif(os.environ.get("NOEX_TEST_LONG") != "1", reason="NOEX_TEST_LONG=1 runs it")


class Foreign:
    """A key whose hash and `==` are Python code; many have one hash. It is equal to its number, too."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        return hash(self.number % 3)

    def __eq__(self, other: object) -> bool:
        return self.number == (other.number if isinstance(other, Foreign) else other)

    def __repr__(self) -> str:
        return f"Foreign({self.number})"


class Fragile(Foreign):
    """A key that cannot be compared with any but itself."""

    def __hash__(self) -> int:
        return hash(self.number % 3)

    def __eq__(self, other: object) -> bool:
        raise ArithmeticError("this key is not compared")


class Unhashable(Foreign):
    """A key whose hash raises."""

    def __hash__(self) -> int:
        raise LookupError("this key is not hashed")


class Stale:
    """Whether something is out of date, and what happens when that is asked."""

    def __init__(self, *answers: Any, deed: Callable[[], object] = bool) -> None:
        self.answers = list(answers)
        self.deed = deed

    @property
    def stale(self) -> Any:
        self.deed()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Refused(Exception):
    """What a factory raises."""


NAN = math.nan
PLAIN: list[Any] = [None, True, 0, 1, 1.0, "", "a", "b", b"a", 2**70, (), (1,), (True,), ("a", (1.0, None)), NAN, -1, 2]
FOREIGN: list[Any] = [Foreign(0), Foreign(1), Foreign(1), Foreign(3), Decimal(1), (Foreign(1),), frozenset({1}), 1j]
HOSTILE: list[Any] = [[], (1, []), Unhashable(1), Fragile(1), Fragile(3), {}]


def one_of(*keys: Any) -> st.SearchStrategy[Any]:
    """Return one of them; Hypothesis itself would compare them."""
    return st.integers(0, len(keys) - 1).map(lambda number: keys[number])


TTLS = st.sampled_from([None, ets.DEFAULT, 1, 2.5, 0.1, timedelta(milliseconds=700), 1e-9, 1e12])
BAD_TTLS = st.sampled_from([0, -1, NAN, math.inf, True, "1", [], Decimal(1), 2**2000])
STEPS = st.sampled_from([0, 0.001, 0.1, 0.7, 1, 2, 5])
VALUES = st.sampled_from([None, 0, 1, "a", [], (1,), ets.DEFAULT, ets.MISSING])


class CacheTwins(RuleBasedStateMachine):
    """A cache of each kernel; both do the same."""

    keys: Any = one_of(*PLAIN)

    @initialize(
        ttl=st.sampled_from([None, None, 1, 2]),
        max_entries=st.sampled_from([None, 1, 2, 3, 5, 2**70]),
        start=st.sampled_from([0.0, 0.3, 1e9]),
        name=st.sampled_from([None, "pages"]),
    )
    def begin(self, ttl: Any, max_entries: int | None, start: float, name: str | None) -> None:
        self.clock = ManualClock(start)
        self.max_entries = max_entries
        self.caches = [
            kernel.new("cache", name=name, ttl=ttl, max_entries=max_entries, clock=self.clock, store=ets.Store())
            for kernel in both_kernels()
        ]

    def same(self, call: Callable[[Any], Any]) -> None:
        """Do the same to both, and compare what came of it."""
        pure, native = (outcome_of(lambda cache=cache: call(cache)) for cache in self.caches)
        assert native == pure

    @invariant()
    def both_are_whole(self) -> None:
        for cache in getattr(self, "caches", ()):
            cache._check()

    @rule(seconds=STEPS)
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(data=st.data(), value=VALUES, ttl=TTLS)
    def set(self, data: st.DataObject, value: Any, ttl: Any) -> None:
        key = data.draw(self.keys)
        self.same(lambda cache: cache.set(key, value, ttl=ttl))
        self.same(lambda cache: cache.to_list())

    @rule(data=st.data(), value=VALUES)
    def set_as_the_cache_does(self, data: st.DataObject, value: Any) -> None:
        key = data.draw(self.keys)
        self.same(lambda cache: cache.set(key, value))

    @rule(data=st.data(), ttl=BAD_TTLS)
    def set_for_no_time(self, data: st.DataObject, ttl: Any) -> None:
        key = data.draw(self.keys)
        self.same(lambda cache: cache.set(key, 1, ttl=ttl))
        self.same(lambda cache: cache.touch(key, ttl))
        self.same(lambda cache: cache.get_or_set(key, list, ttl=ttl))

    @rule(data=st.data(), default=VALUES)
    def get(self, data: st.DataObject, default: Any) -> None:
        key = data.draw(self.keys)
        self.same(lambda cache: cache.get(key))
        self.same(lambda cache: cache.get(key, default))
        self.same(lambda cache: cache.get(default=default, key=key))

    @rule(data=st.data())
    def look_without_use(self, data: st.DataObject) -> None:
        key = data.draw(self.keys)
        self.same(lambda cache: key in cache)
        self.same(lambda cache: cache._peek(key))
        self.same(lambda cache: cache.expires_in(key))

    @rule(data=st.data(), ttl=TTLS)
    def touch(self, data: st.DataObject, ttl: Any) -> None:
        key = data.draw(self.keys)
        self.same(lambda cache: cache.touch(key, ttl))

    @rule(data=st.data())
    def persist(self, data: st.DataObject) -> None:
        key = data.draw(self.keys)
        self.same(lambda cache: cache.persist(key))

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        key = data.draw(self.keys)
        self.same(lambda cache: cache.delete(key))

    @rule(
        data=st.data(),
        value=VALUES,
        ttl=TTLS,
        answers=st.sampled_from([(False, False), (True,), (0, 0), ("yes",), (Refused("no"),)]),
    )
    def add(self, data: st.DataObject, value: Any, ttl: Any, answers: tuple[Any, ...]) -> None:
        key = data.draw(self.keys)
        self.same(lambda cache: cache._add(key, value, ttl, unless=Stale(*answers)))

    @rule(data=st.data(), value=VALUES, ttl=TTLS, seconds=STEPS)
    def get_or_set(self, data: st.DataObject, value: Any, ttl: Any, seconds: float) -> None:
        key, other = data.draw(self.keys), data.draw(self.keys)
        before = self.clock()

        def load(cache: Any) -> Any:
            self.clock.set(before + seconds)
            cache.set(other, "by the way")
            return value

        def run(cache: Any) -> Any:
            self.clock.set(before)
            return cache.get_or_set(key, lambda: load(cache), ttl=ttl)

        self.same(run)

    @rule(data=st.data(), removal=st.sampled_from(["delete", "clear", "raise"]))
    def get_or_set_in_vain(self, data: st.DataObject, removal: str) -> None:
        key = data.draw(self.keys)

        def load(cache: Any) -> int:
            if removal == "raise":
                raise Refused("no")
            return cache.delete(key) if removal == "delete" else cache.clear()  # type: ignore[no-any-return]

        self.same(lambda cache: cache.get_or_set(key, lambda: load(cache)))

    @rule(limit=st.sampled_from([None, 0, -1, 1.5]))
    def sweep(self, limit: Any) -> None:
        self.same(lambda cache: cache.sweep(limit))

    @rule()
    def clear(self) -> None:
        self.same(lambda cache: cache.clear())

    @rule()
    def everything(self) -> None:
        self.same(lambda cache: cache.to_list())
        self.same(len)
        self.same(lambda cache: cache._counts())
        self.same(lambda cache: cache.stats())
        self.same(lambda cache: cache.fold(lambda total, key, value: [*total, value], []))
        self.same(lambda cache: cache.count(lambda key, value: value is None))
        self.same(lambda cache: cache.select(limit=2))

    @rule()
    def wrong_calls(self) -> None:
        for verb in ("get", "set", "delete", "_peek", "_count_load", "_counts"):
            for arguments, options in [((), {}), ((1,) * 4, {}), ((1, 1), {"nothing": 1}), ((1,), {"key": 1})]:
                calls = [partial(getattr(cache, verb), *arguments, **options) for cache in self.caches]
                pure, native = (outcome_of(call).partition(":")[0] for call in calls)
                assert native == pure, (verb, arguments, options)

    def teardown(self) -> None:
        """Compare everything once more, and then who would go, in order; and what a closed one says."""
        if hasattr(self, "caches"):
            self.everything()
            for number in range(min(self.max_entries or 2, 6)):
                self.same(lambda cache, number=number: cache.set(f"last {number}", number, ttl=None))
                self.everything()
            self.both_are_whole()
            self.same(lambda cache: cache.close())
            for verb in (
                lambda cache: cache.get("a"),
                lambda cache: cache.get(Foreign(1)),
                lambda cache: cache.set("a", 1),
                lambda cache: cache.delete("a"),
                lambda cache: cache.clear(),
                lambda cache: cache.stats(),
                lambda cache: cache.sweep(),
                lambda cache: cache.touch("a"),
                lambda cache: "a" in cache,
                lambda cache: cache.to_list(),
                lambda cache: cache.get_or_set("a", list),
                len,
            ):
                self.same(verb)


class ForeignCacheTwins(CacheTwins):
    """Keys of all sorts."""

    keys = one_of(*FOREIGN, *FOREIGN, *PLAIN)


class HostileCacheTwins(CacheTwins):
    """Keys of all sorts, and some that can be none."""

    keys = one_of(*FOREIGN, *PLAIN, *HOSTILE, *HOSTILE)


TestPlainKeys = CacheTwins.TestCase
TestPlainKeys.settings = EVERYDAY
TestForeignKeys = ForeignCacheTwins.TestCase
TestForeignKeys.settings = EVERYDAY
TestHostileKeys = HostileCacheTwins.TestCase
TestHostileKeys.settings = EVERYDAY


@long_run
@pytest.mark.slow
class TestPlainKeysAtLength(CacheTwins.TestCase):  # type: ignore[misc,name-defined]
    settings = LONG


@long_run
@pytest.mark.slow
class TestForeignKeysAtLength(ForeignCacheTwins.TestCase):  # type: ignore[misc,name-defined]
    settings = LONG


# -- what the pure kernel need not show -------------------------------------------------------------------------------


@pytest.fixture
def new() -> Callable[..., Any]:
    """Make native caches."""
    kernel = native_kernel()
    return lambda **options: kernel.new("cache", store=ets.Store(), **options)


class Value:
    """A value that can be watched, and does something when it goes."""

    def __init__(self, deed: Callable[[], object] = bool) -> None:
        self.deed = deed

    def __del__(self) -> None:
        self.deed()


@pytest.mark.parametrize("make_key", [int, Foreign], ids=["plain", "foreign"])
@pytest.mark.parametrize("max_entries", [None, 4])
def test_values_go_when_their_entries_do(new: Any, max_entries: int | None, make_key: Callable[[int], Any]) -> None:
    clock = ManualClock()
    cache = new(max_entries=max_entries, clock=clock)
    gone: list[int] = []

    def put(number: int, ttl: Any = None) -> None:
        cache.set(make_key(number), Value(lambda: gone.append(number)), ttl=ttl)

    put(1)
    cache.set(make_key(1), None)
    assert gone == [1]
    put(2)
    cache.delete(make_key(2))
    assert gone == [1, 2]
    put(3, ttl=1)
    clock.advance(1)
    cache.sweep()
    assert gone == [1, 2, 3]
    put(4)
    cache.clear()
    assert gone == [1, 2, 3, 4]
    put(5)
    if max_entries is not None:
        for number in range(10, 10 + max_entries):
            cache.set(make_key(number), None)
        assert gone == [1, 2, 3, 4, 5]
    put(6)
    cache.close()
    assert gone[-1] == 6


@pytest.mark.parametrize("max_entries", [None, 1, 3])
def test_evil_finalizers_of_what_goes_use_the_cache(new: Any, max_entries: int | None) -> None:
    clock = ManualClock()
    cache = new(max_entries=max_entries, clock=clock, ttl=5)
    struck = []

    def strike() -> None:
        number = len(struck)
        if number < 3000:
            struck.append(number)
            cache.set(number % 5, number)
            cache.get(number % 7)
            cache.delete(number % 3)
            cache._check()

    for number in range(1500):
        cache.set(number % 6, Value(strike), ttl=None if number % 3 else 2)
        cache.get(number % 6)
        if number % 4 == 0:
            cache.delete(number % 6)
        if number % 50 == 0:
            clock.advance(1)
        if number % 200 == 0:
            cache.clear()
        cache._check()
    assert len(struck) > 500


def test_evil_keys_that_use_the_cache_while_they_are_compared(new: Any) -> None:
    cache = new(max_entries=3)
    deeds: Iterator[int] = iter(range(10_000))

    class Evil:
        def __init__(self, number: int) -> None:
            self.number = number

        def __hash__(self) -> int:
            return self.number % 2

        def __eq__(self, other: object) -> bool:
            step = next(deeds)
            if step % 3 == 0:
                cache.set(step % 5, step)
            elif step % 5 == 0:
                cache.delete(step % 5)
            elif step % 7 == 0:
                cache.clear()
            return isinstance(other, Evil) and self.number == other.number

    for number in range(300):
        cache.set(Evil(number % 4), number)
        cache.get(Evil(number % 3))
        cache.delete(Evil(number % 5))
        cache._check()
        assert len(cache) <= 3


def test_what_is_deleted_while_its_freshness_is_asked_is_not_kept(new: Any) -> None:
    """Nobody comes between the look at `stale` and the write."""
    cache = new(max_entries=3)
    for removal in (lambda: cache.delete("a"), cache.clear):
        stale = Stale(False, True, deed=removal)
        assert cache._add("a", 1, None, unless=stale) is False
        assert stale.answers == []
    assert len(cache) == 0
    assert cache._add("a", 1, None, unless=Stale(False, deed=lambda: cache.set("b", 1))) is True


def test_a_cache_in_a_circle_of_its_own_is_collected(new: Any) -> None:
    cache = new(max_entries=3)
    cache.set("me", cache)
    cache.set(Foreign(1), [cache])
    watch = weakref.ref(cache)
    del cache
    gc.collect()
    assert watch() is None


def test_memory_counts_what_a_limit_costs(new: Any) -> None:
    bounded, unbounded = new(max_entries=1000), new()
    for cache in (bounded, unbounded):
        for number in range(1000):
            cache.set(number, None)
    assert 48 <= (bounded._memory() - unbounded._memory()) / 1000 <= 80


def test_racy_lookups_and_writes_are_counted_exactly(new: Any) -> None:
    cache = new(max_entries=50)
    rounds, count = 20_000, 4
    start = threading.Barrier(count)

    def work(thread: int) -> None:
        start.wait()
        for number in range(rounds):
            key = (number * 7 + thread) % 100
            if cache.get(key) is None:
                cache.set(key, number)

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cache._check()
    stats = cache.stats()
    assert stats.hits + stats.misses == rounds * count
    assert stats.size == 50
