"""Who is stopped and started again when a child ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias, TypeVar

__all__ = ["AUTO_SHUTDOWNS", "STRATEGIES", "AutoShutdown", "Strategy", "affected"]

Strategy: TypeAlias = Literal["one_for_one", "one_for_all", "rest_for_one"]
"""Who goes with a child that is restarted: nobody; all the others; those started after it."""

AutoShutdown: TypeAlias = Literal["never", "any_significant", "all_significant"]
"""When the ends of significant children end their supervisor: never; the first of them; the last."""

STRATEGIES: Final = ("one_for_one", "one_for_all", "rest_for_one")
AUTO_SHUTDOWNS: Final = ("never", "any_significant", "all_significant")

T = TypeVar("T")


def affected(strategy: Strategy, children: Sequence[T], ended: T) -> list[T]:
    """Return the children that are restarted with the one that has ended, and that one, in the order of `children`.

    O(children).

    >>> affected("rest_for_one", ["a", "b", "c"], "b")
    ['b', 'c']
    """
    if strategy == "one_for_one":
        return [ended]
    if strategy == "one_for_all":
        return [*children]
    return [*children[children.index(ended) :]]
