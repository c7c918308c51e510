"""Looking into servers changes nothing of what they do: the same random schedules with lookers-on and without."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from hypothesis import given, settings

from noex.errors import ProcessError
from noex.otp import GenServer, Ref, debug, tree
from tests.otp.test_direct_path import play, schedules


async def trace_all(ref: Ref) -> None:
    debug.trace(ref, lambda event: None)


async def trace_now_and_then(ref: Ref) -> None:
    try:
        for _ in range(20):
            with debug.trace(ref, lambda event: None):
                await asyncio.sleep(0.4)
            await asyncio.sleep(0.4)
    except ProcessError:
        pass


async def look_at_the_state(ref: Ref) -> None:
    try:
        for _ in range(20):
            await asyncio.sleep(0.4)
            assert [node.ref for node in tree(ref)] in ([], [ref])
            await debug.get_state(ref)
            await debug.replace_state(ref, lambda state: state)
    except ProcessError:
        pass


async def suspend_for_a_moment(ref: Ref) -> None:
    try:
        for _ in range(20):
            await asyncio.sleep(0.4)
            await debug.suspend(ref)
            debug.resume(ref)
    except ProcessError:
        pass


LOOKS = [trace_all, trace_now_and_then, look_at_the_state, suspend_for_a_moment]


@pytest.mark.parametrize("look", LOOKS)
@given(schedule=schedules)
@settings(max_examples=12)
def test_servers_do_the_same_while_somebody_looks(look: Any, schedule: Any) -> None:
    alone = play(schedule, direct=False)
    assert play(schedule, direct=True, look=look) == alone
    assert play(schedule, direct=False, look=look) == alone


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("slow", [False, True])
async def test_nothing_is_lost_or_swapped_while_servers_are_suspended_at_random(seed: int, slow: bool) -> None:

    choose = random.Random(seed)
    got: list[int] = []

    class Takes(GenServer):
        def handle_cast(self, message: int) -> Any:
            return self.slowly(message) if slow and message % 3 == 0 else got.append(message)

        async def slowly(self, message: int) -> None:
            await asyncio.sleep(0.01 * (message % 2))
            got.append(message)

        def handle_call(self, message: int) -> Any:
            return self.handle_cast(message)

    ref = await Takes.start()

    async def bother() -> None:
        traces: list[debug.Trace] = []
        for _ in range(200):
            what = choose.randrange(5)
            if what == 0:
                await debug.suspend(ref)
            elif what == 1:
                debug.resume(ref)
            elif what == 2:
                traces.append(debug.trace(ref, lambda event: None))
            elif what == 3 and traces:
                traces.pop().cancel()
            await asyncio.sleep(choose.choice([0, 0, 0.005, 0.02]))
        debug.resume(ref)

    bothering = asyncio.create_task(bother())
    number = 0
    while not bothering.done():
        for _ in range(choose.randrange(4)):
            ref.cast(number)
            number += 1
        if choose.random() < 0.3:
            ref.call_nowait(number)
            number += 1
        await asyncio.sleep(choose.choice([0, 0.01]))
    await bothering
    await ref.stop()
    assert got == [*range(number)]
    assert number > 100
