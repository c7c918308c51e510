"""The kernel's set table: hashed keys, one value each, with short cuts for plain keys on the hot verbs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self, TypeVar, overload

from noex.clock import TOLERANCE
from noex.errors import UnhashableKey
from noex.kernel._pure.ground.hashed import PLAIN, Handle, is_plain
from noex.kernel._pure.ground.items import pairs_of
from noex.kernel._pure.ground.lock import acquire, commits, release
from noex.kernel._pure.ground.row import FOREVER, Row
from noex.kernel._pure.rows.hashed_rows import HashedRows
from noex.kernel._pure.rows.scheduled_rows import RECLAIM_PER_WRITE, K, V
from noex.kernel._pure.verbs.set_verbs import SetVerbs
from noex.typing import DEFAULT, Clock, Items, Number, Ttl

__all__ = ["SetTable"]

D = TypeVar("D")

_NOTHING = object()
_ZERO: Number = 0


class SetTable(HashedRows[K, V], SetVerbs[K, V]):
    """Rows by hash and `==`.

    The verbs repeated here do what those of the base do. For a plain key in a table of plain keys, finding runs no
    code of the user, so they find and change in one step under the lock.
    """

    __slots__ = ()

    kind = "set"

    @classmethod
    def _create(cls, name: str | None, clock: Clock, ttl: float | None) -> Self:
        table = object.__new__(cls)
        table._open(name, clock, ttl)
        return table

    def _collect(self, items: Items[K, V]) -> tuple[dict[Handle, tuple[K, V]], int]:
        pairs: Any = items if type(items) is dict else pairs_of(items)  # pyright: ignore[reportUnknownVariableType]
        try:
            batch: dict[K, V] = dict(pairs)
        except TypeError as error:
            raise self._explain_items(error) from None
        witness = self._arrivals
        if all(type(key) in PLAIN or is_plain(key) for key in batch) and not self._foreign:
            return {key: (key, value) for key, value in batch.items()}, witness
        return {self._resolve(key)[0]: (key, value) for key, value in batch.items()}, witness

    def _explain_items(self, error: TypeError) -> TypeError:
        if "unhashable type" in str(error):
            return UnhashableKey(
                f"a key given to {self._label()} cannot be one ({error}); use values that have a hash, "
                "such as tuples in place of lists; nothing was written"
            )
        return error

    def insert(self, key: K, value: V, *, ttl: Ttl = DEFAULT) -> None:
        watch = self._watch  # asked again under the lock
        if ttl is not DEFAULT or type(key) not in PLAIN or self._foreign or self._computing or watch is not None:
            super().insert(key, value, ttl=ttl)
            return
        length = self._ttl
        if length is None:
            if self._next_due != FOREVER:
                self._tick()
            acquire()
            try:
                rows = self._rows
                old = rows[key] if key in rows else None
                if self._watch is not None:
                    pass
                elif old is None:
                    if not self._foreign:
                        rows[key] = (key, value, None, None)
                        self._arrivals += 1
                        return
                elif old[2] is None:
                    rows[key] = (old[0], value, None, None)
                    return
            finally:
                release()
        else:
            now = self._clock()
            moment = now * 1000 + TOLERANCE
            if self._next_due <= moment:
                self._reclaim(moment, RECLAIM_PER_WRITE)
            due = self._due(now + length)
            acquire()
            try:
                rows = self._rows
                old = rows[key] if key in rows else None
                if self._watch is not None:
                    pass
                elif old is None:
                    if not self._foreign:
                        rows[key] = (key, value, due, due)
                        self._arrivals += 1
                        self._plan(due, key)
                        return
                elif old[2] is not None and old[3] is not None and moment < old[2] and old[3] <= due:
                    rows[key] = (old[0], value, due, old[3])
                    return
            finally:
                release()
        super().insert(key, value)

    __setitem__ = insert

    @overload
    def lookup(self, key: K) -> V | None: ...
    @overload
    def lookup(self, key: K, default: D) -> V | D: ...
    def lookup(self, key: K, default: Any = None) -> Any:
        try:
            row: Row | None = self._rows.get(key)  # no lock is held: a foreign key may run its `==` here
        except TypeError:
            row = self._resolve(key)[1]
        if row is None:
            row = self._resolve(key)[1] if self._foreign else None
            if row is None:
                return default
        _, value, due, _ = row
        return value if due is None or self._clock() * 1000 + TOLERANCE < due else default

    def member(self, key: K) -> bool:
        row: Row | None = self._rows.get(key) if type(key) in PLAIN and not self._foreign else self._resolve(key)[1]
        return row is not None and (row[2] is None or self._clock() * 1000 + TOLERANCE < row[2])

    __contains__ = member  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

    def update_counter(
        self,
        key: K,
        step: Number = 1,
        *,
        default: Number = 0,
        threshold: Number | None = None,
        reset_to: Number | None = None,
        ttl: Ttl = DEFAULT,
    ) -> Number:
        if default is _ZERO and threshold is None and reset_to is None and ttl is DEFAULT:
            return self._count(key, step)
        return super().update_counter(key, step, default=default, threshold=threshold, reset_to=reset_to, ttl=ttl)

    def _count(self, key: K, step: Number = 1) -> Number:
        """As `update_counter` without its options: what `Counters` counts with."""
        if type(key) in PLAIN and type(step) is int and not self._computing:
            acquire()
            try:
                rows = self._rows
                first, stored, due, _ = rows[key]
                if due is None and type(stored) is int and self._watch is None:
                    stored += step
                    rows[key] = (first, stored, None, None)
                    return stored
            except KeyError:
                pass  # the first count
            finally:
                release()
        return super().update_counter(key, step)

    def touch(self, key: K, ttl: Ttl = DEFAULT) -> bool:
        length = self._ttl
        if ttl is DEFAULT and length is not None and type(key) in PLAIN and not (self._foreign or self._computing):
            now = self._clock()
            moment = now * 1000 + TOLERANCE
            if self._next_due <= moment:
                self._reclaim(moment, RECLAIM_PER_WRITE)
            due = self._due(now + length)
            acquire()
            try:
                rows = self._rows
                first, value, until, planned = rows[key]
                if until is not None and planned is not None and moment < until and planned <= due:
                    watch = self._watch
                    rows[key] = (first, value, due, planned)
                    if watch is not None:
                        watch.version += 1
                        commits[0] += 1
                    return True
            except KeyError:
                return False
            finally:
                release()
        return super().touch(key, ttl)

    def _walk(self) -> Iterator[Row]:
        """Walk the rows by a snapshot of their handles, each as it stands when its turn comes."""
        acquire()
        try:
            handles = list(self._rows)
        finally:
            release()
        for handle in handles:
            row = self._rows.get(handle)
            if row is not None and (row[2] is None or self._clock() * 1000 + TOLERANCE < row[2]):
                yield row

    def _pop_entry(self) -> tuple[K, V] | None:
        """Remove the entry whose key arrived last and return it; None in an empty table."""
        self._tick_all()
        while True:
            acquire()
            try:
                handle = next(reversed(self._rows), _NOTHING)
                row = self._rows.get(handle)
            finally:
                release()
            if row is None:
                return None
            if self._commit(handle, row, None, -1):
                return row[0], row[1]
