"""Run every benchmark and write what they print into docs/performance.md: `python benchmarks`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "performance.md"
BEGIN = "<!-- below: written by `make bench` -->\n"


def question(script: Path) -> str:
    """Return the first line of a script's docstring."""
    return script.read_text(encoding="utf-8").split('"""')[1].strip().splitlines()[0]


def main() -> None:
    """Run them one after the other, each in a process of its own."""
    parts = [PAGE.read_text(encoding="utf-8").partition(BEGIN)[0].rstrip() + "\n\n" + BEGIN]
    for script in sorted(HERE.glob("[a-z]*.py")):
        print(f"--- {script.name}: {question(script)}", flush=True)
        result = subprocess.run(  # noqa: S603 - our own scripts
            [sys.executable, str(script)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        print(result.stdout, flush=True)
        parts.append(f"## `benchmarks/{script.name}`\n\n{question(script)}\n\n```text\n{result.stdout.strip()}\n```\n")
    PAGE.write_text("\n".join(parts), encoding="utf-8")
    print(f"written to {PAGE.name}")


if __name__ == "__main__":
    main()
