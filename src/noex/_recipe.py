"""What every recipe has: an end, and checks of whole-number options."""

from __future__ import annotations

from abc import abstractmethod
from types import TracebackType
from typing import Self

__all__ = ["Recipe", "whole_number"]


class Recipe:
    """Base of the recipes that are no tables themselves: a context manager over `close`."""

    __slots__ = ("__weakref__",)

    @abstractmethod
    def close(self) -> None:
        """Close the tables and free their names; every other verb raises `TableClosed` then. May be repeated."""

    def __bool__(self) -> bool:
        """A recipe is true, also while it is empty: `if cache` asks whether there is one."""
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def whole_number(value: object, what: str, least: int) -> int:
    """Return the value if it is an int of at least `least`.

    Raises:
        TypeError: it is no int, or a bool.
        ValueError: it is less.

    >>> whole_number(3, "n", 0)
    3
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{what} must be an int, not {value!r}")
    if value < least:
        raise ValueError(f"{what} must be {least} or more, not {value}")
    return value
