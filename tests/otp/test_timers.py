"""Timers: once, again and again, cancelled; on virtual time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from noex.testing import ManualClock
from tests.otp.servers import Notes

pytestmark = pytest.mark.usefixtures("direct_calls")


class Times(Notes):
    """Notes when something comes, and takes a while for it where it is told to."""

    busy = 0.0

    async def handle_info(self, message: Any) -> None:
        self.notes.append((asyncio.get_running_loop().time(), message))
        await asyncio.sleep(self.busy)


async def test_messages_come_when_they_are_due_and_in_order(clock: ManualClock) -> None:
    ref = await Times.start()
    ref.send_after(3, "c")
    ref.send_after(timedelta(seconds=1), "a")
    ref.send_after(2, "b")
    await asyncio.sleep(10)
    assert await ref.call("notes") == [(1, "a"), (2, "b"), (3, "c")]


async def test_a_delay_of_zero_is_not_at_once() -> None:
    ref = await Times.start()

    def later(server: Times) -> list[Any]:
        server.send_after(0, "now")
        return [*server.notes]

    assert await ref.call(later) == []
    await asyncio.sleep(1)
    assert await ref.call("notes") == [(0, "now")]


async def test_cancel_tells_what_was_left() -> None:
    ref = await Times.start()
    first, second = ref.send_after(3, "first"), ref.send_after(3, "second")
    assert first.remaining == 3
    await asyncio.sleep(1)
    assert first.cancel() == 2
    assert first.cancel() is None
    assert first.remaining is None
    await asyncio.sleep(5)
    assert second.remaining is None
    assert second.cancel() is None
    assert await ref.call("notes") == [(3, "second")]


async def test_a_cancelled_message_does_not_come_although_it_waits_already() -> None:
    ref = await Times.start()
    ref._process.server.busy = 5  # type: ignore[union-attr]
    ref.send("busy")
    timers = [ref.send_after(1, "no"), ref.send_interval(1, "no", missed="burst"), ref.send_after(1, "yes")]
    await asyncio.sleep(4.5)
    assert [timer.remaining for timer in timers] == [0, 0.5, 0]
    assert [timer.cancel() for timer in timers[:2]] == [0, 0.5]
    await asyncio.sleep(100)
    assert await ref.call("notes") == [(0, "busy"), (5, "yes")]


async def test_an_interval_does_not_drift() -> None:
    ref = await Times.start()
    timer = ref.send_interval(0.1, "tick")
    await asyncio.sleep(100.05)
    timer.cancel()
    notes = await ref.call("notes")
    assert len(notes) == 1000
    assert all(abs(time - (n + 1) * 0.1) < 1e-6 for n, (time, _) in enumerate(notes))


@pytest.mark.parametrize(
    ("missed", "times"),
    [("skip", [1, 4.5, 5, 6]), ("burst", [1, 4.5, 4.5, 4.5, 5, 6]), ("delay", [1, 4.5, 5.5, 6.5])],
)
async def test_what_becomes_of_ticks_while_the_loop_is_busy(
    clock: ManualClock, missed: Any, times: list[float]
) -> None:
    ref = await Times.start()
    ref.send_interval(1, "tick", missed=missed)
    await asyncio.sleep(1.5)
    clock.advance(3)  # the loop is held up
    await asyncio.sleep(2.2)
    assert [time for time, _ in await ref.call("notes")] == times
    ref.kill()


@pytest.mark.parametrize(("missed", "times"), [("skip", [1, 3.5, 6]), ("burst", [1, 3.5, 6]), ("delay", [1, 3.5, 6])])
async def test_what_becomes_of_ticks_while_the_server_is_busy(missed: Any, times: list[float]) -> None:
    ref = await Times.start()
    ref._process.server.busy = 2.5  # type: ignore[union-attr]
    ref.send_interval(1, "tick", missed=missed)
    await asyncio.sleep(7.2)
    assert len(ref._process.mailbox or ()) == (1 if missed == "skip" else 4)
    assert [time for time, _ in ref._process.server.notes] == times  # type: ignore[union-attr]
    ref.kill()


async def test_timers_end_with_their_server() -> None:
    ref = await Times.start()
    timers = [ref.send_after(3, "x"), ref.send_interval(1, "y")]
    await ref.stop()
    assert [timer.remaining for timer in timers] == [None, None]
    assert ref.send_after(1, "x").cancel() is None
    loop: Any = asyncio.get_running_loop()
    assert [handle for handle in loop._scheduled if not handle.cancelled() and "ring" in repr(handle)] == []


async def test_long_delays_are_waited_for() -> None:
    """Longer than 2**31 milliseconds, which other timers take for no time at all."""
    ref = await Times.start()
    ref.send_after(timedelta(days=60), "at last")
    await asyncio.sleep(86_400 * 61)
    assert await ref.call("notes") == [(5_184_000, "at last")]


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf")])
async def test_wrong_times_are_refused(wrong: float) -> None:
    ref = await Times.start()
    with pytest.raises(ValueError, match="delay"):
        ref.send_after(wrong, "x")
    with pytest.raises(ValueError, match="period"):
        ref.send_interval(wrong, "x")
    with pytest.raises(ValueError, match="period"):
        ref.send_interval(0, "x")
    with pytest.raises(ValueError, match="missed"):
        ref.send_interval(1, "x", missed="forget")  # type: ignore[arg-type]


async def test_a_full_mailbox_takes_timers() -> None:
    ref = await Times.start(max_queue=1)
    ref._process.server.busy = 2  # type: ignore[union-attr]
    ref.send("busy")
    await asyncio.sleep(0.1)
    assert ref.send("waits")
    assert not ref.send("no room")
    ref.send_after(1, "timer")
    await asyncio.sleep(10)
    assert [message for _, message in await ref.call("notes")] == ["busy", "waits", "timer"]


async def test_a_server_may_set_timers_when_it_starts() -> None:
    class Starts(Times):
        def init(self) -> None:  # type: ignore[override]
            super().init()
            self.send_after(1, "once")
            self.send_interval(2, "again")

    ref = await Starts.start()
    await asyncio.sleep(4.5)
    assert await ref.call("notes") == [(1, "once"), (2, "again"), (4, "again")]


async def test_a_loop_may_round_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """As uvloop does: to milliseconds, so that a timer may be early, and is a mere `Handle` where nothing is left."""
    loop = asyncio.get_running_loop()
    precise = loop.call_at

    def rounded(when: float, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        delay = round(when - loop.time(), 3)
        if delay <= 0:
            return loop.call_soon(callback, *args, context=context)
        return precise(loop.time() + delay, callback, *args, context=context)

    monkeypatch.setattr(loop, "call_at", rounded)
    ref = await Notes.start()
    for delay, message in ((0, "zero"), (0.0003, "at once"), (0.0104, "early"), (0.0208, "late")):
        ref.send_after(delay, message)
    await asyncio.sleep(0.1)
    assert await ref.call("notes") == ["zero", "at once", "early", "late"]
    ticks = ref.send_interval(0.0104, "tick", missed="burst")
    await asyncio.sleep(1.045)
    ticks.cancel()
    assert (await ref.call("notes")).count("tick") == 100
