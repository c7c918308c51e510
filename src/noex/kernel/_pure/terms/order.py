"""The term order: a total order over values of several types, as Python objects that C code can compare.

`None < numbers < naive datetime < aware datetime < str < bytes < tuple`. `sort_key` turns a value into a flat tuple of
ranks and plain values, so that comparing two of them needs no Python code and never fails::

    "ab"           (4, "ab")
    ("ab", 7)      (6, 4, "ab", 1, 7, END)
    (desc(7),)     (6, -11, -7, END)

A rank stands before each value, so values are only ever compared with their like. A tuple closes with END, lower than
any rank: a tuple comes before those that it is a prefix of. `desc` mirrors a value: ranks below all others, negated
numbers, negated code points, and an end that is higher than any rank.
"""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# Terms are of any type: what they are is found out here.
from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypeAlias

from noex.errors import UnorderableKey, shown

__all__ = ["BEYOND", "FLAT_TERMS", "Desc", "FlatTerms", "SortKey", "prefix_bounds", "sort_key", "with_number"]

SortKey: TypeAlias = tuple[Any, ...]

_NONE, _NUMBER, _NAIVE, _AWARE, _STR, _BYTES, _TUPLE = range(7)
_END: Final = -100  # closes a tuple: lower than every rank
_MIRRORED_END: Final = 100  # closes a mirrored tuple: higher than every rank
_BEYOND: Final = 200  # higher than everything that can stand where a rank stands
_MAX_DEPTH: Final = 32

BEYOND: Final[SortKey] = (_BEYOND,)
"""Ends a bound: above everything that begins as what it is joined to."""

_NAIVE_EPOCH = datetime(1970, 1, 1)  # the zero of naive datetimes is naive
_ORDERABLE = "None, bool, int, float, datetime, str, bytes and tuples of these"


class Desc:
    """A value that sorts in reverse; made by `ets.desc`, for what a `key=` function returns.

    >>> sorted([1, 3, 2], key=lambda n: sort_key((Desc(n),), mirrors=True))
    [3, 2, 1]
    """

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"desc({self.value!r})"


def sort_key(term: object, *, mirrors: bool = False) -> SortKey:
    """Return what stands for `term` in comparisons; equal terms have equal ones.

    O(size of the term). `mirrors` allows `Desc` inside.

    Raises:
        UnorderableKey: a type outside the term order, NaN, or tuples more than 32 deep.

    >>> sort_key(1) == sort_key(1.0) < sort_key("a") < sort_key(b"a") < sort_key(("a",)) < sort_key(("a", None))
    True
    """
    kind = type(term)
    if kind is str:
        return (_STR, term)
    if kind is int:
        return (_NUMBER, term)
    parts: list[Any]
    if kind is tuple:  # what `_append` does, without a call for each part
        parts = [_TUPLE]
        for part in term:  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
            kind = type(part)
            if kind is str:
                parts += (_STR, part)
            elif kind is int:
                parts += (_NUMBER, part)
            else:
                _append(parts, part, 1, 1, mirrors)
        parts.append(_END)
    else:
        parts = []
        _append(parts, term, 0, 1, mirrors)
    return tuple(parts)


def with_number(key: SortKey, number: float) -> SortKey:
    """Return the sort key of the tuple that has another number as its first part.

    >>> with_number(sort_key((1, "ann")), 2) == sort_key((2, "ann"))
    True
    """
    return (_TUPLE, _NUMBER, number, *key[3:])


def prefix_bounds(prefix: object, *, mirrors: bool = False) -> tuple[SortKey, SortKey]:
    """Return the sort keys between which stand all tuples that begin with `prefix`: low taken in, high left out.

    Raises:
        UnorderableKey: as `sort_key`.
        TypeError: it is not a tuple.
    """
    if not isinstance(prefix, tuple):
        raise TypeError(
            f"a prefix is a tuple of the leading parts of a composite key, such as ('user:1',), not {shown(prefix)}"
        )
    low = sort_key(prefix, mirrors=mirrors)[:-1]
    return low, low + BEYOND


class FlatTerms:
    """What is made of sort keys that are flat tuples; `Terms` in `transactions/base.py` says what is asked."""

    __slots__ = ()

    BEYOND: Final = BEYOND
    prefix_bounds = staticmethod(prefix_bounds)

    @staticmethod
    def tie(number: int) -> SortKey:
        """Return what is joined to a mark to put later entries behind earlier ones."""
        return (0, number)


FLAT_TERMS: Final = FlatTerms()


def _append(parts: list[Any], term: Any, depth: int, sign: int, mirrors: bool) -> None:  # noqa: FBT001 - a hot path
    """Append the flat form of `term` to `parts`; `sign` is -1 inside an odd number of mirrors."""
    kind = type(term)
    if kind is str and sign == 1:
        parts += (_STR, term)
    elif kind is int:
        parts += (_rank(_NUMBER, sign), term * sign)
    elif kind is tuple:
        if depth == _MAX_DEPTH:
            raise UnorderableKey(f"tuples nest at most {_MAX_DEPTH} deep; flatten it")
        parts.append(_rank(_TUPLE, sign))
        depth += 1
        for part in term:
            _append(parts, part, depth, sign, mirrors)
        parts.append(_END if sign == 1 else _MIRRORED_END)
    elif term is None:
        parts.append(_rank(_NONE, sign))
    elif isinstance(term, float):
        number = float.__float__(term)
        if number != number:
            raise UnorderableKey("NaN has no place in an order; leave it out, or use None for 'no value'")
        parts += (_rank(_NUMBER, sign), number * sign)
    elif isinstance(term, int):
        parts += (_rank(_NUMBER, sign), int.__int__(term) * sign)
    elif isinstance(term, str):
        _append_text(parts, _STR, str.__str__(term), sign)
    elif isinstance(term, bytes):
        _append_text(parts, _BYTES, bytes.__bytes__(term), sign)
    elif isinstance(term, datetime):
        rank, microseconds = _instant(term)
        parts += (_rank(rank, sign), microseconds * sign)
    elif isinstance(term, tuple):
        _append(parts, tuple[Any, ...].__getitem__(term, slice(None)), depth, sign, mirrors)
    elif isinstance(term, Desc) and mirrors:
        _append(parts, term.value, depth, -sign, mirrors)
    else:
        hint = "desc() is for what a key= function returns" if isinstance(term, Desc) else "give others a place by key="
        raise UnorderableKey(f"{shown(term)} has no place among {_ORDERABLE}; {hint}")


def _append_text(parts: list[Any], rank: int, text: str | bytes, sign: int) -> None:
    if sign == 1:
        parts += (rank, text)
        return
    parts.append(_rank(rank, sign))
    units = map(ord, text) if isinstance(text, str) else text
    parts.extend(-unit for unit in units)
    parts.append(1)  # the end: higher than any negated code point


def _rank(rank: int, sign: int) -> int:
    return rank if sign == 1 else -10 - rank


def _instant(moment: datetime) -> tuple[int, int]:
    """Return rank and microseconds: of a naive datetime since a naive 1970, of an aware one since 1970 in UTC."""
    offset = moment.utcoffset()
    since = datetime.__sub__(datetime.replace(moment, tzinfo=None), _NAIVE_EPOCH)
    if offset is not None:
        since -= offset
    microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return (_NAIVE if offset is None else _AWARE), microseconds
