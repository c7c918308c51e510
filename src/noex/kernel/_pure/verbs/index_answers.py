"""Asking the indexes of set kinds: which rows have a value, are in a range, stand where."""

from __future__ import annotations

from functools import partial
from typing import Any

from noex.errors import IndexNotFound
from noex.kernel._pure.ground.hashed import Handle
from noex.kernel._pure.ground.lock import acquire, release
from noex.kernel._pure.ground.row import GONE, Row
from noex.kernel._pure.rows.changes import Part, change
from noex.kernel._pure.rows.scheduled_rows import K, V
from noex.kernel._pure.rows.set_rows import SetRows
from noex.kernel._pure.terms.order import FLAT_TERMS, SortKey
from noex.kernel._pure.watch.hashed_index import HashedIndexRows
from noex.kernel._pure.watch.index_rows import Mark
from noex.kernel._pure.watch.ordered_index import OrderedIndexRows, positions
from noex.kernel._pure.watch.watch import IndexSpec, Watch
from noex.typing import Entry, new_entry

__all__ = ["IndexAnswers"]

Ends = tuple[Any, Any, str]
"""Low and high value, None for an open side, and the bounds."""


class IndexAnswers(SetRows[K, V]):
    """What a set kind answers from its indexes."""

    __slots__ = ()

    _watch: Watch | None
    _handles_are_ordered = False
    _terms = FLAT_TERMS  # what makes sort keys

    def _spec(self, name: str) -> IndexSpec:
        """Return an index by its name.

        Raises:
            IndexNotFound: there is none.
        """
        indexes = self._indexes()
        for index in indexes:
            if index.name == name:
                return index
        known = ", ".join(repr(index.name) for index in indexes) or "none"
        raise IndexNotFound(f"{self._label()} has no index {name!r} (it has {known}); add it with add_index")

    def _indexes(self) -> tuple[IndexSpec, ...]:
        len(self._rows)  # a closed table says so here
        watch = self._watch
        return () if watch is None else watch.indexes

    def _watched(self) -> Watch:
        """Return the table's watch, under the lock, made if there is none."""
        len(self._rows)  # a closed table says so here
        watch = self._watch
        if watch is None:
            watch = self._watch = Watch()
        return watch

    def _use(self, spec: IndexSpec) -> Watch:
        """Take the lock and bring the indexes up to date; `_unuse` follows."""
        acquire()
        try:
            watch = self._watch
            if spec in self._indexes() and watch is not None:
                watch.enter()
                return watch
        except BaseException:
            release()
            raise
        release()
        raise IndexNotFound(f"{spec.rows.label} was dropped; add it again, or ask the table for another")

    @staticmethod
    def _unuse(watch: Watch) -> None:
        watch.leave()
        trash = watch.take_trash()
        release()
        del trash  # finalizers may run now

    def _rows_of(self, handles: list[Handle]) -> list[tuple[Handle, Row]]:
        """Return handles and rows, under the lock."""
        rows = self._rows
        found = [(handle, rows.get(handle)) for handle in handles]
        return [(handle, row) for handle, row in found if row is not None and row is not GONE]

    def _indexed(self, spec: IndexSpec, value: Any) -> list[Entry]:
        """Return the entries with that value: of an ordered set in its order, else as they got it."""
        return [new_entry(Entry, row[:2]) for _, row in self._indexed_rows(spec, value)]

    def _indexed_rows(self, spec: IndexSpec, value: Any) -> list[tuple[Handle, Row]]:
        """Return handles and rows with that value: of an ordered set in its order, else as they got it."""
        now = self._tick_all()
        found = self._marked(spec, value)[1]
        if self._handles_are_ordered:
            found.sort(key=lambda item: item[0])
        return [item for item in found if item[1][2] is None or now < item[1][2]]

    def _marked(self, spec: IndexSpec, value: Any) -> tuple[Mark, list[tuple[Handle, Row]]]:
        """Return the mark of a value, and handles and rows with it."""
        while True:
            mark, _, witness = spec.rows.place(value)
            watch = self._use(spec)
            try:
                index = spec.rows
                handles = index.handles(mark)
                if handles or not isinstance(index, HashedIndexRows) or index._still_absent(mark, witness):
                    return mark, self._rows_of(handles)
            finally:
                self._unuse(watch)

    def _index_count(self, spec: IndexSpec, value: Any) -> int:
        """Return how many entries have that value."""
        return len(self._indexed_rows(spec, value))

    def _index_between(
        self, spec: IndexSpec, ends: Ends, *, reverse: bool = False, limit: int | None = None
    ) -> list[Entry]:
        """Return the entries with values from low to high, in the order of the index."""
        start, stop = self._index_ends(spec, ends)
        found = self._spots_between(spec, start, stop, reverse=reverse, limit=limit)
        return [new_entry(Entry, row[:2]) for _, row in found]

    def _index_ends(self, spec: IndexSpec, ends: Ends) -> tuple[SortKey | None, SortKey | None]:
        """Return between which bounds values from low to high are."""
        low, high, bounds = ends
        start = self._bound(spec, low, beyond=bounds[0] == "(")
        stop = self._bound(spec, high, beyond=bounds[1] == "]")
        return start, stop

    def _index_extent(self, spec: IndexSpec, start: SortKey | None, stop: SortKey | None) -> int:
        """Return how many rows are between two bounds, those that have expired included."""
        watch = self._use(spec)
        try:
            first, last = positions(self._ordered(spec).order, start, stop)
            return last - first
        finally:
            self._unuse(watch)

    def _index_estimate(self, spec: IndexSpec, value: Any) -> int:
        """Return how many rows have that value, or about so many."""
        mark = spec.rows.place(value)[0]
        watch = self._use(spec)
        try:
            return len(spec.rows.handles(mark))
        finally:
            self._unuse(watch)

    def _spots_between(
        self, spec: IndexSpec, start: SortKey | None, stop: SortKey | None, *, reverse: bool, limit: int | None
    ) -> list[tuple[Handle, Row]]:
        self._tick_all()
        watch = self._use(spec)
        try:
            index = self._ordered(spec)
            spots = index.order.slice(*positions(index.order, start, stop, reverse=reverse, limit=limit))
            if reverse:
                spots.reverse()
            return self._rows_of([index.spots[spot] for spot in spots])
        finally:
            self._unuse(watch)

    def _bound(self, spec: IndexSpec, value: Any, *, beyond: bool) -> SortKey | None:
        if value is None:
            return None
        mark: SortKey = spec.mark(value)[0]
        if not spec.ordered:
            raise TypeError(f"{spec.label} has no order; add it with ordered=True for ranges, ranks and ends")
        return mark + self._terms.BEYOND if beyond else mark

    @staticmethod
    def _ordered(spec: IndexSpec) -> OrderedIndexRows:
        index = spec.rows
        if not isinstance(index, OrderedIndexRows):
            raise TypeError(f"{index.label} has no order; add it with ordered=True for ranges, ranks and ends")
        return index

    def _index_rank(self, spec: IndexSpec, key: K) -> int | None:
        """Return how many rows stand before that of the key in the index."""
        handle = self._resolve(key)[0]
        self._tick_all()
        watch = self._use(spec)
        try:
            index = self._ordered(spec)
            spot = index.marks.get(handle)
            return None if spot is None else index.order.rank(spot)
        finally:
            self._unuse(watch)

    def _index_at(self, spec: IndexSpec, position: int) -> Entry:
        """Return the entry at a position of the index.

        Raises:
            IndexError: there are not that many.
        """
        self._tick_all()
        watch = self._use(spec)
        try:
            index = self._ordered(spec)
            size = len(index.order)
            place = position + size if position < 0 else position
            if not 0 <= place < size:
                raise IndexError(f"position {position} is beyond the {size} entries of {index.label}")
            return new_entry(Entry, self._rows[index.spots[index.order.slice(place, place + 1)[0]]][:2])
        finally:
            self._unuse(watch)

    def _index_size(self, spec: IndexSpec) -> int:
        """Return how many rows are in the index."""
        self._tick_all()
        watch = self._use(spec)
        try:
            return len(spec.rows.marks)
        finally:
            self._unuse(watch)

    def _delete_indexed(self, spec: IndexSpec, value: Any) -> int:
        """Remove the rows with that value, all at once; return how many."""
        while True:
            now = self._tick_all()
            mark, found = self._marked(spec, value)
            handles = [handle for handle, _ in found]
            changes = [(handle, row, None, -1) for handle, row in found]
            part = Part(self, changes, now=now, questions=[partial(_are_all, spec, mark, handles)])
            if change([part]):
                return sum(1 for _, row in found if row[2] is None or now < row[2])


def _are_all(spec: IndexSpec, mark: Mark, handles: list[Handle]) -> bool:
    """Tell, under the lock, whether those are all the rows with that mark."""
    return spec.rows.handles(mark) == handles
