"""Values as Python writes them, ints of any length too."""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# Values are of any type: what they are is found out here.
from __future__ import annotations

from typing import Any, Final

__all__ = ["MOST_BITS", "python_text"]

MOST_BITS: Final = 14_000
"""Ints of more bits may have more digits than Python writes: they stand in base 16."""

_BRACKETS: Final[dict[type[Any], tuple[str, str]]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    dict: ("{", "}"),
}


def python_text(value: Any) -> str:
    """Return the `repr` of what was in a snapshot, in base 16 the ints that are too long for Python.

    >>> python_text((1, "a")), python_text([16**5000])[:6]
    ("(1, 'a')", '[0x100')
    """
    try:
        return repr(value)
    except (ValueError, RecursionError):
        pass
    try:
        return _in_parts(value)
    except RecursionError:
        return f"<{type(value).__name__} that is nested too deep to show>"


def _in_parts(value: Any) -> str:
    kind = type(value)
    if kind is int and value.bit_length() > MOST_BITS:
        return hex(value)
    if kind is frozenset:
        return f"frozenset({_in_parts(set(value))})"
    if not value or kind not in _BRACKETS:
        return repr(value)
    if kind is dict:
        parts = [f"{_in_parts(key)}: {_in_parts(part)}" for key, part in value.items()]
    else:
        parts = list(map(_in_parts, value))
    if kind is tuple and len(parts) == 1:
        parts.append("")
    opening, closing = _BRACKETS[kind]
    return f"{opening}{', '.join(parts).rstrip()}{closing}"
