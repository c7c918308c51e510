"""What type checkers know of the event bus. Checked by mypy and pyright; never run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, assert_type

from noex.otp import (
    DeliveryStatus,
    Event,
    EventBus,
    EventBusStats,
    Listener,
    Outcome,
    QueuePolicy,
    Ref,
    Subscription,
)


class Owner:
    def plain(self, event: Event) -> None: ...

    async def later(self, event: Event) -> int:
        return len(event.topic)


def report(error: BaseException, event: Event, subscription: Subscription) -> None: ...


async def buses(ref: Ref, owner: Owner, policy: QueuePolicy) -> None:
    async with EventBus("name", on_error=report, max_queue=None, policy=policy) as bus:
        assert_type(bus, EventBus)
        assert_type(bus.subscribe("a.*", print), Subscription)
        assert_type(bus.subscribe("a.*", lambda event: event.message), Subscription)
        assert_type(bus.subscribe("a.*", ref, once=True, filter=lambda event: event.topic != "a.b"), Subscription)
        assert_type(bus.subscribe("a.*", owner.plain, weak=True, owner=ref), Subscription)
        with bus.subscribe("a.*", owner.later, max_queue=None, policy="drop_oldest") as subscription:
            assert_type(subscription, Subscription)
            assert_type(subscription.dropped, int)
            assert_type(subscription.queued, int)
        assert_type(await bus.publish_wait("a.b", 1, retain=True), list[Outcome])
        for outcome in await bus.publish_wait("a.b"):
            assert_type(outcome.status, DeliveryStatus)
            assert_type(outcome.error, BaseException | None)
        with bus.listen("a.**", owner=ref, max_queue=10) as events:
            assert_type(events, Listener)
            async for event in events:
                assert_type(event, Event)
                assert_type(event.topic, str)
                topic, message = event
                assert_type(topic, str)
                assert_type(message, Any)
        assert_type(bus.topics(), list[str])
        assert_type(bus.stats(), EventBusStats)
        await bus.flush()
        await bus.close(timeout=timedelta(seconds=1))


async def misuse(bus: EventBus, ref: Ref) -> None:
    bus.publish(b"a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    bus.subscribe("a", 7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    bus.subscribe("a", ref, owner="name")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    bus.listen("a", policy="block")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
