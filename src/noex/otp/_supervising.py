"""The server inside every supervisor: how children are started, ended, and started again.

A supervisor handles one thing at a time: the end of a child, a request, its own end. Ends of children come as
messages, and one that is not of a child as it runs now is none of its business: so it never takes for a crash what it
has caused itself. A start that fails is tried again by a message, so that others get their turn in between.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Generic, Literal, TypeVar, final

from noex.errors import (
    ChildStartError,
    InitError,
    MaxRestartsExceeded,
    ServerDown,
    StartIgnored,
    SupervisorStopping,
    shown,
)
from noex.otp import _journal, _relations
from noex.otp._child import Child, ChildInfo, Counts
from noex.otp._description import BEGIN, Description
from noex.otp._endings import AnySupervisorRef, ask_to_end, see_end, see_off_offspring
from noex.otp._exits import Crash, Reason, Shutdown, is_orderly
from noex.otp._gen_server import GenServer
from noex.otp._intensity import Intensity
from noex.otp._messages import Exit, Reject, Stop
from noex.otp._ref import Ref
from noex.otp._timers import Timer

__all__ = ["Record", "Supervising", "request", "request_start"]

logger = logging.getLogger("noex.otp")


D = TypeVar("D", bound="Description[Any]")


@final
class Record:
    """A child of a supervisor, as it stands."""

    __slots__ = ("child", "failures", "last", "reason", "ref", "restarting", "restarts", "retry")

    def __init__(self, child: Child) -> None:
        self.child = child
        self.ref: Ref | None = None
        self.last: Ref | None = None  # of the life that has ended, until the next begins
        self.restarting = False
        self.restarts = 0
        self.failures = 0  # starts in a row that failed
        self.retry: Timer | None = None
        self.reason: Reason = "normal"  # of its last end, until it runs again

    def rest(self) -> None:
        """Be neither running nor about to be."""
        self.ref = None
        self.restarting = False
        if self.retry is not None:
            self.retry.cancel()
            self.retry = None

    def revive(self, ref: Ref | None) -> None:
        """Run, or not want to; what was before is forgotten, and so are the frames of a crash with all they hold."""
        self.ref = ref
        self.last = None
        self.failures = 0
        self.reason = "normal"

    def info(self) -> ChildInfo:
        """Return what is told of it."""
        status: Literal["running", "restarting", "stopped"]
        status = "restarting" if self.restarting else "stopped" if self.ref is None else "running"
        return ChildInfo(self.child.id, self.ref, status, self.child.kind, self.restarts, self.child)


@final
class Request:
    """What others ask of a supervisor: to run one of its methods with these arguments, and answer with the result."""

    __slots__ = ("arguments", "method")

    def __init__(self, method: Callable[..., Any], *arguments: Any) -> None:
        self.method = method
        self.arguments = arguments


async def request(ref: AnySupervisorRef, method: Callable[..., Any], *arguments: Any) -> Any:
    """Let a supervisor run a method, and return what that returns, or raise what it raises."""
    return await ref.call(Request(method, *arguments), None)


async def request_start(ref: AnySupervisorRef, method: Callable[..., Awaitable[Ref | None]], *arguments: Any) -> Ref:
    """Let a supervisor start a child; that it is not to be started is told by `StartIgnored`, as to others."""
    try:
        started: Ref | None = await request(ref, method, *arguments)
    except ServerDown as error:
        raise SupervisorStopping(error.reason, error.server) from error
    if started is None:
        raise StartIgnored("normal", "the child")
    return started


class Supervising(GenServer, Generic[D]):
    """What all supervisors have in common."""

    trap_exit = True

    def init(self, description: D) -> None:
        """Take over what is described; the children are started by the first call."""
        self.description = description
        name = description.name
        self._process.label = type(description).__name__ + ("" if name is None else f" {name!r}")
        self.intensity = Intensity(description.max_restarts, description.within)
        self.by_ref: dict[Ref, Record] = {}

    # -- what differs

    @property
    @abstractmethod
    def records(self) -> Iterable[Record]:
        """The children, in the order of their starts."""

    @abstractmethod
    async def begin(self) -> None:
        """Start the first children."""

    @abstractmethod
    async def restart(self, record: Record) -> None:
        """Start a child again, and whoever goes with it."""

    @abstractmethod
    def ended(self, record: Record) -> Reason | None:
        """Take note of a child that is not started again; return what the supervisor is to end for, if it is."""

    @abstractmethod
    async def stop_children(self) -> None:
        """End all children."""

    # -- what comes in

    async def handle_call(self, message: Any) -> Any:
        """Answer a request."""
        if message is BEGIN:
            return await self._begin()
        if not isinstance(message, Request):
            raise Reject(TypeError(f"{self._process.label} takes no calls but by its methods, not {shown(message)}"))
        try:
            result = message.method(self, *message.arguments)
            return await result if hasattr(result, "__await__") else result
        except Exception as error:
            raise Reject(error) from error

    def handle_cast(self, message: Any) -> None:
        """Drop it."""
        logger.warning("%s takes no casts, and dropped %s", self._process.label, shown(message))

    async def handle_info(self, message: Any) -> Stop | None:
        """See to a child that has ended, or try again to start one."""
        if isinstance(message, Exit):
            record = self.by_ref.pop(message.ref, None)
            return None if record is None else await self._child_ended(record, message.reason)
        if isinstance(message, Record):
            message.retry = None
            return await self._restart(message) if message.restarting else None
        logger.warning("%s dropped %s", self._process.label, shown(message))
        return None

    async def terminate(self, reason: Reason) -> None:  # noqa: ARG002 - whatever the reason
        """End all children before the supervisor itself."""
        await self.stop_children()

    # -- how it goes

    async def _begin(self) -> Any:
        caller = self.caller
        try:
            await self.begin()
        except ChildStartError as error:
            await self.stop_children()
            parent = self._process.parent
            if parent is not None:  # who is told by the error
                _relations.unlink(self._process, parent)
            caller.error(error)
            return Stop(Shutdown(error))
        return None

    async def _child_ended(self, record: Record, reason: Reason) -> Stop | None:
        ref, record.reason = record.ref, reason
        record.rest()
        record.last = ref
        if ref is not None and record.child.kind == "supervisor":
            await see_off_offspring(ref._process)
        if record.child.restart == "permanent" or (record.child.restart == "transient" and not is_orderly(reason)):
            return await self._restart(record)
        verdict = self.ended(record)
        return None if verdict is None else Stop(verdict)

    async def _restart(self, record: Record) -> Stop | None:
        if not self.intensity.allows(self._process.loop.time()):
            return self._give_up(record)
        await self.restart(record)
        return None

    def _give_up(self, record: Record) -> Stop:
        record.rest()
        label, description = self._process.label, self.description
        failure = MaxRestartsExceeded(
            label, record.child.id, record.reason, description.max_restarts, description.within
        )
        if isinstance(record.reason, Crash):
            failure.__cause__ = record.reason.error
        ref = self.ref
        if isinstance(ref, AnySupervisorRef):
            ref._failure = failure
        logger.warning("%s", failure)
        return Stop(Shutdown("max_restarts"))

    async def launch(self, record: Record) -> Ref | None:
        """Start a child; None when its `init` returned `Ignore`.

        Raises:
            ChildStartError: it did not start.
        """
        record.rest()
        try:
            ref = await record.child.start_link()
        except StartIgnored:
            record.revive(None)
            return None
        except ChildStartError as error:
            raise ChildStartError(record.child.id, error) from error
        except Exception as error:
            cause = error.__cause__ if isinstance(error, InitError) and error.__cause__ is not None else error
            raise ChildStartError(record.child.id, cause) from error
        record.revive(ref)
        self.by_ref[ref] = record
        return ref

    async def relaunch(self, record: Record) -> bool:
        """Start a child again, and tell whether it did; if not, it will be tried again."""
        try:
            await self.launch(record)
        except ChildStartError as error:
            record.restarting = True
            record.failures += 1
            record.reason = Crash(error.cause)
            backoff = self.description.backoff
            record.retry = self.send_after(0 if backoff is None else backoff(record.failures), record)
            logger.warning("%s: %s; this was attempt %d", self._process.label, error, record.failures)
            return False
        record.restarts += 1
        if record.ref is not None:  # else it did not want to start
            _journal.restarted(record.ref._process, record.restarts)
        return True

    async def shut_down(self, record: Record) -> None:
        """End a child, if it runs."""
        if record.ref is not None:
            process = record.ref._process
            await see_end(process, ask_to_end(process, record.child.shutdown))
            self.by_ref.pop(record.ref, None)
        record.rest()
        record.last, record.reason = None, "normal"

    # -- what is asked

    def children(self) -> list[ChildInfo]:
        """Tell of all children."""
        return [record.info() for record in self.records]

    def counts(self) -> Counts:
        """Count the children."""
        infos = self.children()
        supervisors = sum(info.kind == "supervisor" for info in infos)
        active = sum(info.status == "running" for info in infos)
        return Counts(len(infos), active, supervisors, len(infos) - supervisors)
