"""The log that is made on the spot."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import islice, pairwise

from noex.cli._access_log import Parser, Rejection, Request
from noex.cli._demo_log import DEFAULT_LINES, demo_lines

DAY = 86_400


def requests(count: int = 30_000, seed: int = 5) -> list[Request]:
    parse = Parser().parse
    return [request for line in demo_lines(count, seed) if isinstance(request := parse(line), Request)]


def digest(count: int, seed: int) -> str:
    data = "".join(demo_lines(count, seed)).encode("utf-8", "surrogateescape")
    return hashlib.sha256(data).hexdigest()[:16]


def test_the_same_seed_gives_the_same_bytes_on_every_platform() -> None:
    assert digest(20_000, 7) == "060c313aa70c64af"
    assert digest(2000, 8) != digest(2000, 7)


def test_a_longer_log_begins_as_the_shorter_one() -> None:
    assert list(demo_lines(500)) == list(islice(demo_lines(), 500))


def test_it_has_as_many_lines_as_asked_for() -> None:
    for count in (0, 1, 999):
        lines = list(demo_lines(count))
        assert len(lines) == count
        assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)


def test_some_lines_are_broken_in_several_ways_and_most_are_valid() -> None:
    parse = Parser().parse
    reasons = Counter(
        rejection.reason for line in demo_lines(30_000) if isinstance(rejection := parse(line), Rejection)
    )
    assert len(reasons) >= 4
    assert 10 < reasons.total() < 300


def test_few_targets_get_most_requests() -> None:
    targets = Counter(request.target for request in requests())
    assert len(targets) > 1000
    assert sum(count for _, count in targets.most_common(50)) > targets.total() / 2


def test_visitors_come_back_and_ask_for_more_than_one_thing() -> None:
    hosts = Counter(request.host for request in requests())
    assert len(hosts) > 500
    assert sum(1 for count in hosts.values() if count > 3) > len(hosts) / 2


def test_nights_are_quieter_than_evenings() -> None:
    hours = Counter(request.stamp % DAY // 3600 for request in requests(DEFAULT_LINES) if request.target != "/health")
    assert hours[20] > 5 * hours[3]


def test_stamps_step_back_a_little_and_never_far() -> None:
    stamps = [request.stamp for request in requests()]
    steps = [after - before for before, after in pairwise(stamps)]
    assert min(steps) < 0
    assert min(steps) >= -5


def test_all_kinds_of_answers_and_methods_occur() -> None:
    found = requests(DEFAULT_LINES)
    assert {200, 206, 302, 304, 404, 502, 503} <= {request.status for request in found}
    assert {"GET", "HEAD", "POST", "OPTIONS"} <= {request.method for request in found}
    assert any("\udce9" in request.target for request in found)
    assert any(request.size == 0 for request in found)


def test_addresses_are_from_the_ranges_kept_free_for_examples() -> None:
    free = ("192.0.2.", "198.18.", "203.0.113.", "2001:db8::")
    assert all(request.host.startswith(free) for request in requests())
