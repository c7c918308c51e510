"""What a transaction has written to a bag, as something to be done: new cells take the place of those that it read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from noex.kernel._pure.ground.hashed import Handle
from noex.kernel._pure.rows.cells import BagCells, Cell
from noex.typing import MISSING, TableEvent

__all__ = ["BagPart"]


class BagPart:
    """As `Part`, for a bag. `written` has what `CellWritten` in `transactions/base.py` says, for each key."""

    __slots__ = ("_arriving", "_come", "_done", "_gone", "_leaving", "_new", "table", "written")

    def __init__(self, table: BagCells[Any, Any], written: Sequence[Any]) -> None:
        self.table = table
        self.written = written
        self._new: dict[Handle, Cell] = {}
        self._arriving: list[Handle] = []
        self._leaving: list[Handle] = []
        self._gone: list[tuple[Any, Any]] = []
        self._come: list[tuple[Any, Any]] = []
        self._done = False

    def prepare(self) -> None:
        """Nothing: bags have no indexes."""

    def open(self) -> bool:
        """Tell, under the lock, whether it can be done; make the new cells, and let new keys in."""
        table = self.table
        rows = table._rows
        for handle, token, witness, key, removed, added in self.written:
            cell = rows.get(handle)
            if cell is None:
                if token is not None or not table._admit(handle, witness + len(self._arriving)):
                    return False
                self._arriving.append(handle)
            elif token != (cell, cell.version):
                return False
            self._rewrite(handle, cell, key, removed, added)
        return True

    def _rewrite(self, handle: Handle, cell: Cell | None, key: Any, removed: Sequence[int], added: Any) -> None:
        table = self.table
        new = Cell(key)
        if cell is not None:
            new.values, new.by_hash, new.version = cell.values.copy(), cell.by_hash.copy(), cell.version + 1
            self._gone += [(cell.key, new.values[ticket]) for ticket in removed]
            if removed:
                table._forget_all(new, removed)
        for value, hashed in added:
            table._put(new, next(table._tickets), value, hashed)
            self._come.append((key, value))
        if new.values:
            self._new[handle] = new
        else:
            self._leaving.append(handle)

    def steps(self) -> list[Callable[[], object]]:
        """Return what is to be done, as calls of C code alone."""
        table = self.table
        rows = table._rows
        steps: list[Callable[[], object]] = [
            partial(setattr, table, "_version", table._version + 1),
            partial(setattr, table, "_size", table._size + len(self._come) - len(self._gone)),
            partial(rows.update, self._new),
        ]
        steps += [partial(rows.pop, handle, None) for handle in self._leaving]
        delivery = table._delivery
        if delivery is not None and delivery.subscriptions:
            events = [TableEvent("delete", key, value, MISSING) for key, value in self._gone]
            events += [TableEvent("insert", key, value, MISSING) for key, value in self._come]
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
