"""Checks of arguments that several parts take: numbers, whole numbers, limits, functions."""

from __future__ import annotations

import inspect
import math

from noex.errors import shown

__all__ = ["check_function", "check_limit", "check_number", "whole_number"]


def whole_number(value: object, what: str, least: int) -> int:
    """Return the value if it is an int of at least `least`.

    Raises:
        TypeError: it is no int, or a bool.
        ValueError: it is less.

    >>> whole_number(3, "n", 0)
    3
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{what} must be an int, not {value!r}")
    if value < least:
        raise ValueError(f"{what} must be {least} or more, not {value}")
    return value


def check_limit(limit: object) -> None:
    """Raise unless `limit` is None or a count.

    Raises:
        TypeError: it is no int.
        ValueError: it is negative.

    >>> check_limit(-1)
    Traceback (most recent call last):
    ...
    ValueError: limit must be 0 or more, not -1; None means no limit
    """
    if limit is None:
        return
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise TypeError(f"limit must be an int, or None for no limit, not {limit!r}")
    if limit < 0:
        raise ValueError(f"limit must be 0 or more, not {limit}; None means no limit")


def check_number(value: object, what: str, *, infinite: bool = False) -> None:
    """Raise unless the value is an int or a float that one can count with.

    Raises:
        TypeError: it is no int or float, or a bool.
        ValueError: it is NaN, or infinite where that is not allowed.

    >>> check_number(float("nan"), "amount")
    Traceback (most recent call last):
    ...
    ValueError: amount must be a finite number, not nan
    """
    if type(value) is int:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{what} must be an int or a float, not {value!r}")
    if value != value or (not infinite and isinstance(value, float) and math.isinf(value)):
        raise ValueError(f"{what} must be a finite number, not {value!r}")


def check_function(function: object, takes: str) -> None:
    """Raise unless `function` can be called and is done when it returns; `takes` says who wants what function.

    Raises:
        TypeError: it cannot be called, or is a coroutine or generator function.

    >>> check_function(len, "count takes a function of an entry")
    """
    if not callable(function):
        raise TypeError(f"{takes}, not {shown(function)}")
    called = getattr(function, "__call__", None)  # noqa: B004 - of an object, whose class may define it
    for kind, later in _LATER:
        if kind(function) or kind(called):
            raise TypeError(
                f"{takes} that is done when it returns, and {shown(function)} is a {later} function, which has done "
                "nothing then; give a plain function, and await or loop elsewhere"
            )


_LATER = (
    (inspect.iscoroutinefunction, "coroutine"),
    (inspect.isasyncgenfunction, "asynchronous generator"),
    (inspect.isgeneratorfunction, "generator"),
)
