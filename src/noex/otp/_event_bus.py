"""Publishing to whoever has subscribed, by topic."""

from __future__ import annotations

import asyncio
import logging
from asyncio import _get_running_loop
from dataclasses import dataclass
from threading import get_ident
from types import TracebackType
from typing import Any, Self, cast

from noex import clock
from noex._arguments import check_function, whole_number
from noex.errors import BusClosed, CallingSelf, shown
from noex.otp._deliveries import Event, Outcome, Ticket, new_event
from noex.otp._delivering import Delivering, OnError
from noex.otp._listeners import Listener
from noex.otp._mailbox import DEAD
from noex.otp._receivers import POLICIES, Inbox, QueuePolicy
from noex.otp._ref import Named, Ref
from noex.otp._subscriptions import Filter, Handler, Subscription, check_handler
from noex.otp._topics import check_pattern, check_topic, fitting
from noex.typing import DEFAULT, DefaultType, Duration

__all__ = ["EventBus", "EventBusStats"]

logger = logging.getLogger("noex.otp")


@dataclass(frozen=True, slots=True)
class EventBusStats:
    """What a bus has done so far, counted since it was made, and what is there now.

    Each event counts once in `published`, and once for each of its subscriptions, in the end, in `delivered`, `failed`
    or `dropped`; `queued` are those that wait, or are being handled by coroutine functions.
    """

    subscriptions: int
    published: int
    delivered: int
    failed: int
    dropped: int
    queued: int


class EventBus(Delivering):
    """Delivers what is published to a topic to all whose pattern fits it: functions, coroutine functions, servers.

    A topic has segments with dots between: `user.42.renamed`. In a pattern, `*` is exactly one segment, and `**` zero
    or more. Publishers and subscribers need not know each other, and do not harm each other: what a handler raises is
    logged (logger "noex.otp") and given to `on_error(error, event, subscription)`, and the others get the event.

    Each subscription gets its events one at a time, in the order in which they were published. What a handler publishes
    comes behind the event that it handles. Events wait for coroutine functions and listeners in a queue of their own of
    at most `max_queue` (None for no limit); `policy` says what becomes of an event that finds it full.

    A bus belongs to the event loop in which it is first used. `publish` is safe from any thread.

    >>> import asyncio
    >>> async def main() -> None:
    ...     async with EventBus() as bus:
    ...         bus.subscribe("user.*", lambda event: print(event.topic, event.message))
    ...         bus.publish("user.created", {"name": "ada"})
    >>> asyncio.run(main())
    user.created {'name': 'ada'}

    Raises:
        TypeError: `on_error` cannot be called, or is a coroutine function; `max_queue` is no int.
        ValueError: `max_queue` is less than 1, or there is no such policy.
    """

    __slots__ = ("_max_queue", "_policy", "_retained", "name")

    def __init__(
        self,
        name: str | None = None,
        *,
        on_error: OnError | None = None,
        max_queue: int | None = 1000,
        policy: QueuePolicy = "drop_new",
    ) -> None:
        if on_error is not None:
            check_function(on_error, "on_error is a function of an error, an event and a subscription")
        super().__init__(on_error)
        self.name = name
        self._max_queue, self._policy = _limits(max_queue, policy)
        self._retained: dict[str, Event] = {}

    # -- publishing

    def publish(self, topic: str, message: Any = None, *, retain: bool = False) -> None:
        """Deliver a message to all who have subscribed to a pattern that the topic fits.

        Plain functions have run when this returns; coroutine functions run later, servers and listeners have it in
        their mailboxes. In a handler of the same bus, from other threads, and while more events are queued than the bus
        hands over in one turn of the loop (512), it returns at once, and all that comes later. With `retain`, it is
        kept as the topic's last message, and those who subscribe later get it then.

        O(subscriptions that get it), and O(segments) for a topic that is new. Nothing here waits: `publish_wait` does.

        Raises:
            BusClosed: the bus is closed.
            ValueError: this is no topic; `TypeError` when it is no str.
            RuntimeError: the bus has never been used in an event loop, and there is none here.
        """
        if get_ident() != self._runner._thread_id:
            self._publish_elsewhere(topic, message, retain=retain)
            return
        try:
            subscriptions = self._remembered[topic]
        except (KeyError, TypeError):
            subscriptions = self._topics.match(check_topic(topic))
        self._published += 1
        if not subscriptions and not retain:
            return
        event = new_event(Event, (topic, message))
        if retain:
            self._retain(event)
        queue = self._queue
        queue.append((event, iter(subscriptions), None))
        if len(queue) == 1:
            self._deliver()

    def _publish_elsewhere(self, topic: str, message: Any, *, retain: bool) -> None:
        """Publish where it is not this bus's loop that runs."""
        check_topic(topic)
        self._check_open("publish nothing more")
        self._bind()
        loop = self._loop
        if loop is None:
            raise RuntimeError(f"no event loop is running, and {self!r} has never been used in one: publish there")
        if _get_running_loop() is loop:
            self.publish(topic, message, retain=retain)
            return
        try:
            loop.call_soon_threadsafe(self._publish_late, topic, message, retain)
        except RuntimeError:
            raise BusClosed(f"the event loop of {self!r} is closed: publish nothing more") from None

    def _publish_late(self, topic: str, message: Any, retain: bool) -> None:  # noqa: FBT001 - call_soon takes no keywords
        """Publish what has come from another thread."""
        if self._closed:
            self._dropped += 1
        else:
            self.publish(topic, message, retain=retain)

    async def publish_wait(self, topic: str, message: Any = None, *, retain: bool = False) -> list[Outcome]:
        """Publish, wait until all handlers are done, and return what became of it at each, in order of subscription.

        So a publisher does not run ahead of its subscribers. It waits for no server or listener to handle what it got.
        Handlers that wait for each other so wait for ever; use `asyncio.timeout`. Cancelling it cancels no handler.

        Raises:
            CallingSelf: the handler that calls this would get the event, and wait for itself.
            BusClosed: the bus is closed; `ValueError`, `TypeError`: as `publish` does.
            RuntimeError: this is not the loop of the bus.

        >>> import asyncio
        >>> async def main() -> None:
        ...     async with EventBus() as bus:
        ...         seen: list[int] = []
        ...         async def handler(event: Event) -> None:
        ...             await asyncio.sleep(0.001)
        ...             seen.append(event.message)
        ...         bus.subscribe("number", handler)
        ...         outcomes = await bus.publish_wait("number", 1)
        ...         print([outcome.status for outcome in outcomes], seen)
        >>> asyncio.run(main())
        ['delivered'] [1]
        """
        check_topic(topic)
        self._check_open("publish nothing more")
        loop = self._check_loop()
        subscriptions = self._topics.match(topic)
        if any(subscription._runs_here() for subscription in subscriptions):
            raise CallingSelf(f"a handler of {topic!r} waits for itself in publish_wait(): publish() there")
        event = Event(topic, message)
        self._published += 1
        if retain:
            self._retain(event)
        ticket = Ticket(loop)
        self._post(event, iter(subscriptions), ticket)
        await ticket.future
        return ticket.outcomes()

    async def flush(self) -> None:
        """Wait until all that was published before has been handled: also from other threads, as far as it got here.

        It does not wait for what handlers publish meanwhile, nor for servers and listeners; in a handler, nor for that
        handler, nor for others that wait in `flush` already.

        Raises:
            BusClosed: the bus is closed.
            RuntimeError: this is not the loop of the bus.
        """
        self._check_open("what was published has been handled")
        self._check_loop()
        await asyncio.sleep(0)
        await self._handed_over()
        await self._handled()

    # -- subscribing

    def subscribe(
        self,
        pattern: str,
        handler: Handler | Ref,
        *,
        once: bool = False,
        filter: Filter | None = None,  # noqa: A002 - the word for it
        owner: Ref | None = None,
        weak: bool = False,
        max_queue: int | DefaultType | None = DEFAULT,
        policy: QueuePolicy | DefaultType = DEFAULT,
    ) -> Subscription:
        """Let a handler get every event whose topic fits the pattern, from now on.

        A plain function is called in `publish`, in the order of subscription. A coroutine function handles one event at
        a time, in the context (`contextvars`) of its subscription; the others wait in a queue of its own. A server gets
        the `Event` in `handle_info`; its subscription ends when it does, while a name stays subscribed.

        `once` ends it with the first event; `filter(event)` says which events are wanted; with `owner`, a server, it
        ends when that does; with `weak`, a bound method does not keep its object alive, and it ends with the object.
        O(segments), and O(retained topics) where there are such.

        Raises:
            BusClosed: the bus is closed.
            ValueError: this is no pattern, `max_queue` is less than 1, or there is no such policy; `TypeError` when
                an argument is of a wrong kind.
            NoProcess: the server, or the owner, is dead.
            RuntimeError: this is not the loop of the bus, or the server belongs to another.

        >>> import asyncio
        >>> async def main() -> None:
        ...     async with EventBus() as bus:
        ...         with bus.subscribe("**.failed", print):
        ...             bus.publish("payment.card.failed", 42)
        ...         bus.publish("payment.card.failed", 43)
        >>> asyncio.run(main())
        Event(topic='payment.card.failed', message=42)
        """
        check_pattern(pattern)
        queue = self._queue_options(max_queue, policy)
        awaits = False
        if isinstance(handler, Ref):
            if weak or max_queue is not DEFAULT or policy is not DEFAULT:
                raise TypeError("weak, max_queue and policy are not for servers, which have a max_queue of their own")
            if not isinstance(handler, Named):
                self._check_server(handler)
        else:
            awaits = check_handler(handler, weak=weak)
        subscription = self._new(pattern, filter, owner, once=once)
        if isinstance(handler, Ref):
            subscription._send_to(handler)
        else:
            subscription._call(handler, *queue, awaits=awaits, weak=weak)
        self._add(subscription)
        return subscription

    def listen(
        self,
        pattern: str,
        *,
        filter: Filter | None = None,  # noqa: A002 - the word for it
        owner: Ref | None = None,
        max_queue: int | DefaultType | None = DEFAULT,
        policy: QueuePolicy | DefaultType = DEFAULT,
    ) -> Listener:
        """Return an asynchronous iterator over the events whose topics fit the pattern, from now on.

        Events wait in a queue until they are taken. Best used as a context manager, so that it is clear when it ends.
        O(segments).

        Raises:
            BusClosed: the bus is closed; `ValueError`, `TypeError`, `NoProcess`, `RuntimeError`: as `subscribe` does.

        >>> import asyncio
        >>> async def main() -> None:
        ...     async with EventBus() as bus:
        ...         with bus.listen("number.*") as events:
        ...             bus.publish("number.one", 1)
        ...             async for event in events:
        ...                 print(event.message)
        ...                 break
        >>> asyncio.run(main())
        1
        """
        check_pattern(pattern)
        inbox = Inbox(*self._queue_options(max_queue, policy))
        subscription = self._new(pattern, filter, owner, once=False)
        stream = subscription._stream(inbox)
        self._add(subscription)
        return Listener(stream)

    def _queue_options(
        self, max_queue: int | DefaultType | None, policy: QueuePolicy | DefaultType
    ) -> tuple[int | None, QueuePolicy]:
        return _limits(
            self._max_queue if max_queue is DEFAULT else max_queue, self._policy if policy is DEFAULT else policy
        )

    def _new(self, pattern: str, accepts: Filter | None, owner: Ref | None, *, once: bool) -> Subscription:
        """Return a subscription that has yet to be told where its events go, and to be added."""
        if accepts is not None:
            check_function(accepts, "filter takes a function of an event")
        self._check_open("subscribe no more")
        self._bind()
        if self._loop is not None and _get_running_loop() is not self._loop:
            raise RuntimeError(f"{self!r} belongs to another event loop: subscribe there")
        if owner is not None:
            if not isinstance(owner, Ref):
                raise TypeError(f"owner must be the reference of a server, not {shown(owner)}")
            self._check_server(owner)
        subscription = Subscription(self, pattern, once=once, accepts=accepts)
        if owner is not None:
            subscription._watch(owner)
        return subscription

    def _check_server(self, ref: Ref) -> None:
        """Raise unless a subscription can end with this server."""
        process = ref._process
        if process.state == DEAD:
            raise process.gone_error()
        process.check_loop("its name can be subscribed in any case, see `named`")

    def _add(self, subscription: Subscription) -> None:
        """Let it get events, first those that are retained."""
        self._topics.add(subscription.pattern, subscription)
        if self._retained:
            for topic in fitting(subscription.pattern, [*self._retained]):
                self._post(self._retained[topic], iter((subscription,)), None)

    # -- what is retained

    def _retain(self, event: Event) -> None:
        """Keep it as the last of its topic; the topic published last comes last."""
        self._retained.pop(event.topic, None)
        self._retained[event.topic] = event

    def forget(self, topic: str) -> bool:
        """Keep the last message of a topic no longer, and tell whether one was retained. O(1).

        Raises:
            ValueError: this is no topic; `TypeError` when it is no str.
        """
        return self._retained.pop(check_topic(topic), None) is not None

    # -- what there is

    @property
    def closed(self) -> bool:
        """Whether it is closed, or about to be. O(1)."""
        return self._closed

    @property
    def subscription_count(self) -> int:
        """How many subscriptions there are, listeners included. O(patterns)."""
        return len(self._topics)

    def topics(self) -> list[str]:
        """Return the patterns that somebody has subscribed to, each once, the oldest first. O(patterns)."""
        return self._topics.patterns()

    def stats(self) -> EventBusStats:
        """Return what the bus has done so far. O(patterns)."""
        return EventBusStats(
            subscriptions=len(self._topics),
            published=self._published,
            delivered=self._delivered,
            failed=self._failed,
            dropped=self._dropped,
            queued=self._pending,
        )

    # -- its end

    async def close(self, *, timeout: Duration | None = 5.0) -> None:
        """Take no more, and wait until all that was published has been handled; harmless again.

        What has not been handled after `timeout` seconds (None for no limit) is cancelled and dropped, and counted so;
        a handler that closes its own bus is not waited for. Listeners can still take what waits for them, and end then.
        What other threads are about to publish is dropped. Cancelling this drops what has not been handled.

        Raises:
            RuntimeError: this is not the loop of the bus.
            TypeError: `timeout` is no length of time; `ValueError` when it is not more than 0.
        """
        seconds = None if timeout is None else clock.seconds(timeout, "timeout")
        self._check_loop()
        self._refuse()
        try:
            async with asyncio.timeout(seconds):
                await self._handed_over()
                self._leave_all()
                await self._handled()
        except TimeoutError:
            logger.warning("%r: handlers were not done %s s after its close, and are cancelled", self, seconds)
            await self._cut_off(seconds)
        except BaseException:
            self._leave_all()
            for worker in [*self._workers]:
                worker.cut_off()
            raise

    def _leave_all(self) -> None:
        for subscription in self._topics.members():
            subscription._leave()
        self._retained.clear()

    async def _cut_off(self, seconds: float | None) -> None:
        """Cancel the handlers that still run, and see them end."""
        self._leave_all()
        tasks = [worker.task for worker in self._workers if worker.task is not None and not worker.runs_here()]
        for worker in [*self._workers]:
            if not worker.runs_here():
                worker.cut_off()
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    async def __aenter__(self) -> Self:
        self._check_open("make another one")
        self._check_loop()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<EventBus{'' if self.name is None else f' {self.name!r}'}{', closed' if self._closed else ''}>"


def _limits(max_queue: object, policy: object) -> tuple[int | None, QueuePolicy]:
    """Return how long a queue may be, and what happens beyond, if that can be."""
    if policy not in POLICIES:
        raise ValueError(f'policy must be "drop_new", "drop_oldest" or "error", not {shown(policy)}')
    limit = None if max_queue is None else whole_number(max_queue, "max_queue", 1)
    return limit, cast("QueuePolicy", policy)
