"""What every benchmark needs: fair rounds of several contestants, ratios against a bar, and where it was measured.

How it is measured, everywhere the same:

- Contestants take turns: each round runs all of them, and begins with another one each time, so that whatever slows
  the machine down for a while meets all of them. A ratio is taken within a round; what is printed is the median of
  these ratios and, in brackets, their quartiles.
- Each statement is compiled to a code object of its own, because CPython specialises code by what it has met there.
  What it works with are its local variables. Both sides are called in the same way: methods are bound before the loop.
- One run of each that is not counted warms up. The collector of cyclic garbage is off while a run is timed; what was
  there before is put out of its sight. Results are dropped after the time is taken.
- The loop itself is part of the time on both sides.
"""

from __future__ import annotations

import gc
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeAlias

from noex import __version__
from noex.kernel import KERNEL, REASON

__all__ = [
    "MET",
    "MISSED",
    "Case",
    "Child",
    "Fresh",
    "Ratio",
    "Timer",
    "compare",
    "cpu",
    "each",
    "environment",
    "medians",
    "once",
    "options",
    "quiet_collector",
    "ratio",
    "rounds",
    "shuffled_keys",
    "timed",
    "verdict",
]

Timer: TypeAlias = Callable[[], float]
"""Runs a contestant once and returns the seconds that it took."""

ROUNDS = 9
MOST_ROUNDS = 31
BUDGET = 1.0
"""Seconds: quick contestants get more rounds, until they have taken so long or there were `MOST_ROUNDS`."""

MET = "met"
MISSED = "MISSED"


def cpu() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def environment() -> str:
    """Return where this runs: Python, the kernel in use, the processor."""
    free_threaded = not getattr(sys, "_is_gil_enabled", lambda: True)()
    return (
        f"{platform.python_implementation()} {platform.python_version()}{' free-threaded' if free_threaded else ''}, "
        f"{platform.system()} {platform.machine()}, {cpu()}, {os.cpu_count()} CPUs\n"
        f"noex {__version__} on the {KERNEL} kernel ({REASON})"
        + ("" if KERNEL == "native" else "; bars are those of the native kernel")
    )


def options(**sizes: int) -> Namespace:
    """Return what the command line says about the sizes of a script; `--full` is understood by all.

    Each size becomes an option of its name, with the given value unless said otherwise. `--full` asks for the large
    sizes, where a script has such.
    """
    parser = ArgumentParser(description=(sys.modules["__main__"].__doc__ or "").partition("\n")[0])
    for name, value in sizes.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value, help=f"{value:,} unless given")
    parser.add_argument("--full", action="store_true", help="the large sizes, where a script has such; takes long")
    return parser.parse_args()


def shuffled_keys(rows: int) -> list[str]:
    """Return the keys `user:0`, `user:1` and so on, in an order that is random but always the same."""
    keys = [f"user:{number}" for number in range(rows)]
    random.Random(1).shuffle(keys)
    return keys


@dataclass(frozen=True, slots=True)
class Fresh:
    """A variable of a statement that is made anew before each run, outside its time."""

    make: Callable[[], object]


def timed(function: Callable[..., object], **names: object) -> Timer:
    """Return a timer of a function called with these arguments."""

    def run() -> float:
        arguments = {name: value.make() if isinstance(value, Fresh) else value for name, value in names.items()}
        with quiet_collector():
            start = time.perf_counter()
            result = function(**arguments)
            seconds = time.perf_counter() - start
        del result, arguments
        return seconds

    return run


def once(statement: str, **names: object) -> Timer:
    """Return a timer of one statement, compiled for itself; what it makes goes after the time is taken."""
    return _compiled(f"    result = {statement}\n    return result\n", statement, names)


def each(statement: str, items: Iterable[object] | Fresh, target: str = "key", **names: object) -> Timer:
    """Return a timer of a statement that is run for each of the items, compiled for itself."""
    body = f"    for {target} in items:\n        {statement}\n"
    return _compiled(body, statement, {"items": items, **names})


def _compiled(body: str, statement: str, names: Mapping[str, object]) -> Timer:
    scope: dict[str, Any] = {}
    source = f"def run({', '.join(names)}):\n{body}"
    exec(compile(source, f"<{statement}>", "exec"), scope)  # noqa: S102 - the statements are those of the scripts
    return timed(scope["run"], **names)


@contextmanager
def quiet_collector() -> Generator[None]:
    """Collect garbage now, and none until the end of the block."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def rounds(timers: Mapping[str, Timer], count: int = ROUNDS, budget: float = BUDGET) -> dict[str, list[float]]:
    """Return the seconds of each contestant in each round: at least `count`, and more while they are quick."""
    names = list(timers)
    gc.collect()
    gc.freeze()  # what is here already is looked at by no collection before a run
    try:
        for timer in timers.values():
            timer()
        seconds: dict[str, list[float]] = {name: [] for name in names}
        spent, number = 0.0, 0
        while number < count or (number < MOST_ROUNDS and spent < budget):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                seconds[name].append(timers[name]())
                spent += seconds[name][-1]
            number += 1
    finally:
        gc.unfreeze()
    return seconds


def medians(seconds: Mapping[str, list[float]]) -> dict[str, float]:
    """Return the median of each contestant's rounds."""
    return {name: statistics.median(times) for name, times in seconds.items()}


class Ratio(NamedTuple):
    """A ratio of two contestants: the median over the rounds, and the quartiles."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}-{self.high:.2f})"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Return the ratio of two contestants that ran in the same rounds."""
    ratios = [mine / its for mine, its in zip(ours, theirs, strict=True)]
    low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return Ratio(median, low, high)


def verdict(value: float, bar: float | None, *, at_least: bool = False) -> str:
    """Return a bar and whether the value meets it, nothing where there is none."""
    if bar is None:
        return ""
    met = value >= bar if at_least else value <= bar
    return f"{'>=' if at_least else '<='} {bar:g}  {MET if met else MISSED}"


@dataclass(frozen=True, slots=True)
class Case:
    """A comparison: what noex does in `operations` steps a run, and peers that do the same.

    Where there are several peers, the quickest is the one that counts. `bar` is the ratio that is to be reached.
    """

    name: str
    ours: Timer
    peers: Mapping[str, Timer]
    operations: int
    bar: float | None = None


def compare(cases: Iterable[Case], count: int = ROUNDS) -> None:
    """Print one line for each case, as soon as it is measured."""
    print("nanoseconds each; ratio: median of interleaved rounds (quartiles); bar: the ratio to reach\n")
    print(f"{'noex':<40} {'peer':<42} {'noex':>8} {'peer':>8} {'ratio':>18}   bar")
    for case in cases:
        seconds = rounds({"": case.ours, **case.peers}, count)
        measured = medians(seconds)
        peer = min(case.peers, key=measured.__getitem__)
        found = ratio(seconds[""], seconds[peer])
        mine, its = (measured[name] / case.operations * 1e9 for name in ("", peer))
        line = f"{case.name:<40} {peer:<42} {mine:>8.1f} {its:>8.1f} {found!s:>18}   {verdict(found.median, case.bar)}"
        print(line.rstrip(), flush=True)


class Child:
    """Another process that times what it is told to, line by line: a contestant that cannot be in this one.

    It is sent a line and answers with one, the seconds it took. Only one of the two processes works at any time.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own scripts, and erl
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )

    def ask(self, line: str) -> str:
        """Send a line and return the answer.

        Raises:
            RuntimeError: the process has ended instead.
        """
        to, answers = _open(self._process.stdin), _open(self._process.stdout)
        to.write(line + "\n")
        to.flush()
        answer = answers.readline()
        if not answer:
            raise RuntimeError(f"{self._process.args!r} ended on {line!r} with status {self._process.wait()}")
        return answer.rstrip("\n")

    def timer(self, line: str) -> Timer:
        """Return a timer that has the other process run what the line says."""
        return lambda: float(self.ask(line))

    def close(self) -> None:
        """End the process: its input ends."""
        _open(self._process.stdin).close()
        self._process.wait()
        _open(self._process.stdout).close()


def _open(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise RuntimeError("the process was started without pipes")
    return stream
