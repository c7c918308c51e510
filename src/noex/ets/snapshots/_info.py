"""What a snapshot tells about itself, without its entries."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from noex.clock import LONGEST
from noex.errors import SnapshotError, shown
from noex.ets.snapshots._file import SnapshotReader
from noex.ets.snapshots._replacement import path_of

__all__ = ["SnapshotInfo", "info_of", "snapshot_info"]


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """A table as it was dumped.

    `ttl` is the default lifetime in seconds, None for none. `needs_key` tells whether the table was ordered by a `key=`
    function, which `load` must be given again. `format` is the version of the file's format, `version` that of the noex
    that wrote it, `bytes` the size of the file.
    """

    name: str | None
    kind: str
    entries: int
    ttl: float | None
    needs_key: bool
    created_at: datetime
    format: int
    version: str
    bytes: int


def snapshot_info(path: str | os.PathLike[str]) -> SnapshotInfo:
    """Return what a snapshot tells about itself.

    O(1): header and footer are read and checked, the entries are not.

    Raises:
        SnapshotError: it is no snapshot, or is damaged there, or is read from a pipe.
        OSError: the file cannot be read.

    >>> import tempfile, os
    >>> from noex import ets
    >>> ages = ets.SetTable[str, int]("ages", store=ets.Store())
    >>> ages.insert("Ada", 36)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "ages.snapshot")
    ...     written = ages.dump(path)
    ...     info = ets.snapshot_info(path)
    >>> info.name, info.kind, info.entries
    ('ages', 'set', 1)
    """
    text = path_of(path)
    with open(text, "rb") as file:
        return info_of(SnapshotReader(file, text))


def info_of(reader: SnapshotReader) -> SnapshotInfo:
    """Return what the header and the footer tell.

    Raises:
        SnapshotError: a field is missing, of the wrong type, or none that a table of this kind can have.
    """
    fields = reader.fields
    for name, is_sound in _FIELDS.items():
        if name not in fields:
            raise SnapshotError(f"the header of the snapshot {reader.path!r} has no field {name!r}; {_REMEDY}")
        if not is_sound(fields[name]):
            raise _unsound(reader.path, name, fields[name])
    kind, ttl, needs_key = fields["kind"], fields["ttl"], fields["needs_key"]
    if ttl is not None and kind in ("bag", "duplicate_bag"):
        raise _unsound(reader.path, "ttl", ttl)
    if needs_key and kind in ("set", "bag", "duplicate_bag"):
        raise _unsound(reader.path, "needs_key", needs_key)
    try:
        created_at = datetime.fromtimestamp(fields["wall"], UTC)
    except (ValueError, OverflowError, OSError):
        raise _unsound(reader.path, "wall", fields["wall"]) from None
    return SnapshotInfo(
        fields["name"], kind, reader.entries, ttl, needs_key, created_at, reader.format, fields["noex"], reader.size
    )


def _unsound(path: str, field: str, value: object) -> SnapshotError:
    return SnapshotError(
        f"the header of the snapshot {path!r} cannot be read: its field {field!r} is {shown(value)}; {_REMEDY}"
    )


def _is_ttl(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and 0 < value <= LONGEST)


_FIELDS: Final[dict[str, Callable[[Any], bool]]] = {
    "name": lambda value: value is None or type(value) is str,
    "kind": lambda value: type(value) is str,
    "ttl": _is_ttl,
    "needs_key": lambda value: type(value) is bool,
    "wall": lambda value: type(value) in (int, float),
    "noex": lambda value: type(value) is str,
}
_REMEDY: Final = "restore it from a copy"
