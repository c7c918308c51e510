"""The verb `dump`: what a table gives to be written."""

from __future__ import annotations

import math
import os
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from noex._version import __version__
from noex.clock import TOLERANCE, check_clock, wall_time
from noex.typing import Clock, Entry

__all__ = ["Dumping", "DumpingBag", "DumpingSet", "read_wall"]

K = TypeVar("K")
V = TypeVar("V")


class Dumping(Generic[K, V]):
    """Tables that can be written into a file."""

    __slots__ = ()

    if TYPE_CHECKING:  # what the kernel classes bring
        kind: str
        _name: str | None

        def _label(self) -> str: ...

    @abstractmethod
    def _cut(self, wall: float) -> Iterable[tuple[Any, Any, int | None]]:
        """Return keys, values and deadlines in milliseconds of the wall clock, as they stand at one instant."""

    def _options_to_dump(self) -> dict[str, Any]:
        """Return what the header tells about the options of the table."""
        return {"ttl": None, "needs_key": False}

    def dump(self, path: str | os.PathLike[str], *, wall: Clock | None = None) -> int:
        """Write the table into a file, from which `ets.load` makes it again; return the number of entries.

        O(n). Atomic: the entries are those of one instant, whatever is written meanwhile, and the file is replaced in
        one step when all is on the disk; until then, and where anything fails, the old one stands. Values keep their
        builtin types; dataclasses, Structs, NamedTuples and enums are stored by their fields. `wall` tells the time of
        day, in which the ends of lifetimes are written: `time.time`, unless given.

        Raises:
            SnapshotError: a key or a value cannot be stored; the message names it. Or the path is that of a folder.
            OSError: the file cannot be written; its `filename` is the path.
            TypeError, ValueError: `path` is no path, `wall` no clock.

        >>> import tempfile, os
        >>> from noex import ets
        >>> ages = ets.SetTable[str, int](ttl=3600)
        >>> ages.insert_many({"Ada": 36, "Kim": 12})
        2
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "ages.snapshot")
        ...     written = ages.dump(path)
        ...     again = ets.load(path)
        >>> written, again["Ada"], again.info().ttl
        (2, 36, 3600.0)
        """
        now = read_wall(wall)
        cut = self._cut(now)
        fields = {
            "name": self._name,
            "kind": self.kind,
            **self._options_to_dump(),
            "wall": now,
            "noex": __version__,
        }
        from noex.ets.snapshots._write import write_table  # noqa: PLC0415 - msgspec is for those who dump

        return write_table(path, fields, cut, self._label())


class DumpingSet(Dumping[K, V]):
    """Set kinds: each entry may have a lifetime."""

    __slots__ = ()

    if TYPE_CHECKING:  # what the kernel classes bring
        _clock: Clock
        _ttl: float | None

        def _timed_entries(self) -> Sequence[Sequence[Any]]: ...

    def _cut(self, wall: float) -> Iterable[tuple[Any, Any, int | None]]:
        ahead = wall * 1000 - self._clock() * 1000 + TOLERANCE
        rows = self._timed_entries()
        return ((row[0], row[1], None if row[2] is None else math.floor(row[2] + ahead)) for row in rows)

    def _options_to_dump(self) -> dict[str, Any]:
        return {"ttl": self._ttl, "needs_key": getattr(self, "_key", None) is not None}


class DumpingBag(Dumping[K, V]):
    """Bags: entries without lifetimes."""

    __slots__ = ()

    if TYPE_CHECKING:  # what the kernel classes bring

        def _entries(self) -> list[Entry]: ...

    def _cut(self, wall: float) -> Iterable[tuple[Any, Any, int | None]]:  # noqa: ARG002 - bags keep no lifetimes
        entries = self._entries()
        return ((key, value, None) for key, value in entries)


def read_wall(wall: Clock | None) -> float:
    """Return the time of day, from the given clock or the system's.

    Raises:
        TypeError: it is no clock.
        ValueError: it returns what is no time of day.
    """
    now = wall_time() if wall is None else check_clock(wall, "wall")()
    try:
        datetime.fromtimestamp(now, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise ValueError(f"wall must return seconds since 1970, as time.time does, not {now!r}") from None
    return float(now)
