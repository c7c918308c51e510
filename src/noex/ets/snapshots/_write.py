"""Writing the entries of a table into a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from noex.errors import SnapshotError, shown
from noex.ets.snapshots._file import write_snapshot
from noex.ets.snapshots._keys import pack_key
from noex.ets.snapshots._replacement import path_of, replacing
from noex.ets.snapshots._values import Unstorable, pack

__all__ = ["write_table"]

_PAIR = b"\x92"  # MessagePack: an array of two
_TRIPLE = b"\x93"


def write_table(
    path: str | os.PathLike[str],
    fields: dict[str, Any],
    entries: Iterable[tuple[Any, Any, int | None]],
    label: str,
) -> int:
    """Put header fields and entries into a file, in the place of the old one; return the number of entries.

    Raises:
        SnapshotError: a key or a value cannot be stored; the message names it.
        OSError: the file cannot be written.
        TypeError, ValueError: `path` is no path.
    """
    with replacing(path_of(path)) as file:
        return write_snapshot(file, fields, _packed(entries, label))


def _packed(entries: Iterable[tuple[Any, Any, int | None]], label: str) -> Iterator[bytes]:
    for key, value, deadline in entries:
        what = "the key"
        try:
            packed = pack_key(key)
            what = "the value of the key"
            stored = pack(value)
        except Unstorable as error:
            raise SnapshotError(f"{what} {shown(key)} of {label} cannot be stored in a snapshot: {error}") from None
        except RuntimeError as error:
            raise SnapshotError(
                f"{what} {shown(key)} of {label} was changed while it was stored ({error}); "
                "treat values in a table as immutable, and write new ones"
            ) from error
        yield _PAIR + packed + stored if deadline is None else _TRIPLE + packed + stored + pack(deadline)
