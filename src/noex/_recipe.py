"""What every recipe has: an end, and being true."""

from __future__ import annotations

from abc import abstractmethod
from types import TracebackType
from typing import Self

__all__ = ["Recipe"]


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
