"""Links and monitors."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from noex.otp import (
    Crash,
    Down,
    Exit,
    GenServer,
    InitError,
    Killed,
    NoProcess,
    Ref,
    ServerDown,
    Shutdown,
    Stop,
    named,
    whereis,
)
from tests.otp.conftest import Crashes
from tests.otp.servers import Counter, Notes, Waiting

pytestmark = pytest.mark.usefixtures("direct_calls")

ENDS = ["normal", "shutdown", Shutdown("detail"), Killed(), Crash(KeyError("x"))]


async def turns(number: int = 10) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def end(ref: Ref, reason: Any) -> None:
    if reason == Killed():
        ref.kill()
    else:
        await ref.stop(reason)
    await turns()


async def do(ref: Ref, verb: str, *arguments: Any, **options: Any) -> Any:
    return await ref.call(lambda server: getattr(server, verb)(*arguments, **options))


@pytest.mark.parametrize("reason", ENDS)
async def test_a_monitor_tells_why_a_server_ended(reason: Any) -> None:
    watcher, watched = await Notes.start(), await Counter.start()
    monitors = [await do(watcher, "monitor", watched) for _ in range(2)]
    assert monitors[0].ref is watched
    await end(watched, reason)
    assert await watcher.call("notes") == [Down(monitor, watched, reason) for monitor in monitors]
    assert watcher.alive


async def test_a_monitor_of_the_dead_and_of_the_unknown() -> None:
    watcher, watched = await Notes.start(), await Counter.start()
    await watched.stop()
    first = await do(watcher, "monitor", watched)
    second = await do(watcher, "monitor", named("nobody"))
    assert await watcher.call("notes") == [Down(first, watched, "noproc"), Down(second, second.ref, "noproc")]


async def test_demonitor() -> None:
    watcher, watched = await Notes.start(), await Counter.start()
    kept = await do(watcher, "monitor", watched)
    gone = await do(watcher, "monitor", watched)
    assert await do(watcher, "demonitor", gone)
    assert not await do(watcher, "demonitor", gone)
    await end(watched, "normal")
    assert await watcher.call("notes") == [Down(kept, watched, "normal")]
    assert not await do(watcher, "demonitor", kept)


@pytest.mark.parametrize("flush", [True, False])
async def test_demonitor_takes_away_what_waits_already(flush: bool) -> None:
    watcher, watched = await Notes.start(), await Counter.start()
    monitor = await do(watcher, "monitor", watched)

    def kill_and_demonitor(server: Notes) -> bool:
        watched.kill()
        return server.demonitor(monitor, flush=flush)

    assert await watcher.call(kill_and_demonitor) is False
    assert await watcher.call("notes") == ([] if flush else [Down(monitor, watched, Killed())])


async def test_the_dead_are_not_told_and_not_kept() -> None:
    watcher, watched = await Notes.start(), await Counter.start()
    for _ in range(3):
        await do(watcher, "monitor", watched)
    watcher.kill()
    assert not watched._process.monitors
    await watched.stop()


async def test_a_server_may_monitor_itself() -> None:
    ref = await Notes.start()
    await do(ref, "monitor", ref)
    await ref.stop()
    assert await ref.wait() == "normal"


class Odd:
    """Equal to everything, or to nothing without an error."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    def __eq__(self, other: object) -> bool:
        if self.error is not None:
            raise self.error
        return True

    __hash__ = None  # type: ignore[assignment]


class KeepsCasts(Notes):
    """Keeps what is cast, too."""

    def handle_cast(self, message: Any) -> None:
        self.notes.append(message)


@pytest.mark.parametrize("error", [None, ValueError("ambiguous")])
async def test_demonitor_compares_no_messages(error: Exception | None) -> None:
    watcher, watched = await KeepsCasts.start(), await Counter.start()
    monitor = await do(watcher, "monitor", watched)
    odd = Odd(error)

    def demonitor(server: Notes) -> bool:
        watcher.cast(odd)
        watcher.send(odd)
        watched.kill()
        watcher.cast("last")
        return server.demonitor(monitor)

    assert await watcher.call(demonitor) is False
    await turns()
    notes = await watcher.call("notes")
    assert [note is odd for note in notes] == [True, True, False]
    assert type(notes[2]) is str


@pytest.mark.parametrize("reason", ENDS)
@pytest.mark.parametrize("way", [0, 1])
async def test_a_link_carries_the_reason_unchanged_both_ways(reason: Any, way: int) -> None:
    pair = [await Notes.start(), await Notes.start()]
    await do(pair[0], "link", pair[1])
    await do(pair[1], "link", pair[0])
    await end(pair[way], reason)
    other = pair[1 - way]
    if reason == "normal":
        assert other.alive
    else:
        assert await other.wait() is await pair[way].wait()


async def test_links_cascade(crashes: Crashes) -> None:
    chain = [await Notes.start() for _ in range(2000)]
    for one, two in itertools.pairwise(chain):
        await do(one, "link", two)
    with pytest.raises(ServerDown):
        await do(chain[0], "no such verb")
    reasons = {await ref.wait() for ref in chain}
    assert len(reasons) == 1
    crashes.take()


@pytest.mark.parametrize("reason", ENDS)
async def test_who_traps_exits_is_told_and_lives(reason: Any) -> None:
    trapping, other, third = await Notes.start(trap_exit=True), await Notes.start(), await Notes.start()
    await do(trapping, "link", other)
    await do(third, "link", other)
    await end(other, reason)
    assert await trapping.call("notes") == [Exit(other, reason)]
    assert third.alive == (reason == "normal")


async def test_a_link_to_the_dead() -> None:
    dead, trapping, other = await Notes.start(), await Notes.start(trap_exit=True), await Notes.start()
    await dead.stop()
    await do(trapping, "link", dead)
    assert await trapping.call("notes") == [Exit(dead, "noproc")]
    await do(other, "link", dead)
    assert await other.wait() == "noproc"
    with pytest.raises(ServerDown) as failure:
        await do(trapping, "link", named("nobody"))
    assert isinstance(failure.value.__cause__, NoProcess)


test_a_link_to_the_dead = pytest.mark.usefixtures("crashes_are_meant")(test_a_link_to_the_dead)


@pytest.fixture
def crashes_are_meant(crashes: Crashes) -> Any:
    yield
    assert crashes.take()


async def test_unlink() -> None:
    one, two = await Notes.start(), await Notes.start()
    await do(one, "link", two)
    await do(two, "unlink", one)
    await do(two, "unlink", one)
    two.kill()
    await turns()
    assert one.alive
    await do(one, "link", one)
    assert await one.call("notes") == []


class Parent(Notes):
    async def handle_call(self, message: Any) -> Any:
        if isinstance(message, tuple):
            kind, *arguments = message
            return await kind.start_link(*arguments)
        return super().handle_call(message)


@pytest.mark.parametrize("reason", ENDS)
@pytest.mark.parametrize("trap_exit", [True, False])
async def test_the_end_of_a_parent_ends_its_child(reason: Any, trap_exit: bool) -> None:
    """A trapping child too, and then for "normal" as well: as a gen_server does."""
    parent = await Parent.start()
    child = await parent.call((Family, trap_exit))
    await end(parent, reason)
    if reason == "normal" and not trap_exit:
        assert child.alive
        await child.stop()
    else:
        assert await child.wait() == reason


class Family(Notes):
    def init(self, trap_exit: bool) -> None:  # type: ignore[override]
        super().init(trap_exit=trap_exit)


async def test_the_crash_of_a_child_ends_its_parent_or_is_told() -> None:
    parent, trapping = await Parent.start(), await Parent.start(trap_exit=True)
    child, told = await parent.call((Counter,)), await trapping.call((Counter,))
    child.kill()
    told.kill()
    assert await parent.wait() == Killed()
    await turns()
    assert await trapping.call("notes") == [Exit(told, Killed())]


class FailsAtOnce(GenServer):
    def init(self) -> None:
        raise ZeroDivisionError


class FailsLater(GenServer):
    async def init(self) -> None:
        await asyncio.sleep(1)
        raise ZeroDivisionError


class StopsAtOnce(GenServer):
    def init(self) -> Any:
        return Stop(Crash(ZeroDivisionError()))


class KillsItself(GenServer):
    def init(self) -> None:
        self.ref.kill()


class NeverStarts(GenServer):
    async def init(self) -> None:
        await asyncio.sleep(1000)


@pytest.mark.parametrize("trap_exit", [True, False])
@pytest.mark.parametrize("kind", [FailsAtOnce, FailsLater, StopsAtOnce, KillsItself, NeverStarts])
async def test_a_child_that_does_not_start_ends_nobody(kind: type[GenServer], trap_exit: bool) -> None:
    """Whoever starts it gets the exception, and neither its end nor an `Exit`."""

    class Catches(Notes):
        async def handle_cast(self, message: type[GenServer]) -> None:
            with pytest.raises(InitError):
                await message.start_link()
            self.notes.append("caught")

    parent = await Catches.start(trap_exit=trap_exit)
    parent.cast(kind)
    await asyncio.sleep(100)
    assert parent.alive
    assert await parent.call("notes") == ["caught"]


async def test_start_link_is_for_servers() -> None:
    with pytest.raises(RuntimeError, match="use start"):
        await Counter.start_link()


async def test_an_exit_cuts_off_what_is_awaited_and_terminates() -> None:
    log: list[Any] = []
    waiting, other = await Waiting.start(log), await Notes.start()
    await do(other, "link", waiting)
    asked = asyncio.create_task(waiting.call("x", timeout=None))
    await asyncio.sleep(1)
    other.kill()
    with pytest.raises(ServerDown) as failure:
        await asked
    assert failure.value.reason == Killed()
    assert log == ["x", "cut off", Killed()]


async def test_one_exit_is_enough() -> None:
    """A second one does not cut off what the first one lets a handler clean up."""
    log: list[Any] = []

    class Cleans(Waiting):
        async def handle_call(self, message: Any) -> Any:
            try:
                await super().handle_call(message)
            finally:
                await asyncio.sleep(1)
                log.append("cleaned up")

    ref, others = await Cleans.start(log), [await Notes.start() for _ in range(2)]
    for other in others:
        await do(other, "link", ref)
    asked = asyncio.create_task(ref.call("x"))
    await asyncio.sleep(1)
    await others[0].stop("shutdown")
    await asyncio.sleep(0.5)
    others[1].kill()
    with pytest.raises(ServerDown):
        await asked
    assert log == ["x", "cut off", "cleaned up", "shutdown"]


async def test_a_name_is_free_before_anybody_is_told() -> None:
    class Looks(Notes):
        def handle_info(self, message: Any) -> None:
            self.notes.append(whereis("it"))

    watcher, watched = await Looks.start(), await Counter.start(name="it")
    await do(watcher, "monitor", watched)
    watched.kill()
    await turns()
    assert await watcher.call("notes") == [None]


@pytest.mark.parametrize(
    ("traps", "reason", "lives"),
    [(False, "normal", True), (True, "normal", False), (False, "shutdown", False), (True, "shutdown", False)],
)
async def test_whom_the_end_of_a_parent_leaves_alone(traps: bool, reason: Any, lives: bool) -> None:
    async def start(server: Notes) -> Ref:
        return await Notes.start_link(trap_exit=traps)

    parent = await Notes.start()
    child = await parent.call(start)
    await parent.stop(reason)
    await turns()
    assert child.alive is lives
    child.kill()
