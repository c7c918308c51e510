"""The native kernel writes a key as the same bytes as the pure one, and refuses it with the same words."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noex.kernel._pure import encode_term as pure_encode_term
from noex.kernel._pure.terms.order import Desc
from noex.testing.strategies import term_keys

native = pytest.importorskip("noex.kernel._native", reason="the native kernel is not built here")


class Text(str):
    """A str whose own methods must not matter."""

    __slots__ = ()

    def __str__(self) -> str:
        raise AssertionError

    def encode(self, encoding: str = "", errors: str = "") -> bytes:
        raise AssertionError(encoding + errors)

    def __len__(self) -> int:
        raise AssertionError


class Number(int):
    def __int__(self) -> int:
        raise AssertionError

    def __neg__(self) -> int:
        raise AssertionError

    def bit_length(self) -> int:
        raise AssertionError


class Fractional(float):
    def __float__(self) -> float:
        raise AssertionError


class Raw(bytes):
    def __bytes__(self) -> bytes:
        raise AssertionError

    def __len__(self) -> int:
        raise AssertionError


class Several(tuple[Any, ...]):
    __slots__ = ()

    def __iter__(self) -> Any:
        raise AssertionError

    def __len__(self) -> int:
        raise AssertionError

    def __getitem__(self, index: Any) -> Any:
        raise AssertionError


class Moment(datetime):
    pass


class Zone(tzinfo):
    """A time zone that answers what it is told to, or fails."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def utcoffset(self, moment: datetime | None, /) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def dst(self, moment: datetime | None, /) -> None:
        return None

    def tzname(self, moment: datetime | None, /) -> None:
        return None


class Disguised:
    """An object that says it is of another class."""

    def __init__(self, kind: type) -> None:
        self.kind = kind

    def __getattribute__(self, name: str) -> Any:
        return object.__getattribute__(self, "kind" if name == "__class__" else name)


class Colour(IntEnum):
    RED = 3


class Point(NamedTuple):
    x: int
    y: str


def nested(depth: int, inner: Any = 1, wrap: Callable[[Any], Any] = lambda term: (term,)) -> Any:
    for _ in range(depth):
        inner = wrap(inner)
    return inner


EMPTY_MIRROR = Desc.__new__(Desc)

TERMS: dict[str, Any] = {
    "str subclass": Text("ab\x00\x01é\ud800"),
    "int subclass": Number(2**70),
    "small int subclass": Number(-5),
    "float subclass": Fractional(1.5),
    "bytes subclass": Raw(b"a\x00\x01"),
    "tuple subclass": Several((1, "a", Several(()))),
    "named tuple": Point(1, Text("a")),
    "enum": Colour.RED,
    "datetime subclass": Moment(2024, 2, 29, 12, 30, 1, 999_999),
    "aware datetime subclass": Moment(2024, 2, 29, tzinfo=timezone(timedelta(hours=-7, microseconds=1))),
    "first moment": datetime.min,
    "last moment": datetime.max,
    "first moment in the east": datetime.min.replace(tzinfo=timezone(timedelta(hours=23, minutes=59))),
    "last moment in the west": datetime.max.replace(tzinfo=timezone(timedelta(hours=-23, minutes=-59))),
    "zone without an offset": datetime(2024, 1, 1, tzinfo=Zone(None)),
    "zone with an offset": datetime(2024, 1, 1, tzinfo=Zone(timedelta(minutes=5))),
    "zone that fails": datetime(2024, 1, 1, tzinfo=Zone(LookupError("no such zone"))),
    "zone with a wrong answer": datetime(2024, 1, 1, tzinfo=Zone(5)),
    "zone with too much": datetime(2024, 1, 1, tzinfo=Zone(timedelta(days=2))),
    "date": date(2024, 1, 1),
    "decimal": Decimal(1),
    "fraction": Fraction(1, 2),
    "complex": 1j,
    "NaN": math.nan,
    "NaN in a tuple": ("a", (1, -math.nan)),
    "NaN of a subclass": Fractional("nan"),
    "list in a tuple": (1, [2]),
    "bytearray": bytearray(b"a"),
    "type": int,
    "object": object(),
    "32 deep": nested(32),
    "33 deep": nested(33),
    "33 deep in a tuple": ("a", nested(32)),
    "says it is a float": Disguised(float),
    "says it is a str": Disguised(str),
    "says it is a tuple": Disguised(tuple),
    "mirror": Desc(5),
    "mirror in a tuple": (Desc("ab\x00\ud800é"), 2),
    "mirrored tuple": Desc(((), ("a", -1.5, None), b"\x00\x01\xff")),
    "mirrors in mirrors": Desc((Desc(("a", Desc(1))), Desc(Desc(b"b")))),
    "mirrored moments": (Desc(datetime(2024, 1, 1)), Desc(datetime(1824, 1, 1, tzinfo=UTC))),
    "mirrored extremes": Desc((math.inf, -math.inf, 10**400, -(10**400), 5e-324, 0, -0.0)),
    "mirrored subclasses": Desc((Text("ab"), Number(2**70), Fractional(1.5), Several((1,)), Raw(b"\x00"))),
    "mirrored list": Desc([1]),
    "mirrored NaN": Desc(math.nan),
    "mirror without a value": EMPTY_MIRROR,
    "mirrors 150 deep": nested(150, "a", Desc),
    "mirrors too deep": nested(5_000, "a", Desc),
    "32 deep with mirrors": nested(32, "a", lambda term: (Desc(term),)),
    "33 deep with mirrors": nested(33, "a", lambda term: (Desc(term),)),
}


def outcome(encode: Callable[..., bytes], term: Any, *, mirrors: bool) -> Any:
    """Return the bytes, or type and words of the refusal."""
    try:
        return encode(term, mirrors=mirrors)
    except Exception as error:
        return type(error), "" if isinstance(error, RecursionError) else str(error)


def same_for_both(term: Any) -> None:
    for mirrors in (False, True):
        assert outcome(native.encode_term, term, mirrors=mirrors) == outcome(pure_encode_term, term, mirrors=mirrors)


@pytest.mark.parametrize("name", TERMS)
def test_unusual_terms(name: str) -> None:
    same_for_both(TERMS[name])
    same_for_both(("before", TERMS[name], "after"))
    same_for_both(Desc(TERMS[name]))


def test_what_is_refused_says_the_same() -> None:
    kind, words = outcome(native.encode_term, (1, [2]), mirrors=False)
    assert kind.__name__ == "UnorderableKey"
    assert words.startswith("[2] has no place among None, bool, int, float,")


@given(term_keys(max_leaves=12))
def test_any_term(term: Any) -> None:
    same_for_both(term)


@given(st.recursive(term_keys(), lambda parts: st.one_of(parts.map(Desc), st.lists(parts, max_size=3).map(tuple))))
def test_any_term_with_mirrors(term: Any) -> None:
    same_for_both(term)


@given(st.text(alphabet="\x00\x01\x02a\x7f\x80é\xffĀ\ud800\udfff\uffff\U00010000\U0010ffff", max_size=90))
def test_any_text(text: str) -> None:
    same_for_both(text)
    same_for_both(Desc((text, text.encode("utf-8", "surrogatepass"))))


@given(st.integers(-(2**70), 2**70) | st.integers().map(lambda bits: 1 << (abs(bits) % 3000)), st.integers(-2, 2))
def test_any_number(number: int, delta: int) -> None:
    for near in (number + delta, -number - delta):
        same_for_both(near)
        if abs(near) < 2**1000:
            same_for_both(float(near))
            same_for_both(math.ldexp(float(near), -1074))


@given(st.floats(allow_nan=True))
def test_any_float(number: float) -> None:
    same_for_both(number)


@given(st.datetimes(), st.integers(-86_399_999_999, 86_399_999_999))
def test_any_moment(moment: datetime, microseconds: int) -> None:
    same_for_both(moment)
    same_for_both(moment.replace(tzinfo=timezone(timedelta(microseconds=microseconds))))
