"""What do calls, casts and lives of servers cost, next to an actor of a queue and futures, Erlang, and pykka?

The actor is what one writes on asyncio without a library: a task that takes pairs of message and future out of an
`asyncio.Queue`. It has no time-outs, no names, no links, and swallows nothing but hangs its callers when it crashes.
Erlang's server is a `gen_server` in an `erl` of its own (`erlang_server.erl`); pykka's are threads. Both are left out
where they are not installed. The least that a call could take is a coroutine that runs a function in a context of its
own, and does nothing else.

All of ours and the actor's run in one event loop that goes on between the runs.
"""

from __future__ import annotations

import asyncio
import contextvars
import importlib
import importlib.util
import shutil
import subprocess
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

from _measure import Case, Child, Timer, compare, environment, options, quiet_collector, verdict

from noex.otp import GenServer, Ref

MODULE = Path(__file__).resolve().parent / "erlang_server.erl"

Run = Callable[[int], Coroutine[Any, Any, None]]


class Echo(GenServer):
    """Answers with the message, and counts casts."""

    def init(self) -> None:
        """Begin at 0."""
        self.count = 0

    def handle_call(self, message: Any) -> Any:
        """Answer with the message."""
        return message

    def handle_cast(self, message: Any) -> None:  # noqa: ARG002 - it is only counted
        """Count it."""
        self.count += 1


class AsyncEcho(Echo):
    """The same by coroutines that await nothing."""

    async def handle_call(self, message: Any) -> Any:
        """Answer with the message."""
        return message


class WaitingEcho(Echo):
    """The same by coroutines that let the event loop turn once."""

    async def handle_call(self, message: Any) -> Any:
        """Answer with the message."""
        await asyncio.sleep(0)
        return message


class Actor:
    """A queue, a task, and a future for each question."""

    def __init__(self, *, waits: bool = False) -> None:
        self._queue: asyncio.Queue[tuple[Any, asyncio.Future[Any] | None]] = asyncio.Queue()
        self._waits = waits
        self.count = 0
        self.task = asyncio.create_task(self._work())

    async def _handle(self, message: Any) -> Any:
        if self._waits:
            await asyncio.sleep(0)
        return message

    async def _work(self) -> None:
        while True:
            message, future = await self._queue.get()
            if future is None:
                self.count += 1
                continue
            answer = await self._handle(message)
            if not future.done():
                future.set_result(answer)

    async def ask(self, message: Any) -> Any:
        """Ask, and wait for the answer."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((message, future))
        return await future

    def tell(self, message: Any) -> None:
        """Send a message."""
        self._queue.put_nowait((message, None))


def calls(ask: Callable[[Any], Awaitable[Any]]) -> Run:
    """Return a run of questions, one after the other."""

    async def run(times: int) -> None:
        for number in range(times):
            await ask(number)

    return run


def least() -> Callable[[Any], Awaitable[Any]]:
    """Return a call of nobody: a coroutine that runs a function in a context."""
    context = contextvars.copy_context()
    echo = Echo()

    async def ask(message: Any) -> Any:
        return context.run(echo.handle_call, message)

    return ask


def casts(tell: Callable[[Any], object], ask: Callable[[Any], Awaitable[Any]]) -> Run:
    """Return a run of messages without answers, and one question in the end: then all have been handled."""

    async def run(times: int) -> None:
        for number in range(times):
            tell(number)
        await ask("done")

    return run


async def lives(times: int) -> None:
    """Start and stop servers."""
    for _ in range(times):
        ref = await Echo.start()
        await ref.stop()


async def tasks(times: int) -> None:
    """Create and await tasks."""

    async def nothing() -> None:
        pass

    for _ in range(times):
        await asyncio.create_task(nothing())


def on(runner: asyncio.Runner, run: Run, times: int) -> Timer:
    """Return a timer of a run on the event loop."""

    async def measured() -> float:
        start = time.perf_counter()
        await run(times)
        return time.perf_counter() - start

    def timer() -> float:
        with quiet_collector():
            return runner.run(measured())

    return timer


def pykka_timer(times: int) -> tuple[Timer, Callable[[], object]] | None:
    """Return a timer of questions to an actor of pykka, and how to end it; None where it is not installed."""
    if importlib.util.find_spec("pykka") is None:
        return None
    pykka: Any = importlib.import_module("pykka")

    def on_receive(_: object, message: Any) -> Any:
        return message

    kind: Any = type("PykkaEcho", (pykka.ThreadingActor,), {"on_receive": on_receive})
    ref = kind.start()

    def timer() -> float:
        start = time.perf_counter()
        for number in range(times):
            ref.ask(number)
        return time.perf_counter() - start

    return timer, ref.stop


def cases(runner: asyncio.Runner, times: int, erlang: Child | None, pykka: Timer | None) -> Iterator[Case]:
    """Yield what is compared."""

    async def start() -> tuple[Ref, Ref, Ref, Actor, Actor]:
        echoes = [await kind.start() for kind in (Echo, AsyncEcho, WaitingEcho)]
        return echoes[0], echoes[1], echoes[2], Actor(), Actor(waits=True)

    echo, async_echo, waiting_echo, actor, waiting_actor = runner.run(start())

    def ours(run: Run) -> Timer:
        return on(runner, run, times)

    asked = {"actor of queue and future": ours(calls(actor.ask))}
    call = ours(calls(echo.call))
    yield Case("call, synchronous handler", call, asked, times, 0.08)
    if erlang is not None:
        yield Case("call, synchronous handler", call, {"gen_server:call": erlang.timer(f"call {times}")}, times, 0.4)
    if pykka is not None:
        yield Case("call, synchronous handler", call, {"pykka: ask": pykka}, times, 0.01)
    yield Case("call, synchronous handler", call, {"coroutine, Context.run": ours(calls(least()))}, times)
    yield Case("call, asynchronous handler", ours(calls(async_echo.call)), asked, times, 0.8)
    waits = {"actor, likewise": ours(calls(waiting_actor.ask))}
    yield Case("call, handler awaits sleep(0)", ours(calls(waiting_echo.call)), waits, times)
    cast = ours(casts(echo.cast, echo.call))
    yield Case("cast, and handling it", cast, {"actor": ours(casts(actor.tell, actor.ask))}, times)
    if erlang is not None:
        yield Case("cast, and handling it", cast, {"gen_server:cast": erlang.timer(f"cast {times}")}, times, 2)
    yield Case("start and stop", ours(lives), {"asyncio.Task, created and awaited": ours(tasks)}, times, 5)
    if erlang is not None:
        yield Case(
            "start and stop", ours(lives), {"gen_server:start_link, stop": erlang.timer(f"start {times}")}, times
        )
    for each in (actor, waiting_actor):
        each.task.cancel()


async def bytes_of_a_server(servers: int) -> float:
    """Return the bytes that an idle server takes."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    refs = [await Echo.start() for _ in range(servers)]
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    for ref in refs:
        ref.kill()
    return taken / servers


def main() -> None:
    """Print one line per comparison, and what an idle server takes."""
    chosen = options(times=10_000, servers=100_000, rounds=9)
    print(environment())
    erl, erlc = shutil.which("erl"), shutil.which("erlc")
    found = pykka_timer(chosen.times)
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        erlang = None
        if erl is not None and erlc is not None:
            subprocess.run([erlc, "-o", folder, str(MODULE)], check=True)  # noqa: S603 - our own module
            quiet = ["+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none"]  # while it waits we have the processor
            erlang = Child([erl, *quiet, "-noshell", "-pa", folder, "-s", "erlang_server", "main"])
            print(f"Erlang {erlang.ask('about')}")
        try:
            compare(cases(runner, chosen.times, erlang, found[0] if found else None), chosen.rounds)
        finally:
            if erlang is not None:
                erlang.close()
            if found is not None:
                found[1]()
        taken = runner.run(bytes_of_a_server(chosen.servers))
        print(f"\n{f'{chosen.servers:,} idle servers: bytes each':<60} {taken:>10,.0f}   {verdict(taken, 2000)}")


if __name__ == "__main__":
    main()
