r"""Web access logs: opening them, and reading a line of common or combined log format.

The grammar, with one space between fields::

    host ident user [day/Mon/year:h:m:s zone] "request" status bytes
    host ident user [day/Mon/year:h:m:s zone] "request" status bytes "referer" "agent"

The request is `METHOD target`, with or without a protocol after it; in quotes, `\` takes the next character as it is,
and nothing is unescaped: a target is the text of the log. A line that is anything else is a `Rejection` with a reason;
the reason never repeats what stands in the line, for that may be somebody's address.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import sys
from contextlib import contextmanager
from datetime import date
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, TextIO, cast

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

__all__ = ["LONGEST_LINE", "OpenLog", "Parser", "Rejection", "Request", "open_log"]


LONGEST_LINE: Final = 65_536
"""In characters, without the line end."""


class Request(NamedTuple):
    """One valid line: who asked at which second of UTC (since 1970) for what, and what the answer was."""

    host: str
    stamp: int
    method: str
    target: str
    status: int
    size: int


class Rejection(NamedTuple):
    """Why a line is no line of an access log."""

    reason: str


# Possessive repeats (`++`, `*+`) keep a line that does not fit from being tried in more than one way.
_QUOTED = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TARGET = r'(?=[^\s"])[^"\\\s]*+(?:\\\S[^"\\\s]*+)*+'

# The grammar piece by piece, each with the reason given when it is the first that does not fit.
_PIECES: Final = (
    (r"(\S++) \S++ \S++ ", "host, ident and user are not there, or not with one space after each"),
    (r"\[([^\]]*+)\] ", "no time in square brackets after the user"),
    (
        rf'"([!#$%&\'*+.^_`|~0-9A-Za-z-]++) ({_TARGET})(?: [A-Za-z]++/[0-9.]++)?" ',
        "the request is not METHOD target, with or without a protocol, in quotes",
    ),
    (r"([1-9][0-9]{2}) ", "the status is not a number from 100 to 999"),
    (r"([0-9]{1,18}+|-)(?!\S)", "the bytes are neither a number of at most 18 digits nor -"),
    (rf"(?: {_QUOTED} {_QUOTED})?+\r?\n?\Z", "what follows the bytes is not a referer and an agent in quotes"),
)
_LINE: Final = re.compile("".join(pattern for pattern, _ in _PIECES), re.ASCII | re.DOTALL)
_STEPS: Final = tuple((re.compile(pattern, re.ASCII | re.DOTALL), reason) for pattern, reason in _PIECES)

_STAMP: Final = re.compile(
    r"([0-9]{2})/([A-Za-z]{3})/([0-9]{4}):([0-9]{2}):([0-9]{2})(:[0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"
)
_NAMES: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS: Final = {name: number for number, name in enumerate(_NAMES, 1)}
_SECONDS: Final = {f":{second:02}": second for second in range(60)}
_DAY: Final = 86_400
_EPOCH: Final = date(1970, 1, 1).toordinal()
_END_OF_TIME: Final = (date.max.toordinal() + 1 - _EPOCH) * _DAY


class _TimeError(ValueError):
    """The text in square brackets is no time that a log can have."""


class _Stamps(dict[str, int]):
    """The second of UTC for each time text, remembered: neighbours share their second, or at least the minute."""

    _ROOM: Final = 4096

    def __init__(self) -> None:
        super().__init__()
        self._minutes: dict[str, int] = {}

    def __missing__(self, text: str) -> int:
        second = _SECONDS.get(text[17:20])
        minute = self._minutes.get(text[:17] + text[20:])
        if second is None or minute is None:
            minute, second = _minute_and_second(text)
            if len(self._minutes) >= self._ROOM:
                self._minutes.clear()
            self._minutes[text[:17] + text[20:]] = minute
        stamp = minute + second
        if len(self) >= self._ROOM:
            self.clear()
        self[text] = stamp
        return stamp


def _minute_and_second(text: str) -> tuple[int, int]:
    found = _STAMP.fullmatch(text)
    if found is None:
        raise _TimeError("the time is not of the form day/Mon/year:hour:minute:second zone")
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = found.groups()
    month_number = _MONTHS.get(month)
    if month_number is None:
        raise _TimeError("the time has no month name such as Jan or Dec")
    if int(hour) > 23 or int(minute) > 59 or second not in _SECONDS:
        raise _TimeError("the time does not exist: there is no such hour, minute or second")
    if int(zone_hours) > 23 or int(zone_minutes) > 59:
        raise _TimeError("the time has a zone that does not exist")
    try:
        days = date(int(year), month_number, int(day)).toordinal() - _EPOCH
    except ValueError:
        raise _TimeError("the time does not exist: there is no such day") from None
    east = int(zone_hours) * 3600 + int(zone_minutes) * 60
    whole = days * _DAY + int(hour) * 3600 + int(minute) * 60 - (east if sign == "+" else -east)
    if whole < 0:
        raise _TimeError("the time is before 1970")
    if whole >= _END_OF_TIME:
        raise _TimeError("the time is after the year 9999")
    return whole, _SECONDS[second]


class Parser:
    """Reads lines; keeps the last few thousand time texts, so that most lines need no date arithmetic.

    >>> parse = Parser().parse
    >>> parse('host.example - - [01/Aug/1995:02:00:00 -0400] "GET / HTTP/1.0" 200 -')
    Request(host='host.example', stamp=807256800, method='GET', target='/', status=200, size=0)
    >>> parse('host.example - - [30/Feb/1995:02:00:00 -0400] "GET / HTTP/1.0" 200 -')
    Rejection(reason='the time does not exist: there is no such day')
    """

    __slots__ = ("_stamps",)

    def __init__(self) -> None:
        self._stamps = _Stamps()

    def parse(self, line: str) -> Request | Rejection:
        """Return what the line says, or why it says nothing; a line end at its end is allowed. O(length)."""
        found = _LINE.match(line)
        if found is None:
            return _why(line)
        host, text, method, target, status, size = found.groups()
        try:
            stamp = self._stamps[text]
        except _TimeError as error:
            return Rejection(str(error))
        return Request(host, stamp, method, target, int(status), 0 if size == "-" else int(size))


def _why(line: str) -> Rejection:
    if not line.strip():
        return Rejection("the line is empty")
    if len(line) > LONGEST_LINE:
        return Rejection(f"the line is longer than {LONGEST_LINE:,} characters")
    position = 0
    for pattern, reason in _STEPS:
        found = pattern.match(line, position)
        if found is None:
            return Rejection(reason)
        position = found.end()
    return Rejection("the fields do not fit together")


class OpenLog:
    """A log that is open: `lines` to read, and how far it has been read in bytes of the file."""

    __slots__ = ("_raw", "lines")

    def __init__(self, raw: BinaryIO, lines: TextIO) -> None:
        self._raw = raw
        self.lines = lines

    def batches(self, size: int) -> Iterator[list[str]]:
        """Yield the lines, up to `size` at a time.

        Of a line that is longer than `LONGEST_LINE` only the beginning is kept, in a form that is no valid line: so
        memory is bounded whatever the file holds.
        """
        pieces = iter(partial(self.lines.readline, LONGEST_LINE + 1), "")
        while batch := list(islice(pieces, size)):
            if max(map(len, batch)) > LONGEST_LINE:
                batch = list(_whole_lines(batch, pieces))
            yield batch

    def position(self) -> int:
        """Return how many bytes of the file have been read; 0 for a pipe."""
        try:
            return self._raw.tell()
        except OSError:
            return 0


def _whole_lines(batch: list[str], rest: Iterator[str]) -> Iterator[str]:
    """Yield the lines that begin in the batch, reading the last of them to its end."""
    pieces = iter(batch)
    for piece in pieces:
        if len(piece) <= LONGEST_LINE or piece.endswith("\n"):
            yield piece
            continue
        yield piece + "\\"  # which nothing follows: no valid line ends so
        while len(piece) > LONGEST_LINE and not piece.endswith("\n"):
            piece = next(pieces, "") or next(rest, "")


def _text(binary: BinaryIO) -> io.TextIOWrapper:
    # Only "\n" ends a line, and bytes that are no UTF-8 become lone surrogates, which keeps them apart and countable.
    return io.TextIOWrapper(binary, encoding="utf-8", errors="surrogateescape", newline="\n")


@contextmanager
def open_log(path: str | os.PathLike[str]) -> Generator[OpenLog]:
    """Open a log for reading: a file, a file whose name ends in `.gz`, or `-` for the standard input.

    Raises:
        OSError: it cannot be opened; and, while lines are read, when the data is damaged.
        EOFError: while lines are read: the compressed file is cut off.
        zlib.error: while lines are read: the compressed data is damaged.
    """
    if os.fspath(path) == "-":
        stdin = sys.stdin.buffer
        lines = _text(stdin)
        try:
            yield OpenLog(stdin, lines)
        finally:
            lines.detach()  # the standard input is not ours to close
        return
    with open(path, "rb") as raw:
        binary = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if os.fspath(path).endswith(".gz") else raw
        with _text(binary) as lines:
            yield OpenLog(raw, lines)
