"""What a snapshot of a table holds, for people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.table import Table
from rich.text import Text

from noex.cli._charts import printable
from noex.cli._python_text import python_text
from noex.cli._words import bytes_text, count_text
from noex.clock import TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console

    from noex.ets import Expression, SnapshotInfo

__all__ = ["Findings", "Row", "find", "is_over", "matching", "show_info", "show_rows"]

_MOST_SHOWN: Final = 1000  # characters of a key or a value: more than any line has
_LEAST_WIDTH: Final = 4
_GAP: Final = 3  # columns between two
_EXPIRES: Final = "expires (UTC)"

Row: TypeAlias = "tuple[Any, Any, int | None]"
"""A key, a value, and the end of the lifetime: milliseconds since 1970, or None."""


class Findings(NamedTuple):
    """The first rows that match, and of all that do, how many there are and how many lifetimes are over."""

    rows: list[Row]
    number: int
    over: int


def matching(blocks: Iterable[list[Row]], where: Expression | None) -> Iterator[Row]:
    """Yield the rows that an expression matches; all, without one."""
    return (row for rows in blocks for row in rows if where is None or where._test(row[0], row[1]))


def is_over(row: Row, now: float) -> bool:
    """Tell whether the lifetime of a row is over at `now`, seconds since 1970.

    >>> is_over(("a", 1, 1500), 1.4), is_over(("a", 1, 1500), 1.5)
    (False, True)
    """
    return row[2] is not None and row[2] <= now * 1000 + TOLERANCE


def find(rows: Iterable[Row], limit: int, now: float) -> Findings:
    """Read all rows, keep the first ones, and count the rest. O(rows), in the memory of those that are kept."""
    first: list[Row] = []
    number = over = 0
    for row in rows:
        number += 1
        over += is_over(row, now)
        if number <= limit:
            first.append(row)
    return Findings(first, number, over)


def show_info(console: Console, info: SnapshotInfo) -> None:
    """Print what a snapshot tells about itself."""
    name = "a table without a name" if info.name is None else info.name
    order = ", ordered by a key= function" if info.needs_key else ""
    lifetime = "without end" if info.ttl is None else f"{info.ttl:,g} s, unless an entry has its own"
    for label, text in (
        ("table", f"{name} ({info.kind}{order})"),
        ("entries", f"{info.entries:,}"),
        *([] if info.kind.endswith("bag") else [("lifetime", lifetime)]),
        ("written", f"{info.created_at:%Y-%m-%d %H:%M:%S} UTC, by noex {info.version}"),
        ("file", f"{bytes_text(info.bytes)}, format {info.format}"),
    ):
        line = printable(text, ascii_only=console.options.ascii_only)
        console.print(Text.assemble((f"{label:<10}", "bright_black"), line), soft_wrap=True)


def show_rows(console: Console, found: Findings, now: float) -> None:
    """Print the first rows, how many more there are, and how many lifetimes are over."""
    if found.rows:
        console.print()
        console.print(_grid(found.rows, now, console.width, ascii_only=console.options.ascii_only))
    more = found.number - len(found.rows)
    if more:
        console.print(Text(f"and {more:,} more; --limit shows more"), soft_wrap=True)
    elif not found.rows:
        console.print(Text("no entries"), soft_wrap=True)
    if found.over:
        verb = "is" if found.over == 1 else "are"
        said = f"{count_text(found.over, 'lifetime')} {verb} over: ets.load leaves such entries out"
        console.print(Text(said), soft_wrap=True)


def _grid(rows: list[Row], now: float, width: int, *, ascii_only: bool) -> Table:
    keys = [_cell(key, ascii_only=ascii_only) for key, _, _ in rows]
    values = [_cell(value, ascii_only=ascii_only) for _, value, _ in rows]
    ends = [_moment(row, now) for row in rows]
    columns = {"key": keys, "value": values}
    if any(ends):
        columns[_EXPIRES] = ends
    widths = {name: max(map(cell_len, [name, *cells])) for name, cells in columns.items()}
    free = width - _GAP * (len(columns) - 1) - widths.get(_EXPIRES, 0)
    widths["key"] = min(widths["key"], max(_LEAST_WIDTH, free // 3, free - widths["value"]))
    widths["value"] = min(widths["value"], max(_LEAST_WIDTH, free - widths["key"]))
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for name in columns:
        grid.add_column(name, no_wrap=True, width=widths[name], overflow="crop")
    for cells in zip(*columns.values(), strict=True):
        grid.add_row(*(Text(_cut(cell, widths[name], ascii_only)) for name, cell in zip(columns, cells, strict=True)))
    return grid


def _cell(value: Any, *, ascii_only: bool) -> str:
    return printable(python_text(value)[:_MOST_SHOWN], ascii_only=ascii_only)


def _cut(text: str, width: int, ascii_only: bool) -> str:  # noqa: FBT001 - private
    """Return a text that fits, and tells by its end if it was longer."""
    if cell_len(text) <= width:
        return text
    end = "..." if ascii_only else "…"
    return set_cell_size(text, width - len(end)) + end


def _moment(row: Row, now: float) -> str:
    deadline = row[2]
    if deadline is None:
        return ""
    try:
        text = f"{datetime.fromtimestamp(deadline / 1000, UTC):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, ValueError, OSError):
        text = "after the year 9999" if deadline > 0 else "before the year 1"
    return f"{text}, over" if is_over(row, now) else text
