"""Listening to a bus, with `async for`."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self, final

from noex.otp._deliveries import Event
from noex.otp._receivers import Stream

if TYPE_CHECKING:
    from noex.otp._subscriptions import Subscription

__all__ = ["Listener"]


@final
class Listener:
    """What `EventBus.listen` returns: an asynchronous iterator over events, subscribed from the moment it is made.

    Ends when it is cancelled, at the end of a `with` block, when nobody holds it any more, or with its owner; with the
    bus, when what was queued before has been taken. The bus does not hold it.
    """

    __slots__ = ("__weakref__", "_stream", "subscription")

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.subscription: Subscription = stream.subscription
        """The subscription, with its counts."""

    def cancel(self) -> None:
        """End it; what waits is dropped. Harmless where it has ended already. See `Subscription.cancel`."""
        self.subscription.cancel()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        event: Event = await self._stream.next()
        return event

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()

    def __del__(self) -> None:
        subscription = getattr(self, "subscription", None)
        if subscription is not None and (subscription.active or subscription.queued):
            subscription.bus._soon(subscription.cancel)

    def __repr__(self) -> str:
        return f"<Listener to {self.subscription.pattern!r}, {self.subscription.queued} waiting>"
