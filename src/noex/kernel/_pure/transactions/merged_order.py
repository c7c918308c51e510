"""An order as a transaction sees it: that of the table or index, with what the transaction has added and taken out."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from typing import Any

from noex.kernel._pure.terms.order import SortKey

__all__ = ["MergedOrder"]


class MergedOrder:
    """Sort keys in order, as `SortedKeys` gives them: each question to the table's own order is noted.

    `added` are sort keys that the table does not have. `removed` are those that it has and the transaction has taken
    out, with their ranks there.
    """

    __slots__ = ("_added", "_asked", "_ranks", "_removed")

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._asked = ask  # asks the table's order, by the name of the question; the answer must be the same at the end
        self._added: list[SortKey] = []
        self._removed: list[SortKey] = []
        self._ranks: list[int] = []

    def note(self, handle: SortKey, *, stood: bool, stands: bool) -> None:
        """Take note that a sort key stands here now or does not, and whether it stands in the table."""
        keys = self._removed if stood else self._added
        place = bisect_left(keys, handle)
        listed = place < len(keys) and keys[place] == handle
        if listed == (stands != stood):
            return
        if listed:
            del keys[place]
            if stood:
                del self._ranks[place]
        else:
            if stood:
                self._ranks.insert(place, self._asked("rank", handle))
            keys.insert(place, handle)

    def _base_at(self, position: int) -> SortKey | None:
        """Return the table's key at a position, or None beyond its ends."""
        keys: list[SortKey] = self._asked("slice", position, position + 1) if position >= 0 else []
        return keys[0] if keys else None

    def _base_from(self, position: int) -> SortKey | None:
        """Return the table's first key from a position on that is not removed."""
        ranks = self._ranks
        start = bisect_left(ranks, position)
        # Ranks that follow each other without a gap are a run; behind it stands the first key that is left.
        run = bisect_right(range(start, len(ranks)), position - start, key=lambda i: ranks[i] - i)
        return self._base_at(position + run)

    def _base_before(self, position: int) -> SortKey | None:
        """Return the table's last key before a position that is not removed."""
        ranks = self._ranks
        stop = bisect_left(ranks, position)
        run = stop - bisect_left(range(stop), position - stop, key=lambda i: ranks[i] - i)
        return self._base_at(position - run - 1)

    def _is_removed(self, key: SortKey) -> bool:
        place = bisect_left(self._removed, key)
        return place < len(self._removed) and self._removed[place] == key

    def __len__(self) -> int:
        size: int = self._asked("__len__")
        return size - len(self._removed) + len(self._added)

    def __iter__(self) -> Iterator[SortKey]:
        return iter(self.slice(0, len(self)))

    def first(self) -> SortKey | None:
        stands: SortKey | None = self._asked("first")
        if stands is not None and self._is_removed(stands):
            stands = self._base_from(0)
        return _least(stands, self._added[:1])

    def last(self) -> SortKey | None:
        stands: SortKey | None = self._asked("last")
        if stands is not None and self._is_removed(stands):
            stands = self._base_before(self._asked("rank", stands) + 1)
        return _most(stands, self._added[-1:])

    def after(self, key: SortKey) -> SortKey | None:
        beyond: SortKey | None = self._asked("after", key)
        if beyond is not None and self._is_removed(beyond):
            beyond = self._base_from(self._asked("rank", beyond))
        place = bisect_right(self._added, key)
        return _least(beyond, self._added[place : place + 1])

    def before(self, key: SortKey) -> SortKey | None:
        beyond: SortKey | None = self._asked("before", key)
        if beyond is not None and self._is_removed(beyond):
            beyond = self._base_before(self._asked("rank", beyond) + 1)
        place = bisect_left(self._added, key)
        return _most(beyond, self._added[place - 1 : place] if place else [])

    def rank(self, key: SortKey) -> int:
        stands: int = self._asked("rank", key)
        return stands - bisect_left(self._removed, key) + bisect_left(self._added, key)

    def slice(self, start: int, stop: int) -> list[SortKey]:
        """Return the keys at positions `start` to `stop`.

        A key stands here at most as far behind its place in the table's order as keys were added, and at most as far
        before it as keys were removed: the slice of that order which is so much longer has all that is needed.
        """
        if start >= stop:
            return []
        base = max(0, start - len(self._added))
        keys: list[SortKey] = self._asked("slice", base, stop + len(self._removed))
        if not self._added and not self._removed:
            return keys.copy()
        before = 0  # how many keys stand before those that are merged
        added = self._added
        if base and keys:
            before = base - bisect_left(self._removed, keys[0]) + bisect_left(added, keys[0])
            added = added[bisect_left(added, keys[0]) :]
        gone = set(self._removed)
        merged = sorted([key for key in keys if key not in gone] + added)
        return merged[start - before : stop - before]


def _least(key: SortKey | None, others: list[SortKey]) -> SortKey | None:
    return min((key for key in (key, *others) if key is not None), default=None)


def _most(key: SortKey | None, others: list[SortKey]) -> SortKey | None:
    return max((key for key in (key, *others) if key is not None), default=None)
