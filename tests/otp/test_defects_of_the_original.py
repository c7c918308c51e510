"""What the original does wrong, executed there, does not happen here: one test for each, by name.

Here are those that no other test of the core is about. The others:

- `test_calls.py`: an error in a handler ends the server, in a cast too; calls behind a stop fail at once; a server that
  calls itself is told so;
- `test_lives.py`: a name is taken before `init` runs; a kill cuts off what runs; all names of the dead are freed;
- `test_relations.py`: reasons are kept along links; a monitor's news is a message;
- `test_registry.py`: dispatch passes over the dead; lists are copies; the dead get no names;
- `test_timers.py`: intervals do not drift; long delays are waited for.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from noex.otp import Child, Exit, GenServer, InitError, Killed, NoReply, Ref, ServerDown, Supervisor, named
from noex.testing import ManualClock
from tests.otp.servers import Counter, Notes
from tests.otp.supervised import settle

pytestmark = pytest.mark.usefixtures("direct_calls")


async def test_an_init_that_took_too_long_does_not_go_on() -> None:
    log: list[str] = []

    class Slow(GenServer):
        async def init(self) -> None:
            try:
                await asyncio.sleep(10)
                log.append("went on")
            finally:
                log.append("ended")

    with pytest.raises(InitError):
        await Slow.start(init_timeout=1)
    await asyncio.sleep(100)
    assert log == ["ended"]


async def test_a_call_without_a_limit_does_not_time_out_at_once(clock: Any) -> None:
    class Later(GenServer):
        def handle_call(self, message: Any) -> Any:
            caller = self.caller
            asyncio.get_running_loop().call_later(message, caller.reply, "late")
            return NoReply

    ref = await Later.start()
    for timeout in (None, 1e9):
        before = clock()
        assert await ref.call(1e5, timeout=timeout) == "late"
        assert clock() - before == pytest.approx(1e5)


async def test_terminate_does_not_run_beside_a_handler() -> None:
    log: list[str] = []

    class Busy(GenServer):
        async def handle_cast(self, message: Any) -> None:
            log.append("begin")
            await asyncio.sleep(5)
            log.append("end")

        def terminate(self, reason: Any) -> None:
            log.append("terminate")

    ref = await Busy.start()
    ref.cast("x")
    await asyncio.sleep(1)
    await ref.stop()
    assert log == ["begin", "end", "terminate"]


async def test_what_a_killed_server_was_at_reaches_nobody() -> None:
    class Stubborn(GenServer):
        async def handle_call(self, message: Any) -> Any:
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                pass
            return "too late"

    ref = await Stubborn.start()
    asked = asyncio.create_task(ref.call("x"))
    await asyncio.sleep(1)
    ref.kill()
    with pytest.raises(ServerDown) as failure:
        await asked
    assert failure.value.reason == Killed()


async def test_a_handler_knows_its_server_after_it_has_waited() -> None:
    """Others have had their turns meanwhile; a child is still linked to the one whose handler started it."""

    class Parent(Notes):
        async def handle_call(self, message: Any) -> Any:
            if message == "notes":
                return [*self.notes]
            await asyncio.sleep(message)
            return await Counter.start_link()

    parents = [await Parent.start(trap_exit=True) for _ in range(2)]
    children: list[Ref] = await asyncio.gather(*(ref.call(2 - n) for n, ref in enumerate(parents)))
    for child in children:
        child.kill()
    await asyncio.sleep(1)
    for parent, child in zip(parents, children, strict=True):
        assert await parent.call("notes") == [Exit(child, Killed())]


async def test_many_casts_leave_no_backlog() -> None:
    ref = await Counter.start()
    for _ in range(100_000):
        ref.cast("add")
    assert await ref.call("get", timeout=None) == 100_000
    assert not ref._process.mailbox
    assert ref._process.state <= 1, "it rests"


async def test_crashes_are_noticed_in_no_time(clock: ManualClock) -> None:
    async with Supervisor([Child(Counter, name=number) for number in range(10)], max_restarts=10) as supervisor:
        for number in range(10):
            named(number).kill()
        await settle()
        assert [info.restarts for info in await supervisor.children()] == [1] * 10
        assert [await named(number).call("add") for number in range(10)] == [1] * 10
        assert clock() == 0


async def test_a_restarted_server_has_timers_of_its_own_and_none_from_before(clock: ManualClock) -> None:
    times: list[tuple[str, float]] = []

    class Ticks(GenServer):
        def init(self) -> None:
            self.born = clock()
            self.send_interval(10, "tick")

        def handle_info(self, message: Any) -> None:
            times.append((message, clock() - self.born))

    async with Supervisor([Child(Ticks, name="ticks")]):
        named("ticks").send_after(9, "lost")
        await asyncio.sleep(7)
        named("ticks").kill()
        await asyncio.sleep(25)
    assert times == [("tick", 10), ("tick", 20)]
