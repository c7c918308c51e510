"""Hypothesis strategies for what goes into tables: keys and values.

They need hypothesis (`pip install 'noex[testing]'`).

Each draws mostly from a small pool, so that a test that writes and reads meets the same keys again, in all the guises
in which Python calls them equal: `1`, `1.0` and `True`, `0.0` and `-0.0`, one instant in two time zones.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from copy import copy
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final, TypeAlias
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

__all__ = ["hashable_keys", "in_another_guise", "lifetimes", "numbers", "term_keys", "values"]

Term: TypeAlias = int | float | datetime | str | bytes | tuple[Any, ...] | None

_NOON: Final = datetime(2024, 2, 29, 12)
_EAST: Final = timezone(timedelta(hours=5, minutes=30))

_COMMON_TERMS: Final[list[Term]] = [
    *(None, 0, 1, 2, -1, True, False, 0.0, -0.0, 1.0, 1.5, -math.inf, math.inf),
    *(2**53 + 1, float(2**53), 2**64, 10**400, -(10**400)),
    *(_NOON, _NOON.replace(tzinfo=UTC), (_NOON + timedelta(hours=5, minutes=30)).replace(tzinfo=_EAST)),
    *("", "a", "b", "a\x00", "\ud800", "\uffff", "\U0001f600", b"", b"a", b"a\x00", b"\xff"),
    *((), ("a",), ("a", 1), ("a", 1.0), ("a", 2), ("a", ""), ("a\x00",), ("b", ()), ((),), (("a",), 1), (None,)),
]

_COMMON_OTHERS: Final[list[Hashable]] = [
    *(UUID(int=1), UUID(int=2), Decimal(1), 1j, frozenset({1}), frozenset({1.0}), Ellipsis, int, (UUID(int=1), "x")),
]

_NAN: Final = float("nan")


def numbers() -> SearchStrategy[int | float]:
    """Return a strategy for integers of any size and floats that are neither NaN nor infinite."""
    return st.one_of(
        st.sampled_from([0, 1, -1, 2.5, -0.0, 2**63, -(2**63), 1e300]),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
    )


def term_keys(*, max_leaves: int = 6) -> SearchStrategy[Any]:
    """Return a strategy for keys of the term order, of all its types; `max_leaves` bounds nested tuples."""
    single = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.datetimes(),
        st.datetimes(
            min_value=datetime(1, 1, 3),
            max_value=datetime(9999, 12, 29),
            timezones=st.sampled_from([UTC, _EAST, timezone(timedelta(hours=-11))]),
        ),
        st.text(alphabet=st.characters(codec=None, exclude_categories=())),
        st.binary(),
    )
    anything = st.recursive(
        st.one_of(st.sampled_from(_COMMON_TERMS), single),
        lambda parts: st.lists(parts, max_size=4).map(tuple),
        max_leaves=max_leaves,
    )
    return st.one_of(st.sampled_from(_COMMON_TERMS), anything)


def hashable_keys() -> SearchStrategy[Any]:
    """Return a strategy for keys of the kinds that stand on hashing: terms, and other hashable values."""
    return st.one_of(st.sampled_from(_COMMON_OTHERS), term_keys())


def values() -> SearchStrategy[Any]:
    """Return a strategy for values: of any type, with and without a hash, some equal to others; one NaN object."""
    return st.one_of(
        st.sampled_from([None, 0, 1, 1.0, True, "", "a", _NAN, (1,), (1.0,), frozenset({1})]),
        st.sampled_from([[], [1], [1.0], {1}, {"a": 1}, (1, [2])]).map(copy),
        st.integers(-3, 3),
        st.text(max_size=3),
    )


def lifetimes() -> SearchStrategy[float | timedelta | None]:
    """Return a strategy for lifetimes: none, a few seconds, parts of a second, a `timedelta`."""
    return st.one_of(
        st.none(),
        st.sampled_from([1, 2.0, 0.5, 60, 0.0001, timedelta(minutes=1), timedelta(milliseconds=1)]),
        st.integers(1, 10),
        st.floats(0.001, 10),
    )


def in_another_guise(key: Any) -> Any:
    """Return a key that is equal and another object where Python has one: `1.0` for `1`, another time zone.

    >>> in_another_guise(("a", 1)), in_another_guise(2.0), in_another_guise("a")
    (('a', 1.0), 2, 'a')
    """
    if isinstance(key, tuple):
        return tuple(in_another_guise(part) for part in key)  # pyright: ignore[reportUnknownVariableType]
    if isinstance(key, float) and key.is_integer():
        return int(key)
    if isinstance(key, int) and abs(key) < 2**53:
        return float(key)
    if isinstance(key, datetime) and key.tzinfo is UTC and 2 < key.year < 9998:
        return key.astimezone(_EAST)
    return key
