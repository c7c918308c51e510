"""Waiting in a thread for what a loop does in another one, which may end, or be closed, before it is done."""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from noex import clock

__all__ = ["LoopClosed", "TimedOut", "Unanswered", "ask_from_thread"]

R = TypeVar("R")

_LOOK_AGAIN: Final = 0.25
"""A loop that is closed tells nobody: so often it is looked at, in seconds."""


class TimedOut(Exception):
    """There was no answer in time."""


class LoopClosed(Exception):
    """The loop was closed before there was an answer."""


class Unanswered(Exception):
    """The loop is ending, and has cancelled what would have answered."""


def ask_from_thread(coroutine: Coroutine[Any, Any, R], loop: asyncio.AbstractEventLoop, seconds: float | None) -> R:
    """Let a loop run a coroutine, and block this thread until that is done.

    Raises:
        TimedOut: it took longer; it is cancelled.
        LoopClosed: nobody will ever run it; `Unanswered`: it was cancelled.
    """
    try:
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    except RuntimeError:
        coroutine.close()
        raise LoopClosed from None
    try:
        return _wait(future, coroutine, loop, seconds)
    except concurrent.futures.CancelledError:
        raise Unanswered from None


def _wait(
    future: concurrent.futures.Future[R],
    coroutine: Coroutine[Any, Any, R],
    loop: asyncio.AbstractEventLoop,
    seconds: float | None,
) -> R:
    end = None if seconds is None else clock.monotonic() + seconds
    while True:
        left = _LOOK_AGAIN if end is None else min(_LOOK_AGAIN, end - clock.monotonic())
        closed = loop.is_closed()  # looked at first: what is not done then, never will be
        done, _ = concurrent.futures.wait([future], 0.0 if closed else max(left, 0.0))
        if done:
            return future.result()
        if closed:
            if inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
                coroutine.close()
            raise LoopClosed
        if left <= 0:
            if future.cancel():
                raise TimedOut
            return future.result()  # it has come at the last moment
