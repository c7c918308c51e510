"""Calls, casts and messages: order, answers, time-outs, and errors."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import weakref
from typing import Any

import pytest

from noex.otp import (
    BadReturn,
    CallingSelf,
    CallTimeout,
    Continue,
    Crash,
    From,
    GenServer,
    Killed,
    MailboxFull,
    NoProcess,
    NoReply,
    Ref,
    Reject,
    ServerDown,
    Stop,
)
from tests.otp.conftest import Crashes
from tests.otp.servers import Counter, Notes, SlowCounter, Waiting

pytestmark = pytest.mark.usefixtures("direct_calls")


async def turns(number: int = 10) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_a_call_is_answered_and_state_stays() -> None:
    ref = await Counter.start(5)
    assert [await ref.call("get"), await ref.call("add"), await ref.call("get")] == [5, 6, 6]


async def test_messages_are_handled_in_the_order_they_came() -> None:
    ref = await SlowCounter.start()
    asked = [ref.call_nowait("add") for _ in range(3)]
    ref.cast("add")
    assert await asyncio.gather(*asked) == [1, 2, 3]
    assert await ref.call("get") == 4


async def test_casts_and_calls_keep_their_order() -> None:
    ref = await Counter.start()
    ref.cast("add")
    assert await ref.call("get") == 1
    for _ in range(100):
        assert ref.cast("add")
    assert await ref.call("get") == 101


async def test_one_message_at_a_time_also_across_await() -> None:
    ref = await SlowCounter.start()
    for _ in range(50):
        ref.cast("add")
    assert await ref.call("get", timeout=None) == 50


async def test_a_call_that_is_not_answered_in_time(clock: Any) -> None:
    ref = await SlowCounter.start()
    before = clock()
    with pytest.raises(CallTimeout, match=r"SlowCounter did not answer within 0.5 s"):
        await ref.call("add", timeout=0.5)
    assert clock() - before == 0.5
    assert await ref.call("get") == 1, "it was handled all the same, and the late answer reached nobody"


async def test_a_call_waits_five_seconds_and_not_for_ever(clock: Any) -> None:
    ref = await Waiting.start([])
    with pytest.raises(CallTimeout):
        await ref.call("x")
    assert clock() == 5
    ref.kill()


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
async def test_a_wrong_timeout_is_refused(timeout: float) -> None:
    ref = await Counter.start()
    with pytest.raises(ValueError, match="timeout"):
        await ref.call("get", timeout=timeout)


async def test_no_timeout_means_no_limit(clock: Any) -> None:
    ref = await SlowCounter.start()
    for _ in range(100):
        ref.cast("add")
    assert await ref.call("get", timeout=None) == 100
    assert clock() > 100


async def test_a_caller_that_is_cancelled_leaves_the_server_alone() -> None:
    ref = await SlowCounter.start()
    calling = asyncio.create_task(ref.call("add"))
    await asyncio.sleep(0.5)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert await ref.call("get") == 1


async def test_a_call_to_a_dead_server_fails_at_once() -> None:
    ref = await Counter.start()
    await ref.stop()
    with pytest.raises(NoProcess, match="Counter is dead"):
        await ref.call("get")
    with pytest.raises(NoProcess):
        ref.call_nowait("get")
    assert not ref.cast("add")
    assert not ref.send("add")
    assert not ref.alive


async def test_an_error_in_a_handler_ends_the_server_and_is_told_to_the_caller(crashes: Crashes) -> None:
    log: list[Any] = []
    ref = await Counter.start(7, log)
    with pytest.raises(ServerDown, match="Counter ended before it answered") as failure:
        await ref.call("crash")
    (error,) = crashes.take()
    assert failure.value.__cause__ is error
    assert failure.value.reason == Crash(error) == await ref.wait()
    assert log == [(Crash(error), 7)]
    assert not ref.alive


async def test_an_error_in_a_cast_is_not_swallowed(crashes: Crashes) -> None:
    ref = await Counter.start()
    ref.cast("crash")
    reason = await ref.wait()
    assert isinstance(reason, Crash)
    assert crashes.take() == [reason.error]


async def test_all_who_wait_learn_of_a_crash_at_once(clock: Any, crashes: Crashes) -> None:
    ref = await SlowCounter.start()
    asked = [ref.call_nowait(message) for message in ("get", "crash", "get", "get")]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert answers[0] == 0
    assert [type(answer) for answer in answers[1:]] == [ServerDown] * 3
    assert len({id(answer) for answer in answers}) == 4, "each gets an error of its own"
    assert clock() == 2
    crashes.take()


class Picky(GenServer):
    def handle_call(self, message: Any) -> Any:
        raise Reject(message)

    handle_cast = handle_call


async def test_an_expected_error_goes_to_the_caller_alone() -> None:
    ref = await Picky.start()
    with pytest.raises(KeyError):
        await ref.call(KeyError("a"))
    with pytest.raises(ValueError, match="b"):
        await ref.call(ValueError("b"))
    assert ref.alive


async def test_a_rejection_where_nobody_asked_is_a_crash(crashes: Crashes) -> None:
    ref = await Picky.start()
    ref.cast(KeyError("a"))
    assert isinstance(await ref.wait(), Crash)
    assert [type(error) for error in crashes.take()] == [Reject]


async def test_only_errors_can_be_rejected_with(crashes: Crashes) -> None:
    ref = await Picky.start()
    with pytest.raises(ServerDown) as failure:
        await ref.call("no error")
    assert isinstance(failure.value.__cause__, TypeError)
    crashes.take()
    with pytest.raises(TypeError):
        Reject(StopIteration())


class Desk(GenServer):
    """Answers later, or not at all."""

    def init(self) -> None:
        self.waiting: list[From] = []

    def handle_call(self, message: Any) -> Any:
        if message == "wait":
            self.waiting.append(self.caller)
            return NoReply
        if message == "twice":
            self.caller.reply("first")
            return "second"
        if message == "nobody":
            return NoReply
        for caller in self.waiting:
            caller.reply(message)
        return [caller.reply("late") for caller in self.waiting]

    def handle_cast(self, message: Any) -> Any:
        if isinstance(message, Exception):
            for caller in self.waiting:
                caller.error(message)
        else:
            assert self.caller  # nobody calls


async def test_answers_may_come_later_and_once() -> None:
    ref = await Desk.start()
    asked = [ref.call_nowait("wait") for _ in range(2)]
    await turns()
    assert await ref.call("now") == [False, False]
    assert await asyncio.gather(*asked) == ["now", "now"]
    assert await ref.call("twice") == "first"


async def test_an_error_may_be_the_late_answer() -> None:
    ref = await Desk.start()
    asked = ref.call_nowait("wait")
    ref.cast(KeyError("none"))
    with pytest.raises(KeyError):
        await asked
    assert ref.alive


async def test_who_waits_for_a_late_answer_learns_of_the_end() -> None:
    ref = await Desk.start()
    asked = asyncio.create_task(ref.call("wait"))
    nobody = asyncio.create_task(ref.call("nobody"))
    await turns()
    await ref.stop()
    for waiting in (asked, nobody):
        with pytest.raises(ServerDown) as failure:
            await waiting
        assert failure.value.reason == "normal"


async def test_a_late_answer_after_the_timeout_reaches_nobody() -> None:
    ref = await Desk.start()
    with pytest.raises(CallTimeout):
        await ref.call("wait", timeout=1)
    assert await ref.call("now") == [False]


async def test_there_is_no_caller_outside_of_a_call(crashes: Crashes) -> None:
    ref = await Desk.start()
    ref.cast("who?")
    reason = await ref.wait()
    assert isinstance(reason, Crash)
    assert isinstance(reason.error, RuntimeError)
    crashes.take()


async def test_a_late_answer_may_come_from_another_thread() -> None:
    class Threads(GenServer):
        def handle_call(self, message: Any) -> Any:
            caller = self.caller
            asyncio.get_running_loop().run_in_executor(None, lambda: caller.reply(threading.get_ident()))
            return NoReply

    ref = await Threads.start()
    assert await ref.call("x", timeout=None) != threading.get_ident()


class Obeys(GenServer):
    """Returns what it is sent."""

    def init(self, log: list[Any]) -> None:
        self.log = log

    def handle_call(self, message: Any) -> Any:
        return message

    async def handle_cast(self, message: Any) -> Any:
        return message

    def handle_continue(self, term: Any) -> Any:
        self.log.append(term)
        if term == "crash":
            raise ZeroDivisionError
        return Continue(term - 1) if term else None

    def terminate(self, reason: Any) -> None:
        self.log.append(reason)


async def test_a_handler_may_answer_and_end_the_server() -> None:
    log: list[Any] = []
    ref = await Obeys.start(log)
    assert await ref.call(Stop("shutdown", reply="bye")) == "bye"
    assert await ref.wait() == "shutdown"
    assert log == ["shutdown"]


async def test_a_handler_may_end_the_server_without_an_answer() -> None:
    ref = await Obeys.start([])
    with pytest.raises(ServerDown) as failure:
        await ref.call(Stop("shutdown"))
    assert failure.value.reason == "shutdown"


async def test_calls_behind_a_stop_fail_at_once(clock: Any) -> None:
    """They do not wait for their time-outs."""
    ref = await Obeys.start([])
    asked = [ref.call_nowait(message) for message in (1, Stop("normal", reply=2), 3, 4)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert answers[:2] == [1, 2]
    assert [(type(answer), answer.reason) for answer in answers[2:]] == [(ServerDown, "normal")] * 2
    assert clock() == 0


async def test_what_continues_comes_before_what_waits() -> None:
    log: list[Any] = []
    ref = await Obeys.start(log)
    asked = [ref.call_nowait(Continue(2, reply="a")), ref.call_nowait(Stop("normal", reply="b"))]
    assert await asyncio.gather(*asked) == ["a", "b"]
    assert log == [2, 1, 0, "normal"]


@pytest.mark.parametrize("wrong", [1, "text", Stop("normal", reply=1), Continue(1, reply=1)])
async def test_a_cast_has_no_answer_so_one_is_a_crash(wrong: Any, crashes: Crashes) -> None:
    ref = await Obeys.start([])
    ref.cast(wrong)
    reason = await ref.wait()
    assert isinstance(reason, Crash)
    assert isinstance(reason.error, BadReturn)
    assert "handle_cast returned" in str(reason.error)
    crashes.take()


async def test_a_plain_function_may_return_a_coroutine() -> None:
    """Handlers that were wrapped are awaited, too."""

    class Wrapped(SlowCounter):
        def handle_call(self, message: Any) -> Any:
            return "now" if message == "now" else super().handle_call(message)

    ref = await Wrapped.start()
    assert await ref.call("add") == 1
    assert await ref.call("now") == "now"


async def test_any_value_can_be_an_answer() -> None:
    ref = await Obeys.start([])
    for value in (None, False, [], {}, ValueError("a value"), Obeys, ref, From):
        assert await ref.call(value) is value


class Selfish(GenServer):
    async def handle_call(self, message: Any) -> Any:
        if message == "wait":
            return await self.ref.call("get")
        if message == "stop":
            await self.ref.stop()
        if message == "later":
            return self.ref.call_nowait("get")
        if message == "other":
            return asyncio.ensure_future(self.ref.call("get"))
        return message


async def test_a_server_that_calls_itself_is_told_so(crashes: Crashes) -> None:
    ref = await Selfish.start()
    with pytest.raises(ServerDown) as failure:
        await ref.call("wait")
    assert isinstance(failure.value.__cause__, CallingSelf)
    ref = await Selfish.start()
    with pytest.raises(ServerDown) as failure:
        await ref.call("stop")
    assert isinstance(failure.value.__cause__, CallingSelf)
    assert len(crashes.take()) == 2


async def test_a_server_may_ask_itself_without_waiting() -> None:
    ref = await Selfish.start()
    assert await (await ref.call("later")) == "get"
    assert await (await ref.call("other")) == "get", "a task of its own is not the server, whatever its context"


VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="none")


class Contexts(GenServer):
    def init(self) -> None:
        VARIABLE.set(VARIABLE.get() + " init")

    def handle_call(self, message: Any) -> Any:
        before = VARIABLE.get()
        VARIABLE.set(message)
        return before, asyncio.current_task()

    def handle_cast(self, message: Any) -> None:
        VARIABLE.set(message)


async def test_a_server_has_a_context_of_its_own_and_is_nobody_elses_task() -> None:
    VARIABLE.set("starter")
    ref = await Contexts.start()
    VARIABLE.set("caller")
    assert await ref.call("first") == ("starter init", None)
    assert await asyncio.create_task(ref.call("second")) == ("first", None)
    ref.cast("cast")
    assert await ref.call("third") == ("cast", None)
    assert VARIABLE.get() == "caller"
    assert asyncio.current_task() is not None


async def test_servers_may_call_each_other_in_a_long_chain() -> None:
    class Chain(GenServer):
        def init(self, following: Ref | None) -> None:
            self.following = following

        async def handle_call(self, message: Any) -> Any:
            return message if self.following is None else await self.following.call(message + 1, timeout=None)

    ref = await Chain.start(None)
    for _ in range(300):
        ref = await Chain.start(ref)
    for _ in range(3):
        assert await ref.call(0, timeout=None) == 300


async def test_a_hot_loop_of_calls_does_not_starve_the_event_loop() -> None:
    ref = await Counter.start()
    turned = 0

    async def turn() -> None:
        nonlocal turned
        while True:
            turned += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    for _ in range(10_000):
        await ref.call("get")
    turning.cancel()
    assert turned > 10


async def test_a_flood_of_messages_does_not_starve_the_event_loop() -> None:
    class Endless(GenServer):
        async def handle_cast(self, message: Any) -> None:
            self.ref.cast(message)

        def handle_info(self, message: Any) -> None:
            self.ref.send(message)

    ref = await Endless.start()
    ref.cast("again")
    ref.send("again")
    await turns(100)
    ref.kill()


async def test_a_full_mailbox_refuses() -> None:
    ref = await Waiting.start([], max_queue=2)
    asked = asyncio.create_task(ref.call("running"))
    await turns()
    assert ref.cast(1)
    assert ref.send(2)
    assert not ref.cast(3)
    assert not ref.send(3)
    with pytest.raises(MailboxFull, match="max_queue=2"):
        await ref.call("no room")
    ref.kill()
    with pytest.raises(ServerDown):
        await asked
    with pytest.raises(ValueError, match="max_queue"):
        await Waiting.start([], max_queue=0)


async def test_typed_and_plain_messages_are_the_same_to_a_server() -> None:
    ref = await Notes.start()
    assert ref.send({"any": "thing"})
    await turns()
    assert await ref.call("notes") == [{"any": "thing"}]


async def test_what_nobody_handles_is_dropped_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    ref = await Counter.start()
    ref.send("hello")
    assert await ref.call("get") == 0
    assert "dropped 'hello'" in caplog.text


async def test_a_server_without_the_handler_crashes(crashes: Crashes) -> None:
    ref = await GenServer.start()
    with pytest.raises(ServerDown) as failure:
        await ref.call("get")
    assert isinstance(failure.value.__cause__, NotImplementedError)
    crashes.take()


async def test_calls_from_other_threads() -> None:
    ref = await SlowCounter.start()
    loop = asyncio.get_running_loop()
    assert await loop.run_in_executor(None, ref.call_sync, "add") == 1
    assert await loop.run_in_executor(None, ref.cast, "add")
    assert await ref.call("get") == 2
    with pytest.raises(RuntimeError, match="await call"):
        ref.call_sync("get")
    with pytest.raises(CallTimeout):
        await loop.run_in_executor(None, ref.call_sync, "add", 0.001)
    assert await loop.run_in_executor(None, ref.kill)
    assert await ref.wait() == Killed()
    with pytest.raises(NoProcess):
        await loop.run_in_executor(None, ref.call_sync, "get")
    assert not await loop.run_in_executor(None, ref.cast, "add")


def test_another_loop_is_not_the_servers() -> None:
    async def start() -> Ref:
        return await Counter.start()

    async def use(ref: Ref) -> None:
        with pytest.raises(RuntimeError, match="another event loop"):
            await ref.call("get")
        with pytest.raises(RuntimeError, match="another event loop"):
            await ref.stop()

    ref = asyncio.run(start())
    asyncio.run(use(ref))
    assert not ref._process.loop.is_running()


async def test_finished_calls_are_not_kept_behind_a_slow_one(clock: Any) -> None:
    class Queued(Counter):
        direct_calls = False

    slow, quick = await Waiting.start([]), await Queued.start()
    began = clock()
    asked = asyncio.create_task(slow.call("x"))
    await asyncio.sleep(0)
    kept = slow._process.home.usual._queue
    for _ in range(1000):
        await quick.call("add")
        assert len(kept) <= 64
    many = [asyncio.create_task(slow.call("x")) for _ in range(200)]
    await asyncio.sleep(1)
    for _ in range(1000):
        await quick.call("add")
        assert len(kept) <= 2 * 201
    with pytest.raises(CallTimeout):
        await asked
    assert clock() - began == 5
    assert [type(error) for error in await asyncio.gather(*many, return_exceptions=True)] == [CallTimeout] * 200
    slow.kill()


async def test_an_error_goes_with_who_caught_it() -> None:
    """No cycle of frames and tracebacks keeps it, nor what it leads to, until the collector comes."""

    class Refused(Exception):
        pass

    class Refuses(GenServer):
        def handle_call(self, message: Any) -> Any:
            raise Reject(Refused())

    class RefusesLater(GenServer):
        async def handle_call(self, message: Any) -> Any:
            if message == "wait":
                await asyncio.sleep(0)
            raise Reject(Refused())

    async def ask(ref: Ref, message: str) -> weakref.ref[Refused] | None:
        try:
            await ref.call(message)
        except Refused as error:
            return weakref.ref(error)
        return None

    async def wait(ref: Ref) -> None:
        await ask(ref, "wait")
        await asyncio.sleep(0)

    for kind, message in ((Refuses, "x"), (RefusesLater, "wait"), (RefusesLater, "x")):
        ref = await kind.start()
        await wait(ref)
        gc.collect()
        gc.disable()
        try:
            error = await ask(ref, message)
            await asyncio.sleep(0)
            assert error is not None
            assert error() is None
            assert gc.collect() == 0
        finally:
            gc.enable()
