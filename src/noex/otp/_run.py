"""The whole program: run until it is done, or until a signal asks it to end."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, Final

from noex.otp._description import Description

__all__ = ["run"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def run(
    main: Description[Any] | Callable[[], Coroutine[Any, Any, Any]],
    *,
    debug: bool | None = None,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> int:
    """Run a supervisor, or a coroutine function, on an event loop of its own; return the exit status for `sys.exit`.

    SIGINT and SIGTERM ask it to end: a supervisor is ended, with its children, in reverse order; a coroutine function
    is cancelled, which ends whatever it holds by `async with`. The second of these signals ends the program at once, as
    if nobody had caught it. Signals are left alone where this is not the main thread.

    The status is 0 after an end in order, by itself or for a signal; an int that the coroutine returns is the status.

    Raises:
        MaxRestartsExceeded: the supervisor gave up; `ChildStartError` when it did not start.
        BaseException: whatever the coroutine raises.
        RuntimeError: an event loop runs in this thread already.
        TypeError: `main` is neither.

    >>> async def main() -> None:
    ...     print("at work")
    >>> run(main)
    at work
    0
    """
    if not isinstance(main, Description) and not callable(main):
        raise TypeError(f"main must be a supervisor or a coroutine function, not {main!r}")
    with asyncio.Runner(debug=debug, loop_factory=loop_factory) as runner:
        return runner.run(_until_done(main.run if isinstance(main, Description) else main))


async def _until_done(main: Callable[[], Coroutine[Any, Any, Any]]) -> int:
    """Run, and let signals end it in order."""
    loop = asyncio.get_running_loop()
    task: asyncio.Future[Any] | None = None
    asked = False

    def cancel() -> None:
        if task is not None:
            task.cancel()

    def on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what a handler of signals gets
        nonlocal asked
        if asked:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        else:
            asked = True
            loop.call_soon_threadsafe(cancel)

    here = threading.current_thread() is threading.main_thread()
    before = [(number, signal.signal(number, on_signal)) for number in _SIGNALS] if here else []
    try:
        task = asyncio.ensure_future(main())  # which may run at once, with a factory of eager tasks
        result = await task
    except asyncio.CancelledError:
        if not asked or task is None or not task.cancelled():
            raise
        result = None
    finally:
        for number, handler in before:
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
    return result if isinstance(result, int) and not isinstance(result, bool) else 0
