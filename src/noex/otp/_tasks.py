"""A small thing about tasks."""

from __future__ import annotations

import types
from collections.abc import Generator

__all__ = ["first_step"]


@types.coroutine
def first_step() -> Generator[None, None, None]:
    """Stop here once: for a coroutine that is run up to this point before it becomes a task."""
    yield
