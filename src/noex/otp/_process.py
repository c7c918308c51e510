"""The running thing behind a server: its mailbox, its turns, its end.

A process is not a task. An idle one is nothing but data. Messages are handled in runs: by `drain`, a plain callback
of the loop, as long as handlers are synchronous; by a task from the first handler on that awaits something until the
mailbox is empty. A call on an idle process runs its handler right where it is called (`Ref.call`). All three run the
handlers in the server's own context, and none of them as somebody else's task.

Each step is a method that runs one handler and settles what it returned. A handler that has to be awaited is handed
back as `Pending` to whoever took the step, for only a task can await.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from asyncio import _enter_task, _leave_task, current_task
from collections import deque
from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from noex.errors import BadReturn, CallingSelf, CallTimeout, InitError, NoProcess, ServerDown, StartIgnored, shown
from noex.otp import _relations
from noex.otp._callers import From
from noex.otp._exits import Crash, Killed, Reason, Shutdown
from noex.otp._loops import BUDGET, Home
from noex.otp._mailbox import (
    AWAITING,
    CALL,
    CAST,
    CONTINUE,
    DEAD,
    DIRECT,
    DIRECT_LATE,
    DRAINING,
    EXIT,
    EXITING,
    IDLE,
    INFO,
    INIT,
    RESTING,
    SCHEDULED,
    STOP,
    TERMINATE,
    Envelope,
)
from noex.otp._messages import Continue, Ignore, IgnoreType, NoReplyType, Reject, Stop
from noex.otp._tasks import first_step
from noex.typing import MISSING

if TYPE_CHECKING:
    from noex.otp._gen_server import GenServer
    from noex.otp._messages import Monitor
    from noex.otp._ref import Ref
    from noex.otp._registry import Registry
    from noex.otp._timers import Timer

__all__ = ["CONTROL", "CURRENT", "Pending", "Process"]

logger = logging.getLogger("noex.otp")

Pending: TypeAlias = tuple[Coroutine[Any, Any, Any], str, From | None]
"""What a task has to await: the coroutine of a handler, which kind of handler, and who waits for its answer."""

CONTROL: Final = frozenset({Stop, Continue, NoReplyType, IgnoreType, CoroutineType})
"""The types of what a handler returns that is no answer."""

INTERRUPTS: Final = (KeyboardInterrupt, SystemExit)

CURRENT: contextvars.ContextVar[Process] = contextvars.ContextVar("noex.otp.current")
"""The process in whose context this code runs."""


class Process:
    """One server while it runs, and what is left to know of it afterwards."""

    __slots__ = (
        "context",
        "current",
        "deferred",
        "handle_call",
        "handled",
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
        "reason",
        "ref",
        "rest",
        "server",
        "start_error",
        "started",
        "state",
        "task",
        "timers",
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
        self.handle_call: Callable[[Any], Any] | None = server.handle_call
        self.context = contextvars.copy_context()
        self.state = DRAINING
        self.handled = 0
        self.initialised = False
        self.mailbox: deque[Any] | None = None
        self.current: From | None = None
        self.task: asyncio.Task[None] | None = None
        self.reason: Reason | None = None  # from the moment it is to end for it
        self.start_error: InitError | None = None
        self.started: asyncio.Future[None] | None = None
        self.parent: Process | None = None
        self.deferred: set[From] | None = None
        self.links: dict[Process, None] | None = None
        self.monitors: dict[Monitor, Process] | None = None
        self.watching: dict[Monitor, Process] | None = None
        self.names: list[tuple[Registry, Any]] | None = None
        self.timers: set[Timer] | None = None
        self.waiters: list[asyncio.Future[Reason]] | None = None
        self.context.run(CURRENT.set, self)
        home.processes[self] = None

    # -- what others ask of it

    async def start(self, init: Callable[[], Any], timeout: float | None) -> None:
        """Run `init`, and raise `InitError` where that is the end of it already."""
        pending = self.enter(self.step, INIT, None, init)
        if pending is None:
            self.resume(None)
        else:
            self.started = self.loop.create_future()
            self.spawn(pending)
            timer = None if timeout is None else self.loop.call_later(timeout, self._start_late, timeout)
            try:
                await self.started
            except BaseException:
                self.kill()  # the start was cancelled, or has failed anyway
                raise
            finally:
                if timer is not None:
                    timer.cancel()
        if self.start_error is not None:
            raise self.start_error

    def _start_late(self, timeout: float) -> None:
        self.kill(Shutdown(f"init took longer than {timeout:g} s"))

    async def answer(self, caller: From, timeout: float | None) -> Any:
        """Wait for the answer to a call."""
        future = caller.future
        if future.done():
            return future.result()
        if timeout is None:
            return await future
        timer = self.loop.call_later(timeout, caller.expire, self.label, timeout)
        try:
            return await future
        finally:
            timer.cancel()

    def new_caller(self) -> From:
        """Return somebody who waits for an answer."""
        return From(self.loop, self.home.thread)

    def the_caller(self) -> From:
        """Return who waits for what the handler that runs returns."""
        caller = self.current
        if caller is None:
            if self.state not in (DIRECT, DIRECT_LATE):
                raise RuntimeError(f"{self.label} handles no call now, so nobody waits for an answer")
            self.state = DIRECT_LATE
            caller = self.current = self.new_caller()
        return caller

    async def after_direct(self, result: Any, error: BaseException | None, timeout: float | None) -> Any:
        """Go on after a direct call where it did not just answer, or something has come up while it ran."""
        if isinstance(error, INTERRUPTS):
            self.current = None  # the caller gets the interrupt itself
            self.down(Crash(error))
            raise error
        caller = self.current
        if caller is None:
            caller = self.current = self.new_caller()
        if self.state < 0:  # killed by the handler itself
            if type(result) is CoroutineType:
                result.close()
            caller.future.set_exception(self.down_error())
            return await caller.future
        self.state = DRAINING
        self.handled += 1
        if error is not None:
            self.resume(self.enter(self.failed, CALL, caller, error))
        elif type(result) is CoroutineType:
            self.resume((result, CALL, caller))
        else:
            self.resume(self.enter(self.settle, CALL, caller, result))
        return await self.answer(caller, timeout)

    async def stop(self, reason: Reason, timeout: float | None) -> None:
        """End in turn, after the messages that came before."""
        if self.state == DEAD:
            return
        if self.runs_here():
            raise CallingSelf(f"{self.label} waits for its own end in stop(): return Stop(reason) from the handler")
        if self.state == IDLE:
            self.state = DRAINING
            self.resume(self.enter(self.exit, reason))
        elif self.state >= 0:
            self.post(Envelope(STOP, reason))
        if self.state != DEAD:  # pyright: ignore[reportUnnecessaryComparison]
            await self.wait(timeout)

    async def wait(self, timeout: float | None = None) -> Reason:
        """Wait for its end."""
        if self.state == DEAD and self.reason is not None:
            return self.reason
        future: asyncio.Future[Reason] = self.loop.create_future()
        if self.waiters is None:
            self.waiters = []
        self.waiters.append(future)
        timer = None if timeout is None else self.loop.call_later(timeout, self._wait_late, future, timeout)
        try:
            return await future
        finally:
            if self.waiters is not None:
                self.waiters.remove(future)
            if timer is not None:
                timer.cancel()

    def _wait_late(self, future: asyncio.Future[Reason], timeout: float) -> None:
        if not future.done():
            future.set_exception(CallTimeout(self.label, timeout))

    def kill(self, reason: Reason | None = None) -> bool:
        """End now: cut off what runs, and do not `terminate`."""
        if self.state == DEAD:
            return False
        task = self.task
        self.down(Killed() if reason is None else reason)
        if task is not None:
            task.cancel()
        return True

    def post(self, item: Any) -> bool:
        """Put something into the mailbox, and see that somebody looks."""
        state = self.state
        if state < 0:
            return False
        if self.mailbox is None:
            self.mailbox = deque()
        self.mailbox.append(item)
        if state <= RESTING:
            self.schedule()
        elif state == DIRECT:
            self.state = DIRECT_LATE
        return True

    def interrupt(self, item: Envelope) -> None:
        """Put something before everything else, and cut off what a handler awaits."""
        if self.state < 0:
            return
        if self.mailbox is None:
            self.mailbox = deque()
        self.mailbox.appendleft(item)
        if self.state <= RESTING:
            self.schedule()
        elif self.state == DIRECT:
            self.state = DIRECT_LATE
        elif self.state == AWAITING and self.task is not None:
            self.task.cancel()

    def post_from_afar(self, item: Any) -> bool:
        """Put something into the mailbox from another thread: whether it is still taken, nobody there can tell."""
        try:
            self.loop.call_soon_threadsafe(self.post, item)
        except RuntimeError:  # the loop is closed
            return False
        return True

    def is_full(self) -> bool:
        """Tell whether as many messages wait as may."""
        return self.max_queue is not None and self.mailbox is not None and len(self.mailbox) >= self.max_queue

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

    # -- turns

    def schedule(self) -> None:
        """Let the loop drain the mailbox."""
        self.state = SCHEDULED
        self.loop.call_soon(self.drain, context=self.context)

    def drain(self) -> None:
        """Handle what waits; called by the loop."""
        if self.state == SCHEDULED:
            self.home.left = BUDGET
            self.state = DRAINING
            pending = self.run_messages()
            if pending is not None:
                self.spawn(pending)

    def run_messages(self) -> Pending | None:
        """Handle what waits, until the mailbox is empty, the budget is spent, or something is to be awaited."""
        mailbox, server = self.mailbox, self.server
        if server is None:
            return None
        handle_cast = server.handle_cast
        budget = BUDGET
        while mailbox:
            if not budget:
                self.schedule()
                return None
            budget -= 1
            item = mailbox.popleft()
            if type(item) is Envelope:
                pending = self.open(item, server)
            else:
                self.handled += 1
                try:
                    result = handle_cast(item)
                except BaseException as error:
                    pending = self.failed(CAST, None, error)
                else:
                    if result is None and self.state == DRAINING:
                        continue
                    pending = self.settle(CAST, None, result)
            if pending is not None or self.state < 0:
                return pending
        self.state = self.rest
        return None

    def open(self, envelope: Envelope, server: GenServer) -> Pending | None:
        """Do what an envelope asks for."""
        kind = envelope.kind
        if kind == CALL:
            self.handled += 1
            self.current = envelope.caller
            return self.step(CALL, envelope.caller, server.handle_call, envelope.message)
        if kind == INFO:
            self.handled += 1
            return self.step(INFO, None, server.handle_info, envelope.message)
        if kind == CONTINUE:
            return self.step(CONTINUE, None, server.handle_continue, envelope.message)
        return self.exit(envelope.message)  # STOP, EXIT

    def step(self, kind: str, caller: From | None, function: Callable[..., Any], *arguments: Any) -> Pending | None:
        """Run one handler, and settle what came of it."""
        try:
            result = function(*arguments)
        except BaseException as error:
            return self.failed(kind, caller, error)
        if type(result) is CoroutineType:
            if self.state == DEAD:
                result.close()
                return None
            return result, kind, caller
        return self.settle(kind, caller, result)

    def settle(self, kind: str, caller: From | None, result: Any) -> Pending | None:
        """Take what a handler returned."""
        if self.state == DEAD:
            return None
        if kind == CALL and caller is not None:
            if type(result) not in CONTROL:
                self.current = None
                caller.reply(result)
                return None
        elif type(result) is CoroutineType:
            return result, kind, caller
        elif kind == TERMINATE:
            self.down(self.reason or "normal")
            return None
        elif result is None or type(result) is NoReplyType and kind != INIT:
            if kind == INIT:
                self.begin()
            return None
        return self.obey(kind, caller, result)

    def obey(self, kind: str, caller: From | None, result: Any) -> Pending | None:
        """Do what a handler asks for by what it returned."""
        if type(result) is Continue and (caller is not None or result.reply is MISSING):
            if caller is not None:
                self.later(caller) if result.reply is MISSING else caller.reply(result.reply)
            if kind == INIT:
                self.begin()
            if self.mailbox is None:
                self.mailbox = deque()
            self.mailbox.appendleft(Envelope(CONTINUE, result.term))
        elif type(result) is Stop and (caller is not None or result.reply is MISSING):
            if kind == INIT:
                self.start_error = InitError(result.reason, self.label)
                self.down(result.reason)
                return None
            if caller is not None and result.reply is not MISSING:
                caller.reply(result.reply)
            return self.exit(result.reason)
        elif type(result) is NoReplyType and caller is not None:
            self.later(caller)
        elif result is Ignore and kind == INIT:
            self.start_error = StartIgnored("normal", self.label)
            self.down("normal")
        else:
            return self.failed(kind, caller, BadReturn(f"{self.label}: {kind} returned {shown(result)}, {_MAY[kind]}"))
        return None

    def later(self, caller: From) -> None:
        """Remember somebody who is to be answered later, in case that this does not happen."""
        self.current = None
        if not caller.future.done():
            if self.deferred is None:
                self.deferred = set()
            self.deferred.add(caller)
            caller.future.add_done_callback(lambda _: self.deferred and self.deferred.discard(caller))

    def begin(self) -> None:
        """Be started."""
        self.initialised = True
        if self.started is not None and not self.started.done():
            self.started.set_result(None)

    def failed(self, kind: str, caller: From | None, error: BaseException) -> Pending | None:
        """Take what a handler raised."""
        if isinstance(error, INTERRUPTS):  # the interpreter is to end: no time to be orderly
            self.down(Crash(error))
            raise error
        if self.state == DEAD:
            if not isinstance(error, asyncio.CancelledError):
                logger.warning("%s: %s raised after the end", self.label, kind, exc_info=error)
            return None
        if kind == CALL and isinstance(error, Reject) and caller is not None:
            self.current = None
            caller.error(error.error)
            return None
        if kind == INIT:
            self.start_error = InitError(Crash(error), self.label)
            self.start_error.__cause__ = error
            self.down(Crash(error))
            return None
        logger.error("%s: %s raised", self.label, kind, exc_info=error)
        if kind == TERMINATE:
            self.down(Crash(error))
            return None
        return self.exit(Crash(error))

    # -- its task

    def spawn(self, pending: Pending) -> None:
        """Start the task that awaits what a handler awaits."""
        work = self.work(pending)
        work.send(None)  # up to where a cancellation finds it at home: a task that never began would tell nobody
        if self.state >= 0:
            self.state = AWAITING
        self.task = asyncio.Task(work, loop=self.loop, context=self.context, name=self.label)

    async def work(self, pending: Pending | None) -> None:
        """Await the handlers that are to be awaited, until nothing waits any more."""
        begun = False
        budget = BUDGET
        while pending is not None:
            coroutine, kind, caller = pending
            result = error = None
            if self.state >= 0:
                self.state = AWAITING
            try:
                if not begun:
                    begun = True
                    await first_step()
                    self.home.left = BUDGET
                result = await coroutine
            except BaseException as raised:
                coroutine.close()  # matters where it never began
                error = raised
            if self.state >= 0:
                self.state = DRAINING
            pending = await self._after(kind, caller, result, error)
            if pending is None and self.state == DRAINING:
                budget -= 1
                if budget:
                    pending = self.run_messages()
                else:
                    self.resume(None)
        self.task = None

    async def _after(self, kind: str, caller: From | None, result: Any, error: BaseException | None) -> Pending | None:
        """Settle what came of a coroutine, also where the task was cancelled while it ran."""
        task = self.task
        if self.state != DEAD and task is not None and task.cancelling():
            try:
                await asyncio.sleep(0)  # what has been asked for but not been raised yet
            except asyncio.CancelledError:
                pass
            while task.uncancel():
                pass
            if kind != TERMINATE and not (self.mailbox and _is_exit(self.mailbox[0])):
                self.interrupt(Envelope(EXIT, Shutdown("cancelled")))  # by somebody from outside
            if isinstance(error, asyncio.CancelledError):
                return self.settle(kind, caller, None) if kind == TERMINATE else None
        if error is not None:
            return self.failed(kind, caller, error)
        return self.settle(kind, caller, result)

    # -- helpers for those outside of its context

    def enter(self, function: Callable[..., Pending | None], *arguments: Any) -> Pending | None:
        """Run a step here and now, in the server's context and as nobody's task."""
        task = current_task(self.loop)
        if task is None:
            return self.context.run(function, *arguments)
        _leave_task(self.loop, task)
        try:
            return self.context.run(function, *arguments)
        finally:
            _enter_task(self.loop, task)

    def resume(self, pending: Pending | None) -> None:
        """After a step: await what it left to be awaited, or see to the mailbox, or rest."""
        if pending is not None:
            self.spawn(pending)
        elif self.state == DRAINING:
            if self.mailbox:
                self.schedule()
            else:
                self.state = self.rest

    # -- its end

    def exit(self, reason: Reason) -> Pending | None:
        """Begin to end: who waits is told, and `terminate` runs."""
        self.reason = reason
        self.state = EXITING
        self.fail_calls()
        if not self.initialised or self.server is None:
            self.start_error = InitError(reason, self.label)
            self.down(reason)
            return None
        return self.step(TERMINATE, None, self.server.terminate, reason)

    def fail_calls(self) -> None:
        """Tell the callers that wait: the one whose call is handled, and those in the mailbox."""
        waiting = [self.current] if self.current is not None else []
        self.current = None
        if self.mailbox:
            waiting += [item.caller for item in self.mailbox if type(item) is Envelope and item.caller is not None]
            self.mailbox.clear()
        for caller in waiting:
            caller.error(self.down_error())

    def down(self, reason: Reason) -> None:
        """Be dead: names are free, then everybody is told."""
        if self.state == DEAD:
            return
        self.state = DEAD
        self.reason = reason
        del self.home.processes[self]
        for registry, name in self.names or ():
            registry.forget(name, self)
        for timer in self.timers or ():
            timer.lapse()
        self.fail_calls()
        for caller in self.deferred or ():
            caller.error(self.down_error())
        if self.started is not None and not self.started.done():
            self.start_error = self.start_error or InitError(reason, self.label)
            self.started.set_result(None)
        _relations.notify(self, reason)
        waiters, self.waiters = self.waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(reason)
        self.server = self.handle_call = self.mailbox = self.names = self.timers = self.deferred = self.parent = None


_MAY: Final = {
    INIT: "not None, Continue(term), Stop(reason) or Ignore",
    CALL: "which belongs into init",
    CAST: "not None, Continue(term) or Stop(reason): a cast has no answer",
    INFO: "not None, Continue(term) or Stop(reason): a message has no answer",
    CONTINUE: "not None, Continue(term) or Stop(reason): nobody waits for an answer",
    TERMINATE: "which nobody looks at",
}


def _is_exit(item: Any) -> bool:
    return type(item) is Envelope and item.kind == EXIT
