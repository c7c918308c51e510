"""Where a query looks: plain tuples, made by the planner and followed by the tables.

::

    ("scan",)                                  everywhere
    ("key", (key, ...))                        under these keys
    ("range", low, high, bounds)               an ordered set's keys from low to high
    ("prefix", beginning)                      an ordered set's tuples that begin so
    ("index", spec, (value, ...))              where an index has these values
    ("index range", spec, low, high, bounds)   where an ordered index has values from low to high
    ("index prefix", spec, beginning)          where it has tuples that begin so
    ("union", access, ...)                     where one of these says

The access only narrows the search: every row is tested as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

__all__ = ["SCAN", "Access", "Test"]

Access: TypeAlias = tuple[Any, ...]

Test: TypeAlias = Callable[[Any, Any], object]
"""A function of key and value whose truth says whether an entry is wanted."""

SCAN: Access = ("scan",)
