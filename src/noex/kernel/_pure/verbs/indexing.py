"""Making indexes of set kinds, and taking them away; and who is told of changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from noex.errors import IndexViolation, shown
from noex.kernel._pure.ground.lock import acquire, release
from noex.kernel._pure.ground.row import GONE, Row
from noex.kernel._pure.rows.scheduled_rows import K, V
from noex.kernel._pure.verbs.index_answers import IndexAnswers
from noex.kernel._pure.watch.delivery import Subscription
from noex.kernel._pure.watch.hashed_index import HashedIndexRows
from noex.kernel._pure.watch.index_rows import CLEARED, IndexRows
from noex.kernel._pure.watch.ordered_index import OrderedIndexRows
from noex.kernel._pure.watch.watch import IndexSpec, Note, Watch
from noex.typing import TableEvent

__all__ = ["Indexing"]


class Indexing(IndexAnswers[K, V]):
    """What a set kind does to have indexes and subscribers."""

    __slots__ = ()

    def _subscribe(self, callback: Callable[[TableEvent], object], kinds: frozenset[str]) -> Subscription:
        acquire()
        try:
            return self._watched().delivery.subscribe(callback, kinds)
        finally:
            release()

    def _add_index(
        self, name: str, source: Any, function: Callable[[Any, Any], Any], *, ordered: bool, unique: bool
    ) -> IndexSpec:
        """Make an index of all rows; the function runs outside the lock, once for each row that does not change.

        Raises:
            IndexViolation: it is to be unique, and two rows have one value.
            ValueError: the table has an index of that name.
        """
        label = f"index {name!r} of {self._label()}"
        rows: IndexRows
        if ordered:
            rows = OrderedIndexRows(label, by_key=self._handles_are_ordered)
        else:
            rows = HashedIndexRows(label)
        spec = IndexSpec(name, source, function, rows, ordered=ordered, unique=unique)
        self._tick_all()  # rows that have expired are nobody's concern
        journal: list[Note] = []
        watch, items = self._begin_journal(name, journal)
        try:
            while True:
                self._fill(spec, items)
                pair = rows.crowded() if unique else None
                if pair is not None:
                    self._tick_all()  # one of the two may have expired
                acquire()
                try:
                    items = self._journalled(watch, journal)
                    if not items and pair is None:
                        self._refuse_name(name)
                        watch.indexes = (*watch.indexes, spec)
                        return spec
                    crowd = [self._rows.get(handle) for handle in pair or ()]
                finally:
                    release()
                if not items:
                    self._refuse_crowd(spec, crowd)
        finally:
            self._end_journal(watch, journal)

    def _begin_journal(self, name: str, journal: list[Note]) -> tuple[Watch, Iterable[Any]]:
        """From now on note what happens to the rows; return them as they are."""
        trash: list[Any] = []  # dropped when the lock is free
        acquire()
        try:
            self._refuse_name(name)
            watch = self._watched()
            watch.journals = (*watch.journals, journal)
            watch.enter()
            watch.leave()
            trash += watch.take_trash()
            journal.clear()  # notes so far are about the rows as they are copied now
            return watch, [(handle, row, ()) for handle, row in self._rows.copy().items()]
        finally:
            release()

    def _journalled(self, watch: Watch, journal: list[Note]) -> list[Note]:
        """Return what has happened to the rows since this was asked last, under the lock."""
        len(self._rows)  # a closed table says so here
        watch.enter()
        watch.leave()
        notes = journal.copy()
        journal.clear()
        return notes

    def _end_journal(self, watch: Watch, journal: list[Note]) -> None:
        acquire()
        try:
            watch.journals = tuple(other for other in watch.journals if other is not journal)
            if self._watch is watch and watch.idle:
                self._watch = None
        finally:
            release()

    @staticmethod
    def _fill(spec: IndexSpec, items: Iterable[Any]) -> None:
        """Enter rows into an index that nobody else knows of yet."""
        notes: list[Note] = []
        for handle, row, _ in items:
            place = None if row is None or handle is CLEARED or row is GONE else spec.place(row[0], row[1])
            if place is not None:
                spec.rows.admit(place, spec.rows.arrivals)
            notes.append((handle, row, (place,)))
        spec.rows.absorb(0, notes, [])

    def _refuse_name(self, name: str) -> None:
        len(self._rows)  # a closed table says so here
        if self._watch is not None and any(index.name == name for index in self._watch.indexes):
            raise ValueError(f"{self._label()} has an index {name!r} already; index({name!r}) returns it")

    def _refuse_crowd(self, spec: IndexSpec, crowd: list[Row | None]) -> None:
        first, second = crowd
        if first is not None and second is not None:
            value = spec.function(second[0], second[1])
            raise IndexViolation(
                f"{spec.rows.label} cannot be unique: {shown(first[0])} and {shown(second[0])} both have "
                f"{shown(value)}; nothing was changed"
            )

    def _remove_index(self, name: str) -> None:
        acquire()
        try:
            gone = self._spec(name)
            watch = self._watched()
            watch.enter()  # places in notes go by the number of the index
            watch.indexes = tuple(index for index in watch.indexes if index is not gone)
            watch.version += 1  # for transactions that have asked it
            watch.leave()
            held = [watch.take_trash(), gone.empty()]
            if watch.idle:
                self._watch = None
        finally:
            release()
        del held  # finalizers may run now
