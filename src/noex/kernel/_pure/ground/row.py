"""What a row of a set kind is, and the moments that mean something by themselves."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

__all__ = ["FOREVER", "GONE", "NEVER", "Row"]

Row: TypeAlias = tuple[Any, Any, float | None, float | None]
"""Key, value, deadline, and when to look at it, both in milliseconds of the clock or None. It never changes."""

NEVER: Final = float("-inf")
"""A moment at which nothing has expired yet: the time, for a table without lifetimes."""

FOREVER: Final = float("inf")
"""When something comes due in a table without lifetimes."""

GONE: Final[Row] = (None, None, NEVER, None)
"""Stands, for an instant, for rows that are removed together: a row that expired at the beginning of time."""
