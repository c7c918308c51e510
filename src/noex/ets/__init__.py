"""Tables: Erlang's ETS for Python, in four kinds.

===================  ==================================================  ==========================
class                keeps                                               use it for
===================  ==================================================  ==========================
`SetTable`           one value per key                                   what a dict is used for
`OrderedSetTable`    one value per key, in the order of the keys         ranges, queues, rankings
`BagTable`           each pair of key and value once                     tags, permissions, members
`DuplicateBagTable`  every entry                                         events, logs, samples
===================  ==================================================  ==========================

Layout: `_store` keeps names; `_table` is what all kinds share; `_mapping` makes set kinds mappings; the kinds are in
`_set_table`, `_ordered_set_table` and `_bag_tables`, each a kernel class with cold verbs added.
"""

from __future__ import annotations

from typing import Any, Literal, overload

from noex.ets._bag_tables import BagTable, DuplicateBagTable
from noex.ets._info import TableInfo
from noex.ets._ordered_set_table import OrderedSetTable, desc
from noex.ets._set_table import SetTable
from noex.ets._store import Store, default_store, tables, whereis
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


@overload
def new(
    name: str | None = None, kind: Literal["set"] = "set", *, store: Store | None = None, **options: Any
) -> SetTable[Any, Any]: ...
@overload
def new(
    name: str | None = None, *, kind: Literal["ordered_set"], store: Store | None = None, **options: Any
) -> OrderedSetTable[Any, Any]: ...
@overload
def new(
    name: str | None, kind: Literal["ordered_set"], *, store: Store | None = None, **options: Any
) -> OrderedSetTable[Any, Any]: ...
@overload
def new(
    name: str | None = None, *, kind: Literal["bag"], store: Store | None = None, **options: Any
) -> BagTable[Any, Any]: ...
@overload
def new(
    name: str | None, kind: Literal["bag"], *, store: Store | None = None, **options: Any
) -> BagTable[Any, Any]: ...
@overload
def new(
    name: str | None = None, *, kind: Literal["duplicate_bag"], store: Store | None = None, **options: Any
) -> DuplicateBagTable[Any, Any]: ...
@overload
def new(
    name: str | None, kind: Literal["duplicate_bag"], *, store: Store | None = None, **options: Any
) -> DuplicateBagTable[Any, Any]: ...
def new(name: str | None = None, kind: str = "set", *, store: Store | None = None, **options: Any) -> Table[Any, Any]:
    """Make a table whose kind is data, in the default store unless another is given.

    The options are those of the kind's class. O(1). Atomic.

    Raises:
        ValueError: there is no such kind.
        TableExists: the name is taken.
        TypeError: there is no such option.

    >>> from noex import ets
    >>> ets.new(kind="bag")
    <BagTable engine='memory' size=0>
    """
    return (default_store if store is None else store).new(name, kind, **options)
