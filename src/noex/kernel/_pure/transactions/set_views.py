"""Set kinds as a transaction sees them: see `attempt.py`."""

# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false
# Verbs of the base are taken over as they are.
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from noex._arguments import check_limit
from noex.clock import TOLERANCE, seconds
from noex.kernel._pure.ground.hashed import Foreign, Handle
from noex.kernel._pure.ground.lock import acquire, release
from noex.kernel._pure.ground.row import FOREVER, NEVER, Row
from noex.kernel._pure.queries.access import Access
from noex.kernel._pure.rows.changes import Change, Part, Read
from noex.kernel._pure.rows.scheduled_rows import K, V
from noex.kernel._pure.set_table import SetTable
from noex.kernel._pure.terms.order import SortKey
from noex.kernel._pure.transactions.attempt import OVER, Attempt
from noex.kernel._pure.transactions.index_view import IndexView
from noex.kernel._pure.verbs.lifetimes import Lifetimes
from noex.kernel._pure.verbs.read_modify_write import ReadModifyWrite
from noex.kernel._pure.verbs.set_verbs import SetVerbs
from noex.kernel._pure.watch.watch import IndexSpec, Watch
from noex.typing import DEFAULT, Ttl

__all__ = ["OVERLAY_SLOTS", "SetOverlay", "SetOverlayBase", "by_handle"]

T = TypeVar("T")


class OverlayRows:
    """The rows as the transaction sees them, for verbs that look there by handle."""

    __slots__ = ("_view",)

    def __init__(self, view: SetOverlayBase[Any, Any]) -> None:
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


class SetOverlayBase(SetVerbs[K, V]):
    """A set kind as a transaction sees it."""

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

    # -- finding and changing, as the verbs do it ---------------------------------------------------------------

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

    def _resolve(self, key: Any) -> tuple[Handle, Row | None, int]:
        handle, row, _ = self._read(key)
        return handle, self._writes.get(handle, row), 0

    def _find(self, key: Any, now: float) -> tuple[Handle, Row | None, int]:
        while True:
            handle, row, witness = self._resolve(key)
            if row is None or row[2] is None or now < row[2]:
                return handle, row, witness
            self._commit(handle, row, None, witness)

    def _commit(
        self,
        handle: Handle,
        old: Row | None,
        new: Row | None,
        witness: int,
        now: float = NEVER,
        *,
        written: bool = True,
    ) -> bool:
        if self._computing:
            self._forbid(handle)
        if handle not in self._reads:
            self._read_many([handle])
        self._write(handle, new)
        if written:
            self._rewritten.add(handle)
        return True

    def _write(self, handle: Handle, new: Row | None) -> None:
        """Keep a row back until the end, None meaning that there shall be none."""
        self._writes[handle] = new
        if new is not None and new[2] is not None:
            self._own_due = min(self._own_due, new[2])  # type: ignore[misc]

    def _commit_many(
        self, writes: dict[Handle, tuple[Any, Any]], due: float | None, witness: int, now: float
    ) -> list[Row] | None:
        for key, value in writes.values():
            handle, row, _ = self._find(key, now)
            self._commit(handle, row, self._row(key if row is None else row[0], value, due, row), 0, now)
        return []

    def _change(self, changes: Any, now: float) -> bool:
        for handle, old, new, witness in changes:
            self._commit(handle, old, new, witness, now)
        return True

    def _remove_many(self, found: Any, now: float) -> dict[Handle, Row] | None:
        gone = {handle: row for handle, row, _ in found if row is not None}
        self._change([(handle, row, None, -1) for handle, row in gone.items()], now)
        return gone

    def _remove_all(self, now: float) -> int:
        rows = self._snapshot()
        self._change([(handle, row, None, -1) for handle, row in rows], now)
        return len(rows)

    def _rows_of(self, handles: list[Handle]) -> list[tuple[Handle, Row]]:
        self._read_many([handle for handle in handles if handle not in self._writes])
        return [(handle, row) for handle in handles if (row := self._row_at(handle)) is not None]

    def _scan(self) -> dict[Handle, Row]:
        """Return all rows as they stand in the table, of which none may come, go or change until the end."""
        self._tick_all()
        return self._ask(self._copy_rows, _same_rows)

    def _copy_rows(self) -> dict[Handle, Row]:
        rows: dict[Handle, Row] = self._table._rows.copy()
        return rows

    def _snapshot(self) -> list[tuple[Handle, Row]]:
        now = self._tick_all()
        base = self._scan()
        reads = self._reads
        arrivals: int = getattr(self._table, "_arrivals", 0)
        for handle, row in base.items():
            reads.setdefault(handle, (row, arrivals))
        mine = [(handle, row) for handle, row in self._writes.items() if handle not in base]
        theirs = [(handle, self._writes.get(handle, row)) for handle, row in base.items()]
        return [
            (handle, row) for handle, row in [*theirs, *mine] if row is not None and (row[2] is None or now < row[2])
        ]

    def _located(self, access: Access) -> list[tuple[Handle, Row]]:
        """As the table's: part by part, for a transaction sees all of them at one instant anyway."""
        kind, *arguments = access
        if kind == "key":
            return self._rows_under(arguments[0])
        if kind == "index":
            spec, values = arguments
            return list({handle: (handle, row) for v in values for handle, row in self._indexed(spec, v)}.values())
        if kind == "index range":
            spec, low, high, bounds = arguments
            return self._index_between(spec, (low, high, bounds))
        if kind == "index prefix":
            spec, beginning = arguments
            return self._index_prefix(spec, beginning)
        if kind == "union":
            return list({item[0]: item for part in arguments for item in self._candidates(part)}.values())
        return self._snapshot()

    def _rows_under(self, keys: tuple[Any, ...]) -> list[tuple[Handle, Row]]:
        now = self._tick_all()
        found = {handle: row for handle, row, _ in map(self._resolve, keys)}
        return [(handle, row) for handle, row in found.items() if row and (row[2] is None or now < row[2])]

    # -- indexes ------------------------------------------------------------------------------------------------

    def _indexes(self) -> tuple[IndexSpec, ...]:
        indexes: tuple[IndexSpec, ...] = self._table._indexes()
        return indexes

    def _index_view(self, spec: IndexSpec) -> IndexView:
        view = self._views.get(spec.name)
        if view is None or view.spec is not spec:
            view = self._views[spec.name] = IndexView(self, spec)
        return view

    def _indexed(self, spec: IndexSpec, value: Any) -> list[tuple[Handle, Row]]:
        self._tick_all()
        found = self._rows_of(self._index_view(spec).handles(value))
        return sorted(found, key=by_handle) if self._handles_are_ordered else found

    def _spots_between(
        self, spec: IndexSpec, start: SortKey | None, stop: SortKey | None, *, reverse: bool, limit: int | None
    ) -> list[tuple[Handle, Row]]:
        self._ordered(spec)
        self._tick_all()
        view = self._index_view(spec)
        order = view.order()
        first = 0 if start is None else order.rank(start)
        last = len(order) if stop is None else order.rank(stop)
        if limit is not None and last - first > limit:
            first, last = (last - limit, last) if reverse else (first, first + limit)
        spots = order.slice(first, last)
        if reverse:
            spots.reverse()
        return self._rows_of(view.at(spots))

    def _index_rank(self, spec: IndexSpec, key: K) -> int | None:
        self._ordered(spec)
        self._tick_all()
        view = self._index_view(spec)
        spot = view.spot(self._resolve(key)[0])
        return None if spot is None else view.order().rank(spot)

    def _index_at(self, spec: IndexSpec, position: int) -> Row:
        size = self._index_size(spec)
        index = self._ordered(spec)
        place = position + size if position < 0 else position
        if not 0 <= place < size:
            raise IndexError(f"position {position} is beyond the {size} entries of {index.label}")
        view = self._index_view(spec)
        return self._rows_of(view.at(view.order().slice(place, place + 1)))[0][1]

    def _index_size(self, spec: IndexSpec) -> int:
        self._tick_all()
        return self._index_view(spec).size()

    def _delete_indexed(self, spec: IndexSpec, value: Any) -> int:
        found = self._indexed(spec, value)
        self._change([(handle, row, None, -1) for handle, row in found], NEVER)
        return len(found)

    # -- counting and walking -----------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Return the number of entries, which must be the same at the end. O(what was written)."""
        self._tick_all()
        size = self._ask(lambda: len(self._table._rows), int.__eq__)
        for handle, row in self._writes.items():
            size += (row is not None) - (self._reads[handle][0] is not None)
        return size

    def _walk(self) -> Iterator[Row]:
        return iter([row for _, row in self._snapshot()])

    # -- time ---------------------------------------------------------------------------------------------------

    def _tick(self) -> float:
        return self._tick_all()

    def _tick_all(self) -> float:
        now: float = self._table._tick_all()
        if self._own_due == FOREVER:
            return now
        now = self._clock() * 1000 + TOLERANCE
        if self._own_due <= now:
            ended = [handle for handle, row in self._writes.items() if row and row[2] is not None and row[2] <= now]
            self._own_due = FOREVER  # type: ignore[misc]
            for handle in ended:
                self._write(handle, None)
            dues = [row[2] for row in self._writes.values() if row is not None and row[2] is not None]
            self._own_due = min(dues, default=FOREVER)  # type: ignore[misc]
        return now

    def _lifetime(self, ttl: Ttl) -> tuple[float, float | None]:
        length = self._ttl if ttl is DEFAULT else None if ttl is None else seconds(ttl, "ttl")
        self._tick_all()
        now = self._clock()
        return now * 1000 + TOLERANCE, None if length is None else self._due(now + length)

    def sweep(self, limit: int | None = None) -> int:
        """Reclaim nothing: what has expired is gone from the view already."""
        check_limit(limit)
        return 0

    def _plan(self, due: float, handle: Handle) -> None:
        """Nothing: rows are scheduled when they come into the table."""

    def _arrived(self, handle: Handle) -> None:
        """Nothing: that is for the table."""

    _departed = _arrived

    def _admit(self, handle: Handle, witness: int) -> bool:
        return True

    def _still_absent(self, handle: Handle, witness: int) -> bool:
        return True

    def _emptied(self) -> None:
        """Nothing: `_remove_all` has removed each."""


OVERLAY_SLOTS = (
    "_attempt",
    "_own_due",
    "_questions",
    "_reads",
    "_rewritten",
    "_seen",
    "_table",
    "_views",
    "_watched_as",
    "_writes",
)


class SetOverlay(SetOverlayBase[K, V], SetTable[K, V]):
    """A set table as a transaction sees it: without the short cuts of the hot verbs."""

    __slots__ = (*OVERLAY_SLOTS, "_absent")

    _absent: dict[Any, Handle]  # the handles of keys that the table did not have

    insert = SetVerbs.insert
    __setitem__ = insert
    lookup = SetVerbs.lookup
    member = SetVerbs.member
    __contains__ = SetVerbs.__contains__  # type: ignore[assignment]
    update_counter = ReadModifyWrite.update_counter
    touch = Lifetimes.touch

    def _begin(self, table: Any, attempt: Attempt) -> None:
        super()._begin(table, attempt)
        self._foreign = {0: ()}  # so that no verb takes a short cut past `_resolve`
        self._absent = {}

    def _resolve(self, key: Any) -> tuple[Handle, Row | None, int]:
        try:
            known = self._absent.get(key)
        except TypeError as error:
            raise self._explain(key, error) from None
        if known is not None:
            return known, self._row_at(known), 0
        handle, row, witness = self._read(key)
        mine = self._writes.get(handle, row)
        if row is None:
            self._absent[key] = handle
        elif mine is None and not self._stands_for(handle, key):
            # An equal plain key was removed: its handle cannot stand for this key.
            handle = self._absent[key] = Foreign(key, hash(key))
            self._reads[handle] = None, witness
        return handle, mine, 0

    def _pop_entry(self) -> tuple[K, V] | None:
        rows = self._snapshot()
        if not rows:
            return None
        handle, row = rows[-1]
        self._commit(handle, row, None, -1)
        return row[0], row[1]


def _same_rows(one: dict[Handle, Row], other: dict[Handle, Row]) -> bool:
    return len(one) == len(other) and all(other.get(handle) is row for handle, row in one.items())


def by_handle(item: tuple[SortKey, Row]) -> SortKey:
    return item[0]
