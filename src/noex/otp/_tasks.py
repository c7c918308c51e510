"""What tasks of asyncio have to be told where code runs on somebody else's behalf."""

from __future__ import annotations

import asyncio
import sys
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any

__all__ = ["continued", "enter_task", "first_step", "leave_task"]

Loop = asyncio.AbstractEventLoop
Task = asyncio.Task[Any]

leave_task: Callable[[Loop, None], Task | None]
"""`leave_task(loop, None)`: let no task be the current one, and return which it was."""

enter_task: Callable[[Loop, Task], object]
"""`enter_task(loop, task)`: let this be the current task; there must be none."""

if sys.version_info >= (3, 12):
    leave_task = enter_task = asyncio.tasks._swap_current_task  # type: ignore[attr-defined]
else:
    leave_task = asyncio.tasks._current_tasks.pop  # type: ignore[attr-defined]
    enter_task = asyncio.tasks._enter_task


@types.coroutine
def first_step() -> Generator[None, None, None]:
    """Stop here once: for a coroutine that is run up to this point before it becomes a task."""
    yield


@types.coroutine
def continued(
    coroutine: Coroutine[Any, Any, Any], waits_for: Any, error: BaseException | None
) -> Generator[Any, Any, Any]:
    """Go on with a coroutine that has been run already to where it waits for something; or raise an error there.

    To be called in a later turn of the loop than that run: who waited for that (None), or for what is done, goes on.
    A cancellation goes to what is waited for, as a task's does, and to the coroutine where that takes none.
    """
    turned = True
    if isinstance(error, asyncio.CancelledError) and waits_for is not None and waits_for.cancel():
        error = None
    while True:
        if error is None:
            try:
                if waits_for is not None and not waits_for.done():
                    waits_for._asyncio_future_blocking = True  # what a task wants to see; others may have waited, too
                    yield waits_for
                elif not turned:
                    yield None
            except BaseException as raised:
                error = raised
            else:
                return (yield from coroutine.__await__())
        try:
            waits_for, error, turned = coroutine.throw(error), None, False
        except StopIteration as stop:
            return stop.value
