"""Values as MessagePack, with the types that they have.

What MessagePack has of its own (None, bool, ints of 64 bits, floats, text, bytes, lists, dicts with plain keys) is
written so, by C code. Everything else is an extension: a code, and bytes, which but for ints and text are MessagePack
again: a list of parts. `_extensions` reads them.

Dataclasses, Structs, NamedTuples and enums are stored by their fields and come back without their class, which
`msgspec.convert` gives to them again. Any other class is refused: nothing is pickled, so no file can run code.
"""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# Values are of any type: what they are is found out here.
from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec.msgpack import Encoder, Ext

from noex.errors import shown
from noex.ets.snapshots._extensions import (
    BYTEARRAY,
    DATE,
    DATETIME,
    DECIMAL,
    DICT,
    FROZENSET,
    INT,
    SET,
    TEXT,
    TIME,
    TIMEDELTA,
    TUPLE,
    UUID_,
    comes_back,
)

__all__ = ["Unstorable", "pack"]

_MOST_DEPTH: Final = 128

_SCALARS: Final = frozenset({type(None), bool, int, float, str, bytes})
_BUILTINS: Final = (int, float, str, bytes, bytearray, list, tuple, dict, set, frozenset, date, time, timedelta, tzinfo)

_PLAIN_TYPES: Final = (
    "None, bool, int, float, str, bytes, bytearray, list, tuple, set, frozenset, dict, datetime, date, time, "
    "timedelta, UUID, Decimal, and dataclasses, msgspec Structs, NamedTuples and enums of these"
)


class Unstorable(Exception):
    """A value, or something in it, cannot be stored; who catches it knows the key and the table to name."""


_encode: Final = Encoder().encode


def pack(value: object, *, as_key: bool = False) -> bytes:
    r"""Return the value as MessagePack. O(size).

    `as_key` refuses what would come back unequal to what it was.

    Raises:
        Unstorable: there is something in it that cannot be stored.

    >>> pack([1, "a"])
    b'\x92\x01\xa1a'
    """
    try:
        if _is_plain(value, _MOST_DEPTH):
            try:
                return _encode(value)
            except (OverflowError, UnicodeEncodeError):
                pass  # a big int or a surrogate somewhere inside
        return _encode(_prepared(value, _MOST_DEPTH, as_key))
    except RecursionError:
        raise _too_deep() from None


def _is_plain(value: Any, depth: int) -> bool:
    """Tell whether MessagePack, as it is, gives back such a value with its types."""
    kind = type(value)
    if kind in _SCALARS:
        return True
    if not depth:
        return False
    if kind is list:
        return all(type(part) in _SCALARS or _is_plain(part, depth - 1) for part in value)
    if kind is dict:
        for key, part in value.items():
            if type(key) not in _SCALARS or (type(part) not in _SCALARS and not _is_plain(part, depth - 1)):
                return False
        return True
    return False


def _prepared(value: Any, depth: int, hashed: bool) -> Any:  # noqa: FBT001 - called for every part
    """Return what MessagePack, as it is, writes for the value; `hashed` where it is a key or an element of a set."""
    kind = type(value)
    if kind is str:
        return value if _has_utf8(value) else Ext(TEXT, value.encode("utf-8", "surrogatepass"))
    if kind is int:
        return value if _is_short(value) else Ext(INT, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))
    if kind in _SCALARS:
        return value
    if not depth:
        raise _too_deep()
    if kind is list:
        return [_prepared(part, depth - 1, hashed) for part in value]
    if kind is dict:
        return _prepared_dict(value, depth, hashed)
    if kind in _WRITERS:
        code, plain = _WRITERS[kind]
        data = _encode([_prepared(part, depth - 1, hashed or code in _HASHING) for part in plain(value)])
        if code in _HASHING:
            _check_size(code, data, value, value)
        return Ext(code, data)
    return _prepared(_fields_of(value, hashed), depth - 1, hashed)


def _prepared_dict(value: dict[Any, Any], depth: int, hashed: bool) -> Any:  # noqa: FBT001 - as above
    if all(
        type(key) in _SCALARS and (type(key) is not int or _is_short(key)) and (type(key) is not str or _has_utf8(key))
        for key in value
    ):
        return {key: _prepared(part, depth - 1, hashed) for key, part in value.items()}
    parts: list[Any] = []
    for key, part in value.items():
        parts += (_prepared(key, depth - 1, True), _prepared(part, depth - 1, hashed))  # noqa: FBT003
    data = _encode(parts)
    _check_size(DICT, data, value, value)
    return Ext(DICT, data)


def _check_size(code: int, data: bytes, value: Any, parts: Iterable[Any]) -> None:
    """Refuse keys or elements that differ only by a class that is not stored."""
    if not all(type(part) in _SCALARS for part in parts) and not comes_back(code, data):
        raise Unstorable(
            f"two keys or elements of {shown(value)} come back as one, as their class is not stored; "
            "use plain ones that differ"
        )


def _has_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_short(number: int) -> bool:
    return -(1 << 63) <= number < 1 << 64


def _too_deep() -> Unstorable:
    return Unstorable(f"it is nested more than {_MOST_DEPTH} deep, or contains itself; flatten it")


def _fields_of(value: Any, hashed: bool) -> Any:  # noqa: FBT001 - as above
    """Return what stands for an object of a class: its value, its parts, or a dict of its fields."""
    kind = type(value)
    if isinstance(value, Enum):
        if hashed and not isinstance(value, (str, int)):
            raise Unstorable(f"{shown(value)} is an enum that comes back as its value, unequal to it; use the value")
        return value.value
    if isinstance(value, tuple) and isinstance(getattr(kind, "_fields", None), tuple):
        return tuple.__getitem__(value, slice(None))
    if not isinstance(value, _BUILTINS):
        fields: dict[Any, Any] | list[Any] | None = None
        if isinstance(value, msgspec.Struct):
            fields = _fields_of_struct(value)
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {field.name: _field(value, field.name) for field in dataclasses.fields(value)}
        if fields is not None:
            if hashed:
                raise Unstorable(
                    f"{shown(value)} would come back as its fields, which cannot be a key or an element of a set; "
                    "use a tuple of them"
                )
            return fields
    raise Unstorable(f"{shown(value)} is of the class {kind.__qualname__}; what can be stored are {_PLAIN_TYPES}")


def _fields_of_struct(value: msgspec.Struct) -> dict[Any, Any] | list[Any]:
    """Return the fields as msgspec itself encodes them, so that it can read them again."""
    config = value.__struct_config__
    if config.array_like:
        parts = [_field(value, name) for name in value.__struct_fields__]
        return parts if config.tag is None else [config.tag, *parts]
    fields: dict[Any, Any] = {} if config.tag is None else {config.tag_field: config.tag}
    for name, encoded in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
        part = _field(value, name)
        if part is not msgspec.UNSET:
            fields[encoded] = part
    return fields


def _field(value: Any, name: str) -> Any:
    try:
        return getattr(value, name)
    except AttributeError:
        raise Unstorable(f"the field {name!r} of a {type(value).__qualname__} has no value; give it one") from None


def _zone(zone: tzinfo | None) -> Any:
    """Return what tells the zone: its key, or its offset and name."""
    if zone is None:
        return None
    if type(zone) is timezone:
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        return [*_timedelta(offset), *name]
    if type(zone) is ZoneInfo and isinstance(zone.key, str):
        return zone.key
    raise Unstorable(
        f"the time zone {shown(zone)} is neither a datetime.timezone nor a ZoneInfo with a key; use one of these"
    )


def _datetime(value: datetime) -> list[Any]:
    return [value.year, value.month, value.day, *_time(value)]


def _time(value: time | datetime) -> list[Any]:
    return [value.hour, value.minute, value.second, value.microsecond, value.fold, _zone(value.tzinfo)]


def _timedelta(value: timedelta) -> list[Any]:
    return [value.days, value.seconds, value.microseconds]


_HASHING: Final = frozenset({SET, FROZENSET})

_WRITERS: Final[dict[type[Any], tuple[int, Callable[[Any], Iterable[Any]]]]] = {
    bytearray: (BYTEARRAY, lambda value: [bytes(value)]),
    tuple: (TUPLE, lambda value: value),
    set: (SET, lambda value: value),
    frozenset: (FROZENSET, lambda value: value),
    datetime: (DATETIME, _datetime),
    date: (DATE, lambda value: [value.toordinal()]),
    time: (TIME, _time),
    timedelta: (TIMEDELTA, _timedelta),
    UUID: (UUID_, lambda value: [value.bytes]),
    Decimal: (DECIMAL, lambda value: [str(value)]),
}
