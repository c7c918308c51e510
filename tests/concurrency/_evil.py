"""Deeds that code of the user's does in the middle of a verb, and what does them."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from noex.typing import TableKind

__all__ = ["KINDS", "PLAIN_DEEDS", "SETS", "Boom", "Deed", "Evil", "Run", "boom"]

Run: TypeAlias = Callable[..., list[Any]]
Deed: TypeAlias = Callable[[Any], object]

SETS: Final[tuple[TableKind, ...]] = ("set", "ordered_set")
KINDS: Final[tuple[TableKind, ...]] = (*SETS, "bag", "duplicate_bag")


class Boom(Exception):
    """What evil objects raise."""


def boom(_table: Any) -> None:
    """Raise."""
    raise Boom


PLAIN_DEEDS: Final[dict[str, Deed]] = {
    "clears": lambda table: table.clear(),
    "deletes all it can": lambda table: table.delete_where(lambda key, _value: key != "innocent"),
    "closes": lambda table: table.close(),
    "raises": boom,
    "collects garbage": lambda _table: gc.collect(1),
}
"""What can be done to a table of any kind. The key "innocent" stays, but where all is cleared or closed."""


class Evil:
    """Something that does a deed to a table when it is used, a limited number of times and never inside itself."""

    def __init__(self, table: Any, deed: Deed, times: int = 2) -> None:
        self.table = table
        self.deed = deed
        self.times = times
        self.busy = False

    def strike(self) -> None:
        if self.times and not self.busy:
            self.times -= 1
            self.busy = True
            try:
                self.deed(self.table)
            finally:
                self.busy = False
