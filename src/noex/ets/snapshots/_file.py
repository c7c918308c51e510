"""The file of a snapshot: a header, numbered blocks of entries, a footer, each with a checksum.

::

    header  magic (8 bytes), format (2), length (4), fields as MessagePack, CRC-32 of all that
    block   number from 1 on (4), length (4), entries as MessagePack, CRC-32 of all that
    footer  zero (4), number of blocks (4), number of entries (8), CRC-32 of everything before the footer, CRC-32 of
            the footer up to here

Numbers are unsigned, the greatest byte first. Nothing follows the footer.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, Final, NoReturn
from zlib import crc32

from msgspec import Raw
from msgspec.msgpack import Decoder

from noex.errors import SnapshotError
from noex.ets.snapshots._extensions import unpack
from noex.ets.snapshots._values import pack

__all__ = ["FORMAT", "SnapshotReader", "write_snapshot"]

FORMAT: Final = 1
"""The version of the format that this version of noex writes, and the newest that it reads."""

_MAGIC: Final = b"\x89noex\r\n\x1a"  # no text, and text tools that change line ends damage it visibly
_START: Final = struct.Struct(">8sHI")
_BLOCK: Final = struct.Struct(">II")
_CHECKSUM: Final = struct.Struct(">I")
_FOOTER: Final = struct.Struct(">IIQII")
_FOOTER_CHECKED: Final = _FOOTER.size - _CHECKSUM.size

_BLOCK_SIZE: Final = 1 << 18
_MOST: Final = (1 << 32) - 1
_ARRAY: Final = struct.Struct(">BI")  # MessagePack: an array of so many

_outline: Final = Decoder(list[Raw]).decode
"""Reads an array as MessagePack, and not what it is made of."""


def write_snapshot(file: BinaryIO, fields: dict[str, Any], entries: Iterable[bytes]) -> int:
    """Write a whole snapshot; return the number of entries. Each entry is MessagePack already.

    Raises:
        SnapshotError: an entry is larger than a block can be.
    """
    packed = pack(fields)
    start = _START.pack(_MAGIC, FORMAT, len(packed)) + packed
    checksum = _write(file, 0, start + _CHECKSUM.pack(crc32(start)))
    blocks = total = size = 0
    waiting: list[bytes] = []
    for entry in entries:
        waiting.append(entry)
        size += len(entry)
        if size >= _BLOCK_SIZE:
            blocks += 1
            total += len(waiting)
            checksum = _write(file, checksum, _block(blocks, waiting))
            waiting, size = [], 0
    if waiting:
        blocks += 1
        total += len(waiting)
        checksum = _write(file, checksum, _block(blocks, waiting))
    footer = _FOOTER.pack(0, blocks, total, checksum, 0)[:_FOOTER_CHECKED]
    file.write(footer + _CHECKSUM.pack(crc32(footer)))
    return total


def _write(file: BinaryIO, checksum: int, data: bytes) -> int:
    file.write(data)
    return crc32(data, checksum)


def _block(number: int, entries: list[bytes]) -> bytes:
    payload = _ARRAY.pack(0xDD, len(entries)) + b"".join(entries)
    if len(payload) > _MOST or number > _MOST:
        raise SnapshotError(f"{len(payload)} bytes are too many for one entry of a snapshot; store less in one value")
    block = _BLOCK.pack(number, len(payload)) + payload
    return block + _CHECKSUM.pack(crc32(block))


class SnapshotReader:
    """Reads a snapshot from an open file: header and footer at once, the blocks as they are asked for.

    No more than a block is read into memory at once, and no block is longer than the file, whatever lengths claim.
    """

    __slots__ = ("_checksum", "_file", "_footer", "_start", "entries", "fields", "format", "path", "size")

    def __init__(self, file: BinaryIO, path: str) -> None:
        self._checksum = 0  # of the header
        self._file = file
        self.path = path
        if not file.seekable():
            raise SnapshotError(
                f"{path!r} is a pipe or a device, and a snapshot is read from both its ends; copy it into a file first"
            )
        self.size = file.seek(0, os.SEEK_END)
        file.seek(0)
        self.fields = self._read_header()
        self._start = file.tell()
        self._footer = self._read_footer()
        self.entries: int = self._footer[2]

    def blocks(self) -> Iterator[list[Any]]:
        """Yield the entries of each block; what was yielded is to be believed only when all of it was.

        Raises:
            SnapshotError: anything differs from what was written.
        """
        return self._read_blocks(unpack)

    def check(self) -> int:
        """Read the whole file, without making its entries; return how many there are. O(size), in little memory.

        Raises:
            SnapshotError: anything differs from what was written; what an entry holds is not looked at.
        """
        for _ in self._read_blocks(_outline):
            pass
        return self.entries

    def _read_blocks(self, decode: Callable[[bytes], Any]) -> Iterator[list[Any]]:
        _, blocks, entries, checksum, _ = self._footer
        self._file.seek(self._start)
        checksum_found = self._checksum
        found = 0
        for number in range(1, blocks + 1):
            head = self._take(_BLOCK.size)
            own, length = _BLOCK.unpack(head)
            if own != number:
                self._damaged(f"block {number} is missing: block {own} stands there")
            payload = self._take(length)
            (expected,) = _CHECKSUM.unpack(self._take(_CHECKSUM.size))
            if crc32(payload, crc32(head)) != expected:
                self._damaged(f"block {number} does not match its checksum")
            checksum_found = crc32(_CHECKSUM.pack(expected), crc32(payload, crc32(head, checksum_found)))
            rows = self._unpacked(decode, payload, f"block {number}")
            if type(rows) is not list:
                self._damaged(f"block {number} has no entries")
            found += len(rows)  # pyright: ignore[reportUnknownArgumentType]
            yield rows
        if self._file.tell() != self.size - _FOOTER.size:
            self._damaged("there is more in it than its footer tells")
        if checksum != checksum_found:
            self._damaged("its footer belongs to another content")
        if found != entries:
            self._damaged(f"it has {found} entries, where its footer tells of {entries}")

    def _read_header(self) -> dict[str, Any]:
        start = self._file.read(_START.size)
        if start[: len(_MAGIC)] != _MAGIC[: len(start)] or not start:
            raise SnapshotError(f"{self.path!r} is no snapshot of a table; give a file that table.dump has written")
        if len(start) < _START.size:
            self._damaged("it ends in its header")
        _, self.format, length = _START.unpack(start)
        if self.format > FORMAT:
            raise SnapshotError(
                f"the snapshot {self.path!r} is of format {self.format}, and this version of noex reads formats up to "
                f"{FORMAT}; read it with a newer version (or it is damaged: restore it from a copy)"
            )
        packed = self._take(length)
        checksum = self._take(_CHECKSUM.size)
        if crc32(packed, crc32(start)) != _CHECKSUM.unpack(checksum)[0]:
            self._damaged("its header does not match its checksum")
        self._checksum = crc32(start + packed + checksum)
        fields = self._unpacked(unpack, packed, "the header")
        if type(fields) is not dict:
            self._damaged("its header has no fields")
        return fields  # pyright: ignore[reportUnknownVariableType]

    def _read_footer(self) -> tuple[int, int, int, int, int]:
        if self.size - self._start < _FOOTER.size:
            self._damaged("it ends before its footer")
        self._file.seek(self.size - _FOOTER.size)
        footer = self._take(_FOOTER.size)
        zero, blocks, entries, checksum, own = _FOOTER.unpack(footer)
        if zero or crc32(footer[:_FOOTER_CHECKED]) != own:
            self._damaged("it does not end with its footer: it was cut short, added to, or changed")
        return zero, blocks, entries, checksum, own

    def _take(self, length: int) -> bytes:
        left = self.size - self._file.tell()
        taken = self._file.read(length) if length <= left else b""
        if len(taken) != length:
            self._damaged(f"{length} bytes should follow where {left} are left")
        return taken

    def _unpacked(self, decode: Callable[[bytes], Any], data: bytes, what: str) -> Any:
        try:
            return decode(data)
        except MemoryError:
            raise
        except Exception as error:  # whatever the types inside raise
            raise SnapshotError(f"{what} of the snapshot {self.path!r} cannot be read: {error}") from error

    def _damaged(self, what: str) -> NoReturn:
        raise SnapshotError(f"the snapshot {self.path!r} is damaged: {what}; restore it from a copy")
