"""The short cuts of recipes do what the methods do, whose place they take on the native kernel.

A short cut is for arguments that are given by position. The same call with a keyword goes to the method. So two
recipes, one called in each way, must tell the same and hold the same. On the pure kernel both are the method.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from fractions import Fraction
from hashlib import blake2s
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from noex import ets
from noex.counters import Counters
from noex.kernel import KERNEL
from noex.leaderboard import Leaderboard, Mode, Standing
from noex.metrics import Metrics
from noex.rates import RateCounter
from noex.sessions import Session, SessionStore
from noex.testing import ManualClock
from noex.typing import TableEvent


class Whole(int):
    """An int of a class of its own."""


EDGES = [0, 1, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 10**400, 0.5, -0.0, 1e308, True, None, "1", Whole(3)]
STRANGE = [float("inf"), float("-inf"), float("nan")]
AMOUNTS = st.sampled_from(EDGES + STRANGE) | st.integers(-5, 5) | st.floats(0, 100)
KEYS = st.sampled_from(["a", "b", ("a", 1), 1, 1.0, Whole(1), None, ["no hash"]])
STEPS = st.lists(st.tuples(KEYS, AMOUNTS), max_size=40)


def told(call: Callable[..., object], *arguments: Any, **named: Any) -> str:
    """Return what a call returns or raises, types and signs included."""
    try:
        return repr(call(*arguments, **named))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


@given(STEPS)
def test_counting_by_either_way_is_the_same(steps: list[tuple[Any, Any]]) -> None:
    short, general = Counters[Any](), Counters[Any]()
    for key, amount in steps:
        assert told(short.increment, key, amount) == told(general.increment, key, amount=amount)
        assert told(short.increment, key) == told(general.increment, key=key)
        assert told(short.decrement, key, amount) == told(general.decrement, key, amount=amount)
    assert repr(short.items()) == repr(general.items())


@given(
    st.lists(st.tuples(KEYS, AMOUNTS, st.sampled_from([0, 0, 0.1, 0.3, 1, 7, 1e9])), max_size=40),
    st.sampled_from([(60, 60), (1, 10), (0.3, 3), (1e-6, 1), (1e12, 2**70), (10, 2**62), (3, 1)]),
    st.sampled_from([0, 0.1, -5.5, 807_249_601, 1e10, 1e100]),
)
def test_rates_by_either_way_are_the_same(
    steps: list[tuple[Any, Any, float]], shape: tuple[float, int], start: float
) -> None:
    clock = ManualClock(start)
    short, general = (RateCounter[Any](*shape, clock=clock) for _ in range(2))
    for key, amount, seconds in steps:
        assert told(short.increment, key, amount) == told(general.increment, key, amount=amount)
        assert told(short.increment, key) == told(general.increment, key=key)
        clock.advance(seconds)
        assert repr(short._table.to_list()) == repr(general._table.to_list())
    assert short.top() == general.top()


@given(
    st.lists(st.tuples(st.sampled_from(["x", "y", "x_total", "no name", 3, None]), AMOUNTS), max_size=40),
    st.sampled_from([(1.0,), (0.5, 1, 2, 3), (-1e300, 0.0, 2.0**53, 1e300)]),
)
@example([("x", 1), ("x", 1e308), ("x", 1e308)], (1.0,))
@example([("x", 10**400), ("x", 0.5), ("x", 1)], (1.0,))
@example([("x", 2**53), ("x", 2**53 + 1)], (2.0**53,))
def test_observing_by_either_way_is_the_same(steps: list[tuple[Any, Any]], buckets: tuple[float, ...]) -> None:
    short, general = Metrics(), Metrics()
    for metrics in (short, general):
        metrics.observe("x", 0, buckets=buckets)
        metrics.increment("y")
    for name, value in steps:
        expected = told(general.observe, name=name, value=value)
        assert told(short.observe, name, value) == expected
        assert told(short.observe, name, value, buckets=None) == told(general.observe, name=name, value=value)
        assert told(short.observe, name, value, labels=None) == told(general.observe, name=name, value=value)
    assert short.to_prometheus() == general.to_prometheus()
    histograms = [metrics._series.lookup("x").histogram for metrics in (short, general)]  # type: ignore[union-attr]
    assert len({repr((histogram.slots, histogram.sum)) for histogram in histograms}) == 1  # type: ignore[union-attr]


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "c", ("d", 1), 1, 1.0, None, ["no hash"]]), AMOUNTS), max_size=40),
    st.sampled_from(["best", "last", "sum"]),
    st.sampled_from([0, 1, 3]),
    st.sampled_from([None, 1, 3]),
)
@example([("a", 2**63 - 1), ("a", 1), ("a", 1)], "sum", 3, None)
@example([("a", -(2**63)), ("b", 0), ("b", 2**63 - 1), ("b", -(2**63))], "last", 3, None)
def test_submitting_by_either_way_is_the_same(
    steps: list[tuple[Any, Any]], mode: Mode, history: int, keep: int | None
) -> None:
    short, general = (Leaderboard[Any](mode=mode, history=history, keep=keep) for _ in range(2))
    for player, score in steps:
        answer, expected = told(short.submit, player, score), told(general.submit, player, score=score)
        assert answer == expected
        assert told(short.rank, player) == told(general.rank, player)
        assert told(short.history, player) == told(general.history, player)
    assert repr(short.top(10)) == repr(general.top(10))
    assert all(type(standing) is Standing for standing in short.top(10))
    short._check()


def test_a_board_that_somebody_watches_is_told_of_moves() -> None:
    with ets.Store() as store:
        board = Leaderboard[str]("board", store=store)
        board.submit("ann", 1)
        ranking = store.whereis("board.ranking")
        assert ranking is not None
        came = threading.Event()

        def listen(event: TableEvent) -> None:
            if event.key == (-5, "ann"):
                came.set()

        ranking.subscribe(listen)
        assert board.submit("ann", 5) == (1, "ann", 5)
        assert came.wait(60)  # events of a section under the lock come by a thread


def test_observe_refuses_what_it_does_not_know() -> None:
    metrics = Metrics()
    metrics.observe("x", 1)
    with pytest.raises(TypeError):
        metrics.observe("x", 1, bucket=None)  # type: ignore[call-arg]


TOKENS = st.text(st.characters(), max_size=140) | st.sampled_from(["", "A" * 43, "é" * 32, "é" * 33, "\ud800", "x\0y"])


@given(st.lists(TOKENS, max_size=20), st.none() | st.just(1000))
@example(["x" * length for length in range(130)], None)
def test_a_token_is_known_by_its_hash_in_either_way(tokens: list[str], absolute_timeout: float | None) -> None:
    clock = ManualClock()
    with SessionStore(None, idle_timeout=60, absolute_timeout=absolute_timeout, clock=clock) as sessions:
        for number, token in enumerate(tokens):
            assert sessions.touch(token) is sessions.touch(token=token)
            digest = blake2s(token.encode("utf-8", "surrogatepass")).digest()
            sessions._sessions.insert(digest, Session(str(number), "ada", {}, clock()))
            clock.advance(0.25)
            assert sessions.touch(token) is True
            assert sessions._sessions.expires_in(digest) == 60
        assert sessions.touch("another" + "".join(tokens)) is False
    assert told(sessions.touch, "a") == told(sessions.touch, token="a")


@pytest.mark.parametrize("token", [b"bytes", None, 7])
def test_what_is_no_token_is_refused_in_either_way(token: Any) -> None:
    with SessionStore(None) as sessions:
        assert told(sessions.touch, token) == told(sessions.touch, token=token)


class Fast(ManualClock):
    """A clock that goes twice as fast as it is told to."""

    def __call__(self) -> float:
        return super().__call__() * 2


@pytest.mark.parametrize("kind", [ManualClock, Fast])
def test_a_clock_that_is_called_differently_is_called(kind: type[ManualClock]) -> None:
    clock = kind()
    rates = RateCounter[str](60, 60, clock=clock)
    rates.increment("a")
    clock.advance(31)
    rates.increment("a")
    assert rates.count("a") == (1.0 if kind is Fast else 2.0)


@pytest.mark.parametrize("kind", [float, int, Fraction], ids=lambda kind: kind.__name__)
def test_a_clock_of_the_users_is_read_once_by_either_way(kind: Callable[[float], Any]) -> None:
    readings, now = 0, 0.0

    def clock() -> Any:
        nonlocal readings
        readings += 1
        return kind(now)

    def read_by(call: Callable[..., None], *arguments: Any, **named: Any) -> int:
        before = readings
        call(*arguments, **named)
        return readings - before

    short, general = (RateCounter[Any](10, 5, clock=clock) for _ in range(2))
    for seconds in (0.0, 1.0, 5.0, 6.0, 1e10, 1e100):
        now = seconds
        for key, amount in [("a", 1), ("a", 2), ("b", 0.5), ("b", 3), ((1,), 2**70), ((1,), 1), ("a", 2**63 - 1)]:
            assert read_by(short.increment, key, amount) == read_by(general.increment, key, amount=amount) == 1
            assert read_by(short.increment, key) == read_by(general.increment, key=key) == 1
        assert repr(short._table.to_list()) == repr(general._table.to_list())


def test_a_clock_that_takes_a_key_out_is_asked_before_the_key_is_looked_up() -> None:
    tables: list[Any] = []

    def clock() -> float:
        for table in tables:
            table.delete("a")
        return 1.0

    rates = RateCounter[str](10, 5, clock=clock)
    rates.increment("a")
    tables.append(rates._table)
    rates.increment("a", 5)
    assert rates._table.to_list() == [("a", [0, 5])]


class Doubled(Counters[str]):
    """Counters that count in twos."""

    def increment(self, key: str, amount: float = 1) -> float:
        return super().increment(key, amount * 2)


def test_an_override_comes_before_the_short_cut() -> None:
    counters = Doubled()
    assert [counters.increment("a"), counters.increment("a", 3), counters.decrement("a")] == [2, 8, 7]


def test_a_recipe_that_was_never_made_says_so() -> None:
    with pytest.raises(AttributeError):
        Counters[str].__new__(Counters).increment("a")
    with pytest.raises(AttributeError):
        RateCounter[str].__new__(RateCounter).increment("a")
    with pytest.raises(AttributeError):
        Metrics.__new__(Metrics).observe("a", 1)
    with pytest.raises(AttributeError):
        SessionStore.__new__(SessionStore).touch("a")


def test_the_short_cuts_are_there() -> None:
    methods = [Counters.increment, Counters.decrement, RateCounter.increment, Metrics.observe, SessionStore.touch]
    assert {inspect.isfunction(method) for method in methods} == {KERNEL == "pure"}
    assert all(inspect.getdoc(method) for method in methods)
    assert [*inspect.signature(Metrics.observe).parameters] == ["self", "name", "value", "labels", "buckets"]
