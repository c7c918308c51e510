"""How long supervisors live: a block, a task, a group of tasks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from noex.otp import (
    Child,
    ChildStartError,
    DynamicSupervisor,
    MaxRestartsExceeded,
    NoProcess,
    ServerDown,
    Shutdown,
    Stop,
    Supervisor,
    named,
    whereis,
)
from tests.otp.conftest import Crashes
from tests.otp.supervised import Worker, child, live, settle

CRASH = ZeroDivisionError("as asked")


def tree(log: list[Any], *, slow_end: float = 1.0, **options: Any) -> Supervisor:
    return Supervisor([Child(Worker, (tag, log), {"slow_end": slow_end}, id=tag) for tag in "ab"], **options)


ENDS = [("ending", "b", "shutdown"), ("end", "b"), ("ending", "a", "shutdown"), ("end", "a")]


async def test_a_supervisor_lives_as_long_as_its_block() -> None:
    log: list[Any] = []
    async with tree(log) as supervisor:
        assert supervisor.alive
        log.clear()
    assert log == ENDS
    assert await supervisor.wait() == "shutdown"


async def test_an_error_of_the_block_comes_out_of_it() -> None:
    log: list[Any] = []
    with pytest.raises(KeyError):
        async with tree(log):
            raise KeyError("own")
    assert log[-4:] == ENDS


async def test_a_block_may_stop_its_supervisor() -> None:
    async with tree([]) as supervisor:
        await supervisor.stop()
    assert await supervisor.wait() == "normal"


async def test_a_start_that_fails_is_no_block() -> None:
    described = Supervisor([Child(Worker, (), {"plan": [KeyError("no"), None]})])
    with pytest.raises(ChildStartError):
        async with described:
            pytest.fail("the block must not run")
    async with described:
        pass


async def test_a_description_is_entered_once_at_a_time() -> None:
    described = tree([])
    async with described:
        with pytest.raises(RuntimeError, match="entered"):
            await described.__aenter__()
    with pytest.raises(RuntimeError, match="entered"):
        await described.__aexit__(None, None, None)
    async with DynamicSupervisor() as one, DynamicSupervisor() as two:
        assert one is not two


async def test_a_cancelled_block_ends_its_supervisor_in_order() -> None:
    log: list[Any] = []

    async def work() -> None:
        async with tree(log):
            await asyncio.sleep(1000)

    task = asyncio.ensure_future(work())
    await asyncio.sleep(5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log[-4:] == ENDS
    assert live() == set()


async def test_a_second_cancellation_does_not_wait_for_the_order() -> None:
    log: list[Any] = []
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(tree(log).run())
    await asyncio.sleep(5)
    task.cancel()
    await asyncio.sleep(0.5)
    task.cancel()
    before = loop.time()
    with pytest.raises(asyncio.CancelledError):
        await task
    await settle()
    assert live() == set()
    assert loop.time() == before


@pytest.mark.parametrize("waits", ["for the supervisor", "for something else"])
async def test_a_supervisor_that_gives_up_ends_its_block(waits: str, crashes: Crashes) -> None:
    log: list[Any] = []
    supervisor: Any = None

    async def block() -> None:
        nonlocal supervisor
        async with tree(log, max_restarts=0) as supervisor:
            (await child(supervisor, "a")).cast(CRASH)
            if waits == "for the supervisor":
                await supervisor.wait()
            await asyncio.sleep(1000)
            pytest.fail("the block must not go on")

    with pytest.raises(MaxRestartsExceeded) as caught:
        await block()
    assert caught.value is supervisor.failure
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]
    await asyncio.sleep(1)
    assert live() == set()
    crashes.take()


async def test_a_supervisor_that_is_killed_ends_its_block() -> None:
    async def block() -> None:
        async with tree([]) as supervisor:
            supervisor.kill()
            await asyncio.sleep(1000)

    with pytest.raises(ServerDown, match="Killed"):
        await block()
    assert live() == set()


async def test_an_error_of_the_block_comes_before_that_of_the_supervisor(crashes: Crashes) -> None:
    async def block() -> None:
        async with tree([], max_restarts=0) as supervisor:
            ref = await child(supervisor, "a")
            ref.cast(CRASH)
            await ref.wait()
            raise KeyError("own")

    with pytest.raises(KeyError):
        await block()
    await settle()
    crashes.take()


@pytest.mark.parametrize("then", ["asks", "leaves", "waits"])
@pytest.mark.parametrize("gone", range(12))
async def test_whenever_a_supervisor_gives_up_its_block_tells_and_nothing_else_is_cancelled(
    gone: int, then: str, crashes: Crashes
) -> None:
    """The block goes on for some turns of the loop after the crash, and is left before, while and after it counts."""

    async def block() -> str:
        try:
            async with tree([], slow_end=0, max_restarts=0) as supervisor:
                (await child(supervisor, "a")).cast(CRASH)
                await settle(gone)
                if then == "asks":
                    await supervisor.counts()
                    await supervisor.counts()
                elif then == "waits":
                    await supervisor.wait()
        except MaxRestartsExceeded:
            told = "gave up"
        else:
            told = "ended in order"
        await asyncio.sleep(10)
        return told

    task = asyncio.ensure_future(block())
    told = await task
    assert task.cancelling() == 0
    assert told == "gave up" or (then != "waits" and gone < 6)
    crashes.take()
    assert live() == set()


async def test_a_task_that_asks_until_its_supervisor_is_gone(crashes: Crashes) -> None:
    """It learns of the end by its own question, in the turn in which the block is to be cancelled."""

    async def block() -> None:
        async with tree([], slow_end=0, max_restarts=0) as supervisor:
            (await child(supervisor, "a")).cast(CRASH)
            for _ in range(100):
                await supervisor.counts()
                await asyncio.sleep(0)

    with pytest.raises(MaxRestartsExceeded) as caught:
        await block()
    assert isinstance(caught.value.__context__, (NoProcess, ServerDown, asyncio.CancelledError))
    await settle()
    crashes.take()


@pytest.mark.parametrize("end", ["gives up", "is killed"])
async def test_an_error_that_says_only_that_the_supervisor_is_gone_is_told_better(end: str, crashes: Crashes) -> None:
    async def block() -> None:
        async with tree([], max_restarts=0) as supervisor:
            ref = await child(supervisor, "a")
            if end == "gives up":
                ref.cast(CRASH)
                await supervisor.wait()
            else:
                supervisor.kill()
            await supervisor.counts()

    with pytest.raises(MaxRestartsExceeded if end == "gives up" else ServerDown):
        await block()
    await asyncio.sleep(10)
    crashes.take()


async def test_a_block_in_a_task_that_cleans_up_after_its_cancellation(crashes: Crashes) -> None:
    told: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            try:
                async with tree([], max_restarts=0) as supervisor:
                    (await child(supervisor, "a")).cast(CRASH)
                    await asyncio.sleep(1000)
            except MaxRestartsExceeded:
                told.append("gave up")
            raise

    task = asyncio.ensure_future(work())
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (told, task.cancelling()) == (["gave up"], 1)
    crashes.take()


async def test_a_cancellation_from_outside_is_not_swallowed_when_the_supervisor_fails_as_well() -> None:
    async def work() -> None:
        async with tree([]) as supervisor:
            asyncio.current_task().cancel()  # type: ignore[union-attr]
            supervisor.kill()
            await asyncio.sleep(1000)

    task = asyncio.ensure_future(work())
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(2)


async def test_an_end_in_order_ends_no_block() -> None:
    child_ = Child(Worker, ("a",), id="a", restart="transient", significant=True)
    async with Supervisor([child_], auto_shutdown="any_significant") as supervisor:
        (await child(supervisor, "a")).cast(lambda server: Stop())
        await supervisor.wait()
        await asyncio.sleep(10)


async def test_run_returns_the_reason() -> None:
    child_ = Child(Worker, ("a",), id="a", restart="temporary", significant=True, name="a")
    running = asyncio.ensure_future(Supervisor([child_], auto_shutdown="any_significant", name="top").run())
    await settle()
    named("a").cast(lambda server: Stop())
    assert await running == Shutdown("auto_shutdown")


async def test_a_task_group_that_is_cancelled_leaves_nothing() -> None:
    logs: list[list[Any]] = [[], []]

    async def block() -> None:
        async with asyncio.TaskGroup() as group:
            for log in logs:
                group.create_task(tree(log).run())
            await asyncio.sleep(5)
            raise KeyError("own")

    with pytest.raises(ExceptionGroup) as caught:
        await block()
    assert [type(error) for error in caught.value.exceptions] == [KeyError]
    assert [log[-4:] for log in logs] == [ENDS, ENDS]
    assert live() == set()


async def test_a_supervisor_that_gives_up_fails_its_task_group(crashes: Crashes) -> None:
    log: list[Any] = []

    async def block() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(tree(log).run())
            group.create_task(tree([], max_restarts=0, name="weak").run())
            await settle()
            children: Any = await whereis("weak").children()  # type: ignore[union-attr]
            children[0].ref.cast(CRASH)

    with pytest.raises(ExceptionGroup) as caught:
        await block()
    assert [type(error) for error in caught.value.exceptions] == [MaxRestartsExceeded]
    assert log[-4:] == ENDS
    assert live() == set()
    crashes.take()


async def test_a_child_that_crashes_cancels_no_task_of_a_group(crashes: Crashes) -> None:
    async with asyncio.TaskGroup() as group:
        running = group.create_task(tree([], name="top").run())
        await settle()
        children: Any = await whereis("top").children()  # type: ignore[union-attr]
        children[0].ref.cast(CRASH)
        await asyncio.sleep(10)
        assert not running.done()
        await named("top").stop()
    assert running.result() == "normal"
    crashes.take()
