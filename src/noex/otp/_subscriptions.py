"""A subscription: what it asks for, who gets it, and how long it lasts."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import MethodType, TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias, cast
from weakref import WeakMethod, ref

from noex._arguments import check_function
from noex.errors import shown
from noex.otp._deliveries import Delivery, DeliveryStatus, Event
from noex.otp._messages import Monitor
from noex.otp._receivers import Function, Inbox, QueuePolicy, Receiver, Server, Stream
from noex.otp._ref import Named, Ref

if TYPE_CHECKING:
    from noex.otp._event_bus import EventBus
    from noex.otp._process import Process

__all__ = ["Filter", "Handler", "Subscription", "check_handler"]

Handler: TypeAlias = Callable[[Event], object]
"""What handles events: a plain function or a coroutine function."""

Filter: TypeAlias = Callable[[Event], object]
"""Says by what is true or false whether an event is wanted."""


class Subscription:
    """What `EventBus.subscribe` returns: it lasts until it is cancelled, or its owner or the bus ends.

    Every event that it is for, and lets through its filter, is counted in the end in one of `delivered` (its handler
    ran to its end, or the server took it), `failed` (its handler raised) and `dropped` (nobody got it). A context
    manager: at the end of the block it is cancelled.
    """

    __slots__ = (
        "__weakref__",
        "_filter",
        "_handler",
        "_once",
        "_plain",
        "_receiver",
        "_watches",
        "active",
        "bus",
        "delivered",
        "dropped",
        "failed",
        "pattern",
    )

    def __init__(self, bus: EventBus, pattern: str, *, once: bool, accepts: Filter | None) -> None:
        self.bus = bus
        self.pattern = pattern
        self.active = True
        """Whether events still come."""
        self.delivered = 0
        self.failed = 0
        self.dropped = 0
        self._plain: Handler | None = None
        """The handler where there is nothing to it but to call it: the bus does that by itself."""
        self._once = once
        self._filter = accepts
        self._handler: Handler | WeakMethod[Any] | None = None
        self._receiver: Receiver
        self._watches: list[_Watch] = []

    # -- how it is made

    def _call(self, handler: Handler, max_queue: int | None, policy: QueuePolicy, *, awaits: bool, weak: bool) -> None:
        """Let a function get the events; `awaits` tells whether it is a coroutine function."""
        function = Function(self, max_queue, policy)
        self._receiver = function.as_worker() if awaits else function
        if weak:
            self._handler = WeakMethod(cast("MethodType", handler), _canceller(self))
        else:
            self._handler = handler
            if not (awaits or self._once or self._filter is not None):
                self._plain = handler

    def _send_to(self, server: Ref) -> None:
        """Let a server get the events."""
        self._receiver = Server(self, server)
        if not isinstance(server, Named):
            self._watch(server)

    def _stream(self, inbox: Inbox) -> Stream:
        """Keep the events for whoever listens."""
        stream = self._receiver = Stream(self, inbox)
        return stream

    def _watch(self, owner: Ref) -> None:
        """End with a server."""
        self._watches.append(_Watch(self, owner))

    # -- events

    def _take(self, event: Event) -> Delivery | None:
        """Take an event, and return what becomes of it; None where it is not for this one."""
        if not self.active:
            return None
        if self._filter is not None:
            try:
                wanted = bool(self._filter(event))
            except BaseException as error:
                delivery = Delivery(self, event)
                delivery.fail(error)
                return delivery
            if not (wanted and self.active):
                return None
        if self._once:
            self._leave()
        delivery = Delivery(self, event)
        self._receiver.take(delivery)
        return delivery

    def _resolve(self) -> Handler | None:
        """Return the handler, or None where it was held weakly and is gone."""
        handler = self._handler
        return cast("Handler | None", handler()) if isinstance(handler, WeakMethod) else handler

    def _await_later(self, delivery: Delivery) -> None:
        """Await what a plain function has returned, and from now on what it will return, one after the other."""
        if isinstance(self._receiver, Function):
            self._receiver = self._receiver.as_worker()
            self._plain = None
        self._receiver.take(delivery)

    def _count(self, status: DeliveryStatus) -> None:
        """Count what became of an event."""
        if status == "delivered":
            self.delivered += 1
            self.bus._delivered += 1
        elif status == "failed":
            self.failed += 1
            self.bus._failed += 1
        else:
            self.dropped += 1
            self.bus._dropped += 1

    @property
    def _handles(self) -> bool:
        """Whether it is known when an event has been handled: not of those that somebody listens to."""
        return self._receiver.handles

    @property
    def queued(self) -> int:
        """How many events wait, or are being handled by a coroutine function. O(1)."""
        return self._receiver.queued

    def _runs_here(self) -> bool:
        """Tell whether this code runs in its handler, a coroutine function."""
        return self._receiver.runs_here()

    # -- its end

    def cancel(self) -> None:
        """End it: no event comes any more, not even those that wait; they are counted as dropped.

        A handler that runs comes to its end. Harmless where it has ended already, or the bus has. O(segments). From
        another thread it ends a moment later.
        """
        if self.bus._elsewhere(self.cancel):
            return
        self._leave()
        self._receiver.drop()

    def _leave(self) -> None:
        """Let no more events come; those that wait still will."""
        if not self.active:
            return
        self.active = False
        self._plain = None
        self.bus._topics.remove(self.pattern, self)
        watches, self._watches = self._watches, []
        for watch in watches:
            watch.end()
        self._receiver.left()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()

    def __repr__(self) -> str:
        target = self._receiver.ref if isinstance(self._receiver, Server) else self._resolve()
        state = "" if self.active else ", ended"
        if isinstance(self._receiver, Stream):
            return f"<Subscription {self.pattern!r} of a listener{state}>"
        return f"<Subscription {self.pattern!r} of {shown(target)}{state}>"


class _Watch:
    """Stands where a process that monitors would: it is told of the end of a server, and ends a subscription.

    `watching` is what such a process keeps of its monitors; here it is nothing.
    """

    __slots__ = ("_monitor", "_subscription", "_target")

    watching = None

    def __init__(self, subscription: Subscription, owner: Ref) -> None:
        self._subscription = subscription
        self._target = target = owner._process
        self._monitor = Monitor(target.ref)
        if target.monitors is None:
            target.monitors = {}
        target.monitors[self._monitor] = cast("Process", self)

    def post(self, item: object) -> bool:  # noqa: ARG002 - the notice, which says nothing new
        """Be told."""
        self._subscription.cancel()
        return True

    def end(self) -> None:
        """Watch no more."""
        if self._target.monitors is not None:
            self._target.monitors.pop(self._monitor, None)


def check_handler(handler: object, *, weak: bool) -> bool:
    """Raise unless this can handle events; tell whether it is a coroutine function.

    Raises:
        TypeError: it cannot be called, or is a generator function; or it is to be held weakly, and is no bound method.
    """
    awaits = _is_coroutine_function(handler)
    if not awaits:
        check_function(handler, "subscribe takes a function of an event, or the reference of a server")
    if weak and not inspect.ismethod(handler):
        raise TypeError(f"weak is for bound methods, and {shown(handler)} is none: it would be gone at once")
    return awaits


def _is_coroutine_function(handler: object) -> bool:
    called = getattr(handler, "__call__", None)  # noqa: B004 - of an object, whose class may define it
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(called)


def _canceller(subscription: Subscription) -> Callable[[object], None]:
    """Return what cancels a subscription whose handler is gone: wherever that is noticed, the loop does it."""
    weakly = ref(subscription)

    def gone(_: object) -> None:
        subscription = weakly()
        if subscription is not None:
            subscription.bus._soon(subscription.cancel)

    return gone
