"""The four suites, one per kind: which groups of tests make them up."""

from __future__ import annotations

from noex.testing.conformance._bags import BagKinds, OnlyBag, OnlyDuplicateBag
from noex.testing.conformance._closing import Closing
from noex.testing.conformance._events import Events, EventsOfBags, EventsOfSets
from noex.testing.conformance._every_kind import EveryKind
from noex.testing.conformance._expiry import Expiry
from noex.testing.conformance._index_verbs import IndexVerbs
from noex.testing.conformance._indexes import Indexes
from noex.testing.conformance._keys import EveryKey, HashedKeys
from noex.testing.conformance._mapping import MappingBehaviour
from noex.testing.conformance._ordered_set import OrderedSet
from noex.testing.conformance._owning import Owning
from noex.testing.conformance._queries import Queries, QueriesOverIndexes
from noex.testing.conformance._set_kinds import SetKinds
from noex.testing.conformance._snapshot_round_trips import RoundTrips, RoundTripsOfSets
from noex.testing.conformance._snapshots import Dumps, DumpsOfLifetimes
from noex.testing.conformance._term_order import TermOrder
from noex.testing.conformance._transaction_conflicts import TransactionConflicts
from noex.testing.conformance._transaction_sets import TransactionsOfSets
from noex.testing.conformance._transactions import Transactions
from noex.testing.conformance._traversal import Traversal

__all__ = [
    "BagTableConformance",
    "DuplicateBagTableConformance",
    "OrderedSetTableConformance",
    "SetTableConformance",
]


class _EveryTable(
    EveryKind,
    EveryKey,
    Traversal,
    Queries,
    Closing,
    Dumps,
    RoundTrips,
    Events,
    Transactions,
    TransactionConflicts,
    Owning,
):
    """What tables of every kind must do."""


class _SetKindTable(
    _EveryTable,
    SetKinds,
    QueriesOverIndexes,
    MappingBehaviour,
    Expiry,
    DumpsOfLifetimes,
    RoundTripsOfSets,
    Indexes,
    IndexVerbs,
    EventsOfSets,
    TransactionsOfSets,
):
    """What both set kinds must do."""


class SetTableConformance(_SetKindTable, HashedKeys):
    """What a `SetTable` must do."""

    kind = "set"


class OrderedSetTableConformance(_SetKindTable, OrderedSet, TermOrder):
    """What an `OrderedSetTable` must do."""

    kind = "ordered_set"


class BagTableConformance(_EveryTable, HashedKeys, EventsOfBags, BagKinds, OnlyBag):
    """What a `BagTable` must do."""

    kind = "bag"


class DuplicateBagTableConformance(_EveryTable, HashedKeys, EventsOfBags, BagKinds, OnlyDuplicateBag):
    """What a `DuplicateBagTable` must do."""

    kind = "duplicate_bag"
