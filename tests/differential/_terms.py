"""Terms of Erlang in Python: the external term format, both ways, and their looks in Erlang's own syntax.

Ints, floats, bytes (binaries), tuples and lists are themselves; atoms are `Atom`, and the atoms `true` and `false` are
`True` and `False`. The format is that of the documentation of `erts`, "External Term Format".
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

__all__ = ["Atom", "OpenList", "decode", "encode", "show"]

VERSION = 131
SMALL_INTEGER, INTEGER, SMALL_BIG, LARGE_BIG, FLOAT = 97, 98, 110, 111, 70
SMALL_TUPLE, LARGE_TUPLE, NIL, STRING, LIST, BINARY = 104, 105, 106, 107, 108, 109
ATOM, SMALL_ATOM_UTF8, ATOM_UTF8 = 100, 119, 118


@dataclass(frozen=True, slots=True)
class Atom:
    """An atom, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class OpenList:
    """A pattern for lists: these elements first, then whatever `rest` matches."""

    elements: tuple[Any, ...]
    rest: Any


def encode(term: Any) -> bytes:
    """Return a term in the external term format."""
    out = bytearray([VERSION])
    _write(out, term)
    return bytes(out)


def _write(out: bytearray, term: Any) -> None:
    kind = cast("type[Any]", type(term))
    if kind is int:
        _write_int(out, term)
    elif kind is bytes:
        out += struct.pack(">BI", BINARY, len(term)) + term
    elif kind is tuple:
        out += bytes([SMALL_TUPLE, len(term)]) if len(term) < 256 else struct.pack(">BI", LARGE_TUPLE, len(term))
        for part in term:
            _write(out, part)
    elif kind is Atom:
        name = term.name.encode()
        out += struct.pack(">BH", ATOM_UTF8, len(name)) + name
    elif kind is bool:
        _write(out, Atom("true" if term else "false"))
    elif kind is list:
        _write_list(out, term, [])
    elif kind is OpenList:
        _write_list(out, term.elements, term.rest)
    elif kind is float:
        out += struct.pack(">Bd", FLOAT, term)
    else:
        raise TypeError(f"{term!r} has no place among the terms; use int, float, bytes, tuple, list, bool or Atom")


def _write_list(out: bytearray, elements: Any, rest: Any) -> None:
    if elements:
        out += struct.pack(">BI", LIST, len(elements))
        for element in elements:
            _write(out, element)
    if rest == []:
        out.append(NIL)
    else:
        _write(out, rest)


def _write_int(out: bytearray, number: int) -> None:
    if 0 <= number < 256:
        out += bytes([SMALL_INTEGER, number])
    elif -(2**31) <= number < 2**31:
        out += struct.pack(">Bi", INTEGER, number)
    else:
        magnitude = abs(number)
        digits = magnitude.to_bytes((magnitude.bit_length() + 7) // 8, "little")
        size = len(digits)
        out += bytes([SMALL_BIG, size]) if size < 256 else struct.pack(">BI", LARGE_BIG, size)
        out.append(number < 0)
        out += digits


def decode(data: bytes) -> Any:
    """Return the term that these bytes are.

    Raises:
        ValueError: a term is of a type that the tests do not use, or bytes are left over.
    """
    if data[0] != VERSION:
        raise ValueError(f"a term begins with the byte {VERSION}, not {data[0]}")
    term, end = _read(data, 1)
    if end != len(data):
        raise ValueError(f"{len(data) - end} bytes are left over after the term {term!r}")
    return term


def _read(data: bytes, at: int) -> tuple[Any, int]:
    tag = data[at]
    at += 1
    if tag == SMALL_INTEGER:
        return data[at], at + 1
    if tag == INTEGER:
        return int.from_bytes(data[at : at + 4], "big", signed=True), at + 4
    if tag == FLOAT:
        return struct.unpack_from(">d", data, at)[0], at + 8
    if tag == NIL:
        return [], at
    if tag in (SMALL_BIG, SMALL_TUPLE, SMALL_ATOM_UTF8):
        size, at = data[at], at + 1
    elif tag in (ATOM, ATOM_UTF8, STRING):
        size, at = int.from_bytes(data[at : at + 2], "big"), at + 2
    else:
        size, at = int.from_bytes(data[at : at + 4], "big"), at + 4
    if tag in (SMALL_TUPLE, LARGE_TUPLE, LIST):
        return _read_parts(data, at, size, is_list=tag == LIST)
    if tag in (SMALL_BIG, LARGE_BIG):
        number = int.from_bytes(data[at + 1 : at + 1 + size], "little")
        return -number if data[at] else number, at + 1 + size
    content, end = data[at : at + size], at + size
    if tag == BINARY:
        return content, end
    if tag == STRING:
        return list(content), end
    if tag in (ATOM, SMALL_ATOM_UTF8, ATOM_UTF8):
        name = content.decode("latin-1" if tag == ATOM else "utf-8")
        return {"true": True, "false": False}.get(name, Atom(name)), end
    raise ValueError(f"the tag {tag} of the external term format is not one that the tests use")


def _read_parts(data: bytes, at: int, size: int, *, is_list: bool) -> tuple[Any, int]:
    parts: list[Any] = []
    for _ in range(size):
        part, at = _read(data, at)
        parts.append(part)
    if not is_list:
        return tuple(parts), at
    rest, at = _read(data, at)
    return parts if rest == [] else OpenList(tuple(parts), rest), at


def show(term: Any) -> str:
    """Return a term as Erlang writes it."""
    if isinstance(term, bool):
        return "true" if term else "false"
    if isinstance(term, Atom):
        plain = term.name.isascii() and term.name.isidentifier() and term.name[0].islower()
        return term.name if plain else f"'{term.name}'"
    if isinstance(term, bytes):
        return f"<<{','.join(map(str, term))}>>"
    if isinstance(term, OpenList):
        return f"[{_show_all(term.elements)} | {show(term.rest)}]"
    kind = type(term).__name__
    if kind == "tuple":
        return f"{{{_show_all(term)}}}"
    return f"[{_show_all(term)}]" if kind == "list" else repr(term)


def _show_all(terms: Iterable[Any]) -> str:
    return ", ".join(map(show, terms))
