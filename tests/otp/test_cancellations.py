"""The task of a server is cancelled at each turn there is: nothing is left out, and nothing left behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from noex.otp import Crash, GenServer, Reason, Ref, ServerDown, Shutdown
from tests.otp.conftest import Crashes

TURNS = range(6)


class Waits(GenServer):
    """Awaits whatever it does, and notes how it ended."""

    def init(self, log: list[Any]) -> None:
        self.log = log

    async def handle_call(self, message: Any) -> Any:
        await asyncio.sleep(0)
        return message

    async def terminate(self, reason: Reason) -> None:
        self.log.append(reason)
        await asyncio.sleep(1)
        self.log.append("done")


async def standing_by(log: list[Any]) -> tuple[Ref, asyncio.Task[None]]:
    """Return a server whose task stands by, and that task."""
    ref = await Waits.start(log)
    await ref.call("warm")
    await asyncio.sleep(0)
    task = ref._process.task
    assert task is not None
    return ref, task


@pytest.mark.parametrize("turns", TURNS)
async def test_a_cancellation_of_a_task_that_stands_by_does_not_touch_what_comes_then(turns: int) -> None:
    log: list[Any] = []
    ref, task = await standing_by(log)
    task.cancel()
    for _ in range(turns):
        await asyncio.sleep(0)
    assert await ref.call("x") == "x"
    ref, task = await standing_by(log)
    task.cancel()
    for _ in range(turns):
        await asyncio.sleep(0)
    await ref.stop()
    assert log == ["normal", "done"]
    assert task.done()


@pytest.mark.parametrize("turns", TURNS)
@pytest.mark.parametrize("warm", [True, False])
async def test_terminate_runs_whenever_the_task_is_cancelled_but_not_twice(turns: int, warm: bool) -> None:
    log: list[Any] = []
    ref = (await standing_by(log))[0] if warm else await Waits.start(log)
    stopping = asyncio.create_task(ref.stop())
    for _ in range(turns):
        await asyncio.sleep(0)
    if ref._process.task is not None:
        ref._process.task.cancel()
    await stopping
    assert log[0] == "normal"
    assert log[1:] in (["done"], [])  # a terminate that waits already is cut off there
    assert log[1:] == ["done"] or turns > 0


@pytest.mark.parametrize("turns", TURNS)
async def test_servers_that_are_stopped_as_the_loop_ends_terminate(turns: int) -> None:
    """As `asyncio.run` does it: all tasks are cancelled, and awaited."""
    log: list[Any] = []

    async def works() -> None:
        ref, _ = await standing_by(log)
        try:
            await asyncio.sleep(100)
        finally:
            for _ in range(turns):
                await asyncio.sleep(0)
            await ref.stop()

    before = asyncio.all_tasks()
    tasks = [asyncio.create_task(works()) for _ in range(8)]
    await asyncio.sleep(1)
    left = asyncio.all_tasks() - before
    assert len(left) == 2 * len(tasks)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    assert log.count("normal") == log.count("done") == 8


@pytest.mark.parametrize("turns", TURNS)
@pytest.mark.parametrize("warm", [True, False])
async def test_what_a_killed_server_awaited_is_cancelled_whenever_the_kill_comes(turns: int, warm: bool) -> None:
    log: list[str] = []

    async def below() -> None:
        log.append("begun")
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            log.append("cut off")
            raise
        log.append("left behind")

    class Delegates(GenServer):
        async def handle_call(self, message: Any) -> None:
            if message == "warm":
                await asyncio.sleep(0)
            else:
                await asyncio.create_task(below())

    ref = await Delegates.start()
    if warm:
        await ref.call("warm")
        await asyncio.sleep(0)
    asked = asyncio.create_task(ref.call("go"))
    for _ in range(turns):
        await asyncio.sleep(0)
    ref.kill()
    await asyncio.gather(asked, return_exceptions=True)
    await asyncio.sleep(200)
    assert log in ([], ["begun", "cut off"])
    assert turns < 3 or log


async def test_what_is_awaited_may_survive_a_cancellation_in_the_turn_in_which_the_task_takes_over() -> None:
    """As it may in any other turn: then the handler goes on, and the server ends after it."""
    seen: list[Any] = []

    async def survives() -> str:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            return "survived"
        return "never"

    class Delegates(Waits):
        async def handle_call(self, message: Any) -> Any:
            if message == "warm":
                return await super().handle_call(message)
            below = asyncio.ensure_future(survives())
            await asyncio.sleep(0)
            seen.append(await below)
            return seen[-1]

    for turns in range(1, 5):
        ref = await Delegates.start([])
        await ref.call("warm")
        await asyncio.sleep(0)
        asked = asyncio.create_task(ref.call("go"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task = ref._process.task
        assert task is not None
        task.cancel()
        answers = await asyncio.gather(asked, return_exceptions=True)
        assert answers == ["survived"] or isinstance(answers[0], ServerDown)
        assert await ref.wait() == Shutdown("cancelled")
    assert "survived" in seen


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize("warm", [True, False])
async def test_a_cancellation_out_of_terminate_that_nobody_asked_for_is_a_crash(
    waits: bool, warm: bool, crashes: Crashes
) -> None:
    class Meets(Waits):
        async def terminate(self, reason: Reason) -> None:
            if waits:
                await asyncio.sleep(1)
            raise asyncio.CancelledError

    ref = await Meets.start([])
    if warm:
        await ref.call("warm")
    await ref.stop()
    reason = await ref.wait()
    assert isinstance(reason, Crash)
    assert [type(error) for error in crashes.take()] == [asyncio.CancelledError]
