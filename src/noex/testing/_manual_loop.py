"""An event loop on virtual time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Final, TypeVar, TypeVarTuple, Unpack

from noex.testing._clock import ManualClock

__all__ = ["ManualLoop", "manual_loop"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_LEAST: Final = 1e-6
"""What moves any clock, in seconds, where a shorter step is lost to rounding."""

_PATIENCE: Final = 0.05
"""How long threads get to be heard before virtual time goes on, in real seconds."""


class ManualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is a `ManualClock`: when nothing is ready, the clock moves to the next timer.

    `asyncio.sleep(3600)` takes no time, and everything happens in the order of its time. Sockets and threads work as
    ever: where no timer waits, the loop really waits for them; where work in an executor is under way, it gets a moment
    before the clock moves.
    """

    def __init__(self, clock: ManualClock) -> None:
        self._manual_selector = _Selector(clock)
        super().__init__(self._manual_selector)
        self._manual_clock = clock

    def time(self) -> float:
        """Return the time of the clock."""
        return self._manual_clock()

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run a function in a thread."""
        future = super().run_in_executor(executor, func, *args)
        self._manual_selector.outside += 1
        future.add_done_callback(self._back_inside)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002
        """Wait for the threads of the executor, however long that takes: virtual time would be up at once."""
        await super().shutdown_default_executor()

    def _back_inside(self, _: asyncio.Future[Any]) -> None:
        self._manual_selector.outside -= 1


class _Selector(selectors.DefaultSelector):
    """Waits for files, and moves the clock where the loop would wait for its next timer."""

    outside = 0
    """How many functions run in threads."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        events = super().select(_PATIENCE if self.outside else 0)
        if not events:
            before = self._clock()
            if self._clock.advance(timeout) == before:
                self._clock.advance(_LEAST)
        return events


def manual_loop(clock: ManualClock | None = None) -> asyncio.AbstractEventLoop:
    """Return an event loop on virtual time, for `asyncio.Runner(loop_factory=...)`.

    >>> clock = ManualClock()
    >>> with asyncio.Runner(loop_factory=lambda: manual_loop(clock)) as runner:
    ...     runner.run(asyncio.sleep(3600))
    >>> clock()
    3600.0
    """
    return ManualLoop(ManualClock() if clock is None else clock)
