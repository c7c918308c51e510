"""The work of a replay with bare dicts and lists: what `replay.py` compares the recipes with.

The same answers are there after every line: each target's rank, the live sessions with their user index, tokens hashed
as the session store hashes them, an LRU cache with a ttl and exact statistics, a sliding rate of 60 buckets per target,
a histogram, and the counts. Bare means one thread, no locks, no checks.
"""

from __future__ import annotations

import secrets
from bisect import bisect_left
from collections import OrderedDict
from hashlib import blake2s
from typing import Any

from noex.cli._access_log import Parser, Rejection
from noex.cli._replay import CACHEABLE, SIZE_BUCKETS

__all__ = ["Bare"]


class Bare:
    """The state of the replay in dicts and lists."""

    def __init__(self, idle: int = 1800, ttl: int = 300, entries: int = 1000) -> None:
        self.idle, self.ttl, self.entries = idle, ttl, entries
        self.now = self.first = -1
        self.peak = 0
        self.totals = {"requests": 0, "bytes": 0}
        self.methods: dict[str, int] = {}
        self.statuses: dict[int, int] = {}
        self.minutes: dict[int, int] = {}
        self.visits: dict[str, int] = {}
        self.tokens: dict[str, str] = {}
        self.sessions: OrderedDict[bytes, dict[str, Any]] = OrderedDict()  # by hash; the next to end first
        self.of_user: dict[str, set[bytes]] = {}
        self.opened = 0
        self.cached: OrderedDict[str, tuple[int, int]] = OrderedDict()  # target -> value, deadline; least recent first
        self.due: dict[str, int] = {}  # target -> deadline; the next to expire first
        self.hits = self.misses = self.evictions = self.expirations = 0
        self.scores: dict[str, int] = {}
        self.board: list[tuple[int, str]] = []
        self.rank = 0
        self.rates: OrderedDict[str, list[int]] = OrderedDict()  # second, count, ...; the longest idle first
        self.slots = [0] * (len(SIZE_BUCKETS) + 1)
        self.sum = 0

    def feed(self, lines: list[str]) -> None:
        """Replay the lines."""
        parse = Parser().parse
        for line in lines:
            request = parse(line)
            if isinstance(request, Rejection):
                continue
            host, stamp, method, target, status, size = request
            if stamp > self.now:
                self.turn(stamp)
            now = self.now

            self.totals["requests"] += 1
            self.totals["bytes"] += size
            self.methods[method] = self.methods.get(method, 0) + 1
            self.statuses[status] = self.statuses.get(status, 0) + 1
            minute = now - now % 60
            self.minutes[minute] = self.minutes.get(minute, 0) + 1

            token = self.tokens.get(host)
            hashed = b"" if token is None else blake2s(token.encode()).digest()
            session = self.sessions.get(hashed)
            if session is None:
                self.tokens[host] = token = secrets.token_urlsafe(32)
                hashed = blake2s(token.encode()).digest()
                self.sessions[hashed] = {
                    "id": secrets.token_hex(12),
                    "user": host,
                    "data": {},
                    "created": now,
                    "deadline": now + self.idle,
                }
                self.of_user.setdefault(host, set()).add(hashed)
                self.visits[host] = self.visits.get(host, 0) + 1
                self.opened += 1
                self.peak = max(self.peak, len(self.sessions))
            else:
                session["deadline"] = now + self.idle
                self.sessions.move_to_end(hashed)

            if method == "GET" and status in CACHEABLE:
                if target in self.cached:
                    self.hits += 1
                    self.cached.move_to_end(target)
                else:
                    self.misses += 1
                    if len(self.cached) >= self.entries:
                        evicted, _ = self.cached.popitem(last=False)
                        del self.due[evicted]
                        self.evictions += 1
                    self.cached[target] = (size, now + self.ttl)
                    self.due[target] = now + self.ttl

            score = self.scores.get(target, 0)
            if score:
                del self.board[bisect_left(self.board, (-score, target))]
            self.scores[target] = score + 1
            place = (-score - 1, target)
            self.rank = bisect_left(self.board, place)
            self.board.insert(self.rank, place)

            ring = self.rates.get(target)
            if ring is None:
                self.rates[target] = [now, 1]
            elif ring[-2] == now:
                ring[-1] += 1
            else:
                ring += (now, 1)
                while ring[0] < now - 60:
                    del ring[:2]
                self.rates.move_to_end(target)

            self.slots[bisect_left(SIZE_BUCKETS, size)] += 1
            self.sum += size

    def turn(self, now: int) -> None:
        """Set the time, and throw out what has ended, so that every count is exact after every line."""
        self.now = now
        while self.sessions:
            hashed, session = next(iter(self.sessions.items()))
            if session["deadline"] > now:
                break
            del self.sessions[hashed]
            user = session["user"]
            self.of_user[user].discard(hashed)
            if not self.of_user[user]:
                del self.of_user[user]
        while self.due:
            target, deadline = next(iter(self.due.items()))
            if deadline > now:
                break
            del self.due[target], self.cached[target]
            self.expirations += 1
        while self.rates:
            target, ring = next(iter(self.rates.items()))
            if ring[-2] > now - 61:
                break
            del self.rates[target]
