"""What a transaction has read of a set kind, which must still hold at the end, and what it has written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from noex.clock import TOLERANCE
from noex.errors import IndexNotFound
from noex.kernel._pure.ground.hashed import Handle
from noex.kernel._pure.ground.row import FOREVER, NEVER, Row
from noex.kernel._pure.rows.scheduled_rows import K, V
from noex.kernel._pure.transactions.attempt import OVER, Attempt
from noex.kernel._pure.transactions.base import RowsWritten, RowWritten
from noex.kernel._pure.transactions.index_view import IndexView
from noex.kernel._pure.verbs.set_verbs import SetVerbs

__all__ = ["OverlayRows", "SetViewState"]


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
    _table: Any  # a `SetBase`, until the end
    _known: int
    _reads: dict[Handle, tuple[Row | None, int]]
    _questions: list[tuple[Callable[..., Any], tuple[Any, ...], Any]]  # what was asked, of what, and the answer
    _views: dict[str, IndexView]
    _writes: dict[Handle, Row | None]
    _rewritten: set[Handle]
    _renewed: set[Handle]
    _own_due: float  # when the first of what was written ends

    def _begin(self, table: Any, attempt: Attempt) -> None:
        super()._open(table._name, table._clock, table._ttl)
        self._table = table  # the slots are those of the classes at the end
        self._attempt = attempt  # type: ignore[misc]
        self._terms = table._terms  # type: ignore[misc]
        self._rows = OverlayRows(self)  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
        self._next_due = NEVER  # something may always be due: verbs ask `_tick_all`
        self._reads = {}  # type: ignore[misc]
        self._questions = []  # type: ignore[misc]
        self._writes = {}  # type: ignore[misc]
        self._views = {}  # type: ignore[misc]
        self._rewritten = set()  # type: ignore[misc]  # written with a value, not only given another lifetime
        self._renewed = set()  # type: ignore[misc]  # removed and then written anew: the row stands behind all others
        self._own_due = FOREVER  # type: ignore[misc]
        table._begin_reading()
        self._known = table._version  # type: ignore[misc]
        attempt.views[id(table)] = self
        attempt.validate()

    def _end(self) -> None:
        """Let go of the table; no verb can be called any more."""
        table, self._table = self._table, OVER
        table._end_reading()

    # -- what must hold -----------------------------------------------------------------------------------------

    def _still_holds(self) -> bool:
        """Tell whether all that was read holds, if nobody writes meanwhile."""
        if not self._table._all_stand(self._reads):
            return False
        try:
            return all(question(*arguments) == answer for question, arguments, answer in self._questions)
        except IndexNotFound:  # it was dropped
            return False

    def _written(self) -> RowsWritten | None:
        """Return what is to be done to the table, or None for nothing. Reads the clock."""
        changes: list[RowWritten] = []
        quiet: list[RowWritten] = []
        renewed: set[Handle] = set()
        for handle, new in self._writes.items():
            old, witness = self._reads[handle]
            if old is None and new is None:
                continue
            if handle in self._renewed and old is not None and new is not None:
                renewed.add(handle)
            (changes if handle in self._rewritten or new is None else quiet).append((handle, old, new, witness))
        if not changes and not quiet:
            return None
        now = self._table._clock() * 1000 + TOLERANCE if changes else NEVER
        return RowsWritten(self._table, changes, quiet, now, renewed)

    def _row_at(self, handle: Handle) -> Row | None:
        """Return the row of a handle as this transaction sees it."""
        if handle in self._writes:
            return self._writes[handle]
        if handle not in self._reads:
            self._read_many([handle])
        return self._reads[handle][0]

    def _read_many(self, handles: list[Handle]) -> None:
        """Read rows by handle, all at one instant, at which all that was read before must hold."""
        row_of = self._table._row_of
        for handle in handles:
            if handle not in self._reads:
                self._reads[handle] = row_of(handle)
        self._attempt.validate()

    def _ask(self, question: Callable[..., Any], *arguments: Any) -> Any:
        """Ask the table something; the answer must still be the same at the end."""
        try:
            answer = question(*arguments)
        except IndexNotFound:
            self._attempt.validate()
            raise
        self._questions.append((question, arguments, answer))
        self._attempt.validate()
        return answer

    def _read(self, key: Any) -> tuple[Handle, Row | None, int]:
        """Return the key's handle in the table, its row there, and the witness; noted as read."""
        table = self._table
        while True:
            handle, row, witness = table._resolve(key)
            if handle in self._reads:
                return handle, *self._reads[handle]
            if table._stands(handle, row, witness):
                self._reads[handle] = row, witness
                self._attempt.validate()
                return handle, row, witness
