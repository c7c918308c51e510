"""Answering queries: fetching the rows among which the answer is, and changing those that match."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from noex.errors import IndexNotFound
from noex.kernel._pure.ground.hashed import Handle
from noex.kernel._pure.ground.lock import acquire, release
from noex.kernel._pure.ground.row import Row
from noex.kernel._pure.queries.access import Access, Test
from noex.kernel._pure.rows.scheduled_rows import K, V
from noex.kernel._pure.terms.order import SortKey
from noex.kernel._pure.verbs.read_modify_write import ReadModifyWrite
from noex.kernel._pure.watch.hashed_index import HashedIndexRows
from noex.kernel._pure.watch.index_rows import IndexRows, Placed
from noex.kernel._pure.watch.ordered_index import positions
from noex.kernel._pure.watch.watch import IndexSpec
from noex.typing import DELETE

__all__ = ["Gatherer", "Selecting"]


Gatherer: TypeAlias = Callable[[], "list[Handle] | None"]
"""Returns handles, under the lock and with the indexes up to date; None if what was worked out is out of date."""


class Selecting(ReadModifyWrite[K, V]):
    """What set kinds do for queries."""

    __slots__ = ()

    def _candidates(self, access: Access) -> list[tuple[Handle, Row]]:
        """Return handles and live rows of where the access says, in the table's order if it has one."""
        return self._located(access)

    def _located(self, access: Access) -> list[tuple[Handle, Row]]:
        """Return handles and live rows of where the access says, each once, as they stand at one instant."""
        while access[0] != "scan":
            try:
                gather = self._gatherer(access)
                now = self._tick_all()
                found = self._gathered(gather)
            except IndexNotFound:  # it was dropped since the access was worked out
                break
            if found is not None:
                return [item for item in found if item[1][2] is None or now < item[1][2]]
        return self._snapshot()

    def _gathered(self, gather: Gatherer) -> list[tuple[Handle, Row]] | None:
        trash: list[Any] = []  # dropped when the lock is free
        acquire()
        try:
            watch = self._watch
            if watch is None:
                handles = gather()
            else:
                watch.enter()
                try:
                    handles = gather()
                finally:
                    watch.leave()
                    trash += watch.take_trash()
            return None if handles is None else self._rows_of(list(dict.fromkeys(handles)))
        finally:
            release()

    def _gatherer(self, access: Access) -> Gatherer:
        """Work out what an access asks for; runs code of the user's."""
        kind, *arguments = access
        if kind == "key":
            return partial(self._gather_keys, [self._resolve(key) for key in arguments[0]])
        if kind == "index":
            spec, values = arguments
            return partial(self._gather_marks, spec, [spec.rows.place(value) for value in values])
        if kind == "index range":
            spec, low, high, bounds = arguments
            return partial(self._gather_spots, spec, *self._index_ends(spec, (low, high, bounds)))
        if kind == "index prefix":
            spec, beginning = arguments
            return partial(self._gather_spots, spec, *self._terms.prefix_bounds(beginning, mirrors=True))
        return partial(_gather_all, [self._gatherer(part) for part in arguments])  # a union

    def _gather_keys(self, found: list[tuple[Handle, Row | None, int]]) -> list[Handle] | None:
        rows = self._rows
        for handle, _, witness in found:
            if handle not in rows and not self._still_absent(handle, witness):
                return None
        return [handle for handle, _, _ in found]

    def _gather_marks(self, spec: IndexSpec, places: list[Placed]) -> list[Handle] | None:
        rows = self._rows_in_use(spec)
        gathered: list[Handle] = []
        for mark, _, witness in places:
            handles = rows.handles(mark)
            if not handles and isinstance(rows, HashedIndexRows) and not rows._still_absent(mark, witness):
                return None
            gathered += handles
        return gathered

    def _gather_spots(self, spec: IndexSpec, start: SortKey | None, stop: SortKey | None) -> list[Handle]:
        self._rows_in_use(spec)
        index = self._ordered(spec)
        return [index.spots[spot] for spot in index.order.slice(*positions(index.order, start, stop))]

    def _rows_in_use(self, spec: IndexSpec) -> IndexRows:
        if spec not in self._indexes():
            raise IndexNotFound(f"{spec.rows.label} was dropped")
        return spec.rows

    def _candidate_count(self, access: Access) -> int:
        """Return how many rows `_candidates` looks at, or about so many, without looking at them."""
        kind, *arguments = access
        try:
            if kind == "index":
                return sum(self._index_estimate(arguments[0], value) for value in arguments[1])
            if kind == "index range":
                spec, low, high, bounds = arguments
                return self._index_extent(spec, *self._index_ends(spec, (low, high, bounds)))
            if kind == "index prefix":
                return self._index_extent(arguments[0], *self._terms.prefix_bounds(arguments[1], mirrors=True))
        except IndexNotFound:
            return 0
        return sum(map(self._candidate_count, arguments)) if kind == "union" else 0

    def _delete_where(self, access: Access, test: Test) -> int:
        """Remove every entry for which `test(key, value)` is true, each in a step of its own; return how many went."""
        deleted = 0
        for handle, row in self._candidates(access):
            current: Row | None = row
            while current is not None and test(current[0], current[1]):
                now = self._tick()
                if self._has_ended(handle, current, now):
                    break
                if self._commit(handle, current, None, -1, now):
                    deleted += 1
                    break
                current = self._rows.get(handle)
        return deleted

    def _has_ended(self, handle: Handle, row: Row, now: float) -> bool:
        """Tell whether a row has expired while a function looked at it; it is reclaimed then."""
        if row[2] is None or now < row[2]:
            return False
        if self._commit(handle, row, None, -1, now):
            self._reclaimed([row])
        return True

    def _update_where(self, access: Access, test: Test, function: Callable[[Any], Any]) -> int:
        """Replace the value of every entry for which `test(key, value)` is true, each in a step of its own."""
        updated = 0
        for handle, row in self._candidates(access):
            current: Row | None = row
            while current is not None and test(current[0], current[1]):
                result = self._run(handle, function, current[1])
                now = self._tick()
                if self._has_ended(handle, current, now):
                    break
                new = None if result is DELETE else (current[0], result, current[2], current[3])
                if self._commit(handle, current, new, -1, now):
                    updated += 1
                    break
                current = self._rows.get(handle)
        return updated


def _gather_all(parts: list[Gatherer]) -> list[Handle] | None:
    gathered: list[Handle] = []
    for part in parts:
        handles = part()
        if handles is None:
            return None
        gathered += handles
    return gathered
