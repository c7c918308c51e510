"""Cache: every verb, and by name what must not happen (the ids are those of the defects of earlier designs)."""

from __future__ import annotations

import gc
import math
import threading
import time
import warnings
import weakref
from datetime import timedelta
from typing import Any

import pytest

from noex import Cache, CacheStats, ets
from noex.errors import LoadDeadlock, TableClosed, TableExists, UnhashableKey
from noex.testing import ManualClock


def make(**options: Any) -> tuple[Cache[Any, Any], ManualClock]:
    clock = ManualClock()
    return Cache(clock=clock, store=ets.Store(), **options), clock


def keys_of(cache: Cache[Any, Any]) -> set[Any]:
    return {key for key, _ in cache.to_list()}


class Value:
    """A value that can be watched."""


class Counted:
    """A key that counts how often it is hashed and compared, all of them together."""

    work = 0

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        Counted.work += 1
        return hash(self.number)

    def __eq__(self, other: object) -> bool:
        Counted.work += 1
        return isinstance(other, Counted) and self.number == other.number


# -- making one -------------------------------------------------------------------------------------------------------


def test_a_new_cache_is_empty_and_usable_at_once() -> None:
    """B1-1: nothing has to be started."""
    cache = Cache[str, int]()
    assert len(cache) == 0
    assert cache.to_list() == []
    cache.set("a", 1)
    assert cache.get("a") == 1


def test_a_cache_has_the_name_that_it_was_given() -> None:
    store = ets.Store()
    cache = Cache("pages", store=store)
    assert cache.name == "pages"
    assert store.whereis("pages") is cache
    assert Cache(store=store).name is None


def test_two_caches_never_share_a_name() -> None:
    """B1-1: two caches of one name were two tables over one file."""
    store = ets.Store()
    Cache("pages", store=store)
    with pytest.raises(TableExists, match="pages"):
        Cache("pages", store=store)
    with pytest.raises(TableExists, match="pages"):
        ets.SetTable("pages", store=store)


def test_two_caches_are_isolated() -> None:
    first, second = Cache[str, int](), Cache[str, int]()
    first.set("a", 1)
    assert second.get("a") is None
    assert "a" not in second


@pytest.mark.parametrize("option", [{"max_entires": 3}, {"on_evict": print}, {"ttl": 1, "sise": 2}])
def test_an_unknown_option_is_a_type_error(option: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        Cache(**option)


def test_options_are_keywords_only() -> None:
    with pytest.raises(TypeError):
        Cache("pages", 60)  # type: ignore[misc]


@pytest.mark.parametrize("max_entries", [0, -1, -(10**30)])
def test_zero_or_negative_max_entries_never_means_unlimited_and_never_hangs(max_entries: int) -> None:
    """B2-8, B2-9, B2-20."""
    with pytest.raises(ValueError, match=f"max_entries must be 1 or more, not {max_entries}"):
        Cache(max_entries=max_entries)


@pytest.mark.parametrize("max_entries", [math.nan, math.inf, 10.0, True, False, "10", [3]])
def test_max_entries_that_is_no_int_is_never_taken(max_entries: Any) -> None:
    """B2-8: NaN meant unlimited."""
    with pytest.raises(TypeError, match="max_entries must be an int"):
        Cache(max_entries=max_entries)


BAD_TTLS: list[tuple[Any, type[Exception]]] = [
    (0, ValueError),
    (0.0, ValueError),
    (-1, ValueError),
    (-0.5, ValueError),
    (math.nan, ValueError),
    (math.inf, ValueError),
    (-math.inf, ValueError),
    (timedelta(0), ValueError),
    (timedelta(seconds=-1), ValueError),
    (True, TypeError),
    (False, TypeError),
    ("60", TypeError),
    ([60], TypeError),
    (60j, TypeError),
]


@pytest.mark.parametrize(("ttl", "error"), BAD_TTLS)
def test_a_bad_ttl_is_never_taken(ttl: Any, error: type[Exception]) -> None:
    """B1-3, B2-21: NaN never expired, None expired at once, a string was appended."""
    with pytest.raises(error, match="ttl"):
        Cache(ttl=ttl)
    cache, _ = make(ttl=10)
    cache.set("a", 1)
    with pytest.raises(error, match="ttl"):
        cache.set("a", 2, ttl=ttl)
    assert cache.get("a") == 1
    cache._check()


@pytest.mark.parametrize(("ttl", "error"), BAD_TTLS)
def test_get_or_set_with_a_bad_ttl_never_calls_the_factory(ttl: Any, error: type[Exception]) -> None:
    """B1-3: arguments are looked at before anything happens."""
    cache, _ = make()
    calls: list[int] = []
    before = cache.stats()
    with pytest.raises(error, match="ttl"):
        cache.get_or_set("a", lambda: calls.append(1), ttl=ttl)
    assert calls == []
    assert cache.stats() == before


def test_lengths_of_time_may_be_given_as_timedelta() -> None:
    cache, clock = make(ttl=timedelta(minutes=1))
    cache.set("a", 1)
    cache.set("b", 2, ttl=timedelta(milliseconds=1500))
    clock.advance(1.499)
    assert "b" in cache
    clock.advance(0.001)
    assert "b" not in cache
    clock.advance_to(59.999)
    assert "a" in cache
    clock.advance_to(60)
    assert "a" not in cache


def test_only_policies_that_exist_are_taken() -> None:
    assert Cache(policy="lru").get("a") is None
    with pytest.raises(ValueError, match="'lru'"):
        Cache(policy="mru")  # type: ignore[arg-type]


@pytest.mark.parametrize("clock", [0, "now", object()])
def test_a_clock_that_cannot_be_called_is_refused(clock: Any) -> None:
    with pytest.raises(TypeError, match="clock"):
        Cache(clock=clock)


def test_a_refused_cache_leaves_its_name_free() -> None:
    store = ets.Store()
    with pytest.raises(ValueError, match="max_entries"):
        Cache("pages", max_entries=0, store=store)
    assert store.whereis("pages") is None
    assert store.tables() == []


# -- set and get ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["text", "", 42, 0, 2.5, True, False, None, {"a": [1]}, [1, 2], [], (), b"", print])
def test_what_is_set_is_got_and_is_the_same_object(value: object) -> None:
    cache = Cache[str, object](max_entries=3)
    cache.set("a", value)
    assert cache.get("a", "absent") is value
    assert "a" in cache


def test_what_is_absent_is_none_or_the_default() -> None:
    cache = Cache[str, int]()
    assert cache.get("a") is None
    assert cache.get("a", 7) == 7
    assert cache.get("a", default=None) is None


def test_overwriting_keeps_one_entry() -> None:
    cache = Cache[str, int]()
    cache.set("a", 1)
    cache.set("a", 2)
    assert cache.get("a") == 2
    assert len(cache) == 1


def test_none_as_a_value_is_never_taken_for_a_miss() -> None:
    """B1-8, B2-12: an empty value could not be told from a miss, and was computed again each time."""
    cache = Cache[str, object]()
    cache.set("a", None)
    assert cache.get("a", "default") is None
    assert "a" in cache
    assert (cache.stats().hits, cache.stats().misses) == (1, 0)
    assert cache.get_or_set("a", lambda: pytest.fail("called")) is None


@pytest.mark.parametrize("sentinel", [ets.MISSING, ets.DEFAULT, ets.DELETE], ids=repr)
def test_the_sentinels_of_noex_are_values_like_any_other(sentinel: object) -> None:
    cache = Cache[str, object]()
    cache.set("a", sentinel)
    assert cache.get("a", "absent") is sentinel
    assert cache.get_or_set("a", lambda: pytest.fail("called")) is sentinel


@pytest.mark.parametrize("key", [1, 2.5, "", b"x", None, True, ("user", 1), frozenset({1}), Counted(3), int], ids=repr)
def test_a_key_is_anything_that_has_a_hash(key: Any) -> None:
    """B1-6: keys were strings only."""
    cache = Cache[Any, str](max_entries=2)
    cache.set(key, "here")
    assert cache.get(key) == "here"
    assert key in cache
    assert cache.delete(key) is True
    cache._check()


def test_keys_that_are_equal_are_one_key() -> None:
    cache = Cache[Any, str](max_entries=5)
    cache.set(1, "int")
    cache.set(1.0, "float")
    cache.set(Counted(1), "counted")
    assert cache.get(True) == "float"
    assert cache.get(Counted(1)) == "counted"
    assert len(cache) == 2


def test_a_key_without_a_hash_is_refused_by_every_verb_and_changes_nothing() -> None:
    cache: Cache[Any, int] = Cache("pages", max_entries=2, store=ets.Store())
    before = cache.stats()
    for verb in (
        lambda: cache.get([]),
        lambda: cache.set([], 1),
        lambda: cache.delete([]),
        lambda: [] in cache,
        lambda: cache.get_or_set([], lambda: pytest.fail("called")),
    ):
        with pytest.raises(UnhashableKey, match="'pages'"):
            verb()
    assert cache.stats() == before


def test_the_methods_work_detached_from_the_cache() -> None:
    """B2-15: `getOrSet` broke when it was taken off its object."""
    cache = Cache[str, int]()
    get_or_set, get = cache.get_or_set, cache.get
    assert get_or_set("a", lambda: 1) == 1
    assert get("a") == 1


def test_many_entries_are_all_there() -> None:
    cache = Cache[int, int]()
    for number in range(100):
        cache.set(number, number * number)
    assert len(cache) == 100
    assert [cache.get(number) for number in range(100)] == [number * number for number in range(100)]


# -- lifetimes --------------------------------------------------------------------------------------------------------


def test_an_entry_with_a_ttl_lives_until_then() -> None:
    cache, clock = make()
    cache.set("a", 1, ttl=0.1)
    clock.advance(0.05)
    assert cache.get("a") == 1
    clock.advance(0.06)
    assert cache.get("a") is None


def test_an_entry_is_never_live_at_its_deadline() -> None:
    """B1-10: expired when now >= deadline, in every verb."""
    cache, clock = make(ttl=10, max_entries=2)
    cache.set("a", 1)
    clock.advance(9.999)
    assert (cache.get("a"), "a" in cache, len(cache), keys_of(cache)) == (1, True, 1, {"a"})
    clock.advance(0.001)
    assert (cache.get("a"), "a" in cache, keys_of(cache)) == (None, False, set())
    assert (len(cache), cache.stats().size) == (0, 0)


@pytest.mark.parametrize("start", [0.0, 0.7, 1e6, 1_700_000_000.123])
@pytest.mark.parametrize("ttl", [0.001, 0.1, 0.3, 1 / 3, 2.675])
def test_no_sum_of_fractions_ends_an_entry_early_or_a_millisecond_late(start: float, ttl: float) -> None:
    """B1-7: the deadline is worked out once, in whole milliseconds."""
    clock = ManualClock(start)
    cache: Cache[str, int] = Cache(clock=clock)
    cache.set("a", 1, ttl=ttl)
    clock.advance(math.floor(ttl * 1000) / 1000 - 0.000_01)
    assert "a" in cache
    clock.advance_to(math.ceil((start + ttl) * 1000 - 0.001) / 1000)
    assert "a" not in cache


def test_the_default_ttl_counts_where_none_is_given() -> None:
    cache, clock = make(ttl=10)
    cache.set("a", 1)
    cache.set("b", 1, ttl=ets.DEFAULT)
    clock.advance(10)
    assert ("a" in cache, "b" in cache) == (False, False)


def test_without_a_ttl_an_entry_has_no_end() -> None:
    cache, clock = make()
    cache.set("a", 1)
    cache.set("b", 1, ttl=None)
    cache.set("c", 1, ttl=ets.DEFAULT)
    clock.advance(1e9)
    assert len(cache) == 3


def test_an_explicit_ttl_beats_the_default() -> None:
    cache, clock = make(ttl=10)
    cache.set("short", 1, ttl=5)
    cache.set("long", 1, ttl=20)
    clock.advance(5)
    assert ("short" in cache, "long" in cache) == (False, True)
    clock.advance(14.999)
    assert "long" in cache
    clock.advance(0.001)
    assert "long" not in cache


def test_an_explicit_none_beats_the_default() -> None:
    """B1-3: null expired after a millisecond."""
    cache, clock = make(ttl=10)
    cache.set("a", 1, ttl=None)
    clock.advance(1e9)
    assert cache.get("a") == 1


def test_overwriting_starts_the_lifetime_anew() -> None:
    cache, clock = make(ttl=10)
    cache.set("a", 1)
    clock.advance(9)
    cache.set("a", 2)
    clock.advance(9)
    assert cache.get("a") == 2
    cache.set("a", 3, ttl=None)
    clock.advance(1e6)
    assert cache.get("a") == 3
    cache.set("a", 4, ttl=1)
    clock.advance(1)
    assert cache.get("a") is None
    cache._check()


def test_reading_never_extends_a_lifetime() -> None:
    cache, clock = make(ttl=10)
    cache.set("a", 1)
    for _ in range(9):
        clock.advance(1)
        assert cache.get("a") == 1
        assert cache.get_or_set("a", lambda: 2) == 1
    clock.advance(1)
    assert cache.get("a") is None


def test_the_date_never_ends_an_entry_or_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """B1-2: lifetimes hung on the wall clock."""
    cache = Cache[str, int](ttl=3600)
    cache.set("a", 1)
    for date in (0.0, 4e9):
        monkeypatch.setattr(time, "time", lambda date=date: date)
        assert cache.get("a") == 1


def test_expires_in_and_touch_tell_and_give_a_lifetime() -> None:
    cache, clock = make(ttl=10)
    cache.set("a", 1)
    clock.advance(4)
    assert cache.expires_in("a") == 6
    assert cache.touch("a") is True
    assert cache.expires_in("a") == 10
    assert cache.touch("b") is False
    clock.advance(10)
    assert cache.touch("a") is False
    assert cache.get("a") is None


def test_an_expired_entry_that_was_written_anew_is_never_reclaimed() -> None:
    """B1-9: a check for expiry and the removal after it took the fresh entry away."""
    cache, clock = make(ttl=10)
    cache.set("a", "old")
    clock.advance(10)
    cache.set("a", "new", ttl=10)
    assert cache.sweep() == 0
    clock.advance(9)
    assert cache.get("a") == "new"
    assert cache.stats().expirations == 1
    cache._check()


def test_expired_entries_that_nobody_asks_for_never_pile_up() -> None:
    """B1-13, B4-2: they stayed for ever. Each write reclaims a few."""
    cache, clock = make(ttl=1)
    values = weakref.WeakSet[Value]()
    for number in range(1000):
        clock.advance(0.1)
        values.add(value := Value())
        cache.set(number, value)
    gc.collect()
    assert len(values) <= 20


# -- eviction ---------------------------------------------------------------------------------------------------------


def fill(cache: Cache[Any, Any], keys: str, **options: Any) -> None:
    for key in keys:
        cache.set(key, key.upper(), **options)


def test_the_least_recently_used_goes_first() -> None:
    cache, _ = make(max_entries=3)
    fill(cache, "abc")
    assert cache.get("a") == "A"
    cache.set("d", "D")
    assert keys_of(cache) == {"a", "c", "d"}


def test_writing_is_a_use() -> None:
    cache, _ = make(max_entries=3)
    fill(cache, "abca")
    cache.set("d", "D")
    assert keys_of(cache) == {"a", "c", "d"}


def test_the_pattern_of_uses_decides_who_goes() -> None:
    cache, _ = make(max_entries=3)
    fill(cache, "abc")
    for key in "acaba":
        cache.get(key)
    cache.set("d", "D")
    assert keys_of(cache) == {"a", "b", "d"}


def test_a_hit_of_get_or_set_is_a_use() -> None:
    cache, _ = make(max_entries=2)
    fill(cache, "ab")
    cache.get_or_set("a", lambda: "never")
    cache.get_or_set("c", lambda: "C")
    assert keys_of(cache) == {"a", "c"}


def test_reading_is_never_without_effect_on_who_goes() -> None:
    """B2-6, B2-11: what was called LRU was first in, first out."""
    cache, _ = make(max_entries=2)
    fill(cache, "ab")
    for _ in range(3):
        cache.get("a")
    cache.set("c", "C")
    assert keys_of(cache) == {"a", "c"}


def test_overwriting_at_capacity_never_evicts() -> None:
    """B2-4: setting a key that was there threw another one out."""
    cache, _ = make(max_entries=3)
    fill(cache, "abc")
    for key in "abcabc":
        cache.set(key, "new")
    assert keys_of(cache) == {"a", "b", "c"}
    assert cache.stats().evictions == 0


def test_a_live_entry_never_goes_while_an_expired_one_stands() -> None:
    """B2-5: live entries were evicted while expired ones stood."""
    cache, clock = make(max_entries=3)
    cache.set("old", 1)
    cache.set("short", 2, ttl=1)
    cache.set("new", 3)
    cache.get("short")
    clock.advance(1)
    cache.set("newest", 4)
    assert keys_of(cache) == {"old", "new", "newest"}
    assert (cache.stats().evictions, cache.stats().expirations) == (0, 1)
    cache.set("one more", 5)
    assert keys_of(cache) == {"new", "newest", "one more"}
    assert (cache.stats().evictions, cache.stats().expirations) == (1, 1)


def test_expired_go_before_live_even_when_a_long_queue_of_them_is_due() -> None:
    """B2-5: bounded work per write, and still no live entry goes."""
    cache, clock = make(max_entries=100)
    for number in range(50):
        cache.set(("live", number), 1)
    for number in range(50):
        cache.set(("short", number), 1, ttl=1)
    clock.advance(1)
    for number in range(50):
        cache.set(("new", number), 1)
        cache._check()
    stats = cache.stats()
    assert (stats.size, stats.evictions, stats.expirations) == (100, 0, 50)


def test_expired_go_before_live_even_behind_what_was_deleted_before_its_time() -> None:
    """B2-5: what a write looks through first may all be gone already."""
    cache, clock = make(max_entries=2)
    cache.set("live", 1)
    for number in range(9):
        cache.set(number, 1, ttl=1)
        cache.delete(number)
    cache.set("short", 1, ttl=2)
    clock.advance(2)
    cache.set("new", 1)
    assert keys_of(cache) == {"live", "new"}
    assert (cache.stats().evictions, cache.stats().expirations) == (0, 1)


def test_recency_is_never_a_time_of_the_clock() -> None:
    """B2-10: uses within one tick were told apart by chance, and a clock that stepped back turned them round."""
    cache, _ = make(max_entries=3, ttl=60)  # the clock stands still
    fill(cache, "abc")
    for key in "cab":
        cache.get(key)
    for new, gone in zip("def", "cab", strict=True):
        cache.set(new, new)
        assert gone not in cache


def test_recency_survives_a_clock_that_goes_back() -> None:
    """B2-10."""
    now = [100.0]
    cache: Cache[str, str] = Cache(max_entries=2, clock=lambda: now[0])
    cache.set("a", "A")
    now[0] = 50.0
    cache.set("b", "B")
    cache.set("c", "C")
    assert keys_of(cache) == {"b", "c"}


def test_evicting_never_scans() -> None:
    """B2-7, B2-19: each insert at capacity looked at every entry."""
    cache: Cache[Counted, int] = Cache(max_entries=500)
    keys = [Counted(number) for number in range(1000)]
    for key in keys[:500]:
        cache.set(key, 0)
    Counted.work = 0
    for key in keys[500:]:
        cache.set(key, 0)
    assert Counted.work <= 500 * 6
    assert cache.stats().evictions == 500
    cache._check()


def test_a_cache_of_one_entry_works() -> None:
    cache, _ = make(max_entries=1)
    fill(cache, "abc")
    assert keys_of(cache) == {"c"}
    assert cache.stats().evictions == 2


def test_a_deleted_entry_makes_room() -> None:
    cache, _ = make(max_entries=2)
    fill(cache, "ab")
    assert cache.delete("a")
    cache.set("c", "C")
    assert keys_of(cache) == {"b", "c"}
    assert cache.stats().evictions == 0


# -- in, delete, clear, sweep, len ------------------------------------------------------------------------------------


def test_in_tells_live_absent_and_expired_apart() -> None:
    cache, clock = make()
    cache.set("live", 1)
    cache.set("short", 1, ttl=1)
    clock.advance(1)
    assert ("live" in cache, "absent" in cache, "short" in cache) == (True, False, False)


def test_in_never_counts_and_never_touches() -> None:
    """B2-23: asking whether a key is there is neither a hit nor a use."""
    cache, _ = make(max_entries=2)
    fill(cache, "ab")
    assert "a" in cache
    assert "x" not in cache
    assert (cache.stats().hits, cache.stats().misses) == (0, 0)
    cache.set("c", "C")
    assert "a" not in cache


def test_delete_tells_whether_there_was_one() -> None:
    cache = Cache[str, int](max_entries=2)
    cache.set("a", 1)
    assert cache.delete("a") is True
    assert cache.delete("a") is False
    assert cache.get("a") is None
    assert len(cache) == 0


def test_delete_of_an_expired_entry_is_never_true() -> None:
    """B1-11."""
    cache, clock = make(ttl=1)
    cache.set("a", 1)
    clock.advance(1)
    assert cache.delete("a") is False
    assert cache.stats().expirations == 1


def test_clear_empties_and_the_statistics_go_on() -> None:
    cache, clock = make(max_entries=3)
    fill(cache, "ab")
    cache.set("short", 1, ttl=1)
    cache.get("a")
    cache.get("x")
    clock.advance(1)
    assert cache.clear() == 2
    assert cache.clear() == 0
    assert cache.stats() == CacheStats(0, 3, 1, 1, 0.5, 0, 1, 0, 0)
    fill(cache, "abc")
    cache.set("d", "D")
    assert keys_of(cache) == {"b", "c", "d"}
    cache._check()


def test_len_never_counts_what_has_expired() -> None:
    """B1-12."""
    cache, clock = make()
    for number in range(20):
        cache.set(number, number, ttl=number + 1)
    for left in range(20, 0, -1):
        assert len(cache) == left == len(cache.to_list())
        clock.advance(1)
    assert len(cache) == 0


def test_sweep_reclaims_what_has_expired_and_tells_how_many() -> None:
    cache, clock = make(max_entries=100)
    for number in range(10):
        cache.set(number, number, ttl=1)
    cache.set("live", 1)
    assert cache.sweep() == 0
    clock.advance(1)
    assert cache.sweep() == 10
    assert cache.sweep() == 0
    assert len(cache) == 1
    assert cache.stats().expirations == 10


def test_sweep_never_has_to_do_all_at_once() -> None:
    """B2-16: cleaning up scanned the whole table in one go."""
    cache, clock = make(ttl=1)
    for number in range(10):
        cache.set(number, number)
    clock.advance(1)
    assert cache.sweep(3) == 3
    assert cache.sweep(0) == 0
    assert cache.sweep() == 7
    with pytest.raises(ValueError, match="limit"):
        cache.sweep(-1)
    with pytest.raises(TypeError, match="limit"):
        cache.sweep("all")  # type: ignore[arg-type]


def test_no_thread_and_no_timer_is_ever_started() -> None:
    """B2-1, B2-2, B2-3: timers leaked, kept the process alive, and raised where nobody could catch it."""
    before = threading.enumerate()
    cache = Cache[str, int](ttl=60, max_entries=10)
    cache.set("a", 1)
    cache.get_or_set("b", lambda: 2)
    assert threading.enumerate() == before


# -- statistics -------------------------------------------------------------------------------------------------------


def test_a_new_cache_has_counted_nothing() -> None:
    assert Cache(max_entries=5).stats() == CacheStats(
        size=0,
        max_entries=5,
        hits=0,
        misses=0,
        hit_ratio=0.0,
        evictions=0,
        expirations=0,
        loads=0,
        load_failures=0,
    )
    assert Cache().stats().max_entries is None


def test_hits_and_misses_make_the_ratio() -> None:
    cache = Cache[str, int]()
    cache.set("a", 1)
    for key in "axx":
        cache.get(key)
    stats = cache.stats()
    assert (stats.hits, stats.misses) == (1, 2)
    assert stats.hit_ratio == 1 / 3


def test_the_ratio_of_hits_alone_is_one() -> None:
    cache = Cache[str, int]()
    cache.set("a", 1)
    cache.get("a")
    assert cache.stats().hit_ratio == 1.0


def test_expired_is_a_miss_and_counts_once_as_expired() -> None:
    cache, clock = make(ttl=1, max_entries=5)
    cache.set("a", 1)
    clock.advance(1)
    for _ in range(3):
        assert cache.get("a") is None
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.expirations, stats.evictions) == (0, 3, 1, 0)
    cache.set("a", 2)
    assert cache.stats().expirations == 1


def test_expirations_that_nobody_has_reclaimed_are_never_left_out() -> None:
    """B2-17: the statistics are exact whatever was reclaimed so far."""
    cache, clock = make(ttl=1, max_entries=50)
    values = weakref.WeakSet[Value]()
    for number in range(30):
        values.add(value := Value())
        cache.set(number, value)
    clock.advance(1)
    assert len(values) == 30
    stats = cache.stats()
    assert (stats.size, stats.expirations) == (0, 30)


@pytest.mark.parametrize("reclaim", ["set", "delete", "len", "sweep", "clear", "stats", "get_or_set"])
def test_an_expiration_is_counted_once_whoever_reclaims_it(reclaim: str) -> None:
    cache, clock = make(ttl=1, max_entries=2)
    cache.set("a", 1)
    cache.set("b", 1)
    clock.advance(1)
    match reclaim:
        case "set":
            cache.set("a", 2)
        case "delete":
            cache.delete("a")
        case "len":
            assert len(cache) == 0
        case "sweep":
            cache.sweep(1)
        case "clear":
            assert cache.clear() == 0
        case "stats":
            cache.stats()
        case _:
            cache.get_or_set("a", lambda: 2)
    assert (cache.stats().expirations, cache.stats().evictions) == (2, 0)


def test_statistics_are_a_snapshot_that_cannot_be_changed() -> None:
    cache = Cache[str, int]()
    stats = cache.stats()
    cache.get("a")
    assert stats.misses == 0
    with pytest.raises(AttributeError):
        stats.misses = 5  # type: ignore[misc]


# -- get_or_set -------------------------------------------------------------------------------------------------------


def test_a_hit_calls_no_factory() -> None:
    cache = Cache[str, int]()
    cache.set("a", 1)
    assert cache.get_or_set("a", lambda: pytest.fail("called")) == 1
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.loads) == (1, 0, 0)


def test_a_miss_calls_the_factory_once_and_keeps_what_it_made() -> None:
    cache = Cache[str, int]()
    calls: list[int] = []

    def factory() -> int:
        calls.append(1)
        return 42

    assert cache.get_or_set("a", factory) == 42
    assert cache.get_or_set("a", factory) == 42
    assert cache.get("a") == 42
    assert calls == [1]
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.loads, stats.load_failures) == (2, 1, 1, 0)


def test_get_or_set_takes_a_ttl() -> None:
    cache, clock = make(ttl=10)
    cache.get_or_set("default", lambda: 1)
    cache.get_or_set("short", lambda: 1, ttl=1)
    cache.get_or_set("never", lambda: 1, ttl=None)
    clock.advance(1)
    assert keys_of(cache) == {"default", "never"}
    clock.advance(9)
    assert keys_of(cache) == {"never"}


def test_the_factory_is_called_again_after_expiry() -> None:
    cache, clock = make(ttl=10)
    values = iter([1, 2])
    assert cache.get_or_set("a", lambda: next(values)) == 1
    clock.advance(9.999)
    assert cache.get_or_set("a", lambda: next(values)) == 1
    clock.advance(0.001)
    assert cache.get_or_set("a", lambda: next(values)) == 2
    assert cache.stats().loads == 2


def test_a_lifetime_never_starts_before_the_value_is_there() -> None:
    """B2-13: the time that loading took was taken off the lifetime."""
    cache, clock = make(ttl=10)
    cache.get_or_set("a", lambda: clock.advance(60))
    clock.advance(9.999)
    assert "a" in cache
    clock.advance(0.001)
    assert "a" not in cache


def test_none_from_a_factory_is_never_loaded_twice() -> None:
    """B2-12."""
    cache = Cache[str, object](max_entries=2)
    assert cache.get_or_set("a", lambda: None) is None
    assert cache.get_or_set("a", lambda: pytest.fail("called")) is None
    assert cache.stats().loads == 1


def test_an_exception_is_never_cached() -> None:
    """B2-13: a failure was served for the whole lifetime."""
    cache = Cache[str, int](ttl=60)

    def fail() -> int:
        raise ConnectionError("no answer")

    for _ in range(2):
        with pytest.raises(ConnectionError, match="no answer"):
            cache.get_or_set("a", fail)
    assert "a" not in cache
    assert cache.get_or_set("a", lambda: 1) == 1
    stats = cache.stats()
    assert (stats.loads, stats.load_failures, stats.misses, stats.size) == (3, 2, 3, 1)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, StopIteration])
def test_whatever_a_factory_raises_comes_through_and_leaves_the_key_free(error: type[BaseException]) -> None:
    cache = Cache[str, int]()

    def fail() -> int:
        raise error

    with pytest.raises(error):
        cache.get_or_set("a", fail)
    assert cache.stats().load_failures == 1
    assert cache.get_or_set("a", lambda: 1) == 1


def test_a_failed_load_never_keeps_its_exception_alive() -> None:
    """Neither the cache nor a circle of references holds what the factory's frames held."""
    cache = Cache[str, int]()

    class Big:
        pass

    def fail() -> int:
        big = Big()
        kept.append(weakref.ref(big))
        raise ConnectionError

    kept: list[weakref.ref[Big]] = []
    gc.disable()
    try:
        with pytest.raises(ConnectionError) as caught:
            cache.get_or_set("a", fail)
        del caught
        assert kept[0]() is None
    finally:
        gc.enable()


def test_a_coroutine_is_never_cached() -> None:
    """B2-13: the promise was stored in place of its value. Refused, and closed, so that nothing warns."""
    cache: Cache[str, Any] = Cache("pages", store=ets.Store())

    async def factory() -> int:
        return 1

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TypeError, match=r"'a' of the cache table 'pages' returned a coroutine.*await"):
            cache.get_or_set("a", factory)
        gc.collect()
    assert "a" not in cache
    stats = cache.stats()
    assert (stats.loads, stats.load_failures) == (1, 1)
    assert cache.get_or_set("a", lambda: 1) == 1


@pytest.mark.parametrize("factory", [None, 42, "value"])
def test_a_factory_that_cannot_be_called_is_refused_on_a_hit_too(factory: Any) -> None:
    cache = Cache[str, int]()
    with pytest.raises(TypeError, match="function"):
        cache.get_or_set("a", factory)
    cache.set("a", 1)
    with pytest.raises(TypeError, match="function"):
        cache.get_or_set("a", factory)
    assert cache.stats().misses == cache.stats().hits == 0


def test_re_entry_on_the_same_key_never_hangs() -> None:
    """A load that asks for its own key can never end: LoadDeadlock, which names it, and the key is free again."""
    cache: Cache[str, int] = Cache("pages", store=ets.Store())

    def factory() -> int:
        return cache.get_or_set("a", lambda: 1)

    with pytest.raises(LoadDeadlock, match=r"'a' of the cache table 'pages'"):
        cache.get_or_set("a", factory)
    assert "a" not in cache
    assert cache.get_or_set("a", lambda: 2) == 2


def test_re_entry_by_an_equal_key_never_hangs() -> None:
    cache = Cache[Any, int]()
    with pytest.raises(LoadDeadlock):
        cache.get_or_set(1, lambda: cache.get_or_set(1.0, lambda: 1))
    with pytest.raises(LoadDeadlock):
        cache.get_or_set(Counted(1), lambda: cache.get_or_set(Counted(1), lambda: 1))


def test_re_entry_through_other_keys_and_caches_never_hangs() -> None:
    first, second = Cache[str, int](), Cache[str, int]()
    with pytest.raises(LoadDeadlock):
        first.get_or_set(
            "a", lambda: second.get_or_set("a", lambda: first.get_or_set("b", lambda: first.get_or_set("a", int)))
        )
    assert len(first) == len(second) == 0


def test_re_entry_on_another_key_works() -> None:
    cache = Cache[int, int]()

    def fibonacci(n: int) -> int:
        if n < 2:
            return n
        return cache.get_or_set(n - 1, lambda: fibonacci(n - 1)) + cache.get_or_set(n - 2, lambda: fibonacci(n - 2))

    assert cache.get_or_set(40, lambda: fibonacci(40)) == 102334155
    assert cache.stats().loads == 41


def test_a_factory_may_use_the_cache_and_what_is_set_meanwhile_stays() -> None:
    cache = Cache[str, int](max_entries=3)

    def factory() -> int:
        assert cache.get("a") is None
        assert "a" not in cache
        cache.set("a", 1)
        cache.set("b", 2)
        cache.delete("b")
        return 3

    assert cache.get_or_set("a", factory) == 3
    assert cache.get("a") == 1
    cache._check()


def test_a_key_that_is_deleted_while_it_is_loaded_is_not_kept() -> None:
    """Whoever deletes it knows that what is being loaded may be out of date."""
    cache = Cache[str, int](max_entries=3)
    assert cache.get_or_set("a", lambda: int(cache.delete("a")) + 10) == 10
    assert keys_of(cache) == set()
    assert cache.get_or_set("a", lambda: int(cache.delete("b")) + 20) == 20
    assert keys_of(cache) == {"a"}
    assert cache.stats().loads == 2


def test_a_cache_that_is_cleared_while_it_loads_stays_clear() -> None:
    cache = Cache[str, int](max_entries=3)
    cache.set("b", 1)
    assert cache.get_or_set("a", lambda: cache.clear() + 10) == 11
    assert keys_of(cache) == set()
    assert cache.get_or_set("a", lambda: 12) == 12
    assert keys_of(cache) == {"a"}


def test_a_value_too_many_evicts_as_any_write_does() -> None:
    cache, _ = make(max_entries=2)
    for key in "abc":
        cache.get_or_set(key, str)
    assert keys_of(cache) == {"b", "c"}
    assert cache.stats().evictions == 1


# -- closing ----------------------------------------------------------------------------------------------------------


def test_closing_is_final_and_may_be_repeated() -> None:
    """B1 "close": it can be called twice, and every verb after it says so."""
    store = ets.Store()
    with Cache[str, int]("pages", ttl=10, max_entries=3, store=store) as cache:
        cache.set("a", 1)
    cache.close()
    assert cache.closed
    assert store.whereis("pages") is None
    for verb in (
        lambda: cache.get("a"),
        lambda: cache.set("a", 1),
        lambda: cache.delete("a"),
        lambda: "a" in cache,
        lambda: len(cache),
        cache.clear,
        cache.sweep,
        cache.stats,
        lambda: cache.get_or_set("a", lambda: pytest.fail("called")),
        cache.info,
        cache.to_list,
    ):
        with pytest.raises(TableClosed, match="pages"):
            verb()
    assert "closed" in repr(cache)


def test_closing_the_store_closes_the_cache() -> None:
    with ets.Store() as store:
        cache = Cache[str, int](store=store)
    assert cache.closed


def test_a_cache_closed_by_its_factory_says_so() -> None:
    cache = Cache[str, int]()

    def factory() -> int:
        cache.close()
        return 1

    with pytest.raises(TableClosed):
        cache.get_or_set("a", factory)


def test_the_repr_tells_name_and_size() -> None:
    cache: Cache[str, int] = Cache("pages", store=ets.Store())
    cache.set("a", 1)
    assert repr(cache) == "<Cache 'pages' engine='memory' size=1>"


def test_info_tells_what_it_is() -> None:
    cache: Cache[str, int] = Cache("pages", ttl=60, store=ets.Store())
    cache.set("a", 1)
    info = cache.info()
    assert (info.name, info.kind, info.engine, info.size, info.ttl) == ("pages", "cache", "memory", 1, 60.0)


# -- hostile keys, values and clocks ----------------------------------------------------------------------------------


class Probe:
    """Runs a function in another thread and tells whether it came back: whether this thread holds a lock."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.answers: list[bool] = []

    def __call__(self) -> None:
        thread = threading.Thread(target=self.function, daemon=True)
        thread.start()
        thread.join(2)
        self.answers.append(not thread.is_alive())


class Dying:
    """A value that probes when it is dropped."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe

    def __del__(self) -> None:
        self.probe()


@pytest.mark.parametrize(
    "drop", ["evict", "expire at capacity", "stats", "len", "sweep", "overwrite", "delete", "clear"]
)
def test_evil_values_are_never_dropped_under_a_lock(drop: str) -> None:
    """A value's `__del__` may wait for another thread that uses a table."""
    cache, clock = make(max_entries=2)
    other = Cache[str, int]()
    probe = Probe(lambda: other.set("a", 1))
    cache.set("plain", 1)
    cache.set("dying", Dying(probe), ttl=10)
    match drop:
        case "evict":
            cache.get("plain")
            cache.set("new", 1)
        case "expire at capacity":
            cache.delete("dying")
            for number in range(9):  # what a write looks through before it commits, and more
                cache.set(number, 1, ttl=1)
                cache.delete(number)
            cache.set("dying", Dying(probe), ttl=10)
            clock.advance(10)
            cache.set("new", 1)
        case "stats":
            clock.advance(10)
            cache.stats()
        case "len":
            clock.advance(10)
            len(cache)
        case "sweep":
            clock.advance(10)
            cache.sweep()
        case "overwrite":
            cache.set("dying", 1)
        case "delete":
            cache.delete("dying")
        case _:
            cache.clear()
    assert probe.answers
    assert all(probe.answers)


def test_evil_clocks_are_never_read_under_a_lock() -> None:
    other = Cache[str, int]()
    probe = Probe(lambda: other.set("a", 1))
    now = [0.0]

    def clock() -> float:
        probe()
        return now[0]

    cache: Cache[str, int] = Cache(ttl=10, max_entries=2, clock=clock)
    cache.set("a", 1)
    cache.set("b", 1)
    cache.set("c", 1)
    cache.get("c")
    assert "b" in cache
    len(cache)
    cache.delete("b")
    cache.stats()
    cache.sweep()
    cache.get_or_set("d", lambda: 1)
    now[0] = 10
    cache.stats()
    cache.clear()
    assert all(probe.answers)


def test_evil_keys_that_raise_change_nothing() -> None:
    class Evil:
        angry = False

        def __hash__(self) -> int:
            return 1

        def __eq__(self, other: object) -> bool:
            if Evil.angry:
                raise ZeroDivisionError
            return self is other

    cache = Cache[Any, int](max_entries=2)
    first = Evil()
    cache.set(first, 1)
    Evil.angry = True
    for verb in (
        lambda: cache.get(Evil()),
        lambda: cache.set(Evil(), 1),
        lambda: cache.delete(Evil()),
        lambda: Evil() in cache,
        lambda: cache.get_or_set(Evil(), lambda: pytest.fail("called")),
    ):
        with pytest.raises(ZeroDivisionError):
            verb()
    Evil.angry = False
    cache._check()
    stats = cache.stats()
    assert (stats.size, stats.hits, stats.misses) == (1, 0, 0)
    assert cache.get(first) == 1


def test_evil_keys_that_write_to_the_cache_from_their_comparison_do_no_harm() -> None:
    cache = Cache[Any, int](max_entries=3)

    class Evil:
        writes = 0

        def __hash__(self) -> int:
            return 1

        def __eq__(self, other: object) -> bool:
            if Evil.writes > 0:
                Evil.writes -= 1
                cache.set(Evil(), 9)
                cache.delete("x")
                cache.set("x", 8)
            return self is other

    for number in range(20):
        Evil.writes = 5
        cache.set(Evil(), number)
        cache.get(Evil())
        cache._check()
        assert len(cache) <= 3
