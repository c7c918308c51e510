"""How to reach a server: by the server itself, or by a name."""

from __future__ import annotations

import asyncio
from asyncio import _get_running_loop
from collections.abc import Hashable
from threading import get_ident
from typing import TYPE_CHECKING, Any, TypeVar, overload

from noex import clock
from noex.errors import CallingSelf, CallTimeout, MailboxFull, NoProcess, ServerDown
from noex.otp._asking import LoopClosed, TimedOut, Unanswered, ask_from_thread
from noex.otp._exits import Reason, Shutdown, check_reason
from noex.otp._loops import USUAL
from noex.otp._mailbox import CALL, DEAD, DIRECT, IDLE, INFO, RESTING, Envelope
from noex.otp._messages import Call
from noex.otp._running import CONTROL, Running
from noex.otp._tasks import enter_task, leave_task
from noex.otp._timers import MissedTicks, Timer, send_after, send_interval

if TYPE_CHECKING:
    from noex.ets._ownership import Holdings
    from noex.otp._registry import Registry
    from noex.typing import Duration

__all__ = ["Named", "Ref"]

R = TypeVar("R")


class Ref:
    """A server, to others: what they send to, wait for and stop. There is one for each server; it stays when it ends.

    `cast`, `send`, `kill`, `call_sync` and `alive` are safe from any thread, the rest belongs to the server's loop.
    """

    __slots__ = ("__weakref__", "_process")

    _process: Running

    @property
    def alive(self) -> bool:
        """Whether it accepts messages: from its start on until it ends, `terminate` not included. O(1).

        When its loop is closed it does not any more.
        """
        process = self._process
        return process.state >= 0 and not process.loop.is_closed()

    @overload
    async def call(self, message: Call[R], timeout: Duration | None = ...) -> R: ...
    @overload
    async def call(self, message: Any, timeout: Duration | None = ...) -> Any: ...
    async def call(self, message: Any, timeout: Any = USUAL) -> Any:
        """Send a message and wait for the answer.

        An idle server whose handler is synchronous answers at once, without a turn of the event loop; no `timeout`
        cuts such a handler off. After a time-out the server may still handle the message; its answer is dropped.
        Cancelling the wait does no more than that either. Messages of one sender are handled in order.

        Raises:
            NoProcess: the server is dead.
            ServerDown: it ended before it answered; after a crash, `__cause__` is the error.
            CallTimeout: there was no answer within `timeout` seconds.
            CallingSelf: the server waits for itself.
            MailboxFull: `max_queue` messages are waiting.
            RuntimeError: this is not the loop of the server; use `call_sync` from other threads.
        """
        process = self._process
        home = process.home
        if timeout is not USUAL and timeout is not None:
            timeout = clock.seconds(timeout, "timeout")
        if process.state == IDLE and (left := home.left) and home.runner._thread_id == get_ident():
            task = leave_task(process.loop, None)
            if task is not None:  # else nothing runs that could wait, on that loop
                process.state = DIRECT
                home.left = 0
                error = None
                try:
                    server: Any = process.server  # whose handler may be another than before
                    reply = process.context.run(server.handle_call, message)
                except BaseException as raised:
                    reply, error = None, raised
                home.left = left - 1
                enter_task(process.loop, task)
                if process.state == DIRECT and error is None and type(reply) not in CONTROL:
                    process.state = IDLE
                    process.handled += 1
                    return reply
                after = process.after_direct(reply, error, timeout)
                reply = error = None  # the traceback of an error leads here: nothing leads back
                return await after
        if process.runs_here():
            raise CallingSelf(f"{process.label} waits for its own answer: call a method, or cast to self.ref")
        return await process.answer(self._ask(process, message), timeout)

    @staticmethod
    def _ask(process: Running, message: Any) -> asyncio.Future[Any]:
        """Queue a call, and return the future of its answer."""
        process.check_loop("call_sync() waits in other threads")
        if process.state < 0:
            raise process.gone_error()
        if process.is_full():
            raise MailboxFull(f"{process.label} has max_queue={process.max_queue} messages waiting; try again later")
        future: asyncio.Future[Any] = process.loop.create_future()
        process.post(Envelope(CALL, message, future))
        return future

    @overload
    def call_nowait(self, message: Call[R]) -> asyncio.Future[R]: ...
    @overload
    def call_nowait(self, message: Any) -> asyncio.Future[Any]: ...
    def call_nowait(self, message: Any) -> asyncio.Future[Any]:
        """Send a message, and return a future of the answer, without a time-out; cancel it to let go of the answer.

        O(1). The server handles the message later, never inside this call. A handler may ask its own server so, but
        must not wait for the answer.

        Raises:
            NoProcess: the server is dead; `ServerDown`, `MailboxFull`, `RuntimeError`: as `call` does.
        """
        return self._ask(self._process, message)

    @overload
    def call_sync(self, message: Call[R], timeout: Duration | None = ...) -> R: ...
    @overload
    def call_sync(self, message: Any, timeout: Duration | None = ...) -> Any: ...
    def call_sync(self, message: Any, timeout: Duration | None = USUAL) -> Any:
        """Send a message from another thread, and block it until the answer is there.

        Raises:
            RuntimeError: this is the thread of the server's loop, which would wait for itself.
            NoProcess: the server is dead, or its loop closed, before the answer or before the call.
            ServerDown: as `call` does, also where the loop ends first; `CallTimeout` and `MailboxFull` too.
        """
        process = self._process
        seconds = None if timeout is None else clock.seconds(timeout, "timeout")
        if _get_running_loop() is process.loop:
            raise RuntimeError(f"{process.label} runs on the loop of this thread: await call() instead")
        try:
            return ask_from_thread(self.call(message, None), process.loop, seconds)
        except TimedOut:
            raise CallTimeout(process.label, seconds or 0.0) from None
        except LoopClosed:
            raise NoProcess(f"{process.label} is gone: its event loop is closed") from None
        except Unanswered:
            if process.reason is not None:
                raise process.down_error() from None
            raise ServerDown(Shutdown("cancelled"), process.label) from None

    def cast(self, message: Any) -> bool:
        """Send a message to `handle_cast`, expect no answer, and tell whether it was taken.

        It is not where the server is dead, or its mailbox full. O(1), safe from any thread; from another thread than
        the server's it tells what was known there.
        """
        process = self._process
        state = process.state
        if state < 0:
            return False
        if process.max_queue is not None and process.is_full():
            return False
        if process.home.runner._thread_id != get_ident():
            return process.post_from_afar(message)
        mailbox = process.mailbox
        if mailbox is None or state <= RESTING or state == DIRECT:
            return process.post(message)
        mailbox.append(message)
        return True

    def send(self, message: Any) -> bool:
        """Send a message to `handle_info`, and tell whether it was taken, as `cast` does.

        O(1), safe from any thread.
        """
        process = self._process
        if process.state < 0 or process.is_full():
            return False
        if process.home.runner._thread_id != get_ident():
            return process.post_from_afar(Envelope(INFO, message))
        return process.post(Envelope(INFO, message))

    def send_after(self, delay: Duration, message: Any) -> Timer:
        """Send a message to `handle_info` once, `delay` seconds from now, if the server still lives then.

        O(log timers).

        Raises:
            ValueError: `delay` is negative, or NaN; 0 is allowed.
            TypeError: `delay` is no length of time; `RuntimeError` when this is not the loop of the server.
        """
        return send_after(self._process, delay, message)

    def send_interval(self, period: Duration, message: Any, *, missed: MissedTicks = "skip") -> Timer:
        """Send a message to `handle_info` every `period` seconds from now on, as long as the server lives.

        O(log timers). Ticks do not drift. `missed` says what becomes of ticks that are late, because the loop or the
        server was busy: "skip" leaves them out, and keeps at most one waiting; "burst" sends them all; "delay" puts off
        those that follow.

        Raises:
            ValueError: `period` is not more than 0, or `missed` is none of the three.
            TypeError: `period` is no length of time; `RuntimeError` when this is not the loop of the server.
        """
        return send_interval(self._process, period, message, missed)

    async def stop(self, reason: Reason | BaseException = "normal", timeout: Duration | None = None) -> None:
        """Let the server handle what it has been sent, `terminate`, and end; wait for that. A dead one is left alone.

        Raises:
            TypeError: `reason` is none.
            CallTimeout: it has not ended within `timeout` seconds; it still will.
            CallingSelf: a handler stops its own server so: it should return `Stop(reason)`.
        """
        process = self._process
        process.check_loop("stop it there")
        await process.stop(check_reason(reason), None if timeout is None else clock.seconds(timeout, "timeout"))

    def kill(self) -> bool:
        """End the server now, and tell whether it was there.

        What it awaits is cancelled, a handler that runs gets no second turn, `terminate` is not called. Those linked to
        it get the reason `Killed()`. From another thread it ends a moment later.
        """
        process = self._process
        if _get_running_loop() is process.loop:
            return process.kill()
        return process.state != DEAD and process.from_afar(process.kill)

    async def wait(self) -> Reason:
        """Wait until the server has ended, and return the reason."""
        process = self._process
        process.check_loop("wait for it there")
        return await process.wait()

    def _its_holdings(self) -> Holdings | None:
        return self._process.its_holdings()

    def __repr__(self) -> str:
        process = self._process
        return f"<{process.label}{'' if process.state >= 0 else f', ended: {process.reason!r}'}>"


class Named(Ref):
    """Whoever has a name, looked up at each use, so that it goes on after a restart."""

    __slots__ = ("_name", "_registry")

    def __init__(self, name: Hashable, registry: Registry) -> None:
        self._name = name
        self._registry = registry

    @property
    def _process(self) -> Running:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]
        ref = self._registry.whereis(self._name)
        if ref is None:
            raise NoProcess(f"nobody has the name {self._name!r} in {self._registry!r}")
        return ref._process

    @property
    def alive(self) -> bool:
        """Whether somebody has the name, and accepts messages. O(1)."""
        ref = self._registry.whereis(self._name)
        return ref is not None and ref.alive

    def cast(self, message: Any) -> bool:
        """Send a message to whoever has the name, and tell whether it was taken."""
        ref = self._registry.whereis(self._name)
        return ref is not None and ref.cast(message)

    def send(self, message: Any) -> bool:
        """Send a message to whoever has the name, and tell whether it was taken."""
        ref = self._registry.whereis(self._name)
        return ref is not None and ref.send(message)

    def kill(self) -> bool:
        """End whoever has the name, and tell whether there was anybody."""
        ref = self._registry.whereis(self._name)
        return ref is not None and ref.kill()

    def _its_holdings(self) -> Holdings | None:
        ref = self._registry.whereis(self._name)
        return None if ref is None else ref._its_holdings()

    def __repr__(self) -> str:
        return f"named({self._name!r})"
