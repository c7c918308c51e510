"""The recipes of a replay, each driven alone: the same calls as in `Replay.feed`, in the same order and time.

Lines are read beforehand. `TIME` goes through the requests and turns the clock, and nothing else: all others do that
too, so it is taken off each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from noex.cli._access_log import Parser, Rejection
from noex.cli._replay import CACHEABLE, SIZE_BUCKETS, SIZES, Replay

__all__ = ["RECIPES", "TIME", "Request", "requests"]

Request: TypeAlias = tuple[str, int, str, str, int, int]
"""Host, time, method, target, status, size."""

TIME = "loop and clock"


def requests(lines: list[str]) -> list[Request]:
    """Return the requests of the lines that are valid."""
    parse = Parser().parse
    return [request for request in map(parse, lines) if not isinstance(request, Rejection)]


def _in_time(replay: Replay, found: list[Request]) -> Iterator[Request]:
    """Yield the requests, with the clock turned to each."""
    advance_to, now = replay.clock.advance_to, -1
    for request in found:
        if request[1] > now:
            now = request[1]
            advance_to(now)
        yield request


def _nothing(replay: Replay, found: list[Request]) -> None:
    for _ in _in_time(replay, found):
        pass


def _counters(replay: Replay, found: list[Request]) -> None:
    total, by_method, by_status = replay.totals.increment, replay.methods.increment, replay.statuses.increment
    by_minute = replay.minutes.increment
    now = -1
    for _, stamp, method, _, status, size in _in_time(replay, found):
        now = max(now, stamp)
        total("requests")
        total("bytes", size)
        by_method(method)
        by_status(status)
        by_minute(now - now % 60)


def _sessions(replay: Replay, found: list[Request]) -> None:
    token_of, keep_token, by_visitor = replay.tokens.lookup, replay.tokens.insert, replay.visits.increment
    create, touch, sessions = replay.sessions.create, replay.sessions.touch, replay.sessions
    for host, *_ in _in_time(replay, found):
        token = token_of(host)
        if token is None or not touch(token):
            keep_token(host, create(host))
            by_visitor(host)
            len(sessions)


def _cache(replay: Replay, found: list[Request]) -> None:
    cached, store = replay.cache.get, replay.cache.set
    for _, _, method, target, status, size in _in_time(replay, found):
        if method == "GET" and status in CACHEABLE and cached(target) is None:
            store(target, size)


def _leaderboard(replay: Replay, found: list[Request]) -> None:
    score = replay.targets.submit
    for request in _in_time(replay, found):
        score(request[3], 1)


def _rates(replay: Replay, found: list[Request]) -> None:
    rate = replay.rates.increment
    for request in _in_time(replay, found):
        rate(request[3])


def _metrics(replay: Replay, found: list[Request]) -> None:
    observe, buckets = replay.metrics.observe, SIZE_BUCKETS
    replay.metrics.observe(SIZES, 0, buckets=buckets)
    for request in _in_time(replay, found):
        observe(SIZES, request[5], buckets=None)


RECIPES: dict[str, Callable[[Replay, list[Request]], None]] = {
    TIME: _nothing,
    "counters": _counters,
    "sessions": _sessions,
    "cache": _cache,
    "leaderboard": _leaderboard,
    "rates": _rates,
    "metrics": _metrics,
}
