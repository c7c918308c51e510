"""Files whose checksums are right and whose content nobody has dumped: `SnapshotError`, and no memory to speak of."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from msgspec.msgpack import Ext, encode

from noex import ets
from noex.cli._commands import cli
from noex.errors import SnapshotError
from noex.ets.snapshots._extensions import unpack
from noex.ets.snapshots._file import write_snapshot
from noex.ets.snapshots._keys import key_of, pack_key
from noex.ets.snapshots._rows import read_snapshot
from noex.ets.snapshots._values import pack

FIELDS: dict[str, Any] = {
    "name": "t",
    "kind": "set",
    "ttl": None,
    "needs_key": False,
    "wall": 1_700_000_000.0,
    "noex": "0",
}
A = ets.encode_term("a")
KEYLESS = ("set", "ordered_set", "bag", "duplicate_bag")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t"


def written(path: Path, rows: Iterable[Any], **fields: Any) -> Path:
    with path.open("wb") as file:
        write_snapshot(file, {**FIELDS, **fields}, map(encode, rows))
    return path


def refused(path: Path, match: str = "", *, by_reader: bool = True, **options: Any) -> None:
    store = ets.Store()
    with pytest.raises(SnapshotError, match=match) as caught:
        ets.load(path, store=store, **options)
    assert repr(str(path)) in str(caught.value)
    assert store.tables() == []
    if by_reader:
        with pytest.raises(SnapshotError, match=match):
            read_snapshot(path)
    for more in ([], ["--json"], ["--where", "key == 1"], ["--count"]):
        result = CliRunner().invoke(cli, ["tables", str(path), *more])
        assert result.exit_code in (0, 2)
        assert isinstance(result.exception, (type(None), SystemExit))
        if by_reader and "--count" not in more:
            assert result.exit_code == 2
            assert result.stdout == ""


def test_the_rows_of_these_tests_are_sound(path: Path) -> None:
    for kind in KEYLESS:
        assert ets.load(written(path, [[A, 1]], kind=kind), store=ets.Store()).to_list() == [("a", 1)]


# -- memory -----------------------------------------------------------------------------------------------------------


BIG = b"\x84\xf3\x07\xff\xff\xff\x00"  # 2**(2**27 - 1)


@pytest.mark.parametrize(
    "row",
    [
        [A, Ext(3, encode([10**10]))],
        [A, Ext(3, encode([[0] * 10]))],
        [A, Ext(12, encode([10**10]))],
        [BIG, 1],
        [b"\x82" + bytes(255 - byte for byte in BIG[1:]), 1],
        [b"\x8c" + BIG * 200 + b"\x00", 1],
        [b"\x8c" + b"\x84\xf1\xff\xff\x00" * 1000 + b"\x00", 1],
        [b"\x84\xf1\x04\x00\x00", 1],
        [A, Ext(13, encode(["1E+9999999999999999999999"]))],
        [A, Ext(4, b"\xdd\xff\xff\xff\xff")],
    ],
    ids=lambda row: repr(row)[:40],
)
def test_a_few_bytes_claim_no_memory(row: Any, path: Path) -> None:
    written(path, [row])
    tracemalloc.start()
    try:
        with pytest.raises(SnapshotError):
            ets.load(path, store=ets.Store())
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
    refused(path, "cannot be read")


@pytest.mark.parametrize(
    "number", [2**1023, 2**1024, -(2**1024), 2**1024 + 1, 2**4096, -(2**70_000)], ids=int.bit_length
)
@pytest.mark.parametrize("wrap", [lambda key: key, lambda key: ("a", (key, 1))], ids=["bare", "inside"])
def test_keys_that_are_big_numbers_come_back(number: int, wrap: Any, path: Path) -> None:
    key = wrap(number)
    stored = unpack(pack_key(key))
    assert key_of(stored) == key
    assert isinstance(stored, bytes) == (abs(number) < 2**1024)
    for make in (ets.SetTable[Any, int], ets.OrderedSetTable[Any, int]):
        table = make(store=ets.Store())
        table.insert(key, 1)
        table.dump(path)
        assert ets.load(path, store=ets.Store()).to_list() == [(key, 1)]


@pytest.mark.parametrize(
    "key", [BIG, "\u0104\U00040000", ("\u0104\U00040000", 1), b"\x82\x08", ("a\x00\u0104\U00040000",)]
)
def test_keys_with_the_bytes_of_a_big_number_come_back(key: Any) -> None:
    assert key_of(unpack(pack_key(key))) == key


# -- entries ----------------------------------------------------------------------------------------------------------


def as_value(value: object) -> Any:
    """Return what a value is in a file, to be put into a row."""
    return msgspec.Raw(pack(value))


UNHASHABLE = [[[1]], [{"a": 1}], [Ext(3, encode([b"x"]))], [Ext(5, encode([1]))]]


@pytest.mark.parametrize("kind", KEYLESS)
@pytest.mark.parametrize("key", UNHASHABLE, ids=repr)
def test_a_key_without_a_hash(key: Any, kind: str, path: Path) -> None:
    refused(written(path, [[key, 1]], kind=kind), "block 1 of the snapshot .* cannot be read")


@pytest.mark.parametrize("key", [math.nan, Decimal(1), frozenset({1}), (1, math.nan), Decimal("NaN")])
def test_a_key_without_an_order(key: object, path: Path) -> None:
    refused(written(path, [[[as_value(key)], 1]], kind="ordered_set"), "block 1 of the snapshot .* cannot be read")


def test_a_decimal_that_has_no_hash(path: Path) -> None:
    for kind in KEYLESS:
        refused(written(path, [[[as_value(Decimal("sNaN"))], 1]], kind=kind), "cannot be read")


@pytest.mark.parametrize("kind", ["set", "ordered_set"])
@pytest.mark.parametrize(
    "keys", [[A, A], [A, ["a"]], [ets.encode_term(1), [1.0]], [[True], ets.encode_term("b"), [1]]], ids=repr
)
@pytest.mark.parametrize("ends", [[], [10**13]], ids=["lasting", "ending"])
def test_keys_that_are_equal(keys: list[Any], kind: str, ends: list[int], path: Path) -> None:
    written(path, [[key, number, *ends] for number, key in enumerate(keys)], kind=kind)
    refused(path, "has two entries of the key ('a'|1.0|1); restore it from a copy", by_reader=False)


def test_keys_that_are_equal_in_two_blocks(path: Path) -> None:
    rows = [[ets.encode_term(n), "x" * 1000] for n in (*range(1000), 5)]
    refused(written(path, rows), "has two entries of the key 5", by_reader=False)


@pytest.mark.parametrize("end", [math.inf, math.nan, 1.5, "5", b"5", True, None, [], 2**63, Ext(1, b"\x7f" * 2000)])
@pytest.mark.parametrize("kind", ["set", "ordered_set"])
def test_an_end_that_is_no_time(end: Any, kind: str, path: Path) -> None:
    refused(written(path, [[A, 1, end]], kind=kind), "is not the end of a lifetime")


@pytest.mark.parametrize("end", [-(2**63), 0, 2**63 - 1])
def test_an_end_far_away_is_one(end: int, path: Path) -> None:
    written(path, [[A, 1, end]])
    assert len(ets.load(path, store=ets.Store())) == (end > 0)
    assert CliRunner().invoke(cli, ["tables", str(path)]).exit_code == 0


@pytest.mark.parametrize("kind", ["bag", "duplicate_bag"])
@pytest.mark.parametrize("row", [[A, 1, None], [A, 1, 10**13]])
def test_a_lifetime_in_a_bag(row: Any, kind: str, path: Path) -> None:
    refused(written(path, [row], kind=kind), "is not an entry of such a table")


@pytest.mark.parametrize("row", ["ab", b"ab", {"a": 1, "b": 2}, Ext(4, encode([A, 1])), [A], [], 5, None])
def test_an_entry_that_is_none(row: Any, path: Path) -> None:
    refused(written(path, [row]), "is not an entry of such a table")


def test_values_of_a_bag_that_are_equal_or_cannot_be_compared(path: Path) -> None:
    written(path, [[A, 1], [A, 1]], kind="bag")
    refused(path, "of which a bag keeps one; restore it from a copy", by_reader=False)
    written(path, [[A, as_value(Decimal("sNaN"))], [A, as_value(Decimal("sNaN"))]], kind="bag")
    refused(path, "cannot be compared, as a bag does: .*; restore it from a copy", by_reader=False)


@pytest.mark.parametrize(
    "value",
    [
        *(Ext(3, encode(5)), Ext(3, encode([])), Ext(3, encode(["x"])), Ext(3, encode([b"x", b"x"]))),
        *(Ext(4, encode("ab")), Ext(4, encode({"a": 1})), Ext(5, encode("ab")), Ext(5, encode([1, 1])), Ext(5, b"")),
        *(Ext(6, encode({"a": 1})), Ext(6, encode([1, True])), Ext(5, encode([[1]])), Ext(7, encode("abcd"))),
        *(Ext(7, encode([1])), Ext(7, encode([1, 2, 1.0, 3])), Ext(7, encode([[], 1]))),
        *(
            Ext(8, encode([])),
            Ext(8, encode([2024, 1, 1, 0, 0, 0, 0, 0])),
            Ext(8, encode([2024, 1, 1.0, 0, 0, 0, 0, 0, None])),
        ),
        *(Ext(8, encode([2024, 1, 1, 0, 0, 0, 0, zone, None])) for zone in (2, True, None, "x")),
        *(
            Ext(8, encode([2024, 1, 1, 0, 0, 0, 0, 0, zone]))
            for zone in (
                5,
                True,
                b"UTC",
                "",
                "../UTC",
                "no/such",
                [],
                [0, 0],
                [0.5, 0, 0],
                [0, 0, 0, 5],
                [0, 0, 0, "x", "y"],
                [9, 0, 0],
            )
        ),
        *(Ext(9, encode([1.5])), Ext(9, encode([True])), Ext(9, encode([0])), Ext(9, encode([])), Ext(9, encode("1"))),
        *(Ext(10, encode([])), Ext(10, encode([1, 2, 3, 4, 0])), Ext(10, encode([1, 2, 3, 4.0, 0, None]))),
        *(Ext(11, encode([1.5])), Ext(11, encode([1])), Ext(11, encode([1, 2, 3.5])), Ext(11, encode([10**15, 0, 0]))),
        *(Ext(12, encode([b"x"])), Ext(12, encode(["x" * 16])), Ext(12, encode([b"x" * 16, 1]))),
        *(Ext(13, encode([5])), Ext(13, encode(["x"])), Ext(13, encode([[0, [1], 2]])), Ext(13, encode([1.5]))),
        *(Ext(2, b"\xff"), Ext(0, b""), Ext(14, b"\x90"), Ext(-2, b"\x90"), Ext(99, b"")),
    ],
    ids=repr,
)
def test_a_value_that_is_not_made_of_what_is_stored_for_it(value: Any, path: Path) -> None:
    refused(written(path, [[A, {"inside": [value]}]]), "block 1 of the snapshot .* cannot be read")


def test_values_nested_as_deep_as_can_be(path: Path) -> None:
    for depth in (200, 400, 900, 5000):
        data = b"\x91" * depth + b"\x01"
        with path.open("wb") as file:
            write_snapshot(file, FIELDS, [b"\x92" + encode(A) + data])
        for more in ([], ["--json"], ["--where", "a == 1"], ["--count"]):
            result = CliRunner().invoke(cli, ["tables", str(path), *more])
            assert isinstance(result.exception, (type(None), SystemExit)), result.exception


# -- the header -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("ttl", value) for value in (-1.0, 0, math.nan, math.inf, 1e300, "x", True, [1], 10**13)),
        *(("name", value) for value in (5, b"t", [1], False)),
        *(("kind", value) for value in ([1], None, 5, b"set", {})),
        *(("needs_key", value) for value in (None, 0, 1, "x", True)),
        *(("wall", value) for value in (None, "x", True, math.nan, math.inf, 1e300, [1])),
        *(("noex", value) for value in (5, None, b"1", [])),
    ],
    ids=repr,
)
def test_a_field_that_cannot_be(field: str, value: Any, path: Path) -> None:
    written(path, [[A, 1]], **{field: value})
    match = f"the header of the snapshot .* its field '{field}' is .*; restore it from a copy"
    refused(path, match)
    with pytest.raises(SnapshotError, match=match):
        ets.snapshot_info(path)


@pytest.mark.parametrize("kind", ["bag", "duplicate_bag"])
@pytest.mark.parametrize(("field", "value"), [("ttl", 5), ("needs_key", True)])
def test_a_field_that_a_bag_does_not_have(kind: str, field: str, value: Any, path: Path) -> None:
    refused(written(path, [], kind=kind, **{field: value}), f"its field '{field}' is ")


def test_a_field_of_a_later_version_is_let_be(path: Path) -> None:
    assert len(ets.load(written(path, [[A, 1]], more=[1]), store=ets.Store())) == 1


def test_a_moment_of_the_utc_zone(path: Path) -> None:
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    written(path, [[A, as_value(moment)]])
    assert ets.load(path, store=ets.Store()).to_list() == [("a", moment)]
