"""Supervisors of children that come and go."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from noex.otp import (
    Child,
    ChildNotFound,
    ChildStartError,
    Counts,
    Crash,
    DynamicSupervisor,
    DynamicSupervisorRef,
    Killed,
    MaxChildren,
    NoProcess,
    Ref,
    Shutdown,
    StartIgnored,
    Stop,
    Supervisor,
    SupervisorStopping,
    whereis,
)
from tests.otp.conftest import Crashes
from tests.otp.servers import Counter
from tests.otp.supervised import Worker, live, running, settle

CRASH = ZeroDivisionError("as asked")


async def refs_of(supervisor: DynamicSupervisorRef) -> list[Ref | None]:
    return [info.ref for info in await supervisor.children()]


async def test_children_come_with_their_arguments() -> None:
    log: list[Any] = []
    async with DynamicSupervisor() as rooms:
        assert await rooms.children() == []
        one = await rooms.start_child(Worker, "one", log)
        two = await rooms.start_child(Child(Worker, ("two",), {"slow_end": 1.0}), log, plan=[2.0])
        three = await rooms.start_child(Supervisor([Child(Worker, ("three", log))]))
        assert log == [("start", "one"), ("start", "two"), ("start", "three")]
        assert await refs_of(rooms) == [one, two, three]
        assert await rooms.counts() == Counts(specs=3, active=3, supervisors=1, workers=2)
        assert await two.call(lambda server: server.slow_end) == 1.0
    assert live() == set()


async def test_a_child_that_crashes_comes_back_with_the_same_arguments(crashes: Crashes) -> None:
    log: list[Any] = []
    async with DynamicSupervisor() as rooms:
        one, two = [await rooms.start_child(Worker, tag, log) for tag in ("one", "two")]
        one.cast(CRASH)
        assert await one.wait() == Crash(CRASH)
        await settle()
        again, other = await refs_of(rooms)
        assert other is two
        assert again is not one
        assert again is not None
        assert await again.call(lambda server: server.tag) == "one"
        assert [info.restarts for info in await rooms.children()] == [1, 0]
    crashes.take()


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
@pytest.mark.parametrize("reason", ["normal", Shutdown("done"), Killed(), Crash(CRASH)])
async def test_restart_types(restart: Any, reason: Any) -> None:
    async with DynamicSupervisor() as rooms:
        ref = await rooms.start_child(Child(Worker, restart=restart))
        if reason == Killed():
            ref.kill()
        else:
            ref.cast(lambda server: Stop(reason))
        await ref.wait()
        await settle()
        again = restart == "permanent" or (restart == "transient" and reason in (Killed(), Crash(CRASH)))
        assert [info.status for info in await rooms.children()] == ["running"] * again


async def test_max_children() -> None:
    async with DynamicSupervisor(max_children=2) as rooms:
        one = await rooms.start_child(Worker)
        await rooms.start_child(Worker)
        with pytest.raises(MaxChildren, match="max_children=2"):
            await rooms.start_child(Worker)
        await rooms.terminate_child(one)
        await rooms.start_child(Worker)
        assert (await rooms.counts()).active == 2


async def test_children_that_are_restarted_count_for_max_children() -> None:
    async with DynamicSupervisor(max_children=1, backoff=lambda failures: 10.0) as rooms:
        ref = await rooms.start_child(Worker, plan=[None, KeyError("1"), None])
        ref.kill()
        await settle()
        assert [info.status for info in await rooms.children()] == ["restarting"]
        with pytest.raises(MaxChildren):
            await rooms.start_child(Worker)
        await asyncio.sleep(11)
        assert [info.status for info in await rooms.children()] == ["running"]


async def test_terminate_child() -> None:
    log: list[Any] = []
    async with DynamicSupervisor() as rooms:
        ref = await rooms.start_child(Worker, "one", log)
        await rooms.terminate_child(ref)
        assert log[1:] == [("ending", "one", "shutdown"), ("end", "one")]
        await asyncio.sleep(60)
        assert await rooms.children() == []
        with pytest.raises(ChildNotFound):
            await rooms.terminate_child(ref)
        stranger = await Counter.start()
        with pytest.raises(ChildNotFound):
            await rooms.terminate_child(stranger)
        assert stranger.alive
        await stranger.stop()


async def test_a_reference_from_before_a_restart_is_no_child_any_more() -> None:
    async with DynamicSupervisor() as rooms:
        ref = await rooms.start_child(Worker)
        ref.kill()
        await settle()
        with pytest.raises(ChildNotFound):
            await rooms.terminate_child(ref)
        assert (await rooms.counts()).active == 1


async def test_children_that_do_not_start_are_not_kept() -> None:
    async with DynamicSupervisor() as rooms:
        with pytest.raises(ChildStartError) as caught:
            await rooms.start_child(Worker, plan=[KeyError("no")])
        assert isinstance(caught.value.cause, KeyError)
        with pytest.raises(StartIgnored):
            await rooms.start_child(Worker, plan=["ignore"])
        with pytest.raises(TypeError):
            await rooms.start_child(3)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="arguments"):
            await rooms.start_child(Supervisor([]), 1)
        with pytest.raises(ValueError, match="significant"):
            await rooms.start_child(Child(Worker, restart="transient", significant=True))
        assert await rooms.children() == []


async def test_a_child_that_does_not_want_to_be_restarted_is_dropped() -> None:
    async with DynamicSupervisor() as rooms:
        (await rooms.start_child(Worker, plan=[None, "ignore"])).kill()
        await settle()
        assert await rooms.children() == []


async def test_children_end_all_at_once() -> None:
    log: list[Any] = []
    loop = asyncio.get_running_loop()
    rooms = await DynamicSupervisor.start()
    for number in range(50):
        await rooms.start_child(Worker, number, log, slow_end=2.0)
    stuck = await rooms.start_child(Child(Worker, shutdown=3.0), slow_end=None)
    at_once = await rooms.start_child(Child(Worker, shutdown="kill"), slow_end=None)
    before = loop.time()
    await rooms.stop()
    assert loop.time() - before == pytest.approx(3.0)
    assert sum(entry[0] == "end" for entry in log) == 50
    assert (await stuck.wait(), await at_once.wait()) == (Killed(), Killed())
    assert live() == set()


async def test_too_many_restarts(crashes: Crashes) -> None:
    rooms = await DynamicSupervisor.start(max_restarts=2, name="rooms")
    for _ in range(3):
        await rooms.start_child(Worker)
    for ref in await refs_of(rooms):
        assert ref is not None
        ref.cast(CRASH)
    assert await rooms.wait() == Shutdown("max_restarts")
    assert rooms.failure is not None
    assert whereis("rooms") is None
    assert live() == set()
    crashes.take()


async def test_start_child_during_and_after_the_shutdown() -> None:
    rooms = await DynamicSupervisor.start()
    await rooms.start_child(Worker, slow_end=2.0)
    stopping = asyncio.ensure_future(rooms.stop())
    await asyncio.sleep(1)
    with pytest.raises(SupervisorStopping):
        await rooms.start_child(Worker)
    await stopping
    with pytest.raises(NoProcess):
        await rooms.start_child(Worker)
    assert live() == set()


async def test_below_another_supervisor() -> None:
    async with Supervisor([DynamicSupervisor(name="rooms"), Counter], strategy="rest_for_one"):
        rooms: Any = whereis("rooms")
        await rooms.start_child(Worker, slow_end=1.0)
        rooms.kill()
        await asyncio.sleep(2)
        again: Any = whereis("rooms")
        assert again is not rooms
        assert await again.children() == []
        assert running() == 3
    assert live() == set()


async def test_a_name_that_is_taken_is_a_failure_to_start() -> None:
    async with DynamicSupervisor() as rooms:
        await rooms.start_child(Child(Worker, name="one"))
        with pytest.raises(ChildStartError, match="one"):
            await rooms.start_child(Child(Worker, name="one"))
        assert (await rooms.counts()).active == 1


async def test_a_child_that_waits_to_be_started_again_can_be_terminated(crashes: Crashes) -> None:
    log: list[Any] = []
    async with DynamicSupervisor(backoff=lambda failures: 100.0, max_children=1) as rooms:
        ref = await rooms.start_child(Child(Worker, ("a", log), {"plan": [None, *[KeyError("no")] * 2]}))
        ref.cast(ZeroDivisionError("as asked"))
        await asyncio.sleep(150)  # two starts have failed
        assert [info.status for info in await rooms.children()] == ["restarting"]
        await rooms.terminate_child(ref)
        assert await rooms.children() == []
        with pytest.raises(ChildNotFound):
            await rooms.terminate_child(ref)
        assert (await rooms.start_child(Worker, "b")).alive
        await asyncio.sleep(1000)
        assert log.count(("start", "a")) == 3
    crashes.take()


async def test_a_child_that_was_started_again_after_a_wait_goes_by_its_new_reference(crashes: Crashes) -> None:
    async with DynamicSupervisor(backoff=lambda failures: 100.0) as rooms:
        ref = await rooms.start_child(Child(Worker, (), {"plan": [None, KeyError("no")]}))
        ref.cast(ZeroDivisionError("as asked"))
        await asyncio.sleep(150)
        [info] = await rooms.children()
        assert info.ref is not None
        with pytest.raises(ChildNotFound):
            await rooms.terminate_child(ref)
        await rooms.terminate_child(info.ref)
    crashes.take()
