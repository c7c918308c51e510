"""What the tools of `noex.otp.debug` do to a process: run something between two of its handlers, suspend and resume.

A process that is suspended has a state of its own, `SUSPENDED`, from which nothing schedules it but an exit. Whether a
process takes direct calls, rests without them, or is suspended is kept in one place, `process.rest`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from noex.errors import CallingSelf
from noex.otp._mailbox import (
    AWAITING,
    DEAD,
    DIRECT,
    DIRECT_LATE,
    DRAINING,
    EXITING,
    IDLE,
    RESTING,
    SCHEDULED,
    SUSPENDED,
    SYSTEM,
    Envelope,
)
from noex.otp._process import Process

__all__ = ["STATUS", "between_handlers", "run_next", "settle_rest", "suspend_now"]

T = TypeVar("T")

STATUS: Final = {
    DEAD: "dead",
    EXITING: "ending",
    IDLE: "idle",
    RESTING: "idle",
    SCHEDULED: "scheduled",
    DIRECT: "running",
    DIRECT_LATE: "running",
    DRAINING: "running",
    AWAITING: "awaiting",
    SUSPENDED: "suspended",
}
"""What the states are called where people read them."""

_HANDLING: Final = frozenset({DIRECT, DIRECT_LATE, DRAINING, AWAITING})


async def between_handlers(process: Process, function: Callable[[], T], timeout: float | None) -> T:
    """Run a function while no handler of the process runs: at once, or before it takes its next message.

    Raises:
        CallTimeout: a handler ran for longer; the function will not run any more.
        ServerDown: the process ended before that; `NoProcess`: long before.
        CallingSelf: it is a handler of this process that would wait.
    """
    process.check_loop("debug it there")
    if process.state < 0:
        raise process.gone_error()
    if process.state not in _HANDLING:
        return function()
    if process.runs_here():
        raise CallingSelf(f"{process.label} waits for the end of the handler that waits: debug it from outside")
    future = process.loop.create_future()

    def request() -> None:
        if not future.done():
            try:
                result = function()
            except StopIteration as error:  # a future takes none
                wrapped = RuntimeError(f"the function raised {error!r}")
                wrapped.__cause__ = error
                future.set_exception(wrapped)
            except Exception as error:
                future.set_exception(error)
            else:
                future.set_result(result)

    run_next(process, Envelope(SYSTEM, request, future))
    result: T = await process.answer(future, timeout)
    return result


def run_next(process: Process, envelope: Envelope) -> None:
    """Let a process whose handler runs open this next, before what waits already; but not before its end."""
    if process.ends_soon():
        process.post(envelope)
        return
    if process.state == DIRECT:
        process.state = DIRECT_LATE
    process.mailbox_now().appendleft(envelope)


def suspend_now(process: Process) -> None:
    """Let messages wait from now on. No handler runs."""
    process.rest = process.state = SUSPENDED
    if process.ends_soon():
        process.schedule()


def settle_rest(process: Process, *, suspended: bool) -> None:
    """Note what the process is to do while nothing is to do; if it does nothing now, that holds from now on."""
    server = process.server
    if server is None:
        return
    resting = process.state == process.rest
    takes_direct_calls = server.direct_calls and not process.traces
    process.rest = SUSPENDED if suspended else IDLE if takes_direct_calls else RESTING
    if resting:
        process.state = process.rest
        if process.mailbox and not suspended:
            process.schedule()
