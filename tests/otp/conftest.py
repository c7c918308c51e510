"""Coroutine tests run on virtual time, in asyncio's debug mode, and nothing may go by unseen.

A test that is a coroutine function gets an event loop of its own. It fails for a coroutine that nobody awaited, an
exception that nobody retrieved, anything else that asyncio reports, and an error in the log of `noex.otp` that it
does not take out of the fixture `crashes`.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from noex.testing import ManualClock, manual_loop

_GIVE_UP = 1e8
"""Virtual seconds: whoever still waits then, waits for ever."""


class Crashes(logging.Handler):
    """The errors that servers have logged: `take()` returns their exceptions, and forgets them."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def take(self) -> list[BaseException]:
        found = [record.exc_info[1] for record in self.records if record.exc_info and record.exc_info[1]]
        self.records.clear()
        return found


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(autouse=True)
def crashes() -> Iterator[Crashes]:
    handler = Crashes()
    logger = logging.getLogger("noex.otp")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    left = [record.getMessage() for record in handler.records]
    assert left == [], "take the crashes that a test means to happen: crashes.take()"


@pytest.fixture(params=[True, False], ids=["direct", "queued"])
def direct_calls(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run the test with the direct path, and without."""
    from noex.otp import GenServer

    monkeypatch.setattr(GenServer, "direct_calls", request.param)
    return bool(request.param)


def run(main: Any, clock: ManualClock | None = None) -> Any:
    """Run a coroutine on a loop of virtual time, and fail for whatever goes by unseen."""
    reported: list[dict[str, Any]] = []

    async def bounded() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        try:
            return await asyncio.wait_for(main, _GIVE_UP)
        finally:
            await asyncio.sleep(0)

    gc.freeze()  # what was there before is looked at no more, so that a collection takes no time
    try:
        with asyncio.Runner(debug=True, loop_factory=lambda: manual_loop(clock)) as runner:
            runner.get_loop().slow_callback_duration = 60.0  # a busy machine is no failure
            result = runner.run(bounded())
        gc.collect()
    finally:
        gc.unfreeze()
    assert reported == []
    return result


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    clock = pyfuncitem.funcargs.get("clock")
    run(pyfuncitem.obj(**arguments), clock)
    return True
