"""What is known to go wrong where supervisors poll, forget, or do several things at a time: it does not happen here."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from noex.otp import Child, ChildExists, Crash, MaxRestartsExceeded, Shutdown, Supervisor, SupervisorStopping, whereis
from tests.otp.conftest import Crashes
from tests.otp.supervised import Worker, child, live, running, settle

CRASH = ZeroDivisionError("as asked")


def worker(tag: str, log: list[Any], **options: Any) -> Child:
    told = {name: options.pop(name) for name in ("plan", "slow_end") if name in options}
    return Child(Worker, (tag, log), told, id=tag, **options)


def starts(log: list[Any], tag: str) -> int:
    return log.count(("start", tag))


async def test_one_crash_with_slow_siblings_is_one_restart_of_each(crashes: Crashes) -> None:
    """Not eleven of each, with sixteen orphans afterwards."""
    log: list[Any] = []
    supervisor = await Supervisor.start([worker(tag, log, slow_end=0.12) for tag in "abc"], strategy="one_for_all")
    (await child(supervisor, "b")).cast(CRASH)
    await asyncio.sleep(5)
    assert [starts(log, tag) for tag in "abc"] == [2, 2, 2]
    assert running() == 4
    await supervisor.stop()
    assert live() == set()
    crashes.take()


async def test_crashes_at_the_same_time_are_one_restart_of_the_group(crashes: Crashes) -> None:
    log: list[Any] = []
    supervisor = await Supervisor.start(
        [worker(tag, log, slow_end=0.12) for tag in "abc"], strategy="one_for_all", max_restarts=1
    )
    for tag in "cab":
        (await child(supervisor, tag)).cast(CRASH)
    await asyncio.sleep(5)
    assert supervisor.alive
    assert [starts(log, tag) for tag in "abc"] == [2, 2, 2]
    await supervisor.stop()
    crashes.take()


async def test_a_terminated_child_is_not_resurrected() -> None:
    log: list[Any] = []
    supervisor = await Supervisor.start([worker("a", log)])
    await supervisor.terminate_child("a")
    await asyncio.sleep(60)
    assert starts(log, "a") == 1
    assert live() == {"Supervisor"}
    await supervisor.stop()


async def test_nothing_is_left_after_a_stop_in_the_middle_of_a_restart(crashes: Crashes) -> None:
    log: list[Any] = []
    children = [worker("a", log, plan=[None, 2.0], slow_end=1.0), worker("b", log, slow_end=1.0)]
    for moment in (0.5, 1.5, 2.5, 3.5):
        log.clear()
        children[0].kwargs["plan"][:] = [None, 2.0]
        supervisor = await Supervisor.start(children, strategy="one_for_all")
        (await child(supervisor, "b")).cast(CRASH)
        await asyncio.sleep(moment)
        await supervisor.stop()
        assert live() == set()
        await asyncio.sleep(10)
        assert live() == set()
        assert starts(log, "b") <= 2
    crashes.take()


async def test_restart_child_with_a_slow_init_is_one_start() -> None:
    """Nobody sees the child down meanwhile, and starts it once more."""
    log: list[Any] = []
    supervisor = await Supervisor.start([worker("a", log, plan=[None, 1.0])])
    await supervisor.terminate_child("a")
    both = await asyncio.gather(supervisor.restart_child("a"), supervisor.restart_child("a"), return_exceptions=True)
    assert [type(outcome).__name__ for outcome in both] == ["Ref", "ChildRunning"]
    await asyncio.sleep(10)
    assert starts(log, "a") == 2
    assert running() == 2
    await supervisor.stop()


async def test_two_starts_of_one_id_at_a_time_are_one_start() -> None:
    log: list[Any] = []
    supervisor = await Supervisor.start()
    one, two = await asyncio.gather(
        supervisor.start_child(worker("a", log, plan=[1.0])),
        supervisor.start_child(worker("a", log)),
        return_exceptions=True,
    )
    assert isinstance(two, ChildExists)
    assert two.ref is one
    assert [info.id for info in await supervisor.children()] == ["a"]
    assert starts(log, "a") == 1
    await supervisor.stop()


@pytest.mark.parametrize("first", ["start_child", "stop"])
async def test_a_child_whose_start_meets_the_stop_does_not_outlive_the_supervisor(first: str) -> None:
    log: list[Any] = []
    supervisor = await Supervisor.start([worker("a", log, slow_end=1.0)])
    asked: dict[str, Any] = {
        "start_child": supervisor.start_child(worker("b", log, plan=[1.0])),
        "stop": supervisor.stop(),
    }
    order = [first, *({*asked} - {first})]
    outcomes = await asyncio.gather(*(asked[verb] for verb in order), return_exceptions=True)
    started = outcomes[order.index("start_child")]
    if first == "start_child":
        assert not started.alive
        assert starts(log, "b") == 1
    else:
        assert isinstance(started, SupervisorStopping)
        assert starts(log, "b") == 0
    assert live() == set()


async def test_too_many_restarts_are_an_end_that_is_told_and_not_an_unseen_error(crashes: Crashes) -> None:
    """Siblings are stopped, names freed, whoever waits is told, and nothing is left for the loop to report."""
    log: list[Any] = []
    supervisor = await Supervisor.start([worker("a", log), worker("b", log)], max_restarts=1, name="top")
    for _ in range(2):
        ref = await child(supervisor, "a")
        ref.cast(CRASH)
        await ref.wait()
        await settle()
    assert await asyncio.wait_for(supervisor.wait(), 1) == Shutdown("max_restarts")
    assert ("end", "b") in log
    assert whereis("top") is None
    assert live() == set()
    crashes.take()


async def test_a_restart_whose_start_fails_leaves_no_half_alive_supervisor(crashes: Crashes) -> None:
    log: list[Any] = []
    plan: list[Any] = [None, *(KeyError(number) for number in range(4))]
    supervisor = await Supervisor.start([worker("b", log), worker("a", log, plan=plan)])
    (await child(supervisor, "a")).cast(CRASH)
    assert await supervisor.wait() == Shutdown("max_restarts")
    assert ("end", "b") in log
    assert live() == set()
    assert crashes.take() == [CRASH]


async def test_a_supervisor_as_a_child_is_not_restarted_as_long_as_it_lives() -> None:
    log: list[Any] = []
    top = await Supervisor.start([Child(Supervisor([worker("a", log)]), id="below")])
    await asyncio.sleep(60)
    assert starts(log, "a") == 1
    assert [info.restarts for info in await top.children()] == [0]
    await top.stop()
    assert live() == set()


async def test_the_true_reason_is_told(crashes: Crashes) -> None:
    supervisor = await Supervisor.start([worker("a", [])], max_restarts=0)
    (await child(supervisor, "a")).cast(CRASH)
    await supervisor.wait()
    assert isinstance(supervisor.failure, MaxRestartsExceeded)
    assert supervisor.failure.reason == Crash(CRASH)
    crashes.take()


async def test_a_failing_terminate_stops_no_shutdown(crashes: Crashes) -> None:
    log: list[Any] = []

    class Clumsy(Worker):
        async def terminate(self, reason: Any) -> None:
            raise CRASH

    supervisor = await Supervisor.start([worker("a", log), Child(Clumsy, ("b", log)), worker("c", log)])
    await supervisor.stop()
    assert [entry[1] for entry in log if entry[0] == "end"] == ["c", "a"]
    assert live() == set()
    assert crashes.take() == [CRASH]


async def test_calls_that_wait_when_a_child_is_restarted_are_answered_at_once(crashes: Crashes) -> None:
    supervisor = await Supervisor.start([worker("a", []), worker("b", [])], strategy="one_for_all")
    a, b = await child(supervisor, "a"), await child(supervisor, "b")
    waiting = [asyncio.ensure_future(ref.call(lambda server: asyncio.sleep(1000), None)) for ref in (a, a, b, b)]
    await asyncio.sleep(1)
    a.kill()
    outcomes = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 1)
    assert [type(outcome).__name__ for outcome in outcomes] == ["ServerDown"] * 4
    await supervisor.stop()
    assert crashes.take() == []
