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
mappings; `_table` is what all kinds share.
"""

from __future__ import annotations

from noex.ets._bag_tables import BagTable, DuplicateBagTable
from noex.ets._info import TableInfo
from noex.ets._ordered_set_table import OrderedSetTable, desc
from noex.ets._set_table import SetTable
from noex.ets._store import Store, new, tables, whereis
from noex.ets._table import Table
from noex.typing import DEFAULT, DELETE, MISSING, Entry

__all__ = [
    "DEFAULT",
    "DELETE",
    "MISSING",
    "BagTable",
    "DuplicateBagTable",
    "Entry",
    "OrderedSetTable",
    "SetTable",
    "Store",
    "Table",
    "TableInfo",
    "desc",
    "new",
    "tables",
    "whereis",
]
