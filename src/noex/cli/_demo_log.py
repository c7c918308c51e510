"""An access log made on the spot: the same seed gives the same bytes, on every platform and Python.

It has what a real log has: a few pages that most people want and many that few do (Zipf), visitors in sessions who
load style sheets and images with each page and come back later, a quiet night and a busy evening, one bad quarter of an
hour, crawlers that read everything, a health check, scanners, lines out of order by a second or two, and now and then
a line that is broken. Addresses are from the ranges reserved for documentation and tests.

Only `random.random()`, whose sequence Python promises to keep, additions and multiplications are used: no `log`, no
`pow`, whose last bit differs between platforms.
"""

from __future__ import annotations

import heapq
from bisect import bisect
from datetime import UTC, datetime
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["DEFAULT_LINES", "DEFAULT_SEED", "demo_lines"]

DEFAULT_LINES: Final = 60_000
DEFAULT_SEED: Final = 7

_START: Final = int(datetime(2025, 3, 3, tzinfo=UTC).timestamp())
_MINUTE: Final = 60
_DAY: Final = 86_400
# Sessions that begin in a minute, by hour of the day; between two hours it changes evenly.
_CURVE: Final = (8, 5, 3, 2, 2, 3, 6, 12, 20, 26, 29, 30, 27, 28, 30, 31, 30, 28, 29, 33, 36, 32, 23, 14)
_SESSIONS_PER_WEIGHT: Final = 0.13
_OUTAGE: Final = (_DAY + 14 * 3600 + 20 * 60, _DAY + 14 * 3600 + 35 * 60)

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WORDS: Final = ("tables", "sessions", "caches", "counters", "clocks", "queues", "timers", "limits", "events", "pages")
_KINDS: Final = ("guide", "notes", "howto", "reference", "archive")
_AGENTS: Final = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5",
    'Mozilla/5.0 (compatible; \\"Quoted\\" Reader 1.2)',
)
_SCANS: Final = ("/wp-login.php", "/.env", "/admin/config.php", "/.git/config", "/phpmyadmin/")
_BROKEN: Final = (
    '{host} - - [{time}] "GET /search?q=5" wide" HTTP/1.1" 200 512 "-" "-"',
    '{host} - - [30/Feb/2025:04:05:06 +0000] "GET / HTTP/1.1" 200 512 "-" "-"',
    '{host} - - [{time}] "\\x16\\x03\\x01\\x02" 400 157 "-" "-"',
    '{host} - - [{time}] "GET /guide/ta',
    '{host} - - [{time}] "-" 408 - "-" "-"',
    "",
)


class _Zipf:
    """Numbers below `count`, the first twice as likely as the second, three times as likely as the third ..."""

    def __init__(self, count: int) -> None:
        self._sums = list(accumulate(1 / rank for rank in range(1, count + 1)))

    def draw(self, random: Random) -> int:
        return min(bisect(self._sums, random.random() * self._sums[-1]), len(self._sums) - 1)


class _Line(NamedTuple):
    """A line that will be written at `written`, when the answer is out; `number` settles equal times."""

    written: int
    number: int
    text: str


class _Site:
    """Who asks for what: every method adds lines to come."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - a log to look at, nothing secret
        self.coming: list[_Line] = []
        self.pages = [f"/{kind}/{word}-{n}.html" for n in range(40) for kind in _KINDS for word in _WORDS]
        self._page = _Zipf(len(self.pages))
        self._size = [600 + int(self.random.random() * self.random.random() * 60_000) for _ in self.pages]
        self._numbers = 0
        self._crawled = 0

    def below(self, count: int) -> int:
        return int(self.random.random() * count)

    def pick(self, choices: Sequence[str]) -> str:
        return choices[self.below(len(choices))]

    def put(self, at: int, host: str, request: str, status: int, size: int, extra: str, user: str = "-") -> None:
        """Write a line for a request that came at `at`; the answer takes up to three seconds, so lines overtake."""
        second = _START + at
        if _OUTAGE[0] <= at < _OUTAGE[1] and status < 400 and self.random.random() < 0.35:
            status, size = (502, 166) if self.random.random() < 0.7 else (503, 203)
        body = str(size) if size else "-"
        if self.random.random() < 0.0015:
            text = self.pick(_BROKEN).format(host=host, time=_stamp(second))
        else:
            text = f'{host} - {user} [{_stamp(second)}] "{request}" {status} {body}{extra}'
        self._numbers += 1
        heapq.heappush(self.coming, _Line(at + self.below(3) * self.below(2), self._numbers, text))

    def visit(self, at: int) -> None:
        """One person's session: some pages, what the pages embed, now and then a form, a video, a pause."""
        who = int(self.random.random() * self.random.random() * (1500 + at // 60))
        host = f"198.18.{who // 250}.{who % 250 + 1}" if who % 5 else f"2001:db8::{who:x}"
        agent = _AGENTS[who % len(_AGENTS)]
        user = f"user{who}" if who % 40 == 7 else "-"
        seen: set[str] = set()
        referer = "-" if self.below(2) else "https://search.example/?q=%22tables%22"
        for _ in range(1 + self.below(4) + self.below(6) * self.below(2)):
            number = self._page.draw(self.random)
            page = "/" if number == 0 else self.pages[number]
            extra = f' "{referer}" "{agent}"'
            if self.random.random() < 0.02:
                page = self.pick(("/guide/old.html", "/missing.html", "/guide/caf\udce9.html", "/favicon.png"))
                self.put(at, host, f"GET {page} HTTP/1.1", 404, 1245, extra, user)
            else:
                again = page in seen
                self.put(
                    at,
                    host,
                    f"GET {page} HTTP/1.1",
                    304 if again else 200,
                    0 if again else self._size[number],
                    extra,
                    user,
                )
            referer = f"https://www.example.org{page}"
            for asset in ("/static/site.css", "/static/site.js", f"/images/{number % 97}.png"):
                if asset not in seen:
                    known = self.random.random() < 0.2
                    size = (
                        2100 if asset.endswith("css") else 48_000 if asset.endswith("js") else 90 + number * 61 % 30_000
                    )
                    self.put(
                        at + self.below(2),
                        host,
                        f"GET {asset} HTTP/1.1",
                        304 if known else 200,
                        0 if known else size,
                        f' "{referer}" "{agent}"',
                    )
                    seen.add(asset)
            seen.add(page)
            chance = self.random.random()
            if chance < 0.03:
                self.put(
                    at + 9, host, f"POST {self.pick(('/search', '/login', '/basket'))} HTTP/1.1", 302, 0, extra, user
                )
            elif chance < 0.045:
                part = self.below(8) * 262_144
                self.put(at + 4, host, f"GET /video/talk-{number % 6}.mp4 HTTP/1.1", 206, 1_400_000 + part, extra, user)
            at += 5 + self.below(90) + (1800 + self.below(1500) if self.random.random() < 0.01 else 0)

    def machines(self, at: int) -> None:
        """What no person asks for: a health check each minute, crawlers that walk all pages, scanners."""
        self.put(at, "192.0.2.10", "HEAD /health HTTP/1.0", 200, 0, "")  # common format: no referer, no agent
        for bot, every in ((1, 2), (2, 5), (3, 11)):
            if at // _MINUTE % every == 0:
                page = self.pages[self._crawled * 7 % len(self.pages)]
                extra = f' "-" "ExampleBot/{bot}.0 (+https://bot.example/{bot})"'
                request = "GET /robots.txt HTTP/1.1" if self._crawled % 50 == 0 else f"GET {page} HTTP/1.1"
                self.put(at + self.below(_MINUTE), f"203.0.113.{bot}", request, 200, 5400 + self._crawled % 900, extra)
                self._crawled += 1
        if self.random.random() < 0.01:
            host = f"192.0.2.{100 + self.below(100)}"
            for target in _SCANS:
                self.put(
                    at + self.below(5),
                    host,
                    f"{self.pick(('GET', 'GET', 'OPTIONS'))} {target} HTTP/1.1",
                    404,
                    146,
                    ' "-" "-"',
                )


def _stamp(second: int) -> str:
    moment = datetime.fromtimestamp(second, UTC)
    month = _MONTHS[moment.month - 1]  # `%b` would follow the locale
    return f"{moment.day:02}/{month}/{moment.year}:{moment:%H:%M:%S} +0000"


def demo_lines(count: int = DEFAULT_LINES, seed: int = DEFAULT_SEED) -> Iterator[str]:
    """Yield the lines of the log, each with its line end; memory is bounded by the sessions that are open at a time.

    A byte that is no UTF-8 stands in a line as a lone surrogate: write them with `errors="surrogateescape"`.

    >>> a, b = list(demo_lines(1000)), list(demo_lines(1000))
    >>> a == b, len(a), a == list(demo_lines(1000, seed=8))
    (True, 1000, False)
    """
    site = _Site(seed)
    at = 0
    while count > 0:
        hour, rest = divmod(at % _DAY, 3600)
        weight = (_CURVE[hour] * (3600 - rest) + _CURVE[(hour + 1) % 24] * rest) / 3600
        expected = weight * _SESSIONS_PER_WEIGHT * (0.6 + 0.8 * site.random.random())
        for _ in range(int(expected) + (site.random.random() < expected % 1)):
            site.visit(at + site.below(_MINUTE))
        site.machines(at)
        at += _MINUTE
        while site.coming and site.coming[0].written < at and count > 0:
            yield heapq.heappop(site.coming).text + "\n"
            count -= 1
