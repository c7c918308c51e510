"""Families and series: the rows of the collector's tables, and which families may stand beside each other.

A family takes every name under which its samples are exposed for itself, so that no two families can come to the same
one. The table of families has a row for each such name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from noex.errors import MetricError
from noex.metrics._histogram import DEFAULT_BUCKETS, Histogram
from noex.metrics._names import claimed_names

if TYPE_CHECKING:
    from noex.ets import SetTable
    from noex.metrics._names import Kind, Labels, Spelling
    from noex.typing import Number

__all__ = ["DROPPED", "Family", "Series", "join"]

DROPPED: Final = "noex_metrics_dropped_samples"
"""The counter of samples that a family's limit turned away; nobody else may have the name."""


class Family:
    """What all series of one name have in common, and how many there are."""

    __slots__ = ("bounds", "kind", "labels", "name", "size")

    def __init__(self, kind: Kind, name: str, labels: tuple[str, ...], bounds: tuple[float, ...] | None) -> None:
        self.kind: Kind = kind
        self.name = name
        self.labels = labels
        self.bounds = bounds
        self.size = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r}"


class Series:
    """One series; a counter's or gauge's number is `value`, a histogram's observations are in `histogram`."""

    __slots__ = ("family", "histogram", "kind", "labels", "spelling", "value")

    def __init__(self, family: Family, labels: Labels, spelling: Spelling) -> None:
        self.family = family
        self.kind: Kind = family.kind
        self.labels = labels
        self.spelling = spelling  # the canonical one
        self.value: Number = 0
        self.histogram = None if family.bounds is None else Histogram(family.bounds)


def join(
    families: SetTable[str, Family], kind: Kind, name: str, labels: tuple[str, ...], bounds: tuple[float, ...] | None
) -> Family:
    """Return the family of a call, made if it is new; without bounds, a histogram's are as they are, or the usual ones.

    O(labels + buckets). The caller has the lock.

    Raises:
        MetricError: the call does not agree with the family of that name, or names collide.
    """
    family = families.lookup(name)
    if family is not None and family.name == name:
        if family.kind != kind:
            raise MetricError(f"{family} cannot be used as a {kind} too; choose another name for one of them")
        if family.labels != labels:
            raise MetricError(f"{family} has {_listed(family.labels)}, not {_listed(labels)}; use the same everywhere")
        if bounds is not None and family.bounds != bounds:
            raise MetricError(f"{family} has the buckets {family.bounds!r}, not {bounds!r}; use the same everywhere")
        return family
    names = claimed_names(kind, name)
    for claimed in names:
        other = families.lookup(claimed)
        if other is not None or claimed.removesuffix("_total") == DROPPED:
            raise MetricError(
                f"{kind} {name!r} collides with {other or 'what noex counts itself'}: both would be exposed with "
                f"the name {claimed!r}; choose another name"
            )
    if kind == "histogram" and bounds is None:
        bounds = DEFAULT_BUCKETS
    family = Family(kind, name, labels, bounds)
    if not families.insert_new(name, family):
        return join(families, kind, name, labels, bounds)  # a finalizer that struck in here was first
    families.insert_many((claimed, family) for claimed in names)
    return family


def _listed(labels: tuple[str, ...]) -> str:
    return f"the labels {', '.join(map(repr, labels))}" if labels else "no labels"
