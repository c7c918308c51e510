"""The whole program, and the signals that end it: in processes of their own."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import textwrap
import threading
from typing import Any

import pytest

from noex.otp import Child, ChildStartError, MaxRestartsExceeded, Stop, Supervisor, run
from noex.testing import manual_loop
from tests.otp.conftest import Crashes
from tests.otp.supervised import Worker

PROGRAM = """
import asyncio, sys
from noex.otp import Child, GenServer, Supervisor, run

class Leaf(GenServer):
    def init(self, tag, patience=0.0):
        self.tag, self.patience = tag, patience
        print("start", tag, flush=True)
        if tag == "last":
            print("ready", flush=True)

    async def terminate(self, reason):
        print("ending", self.tag, reason, flush=True)
        await asyncio.sleep(self.patience)
        print("end", self.tag, flush=True)

def tree(patience=0.0):
    return Supervisor([Child(Leaf, ("first",), id=1), Child(Leaf, ("last", patience), id=2, shutdown=None)])

async def main():
    try:
        async with tree():
            await asyncio.get_running_loop().create_future()
    finally:
        print("main is done", flush=True)

async def forever():
    await tree(patience=1000).run()

sys.exit(run({main}))
"""

ENDS = ["ending last shutdown", "end last", "ending first shutdown", "end first"]


class Program:
    """A program that runs until it is told to end."""

    def __init__(self, main: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(PROGRAM).replace("{main}", main)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.until("ready")

    def until(self, line: str) -> None:
        assert self._process.stdout is not None
        for text in self._process.stdout:
            if text.strip() == line:
                return
        pytest.fail(f"no {line!r}: {self._process.communicate()}")

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def result(self) -> tuple[list[str], str, int]:
        out, err = self._process.communicate(timeout=60)
        return out.splitlines(), err, self._process.returncode


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_supervisor_in_order(number: int) -> None:
    program = Program("tree()")
    program.signal(number)
    assert program.result() == (ENDS, "", 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_a_coroutine_which_ends_what_it_holds(number: int) -> None:
    program = Program("main")
    program.signal(number)
    assert program.result() == ([*ENDS, "main is done"], "", 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_the_program_at_once(number: int) -> None:
    program = Program("forever")
    program.signal(signal.SIGTERM)
    program.until("ending last shutdown")
    program.signal(number)
    assert program.result() == ([], "", -number)


def finished() -> Supervisor:
    class Once(Worker):
        def init(self) -> Any:
            super().init()
            self.ref.cast(lambda server: Stop())

    return Supervisor([Child(Once, restart="transient", significant=True)], auto_shutdown="any_significant")


def test_the_exit_status() -> None:
    async def answer(value: object) -> object:
        return value

    assert [run(lambda value=value: answer(value)) for value in (None, 3, True, "done")] == [0, 3, 0, 0]  # type: ignore[misc]
    assert run(finished()) == 0


def test_what_goes_wrong_comes_out(crashes: Crashes) -> None:
    async def fail() -> None:
        raise KeyError("own")

    async def cancel() -> None:
        raise asyncio.CancelledError

    with pytest.raises(KeyError):
        run(fail)
    with pytest.raises(asyncio.CancelledError):
        run(cancel)
    with pytest.raises(ChildStartError):
        run(Supervisor([Child(Worker, (), {"plan": [KeyError("no")]})]))

    class Weak(Worker):
        def init(self) -> None:
            super().init()
            self.send_after(1, "die")

        def handle_info(self, message: Any) -> None:
            raise KeyError(message)

    with pytest.raises(MaxRestartsExceeded):
        run(Supervisor([Weak], max_restarts=1), loop_factory=manual_loop)
    with pytest.raises(TypeError, match="main"):
        run(3)  # type: ignore[arg-type]
    crashes.take()


def test_the_signals_are_as_before_afterwards() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    during: list[Any] = []

    async def look() -> None:
        during.extend(signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM))

    assert run(look) == 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert not {*during} & {*before}


def test_another_thread_runs_it_without_signals() -> None:
    results: list[int] = []
    thread = threading.Thread(target=lambda: results.append(run(finished())))
    thread.start()
    thread.join(60)
    assert results == [0]


def test_signals_are_caught_before_main_begins() -> None:
    """Also where a task begins at once, as soon as it is made."""
    caught: list[bool] = []

    async def main() -> None:
        pass

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        if coroutine.__name__ == "main":
            caught.append(signal.getsignal(signal.SIGTERM) is not before)
        return asyncio.Task(coroutine, loop=loop, **options)

    def make() -> asyncio.AbstractEventLoop:
        loop = manual_loop()
        loop.set_task_factory(factory)  # type: ignore[arg-type]
        return loop

    before = signal.getsignal(signal.SIGTERM)
    assert run(main, loop_factory=make) == 0
    assert caught == [True]
    assert signal.getsignal(signal.SIGTERM) is before
