"""Supervisors next to Erlang's `supervisor`: random schedules of ends and requests, and the same made of them.

The same starts and stops in the same order, the same results, the same children after each step, and the same end. All
restarts of a schedule fall into the time within which they are counted: Erlang counts in real seconds, the event loop
here in virtual ones. What is left out: what OTP refuses and `Child` refuses as well, and reasons of ends.
`NOEX_TEST_LONG=1` runs more, and other schedules each time.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest

from noex.otp import (
    Child,
    ChildExists,
    ChildNotFound,
    ChildRunning,
    ChildStartError,
    GenServer,
    Ignore,
    NoProcess,
    Reason,
    ServerDown,
    Shutdown,
    StartIgnored,
    Stop,
    Supervisor,
    SupervisorRef,
)
from noex.testing import manual_loop

from ._erlang import Erlang, why_not
from ._terms import Atom, show

LONG = os.environ.get("NOEX_TEST_LONG") == "1"
SCHEDULES = 2000 if LONG else 200
BATCH = 50

Told = tuple[int, Atom, bool, list[Atom]]
Schedule = tuple[tuple[Atom, int, Atom], list[Told], list[Any]]


@pytest.fixture(scope="module")
def supervisors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erlang]:
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    with Erlang(tmp_path_factory.mktemp("supervisors"), "supervisor_port") as erlang:
        yield erlang


# -- schedules


def told(rng: random.Random, child_id: int, auto_shutdown: str, *, first: bool) -> Told:
    restart = rng.choice(["permanent", "permanent", "transient", "temporary"])
    significant = auto_shutdown != "never" and restart != "permanent" and rng.random() < 0.6
    plan = rng.choices(["ok", "fail", "ignore"], [8, 3, 1], k=rng.randrange(5))
    if first and plan and rng.random() < 0.9:
        plan[0] = "ok"
    return child_id, Atom(restart), significant, [Atom(outcome) for outcome in plan]


def schedule(rng: random.Random) -> Schedule:
    auto_shutdown = rng.choice(["never", "never", "any_significant", "all_significant"])
    flags = (
        Atom(rng.choice(["one_for_one", "one_for_all", "rest_for_one"])),
        rng.choice([0, 1, 2, 5, 5, 20]),
        Atom(auto_shutdown),
    )
    children = [told(rng, number, auto_shutdown, first=True) for number in range(rng.randrange(1, 6))]
    return flags, children, [step(rng, auto_shutdown) for _ in range(rng.randrange(1, 13))]


def step(rng: random.Random, auto_shutdown: str) -> Any:
    child_id = rng.randrange(6)
    kind = rng.choices(["finish", "together", "terminate", "delete", "restart", "start"], [8, 2, 2, 2, 2, 2])[0]
    if kind == "finish":
        reason = rng.choice([Atom("normal"), Atom("shutdown"), (Atom("shutdown"), 1), Atom("crash"), Atom("kill")])
        return Atom(kind), child_id, reason
    if kind == "together":
        return Atom(kind), rng.sample(range(6), rng.randrange(2, 5))
    if kind == "start":
        return Atom(kind), told(rng, child_id, auto_shutdown, first=False)
    return Atom(kind), child_id


# -- ours


class Follower(GenServer):
    """A child that starts as planned, and ends as it is told."""

    def init(self, child_id: int, plan: list[Atom], log: list[Any], counts: dict[int, int]) -> Any:
        self.child_id, self.log, self.finished = child_id, log, False
        number = counts[child_id] = counts.get(child_id, 0) + 1
        log.append((Atom("start"), child_id))
        outcome = plan[number - 1].name if number <= len(plan) else "ok"
        if outcome == "fail":
            raise KeyError("planned")
        return Ignore if outcome == "ignore" else None

    def handle_cast(self, message: Any) -> Any:
        self.finished = True
        if message == "crash":
            raise KeyError(message)
        return Stop(message)

    def terminate(self, reason: Reason) -> None:
        if not self.finished:
            self.log.append((Atom("stop"), self.child_id))


class Ours:
    """One schedule, followed by ours."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.counts: dict[int, int] = {}

    def child(self, told: Told) -> Child:
        child_id, restart, significant, plan = told
        arguments = (child_id, plan, self.log, self.counts)
        return Child(Follower, arguments, id=child_id, restart=restart.name, significant=significant)  # type: ignore[arg-type]

    async def follow(self, schedule: Schedule) -> list[Any]:
        (strategy, intensity, auto_shutdown), children, steps = schedule
        try:
            supervisor = await Supervisor.start(
                map(self.child, children),
                strategy=strategy.name,  # type: ignore[typeddict-item]
                max_restarts=intensity,
                within=1000.0,
                auto_shutdown=auto_shutdown.name,  # type: ignore[typeddict-item]
            )
        except ChildStartError as error:
            return [((Atom("failed"), error.child_id), self.entries(), Atom("ended"))]
        found = [await self.seen(Atom("ok"), supervisor)]
        for one in steps:
            try:
                result = Atom(await self.step(one, supervisor))
            except (ServerDown, NoProcess):
                result = Atom("gone")
            found.append(await self.seen(result, supervisor))
            if not supervisor.alive:
                break
        await supervisor.stop("shutdown")
        return [*found, (Atom("ok"), self.entries(), Atom("ended"))]

    async def step(self, step: Any, supervisor: SupervisorRef) -> str:
        kind, *arguments = step
        if kind.name in ("finish", "together"):
            refs = {info.id: info.ref for info in await supervisor.children() if info.ref is not None}
            if kind.name == "together":
                for child_id in arguments[0]:
                    if child_id in refs:
                        refs[child_id].kill()
                return "ok"
            child_id, reason = arguments
            if child_id not in refs:
                return "none"
            self.finish(refs[child_id], reason)
            await refs[child_id].wait()
            return "ok"
        verb = getattr(supervisor, f"{kind.name}_child")
        try:
            await verb(self.child(arguments[0]) if kind.name == "start" else arguments[0])
        except ChildExists:
            return "exists"
        except ChildRunning:
            return "running"
        except ChildNotFound:
            return "not_found"
        except ChildStartError:
            return "failed"
        except StartIgnored:
            return "ignored"
        return "ok"

    def finish(self, ref: Any, reason: Any) -> None:
        if isinstance(reason, tuple):
            ref.cast(Shutdown(reason[1]))
        elif reason.name == "kill":
            ref.kill()
        else:
            ref.cast(reason.name)

    async def seen(self, result: Atom, supervisor: SupervisorRef) -> Any:
        await asyncio.sleep(1)
        if not supervisor.alive:
            reason = await supervisor.wait()
            assert reason in (Shutdown("max_restarts"), Shutdown("auto_shutdown"))
            return result, self.entries(), Atom("ended")
        children = await supervisor.children()
        assert all(info.status != "restarting" for info in children)
        return result, self.entries(), [(info.id, info.ref is not None) for info in children]

    def entries(self) -> list[Any]:
        entries, self.log[:] = [*self.log], []
        return entries


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Crashes are what the schedules are made of."""
    logger = logging.getLogger("noex.otp")
    logger.disabled = True
    yield
    logger.disabled = False


def follow(schedules: list[Schedule]) -> list[Any]:
    async def main() -> list[Any]:
        return [await Ours().follow(one) for one in schedules]

    with asyncio.Runner(debug=True, loop_factory=manual_loop) as runner:
        return runner.run(main())


@pytest.mark.parametrize("batch", range(SCHEDULES // BATCH))
def test_the_same_is_made_of_random_schedules(batch: int, supervisors: Erlang) -> None:
    seed = random.randrange(10**9) if LONG else batch
    rng = random.Random(seed)
    schedules = [schedule(rng) for _ in range(BATCH)]
    theirs = supervisors.exchange(schedules)
    for number, (one, expected, found) in enumerate(zip(schedules, theirs, follow(schedules), strict=True)):
        if not same(expected, found):
            pytest.fail(f"seed {seed}, schedule {number}: {show(one)}\nErlang: {show(expected)}\nours:   {show(found)}")


def same(expected: list[Any], found: list[Any]) -> bool:
    return [*map(normal, expected)] == [*map(normal, found)]


def normal(seen: Any) -> Any:
    """What Erlang tells by the call that failed because the supervisor ended is not compared."""
    result, log, children = seen
    ended = children == Atom("ended")
    return Atom("any") if ended and not isinstance(result, tuple) else result, log, children


def test_schedules_reach_what_they_are_to_compare(supervisors: Erlang) -> None:
    """Restarts in groups, ends of all kinds, and failures are frequent among the schedules that are followed."""
    rng = random.Random(0)
    answers = supervisors.exchange([schedule(rng) for _ in range(BATCH)])
    logs = [entry for answer in answers for _, log, _ in answer for entry in log]
    results = [result for answer in answers for result, _, _ in answer]
    assert logs.count((Atom("start"), 0)) > BATCH
    assert logs.count((Atom("stop"), 0)) > 10
    for word in ("ok", "failed", "exists", "running", "not_found"):
        assert Atom(word) in results
    assert sum(answer[-2][2] == Atom("ended") for answer in answers if len(answer) > 1) > 5
