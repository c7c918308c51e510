"""Time-outs of calls that all wait for the same time: a queue in the order of their ends, and one timer for its head.

A timer of the loop for each call would cost more than the rest of the call.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from typing import Any, Final, TypeAlias

from noex.errors import CallTimeout

__all__ = ["Deadlines", "Waiting"]

_FEW: Final = 64

Waiting: TypeAlias = list[Any]
"""When, whose future, and how the server is called; the future is None once nobody waits for it any more."""


class Deadlines:
    """The calls of one event loop that wait `seconds` seconds at most."""

    __slots__ = ("_armed", "_context", "_due", "_queue", "_sweep_at", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._queue: deque[Waiting] = deque()
        self._sweep_at = _FEW
        self._due = 0.0
        self._armed = False
        self._context = contextvars.Context()  # the timer is nobody's in particular

    def add(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any], server: str) -> Waiting:
        """Let a future fail in time; set item 1 of the result to None when it is no longer wanted."""
        queue = self._queue
        while queue and queue[0][1] is None:
            queue.popleft()
        if len(queue) >= self._sweep_at:
            self._sweep()
        entry = [loop.time() + self.seconds, future, server]
        queue.append(entry)
        if not self._armed:
            self._arm(loop)
        return entry

    def _sweep(self) -> None:
        """Forget those behind a slow call that nobody waits for any more; not again before there are twice as many."""
        queue = self._queue
        for _ in range(len(queue)):
            entry = queue.popleft()
            if entry[1] is not None:
                queue.append(entry)
        self._sweep_at = max(_FEW, 2 * len(queue))

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        self._armed = True
        self._due = self._queue[0][0]
        loop.call_at(self._due, self._ring, loop, context=self._context)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        queue = self._queue
        now = max(self._due, loop.time())
        while queue and (queue[0][1] is None or queue[0][0] <= now):
            _, future, server = queue.popleft()
            if future is not None and not future.done():
                future.set_exception(CallTimeout(server, self.seconds))
        self._armed = False
        if queue:
            self._arm(loop)
