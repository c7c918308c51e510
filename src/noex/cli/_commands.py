"""The commands, their options, and their exit statuses: 1 without a valid line, 2 for what cannot be read or used."""

from __future__ import annotations

import io
import json
import os
import platform
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from noex._version import __version__
from noex.cli._charts import printable
from noex.cli._demo_log import DEFAULT_LINES, DEFAULT_SEED
from noex.cli._export import document, prometheus
from noex.cli._replay import Replay
from noex.cli._report import report, show_rejected
from noex.cli._snapshot_source import open_snapshot
from noex.cli._sources import DemoSource, LogSource, UnreadableLog
from noex.cli._tables import Findings, find, is_over, matching, show_info, show_rows
from noex.cli._tables_json import info_line, row_line
from noex.clock import LONGEST, wall_time
from noex.errors import SnapshotError
from noex.ets.queries.parser import parse
from noex.ets.snapshots._file import SnapshotReader
from noex.ets.snapshots._info import info_of
from noex.ets.snapshots._rows import blocks_of
from noex.kernel import KERNEL, REASON

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from noex.cli._sources import Source

__all__ = ["cli"]

F = TypeVar("F", bound="Callable[..., Any]")

_ENTRIES: Final = click.IntRange(min=1)


class _Seconds(click.FloatRange):
    """A length of time, which NaN is not."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if number != number:
            self.fail(f"{value} is no number of seconds.", param, ctx)
        return number


_SECONDS: Final = _Seconds(min=0, min_open=True, max=LONGEST)
_FILE: Final = click.Path(dir_okay=False, writable=True, allow_dash=True)


class Settings(NamedTuple):
    """The options that `replay` and `demo` share."""

    idle: float
    ttl: float
    entries: int
    policy: Literal["lru"]
    show_rejected: bool
    json_file: str | None
    metrics_file: str | None

    @property
    def quiet(self) -> bool:
        """Whether the standard output is for a document alone."""
        return "-" in (self.json_file, self.metrics_file)


_OPTIONS: Final = (
    click.option("--idle", type=_SECONDS, default=1800, show_default=True, help="Seconds after which a session ends."),
    click.option("--ttl", type=_SECONDS, default=300, show_default=True, help="Seconds that the cache keeps an entry."),
    click.option(
        "--entries", type=click.IntRange(min=1), default=1000, show_default=True, help="Entries that the cache holds."
    ),
    click.option(
        "--policy", type=click.Choice(["lru"]), default="lru", show_default=True, help="How the cache evicts."
    ),
    click.option("--show-rejected", is_flag=True, help="Show where the first five rejected lines are, and why."),
    click.option(
        "--json",
        "json_file",
        type=_FILE,
        metavar="FILE",
        help="Write the findings as JSON; - is stdout.",
    ),
    click.option("--metrics", "metrics_file", type=_FILE, metavar="FILE", help="Write Prometheus text; - is stdout."),
)


def _shared_options(command: F) -> F:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="noex %(version)s")
def cli() -> None:
    """State for Python services, shown at work: tables, caches, sessions, counters, rates, leaderboards."""


@cli.command()
@click.argument("logs", metavar="LOG...", nargs=-1, required=True)
@_shared_options
def replay(logs: tuple[str, ...], **options: Any) -> None:
    """Replay web access logs through cache, sessions, counters, rates and leaderboard, in log time, and report.

    LOG is a file in common or combined log format, plain or .gz, or - for the standard input. Several are read in the
    order given.
    """
    try:
        source = LogSource(logs)
    except UnreadableLog as error:
        raise _UnusableError(str(error)) from None
    _run(source, Settings(**options), count_reading=True)


@cli.command()
@click.option("--lines", type=click.IntRange(min=1), default=DEFAULT_LINES, show_default=True, help="Lines to make.")
@click.option("--seed", type=int, default=DEFAULT_SEED, show_default=True, help="The same seed makes the same log.")
@click.option("--save", "log_file", type=_FILE, metavar="FILE", help="Keep the log: write it to this file too.")
@_shared_options
def demo(lines: int, seed: int, log_file: str | None, **options: Any) -> None:
    """Replay an access log that is made on the spot."""
    settings = Settings(**options)
    _run(DemoSource(lines, seed, log_file), settings, count_reading=False)
    if not settings.quiet:
        print("Next: noex demo --entries 50      a smaller cache\n      noex replay access.log.gz   a log of your own")


@cli.command()
@click.argument("file", type=click.Path(allow_dash=True))
@click.option(
    "--limit", type=click.IntRange(min=0), default=10, show_default=True, metavar="N", help="Entries to show."
)
@click.option("--where", metavar="QUERY", help="Only entries that match, such as 'age >= 18 and city == \"Kyiv\"'.")
@click.option("--count", is_flag=True, help="Only say how many entries there are, or match.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON object a line: what the file is, then each entry. What JSON cannot say stands as Python writes it, "
    'in an object with the one name "repr".',
)
def tables(file: str, limit: int, where: str | None, *, count: bool, as_json: bool) -> None:
    """Show what a snapshot of a table holds.

    FILE is what table.dump has written, or - for the standard input. It is read and checked whole. Entries whose
    lifetime is over are shown, marked as such, and counted too.
    """
    try:
        query = None if where is None else parse(where)
    except ValueError as error:
        raise _UnusableError(printable(str(error))) from None
    try:
        with open_snapshot(file) as opened:
            reader = SnapshotReader(opened, file)
            snapshot = info_of(reader)
            now = max(wall_time(), snapshot.created_at.timestamp())  # as ets.load sees it
            if count and query is None:
                found = Findings([], reader.check(), 0)
            else:
                found = find(matching(blocks_of(reader, snapshot), query), 0 if count else limit, now)
    except SnapshotError as error:
        raise _UnusableError(printable(str(error))) from None
    except OSError as error:
        raise _UnusableError(f"cannot read {printable(file)}: {error.strerror or error}") from None
    with _standard_output():
        if count:
            print(json.dumps({"count": found.number}) if as_json else found.number)
        elif as_json:
            print(info_line(file, snapshot))
            for row in found.rows:
                print(row_line(row, expired=is_over(row, now)))
        else:
            console = _console()
            show_info(console, snapshot)
            show_rows(console, found, now)


@cli.command()
def info() -> None:
    """Print version, kernel, Python and platform."""
    print(f"noex      {__version__}")
    print(f"kernel    {KERNEL} ({REASON})")
    print(f"Python    {platform.python_version()} ({platform.python_implementation()}) {sys.executable}")
    print(f"platform  {platform.platform()}")


class _UnusableError(click.ClickException):
    """Something that was named cannot be read or written: one line on the standard error."""

    exit_code = 2


class _NoValidLineError(click.ClickException):
    """No line is a line of an access log: one line on the standard error."""

    exit_code = 1


def _run(source: Source, settings: Settings, *, count_reading: bool) -> None:
    """Replay a source, then print and write what was found; `count_reading`: reading is part of the speed."""
    if settings.json_file == "-" and settings.metrics_file == "-":
        raise click.UsageError("--json - and --metrics - cannot both have the standard output; give one of them a file")
    with (
        Replay(idle=settings.idle, ttl=settings.ttl, entries=settings.entries, policy=settings.policy) as replay,
        _standard_output(),
    ):
        seconds = _feed(replay, source, count_reading=count_reading)
        outcome = replay.outcome()
        if settings.show_rejected:
            shown = _console(stderr=settings.quiet or outcome is None)
            show_rejected(shown, replay.rejected, replay.rejected_lines)
        if outcome is None:
            hint = "" if settings.show_rejected or not replay.lines else "; --show-rejected says why"
            raise _NoValidLineError(f"no valid line among the {replay.lines:,} of {source.title}{hint}")
        if not settings.quiet:
            report(_console(), outcome, source.title, seconds)
        if settings.json_file:
            _write(settings.json_file, json.dumps(document(outcome, seconds), indent=2) + "\n")
        if settings.metrics_file:
            _write(settings.metrics_file, prometheus(outcome, replay.metrics))


def _feed(replay: Replay, source: Source, *, count_reading: bool) -> float:
    """Replay all batches under a progress bar and return the real seconds that it took."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = _console(stderr=True)
    seconds = 0.0
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("replaying", total=source.total)
            start = time.perf_counter()
            for batch in source.batches():
                if not count_reading:
                    start = time.perf_counter()
                if batch.begins:
                    replay.begin(batch.source)
                replay.feed(batch.lines)
                now = time.perf_counter()
                seconds += now - start
                start = now
                progress.update(task, completed=batch.position)
    except UnreadableLog as error:
        raise _UnusableError(str(error)) from None
    except OSError as error:
        raise _UnusableError(f"cannot write {error.filename or 'the log'}: {error.strerror or error}") from None
    return seconds


@contextmanager
def _standard_output() -> Generator[None]:
    """Turn a standard output that cannot be written into one line; a reader that has gone is none of our business."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # Whatever is left to write has nobody to read it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise _UnusableError(f"cannot write the standard output: {error.strerror or error}") from None


def _console(*, stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")  # whatever a name or target has, the report comes out
    return Console(stderr=stderr, highlight=False)


def _write(path: str, text: str) -> None:
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        Path(path).write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise _UnusableError(f"cannot write {path}: {error.strerror or error}") from None
