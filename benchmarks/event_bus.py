"""What does it cost to publish to an `EventBus`, next to `blinker`'s signals, and how much do other patterns matter?

A signal of blinker is one topic: it has no patterns and no queues, calls its receivers one after the other, and lets
the first error through. It holds its receivers weakly unless told otherwise, a bus does not: both ways are measured,
and the quicker one counts.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeAlias

import blinker
from _measure import Case, Timer, compare, environment, options, quiet_collector

from noex.otp import Event, EventBus

Run: TypeAlias = Callable[[int], Awaitable[None]]

TOPIC = "user.created"
NEW_TOPICS = 1000


def handlers(number: int) -> list[Callable[[Event], None]]:
    """Return functions that do nothing with an event."""

    def handler() -> Callable[[Event], None]:
        def handle(event: Event) -> None: ...

        return handle

    return [handler() for _ in range(number)]


def receivers(number: int) -> list[Callable[..., None]]:
    """Return functions that do nothing with what blinker sends."""

    def receiver() -> Callable[..., None]:
        def receive(sender: Any, message: Any) -> None: ...

        return receive

    return [receiver() for _ in range(number)]


def bus_of(pattern: str, number: int, others: int = 0) -> EventBus:
    """Return a bus with so many plain subscribers to a pattern, and so many other patterns, each subscribed to once."""
    bus = EventBus()
    for handler in handlers(number):
        bus.subscribe(pattern, handler)
    chance = random.Random(1)
    for handler in handlers(others):
        segments = [chance.choice(["*", "**", f"s{chance.randrange(100)}"]) for _ in range(chance.randrange(1, 4))]
        bus.subscribe(".".join(["other", *segments]), handler)
    return bus


def publishing(bus: EventBus, topics: tuple[str, ...] = (TOPIC,)) -> Run:
    """Return a run that publishes to these topics in turn."""

    async def run(times: int) -> None:
        publish = bus.publish
        for _ in range(times // len(topics)):
            for topic in topics:
                publish(topic, 1)

    return run


def sending(number: int, *, weak: bool) -> Run:
    """Return a run that sends a signal to so many receivers."""
    signal, kept = blinker.Signal(), receivers(number)
    for receiver in kept:
        signal.connect(receiver, weak=weak)

    async def run(times: int) -> None:
        send = signal.send
        for _ in range(times):
            send(kept, message=1)  # some sender: here nobody asks which

    return run


def signals(on: Callable[[Run], Timer], number: int) -> dict[str, Timer]:
    """Return timers of blinker's signals."""
    return {
        f"blinker, {number} receivers": on(sending(number, weak=True)),
        f"blinker, {number} receivers held strongly": on(sending(number, weak=False)),
    }


def coming_and_going(bus: EventBus, pattern: str) -> Run:
    """Return a run that subscribes and cancels."""
    [handler] = handlers(1)

    async def run(times: int) -> None:
        for _ in range(times):
            bus.subscribe(pattern, handler).cancel()

    return run


async def connecting(times: int) -> None:
    """Connect to a signal and disconnect."""
    signal, [receiver] = blinker.Signal(), receivers(1)
    for _ in range(times):
        signal.connect(receiver)
        signal.disconnect(receiver)


async def turn(_: Event) -> None:
    """Handle an event, in a turn of the loop."""
    await asyncio.sleep(0)


def waiting(number: int) -> Run:
    """Return a run that publishes to coroutine functions, and waits for them each time."""
    bus = EventBus()
    for _ in range(number):
        bus.subscribe(TOPIC, turn)

    async def run(times: int) -> None:
        for _ in range(times // number):
            await bus.publish_wait(TOPIC, 1)

    return run


def gathering(number: int) -> Run:
    """Return a run that does the same by hand."""

    async def run(times: int) -> None:
        event = Event(TOPIC, 1)
        for _ in range(times // number):
            await asyncio.gather(*(turn(event) for _ in range(number)), return_exceptions=True)

    return run


def cases(on: Callable[[Run], Timer], times: int, others: int) -> Iterator[Case]:
    """Yield the comparisons."""
    exact = bus_of(TOPIC, 10)
    crowded = bus_of(TOPIC, 10, others)
    plain = on(publishing(exact))
    yield Case("publish, exact topic, 10 functions", plain, signals(on, 10), times, 1.5)
    yield Case(f"the same, {others:,} other patterns", on(publishing(crowded)), {"without the others": plain}, times, 2)
    yield Case("publish, `user.*`, 10 functions", on(publishing(bus_of("user.*", 10))), signals(on, 10), times, 1.5)
    yield Case("publish, exact topic, 1 function", on(publishing(bus_of(TOPIC, 1))), signals(on, 1), times)
    yield Case("publish, nobody there", on(publishing(bus_of("other", 1))), signals(on, 0), times)

    many = tuple(f"user.{number}.created" for number in range(2 * NEW_TOPICS))  # more than a bus remembers
    few = on(publishing(bus_of("user.*.created", 10), many))
    yield Case(
        f"publish, new topics, {others:,} other patterns",
        on(publishing(bus_of("user.*.created", 10, others), many)),
        {"without the others": few},
        times,
        2,
    )
    connected = {"blinker, connect and disconnect": on(connecting)}
    yield Case("subscribe and cancel", on(coming_and_going(EventBus(), TOPIC)), connected, times)
    yield Case(f"the same, {others:,} other patterns", on(coming_and_going(crowded, "user.*")), connected, times)
    yield Case(
        "publish_wait, each of 10 coroutine functions",
        on(waiting(10)),
        {"asyncio.gather of 10 coroutines": on(gathering(10))},
        times,
    )


def main() -> None:
    """Print one line per comparison."""
    chosen = options(times=20_000, others=10_000, rounds=9)
    print(environment())
    with asyncio.Runner() as runner:

        def on(run: Run) -> Timer:
            """Return a timer of a run on the event loop."""

            async def measured() -> float:
                start = time.perf_counter()
                await run(chosen.times)
                return time.perf_counter() - start

            def timer() -> float:
                with quiet_collector():
                    return runner.run(measured())

            return timer

        compare(cases(on, chosen.times, chosen.others), chosen.rounds)


if __name__ == "__main__":
    main()
