"""Looking into servers while they run: state, statistics, suspension."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from noex import ets
from noex.errors import CallingSelf, CallTimeout
from noex.otp import GenServer, Killed, NoProcess, ServerDown, debug, named
from tests.otp.conftest import Crashes
from tests.otp.servers import Counter, Notes, SlowCounter

pytestmark = pytest.mark.usefixtures("direct_calls")


class Account(GenServer):
    """Has something to hide."""

    def init(self) -> None:
        self.owner = "ada"
        self.password = "secret"

    def format_state(self, state: dict[str, Any]) -> Any:
        return state | {"password": "***"}


class Slotted(GenServer):
    """Has no dict."""

    __slots__ = ("count", "unset")

    def init(self) -> None:
        self.count = 1

    def handle_call(self, message: Any) -> Any:
        return self.count


# -- state


async def test_the_state_is_the_attributes() -> None:
    ref = await Counter.start(3)
    assert await debug.get_state(ref) == {"count": 3, "log": []}
    assert await debug.get_state(await Slotted.start()) == {"count": 1}


async def test_changing_what_was_got_changes_nothing() -> None:
    ref = await Counter.start(3)
    (await debug.get_state(ref))["count"] = 5
    assert await ref.call("get") == 3


async def test_a_server_may_leave_out_what_is_secret() -> None:
    ref = await Account.start()
    assert await debug.get_state(ref) == {"owner": "ada", "password": "***"}
    await debug.replace_state(ref, lambda state: state | {"owner": state["password"]})
    assert await debug.get_state(ref) == {"owner": "secret", "password": "***"}, "who replaces it sees all"


async def test_state_is_read_between_two_handlers(clock: Any) -> None:
    ref = await SlowCounter.start()
    first, second = ref.call_nowait("add"), ref.call_nowait("add")
    await asyncio.sleep(0.5)
    assert (await debug.get_state(ref))["count"] == 1
    assert clock() == 1
    assert (await first, await second) == (1, 2)


async def test_who_waits_too_long_for_the_state_is_told() -> None:
    ref = await SlowCounter.start()
    asked = ref.call_nowait("add")
    await asyncio.sleep(0)
    with pytest.raises(CallTimeout):
        await debug.get_state(ref, timeout=0.5)
    assert await asked == 1


async def test_state_of_the_dead_and_of_those_who_die_meanwhile() -> None:
    ref = await SlowCounter.start()
    ref.cast("add")
    await asyncio.sleep(0.1)
    looking = asyncio.create_task(debug.get_state(ref))
    await asyncio.sleep(0.1)
    ref.kill()
    with pytest.raises(ServerDown):
        await looking
    with pytest.raises(NoProcess):
        await debug.get_state(ref)


async def test_a_server_cannot_wait_for_its_own_state() -> None:
    class Curious(GenServer):
        async def handle_call(self, message: Any) -> Any:
            await asyncio.sleep(message)
            try:
                return await debug.get_state(self.ref)
            except CallingSelf:
                return "calling self"

    ref = await Curious.start()
    assert [await ref.call(0), await ref.call(1)] == ["calling self"] * 2


async def test_state_is_replaced_as_a_whole() -> None:
    ref = await Counter.start(3)
    await debug.replace_state(ref, lambda state: {"count": state["count"] * 2, "extra": 1})
    assert await debug.get_state(ref) == {"count": 6, "extra": 1}
    slotted = await Slotted.start()
    await debug.replace_state(slotted, lambda state: {"count": 5})
    assert await slotted.call("get") == 5


@pytest.mark.parametrize("bad", [5, {1: 2}, None])
async def test_what_is_no_state_changes_nothing(bad: Any) -> None:
    ref = await Counter.start(3)
    with pytest.raises(TypeError, match="a state is a mapping"):
        await debug.replace_state(ref, lambda _: bad)
    assert await debug.get_state(ref) == {"count": 3, "log": []}


async def test_a_state_that_cannot_be_set_changes_nothing() -> None:
    ref = await Slotted.start()
    with pytest.raises(AttributeError):
        await debug.replace_state(ref, lambda _: {"count": 2, "ref": None})
    assert await debug.get_state(ref) == {"count": 1}


@pytest.mark.parametrize("error", [ZeroDivisionError, StopIteration])
@pytest.mark.parametrize("busy", [False, True])
async def test_a_function_that_raises_troubles_only_its_caller(error: type[Exception], busy: bool) -> None:
    ref = await SlowCounter.start()
    if busy:
        ref.cast("add")
        await asyncio.sleep(0.1)

    def fail(_: Any) -> Any:
        raise error

    with pytest.raises((error, RuntimeError)):
        await debug.replace_state(ref, fail)
    assert await ref.call("get") == busy


# -- statistics


async def test_statistics_count(clock: Any) -> None:
    clock.advance(10)
    ref = await SlowCounter.start(name="slow")
    other = await Notes.start()
    await other.call(lambda self: (self.monitor(ref), self.link(ref)) and None)
    ref.send_after(100, "later")
    table = ets.SetTable[str, int](owner=ref)
    await ref.call("add")
    for _ in range(3):
        ref.cast("add")
    found = debug.statistics(ref)
    assert (found.label, found.names) == ("SlowCounter 'slow'", ("slow",))
    assert (found.started, found.uptime) == (10, 1)
    assert (found.handled, found.waiting, found.restarts) == (1, 3, 0)
    assert (found.links, found.monitors, found.timers, found.tables) == (1, 1, 1, 1)
    assert (found.status, found.traced) == ("scheduled", False)
    await asyncio.sleep(0.5)
    assert debug.statistics(ref).status == "awaiting"
    assert not table.closed


async def test_statistics_of_the_dead(clock: Any) -> None:
    ref = await Counter.start(name="it")
    await ref.call("add")
    await ref.stop()
    found = debug.statistics(ref)
    assert (found.status, found.handled, found.waiting, found.names) == ("dead", 1, 0, ())
    with pytest.raises(NoProcess):
        debug.statistics(named("it"))


# -- suspend and resume


async def test_calls_of_a_suspended_server_time_out_and_are_handled_later(clock: Any) -> None:
    ref = await Counter.start()
    await debug.suspend(ref)
    assert ref.cast("add")
    with pytest.raises(CallTimeout):
        await ref.call("add")
    assert clock() == 5
    assert debug.statistics(ref).status == "suspended"
    assert (await debug.get_state(ref))["count"] == 0
    assert debug.resume(ref)
    assert await ref.call("get") == 2
    assert not debug.resume(ref)


async def test_it_can_be_looked_into_and_changed_while_it_is_suspended() -> None:
    ref = await Counter.start()
    await debug.suspend(ref)
    await debug.suspend(ref)
    asked = ref.call_nowait("add")
    await debug.replace_state(ref, lambda state: state | {"count": 10})
    await asyncio.sleep(10)
    assert not asked.done()
    debug.resume(ref)
    assert await asked == 11


async def test_suspending_waits_for_the_handler_that_runs_and_for_nothing_else(clock: Any) -> None:
    ref = await SlowCounter.start()
    calls = [ref.call_nowait("add") for _ in range(3)]
    await asyncio.sleep(0.5)
    await debug.suspend(ref)
    assert clock() == 1
    await asyncio.sleep(10)
    assert [call.done() for call in calls] == [True, False, False]
    debug.resume(ref)
    assert await calls[2] == 3
    assert clock() == 13


async def test_who_gave_up_suspending_suspends_nothing() -> None:
    ref = await SlowCounter.start()
    asked = ref.call_nowait("add")
    await asyncio.sleep(0.1)
    with pytest.raises(CallTimeout):
        await debug.suspend(ref, timeout=0.1)
    assert await asked == 1
    assert await ref.call("add") == 2


async def test_a_server_whose_messages_wait_already_is_suspended_at_once() -> None:
    ref = await Counter.start()
    asked = ref.call_nowait("add")
    await debug.suspend(ref)
    await asyncio.sleep(1)
    assert not asked.done()
    debug.resume(ref)
    assert await asked == 1


async def test_a_server_suspends_another_that_is_calling_it() -> None:
    """The handler runs inside the call of somebody else, who waits for it as before."""

    class Suspends(GenServer):
        async def handle_call(self, message: Any) -> Any:
            await debug.suspend(message)
            return "done"

    other, ref = await Suspends.start(), await Counter.start()
    assert await other.call(ref) == "done"
    with pytest.raises(CallTimeout):
        await ref.call("add", timeout=1)


async def test_ends_reach_a_suspended_server() -> None:
    for end in ("kill", "link", "stop"):
        log: list[Any] = []
        ref, other = await Counter.start(0, log), await Notes.start()
        await other.call(lambda self, ref=ref: self.link(ref))
        await debug.suspend(ref)
        asked = ref.call_nowait("add")
        if end == "stop":
            stopping = asyncio.create_task(ref.stop("shutdown"))
            await asyncio.sleep(10)
            assert ref.alive, "that waits in turn"
            debug.resume(ref)
            await stopping
            assert (await asked, log) == (1, [("shutdown", 1)])
            continue
        (ref if end == "kill" else other).kill()
        assert await ref.wait() == Killed()
        with pytest.raises(ServerDown):
            await asked
        assert log == ([] if end == "kill" else [(Killed(), 0)])
        assert not debug.resume(ref)


async def test_timers_ring_when_it_is_resumed() -> None:
    ref = await Notes.start()
    ref.send_interval(1, "tick")
    ref.send_after(2, "once")
    await debug.suspend(ref)
    await asyncio.sleep(10.5)
    debug.resume(ref)
    assert await ref.call("notes") == ["tick", "once"]


async def test_crashes_while_somebody_wants_to_suspend(crashes: Crashes) -> None:
    ref = await SlowCounter.start()
    ref.cast("crash")
    await asyncio.sleep(0.1)
    with pytest.raises(ServerDown):
        await debug.suspend(ref)
    assert len(crashes.take()) == 1


def test_other_threads_and_loops_are_sent_away() -> None:
    async def start() -> Any:
        return await Counter.start()

    loop = asyncio.new_event_loop()
    ref = loop.run_until_complete(start())

    async def elsewhere() -> None:
        for doing in (debug.suspend(ref), debug.get_state(ref), debug.replace_state(ref, lambda state: state)):
            with pytest.raises(RuntimeError, match="another event loop"):
                await doing
        with pytest.raises(RuntimeError, match="another event loop"):
            debug.resume(ref)
        with pytest.raises(RuntimeError, match="another event loop"):
            debug.trace(ref, print)

    asyncio.run(elsewhere())
    loop.close()
