"""Sort keys in order: a list of short sorted lists, with positions.

After Grant Jenks' sortedcontainers: on real machines, moving a few thousand pointers inside one list is faster than
walking a tree. Chunks grow with the square root of the size, so that insert, remove, rank and position stay within
O(sqrt n) steps of C code, and the number of chunks does too.

Keys are flat tuples of plain values (see `order.py`), so nothing here runs Python code of the user. The caller keeps
the lock.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, pairwise
from math import isqrt

from noex.kernel._pure.terms.order import SortKey

__all__ = ["SortedKeys"]

_SMALLEST_CHUNK = 1024


class SortedKeys:
    """Distinct sort keys in ascending order, with the position of each."""

    __slots__ = ("_chunks", "_last", "_offsets", "_size")

    _offsets: list[int] | None  # how many keys stand before each chunk; worked out when asked for

    def __init__(self, ascending: Sequence[SortKey] = ()) -> None:
        self._size = len(ascending)
        chunk = self._chunk_size()
        self._chunks = [list(ascending[start : start + chunk]) for start in range(0, len(ascending), chunk)]
        self._last = [chunk[-1] for chunk in self._chunks]  # the largest key of each chunk
        self._offsets = None

    def _before(self, number: int) -> int:
        """Return how many keys stand before a chunk, or before the end. O(1); O(sqrt n) after a change."""
        offsets = self._offsets
        if offsets is None:
            offsets = self._offsets = list(accumulate(map(len, self._chunks), initial=0))
        return offsets[number]

    def _chunk_size(self) -> int:
        return max(_SMALLEST_CHUNK, isqrt(self._size))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[SortKey]:
        return chain.from_iterable(self._chunks)

    def add(self, key: SortKey) -> None:
        """Take the key in, if it is not there yet. O(sqrt n)."""
        self._offsets = None
        chunks, last = self._chunks, self._last
        if not chunks:
            chunks.append([key])
            last.append(key)
            self._size = 1
            return
        number = bisect_left(last, key)
        if number == len(chunks):
            number -= 1
            chunk = chunks[number]
            chunk.append(key)
            last[number] = key
        else:
            chunk = chunks[number]
            place = bisect_left(chunk, key)
            if chunk[place] == key:
                return
            chunk.insert(place, key)
        self._size += 1
        if len(chunk) > 2 * _SMALLEST_CHUNK and len(chunk) > 2 * self._chunk_size():
            self._split(number)

    def discard(self, key: SortKey) -> None:
        """Remove the key, if it is there. O(sqrt n)."""
        self._offsets = None
        chunks, last = self._chunks, self._last
        number = bisect_left(last, key)
        if number == len(chunks):
            return
        chunk = chunks[number]
        place = bisect_left(chunk, key)
        if chunk[place] != key:
            return
        del chunk[place]
        self._size -= 1
        if not chunk:
            del chunks[number], last[number]
        else:
            last[number] = chunk[-1]
            if len(chunk) < _SMALLEST_CHUNK // 4 and len(chunks) > 1:
                self._merge(number)

    def move(self, old: SortKey, new: SortKey, hint: int) -> int:
        """Put `new` in the place of `old`, which is there, and return its position. O(sqrt n).

        `hint` is where `old` stood when last heard of. O(1) if it still stands there, among the first, and `new` comes
        right there too: so it is with those that lead a ranking.
        """
        first = self._chunks[0]
        if hint < len(first) and first[hint] is old and new < old and (not hint or first[hint - 1] < new):
            first[hint] = new
            if hint == len(first) - 1:
                self._last[0] = new
            return hint
        last = self._last
        number = bisect_left(last, old)
        final = len(last) - 1
        if number <= final and (number == final or new <= last[number]) and (not number or new > last[number - 1]):
            chunk = self._chunks[number]
            place = bisect_left(chunk, old)
            if chunk[place] == old:
                del chunk[place]
                place = bisect_left(chunk, new)
                chunk.insert(place, new)
                last[number] = chunk[-1]
                return self._before(number) + place if number else place
        self.discard(old)
        self.add(new)
        return self.rank(new)

    def first(self) -> SortKey | None:
        """Return the smallest key. O(1)."""
        return self._chunks[0][0] if self._chunks else None

    def last(self) -> SortKey | None:
        """Return the largest key. O(1)."""
        return self._last[-1] if self._last else None

    def after(self, key: SortKey) -> SortKey | None:
        """Return the smallest key above `key`, which need not be there. O(log n)."""
        number = bisect_left(self._last, key)
        if number == len(self._last):
            return None
        chunk = self._chunks[number]
        place = bisect_left(chunk, key)
        if chunk[place] == key:
            place += 1
        if place < len(chunk):
            return chunk[place]
        return self._chunks[number + 1][0] if number + 1 < len(self._chunks) else None

    def before(self, key: SortKey) -> SortKey | None:
        """Return the largest key below `key`, which need not be there. O(log n)."""
        number = bisect_left(self._last, key)
        if number == len(self._last):
            return self.last()
        place = bisect_left(self._chunks[number], key)
        if place:
            return self._chunks[number][place - 1]
        return self._last[number - 1] if number else None

    def rank(self, key: SortKey) -> int:
        """Return how many keys are smaller than `key`. O(log n); O(sqrt n) after a change."""
        number = bisect_left(self._last, key)
        before = self._before(number)
        return before if number == len(self._last) else before + bisect_left(self._chunks[number], key)

    def slice(self, start: int, stop: int) -> list[SortKey]:
        """Return the keys at positions `start` to `stop`, which is left out. O(log n + results), as `rank`."""
        self._before(0)
        offsets, chunks = self._offsets or [0], self._chunks
        number = bisect_right(offsets, start) - 1
        keys: list[SortKey] = []
        while number < len(chunks) and offsets[number] < stop:
            before = offsets[number]
            keys += chunks[number][max(start - before, 0) : stop - before]
            number += 1
        return keys

    def _split(self, number: int) -> None:
        chunk = self._chunks[number]
        half = len(chunk) // 2
        self._chunks.insert(number + 1, chunk[half:])
        del chunk[half:]
        self._last.insert(number, chunk[-1])

    def _merge(self, number: int) -> None:
        """Join a chunk that has become short with a neighbour."""
        left = number - 1 if number else 0
        joined, gone = self._chunks[left], self._chunks[left + 1]
        joined += gone
        del self._chunks[left + 1], self._last[left]
        if len(joined) > 2 * self._chunk_size():
            self._split(left)

    def _check(self) -> None:
        """Raise AssertionError unless keys ascend, sizes agree and no chunk is empty."""
        keys = list(self)
        assert self._size == len(keys), (self._size, len(keys))
        assert all(a < b for a, b in pairwise(keys)), "keys do not ascend"
        assert self._offsets is None or self._offsets == list(accumulate(map(len, self._chunks), initial=0))
        assert self._last == [chunk[-1] for chunk in self._chunks], "a chunk's largest key is wrong"
        assert all(self._chunks), "an empty chunk"
