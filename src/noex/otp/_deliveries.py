"""One event on its way to one subscription, what became of it, and who waits to know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from noex.otp._subscriptions import Subscription

__all__ = ["INTERRUPTS", "Delivery", "DeliveryStatus", "Event", "Outcome", "Ticket", "new_event"]

INTERRUPTS: Final = (KeyboardInterrupt, SystemExit)

DeliveryStatus: TypeAlias = Literal["delivered", "failed", "dropped", "queued"]
"""What became of an event at one subscription: its handler ran to its end, or the server took it; its handler raised;
nobody got it; a listener has yet to take it."""


class Event(NamedTuple):
    """What handlers of an `EventBus` get: the topic, and the message that was published to it."""

    topic: str
    message: Any


new_event: Callable[[type[Event], tuple[str, Any]], Event] = tuple[str, Any].__new__  # pyright: ignore[reportAssignmentType]
"""`new_event(Event, (topic, message))`: quicker than the class itself."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an event at one subscription, as `publish_wait` tells; `error` is what the handler raised."""

    subscription: Subscription
    status: DeliveryStatus
    error: BaseException | None = None


class Delivery:
    """An event on its way to a subscription. It is settled once; what is said of it later does not count.

    `awaitable` is what a plain handler has returned to be awaited.
    """

    __slots__ = ("awaitable", "error", "event", "status", "subscription", "tickets")

    def __init__(self, subscription: Subscription, event: Event, awaitable: Any = None) -> None:
        self.subscription = subscription
        self.event = event
        self.awaitable = awaitable
        self.status: DeliveryStatus = "queued"
        self.error: BaseException | None = None
        self.tickets: list[Ticket] | None = None
        subscription.bus._pending += 1

    def settle(self, status: DeliveryStatus, error: BaseException | None = None) -> None:
        """Say what became of it: it is counted, who waits is told, and an error is reported."""
        if self.status != "queued":
            return
        self.status = status
        self.error = error
        awaitable = self.awaitable
        if awaitable is not None and hasattr(awaitable, "close"):
            awaitable.close()  # matters where it never began
        subscription = self.subscription
        subscription.bus._pending -= 1
        subscription._count(status)
        for ticket in self.tickets or ():
            ticket.settled()
        if error is not None:
            subscription.bus._report(error, self.event, subscription)

    def fail(self, error: BaseException) -> None:
        """Take what a handler raised; where the interpreter is to end, it goes on from here."""
        self.settle("failed", error)
        if isinstance(error, INTERRUPTS):
            raise error


class Ticket:
    """Somebody who waits until deliveries are settled: `future` is done once `complete` was called and all are."""

    __slots__ = ("_open", "deliveries", "future")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.future: asyncio.Future[None] = loop.create_future()
        self.deliveries: list[Delivery] = []
        self._open = 1

    def add(self, delivery: Delivery) -> None:
        """Wait for one more, unless nobody knows when a listener takes it."""
        self.deliveries.append(delivery)
        if delivery.status == "queued" and delivery.subscription._handles:
            self._open += 1
            if delivery.tickets is None:
                delivery.tickets = []
            delivery.tickets.append(self)

    def complete(self) -> None:
        """Say that no more deliveries will be added."""
        self.settled()

    def settled(self) -> None:
        """Wait for one less."""
        self._open -= 1
        if not self._open and not self.future.done():
            self.future.set_result(None)

    def outcomes(self) -> list[Outcome]:
        """Return what became of each."""
        return [Outcome(delivery.subscription, delivery.status, delivery.error) for delivery in self.deliveries]
