"""The replay: each line of an access log drives every recipe, in the time of the log.

Log time is the largest stamp so far, so it never goes back; a `ManualClock` carries it to the tables. All state is in
the recipes and one table, so memory is bounded by the distinct hosts, targets and minutes, however long the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from secrets import token_bytes
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Self

from noex import ets
from noex.cache import Cache
from noex.cli._access_log import Parser, Rejection
from noex.counters import Counters
from noex.leaderboard import Leaderboard
from noex.metrics import Metrics
from noex.rates import RateCounter
from noex.sessions import SessionStore
from noex.testing import ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from noex.cache import CacheStats
    from noex.typing import Duration

__all__ = ["SIZE_BUCKETS", "Outcome", "RejectedLine", "Replay", "SizeBucket"]

SIZE_BUCKETS: Final = (100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0)
RATE_WINDOW: Final = 60
CACHEABLE: Final = frozenset({200, 206, 304})
SHOWN_REJECTED: Final = 5
SHOWN_RATES: Final = 5
SHOWN_VISITORS: Final = 3
TOP: Final = 10
NAMESPACE: Final = "http"
SIZES: Final = "response_size_bytes"


class RejectedLine(NamedTuple):
    """A line that is no line of an access log: where it stands and why."""

    source: str
    number: int
    reason: str


class SizeBucket(NamedTuple):
    """How many answers have at most `limit` bytes; the last limit is infinite."""

    limit: float
    cumulative: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a replay has found; times are seconds of UTC since 1970, and no host is in it but as a salted hash."""

    lines: int
    valid: int
    rejected: int
    first: int
    last: int
    methods: Mapping[str, int]
    statuses: Mapping[int, int]
    bytes: int
    hosts: int
    sessions_opened: int
    sessions_active: int
    sessions_peak: int
    frequent_visitors: tuple[tuple[str, int], ...]
    cache: CacheStats
    cache_entries: int
    minutes: Mapping[int, int]
    top_targets: tuple[tuple[str, int], ...]
    top_rates: tuple[tuple[str, float], ...]
    sizes: tuple[SizeBucket, ...]
    sizes_sum: int
    sizes_count: int

    def peak_minute(self) -> tuple[int, int]:
        """Return the start of the busiest minute, the earliest of equal ones, and its requests. O(minutes)."""
        return min(self.minutes.items(), key=lambda item: (-item[1], item[0]))


class Replay:
    """Feeds lines to a cache, sessions, counters, a rate counter, a leaderboard and a histogram.

    `idle` is the sessions' idle timeout, `ttl` and `entries` bound the cache, `policy` is its way to evict.

    >>> with Replay() as replay:
    ...     replay.begin("a.log")
    ...     replay.feed(['h - - [01/Aug/1995:02:00:00 -0400] "GET /a HTTP/1.0" 200 120', "nonsense"])
    ...     outcome = replay.outcome()
    2
    >>> outcome.valid, outcome.rejected, outcome.bytes, outcome.top_targets
    (1, 1, 120, (('/a', 1),))
    """

    def __init__(
        self, *, idle: Duration = 1800, ttl: Duration = 300, entries: int = 1000, policy: Literal["lru"] = "lru"
    ) -> None:
        self.clock = ManualClock()
        self.store = ets.Store()
        clock, store = self.clock, self.store
        self.totals = Counters[str]("totals", store=store, clock=clock)
        self.methods = Counters[str]("methods", store=store, clock=clock)
        self.statuses = Counters[int]("statuses", store=store, clock=clock)
        self.minutes = Counters[int]("minutes", store=store, clock=clock)
        self.visits = Counters[str]("visits", store=store, clock=clock)
        self.sessions = SessionStore("sessions", idle_timeout=idle, store=store, clock=clock)
        self.tokens: ets.SetTable[str, str] = ets.SetTable("tokens", store=store, clock=clock)
        self.cache: Cache[str, int] = Cache(
            "cache", ttl=ttl, max_entries=entries, policy=policy, store=store, clock=clock
        )
        self.targets = Leaderboard[str]("targets", mode="sum", history=0, store=store, clock=clock)
        self.rates = RateCounter[str](RATE_WINDOW, 60, name="rates", store=store, clock=clock)
        self.metrics = Metrics(NAMESPACE, store=store, clock=clock)
        self._parser = Parser()
        self._source = "-"
        self._number = 0
        self.lines = 0
        self.rejected = 0
        self.rejected_lines: list[RejectedLine] = []
        self._first = -1
        self._now = -1
        self._peak = 0
        self._salt = token_bytes(blake2b.SALT_SIZE)  # a new one each time: hashes of two reports cannot be matched

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    def begin(self, source: str) -> None:
        """Say which log the next lines are from; their numbers start at 1."""
        self._source = source
        self._number = 0

    def feed(self, lines: Iterable[str]) -> int:
        """Replay some lines and return how many there were."""
        parse, advance_to = self._parser.parse, self.clock.advance_to
        total, by_method, by_status = self.totals.increment, self.methods.increment, self.statuses.increment
        by_minute, by_visitor = self.minutes.increment, self.visits.increment
        token_of, keep_token = self.tokens.lookup, self.tokens.insert
        create, touch, sessions = self.sessions.create, self.sessions.touch, self.sessions
        cached, store_in_cache = self.cache.get, self.cache.set
        score, rate, observe = self.targets.submit, self.rates.increment, self.metrics.observe
        cacheable = CACHEABLE
        buckets = SIZE_BUCKETS if self._first < 0 else None  # the first observation says what the buckets are
        now, peak, start, number = self._now, self._peak, self._number, self._number
        minute = now - now % 60
        for number, line in enumerate(lines, start + 1):
            request = parse(line)
            if isinstance(request, Rejection):
                self._reject(number, request.reason)
                continue
            host, stamp, method, target, status, size = request
            if stamp > now:
                if now < 0:
                    self._first = stamp
                now = stamp
                minute = now - now % 60
                advance_to(now)

            total("requests")
            total("bytes", size)
            by_method(method)
            by_status(status)
            by_minute(minute)

            token = token_of(host)
            if token is None or not touch(token):
                keep_token(host, create(host))
                by_visitor(host)
                peak = max(peak, len(sessions))  # only a line that opens a session can bring a new peak

            if method == "GET" and status in cacheable and cached(target) is None:
                store_in_cache(target, size)
            score(target, 1)
            rate(target)
            observe(SIZES, size, buckets=buckets)
            buckets = None
        self._now, self._peak, self._number = now, peak, number
        self.lines += number - start
        return number - start

    def _reject(self, number: int, reason: str) -> None:
        self.rejected += 1
        if len(self.rejected_lines) < SHOWN_REJECTED:
            self.rejected_lines.append(RejectedLine(self._source, number, reason))

    def outcome(self) -> Outcome | None:
        """Return what was found so far, or `None` while no line was valid. O(methods + statuses + minutes + hosts)."""
        if self._first < 0:
            return None
        sessions, cache = self.sessions.stats(), self.cache.stats()
        buckets, size_sum, size_count = self._histogram()
        visits = sorted(self.visits.items(), key=lambda item: (-item[1], item[0]))[:SHOWN_VISITORS]
        return Outcome(
            lines=self.lines,
            valid=int(self.totals.get("requests")),
            rejected=self.rejected,
            first=self._first,
            last=self._now,
            methods={name: int(count) for name, count in sorted(self.methods.items())},
            statuses={status: int(count) for status, count in sorted(self.statuses.items())},
            bytes=int(self.totals.get("bytes")),
            hosts=len(self.tokens),
            sessions_opened=sessions.created,
            sessions_active=sessions.active,
            sessions_peak=self._peak,
            frequent_visitors=tuple((self._hashed(host), int(count)) for host, count in visits),
            cache=cache,
            cache_entries=len(self.cache),
            minutes={start: int(count) for start, count in sorted(self.minutes.items())},
            top_targets=tuple((standing.player, int(standing.score)) for standing in self.targets.top(TOP)),
            top_rates=tuple(self.rates.top(SHOWN_RATES)),
            sizes=buckets,
            sizes_sum=size_sum,
            sizes_count=size_count,
        )

    def _histogram(self) -> tuple[tuple[SizeBucket, ...], int, int]:
        # The exposition is the one way to read a histogram, and it is cumulative already.
        values = dict(line.rsplit(" ", 1) for line in self.metrics.to_prometheus().splitlines())
        name = f"{NAMESPACE}_{SIZES}"
        found = [(key.split('"')[1], value) for key, value in values.items() if key.startswith(f"{name}_bucket")]
        total, count = int(float(values[f"{name}_sum"])), int(float(values[f"{name}_count"]))
        return tuple(SizeBucket(float(limit), int(float(value))) for limit, value in found), total, count

    def _hashed(self, host: str) -> str:
        return blake2b(host.encode("utf-8", "surrogateescape"), digest_size=4, salt=self._salt).hexdigest()
