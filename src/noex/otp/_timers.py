"""Messages that come later, to a server that still lives then.

A timer belongs to the server that it sends to: it is cancelled when that ends. Its time is the loop's. An interval does
not drift: each tick is due one period after the one before was due, however late that came.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from noex.otp._mailbox import INFO, Envelope

if TYPE_CHECKING:
    from noex.otp._process import Process

__all__ = ["MissedTicks", "Timer", "start_timer"]

MissedTicks: TypeAlias = Literal["skip", "burst", "delay"]
"""What becomes of the ticks that were due while the loop was busy: they are left out, or all come at once, or the
following ones are put off."""

_FARTHEST: Final = 86_400.0
"""The longest time, in seconds, that the loop is asked to wait for: longer ones are waited for in parts."""


class Timer:
    """A message that is to come, or comes every so often."""

    __slots__ = ("_due", "_handle", "_message", "_missed", "_period", "_process", "_waiting")

    def __init__(self, process: Process, message: Any, due: float, period: float | None, missed: MissedTicks) -> None:
        self._process: Process | None = process
        self._message = message
        self._due = due
        self._period = period
        self._missed = missed
        self._waiting: Envelope | None = None
        self._handle: asyncio.TimerHandle | None = None
        self._arm(process)

    @property
    def remaining(self) -> float | None:
        """The seconds until the message is sent, or until the next tick; None when there is nothing to come. O(1)."""
        return None if self._process is None else max(0.0, self._due - self._process.loop.time())

    def cancel(self) -> float | None:
        """Cancel what is to come; return the seconds that were left, or None where nothing was to come any more.

        O(1). After a cancellation no message of this timer comes, not even one that waits in the mailbox already.
        """
        process, left = self._process, self.remaining
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.kind, waiting.message = WITHDRAWN, None
        if process is not None:
            if process.timers is not None:
                process.timers.discard(self)
            self.lapse()
        return left

    def lapse(self) -> None:
        """Send nothing any more."""
        self._process = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self, process: Process) -> None:
        now = process.loop.time()
        self._handle = process.loop.call_at(min(self._due, now + _FARTHEST), self._ring)

    def _ring(self) -> None:
        process = self._process
        if process is None:
            return
        now = process.loop.time()
