"""Messages that come later, to a server that still lives then.

A timer belongs to the server that it sends to, and ends with it. Its time is the loop's. Ticks do not drift: the n-th
is due n periods after the start, however late those before it came.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, final

from noex import clock
from noex.otp._mailbox import TICK, Envelope
from noex.typing import Duration

if TYPE_CHECKING:
    from noex.otp._process import Process

__all__ = ["MissedTicks", "Timer", "send_after", "send_interval"]

MissedTicks: TypeAlias = Literal["skip", "burst", "delay"]
"""What becomes of ticks that are late, because the loop or the server was busy: "skip" leaves them out, and keeps at
most one waiting; "burst" sends them all; "delay" puts off those that follow."""

_MISSED: Final = frozenset({"skip", "burst", "delay"})

_FARTHEST: Final = 86_400.0
"""The longest time, in seconds, that the loop is asked to wait for: longer ones are waited for in parts."""


@final
class Timer:
    """A message that is to come, once or every so often, as `send_after` and `send_interval` return it."""

    __slots__ = (
        "_asked",
        "_due",
        "_handle",
        "_message",
        "_missed",
        "_period",
        "_process",
        "_sent",
        "_start",
        "_waiting",
    )

    def __init__(self, process: Process, message: Any, delay: float, period: float | None, missed: MissedTicks) -> None:
        self._process: Process | None = process
        self._message = message
        self._period = period
        self._missed: MissedTicks = missed
        self._waiting = 0  # messages in the mailbox
        self._sent = 0
        self._start = process.loop.time()
        self._due = self._start + delay
        self._asked = self._due
        self._handle: asyncio.Handle | None = None
        if process.state < 0:
            self._process = None  # nobody is there to get anything
            return
        if process.timers is None:
            process.timers = set()
        process.timers.add(self)
        self._arm(process)

    @property
    def remaining(self) -> float | None:
        """The seconds until the message is due, 0 while it waits in the mailbox; None when nothing is to come. O(1)."""
        return None if self._process is None else max(0.0, self._due - self._process.loop.time())

    def cancel(self) -> float | None:
        """Cancel what is to come; return the seconds that were left, or None where nothing was to come any more.

        O(1). After that no message of this timer comes, not even one that waits in the mailbox already.
        """
        left = self.remaining
        self._end()
        return left

    def _end(self) -> None:
        process = self._process
        if process is not None and process.timers is not None:
            process.timers.discard(self)
        self.lapse()

    def lapse(self) -> None:
        """Send nothing any more: the server has ended."""
        self._process = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def open(self) -> tuple[Any] | None:
        """Return the message that waited in the mailbox, in a tuple, unless it was cancelled there."""
        self._waiting -= 1
        if self._process is None:
            return None
        if self._period is None:
            self._end()
        return (self._message,)

    def _arm(self, process: Process) -> None:
        now = process.loop.time()
        self._asked = min(self._due, now + _FARTHEST)
        if self._asked <= now:
            self._handle = process.loop.call_soon(self._ring, context=process.context)
        else:
            self._handle = process.loop.call_at(self._asked, self._ring, context=process.context)

    def _ring(self) -> None:
        process = self._process
        if process is None or self._handle is None:
            return
        if self._asked >= self._due:  # what the loop made of it may be rounded
            if not (self._missed == "skip" and self._waiting):
                self._waiting += 1
                process.post(Envelope(TICK, self))
            if self._period is None:
                self._handle = None
                return
            self._due = self._next(process.loop.time(), self._period)
        self._arm(process)

    def _next(self, now: float, period: float) -> float:
        """Return when the next tick is due."""
        if self._missed == "delay" and now >= self._due + period:
            self._start, self._sent = now, -1
        self._sent += 1
        if self._missed == "skip":
            self._sent = max(self._sent, math.floor((now - self._start) / period))
        return self._start + (self._sent + 1) * period

    def __repr__(self) -> str:
        left = self.remaining
        what = "nothing to come" if left is None else f"{self._message!r} in {left:g} s"
        return f"<Timer: {what}{'' if self._period is None else f', every {self._period:g} s'}>"


def send_after(process: Process, delay: Duration, message: Any) -> Timer:
    """Let a message come once."""
    process.check_loop("set timers there")
    wait = clock.seconds(delay, "delay", optional=False) if delay else 0.0
    return Timer(process, message, wait, None, "burst")


def send_interval(process: Process, period: Duration, message: Any, missed: MissedTicks) -> Timer:
    """Let a message come again and again."""
    process.check_loop("set timers there")
    if missed not in _MISSED:
        raise ValueError(f'missed must be "skip", "burst" or "delay", not {missed!r}')
    every = clock.seconds(period, "period", optional=False)
    return Timer(process, message, every, every, missed)
