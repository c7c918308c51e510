"""The indexes of a set kind as a transaction sees them."""

from __future__ import annotations

from typing import Any

from noex.kernel._pure.ground.hashed import Handle
from noex.kernel._pure.ground.row import NEVER, Row
from noex.kernel._pure.queries.access import Access
from noex.kernel._pure.rows.scheduled_rows import K, V
from noex.kernel._pure.terms.order import SortKey
from noex.kernel._pure.transactions.index_view import IndexView
from noex.kernel._pure.transactions.set_view_state import SetViewState
from noex.kernel._pure.watch.ordered_index import positions
from noex.kernel._pure.watch.watch import IndexSpec
from noex.typing import Entry, new_entry

__all__ = ["SetViewIndexes", "by_handle"]


class SetViewIndexes(SetViewState[K, V]):
    """What a transaction is answered from indexes."""

    __slots__ = ()

    def _indexes(self) -> tuple[IndexSpec, ...]:
        indexes: tuple[IndexSpec, ...] = self._table._indexes()
        return indexes

    def _index_view(self, spec: IndexSpec) -> IndexView:
        view = self._views.get(spec.name)
        if view is None or view.spec is not spec:
            view = self._views[spec.name] = IndexView(self, spec)
        return view

    def _indexed_rows(self, spec: IndexSpec, value: Any) -> list[tuple[Handle, Row]]:
        self._tick_all()
        found = self._rows_of(self._index_view(spec).handles(value))
        return sorted(found, key=by_handle) if self._handles_are_ordered else found

    def _spots_between(
        self, spec: IndexSpec, start: SortKey | None, stop: SortKey | None, *, reverse: bool, limit: int | None
    ) -> list[tuple[Handle, Row]]:
        _refuse_unordered(spec)
        self._tick_all()
        view = self._index_view(spec)
        order = view.order()
        spots = order.slice(*positions(order, start, stop, reverse=reverse, limit=limit))
        if reverse:
            spots.reverse()
        return self._rows_of(view.at(spots))

    def _index_rank(self, spec: IndexSpec, key: K) -> int | None:
        _refuse_unordered(spec)
        self._tick_all()
        view = self._index_view(spec)
        spot = view.spot(self._resolve(key)[0])
        return None if spot is None else view.order().rank(spot)

    def _index_at(self, spec: IndexSpec, position: int) -> Entry:
        size = self._index_size(spec)
        _refuse_unordered(spec)
        place = position + size if position < 0 else position
        if not 0 <= place < size:
            raise IndexError(f"position {position} is beyond the {size} entries of {spec.label}")
        view = self._index_view(spec)
        return new_entry(Entry, self._rows_of(view.at(view.order().slice(place, place + 1)))[0][1][:2])

    def _index_size(self, spec: IndexSpec) -> int:
        self._tick_all()
        return self._index_view(spec).size()

    def _candidate_count(self, access: Access) -> int:
        """Return 0: what an access says is always followed, not walked past."""
        return 0

    def _delete_indexed(self, spec: IndexSpec, value: Any) -> int:
        found = self._indexed_rows(spec, value)
        self._change([(handle, row, None, -1) for handle, row in found], NEVER)
        return len(found)


def _refuse_unordered(spec: IndexSpec) -> None:
    if not spec.ordered:
        raise TypeError(f"{spec.label} has no order; add it with ordered=True for ranges, ranks and ends")


def by_handle(item: tuple[SortKey, Row]) -> SortKey:
    return item[0]
