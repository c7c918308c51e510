"""Bars and columns made of characters: eighths of a block where the terminal can show them, `#` where it cannot."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TimeChart", "bar", "printable", "time_chart"]

_ACROSS: Final = " ▏▎▍▌▋▊▉█"
_UP: Final = " ▁▂▃▄▅▆▇█"
_MINUTE: Final = 60
_DAY: Final = 86_400
# Widths of a column of the chart in minutes: each divides the next clock unit, so that columns start at round times.
_STEPS: Final = (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720)


def bar(share: float, width: int, *, ascii_only: bool = False) -> str:
    """Return a bar that fills a share of a width; whatever is more than nothing is seen.

    >>> bar(0.5, 5)
    '██▌'
    >>> bar(0.5, 5, ascii_only=True)
    '##'
    """
    if share <= 0 or width <= 0:
        return ""
    if ascii_only:
        return "#" * max(1, math.floor(min(share, 1.0) * width))
    eighths = max(1, round(min(share, 1.0) * width * 8))
    return _ACROSS[8] * (eighths // 8) + _ACROSS[eighths % 8].strip()


def printable(text: str, *, ascii_only: bool = False) -> str:
    r"""Return text with everything escaped that could move a cursor or cannot be written: controls, lone surrogates.

    `ascii_only` escapes all that is not ASCII.

    >>> printable("/caf\udce9\x1b[2J/ok")
    '/caf\\xe9\\x1b[2J/ok'
    """
    return "".join(
        character if character.isprintable() and (character.isascii() or not ascii_only) else _escape(character)
        for character in text
    )


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was no UTF-8
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class TimeChart(NamedTuple):
    """A column chart: its rows from the top, what one column stands for, and the ends of its axes."""

    rows: list[str]
    step: str
    highest: int
    start: str
    end: str


def time_chart(minutes: Mapping[int, int], width: int, height: int, *, ascii_only: bool = False) -> TimeChart:
    """Draw requests by minute as columns; as many minutes share a column as are needed to fit the width.

    O(minutes + width * height).
    """
    first, last = min(minutes), max(minutes)
    step = _step((last - first) // _MINUTE + 1, width) * _MINUTE
    start = first - first % step
    columns = [0] * ((last - start) // step + 1)
    for minute, count in minutes.items():
        columns[(minute - start) // step] += count
    highest = max(columns)
    stretch = max(1, min(8, width // len(columns)))
    rows = [
        "".join(_cell(count / highest * height - row, ascii_only) * stretch for count in columns)
        for row in reversed(range(height))
    ]
    return TimeChart(rows, _step_text(step), highest, _clock_text(start), _clock_text(start + step * len(columns)))


def _step(minutes: int, width: int) -> int:
    """Return how many minutes a column has to hold so that no more than `width` columns are needed, one to spare."""
    for step in _STEPS:
        if minutes / step <= width - 1:
            return step
    return math.ceil(minutes / (width - 1) * _MINUTE / _DAY) * _DAY // _MINUTE


def _cell(fill: float, ascii_only: bool) -> str:  # noqa: FBT001 - private
    if ascii_only:
        return "#" if fill >= 0.5 else " "
    return _UP[max(0, min(8, math.ceil(fill * 8 - 1e-9)))]


def _step_text(step: int) -> str:
    for unit, length in (("day", _DAY), ("hour", 3600), ("minute", _MINUTE)):
        if step % length == 0:
            return unit if step == length else f"{step // length} {unit}s"
    return f"{step} seconds"


def _clock_text(second: int) -> str:
    moment = datetime.fromtimestamp(min(second, 253_402_300_799), UTC)
    return moment.replace(tzinfo=None).isoformat(" ", "minutes")
