"""What `noex replay` has to find, computed a second time and differently: plain dicts, sorting, nothing of noex.

Lines are read character by character instead of with a regular expression; sessions are computed afterwards from each
host's sorted times instead of with timeouts; the cache throws out what is due before it does anything else.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from itertools import pairwise

WHITE = " \t\n\r\f\v"
DIGITS = "0123456789"
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
LIMITS = [100, 1000, 10_000, 100_000, 1_000_000]
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class _BadLineError(Exception):
    pass


def _need(condition: object) -> None:
    if not condition:
        raise _BadLineError


def _made_of(text: str, characters: str) -> bool:
    return text != "" and all(character in characters for character in text)


def _seconds(text: str) -> int:
    _need(len(text) == 26 and [text[i] for i in (2, 6, 11, 14, 17, 20)] == ["/", "/", ":", ":", ":", " "])
    day, month, year, hour, minute, second = text[:2], text[3:6], text[7:11], text[12:14], text[15:17], text[18:20]
    sign, offset = text[21], text[22:]
    _need(_made_of(day + year + hour + minute + second + offset, DIGITS) and month in MONTHS and sign in "+-")
    _need(int(offset[:2]) < 24 and int(offset[2:]) < 60)
    try:
        local = datetime(int(year), MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
        east = timedelta(hours=int(offset[:2]), minutes=int(offset[2:]))
        moment = local - east if sign == "+" else local + east
    except (ValueError, OverflowError):
        raise _BadLineError from None
    _need(moment >= BEGINNING)
    return (moment - BEGINNING) // timedelta(seconds=1)


def _quoted(text: str) -> tuple[list[str], str]:
    """The characters between quotes, an escaped one together with its backslash, and what follows."""
    _need(text[:1] == '"')
    characters = []
    position = 1
    while True:
        _need(position < len(text))
        character = text[position]
        if character == '"':
            return characters, text[position + 1 :]
        if character == "\\":
            _need(position + 1 < len(text))
            character += text[position + 1]
        characters.append(character)
        position += len(character)


def read(line: str) -> tuple[str, int, str, str, int, int] | None:
    """Host, stamp, method, target, status and bytes of a line, or nothing."""
    try:
        return _read(line.removesuffix("\n").removesuffix("\r"))
    except _BadLineError:
        return None


def _read(line: str) -> tuple[str, int, str, str, int, int]:
    fields = line.split(" ", 3)
    _need(len(fields) == 4)
    for field in fields[:3]:
        _need(field != "" and not any(character in WHITE for character in field))
    rest = fields[3]
    _need(rest[:1] == "[" and "] " in rest)
    time, rest = rest[1:].split("]", 1)
    stamp = _seconds(time)
    _need(rest[:1] == " ")

    request, rest = _quoted(rest[1:])
    words: list[list[str]] = [[]]
    for character in request:
        if character == " ":
            words.append([])
        else:
            _need(character[-1] not in WHITE)
            words[-1].append(character)
    _need(len(words) in (2, 3) and words[0] and words[1])
    method, target = "".join(words[0]), "".join(words[1])
    _need(_made_of(method, LETTERS + DIGITS + "!#$%&'*+-.^_`|~"))
    if len(words) == 3:
        protocol, slash, version = "".join(words[2]).partition("/")
        _need(slash and _made_of(protocol, LETTERS) and _made_of(version, DIGITS + "."))

    _need(rest[:1] == " ")
    numbers = rest[1:].split(" ", 2)
    _need(len(numbers) >= 2)
    status, size = numbers[:2]
    _need(len(status) == 3 and _made_of(status, DIGITS) and status[0] != "0")
    _need(size == "-" or (len(size) <= 18 and _made_of(size, DIGITS)))
    if len(numbers) == 3:
        _, rest = _quoted(numbers[2])
        _need(rest[:1] == " ")
        _, rest = _quoted(rest[1:])
        _need(rest == "")
    return fields[0], stamp, method, target, int(status), 0 if size == "-" else int(size)


def replay(lines: list[str], *, idle: float = 1800, ttl: float = 300, entries: int = 1000) -> dict[str, object]:
    """The JSON document, but for the two figures of speed."""
    requests = []
    now = 0
    for line in lines:
        found = read(line)
        if found is not None:
            now = max(now, found[1])
            requests.append((now, *found))

    by_minute: dict[int, int] = {}
    by_method: dict[str, int] = {}
    by_status: dict[str, int] = {}
    by_target: dict[str, int] = {}
    for time, _, _, method, target, status, _ in requests:
        by_minute[time // 60] = by_minute.get(time // 60, 0) + 1
        by_method[method] = by_method.get(method, 0) + 1
        by_status[str(status)] = by_status.get(str(status), 0) + 1
        by_target[target] = by_target.get(target, 0) + 1
    busiest = min(by_minute, key=lambda minute: (-by_minute[minute], minute))
    sizes = [request[-1] for request in requests]
    return {
        "lines": len(lines),
        "valid": len(requests),
        "rejected": len(lines) - len(requests),
        "first": _iso(requests[0][2]),
        "last": _iso(now),
        "methods": by_method,
        "statuses": by_status,
        "bytes": sum(sizes),
        "hosts": len({request[1] for request in requests}),
        "sessions": _sessions([(request[0], request[1]) for request in requests], idle),
        "cache": _cache(
            [(r[0], r[4]) for r in requests if r[3] == "GET" and r[5] in (200, 206, 304)], now, ttl, entries
        ),
        "peak_minute": {"start": _iso(busiest * 60), "requests": by_minute[busiest]},
        "top_targets": [[target, by_target[target]] for target in sorted(by_target, key=lambda t: (-by_target[t], t))][
            :10
        ],
        "sizes": {
            **{str(limit): len([size for size in sizes if size <= limit]) for limit in LIMITS},
            "+Inf": len(sizes),
            "sum": sum(sizes),
            "count": len(sizes),
        },
    }


def _iso(second: int) -> str:
    return (BEGINNING + timedelta(seconds=second)).isoformat()


def _sessions(visits: list[tuple[int, str]], idle: float) -> dict[str, int]:
    timeout = math.ceil(idle * 1000)
    by_host: dict[str, list[tuple[int, int]]] = {}
    for number, (time, host) in enumerate(visits):
        by_host.setdefault(host, []).append((time * 1000, number))
    starts = []  # the line that opens each session, and its time
    ends = []
    for times in by_host.values():
        starts.append(times[0][::-1])
        for (before, _), (time, number) in pairwise(times):
            if time >= before + timeout:
                ends.append(before + timeout)
                starts.append((number, time))
        ends.append(times[-1][0] + timeout)
    starts.sort()
    ends.sort()
    live = [opened - bisect_right(ends, time) for opened, (_, time) in enumerate(starts, 1)]
    last = visits[-1][0] * 1000
    return {
        "opened": len(starts),
        "active_at_end": len([end for end in ends if end > last]),
        "peak_active": max(live),
    }


def _cache(gets: list[tuple[int, str]], last: int, ttl: float, entries: int) -> dict[str, float]:
    lifetime = math.ceil(ttl * 1000)
    deadline: dict[str, int] = {}
    used: dict[str, int] = {}
    hits = misses = evictions = expirations = 0

    def throw_out(time: int) -> int:
        due = [target for target in deadline if deadline[target] <= time * 1000]
        for target in due:
            del deadline[target], used[target]
        return len(due)

    before = -1
    for number, (time, target) in enumerate(gets):
        if time != before:
            expirations += throw_out(time)
            before = time
        if target in deadline:
            hits += 1
        else:
            misses += 1
            if len(deadline) == entries:
                oldest = min(used, key=lambda target: used[target])
                del deadline[oldest], used[oldest]
                evictions += 1
            deadline[target] = time * 1000 + lifetime
        used[target] = number
    expirations += throw_out(last)
    return {
        "hits": hits,
        "misses": misses,
        "hit_ratio": hits / (hits + misses) if gets else 0.0,
        "evictions": evictions,
        "expirations": expirations,
        "entries": len(deadline),
    }
