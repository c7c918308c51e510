"""Supervisors of children that come and go, many of a kind, without order and without ids."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, TypedDict, Unpack

from noex._arguments import whole_number
from noex.errors import ChildNotFound, MaxChildren
from noex.otp._child import Child, ChildInfo, ChildLike, Counts, as_child
from noex.otp._description import Description
from noex.otp._endings import AnySupervisorRef, ask_to_end, see_end
from noex.otp._exits import Reason
from noex.otp._gen_server import GenServer
from noex.otp._intensity import BackOff
from noex.otp._ref import Ref
from noex.otp._registry import Registry
from noex.otp._supervising import Record, Supervising, request, request_start
from noex.typing import Duration

__all__ = ["DynamicOptions", "DynamicSupervisor", "DynamicSupervisorRef"]


class DynamicOptions(TypedDict, total=False):
    """What `DynamicSupervisor` takes."""

    max_children: int | None
    max_restarts: int
    within: Duration
    backoff: BackOff | None
    name: Hashable
    registry: Registry | None


class DynamicSupervisorRef(AnySupervisorRef):
    """A supervisor, to others, as `DynamicSupervisor.start` and `async with DynamicSupervisor(...)` return it.

    Requests are handled one at a time, and after the ends of children that came before; each waits for its turn as
    long as it takes. A child must not ask its own supervisor while its `init` runs.
    """

    __slots__ = ()

    async def start_child(self, child: ChildLike, *args: Any, **kwargs: Any) -> Ref:
        """Start a child, and return a reference to it.

        `args` and `kwargs` go to its `init`, after those that a `Child` has of its own; a restart gives them again.

        Raises:
            StartIgnored: its `init` returned `Ignore`; it is not kept.
            MaxChildren: there are `max_children` already.
            ChildStartError: it did not start, and is not kept.
            SupervisorStopping: the supervisor is ending; `NoProcess` when it has ended.
            TypeError: it cannot be a child; `ValueError` for a significant one.
        """
        full = as_child(child).with_arguments(args, kwargs)
        if full.significant:
            raise ValueError(f"{full!r} is significant, which means nothing to a DynamicSupervisor")
        return await request_start(self, Dynamic.start_child, full)

    async def terminate_child(self, ref: Ref) -> None:
        """End a child, and drop it; one that is about to be started again goes by its last reference.

        Raises:
            ChildNotFound: this is no child, or not any more: one that was restarted has another reference.
            NoProcess: the supervisor has ended; `ServerDown` when it ended meanwhile.
        """
        await request(self, Dynamic.terminate_child, ref)

    async def children(self) -> list[ChildInfo]:
        """Return the children as they stand, in the order of their starts. O(children).

        Raises:
            NoProcess: as `terminate_child` does; `ServerDown` too.
        """
        infos: list[ChildInfo] = await request(self, Dynamic.children)
        return infos

    async def counts(self) -> Counts:
        """Count the children. O(children).

        Raises:
            NoProcess: as `terminate_child` does; `ServerDown` too.
        """
        counts: Counts = await request(self, Dynamic.counts)
        return counts


class DynamicSupervisor(Description[DynamicSupervisorRef]):
    """A supervisor to be, without children at first: they are started by `start_child`, and told apart by reference.

    A child that ends by itself is started again, for itself, where its `restart` says so, and is dropped otherwise.
    When the supervisor ends, its children are ended all at once. `max_children` limits how many there are;
    `max_restarts`, `within` and `backoff` are those of `Supervisor`.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: an argument is none of those allowed.

    >>> import asyncio
    >>> from noex.otp import Child, GenServer
    >>> class Room(GenServer):
    ...     def init(self, title: str) -> None:
    ...         self.title = title
    ...     def handle_call(self, message: str) -> str:
    ...         return self.title
    >>> async def main() -> str:
    ...     async with DynamicSupervisor(max_children=100) as rooms:
    ...         room = await rooms.start_child(Child(Room, restart="transient"), "tea room")
    ...         return await room.call("title?")
    >>> asyncio.run(main())
    'tea room'
    """

    def __init__(
        self,
        *,
        max_children: int | None = None,
        max_restarts: int = 3,
        within: Duration = 5.0,
        backoff: BackOff | None = None,
        name: Hashable = None,
        registry: Registry | None = None,
    ) -> None:
        super().__init__(max_restarts, within, backoff, name, registry)
        self.max_children = None if max_children is None else whole_number(max_children, "max_children", 0)

    def _server(self) -> type[GenServer]:
        return Dynamic

    @classmethod
    async def start(cls, **options: Unpack[DynamicOptions]) -> DynamicSupervisorRef:
        """Start a supervisor, and return a reference to it.

        Nobody ends it but `stop()` and itself: where it is to live as long as a block or a task, use `async with` or
        `run()`.

        Raises:
            AlreadyStarted: another server has the name.
            TypeError: as the class does; `ValueError` too.
        """
        return await cls(**options)._begin(None)

    @classmethod
    async def start_link(cls, **options: Unpack[DynamicOptions]) -> DynamicSupervisorRef:
        """Start a supervisor linked to the server whose handler this is called from, as `GenServer.start_link` does.

        Raises:
            RuntimeError: this is not called from a server.
            AlreadyStarted: as `start` does, and what else that raises.
        """
        return await cls(**options)._begin_linked()


class Dynamic(Supervising[DynamicSupervisor]):
    """The server inside a `DynamicSupervisor`."""

    _ref_class = DynamicSupervisorRef

    def init(self, description: DynamicSupervisor) -> None:
        super().init(description)
        self.kept: dict[Record, None] = {}
        self.waiting: dict[Ref, Record] = {}
        """Those that are to be started again, by their last references."""

    @property
    def records(self) -> Mapping[Record, None]:
        return self.kept

    async def begin(self) -> None:
        """Start nothing: there are no first children."""

    async def restart(self, record: Record) -> None:
        last = record.last
        if await self.relaunch(record):
            if last is not None:
                self.waiting.pop(last, None)
            if record.ref is None:
                del self.kept[record]
        elif last is not None:
            self.waiting[last] = record

    def ended(self, record: Record) -> Reason | None:
        del self.kept[record]
        return None

    async def stop_children(self) -> None:
        asked = [
            (record.ref._process, ask_to_end(record.ref._process, record.child.shutdown))
            for record in self.kept
            if record.ref is not None
        ]
        for process, deadline in asked:
            await see_end(process, deadline)
        self.kept.clear()

    async def start_child(self, child: Child) -> Ref | None:
        most = self.description.max_children
        if most is not None and len(self.kept) >= most:
            raise MaxChildren(f"{self._process.label} has max_children={most} already; end one first")
        record = Record(child)
        ref = await self.launch(record)
        if ref is not None:
            self.kept[record] = None
        return ref

    async def terminate_child(self, ref: Ref) -> None:
        record = self.by_ref.get(ref) or self.waiting.pop(ref, None)
        if record is None:
            raise ChildNotFound(ref, self._process.label)
        await self.shut_down(record)
        del self.kept[record]
