"""Threads on the recipes: totals are exact, cuts are whole, two tables never disagree."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from prometheus_client.parser import text_string_to_metric_families

from noex.counters import Counters
from noex.leaderboard import Leaderboard
from noex.metrics import Metrics
from noex.rates import RateCounter
from noex.testing import ManualClock

THREADS = 4


Race: TypeAlias = Callable[..., list[Any]]
"""The fixture of this folder: it runs functions at once, each in a thread that switches as often as Python can."""


def numbered(work: Callable[[int], None], count: int = THREADS) -> list[Callable[[], None]]:
    """Give each of several threads its number."""
    return [partial(work, number) for number in range(count)]


def test_racy_counters_lose_no_step(race: Race) -> None:
    counters = Counters[str]()

    def work(number: int) -> None:
        for step in range(2000):
            counters.increment("all")
            counters.increment(f"k{step % 3}", 2)
            counters.decrement(f"k{step % 3}")

    race(*numbered(work))
    assert counters.get("all") == THREADS * 2000
    assert counters.total() == THREADS * 4000


def test_racy_resets_take_each_step_once(race: Race) -> None:
    counters = Counters[str]()
    taken: list[float] = []

    def count() -> None:
        for _ in range(3000):
            counters.increment("a")

    def reset() -> None:
        taken.extend(counters.reset("a") for _ in range(1000))

    race(count, count, count, reset)
    assert sum(taken) + counters.get("a") == 9000


def test_racy_rates_lose_no_event(race: Race) -> None:
    clock = ManualClock()
    rates = RateCounter[str](1000, 10, clock=clock)

    def work(number: int) -> None:
        for step in range(1500):
            rates.increment("all")
            rates.increment(f"k{step % 5}", 2)

    def turn() -> None:
        for _ in range(900):
            clock.advance(1)
            assert rates.count("all") <= THREADS * 1500
            rates.top(2)

    race(turn, *numbered(work))
    assert rates.count("all") == THREADS * 1500
    assert dict(rates.top(6)) == {"all": 6000.0, **{f"k{n}": 2400.0 for n in range(5)}}


def test_racy_rates_lose_no_event_of_any_size(race: Race) -> None:
    clock = ManualClock()
    rates = RateCounter[str](1000, 1000, clock=clock)

    def work(number: int) -> None:
        for step in range(1500):
            rates.increment("a", 1 if step % 2 else 0.5)  # floats go another way than small ints
            if step % 4 == number:
                clock.advance(0.25)

    race(*numbered(work), partial(work, 1))
    assert rates.count("a") == (THREADS + 1) * 1500 * 0.75


def test_racy_histograms_lose_no_observation(race: Race) -> None:
    metrics = Metrics()
    metrics.observe("size", 0, buckets=(1, 10))

    def work(number: int) -> None:
        for step in range(1500):
            metrics.observe("size", step % 3)
            metrics.observe("size", value=step % 3)  # goes another way than by position

    race(*numbered(work))
    lines = metrics.to_prometheus().splitlines()
    assert f"size_sum {THREADS * 1500 * 2}" in lines
    assert f'size_bucket{{le="1"}} {THREADS * 2000 + 1}' in [line.replace('"1.0"', '"1"') for line in lines]
    assert f"size_count {THREADS * 3000 + 1}" in lines


def test_racy_idle_keys_vanish_while_others_are_counted(race: Race) -> None:
    clock = ManualClock()
    rates = RateCounter[int](1, 10, clock=clock)

    def work(number: int) -> None:
        for step in range(1500):
            rates.increment(step)
            if step % 10 == 0:
                clock.advance(0.05)

    race(*numbered(work))
    clock.advance(2)
    assert len(rates) == 0
    assert rates.top() == []


def test_racy_boards_stay_whole(race: Race) -> None:
    board = Leaderboard[str](mode="last", history=3, keep=20)

    def play(number: int) -> None:
        for step in range(600):
            player = f"p{(step * 7 + number) % 30:02d}"
            standing = board.submit(player, (step * 31 + number) % 50)
            assert standing.player == player
            if step % 5 == number:
                board.remove(f"p{step % 30:02d}")

    def look() -> None:
        for step in range(400):
            top = board.top(30)
            order = [(-standing.score, standing.player) for standing in top]
            assert order == sorted(order)
            assert len({standing.player for standing in top}) == len(top) <= 20
            around = board.around(f"p{step % 30:02d}", 2)
            assert [standing.rank for standing in around] == list(
                range(around[0].rank, around[0].rank + len(around)) if around else ()
            )

    race(*numbered(play), look)
    board._check()


def test_racy_sums_of_a_board_are_exact(race: Race) -> None:
    board = Leaderboard[str](mode="sum")

    def work(number: int) -> None:
        for step in range(1000):
            board.submit(f"p{step % 4}", 1)

    race(*numbered(work))
    assert [(standing.player, standing.score) for standing in board.top()] == [(f"p{n}", 1000) for n in range(4)]
    board._check()


def test_racy_metrics_are_exact(race: Race) -> None:
    metrics = Metrics()

    def work(number: int) -> None:
        for step in range(1000):
            metrics.increment("c", labels={"k": str(step % 3)})
            metrics.add_gauge("g", 1 if step % 2 else -1)
            metrics.observe("h", step % 10, buckets=(2, 5))

    race(*numbered(work))
    text = metrics.to_prometheus()
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert [found["c_total", str(n)] for n in range(3)] == [334 * THREADS, 333 * THREADS, 333 * THREADS]
    assert found["g",] == 0
    assert [found["h_bucket", le] for le in ("2", "5", "+Inf")] == [300 * THREADS, 600 * THREADS, 1000 * THREADS]
    assert found["h_sum",] == 4500 * THREADS


def test_racy_scrapes_are_one_cut(race: Race) -> None:
    metrics = Metrics()
    rounds = 400

    def work(number: int) -> None:
        for _ in range(rounds):
            metrics.observe("h", 3, buckets=(1, 5))
            metrics.increment("first", labels={"thread": str(number)})
            metrics.increment("second", labels={"thread": str(number)})

    def scrape() -> None:
        for _ in range(100):
            found = {
                (sample.name, *sample.labels.values()): sample.value
                for family in text_string_to_metric_families(metrics.to_prometheus())
                for sample in family.samples
            }
            count = found.get(("h_count",), 0)
            assert found.get(("h_bucket", "+Inf"), 0) == count
            assert found.get(("h_bucket", "5"), 0) == count
            assert found.get(("h_sum",), 0) == 3 * count
            for thread in "012":
                first, second = (found.get((f"{name}_total", thread), 0) for name in ("first", "second"))
                assert second <= first <= second + 1

    race(scrape, *numbered(work, 3))


def test_racy_first_uses_make_one_series(race: Race) -> None:
    for _ in range(50):
        metrics = Metrics(max_series=2)

        def work(number: int, metrics: Metrics = metrics) -> None:
            metrics.increment("c", labels={"a": "1", "b": "2"} if number % 2 else {"b": "2", "a": "1"})
            metrics.increment("c", labels={"a": str(number), "b": "3"})

        race(*numbered(work))
        found = {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(metrics.to_prometheus())
            for sample in family.samples
        }
        assert sum(found.values()) == 2 * THREADS
