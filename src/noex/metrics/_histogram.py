"""Observations sorted into buckets: one slot per bucket, so that an observation touches one of them.

The exposition wants cumulative counts (how many were at most `le`); they are added up when it is made.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from noex.errors import MetricError

if TYPE_CHECKING:
    from noex.typing import Number

__all__ = ["DEFAULT_BUCKETS", "Histogram", "HistogramCut", "add", "check_bounds"]

DEFAULT_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The usual upper bounds for seconds that requests take; a bucket for everything above is always there."""


class HistogramCut(NamedTuple):
    """A histogram at one moment: upper bounds, how many observations are at most each (the last: all), their sum."""

    bounds: tuple[float, ...]
    cumulative: list[int]
    sum: Number


class Histogram:
    """The observations of one series. Its owner keeps the lock, and finds a slot with `bisect_left(bounds, value)`."""

    __slots__ = ("bounds", "slots", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.slots = [0] * (len(bounds) + 1)  # the last one: above all bounds
        self.sum: Number = 0

    def cut(self) -> HistogramCut:
        """Return the histogram as it is now. O(buckets).

        >>> histogram = Histogram((1.0, 2.0))
        >>> histogram.slots[1] += 3
        >>> histogram.cut()
        HistogramCut(bounds=(1.0, 2.0), cumulative=[0, 3, 3], sum=0)
        """
        return HistogramCut(self.bounds, list(accumulate(self.slots)), self.sum)


def check_bounds(name: str, buckets: object) -> tuple[float, ...]:
    """Return the upper bounds of a histogram's buckets, without the infinite one, which is always there.

    >>> check_bounds("x", [1, 10, float("inf")])
    (1.0, 10.0)
    """
    if isinstance(buckets, (str, bytes)) or not isinstance(buckets, Iterable):
        raise MetricError(f"buckets of histogram {name!r} must be upper bounds such as (1, 10, 100), not {buckets!r}")
    given = list(cast("Iterable[object]", buckets))
    bounds: list[float] = []
    for bound in given:
        if isinstance(bound, bool) or not isinstance(bound, (int, float)):
            raise MetricError(f"a bucket of histogram {name!r} must be an int or a float, not {bound!r}")
        bounds.append(_float(bound))
    if bounds and bounds[-1] == math.inf:
        bounds.pop()
    if not bounds or not all(map(math.isfinite, bounds)):
        raise MetricError(f"buckets of histogram {name!r} must have finite upper bounds, at least one, not {given!r}")
    if any(low >= high for low, high in pairwise(bounds)):
        raise MetricError(f"buckets of histogram {name!r} must ascend, without repetition, not {given!r}; sort them")
    return tuple(bounds)


def add(total: Number, amount: Number) -> Number:
    """Add as floats do when an int is too large to become one: to infinity, where plain `+` raises OverflowError.

    >>> add(10**400, 0.5)
    inf
    """
    return _float(total) + _float(amount)


def _float(number: Number) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf
