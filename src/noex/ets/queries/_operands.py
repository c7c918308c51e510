"""What expressions compare with: plain values, copied, so that nothing changes an expression afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, cast

from noex.errors import shown

__all__ = ["MOST_LEVELS", "check_glob", "check_part", "check_prefix", "copied", "copied_all"]

MOST_LEVELS: Final = 100
"""How deep expressions nest, and the containers that they compare with."""


class Queried:
    """What is part of a query itself, and so is nothing to compare with; base of terms and expressions."""

    __slots__ = ()


def copied(value: object, levels: int = MOST_LEVELS) -> Any:
    """Return the value; a list, set, dict or bytearray, also one inside of them or of a tuple, is copied.

    Raises:
        TypeError: it is a term or an expression.
        ValueError: it is a container more than 100 levels deep.

    >>> inner = [1]
    >>> copy = copied((inner, 2))
    >>> inner.append(3)
    >>> copy
    ([1], 2)
    """
    kind = type(value)
    if isinstance(value, Queried):
        raise TypeError(
            f"a query compares a part of an entry with a plain value, and {shown(value)} is part of a query; "
            "combine comparisons with &, | and ~, or give a function of key and value"
        )
    if kind not in _CONTAINERS:
        return value
    if not levels:
        raise ValueError(f"a value to compare with nests at most {MOST_LEVELS} levels deep; give a flatter one")
    if kind is bytearray:
        return bytearray(cast("bytearray", value))
    if kind is dict:
        pairs = cast("dict[Any, Any]", value).items()
        return {copied(key, levels - 1): copied(item, levels - 1) for key, item in pairs}
    items = [copied(item, levels - 1) for item in cast("Iterable[Any]", value)]
    return items if kind is list else cast("Any", kind)(items)


_CONTAINERS: Final = frozenset({list, tuple, set, frozenset, dict, bytearray})


def copied_all(values: object) -> tuple[Any, ...]:
    """Return what `is_in` is given as a tuple of copies.

    Raises:
        TypeError: it is text, bytes, or nothing to iterate over; or a part of it is a term or an expression.
        ValueError: as `copied`.
    """
    if isinstance(values, str | bytes | bytearray):
        raise TypeError(f"is_in takes a collection of values, not {shown(values)}; for one value write ==")
    try:
        iterator = iter(cast("Iterable[Any]", values))
    except TypeError:
        raise TypeError(f"is_in takes a collection of values, not {shown(values)}; for one value write ==") from None
    return tuple(copied(value, MOST_LEVELS - 1) for value in iterator)


def check_part(part: object) -> str | int:
    """Return one part of a path to a field.

    Raises:
        TypeError: it is no str and no int.
        ValueError: it is the name of a special attribute.
    """
    if isinstance(part, str):
        if part.startswith("__") and part.endswith("__"):
            raise ValueError(f"row.field takes the names of data, not of special attributes such as {shown(part)}")
        return str.__str__(part)
    if isinstance(part, bool) or not isinstance(part, int):
        raise TypeError(f"row.field takes names and positions, str and int, not {shown(part)}")
    return int.__int__(part)


def check_prefix(prefix: object) -> str | bytes | tuple[Any, ...]:
    """Return what `startswith` is given.

    Raises:
        TypeError: it is no str, bytes or tuple.
        ValueError: as `copied`.
    """
    if isinstance(prefix, str):
        return str.__str__(prefix)
    if isinstance(prefix, bytes):
        return bytes(prefix)
    if isinstance(prefix, tuple):
        return tuple(copied(part, MOST_LEVELS - 1) for part in cast("Any", prefix))
    raise TypeError(f"startswith takes a str, bytes, or a tuple of leading parts, not {shown(prefix)}")


def check_glob(glob: object) -> str:
    """Return what `matches` is given.

    Raises:
        TypeError: it is no str.
        ValueError: it is empty.
    """
    if not isinstance(glob, str):
        raise TypeError(f"matches takes a glob, a str such as 'user:*', not {shown(glob)}")
    if not glob:
        raise ValueError("matches takes a glob of at least one character; for empty text write == ''")
    return str.__str__(glob)
