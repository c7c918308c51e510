"""Garbage whose finalizers strike in the middle of anything, and a collector that is hardly ever idle."""

from __future__ import annotations

import gc
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["PATIENCE", "Garbage", "Use", "collecting_every"]

PATIENCE = 30.0
"""Seconds after which what another thread is to bring counts as lost; it takes less than one."""


@contextmanager
def collecting_every(allocations: int, *, old: int = 1) -> Iterator[None]:
    """Collect garbage whenever so many more objects were made than freed, and all of it after `old` such rounds."""
    before = gc.get_threshold()
    gc.set_threshold(allocations, allocations, old)
    try:
        yield
    finally:
        gc.set_threshold(*before)


class Garbage:
    """Circles that only the collector finds, each with a deed; and what became of them."""

    def __init__(self) -> None:
        self._made = 0
        self._ended: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()  # may be used by finalizers

    def leave(self, deed: Callable[[], object]) -> None:
        """Leave a circle behind. Not for several threads at once."""
        self._made += 1
        _Circle(deed, self._ended)

    def finish(self) -> None:
        """Wait until all finalizers have run, in whatever thread; raise what one of them raised."""
        gc.collect()
        errors = [self._ended.get(timeout=PATIENCE) for _ in range(self._made)]
        assert [error for error in errors if error is not None] == []


class _Circle:
    """Something that holds itself."""

    def __init__(self, deed: Callable[[], object], ended: queue.SimpleQueue[Exception | None]) -> None:
        self.me = self
        self.deed = deed
        self.ended = ended

    def __del__(self) -> None:
        try:
            self.deed()
        except Exception as error:
            self.ended.put(error)
        else:
            self.ended.put(None)


class Use:
    """A way to use tables or a recipe, and what must hold in the end."""

    def __init__(self, use: Callable[[int], object], check: Callable[[], object]) -> None:
        self.use = use
        self.check = check
        self.uses = 0  # that have ended well; several threads may count
        self._counting = threading.RLock()

    def __call__(self, number: int) -> None:
        self.use(number)
        with self._counting:
            self.uses += 1
