"""Run every benchmark and write what they print into docs/performance.md: `python benchmarks`.

`--full` takes the large sizes, up to 10,000,000 rows: it needs some gigabytes of memory and many minutes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from _measure import MET, MISSED, environment, options

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "performance.md"
BEGIN = "<!-- below: written by `make bench` -->\n"


def question(script: Path) -> str:
    """Return the first line of a script's docstring."""
    return script.read_text(encoding="utf-8").split('"""')[1].strip().splitlines()[0]


def summary(parts: list[tuple[Path, str]]) -> str:
    """Return how many bars are met, and the lines of those that are missed."""
    lines = [(script, line) for script, printed in parts for line in printed.splitlines()]
    met = sum(1 for _, line in lines if line.endswith(f" {MET}"))
    missed = [f"{script.name + ':':<20} {line.strip()}" for script, line in lines if line.endswith(f" {MISSED}")]
    return "\n".join((environment(), "", f"{met} bars are met, {len(missed)} are missed", *missed))


def main() -> None:
    """Run them one after the other, each in a process of its own."""
    chosen = options()
    arguments = ["--full"] if chosen.full else []
    parts: list[tuple[Path, str]] = []
    for script in sorted(HERE.glob("[a-z]*.py")):
        print(f"--- {script.name}: {question(script)}", flush=True)
        result = subprocess.run(  # noqa: S603 - our own scripts
            [sys.executable, str(script), *arguments],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        print(result.stdout, flush=True)
        parts.append((script, result.stdout.strip()))
    bars = summary(parts)
    print(bars)
    page = [PAGE.read_text(encoding="utf-8").partition(BEGIN)[0].rstrip() + "\n\n" + BEGIN]
    page.append(f"## The bars\n\n```text\n{bars}\n```\n")
    page += [
        f"## `benchmarks/{script.name}`\n\n{question(script)}\n\n```text\n{printed}\n```\n" for script, printed in parts
    ]
    PAGE.write_text("\n".join(page), encoding="utf-8")
    print(f"written to {PAGE.name}")


if __name__ == "__main__":
    main()
