"""The term order as bytes: `a < b` in the order exactly when `encode_term(a) < encode_term(b)` as bytes compare.

A term is a class byte and what its class needs to be told from the others of it. No encoding is the beginning of
another, so they can be put one after the other, which is what a tuple is::

    None           80
    -inf           81
    below zero     82, then exponent and fraction of the number without its sign, complemented
    zero           83
    above zero     84, exponent, fraction
    inf            85
    naive datetime 88, microseconds since a naive 1970, plus 2**63, in 8 bytes
    aware datetime 89, microseconds since 1970 in UTC, plus 2**63, in 8 bytes
    str            8A, text: UTF-8, in which lone surrogates are 3 bytes as any character of their size
    bytes          8B, text
    tuple          8C, the parts one after the other, 00
    desc(term)     every byte of the term complemented: below all class bytes, and an end that is above them

A *text* escapes 00 as 01 01 and 01 as 01 02, and ends with 00. A number is `1.fraction * 2**exponent`; the fraction is
a text too: its bits from the first on, without the zero bytes at its end. An *exponent* from -112 to 111 is one byte,
128 more than it; a greater one is F0 to F7, for 1 to 8 bytes of it to follow; a lesser one 0F to 08 and complemented.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from math import frexp, inf, ldexp
from typing import Any, Final

from noex.kernel._pure.terms.order import Desc, SortKey, sort_key

__all__ = ["decode_term", "encode_key", "encode_term"]

_NONE, _MINUS_INFINITY, _BELOW, _ZERO, _ABOVE, _INFINITY = range(0x80, 0x86)
_NAIVE, _AWARE, _STR, _BYTES, _TUPLE = range(0x88, 0x8D)

_COMPLEMENT: Final = bytes(range(255, -1, -1))
_CLASSES: Final = {0: _NONE, 1: _ZERO, 2: _NAIVE, 3: _AWARE, 4: _STR, 5: _BYTES, 6: _TUPLE}  # by rank in a sort key
_MIDDLE: Final = 1 << 63
_LEAST_SHORT, _MOST_SHORT = -112, 111  # exponents of one byte
_MOST_DEPTH: Final = 32
_MOST_BITS: Final = 1 << 27
_MOST_FLOAT_BYTES: Final = 7  # of a fraction
_LEAST_FLOAT: Final = -1074  # the exponent of the last bit that a float can have

_EPOCH: Final = datetime(1970, 1, 1)  # the zero of naive datetimes is naive
_DAY: Final = timedelta(days=1)
_MICROSECOND: Final = timedelta(microseconds=1)


def encode_term(term: object, *, mirrors: bool = False) -> bytes:
    """Return the bytes that stand for `term`, in the order of terms; equal terms have equal ones.

    O(size of the term). `mirrors` allows `Desc` inside.

    Raises:
        UnorderableKey: a type outside the term order, NaN, or tuples more than 32 deep.

    >>> encode_term(("ab", 2)).hex(" ")
    '8c 8a 61 62 00 84 81 00 00'
    >>> encode_term(1) == encode_term(1.0) < encode_term("a")
    True
    """
    if type(term) is str:  # what most keys are
        return b"\x8a" + _text(term.encode("utf-8", "surrogatepass"))
    return encode_key(sort_key(term, mirrors=mirrors))


def encode_key(key: SortKey) -> bytes:
    """Return the bytes of what `sort_key` returned, or of the beginning of one. O(size).

    >>> encode_key(sort_key(None)).hex()
    '80'
    """
    chunks: list[bytes] = []
    position, end = 0, len(key)
    while position < end:
        rank = key[position]
        position += 1
        mirrored = rank < 0
        if mirrored:
            rank = -10 - rank
        if rank == 4 or rank == 5:
            if mirrored:
                stop = key.index(1, position)
                units = [-unit for unit in key[position:stop]]
                value: Any = bytes(units) if rank == 5 else "".join(map(chr, units))
                position = stop + 1
            else:
                value = key[position]
                position += 1
            raw = value if rank == 5 else value.encode("utf-8", "surrogatepass")
            chunk = (b"\x8b" if rank == 5 else b"\x8a") + _text(raw)
        elif rank == 1:
            chunk = _number(-key[position] if mirrored else key[position])
            position += 1
        elif rank == 2 or rank == 3:
            microseconds = -key[position] if mirrored else key[position]
            chunk = bytes((_CLASSES[rank],)) + (microseconds + _MIDDLE).to_bytes(8, "big")
            position += 1
        elif rank > 6:  # the end of a tuple: -100, of a mirrored one 100
            chunk = b"\x00" if mirrored else b"\xff"
            mirrored = False
        else:
            chunk = bytes((_CLASSES[rank],))
        chunks.append(chunk.translate(_COMPLEMENT) if mirrored else chunk)
    return b"".join(chunks)


def _text(raw: bytes) -> bytes:
    """Escape what could be taken for an end, and end it."""
    if b"\x01" in raw:
        raw = raw.replace(b"\x01", b"\x01\x02")
    if b"\x00" in raw:
        raw = raw.replace(b"\x00", b"\x01\x01")
    return raw + b"\x00"


def _number(number: float) -> bytes:
    if not number:
        return b"\x83"
    if number < 0:
        size = _size_of(-number)
        return b"\x81" if size is None else b"\x82" + size.translate(_COMPLEMENT)
    size = _size_of(number)
    return b"\x85" if size is None else b"\x84" + size


def _size_of(number: float) -> bytes | None:
    """Return exponent and fraction of a number above zero; None for infinity."""
    if isinstance(number, int):
        exponent = number.bit_length() - 1
        fraction, bits = number ^ (1 << exponent), exponent
    elif number == inf:
        return None
    else:
        mantissa, exponent = frexp(number)
        exponent -= 1
        fraction, bits = int(mantissa * (1 << 53)) ^ (1 << 52), 52
    padding = -bits & 7
    raw = (fraction << padding).to_bytes((bits + padding) >> 3, "big").rstrip(b"\x00") if fraction else b""
    return _exponent(exponent) + _text(raw)


def _exponent(exponent: int) -> bytes:
    if _LEAST_SHORT <= exponent <= _MOST_SHORT:
        return bytes((exponent + 128,))
    size = abs(exponent)
    length = (size.bit_length() + 7) >> 3
    if exponent > 0:
        return bytes((0xEF + length,)) + size.to_bytes(length, "big")
    return bytes((0x10 - length,)) + size.to_bytes(length, "big").translate(_COMPLEMENT)


def decode_term(data: bytes, *, mirrors: bool = False) -> Any:
    """Return the term that these bytes stand for.

    Numbers come back as int where they are whole, as float where not; aware datetimes in UTC. O(size of the term).
    A mirrored part comes back as `Desc` of it, where `mirrors` allows it.

    Raises:
        TypeError: `data` is not bytes.
        ValueError: they are no encoding of one term, or of a number of more than 2**27 bits.

    >>> decode_term(encode_term(("ab", 2.0, None)))
    ('ab', 2, None)
    """
    if not isinstance(data, bytes):
        raise TypeError(f"the encoding of a term is bytes, not {type(data).__name__}")
    reader = _Reader(bytes(data), mirrors=mirrors)
    try:
        if data[:1] == b"\x8a" and data.find(b"\x00") == len(data) - 1 and b"\x01" not in data:
            return data[1:-1].decode("utf-8", "surrogatepass")  # as `term` does, for what most keys are
        term = reader.term(0)
    except (IndexError, UnicodeDecodeError, OverflowError) as error:
        raise reader.wrong(f"it ends or breaks ({error})") from None
    if reader.position != len(data):
        raise reader.wrong("another one follows; decode one at a time")
    return term


class _Reader:
    """Reads terms from bytes, complementing what stands inside an odd number of mirrors."""

    __slots__ = ("data", "mirrors", "other", "position")

    def __init__(self, data: bytes, *, mirrors: bool) -> None:
        self.data = data
        self.other: bytes | None = None  # all of it complemented, once that is needed
        self.position = 0
        self.mirrors = mirrors

    def wrong(self, what: str) -> ValueError:
        return ValueError(f"these bytes are no encoding of a term: at byte {self.position}, {what}")

    def turn(self) -> None:
        """Read complemented from now on, or not any more."""
        if self.other is None:
            self.other = self.data.translate(_COMPLEMENT)
        self.data, self.other = self.other, self.data

    def take(self, length: int) -> bytes:
        taken = self.data[self.position : self.position + length]
        if len(taken) != length:
            raise self.wrong(f"{length} bytes should follow")
        self.position += length
        return taken

    def byte(self) -> int:
        found = self.data[self.position]
        self.position += 1
        return found

    def text(self) -> bytes:
        end = self.data.find(b"\x00", self.position)
        if end < 0:
            raise self.wrong("a text has no end")
        escaped = self.data[self.position : end]
        if b"\x01" in escaped:
            raw = escaped.replace(b"\x01\x01", b"\x00").replace(b"\x01\x02", b"\x01")
            if _text(raw)[:-1] != escaped:
                raise self.wrong("a text has a wrong escape")
        else:
            raw = escaped
        self.position = end + 1
        return raw

    def term(self, depth: int) -> Any:
        found = self.byte()
        if found == _STR:
            return self.text().decode("utf-8", "surrogatepass")
        if found == _ABOVE:
            return self.number()
        if found == _TUPLE:
            if depth == _MOST_DEPTH:
                raise self.wrong(f"a tuple is more than {_MOST_DEPTH} deep")
            parts: list[Any] = []
            while self.data[self.position]:
                parts.append(self.term(depth + 1))
            self.position += 1
            return tuple(parts)
        if found == _NONE:
            return None
        if found == _ZERO:
            return 0
        if found == _BYTES:
            return self.text()
        if found == _BELOW:
            self.turn()
            number = -self.number()
            self.turn()
            return number
        if found in (_NAIVE, _AWARE):
            return self.moment(aware=found == _AWARE)
        if found in (_INFINITY, _MINUS_INFINITY):
            return inf if found == _INFINITY else -inf
        self.position -= 1
        if self.mirrors and 255 - _TUPLE <= found < 128:
            self.turn()
            mirrored = Desc(self.term(depth))
            self.turn()
            return mirrored
        raise self.wrong(f"{found:02x} is no class byte")

    def number(self) -> int | float:
        """Read the exponent and the fraction of a number above zero."""
        exponent = self.exponent()
        raw = self.text()
        if raw[-1:] == b"\x00":
            raise self.wrong("a fraction ends with zeros")
        bits = len(raw) * 8
        if exponent >= _MOST_BITS or bits >= _MOST_BITS:
            raise self.wrong(f"a number has {max(exponent, bits)} bits, where at most {_MOST_BITS} are read")
        size = int.from_bytes(raw, "big") | (1 << bits)
        shift = exponent - bits
        if shift >= 0:
            return size << shift
        spare = (size & -size).bit_length() - 1  # zero bits at the end
        if spare + shift >= 0:
            return size >> -shift
        if len(raw) > _MOST_FLOAT_BYTES or shift + spare < _LEAST_FLOAT or (size >> spare).bit_length() > 53:
            raise self.wrong("a number is neither whole nor one that a float can be")
        return ldexp(size >> spare, shift + spare)

    def exponent(self) -> int:
        first = self.byte()
        if 0x10 <= first < 0xF0:
            return first - 128
        if 0xF0 <= first < 0xF8:
            exponent = int.from_bytes(self.take(first - 0xEF), "big")
        elif 0x08 <= first < 0x10:
            exponent = -int.from_bytes(self.take(0x10 - first).translate(_COMPLEMENT), "big")
        else:
            raise self.wrong(f"{first:02x} is no beginning of an exponent")
        if _exponent(exponent) != self.data[self.position - len(_exponent(exponent)) : self.position]:
            raise self.wrong("an exponent is longer than it has to be")
        return exponent

    def moment(self, *, aware: bool) -> datetime:
        since = timedelta(microseconds=int.from_bytes(self.take(8), "big") - _MIDDLE)
        if not aware:
            return _EPOCH + since
        try:
            return (_EPOCH + since).replace(tzinfo=UTC)
        except OverflowError:
            # An instant whose year in UTC is 0 or 10000: it is the first or the last there is, in another zone.
            local = datetime.min if since < timedelta(0) else datetime.max
            offset = local - _EPOCH - since
            if not -_DAY < offset < _DAY:
                raise
            return local.replace(tzinfo=timezone(offset))
