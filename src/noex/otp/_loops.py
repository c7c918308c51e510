"""What belongs to one event loop: its processes, its default registry, and how much it may do without turning."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from noex.otp._deadlines import Deadlines

if TYPE_CHECKING:
    from noex.otp._journal import Life
    from noex.otp._process import Process
    from noex.otp._registry import Registry

__all__ = ["BUDGET", "DEEPEST", "EVENTS", "USUAL", "Home", "home_of"]

BUDGET: Final = 512
"""So many handlers run one after the other before the event loop gets its turn: direct calls, and messages drained."""

DEEPEST: Final = 16
"""So many coroutines run inside each other at most: a handler that calls a server whose handler calls a server ..."""

USUAL: Final = 5.0
"""The time-out of a call, in seconds."""

EVENTS: Final = 256
"""So many events in the lives of processes are kept."""

_ATTRIBUTE: Final = "_noex_home"


class Home:
    """What the processes of one event loop share.

    `left` counts down the direct calls until one has to go through the mailbox. While a handler runs directly it is
    0, so that none ever runs directly inside another; coroutines may, and `depth` of them do. `runner._thread_id` is
    the thread that the loop runs in now; of a loop that does not tell, this thread where it runs here. It is anything
    else where the loop does not run here.
    """

    __slots__ = ("_loop", "depth", "events", "left", "processes", "registry", "runner", "usual")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.left = BUDGET
        self.depth = 0
        self.usual = Deadlines(USUAL)
        self._loop = weakref.ref(loop)
        self.runner: Any = loop if hasattr(loop, "_thread_id") else self
        self.processes: dict[Process, None] = {}
        self.registry: Registry | None = None
        self.events: deque[tuple[float, Life, str, str]] = deque(maxlen=EVENTS)

    @property
    def _thread_id(self) -> int | None:
        running = asyncio._get_running_loop()
        return threading.get_ident() if running is not None and running is self._loop() else None


def home_of(loop: asyncio.AbstractEventLoop) -> Home:
    """Return what belongs to the loop: kept on the loop itself, so that it goes when the loop goes."""
    home: Home | None = getattr(loop, _ATTRIBUTE, None)
    if home is None:
        home = Home(loop)
        setattr(loop, _ATTRIBUTE, home)
    return home
