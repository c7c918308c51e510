"""What type checkers know of the recipes. Checked by mypy and pyright; never run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, assert_type

from noex import (
    MISSING,
    Cache,
    CacheStats,
    Counters,
    Leaderboard,
    Metrics,
    RateCounter,
    Session,
    SessionStats,
    SessionStore,
    Standing,
    ets,
)
from noex.testing import ManualClock


def caches(clock: ManualClock) -> None:
    cache = Cache[str, int]("pages", ttl=timedelta(minutes=5), max_entries=1000, store=ets.Store(), clock=clock)
    assert_type(cache, Cache[str, int])
    assert_type(cache.get("a"), int | None)
    assert_type(cache.get("a", 0), int)
    assert_type(cache.get("a", "none"), int | str)
    assert_type(cache.get("a", default=b""), int | bytes)
    assert_type(cache.get_or_set("a", lambda: 1), int)
    assert_type(cache.get_or_set("a", lambda: 1, ttl=None), int)
    cache.set("a", 1)
    cache.set("a", 1, ttl=60)
    assert_type(cache.delete("a"), bool)
    assert_type("a" in cache, bool)
    assert_type(len(cache), int)
    assert_type(cache.clear(), int)
    assert_type(cache.sweep(), int)

    stats = cache.stats()
    assert_type(stats, CacheStats)
    assert_type(stats.size, int)
    assert_type(stats.max_entries, int | None)
    assert_type(stats.hits, int)
    assert_type(stats.misses, int)
    assert_type(stats.hit_ratio, float)
    assert_type(stats.evictions, int)
    assert_type(stats.expirations, int)
    assert_type(stats.loads, int)
    assert_type(stats.load_failures, int)

    with Cache[str, int]() as opened:
        assert_type(opened, Cache[str, int])

    cache.set("a", "1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    cache.get_or_set("a", lambda: "1")  # type: ignore[arg-type,return-value]  # pyright: ignore[reportArgumentType]
    Cache[str, int](size=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Cache[str, int](policy="random")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def cached_none() -> None:
    answers = Cache[str, int | None]()
    assert_type(answers.get("a"), int | None)
    assert_type(answers.get("a", MISSING) is MISSING, bool)


def sessions() -> None:
    store = SessionStore("sessions", idle_timeout=1800, absolute_timeout=timedelta(hours=8), store=ets.Store())
    token = store.create("ada", {"theme": "dark"})
    assert_type(token, str)
    session = store.get(token, touch=False)
    assert_type(session, Session | None)
    if session is not None:
        assert_type(session.id, str)
        assert_type(session.created_at, float)
        session.id = "other"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
        session.data["theme"] = "light"  # type: ignore[index]  # pyright: ignore[reportIndexIssue]
    assert_type(store.update(token, {"theme": "light"}), bool)
    assert_type(store.touch(token), bool)
    assert_type(store.rotate(token), str | None)
    assert_type(store.destroy(token), bool)
    assert_type(store.sessions_of("ada"), list[Session])
    assert_type(store.destroy_all_of("ada"), int)
    assert_type(store.sweep(), int)
    assert_type(len(store), int)

    stats = store.stats()
    assert_type(stats, SessionStats)
    assert_type(stats.active, int)
    assert_type(stats.created, int)
    assert_type(stats.expired, int)
    assert_type(stats.destroyed, int)

    with SessionStore() as opened:
        assert_type(opened, SessionStore)


def counters() -> None:
    counts = Counters[str]("counts", store=ets.Store())
    assert_type(counts.increment("a"), int | float)
    assert_type(counts.increment("a", 2.5), int | float)
    assert_type(counts.decrement("a"), int | float)
    assert_type(counts.get("a"), int | float)
    assert_type(counts.reset("a"), int | float)
    assert_type(counts.clear(), int)
    assert_type(counts.items(), list[tuple[str, int | float]])
    assert_type(counts.total(), int | float)
    assert_type(len(counts), int)
    with Counters[tuple[str, int]]() as opened:
        assert_type(opened, Counters[tuple[str, int]])
        assert_type(opened.increment(("a", 1)), int | float)

    counts.increment(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    counts.increment("a", "1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def rates(clock: ManualClock) -> None:
    hits = RateCounter[str](60, 12, clock=clock)
    hits.increment("a")
    hits.increment("a", 2)
    assert_type(hits.count("a"), float)
    assert_type(hits.per_second("a"), float)
    assert_type(hits.top(3), list[tuple[str, float]])
    assert_type(hits.keys(), list[str])
    assert_type(hits.sweep(), int)
    assert_type(len(hits), int)
    with RateCounter[str]() as opened:
        assert_type(opened, RateCounter[str])

    hits.increment(b"a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def leaderboards() -> None:
    board = Leaderboard[str](mode="sum", history=5, keep=100)
    assert_type(board.submit("ada", 1), Standing[str])
    assert_type(board.score("ada"), int | float | None)
    assert_type(board.rank("ada"), int | None)
    assert_type(board.top(), list[Standing[str]])
    assert_type(board.top(3)[0].rank, int)
    assert_type(board.top(3)[0].player, str)
    assert_type(board.top(3)[0].score, int | float)
    assert_type(board.around("ada", 2), list[Standing[str]])
    assert_type(board.history("ada"), list[int | float])
    assert_type(board.remove("ada"), bool)
    assert_type(len(board), int)
    for rank, player, score in board.top():
        assert_type((rank, player, score), tuple[int, str, int | float])
    with Leaderboard[int]() as opened:
        assert_type(opened, Leaderboard[int])
        assert_type(opened.top()[0].player, int)

    board.submit(1, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Leaderboard[str](mode="worst")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def metrics() -> None:
    collected = Metrics("app", store=ets.Store())
    labels: dict[str, str] = {"method": "GET"}
    collected.increment("requests", 1, labels)
    collected.set_gauge("temperature", 21.5)
    collected.add_gauge("in_flight", -1, labels)
    collected.observe("seconds", 0.1, labels, buckets=(0.1, 1))
    assert_type(collected.to_prometheus(), str)
    with Metrics() as opened:
        assert_type(opened, Metrics)

    collected.increment("requests", 1, {"status": 200})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]


def tables_inside_take_any_value(store: ets.Store) -> None:
    # `Any` in, `Any` out: where nothing is said, nothing is claimed.
    cache: Cache[str, Any] = Cache(store=store)
    assert_type(cache.get("a"), Any | None)
