"""What bags offer to transactions; `transactions/base.py` says what is asked."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, TypeAlias

from noex.kernel._pure.ground.hashed import Handle
from noex.kernel._pure.ground.lock import acquire, release
from noex.kernel._pure.rows.cell_changes import BagPart
from noex.kernel._pure.rows.cells import BagCells, Cell, K, V
from noex.kernel._pure.rows.changes import commit_all

__all__ = ["TransactedCells"]

Token: TypeAlias = tuple[Cell, int]
"""A cell and its version."""

Listed: TypeAlias = list[tuple[int, Any, int | None]]
"""Ticket, value and hash of each value."""

_Copy: TypeAlias = tuple[Cell, int, dict[int, Any], dict[int | None, tuple[int, ...]]]


class TransactedCells(BagCells[K, V]):
    """A bag as transactions see it."""

    __slots__ = ()

    _commit_all = staticmethod(commit_all)

    def _part_of(self, written: Any) -> BagPart:
        """Return what a transaction has written, as something to be done."""
        return BagPart(self, written.cells)

    def _begin_reading(self) -> None:
        len(self._rows)  # a closed table says so here; commits are counted anyway

    def _end_reading(self) -> None:
        """Nothing: commits are counted anyway."""

    def _locate(self, key: Any) -> tuple[Handle, Token | None, int]:
        handle, cell, witness = self._resolve(key)
        return handle, None if cell is None else (cell, cell.version), witness

    def _stands(self, handle: Handle, token: Token | None, witness: int) -> bool:
        return self._all_stand({handle: (token, witness)})

    def _all_stand(self, reads: Mapping[Handle, tuple[Token | None, int]]) -> bool:
        acquire()
        try:
            rows = self._rows
            len(rows)  # a closed table says so here
            for handle, (token, witness) in reads.items():
                cell = rows.get(handle)
                if cell is None:
                    if token is not None or not self._still_absent(handle, witness):
                        return False
                elif token != (cell, cell.version):
                    return False
            return True
        finally:
            release()

    def _values_of(self, handle: Handle) -> tuple[Any, Token, Listed] | None:
        acquire()
        try:
            cell = self._rows.get(handle)
            copy = None if cell is None else _copied(cell)
        finally:
            release()
        return None if copy is None else _listed(*copy)

    def _all_values(self) -> dict[Handle, tuple[Any, Token, Listed]]:
        acquire()
        try:
            while True:
                version = self._version
                copies = {handle: _copied(cell) for handle, cell in self._rows.copy().items()}
                if self._version == version:  # no finalizer has struck meanwhile
                    break
        finally:
            release()
        return {handle: _listed(*copy) for handle, copy in copies.items()}

    def _are_all_keys(self, handles: AbstractSet[Handle]) -> bool:
        acquire()
        try:
            return self._rows.keys() == handles
        finally:
            release()

    def _stored(self) -> int:
        acquire()
        try:
            len(self._rows)  # a closed table says so here
            return self._size
        finally:
            release()


def _copied(cell: Cell) -> _Copy:
    """Return a cell, its version, and copies of what it has, under the lock."""
    while True:
        version = cell.version
        copy = (cell, version, cell.values.copy(), cell.by_hash.copy())
        if cell.version == version:  # no finalizer has struck meanwhile
            return copy


def _listed(
    cell: Cell, version: int, values: dict[int, Any], by_hash: dict[int | None, tuple[int, ...]]
) -> tuple[Any, Token, Listed]:
    if not by_hash:
        return cell.key, (cell, version), [(ticket, value, None) for ticket, value in values.items()]
    hashes = {ticket: hashed for hashed, tickets in by_hash.items() for ticket in tickets}
    return cell.key, (cell, version), [(ticket, value, hashes[ticket]) for ticket, value in values.items()]
