"""What differs from pykka on purpose: each row of the page about it, by its name, on both where that makes sense."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from noex.otp import (
    CallingSelf,
    Child,
    GenServer,
    InitError,
    Reason,
    Reject,
    ServerDown,
    Supervisor,
    default_registry,
    is_orderly,
    named,
    whereis,
)
from tests.otp.conftest import Crashes, run
from tests.otp.servers import Counter, Waiting
from tests.otp.supervised import settle

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "coming-from-pykka.md"

LONG = 60.0
"""Seconds after which a thread of pykka's has failed to do what it does at once."""


@pytest.fixture
def pykka() -> Iterator[Any]:
    module = pytest.importorskip("pykka", reason="pykka is not installed: pip install pykka")
    logger = logging.getLogger("pykka")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield module
    module.ActorRegistry.stop_all()
    logger.setLevel(before)


def actor(pykka: Any, **methods: Any) -> Any:
    """Return a class of actors that tells when it has stopped or failed, by setting `ended`."""
    ended = threading.Event()
    log: list[str] = []

    def notes(word: str) -> Any:
        def note(*_: Any) -> None:
            log.append(word)
            ended.set()

        return note

    body = {"on_stop": notes("stopped"), "on_failure": notes("failed"), "ended": ended, "log": log, **methods}
    return type("Actor", (pykka.ThreadingActor,), body)


def divides(self: Any, message: int) -> float:
    self.asked = getattr(self, "asked", 0) + 1
    return self.asked + 0 * (1 / message)


def test_errors_of_asks(pykka: Any, crashes: Crashes) -> None:
    ref = actor(pykka, on_receive=divides).start()
    with pytest.raises(ZeroDivisionError):
        ref.ask(0, timeout=LONG)
    assert ref.ask(1, timeout=LONG) == 2, "it goes on with the state that the error left"

    class Divides(GenServer):
        def handle_call(self, message: int) -> float:
            if message < 0:
                raise Reject(ValueError(message))
            return divides(self, message)

    async def ours() -> None:
        server = await Divides.start()
        with pytest.raises(ValueError, match="-1"):
            await server.call(-1)
        assert await server.call(1) == 1
        with pytest.raises(ServerDown) as failure:
            await server.call(0)
        assert isinstance(failure.value.__cause__, ZeroDivisionError)
        assert not server.alive

    run(ours())
    assert [type(error) for error in crashes.take()] == [ZeroDivisionError]


def test_errors_of_tells(pykka: Any, crashes: Crashes) -> None:
    kind = actor(pykka, on_receive=divides)
    ref = kind.start()
    ref.tell(0)
    assert kind.ended.wait(LONG)
    assert not ref.is_alive()

    async def ours() -> None:
        async with Supervisor([Child(Counter, name="counter")]):
            first = whereis("counter")
            named("counter").cast("crash")
            await settle()
            assert whereis("counter") not in (first, None)

    run(ours())
    assert [type(error) for error in crashes.take()] == [ZeroDivisionError]


def test_clean_up_after_errors(pykka: Any, crashes: Crashes) -> None:
    kind = actor(pykka, on_receive=divides)
    kind.start().tell(0)
    assert kind.ended.wait(LONG)
    assert kind.log == ["failed"]

    async def ours() -> None:
        log: list[tuple[Reason, int]] = []
        server = await Counter.start(7, log)
        server.cast("crash")
        await server.wait()
        assert [(is_orderly(reason), count) for reason, count in log] == [(False, 7)]

    run(ours())
    crashes.take()


def test_failed_starts(pykka: Any) -> None:
    may_fail, failed = threading.Event(), threading.Event()

    def on_start(_: Any) -> None:
        assert may_fail.wait(LONG)
        failed.set()
        raise ZeroDivisionError

    ref = actor(pykka, on_start=on_start).start()
    assert ref.is_alive()
    may_fail.set()
    assert failed.wait(LONG)

    class Fails(GenServer):
        def init(self) -> None:
            raise ZeroDivisionError

    async def ours() -> None:
        with pytest.raises(InitError) as failure:
            await Fails.start(name="it")
        assert isinstance(failure.value.__cause__, ZeroDivisionError)
        assert whereis("it") is None

    run(ours())


def test_usual_time_out(pykka: Any) -> None:
    assert inspect.signature(pykka.ActorRef.ask).parameters["timeout"].default is None

    async def ours() -> None:
        server = await Waiting.start([])
        loop = asyncio.get_running_loop()
        before = loop.time()
        with pytest.raises(TimeoutError):
            await server.call("x")
        assert loop.time() == before + 5
        server.kill()

    run(ours())


def test_asking_oneself(pykka: Any, crashes: Crashes) -> None:
    def on_receive(self: Any, message: str) -> Any:
        return self.actor_ref.ask("inner", timeout=0.01) if message == "outer" else message

    ref = actor(pykka, on_receive=on_receive).start()
    with pytest.raises(pykka.Timeout):
        ref.ask("outer", timeout=LONG)

    class AsksItself(GenServer):
        async def handle_call(self, message: str) -> Any:
            return await self.ref.call("inner", timeout=None)

    async def ours() -> None:
        with pytest.raises(ServerDown) as failure:
            await (await AsksItself.start()).call("outer")
        assert isinstance(failure.value.__cause__, CallingSelf)

    run(ours())
    crashes.take()


def test_supervision(pykka: Any, crashes: Crashes) -> None:
    assert [name for name in pykka.__all__ if "superv" in name.lower()] == []

    async def ours() -> None:
        supervisor = await Supervisor.start([Child(Counter, name="counter")], max_restarts=2)
        for _ in range(3):
            assert supervisor.alive
            named("counter").cast("crash")
            await settle()
        assert not supervisor.alive
        assert whereis("counter") is None

    run(ours())
    assert len(crashes.take()) == 3


def test_threads(pykka: Any) -> None:
    both = threading.Barrier(2, timeout=LONG)

    def on_receive(self: Any, message: Any) -> int:
        both.wait()
        return threading.get_ident()

    kind = actor(pykka, on_receive=on_receive)
    futures = [kind.start().ask("x", block=False) for _ in range(2)]
    threads = {future.get(timeout=LONG) for future in futures}
    assert len(threads) == 2
    assert threading.get_ident() not in threads

    class Says(GenServer):
        running = 0

        async def handle_call(self, message: Any) -> Any:
            Says.running += 1
            seen = Says.running, threading.get_ident()
            Says.running -= 1
            await asyncio.sleep(0)
            return seen

    async def ours() -> None:
        servers = [await Says.start() for _ in range(2)]
        seen = await asyncio.gather(*(server.call("x") for server in servers))
        assert seen == [(1, threading.get_ident())] * 2

    run(ours())


def test_system_exit(pykka: Any) -> None:
    def on_receive(self: Any, message: Any) -> None:
        raise SystemExit

    other, exits = actor(pykka), actor(pykka, on_receive=on_receive)
    ref = other.start()
    exits.start().tell("x")
    assert other.ended.wait(LONG)
    assert not ref.is_alive()

    class Exits(GenServer):
        def handle_call(self, message: Any) -> None:
            raise SystemExit(3)

    alive: list[bool] = []

    async def ours() -> None:
        untouched, server = await Counter.start(), await Exits.start()
        try:
            await server.call("x")
        finally:
            alive.extend((untouched.alive, server.alive))

    with pytest.raises(SystemExit), asyncio.Runner() as runner:
        runner.run(ours())
    assert alive == [True, False]


def test_registry(pykka: Any) -> None:
    ref = actor(pykka).start()
    assert ref in pykka.ActorRegistry.get_all()

    async def ours() -> None:
        await Counter.start()
        server = await Counter.start(name="it")
        assert [*default_registry()] == ["it"]
        assert default_registry().names_of(server) == ["it"]

    run(ours())

    async def elsewhere() -> None:
        assert [*default_registry()] == []

    run(elsewhere())


def test_each_row_of_the_page_is_shown() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \|", text[text.index("## What differs") :], re.MULTILINE)
    here = importlib.import_module(__name__)
    assert rows
    assert [row for row in rows if not callable(getattr(here, f"test_{row.replace('-', '_')}", None))] == []
