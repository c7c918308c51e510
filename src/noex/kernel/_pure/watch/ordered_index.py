"""What an ordered index knows: rows in the order of their values, and the positions between two of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import count
from typing import Any, Protocol

from noex.errors import UnorderableKey, shown
from noex.kernel._pure.ground.hashed import Handle
from noex.kernel._pure.terms.order import BEYOND, FLAT_TERMS, SortKey, sort_key
from noex.kernel._pure.terms.sorted_keys import SortedKeys
from noex.kernel._pure.watch.index_rows import CLEARED, IndexRows, Mark, Placed

__all__ = ["OrderedIndexRows", "positions"]


class Ranked(Protocol):
    """Sort keys in order: those of an index, or as a transaction sees them."""

    def __len__(self) -> int: ...
    def rank(self, key: SortKey) -> int:
        """Return how many are smaller."""
        ...


def positions(
    order: Ranked, start: SortKey | None, stop: SortKey | None, *, reverse: bool = False, limit: int | None = None
) -> tuple[int, int]:
    """Return the positions between two bounds, which are no spots themselves, None leaving a side open.

    With `limit`, at most so many: the first ones, or the last for `reverse`.
    """
    first = 0 if start is None else order.rank(start)
    last = len(order) if stop is None else order.rank(stop)
    if limit is None or last - first <= limit:
        return first, last
    return (last - limit, last) if reverse else (first, first + limit)


class OrderedIndexRows(IndexRows):
    """Rows in the term order of their value, those of one value by key in an ordered set, else as they got it.

    Each row stands at a *spot*: the sort key of its value and then what breaks the tie.
    """

    __slots__ = ("_by_key", "_tickets", "order", "spots")

    def __init__(self, label: str, *, by_key: bool) -> None:
        self.label = label
        self._by_key = by_key  # the handles are sort keys, which break ties
        self.marks = {}  # the spot of each row
        self.spots: dict[SortKey, Handle] = {}
        self.order = SortedKeys()
        self._tickets = count()

    @property
    def by_key(self) -> bool:
        return self._by_key

    def place(self, value: Any) -> Placed:
        try:
            return sort_key(value, mirrors=True), value, 0
        except UnorderableKey as error:
            raise UnorderableKey(f"{shown(value)} has no place in {self.label}: {error}; nothing was changed") from None

    def admit(self, place: Placed, since: int) -> bool:
        return True

    def forget_if_empty(self, place: Placed) -> None:
        """Nothing: marks are not kept by themselves."""

    def answer(self, question: str, *arguments: Any) -> Any:
        if question == "spot":
            return self.marks.get(arguments[0])
        if question == "at":
            return [self.spots.get(spot) for spot in arguments[0]]
        if question in {"size", "entered", "handles"}:
            return super().answer(question, *arguments)
        return getattr(self.order, question)(*arguments)

    def handles(self, mark: Mark) -> list[Handle]:
        return [self.spots[spot] for spot in self.order.slice(*positions(self.order, mark, mark + BEYOND))]

    def absorb(self, number: int, notes: list[Any], trash: list[Any]) -> None:
        moved: list[SortKey] = []
        marks, spots = self.marks, self.spots
        for handle, _, places in notes:
            if handle is CLEARED:
                trash += (marks, spots)
                self.marks = marks = {}
                self.spots = spots = {}
                self.order = SortedKeys()
                moved = []
                continue
            place = places[number] if places else None
            spot = marks.get(handle)
            if spot is not None:
                if place is not None and place[0] == spot[: len(place[0])]:
                    continue  # it keeps its place
                marks.pop(handle)
                spots.pop(spot, None)
                moved.append(spot)
            if place is not None:
                spot = place[0] + (handle if self._by_key else FLAT_TERMS.tie(next(self._tickets)))
                marks[handle] = spot
                spots[spot] = handle
                moved.append(spot)
        self._reorder(moved)

    def _reorder(self, moved: Iterable[SortKey]) -> None:
        moved = list(moved)
        spots = self.spots
        if len(moved) > len(self.order) // 4 + 8:
            self.order = SortedKeys(sorted(spots))
            return
        for spot in moved:
            if spot in spots:
                self.order.add(spot)
            else:
                self.order.discard(spot)

    def copied(self) -> OrderedIndexRows:
        twin = OrderedIndexRows(self.label, by_key=self._by_key)
        twin._tickets = self._tickets
        twin.marks = self.marks.copy()
        twin.spots = {spot: handle for handle, spot in twin.marks.items()}
        twin.order = SortedKeys(sorted(twin.spots))
        return twin

    def emptied(self) -> OrderedIndexRows:
        return OrderedIndexRows(self.label, by_key=self._by_key)

    def crowded(self) -> tuple[Handle, Handle] | None:
        last: SortKey | None = None
        for spot in self.order:
            handle = self.spots[spot]
            if last is not None:
                tail = len(self.marks[self.spots[last]]) - self._tie(self.spots[last])
                if spot[:tail] == last[:tail] and len(spot) - self._tie(handle) == tail:
                    return self.spots[last], handle
            last = spot
        return None

    def _tie(self, handle: Handle) -> int:
        return len(handle) if self._by_key else 2

    def has_mark(self, handle: Handle, mark: Mark) -> bool:
        return bool(self.marks[handle][: len(mark)] == mark)

    def memory(self) -> int:
        spot = sys.getsizeof((None,) * 4) + sys.getsizeof([None]) - sys.getsizeof([])
        return sys.getsizeof(self.marks) + sys.getsizeof(self.spots) + spot * len(self.spots)

    def _check(self) -> None:
        self.order._check()
        assert list(self.order) == sorted(self.spots), "order and spots differ"
        assert len(self.spots) == len(self.marks), "a row is at two spots, or at none"
        assert {handle: spot for spot, handle in self.spots.items()} == self.marks, "spots and marks differ"
