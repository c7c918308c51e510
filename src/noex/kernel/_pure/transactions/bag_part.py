"""What a transaction does to a bag: cells as it has changed them take the place of those that it has read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from noex.kernel._pure.ground.hashed import Handle
from noex.kernel._pure.rows.cells import BagCells, Cell
from noex.typing import MISSING, TableEvent

__all__ = ["BagPart", "Seen"]


Seen: TypeAlias = tuple[Cell | None, int, int, Cell | None]
"""The cell that was read, its version, the witness, and the copy that the transaction changes."""


class BagPart:
    """As `Part`, for a bag."""

    __slots__ = ("_arriving", "_done", "_leaving", "cells", "questions", "seen", "table")

    def __init__(
        self,
        table: BagCells[Any, Any],
        seen: dict[Handle, Seen],
        cells: dict[Handle, Cell],
        questions: list[Callable[[], bool]],
    ) -> None:
        self.table = table
        self.seen = seen
        self.cells = cells  # the transaction's own
        self.questions = questions
        self._leaving: list[Handle] = []
        self._done = False
        self._arriving: list[Handle] = []

    def prepare(self) -> None:
        """Nothing: bags have no indexes."""

    def _current(self) -> bool:
        """Tell, under the lock, whether all that was read still holds."""
        table = self.table
        for handle, (cell, version, witness, _) in self.seen.items():
            current = table._rows.get(handle)
            if current is not cell or (cell is not None and cell.version != version):
                return False
            if cell is None and not table._still_absent(handle, witness):
                return False
        return all(holds() for holds in self.questions)

    def open(self) -> bool:
        """Tell, under the lock, whether it can be done, and let new keys in."""
        if not self._current():
            return False
        arriving = self._arriving
        for handle, (cell, _, witness, _) in self.seen.items():
            if cell is None and handle in self.cells:
                if not self.table._admit(handle, witness + len(arriving)):
                    return False
                arriving.append(handle)
        return True

    def steps(self) -> list[Callable[[], object]]:
        """Return what is to be done, as calls of C code alone."""
        table = self.table
        rows = table._rows
        steps: list[Callable[[], object]] = []
        size = table._size
        gone: list[tuple[Any, Any]] = []
        come: list[tuple[Any, Any]] = []
        for handle, (cell, version, _, copy) in self.seen.items():
            mine = self.cells.get(handle)
            if mine is copy and (mine is None or mine.version == version):
                continue
            before = {} if cell is None else cell.values
            after = {} if mine is None else mine.values
            key = mine.key if mine is not None else cell.key if cell is not None else None
            size += len(after) - len(before)
            gone += [(key, before[ticket]) for ticket in before if ticket not in after]
            come += [(key, after[ticket]) for ticket in after if ticket not in before]
            if mine is None:
                steps.append(partial(rows.pop, handle, None))
                self._leaving.append(handle)
            else:
                steps.append(partial(rows.__setitem__, handle, mine))
        if steps:
            steps.append(partial(setattr, table, "_size", size))
            steps.append(partial(setattr, table, "_version", table._version + 1))
        delivery = table._delivery
        if delivery is not None and delivery.subscriptions:
            events = [TableEvent("delete", key, value, MISSING) for key, value in gone]
            events += [TableEvent("insert", key, value, MISSING) for key, value in come]
            steps.append(partial(delivery.queue.extend, delivery.queued(events)))
        return steps

    def follow(self) -> None:
        """Forget the handles of keys that are gone, under the lock."""
        self._done = True
        for handle in self._leaving:
            self.table._dismiss(handle)

    def close(self) -> list[Any]:
        """Clean up, under the lock, whether it was done or not."""
        if not self._done:
            for handle in self._arriving:
                self.table._dismiss(handle)
        return []

    def settle(self) -> None:
        """Tell subscribers, outside the lock."""
        self.table._deliver()

    def refuse(self) -> None:
        """Nothing objects."""
