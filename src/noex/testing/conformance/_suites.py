"""The four suites, one per kind: which groups of tests make them up."""

from __future__ import annotations

from noex.testing.conformance._bags import BagKinds, OnlyBag, OnlyDuplicateBag
from noex.testing.conformance._closing import Closing
from noex.testing.conformance._every_kind import EveryKind
from noex.testing.conformance._expiry import Expiry
from noex.testing.conformance._keys import EveryKey, HashedKeys
from noex.testing.conformance._mapping import MappingBehaviour
from noex.testing.conformance._ordered_set import OrderedSet
from noex.testing.conformance._set_kinds import SetKinds
from noex.testing.conformance._term_order import TermOrder
from noex.testing.conformance._traversal import Traversal

__all__ = [
    "BagTableConformance",
    "DuplicateBagTableConformance",
    "OrderedSetTableConformance",
    "SetTableConformance",
]


class SetTableConformance(EveryKind, EveryKey, HashedKeys, Traversal, Closing, SetKinds, MappingBehaviour, Expiry):
    """What a `SetTable` must do."""

    kind = "set"


class OrderedSetTableConformance(
    EveryKind, EveryKey, Traversal, Closing, SetKinds, MappingBehaviour, Expiry, OrderedSet, TermOrder
):
    """What an `OrderedSetTable` must do."""

    kind = "ordered_set"


class BagTableConformance(EveryKind, EveryKey, HashedKeys, Traversal, Closing, BagKinds, OnlyBag):
    """What a `BagTable` must do."""

    kind = "bag"


class DuplicateBagTableConformance(EveryKind, EveryKey, HashedKeys, Traversal, Closing, BagKinds, OnlyDuplicateBag):
    """What a `DuplicateBagTable` must do."""

    kind = "duplicate_bag"
