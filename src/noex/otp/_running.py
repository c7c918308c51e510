"""How a process takes its turns.

A process is no task as long as its handlers do not await anything. Messages are handled in runs: by `drain`, a plain
callback of the loop, or right where a call is made on an idle process (`Ref.call`). A handler that is a coroutine is
run there, too, up to where it really has to wait for something; then a task takes over, which first does that, and
then goes on with the mailbox until it is empty. That task is made when it is needed first, and stands by from then on.
All of it runs in the server's own context, a synchronous handler as nobody's task or the server's, an asynchronous one
as the server's.

Each step is a method that runs one handler and settles what it returned; what has to be awaited comes back as `Pending`
to whoever took the step, who hands it to the task.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import current_task
from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

from noex.errors import BadReturn, CallingSelf, InitError, StartIgnored, shown
from noex.otp import _journal
from noex.otp._exits import Crash, Reason, Shutdown
from noex.otp._loops import BUDGET, DEEPEST
from noex.otp._mailbox import (
    AWAITING,
    CALL,
    CAST,
    CONTINUE,
    DEAD,
    DRAINING,
    EXITING,
    IDLE,
    INFO,
    INIT,
    SCHEDULED,
    STOP,
    SYSTEM,
    TERMINATE,
    TICK,
    Envelope,
)
from noex.otp._messages import Continue, Ignore, IgnoreType, NoReplyType, Reject, Stop
from noex.otp._process import Pending, Process
from noex.otp._tasks import continued, enter_task, first_step, leave_task
from noex.typing import MISSING

if TYPE_CHECKING:
    from noex.otp._gen_server import GenServer

__all__ = ["CONTROL", "Running"]

logger = logging.getLogger("noex.otp")

CONTROL: Final = frozenset({Stop, Continue, NoReplyType, IgnoreType, CoroutineType})
"""The types of what a handler returns that is no answer."""

COROUTINE: Final[Any] = CoroutineType

NOT_BEGUN: Final[Any] = object()
"""Stands for what a coroutine waits for that has not been run at all."""

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
            self.hand(pending)
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
            caller = self.current = self.loop.create_future()
        if self.state < 0:  # killed by the handler itself
            if type(result) is COROUTINE:
                result.close()
            if not caller.done():
                caller.set_exception(self.down_error())
            return await self.answer(caller, None)
        self.state = DRAINING
        self.handled += 1
        if error is not None:
            self.resume(self.enter(self.failed, CALL, caller, error))
        else:
            self.resume(self.enter(self.advance if type(result) is COROUTINE else self.settle, CALL, caller, result))
        answering = self.answer(caller, timeout)
        del caller, result, error  # an error that is raised has a traceback that leads here: nothing leads back
        return await answering

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
                self.hand(pending)

    def run_messages(self) -> Pending | None:
        """Handle what waits, until the mailbox is empty, the budget is spent, or something is to be awaited."""
        mailbox, server = self.mailbox, self.server
        if server is None:
            return None
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
                    result = server.handle_cast(item)
                except BaseException as error:
                    pending = self.failed(CAST, None, error)
                else:
                    if result is None and self.state == DRAINING:
                        continue
                    pending = self.settle(CAST, None, result)
            if pending is not None or self.state != DRAINING:  # it has ended, or been suspended
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
        if kind == SYSTEM:
            envelope.message()
            return None
        return self.exit(envelope.message)  # STOP, EXIT

    def step(
        self, kind: str, caller: asyncio.Future[Any] | None, function: Callable[..., Any], *arguments: Any
    ) -> Pending | None:
        """Run one handler, and settle what came of it."""
        try:
            result = function(*arguments)
        except BaseException as error:
            return self.failed(kind, caller, error)
        if type(result) is COROUTINE:
            return self.advance(kind, caller, result)
        return self.settle(kind, caller, result)

    def settle(self, kind: str, caller: asyncio.Future[Any] | None, result: Any) -> Pending | None:
        """Take what a handler returned."""
        if self.state == DEAD:
            return None
        if kind == CALL and caller is not None:
            if type(result) not in CONTROL:
                self.reply(caller, result)
                return None
        elif type(result) is COROUTINE:
            return self.advance(kind, caller, result)
        elif kind == TERMINATE:
            self.down(self.reason or "normal")
            return None
        elif result is None or (type(result) is NoReplyType and kind != INIT):
            if kind == INIT:
                self.begin()
            return None
        return self.obey(kind, caller, result)

    def obey(self, kind: str, caller: asyncio.Future[Any] | None, result: Any) -> Pending | None:
        """Do what a handler asks for by what it returned."""
        if type(result) is Continue and (caller is not None or result.reply is MISSING):
            if caller is not None:
                self.later(caller) if result.reply is MISSING else self.reply(caller, result.reply)
            if kind == INIT:
                self.begin()
            self.mailbox_now().appendleft(Envelope(CONTINUE, result.term))
        elif type(result) is Stop and (caller is not None or result.reply is MISSING):
            if kind == INIT:
                self.start_error = InitError(result.reason, self.label)
                self.down(result.reason)
                return None
            if caller is not None and result.reply is not MISSING:
                self.reply(caller, result.reply)
            return self.exit(result.reason)
        elif type(result) is NoReplyType and caller is not None:
            self.later(caller)
        elif result is Ignore and kind == INIT:
            self.start_error = StartIgnored("normal", self.label)
            self.down("normal")
        else:
            return self.failed(kind, caller, BadReturn(f"{self.label}: {kind} returned {shown(result)}, {_MAY[kind]}"))
        return None

    def reply(self, caller: asyncio.Future[Any], value: Any) -> None:
        """Answer the call that is handled."""
        self.current = None
        if not caller.done():
            caller.set_result(value)

    def begin(self) -> None:
        """Be started."""
        self.initialised = True
        if self.started is not None and not self.started.done():
            self.started.set_result(None)
        _journal.started(self)

    def failed(self, kind: str, caller: asyncio.Future[Any] | None, error: BaseException) -> Pending | None:
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
            if not caller.done():
                caller.set_exception(error.error)
            return None
        if kind == INIT:
            self.start_error = InitError(Crash(error), self.label)
            self.start_error.__cause__ = error
            self.down(Crash(error))
            return None
        _journal.crashed(self, kind, error)
        if kind == TERMINATE:
            self.down(Crash(error))
            return None
        return self.exit(Crash(error))

    # -- its task

    def advance(
        self, kind: str, caller: asyncio.Future[Any] | None, coroutine: Coroutine[Any, Any, Any]
    ) -> Pending | None:
        """Run a coroutine to where it really waits for something, as a part of the task that stands by for that."""
        if self.state == DEAD:
            coroutine.close()
            return None
        if self.task is None or self.parked is None or self.parked.done() or self.home.depth == DEEPEST:
            return coroutine, kind, caller, NOT_BEGUN  # this is the task already, or there is none yet; or it is deep
        self.home.depth += 1
        enter_task(self.loop, self.task)
        try:
            waits_for = coroutine.send(None)
        except StopIteration as stop:
            result, error = stop.value, None
        except BaseException as raised:
            result, error = None, raised
        else:
            return coroutine, kind, caller, waits_for
        finally:
            leave_task(self.loop, None)
            self.home.depth -= 1
        if error is None:
            return self.settle(kind, caller, result)
        try:
            return self.failed(kind, caller, error)
        finally:
            error = None  # its traceback leads here

    def hand(self, pending: Pending) -> None:
        """Give the task something to await; start it, where there is none."""
        self.handed = pending
        if self.state >= 0:
            self.state = AWAITING
        if self.task is None or (pending[3] is NOT_BEGUN and self.parked is not None and self.parked.cancelled()):
            self.parked = None  # who was cancelled while it stood by has nothing to do with what comes now
            work = self.work()
            work.send(None)  # up to where a cancellation finds it at home: a task that never began would tell nobody
            self.task = asyncio.Task(work, loop=self.loop, context=self.context, name=self.label)
            self.task._log_destroy_pending = False  # type: ignore[attr-defined]  # as it stands by, it may just vanish
        elif self.parked is not None and not self.parked.done():
            self.parked.set_result(None)
        if self.state == AWAITING and self.ends_soon():
            self.task.cancel()

    async def work(self) -> None:
        """Await what is handed over, and handle what has come up meanwhile; stand by for more until the end."""
        await_next: Any = first_step()
        while self.state != DEAD or self.handed is not None:
            cancelled = None
            try:
                await await_next
            except asyncio.CancelledError as raised:
                cancelled = raised
                if current_task(self.loop) is not self.task:  # which was cancelled while it stood by, and replaced
                    return
            pending, self.handed, self.parked = self.handed, None, None
            if pending is None:  # cancelled while it stood by
                break
            self.home.left = BUDGET
            await self.carry(pending, cancelled)
            pending = cancelled = None  # while it stands by it keeps nothing of what is done
            await_next = self.parked = self.loop.create_future()
        self.task = self.parked = None

    async def carry(self, pending: Pending | None, cancelled: BaseException | None) -> None:
        """Await handlers and handle messages, until nothing waits any more."""
        budget = BUDGET
        while pending is not None:
            coroutine, kind, caller, waits_for = pending
            result = error = None
            if self.state >= 0:
                self.state = AWAITING
            try:
                if waits_for is not NOT_BEGUN:
                    result = await continued(coroutine, waits_for, cancelled)
                elif cancelled is None or (kind == TERMINATE and self.state != DEAD):  # that is never left out
                    self.forgive()
                    result = await coroutine
                else:
                    coroutine.close()
                    error = cancelled
            except GeneratorExit:  # the loop is gone
                coroutine.close()
                raise
            except BaseException as raised:
                error = raised
            cancelled = None
            if self.state >= 0:
                self.state = DRAINING
            asked = self.state != DEAD and self.task is not None and self.task.cancelling()
            if asked:
                await self.absorb(kind, error)
            if isinstance(error, asyncio.CancelledError) and (self.ends_soon() or (kind == TERMINATE and asked)):
                pending = self.settle(kind, caller, None) if kind == TERMINATE else None
            elif error is not None:
                pending = self.failed(kind, caller, error)
            else:
                pending = self.settle(kind, caller, result)
            error = None  # its traceback leads here
            if pending is None and self.state == DRAINING:
                budget -= 1
                if budget:
                    pending = self.run_messages()
                else:
                    self.resume(None)

    async def absorb(self, kind: str, error: BaseException | None) -> None:
        """Take a cancellation of the task for what it is meant: the server is to end."""
        if not isinstance(error, asyncio.CancelledError):  # it has been asked for, but not been raised yet
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                pass
        self.forgive()
        if kind != TERMINATE:
            self.interrupt(Shutdown("cancelled"))  # unless it is to end already: then this is why it was cancelled

    def forgive(self) -> None:
        """Forget that the task was cancelled."""
        while self.task is not None and self.task.cancelling():
            self.task.uncancel()

    # -- helpers for those outside of its context

    def enter(self, function: Callable[..., Pending | None], *arguments: Any) -> Pending | None:
        """Run a step here and now, in the server's context and as nobody's task."""
        task = current_task(self.loop)
        if task is None:
            return self.context.run(function, *arguments)
        leave_task(self.loop, None)
        try:
            return self.context.run(function, *arguments)
        finally:
            enter_task(self.loop, task)

    def resume(self, pending: Pending | None) -> None:
        """After a step: await what it left to be awaited, or see to the mailbox, or rest."""
        if pending is not None:
            self.hand(pending)
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
