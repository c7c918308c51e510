"""An index as a transaction sees it: what the table's index says, without the rows written here, and with them anew."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, Protocol

from noex.kernel._pure.ground.hashed import Handle
from noex.kernel._pure.ground.row import Row
from noex.kernel._pure.terms.order import SortKey
from noex.kernel._pure.transactions.base import IndexBase
from noex.kernel._pure.transactions.merged_order import MergedOrder

__all__ = ["LATER", "IndexView"]

LATER = 1 << 62  # beyond the tickets of the table's own: what is written here comes behind


class View(Protocol):
    """What is asked here of a transaction's view of a table."""

    _table: Any
    _writes: dict[Handle, Row | None]

    def _ask(self, question: Callable[..., Any], *arguments: Any) -> Any: ...


class IndexView:
    """One index, over the rows that a transaction has written."""

    __slots__ = ("_order", "_spots", "_tickets", "_values", "_view", "spec")

    def __init__(self, view: View, spec: IndexBase) -> None:
        self.spec = spec
        self._view = view
        self._values: dict[Handle, tuple[Row | None, Any]] = {}  # of written rows: the row, and what it is indexed by
        self._spots: dict[Handle, SortKey | None] = {}  # of written rows, in an ordered index
        self._order = MergedOrder(self._asked)
        self._tickets = count(LATER)

    # -- asking the table's index -------------------------------------------------------------------------------

    def _asked(self, question: str, *arguments: Any) -> Any:
        """Ask the table's index; the answer must be the same at the end."""
        return self._view._ask(self._view._table._ask_index, self.spec, question, *arguments)

    # -- what was written ---------------------------------------------------------------------------------------

    def _catch_up(self) -> None:
        """Work out where the rows stand that were written since. Runs code of the user's."""
        for handle, row in list(self._view._writes.items()):
            known = self._values.get(handle)
            if known is not None and known[0] is row:
                continue
            value = None if row is None else self.spec.function(row[0], row[1])
            if value is not None:
                self.spec.mark(value)  # says so if it cannot be indexed
            self._values[handle] = row, value
            if self.spec.ordered:
                self._move(handle, value)

    def _move(self, handle: Handle, value: Any) -> None:
        stood: SortKey | None = self._asked("spot", handle)
        spot: SortKey | None = None
        if value is not None:
            mark = self.spec.mark(value)[0]
            if stood is not None and stood[: len(mark)] == mark:
                spot = stood
            else:
                spot = mark + (handle if self.spec.by_key else self._view._table._terms.tie(next(self._tickets)))
        before = self._spots.get(handle)
        if before is not None and before != stood:
            self._order.note(before, stood=False, stands=False)
        if stood is not None:
            self._order.note(stood, stood=True, stands=spot == stood)
        if spot is not None and spot != stood:
            self._order.note(spot, stood=False, stands=True)
        self._spots[handle] = spot

    # -- answers ------------------------------------------------------------------------------------------------

    def handles(self, value: Any) -> list[Handle]:
        """Return the handles of the rows with that value."""
        self._catch_up()
        base = self._base_handles(value)
        written = self._values
        mine: dict[Any, dict[Handle, None]] = {}
        for handle, (_, other) in written.items():
            if other is not None:
                mine.setdefault(self._alike(other), {})[handle] = None
        matching = mine.get(self._alike(value), {})
        kept = [handle for handle in base if handle not in written or handle in matching]
        return [*kept, *(handle for handle in matching if handle not in base)]

    def _alike(self, value: Any) -> Any:
        """Return what is equal for values that are the same to the index."""
        return self.spec.mark(value)[0] if self.spec.ordered else value

    def _base_handles(self, value: Any) -> list[Handle]:
        while True:
            handles: list[Handle] | None = self._asked("handles", *self.spec.mark(value))
            if handles is not None:
                return handles

    def order(self) -> MergedOrder:
        """Return the spots in order."""
        self._catch_up()
        return self._order

    def spot(self, handle: Handle) -> SortKey | None:
        """Return where a row stands."""
        self._catch_up()
        if handle in self._spots:
            return self._spots[handle]
        stood: SortKey | None = self._asked("spot", handle)
        return stood

    def at(self, spots: list[SortKey]) -> list[Handle]:
        """Return the handles of the rows that stand at those spots."""
        mine = {spot: handle for handle, spot in self._spots.items() if spot is not None}
        theirs: list[Handle] = self._asked("at", spots)
        return [mine.get(spot, handle) for spot, handle in zip(spots, theirs, strict=True)]

    def size(self) -> int:
        """Return how many rows are in the index."""
        self._catch_up()
        size: int = self._asked("size")
        stood: int = self._asked("entered", list(self._values))
        return size - stood + sum(value is not None for _, value in self._values.values())
