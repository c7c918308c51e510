"""The ordered set as a transaction sees it."""

# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# Verbs of the base are taken over as they are.
from __future__ import annotations

from typing import Any

from noex.kernel._pure.ground.row import Row
from noex.kernel._pure.ordered_set_table import OrderedSetTable
from noex.kernel._pure.rows.scheduled_rows import K, V
from noex.kernel._pure.terms.order import SortKey
from noex.kernel._pure.transactions.attempt import Attempt
from noex.kernel._pure.transactions.merged_order import MergedOrder
from noex.kernel._pure.transactions.set_view_indexes import by_handle
from noex.kernel._pure.transactions.set_views import OVERLAY_SLOTS, SetOverlayBase
from noex.kernel._pure.verbs.set_verbs import SetVerbs

__all__ = ["OrderedSetOverlay"]


class OrderedSetOverlay(SetOverlayBase[K, V], OrderedSetTable[K, V]):
    """An ordered set as a transaction sees it."""

    __slots__ = (*OVERLAY_SLOTS, "_mine")

    _mine: MergedOrder

    insert = SetVerbs.insert
    delete = SetVerbs.delete
    _pop_entry = OrderedSetTable._pop_entry

    def _begin(self, table: Any, attempt: Attempt) -> None:
        super()._begin(table, attempt)
        self._key = table._key
        self._mine = MergedOrder(self._ask_order)

    def _write(self, handle: SortKey, new: Row | None) -> None:
        super()._write(handle, new)
        self._mine.note(handle, stood=self._reads[handle][0] is not None, stands=new is not None)

    def _ask_order(self, question: str, *arguments: Any) -> Any:
        return self._ask(self._table._ask_order, question, *arguments)

    def _sort_key(self, key: Any) -> SortKey:
        handle: SortKey = self._table._sort_key(key)
        return handle

    def _enter(self) -> Any:
        return self._mine

    def _leave(self) -> None:
        """Nothing: there is no lock to let go of."""

    def _snapshot(self) -> list[Any]:
        return sorted(super()._snapshot(), key=by_handle)
