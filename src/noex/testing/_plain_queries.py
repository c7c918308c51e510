"""Queries as plainly as they can be said: every entry is looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from noex.ets import Expression
from noex.typing import Entry

__all__ = ["Named", "matching"]


class Named:
    """A function with a name to show in an example that fails."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.function = function

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)

    def __repr__(self) -> str:
        return self.name


def matching(entries: list[Entry], where: Any) -> list[Entry]:
    """Return the entries for which an expression holds or a function is true; all, for `None`."""
    if where is None:
        return entries
    test = where._test if isinstance(where, Expression) else where
    return [entry for entry in entries if test(entry.key, entry.value)]
