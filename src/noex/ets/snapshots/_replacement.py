"""Replacing a file in one step: whoever opens it sees the old content or the new one, never a part."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from secrets import token_hex
from typing import BinaryIO

from noex.errors import SnapshotError

__all__ = ["path_of", "replacing"]


def path_of(path: str | os.PathLike[str]) -> str:
    """Return the path as a str.

    Raises:
        TypeError: it is no path.
        ValueError: it is empty.
    """
    try:
        text = os.fspath(path)
    except TypeError:
        text = None
    if not isinstance(text, str):
        raise TypeError(f"a snapshot's path is a str or a pathlib.Path, not {path!r}")
    if not text:
        raise ValueError("a snapshot's path is empty; give the path of a file")
    return text


@contextmanager
def replacing(path: str) -> Generator[BinaryIO]:
    """Give a new file to write; when that is done, sync it and put it in the place of `path`, else remove it.

    The new file stands beside the old one, under a name of its own, and gets the old one's permissions and, where the
    system allows that, owner and group. Symbolic links are followed: what they lead to is replaced. The directory is
    synced too, so that the new content outlives a loss of power.

    Raises:
        SnapshotError: something other than a file is there, or the path is that of a folder.
        OSError: the system refuses; its `filename` is `path`. The old content stands.
    """
    target = os.path.realpath(path)
    temporary = os.path.join(os.path.dirname(target), f".{os.path.basename(target)[:32]}.{token_hex(8)}.tmp")
    with _told_of(path, target, temporary):
        old = _found_at(path, target)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(temporary, flags, 0o666 if old is None else 0o600)  # of 0o666 the umask takes its part
        try:
            with open(descriptor, "wb", buffering=1 << 18) as file:
                if old is not None:
                    _keep_owner(temporary, old)
                    os.chmod(temporary, stat.S_IMODE(old.st_mode))
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        _sync_directory(os.path.dirname(target))


@contextmanager
def _told_of(path: str, target: str, temporary: str) -> Generator[None]:
    """Let an error of the system name the path that was given, in the place of one that was made of it, or of none."""
    try:
        yield
    except OSError as error:
        if error.filename in (None, target, temporary, os.path.dirname(target)):
            error.filename = path
            del error.filename2
        raise


def _found_at(path: str, target: str) -> os.stat_result | None:
    """Return what the system tells about the file that stands there; None if there is none."""
    try:
        found = os.stat(target)
    except FileNotFoundError:
        found = None
    if found is not None and not stat.S_ISREG(found.st_mode):
        raise SnapshotError(f"{path!r} is there and is no file; give the path of a file to write or to replace")
    if os.path.basename(path) in ("", os.curdir, os.pardir):
        raise SnapshotError(f"{path!r} is the path of a folder, by its end; give the path of a file")
    return found


def _keep_owner(temporary: str, old: os.stat_result) -> None:
    """Give the file to whom the old one belonged, or at least to its group, where that is allowed."""
    new = os.stat(temporary)
    if (new.st_uid, new.st_gid) == (old.st_uid, old.st_gid) or not hasattr(os, "chown"):
        return
    try:
        os.chown(temporary, old.st_uid, old.st_gid)
    except OSError:  # a file is given away by root alone
        with suppress(OSError):
            os.chown(temporary, -1, old.st_gid)


def _sync_directory(directory: str) -> None:
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows: a directory cannot be opened, and a rename is on the disk when it returns
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
