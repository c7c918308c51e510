"""The direct path changes nothing but the speed: the same random schedules with it and without it.

Several clients act at moments of virtual time on a few servers, some synchronous, some not; each acts when its turn
comes, and notes what it gets. What is compared: what each client got and when, what each server handled and in which
order, in which context and as whose task, and how it ended.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from noex.otp import Continue, Crash, GenServer, NoReply, Ref, Reject, ServerDown, Stop
from noex.testing import ManualClock
from tests.otp.conftest import run

WHO: contextvars.ContextVar[str] = contextvars.ContextVar("WHO", default="nobody")

KINDS = ["plain", "error", "reject", "stop", "stop without answer", "later", "continue", "continue later"]
KINDS += ["cast self", "kill self", "ask other", "answer first", "answer and crash", "answer and kill"]


class Plain(GenServer):
    """Does what messages ask for, and notes what it handled, in which context."""

    def init(self, name: str, log: list[Any], refs: list[Ref]) -> None:
        WHO.set(name)
        self.log = log
        self.refs = refs
        self.count = 0
        self.waiting: list[Any] = []

    def note(self, *what: Any) -> None:
        self.count += 1
        task = asyncio.current_task()
        mine = task is None or task is self._process.task
        self.log.append((asyncio.get_running_loop().time(), WHO.get(), mine, self.count, *what))

    def do(self, message: Any) -> Any:
        kind, number = message
        self.note(*message)
        if kind == "error":
            raise ZeroDivisionError(number)
        if kind == "reject":
            raise Reject(KeyError(number))
        if kind == "stop":
            return Stop("shutdown", reply=number)
        if kind == "stop without answer":
            return Stop("normal")
        if "later" in kind:
            self.waiting.append(self.caller)
            self.send_after(number + 0.5, number)
            return NoReply if kind == "later" else Continue(number)
        if kind == "continue":
            return Continue(number, reply=self.count)
        if kind.startswith("answer"):
            self.caller.reply("answer")
            if kind == "answer and crash":
                raise ZeroDivisionError(number)
            if kind == "answer and kill":
                self.ref.kill()
        if kind == "cast self":
            self.ref.cast(number)
        if kind == "kill self":
            self.ref.kill()
        if kind == "ask other":
            self.refs[number % len(self.refs)].call_nowait(("plain", number)).add_done_callback(
                lambda future: None if future.cancelled() else future.exception()
            )
        return self.count

    def handle_call(self, message: Any) -> Any:
        return self.do(message)

    def handle_cast(self, message: Any) -> None:
        self.note("cast", message)

    def handle_info(self, message: Any) -> None:
        self.note("info", message)
        for caller in self.waiting:
            caller.reply(message)
        self.waiting.clear()

    def handle_continue(self, term: Any) -> None:
        self.note("continue", term)

    def terminate(self, reason: Any) -> None:
        self.note("end", shown(reason))


class Waits(Plain):
    """The same, but takes its time: none, for odd numbers."""

    async def handle_call(self, message: Any) -> Any:
        if message[1] % 2 == 0:
            await asyncio.sleep(message[1] / 4)
        return self.do(message)

    async def handle_cast(self, message: Any) -> None:
        await asyncio.sleep(0)
        self.note("cast", message)


def shown(value: Any) -> Any:
    """What can be compared between two runs."""
    if isinstance(value, Crash):
        return "Crash", repr(value.error)
    if isinstance(value, ServerDown):
        return "ServerDown", shown(value.reason)
    return repr(value) if isinstance(value, BaseException) else value


def act(verb: str) -> Callable[[Ref, Any], Any]:
    async def call(ref: Ref, message: Any) -> Any:
        return await ref.call(message, timeout=3)

    async def nowait(ref: Ref, message: Any) -> Any:
        return await ref.call_nowait(message)

    async def cast(ref: Ref, message: Any) -> Any:
        return ref.cast(message)

    async def other(ref: Ref, message: Any) -> Any:
        return {"send": lambda: ref.send(message), "kill": ref.kill, "alive": lambda: ref.alive}[verb]()

    async def stop(ref: Ref, message: Any) -> Any:
        return await ref.stop()

    return {"call": call, "nowait": nowait, "cast": cast, "stop": stop}.get(verb, other)


steps = st.tuples(
    st.sampled_from(["call"] * 12 + ["nowait", "cast", "cast", "send", "alive", "stop", "kill"]),
    st.integers(0, 2),  # whom
    st.tuples(st.sampled_from(["plain"] * 6 + KINDS), st.integers(0, 5)),
    st.integers(0, 2),  # seconds until the next step
)
schedules = st.lists(st.lists(steps, max_size=8), min_size=1, max_size=4)


def play(schedule: Any, direct: bool, look: Callable[[Ref], Coroutine[Any, Any, None]] | None = None) -> Any:
    """Play a schedule, while somebody looks at each server, and return all that can be seen of it."""
    logs: list[list[Any]] = [[], [], []]
    notes: list[list[Any]] = [[] for _ in schedule]
    ends: list[Any] = []

    async def client(number: int, refs: list[Ref]) -> None:
        WHO.set(f"client {number}")
        loop = asyncio.get_running_loop()
        await asyncio.sleep(number / 16)
        for verb, whom, message, pause in schedule[number]:
            try:
                got = await act(verb)(refs[whom], message)
            except Exception as error:
                got = error
            assert WHO.get() == f"client {number}"
            notes[number].append((loop.time(), shown(got)))
            # Everything takes multiples of 1/4 s, so clients never act at the same time: who is first is not asked.
            await asyncio.sleep(math.floor(loop.time()) + 1 + pause + number / 16 - loop.time())

    async def main() -> None:
        refs: list[Ref] = []
        for number, kind in enumerate((Plain, Waits, Plain)):
            refs.append(await kind.start(f"server {number}", logs[number], refs))
        looking = [asyncio.create_task(look(ref)) for ref in refs if look is not None]
        await asyncio.gather(*(client(number, refs) for number in range(len(schedule))))
        await asyncio.sleep(20)
        await asyncio.gather(*looking)
        for ref in refs:
            await ref.stop()
            ends.append(shown(await ref.wait()))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging.getLogger("noex.otp"), "disabled", True)  # crashes are meant here
        patch.setattr(GenServer, "direct_calls", direct)
        run(main(), ManualClock())
    return logs, notes, ends


@example([[("call", 0, ("continue", 0), 0), ("call", 0, ("error", 0), 0)]])
@given(schedules)
@settings(max_examples=60)
def test_nothing_but_the_speed_depends_on_the_direct_path(schedule: Any) -> None:
    assert play(schedule, direct=True) == play(schedule, direct=False)


def test_the_schedules_see_what_there_is_to_see() -> None:
    """The comparison could fail: the log tells contexts, times and ends."""
    schedule = [[("call", 0, ("error", 1), 1), ("call", 0, ("plain", 1), 1), ("call", 1, ("plain", 2), 0)]]
    logs, notes, ends = play(schedule, direct=True)
    end = ("Crash", "ZeroDivisionError(1)")
    assert logs[0] == [(0, "server 0", True, 1, "error", 1), (0, "server 0", True, 2, "end", end)]
    assert logs[1][0] == (4 + 0.5, "server 1", True, 1, "plain", 2)
    assert next(got for _, got in notes[0]) == ("ServerDown", end)
    assert "is dead" in notes[0][1][1]
    assert ends == [end, "normal", "normal"]
