"""How a process takes its turns.

A process is not a task. An idle one is nothing but data. Messages are handled in runs: by `drain`, a plain callback
of the loop, as long as handlers are synchronous; by a task from the first handler on that awaits something until the
mailbox is empty. A call on an idle process runs its handler right where it is called (`Ref.call`). All three run the
handlers in the server's own context, and none of them as somebody else's task.

Each step is a method that runs one handler and settles what it returned. A handler that has to be awaited is handed
back as `Pending` to whoever took the step, for only a task can await.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import _enter_task, _leave_task, current_task
from collections import deque
from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from noex.errors import BadReturn, CallingSelf, InitError, StartIgnored, shown
from noex.otp._callers import From
from noex.otp._exits import Crash, Reason, Shutdown
from noex.otp._loops import BUDGET
from noex.otp._mailbox import (
    AWAITING,
    CALL,
    CAST,
    CONTINUE,
    DEAD,
    DRAINING,
    EXIT,
    EXITING,
    IDLE,
    INFO,
    INIT,
    SCHEDULED,
    STOP,
    TERMINATE,
    TICK,
    Envelope,
)
from noex.otp._messages import Continue, Ignore, IgnoreType, NoReplyType, Reject, Stop
from noex.otp._process import Process
from noex.otp._tasks import first_step
from noex.typing import MISSING

if TYPE_CHECKING:
    from noex.otp._gen_server import GenServer

__all__ = ["CONTROL", "Pending", "Running"]

logger = logging.getLogger("noex.otp")

Pending: TypeAlias = tuple[Coroutine[Any, Any, Any], str, From | None]
"""What a task has to await: the coroutine of a handler, which kind of handler, and who waits for its answer."""

CONTROL: Final = frozenset({Stop, Continue, NoReplyType, IgnoreType, CoroutineType})
"""The types of what a handler returns that is no answer."""

COROUTINE: Final[Any] = CoroutineType

INTERRUPTS: Final = (KeyboardInterrupt, SystemExit)

_MAY: Final = {
    INIT: "not None, Continue(term), Stop(reason) or Ignore",
    CALL: "which belongs into init",
    CAST: "not None, Continue(term) or Stop(reason): a cast has no answer",
    INFO: "not None, Continue(term) or Stop(reason): a message has no answer",
    CONTINUE: "not None, Continue(term) or Stop(reason): nobody waits for an answer",
    TERMINATE: "which nobody looks at",
}


class Running(Process):
    """A process with all that it takes to run."""

    __slots__ = ()

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
            if type(result) is COROUTINE:
                result.close()
            caller.future.set_exception(self.down_error())
            return await caller.future
        self.state = DRAINING
        self.handled += 1
        if error is not None:
            self.resume(self.enter(self.failed, CALL, caller, error))
        elif type(result) is COROUTINE:
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

    # -- turns

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
        if kind == TICK:
            opened = envelope.message.open()
            if opened is None:  # cancelled while it waited
                return None
            self.handled += 1
            return self.step(INFO, None, server.handle_info, opened[0])
        if kind == CONTINUE:
            return self.step(CONTINUE, None, server.handle_continue, envelope.message)
        return self.exit(envelope.message)  # STOP, EXIT

    def step(self, kind: str, caller: From | None, function: Callable[..., Any], *arguments: Any) -> Pending | None:
        """Run one handler, and settle what came of it."""
        try:
            result = function(*arguments)
        except BaseException as error:
            return self.failed(kind, caller, error)
        if type(result) is COROUTINE:
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
        elif type(result) is COROUTINE:
            return result, kind, caller
        elif kind == TERMINATE:
            self.down(self.reason or "normal")
            return None
        elif result is None or (type(result) is NoReplyType and kind != INIT):
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


def _is_exit(item: Any) -> bool:
    return type(item) is Envelope and item.kind == EXIT
