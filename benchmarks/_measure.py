"""What every benchmark needs: fair rounds of several contestants in one process, medians, and where it was measured."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["environment", "medians", "rounds"]


def environment() -> str:
    """Return where this runs, in one line: Python, platform, number of CPUs."""
    free_threaded = not getattr(sys, "_is_gil_enabled", lambda: True)()
    return (
        f"{platform.python_implementation()} {platform.python_version()}{' free-threaded' if free_threaded else ''}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"
    )


def rounds(contestants: Mapping[str, Callable[[], object]], count: int = 7) -> dict[str, list[float]]:
    """Return the seconds of each contestant in each round.

    All run in every round, each round beginning with another one, so that whatever slows the machine down for a while
    meets all of them. Garbage is collected before each run, not during it.
    """
    names = list(contestants)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    enabled = gc.isenabled()
    try:
        for number in range(count):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                gc.collect()
                gc.disable()
                start = time.perf_counter()
                contestants[name]()
                seconds[name].append(time.perf_counter() - start)
                gc.enable()
    finally:
        if not enabled:
            gc.disable()
    return seconds


def medians(seconds: Mapping[str, list[float]]) -> dict[str, float]:
    """Return the median of each contestant's rounds."""
    return {name: statistics.median(times) for name, times in seconds.items()}
