"""What the two set kinds share, beside the verbs of their kernel classes."""

from __future__ import annotations

from typing import TypeVar

from noex.ets._events import Observable
from noex.ets._indexes import Indexed
from noex.ets._mapping import SetMapping
from noex.ets._table import Table
from noex.ets.queries import UpdatingQueries
from noex.ets.snapshots._dump import DumpingSet

__all__ = ["SetKind"]

K = TypeVar("K")
V = TypeVar("V")


class SetKind(SetMapping[K, V], Indexed[K, V], UpdatingQueries[K, V], Observable, DumpingSet[K, V], Table[K, V]):
    """A mapping with indexes, queries, events and snapshots."""

    __slots__ = ()
