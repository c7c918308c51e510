"""Set kinds whose keys are hashed: rows and handles brought together, for the set table and the cache."""

from __future__ import annotations

from typing import Any

from noex.kernel._pure.ground.hashed import PLAIN, Foreign, Handle, Hashed, is_plain
from noex.kernel._pure.ground.row import Row
from noex.kernel._pure.rows.scheduled_rows import K, V
from noex.kernel._pure.rows.set_rows import SetRows
from noex.typing import Clock

__all__ = ["HashedRows"]


class HashedRows(Hashed, SetRows[K, V]):
    """Rows found by hash and `==`."""

    __slots__ = ("_arrivals", "_foreign")

    _rows: dict[Handle, Row]
    _foreign: dict[int, tuple[Foreign, ...]]
    _arrivals: int

    def _open(self, name: str | None, clock: Clock, ttl: float | None) -> None:
        super()._open(name, clock, ttl)
        self._foreign = {}
        self._arrivals = 0

    def _find(self, key: Any, now: float) -> tuple[Handle, Row | None, int]:
        """As `SetRows._find`, with a short cut for a plain key in a table of plain keys."""
        if type(key) in PLAIN and not self._foreign:
            witness = self._arrivals
            row = self._rows.get(key)
            if row is None or row[2] is None or now < row[2]:
                return key, row, witness
        return super()._find(key, now)

    def _stands_for(self, handle: Handle, key: Any) -> bool:
        return type(handle) is Foreign or is_plain(key)

    def _arrived(self, handle: Handle) -> None:
        """Nothing: `_admit` has counted it."""

    _departed = Hashed._dismiss  # pyright: ignore[reportAssignmentType]  # this class is both

    def _emptied(self) -> None:
        arrivals = -1
        while arrivals != self._arrivals:  # until no finalizer brings keys while those there are are listed
            arrivals = self._arrivals
            foreign: dict[int, tuple[Foreign, ...]] = {}
            for handle in list(self._rows):
                if type(handle) is Foreign:
                    foreign[handle.hash] = (*foreign.get(handle.hash, ()), handle)
            if arrivals == self._arrivals:
                self._foreign = foreign
                self._arrivals = arrivals = arrivals + 1

    def _shut(self) -> None:
        SetRows[K, V]._shut(self)
        self._foreign = {}

    def _check(self) -> None:
        """Raise AssertionError unless rows, schedule and handles agree."""
        super()._check()
        self._check_handles()
