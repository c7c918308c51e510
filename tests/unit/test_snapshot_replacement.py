"""A snapshot takes the place of the old one in one step: whatever fails, and wherever the process is killed."""

from __future__ import annotations

import builtins
import errno
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any, Self

import pytest

from noex import ets
from noex.ets.snapshots import _file, _replacement

OLD = {"key": "old"}
NEW = {f"key {n}": "new" for n in range(50)}


def table_of(entries: dict[str, str]) -> Any:
    table = ets.SetTable[str, str]("t", store=ets.Store())
    table.insert_many(entries)
    return table


def content(path: Path) -> dict[str, str]:
    return dict(ets.load(path, store=ets.Store()).to_list())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    table_of(OLD).dump(tmp_path / "t")
    return tmp_path / "t"


# -- failures ---------------------------------------------------------------------------------------------------------

FAILURES = [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), MemoryError()]


@pytest.fixture(autouse=True)
def _unnamed_failures() -> None:
    for failure in FAILURES:
        if isinstance(failure, OSError):
            failure.filename = None


def failing_at(number: int, function: Any, failure: BaseException) -> Any:
    """Return a function that does as the given one, but fails when it is called for that time."""
    calls = iter(range(1, 1_000_000))

    def fail(*arguments: Any, **options: Any) -> Any:
        if next(calls) == number:
            raise failure
        return function(*arguments, **options)

    return fail


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
@pytest.mark.parametrize(
    ("place", "number"),
    [("open", 1), ("chmod", 1), ("stat", 1), ("fsync", 1), ("replace", 1)],
)
def test_a_call_to_the_system_that_fails(
    place: str, number: int, failure: BaseException, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = table_of(NEW)
    with monkeypatch.context() as patch:
        patch.setattr(os, place, failing_at(number, getattr(os, place), failure))
        with pytest.raises(type(failure)):
            table.dump(path)
    assert content(path) == OLD
    assert os.listdir(path.parent) == ["t"]
    if isinstance(failure, OSError):
        assert str(failure).endswith(f": {str(path)!r}")


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
def test_every_write_that_fails(failure: BaseException, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_file, "_BLOCK_SIZE", 100)
    written = 0
    for number in range(1, 1000):
        with monkeypatch.context() as patch:
            patch.setattr(
                _replacement, "open", opening(lambda write, n=number: failing_at(n, write, failure)), raising=False
            )
            try:
                table_of(NEW).dump(path)
            except type(failure):
                written += 1
            else:
                break
        assert content(path) == OLD
        assert os.listdir(path.parent) == ["t"]
    assert written > 5
    assert content(path) == NEW


def opening(change: Any) -> Any:
    """Return an `open` whose files write at once, by what `change` makes of their `write`."""

    class File:
        def __init__(self, descriptor: int, mode: str, buffering: int) -> None:
            assert buffering > 0
            self.raw = builtins.open(descriptor, mode, buffering=0)
            self.write = change(self.raw.write)
            self.flush = self.raw.flush
            self.fileno = self.raw.fileno

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            self.raw.close()

    return File


def test_a_folder_that_cannot_be_synced_has_the_new_file_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing_at(2, os.fsync, OSError(errno.EIO, "Input/output error")))
        with pytest.raises(OSError, match="Input/output"):
            table_of(NEW).dump(path)
    assert content(path) == NEW
    assert os.listdir(path.parent) == ["t"]


def test_a_temporary_file_that_cannot_be_removed_hides_no_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", failing_at(1, os.replace, OSError(errno.EXDEV, "the first error")))
        patch.setattr(os, "unlink", failing_at(1, os.unlink, OSError(errno.EIO, "the second error")))
        with pytest.raises(OSError, match="the first error"):
            table_of(NEW).dump(path)
    assert content(path) == OLD


def test_file_and_folder_are_synced_in_order(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []

    def noted(name: str, function: Any) -> Any:
        def note(*arguments: Any) -> Any:
            steps.append(name)
            return function(*arguments)

        return note

    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, noted(name, getattr(os, name)))
    table_of(NEW).dump(path)
    assert steps == ["fsync", "replace", "fsync"]


# -- killed -----------------------------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from noex import ets
from noex.ets.snapshots import _replacement

path, place = sys.argv[1:]

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if place.isdigit():
    class File:
        left = int(place)
        def __init__(self, descriptor, mode, buffering):
            self.descriptor = descriptor
            self.flush = lambda: None
            self.fileno = lambda: descriptor
        def __enter__(self): return self
        def __exit__(self, *_): os.close(self.descriptor)
        def write(self, data):
            os.write(self.descriptor, data[:self.left])
            self.left -= len(data)
            if self.left < 0:
                die()
    _replacement.open = File
elif place == "synced":
    fsync = os.fsync
    os.fsync = lambda descriptor: die(fsync(descriptor))
elif place == "replaced":
    replace = os.replace
    os.replace = lambda *paths: die(replace(*paths))
else:
    setattr(os, place, die)

table = ets.SetTable("t")
table.insert_many({f"key {n}": "new" for n in range(50)})
table.dump(path)
"""


PLACES = [
    *((str(length), OLD) for length in (0, 1, 9, 60, 130, 500, 700)),
    *(("fsync", OLD), ("synced", OLD), ("replace", OLD), ("replaced", NEW)),
]


@pytest.mark.parametrize(("place", "expected"), PLACES, ids=[place for place, _ in PLACES])
def test_a_process_that_is_killed(place: str, expected: dict[str, str], path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", KILLED, path, place], capture_output=True, encoding="utf-8", timeout=120, check=False
    )
    assert (result.returncode, result.stderr) == (-signal.SIGKILL, "")
    assert content(path) == expected
    assert table_of(NEW).dump(path) == len(NEW)
    assert content(path) == NEW


class Dying:
    """A file whose process is killed when it has written so many bytes."""

    def __init__(self, descriptor: int, left: int) -> None:
        self.descriptor = descriptor
        self.left = left

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def flush(self) -> None:
        """Nothing waits."""

    def fileno(self) -> int:
        return self.descriptor

    def write(self, data: bytes) -> None:
        os.write(self.descriptor, data[: self.left])
        self.left -= len(data)
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_a_process_that_is_killed_at_any_byte(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of({f"key {n}": "new" for n in range(8)})
    table.dump(tmp_path / "whole")
    size = (tmp_path / "whole").stat().st_size
    before = path.read_bytes()
    for left in range(size):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of forking with threads
            child = os.fork()
        if child == 0:
            monkeypatch.setattr(
                _replacement, "open", lambda descriptor, *_, left=left, **__: Dying(descriptor, left), raising=False
            )
            table.dump(path)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL, left
        assert path.read_bytes() == before, left
    assert content(path) == OLD
    table.dump(path)
    assert len(content(path)) == 8
