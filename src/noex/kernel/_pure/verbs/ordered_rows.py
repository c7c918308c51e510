"""Rows of the ordered set: found by sort key, and the sort keys in order.

The dict of rows says what is there; the order is brought up to date when somebody asks for it. A write only notes the
key that came or went, in one step, so it may happen anywhere, also in a finalizer that runs in the middle of a read.
Many writes between two reads cost one sort, and writing a key again costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Self, TypeAlias

from noex.errors import UnorderableKey, shown
from noex.kernel._pure.ground.hashed import Handle
from noex.kernel._pure.ground.items import pairs_of
from noex.kernel._pure.ground.lock import acquire, release
from noex.kernel._pure.ground.row import FOREVER, NEVER, Row
from noex.kernel._pure.queries.access import Access, Test
from noex.kernel._pure.queries.choosing import chosen
from noex.kernel._pure.rows.scheduled_rows import K, V
from noex.kernel._pure.terms.order import SortKey, sort_key, with_number
from noex.kernel._pure.terms.sorted_keys import SortedKeys
from noex.kernel._pure.verbs.selecting import Gatherer
from noex.kernel._pure.verbs.set_verbs import SetVerbs
from noex.typing import MISSING, Clock, Entry, Items, new_entry

__all__ = ["OrderedRows"]

Ends: TypeAlias = tuple[SortKey | None, bool, SortKey | None, bool]
"""Of a range: low and high sort key, None for an open side, each with whether it belongs to the range."""

_BOUNDS = ("[)", "[]", "()", "(]")
_SPARE_MOVES = 1024
_STEP = 64


class OrderedRows(SetVerbs[K, V]):
    """The verbs of set kinds over rows in the term order of their keys, or of what `key=` makes of them."""

    __slots__ = ("_depth", "_key", "_moved", "_order")

    _handles_are_ordered = True

    _key: Callable[[Any], Any] | None
    _order: SortedKeys
    _moved: list[SortKey]
    _depth: int

    @classmethod
    def _create(cls, name: str | None, clock: Clock, ttl: float | None, key: Callable[[Any], Any] | None) -> Self:
        table = object.__new__(cls)
        table._open(name, clock, ttl)
        table._key = key
        return table

    def _open(self, name: str | None, clock: Clock, ttl: float | None) -> None:
        super()._open(name, clock, ttl)
        self._order = SortedKeys()
        self._moved = []  # keys that came or went since the order was brought up to date
        self._depth = 0  # how many reads of the order are under way: more than one only inside a finalizer

    def _shut(self) -> None:
        super()._shut()
        self._order, self._moved = SortedKeys(), []

    def _sort_key(self, key: Any) -> SortKey:
        try:
            if self._key is None:
                return sort_key(key)
            return sort_key(self._key(key), mirrors=True)
        except UnorderableKey as error:
            raise UnorderableKey(f"{shown(key)} cannot be a key of {self._label()}: {error}") from None

    def _resolve(self, key: Any) -> tuple[Handle, Row | None, int]:
        handle = self._sort_key(key)
        return handle, self._rows.get(handle), 0

    def _admit(self, handle: Handle, witness: int) -> bool:
        return True

    def _still_absent(self, handle: Handle, witness: int) -> bool:
        return True

    def _arrived(self, handle: Handle) -> None:
        moved = self._moved
        moved.append(handle)
        if len(moved) > _SPARE_MOVES + len(self._rows) and not self._depth:
            self._enter()
            self._leave()

    _departed = _arrived

    def _emptied(self) -> None:
        self._depth += 1  # a finalizer that looks at the order meanwhile makes one for itself
        try:
            self._moved = []
            self._order = SortedKeys(sorted(self._rows))  # empty, unless a finalizer has written since
        finally:
            self._depth -= 1

    def _collect(self, items: Items[K, V]) -> tuple[dict[Handle, tuple[K, V]], int]:
        writes: dict[Handle, tuple[K, V]] = {}
        for key, value in pairs_of(items):
            handle = self._sort_key(key)
            first = writes.get(handle)
            writes[handle] = (key if first is None else first[0], value)
        return writes, 0

    def _enter(self) -> SortedKeys:
        """Take the lock and return the order, up to date; `_leave` follows."""
        acquire()
        self._depth += 1
        try:
            moved, rows = self._moved, self._rows
            if self._depth > 1:
                return SortedKeys(sorted(rows))  # the order is being read or changed by what this interrupts
            if not moved:
                len(rows)  # a closed table says so here
                return self._order
            self._moved = []
            if len(moved) > len(self._order) // 4 + 8:
                self._order = SortedKeys(sorted(rows))
            else:
                order = self._order
                for handle in moved:
                    if handle in rows:
                        order.add(handle)
                    else:
                        order.discard(handle)
            return self._order
        except BaseException:
            self._leave()
            raise

    def _leave(self) -> None:
        self._depth -= 1
        release()

    def _snapshot(self) -> list[tuple[Handle, Row]]:
        if self._next_due != FOREVER:
            self._tick_all()
        order = self._enter()
        try:
            rows = self._rows
            return [(handle, rows[handle]) for handle in order if handle in rows]
        finally:
            self._leave()

    def _entry(self, handle: SortKey | None) -> Entry | None:
        row = None if handle is None else self._rows.get(handle)
        return None if row is None else new_entry(Entry, row[:2])

    def _ask_order(self, question: str, *arguments: Any) -> Any:
        """Answer a question of a transaction's about the order of the handles; see `transactions/base.py`."""
        order = self._enter()
        try:
            return getattr(order, question)(*arguments)
        finally:
            self._leave()

    def _renumber(self, old: SortKey, number: float, key: K, value: V, hint: int) -> tuple[SortKey, int] | None:
        """Give a row another key, which differs from that of its handle by the number it begins with, and a value.

        Returns the new handle and its position; None, and no change, if the key is taken. `hint` is the position last
        heard of. For tables of composite keys without `key=` and lifetimes. O(sqrt n), atomic: one step where
        `delete`, `insert` and `rank` would be three, each with a search of its own.
        """
        new = with_number(old, number)
        if self._watch is not None:
            return self._renumber_watched(old, new, key, value)
        if self._computing:
            self._forbid(old)
            self._forbid(new)
        displaced: Row | None = None  # dropped when the lock is free again
        acquire()
        self._depth += 1  # as in `_enter`
        try:
            rows = self._rows
            if new in rows and new != old:
                return None
            displaced = rows.pop(old, None)
            rows[new] = (key, value, None, None)
            if not self._moved and self._depth == 1:
                return new, self._order.move(old, new, hint)
            self._moved += (old, new)
            self._depth -= 1
            try:
                return new, self._enter().rank(new)
            finally:
                release()
        finally:
            self._depth -= 1
            release()
            del displaced

    def _renumber_watched(self, old: SortKey, new: SortKey, key: K, value: V) -> tuple[SortKey, int] | None:
        row: Row = (key, value, None, None)
        while True:
            former, taken = self._rows.get(old), self._rows.get(new)
            if taken is not None and new != old:
                return None
            moves = [(old, former, row, 0)] if new == old else [(old, former, None, 0), (new, None, row, 0)]
            if self._change(moves, NEVER):
                try:
                    return new, self._enter().rank(new)
                finally:
                    self._leave()

    def _ends(self, low: K | None, high: K | None, bounds: str) -> Ends:
        """Return the sort keys of a range, each with whether it belongs to the range."""
        if bounds not in _BOUNDS:
            raise ValueError(f"bounds must be one of {', '.join(map(repr, _BOUNDS))}, not {bounds!r}")
        return (
            None if low is None else self._sort_key(low),
            bounds[0] == "[",
            None if high is None else self._sort_key(high),
            bounds[1] == "]",
        )

    def _between(
        self,
        ends: Ends,
        *,
        reverse: bool = False,
        limit: int | None = None,
    ) -> list[tuple[SortKey, Row]]:
        """Return handles and rows of a range; the ends are sort keys, each with whether it is taken in."""
        low, with_low, high, with_high = ends
        order = self._enter()
        try:
            rows = self._rows
            start = 0 if low is None else order.rank(low) + (not with_low and low in rows)
            stop = len(order) if high is None else order.rank(high) + (with_high and high in rows)
            if limit is not None and stop - start > limit:
                start, stop = (stop - limit, stop) if reverse else (start, start + limit)
            handles = order.slice(start, stop)
            if reverse:
                handles.reverse()
            return self._rows_of(handles)
        finally:
            self._leave()

    def _candidates(self, access: Access) -> list[tuple[Handle, Row]]:
        ends = self._ends_of(access)
        if ends is None:
            return sorted(self._located(access), key=_by_handle)
        self._tick_all()
        return self._between(ends)

    def _gatherer(self, access: Access) -> Gatherer:
        ends = self._ends_of(access)
        return super()._gatherer(access) if ends is None else partial(self._gather_range, ends)

    def _gather_range(self, ends: Ends) -> list[Handle]:
        return [handle for handle, _ in self._between(ends)]

    def _ends_of(self, access: Access) -> Ends | None:
        """Return the ends of the range that the access names, or None if it names none."""
        kind, *arguments = access
        if kind == "scan":
            return None, False, None, False
        if kind == "range":
            low, high, bounds = arguments
            return self._ends(low, high, bounds)
        if kind == "prefix":
            low, high = self._terms.prefix_bounds(arguments[0])
            return low, True, high, False
        return None

    def _select_ordered(
        self, access: Access, test: Test | None, *, limit: int | None, reverse: bool, after: Any
    ) -> list[Entry]:
        """Return the entries that the test is true of, in order or in reverse, beyond the key `after`."""
        beyond = None if after is MISSING else self._sort_key(after)
        self._tick_all()
        ends = self._ends_of(access)
        if ends is not None:
            ends = _narrowed(ends, beyond, reverse=reverse)
            if limit is None:
                return chosen(self._between(ends, reverse=reverse), test, None)
            return self._walked(ends, test, limit, reverse=reverse) or []
        if limit is not None and access[0] != "key":
            # Where an index has many, the first ones in the order of the keys may be found sooner by walking.
            ends = _narrowed((None, False, None, False), beyond, reverse=reverse)
            walked = self._walked(ends, test, limit, reverse=reverse, most=self._candidate_count(access))
            if walked is not None:
                return walked
        found = sorted(self._located(access), key=_by_handle, reverse=reverse)
        if beyond is not None:
            found = [item for item in found if (item[0] < beyond if reverse else item[0] > beyond)]
        return chosen(found, test, limit)

    def _walked(
        self, ends: Ends, test: Test | None, limit: int, *, reverse: bool, most: float = FOREVER
    ) -> list[Entry] | None:
        """Walk a range in steps until there are enough; None if that takes a look at more than `most` rows."""
        selected: list[Entry] = []
        step = limit if test is None else max(limit, _STEP)
        while len(selected) < limit:
            most -= step
            if most < 0:
                return None
            batch = self._between(ends, reverse=reverse, limit=step)
            selected += chosen(batch, test, limit - len(selected))
            if len(batch) < step:
                break
            ends = _narrowed(ends, batch[-1][0], reverse=reverse)
            step *= 2
        return selected

    def _pop(self, end: Callable[[SortedKeys], SortKey | None]) -> Entry | None:
        now = self._tick_all()
        while True:
            order = self._enter()
            try:
                handle = end(order)
                row = None if handle is None else self._rows.get(handle)
            finally:
                self._leave()
            if row is None:
                return None
            if self._commit(handle, row, None, 0, now):
                if row[2] is None or now == NEVER or now < row[2]:
                    return new_entry(Entry, row[:2])
                self._reclaimed([row])

    def _walk(self) -> Iterator[Row]:
        """Walk the rows in order, by key: what stays throughout is met exactly once, whatever comes and goes."""
        last: SortKey | None = None
        while True:
            batch = self._between((last, False, None, False), limit=_STEP)
            for handle, _ in batch:
                last = handle
                row = self._rows.get(handle)
                if row is not None and (row[2] is None or self._tick() < row[2]):
                    yield row
            if len(batch) < _STEP:
                return

    def _check(self) -> None:
        """Raise AssertionError unless rows, schedule and order agree."""
        super()._check()
        order = self._enter()
        try:
            order._check()
            assert list(order) == sorted(self._rows), "order and rows differ"
            assert all(self._sort_key(row[0]) == handle for handle, row in self._rows.items()), (
                "a row under another key"
            )
            assert self._depth == 1, self._depth
        finally:
            self._leave()


def _by_handle(item: tuple[Handle, Row]) -> SortKey:
    handle: SortKey = item[0]
    return handle


def _narrowed(ends: Ends, beyond: SortKey | None, *, reverse: bool) -> Ends:
    """Return the part of a range beyond a sort key, in the direction of the walk."""
    low, with_low, high, with_high = ends
    if beyond is None:
        return ends
    if reverse:
        nearer = high is not None and (high < beyond or (high == beyond and not with_high))
        return ends if nearer else (low, with_low, beyond, False)
    return ends if low is not None and low > beyond else (beyond, False, high, with_high)
