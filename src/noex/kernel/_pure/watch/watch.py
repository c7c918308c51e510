"""What goes on beside the rows of a watched table: indexes that follow them, and events to tell.

A table is *watched* while it has indexes or subscribers; others pay one test for it. A commit to a watched table does
three things in one run of bytecodes without a call: it changes the rows, adds *notes* to `pending` of what has
happened, and adds events to the queue. Indexes catch up with the notes when somebody asks, so that a finalizer which
strikes at any point finds rows and notes that agree. One that strikes while an index is in use, or is catching up,
gets a copy of it, made from its marks and the notes; the copy then takes the place of the one that was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from noex.kernel._pure.ground.hashed import Handle
from noex.kernel._pure.ground.row import Row
from noex.kernel._pure.watch.delivery import Delivery
from noex.kernel._pure.watch.index_rows import CLEARED, IndexRows, Place, Placed

__all__ = ["CLEARING", "IndexSpec", "Note", "Watch"]

Note: TypeAlias = tuple[Handle, Row | None, tuple[Place, ...]]
"""A row that was written or removed, and its place in each index; the row itself only for journals, else None."""

CLEARING: tuple[Note, ...] = ((CLEARED, None, ()),)

_MOST_PENDING = 64


class IndexSpec:
    """An index as it was declared, and what it knows."""

    __slots__ = ("function", "name", "ordered", "rows", "source", "unique")

    def __init__(
        self,
        name: str,
        source: Any,
        function: Callable[[Any, Any], Any],
        rows: IndexRows,
        *,
        ordered: bool,
        unique: bool,
    ) -> None:
        self.name = name
        self.source = source  # what was given for `key`: a field name, a term, or the function itself
        self.function = function
        self.rows = rows
        self.ordered = ordered
        self.unique = unique

    @property
    def label(self) -> str:
        """Names the index in messages."""
        return self.rows.label

    @property
    def by_key(self) -> bool:
        """Whether entries of one value are in the order of their keys."""
        return self.rows.by_key

    def empty(self) -> IndexRows:
        """Hold nothing any more, for nobody asks again; return what was held."""
        rows, self.rows = self.rows, self.rows.emptied()
        return rows

    def takes(self, value: Any) -> bool:
        """Tell whether rows can be found by that value; one that cannot be indexed may still be equal to something."""
        if value is None:
            return False  # None is in no index, though a field may be None
        try:
            self.rows.place(value)
        except Exception:  # a user's hash may raise anything for a value that it was not made for
            return False
        return True

    def mark(self, value: Any) -> tuple[Any, int]:
        """Return the mark of a value, and the witness. Runs code of the user's.

        Raises:
            UnhashableKey, UnorderableKey, TypeError: the value cannot be indexed.
        """
        mark, _, witness = self.rows.place(value)
        return mark, witness

    def place(self, key: Any, value: Any, batch: dict[Any, Placed] | None = None) -> Place:
        """Return where a row is entered, or None for one that is kept out. Runs code of the user's.

        `batch` has the places of the values before it in the same change: equal ones get the same place.
        """
        indexed = self.function(key, value)
        if indexed is None:
            return None
        if batch is None or self.ordered:
            return self.rows.place(indexed)
        try:
            place = batch.get(indexed)
        except TypeError:  # no hash, or one that fails: `place` says so
            place = None
        if place is None:
            place = batch[indexed] = self.rows.place(indexed)
        return place


class Watch:
    """Indexes, subscribers, and what both have yet to learn."""

    __slots__ = (
        "_depth",
        "_epoch",
        "delivery",
        "indexes",
        "journals",
        "pending",
        "readers",
        "strays",
        "trash",
        "version",
    )

    def __init__(self) -> None:
        self.delivery = Delivery()
        self.indexes: tuple[IndexSpec, ...] = ()
        self.journals: tuple[list[Note], ...] = ()  # what happens while indexes are being built
        self.pending: list[Note] = []
        self.strays: list[tuple[IndexSpec, Placed]] = []  # values let into an index for a commit that was then not done
        self.trash: list[Any] = []  # what the indexes have let go of, to be dropped after the lock
        self.version = 0  # counts commits
        self.readers = 0  # transactions that go by the version
        self._depth = 0  # how many use the indexes: more than one only inside a finalizer
        self._epoch = 0  # counts replacements of what was interrupted

    @property
    def idle(self) -> bool:
        """Whether the table need not be watched."""
        return not (self.indexes or self.delivery.subscriptions or self.delivery.queue or self.journals or self.readers)

    def enter(self) -> None:
        """Begin to use the indexes, under the lock, and bring them up to date; `leave` follows.

        Who uses an index keeps to the object that is its `rows` then: a finalizer puts another in its place.
        """
        self._depth += 1
        if self._depth > 1:
            self._replace()
        elif self.pending or self.strays:
            self._catch_up()

    def leave(self) -> None:
        """End to use the indexes."""
        self._depth -= 1

    def take_trash(self) -> list[Any]:
        """Return what there is to drop once the lock is free: finalizers may run then."""
        trash, self.trash = self.trash, []
        return trash

    def caught_up(self) -> list[Any]:
        """Let the indexes catch up, under the lock; return what is to be dropped after it."""
        self.enter()
        self.leave()
        return self.take_trash()

    def end(self) -> list[Any]:
        """Let go of subscribers, and of all that the indexes hold; return what is to be dropped after the lock."""
        self.delivery.end()
        held = [self.take_trash(), self.pending, [index.empty() for index in self.indexes]]
        self.pending = []
        return held

    def spare(self) -> None:
        """Keep the notes from growing without end, under the lock."""
        if len(self.pending) > _MOST_PENDING and not self._depth:
            self.enter()
            self.leave()

    def _catch_up(self) -> None:
        """Let the indexes absorb the notes that wait."""
        epoch = self._epoch
        known = len(self.pending)
        notes = self.pending[:known]
        targets = [index.rows for index in self.indexes]
        self.trash.append(notes)
        if self._epoch != epoch or not self._journalled(notes, epoch):
            return  # a finalizer has replaced them, and they know all this already
        for number, rows in enumerate(targets):
            rows.absorb(number, notes, self.trash)
            if self._epoch != epoch:
                return
        del self.pending[:known]
        if not self.pending:  # else what strayed may be what notes that came meanwhile are about
            strays, self.strays = self.strays, []
            self.trash.append(strays)
            for index, place in strays:
                index.rows.forget_if_empty(place)

    def _replace(self) -> None:
        """Put up-to-date copies in the place of indexes whose use is interrupted."""
        self._epoch += 1
        self.version += 1  # what the interrupted one has worked out may not hold any more
        epoch = self._epoch
        known = len(self.pending)
        notes = self.pending[:known]
        self.trash.append(notes)
        for number, index in enumerate(self.indexes):
            rows = index.rows.copied()
            rows.absorb(number, notes, self.trash)
            if self._epoch != epoch:
                return  # one that interrupts this has replaced them all
            index.rows = rows
        if self._epoch != epoch or not self._journalled(notes, epoch):
            return
        del self.pending[:known]

    def _journalled(self, notes: list[Note], epoch: int) -> bool:
        """Hand the notes to indexes that are being built; tell whether nobody has struck meanwhile."""
        for journal in self.journals:
            if self._epoch != epoch:
                return False
            journal += notes
        return self._epoch == epoch

    def _check(self, rows: dict[Handle, Row]) -> None:
        """Raise AssertionError unless every index is what its function makes of the rows."""
        self.enter()
        try:
            assert self._depth == 1, self._depth
            for index in self.indexes:
                index.rows._check()
                assert not index.unique or index.rows.crowded() is None, f"{index.name} is not unique"
                expected = {handle for handle, row in rows.items() if index.function(row[0], row[1]) is not None}
                assert set(index.rows.marks) == expected, f"{index.name} has other rows"
                for handle in expected:
                    place = index.place(rows[handle][0], rows[handle][1])
                    assert place is not None
                    assert handle in index.rows.handles(place[0]), f"{index.name} has a row elsewhere"
                    assert index.rows.has_mark(handle, place[0]), f"{index.name} has another mark for a row"
        finally:
            self.leave()
