"""Who gets the events of a subscription: a plain function, a coroutine function, a server, or whoever listens."""

from __future__ import annotations

import asyncio
import contextvars
from abc import abstractmethod
from asyncio import current_task
from collections import deque
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeGuard

from noex.errors import MailboxFull
from noex.otp._deliveries import Delivery
from noex.otp._loops import BUDGET
from noex.otp._tasks import first_step

if TYPE_CHECKING:
    from noex.otp._ref import Ref
    from noex.otp._subscriptions import Subscription

__all__ = ["POLICIES", "Function", "Inbox", "QueuePolicy", "Receiver", "Server", "Stream", "Worker", "is_awaitable"]

QueuePolicy: TypeAlias = Literal["drop_new", "drop_oldest", "error"]
"""What becomes of an event that finds a full queue: "drop_new" drops it, "drop_oldest" drops the one that has waited
longest in its place, "error" drops it and reports a `MailboxFull`. All are counted."""

POLICIES: Final = frozenset({"drop_new", "drop_oldest", "error"})


def is_awaitable(result: object) -> TypeGuard[Awaitable[Any]]:
    """Tell whether a handler has returned something to be awaited."""
    return result is not None and hasattr(type(result), "__await__")


class Inbox:
    """What waits for a subscription: at most `max_queue` events."""

    __slots__ = ("max_queue", "policy", "queue")

    def __init__(self, max_queue: int | None, policy: QueuePolicy) -> None:
        self.queue: deque[Delivery] = deque()
        self.max_queue = max_queue
        self.policy = policy

    def put(self, delivery: Delivery) -> None:
        """Let one more wait, or do as the policy says."""
        if self.max_queue is not None and len(self.queue) >= self.max_queue:
            if self.policy != "drop_oldest":
                error = None
                if self.policy == "error":
                    error = MailboxFull(
                        f"{delivery.subscription!r} has max_queue={self.max_queue} events waiting; publish slower "
                        "(`await bus.publish_wait(...)`), or handle them quicker"
                    )
                delivery.settle("dropped", error)
                return
            self.queue.popleft().settle("dropped")
        self.queue.append(delivery)

    def drop(self) -> None:
        """Let nothing wait any more."""
        while self.queue:
            self.queue.popleft().settle("dropped")


class Receiver:
    """What all of them do."""

    __slots__ = ("subscription",)

    handles = True
    """Whether it is known when an event has been handled."""

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription

    @abstractmethod
    def take(self, delivery: Delivery) -> None:
        """Take an event, and settle the delivery, now or later."""

    @property
    def queued(self) -> int:
        """How many events wait."""
        return 0

    def left(self) -> None:
        """No more events will come."""

    def drop(self) -> None:
        """Drop what waits."""

    def runs_here(self) -> bool:
        """Tell whether this is the task in which the handler runs."""
        return False


class Function(Receiver):
    """A plain function: it is called at once."""

    __slots__ = ("_context", "_max_queue", "_policy")

    def __init__(self, subscription: Subscription, max_queue: int | None, policy: QueuePolicy) -> None:
        super().__init__(subscription)
        self._context = contextvars.copy_context()
        self._max_queue = max_queue
        self._policy: QueuePolicy = policy

    def as_worker(self) -> Worker:
        """Return what goes on in its place, because it has returned something to be awaited."""
        return Worker(self.subscription, Inbox(self._max_queue, self._policy), self._context)

    def take(self, delivery: Delivery) -> None:
        """Call it."""
        subscription = self.subscription
        handler = subscription._resolve()
        if handler is None:
            delivery.settle("dropped")
            subscription.cancel()
            return
        try:
            result = handler(delivery.event)
        except BaseException as error:
            delivery.fail(error)
            return
        if is_awaitable(result):
            delivery.awaitable = result
            subscription._await_later(delivery)
        else:
            delivery.settle("delivered")


class Server(Receiver):
    """A server: it gets the event in `handle_info`."""

    __slots__ = ("ref",)

    def __init__(self, subscription: Subscription, ref: Ref) -> None:
        super().__init__(subscription)
        self.ref = ref

    def take(self, delivery: Delivery) -> None:
        """Put it into the server's mailbox."""
        try:
            taken = self.ref.send(delivery.event)
        except BaseException as error:
            delivery.fail(error)
            return
        delivery.settle("delivered" if taken else "dropped")


class Worker(Receiver):
    """A coroutine function: one event at a time, in order, in a task that is there while there is something to do."""

    __slots__ = ("_context", "_inbox", "_name", "_running", "_task", "waits")

    def __init__(self, subscription: Subscription, inbox: Inbox, context: contextvars.Context) -> None:
        super().__init__(subscription)
        self._inbox = inbox
        self._context = context
        self._name = f"{subscription.bus!r} {subscription.pattern}"
        self._running: Delivery | None = None
        self._task: asyncio.Task[None] | None = None
        self.waits = False
        """Whether its handler waits for those of all others."""

    @property
    def queued(self) -> int:
        """How many events wait, the one that is handled included."""
        return len(self._inbox.queue) + (self._running is not None)

    @property
    def last(self) -> Delivery | None:
        """The delivery that is settled last of those that are there."""
        return self._inbox.queue[-1] if self._inbox.queue else self._running

    @property
    def task(self) -> asyncio.Task[None] | None:
        """Its task, while there is one."""
        return self._task

    def take(self, delivery: Delivery) -> None:
        """Let it wait for its turn, and see that it gets one."""
        self._inbox.put(delivery)
        if self._task is None and self._inbox.queue:
            bus = self.subscription.bus
            work = self._work()
            work.send(None)  # up to where a cancellation finds it at home: a task that never began would tell nobody
            self._task = asyncio.Task(work, loop=bus._loop, context=self._context, name=self._name)
            bus._workers[self] = None

    def drop(self) -> None:
        """Drop what waits; what is handled comes to its end."""
        self._inbox.drop()

    def cut_off(self) -> None:
        """Drop what waits, and cancel what is handled."""
        self._inbox.drop()
        if self._task is not None:
            self._task.cancel()

    def runs_here(self) -> bool:
        """Tell whether this is its task."""
        return self._task is not None and current_task(self._task.get_loop()) is self._task

    async def _work(self) -> None:
        queue = self._inbox.queue
        budget = BUDGET
        task = None
        try:
            await first_step()
            task = self._task
            while queue and task is not None and not task.cancelling():
                self._running = queue.popleft()
                await self._handle(self._running, task)
                self._running = None
                budget -= 1
                if not budget:
                    budget = BUDGET
                    await asyncio.sleep(0)
        finally:
            task, self._task = self._task, None
            running, self._running = self._running, None
            self.subscription.bus._workers.pop(self, None)
            if running is not None:
                running.settle("dropped")
            if queue or (task is not None and task.cancelling()):  # somebody from outside has cancelled it
                self.subscription.cancel()

    async def _handle(self, delivery: Delivery, task: asyncio.Task[None]) -> None:
        """Call the handler, and await what it returns."""
        try:
            result: object = delivery.awaitable
            if result is None:
                handler = self.subscription._resolve()
                if handler is None:
                    delivery.settle("dropped")
                    self.subscription.cancel()
                    return
                result = handler(delivery.event)
            if is_awaitable(result):
                await result
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and task.cancelling():
                raise
            delivery.fail(error)
        else:
            delivery.settle("delivered")


class Stream(Receiver):
    """Whoever listens: events wait until they are taken."""

    __slots__ = ("_waiting", "inbox")

    handles = False

    def __init__(self, subscription: Subscription, inbox: Inbox) -> None:
        super().__init__(subscription)
        self.inbox = inbox
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def queued(self) -> int:
        """How many events wait."""
        return len(self.inbox.queue)

    def take(self, delivery: Delivery) -> None:
        """Let it wait, and wake who listens."""
        self.inbox.put(delivery)
        self.left()

    def left(self) -> None:
        """Wake who listens: there is something to see."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    def drop(self) -> None:
        """Drop what waits."""
        self.inbox.drop()

    async def next(self) -> Any:
        """Return the next event, once there is one; `StopAsyncIteration` when none will come."""
        while not self.inbox.queue:
            if not self.subscription.active:
                raise StopAsyncIteration
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            try:
                await future
            finally:
                self._waiting.remove(future)
        delivery = self.inbox.queue.popleft()
        delivery.settle("delivered")
        return delivery.event
