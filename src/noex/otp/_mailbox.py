"""What waits in a mailbox, and the states of a process.

A mailbox holds casts as they are, and everything else in an `Envelope`: casts are what comes in floods.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

__all__ = [
    "AWAITING",
    "CALL",
    "CAST",
    "CONTINUE",
    "DEAD",
    "DIRECT",
    "DIRECT_LATE",
    "DRAINING",
    "EXIT",
    "EXITING",
    "IDLE",
    "INFO",
    "INIT",
    "RESTING",
    "SCHEDULED",
    "STOP",
    "SUSPENDED",
    "SYSTEM",
    "TERMINATE",
    "TICK",
    "Envelope",
]

# Kinds of work: the name of a handler, or what a signal asks for.
INIT: Final = "init"
CALL: Final = "handle_call"
CAST: Final = "handle_cast"
INFO: Final = "handle_info"
CONTINUE: Final = "handle_continue"
TERMINATE: Final = "terminate"
STOP: Final = "stop"
EXIT: Final = "exit"
TICK: Final = "tick"
SYSTEM: Final = "system"  # something to do between two handlers: the message is a function without arguments

# States. Below zero nothing is accepted any more; a direct call starts from IDLE and from nowhere else.
DEAD: Final = -2
EXITING: Final = -1  # `terminate` runs, or waits for something
IDLE: Final = 0  # nothing to do
RESTING: Final = 1  # nothing to do, and no direct calls wanted
SCHEDULED: Final = 2  # the loop will call `drain`
DIRECT: Final = 3  # a handler runs inside `call`
DIRECT_LATE: Final = 4  # so it does, and something has come up meanwhile
DRAINING: Final = 5  # a handler runs, and whoever runs it looks into the mailbox afterwards
AWAITING: Final = 6  # the task of the server waits for what a handler awaits
SUSPENDED: Final = 7  # nothing runs, and messages wait until it is resumed


class Envelope:
    """One thing to do that is no cast: its kind, the message or reason, and who waits for the answer."""

    __slots__ = ("caller", "kind", "message")

    def __init__(self, kind: str, message: Any, caller: asyncio.Future[Any] | None = None) -> None:
        self.kind = kind
        self.message = message
        self.caller = caller
