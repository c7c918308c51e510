"""What a hashed index knows: the rows of each value, found by its hash and `==`."""

from __future__ import annotations

import sys
from typing import Any

from noex.errors import UnhashableKey, shown
from noex.kernel._pure.ground.hashed import Foreign, Handle, Hashed
from noex.kernel._pure.terms.order import Desc
from noex.kernel._pure.watch.index_rows import CLEARED, IndexRows, Mark, Placed

__all__ = ["HashedIndexRows"]


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
