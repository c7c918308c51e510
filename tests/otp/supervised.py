"""Children that tests of supervisors share, and what such tests do all the time."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Any

from noex.otp import ChildInfo, DynamicSupervisorRef, GenServer, Ignore, Reason, Ref, Stop, SupervisorRef

__all__ = ["Worker", "child", "live", "named_children", "processes", "running", "settle"]


class Worker(GenServer):
    """Writes into a shared log that it starts and ends; does what it is told by call.

    `plan` tells what its starts do, one after the other: None starts, "ignore" does not, an exception is raised, a
    number of seconds is waited first. After the last, it starts.
    """

    def init(
        self,
        tag: Hashable = None,
        log: list[Any] | None = None,
        *,
        plan: list[Any] | None = None,
        slow_end: float | None = 0,
    ) -> Any:
        self.tag = tag
        self.log = [] if log is None else log
        self.slow_end = slow_end
        step = plan.pop(0) if plan else None
        self.log.append(("start", tag))
        if isinstance(step, Exception):
            raise step
        if step == "ignore":
            return Ignore
        return None if step is None else asyncio.sleep(step)

    def handle_call(self, message: Any) -> Any:
        return Stop(message[1], reply=None) if type(message) is tuple else message(self)

    def handle_cast(self, message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        return message(self)

    async def terminate(self, reason: Reason) -> None:
        self.log.append(("ending", self.tag, reason))
        if self.slow_end is None:
            await asyncio.get_running_loop().create_future()
        if self.slow_end:
            await asyncio.sleep(self.slow_end)
        self.log.append(("end", self.tag))


async def settle(turns: int = 30) -> None:
    """Let everything happen that takes no time."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def named_children(supervisor: SupervisorRef | DynamicSupervisorRef) -> dict[Hashable, ChildInfo]:
    return {info.id: info for info in await supervisor.children()}


async def child(supervisor: SupervisorRef, child_id: Hashable) -> Ref:
    """Return the reference of a child that runs."""
    ref = (await named_children(supervisor))[child_id].ref
    assert ref is not None
    assert ref.alive
    return ref


def processes() -> list[Any]:
    """Return the processes of this loop, in the order of their starts."""
    home: Any = getattr(asyncio.get_running_loop(), "_noex_home", None)
    return [] if home is None else [*home.processes]


def live() -> set[str]:
    """Return how the processes of this loop call themselves."""
    return {process.label for process in processes()}


def running() -> int:
    """Return how many processes there are in this loop."""
    return len(processes())
