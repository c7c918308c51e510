"""Changes of many rows, of one table or of several, in one step: all or nothing, seen all at once.

Each change says which row it replaces. Prepare (outside the lock, runs index functions), open (under it: is
everything still as it was found?), do it all in one call of C code, follow (bring the rest in step), settle (let go,
tell). A row never changes, so that it is still the very same object says that nothing has happened to it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from operator import call
from typing import Any, Protocol, TypeAlias

from noex.errors import IndexViolation, shown
from noex.kernel._pure.ground.hashed import Handle
from noex.kernel._pure.ground.lock import acquire, commits, release
from noex.kernel._pure.ground.row import GONE, NEVER, Row
from noex.kernel._pure.watch.delivery import Queued
from noex.kernel._pure.watch.index_rows import Place, Placed
from noex.kernel._pure.watch.watch import IndexSpec, Note, Watch
from noex.typing import MISSING, TableEvent, TableEventKind

__all__ = ["AnyPart", "Change", "Part", "Read", "change", "commit_all", "told"]

Change: TypeAlias = tuple[Handle, Row | None, Row | None, int]
"""Handle, the row found there, the row to put there (None: no row), and the witness that `_admit` asks for."""

Read: TypeAlias = tuple[Handle, Row | None, int]
"""Handle, the row found there, and the witness."""


class Rows(Protocol):
    """What is asked here of the rows of a set kind."""

    _computing: list[tuple[int, Handle]]
    _watch: Watch | None

    @property
    def _rows(self) -> dict[Handle, Row]: ...
    def _label(self) -> str: ...
    def _forbid(self, handle: Handle) -> None: ...
    def _admit(self, handle: Handle, witness: int) -> bool: ...
    def _still_absent(self, handle: Handle, witness: int) -> bool: ...
    def _arrived(self, handle: Handle) -> None: ...
    def _departed(self, handle: Handle) -> None: ...
    def _plan(self, due: float, handle: Handle) -> None: ...
    def _tick_all(self) -> float: ...


class AnyPart(Protocol):
    """What is to happen to one table, of whatever kind."""

    def prepare(self) -> None:
        """Work out, outside the lock, what code of the user's is needed for."""

    def open(self) -> bool:
        """Tell, under the lock, whether it can be done."""
        ...

    def steps(self) -> list[Callable[[], object]]:
        """Return what is to be done, as calls of C code alone."""
        ...

    def follow(self) -> None:
        """Bring the rest in step with what was done, under the lock."""

    def close(self) -> list[Any]:
        """Clean up, under the lock, whether it was done or not; return what is to be dropped after it."""
        ...

    def settle(self) -> None:
        """Tell subscribers, outside the lock."""

    def refuse(self) -> None:
        """Raise for what objects."""


class Written(Protocol):
    """What a transaction has written to one table; see `transactions/base.py`."""

    @property
    def table(self) -> Any: ...


def commit_all(parts: Sequence[Written], versions: Sequence[tuple[Any, int]], holds: Callable[[], bool]) -> bool:
    """Do all that a transaction has written, or nothing; `_commit_all` in `transactions/base.py` says how.

    Where tables have other versions by now, `holds` is asked, under the lock that keeps everybody out.
    """

    def may_go_on() -> bool:
        for table, version in versions:
            if table._version != version:
                return holds()
        return True

    return change([part.table._part_of(part) for part in parts], may_go_on)


class Part:
    """What is to happen to one table."""

    __slots__ = (
        "_arriving",
        "_done",
        "_entered",
        "_events",
        "_every",
        "_indexes",
        "_notes",
        "_places",
        "_valued",
        "_version",
        "_watch",
        "changes",
        "now",
        "questions",
        "quiet",
        "reads",
        "renewed",
        "rival",
        "table",
    )

    def __init__(
        self,
        table: Rows,
        changes: Sequence[Change],
        *,
        now: float = NEVER,
        quiet: Sequence[Change] = (),
        reads: Sequence[Read] = (),
        questions: Sequence[Callable[[], bool]] = (),
        renewed: AbstractSet[Handle] = frozenset(),
    ) -> None:
        self.table = table
        self.changes = changes
        self.now = now
        self.quiet = quiet  # changes of lifetimes, not of values: nothing for indexes and subscribers
        self.reads = reads
        self.questions = questions  # each tells whether something is still as it was found
        self.renewed = renewed  # whose rows are taken out first, so that what comes in their place stands at the end
        self.rival: tuple[IndexSpec, Any, Row] | None = None  # why it is refused: the index, the value, who has it
        self._watch: Watch | None = None
        self._every = (*changes, *quiet) if quiet else changes
        self._entered = self._done = False
        self._arriving: list[Handle] = []
        self._places: list[tuple[Place, ...]] = []
        self._valued: list[tuple[IndexSpec, Any]] = []

    def prepare(self) -> None:
        """Work out the places in indexes, outside the lock. Runs code of the user's."""
        for handle, _, _, _ in self._every if self.table._computing else ():
            self.table._forbid(handle)
        watch = self.table._watch
        indexes = self._indexes = () if watch is None else watch.indexes
        if indexes:
            batches: list[tuple[IndexSpec, dict[Any, Placed]]] = [(index, {}) for index in indexes]
            self._places = [
                () if new is None else tuple([index.place(new[0], new[1], batch) for index, batch in batches])
                for _, _, new, _ in self.changes
            ]
        else:
            self._places = [()] * len(self.changes)

    def open(self) -> bool:
        """Tell, under the lock, whether it can be done: all is as it was found, and no index objects."""
        watch = self.table._watch
        if watch is None:
            # For as long as the lock is held: what a finalizer commits meanwhile must show in `version`.
            watch = self.table._watch = Watch()
        self._watch = watch
        if watch.indexes is not self._indexes and watch.indexes:
            return False
        if watch.indexes:
            self._entered = True
            watch.enter()
        self._version = watch.version
        if not (self._current() and self._agreed(watch.indexes) and self._admitted()):
            return False
        self._notes: list[Note] = []
        self._events: tuple[Queued, ...] = ()
        if watch.indexes or watch.journals:
            kept = bool(watch.journals)
            self._notes = [
                (handle, new if kept else None, places)
                for (handle, _, new, _), places in zip(self.changes, self._places, strict=True)
            ]
        if watch.delivery.subscriptions:
            self._events = watch.delivery.queued(self._told())
        return True

    def _current(self) -> bool:
        """Tell, under the lock, whether all is as it was found."""
        table = self.table
        rows = table._rows
        for handle, row, witness in self.reads:
            if rows.get(handle) is not row or (row is None and not table._still_absent(handle, witness)):
                return False
        if not all(holds() for holds in self.questions):
            return False
        return all(rows.get(handle) is old for handle, old, _, _ in self._every)

    def _admitted(self) -> bool:
        """Let new keys in, under the lock."""
        table = self.table
        arriving = self._arriving
        for handle, old, new, witness in self.changes:
            if old is None and new is not None:
                if not table._admit(handle, witness + len(arriving)):
                    return False
                arriving.append(handle)
        return True

    def _agreed(self, indexes: tuple[IndexSpec, ...]) -> bool:
        """Admit the new values to the indexes; tell whether the unique ones allow it."""
        if not indexes:
            return True
        changing = {handle for handle, _, _, _ in self.changes}
        for number, (index, rows) in enumerate([(index, index.rows) for index in indexes]):
            taken: dict[Any, Row] = {}
            since = rows.arrivals
            for (_, _, new, _), places in zip(self.changes, self._places, strict=True):
                place = places[number] if places else None
                if place is None or new is None:
                    continue
                if not rows.admit(place, since):
                    return False
                self._valued.append((index, place))
                if not index.unique:
                    continue
                mark = place[0]
                if mark in taken:
                    self.rival = (index, place[1], taken[mark])
                    return False
                taken[mark] = new
                for handle in rows.handles(mark):
                    if handle not in changing:
                        self.rival = (index, place[1], self.table._rows[handle])
                        return False
        return True

    def _told(self) -> list[TableEvent]:
        return [event for _, old, new, _ in self.changes for event in told(old, new, self.now)]

    def steps(self) -> list[Callable[[], object]]:
        """Return what is to be done, as calls of C code alone: rows, notes, events and version."""
        watch = self._watch
        if watch is None:
            raise RuntimeError("a change is opened before it is done")
        rows = self.table._rows
        changed = {handle: GONE if new is None else new for handle, _, new, _ in self._every}
        return [
            partial(setattr, watch, "version", watch.version + 1),
            partial(watch.pending.extend, self._notes),
            partial(watch.delivery.queue.extend, self._events),
            *[partial(rows.pop, handle) for handle in self.renewed],
            partial(rows.update, changed),
        ]

    def follow(self) -> None:
        """Bring the rest in step with the rows, under the lock."""
        self._done = True
        table = self.table
        rows = table._rows
        for handle, old, new, _ in self._every:
            if new is None:
                if handle in rows and rows[handle] is GONE:  # no finalizer has put another there
                    del rows[handle]
                    table._departed(handle)
                continue
            if old is None:
                table._arrived(handle)
            if new[3] is not None and (old is None or old[3] != new[3]):
                table._plan(new[3], handle)

    def close(self) -> list[Any]:
        """Clean up, under the lock, whether it was done or not; return what is to be dropped after it."""
        watch = self._watch
        if watch is None:
            return []
        if self._entered:
            watch.leave()
        if not self._done:
            for handle in self._arriving:
                self.table._departed(handle)
            watch.strays += self._valued
        if watch.idle:
            self.table._watch = None
        else:
            watch.spare()
        return watch.take_trash()

    def settle(self) -> None:
        """Tell subscribers, outside the lock."""
        if self._watch is not None:
            self._watch.delivery.deliver()

    def refuse(self) -> None:
        """Raise for the index that objects, unless what it objects to has expired by now.

        Raises:
            IndexViolation: another row has that value.
        """
        if self.rival is None:
            return
        index, value, row = self.rival
        if row[2] is not None and not any(row is new for _, _, new, _ in self.changes):
            now = self.table._tick_all()
            if not now < row[2]:
                return
        raise IndexViolation(
            f"index {index.name!r} of {self.table._label()} is unique, and {shown(row[0])} has {shown(value)} "
            "already; the write was refused"
        )


def told(old: Row | None, new: Row | None, now: float) -> list[TableEvent]:
    """Return the events of a row in the place of another."""
    events: list[TableEvent] = []
    previous: Any = MISSING
    if old is not None and old is not GONE:
        expired = not (old[2] is None or now < old[2])
        kind: TableEventKind = "expire" if expired else "delete"
        if expired or new is None:
            events.append(TableEvent(kind, old[0], old[1], old[1]))
        if not expired:
            previous = old[1]
    if new is not None:
        events.append(TableEvent("insert", new[0], new[1], previous))
    return events


def change(parts: Sequence[AnyPart], holds: Callable[[], bool] | None = None) -> bool:
    """Do all that the parts say, or nothing; False if something has changed since it was found.

    `holds` is asked first, under the lock, whether there is anything else against it.

    Raises:
        IndexViolation: a unique index has a value already.
    """
    for part in parts:
        part.prepare()
    done = False
    trash: list[Any] = []  # dropped when the lock is free
    acquire()
    try:
        seen = commits[0]
        try:
            if (holds is None or holds()) and all(part.open() for part in parts):
                run = map(call, [step for part in parts for step in part.steps()])
                do_all = deque[object](maxlen=0).extend
                if commits[0] == seen:  # no finalizer has committed anything since; and none can before all is done:
                    commits[0] = seen + 1  # this run of bytecodes has one call, and that runs C code alone
                    do_all(run)
                    done = True
                    for part in parts:
                        part.follow()
        finally:
            for part in parts:
                trash.append(part.close())  # noqa: PERF401 - all of them, whatever one does
    finally:
        release()
    for part in parts:
        part.settle()
        if not done:
            part.refuse()
    return done
