"""The command line: `noex replay`, `noex demo`, `noex tables` and `noex info`; it needs the extra `cli`."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line with the arguments of the process, and exit with its status.

    Raises:
        SystemExit: always; the status is 1 when the extra `cli` is not installed.
    """
    try:
        from noex.cli._commands import cli  # noqa: PLC0415 - click and rich come with an extra: ask before importing
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in {"click", "rich"}:
            raise
        print(
            f"noex: the command line needs {missing}: pip install 'noex[cli]'",
            file=sys.stderr,
        )
        raise SystemExit(1) from None
    cli(prog_name="noex")
