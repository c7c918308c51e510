"""Look into servers while they run, as OTP's `sys` does: state, statistics, traces, suspension, and their last events.

All of it is for people: for a shell, a test, a page of an administrator. It belongs to the loop of the server. A `Ref`
by name is looked up once.

The log `noex.otp` tells of the same things as they happen: "started" and orderly ends at the level DEBUG, other ends
and restarts at INFO, crashes at ERROR with their traceback. Its records have the fields `otp_event`, `otp_process`,
`otp_reason` and `otp_handler`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from noex import clock
from noex.errors import NoProcess
from noex.otp._journal import Life, LifeEvent
from noex.otp._loops import USUAL, home_of
from noex.otp._mailbox import SUSPENDED
from noex.otp._process import Process
from noex.otp._ref import Ref
from noex.otp._server_state import read_state, write_state
from noex.otp._system import between_handlers, settle_rest, suspend_now
from noex.otp._tracing import Trace, Traced, TraceEvent, TraceKind
from noex.otp._tree import status_of
from noex.typing import Duration

__all__ = [
    "Life",
    "LifeEvent",
    "Statistics",
    "Trace",
    "TraceEvent",
    "TraceKind",
    "events",
    "get_state",
    "replace_state",
    "resume",
    "statistics",
    "suspend",
    "trace",
]


@dataclass(frozen=True, slots=True)
class Statistics:
    """A server in numbers. Times are the loop's, in seconds; it counts as started when `init` is done.

    `status` is "starting", "idle", "scheduled", "running", "awaiting", "suspended", "ending" or "dead"; `waiting` and
    `handled` count messages, and `dropped` those that were taken in another thread, but found `max_queue` of them
    waiting as they arrived; `restarts` is how often its supervisor has started it again, 0 without one; `links`,
    `monitors` (of others on this one), `timers` and `tables` are how many there are.
    """

    label: str
    names: tuple[object, ...]
    status: str
    started: float | None
    uptime: float
    handled: int
    dropped: int
    waiting: int
    restarts: int
    links: int
    monitors: int
    timers: int
    tables: int
    traced: bool


async def get_state(ref: Ref, timeout: Duration | None = USUAL) -> Any:
    """Return what a server says its state is, at a moment when no handler of it runs.

    That is a dict of its attributes, unless the server's `format_state` makes something else of it. Values are those
    of the server, not copies. A server that is suspended answers, too. O(attributes).

    Raises:
        CallTimeout: a handler ran for longer than `timeout` seconds.
        NoProcess: the server is dead; `ServerDown`: it ended meanwhile.
        CallingSelf: it is a handler of this server that would wait for its own end.
        RuntimeError: this is not the loop of the server.

    >>> import asyncio
    >>> from noex.otp import GenServer
    >>> class Counter(GenServer):
    ...     def init(self) -> None:
    ...         self.count = 7
    >>> async def main() -> None:
    ...     print(await get_state(await Counter.start()))
    >>> asyncio.run(main())
    {'count': 7}
    """
    process = ref._process

    def look() -> Any:
        server = _server_of(process)
        return server.format_state(read_state(server))

    return await between_handlers(process, look, _seconds(timeout))


async def replace_state(
    ref: Ref, function: Callable[[dict[str, Any]], Mapping[str, Any]], timeout: Duration | None = USUAL
) -> None:
    """Let `function(attributes)` say what the attributes of a server are from now on, while no handler of it runs.

    Attributes that it leaves out are deleted. Whatever it raises is raised here; the server goes on unchanged.
    O(attributes).

    Raises:
        TypeError: it returned no mapping of names.
        CallTimeout: as `get_state` does; `NoProcess`, `ServerDown`, `CallingSelf`, `RuntimeError` too.
    """
    process = ref._process

    def replace() -> None:
        server = _server_of(process)
        write_state(server, function(read_state(server)))

    await between_handlers(process, replace, _seconds(timeout))


def statistics(ref: Ref) -> Statistics:
    """Return a server in numbers, of one that is dead too. O(names and tables)."""
    process = ref._process
    holdings = process.holdings
    return Statistics(
        label=process.label,
        names=tuple(name for _, name in process.names or ()),
        status=status_of(process),
        started=process.since,
        uptime=0.0 if process.since is None else process.loop.time() - process.since,
        handled=process.handled,
        dropped=process.dropped,
        waiting=len(process.mailbox or ()),
        restarts=process.restarts,
        links=len(process.links or ()),
        monitors=len(process.monitors or ()),
        timers=len(process.timers or ()),
        tables=0 if holdings is None else len(holdings.tables()),
        traced=bool(process.traces),
    )


def trace(ref: Ref, sink: Callable[[TraceEvent], object]) -> Trace:
    """Call `sink(event)` for each message that goes into a server, each answer to a call, and its end.

    Events come in order, in the turn of the server; a sink that raises is logged and gets no more. While a server is
    traced its calls go through its mailbox, and each costs a few microseconds more; a server that nobody traces pays
    nothing. O(1).

    Raises:
        NoProcess: the server is dead, or about to be.
        TypeError: the sink cannot be called, or is a coroutine function.
        RuntimeError: this is not the loop of the server.

    >>> import asyncio
    >>> from noex.otp import GenServer
    >>> class Echo(GenServer):
    ...     def handle_call(self, message: str) -> str:
    ...         return message.upper()
    >>> async def main() -> None:
    ...     echo = await Echo.start()
    ...     with trace(echo, lambda event: print(event.kind, event.message)):
    ...         await echo.call("hello")
    >>> asyncio.run(main())
    call hello
    reply HELLO
    """
    process = ref._process
    process.check_loop("trace it there")
    given: Any = sink
    if not callable(given) or inspect.iscoroutinefunction(given):
        raise TypeError(f"a sink is a function that takes an event, and no coroutine function; not {sink!r}")
    if process.state < 0:
        raise process.gone_error()
    return Trace(process, sink)


async def suspend(ref: Ref, timeout: Duration | None = USUAL) -> None:
    """Let a server handle nothing more until `resume`; return when the handler that runs has ended.

    Messages wait, calls time out, `stop()` waits in turn. What still works: the tools of this module, `kill()`, and the
    ends of linked servers and of the parent. Suspending it again does nothing. O(1).

    Raises:
        CallTimeout: as `get_state` does, and then it is not suspended; `NoProcess`, `ServerDown`, `CallingSelf` and
            `RuntimeError` too.
    """
    process = ref._process
    await between_handlers(process, lambda: suspend_now(process), _seconds(timeout))


def resume(ref: Ref) -> bool:
    """Let a suspended server go on with what has come meanwhile, and tell whether it was suspended. O(1).

    Raises:
        RuntimeError: this is not the loop of the server.
    """
    process = ref._process
    process.check_loop("resume it there")
    if process.rest != SUSPENDED or process.state < 0:
        return False
    settle_rest(process, suspended=False)
    return True


def events(loop: asyncio.AbstractEventLoop | None = None) -> list[LifeEvent]:
    """Return the last 256 events in the lives of the servers of a loop, oldest first: starts, ends, crashes, restarts.

    O(events).

    Raises:
        RuntimeError: no loop is given, and none is running.
    """
    home = home_of(asyncio.get_running_loop()) if loop is None else home_of(loop)
    return [LifeEvent(*event) for event in home.events]


def _server_of(process: Process) -> Any:
    server: Any = process.server
    if server is None:
        raise NoProcess(f"{process.label} is dead")
    return server.server if type(server) is Traced else server


def _seconds(timeout: Duration | None) -> float | None:
    return None if timeout is None else clock.seconds(timeout, "timeout")
