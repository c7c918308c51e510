"""Supervisors of children that are known beforehand: started in order, ended in reverse order, restarted together."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TypedDict, Unpack

from noex.errors import ChildExists, ChildNotFound, ChildRunning
from noex.otp._child import Child, ChildInfo, ChildLike, Counts, as_child
from noex.otp._description import Description
from noex.otp._endings import AnySupervisorRef
from noex.otp._exits import Reason, Shutdown
from noex.otp._gen_server import GenServer
from noex.otp._intensity import BackOff
from noex.otp._ref import Ref
from noex.otp._registry import Registry
from noex.otp._strategies import AUTO_SHUTDOWNS, STRATEGIES, AutoShutdown, Strategy, affected
from noex.otp._supervising import Record, Supervising, request, request_start
from noex.typing import Duration

__all__ = ["Supervisor", "SupervisorOptions", "SupervisorRef"]


class SupervisorOptions(TypedDict, total=False):
    """What `Supervisor` takes beside the children."""

    strategy: Strategy
    max_restarts: int
    within: Duration
    auto_shutdown: AutoShutdown
    backoff: BackOff | None
    name: Hashable
    registry: Registry | None


class SupervisorRef(AnySupervisorRef):
    """A supervisor, to others, as `Supervisor.start` and `async with Supervisor(...)` return it.

    Requests are handled one at a time, and after the ends of children that came before; each waits for its turn as
    long as it takes. A child must not ask its own supervisor while its `init` runs.
    """

    __slots__ = ()

    async def start_child(self, child: ChildLike) -> Ref:
        """Start another child, as the last one, and return a reference.

        Raises:
            StartIgnored: its `init` returned `Ignore`; unless it is temporary, it is kept, as one that does not run.
            ChildExists: there is a child of that id.
            ChildStartError: it did not start, and is not kept.
            SupervisorStopping: the supervisor is ending; `NoProcess` when it has ended.
            ValueError: it is significant, and this supervisor's `auto_shutdown` is "never"; `TypeError`: no child.
        """
        return await request_start(self, Static.start_child, as_child(child))

    async def restart_child(self, child_id: Hashable) -> Ref:
        """Start a child again that does not run, and return a reference.

        Raises:
            StartIgnored: its `init` returned `Ignore`.
            ChildRunning: it runs, or is being restarted.
            ChildNotFound: there is none of that id.
            ChildStartError: it did not start; it is kept as it was.
            SupervisorStopping: the supervisor is ending; `NoProcess` when it has ended.
        """
        return await request_start(self, Static.restart_child, child_id)

    async def terminate_child(self, child_id: Hashable) -> bool:
        """End a child, and tell whether it ran; it can be started again. A temporary one is dropped.

        Raises:
            ChildNotFound: there is none of that id.
            NoProcess: the supervisor has ended; `ServerDown` when it ended meanwhile.
        """
        return bool(await request(self, Static.terminate_child, child_id))

    async def delete_child(self, child_id: Hashable) -> None:
        """Drop a child that does not run.

        Raises:
            ChildRunning: it runs, or is being restarted.
            ChildNotFound: there is none of that id.
            NoProcess: as `terminate_child` does; `ServerDown` too.
        """
        await request(self, Static.delete_child, child_id)

    async def children(self) -> list[ChildInfo]:
        """Return the children as they stand, in the order of their starts. O(children).

        Raises:
            NoProcess: as `terminate_child` does; `ServerDown` too.
        """
        infos: list[ChildInfo] = await request(self, Static.children)
        return infos

    async def counts(self) -> Counts:
        """Count the children. O(children).

        Raises:
            NoProcess: as `terminate_child` does; `ServerDown` too.
        """
        counts: Counts = await request(self, Static.counts)
        return counts


class Supervisor(Description[SupervisorRef]):
    """A supervisor to be: its children, and what is to be done when they end.

    The children are `Child`ren, classes of servers, or other supervisors. They are started in order; when the
    supervisor ends, they are ended in reverse order. When a child ends by itself that is to be started again, so are,
    by `strategy`, "one_for_one": no others; "one_for_all": all others; "rest_for_one": those started after it. They are
    ended first, in reverse order, and temporary ones then dropped. With "one_for_all" and "rest_for_one", those that
    had been terminated by hand are started as well.

    More than `max_restarts` restarts within any `within` seconds are too many: the supervisor ends its children, and
    itself for `Shutdown("max_restarts")`, so that its own supervisor decides. A start that fails is tried again, after
    the time that `backoff` tells, and counts as a restart each time.

    `auto_shutdown` ends the supervisor for `Shutdown("auto_shutdown")` when a significant child ends by itself and is
    not restarted: "any_significant" the first one, "all_significant" when no significant one runs any more.

    Time is the event loop's. The semantics are those of Erlang's `supervisor`.

    Raises:
        TypeError: an argument is of the wrong type, or a child is none.
        ValueError: an argument is none of those allowed, or a child is significant and `auto_shutdown` is "never";
            `ChildExists` for two children of one id.

    >>> import asyncio
    >>> from noex.otp import Child, GenServer
    >>> class Counter(GenServer):
    ...     def init(self, count: int = 0) -> None:
    ...         self.count = count
    ...     def handle_call(self, message: str) -> int:
    ...         self.count += 1
    ...         return self.count
    >>> async def main() -> list[object]:
    ...     async with Supervisor([Child(Counter, (41,), id="a"), Counter], strategy="rest_for_one") as supervisor:
    ...         return [child.id for child in await supervisor.children()]
    >>> asyncio.run(main())
    ['a', 'Counter']
    """

    def __init__(
        self,
        children: Iterable[ChildLike] = (),
        *,
        strategy: Strategy = "one_for_one",
        max_restarts: int = 3,
        within: Duration = 5.0,
        auto_shutdown: AutoShutdown = "never",
        backoff: BackOff | None = None,
        name: Hashable = None,
        registry: Registry | None = None,
    ) -> None:
        super().__init__(max_restarts, within, backoff, name, registry)
        if strategy not in STRATEGIES:
            raise ValueError(f"strategy must be one of {', '.join(STRATEGIES)}, not {strategy!r}")
        if auto_shutdown not in AUTO_SHUTDOWNS:
            raise ValueError(f"auto_shutdown must be one of {', '.join(AUTO_SHUTDOWNS)}, not {auto_shutdown!r}")
        self.strategy: Strategy = strategy
        self.auto_shutdown: AutoShutdown = auto_shutdown
        self.children: Sequence[Child] = tuple(map(as_child, children))
        ids: set[Hashable] = set()
        for child in self.children:
            self.check(child)
            if child.id in ids:
                raise ChildExists(child.id, None)
            ids.add(child.id)

    def check(self, child: Child) -> None:
        """Raise `ValueError` if the child does not fit this supervisor."""
        if child.significant and self.auto_shutdown == "never":
            raise ValueError(f'{child!r} is significant, which means nothing where auto_shutdown is "never"')

    def _server(self) -> type[GenServer]:
        return Static

    @classmethod
    async def start(cls, children: Iterable[ChildLike] = (), **options: Unpack[SupervisorOptions]) -> SupervisorRef:
        """Start a supervisor, and return a reference to it once its children are started.

        Nobody ends it but `stop()` and itself: where it is to live as long as a block or a task, use `async with` or
        `run()`.

        Raises:
            ChildStartError: a child did not start, and those before it were stopped again.
            AlreadyStarted: another server has the name.
            TypeError: as the class does; `ValueError` too.
        """
        return await cls(children, **options)._begin(None)

    @classmethod
    async def start_link(
        cls, children: Iterable[ChildLike] = (), **options: Unpack[SupervisorOptions]
    ) -> SupervisorRef:
        """Start a supervisor linked to the server whose handler this is called from, as `GenServer.start_link` does.

        Raises:
            RuntimeError: this is not called from a server.
            ChildStartError: as `start` does, and what else that raises.
        """
        return await cls(children, **options)._begin_linked()


class Static(Supervising[Supervisor]):
    """The server inside a `Supervisor`."""

    _ref_class = SupervisorRef

    def init(self, description: Supervisor) -> None:
        super().init(description)
        self.by_id = {child.id: Record(child) for child in description.children}

    @property
    def records(self) -> list[Record]:
        return [*self.by_id.values()]

    async def begin(self) -> None:
        for record in self.records:
            await self.launch(record)
            if record.ref is None and record.child.restart == "temporary":
                del self.by_id[record.child.id]

    async def restart(self, record: Record) -> None:
        group = affected(self.description.strategy, self.records, record)
        for sibling in reversed(group):
            await self.shut_down(sibling)
            if sibling.child.restart == "temporary":
                del self.by_id[sibling.child.id]
        for sibling in group:
            if sibling.child.restart != "temporary" and not await self.relaunch(sibling):
                break

    def ended(self, record: Record) -> Reason | None:
        if record.child.restart == "temporary":
            del self.by_id[record.child.id]
        when = self.description.auto_shutdown
        if not record.child.significant or when == "never":
            return None
        if when == "all_significant" and any(
            other.child.significant and (other.ref is not None or other.restarting) for other in self.by_id.values()
        ):
            return None
        return Shutdown("auto_shutdown")

    async def stop_children(self) -> None:
        for record in reversed(self.records):
            await self.shut_down(record)

    def find(self, child_id: Hashable) -> Record:
        """Return a child; raise `ChildNotFound` where there is none."""
        record = self.by_id.get(child_id)
        if record is None:
            raise ChildNotFound(child_id, self._process.label)
        return record

    def find_at_rest(self, child_id: Hashable) -> Record:
        """Return a child that does not run; raise `ChildRunning` where it does."""
        record = self.find(child_id)
        if record.ref is not None or record.restarting:
            raise ChildRunning(child_id, record.ref)
        return record

    async def start_child(self, child: Child) -> Ref | None:
        self.description.check(child)
        present = self.by_id.get(child.id)
        if present is not None:
            raise ChildExists(child.id, present.ref)
        record = Record(child)
        ref = await self.launch(record)
        if ref is not None or child.restart != "temporary":
            self.by_id[child.id] = record
        return ref

    async def restart_child(self, child_id: Hashable) -> Ref | None:
        return await self.launch(self.find_at_rest(child_id))

    async def terminate_child(self, child_id: Hashable) -> bool:
        record = self.find(child_id)
        ran = record.ref is not None
        await self.shut_down(record)
        if record.child.restart == "temporary":
            del self.by_id[child_id]
        return ran

    def delete_child(self, child_id: Hashable) -> None:
        del self.by_id[self.find_at_rest(child_id).child.id]
