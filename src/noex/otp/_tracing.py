"""Traces: who wants to know what goes in and out of a server.

While a server is traced, a stand-in takes its place in the process, and calls go through the mailbox. So a server that
nobody traces pays nothing: no path of messages asks whether there is a trace.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from types import CoroutineType, TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, TypeAlias, cast, final

from noex.otp._mailbox import DIRECT, DIRECT_LATE, DRAINING, SUSPENDED, SYSTEM, Envelope
from noex.otp._messages import Continue, NoReplyType, Reject, Stop
from noex.otp._system import run_next, settle_rest
from noex.typing import MISSING

if TYPE_CHECKING:
    from noex.otp._exits import Reason
    from noex.otp._gen_server import GenServer
    from noex.otp._process import Process
    from noex.otp._ref import Ref

__all__ = ["Trace", "TraceEvent", "TraceKind"]

logger = logging.getLogger("noex.otp")

TraceKind: TypeAlias = Literal["call", "cast", "info", "continue", "reply", "error", "crashed", "stopped"]
"""What a trace tells of: what goes into handlers, the answers to calls, and the end."""


class TraceEvent(NamedTuple):
    """Something that a traced server got or did, at a time of its loop.

    `message` is what went in; of "reply" and "error" what the caller gets, of "crashed" what a handler raised, of
    "stopped" the reason.
    """

    time: float
    ref: Ref
    kind: TraceKind
    message: Any


@final
class Trace:
    """One trace, until `cancel()`, the end of a `with` block, or the end of the server."""

    __slots__ = ("_process", "_sink")

    def __init__(self, process: Process, sink: Callable[[TraceEvent], object]) -> None:
        self._process: Process | None = process
        self._sink = sink
        if process.traces is None:
            process.traces = []
            process.server = cast("GenServer", Traced(process, process.server))
        process.traces.append(self)
        settle_rest(process, suspended=process.rest == SUSPENDED)
        if process.state in (DIRECT, DIRECT_LATE, DRAINING):  # whoever runs it knows the server, and is to look again
            run_next(process, Envelope(SYSTEM, process.schedule))

    @property
    def active(self) -> bool:
        """Whether there is still something to come."""
        return self._process is not None

    def cancel(self) -> bool:
        """End the trace, and tell whether it was still going on. O(traces of that server)."""
        process, self._process = self._process, None
        if process is None:
            return False
        traces = process.traces
        if traces is not None:
            traces.remove(self)
            if not traces and process.server is not None:
                process.traces = None
                process.server = cast("Traced", process.server).server
                settle_rest(process, suspended=process.rest == SUSPENDED)
        return True

    def tell(self, kind: TraceKind, message: Any) -> None:
        """Hand an event to the sink; one that raises gets no more."""
        process = self._process
        if process is not None:
            try:
                self._sink(TraceEvent(process.loop.time(), process.ref, kind, message))
            except Exception:
                logger.exception("the trace of %s ends: its sink raised", process.label)
                self.cancel()

    def end(self, reason: Reason) -> None:
        """Tell of the end of the server, which is the last that there is to tell."""
        self.tell("stopped", reason)
        self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cancel()


@final
class Traced:
    """A server as its process sees it while it is traced."""

    __slots__ = ("process", "server")

    def __init__(self, process: Process, server: GenServer | None) -> None:
        self.process = process
        self.server = server

    def __getattr__(self, name: str) -> Any:
        return getattr(self.server, name)

    def handle_call(self, message: Any) -> Any:
        """Handle a call, and tell of the answer."""
        caller = self.process.current
        self._tell("call", message)
        try:
            result = self.__getattr__("handle_call")(message)
        except Reject as rejected:
            self._tell("error", rejected.error)
            raise
        if type(result) is CoroutineType:
            return self._answer_later(cast("Coroutine[Any, Any, Any]", result), caller)
        self._answered(result, caller)
        return result

    async def _answer_later(self, coroutine: Coroutine[Any, Any, Any], caller: asyncio.Future[Any] | None) -> Any:
        try:
            result = await coroutine
        except Reject as rejected:
            self._tell("error", rejected.error)
            raise
        self._answered(result, caller)
        return result

    def _answered(self, result: Any, caller: asyncio.Future[Any] | None) -> None:
        if isinstance(result, (Stop, Continue)) and result.reply is not MISSING:
            self._tell("reply", result.reply)
        elif not isinstance(result, (Stop, Continue, NoReplyType)):
            self._tell("reply", result)
        elif caller is not None and not isinstance(result, Stop):
            caller.add_done_callback(self._answer_came)

    def _answer_came(self, caller: asyncio.Future[Any]) -> None:
        if not caller.cancelled():
            error = caller.exception()
            self._tell("reply" if error is None else "error", caller.result() if error is None else error)

    def handle_cast(self, message: Any) -> Any:
        """Handle a cast."""
        self._tell("cast", message)
        return self.__getattr__("handle_cast")(message)

    def handle_info(self, message: Any) -> Any:
        """Handle any other message."""
        self._tell("info", message)
        return self.__getattr__("handle_info")(message)

    def handle_continue(self, term: Any) -> Any:
        """Go on."""
        self._tell("continue", term)
        return self.__getattr__("handle_continue")(term)

    def _tell(self, kind: TraceKind, message: Any) -> None:
        for trace in [*(self.process.traces or ())]:
            trace.tell(kind, message)
