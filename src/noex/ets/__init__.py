"""Tables: Erlang's ETS for Python, in four kinds.

===================  ==================================================  ==========================
class                keeps                                               use it for
===================  ==================================================  ==========================
`SetTable`           one value per key                                   what a dict is used for
`OrderedSetTable`    one value per key, in the order of the keys         ranges, queues, rankings
`BagTable`           each pair of key and value once                     tags, permissions, members
`DuplicateBagTable`  every entry                                         events, logs, samples
===================  ==================================================  ==========================

Layout, each above those it imports: `_store` makes and finds tables; `_set_table`, `_ordered_set_table` and
`_bag_tables` are the kinds, each a kernel class with cold verbs added; `_names` keeps names; `_mapping` makes set kinds
mappings, `_indexes` indexes them, `_bag_walks` walks bags, `_events` tells of changes; `_table` is what all kinds
share. `_transactions` has what a transaction sees; `queries/` the expressions over `row` and the verbs that take them;
`snapshots/` tables in files; `_terms` the encoding of keys.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from noex.ets._bag_tables import BagTable, DuplicateBagTable
from noex.ets._indexes import Index
from noex.ets._info import TableInfo
from noex.ets._ordered_set_table import OrderedSetTable, desc
from noex.ets._set_table import SetTable
from noex.ets._store import Store, new, tables, transact, whereis
from noex.ets._table import Table
from noex.ets._terms import decode_term, encode_term
from noex.ets._transactions import Transaction
from noex.ets.queries import Expression, Plan, row
from noex.kernel import Subscription
from noex.typing import DEFAULT, DELETE, MISSING, Entry, TableEvent

if TYPE_CHECKING:
    from noex.ets.snapshots._info import SnapshotInfo, snapshot_info
    from noex.ets.snapshots._load import load

__all__ = [
    "DEFAULT",
    "DELETE",
    "MISSING",
    "BagTable",
    "DuplicateBagTable",
    "Entry",
    "Expression",
    "Index",
    "OrderedSetTable",
    "Plan",
    "SetTable",
    "SnapshotInfo",
    "Store",
    "Subscription",
    "Table",
    "TableEvent",
    "TableInfo",
    "Transaction",
    "decode_term",
    "desc",
    "encode_term",
    "load",
    "new",
    "row",
    "snapshot_info",
    "tables",
    "transact",
    "whereis",
]

_SNAPSHOTS = {"SnapshotInfo": "_info", "load": "_load", "snapshot_info": "_info"}


def __getattr__(name: str) -> Any:
    """Import what is about snapshots when it is asked for: not everybody who imports noex needs msgspec."""
    if name not in _SNAPSHOTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"noex.ets.snapshots.{_SNAPSHOTS[name]}"), name)
    globals()[name] = value
    return value
