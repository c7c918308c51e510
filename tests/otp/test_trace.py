"""Traces tell what goes in and out of a server, in order, and cost nothing where there are none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from noex.otp import Continue, Crash, GenServer, NoProcess, NoReply, Reject, ServerDown, Stop, debug
from noex.otp._mailbox import IDLE, RESTING
from tests.otp.conftest import Crashes
from tests.otp.servers import Counter, Notes, SlowCounter

pytestmark = pytest.mark.usefixtures("direct_calls")

Told = list[tuple[str, Any]]


def tracing(ref: Any) -> tuple[Told, debug.Trace]:
    told: Told = []
    return told, debug.trace(ref, lambda event: told.append((event.kind, event.message)))


@pytest.mark.parametrize("server", [Counter, SlowCounter])
async def test_it_tells_what_comes_and_what_is_answered(server: type[Counter], clock: Any) -> None:
    ref = await server.start()
    times: list[float] = []
    told, trace = tracing(ref)
    debug.trace(ref, lambda event: times.append(event.time))
    ref.cast("add")
    assert await ref.call("add") == 2
    assert told == [("cast", "add"), ("call", "add"), ("reply", 2)]
    assert times == ([0, 0, 0] if server is Counter else [0, 1, 2])
    assert trace.cancel()
    await ref.call("add")
    assert len(told) == 3
    assert len(times) == 5, "the other goes on"
    assert not trace.cancel()


async def test_it_tells_of_other_messages_and_of_the_end() -> None:
    ref = await Notes.start()
    told, trace = tracing(ref)
    ref.send("info")
    ref.send_after(1, "tick")
    await asyncio.sleep(2)
    await ref.stop("shutdown")
    assert told == [("info", "info"), ("info", "tick"), ("stopped", "shutdown")]
    assert not trace.active
    assert not trace.cancel()


async def test_it_tells_every_way_to_answer(crashes: Crashes) -> None:
    class Answers(GenServer):
        def handle_call(self, message: Any) -> Any:
            if message == "later":
                asyncio.get_running_loop().call_later(1, self.caller.reply, "late")
                return NoReply
            if message == "never":
                asyncio.get_running_loop().call_later(1, self.caller.error, KeyError("x"))
                return Continue("go on")
            if message == "reject":
                raise Reject(ValueError("no"))
            if message == "continue":
                return Continue("next", reply="now")
            if message == "crash":
                raise ZeroDivisionError
            return Stop("normal", reply="bye")

        def handle_continue(self, term: Any) -> None:
            pass

    ref = await Answers.start()
    told, _ = tracing(ref)
    assert await ref.call("later") == "late"
    assert await ref.call("continue") == "now"
    for message, error in (("never", KeyError), ("reject", ValueError)):
        with pytest.raises(error):
            await ref.call(message)
    await ref.call("stop")
    assert [(kind, repr(message)) for kind, message in told] == [
        ("call", "'later'"),
        ("reply", "'late'"),
        ("call", "'continue'"),
        ("reply", "'now'"),
        ("continue", "'next'"),
        ("call", "'never'"),
        ("continue", "'go on'"),
        ("error", "KeyError('x')"),
        ("call", "'reject'"),
        ("error", "ValueError('no')"),
        ("call", "'stop'"),
        ("reply", "'bye'"),
        ("stopped", "'normal'"),
    ]
    ref = await Answers.start()
    told, _ = tracing(ref)
    with pytest.raises(ServerDown):
        await ref.call("crash")
    (error,) = crashes.take()
    assert told == [("call", "crash"), ("crashed", error), ("stopped", Crash(error))]


async def test_it_tells_of_coroutines_that_reject() -> None:
    class Rejects(GenServer):
        async def handle_call(self, message: Any) -> Any:
            await asyncio.sleep(1)
            raise Reject(ValueError(message))

    ref = await Rejects.start()
    told, _ = tracing(ref)
    with pytest.raises(ValueError, match="no"):
        await ref.call("no")
    assert [kind for kind, _ in told] == ["call", "error"]


async def test_a_kill_is_told() -> None:
    ref = await Counter.start()
    told, _ = tracing(ref)
    ref.kill()
    assert [kind for kind, _ in told] == ["stopped"]
    with pytest.raises(NoProcess):
        debug.trace(ref, print)


async def test_the_state_is_that_of_the_server() -> None:
    ref = await Counter.start(3)
    tracing(ref)
    assert (await debug.get_state(ref))["count"] == 3
    await debug.replace_state(ref, lambda state: state | {"count": 5})
    assert await ref.call("add") == 6
    assert debug.statistics(ref).traced


async def test_a_server_may_trace_itself_from_within() -> None:
    class Traces(Counter):
        def handle_cast(self, message: Any) -> None:
            self.told, self.trace = tracing(self.ref)

        def handle_call(self, message: Any) -> Any:
            if message == "trace":
                self.handle_cast(message)
            return message if message != "told" else self.told

    for begin in (lambda ref: ref.call("trace"), lambda ref: asyncio.sleep(0, ref.cast("trace"))):
        ref = await Traces.start()
        await begin(ref)
        asked = [ref.call_nowait(n) for n in range(2)]
        await asyncio.gather(*asked)
        assert (await ref.call("told"))[:4] == [("call", 0), ("reply", 0), ("call", 1), ("reply", 1)]


async def test_a_sink_that_raises_gets_no_more() -> None:
    import logging

    ref = await Counter.start()
    seen: list[Any] = []

    def sink(event: Any) -> None:
        seen.append(event)
        raise ZeroDivisionError

    logger = logging.getLogger("noex.otp")
    logger.disabled = True
    try:
        trace = debug.trace(ref, sink)
        assert await ref.call("add") == 1
    finally:
        logger.disabled = False
    assert len(seen) == 1
    assert not trace.active
    assert await ref.call("add") == 2


async def test_a_sink_may_end_its_own_trace() -> None:
    ref = await Counter.start()
    seen: list[Any] = []
    trace = debug.trace(ref, lambda event: (seen.append(event.kind), trace.cancel()))
    others, _ = tracing(ref)
    await ref.call("add")
    assert seen == ["call"]
    assert len(others) == 2


async def test_a_suspended_server_that_is_traced_stays_suspended() -> None:
    ref = await Counter.start()
    await debug.suspend(ref)
    told, trace = tracing(ref)
    asked = ref.call_nowait("add")
    await asyncio.sleep(1)
    assert told == []
    trace.cancel()
    await asyncio.sleep(1)
    assert not asked.done()
    debug.resume(ref)
    assert await asked == 1


async def test_what_is_no_sink(direct_calls: bool) -> None:
    async def sink(event: Any) -> None:
        pass

    ref = await Counter.start()
    for bad in (None, 5, sink):
        with pytest.raises(TypeError, match="a sink is"):
            debug.trace(ref, bad)  # type: ignore[arg-type]
    assert ref._process.traces is None


async def test_nothing_is_left_of_a_trace_that_has_ended(direct_calls: bool) -> None:
    ref = await Counter.start()
    process = ref._process
    server = process.server
    with debug.trace(ref, print), debug.trace(ref, print):
        assert process.state == RESTING
        assert process.server is not server
    assert process.server is server
    assert process.traces is None
    assert process.state == process.rest == (IDLE if direct_calls else RESTING)
