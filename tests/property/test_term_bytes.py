"""Terms as bytes: in the order of terms, told apart, put one after the other, and turned back."""

import math
import re
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from noex import ets, kernel
from noex.errors import UnorderableKey
from noex.kernel._pure.terms.order import Desc, sort_key
from noex.testing._models import term
from noex.testing.strategies import in_another_guise, term_keys

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "term-encoding.md"

SUBNORMAL = 5e-324
EDGES = [
    *(0, 1, 2, 127, 128, 255, 256, 257, 2**53, 2**63, 2**64, 2**111, 2**112, 2**255, 2**256, 2**1023, 2**1024, 10**400),
    *(0.1, 0.5, 1.5, SUBNORMAL, 2 * SUBNORMAL, 3 * SUBNORMAL, sys.float_info.min, sys.float_info.max, 2.0**-112),
    *(2.0**-113, 2.0**-255, 2.0**-256, 1e16, 1e22, 1e300, math.inf),
]


def neighbours(number: float) -> list[float]:
    """Return a number, what stands next to it, and all of them below zero."""
    near: list[float] = [number]
    if isinstance(number, int):
        near += [number + 1, number - 1]
    try:
        near += [float(number), math.nextafter(number, math.inf), math.nextafter(number, -math.inf)]
    except OverflowError:
        near += [sys.float_info.max, math.inf]
    return near + [-other for other in near]


numbers = st.one_of(
    st.sampled_from(EDGES).flatmap(lambda number: st.sampled_from(neighbours(number))),
    st.integers(),
    st.integers(-(2**130), 2**130),
    st.floats(allow_nan=False),
    st.integers(0, 1100).map(lambda bits: 2**bits),
    st.integers(-(2**70), 2**70).flatmap(lambda number: st.sampled_from(neighbours(number))),
    st.booleans(),
)
texts = st.text(
    alphabet=st.one_of(
        st.sampled_from("\x00\x01\x02a\u07ff\uffff\U00010000\ud800\udfff"),
        st.characters(codec=None, exclude_categories=()),
    )
)
raw_bytes = st.one_of(st.binary(), st.lists(st.sampled_from([0, 1, 2, 254, 255]), max_size=6).map(bytes))
moments = st.one_of(
    st.datetimes(),
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))])),
)
leaves = st.one_of(st.none(), numbers, texts, raw_bytes, moments, term_keys())
terms = st.recursive(leaves, lambda parts: st.lists(parts, max_size=4).map(tuple), max_leaves=6)
mirrored = st.recursive(
    st.one_of(leaves, leaves.map(Desc)),
    lambda parts: st.one_of(st.lists(parts, max_size=4).map(tuple), st.lists(parts, max_size=3).map(tuple).map(Desc)),
    max_leaves=6,
)

# What is likely to be confused: terms of one class that share a beginning.
pairs = st.one_of(
    st.tuples(terms, terms),
    st.tuples(numbers, numbers),
    st.sampled_from(EDGES).flatmap(lambda number: st.tuples(*[st.sampled_from(neighbours(number))] * 2)),
    st.tuples(texts, texts, texts).map(lambda parts: (parts[0] + parts[1], parts[0] + parts[2])),
    st.tuples(raw_bytes, raw_bytes, raw_bytes).map(lambda parts: (parts[0] + parts[1], parts[0] + parts[2])),
    st.tuples(*[st.lists(terms, max_size=2).map(tuple)] * 3).map(
        lambda parts: (parts[0] + parts[1], parts[0] + parts[2])
    ),
)


def compare(one: Any, other: Any) -> int:
    return (one > other) - (one < other)


@given(pairs)
@example((2**53, float(2**53)))
@example((2**53 + 1, float(2**53)))
@example((10**400, math.inf))
@example((-0.0, False))
@example(("a", "a\x00"))
@example((("a",), ("a", None)))
@example((("a\x00",), ("a", "")))
def test_bytes_compare_as_terms_do(pair: tuple[Any, Any]) -> None:
    one, other = map(ets.encode_term, pair)
    assert compare(one, other) == compare(*map(sort_key, pair)) == compare(*map(term, pair))
    if one != other:
        assert not one.startswith(other)
        assert not other.startswith(one)


@given(st.tuples(mirrored, mirrored))
def test_mirrored_bytes_compare_as_mirrored_terms_do(pair: tuple[Any, Any]) -> None:
    one, other = (kernel.encode_term(term, mirrors=True) for term in pair)
    assert compare(one, other) == compare(*(sort_key(term, mirrors=True) for term in pair))
    if one != other:
        assert not one.startswith(other)
        assert not other.startswith(one)


@given(pairs)
def test_a_mirror_complements_every_byte(pair: tuple[Any, Any]) -> None:
    plain = [kernel.encode_term(term, mirrors=True) for term in pair]
    turned = [kernel.encode_term(Desc(term), mirrors=True) for term in pair]
    assert turned == [bytes(255 - byte for byte in encoding) for encoding in plain]
    assert [kernel.encode_term(Desc(Desc(term)), mirrors=True) for term in pair] == plain


def all_numbers_plain(one: Any) -> bool:
    return all(map(all_numbers_plain, one)) if isinstance(one, tuple) else type(one) is int or not isinstance(one, int)


@given(terms)
def test_a_term_comes_back_as_an_equal_one(one: Any) -> None:
    encoded = ets.encode_term(one)
    again = ets.decode_term(encoded)
    assert sort_key(again) == sort_key(one)
    assert all_numbers_plain(again)
    assert ets.encode_term(again) == encoded
    assert ets.encode_term(in_another_guise(one)) == encoded


@given(mirrored)
def test_a_mirrored_term_comes_back(one: Any) -> None:
    encoded = kernel.encode_term(one, mirrors=True)
    again = kernel.decode_term(encoded, mirrors=True)
    assert sort_key(again, mirrors=True) == sort_key(one, mirrors=True)
    assert kernel.encode_term(again, mirrors=True) == encoded


@given(terms, st.data())
def test_no_other_bytes_are_the_encoding_of_a_term(one: Any, data: st.DataObject) -> None:
    encoded = bytearray(ets.encode_term(one))
    position = data.draw(st.integers(0, len(encoded) - 1))
    change = data.draw(st.sampled_from(["flip", "cut", "add", "insert"]))
    if change == "flip":
        encoded[position] ^= data.draw(st.integers(1, 255))
    elif change == "cut":
        del encoded[position:]
    elif change == "add":
        encoded += data.draw(st.binary(min_size=1))
    else:
        encoded.insert(position, data.draw(st.integers(0, 255)))
    decodes_only_what_encodes(bytes(encoded))


@given(
    st.one_of(
        st.binary(), st.lists(st.sampled_from(b"\x00\x01\x02\x0e\x7f\x80\x82\x84\x8a\x8c\xf0\xf7\xff")).map(bytes)
    )
)
def test_any_bytes_are_refused_or_are_an_encoding(data: bytes) -> None:
    decodes_only_what_encodes(data)


def decodes_only_what_encodes(data: bytes) -> None:
    for encode, decode in [
        (ets.encode_term, ets.decode_term),
        (lambda one: kernel.encode_term(one, mirrors=True), lambda data: kernel.decode_term(data, mirrors=True)),
    ]:
        try:
            found = decode(data)
        except ValueError as error:
            assert str(error).startswith("these bytes are no encoding of a term")  # noqa: PT017
        else:
            assert encode(found) == data


@pytest.mark.parametrize(("base", "power"), [(10, 10_000), (-10, 10_001), (7, 100_000), (2, 1_000_000)])
def test_huge_numbers(base: int, power: int) -> None:
    number = base**power
    encoded = ets.encode_term(number)
    assert ets.decode_term(encoded) == number
    assert ets.encode_term(number - 1) < encoded < ets.encode_term(number + 1)
    assert len(encoded) <= number.bit_length() // 7 + 32


@pytest.mark.parametrize(
    "data", ["84f700ffffffffffffff00", "84f37fffffff00", "84f30800000000", "82087fffffffffffffffff"]
)
def test_a_few_bytes_claim_no_memory(data: str) -> None:
    with pytest.raises(ValueError, match="no encoding of a term"):
        ets.decode_term(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "it ends"),
        ("00", "no class byte"),
        ("86", "no class byte"),
        ("8061", "another one follows"),
        ("8a61", "a text has no end"),
        ("8a010300", "a wrong escape"),
        ("8a0100", "a wrong escape"),
        ("8aff00", "it ends or breaks"),
        ("8ac08000", "it ends or breaks"),
        ("8c80", "it ends"),
        ("8400", "no beginning of an exponent"),
        ("84f06f00", "longer than it has to be"),
        ("84f1007000", "longer than it has to be"),
        ("8480010100", "a fraction ends with zeros"),
        ("840e000000", "neither whole nor"),
        ("847c02030405060708090a00", "neither whole nor"),
        ("88ffffffffffffffff", "it ends or breaks"),
        ("8880", "8 bytes should follow"),
        ("7f", "no class byte"),
        ("8c" * 33 + "00" * 33, "more than 32 deep"),
        ("8c" * 100_000, "more than 32 deep"),
    ],
)
def test_bytes_that_are_no_encoding_are_refused_with_a_reason(data: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        ets.decode_term(bytes.fromhex(data))


def test_what_is_no_bytes_is_a_type_error() -> None:
    wrong: Any = "80"
    with pytest.raises(TypeError, match="bytes, not str"):
        ets.decode_term(wrong)


@pytest.mark.parametrize("moment", [datetime.min, datetime.max])
@pytest.mark.parametrize("hours", [-23, -1, 0, 1, 23])
def test_instants_whose_year_utc_does_not_have(moment: datetime, hours: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    again = ets.decode_term(ets.encode_term(aware))
    assert again == aware
    assert again.tzinfo is not None


DEEP: Any = ()
for _ in range(33):
    DEEP = (DEEP,)


@pytest.mark.parametrize("key", [math.nan, (1, (math.nan,)), object(), [1], ets.desc(1), (ets.desc(1),), DEEP])
def test_what_has_no_place_in_the_order_has_no_bytes(key: Any) -> None:
    with pytest.raises(UnorderableKey) as refused:
        ets.encode_term(key)
    with pytest.raises(UnorderableKey, match=re.escape(str(refused.value))):
        sort_key(key)


def examples() -> list[tuple[str, str]]:
    section = PAGE.read_text(encoding="utf-8").split("## Examples")[1].split("\n## ")[0]
    return re.findall(r"^\| `(.*)` \| `(.*)` \|$", section, flags=re.MULTILINE)


def test_the_examples_of_the_reference_are_in_order() -> None:
    assert len(examples()) > 20
    encoded = [bytes.fromhex(expected) for _, expected in examples()]
    assert encoded == sorted(set(encoded))


@pytest.mark.parametrize(("text", "expected"), examples())
def test_an_example_of_the_reference(text: str, expected: str) -> None:
    example_term = eval(text, {"datetime": datetime, "UTC": UTC})
    encoded = ets.encode_term(example_term)
    assert encoded.hex(" ") == expected
    assert ets.decode_term(encoded) == example_term
