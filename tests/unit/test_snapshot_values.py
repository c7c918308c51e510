"""What can be stored in a snapshot, how it comes back, and what is refused before the file is touched."""

from __future__ import annotations

import collections
import enum
import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID, uuid1, uuid4
from zoneinfo import ZoneInfo

import msgspec
import pytest

from noex import ets
from noex.errors import SnapshotError, TableError
from noex.ets.snapshots import _extensions
from noex.ets.snapshots._values import pack

KYIV = ZoneInfo("Europe/Kyiv")


def nested(depth: int, wrap: Any) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = wrap(value)
    return value


def through_a_file(tmp_path: Path, value: Any, key: Any = "k", **options: Any) -> Any:
    table = ets.SetTable[Any, Any]("things", store=ets.Store())
    table.insert(key, value)
    table.dump(tmp_path / "table")
    ((_, again),) = ets.load(tmp_path / "table", store=ets.Store(), **options).to_list()
    return again


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are equal, and of the same types all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return math.copysign(1, one) == math.copysign(1, other) and (one == other or (one != one and other != other))
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, (set, frozenset)):
        return one == other and sorted(map(repr, one)) == sorted(map(repr, other))
    if isinstance(one, (datetime, time)):
        zones = type(one.tzinfo) is type(other.tzinfo) and str(one.tzinfo) == str(other.tzinfo)
        return repr(one) == repr(other) and one.fold == other.fold and zones
    if isinstance(one, Decimal):
        return one.as_tuple() == other.as_tuple()
    return bool(one == other)


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, False, 0, -1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 127, 128, -128, -129),
        *(0.0, -0.0, 1.0, 1e300, 5e-324, math.inf, -math.inf, math.nan),
        *("", "a", "\x00", "жук", "\U0001f600", "\ud800", "a\udfffb" * 100, b"", b"\xff\x00", bytearray(b"ab")),
        *([], [1, [2, [3.0]]], (), (1,), ((1, (2,)), [3, (4,)]), set(), {1, "a", (2, 3)}, frozenset({None, b"x"})),
        *({}, {"a": 1}, {"a": {"b": [1, (2,)]}}, {1: 2, None: 3, 1.5: 4, b"x": 5, "y": 6}, {(1, 2): "t", "s": 3}),
        *({frozenset({1}): {2}}, {2**70: -(2**70)}, {"\ud800": "\udfff"}, {True: 1, 2.0: 2}, {UUID(int=1): Decimal(1)}),
        *(datetime(2024, 2, 29, 12, 30, 15, 123456), datetime.min, datetime.max, datetime(1, 1, 1, tzinfo=UTC)),
        datetime(2024, 2, 29, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        datetime(2024, 2, 29, tzinfo=timezone(timedelta(seconds=-1, microseconds=7), "odd")),
        datetime(2024, 2, 29, tzinfo=timezone(timedelta(0), "nought \ud800")),
        *(datetime(2024, 7, 1, tzinfo=KYIV), datetime(2024, 10, 27, 3, 30, fold=1, tzinfo=KYIV)),
        *(datetime(2024, 10, 27, 3, 30, fold=1), time(1, 2, 3, 4, fold=1, tzinfo=UTC), time(0), time(1, tzinfo=KYIV)),
        *(date(2024, 2, 29), date.min, date.max, timedelta(0), timedelta.max, timedelta.min, timedelta(-1, 2, 3)),
        *(uuid4(), UUID(int=0), uuid1()),
        *map(Decimal, ["0", "-0", "1.10", "1E+99999", "-1e-9999", "NaN", "sNaN123", "-Infinity", "9" * 50]),
        [{"user": ("ada", 36), "at": datetime(2024, 1, 1, tzinfo=UTC), "tags": {"x"}, "raw": b"1"}] * 3,
        *(nested(128, lambda inner: [inner]), nested(128, lambda inner: (inner,)), nested(64, lambda v: {"a": (v,)})),
        10**10_000,
    ],
    ids=lambda value: f"{type(value).__name__}",
)
def test_a_value_comes_back_with_its_types(value: Any, tmp_path: Path) -> None:
    assert same(through_a_file(tmp_path, value), value)


@pytest.mark.parametrize(
    "key",
    [
        *(
            None,
            True,
            False,
            1,
            2**70,
            -(2**2000),
            1.0,
            -0.0,
            0.5,
            math.inf,
            "a",
            "\ud800",
            b"\x00",
            (),
            (1, ("a", None)),
        ),
        *(
            (1.0, "a"),
            (True,),
            ((0.5,), (2.0,)),
            frozenset({1, (2.0,)}),
            UUID(int=1),
            Decimal("1.10"),
            date(2024, 1, 1),
        ),
        *(datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=KYIV), timedelta(1)),
        *(datetime(2024, 10, 27, 3, 30, fold=1), datetime(2024, 1, 1, tzinfo=timezone(timedelta(0), "UTC")), time(1)),
        *(math.nan, (math.nan,), nested(40, lambda inner: (inner,))),
    ],
    ids=lambda key: f"{type(key).__name__}",
)
@pytest.mark.parametrize("make", [ets.SetTable, ets.BagTable, ets.DuplicateBagTable])
def test_a_key_comes_back_with_its_types(make: Any, key: Any, tmp_path: Path) -> None:
    table = make(store=ets.Store())
    table.insert(key, 1)
    table.dump(tmp_path / "table")
    ((again, _),) = ets.load(tmp_path / "table", store=ets.Store()).to_list()
    assert same(again, key)


# -- classes of the user ----------------------------------------------------------------------------------------------


class Colour(enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    BIG = 3


class Mode(enum.StrEnum):
    FAST = "fast"


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Point(NamedTuple):
    x: int
    y: int = 0


@dataclass(frozen=True)
class Address:
    city: str
    since: date


@dataclass(slots=True)
class User:
    name: str
    address: Address
    tags: set[str] = field(default_factory=set)
    scores: tuple[int, ...] = ()
    token: bytes = b""
    colour: Colour = Colour.RED


class Order(msgspec.Struct, rename="camel", tag="order"):
    order_id: UUID
    total_price: Decimal
    lines: list[Point] = []
    note: str | msgspec.UnsetType = msgspec.UNSET


class Pair(msgspec.Struct, array_like=True, tag=True):
    left: int
    right: int


ADA = User("Ada", Address("Kyiv", date(2024, 1, 1)), {"x"}, (1, 2), b"\xff")
ORDER = Order(UUID(int=5), Decimal("9.90"), [Point(1, 2)])


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Point(1, 2), (1, 2)),
        (Colour.RED, "red"),
        (Size.BIG, 3),
        (Mode.FAST, "fast"),
        (Rights.READ | Rights.WRITE, 3),
        (Address("Kyiv", date(2024, 1, 1)), {"city": "Kyiv", "since": date(2024, 1, 1)}),
        (
            [ADA],
            [
                {
                    "name": "Ada",
                    "address": {"city": "Kyiv", "since": date(2024, 1, 1)},
                    "tags": {"x"},
                    "scores": (1, 2),
                    "token": b"\xff",
                    "colour": "red",
                }
            ],
        ),
        (ORDER, {"type": "order", "orderId": UUID(int=5), "totalPrice": Decimal("9.90"), "lines": [(1, 2)]}),
        (Pair(1, 2), ["Pair", 1, 2]),
        ({Point(1, 2), Point(3, 4)}, {(1, 2), (3, 4)}),
        ({Mode.FAST: {Size.BIG}}, {"fast": {3}}),
        (ets.Entry("a", 1), ("a", 1)),
    ],
    ids=str,
)
def test_a_class_comes_back_as_what_it_holds(value: Any, plain: Any, tmp_path: Path) -> None:
    assert same(through_a_file(tmp_path, value), plain)


@pytest.mark.parametrize(
    ("value", "value_type"),
    [
        (ADA, User),
        ([ADA, ADA], list[User]),
        ({"a": ADA}, dict[str, User]),
        ({5: (ADA, None)}, dict[int, tuple[User, None]]),
        (ORDER, Order),
        (Pair(1, 2), Pair),
        (Point(1, 2), Point),
        (Colour.RED, Colour),
        (Rights.READ | Rights.WRITE, Rights),
        ({Point(1, 2)}, set[Point]),
        (5, int),
        (2**100, int),
        ("a", str | int),
        ((1, "a"), tuple[int, str]),
        (frozenset({1}), frozenset[int]),
        (datetime(2024, 1, 1, tzinfo=KYIV), datetime),
        (None, None),
        ([1, (2,)], Any),
    ],
    ids=str,
)
def test_a_value_type_brings_the_class_back(value: Any, value_type: Any, tmp_path: Path) -> None:
    again = through_a_file(tmp_path, value, value_type=value_type)
    assert again == value
    assert type(again) is type(value)


@pytest.mark.parametrize(("value", "value_type"), [("a", int), (True, int), ({"name": "Ada"}, User), ([1], list[str])])
def test_a_value_of_another_type_is_an_error_that_names_the_key(value: Any, value_type: Any, tmp_path: Path) -> None:
    with pytest.raises(
        SnapshotError, match=r"the value of the key \('u', 7\) in the snapshot .*table' is no "
    ) as caught:
        through_a_file(tmp_path, value, key=("u", 7), value_type=value_type)
    assert isinstance(caught.value, (TableError, ValueError))
    assert "another value_type" in str(caught.value)


class Strict(msgspec.Struct):
    age: int

    def __post_init__(self) -> None:
        if self.age < 0:
            raise LookupError("no such age")


def test_what_a_class_raises_while_it_is_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match=r"the key 'k' .* no such age"):
        through_a_file(tmp_path, {"age": -1}, value_type=Strict)


def test_what_is_no_type_is_refused_at_once(tmp_path: Path) -> None:
    for wrong in (3, "x", print):
        with pytest.raises(TypeError, match="value_type must be a type"):
            ets.load(tmp_path / "no file is read", value_type=wrong)


def test_a_value_type_that_makes_values_of_a_bag_equal(tmp_path: Path) -> None:
    tags = ets.BagTable[str, Any](store=ets.Store())
    tags.insert_many([("a", 1), ("a", {"x": 1}), ("a", {"x": 1, "y": 2})])
    tags.dump(tmp_path / "table")

    class One(msgspec.Struct):
        x: int

    with pytest.raises(SnapshotError, match="of which a bag keeps one"):
        ets.load(tmp_path / "table", value_type=int | One, store=ets.Store())


# -- what is refused --------------------------------------------------------------------------------------------------


class Text(str):
    pass


class Number(int):
    pass


class Wide(datetime):
    pass


class Zone(tzinfo):
    def utcoffset(self, moment: datetime | None) -> timedelta:
        return timedelta(hours=1)


class Plain:
    pass


@dataclass
class Listing(list[int]):
    size: int = 0


@dataclass
class Unset:
    name: str = field(init=False)


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError


HERSELF: list[Any] = []
HERSELF.append({"me": HERSELF})

REFUSED: list[tuple[Any, str]] = [
    (object(), "is of the class object"),
    (Plain(), "is of the class Plain"),
    (Plain, "is of the class type"),
    (Text("a"), "is of the class Text"),
    (Number(1), "is of the class Number"),
    (collections.OrderedDict(a=1), "is of the class OrderedDict"),
    (collections.defaultdict(list), "is of the class defaultdict"),
    (collections.Counter("ab"), "is of the class Counter"),
    (collections.deque([1]), "is of the class deque"),
    (SimpleNamespace(a=1), "is of the class SimpleNamespace"),
    (1j, "is of the class complex"),
    (range(3), "is of the class range"),
    (memoryview(b"a"), "is of the class memoryview"),
    (iter([1]), "is of the class list_iterator"),
    (lambda: None, "is of the class function"),
    (ets.MISSING.__class__, "is of the class EnumType"),
    (Wide(2024, 1, 1), "is of the class Wide"),
    (datetime(2024, 1, 1, tzinfo=Zone()), "the time zone .* use one of these"),
    (time(1, tzinfo=Zone()), "the time zone"),
    (UTC, "is of the class timezone"),
    (Listing(), "is of the class Listing"),
    (User, "is of the class type"),
    (Unset(), "the field 'name' of a Unset has no value"),
    (Unprintable(), "whose repr fails"),
    (msgspec.UNSET, "is of the class UnsetType"),
    (msgspec.Raw(b"\x01"), "is of the class Raw"),
    (msgspec.msgpack.Ext(1, b"a"), "is of the class msgspec.msgpack.Ext|is of the class Ext"),
    ({Address("Kyiv", date(2024, 1, 1)): 1}, "cannot be a key or an element of a set"),
    ({(1, Address("Kyiv", date(2024, 1, 1)))}, "cannot be a key or an element of a set"),
    ({Colour.RED: 1}, "an enum that comes back as its value, unequal to it"),
    (HERSELF, "contains itself"),
    (nested(129, lambda inner: [inner]), "nested more than 128 deep"),
    (nested(129, lambda inner: (inner,)), "nested more than 128 deep"),
    (nested(20_000, lambda inner: {"a": inner}), "nested more than 128 deep"),
    (nested(20_000, lambda inner: (inner,)), "nested more than 128 deep"),
]


@pytest.mark.parametrize(("value", "reason"), REFUSED, ids=[reason[:40] for _, reason in REFUSED])
@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: {"a": [1, (2, value)]}], ids=["bare", "inside"])
def test_what_cannot_be_stored_is_named_and_nothing_is_written(
    value: Any, reason: str, wrap: Any, tmp_path: Path
) -> None:
    path = tmp_path / "table"
    path.write_text("the old one")
    table = ets.SetTable[Any, Any]("things", store=ets.Store())
    table.insert_many([(("a", 1), 5), (("u", 7), wrap(value))])
    with pytest.raises(SnapshotError, match=reason) as caught:
        table.dump(path)
    assert str(caught.value).startswith("the value of the key ('u', 7) of the set table 'things' cannot be stored")
    assert path.read_text() == "the old one"
    assert [found.name for found in tmp_path.iterdir()] == ["table"]


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (object(), "is of the class object"),
        (Text("a"), "is of the class Text"),
        ((1, Number(1)), "is of the class Number"),
        (Address("Kyiv", date(2024, 1, 1)), "cannot be a key"),
        (Colour.RED, "use the value"),
        ((1, Colour.RED), "use the value"),
        (1j, "is of the class complex"),
        (nested(200, lambda inner: (inner,)), "nested more than 128 deep"),
    ],
)
def test_a_key_that_cannot_be_stored_is_named(key: Any, reason: str, tmp_path: Path) -> None:
    table = ets.SetTable[Any, int]("things", store=ets.Store())
    table.insert(key, 1)
    with pytest.raises(SnapshotError, match=reason) as caught:
        table.dump(tmp_path / "table")
    assert str(caught.value).startswith("the key ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("key", "plain"), [(Point(1, 2), (1, 2)), (Mode.FAST, "fast"), (Size.BIG, 3)])
def test_a_key_whose_class_does_not_matter_comes_back_without_it(key: Any, plain: Any, tmp_path: Path) -> None:
    table = ets.SetTable[Any, int](store=ets.Store())
    table.insert(key, 1)
    table.dump(tmp_path / "table")
    again: Any = ets.load(tmp_path / "table", store=ets.Store())
    assert again[key] == 1
    assert same(list(again), [plain])


def test_a_value_that_is_changed_while_it_is_stored(tmp_path: Path) -> None:
    growing: dict[str, Any] = {}

    class Point(msgspec.Struct):
        x: int

        def __getattribute__(self, name: str) -> Any:
            growing["more"] = 1
            return super().__getattribute__(name)

    growing.update(first=Point(1), second=(2,))
    table = ets.SetTable[str, Any]("things", store=ets.Store())
    table.insert("k", growing)
    with pytest.raises(SnapshotError, match=r"the value of the key 'k' .* was changed while it was stored"):
        table.dump(tmp_path / "table")
    assert list(tmp_path.iterdir()) == []


def test_a_zone_that_this_machine_does_not_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = ets.SetTable[str, Any](store=ets.Store())
    table.insert("k", datetime(2024, 1, 1, tzinfo=KYIV))
    table.dump(tmp_path / "table")

    def missing(key: str) -> Any:
        raise KeyError(f"No time zone found with key {key}")

    monkeypatch.setattr(_extensions, "ZoneInfo", missing)
    with pytest.raises(SnapshotError, match="No time zone found with key Europe/Kyiv"):
        ets.load(tmp_path / "table", store=ets.Store())


def test_plain_values_are_plain_messagepack() -> None:
    for value in (None, True, 7, 1.5, "a", b"a", [1, "a"], {"a": [1, {"b": None}]}, {1: 2}):
        assert msgspec.msgpack.decode(pack(value)) == value
