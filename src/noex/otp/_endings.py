"""How processes are made to end by those who supervise them: asked, waited for, and killed.

A process that is asked to end is cut off in what it awaits, what waits in its mailbox is dropped, and `terminate`
runs. One that traps exits is asked as by a message: it handles first what it has been sent before.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from noex.errors import CallTimeout, MaxRestartsExceeded
from noex.otp._exits import is_orderly
from noex.otp._mailbox import DEAD, EXIT, STOP, Envelope
from noex.otp._process import Process
from noex.otp._ref import Ref

__all__ = [
    "USUAL_PATIENCE",
    "AnySupervisorRef",
    "Patience",
    "ask_to_end",
    "end",
    "kill_tree",
    "offspring",
    "see_end",
    "see_off_offspring",
]

Patience: TypeAlias = float | Literal["kill"] | None
"""Seconds that a process gets to end, None for no limit, "kill" for none at all."""

USUAL_PATIENCE: Final = 5.0


class AnySupervisorRef(Ref):
    """A supervisor, to others. What it adds to other references is told by its subclasses."""

    __slots__ = ("_failure",)

    def __init__(self) -> None:
        self._failure: MaxRestartsExceeded | None = None

    @property
    def failure(self) -> MaxRestartsExceeded | None:
        """Why the supervisor gave up, if it did: `wait()` returns the reason `Shutdown("max_restarts")` then. O(1)."""
        return self._failure


def ask_to_end(process: Process, patience: Patience) -> float | None:
    """Ask a process to end for "shutdown"; return until when it should have, by the time of its loop."""
    if patience == "kill":
        kill_tree(process)
        return None
    server = process.server
    if server is not None and server.trap_exit and not isinstance(process.ref, AnySupervisorRef):
        process.post(Envelope(STOP, "shutdown"))
    else:
        process.interrupt("shutdown")
    return None if patience is None else process.loop.time() + patience


async def see_end(process: Process, deadline: float | None) -> None:
    """Wait until a process has ended; at the deadline, kill it, and what is below it."""
    try:
        await process.wait(None if deadline is None else max(0.0, deadline - process.loop.time()))
    except CallTimeout:
        kill_tree(process)


async def end(process: Process) -> None:
    """Let a supervisor end in its own time; a cancellation meanwhile ends it without that."""
    try:
        await see_end(process, ask_to_end(process, None))
        await see_off_offspring(process)
    except BaseException:
        kill_tree(process)
        raise


def offspring(process: Process) -> list[Process]:
    """Return the live processes whose parent this is or was, in the order of their starts.

    O(processes of the loop). Those of parents that are dead, too, belong to the grandparent.
    """
    found: list[Process] = []
    for other in process.home.processes:
        parent = other.parent
        while parent is not None and parent is not process and parent.state == DEAD:
            parent = parent.parent
        if parent is process:
            found.append(other)
    return found


async def see_off_offspring(process: Process) -> None:
    """Wait for the children that a dead supervisor has left behind: they have been told, but may still need names."""
    if process.reason is None or is_orderly(process.reason):
        return  # it has ended them itself
    deadline = process.loop.time() + USUAL_PATIENCE
    for child in reversed(offspring(process)):
        await see_end(child, deadline)


def kill_tree(process: Process) -> None:
    """Kill a process; where it supervises others, those too, from the last started to the first."""
    below = offspring(process) if isinstance(process.ref, AnySupervisorRef) else []
    process.kill()
    for child in reversed(below):
        kill_tree(child)
