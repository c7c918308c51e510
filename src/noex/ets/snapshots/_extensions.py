"""Values from MessagePack: what each of its extensions stands for.

A file may hold anything, whatever its checksums say. So each part is of the type that is written there, and none is a
number that something is made of at its size: a value takes no more memory than in proportion to its bytes.
"""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# Parts are of any type: what they are is found out here.
from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, Final, NoReturn
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec.msgpack import Decoder

__all__ = [
    "BYTEARRAY",
    "DATE",
    "DATETIME",
    "DECIMAL",
    "DICT",
    "FROZENSET",
    "INT",
    "SET",
    "TEXT",
    "TIME",
    "TIMEDELTA",
    "TUPLE",
    "UUID_",
    "comes_back",
    "unpack",
]

INT, TEXT, BYTEARRAY, TUPLE, SET, FROZENSET, DICT = range(1, 8)
DATETIME, DATE, TIME, TIMEDELTA, UUID_, DECIMAL = range(8, 14)


class _Merged(ValueError):
    """Two keys of a dict, or two elements of a set, are equal."""


def unpack(data: bytes | memoryview) -> Any:
    r"""Return the value that `pack` made these bytes of. O(size).

    Raises:
        Exception: they are not such bytes; of which class depends on what is wrong.

    >>> unpack(b"\x92\x01\xa1a")
    [1, 'a']
    """
    return _decode(data)


def comes_back(code: int, data: bytes) -> bool:
    """Tell whether keys or elements that were different still are. O(size)."""
    try:
        _restored(code, memoryview(data))
    except _Merged:
        return False
    return True


def _restored(code: int, data: memoryview) -> Any:
    """Return what an extension stands for."""
    if code == INT:
        return int.from_bytes(data, "big", signed=True)
    if code == TEXT:
        return str(data, "utf-8", "surrogatepass")
    if code not in _READERS:
        raise ValueError(f"a value of the unknown kind {code}; read it with the version of noex that wrote it")
    parts = _decode(data)
    if type(parts) is not list:
        _wrong(code)
    return _READERS[code](parts)


_decode: Final = Decoder(ext_hook=_restored).decode


def _wrong(code: int) -> NoReturn:
    raise ValueError(f"a value of the kind {code} is not made of what is stored for it")


def _types_are(parts: list[Any], code: int, *types: type[Any]) -> list[Any]:
    """Return the parts, of exactly these types."""
    if tuple(map(type, parts)) != types:
        _wrong(code)
    return parts


def _bytearray_of(parts: list[Any]) -> bytearray:
    return bytearray(_types_are(parts, BYTEARRAY, bytes)[0])


def _set_of(parts: list[Any]) -> set[Any]:
    found = set(parts)
    if len(found) != len(parts):
        raise _Merged("two elements of a set are equal")
    return found


def _frozenset_of(parts: list[Any]) -> frozenset[Any]:
    found = frozenset(parts)
    if len(found) != len(parts):
        raise _Merged("two elements of a frozenset are equal")
    return found


def _dict_of(parts: list[Any]) -> dict[Any, Any]:
    found = dict(zip(parts[::2], parts[1::2], strict=True))
    if 2 * len(found) != len(parts):
        raise _Merged("two keys of a dict are equal")
    return found


def _datetime_of(parts: list[Any]) -> datetime:
    *numbers, fold, zone = _types_are(parts, DATETIME, *[int] * 8, *map(type, parts[-1:]))
    return datetime(*numbers).replace(fold=fold, tzinfo=_zone_of(zone))


def _date_of(parts: list[Any]) -> date:
    return date.fromordinal(*_types_are(parts, DATE, int))


def _time_of(parts: list[Any]) -> time:
    *numbers, fold, zone = _types_are(parts, TIME, *[int] * 5, *map(type, parts[-1:]))
    return time(*numbers).replace(fold=fold, tzinfo=_zone_of(zone))


def _timedelta_of(parts: list[Any]) -> timedelta:
    return timedelta(*_types_are(parts, TIMEDELTA, int, int, int))


def _zone_of(stored: Any) -> tzinfo | None:
    if stored is None:
        return None
    if type(stored) is str:
        return ZoneInfo(stored)
    if type(stored) is not list:
        _wrong(DATETIME)
    return timezone(_timedelta_of(stored[:3]), *_types_are(stored[3:], DATETIME, *[str] * (len(stored) == 4)))


def _uuid_of(parts: list[Any]) -> UUID:
    return UUID(bytes=_types_are(parts, UUID_, bytes)[0])


def _decimal_of(parts: list[Any]) -> Decimal:
    return Decimal(_types_are(parts, DECIMAL, str)[0])


_READERS: Final[dict[int, Callable[[list[Any]], Any]]] = {
    BYTEARRAY: _bytearray_of,
    TUPLE: tuple,
    SET: _set_of,
    FROZENSET: _frozenset_of,
    DICT: _dict_of,
    DATETIME: _datetime_of,
    DATE: _date_of,
    TIME: _time_of,
    TIMEDELTA: _timedelta_of,
    UUID_: _uuid_of,
    DECIMAL: _decimal_of,
}
