"""What an index knows: which rows have which value, by hash or in order.

An index is made of *marks*. The mark of a row stands for the value that the index function gives it: a handle of a
hashed value, or the sort key of an ordered one. Marks are worked out before the lock is taken, for the function and
the value's hash and `==` may be code of the user's. Under the lock, commits note which row got which marks, and the
structures here catch up with the notes, in their order, when somebody asks (see `watch/watch.py`).
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Iterable
from itertools import count
from typing import Any, Protocol, TypeAlias

from noex.errors import UnhashableKey, UnorderableKey, shown
from noex.kernel._pure.ground.hashed import Foreign, Handle, Hashed
from noex.kernel._pure.terms.order import BEYOND, FLAT_TERMS, Desc, SortKey, sort_key
from noex.kernel._pure.terms.sorted_keys import SortedKeys

__all__ = [
    "CLEARED",
    "HashedIndexRows",
    "IndexRows",
    "Mark",
    "OrderedIndexRows",
    "Place",
    "Placed",
    "positions",
]

Mark: TypeAlias = Any
"""A handle of a hashed value, or the sort key of an ordered one."""

Placed: TypeAlias = tuple[Mark, Any, int]
"""A mark, its value, and the witness that `admit` asks for."""

Place: TypeAlias = Placed | None
"""Where a row is entered; None for one that is kept out."""

CLEARED: Any = object()
"""Stands in a note for all rows: they are gone."""


class IndexRows:
    """The handles of rows by their mark."""

    __slots__ = ("label", "marks")

    label: str
    marks: dict[Handle, Mark]  # what each row is entered under

    @abstractmethod
    def place(self, value: Any) -> Placed:
        """Work out where rows of that value are entered, outside the lock.

        Raises:
            UnhashableKey, UnorderableKey: the value cannot be indexed.
        """

    @property
    def by_key(self) -> bool:
        """Whether rows of one mark are in the order of their keys."""
        return False

    @property
    def arrivals(self) -> int:
        """How many values have been let in so far, for a batch of `admit` to begin with."""
        return 0

    @abstractmethod
    def admit(self, place: Placed, since: int) -> bool:
        """Tell, under the lock, whether the mark still stands for the value; it is known from then on.

        `since` is the number of arrivals when the batch began that the value is one of.
        """

    @abstractmethod
    def forget_if_empty(self, place: Placed) -> None:
        """Take back, under the lock, that a mark is known, if no row has it."""

    @abstractmethod
    def handles(self, mark: Mark) -> list[Handle]:
        """Return the handles of the rows with that mark, under the lock."""

    def answer(self, question: str, *arguments: Any) -> Any:
        """Answer a question of a transaction's, under the lock; see `transactions/base.py`."""
        if question == "size":
            return len(self.marks)
        if question == "entered":
            return sum(handle in self.marks for handle in arguments[0])
        if question == "handles":
            return self.handles(arguments[0])
        raise TypeError(f"{self.label} has no order; add it with ordered=True for ranges, ranks and ends")

    @abstractmethod
    def absorb(self, number: int, notes: list[Any], trash: list[Any]) -> None:
        """Catch up with notes, under the lock; those about this index stand at `number` in each.

        What is let go of is added to `trash`, to be dropped after the lock.
        """

    @abstractmethod
    def copied(self) -> Any:
        """Return a copy made from the marks alone, which hold at any moment; the rest may be half done."""

    @abstractmethod
    def emptied(self) -> Any:
        """Return one of the same kind that has nothing."""

    @abstractmethod
    def crowded(self) -> tuple[Handle, Handle] | None:
        """Return the handles of two rows with one mark, or None where each has one of its own."""

    @abstractmethod
    def has_mark(self, handle: Handle, mark: Mark) -> bool:
        """Tell whether a row is entered under that mark."""

    @abstractmethod
    def memory(self) -> int:
        """Return about how many bytes the structures take. O(1)."""

    @abstractmethod
    def _check(self) -> None:
        """Raise AssertionError unless marks and structures agree."""


class Bucket:
    """The rows of one hashed value. Begins with the value, as rows begin with their key."""

    __slots__ = ("members", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.members: dict[Handle, None] = {}

    def __getitem__(self, _position: int) -> Any:
        return self.value


class HashedIndexRows(Hashed, IndexRows):
    """Rows by the hash and `==` of their value, those of one value in the order in which they got it."""

    __slots__ = ("_arrivals", "_foreign", "_name", "_rows")

    kind = "index"
    _rows: dict[Mark, Bucket]
    _foreign: dict[int, tuple[Foreign, ...]]

    def __init__(self, label: str) -> None:
        self.label = label
        self.marks = {}
        self._name = None
        self._rows = {}
        self._foreign = {}
        self._arrivals = 0

    def place(self, value: Any) -> Placed:
        if _is_mirrored(value):
            raise TypeError(
                f"{shown(value)} is reversed, and {self.label} has no order to reverse; add it with ordered=True, or "
                "leave desc() out; nothing was changed"
            )
        mark, _, witness = self._resolve(value)
        return mark, value, witness

    def _explain(self, key: object, error: TypeError) -> TypeError:
        if "unhashable type" not in str(error):
            return error
        return UnhashableKey(
            f"{shown(key)} cannot be a value in {self.label} ({error}); index by a value that has "
            "a hash, such as a tuple in place of a list; nothing was changed"
        )

    @property
    def arrivals(self) -> int:
        return self._arrivals

    def admit(self, place: Placed, since: int) -> bool:
        mark, value, witness = place
        if mark not in self._rows:
            if not self._admit(mark, witness + self._arrivals - since):
                return False
            self._rows.setdefault(mark, Bucket(value))  # a finalizer may have been here
        return True

    def forget_if_empty(self, place: Placed) -> None:
        mark = place[0]
        bucket = self._rows.get(mark)
        if bucket is not None and not bucket.members:
            del self._rows[mark]
            self._dismiss(mark)

    def handles(self, mark: Mark) -> list[Handle]:
        bucket = self._rows.get(mark)
        return [] if bucket is None else list(bucket.members)

    def answer(self, question: str, *arguments: Any) -> Any:
        if question != "handles":
            return super().answer(question, *arguments)
        mark, witness = arguments
        found = self.handles(mark)
        return found if found or self._still_absent(mark, witness) else None

    def absorb(self, number: int, notes: list[Any], trash: list[Any]) -> None:
        marks, rows = self.marks, self._rows
        for handle, _, places in notes:
            if handle is CLEARED:
                trash += (marks, rows, self._foreign)
                self.marks = marks = {}
                self._rows = rows = {}
                self._foreign = {}
                self._arrivals += 1
                continue
            place = places[number] if places else None
            if handle in marks:
                mark = marks[handle]
                bucket = rows.get(mark)
                if place is not None and bucket is not None and (place[0] is mark or place[0] == mark):
                    continue  # it keeps its place
                trash.append(mark)
                del marks[handle]
                if bucket is not None:
                    bucket.members.pop(handle, None)
                    if not bucket.members:
                        del rows[mark]
                        self._dismiss(mark)
            if place is not None:
                mark = place[0]
                marks[handle] = mark
                bucket = rows.get(mark)
                if bucket is None:
                    bucket = rows[mark] = Bucket(place[1])
                    self._admit(mark, self._arrivals)
                bucket.members[handle] = None

    def copied(self) -> HashedIndexRows:
        twin = HashedIndexRows(self.label)
        twin.marks = self.marks.copy()
        for handle, mark in twin.marks.items():
            bucket = twin._rows.get(mark)
            if bucket is None:
                bucket = twin._rows[mark] = Bucket(mark.key if type(mark) is Foreign else mark)
                twin._admit(mark, twin._arrivals)
            bucket.members[handle] = None
        twin._arrivals = self._arrivals  # the same values are known: what was found absent still is
        return twin

    def emptied(self) -> HashedIndexRows:
        return HashedIndexRows(self.label)

    def crowded(self) -> tuple[Handle, Handle] | None:
        for bucket in self._rows.values():
            if len(bucket.members) > 1:
                one, other, *_ = bucket.members
                return one, other
        return None

    def has_mark(self, handle: Handle, mark: Mark) -> bool:
        known = self.marks[handle]
        return known is mark or known == mark

    def memory(self) -> int:
        bucket = sys.getsizeof(Bucket(None)) + sys.getsizeof({None: None})
        return sys.getsizeof(self.marks) + sys.getsizeof(self._rows) + bucket * len(self._rows)

    def _check(self) -> None:
        self._check_handles()
        listed = [(handle, mark) for mark, bucket in self._rows.items() for handle in bucket.members]
        assert len(listed) == len(self.marks), "a row is in two buckets, or in none"
        assert dict(listed) == self.marks, "buckets and marks differ"
        assert all(bucket.members for bucket in self._rows.values()), "an empty bucket"


def _is_mirrored(value: Any) -> bool:
    if type(value) is tuple:
        parts: tuple[Any, ...] = value  # pyright: ignore[reportUnknownVariableType]
        return any(map(_is_mirrored, parts))
    return type(value) is Desc


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
