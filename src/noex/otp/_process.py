"""The data of a process: what it is, what waits for it, who waits for it, and its end.

How it takes its turns is told in `_running`; nothing here runs a handler.
"""

from __future__ import annotations

import asyncio
import contextvars
from abc import abstractmethod
from asyncio import current_task
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeAlias

from noex.errors import CallTimeout, InitError, NoProcess, ServerDown, shown
from noex.ets._ownership import Holdings
from noex.kernel import acquire, release
from noex.otp import _journal, _relations
from noex.otp._callers import From
from noex.otp._exits import Crash, Killed, Reason
from noex.otp._loops import USUAL, Home
from noex.otp._mailbox import (
    AWAITING,
    DEAD,
    DIRECT,
    DIRECT_LATE,
    DRAINING,
    EXIT,
    IDLE,
    INFO,
    RESTING,
    SCHEDULED,
    SUSPENDED,
    Envelope,
)
from noex.otp._messages import Monitor, TableTransfer

if TYPE_CHECKING:
    from noex.ets import Table
    from noex.otp._gen_server import GenServer
    from noex.otp._ref import Ref
    from noex.otp._registry import Registry
    from noex.otp._timers import Timer
    from noex.otp._tracing import Trace

__all__ = ["CURRENT", "Pending", "Process"]

Pending: TypeAlias = tuple[Coroutine[Any, Any, Any], str, asyncio.Future[Any] | None, Any]
"""What a task has to await: the coroutine of a handler, which kind of handler, who waits for its answer, and what the
coroutine waits for already, or `NOT_BEGUN`."""

CURRENT: contextvars.ContextVar[Process] = contextvars.ContextVar("noex.otp.current")
"""The process in whose context this code runs."""


class Process:
    """One server while it runs, and what is left to know of it afterwards."""

    __slots__ = (
        "context",
        "current",
        "deferred",
        "dropped",
        "handed",
        "handled",
        "holdings",
        "home",
        "initialised",
        "label",
        "links",
        "loop",
        "mailbox",
        "max_queue",
        "monitors",
        "names",
        "parent",
        "parked",
        "reason",
        "ref",
        "rest",
        "restarts",
        "server",
        "since",
        "start_error",
        "started",
        "state",
        "task",
        "timers",
        "traces",
        "waiters",
        "watching",
    )

    def __init__(
        self,
        server: GenServer,
        ref: Ref,
        loop: asyncio.AbstractEventLoop,
        home: Home,
        label: str,
        max_queue: int | None,
    ) -> None:
        self.server: GenServer | None = server
        self.ref = ref
        self.loop = loop
        self.home = home
        self.label = label
        self.max_queue = max_queue
        self.rest = IDLE if server.direct_calls else RESTING
        self.context = contextvars.copy_context()
        self.state = DRAINING
        self.handled: int = 0
        self.dropped: int = 0  # messages from afar that found the mailbox full
        self.initialised = False
        self.mailbox: deque[Any] | None = None
        self.current: asyncio.Future[Any] | None = None
        self.handed: Pending | None = None
        self.parked: asyncio.Future[None] | None = None
        self.task: asyncio.Task[None] | None = None
        self.reason: Reason | None = None  # from the moment it is to end for it
        self.start_error: InitError | None = None
        self.started: asyncio.Future[None] | None = None
        self.parent: Process | None = None
        self.deferred: set[asyncio.Future[Any]] | None = None
        self.links: dict[Process, None] | None = None
        self.monitors: dict[Monitor, Process] | None = None
        self.watching: dict[Monitor, Process] | None = None
        self.names: list[tuple[Registry, Any]] | None = None
        self.timers: set[Timer] | None = None
        self.traces: list[Trace] | None = None
        self.holdings: Holdings | None = None
        self.restarts = 0
        self.since: float | None = None
        self.waiters: dict[asyncio.Future[Reason], None] | None = None
        self.context.run(CURRENT.set, self)
        home.processes[self] = None

    @abstractmethod
    def drain(self) -> None:
        """Handle what waits; called by the loop."""

    # -- its mailbox

    def post(self, item: Any) -> bool:
        """Put something into the mailbox, and see that somebody looks."""
        state = self.state
        if state < 0:
            return False
        if self.mailbox is None:
            self.mailbox = deque()
        self.mailbox.append(item)
        if state <= RESTING:
            if not self.schedule():
                self.mailbox.pop()
                return False
        elif state == DIRECT:
            self.state = DIRECT_LATE
        return True

    def mailbox_now(self) -> deque[Any]:
        """Return the mailbox, made where nothing has come yet."""
        if self.mailbox is None:
            self.mailbox = deque()
        return self.mailbox

    def ends_soon(self) -> bool:
        """Tell whether it is to end before it handles anything else."""
        item = self.mailbox[0] if self.mailbox else None
        return type(item) is Envelope and item.kind == EXIT

    def interrupt(self, reason: Reason) -> None:
        """Let it end before it handles anything else, and cut off what a handler awaits; the first reason counts."""
        if self.state < 0 or self.ends_soon():
            return
        self.mailbox_now().appendleft(Envelope(EXIT, reason))
        if self.state <= RESTING or self.state == SUSPENDED:
            self.schedule()
        elif self.state == DIRECT:
            self.state = DIRECT_LATE
        elif self.state == AWAITING and self.task is not None:
            self.task.cancel()

    def post_from_afar(self, item: Any, *, always: bool = False) -> bool:
        """Put something into the mailbox from where the loop does not run: if it is still taken, nobody there can tell.

        What does not come `always` is dropped and counted where the mailbox is full when it arrives.
        """
        return self.from_afar(self.post if always else self._arrive, item)

    def from_afar(self, function: Callable[..., object], *arguments: Any) -> bool:
        """Let the loop call a function soon, and tell whether that will be, as far as anybody knows."""
        try:
            self.loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop is closed
            return False
        return True

    def _arrive(self, item: Any) -> None:
        if self.is_full():
            self.dropped += 1
        else:
            self.post(item)

    def is_full(self) -> bool:
        """Tell whether as many messages wait as may."""
        mailbox = self.mailbox  # one look: another thread may be asking, while the server ends
        return self.max_queue is not None and mailbox is not None and len(mailbox) >= self.max_queue

    def check_loop(self, remedy: str) -> None:
        """Raise unless this is the loop of the server."""
        if asyncio._get_running_loop() is not self.loop:
            raise RuntimeError(f"{self.label} runs on another event loop: {remedy}")

    def gone_error(self) -> NoProcess | ServerDown:
        """Return the error for those who come when it is dead, or about to be."""
        if self.state == DEAD:
            return NoProcess(f"{self.label} is dead: it ended for {shown(self.reason)}")
        return self.down_error()

    def runs_here(self) -> bool:
        """Tell whether this is the task of the server."""
        return self.task is not None and current_task(self.loop) is self.task

    def down_error(self) -> ServerDown:
        """Return the error for those who wait in vain."""
        error = ServerDown(self.reason, self.label)
        if type(self.reason) is Crash:
            error.__cause__ = self.reason.error
        return error

    def schedule(self) -> bool:
        """Let the loop drain the mailbox, and tell whether it will: a closed one does not."""
        try:
            self.loop.call_soon(self.drain, context=self.context)
        except RuntimeError:
            if not self.loop.is_closed():
                raise
            return False
        self.state = SCHEDULED
        return True

    # -- who waits for it

    async def answer(self, future: asyncio.Future[Any], timeout: float | None) -> Any:
        """Wait for the answer to a call."""
        waiting = timer = None
        try:
            if future.done():
                return future.result()
            if timeout is USUAL:
                waiting = self.home.usual.add(self.loop, future, self.label)
            elif timeout is not None:
                timer = self.loop.call_later(timeout, self._too_late, future, timeout)
            return await future
        finally:
            del future  # it holds the error, whose traceback leads here
            if waiting is not None:
                waiting[1] = None
            elif timer is not None:
                timer.cancel()

    def _too_late(self, future: asyncio.Future[Any], timeout: float) -> None:
        if not future.done():
            future.set_exception(CallTimeout(self.label, timeout))

    def the_caller(self) -> From:
        """Return who waits for what the handler that runs returns."""
        future = self.current
        if future is None:
            if self.state not in (DIRECT, DIRECT_LATE):
                raise RuntimeError(f"{self.label} handles no call now, so nobody waits for an answer")
            self.state = DIRECT_LATE
            future = self.current = self.loop.create_future()
        return From(future)

    def later(self, caller: asyncio.Future[Any]) -> None:
        """Remember somebody who is to be answered later, in case that this does not happen."""
        self.current = None
        if not caller.done():
            if self.deferred is None:
                self.deferred = set()
            self.deferred.add(caller)
            caller.add_done_callback(self._answered)

    def _answered(self, caller: asyncio.Future[Any]) -> None:
        if self.deferred is not None:
            self.deferred.discard(caller)

    def tell(self, future: asyncio.Future[Reason]) -> None:
        """Let a future have the reason as its result, once the process has ended."""
        if self.state == DEAD and self.reason is not None:
            future.set_result(self.reason)
            return
        if self.waiters is None:
            self.waiters = {}
        self.waiters[future] = None

    async def wait(self, timeout: float | None = None) -> Reason:
        """Wait for its end."""
        if self.state == DEAD and self.reason is not None:
            return self.reason
        future: asyncio.Future[Reason] = self.loop.create_future()
        self.tell(future)
        timer = None if timeout is None else self.loop.call_later(timeout, self._too_late, future, timeout)
        try:
            return await future
        finally:
            self._waits_no_more(future)
            if timer is not None:
                timer.cancel()

    def _waits_no_more(self, future: asyncio.Future[Reason]) -> None:
        if self.waiters is not None:
            self.waiters.pop(future, None)

    # -- its tables

    def its_holdings(self) -> Holdings | None:
        """Return the tables that belong to it, None where it has ended or is about to. Safe from any thread."""
        acquire()
        try:
            if self.state < 0:
                return None
            if self.holdings is None:
                self.holdings = Holdings(self.ref, self._get_table)
            return self.holdings
        finally:
            release()

    def _get_table(self, table: Table[Any, Any], giver: Ref | None, data: Any) -> None:
        """Let the server know of a table that has come to it."""
        news = Envelope(INFO, TableTransfer(table, giver, data))
        if asyncio._get_running_loop() is self.loop:
            self.post(news)
        else:
            self.post_from_afar(news, always=True)

    # -- its end

    def kill(self, reason: Reason | None = None) -> bool:
        """End now: cut off what runs, and do not `terminate`."""
        if self.state == DEAD:
            return False
        task = self.task
        self.down(Killed() if reason is None else reason)
        if task is not None:
            task.cancel()
        return True

    def fail_calls(self) -> None:
        """Tell the callers that wait: the one whose call is handled, and those in the mailbox."""
        waiting = [self.current] if self.current is not None else []
        if self.mailbox:
            waiting += [item.caller for item in self.mailbox if type(item) is Envelope and item.caller is not None]
            self.mailbox.clear()
        for caller in waiting:
            self._fail(caller)

    def _fail(self, caller: asyncio.Future[Any]) -> None:
        if not caller.done():
            caller.set_exception(self.down_error())

    def down(self, reason: Reason) -> None:
        """Be dead: names are free, then everybody is told."""
        if self.state == DEAD:
            return
        self.state = DEAD
        self.reason = reason
        if not self.initialised:
            self.start_error = self.start_error or InitError(reason, self.label)
            if self.parent is not None:  # who started it gets this error, and no end besides
                _relations.unlink(self.parent, self)
        del self.home.processes[self]
        for registry, name in self.names or ():
            registry.forget(name, self)
        for timer in self.timers or ():
            timer.lapse()
        acquire()  # whoever makes holdings in another thread meanwhile either is done, or sees that this is dead
        holdings = self.holdings
        release()
        if holdings is not None:
            holdings.end()
        self.fail_calls()
        for caller in self.deferred or ():
            self._fail(caller)
        if self.parked is not None:
            self.parked.cancel()
        if self.started is not None and not self.started.done():
            self.started.set_result(None)
        _relations.notify(self, reason)
        waiters, self.waiters = self.waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(reason)
        self.server = self.mailbox = self.names = self.timers = self.deferred = None
        _journal.stopped(self, reason)
