"""The kernel's ordered set: one value per key, with the keys in order."""

from __future__ import annotations

from operator import methodcaller
from typing import Any

from noex._arguments import check_limit
from noex.errors import UnorderableKey, shown
from noex.kernel._pure.ground.lock import acquire, release
from noex.kernel._pure.ground.row import FOREVER
from noex.kernel._pure.rows.scheduled_rows import K, V
from noex.kernel._pure.verbs.ordered_rows import OrderedRows
from noex.typing import DEFAULT, Bounds, Entry, Ttl, new_entry

__all__ = ["OrderedSetTable"]


class OrderedSetTable(OrderedRows[K, V]):
    """Rows in the term order of their keys, or of what `key=` makes of them.

    `insert` and `delete` do here what they do in the base, in one step under the lock: finding a row by its sort key
    runs no code of the user.
    """

    __slots__ = ()

    kind = "ordered_set"

    def insert(self, key: K, value: V, *, ttl: Ttl = DEFAULT) -> None:
        if ttl is not DEFAULT or self._ttl is not None or self._next_due != FOREVER or self._computing:
            super().insert(key, value, ttl=ttl)
            return
        handle = self._sort_key(key)
        acquire()
        try:
            if self._watch is None:
                rows = self._rows
                old = rows[handle] if handle in rows else None
                rows[handle] = (key if old is None else old[0], value, None, None)
                if old is None:
                    self._arrived(handle)
                return
        finally:
            release()
        super().insert(key, value, ttl=ttl)

    def delete(self, key: K) -> bool:
        if self._next_due != FOREVER or self._computing:
            return super().delete(key)
        handle = self._sort_key(key)
        acquire()
        try:
            if self._watch is None:
                row = self._rows.pop(handle, None)  # dropped after the lock is free
                if row is not None:
                    self._departed(handle)
                return row is not None
        finally:
            release()
        return super().delete(key)

    def first(self) -> Entry | None:
        """Return the entry with the smallest key, or None in an empty table.

        O(log n). Atomic.

        >>> from noex import ets
        >>> scores = ets.OrderedSetTable[int, str]()
        >>> scores.insert_many({3: "c", 1: "a"})
        2
        >>> scores.first(), scores.last()
        (Entry(key=1, value='a'), Entry(key=3, value='c'))
        """
        if self._next_due != FOREVER:
            self._tick_all()
        order = self._enter()
        try:
            return self._entry(order.first())
        finally:
            self._leave()

    def last(self) -> Entry | None:
        """Return the entry with the largest key, or None in an empty table. Otherwise as `first`."""
        if self._next_due != FOREVER:
            self._tick_all()
        order = self._enter()
        try:
            return self._entry(order.last())
        finally:
            self._leave()

    def next(self, key: K) -> Entry | None:
        """Return the entry after the key, which need not be in the table, or None after the last.

        O(log n). Atomic. A traversal by `next` breaks on nothing that is deleted meanwhile.

        Raises:
            UnorderableKey: the key has no place in the order.

        >>> from noex import ets
        >>> scores = ets.OrderedSetTable[int, str]()
        >>> scores.insert_many({3: "c", 1: "a"})
        2
        >>> scores.next(1), scores.next(2), scores.prev(1)
        (Entry(key=3, value='c'), Entry(key=3, value='c'), None)
        """
        handle = self._sort_key(key)
        if self._next_due != FOREVER:
            self._tick_all()
        order = self._enter()
        try:
            return self._entry(order.after(handle))
        finally:
            self._leave()

    def prev(self, key: K) -> Entry | None:
        """Return the entry before the key, which need not be in the table, or None before the first. As `next`."""
        handle = self._sort_key(key)
        if self._next_due != FOREVER:
            self._tick_all()
        order = self._enter()
        try:
            return self._entry(order.before(handle))
        finally:
            self._leave()

    def range(
        self,
        low: K | None = None,
        high: K | None = None,
        *,
        bounds: Bounds = "[)",
        reverse: bool = False,
        limit: int | None = None,
    ) -> list[Entry]:
        """Return the entries with keys from `low` to `high`, in order; None leaves that side open.

        `bounds` tells which ends belong to the range: `"[)"` takes `low` in and leaves `high` out. `reverse=True`
        begins at the high end, so that `limit` gives the last ones. O(log n + results). Atomic.

        Raises:
            UnorderableKey: an end has no place in the order.
            ValueError: `bounds` is none of "[)", "[]", "()", "(]", or `limit` is negative.

        >>> from noex import ets
        >>> scores = ets.OrderedSetTable[int, str]()
        >>> scores.insert_many({1: "a", 2: "b", 3: "c"})
        3
        >>> [entry.key for entry in scores.range(2)], [entry.key for entry in scores.range(1, 3, bounds="(]")]
        ([2, 3], [2, 3])
        >>> scores.range(reverse=True, limit=1)
        [Entry(key=3, value='c')]
        """
        check_limit(limit)
        ends = self._ends(low, high, bounds)
        if self._next_due != FOREVER:
            self._tick_all()
        return [new_entry(Entry, row[:2]) for _, row in self._between(ends, reverse=reverse, limit=limit)]

    def prefix(self, prefix: tuple[Any, ...]) -> list[Entry]:
        """Return the entries whose key is a tuple that begins with `prefix`, in order.

        With `key=`, it is the beginning of what that function returns. O(log n + results). Atomic. Composite keys
        as tuples need no separators, so `("a:b", "c")` and `("a", "b:c")` cannot be mistaken for each other.

        Raises:
            TypeError: the prefix is no tuple.
            UnorderableKey: a part of it has no place in the order.

        >>> from noex import ets
        >>> searches = ets.OrderedSetTable[tuple[str, str, int], str]()
        >>> searches.insert(("user:1", "shoes", 1), "page 1")
        >>> searches.insert(("user:1", "shoes", 2), "page 2")
        >>> searches.insert(("user:2", "hats", 1), "page 1")
        >>> [entry.key for entry in searches.prefix(("user:1", "shoes"))]
        [('user:1', 'shoes', 1), ('user:1', 'shoes', 2)]
        """
        try:
            low, high = self._terms.prefix_bounds(prefix, mirrors=self._key is not None)
        except UnorderableKey as error:
            raise UnorderableKey(f"{shown(prefix)} cannot begin a key of {self._label()}: {error}") from None
        if self._next_due != FOREVER:
            self._tick_all()
        return [new_entry(Entry, row[:2]) for _, row in self._between((low, True, high, False))]

    def delete_range(self, low: K | None, high: K | None, *, bounds: Bounds = "[)") -> int:
        """Remove the entries with keys from `low` to `high`; return how many went. The arguments are those of `range`.

        O(log n + results), or O(results x log n) where there are indexes or subscribers. Atomic: they go all at once.

        >>> from noex import ets
        >>> log = ets.OrderedSetTable[int, str]()
        >>> log.insert_many({1: "a", 2: "b", 3: "c"})
        3
        >>> log.delete_range(None, 3), log.to_list()
        (2, [Entry(key=3, value='c')])
        """
        ends = self._ends(low, high, bounds)
        while True:
            now = self._tick_all()
            gone = self._remove_many([(handle, row, 0) for handle, row in self._between(ends)], now)
            if gone is not None:
                return self._count_live(gone, now)

    def pop_first(self) -> Entry | None:
        """Remove the entry with the smallest key and return it, or None in an empty table.

        O(log n). Atomic: of many callers at once, each gets another entry.

        >>> from noex import ets
        >>> queue = ets.OrderedSetTable[int, str]()
        >>> queue.insert_many({2: "later", 1: "now"})
        2
        >>> queue.pop_first(), queue.pop_last(), queue.pop_first()
        (Entry(key=1, value='now'), Entry(key=2, value='later'), None)
        """
        return self._pop(methodcaller("first"))

    def pop_last(self) -> Entry | None:
        """Remove the entry with the largest key and return it, or None in an empty table. As `pop_first`."""
        return self._pop(methodcaller("last"))

    def rank(self, key: K) -> int | None:
        """Return how many entries stand before the key, or None if it is not in the table.

        O(log n), and as much for each entry that has expired since. Atomic.

        >>> from noex import ets
        >>> scores = ets.OrderedSetTable[int, str]()
        >>> scores.insert_many({10: "a", 20: "b"})
        2
        >>> scores.rank(20), scores.rank(15)
        (1, None)
        """
        handle = self._sort_key(key)
        if self._next_due != FOREVER:
            self._tick_all()
        order = self._enter()
        try:
            return order.rank(handle) if handle in self._rows else None
        finally:
            self._leave()

    def at(self, position: int) -> Entry:
        """Return the entry at a position, counted from 0, or from the end with a negative one.

        O(log n), and as much for each entry that has expired since. Atomic.

        Raises:
            IndexError: there are not that many entries.
            TypeError: the position is no int.

        >>> from noex import ets
        >>> scores = ets.OrderedSetTable[int, str]()
        >>> scores.insert_many({10: "a", 20: "b"})
        2
        >>> scores.at(0), scores.at(-1)
        (Entry(key=10, value='a'), Entry(key=20, value='b'))
        """
        if isinstance(position, bool) or not isinstance(position, int):
            raise TypeError(f"a position is an int, not {position!r}")
        if self._next_due != FOREVER:
            self._tick_all()
        order = self._enter()
        try:
            size = len(order)
            index = position + size if position < 0 else position
            if not 0 <= index < size:
                raise IndexError(f"position {position} is beyond the {size} entries of {self._label()}")
            row = self._rows[order.slice(index, index + 1)[0]]
            return new_entry(Entry, row[:2])
        finally:
            self._leave()

    def _pop_entry(self) -> tuple[K, V] | None:
        """Remove the last entry and return it as a plain pair; None in an empty table."""
        entry = self.pop_last()
        return None if entry is None else (entry.key, entry.value)
