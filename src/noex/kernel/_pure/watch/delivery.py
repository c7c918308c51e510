"""Telling subscribers of changes: after the change, outside the lock, in the order of the commits, one at a time.

A commit puts its events into the queue of its table; whoever has committed then delivers what is in the queue, unless
another does so already, who then delivers these too. A callback may write to any table: its events queue up behind.
"""

from __future__ import annotations

import logging
import os
from _thread import start_new_thread
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import NoReturn, Protocol, Self, TypeAlias, cast

from noex.errors import shown
from noex.kernel._pure.ground.lock import acquire, held, release
from noex.typing import TableEvent

__all__ = ["Delivery", "Queue", "QueueDelivery", "Queued", "Subscription", "teach_generation"]

_log = logging.getLogger("noex.ets")

_generation = 0  # of processes: what a thread of the parent was delivering at a fork, nobody delivers in the child
_learners: list[Callable[[int], object]] = []  # what else has to know the generation
_late: list[Delivery] = []  # whose events came up while their thread held the lock for longer


class Subscription:
    """What `subscribe` returns: events come until it is cancelled, or its table is closed. A context manager.

    >>> from noex import ets
    >>> table, seen = ets.SetTable[str, int](), []
    >>> with table.subscribe(seen.append):
    ...     table.insert("a", 1)
    >>> table.insert("a", 2)
    >>> seen
    [TableEvent(kind='insert', key='a', value=1, previous=MISSING)]
    """

    __slots__ = ("__weakref__", "_callback", "_delivery", "_kinds")

    def __init__(self, delivery: Delivery, callback: Callable[[TableEvent], object], kinds: frozenset[str]) -> None:
        self._delivery: Delivery | None = delivery
        self._callback = callback
        self._kinds = kinds

    @property
    def active(self) -> bool:
        """Whether events still come."""
        return self._delivery is not None

    def cancel(self) -> None:
        """Let no more events come, not even those that wait for delivery. O(subscriptions). Idempotent.

        >>> from noex import ets
        >>> subscription = ets.SetTable[str, int]().subscribe(print)
        >>> subscription.cancel()
        >>> subscription.active
        False
        """
        acquire()
        try:
            delivery, self._delivery = self._delivery, None
            if delivery is not None:
                delivery.listen(tuple(other for other in delivery.subscriptions if other is not self))
        finally:
            release()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} cannot be pickled or copied: it is between a table and a callback")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cancel()

    def __repr__(self) -> str:
        return f"<Subscription of {self._callback!r}{'' if self.active else ' cancelled'}>"


Queued: TypeAlias = tuple[TableEvent, tuple[Subscription, ...], int]
"""An event, who had subscribed when it was committed, and the generation of the process that did."""


class Delivery:
    """The subscribers of one table, and the events on their way to them."""

    __slots__ = ("_busy", "queue", "subscriptions")

    def __init__(self) -> None:
        self.subscriptions: tuple[Subscription, ...] = ()
        self.queue: deque[Queued] = deque()
        self._busy: int | None = None  # the generation of the process in which somebody delivers

    def subscribe(self, callback: Callable[[TableEvent], object], kinds: frozenset[str]) -> Subscription:
        """Add a subscriber, under the lock."""
        subscription = Subscription(self, callback, kinds)
        self.listen((*self.subscriptions, subscription))
        return subscription

    def listen(self, subscriptions: tuple[Subscription, ...]) -> None:
        """Have other subscribers from now on, under the lock."""
        self.subscriptions = subscriptions

    def end(self) -> None:
        """Cancel all subscriptions."""
        for subscription in self.subscriptions:
            subscription.cancel()

    def queued(self, events: list[TableEvent]) -> tuple[Queued, ...]:
        """Return what a commit adds to the queue for these events."""
        subscriptions = self.subscriptions
        return tuple((event, subscriptions, _generation) for event in events)

    def deliver(self) -> None:
        """Deliver what is in the queue, unless another thread, or a frame below, is at it."""
        if not self.queue:
            return
        if held():  # a frame below goes on under the lock: another thread delivers when it has let go
            if self not in _late:
                _late.append(self)
                _hand_over()
            return
        self._drain()
        _deliver_late()

    def _drain(self) -> None:
        while self.queue:
            acquire()
            if self._busy == _generation or not self.queue:
                release()
                return
            self._busy = _generation
            release()
            try:
                self._deliver_all()
            finally:
                self._busy = None

    def _deliver_all(self) -> None:
        queue = self.queue
        while queue:
            event, subscriptions, generation = queue.popleft()
            if generation != _generation:
                continue  # it is the parent's, who delivers it
            for number, subscription in enumerate(subscriptions, 1):
                if subscription._delivery is None or event[0] not in subscription._kinds:
                    continue
                try:
                    subscription._callback(event)
                except BaseException as error:
                    if not isinstance(error, Exception):  # the thread is to end: others get the rest by another
                        queue.appendleft((event, subscriptions[number:], generation))
                        _late.append(self)
                        _hand_over()
                        raise
                    _log.exception("a subscriber failed on the %s of %s", event.kind, shown(event.key))


class Queue(Protocol):
    """A queue that a native table fills by itself."""

    def popleft(self) -> Queued: ...
    def appendleft(self, queued: Queued, /) -> None: ...
    def __len__(self) -> int: ...
    def listen(self, subscriptions: tuple[Subscription, ...], /) -> None:
        """Take note of who is to hear of events from now on."""


class QueueDelivery(Delivery):
    """The subscribers of one native table."""

    __slots__ = ("_source",)

    def __init__(self, queue: Queue) -> None:
        super().__init__()
        self._source = queue
        self.queue = cast("deque[Queued]", queue)  # of a deque, `Delivery` uses what both have

    def listen(self, subscriptions: tuple[Subscription, ...]) -> None:
        """Have other subscribers from now on, under the lock; the table is told."""
        super().listen(subscriptions)
        self._source.listen(subscriptions)


def _hand_over() -> None:
    """Let a thread of its own deliver: this one is inside a verb or a recipe, which will not look for events."""
    try:
        start_new_thread(_deliver_when_free, ())
    except RuntimeError:  # the interpreter ends, or has no thread to spare: the next delivery has these with it
        return


def _deliver_when_free() -> None:
    acquire()
    release()
    _deliver_late()


def _deliver_late() -> None:
    while _late:
        try:
            delivery = _late.pop()
        except IndexError:  # another thread has taken it
            return
        delivery._drain()


def teach_generation(learn: Callable[[int], object]) -> None:
    """Have a function told which generation of processes this is: now, and in the child after each fork."""
    _learners.append(learn)
    learn(_generation)


def _forked() -> None:
    global _generation  # noqa: PLW0603 - it counts for the process
    _generation += 1
    for learn in _learners:
        learn(_generation)
    _late.clear()  # the threads that were to deliver these are the parent's


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
