"""The class that servers derive from."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable
from functools import partial
from typing import Any, ClassVar, final

from noex import clock
from noex._arguments import whole_number
from noex.errors import NoProcess
from noex.otp import _relations
from noex.otp._callers import From
from noex.otp._exits import Reason
from noex.otp._loops import home_of
from noex.otp._messages import Monitor
from noex.otp._process import CURRENT, Process
from noex.otp._ref import Ref
from noex.otp._registry import Registry, default_registry
from noex.otp._running import Running
from noex.otp._timers import MissedTicks, Timer, send_after, send_interval
from noex.typing import Duration

__all__ = ["GenServer"]

logger = logging.getLogger("noex.otp")


class GenServer:
    """A server: state, and handlers that get one message at a time, in order.

    Override `init`, `handle_call`, `handle_cast`, `handle_info`, `handle_continue` and `terminate` as needed; each may
    be `def` or `async def`. State lives on `self`. While a handler awaits something, the next message waits too. What
    a handler raises ends the server: it crashes, and whoever supervises, links or monitors it is told.

    Handlers run in a context (`contextvars`) of the server's own, a copy of the one it was started in, and as nobody
    else's task: `asyncio.current_task()` is a task of the server, or None.

    >>> import asyncio
    >>> class Counter(GenServer):
    ...     def init(self, count: int = 0) -> None:
    ...         self.count = count
    ...     def handle_call(self, message: str) -> int:
    ...         self.count += 1
    ...         return self.count
    >>> async def main() -> int:
    ...     counter = await Counter.start(41)
    ...     answer = await counter.call("next")
    ...     await counter.stop()
    ...     return answer
    >>> asyncio.run(main())
    42
    """

    __slots__ = ("_process",)

    _process: Running

    _ref_class: ClassVar[type[Ref]] = Ref

    trap_exit: bool = False
    """Whether the end of a linked server comes to `handle_info` as `Exit`, instead of ending this one. The end of
    its parent is none of these: it ends a server that traps exits for whatever reason, and others unless for "normal".
    May be set on `self`, too."""

    max_queue: ClassVar[int | None] = None
    """How many messages may wait. A call beyond raises `MailboxFull`, a cast or send beyond returns False and is
    dropped. What the system itself sends (`Down`, `Exit`, timers) always gets in."""

    direct_calls: ClassVar[bool] = True
    """Whether a call on an idle server may run its handler at once. Nothing but the speed depends on it."""

    def init(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002 - for those who override it
        """Set up the state from what `start` was given; return None, `Continue(term)`, `Stop(reason)` or `Ignore`."""
        return None

    def handle_call(self, message: Any) -> Any:
        """Handle a call, and return the answer, `NoReply`, `Stop(reason, reply=)` or `Continue(term, reply=)`."""
        raise NotImplementedError(f"{type(self).__name__} has no handle_call, and was called with {message!r}")

    def handle_cast(self, message: Any) -> Any:
        """Handle a cast, and return None, `Continue(term)` or `Stop(reason)`."""
        raise NotImplementedError(f"{type(self).__name__} has no handle_cast, and was sent {message!r}")

    def handle_info(self, message: Any) -> Any:
        """Handle any other message (`Down`, `Exit`, timers, `send`); return None, `Continue(term)` or `Stop(reason)`.

        As long as it is not overridden, messages are logged and dropped.
        """
        logger.warning("%s has no handle_info, and dropped %r", self._process.label, message)

    def handle_continue(self, term: Any) -> Any:
        """Go on after a `Continue(term)`, before any other message; return as `handle_cast` does."""
        raise NotImplementedError(f"{type(self).__name__} has no handle_continue, and went on with {term!r}")

    def terminate(self, reason: Reason) -> Any:
        """Clean up: called once before the end, for whatever reason, but for a kill, or when `init` has failed."""

    def format_state(self, state: dict[str, Any]) -> Any:
        """Return what `debug.get_state` is to tell of the attributes: override it to leave out what is secret."""
        return state

    @property
    @final
    def ref(self) -> Ref:
        """The reference to this server."""
        return self._process.ref

    @property
    @final
    def caller(self) -> From:
        """Who waits for the answer to the call that is handled: keep it, return `NoReply`, and answer later.

        Raises:
            RuntimeError: no call is handled.
        """
        return self._process.the_caller()

    @classmethod
    async def start(
        cls,
        *args: Any,
        name: Hashable = None,
        registry: Registry | None = None,
        init_timeout: Duration | None = 5.0,
        max_queue: int | None = None,
        **kwargs: Any,
    ) -> Ref:
        """Start a server, and return a reference to it once `init(*args, **kwargs)` is done.

        `name` is taken before `init` runs, and freed when that fails. It belongs to the loop's own registry, or to
        the given one.

        Raises:
            AlreadyStarted: another server has the name; `init` has not run.
            InitError: `init` raised, stopped, or took longer than `init_timeout` seconds; `StartIgnored` for `Ignore`.
        """
        return await cls._start(None, args, kwargs, name, registry, init_timeout, max_queue)

    @classmethod
    async def start_link(
        cls,
        *args: Any,
        name: Hashable = None,
        registry: Registry | None = None,
        init_timeout: Duration | None = 5.0,
        max_queue: int | None = None,
        **kwargs: Any,
    ) -> Ref:
        """Start a server linked to the one whose handler this is called from: its parent, whose end ends it too.

        Only a parent that ends for "normal" leaves it alone, unless it traps exits.
        When it does not start, that is told by the exception and by nothing else.

        Raises:
            RuntimeError: this is not called from a server.
            AlreadyStarted: as `start` does; `InitError`, `StartIgnored` too.
        """
        parent = CURRENT.get(None)
        if parent is None:
            raise RuntimeError(f"{cls.__name__}.start_link() outside of a server has nobody to link to: use start()")
        return await cls._start(parent, args, kwargs, name, registry, init_timeout, max_queue)

    @classmethod
    async def _start(
        cls,
        parent: Process | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        name: Hashable,
        registry: Registry | None,
        init_timeout: Duration | None,
        max_queue: int | None,
    ) -> Ref:
        timeout = None if init_timeout is None else clock.seconds(init_timeout, "init_timeout")
        if max_queue is None:
            max_queue = cls.max_queue
        if max_queue is not None:
            whole_number(max_queue, "max_queue", 1)
        loop = asyncio.get_running_loop()
        if parent is not None and parent.state < 0:
            raise NoProcess(f"{parent.label} has ended, and cannot be the parent of another {cls.__name__}")
        server, ref = cls(), cls._ref_class()
        label = cls.__name__ if name is None else f"{cls.__name__} {name!r}"
        process = ref._process = server._process = Running(server, ref, loop, home_of(loop), label, max_queue)
        try:
            if name is not None:
                (default_registry(loop) if registry is None else registry).register(name, ref)
            if parent is not None:
                process.parent = parent
                _relations.link(parent, process)
        except BaseException:
            process.kill()
            raise
        await process.start(partial(server.init, *args, **kwargs) if args or kwargs else server.init, timeout)
        return ref

    @final
    def monitor(self, ref: Ref) -> Monitor:
        """Be told of the end of a server, once, by a `Down` to `handle_info`; at once if it is dead. O(1)."""
        try:
            target = ref._process
        except NoProcess:
            target = None
        return _relations.monitor(self._process, ref, target)

    @final
    def demonitor(self, monitor: Monitor, *, flush: bool = True) -> bool:
        """End a monitor, and tell whether it was still watching; `flush` takes a `Down` that waits away as well."""
        return _relations.demonitor(self._process, monitor, flush=flush)

    @final
    def link(self, ref: Ref) -> None:
        """Link to a server: when one of the two ends for another reason than "normal", so does the other. O(1).

        A link to a dead server is its end for "noproc". See `trap_exit`.

        Raises:
            NoProcess: `ref` is a name that nobody has.
        """
        _relations.link(self._process, ref._process)

    @final
    def unlink(self, ref: Ref) -> None:
        """End a link, if there is one. O(1)."""
        _relations.unlink(self._process, ref._process)

    @final
    def send_after(self, delay: Duration, message: Any) -> Timer:
        """Send a message to oneself once, `delay` seconds from now: see `Ref.send_after`."""
        return send_after(self._process, delay, message)

    @final
    def send_interval(self, period: Duration, message: Any, *, missed: MissedTicks = "skip") -> Timer:
        """Send a message to oneself every `period` seconds from now on: see `Ref.send_interval`."""
        return send_interval(self._process, period, message, missed)

    def __repr__(self) -> str:
        return f"<{self._process.label}, the server itself>"
