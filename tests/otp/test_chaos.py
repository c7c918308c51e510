"""Random processes of a tree of three levels are made to end, and each time the tree is whole again.

Whole means: exactly the processes that belong to it run, their names lead to them, no task runs that is not of one of
them, and every call that was made meanwhile has come back. The everyday run and a long one take virtual time;
`NOEX_TEST_LONG=1` also runs a minute of real time.
"""

from __future__ import annotations

import asyncio
import os
import random
from typing import Any

import pytest

from noex.otp import (
    CallTimeout,
    Child,
    ChildStartError,
    DynamicSupervisor,
    GenServer,
    NoProcess,
    Ref,
    ServerDown,
    Shutdown,
    Supervisor,
    default_registry,
    named,
    whereis,
)
from tests.otp.conftest import Crashes
from tests.otp.supervised import processes

long_run = pytest.mark.skipif(os.environ.get("NOEX_TEST_LONG") != "1", reason="NOEX_TEST_LONG=1 runs it")

OFTEN = 1_000_000_000
ROOMS = ["room 0", "room 1", "room 2"]
ACCEPTED = (ServerDown, NoProcess, CallTimeout)


class Leaf(GenServer):
    """Does something, and now and then waits while it does it or while it ends."""

    def init(self, *, slow: bool = False) -> Any:
        self.slow = slow
        return asyncio.sleep(0.001) if slow else None

    def handle_call(self, message: str) -> Any:
        return self._wait(message) if self.slow else message

    async def _wait(self, message: str) -> str:
        await asyncio.sleep(0.002)
        return message

    def handle_cast(self, message: str) -> Any:
        if message == "crash":
            raise ZeroDivisionError("as asked")
        return asyncio.sleep(1000)

    async def terminate(self, reason: Any) -> None:
        if self.slow:
            await asyncio.sleep(0.001)


class Keeper(GenServer):
    """Sees that there are rooms."""

    async def init(self) -> None:
        rooms: Any = whereis("rooms")
        if rooms is None:
            raise NoProcess("no rooms")
        for name in ROOMS:
            try:
                await rooms.start_child(Child(Leaf, name=name))
            except ChildStartError:
                continue  # it is there already

    def handle_call(self, message: str) -> str:
        return message

    def handle_cast(self, message: str) -> None:
        raise ZeroDivisionError("as asked")


def tree() -> Supervisor:
    def supervisor(name: str, strategy: Any, children: list[Any]) -> Supervisor:
        return Supervisor(children, strategy=strategy, name=name, max_restarts=OFTEN)

    def leaves(prefix: str, number: int) -> list[Child]:
        return [Child(Leaf, (), {"slow": n % 2 == 1}, name=f"{prefix} {n}") for n in range(number)]

    one = supervisor("one", "one_for_one", [*leaves("one", 3), supervisor("deep", "one_for_all", leaves("deep", 3))])
    everyone = supervisor("all", "one_for_all", leaves("all", 4))
    # A room that the keeper starts before its supervisor has heard of the end of its predecessor is in the way of the
    # restart for good: the supervisor gives up then, and all of it is started anew.
    rooms = DynamicSupervisor(name="rooms", max_restarts=20)
    rest = supervisor("rest", "rest_for_one", [*leaves("rest", 2), rooms, Child(Keeper, name="keeper")])
    return supervisor("top", "one_for_one", [one, everyone, rest])


NAMES = {"top", "one", "deep", "all", "rest", "rooms", "keeper", *ROOMS}
NAMES |= {
    f"{prefix} {n}" for prefix, number in (("one", 3), ("deep", 3), ("all", 4), ("rest", 2)) for n in range(number)
}


def what_is_wrong() -> str | None:
    """Return why the tree is not whole, or None."""
    registry = default_registry()
    names = {*registry}
    if names != NAMES:
        return f"missing {NAMES - names}, stale {names - NAMES}"
    holders = {name: registry.lookup(name) for name in NAMES}
    dead = [name for name, ref in holders.items() if not ref.alive]
    if dead:
        return f"dead {dead}"
    found = {process.ref for process in processes()}
    if found != {*holders.values()}:
        return f"orphans {found - {*holders.values()}}"
    tasks = {process.task for process in processes()}
    strays = [task for task in asyncio.all_tasks() if isinstance(task.get_name(), str) and task not in tasks]
    strays = [task for task in strays if not task.get_name().startswith(("Task-", "caller"))]
    return f"tasks {strays}" if strays else None


async def strike(ref: Ref, rng: random.Random) -> None:
    """Make a process end, in one of many ways."""
    way = rng.randrange(5)
    if way == 0:
        ref.cast("crash")
        ref.cast("wait")
    elif way == 1:
        ref.cast("wait")
        await asyncio.sleep(0)
        ref.kill()
    elif way == 2:
        ref.kill()
    else:
        stopping = asyncio.ensure_future(ref.stop(rng.choice(["normal", "shutdown", Shutdown("chaos")])))
        stopping.set_name("caller")
        if way == 3:
            await asyncio.sleep(0)


async def call(name: str) -> str:
    try:
        reply: str = await named(name).call(name, 5000.0)
    except ACCEPTED:
        return name
    return reply


async def chaos(rng: random.Random, goes_on: Any, pause: float) -> int:
    """Strike as long as it goes on, and tell how often; after each strike, wait for the tree to be whole."""
    strikes = 0
    async with tree() as top:
        assert what_is_wrong() is None
        callable_names = sorted(NAMES - {"top", "one", "deep", "all", "rest", "rooms"})
        while goes_on(strikes):
            calls = [asyncio.create_task(call(rng.choice(callable_names)), name="caller") for _ in range(4)]
            for _ in range(rng.choice([1, 1, 1, 2, 4])):
                victims = sorted(NAMES & {*default_registry()} - {"top"})
                ref = whereis(rng.choice(victims))
                assert ref is not None
                await strike(ref, rng)
                strikes += 1
                if rng.random() < 0.5:
                    await asyncio.sleep(0)
            for _ in range(10_000):
                await asyncio.sleep(pause)
                if what_is_wrong() is None and all(task.done() for task in calls):
                    break
            assert what_is_wrong() is None
            assert top.alive
            assert [task.result() for task in calls] == [task.result() for task in calls if task.done()]
        assert top.failure is None
    assert processes() == []
    assert [*default_registry()] == []
    return strikes


@pytest.mark.parametrize("seed", range(4))
async def test_a_tree_is_whole_after_each_of_many_ends(seed: int, crashes: Crashes) -> None:
    strikes = await chaos(random.Random(seed), lambda strikes: strikes < 100, 0.01)
    assert strikes >= 100
    crashes.take()


@pytest.mark.slow
@long_run
@pytest.mark.parametrize("seed", range(4, 14))
async def test_a_tree_is_whole_after_each_of_very_many_ends(seed: int, crashes: Crashes) -> None:
    await chaos(random.Random(seed), lambda strikes: strikes < 2000, 0.01)
    crashes.take()


@pytest.mark.slow
@long_run
def test_a_tree_is_whole_for_a_minute_of_real_time(crashes: Crashes) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        reported: list[Any] = []
        loop.set_exception_handler(lambda _, context: reported.append(context))
        end = loop.time() + 60.0
        await chaos(random.Random(), lambda strikes: loop.time() < end, 0.003)
        await asyncio.sleep(0.01)
        assert len(asyncio.all_tasks()) == 1
        assert reported == []

    asyncio.run(main(), debug=True)
    crashes.take()
