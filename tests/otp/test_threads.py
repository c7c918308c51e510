"""Servers of a loop that runs in another thread than the one that asks, or the one in which they were started."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from noex.otp import GenServer, NoProcess, NoReply, Ref, ServerDown, debug, default_registry, named
from noex.otp._asking import ask_from_thread
from tests.otp.servers import Counter

pytestmark = pytest.mark.usefixtures("direct_calls")


class QuietLoop(asyncio.SelectorEventLoop):
    """A loop that does not tell which thread runs it."""

    def __getattribute__(self, name: str) -> Any:
        if name == "_thread_id" and not _asked_by_asyncio():
            raise AttributeError(name)
        return super().__getattribute__(name)


def _asked_by_asyncio() -> bool:
    return sys._getframe(2).f_globals["__name__"].startswith("asyncio")


@pytest.fixture(params=[asyncio.SelectorEventLoop, QuietLoop])
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    loop = request.param()
    yield loop
    loop.close()


@contextlib.contextmanager
def running_elsewhere(loop: asyncio.AbstractEventLoop) -> Generator[None, None, None]:
    """Let another thread run a loop meanwhile."""
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def in_thread(function: Callable[[], Any]) -> Any:
    """Return what a function returns in another thread."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


def test_a_loop_may_go_on_in_another_thread(loop: asyncio.AbstractEventLoop) -> None:
    ref = loop.run_until_complete(Counter.start())
    with running_elsewhere(loop):
        handled = threading.Event()
        assert ref.cast("add")
        loop.call_soon_threadsafe(handled.set)
        assert handled.wait(60)
        assert ref.call_sync("get", 60) == 1

        async def asks_from_another_loop() -> None:
            await ref.call("get")

        with pytest.raises(RuntimeError, match="another event loop"):
            asyncio.run(asks_from_another_loop())
        assert ref.kill()
        with pytest.raises(NoProcess):
            ref.call_sync("get", 60)


def test_messages_from_between_two_runs_of_the_loop_arrive(loop: asyncio.AbstractEventLoop) -> None:
    ref = loop.run_until_complete(Counter.start())
    assert ref.cast("add")
    assert ref.cast("add")
    assert loop.run_until_complete(ref.call("get")) == 2
    assert ref.kill()
    loop.run_until_complete(ref.wait())
    assert not ref.alive


def test_who_looks_at_a_loop_from_elsewhere_does_not_move_it(loop: asyncio.AbstractEventLoop) -> None:
    async def start() -> Ref:
        return await Counter.start(name="counter")

    loop.run_until_complete(start())
    with running_elsewhere(loop):
        ref = named("counter", registry=default_registry(loop))
        assert debug.events(loop)
        assert ref.cast("add")
        assert ref.call_sync("get", 60) == 1


def test_a_late_answer_finds_the_loop_where_it_runs(loop: asyncio.AbstractEventLoop) -> None:
    class Later(GenServer):
        def handle_call(self, message: Any) -> Any:
            if message == "who":
                return callers[0]
            callers.append(self.caller)
            return NoReply

    callers: list[Any] = []

    async def ask() -> tuple[Ref, asyncio.Future[Any]]:
        ref = await Later.start()
        answer = ref.call_nowait("later")
        await ref.call("who")
        return ref, answer

    def tell(_: asyncio.Future[Any]) -> None:
        answered.set()

    answered = threading.Event()
    ref, answer = loop.run_until_complete(ask())
    with running_elsewhere(loop):
        loop.call_soon_threadsafe(answer.add_done_callback, tell)
        assert callers[0].reply(7)
        assert answered.wait(60)  # the loop has been woken up
    assert answer.result() == 7
    assert ref.alive


def test_a_full_mailbox_is_full_for_other_threads(loop: asyncio.AbstractEventLoop) -> None:
    async def main() -> None:
        ref = await Counter.start(max_queue=5)
        taken = in_thread(lambda: sum([ref.cast("add") for _ in range(50)] + [ref.send("x") for _ in range(50)]))
        assert taken == 100  # as far as anybody there could know
        await asyncio.sleep(0)
        assert (debug.statistics(ref).waiting, debug.statistics(ref).dropped) == (5, 95)
        await asyncio.sleep(0)
        assert await ref.call("get") == 5

    loop.run_until_complete(main())


def test_a_closed_loop_takes_nothing() -> None:
    refs: list[Ref] = []

    async def main() -> None:
        refs.extend([await Counter.start(), await Counter.start()])
        refs[1].cast("add")

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    assert all(ref.alive for ref in refs)
    loop.close()
    assert not refs[0]._process.post("from the system")
    for ref in refs:
        for _ in range(2):
            assert (ref.alive, ref.cast("add"), ref.send("x"), ref.kill()) == (False,) * 4


def errors_of(function: Callable[[], Any]) -> tuple[threading.Thread, list[BaseException]]:
    """Begin to call a function in a thread; return the thread, and what will have been raised there."""
    errors: list[BaseException] = []

    def works() -> None:
        try:
            function()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=works, daemon=True)
    thread.start()
    return thread, errors


class TellingLoop(asyncio.SelectorEventLoop):
    """A loop that tells when another thread has asked it for something."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        super().__init__()

    def call_soon_threadsafe(self, *arguments: Any, **options: Any) -> Any:
        handle = super().call_soon_threadsafe(*arguments, **options)
        self.asked.set()
        return handle


@pytest.mark.parametrize("timeout", [None, 1000])
def test_who_waits_for_a_loop_that_is_closed_without_another_turn_is_told(timeout: float | None) -> None:
    loop = TellingLoop()
    ref = loop.run_until_complete(Counter.start())
    thread, errors = errors_of(lambda: ref.call_sync("get", timeout))
    assert loop.asked.wait(60)
    loop.close()
    thread.join(60)
    assert [type(error) for error in errors] == [NoProcess]
    with pytest.raises(NoProcess, match="closed"):
        ref.call_sync("get", timeout)


@pytest.mark.parametrize("timeout", [None, 1000])
@pytest.mark.parametrize("catches", [True, False])
def test_who_waits_for_a_loop_that_ends_is_told(timeout: float | None, catches: bool) -> None:
    class Stubborn(GenServer):
        async def handle_call(self, message: Any) -> Any:
            handling.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if not catches:
                    raise
            return await asyncio.sleep(0)

    async def main() -> tuple[threading.Thread, list[BaseException]]:
        ref = await Stubborn.start()
        waiting = errors_of(lambda: ref.call_sync("x", timeout))
        await asyncio.to_thread(handling.wait, 60)
        return waiting

    handling = threading.Event()
    thread, errors = asyncio.run(main())
    thread.join(60)
    assert [type(error) for error in errors] == [ServerDown]


@pytest.mark.parametrize("answer", ["answer", TimeoutError("of the handler")])
def test_an_answer_that_comes_as_the_time_is_over_is_an_answer(
    answer: Any, loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late(concurrent.futures.Future[Any]):
        def cancel(self) -> bool:
            self.set_exception(answer) if isinstance(answer, TimeoutError) else self.set_result(answer)
            return False

    async def nothing() -> None:
        pass

    def begin(coroutine: Any, _: asyncio.AbstractEventLoop) -> Late:
        coroutine.close()
        return Late()

    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", begin)
    if answer == "answer":
        assert ask_from_thread(nothing(), loop, 0) == answer
    else:
        with pytest.raises(TimeoutError, match="of the handler"):
            ask_from_thread(nothing(), loop, 0)
