"""What a supervisor is to be, before it runs: how it is started, and what it is as a context manager."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Hashable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from noex import clock
from noex._arguments import whole_number
from noex.errors import NoProcess, ServerDown
from noex.otp._endings import AnySupervisorRef, end
from noex.otp._exits import Reason, is_orderly
from noex.otp._intensity import BackOff
from noex.otp._process import CURRENT, Process
from noex.otp._registry import Registry
from noex.typing import Duration

if TYPE_CHECKING:
    from noex.otp._gen_server import GenServer

__all__ = ["BEGIN", "Description"]

BEGIN: Final = object()
"""The first call that a supervisor gets: start the children."""


R = TypeVar("R", bound=AnySupervisorRef)


class Description(Generic[R]):
    """The base of `Supervisor` and `DynamicSupervisor`: checked arguments, and the ways to start what they describe.

    It is not changed by being started: each start makes another supervisor.
    """

    def __init__(
        self,
        max_restarts: int,
        within: Duration,
        backoff: BackOff | None,
        name: Hashable,
        registry: Registry | None,
    ) -> None:
        self.max_restarts = whole_number(max_restarts, "max_restarts", 0)
        self.within = clock.seconds(within, "within", optional=False)
        if backoff is not None and not callable(backoff):
            raise TypeError(f"backoff must be a function from the number of failures to seconds, not {backoff!r}")
        self.backoff = backoff
        self.name = name
        self.registry = registry
        self._block: _Block[R] | None = None

    @abstractmethod
    def _server(self) -> type[GenServer]:
        """Return the class that runs it."""

    async def _begin(self, parent: Process | None) -> R:
        """Start the supervisor and its children; where that fails or is cancelled, nothing of them is left."""
        ref = await self._server()._start(parent, (self,), {}, self.name, self.registry, None, None)
        try:
            await ref.call(BEGIN, None)
        except BaseException:
            await end(ref._process)
            raise
        return cast("R", ref)

    async def _begin_linked(self) -> R:
        parent = CURRENT.get(None)
        if parent is None:
            raise RuntimeError(f"{type(self).__name__} has nobody to link to outside of a server: use start()")
        return await self._begin(parent)

    async def run(self) -> Reason:
        """Start the supervisor, wait until it has ended, and return the reason.

        A cancellation stops it and its children, in order, and goes on when they have ended. So this may be a task of
        an `asyncio.TaskGroup`.

        Raises:
            ChildStartError: a child did not start, and those before it were stopped again.
            MaxRestartsExceeded: it gave up; `ServerDown` when it was killed.
        """
        async with _Block(self) as ref:
            return await ref.wait()

    async def __aenter__(self) -> R:
        """Start the supervisor, and return a reference to it: it lives as long as the block.

        When it gives up or is killed, the block is cancelled, and the error raised at its end.

        Raises:
            ChildStartError: a child did not start, and those before it were stopped again.
            RuntimeError: this description has been entered already; make another one.
        """
        if self._block is not None:
            raise RuntimeError(f"this {type(self).__name__} is entered already; describe another one")
        self._block = _Block(self)
        try:
            return await self._block.__aenter__()
        except BaseException:
            self._block = None
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        block, self._block = self._block, None
        if block is None:
            raise RuntimeError(f"this {type(self).__name__} has not been entered")
        await block.__aexit__(kind, error, traceback)


class _Block(Generic[R]):
    """A supervisor that lives as long as a block: ends with it, and ends it."""

    _ref: R
    _process: Process
    _task: asyncio.Task[Any] | None

    def __init__(self, description: Description[R]) -> None:
        self._description = description
        self._closed = False  # the block is left: from now on nobody is to be cancelled
        self._cancelled = False
        self._cancelling = 0  # how often somebody else had cancelled the task before

    async def __aenter__(self) -> R:
        self._ref = await self._description._begin(None)
        self._process = process = self._ref._process
        self._task = asyncio.current_task()
        if self._task is not None:
            self._cancelling = self._task.cancelling()
        future: asyncio.Future[Reason] = process.loop.create_future()
        future.add_done_callback(self._ended)
        process.tell(future)
        return self._ref

    def _failure(self) -> Exception | None:
        """Return what is to be raised: the supervisor ended as it should not."""
        if self._ref.failure is not None:
            return self._ref.failure
        reason = self._process.reason
        return None if reason is None or is_orderly(reason) else self._process.down_error()

    def _ended(self, future: asyncio.Future[Reason]) -> None:
        """Cancel the block; called in a turn of the loop after the end, when the block may be left already."""
        if not (self._closed or future.cancelled()) and self._task is not None and self._failure() is not None:
            self._cancelled = True
            self._task.cancel()

    def _says_no_more(self, error: BaseException | None) -> bool:
        """Tell whether an error of the block says only that this supervisor has ended."""
        if isinstance(error, ServerDown):
            return error.reason is self._process.reason and error.server == self._process.label
        return isinstance(error, NoProcess) and str(error) == str(self._process.gone_error())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the supervisor; raise what it failed for, unless the block raised something else."""
        self._closed = True
        also_by_others = False
        if self._cancelled and self._task is not None:
            also_by_others = self._task.uncancel() > self._cancelling
        await end(self._process)
        failure = self._failure()
        if failure is None or also_by_others:
            return
        ours = self._cancelled and isinstance(error, asyncio.CancelledError)
        if error is None or ours or self._says_no_more(error):
            raise failure
