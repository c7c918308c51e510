"""How many bytecodes does a line of `noex replay` execute, in the recipes and in bare dicts and lists, and where?

Time in an interpreter follows them. The count is exact and the same on every machine; it includes parsing, the same in
both, and leaves out what happens inside C code.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

from _measure import environment
from _replay_bare import Bare
from replay import logs

from noex.cli._replay import Replay

WARM_UP = 3_000
LINES = 2_000
SHOWN = 12


def count(feed: Callable[[list[str]], object], lines: list[str]) -> tuple[Counter[str], Counter[str]]:
    """Return bytecodes and calls by function, while the lines are fed."""
    bytecodes: Counter[str] = Counter()
    calls: Counter[str] = Counter()

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        frame.f_trace_opcodes = True
        name = frame.f_code.co_qualname
        if event == "call":
            calls[name] += 1
        elif event == "opcode":
            bytecodes[name] += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        feed(lines)
    finally:
        sys.settrace(before)
    return bytecodes, calls


def main() -> None:
    """Print one table per log."""
    print(environment())
    for name, lines in logs().items():
        print(f"\n{name}: per line, over {LINES:,} lines after {WARM_UP:,}")
        with Replay() as replay:
            for title, feed in (("recipes", replay.feed), ("bare", Bare().feed)):
                feed(lines[:WARM_UP])
                bytecodes, calls = count(feed, lines[WARM_UP : WARM_UP + LINES])
                print(f"{title:<40} {bytecodes.total() / LINES:>8.0f} bytecodes {calls.total() / LINES:>6.1f} calls")
                for function, number in bytecodes.most_common(SHOWN if title == "recipes" else 0):
                    print(f"    {function:<36} {number / LINES:>8.0f} {calls[function] / LINES:>16.2f}")


if __name__ == "__main__":
    main()
