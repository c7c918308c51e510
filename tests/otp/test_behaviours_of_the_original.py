"""What tests of the original show and no other test here is about.

Where each of its tests is here, `docs/reference/otp/original-tests.md` says.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any, cast

import pytest

from noex.otp import (
    AlreadyStarted,
    Child,
    Crash,
    Down,
    DynamicSupervisor,
    Exit,
    GenServer,
    Killed,
    Registration,
    Registry,
    Shutdown,
    Supervisor,
    default_registry,
    named,
    whereis,
)
from noex.testing import ManualClock
from tests.otp.conftest import Crashes
from tests.otp.servers import Counter, Notes, SlowCounter
from tests.otp.supervised import Worker, named_children, settle

pytestmark = pytest.mark.usefixtures("direct_calls")


# -- servers


async def test_servers_share_no_state() -> None:
    one, two = await Counter.start(), await Counter.start(10)
    one.cast("add")
    assert [await one.call("add"), await two.call("get")] == [2, 10]
    await one.stop()
    assert await two.call("add") == 11


async def test_calls_and_casts_between_each_other_keep_their_order() -> None:
    ref = await SlowCounter.start()
    answers: list[asyncio.Future[Any]] = []
    for _ in range(25):
        ref.cast("add")
        answers.append(ref.call_nowait("add"))
    assert await asyncio.gather(*answers) == [*range(2, 51, 2)]


# -- timers


async def test_many_timers_come_when_they_are_due(clock: ManualClock) -> None:
    ref = await Notes.start()
    delays = [*range(1000)]
    random.Random(1).shuffle(delays)
    timers = [ref.send_after(delay, delay) for delay in delays]
    cancelled = timers[::3]
    for timer in cancelled:
        timer.cancel()
    await asyncio.sleep(2000)
    assert await ref.call("notes") == sorted(set(delays) - set(delays[::3]))
    assert not ref._process.timers


# -- monitors and links


def verb(name: str, *arguments: Any) -> Any:
    """Return a call that lets a `Notes` use one of its own verbs."""

    def use(server: Notes) -> Any:
        return getattr(server, name)(*arguments)

    return use


async def test_many_watch_many() -> None:
    watchers, watched = [await Notes.start() for _ in range(3)], [await Counter.start() for _ in range(3)]
    for watcher in watchers:
        for ref in watched:
            await watcher.call(verb("monitor", ref))
    await watched[0].stop("shutdown")
    watched[1].kill()
    await settle()
    for watcher in watchers:
        notes = await watcher.call("notes")
        assert [(note.ref, note.reason) for note in notes] == [(watched[0], "shutdown"), (watched[1], Killed())]


async def test_monitors_that_come_and_go_leave_nothing() -> None:
    watcher, watched = await Notes.start(), await Counter.start()
    for _ in range(100):
        assert await watcher.call(verb("demonitor", await watcher.call(verb("monitor", watched))))
    assert not watched._process.monitors
    await watched.stop()
    assert await watcher.call("notes") == []


async def test_links_and_monitors_do_not_know_of_each_other() -> None:
    watcher, watched = await Notes.start(trap_exit=True), await Counter.start()
    monitor = await watcher.call(verb("monitor", watched))
    await watcher.call(verb("link", watched))
    await watcher.call(verb("unlink", watched))
    watched.kill()
    await settle()
    assert await watcher.call("notes") == [Down(monitor, watched, Killed())]


async def test_a_link_made_twice_is_one_link() -> None:
    one, two = await Notes.start(trap_exit=True), await Counter.start()
    for _ in range(3):
        await one.call(verb("link", two))
    two.kill()
    await settle()
    assert await one.call("notes") == [Exit(two, Killed())]
    assert not one._process.links


async def test_who_traps_exits_lives_also_without_handling_them(caplog: pytest.LogCaptureFixture) -> None:
    class Plain(GenServer):
        trap_exit = True

        def handle_call(self, message: Any) -> Any:
            self.link(message)

    one, two = await Plain.start(), await Counter.start()
    await one.call(two)
    two.kill()
    await settle()
    assert one.alive
    assert "dropped Exit(" in caplog.text


# -- supervisors


async def test_children_stand_in_the_order_of_their_starts_whatever_came_and_went() -> None:
    log: list[Any] = []
    supervisor = await Supervisor.start([Child(Worker, (tag, log), id=tag) for tag in "abc"])
    await supervisor.terminate_child("b")
    await supervisor.delete_child("b")
    await supervisor.start_child(Child(Worker, ("d", log), id="d"))
    await supervisor.start_child(Child(Worker, ("b", log), id="b"))
    assert [*await named_children(supervisor)] == ["a", "c", "d", "b"]
    log.clear()
    await supervisor.stop()
    assert [entry[1] for entry in log if entry[0] == "end"] == ["b", "d", "c", "a"]


async def test_restarts_of_all_children_are_counted_and_so_are_the_children(crashes: Crashes) -> None:
    supervisor = await Supervisor.start([Child(Counter, id=tag, name=tag) for tag in "ab"], max_restarts=10)
    for tag in "aab":
        named(tag).cast("crash")
        await settle()
    assert {tag: info.restarts for tag, info in (await named_children(supervisor)).items()} == {"a": 2, "b": 1}
    assert (await supervisor.counts()).active == 2
    await supervisor.terminate_child("a")
    assert (await supervisor.counts()).active == 1
    await supervisor.stop()
    assert len(crashes.take()) == 3


async def test_only_the_dynamic_child_that_crashed_is_restarted(crashes: Crashes) -> None:
    log: list[Any] = []
    async with DynamicSupervisor() as supervisor:
        refs = [await supervisor.start_child(Child(Worker, (tag,), {"log": log})) for tag in "abc"]
        refs[1].cast(ZeroDivisionError())
        await settle()
        assert [ref.alive for ref in refs] == [True, False, True]
        assert [entry[1] for entry in log if entry[0] == "start"] == ["a", "b", "c", "b"]
        assert (await supervisor.counts()).active == 3
    crashes.take()


# -- registries


@pytest.mark.parametrize("name", ["", "a.b/c d\n\0", "ключ 🔑", "x" * 10_000, 0, ("a", 1), frozenset({1})])
async def test_any_hashable_value_is_a_name(name: Any) -> None:
    ref = await Counter.start(name=name)
    assert whereis(name) is ref
    assert await named(name).call("add") == 1
    with pytest.raises(AlreadyStarted):
        await Counter.start(name=name)
    await ref.stop()
    assert whereis(name) is None


async def test_what_has_no_hash_is_no_name() -> None:
    with pytest.raises(TypeError):
        await Counter.start(name=cast("Any", []))
    assert [*default_registry()] == []
    assert not asyncio.get_running_loop()._noex_home.processes  # type: ignore[attr-defined]


async def test_the_end_of_one_frees_its_names_and_no_others() -> None:
    registry = Registry()
    refs = [await Counter.start(name=number, registry=registry) for number in range(100)]
    for ref in refs[::2]:
        ref.kill()
    for ref in refs[1::4]:
        await ref.stop()
    assert [*registry] == [*range(3, 100, 4)]
    assert [registry.lookup(name) for name in registry] == refs[3::4]


async def test_a_name_that_is_given_up_can_be_had_again_while_its_server_lives() -> None:
    registry = default_registry()
    one, two = await Counter.start(name="it"), await Counter.start()
    assert registry.unregister("it", two) == 0
    assert registry.unregister("it", one) == 1
    registry.register("it", two)
    assert one.alive
    await one.stop()
    assert whereis("it") is two


async def test_a_server_may_start_in_a_registry_of_duplicate_names() -> None:
    registry = Registry(keys="duplicate")
    refs = [await Counter.start(name="all", registry=registry) for _ in range(2)]
    unnamed = await Counter.start(registry=registry)
    registry.update_meta("all", lambda _: "noted", refs[0])
    assert registry.lookup_all("all") == [Registration("all", refs[0], "noted"), Registration("all", refs[1], None)]
    assert registry.names_of(unnamed) == []
    assert "all" not in default_registry()


@pytest.mark.parametrize("reason", ["normal", "shutdown", Shutdown("detail"), Crash(KeyError("x")), Killed()])
async def test_names_are_free_after_any_end(reason: Any) -> None:
    ref = await Counter.start(name="it")
    if reason == Killed():
        ref.kill()
    else:
        await ref.stop(reason)
    assert await ref.wait() == reason
    assert whereis("it") is None
