"""What a transaction has read of a set kind, which must still hold at the end, and what it has written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from noex.clock import TOLERANCE
from noex.kernel._pure.ground.hashed import Handle
from noex.kernel._pure.ground.lock import acquire, release
from noex.kernel._pure.ground.row import FOREVER, NEVER, Row
from noex.kernel._pure.rows.changes import Change, Part, Read
from noex.kernel._pure.rows.scheduled_rows import K, V
from noex.kernel._pure.transactions.attempt import OVER, Attempt
from noex.kernel._pure.transactions.index_view import IndexView
from noex.kernel._pure.verbs.set_verbs import SetVerbs
from noex.kernel._pure.watch.watch import Watch

__all__ = ["OverlayRows", "SetViewState"]

T = TypeVar("T")


class OverlayRows:
    """The rows as the transaction sees them, for verbs that look there by handle."""

    __slots__ = ("_view",)

    def __init__(self, view: SetViewState[Any, Any]) -> None:
        self._view = view

    def get(self, handle: Handle, default: Any = None) -> Any:
        row = self._view._row_at(handle)
        return default if row is None else row

    def __getitem__(self, handle: Handle) -> Any:
        row = self._view._row_at(handle)
        if row is None:
            raise KeyError(handle)
        return row

    def __contains__(self, handle: Handle) -> bool:
        return self._view._row_at(handle) is not None

    def __len__(self) -> int:
        return len(self._view._writes)  # verbs ask only to hear whether the table is closed; `len` is the view's own


class SetViewState(SetVerbs[K, V]):
    """What is known of a set kind in a transaction."""

    __slots__ = ()

    _attempt: Attempt
    _table: Any
    _watched_as: Watch
    _seen: int
    _reads: dict[Handle, tuple[Row | None, int]]
    _questions: list[Callable[[], bool]]
    _views: dict[str, IndexView]
    _writes: dict[Handle, Row | None]
    _rewritten: set[Handle]
    _own_due: float  # when the first of what was written ends

    def _begin(self, table: Any, attempt: Attempt) -> None:
        super()._open(table._name, table._clock, table._ttl)
        self._table = table  # the slots are those of the classes at the end
        self._attempt = attempt  # type: ignore[misc]
        self._rows = OverlayRows(self)  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
        self._next_due = NEVER  # something may always be due: verbs ask `_tick_all`
        self._reads = {}  # type: ignore[misc]
        self._questions = []  # type: ignore[misc]
        self._writes = {}  # type: ignore[misc]
        self._views = {}  # type: ignore[misc]
        self._rewritten = set()  # type: ignore[misc]  # written with a value, not only given another lifetime
        self._own_due = FOREVER  # type: ignore[misc]
        acquire()
        try:
            watch: Watch = table._watched()
            watch.readers += 1
            self._watched_as, self._seen = watch, watch.version  # type: ignore[misc]
            attempt.views[id(table)] = self
            attempt.validate()
        finally:
            release()

    def _end(self) -> None:
        """Let go of the table, under the lock; no verb can be called any more."""
        watch = self._watched_as
        watch.readers -= 1
        if watch.idle and self._table._watch is watch:
            self._table._watch = None
        self._table = OVER

    # -- what must hold -----------------------------------------------------------------------------------------

    def _still_holds(self) -> bool:
        """Tell, under the lock, whether all that was read still holds."""
        watch = self._watched_as
        if watch.version == self._seen and self._table._watch is watch:
            return True
        version = watch.version
        if self._table._watch is not watch or not self._part_holds():
            return False
        self._seen = version  # type: ignore[misc]
        return True

    def _part_holds(self) -> bool:
        reads = [(handle, row, witness) for handle, (row, witness) in self._reads.items()]
        self._watched_as.enter()
        try:
            return Part(self._table, (), reads=reads, questions=self._questions)._current()
        finally:
            self._watched_as.leave()

    def _part(self) -> Part:
        """Return what is to be done to the table, and what must still hold then. Reads the clock."""
        changes: list[Change] = []
        quiet: list[Change] = []
        for handle, new in self._writes.items():
            old, witness = self._reads[handle]
            if old is None and new is None:
                continue
            (changes if handle in self._rewritten or new is None else quiet).append((handle, old, new, witness))
        reads: list[Read] = [(handle, row, witness) for handle, (row, witness) in self._reads.items()]
        now = self._table._clock() * 1000 + TOLERANCE if changes else NEVER
        return Part(self._table, changes, now=now, quiet=quiet, reads=reads, questions=self._questions)

    def _row_at(self, handle: Handle) -> Row | None:
        """Return the row of a handle as this transaction sees it."""
        if handle in self._writes:
            return self._writes[handle]
        if handle not in self._reads:
            self._read_many([handle])
        return self._reads[handle][0]

    def _read_many(self, handles: list[Handle]) -> None:
        """Read rows by handle, all at one instant, at which all that was read before must hold."""
        table = self._table
        acquire()
        try:
            for handle in handles:
                if handle not in self._reads:
                    self._reads[handle] = table._rows.get(handle), getattr(table, "_arrivals", 0)
            self._attempt.validate()
        finally:
            release()

    def _ask(self, question: Callable[[], T], same: Callable[[T, T], bool]) -> T:
        """Ask the table something, under the lock; the answer must still be the same at the end."""
        acquire()
        try:
            self._watched_as.enter()  # questions go to indexes, too
            try:
                answer = question()
            finally:
                self._watched_as.leave()
            self._questions.append(lambda: same(question(), answer))
            self._attempt.validate()
            return answer
        finally:
            release()

    def _read(self, key: Any) -> tuple[Handle, Row | None, int]:
        """Return the key's handle in the table, its row there, and the witness; noted as read."""
        while True:
            handle, row, witness = self._table._resolve(key)
            if handle in self._reads:
                return handle, *self._reads[handle]
            acquire()
            try:
                if self._table._rows.get(handle) is row and (
                    row is not None or self._table._still_absent(handle, witness)
                ):
                    self._reads[handle] = row, witness
                    self._attempt.validate()
                    return handle, row, witness
            finally:
                release()
