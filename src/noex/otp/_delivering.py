"""How a bus delivers: in which loop, in which order, and what is counted and reported."""

from __future__ import annotations

import asyncio
import logging
import threading
from asyncio import _get_running_loop
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from noex.errors import BusClosed, shown
from noex.otp._deliveries import INTERRUPTS, Delivery, Event, Ticket
from noex.otp._loops import BUDGET, home_of
from noex.otp._receivers import Worker, is_awaitable
from noex.otp._subscriptions import Subscription
from noex.otp._topics import Topics

__all__ = ["Delivering", "OnError"]

logger = logging.getLogger("noex.otp")

OnError: TypeAlias = Callable[[BaseException, Event, Subscription], object]
"""Called with what a handler raised, the event, and the subscription."""

_Queued: TypeAlias = tuple[Event | None, Iterator[Subscription], Ticket | None]
"""An event, the subscriptions that have yet to get it, and who waits for the deliveries; without an event, somebody
waits for this place in the queue."""

_BINDING: Final = threading.Lock()


class _Nowhere:
    """What runs in no thread, so that nothing is published at once."""

    _thread_id = None


class Delivering:
    """A bus without its verbs."""

    __slots__ = (
        "__weakref__",
        "_closed",
        "_delivered",
        "_dropped",
        "_failed",
        "_loop",
        "_on_error",
        "_pending",
        "_published",
        "_queue",
        "_remembered",
        "_runner",
        "_topics",
        "_workers",
    )

    def __init__(self, on_error: OnError | None) -> None:
        self._on_error = on_error
        self._topics: Topics[Subscription] = Topics()
        self._remembered = self._topics.remembered
        self._queue: deque[_Queued] = deque()
        self._workers: dict[Worker, None] = {}  # those with a task
        self._loop: asyncio.AbstractEventLoop | None = None
        self._runner: Any = _Nowhere  # what tells in which thread the loop runs, as long as the bus is open
        self._closed = False
        self._published: int = 0
        self._delivered: int = 0
        self._failed: int = 0
        self._pending: int = 0  # deliveries that are not settled
        self._dropped: int = 0

    # -- its loop

    def _bind(self) -> None:
        """Belong to the loop that runs here, if it is the first."""
        running = _get_running_loop()
        if self._loop is None and running is not None:
            with _BINDING:
                if self._loop is None:
                    self._runner = home_of(running).runner
                    self._loop = running

    def _refuse(self) -> None:
        """Take no more."""
        self._closed = True
        self._runner = _Nowhere

    def _check_open(self, remedy: str) -> None:
        if self._closed:
            raise BusClosed(f"{self!r} is closed: {remedy}")

    def _check_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop, which must be the one that runs here."""
        self._bind()
        running = _get_running_loop()
        if running is None or running is not self._loop:
            raise RuntimeError(f"{self!r} belongs to another event loop: only publish() is safe from elsewhere")
        return running

    def _elsewhere(self, function: Callable[[], object]) -> bool:
        """Let the loop call a function soon, if this is not where it runs; tell whether that is so."""
        loop = self._loop
        if loop is None or _get_running_loop() is loop:
            return False
        try:
            loop.call_soon_threadsafe(function)
        except RuntimeError:  # it is closed, so that nobody is there to be disturbed
            return False
        return True

    def _soon(self, function: Callable[[], object]) -> None:
        """Let the loop call a function: for code that may run in the middle of anything."""
        if self._loop is None:
            function()
            return
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:  # it is closed
            pass

    # -- its queue

    def _post(self, event: Event | None, subscriptions: Iterator[Subscription], ticket: Ticket | None) -> None:
        """Let an event wait for its turn, which may be now."""
        self._queue.append((event, subscriptions, ticket))
        if len(self._queue) == 1:
            self._deliver()

    def _deliver(self) -> None:
        """Deliver what is queued, one event after the other, until nothing is, or the loop is to have its turn.

        An event stays first in the queue while it is delivered, so that whoever publishes meanwhile sees that.
        """
        queue = self._queue
        try:
            for _ in range(BUDGET):
                event, subscriptions, ticket = queue[0]
                if ticket is None:
                    if event is not None:
                        self._hand_over(event, subscriptions)
                else:
                    if event is not None:
                        _note(event, subscriptions, ticket)
                    ticket.complete()
                queue.popleft()
                if not queue:
                    return
        except BaseException:  # the interpreter is to end; whoever prevents that finds the rest delivered
            self._deliver_later()
            raise
        self._deliver_later()

    def _deliver_later(self) -> None:
        if self._loop is not None:
            self._loop.call_soon(self._deliver)

    def _hand_over(self, event: Event, subscriptions: Iterator[Subscription]) -> None:
        """Deliver one event to those that have yet to get it."""
        done = 0
        try:
            for subscription in subscriptions:
                handler = subscription._plain
                if handler is None:
                    subscription._take(event)
                    continue
                try:
                    result = handler(event)
                except BaseException as error:
                    Delivery(subscription, event).fail(error)
                    continue
                if result is not None and is_awaitable(result):
                    subscription._await_later(Delivery(subscription, event, result))
                    continue
                subscription.delivered += 1
                done += 1
        finally:
            self._delivered += done

    async def _handed_over(self) -> None:
        """Wait until all that is queued now has been handed over."""
        ticket = Ticket(asyncio.get_running_loop())
        self._post(None, iter(()), ticket)
        await ticket.future

    async def _handled(self) -> None:
        """Wait until all that was handed over has been handled.

        A handler in which this runs is not waited for, and it waits for none that waits in here already: so of two
        that would wait for each other, the second does not.
        """
        handled = Ticket(asyncio.get_running_loop())
        here = next((worker for worker in self._workers if worker.runs_here()), None)
        for worker in self._workers:
            last = worker.last
            if last is not None and worker is not here and not (here is not None and worker.waits):
                handled.add(last)
        handled.complete()
        if here is None:
            await handled.future
            return
        here.waits = True
        try:
            await handled.future
        finally:
            here.waits = False

    # -- what goes wrong

    def _report(self, error: BaseException, event: Event, subscription: Subscription) -> None:
        """Let it be known that a handler has failed."""
        logger.error("%r: %r failed on %s", self, subscription, shown(event), exc_info=error)
        if self._on_error is not None:
            try:
                self._on_error(error, event, subscription)
            except INTERRUPTS:
                raise
            except BaseException as another:
                logger.error("%r: on_error raised", self, exc_info=another)  # noqa: TRY400 - as it is done above


def _note(event: Event, subscriptions: Iterator[Subscription], ticket: Ticket) -> None:
    """Deliver one event, and note what becomes of it."""
    for subscription in subscriptions:
        delivery = subscription._take(event)
        if delivery is not None:
            ticket.add(delivery)
