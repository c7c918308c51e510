"""How many bytes does a row take beside its key and its value, next to a dict?

Each container is filled in a process of its own, row by row, from keys and values that are there already; what the
process has grown by (its resident memory) is what the container takes. It counts everything, what the allocator wastes
included, and costs nothing while it runs. Large blocks go back to the system at once there (a setting of the C
library), and what is free is trimmed before each look, so that what was needed only on the way is not counted. Beside
it stands what the container says of itself: `sys.getsizeof`, and `info().memory`, which leaves the allocator out.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from _measure import environment, options, shuffled_keys, verdict
from sortedcontainers import SortedDict

from noex import ets

OVER_DICT = 16
OVER_PLAIN = 64
STATM = Path("/proc/self/statm")
SETTINGS = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}


class Container(NamedTuple):
    """What is measured: how it is made, and its bar: so many bytes a row above the one of that name."""

    make: Callable[[], Any]
    bar: int | None = None
    above: str = "dict"


CONTAINERS: dict[str, Container] = {
    "dict": Container(dict),
    "SetTable": Container(ets.SetTable[str, int], OVER_DICT),
    "SetTable, with a ttl": Container(lambda: ets.SetTable[str, int](ttl=3600), OVER_PLAIN, "SetTable"),
    "SortedDict": Container(SortedDict),
    "OrderedSetTable": Container(ets.OrderedSetTable[str, int]),
    "dict of lists": Container(dict),
    "BagTable": Container(ets.BagTable[str, int]),
    "DuplicateBagTable": Container(ets.DuplicateBagTable[str, int]),
}


def resident() -> int:
    """Return the bytes of memory that the process has, after all that is free was given back."""
    gc.collect()
    trim: Any = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    return int(STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(name: str, rows: int) -> tuple[float, float]:
    """Fill the container; return the bytes a row by which the process grew, and those that the container tells."""
    keys, values = shuffled_keys(rows), list(range(1_000_000, 1_000_000 + rows))
    gc.disable()
    container = CONTAINERS[name].make()
    before = resident()
    if name == "dict of lists":
        for key, value in zip(keys, values, strict=True):
            container.setdefault(key, []).append(value)
    elif not hasattr(container, "insert"):
        for key, value in zip(keys, values, strict=True):
            container[key] = value
    else:
        insert = container.insert
        for key, value in zip(keys, values, strict=True):
            insert(key, value)
    grown = resident() - before
    told: int = container.info().memory if hasattr(container, "info") else sys.getsizeof(container)
    return grown / rows, told / rows


def table(rows: int) -> None:
    """Print one line per container."""
    print(f"\n{rows:,} rows{'':<24} {'resident':>8} {'says itself':>12} {'beyond':>8}")
    found: dict[str, float] = {}
    for name, (_, bar, above) in CONTAINERS.items():
        result = subprocess.run(  # noqa: S603 - ourselves
            [sys.executable, __file__, "--rows", str(rows), "--one", str(list(CONTAINERS).index(name))],
            stdout=subprocess.PIPE,
            check=True,
            text=True,
            env={**os.environ, **SETTINGS},
        )
        found[name], told = json.loads(result.stdout)
        line = f"{name:<36} {found[name]:>8.1f} {told:>12.1f}"
        if bar is not None:
            beyond = found[name] - found[above]
            line += f" {beyond:>+8.1f} {f'over {above}':<14} {verdict(beyond, bar)}"
        print(line, flush=True)


def main() -> None:
    """Print one table per number of rows."""
    chosen = options(rows=0, one=-1)
    one: int = chosen.one
    if one >= 0:
        print(json.dumps(measure(list(CONTAINERS)[one], chosen.rows)))
        return
    print(environment())
    if not STATM.exists():
        print("resident memory is read from /proc, which this system does not have")
        return
    print("bytes a row, keys and values not counted; one value a key")
    sizes: list[int] = [chosen.rows] if chosen.rows else [100_000, 1_000_000]
    for rows in sizes:
        table(rows)


if __name__ == "__main__":
    main()
