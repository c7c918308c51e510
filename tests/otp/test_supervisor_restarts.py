"""What a supervisor does when its children end: strategies, restart types, intensity, back-off, auto_shutdown."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from typing import Any

import pytest

from noex.otp import (
    Backoff,
    Child,
    ChildNotFound,
    ChildRunning,
    Counts,
    Crash,
    GenServer,
    Killed,
    MaxRestartsExceeded,
    Ref,
    Shutdown,
    Stop,
    Supervisor,
    SupervisorRef,
    named,
)
from tests.otp.conftest import Crashes
from tests.otp.supervised import Worker, child, live, named_children, settle

CRASH = ZeroDivisionError("as asked")


def worker(tag: str, log: list[Any], **options: Any) -> Child:
    told = {name: options.pop(name) for name in ("plan", "slow_end") if name in options}
    return Child(Worker, (tag, log), told, id=tag, **options)


async def refs_of(supervisor: SupervisorRef) -> dict[Any, Ref | None]:
    return {key: info.ref for key, info in (await named_children(supervisor)).items()}


async def crash(supervisor: SupervisorRef, child_id: str) -> None:
    """Crash a child, and let its supervisor see to it."""
    ref = await child(supervisor, child_id)
    ref.cast(CRASH)
    await ref.wait()
    await settle()


# -- strategies


@pytest.mark.parametrize(
    ("strategy", "again"),
    [("one_for_one", "b"), ("one_for_all", "abc"), ("rest_for_one", "bc")],
)
async def test_who_is_restarted(strategy: Any, again: str, crashes: Crashes) -> None:
    log: list[Any] = []
    supervisor = await Supervisor.start([worker(tag, log, slow_end=1) for tag in "abc"], strategy=strategy)
    before = await refs_of(supervisor)
    log.clear()
    await crash(supervisor, "b")
    after = await refs_of(supervisor)
    assert crashes.take() == [CRASH]
    assert [tag for tag in "abc" if after[tag] is not before[tag]] == [*again]
    assert all(ref is not None and ref.alive for ref in after.values())
    ended = [
        step for tag in "cba" if tag in again and tag != "b" for step in (("ending", tag, "shutdown"), ("end", tag))
    ]
    assert log == [("ending", "b", Crash(CRASH)), ("end", "b"), *ended, *(("start", tag) for tag in again)]
    assert {key: info.restarts for key, info in (await named_children(supervisor)).items()} == {
        tag: int(tag in again) for tag in "abc"
    }
    await supervisor.stop()


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
async def test_temporary_siblings_are_dropped_and_terminated_ones_started(strategy: Any, crashes: Crashes) -> None:
    log: list[Any] = []
    children = [worker("a", log), worker("t", log, restart="temporary"), worker("b", log)]
    supervisor = await Supervisor.start(children, strategy=strategy)
    await supervisor.terminate_child("b")
    log.clear()
    await crash(supervisor, "a")
    crashes.take()
    assert [*(await refs_of(supervisor))] == ["a", "b"]
    assert (await supervisor.counts()).active == 2
    assert log[2:] == [("ending", "t", "shutdown"), ("end", "t"), ("start", "a"), ("start", "b")]
    await supervisor.stop()


# -- restart types


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
@pytest.mark.parametrize("reason", ["normal", "shutdown", Shutdown("done"), Killed(), Crash(CRASH)])
async def test_restart_types(restart: Any, reason: Any) -> None:
    log: list[Any] = []
    supervisor = await Supervisor.start([worker("a", log, restart=restart), worker("b", log)])
    ref = await child(supervisor, "a")
    if reason == Killed():
        ref.kill()
    else:
        ref.cast(lambda server: Stop(reason))
    assert await ref.wait() == reason
    await settle()
    infos = await named_children(supervisor)
    orderly = reason not in (Killed(), Crash(CRASH))
    if restart == "temporary":
        assert "a" not in infos
    elif restart == "transient" and orderly:
        assert infos["a"].status == "stopped"
    else:
        assert infos["a"].status == "running"
        assert infos["a"].restarts == 1
    assert infos["b"].restarts == 0
    await supervisor.stop()


# -- intensity


async def test_as_many_restarts_as_allowed_and_one_more(crashes: Crashes) -> None:
    log: list[Any] = []
    supervisor = await Supervisor.start(
        [worker("a", log), worker("b", log), worker("c", log)], max_restarts=2, within=5.0, name="top"
    )
    for tag in "ab":
        await crash(supervisor, tag)
    assert supervisor.alive
    assert supervisor.failure is None
    log.clear()
    await crash(supervisor, "b")
    assert await supervisor.wait() == Shutdown("max_restarts")
    assert [entry[1] for entry in log if entry[0] == "end"] == ["b", "c", "a"]
    assert live() == set()
    crashes.take()
    failure = supervisor.failure
    assert isinstance(failure, MaxRestartsExceeded)
    assert (failure.child_id, failure.reason, failure.max_restarts, failure.within) == ("b", Crash(CRASH), 2, 5.0)
    assert failure.__cause__ is CRASH
    assert "gave up after 2 restarts within 5 s" in str(failure)


async def test_the_window_moves_with_the_time_of_the_loop(crashes: Crashes) -> None:
    supervisor = await Supervisor.start([worker("a", [])], max_restarts=1, within=5.0)
    for _ in range(10):
        await crash(supervisor, "a")
        await asyncio.sleep(5.1)
    assert supervisor.alive
    await crash(supervisor, "a")
    await asyncio.sleep(4.9)
    await crash(supervisor, "a")
    assert not supervisor.alive
    crashes.take()


async def test_no_restart_may_be_allowed_at_all(crashes: Crashes) -> None:
    supervisor = await Supervisor.start([worker("a", [])], max_restarts=0)
    await crash(supervisor, "a")
    assert await supervisor.wait() == Shutdown("max_restarts")
    crashes.take()


async def test_a_group_that_is_restarted_counts_as_one(crashes: Crashes) -> None:
    supervisor = await Supervisor.start([worker(tag, []) for tag in "abcdef"], strategy="one_for_all", max_restarts=1)
    await crash(supervisor, "a")
    assert (await supervisor.counts()).active == 6
    crashes.take()
    await supervisor.stop()


async def test_the_supervisor_above_decides_about_one_that_gave_up(crashes: Crashes) -> None:
    log: list[Any] = []
    below = Supervisor([worker("a", log), worker("b", log)], max_restarts=1)
    top = await Supervisor.start([Child(below, id="below"), worker("c", log)], max_restarts=1)
    inner: Any = await child(top, "below")
    for _ in range(2):
        await crash(inner, "a")
    assert await inner.wait() == Shutdown("max_restarts")
    again: Any = await child(top, "below")
    assert again is not inner
    assert (await again.counts()).active == 2
    assert (await named_children(top))["below"].restarts == 1
    for _ in range(2):
        await crash(again, "b")
    assert await top.wait() == Shutdown("max_restarts")
    assert live() == set()
    crashes.take()


async def test_a_transient_supervisor_that_gave_up_is_not_restarted(crashes: Crashes) -> None:
    below = Child(Supervisor([worker("a", [])], max_restarts=0), id="below", restart="transient")
    top = await Supervisor.start([below])
    inner: Any = await child(top, "below")
    await crash(inner, "a")
    assert [info.status for info in await top.children()] == ["stopped"]
    crashes.take()
    await top.stop()


# -- restarts that fail


async def test_a_restart_that_fails_is_tried_again_and_counted(crashes: Crashes) -> None:
    log: list[Any] = []
    plan = [None, KeyError("1"), KeyError("2"), None]
    supervisor = await Supervisor.start([worker("a", log, plan=plan)], max_restarts=3)
    await crash(supervisor, "a")
    assert (await child(supervisor, "a")).alive
    assert log.count(("start", "a")) == 4
    await crash(supervisor, "a")
    assert await supervisor.wait() == Shutdown("max_restarts")
    crashes.take()


async def test_restarts_that_keep_failing_are_too_many(crashes: Crashes) -> None:
    log: list[Any] = []
    errors = [KeyError(number) for number in range(9)]
    supervisor = await Supervisor.start([worker("b", log), worker("a", log, plan=[None, *errors])])
    ref = await child(supervisor, "a")
    ref.kill()
    assert await supervisor.wait() == Shutdown("max_restarts")
    assert log.count(("start", "a")) == 1 + 3
    assert supervisor.failure is not None
    assert supervisor.failure.reason == Crash(errors[2])
    assert live() == set()


async def test_backoff_waits_between_attempts_in_the_time_of_the_loop() -> None:
    loop = asyncio.get_running_loop()
    times: list[float] = []
    plan: list[Any] = [None, *(KeyError(number) for number in range(4)), None, KeyError("again"), None]

    class Timed(Worker):
        def init(self, *args: Any, **kwargs: Any) -> Any:
            times.append(loop.time())
            return super().init(*args, **kwargs)

    supervisor = await Supervisor.start([Child(Timed, (), {"plan": plan}, id="a")], backoff=Backoff(1.0, 3.0, 20.0))
    start = loop.time()
    (await child(supervisor, "a")).kill()
    await settle()
    assert [info.status for info in await supervisor.children()] == ["restarting"]
    assert await supervisor.counts() == Counts(1, 0, 0, 1)
    await asyncio.sleep(50)
    assert [time - start for time in times] == pytest.approx([0, 0, 1, 4, 13, 33])
    start = loop.time()
    (await child(supervisor, "a")).kill()
    await asyncio.sleep(50)
    assert [time - start for time in times[6:]] == pytest.approx([0, 1])
    await supervisor.stop()


async def test_a_child_that_waits_for_its_next_attempt() -> None:
    log: list[Any] = []
    plan = [None, KeyError("1"), None]
    supervisor = await Supervisor.start([worker("a", log, plan=plan)], backoff=lambda failures: 10.0)
    (await child(supervisor, "a")).kill()
    await settle()
    with pytest.raises(ChildRunning, match="being restarted"):
        await supervisor.restart_child("a")
    with pytest.raises(ChildRunning, match="being restarted"):
        await supervisor.delete_child("a")
    assert not await supervisor.terminate_child("a")
    await asyncio.sleep(100)
    assert [info.status for info in await supervisor.children()] == ["stopped"]
    assert log.count(("start", "a")) == 2
    await supervisor.delete_child("a")
    with pytest.raises(ChildNotFound):
        await supervisor.restart_child("a")
    await supervisor.stop()


async def test_an_attempt_that_was_called_off_is_not_made_for_a_later_one() -> None:
    log: list[Any] = []
    plan = [None, KeyError("1"), None, KeyError("2"), None]
    supervisor = await Supervisor.start([worker("a", log, plan=plan)], backoff=lambda failures: 10.0)
    (await child(supervisor, "a")).kill()
    await asyncio.sleep(5)
    await supervisor.terminate_child("a")
    (await supervisor.restart_child("a")).kill()
    await asyncio.sleep(7)
    assert [info.status for info in await supervisor.children()] == ["restarting"]
    await asyncio.sleep(4)
    assert [info.status for info in await supervisor.children()] == ["running"]
    assert log.count(("start", "a")) == 5
    await supervisor.stop()


async def test_a_supervisor_ends_while_a_child_waits_for_its_next_attempt() -> None:
    log: list[Any] = []
    plan = [None, KeyError("1"), None]
    supervisor = await Supervisor.start([worker("a", log, plan=plan)], backoff=lambda failures: 10.0)
    (await child(supervisor, "a")).kill()
    await settle()
    await supervisor.stop()
    await asyncio.sleep(100)
    assert log.count(("start", "a")) == 2


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
async def test_a_group_whose_restart_fails_in_the_middle_is_completed_later(strategy: Any) -> None:
    log: list[Any] = []
    children = [worker("a", log), worker("b", log, plan=[None, KeyError("1"), None]), worker("c", log)]
    supervisor = await Supervisor.start(children, strategy=strategy, backoff=lambda failures: 2.0)
    (await child(supervisor, "a")).kill()
    await settle()
    status = {key: info.status for key, info in (await named_children(supervisor)).items()}
    assert status == {"a": "running", "b": "restarting", "c": "stopped"}
    log.clear()
    await asyncio.sleep(3)
    assert (await supervisor.counts()).active == 3
    if strategy == "one_for_all":
        assert log[:2] == [("ending", "a", "shutdown"), ("end", "a")]
        assert log[2:] == [("start", tag) for tag in "abc"]
    else:
        assert log == [("start", tag) for tag in "bc"]
    await supervisor.stop()


# -- auto_shutdown


def three(log: list[Any], restart: Any = "transient") -> list[Child]:
    return [
        worker("a", log, restart=restart, significant=True),
        worker("b", log, restart=restart, significant=True),
        worker("c", log, restart=restart),
    ]


async def finish(supervisor: SupervisorRef, *ids: str) -> None:
    for child_id in ids:
        (await child(supervisor, child_id)).cast(lambda server: Stop())
        await settle()


async def test_the_first_significant_end() -> None:
    log: list[Any] = []
    supervisor = await Supervisor.start(three(log), auto_shutdown="any_significant")
    await finish(supervisor, "c")
    assert supervisor.alive
    await finish(supervisor, "b")
    assert await supervisor.wait() == Shutdown("auto_shutdown")
    assert supervisor.failure is None
    assert ("ending", "a", "shutdown") in log


async def test_the_last_significant_end() -> None:
    supervisor = await Supervisor.start([*three([]), worker("d", [])], auto_shutdown="all_significant")
    await finish(supervisor, "c", "a")
    assert supervisor.alive
    await finish(supervisor, "b")
    assert await supervisor.wait() == Shutdown("auto_shutdown")


async def test_a_crash_of_a_transient_significant_child_is_no_end(crashes: Crashes) -> None:
    supervisor = await Supervisor.start(three([]), auto_shutdown="any_significant")
    await crash(supervisor, "a")
    assert (await child(supervisor, "a")).alive
    await finish(supervisor, "a")
    assert not supervisor.alive
    crashes.take()


async def test_a_crash_of_a_temporary_significant_child_is_an_end(crashes: Crashes) -> None:
    supervisor = await Supervisor.start(three([], "temporary"), auto_shutdown="any_significant")
    await crash(supervisor, "a")
    assert await supervisor.wait() == Shutdown("auto_shutdown")
    crashes.take()


@pytest.mark.parametrize("when", ["any_significant", "all_significant"])
async def test_significant_children_terminated_by_hand_end_nobody(when: Any) -> None:
    supervisor = await Supervisor.start(three([]), auto_shutdown=when)
    for child_id in "ab":
        await supervisor.terminate_child(child_id)
    await asyncio.sleep(10)
    assert supervisor.alive
    await supervisor.stop()


async def test_what_was_terminated_by_hand_counts_as_ended_for_the_last_one() -> None:
    supervisor = await Supervisor.start(three([]), auto_shutdown="all_significant")
    await supervisor.terminate_child("a")
    await finish(supervisor, "b")
    assert not supervisor.alive


async def test_a_significant_child_that_is_being_restarted_has_not_ended() -> None:
    log: list[Any] = []
    children = three(log)
    children[0].kwargs["plan"] = [None, KeyError("1"), None]
    supervisor = await Supervisor.start(children, auto_shutdown="all_significant", backoff=lambda failures: 10.0)
    (await child(supervisor, "a")).kill()
    await finish(supervisor, "b")
    assert supervisor.alive
    await asyncio.sleep(11)
    await finish(supervisor, "a")
    assert not supervisor.alive


async def test_a_supervisor_as_the_significant_child_of_another() -> None:
    below = Supervisor(three([]), auto_shutdown="any_significant")
    top = await Supervisor.start(
        [Child(below, id="below", restart="transient", significant=True), worker("x", [])],
        auto_shutdown="any_significant",
    )
    await finish(await child(top, "below"), "a")  # type: ignore[arg-type]
    assert await top.wait() == Shutdown("auto_shutdown")
    assert live() == set()


# -- names


async def test_named_children_are_found_after_a_restart(crashes: Crashes) -> None:
    log: list[Any] = []
    below = Supervisor([Child(Worker, ("a", log), {"slow_end": 1.0}, name="a")], name="below")
    top = await Supervisor.start([below])
    for target in ("a", "below", "a", "below"):
        named(target).kill()
        await asyncio.sleep(2)
        assert await named("a").call(lambda server: server.tag) == "a"
    assert top.alive
    assert (await named_children(top))["below"].restarts == 2
    assert crashes.take() == []
    await top.stop()


async def test_a_killed_supervisor_is_restarted_after_its_children_have_ended() -> None:
    """Their names would be taken otherwise, and the restart would fail."""
    log: list[Any] = []
    lowest = Supervisor([Child(Worker, ("c", log), {"slow_end": 3.0}, name="c")], name="lowest")
    below = Supervisor([Child(Worker, ("b", log), {"slow_end": 2.0}, name="b"), lowest], name="below")
    top = await Supervisor.start([below], max_restarts=1)
    log.clear()
    named("below").kill()
    named("lowest").kill()
    await asyncio.sleep(4)
    assert top.alive
    assert log[-2:] == [("start", "b"), ("start", "c")]
    assert {("end", "b"), ("end", "c")} <= {*log[:-2]}
    assert live() == {"Supervisor", "Supervisor 'below'", "Supervisor 'lowest'", "Worker 'b'", "Worker 'c'"}
    await top.stop()


async def test_what_a_killed_supervisor_left_behind_has_a_limited_time_to_end() -> None:
    below = Supervisor([Child(Worker, ("b",), {"slow_end": None}, name="b", shutdown=60)], name="below")
    top = await Supervisor.start([below])
    named("below").kill()
    await asyncio.sleep(4.9)
    assert not named("below").alive
    await asyncio.sleep(0.2)
    assert named("b").alive
    await top.stop()


class Held:
    """What a server holds while it lives."""


class Holding(GenServer):
    def init(self, seen: list[weakref.ref[Held]]) -> None:
        self.held = Held()
        seen.append(weakref.ref(self.held))

    def handle_cast(self, message: Any) -> None:
        raise ZeroDivisionError("as asked")


async def test_a_restart_lets_go_of_what_the_crashed_server_held(
    crashes: Crashes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("noex.otp"), "propagate", False)  # pytest keeps what is logged
    seen: list[weakref.ref[Held]] = []
    async with Supervisor([Child(Holding, (seen,), name="holding")]):
        named("holding").cast("crash")
        await settle()
        crashes.take()
        gc.collect()
        assert [held() is not None for held in seen] == [False, True]
