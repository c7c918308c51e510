"""Starting, stopping, killing: names, init, terminate, and the end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from noex.otp import (
    AlreadyStarted,
    Continue,
    Crash,
    GenServer,
    Ignore,
    InitError,
    Killed,
    NoProcess,
    Registry,
    ServerDown,
    Shutdown,
    StartIgnored,
    Stop,
    default_registry,
    named,
    whereis,
)
from tests.otp.conftest import Crashes, run
from tests.otp.servers import Counter, SlowCounter, Waiting

pytestmark = pytest.mark.usefixtures("direct_calls")


class Starts(GenServer):
    """Does in `init` what it is given; a number means to wait so long before."""

    def init(self, what: Any = None, log: list[Any] | None = None, **more: Any) -> Any:
        self.log = [] if log is None else log
        self.log.append("init")
        return self.slowly(what) if isinstance(what, tuple) else self.now(what)

    async def slowly(self, what: Any) -> Any:
        seconds, what = what
        await asyncio.sleep(seconds)
        return self.now(what)

    def now(self, what: Any) -> Any:
        if isinstance(what, Exception):
            raise what
        return what

    def handle_continue(self, term: Any) -> None:
        self.log.append(term)

    def handle_call(self, message: Any) -> Any:
        return [*self.log]

    def terminate(self, reason: Any) -> None:
        self.log.append(reason)


both_ways = pytest.mark.parametrize("wrap", [lambda what: what, lambda what: (1, what)], ids=["now", "awaited"])


@both_ways
async def test_start_returns_when_init_is_done(wrap: Any, clock: Any) -> None:
    ref = await Starts.start(wrap(None))
    assert ref.alive
    assert clock() == (0 if wrap(0) == 0 else 1)
    assert repr(ref) == "<Starts>"


@both_ways
async def test_what_continues_after_init_comes_before_any_message(wrap: Any) -> None:
    async def ask() -> Any:
        await asyncio.sleep(0.5)
        return await named("it").call("log")

    asked = asyncio.create_task(ask())
    ref = await Starts.start(wrap(Continue("next")), name="it")
    assert await ref.call("log") == ["init", "next"]
    assert await asked == ["init", "next"]


@both_ways
async def test_an_error_in_init_is_told_and_frees_the_name(wrap: Any) -> None:
    log: list[Any] = []
    with pytest.raises(InitError, match="Starts 'it' did not start") as failure:
        await Starts.start(wrap(ZeroDivisionError("x")), log, name="it")
    assert isinstance(failure.value.__cause__, ZeroDivisionError)
    assert failure.value.reason == Crash(failure.value.__cause__)
    assert whereis("it") is None
    assert log == ["init"], "terminate is not for what has not started"
    assert (await Starts.start(name="it")).alive


@both_ways
async def test_init_may_stop_and_ignore(wrap: Any) -> None:
    with pytest.raises(InitError) as failure:
        await Starts.start(wrap(Stop(Shutdown("full"))), name="it")
    assert failure.value.reason == Shutdown("full")
    with pytest.raises(StartIgnored):
        await Starts.start(wrap(Ignore), name="it")
    assert whereis("it") is None


@both_ways
async def test_init_must_not_return_anything_else(wrap: Any) -> None:
    with pytest.raises(InitError, match="init returned 5"):
        await Starts.start(wrap(5))


async def test_an_init_that_takes_too_long_is_cut_off(clock: Any) -> None:
    with pytest.raises(InitError, match="init took longer than 2 s"):
        await Starts.start((10, None), name="it", init_timeout=2)
    assert clock() == 2
    assert whereis("it") is None
    with pytest.raises(InitError, match="5 s"):
        await Starts.start((10, None))
    assert (await Starts.start((10, None), init_timeout=None)).alive


async def test_a_start_that_is_cancelled_leaves_nothing() -> None:
    log: list[Any] = []
    starting = asyncio.create_task(Waiting.start(log, name="it"))
    await asyncio.sleep(1)
    assert whereis("it") is not None
    starting = asyncio.create_task(Starts.start((10, None), log, name="slow"))
    await asyncio.sleep(1)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert whereis("slow") is None


async def test_a_name_is_taken_before_init_runs() -> None:
    log: list[Any] = []
    starting = asyncio.create_task(Starts.start((1, None), log, name="it"))
    await asyncio.sleep(0.5)
    with pytest.raises(AlreadyStarted, match="the name 'it' belongs to <Starts 'it'>") as failure:
        await Starts.start(None, log, name="it")
    assert log == ["init"]
    assert failure.value.ref is await starting is whereis("it")


async def test_messages_to_a_server_that_is_starting_wait() -> None:
    starting = asyncio.create_task(Starts.start((1, None), name="it"))
    await asyncio.sleep(0.5)
    assert await named("it").call("log") == ["init"]
    await starting


async def test_a_server_that_is_killed_while_it_starts() -> None:
    starting = asyncio.create_task(Starts.start((1, None), name="it"))
    await asyncio.sleep(0.5)
    assert named("it").kill()
    with pytest.raises(InitError) as failure:
        await starting
    assert failure.value.reason == Killed()


async def test_stop_terminates_once_with_the_last_state() -> None:
    log: list[Any] = []
    ref = await Counter.start(0, log)
    await ref.call("add")
    await ref.stop()
    assert log == [("normal", 1)]
    await ref.stop("shutdown")
    assert log == [("normal", 1)]
    assert await ref.wait() == "normal"
    assert repr(ref) == "<Counter, ended: 'normal'>"


async def test_what_was_sent_before_a_stop_is_handled(clock: Any) -> None:
    log: list[Any] = []
    ref = await SlowCounter.start(0, log)
    for _ in range(3):
        ref.cast("add")
    asked = ref.call_nowait("add")
    await ref.stop()
    assert await asked == 4
    assert log == [("normal", 4)]
    assert clock() == 4


async def test_several_may_stop_and_wait() -> None:
    ref = await SlowCounter.start()
    ref.cast("add")
    assert await asyncio.gather(ref.stop(), ref.stop("shutdown"), ref.wait(), ref.wait()) == [
        None,
        None,
        "normal",
        "normal",
    ]


class Ends(GenServer):
    def init(self, ending: Any, log: list[Any]) -> None:
        self.ending = ending
        self.log = log

    def handle_call(self, message: Any) -> Any:
        return message

    async def terminate(self, reason: Any) -> None:
        self.log.append(("task", asyncio.current_task() is not None))
        if isinstance(self.ending, Exception):
            raise self.ending
        await asyncio.sleep(self.ending)
        self.log.append(reason)


async def test_stop_waits_for_terminate(clock: Any) -> None:
    log: list[Any] = []
    ref = await Ends.start(3, log, name="it")
    stopping = asyncio.create_task(ref.stop("shutdown"))
    await asyncio.sleep(1)
    assert not ref.alive
    assert whereis("it") is ref
    with pytest.raises(ServerDown) as failure:
        await ref.call("x")
    assert failure.value.reason == "shutdown"
    assert not ref.cast("x")
    await stopping
    assert log == [("task", True), "shutdown"]
    assert clock() == 3
    assert whereis("it") is None


async def test_stop_may_give_up_waiting(clock: Any) -> None:
    log: list[Any] = []
    ref = await Ends.start(3, log)
    with pytest.raises(TimeoutError):
        await ref.stop(timeout=1)
    assert clock() == 1
    assert await ref.wait() == "normal"


async def test_an_error_in_terminate_becomes_the_reason(crashes: Crashes) -> None:
    error = ZeroDivisionError()
    ref = await Ends.start(error, [])
    await ref.stop()
    assert await ref.wait() == Crash(error)
    assert crashes.take() == [error]


async def test_a_kill_cuts_off_and_does_not_terminate() -> None:
    log: list[Any] = []
    ref = await Waiting.start(log, name="it")
    asked = [asyncio.create_task(ref.call(n)) for n in range(2)]
    await asyncio.sleep(1)
    assert ref.kill()
    assert not ref.alive
    assert whereis("it") is None
    for waiting in asked:
        with pytest.raises(ServerDown) as failure:
            await waiting
        assert failure.value.reason == Killed()
    assert log == [0, "cut off"]
    assert not ref.kill()


async def test_a_kill_ends_terminate_too(clock: Any) -> None:
    log: list[Any] = []
    ref = await Ends.start(10, log)
    stopping = asyncio.create_task(ref.stop())
    await asyncio.sleep(1)
    ref.kill()
    await stopping
    assert (clock(), await ref.wait(), log) == (1, Killed(), [("task", True)])


class Suicide(Counter):
    def handle_call(self, message: Any) -> Any:
        self.ref.kill()
        return self.slowly() if message == "slowly" else message

    async def slowly(self) -> None:
        raise AssertionError("it is dead")

    def handle_cast(self, message: Any) -> None:
        self.ref.kill()


@pytest.mark.parametrize("message", ["now", "slowly"])
async def test_a_server_may_kill_itself(message: str) -> None:
    log: list[Any] = []
    ref = await Suicide.start(0, log)
    with pytest.raises(ServerDown) as failure:
        await ref.call(message)
    assert failure.value.reason == Killed()
    ref = await Suicide.start(0, log)
    ref.cast("now")
    ref.cast("never")
    assert await ref.wait() == Killed()
    assert log == []


async def test_a_server_whose_task_is_cancelled_from_outside_ends_in_order() -> None:
    log: list[Any] = []

    class Cancelled(Waiting):
        async def handle_call(self, message: Any) -> Any:
            task = asyncio.current_task()
            assert task is not None
            asyncio.get_running_loop().call_later(1, task.cancel)
            return await super().handle_call(message)

    ref = await Cancelled.start(log)
    with pytest.raises(ServerDown) as failure:
        await ref.call("x")
    assert failure.value.reason == Shutdown("cancelled")
    assert log == ["x", "cut off", Shutdown("cancelled")]
    assert await ref.wait() == Shutdown("cancelled")


async def test_a_cancellation_that_a_handler_only_meets_is_a_crash(crashes: Crashes) -> None:
    class Meets(GenServer):
        async def handle_call(self, message: Any) -> Any:
            other = asyncio.ensure_future(asyncio.sleep(10))
            asyncio.get_running_loop().call_soon(other.cancel)
            await other

    ref = await Meets.start()
    with pytest.raises(ServerDown) as failure:
        await ref.call("x")
    assert isinstance(failure.value.__cause__, asyncio.CancelledError)
    crashes.take()


def test_the_end_of_the_loop_ends_what_servers_await() -> None:
    log: list[Any] = []

    async def main() -> None:
        ref = await Waiting.start(log)
        ref.cast("x")
        await asyncio.sleep(1)

    run(main())
    assert log == ["x", "cut off", Shutdown("cancelled")]


def test_a_task_that_is_cancelled_before_it_began_ends_its_server() -> None:
    log: list[Any] = []

    async def main() -> None:
        ref = await Waiting.start(log)
        asked = ref.call_nowait("x")
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            assert task.get_name() != "Waiting"
        while not any(task.get_name() == "Waiting" for task in asyncio.all_tasks()):
            await asyncio.sleep(0)
        asked.add_done_callback(lambda future: log.append(type(future.exception())))

    run(main())
    assert log[-2:] == [Shutdown("cancelled"), ServerDown]


async def test_wrong_reasons_are_refused() -> None:
    ref = await Counter.start()
    for wrong in ("tired", 1, None):
        with pytest.raises(TypeError, match="a reason must be"):
            await ref.stop(wrong)  # type: ignore[arg-type]
    await ref.stop(KeyError("an error is a crash"))
    assert isinstance(await ref.wait(), Crash)


async def test_names() -> None:
    ref = await Counter.start(name=("any", "thing"))
    it = named(("any", "thing"))
    assert it.alive
    assert await it.call("add") == 1
    assert it.cast("add")
    assert await it.call("get") == 2
    assert repr(it) == "named(('any', 'thing'))"
    await it.stop()
    assert not it.alive
    assert not it.cast("add")
    assert not it.send("add")
    assert not it.kill()
    with pytest.raises(NoProcess, match="nobody has the name"):
        await it.call("get")
    again = await Counter.start(10, name=("any", "thing"))
    assert await it.call("get") == 10
    assert again is not ref


async def test_a_server_under_several_names_frees_them_all() -> None:
    registry = default_registry()
    ref = await Counter.start(name="one")
    registry.register("two", ref)
    registry.register("two", ref)
    registry.register("three", ref)
    assert [*registry] == ["one", "two", "three"]
    assert registry.names_of(ref) == ["one", "two", "three"]
    assert registry.unregister("three") == 1
    assert registry.unregister("three") == 0
    assert registry.names_of(ref) == ["one", "two"]
    await ref.stop()
    assert [*registry] == []
    with pytest.raises(NoProcess):
        registry.register("one", ref)


async def test_registries_are_separate() -> None:
    registry = Registry()
    ref = await Counter.start(name="it", registry=registry)
    assert whereis("it") is None
    assert whereis("it", registry=registry) is ref is registry.lookup("it")
    assert await named("it", registry=registry).call("get") == 0
    with pytest.raises(NoProcess):
        registry.lookup("other")


async def test_a_server_has_a_task_from_when_it_awaits_something_until_its_end() -> None:
    before = asyncio.all_tasks()
    plain = [await Counter.start() for _ in range(3)]
    assert await asyncio.gather(*[ref.call("add") for ref in plain]) == [1, 1, 1]
    await asyncio.sleep(1)
    assert asyncio.all_tasks() == before
    slow = [await SlowCounter.start() for _ in range(3)]
    assert await asyncio.gather(*[ref.call("add") for ref in slow]) == [1, 1, 1]
    tasks = asyncio.all_tasks() - before
    assert sorted(task.get_name() for task in tasks) == ["SlowCounter"] * 3
    slow.pop().kill()
    await slow.pop().stop()
    for task in tasks:
        task.cancel()  # as the end of a loop does; it is standing by, so this ends nothing
    await asyncio.sleep(1)
    assert asyncio.all_tasks() == before
    assert await slow.pop().call("add") == 2


async def test_an_asynchronous_handler_is_always_the_same_task() -> None:
    class Tasks(GenServer):
        async def handle_call(self, message: Any) -> Any:
            seen = [asyncio.current_task()]
            for _ in range(message):
                await asyncio.sleep(0)
                seen.append(asyncio.current_task())
            async with asyncio.timeout(10), asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(1))
            return [*seen, asyncio.current_task()]

    ref = await Tasks.start()
    seen = [task for number in (0, 1, 0, 2) for task in await ref.call(number)]
    assert len(seen) == 11
    assert len(set(seen)) == 1
    assert seen[0] is not asyncio.current_task()


async def test_a_server_that_kills_itself_before_it_awaits_is_cut_off_there() -> None:
    log: list[Any] = []

    class Kills(GenServer):
        async def handle_call(self, message: Any) -> Any:
            if message:
                return message
            self.ref.kill()
            try:
                await asyncio.sleep(1)
            finally:
                await asyncio.sleep(1)
                log.append("cleaned up")

    for before in ([], ["first"]):
        ref = await Kills.start()
        for message in before:
            assert await ref.call(message) == message
        with pytest.raises(ServerDown):
            await ref.call(None)
    await asyncio.sleep(5)
    assert log == ["cleaned up", "cleaned up"]


async def test_an_interrupt_ends_the_server_and_goes_on(crashes: Crashes) -> None:
    class Interrupted(Counter):
        def handle_call(self, message: Any) -> Any:
            raise SystemExit(3)

    ref = await Interrupted.start()
    if not ref._process.rest:  # else it would end the test
        with pytest.raises(SystemExit):
            await ref.call("x")
        assert isinstance(await ref.wait(), Crash)
