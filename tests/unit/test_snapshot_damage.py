"""Damaged snapshots: each byte flipped, each truncation, lengths that lie: `SnapshotError`, and nothing is made."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from noex import ets
from noex.errors import SnapshotError
from noex.ets.snapshots import _file
from noex.ets.snapshots._rows import read_snapshot

KINDS: dict[str, Callable[..., Any]] = {
    "set": ets.SetTable,
    "ordered_set": ets.OrderedSetTable,
    "bag": ets.BagTable,
    "duplicate_bag": ets.DuplicateBagTable,
}


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_file, "_BLOCK_SIZE", 20)


def written(path: Path, kind: str = "set") -> bytes:
    table = KINDS[kind]("t", store=ets.Store())
    table.insert_many([(f"key {n}", (n, "value")) for n in range(5)])
    if kind.endswith("set"):
        table.insert("ends", None, ttl=1000)
    table.dump(path)
    return path.read_bytes()


def refused(path: Path, data: bytes, match: str | None = None) -> None:
    path.write_bytes(data)
    store = ets.Store()
    with pytest.raises(SnapshotError, match=match) as caught:
        ets.load(path, store=store)
    assert repr(str(path)) in str(caught.value)
    assert store.tables() == []
    with pytest.raises(SnapshotError):
        read_snapshot(path)


def parts_of(data: bytes) -> tuple[bytes, list[bytes], bytes]:
    """Return the header, the blocks and the footer."""
    at = 14 + struct.unpack_from(">I", data, 10)[0] + 4
    header, blocks = data[:at], []
    while struct.unpack_from(">I", data, at)[0]:
        end = at + 8 + struct.unpack_from(">I", data, at + 4)[0] + 4
        blocks.append(data[at:end])
        at = end
    return header, blocks, data[at:]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_every_flipped_byte(kind: str, mask: int, tmp_path: Path) -> None:
    data = written(tmp_path / "t", kind)
    assert len(parts_of(data)[1]) >= 3
    for position in range(len(data)):
        refused(tmp_path / "t", data[:position] + bytes((data[position] ^ mask,)) + data[position + 1 :])


def test_every_flipped_bit(tmp_path: Path) -> None:
    data = written(tmp_path / "t")
    for position in range(len(data)):
        for bit in range(8):
            refused(tmp_path / "t", data[:position] + bytes((data[position] ^ 1 << bit,)) + data[position + 1 :])


@pytest.mark.parametrize("kind", KINDS)
def test_every_truncation(kind: str, tmp_path: Path) -> None:
    data = written(tmp_path / "t", kind)
    for length in range(len(data)):
        refused(tmp_path / "t", data[:length], "damaged" if length else "no snapshot")


def test_every_byte_taken_out_or_doubled(tmp_path: Path) -> None:
    data = written(tmp_path / "t")
    for position in range(len(data)):
        refused(tmp_path / "t", data[:position] + data[position + 1 :])
        refused(tmp_path / "t", data[: position + 1] + data[position:])


@pytest.mark.parametrize("more", [b"\x00", b"\xff", b"\x00" * 24, b"again"])
def test_bytes_after_the_end(more: bytes, tmp_path: Path) -> None:
    data = written(tmp_path / "t")
    refused(tmp_path / "t", data + more, "damaged")
    refused(tmp_path / "t", data + data[-24:], "damaged")
    refused(tmp_path / "t", data + data, "damaged")


def rearrangements(blocks: list[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    yield "swapped", [blocks[1], blocks[0], *blocks[2:]]
    yield "doubled", [blocks[0], *blocks]
    yield "the first gone", blocks[1:]
    yield "the last gone", blocks[:-1]
    yield "the last doubled", [*blocks, blocks[-1]]
    yield "none", []


def test_whole_blocks_that_are_out_of_place(tmp_path: Path) -> None:
    header, blocks, footer = parts_of(written(tmp_path / "t"))
    assert len(blocks) >= 3
    for _, others in rearrangements(blocks):
        refused(tmp_path / "t", header + b"".join(others) + footer, "damaged")


def test_a_sound_block_of_another_snapshot(tmp_path: Path) -> None:
    header, blocks, footer = parts_of(written(tmp_path / "t"))
    payload = blocks[1][8:-4].replace(b"value", b"VALUE")
    other = struct.pack(">II", 2, len(payload)) + payload
    other += struct.pack(">I", crc32(other))
    refused(tmp_path / "t", header + blocks[0] + other + b"".join(blocks[2:]) + footer, "belongs to another content")


def footer_of(body: bytes, blocks: int, entries: int) -> bytes:
    footer = struct.pack(">IIQI", 0, blocks, entries, crc32(body))
    return footer + struct.pack(">I", crc32(footer))


def test_a_footer_that_counts_wrong(tmp_path: Path) -> None:
    data = written(tmp_path / "t")
    body, (header, blocks, _) = data[:-24], parts_of(data)
    assert footer_of(body, len(blocks), 6) == data[-24:]
    refused(tmp_path / "t", body + footer_of(body, len(blocks), 7), "6 entries, where its footer tells of 7")
    refused(tmp_path / "t", body + footer_of(body, len(blocks) - 1, 6), "more in it than its footer tells")
    refused(tmp_path / "t", body + footer_of(body, len(blocks) + 1, 6), "damaged")
    refused(tmp_path / "t", body + footer_of(body, 2**32 - 1, 2**64 - 1), "damaged")
    refused(tmp_path / "t", header + footer_of(header, 0, 6), "0 entries, where")


def test_lengths_that_lie_claim_no_memory(tmp_path: Path) -> None:
    data = written(tmp_path / "t")
    header, blocks, footer = parts_of(data)
    refused(tmp_path / "t", data[:10] + b"\xff\xff\xff\xff" + data[14:], "4294967295 bytes should follow")
    lying = blocks[0][:4] + b"\xff\xff\xff\xf0" + blocks[0][8:]
    refused(tmp_path / "t", header + lying + b"".join(blocks[1:]) + footer, "4294967280 bytes should follow")


def sound(path: Path, payload: bytes, fields: bytes | None = None) -> None:
    """Write a snapshot of one block whose checksums are right."""
    header = parts_of(written(path))[0]
    if fields is not None:
        start = header[:10] + struct.pack(">I", len(fields)) + fields
        header = start + struct.pack(">I", crc32(start))
    block = struct.pack(">II", 1, len(payload)) + payload
    body = header + block + struct.pack(">I", crc32(block))
    path.write_bytes(body + footer_of(body, 1, 1))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xc1",
        b"\x01",
        b"\x91\x01",
        b"\x91\x90",
        b"\x91\x91\xc4\x01\x80",
        b"\x91\x92\xa1a\x01",
        b"\x91\x92\xc4\x01\x00\x01",
        b"\x91\x92\xc4\x01\x80\xd4\x63\x01",
        b"\x91\x92\xc4\x01\x80\xd4\x05\x01",
        b"\x91\x93\xc4\x01\x80\x01\xa1x",
        b"\x91\x94\xc4\x01\x80\x01\x01\x01",
        b"\xdd\xff\xff\xff\xff",
        b"\x91\x92\xc4\x01\x80" + b"\x91" * 100_000,
        b"\x91\x92\xc4\x01\x80\xd4\x08\x90",
    ],
    ids=repr,
)
def test_sound_checksums_over_nonsense(payload: bytes, tmp_path: Path) -> None:
    sound(tmp_path / "t", payload)
    refused(tmp_path / "t", (tmp_path / "t").read_bytes(), "cannot be read|has no entries")


@pytest.mark.parametrize("fields", [b"", b"\x01", b"\x80", b"\x81\xa4name\xa1t"], ids=repr)
def test_a_header_without_its_fields(fields: bytes, tmp_path: Path) -> None:
    sound(tmp_path / "t", b"\x91\x92\xc4\x01\x80\x01", fields)
    refused(tmp_path / "t", (tmp_path / "t").read_bytes(), "header")
    with pytest.raises(SnapshotError, match="header"):
        ets.snapshot_info(tmp_path / "t")


def test_a_kind_that_nobody_knows(tmp_path: Path) -> None:
    data = written(tmp_path / "t")
    fields = data[14 : 14 + struct.unpack_from(">I", data, 10)[0]].replace(b"\xa3set", b"\xa3rag")
    sound(tmp_path / "t", b"\x91\x92\xc4\x01\x80\x01", fields)
    with pytest.raises(SnapshotError, match="of kind 'rag', which this version of noex does not know"):
        ets.load(tmp_path / "t", store=ets.Store())


@pytest.mark.parametrize(
    "data", [b"", b"a", b"PK\x03\x04" * 10, b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, "жук".encode() * 20]
)
def test_what_is_no_snapshot_at_all(data: bytes, tmp_path: Path) -> None:
    refused(tmp_path / "t", data, "is no snapshot of a table")
    with pytest.raises(SnapshotError, match="is no snapshot of a table"):
        ets.snapshot_info(tmp_path / "t")


def test_a_newer_format_is_told_from_damage(tmp_path: Path) -> None:
    data = written(tmp_path / "t")
    refused(
        tmp_path / "t", data[:8] + b"\x00\x02" + data[10:], "is of format 2, .* formats up to 1; read it with a newer"
    )


def test_the_information_is_checked_without_the_blocks(tmp_path: Path) -> None:
    path = tmp_path / "t"
    data = written(path)
    header, blocks, footer = parts_of(data)
    for position in [*range(len(header)), *range(len(data) - len(footer), len(data))]:
        path.write_bytes(data[:position] + bytes((data[position] ^ 0x10,)) + data[position + 1 :])
        with pytest.raises(SnapshotError):
            ets.snapshot_info(path)
    path.write_bytes(header + bytes(len(b"".join(blocks))) + footer)
    assert ets.snapshot_info(path).entries == 6
