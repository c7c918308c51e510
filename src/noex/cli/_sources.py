"""Where the lines of a replay come from, in batches: logs, or the log that is made on the spot."""

from __future__ import annotations

import os
import stat
import zlib
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from noex.cli._access_log import open_log
from noex.cli._demo_log import demo_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Batch", "DemoSource", "LogSource", "Source", "UnreadableLog"]

_BATCH: Final = 4096


class Batch(NamedTuple):
    """Some lines of one log in a row, whether they are its first, and how much of all has been read with them."""

    source: str
    begins: bool
    lines: list[str]
    position: int


class Source(Protocol):
    """Batches of lines; `total` is the position at the end where it is known, `title` is for the reader."""

    title: str
    total: int | None

    def batches(self) -> Iterator[Batch]:
        """Yield the lines in order."""
        ...


class UnreadableLog(Exception):
    """A log cannot be opened, or its data is damaged."""


class LogSource:
    """The logs of the given paths in the order given; positions are bytes of the files.

    Raises:
        UnreadableLog: a path is not there or is a directory; later, when reading meets damaged data.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self.title = ", ".join("standard input" if path == "-" else os.path.basename(path) for path in paths)
        self._paths = paths
        sizes = [_size(path) for path in paths]
        self.total = None if None in sizes else sum(size or 0 for size in sizes)

    def batches(self) -> Iterator[Batch]:
        """Yield the lines of all logs."""
        before = 0
        for path in self._paths:
            position = 0
            try:
                with open_log(path) as log:
                    begins = True
                    for lines in log.batches(_BATCH):
                        position = log.position()
                        yield Batch(path, begins, lines, before + position)
                        begins = False
            except EOFError:
                raise UnreadableLog(f"cannot read {path}: the compressed file is cut off") from None
            except zlib.error as error:
                raise UnreadableLog(f"cannot read {path}: the compressed data is damaged ({error})") from None
            except OSError as error:
                raise UnreadableLog(f"cannot read {path}: {error.strerror or error}") from None
            before += position


class DemoSource:
    """The log that is made on the spot, kept in a file too if one is named; positions are lines."""

    def __init__(self, count: int, seed: int, save: str | None) -> None:
        self.title = f"a log made on the spot, seed {seed}"
        self.total: int | None = count
        self._seed = seed
        self._save = save

    def batches(self) -> Iterator[Batch]:
        """Yield the lines of the log.

        Raises:
            OSError: the file to keep them in cannot be written.
        """
        lines = demo_lines(self.total or 0, self._seed)
        done = 0
        with open(self._save or os.devnull, "wb") as file:
            while batch := list(islice(lines, _BATCH)):
                if self._save:
                    file.writelines(line.encode("utf-8", "surrogateescape") for line in batch)
                done += len(batch)
                yield Batch("demo", done == len(batch), batch, done)


def _size(path: str) -> int | None:
    if path == "-":
        return None
    try:
        found = os.stat(path)
    except OSError as error:
        raise UnreadableLog(f"cannot read {path}: {error.strerror or error}") from None
    if stat.S_ISDIR(found.st_mode):
        raise UnreadableLog(f"cannot read {path}: it is a directory; name the logs in it")
    return found.st_size if stat.S_ISREG(found.st_mode) else None
