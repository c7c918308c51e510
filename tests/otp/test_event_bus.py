"""Publishing and subscribing: who gets what, in which order, until when; and what is counted."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noex.errors import BusClosed, CallingSelf, MailboxFull, NoProcess
from noex.otp import Event, EventBus, EventBusStats, GenServer, Outcome, Registry, Subscription, named
from noex.otp._loops import BUDGET
from noex.testing import ManualClock, manual_loop
from tests.otp.conftest import Crashes, run
from tests.otp.servers import Counter, Notes, Waiting
from tests.otp.test_topics import fits, patterns, topics


class Seen(list[tuple[str, Any]]):
    """A handler that keeps topics and messages."""

    def __call__(self, event: Event) -> None:
        self.append(event)


def fails(event: Event) -> None:
    raise ZeroDivisionError(event.message)


def slowly(seen: list[Any], seconds: float = 1.0) -> Callable[[Event], Any]:
    """Return a coroutine function that takes its time, and keeps the messages that it has handled."""

    async def handler(event: Event) -> None:
        await asyncio.sleep(seconds)
        seen.append(event.message)

    return handler


def balanced(bus: EventBus) -> EventBusStats:
    """Return the counts of a bus, once they are found to be those of its subscriptions."""
    stats = bus.stats()
    members = bus._topics.members()
    assert stats.subscriptions == bus.subscription_count == len(members)
    assert stats.queued >= sum(member.queued for member in members)
    bus._topics._check()
    return stats


# -- a bus, and its end


async def test_a_new_bus_is_empty_and_may_have_a_name() -> None:
    async with EventBus("orders") as bus:
        assert (bus.subscription_count, bus.topics(), bus.closed, bus.name) == (0, [], False, "orders")
        assert bus.stats() == EventBusStats(0, 0, 0, 0, 0, 0)
        assert repr(bus) == "<EventBus 'orders'>"
    assert repr(bus) == "<EventBus 'orders', closed>"
    assert bus.closed


async def test_close_is_harmless_again_and_so_is_what_ends_subscriptions() -> None:
    bus = EventBus()
    subscription = bus.subscribe("a", Seen())
    listener = bus.listen("a")
    await bus.close()
    await bus.close()
    subscription.cancel()
    subscription.cancel()
    listener.cancel()
    assert (bus.subscription_count, bus.topics(), subscription.active) == (0, [], False)


async def test_a_closed_bus_takes_no_more() -> None:
    bus = EventBus("b")
    await bus.close()
    with pytest.raises(BusClosed, match="<EventBus 'b', closed> is closed: publish nothing more"):
        bus.publish("a")
    with pytest.raises(BusClosed, match="publish nothing more"):
        await bus.publish_wait("a")
    with pytest.raises(BusClosed, match="subscribe no more"):
        bus.subscribe("a", Seen())
    with pytest.raises(BusClosed, match="subscribe no more"):
        bus.listen("a")
    with pytest.raises(BusClosed):
        await bus.flush()
    with pytest.raises(BusClosed, match="make another one"):
        async with bus:
            pass


async def test_two_that_close_both_wait() -> None:
    bus, seen = EventBus(), []
    bus.subscribe("a", slowly(seen))
    bus.publish("a", 1)
    await asyncio.gather(bus.close(), bus.close())
    assert seen == [1]


async def test_close_waits_for_what_was_published() -> None:
    seen: list[int] = []
    async with EventBus() as bus:
        bus.subscribe("a", slowly(seen))
        for number in range(3):
            bus.publish("a", number)
    assert seen == [0, 1, 2]
    assert balanced(bus) == EventBusStats(0, 3, 3, 0, 0, 0)


async def test_close_cancels_and_drops_what_takes_too_long(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[str] = []
    bus = EventBus("b")

    async def handler(event: Event) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(event.message)

    bus.subscribe("a", handler)
    for message in "xyz":
        bus.publish("a", message)
    begun = asyncio.get_running_loop().time()
    await bus.close(timeout=5)
    assert asyncio.get_running_loop().time() - begun == pytest.approx(5)
    assert ended == ["x"]
    assert balanced(bus) == EventBusStats(0, 3, 0, 0, 3, 0)
    assert "handlers were not done 5.0 s after its close" in caplog.text
    assert not bus._workers


async def test_a_cancelled_close_leaves_nothing_running() -> None:
    bus, seen = EventBus(), []
    bus.subscribe("a", slowly(seen, 60))
    bus.publish("a", 1)
    bus.publish("a", 2)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await bus.close(timeout=None)
    await asyncio.sleep(0)
    assert balanced(bus) == EventBusStats(0, 2, 0, 0, 2, 0)
    assert (bus._workers, bus.closed) == ({}, True)


async def test_a_handler_may_close_its_own_bus() -> None:
    bus, seen = EventBus(), []

    async def handler(event: Event) -> None:
        await bus.close(timeout=None)
        seen.append(event.message)

    bus.subscribe("a", handler)
    bus.publish("a", 1)
    bus.publish("a", 2)
    await asyncio.sleep(1)
    assert seen[0] == 1
    assert balanced(bus).queued == 0


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
async def test_a_timeout_of_close_is_more_than_nothing(timeout: float) -> None:
    async with EventBus() as bus:
        with pytest.raises(ValueError, match="timeout must be more than 0 seconds"):
            await bus.close(timeout=timeout)
        assert not bus.closed


# -- subscribing and publishing


async def test_what_is_published_comes_as_topic_and_message() -> None:
    async with EventBus() as bus:
        seen: list[Event] = []
        bus.subscribe("user.created", seen.append)
        bus.publish("user.created", {"name": "ada"})
        assert seen == [Event("user.created", {"name": "ada"})]
        topic, message = seen[0]
        assert (topic, message) == (seen[0].topic, seen[0].message)


@pytest.mark.parametrize("message", [None, 0, "", b"x", [1], {"a": 1}, object(), ValueError("a value"), Event("a", 1)])
async def test_any_message_is_delivered_as_it_is(message: Any) -> None:
    async with EventBus() as bus:
        seen = Seen()
        bus.subscribe("a", seen)
        bus.publish("a", message)
        assert seen[0][1] is message


async def test_everybody_on_a_topic_gets_it_in_the_order_of_subscription_and_nobody_else() -> None:
    async with EventBus() as bus:
        order: list[str] = []
        for name, pattern in [
            ("1", "a.*"),
            ("2", "a.b"),
            ("other", "b"),
            ("3", "**"),
            ("4", "a.b"),
            ("longer", "a.b.c"),
        ]:
            bus.subscribe(pattern, lambda _, name=name: order.append(name))
        bus.publish("a.b")
        assert order == ["1", "2", "3", "4"]


async def test_plain_handlers_have_run_when_publish_returns() -> None:
    async with EventBus() as bus:
        seen = Seen()
        bus.subscribe("a", seen)
        for number in range(100):
            bus.publish("a", number)
            assert len(seen) == number + 1
        assert [message for _, message in seen] == [*range(100)]


async def test_ending_a_subscription_twice_is_as_good_as_once() -> None:
    async with EventBus() as bus:
        seen, others = Seen(), Seen()
        subscription = bus.subscribe("a", seen)
        bus.subscribe("a", others)
        subscription.cancel()
        subscription.cancel()
        bus.publish("a")
        assert (len(seen), len(others), bus.subscription_count) == (0, 1, 1)
        assert not subscription.active


async def test_a_subscription_is_a_context_manager() -> None:
    async with EventBus() as bus:
        seen = Seen()
        with bus.subscribe("a", seen) as subscription:
            bus.publish("a", 1)
            assert subscription.active
        bus.publish("a", 2)
        assert seen == [("a", 1)]


async def test_one_handler_may_subscribe_often() -> None:
    async with EventBus() as bus:
        seen = Seen()
        subscriptions = [bus.subscribe("a", seen) for _ in range(3)]
        bus.publish("a")
        subscriptions[1].cancel()
        bus.publish("a")
        assert len(seen) == 5


async def test_topics_and_counts_follow_subscriptions() -> None:
    async with EventBus() as bus:
        first = bus.subscribe("a.*", Seen())
        second = bus.subscribe("a.*", Seen())
        third = bus.subscribe("b", Seen())
        assert (bus.topics(), bus.subscription_count) == (["a.*", "b"], 3)
        first.cancel()
        assert (bus.topics(), bus.subscription_count) == (["a.*", "b"], 2)
        second.cancel()
        assert (bus.topics(), bus.subscription_count) == (["b"], 1)
        third.cancel()
        assert (bus.topics(), bus.subscription_count) == ([], 0)
        balanced(bus)


async def test_a_hierarchy_gets_each_event_once_at_each_level() -> None:
    async with EventBus() as bus:
        every, user, exact = Seen(), Seen(), Seen()
        bus.subscribe("**", every)
        bus.subscribe("user.*", user)
        bus.subscribe("user.created", exact)
        for topic in ("user.created", "user.deleted", "order.created", "user.profile.updated"):
            bus.publish(topic)
        assert (len(every), len(user), len(exact)) == (4, 2, 1)


async def test_a_star_at_the_end_is_exactly_one_segment() -> None:
    async with EventBus() as bus:
        seen = Seen()
        bus.subscribe("user.*", seen)
        bus.publish("user.profile.updated")
        bus.publish("user")
        assert seen == []


async def test_several_stars_match_segment_by_segment() -> None:
    async with EventBus() as bus:
        seen = Seen()
        bus.subscribe("a.*.*", seen)
        for topic in ("a.b.c.d", "a.x.x", "a.b"):
            bus.publish(topic)
        assert seen == [("a.x.x", None)]


async def test_two_buses_do_not_know_of_each_other() -> None:
    async with EventBus() as one, EventBus() as other:
        seen = Seen()
        one.subscribe("a", seen)
        other.publish("a")
        assert seen == []


async def test_ten_that_come_and_go_at_once() -> None:
    async with EventBus() as bus:
        seen = Seen()

        async def visitor(number: int) -> None:
            with bus.subscribe(f"visitor.{number}", seen):
                await asyncio.sleep(0)
                bus.publish(f"visitor.{number}", number)
                await asyncio.sleep(0)

        await asyncio.gather(*map(visitor, range(10)))
        assert sorted(message for _, message in seen) == [*range(10)]
        assert bus.subscription_count == 0


@pytest.mark.parametrize("topic", ["", "a..b", "a.*", "**"])
async def test_what_is_no_topic_is_refused_and_publishes_nothing(topic: str) -> None:
    async with EventBus() as bus:
        seen = Seen()
        bus.subscribe("**", seen)
        with pytest.raises(ValueError, match="is no topic"):
            bus.publish(topic)
        with pytest.raises(ValueError, match="is no topic"):
            await bus.publish_wait(topic)
        with pytest.raises(TypeError, match="a topic must be a str"):
            bus.publish(["a"])  # type: ignore[arg-type]
        assert (seen, bus.stats().published) == ([], 0)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"handler": 7}, TypeError, "subscribe takes a function of an event, or the reference of a server, not 7"),
        ({"filter": 7}, TypeError, "filter takes a function of an event, not 7"),
        ({"filter": slowly([])}, TypeError, "coroutine function"),
        ({"owner": 7}, TypeError, "owner must be the reference of a server, not 7"),
        ({"weak": True}, TypeError, "weak is for bound methods"),
        ({"max_queue": 0}, ValueError, "max_queue must be 1 or more, not 0"),
        ({"max_queue": 1.5}, TypeError, "max_queue must be an int"),
        ({"policy": "block"}, ValueError, 'policy must be "drop_new", "drop_oldest" or "error", not \'block\''),
        ({"pattern": "a*"}, ValueError, "is no pattern"),
        ({"pattern": None}, TypeError, "a pattern must be a str"),
        ({"unknown": 1}, TypeError, "unknown"),
    ],
)
async def test_wrong_arguments_are_told_and_subscribe_nobody(
    options: dict[str, Any], error: type[Exception], match: str
) -> None:
    async with EventBus() as bus:
        arguments: dict[str, Any] = {"pattern": "a", "handler": fails, **options}
        with pytest.raises(error, match=match):
            bus.subscribe(**arguments)
        assert bus.subscription_count == 0


async def test_a_generator_function_handles_nothing() -> None:
    def handler(event: Event) -> Any:
        yield event

    async with EventBus() as bus:
        with pytest.raises(TypeError, match="generator function, which has done nothing then"):
            bus.subscribe("a", handler)


@pytest.mark.parametrize("options", [{"max_queue": 0}, {"policy": "x"}, {"max_queue": True}, {"on_error": 7}])
def test_wrong_arguments_of_a_bus(options: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        EventBus(**options)


# -- once, filter, weak, retain


async def test_once_is_once_even_if_the_handler_publishes_again() -> None:
    async with EventBus() as bus:
        seen: list[int] = []

        def handler(event: Event) -> None:
            seen.append(event.message)
            bus.publish("a", event.message + 1)

        subscription = bus.subscribe("a", handler, once=True)
        bus.publish("a", 1)
        bus.publish("a", 2)
        assert (seen, subscription.active, bus.subscription_count) == ([1], False, 0)


async def test_once_of_a_coroutine_function_handles_the_first_of_several() -> None:
    async with EventBus() as bus:
        seen: list[int] = []
        subscription = bus.subscribe("a", slowly(seen), once=True)
        bus.publish("a", 1)
        bus.publish("a", 2)
        await bus.flush()
        assert (seen, subscription.active, subscription.dropped) == ([1], False, 0)


async def test_a_filter_lets_through_what_it_says() -> None:
    async with EventBus() as bus:
        seen = Seen()
        subscription = bus.subscribe("a", seen, filter=lambda event: event.message % 2)
        for number in range(6):
            bus.publish("a", number)
        assert [message for _, message in seen] == [1, 3, 5]
        assert (subscription.delivered, subscription.dropped) == (3, 0)


async def test_a_filter_and_once_wait_for_the_first_that_is_wanted() -> None:
    async with EventBus() as bus:
        seen = Seen()
        bus.subscribe("a", seen, once=True, filter=lambda event: event.message > 1)
        for number in range(5):
            bus.publish("a", number)
        assert seen == [("a", 2)]


async def test_a_filter_that_raises_is_a_failure_of_its_subscription_alone(crashes: Crashes) -> None:
    async with EventBus() as bus:
        seen, others = Seen(), Seen()
        subscription = bus.subscribe("a", seen, filter=lambda event: 1 / event.message)
        bus.subscribe("a", others)
        bus.publish("a", 0)
        bus.publish("a", 1)
        assert (len(seen), len(others), subscription.failed) == (1, 2, 1)
        assert [type(error) for error in crashes.take()] == [ZeroDivisionError]


async def test_a_filter_may_cancel() -> None:
    async with EventBus() as bus:
        seen = Seen()

        def wanted(event: Event) -> bool:
            subscription.cancel()
            return True

        subscription = bus.subscribe("a", seen, filter=wanted)
        bus.publish("a")
        assert seen == []


class Owner:
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_event(self, event: Event) -> None:
        self.seen.append(event.message)

    async def later(self, event: Event) -> None:
        self.seen.append(event.message)


async def test_a_weak_method_does_not_keep_its_object_and_ends_with_it() -> None:
    async with EventBus() as bus:
        owner, kept = Owner(), Owner()
        subscriptions = [bus.subscribe("a", owner.on_event, weak=True), bus.subscribe("a", owner.later, weak=True)]
        bus.subscribe("a", kept.on_event)
        bus.publish("a", 1)
        await bus.flush()
        assert owner.seen == [1, 1]
        seen = owner.seen
        del owner
        gc.collect()
        bus.publish("a", 2)
        await bus.flush()
        assert seen == [1, 1]
        assert [subscription.active for subscription in subscriptions] == [False, False]
        assert (bus.subscription_count, kept.seen) == (1, [1, 2])


async def test_a_method_that_is_not_weak_keeps_its_object() -> None:
    async with EventBus() as bus:
        seen = Owner().seen
        bus.subscribe("a", (owner := Owner()).on_event)
        seen = owner.seen
        del owner
        gc.collect()
        bus.publish("a", 1)
        assert seen == [1]


async def test_what_is_retained_comes_to_those_who_subscribe_later() -> None:
    async with EventBus() as bus:
        bus.publish("state.a", 1, retain=True)
        bus.publish("state.b", 1, retain=True)
        bus.publish("state.a", 2, retain=True)
        bus.publish("state.a", 3)
        bus.publish("other", 4, retain=True)
        seen, slow = Seen(), []
        bus.subscribe("state.*", seen)
        bus.subscribe("state.*", slowly(slow))
        with bus.listen("state.a") as events:
            assert await anext(events) == ("state.a", 2)
        await bus.flush()
        assert (seen, slow) == ([("state.b", 1), ("state.a", 2)], [1, 2])
        assert bus.forget("state.a")
        assert not bus.forget("state.a")
        assert (await bus.publish_wait("state.c", 5, retain=True))[0].status == "delivered"
        later = Seen()
        bus.subscribe("state.*", later)
        assert later == [("state.b", 1), ("state.c", 5)]


# -- failures


async def test_a_handler_that_raises_does_not_block_others_and_is_reported(crashes: Crashes) -> None:
    reports: list[tuple[Any, ...]] = []
    async with EventBus(on_error=lambda *report: reports.append(report)) as bus:
        before, after = Seen(), Seen()
        bus.subscribe("a", before)
        failing = bus.subscribe("a", fails)
        bus.subscribe("a", after)
        bus.publish("a", 1)
        assert (before, after) == ([("a", 1)], [("a", 1)])
        [(error, event, subscription)] = reports
        assert isinstance(error, ZeroDivisionError)
        assert (event, subscription) == (Event("a", 1), failing)
        assert crashes.take() == [error]
        assert balanced(bus) == EventBusStats(3, 1, 2, 1, 0, 0)
        assert (failing.delivered, failing.failed, failing.active) == (0, 1, True)


async def test_a_coroutine_function_that_raises_is_reported_and_goes_on(crashes: Crashes) -> None:
    """Nobody awaits its task, so nothing else would tell."""
    reports: list[Any] = []
    async with EventBus(on_error=lambda error, event, _: reports.append((str(error), event.message))) as bus:
        seen: list[int] = []

        async def handler(event: Event) -> None:
            await asyncio.sleep(1)
            if event.message == 1:
                raise ZeroDivisionError("one")
            seen.append(event.message)

        bus.subscribe("a", handler)
        for number in range(3):
            bus.publish("a", number)
        await bus.flush()
        assert (seen, reports) == ([0, 2], [("one", 1)])
        assert [str(error) for error in crashes.take()] == ["one"]
        assert balanced(bus) == EventBusStats(1, 3, 2, 1, 0, 0)


async def test_an_on_error_that_raises_is_logged_and_troubles_nobody(crashes: Crashes) -> None:
    def on_error(error: BaseException, event: Event, subscription: Subscription) -> None:
        raise LookupError("in on_error")

    async with EventBus(on_error=on_error) as bus:
        seen = Seen()
        bus.subscribe("a", fails)
        bus.subscribe("a", seen)
        bus.publish("a", 1)
        assert len(seen) == 1
        assert [type(error) for error in crashes.take()] == [ZeroDivisionError, LookupError]


async def test_on_error_may_cancel_and_publish(crashes: Crashes) -> None:
    seen = Seen()

    def on_error(error: BaseException, event: Event, subscription: Subscription) -> None:
        subscription.cancel()
        bus.publish("failure", str(error))

    async with EventBus(on_error=on_error) as bus:
        bus.subscribe("a", fails)
        bus.subscribe("failure", seen)
        bus.publish("a", 1)
        bus.publish("a", 2)
        assert seen == [("failure", "1")]
        crashes.take()


async def test_a_cancelled_error_out_of_a_handler_is_its_failure(crashes: Crashes) -> None:
    async with EventBus() as bus:
        seen: list[int] = []

        def plain(event: Event) -> None:
            raise asyncio.CancelledError

        async def handler(event: Event) -> None:
            seen.append(event.message)
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future

        bus.subscribe("a", plain)
        bus.subscribe("a", handler)
        bus.publish("a", 1)
        bus.publish("a", 2)
        await bus.flush()
        assert seen == [1, 2]
        assert balanced(bus) == EventBusStats(2, 2, 0, 4, 0, 0)
        assert len(crashes.take()) == 4


async def test_an_interrupt_gets_through_and_the_rest_is_delivered(crashes: Crashes) -> None:
    def interrupted(event: Event) -> None:
        if event.message == 1:
            bus.publish("a", 2)
            raise KeyboardInterrupt

    async with EventBus() as bus:
        seen = Seen()
        bus.subscribe("a", interrupted)
        bus.subscribe("a", seen)
        with pytest.raises(KeyboardInterrupt):
            bus.publish("a", 1)
        assert seen == []
        bus.publish("a", 3)
        await asyncio.sleep(0)
        assert [message for _, message in seen] == [1, 2, 3]
        assert balanced(bus) == EventBusStats(2, 3, 5, 1, 0, 0)
        assert [type(error) for error in crashes.take()] == [KeyboardInterrupt]


# -- order and re-entrancy


async def test_what_a_handler_publishes_comes_behind_the_event_that_it_handles() -> None:
    async with EventBus() as bus:
        first, second = Seen(), Seen()

        def handler(event: Event) -> None:
            first(event)
            if event.topic == "a":
                bus.publish("b")
                bus.publish("c")

        bus.subscribe("*", handler)
        bus.subscribe("*", second)
        bus.publish("a")
        assert [topic for topic, _ in first] == [topic for topic, _ in second] == ["a", "b", "c"]


async def test_a_long_chain_of_events_does_not_nest() -> None:
    async with EventBus() as bus:
        seen: list[int] = []

        def handler(event: Event) -> None:
            seen.append(event.message)
            if event.message < 20_000:
                bus.publish("a", event.message + 1)

        bus.subscribe("a", handler)
        bus.publish("a", 0)
        await bus.flush()
        while len(seen) <= 20_000:
            await asyncio.sleep(0)
        assert seen == [*range(20_001)]


async def test_an_endless_chain_of_events_leaves_the_loop_its_turn() -> None:
    async with EventBus() as bus:
        count = 0

        def handler(event: Event) -> None:
            nonlocal count
            count += 1
            bus.publish("a")

        subscription = bus.subscribe("a", handler)
        bus.publish("a")
        assert count == BUDGET
        bus.subscribe("b", seen := Seen())
        bus.publish("b")
        assert seen == []  # it waits behind the rest
        await asyncio.sleep(0)
        assert (count, len(seen)) == (2 * BUDGET - 1, 1)
        subscription.cancel()


async def test_who_subscribes_in_a_handler_gets_the_next_event_and_who_leaves_not_even_this_one() -> None:
    async with EventBus() as bus:
        newcomer, leaver = Seen(), Seen()

        def handler(event: Event) -> None:
            if event.message == 1:
                bus.subscribe("a", newcomer)
                leaving.cancel()

        bus.subscribe("a", handler)
        leaving = bus.subscribe("a", leaver)
        bus.publish("a", 1)
        bus.publish("a", 2)
        assert (newcomer, leaver) == ([("a", 2)], [])


async def test_who_subscribes_after_a_nested_publish_does_not_get_it() -> None:
    async with EventBus() as bus:
        newcomer = Seen()

        def handler(event: Event) -> None:
            if event.message == 1:
                bus.publish("a", 2)
                bus.subscribe("a", newcomer)

        bus.subscribe("a", handler)
        bus.publish("a", 1)
        assert newcomer == []


@given(data=st.data())
def test_all_kinds_of_subscribers_get_what_their_pattern_fits_while_they_are_subscribed(data: st.DataObject) -> None:
    """Patterns, kinds, and an order of subscribing, cancelling and publishing, all at random."""
    run(_random_subscribers(data))


async def _random_subscribers(data: st.DataObject) -> None:
    steps = st.sampled_from(["subscribe", "publish", "publish", "publish", "cancel", "turn"])
    kinds = st.sampled_from(["function", "coroutine function", "returns a coroutine", "server", "listener"])
    server = await Notes.start()
    expected: list[list[Event]] = []
    seen: list[list[Event]] = []
    present: list[tuple[int, str, Any]] = []
    async with EventBus() as bus:
        for number in range(data.draw(st.integers(1, 25))):
            step = data.draw(steps)
            if step == "subscribe":
                pattern, kind, got = data.draw(patterns), data.draw(kinds), []
                expected.append([])
                seen.append(got)
                plain = got.append
                slow = _keeping(got)
                if kind == "listener":
                    subscribed: Any = bus.listen(pattern)
                    asyncio.create_task(_keep(subscribed, got))  # noqa: RUF006 - the bus ends it
                elif kind == "server":
                    subscribed = bus.subscribe(pattern, server, filter=lambda event, got=got: not got.append(event))
                elif kind == "function":
                    subscribed = bus.subscribe(pattern, plain)
                else:
                    handler = slow if kind == "coroutine function" else functools.partial(_returning, slow)
                    subscribed = bus.subscribe(pattern, handler)
                present.append((len(seen) - 1, pattern, subscribed))
            elif step == "publish":
                event = Event(data.draw(topics), number)
                bus.publish(*event)
                for which, pattern, _ in present:
                    if fits(pattern, event.topic):
                        expected[which].append(event)
            elif step == "cancel" and present:
                await asyncio.sleep(1)  # what waits would be dropped
                present.pop(data.draw(st.integers(0, len(present) - 1)))[2].cancel()
            else:
                await asyncio.sleep(0)
        await bus.flush()
        bus._topics._check()
    await asyncio.sleep(1)
    assert seen == expected
    stats = bus.stats()
    assert (stats.delivered, stats.failed, stats.dropped, stats.queued) == (sum(map(len, expected)), 0, 0, 0)
    await server.stop()


def _keeping(got: list[Event]) -> Callable[[Event], Any]:
    async def keep(event: Event) -> None:
        await asyncio.sleep(0)
        got.append(event)

    return keep


def _returning(handler: Callable[[Event], Any], event: Event) -> Any:
    return handler(event)


async def _keep(events: Any, got: list[Event]) -> None:
    async for event in events:
        got.append(event)  # noqa: PERF401 - as they come


# -- coroutine functions


async def test_a_coroutine_function_handles_one_event_at_a_time_in_order() -> None:
    async with EventBus() as bus:
        notes: list[Any] = []

        async def handler(event: Event) -> None:
            notes.append(("begins", event.message))
            await asyncio.sleep(3 - event.message)
            notes.append(("ends", event.message))

        subscription = bus.subscribe("a", handler)
        for number in range(3):
            bus.publish("a", number)
        assert notes == []
        assert subscription.queued == 3
        await bus.flush()
        assert notes == [(what, number) for number in range(3) for what in ("begins", "ends")]
        assert subscription.queued == 0


async def test_subscriptions_do_not_wait_for_each_other(clock: ManualClock) -> None:
    async with EventBus() as bus:
        seen: list[int] = []
        bus.subscribe("a", slowly(seen, 3))
        bus.subscribe("a", slowly(seen, 3))
        begun = clock()
        bus.publish("a", 1)
        await bus.flush()
        assert (seen, clock() - begun) == ([1, 1], pytest.approx(3))


class AsynchronousObject:
    """An object whose call is a coroutine function."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    async def __call__(self, event: Event) -> None:
        await asyncio.sleep(1)
        self.seen.append(event.message)


async def test_whatever_returns_something_to_be_awaited_is_awaited_in_order() -> None:
    """What a plain function returns is not lost either."""
    async with EventBus() as bus:
        seen: list[Any] = []
        handler = slowly(seen)
        other = AsynchronousObject()

        async def partly(_: str, event: Event) -> None:
            await handler(event)

        def task(event: Event) -> asyncio.Task[None]:
            return asyncio.get_running_loop().create_task(handler(event))

        def returns(event: Event) -> Any:
            return handler(event)

        for subscribed in (returns, functools.partial(partly, "x"), other, task):
            bus.subscribe("a", subscribed)
        bus.subscribe("a", returns, filter=lambda _: True)
        bus.publish("a", 1)
        bus.publish("a", 2)
        await bus.flush()
        assert (sorted(seen), other.seen) == ([1] * 4 + [2] * 4, [1, 2])
        assert balanced(bus) == EventBusStats(5, 2, 10, 0, 0, 0)


async def test_what_was_returned_to_be_awaited_is_closed_where_nobody_comes_to_it() -> None:
    async with EventBus() as bus:
        seen: list[Any] = []
        handler = slowly(seen)

        def returns(event: Event) -> Any:
            return handler(event)

        subscription = bus.subscribe("a", returns)
        bus.publish("a", 1)
        subscription.cancel()
        assert (subscription.queued, seen) == (0, [])
        assert balanced(bus).dropped == 1


async def test_cancelling_drops_what_waits_and_lets_what_runs_end() -> None:
    async with EventBus() as bus:
        seen: list[int] = []
        subscription = bus.subscribe("a", slowly(seen))
        for number in range(3):
            bus.publish("a", number)
        await asyncio.sleep(0.5)
        subscription.cancel()
        assert (subscription.queued, subscription.dropped) == (1, 2)
        assert balanced(bus).queued == 1
        await asyncio.sleep(5)
        assert (seen, subscription.delivered) == ([0], 1)
        assert balanced(bus) == EventBusStats(0, 3, 1, 0, 2, 0)


async def test_handlers_run_in_the_context_of_their_subscription() -> None:
    variable: ContextVar[str] = ContextVar("variable", default="none")
    async with EventBus() as bus:
        seen: list[str] = []

        async def handler(event: Event) -> None:
            seen.append(variable.get())
            variable.set(event.message)

        variable.set("subscriber")
        bus.subscribe("a", handler)
        variable.set("publisher")
        bus.subscribe("a", lambda _: seen.append(f"plain: {variable.get()}"))
        bus.publish("a", "x")
        await bus.flush()
        bus.publish("a", "y")
        await bus.flush()
        assert seen == ["plain: publisher", "subscriber", "plain: publisher", "x"]


async def test_a_busy_coroutine_function_leaves_the_loop_its_turn() -> None:
    async with EventBus(max_queue=None) as bus:
        seen = Seen()

        async def handler(event: Event) -> None:
            seen(event)

        bus.subscribe("a", handler)
        for _ in range(3 * BUDGET):
            bus.publish("a")
        turns = 0
        while len(seen) < 3 * BUDGET:
            turns += 1
            await asyncio.sleep(0)
        assert turns >= 3


@pytest.mark.parametrize(
    ("policy", "kept", "reported"), [("drop_new", [0, 1, 2], 0), ("drop_oldest", [0, 3, 4], 0), ("error", [0, 1, 2], 2)]
)
async def test_a_full_queue_does_as_its_policy_says(
    policy: Any, kept: list[int], reported: int, crashes: Crashes
) -> None:
    async with EventBus() as bus:
        seen: list[int] = []
        others = Seen()
        subscription = bus.subscribe("a", slowly(seen), max_queue=2, policy=policy)
        bus.subscribe("a", others)
        bus.publish("a", 0)
        await asyncio.sleep(0.5)  # it is handled, and does not wait any more
        for number in range(1, 5):
            bus.publish("a", number)
        assert subscription.queued == 3
        await bus.flush()
        assert (seen, len(others)) == (kept, 5)
        assert (subscription.delivered, subscription.dropped, subscription.failed) == (3, 2, 0)
        assert [type(error) for error in crashes.take()] == [MailboxFull] * reported
        assert balanced(bus) == EventBusStats(2, 5, 8, 0, 2, 0)


async def test_queues_are_bounded_unless_said_otherwise() -> None:
    async with EventBus() as bus, EventBus(max_queue=3, policy="drop_oldest") as small:
        bounded, unbounded = (bus.subscribe("a", slowly([], 0), **options) for options in ({}, {"max_queue": None}))
        seen: list[int] = []
        small.subscribe("a", slowly(seen))
        for number in range(1500):
            bus.publish("a", number)
            small.publish("a", number)
        assert (bounded.queued, bounded.dropped, unbounded.queued) == (1000, 500, 1500)
        await small.flush()
        assert seen == [1497, 1498, 1499]
        bounded.cancel()
        unbounded.cancel()


# -- publish_wait and flush


async def test_publish_wait_waits_for_all_handlers_and_tells_what_became_of_it(crashes: Crashes) -> None:
    async with EventBus() as bus:
        seen: list[int] = []
        server = await Notes.start()

        async def failing(event: Event) -> None:
            await asyncio.sleep(2)
            raise LookupError("slowly")

        expected = [
            (bus.subscribe("a", seen.append), "delivered", None),
            (bus.subscribe("a", slowly(seen)), "delivered", None),
            (bus.subscribe("a", fails), "failed", ZeroDivisionError),
            (bus.subscribe("a", failing), "failed", LookupError),
            (bus.subscribe("a", server), "delivered", None),
        ]
        bus.subscribe("a", seen.append, filter=lambda _: False)
        bus.subscribe("b", seen.append)
        with bus.listen("a") as events:
            expected.append((events.subscription, "queued", None))
            outcomes = await bus.publish_wait("a", 7)
            assert seen == [("a", 7), 7]
            assert [(one.subscription, one.status, one.error and type(one.error)) for one in outcomes] == expected
            assert isinstance(outcomes[0], Outcome)
            assert len(crashes.take()) == 2
            await server.stop()


async def test_publish_wait_with_nobody_there() -> None:
    async with EventBus() as bus:
        assert await bus.publish_wait("a") == []


async def test_publish_wait_tells_what_was_dropped(crashes: Crashes) -> None:
    async with EventBus() as bus:
        with bus.subscribe("a", slowly([]), max_queue=1, policy="error"):
            bus.publish("a")
            [outcome] = await bus.publish_wait("a")
            assert (outcome.status, type(outcome.error)) == ("dropped", MailboxFull)
            assert crashes.take() == [outcome.error]


async def test_publish_wait_does_not_wait_for_the_cancelled() -> None:
    async with EventBus() as bus:
        running = bus.subscribe("a", slowly([], 2))
        waiting = bus.subscribe("a", slowly([], 2))
        bus.publish("a", 1)
        task = asyncio.create_task(bus.publish_wait("a", 2))
        await asyncio.sleep(1)
        waiting.cancel()
        running.cancel()
        assert [outcome.status for outcome in await task] == ["dropped", "dropped"]


async def test_cancelling_publish_wait_cancels_no_handler() -> None:
    async with EventBus() as bus:
        seen: list[int] = []
        bus.subscribe("a", slowly(seen, 2))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await bus.publish_wait("a", 1)
        await bus.flush()
        assert seen == [1]


async def test_a_handler_that_would_wait_for_itself_is_told(crashes: Crashes) -> None:
    async with EventBus() as bus:
        seen = Seen()

        async def handler(event: Event) -> None:
            if event.message == 1:
                with pytest.raises(CallingSelf, match="a handler of 'a' waits for itself in publish_wait"):
                    await bus.publish_wait("a", 2)
                await bus.publish_wait("b", 3)
                await bus.flush()
            seen(event)

        bus.subscribe("a", handler)
        bus.subscribe("b", seen)
        bus.publish("a", 1)
        await bus.flush()
        assert seen == [("b", 3), ("a", 1)]
        assert bus.stats().published == 2


async def test_flush_waits_for_what_was_published_before() -> None:
    async with EventBus() as bus:
        seen: list[int] = []
        bus.subscribe("a", slowly(seen))
        bus.publish("a", 1)
        flushed = asyncio.create_task(bus.flush())
        await asyncio.sleep(0.5)
        bus.publish("a", 2)
        await flushed
        assert seen == [1]
        await bus.flush()
        assert seen == [1, 2]
        await bus.flush()


@pytest.mark.parametrize("number", [2, 3])
async def test_handlers_that_flush_do_not_wait_for_each_other(number: int) -> None:
    async with EventBus() as bus:
        seen: list[Any] = []

        async def handler(event: Event) -> None:
            await bus.flush()
            seen.append(event.message)

        for _ in range(number):
            bus.subscribe("a", handler)
        bus.subscribe("a", slowly(seen, 2))
        bus.publish("a", 1)
        bus.publish("a", 2)
        async with asyncio.timeout(10):
            await bus.flush()
        assert sorted(seen) == [1] * (number + 1) + [2] * (number + 1)
        assert seen[0] == 1  # of the slow one, which all of them have waited for


async def test_a_handler_that_flushes_waits_for_one_that_does_not_yet() -> None:
    async with EventBus() as bus:
        order: list[str] = []

        async def first(event: Event) -> None:
            await bus.flush()
            order.append("first")

        async def second(event: Event) -> None:
            await asyncio.sleep(1)
            await bus.flush()
            order.append("second")

        bus.subscribe("a", first)
        bus.subscribe("a", second)
        bus.publish("a")
        async with asyncio.timeout(10):
            await bus.flush()
        assert order == ["second", "first"]


# -- servers and owners


async def test_a_server_gets_events_in_handle_info() -> None:
    async with EventBus() as bus:
        server = await Notes.start()
        subscription = bus.subscribe("user.*", server, filter=lambda event: event.message)
        for number in range(3):
            bus.publish("user.created", number)
        assert await server.call("notes") == [Event("user.created", 1), Event("user.created", 2)]
        assert (subscription.delivered, repr(subscription)) == (2, "<Subscription 'user.*' of <Notes>>")
        await server.stop()


@pytest.mark.parametrize("end", ["stop", "kill", "crash"])
async def test_subscriptions_vanish_with_their_server_and_owner(end: str, crashes: Crashes) -> None:
    async with EventBus() as bus:
        server, other = await Counter.start(), await Notes.start()
        seen = Seen()
        mine = [
            bus.subscribe("a", server),
            bus.subscribe("a", seen, owner=server),
            bus.subscribe("a", other, owner=server),
            bus.listen("a", owner=server).subscription,
        ]
        stays = bus.subscribe("a", other)
        if end == "stop":
            await server.stop()
        elif end == "kill":
            server.kill()
        else:
            server.cast("crash")
            await server.wait()
            crashes.take()
        assert [subscription.active for subscription in mine] == [False] * 4
        assert (bus.subscription_count, stays.active) == (1, True)
        bus.publish("a", 1)
        assert (await other.call("notes"), seen) == ([Event("a", 1)], [])
        await other.stop()
        assert bus.subscription_count == 0


async def test_a_subscription_that_ends_is_forgotten_by_its_owner() -> None:
    async with EventBus() as bus:
        owner = await Notes.start()
        for _ in range(3):
            bus.subscribe("a", Seen(), owner=owner).cancel()
        with bus.subscribe("a", owner):
            assert len(owner._process.monitors or ()) == 1
        assert not owner._process.monitors
        await owner.stop()


async def test_a_server_may_subscribe_itself_in_init_and_its_listeners_end_with_it() -> None:
    async with EventBus() as bus:

        class Subscriber(GenServer):
            def init(self) -> None:
                self.seen: list[Any] = []
                bus.subscribe("a", self.ref)
                bus.subscribe("b", self.keep, owner=self.ref)

            def keep(self, event: Event) -> None:
                self.seen.append(event)

            def handle_info(self, message: Any) -> None:
                self.seen.append(message)

            def handle_call(self, message: Any) -> Any:
                return self.seen

        server = await Subscriber.start()
        bus.publish("a", 1)
        bus.publish("b", 2)
        assert sorted(await server.call("seen")) == [Event("a", 1), Event("b", 2)]
        await server.stop()
        assert bus.topics() == []


async def test_a_name_stays_subscribed_over_a_restart() -> None:
    async with EventBus() as bus:
        first = await Notes.start(name="notes")
        subscription = bus.subscribe("a", named("notes"))
        bus.publish("a", 1)
        await first.stop()
        bus.publish("a", 2)
        second = await Notes.start(name="notes")
        bus.publish("a", 3)
        assert await second.call("notes") == [Event("a", 3)]
        assert (subscription.delivered, subscription.dropped, subscription.active) == (2, 1, True)
        await second.stop()


class Name:
    """A name that can be looked up as long as nobody breaks it."""

    broken = False

    def __hash__(self) -> int:
        if self.broken:
            raise ZeroDivisionError("broken")
        return 1


async def test_a_server_that_cannot_be_reached_disturbs_no_publisher(crashes: Crashes) -> None:
    async with EventBus() as bus:
        name, seen = Name(), Seen()
        subscription = bus.subscribe("a", named(name))
        bus.subscribe("a", seen)
        name.broken = True
        bus.publish("a", 1)
        outcomes = await bus.publish_wait("a", 2)
        assert seen == [("a", 1), ("a", 2)]
        assert (subscription.failed, subscription.delivered, bus.stats().queued) == (2, 0, 0)
        assert [outcome.status for outcome in outcomes] == ["failed", "delivered"]
    assert [type(error) for error in crashes.take()] == [ZeroDivisionError] * 2


async def test_a_name_of_many_cannot_be_subscribed() -> None:
    async with EventBus() as bus:
        with pytest.raises(TypeError, match="lookup_all"):
            bus.subscribe("a", named("all", registry=Registry(keys="duplicate")))
        assert bus.subscription_count == 0


async def test_what_a_full_server_does_not_take_is_counted_as_dropped() -> None:
    async with EventBus() as bus:
        log: list[Any] = []
        server = await Waiting.start(log, max_queue=2)
        subscription = bus.subscribe("a", server)
        server.cast("wait")
        await asyncio.sleep(0)
        for _ in range(5):
            bus.publish("a")
        assert (subscription.delivered, subscription.dropped) == (2, 3)
        server.kill()


async def test_the_dead_and_the_unknown_cannot_subscribe_or_own() -> None:
    async with EventBus() as bus:
        dead = await Notes.start()
        await dead.stop()
        with pytest.raises(NoProcess, match="is dead"):
            bus.subscribe("a", dead)
        with pytest.raises(NoProcess, match="is dead"):
            bus.subscribe("a", Seen(), owner=dead)
        with pytest.raises(NoProcess, match="nobody has the name"):
            bus.listen("a", owner=named("nobody"))
        assert bus.subscription_count == 0


async def test_a_server_has_a_queue_of_its_own() -> None:
    async with EventBus() as bus:
        server = await Notes.start()
        for options in ({"max_queue": 1}, {"policy": "error"}, {"weak": True}):
            with pytest.raises(TypeError, match="are not for servers, which have a max_queue of their own"):
                bus.subscribe("a", server, **options)  # type: ignore[arg-type]
        await server.stop()


# -- listening


async def test_listening_takes_events_one_after_the_other() -> None:
    async with EventBus() as bus:
        with bus.listen("number.*", filter=lambda event: event.message != 1) as events:
            for number in range(4):
                bus.publish("number.n", number)
            seen = []
            async for event in events:
                seen.append(event.message)
                if event.message == 2:
                    break
            assert (seen, events.subscription.queued, events.subscription.delivered) == ([0, 2], 1, 2)
            assert (await anext(events)).message == 3
            assert repr(events) == "<Listener to 'number.*', 0 waiting>"
        assert (bus.subscription_count, balanced(bus).dropped) == (0, 0)


async def test_who_listens_waits_for_the_next_event() -> None:
    async with EventBus() as bus:
        with bus.listen("a") as events:
            waiting = asyncio.create_task(anext(events))  # type: ignore[arg-type]
            await asyncio.sleep(1)
            assert not waiting.done()
            bus.publish("a", 1)
            assert await waiting == ("a", 1)


async def test_two_that_take_from_one_listener_share_its_events() -> None:
    async with EventBus() as bus:
        seen: list[Any] = []

        async def consume(events: Any) -> None:
            async for event in events:
                seen.append(event.message)
                await asyncio.sleep(0)

        with bus.listen("a") as events:
            tasks = [asyncio.create_task(consume(events)) for _ in range(2)]
            for number in range(10):
                bus.publish("a", number)
            await asyncio.sleep(1)
        await asyncio.gather(*tasks)
        assert sorted(seen) == [*range(10)]


async def test_a_cancelled_wait_loses_no_event() -> None:
    async with EventBus() as bus:
        with bus.listen("a") as events:
            waiting = asyncio.create_task(anext(events))  # type: ignore[arg-type]
            await asyncio.sleep(0)
            bus.publish("a", 1)
            waiting.cancel()
            await asyncio.wait([waiting])
            assert waiting.cancelled()
            assert await anext(events) == ("a", 1)


async def test_cancelling_a_listener_ends_it_and_drops_what_waits() -> None:
    async with EventBus() as bus:
        events = bus.listen("a")
        bus.publish("a", 1)
        events.cancel()
        assert [event async for event in events] == []
        assert balanced(bus).dropped == 1
        waiting = bus.listen("a")
        task = asyncio.create_task(anext(waiting, None))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        waiting.cancel()
        assert await task is None


async def test_what_waits_for_a_listener_can_be_taken_after_the_close() -> None:
    bus = EventBus()
    events, more = bus.listen("a"), bus.listen("a")
    bus.publish("a", 1)
    bus.publish("a", 2)
    collecting = asyncio.create_task(_collect(more))
    await bus.close()
    assert [event.message async for event in events] == [1, 2]
    assert await collecting == [1, 2]


async def _collect(events: Any) -> list[Any]:
    return [event.message async for event in events]


async def test_a_listener_that_nobody_holds_ends() -> None:
    async with EventBus() as bus:
        events = bus.listen("a")
        bus.publish("a", 1)
        async for _ in events:
            break
        assert bus.subscription_count == 1
        del events
        gc.collect()
        await asyncio.sleep(0)
        assert bus.subscription_count == 0


@pytest.mark.parametrize(("policy", "kept"), [("drop_new", [0, 1]), ("drop_oldest", [3, 4])])
async def test_the_queue_of_a_listener_is_bounded(policy: Any, kept: list[int]) -> None:
    async with EventBus() as bus:
        with bus.listen("a", max_queue=2, policy=policy) as events:
            for number in range(5):
                bus.publish("a", number)
            assert [(await anext(events)).message for _ in kept] == kept
            assert (events.subscription.dropped, events.subscription.delivered) == (3, 2)


# -- threads and loops


async def test_publish_is_safe_from_any_thread() -> None:
    async with EventBus() as bus:
        seen, ran_in = Seen(), set()
        bus.subscribe("t.*", seen)
        bus.subscribe("t.*", lambda _: ran_in.add(threading.get_ident()))

        def work(number: int) -> None:
            for count in range(100):
                bus.publish(f"t.{number}", count)
            with pytest.raises(ValueError, match="is no topic"):
                bus.publish("t.*")

        await asyncio.gather(*(asyncio.to_thread(work, number) for number in range(4)))
        await bus.flush()
        assert ran_in == {threading.get_ident()}
        for number in range(4):
            assert [message for topic, message in seen if topic == f"t.{number}"] == [*range(100)]


async def test_the_rest_belongs_to_the_loop_of_the_bus() -> None:
    async with EventBus() as bus:
        subscription = bus.subscribe("a", Seen())

        def elsewhere() -> None:
            for verb in (lambda: bus.subscribe("a", Seen()), lambda: bus.listen("a")):
                with pytest.raises(RuntimeError, match="belongs to another event loop: subscribe there"):
                    verb()
            for coroutine in (bus.publish_wait("a"), bus.flush(), bus.close()):
                with pytest.raises(RuntimeError, match="only publish\\(\\) is safe from elsewhere"):
                    asyncio.run(coroutine)  # type: ignore[arg-type]
            subscription.cancel()

        await asyncio.to_thread(elsewhere)
        await asyncio.sleep(0)
        assert not subscription.active
        assert bus.subscription_count == 0


async def test_what_threads_publish_while_it_closes_is_dropped_and_counted() -> None:
    bus = EventBus()
    bus.subscribe("a", Seen())
    thread = threading.Thread(target=bus.publish, args=("a",))
    thread.start()
    thread.join()
    bus._refuse()
    await asyncio.sleep(0)
    await bus.close()
    assert balanced(bus) == EventBusStats(0, 0, 0, 0, 1, 0)


def test_a_bus_may_be_made_and_subscribed_to_before_there_is_a_loop() -> None:
    bus, seen, slow = EventBus("early"), Seen(), []
    bus.subscribe("a", seen)
    bus.subscribe("a", slowly(slow))
    bus.subscribe("a", seen).cancel()
    with pytest.raises(
        RuntimeError, match="no event loop is running, and <EventBus 'early'> has never been used in one"
    ):
        bus.publish("a")

    async def main() -> None:
        async with bus:
            bus.publish("a", 1)

    with asyncio.Runner(loop_factory=manual_loop) as runner:
        runner.run(main())
    assert (seen, slow) == ([("a", 1)], [1])


def test_a_bus_does_not_outlive_its_loop() -> None:
    bus = EventBus()

    async def use() -> Any:
        subscription = bus.subscribe("a", Seen())
        bus.publish("a")
        return subscription, bus.listen("a")

    with asyncio.Runner(loop_factory=manual_loop) as runner:
        subscription, listener = runner.run(use())
    with pytest.raises(BusClosed, match="the event loop of <EventBus> is closed"):
        bus.publish("a")
    subscription.cancel()
    del listener
    gc.collect()
    assert not subscription.active


def test_a_loop_that_ends_leaves_no_handler_behind(caplog: pytest.LogCaptureFixture) -> None:
    """What `asyncio.run` cancels in the end is counted, and ends its subscription."""
    bus = EventBus()
    ended: list[str] = []

    async def handler(event: Event) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(event.message)

    async def main() -> Subscription:
        bus.subscribe("b", handler)
        subscription = bus.subscribe("a", handler)
        for message in ("x", "y"):
            bus.publish("a", message)
        await asyncio.sleep(1)
        bus.publish("b", "x")
        return subscription

    with caplog.at_level(logging.DEBUG), asyncio.Runner(debug=True, loop_factory=manual_loop) as runner:
        subscription = runner.run(main())
    assert (ended, subscription.dropped, subscription.queued, subscription.active) == (["x", "x"], 2, 0, False)
    assert bus.stats() == EventBusStats(0, 3, 0, 0, 3, 0)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_handler_that_never_began_is_counted_too() -> None:
    async with EventBus() as bus:
        subscription = bus.subscribe("a", slowly([]))
        bus.publish("a")
        [worker] = bus._workers
        assert worker.task is not None
        worker.task.cancel()
        await asyncio.sleep(1)
        assert balanced(bus) == EventBusStats(0, 1, 0, 0, 1, 0)
        assert (subscription.active, subscription.queued) == (False, 0)


async def test_a_handler_that_takes_no_notice_of_the_end_of_the_loop_gets_no_more_events() -> None:
    async with EventBus() as bus:
        seen: list[int] = []

        async def stubborn(event: Event) -> None:
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                seen.append(event.message)

        subscription = bus.subscribe("a", stubborn)
        bus.publish("a", 1)
        bus.publish("a", 2)
        await asyncio.sleep(0.5)
        [worker] = bus._workers
        assert worker.task is not None
        worker.task.cancel()
        await asyncio.sleep(5)
        assert (seen, subscription.active, subscription.delivered, subscription.dropped) == ([1], False, 1, 1)


async def test_a_time_out_inside_a_handler_is_its_own_affair(crashes: Crashes) -> None:
    async with EventBus() as bus:

        async def handler(event: Event) -> None:
            async with asyncio.timeout(1):
                await asyncio.sleep(event.message)

        subscription = bus.subscribe("a", handler)
        for seconds in (5, 0):
            bus.publish("a", seconds)
        await bus.flush()
        assert (subscription.failed, subscription.delivered, subscription.active) == (1, 1, True)
        assert [type(error) for error in crashes.take()] == [TimeoutError]
