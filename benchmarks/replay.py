"""What does a line of `noex replay` cost on either kernel: parsing, the recipes on top, the same work with bare dicts?

"The same work" means that the same answers are there after every line (`_replay_bare.py`). Each kernel is in a process
of its own, and they take turns. What is on top of parsing is what noex does; of that the native kernel is to take a
third of the pure one's time. Where it goes: each recipe driven alone over requests that are read already
(`_replay_recipes.py`), without what the loop and the clock take, which stand beside them. The rest is what the recipes
cost each other: alone, each has the processor's caches and the interpreter's specialised code to itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from itertools import islice
from pathlib import Path

from _measure import Child, Timer, environment, medians, options, ratio, rounds, timed, verdict
from _replay_bare import Bare
from _replay_recipes import RECIPES, TIME, requests

from noex.cli._access_log import Parser, open_log
from noex.cli._demo_log import demo_lines
from noex.cli._replay import Replay

__all__ = ["logs"]

LOGS = Path(__file__).resolve().parents[2] / "shared" / "data" / "logs"
MOST_LINES = 20_000
QUICKER = 3.0
PARSING, ALL, BARE = "parsing", "recipes", "bare"


def parse_only(lines: list[str]) -> None:
    """Read each line and do nothing with it."""
    parse = Parser().parse
    for line in lines:
        parse(line)


def recipes(lines: list[str]) -> None:
    """Replay as `noex replay` does."""
    with Replay() as replay:
        replay.feed(lines)


def bare(lines: list[str]) -> None:
    """Do the same with dicts and lists."""
    Bare().feed(lines)


def check(lines: list[str]) -> None:
    """Make sure that both do the same work before it is measured."""
    bare = Bare()
    bare.feed(lines)
    with Replay() as replay:
        replay.feed(lines)
        outcome = replay.outcome()
        if outcome is None:
            sys.exit("the log has no valid line")
        cache = outcome.cache
        sizes = tuple(bucket.cumulative for bucket in outcome.sizes)
        found = {
            "sessions": (outcome.sessions_opened, outcome.sessions_active, outcome.sessions_peak),
            "cache": (cache.hits, cache.misses, cache.evictions, cache.expirations),
            "targets": outcome.top_targets,
            "sizes": sizes,
            "minutes": outcome.minutes,
        }
    expected = {
        "sessions": (bare.opened, len(bare.sessions), bare.peak),
        "cache": (bare.hits, bare.misses, bare.evictions, bare.expirations),
        "targets": tuple((target, -negated) for negated, target in bare.board[:10]),
        "sizes": tuple(sum(bare.slots[: number + 1]) for number in range(len(bare.slots))),
        "minutes": bare.minutes,
    }
    if found != expected:
        sys.exit(f"the recipes and the bare dicts disagree:\n{found}\n{expected}")


def logs() -> dict[str, list[str]]:
    """Return the real logs where they are, else the generated one."""
    found: dict[str, list[str]] = {}
    for path in sorted(LOGS.glob("*.log.gz")):
        with open_log(path) as log:
            found[path.name] = list(islice(log.lines, MOST_LINES))
    return found or {"the generated log of noex demo": list(demo_lines(MOST_LINES))}


def contestants(lines: list[str]) -> dict[str, Timer]:
    """Return what is timed over the lines of a log, on the kernel of this process."""
    found = requests(lines)

    def alone(recipe: str) -> None:
        with Replay() as replay:
            RECIPES[recipe](replay, found)

    timers = {PARSING: timed(partial(parse_only, lines)), ALL: timed(partial(recipes, lines))}
    timers[BARE] = timed(partial(bare, lines))
    return timers | {recipe: timed(partial(alone, recipe)) for recipe in RECIPES}


def serve() -> None:
    """Time what the standard input says, line by line: the contestant, then the log."""
    timers = {name: contestants(lines) for name, lines in logs().items()}
    for line in sys.stdin:
        contestant, _, log = line.rstrip("\n").partition("\t")
        print(timers[log][contestant](), flush=True)


def kernels() -> list[str]:
    """Return the kernels that there are, the quicker one first."""
    command = [sys.executable, "-c", "import noex.kernel"]
    environments = {kernel: {**os.environ, "NOEX_KERNEL": kernel} for kernel in ("native", "pure")}
    return [
        kernel
        for kernel, variables in environments.items()
        if subprocess.run(command, env=variables, check=False, capture_output=True).returncode == 0  # noqa: S603
    ]


def report(log: str, lines: int, children: dict[str, Child], count: int) -> None:
    """Print what was measured with one log."""
    timers = {
        f"{kernel} {contestant}": child.timer(f"{contestant}\t{log}")
        for kernel, child in children.items()
        for contestant in (PARSING, ALL, BARE, *RECIPES)
    }
    seconds = rounds(timers, count)
    on_top = {
        f"{kernel} {contestant}": [
            each - base
            for each, base in zip(seconds[f"{kernel} {contestant}"], seconds[f"{kernel} {base}"], strict=True)
        ]
        for kernel in children
        for contestant in (ALL, BARE, *RECIPES)
        for base in (PARSING if contestant in {ALL, BARE} else TIME,)
        if contestant != TIME
    }
    middle = {name: value / lines * 1e6 for name, value in (medians(seconds) | medians(on_top)).items()}
    parsing = " ".join(f"{middle[f'{kernel} {PARSING}']:.2f} ({kernel} kernel)" for kernel in children)
    print(f"\n{log}, {lines:,} lines; parsing takes {parsing}")
    titles = " ".join(f"{kernel:>8}" for kernel in children)
    print(f"    {'on top of parsing':<28} {titles} {'pure : native':>22}   bar")
    for contestant in (ALL, BARE, *(recipe for recipe in RECIPES if recipe != TIME)):
        cells = " ".join(f"{middle[f'{kernel} {contestant}']:>8.2f}" for kernel in children)
        title = {ALL: "all recipes", BARE: "bare dicts and lists"}.get(contestant, f"  {contestant} alone")
        line = f"    {title:<28} {cells}"
        if len(children) > 1:
            gain = ratio(on_top[f"pure {contestant}"], on_top[f"native {contestant}"])
            bar = verdict(gain.median, QUICKER, at_least=True) if contestant == ALL else ""
            line += f" {gain!s:>22}   {bar}"
        print(line.rstrip())
    loop = {kernel: middle[f"{kernel} {TIME}"] for kernel in children}
    rest = {
        kernel: middle[f"{kernel} {ALL}"] - sum(middle[f"{kernel} {recipe}"] for recipe in RECIPES)
        for kernel in children
    }
    for title, values in (("loop and clock", loop), ("what they cost each other", rest)):
        print(f"      {title:<26} {' '.join(f'{value:>8.2f}' for value in values.values())}")
    for kernel in children:
        print(f"    recipes : bare, {kernel} kernel  {ratio(on_top[f'{kernel} {ALL}'], on_top[f'{kernel} {BARE}'])}")


def main() -> None:
    """Print one table per log."""
    chosen = options(rounds=7, serve=0)
    if chosen.serve:
        serve()
        return
    print(environment())
    present = kernels()
    print(f"both kernels are measured, each in a process; here: {', '.join(present)}")
    print(f"microseconds per line, median of {chosen.rounds} interleaved rounds")
    found = logs()
    for lines in found.values():
        check(lines)
    children = {
        kernel: Child([sys.executable, __file__, "--serve", "1"], {"NOEX_KERNEL": kernel}) for kernel in present
    }
    try:
        for log, lines in found.items():
            report(log, len(lines), children, chosen.rounds)
    finally:
        for child in children.values():
            child.close()


if __name__ == "__main__":
    main()
