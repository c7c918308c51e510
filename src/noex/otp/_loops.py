"""What belongs to one event loop: its processes, its default registry, and how much it may do without turning."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from noex.otp._process import Process
    from noex.otp._registry import Registry

__all__ = ["BUDGET", "Home", "home_of"]

BUDGET: Final = 256
"""So many handlers run one after the other before the event loop gets its turn: direct calls, and messages drained."""

_ATTRIBUTE: Final = "_noex_home"


class Home:
    """What the processes of one event loop share.

    `left` counts down the direct calls until one has to go through the mailbox. While a handler runs directly it is
    0, so that none ever runs directly inside another.
    """

    __slots__ = ("left", "processes", "registry", "thread")

    def __init__(self) -> None:
        self.left = BUDGET
        self.processes: dict[Process, None] = {}
        self.registry: Registry | None = None
        self.thread = threading.get_ident()


def home_of(loop: asyncio.AbstractEventLoop) -> Home:
    """Return what belongs to the loop: kept on the loop itself, so that it goes when the loop goes."""
    home: Home | None = getattr(loop, _ATTRIBUTE, None)
    if home is None:
        home = Home()
        setattr(loop, _ATTRIBUTE, home)
    home.thread = threading.get_ident()
    return home
