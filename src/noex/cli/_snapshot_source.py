"""Where a snapshot comes from: a file, or the standard input or a pipe, which is copied into a file first."""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import BinaryIO

__all__ = ["open_snapshot"]


@contextmanager
def open_snapshot(path: str) -> Generator[BinaryIO]:
    """Open what can be read from both its ends; `-` is the standard input.

    Raises:
        OSError: it cannot be read.
    """
    if path == "-":
        yield from _seekable(sys.stdin.buffer)
    else:
        with open(path, "rb") as file:
            yield from _seekable(file)


def _seekable(file: BinaryIO) -> Generator[BinaryIO]:
    if file.seekable():
        yield file
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy)
        yield copy
