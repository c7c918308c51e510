"""What set kinds offer to transactions; `transactions/base.py` says what is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from noex.kernel._pure.ground.hashed import Handle
from noex.kernel._pure.ground.lock import acquire, held, release
from noex.kernel._pure.ground.row import Row
from noex.kernel._pure.rows.changes import Part, commit_all
from noex.kernel._pure.rows.scheduled_rows import K, V
from noex.kernel._pure.verbs.selecting import Selecting
from noex.kernel._pure.watch.watch import IndexSpec, Watch

__all__ = ["Transacted"]


class Transacted(Selecting[K, V]):
    """A set kind as transactions see it."""

    __slots__ = ()

    _watch: Watch | None

    _commit_all = staticmethod(commit_all)

    def _part_of(self, written: Any) -> Part:
        """Return what a transaction has written, as something to be done."""
        return Part(self, written.changes, now=written.now, quiet=written.quiet, renewed=written.renewed)

    @property
    def _version(self) -> int:
        watch = self._watch
        return -1 if watch is None else watch.version

    def _begin_reading(self) -> None:
        acquire()
        try:
            self._watched().readers += 1
        finally:
            release()

    def _end_reading(self) -> None:
        acquire()
        watch = self._watch
        try:
            if watch is not None:  # else the table is closed
                watch.readers -= 1
                if watch.idle:
                    self._watch = None
        finally:
            release()

    # -- rows ---------------------------------------------------------------------------------------------------

    def _stands(self, handle: Handle, row: Row | None, witness: int) -> bool:
        acquire()
        try:
            return self._rows.get(handle) is row and (row is not None or self._still_absent(handle, witness))
        finally:
            release()

    def _all_stand(self, reads: Mapping[Handle, tuple[Row | None, int]]) -> bool:
        acquire()
        try:
            rows = self._rows
            len(rows)  # a closed table says so here
            for handle, (row, witness) in reads.items():
                if rows.get(handle) is not row or (row is None and not self._still_absent(handle, witness)):
                    return False
            return True
        finally:
            release()

    def _row_of(self, handle: Handle) -> tuple[Row | None, int]:
        acquire()
        try:
            return self._rows.get(handle), getattr(self, "_arrivals", 0)
        finally:
            release()

    def _all_rows(self) -> dict[Handle, Row]:
        acquire()
        try:
            return self._rows.copy()
        finally:
            release()

    def _are_all_rows(self, rows: Mapping[Handle, Row]) -> bool:
        acquire()
        try:
            current = self._rows
            return len(current) == len(rows) and all(current.get(handle) is row for handle, row in rows.items())
        finally:
            release()

    def _stored(self) -> int:
        acquire()
        try:
            return len(self._rows)
        finally:
            release()

    # -- indexes ------------------------------------------------------------------------------------------------

    def _ask_index(self, spec: IndexSpec, question: str, *arguments: Any) -> Any:
        inside = held()  # a frame below goes on under the lock, so what the index lets go of is not dropped here
        watch = self._use(spec)
        try:
            return spec.rows.answer(question, *arguments)
        finally:
            if inside:
                watch.leave()
                release()
            else:
                self._unuse(watch)
