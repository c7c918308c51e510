"""The entries of a snapshot as they are read: each one checked, whatever a file holds."""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# Keys and values are of any type.
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, Final, NoReturn, TypeAlias

import msgspec
from msgspec.msgpack import Decoder

from noex import kernel
from noex.errors import SnapshotError, shown
from noex.ets.snapshots._file import SnapshotReader
from noex.ets.snapshots._info import SnapshotInfo, info_of
from noex.ets.snapshots._keys import key_of
from noex.ets.snapshots._replacement import path_of

__all__ = ["Convert", "Row", "blocks_of", "converter", "read_snapshot"]

Row: TypeAlias = tuple[Any, Any, int | None]
"""A key, a value, and the end of the lifetime: milliseconds since 1970, or None."""

Convert: TypeAlias = Callable[[Any, Any], Any]
"""What makes the value of a key another one."""

_TIMED: Final = ("set", "ordered_set")
_LATEST: Final = 1 << 63


def blocks_of(reader: SnapshotReader, info: SnapshotInfo, convert: Convert | None = None) -> Iterator[list[Row]]:
    """Yield the entries of each block; they are to be believed only when all were yielded. O(block) each.

    Raises:
        SnapshotError: the file is damaged, or an entry is none that a table of this kind can have; or what `convert`
            raises.
    """
    timed = info.kind in _TIMED
    check: Callable[[Any], object] = hash
    if info.kind == "ordered_set":
        check = _nothing if info.needs_key else kernel.encode_term  # a key= function may take keys of any type
    for number, block in enumerate(reader.blocks(), 1):
        rows: list[Row] = []
        for packed in block:
            deadline: int | None = None
            try:
                if type(packed) is not list:
                    _refuse(packed, "an entry of such a table")
                if len(packed) == 2:
                    stored, value = packed
                elif len(packed) == 3 and timed:
                    stored, value, deadline = packed
                    if type(deadline) is not int or not -_LATEST <= deadline < _LATEST:
                        _refuse(deadline, "the end of a lifetime")
                else:
                    _refuse(packed, "an entry of such a table")
                key = key_of(stored)
                if type(stored) is list:  # a term is a sound key of any kind
                    check(key)
            except MemoryError:
                raise
            except Exception as error:  # whatever a key raises
                raise SnapshotError(
                    f"block {number} of the snapshot {reader.path!r} cannot be read: {error}; restore it from a copy"
                ) from error
            rows.append((key, value if convert is None else convert(key, value), deadline))
        yield rows


def _nothing(key: Any) -> None:
    """Allow a key."""


def _refuse(found: object, what: str) -> NoReturn:
    raise ValueError(f"{shown(found)} is not {what}")


def converter(path: str, value_type: Any) -> Convert | None:
    """Return what makes the value of a key one of `value_type`; None if nothing is to be done.

    Raises:
        TypeError: nothing can be converted to such a type.
    """
    if value_type is None:
        return None
    try:
        Decoder(value_type)
    except Exception as error:  # of several classes, by what is wrong
        raise TypeError(
            f"value_type must be a type that values can be made of, not {shown(value_type)}: {error}"
        ) from None

    def convert(key: Any, value: Any) -> Any:
        try:
            return msgspec.convert(value, value_type)
        except Exception as error:  # what classes of the user raise, too
            raise SnapshotError(
                f"the value of the key {shown(key)} in the snapshot {path!r} is no {shown(value_type)}: {error}; "
                "load it with another value_type, or with none"
            ) from error

    return convert


def read_snapshot(path: str | os.PathLike[str], value_type: Any = None) -> tuple[SnapshotInfo, list[Row]]:
    """Return what a snapshot tells about itself, and its entries; those whose lifetime is over too. O(n).

    Raises:
        SnapshotError: the file is no snapshot, or is damaged, or a value is not of `value_type`.
        OSError: the file cannot be read.
    """
    text = path_of(path)
    convert = converter(text, value_type)
    with open(text, "rb") as file:
        reader = SnapshotReader(file, text)
        info = info_of(reader)
        return info, [row for rows in blocks_of(reader, info, convert) for row in rows]
