"""Threads that race, and a watchdog over them: a deadlock is a failure, never a test run that hangs."""

import faulthandler
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

PATIENCE = 60.0
"""Seconds after which threads that have not ended count as deadlocked; they take less than one."""

Run: TypeAlias = Callable[..., list[Any]]


def run(*functions: Callable[[], Any]) -> list[Any]:
    """Run the functions at once, each in a thread of its own; return what they return, raise what the first raises."""
    start = threading.Barrier(len(functions))
    results: list[Any] = [None] * len(functions)
    errors: list[BaseException] = []

    def call(place: int, function: Callable[[], Any]) -> None:
        start.wait(PATIENCE)
        try:
            results[place] = function()
        except BaseException as error:
            errors.append(error)

    threads = [
        threading.Thread(target=call, args=(place, function), daemon=True) for place, function in enumerate(functions)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    stuck = sum(thread.is_alive() for thread in threads)
    if stuck:
        faulthandler.dump_traceback(file=sys.__stderr__)
        pytest.fail(f"{stuck} of {len(threads)} threads have not ended: a deadlock, or a loop without end")
    if errors:
        raise errors[0]
    return results


@pytest.fixture
def race() -> Iterator[Run]:
    """Run functions at once in threads that switch as often as Python can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield run
    finally:
        sys.setswitchinterval(interval)


@pytest.fixture
def guarded() -> Run:
    """Run functions in threads under the watchdog, without haste."""
    return run
