"""Children of a supervisor: how they are told, started, asked for, ended, and ended with their supervisor."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from noex.otp import (
    AlreadyStarted,
    Backoff,
    Child,
    ChildExists,
    ChildNotFound,
    ChildRunning,
    ChildStartError,
    Counts,
    DynamicSupervisor,
    GenServer,
    InitError,
    Killed,
    NoProcess,
    Shutdown,
    StartIgnored,
    Stop,
    Supervisor,
    SupervisorRef,
    SupervisorStopping,
    named,
    whereis,
)
from tests.otp.conftest import Crashes
from tests.otp.servers import Counter
from tests.otp.supervised import Worker, child, live, named_children, settle


def worker(tag: str, log: list[Any], **options: Any) -> Child:
    told = {name: options.pop(name) for name in ("plan", "slow_end") if name in options}
    return Child(Worker, (tag, log), told, id=tag, **options)


# -- what is told of a child


def test_a_child_has_defaults() -> None:
    told = Child(Counter)
    assert (told.id, told.restart, told.shutdown, told.significant) == ("Counter", "permanent", 5.0, False)
    assert (told.kind, told.args, told.kwargs) == ("worker", (), {})
    above = Child(Supervisor([Counter]))
    assert (above.id, above.kind, above.shutdown) == ("Supervisor", "supervisor", None)


def test_the_id_is_given_or_the_name_or_the_class() -> None:
    assert Child(Counter, name="n", id="i").id == "i"
    assert Child(Counter, name="n").id == "n"
    assert Child(Counter, (), {"name": "n"}).id == "n"
    assert Child(Supervisor([], name="n")).id == "n"
    assert Child(DynamicSupervisor).id == "DynamicSupervisor"


def test_a_supervisor_may_be_told_as_a_class_with_arguments() -> None:
    told = Child(Supervisor, ([Counter],), {"strategy": "one_for_all"}, name="top")
    assert isinstance(told.server, Supervisor)
    assert (told.server.strategy, told.server.name, told.id, told.kind) == ("one_for_all", "top", "top", "supervisor")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (TypeError, lambda: Child(int)),  # type: ignore[arg-type]
        (TypeError, lambda: Child(Counter())),  # type: ignore[arg-type]
        (TypeError, lambda: Child(Counter, "abc")),
        (TypeError, lambda: Child(Counter, id=[])),  # type: ignore[arg-type]
        (TypeError, lambda: Child(Counter, (), {"name": "a"}, name="b")),
        (TypeError, lambda: Child(Supervisor([]), name="a")),
        (TypeError, lambda: Child(Supervisor([]), (1,))),
        (TypeError, lambda: Child(Counter, shutdown=[])),  # type: ignore[arg-type]
        (ValueError, lambda: Child(Counter, restart="always")),  # type: ignore[arg-type]
        (ValueError, lambda: Child(Counter, shutdown="brutal_kill")),  # type: ignore[arg-type]
        (ValueError, lambda: Child(Counter, shutdown=0)),
        (ValueError, lambda: Child(Counter, significant=True)),
        (TypeError, lambda: Supervisor([1])),  # type: ignore[list-item]
        (ValueError, lambda: Supervisor(strategy="all")),  # type: ignore[arg-type]
        (ValueError, lambda: Supervisor(auto_shutdown="sometimes")),  # type: ignore[arg-type]
        (ValueError, lambda: Supervisor(max_restarts=-1)),
        (TypeError, lambda: Supervisor(max_restarts=1.5)),  # type: ignore[arg-type]
        (ValueError, lambda: Supervisor(within=0)),
        (TypeError, lambda: Supervisor(within=None)),  # type: ignore[arg-type]
        (TypeError, lambda: Supervisor(backoff=1)),  # type: ignore[arg-type]
        (TypeError, lambda: Supervisor(intensity=1)),  # type: ignore[call-arg]
        (ChildExists, lambda: Supervisor([Counter, Counter])),
        (ValueError, lambda: Supervisor([Child(Counter, restart="transient", significant=True)])),
        (ValueError, lambda: DynamicSupervisor(max_children=-1)),
        (ValueError, lambda: Backoff(first=0)),
        (ValueError, lambda: Backoff(factor=0.5)),
        (TypeError, lambda: Backoff(factor="2")),  # type: ignore[arg-type]
    ],
)
def test_what_is_told_wrongly_is_refused_at_once(error: type[Exception], told: Any) -> None:
    with pytest.raises(error):
        told()


def test_times_may_be_timedeltas() -> None:
    assert Child(Counter, shutdown=timedelta(minutes=1)).shutdown == 60.0
    assert Supervisor(within=timedelta(seconds=2)).within == 2.0


def test_backoff_stays_below_its_limit_however_often_it_fails() -> None:
    assert Backoff(first=1, factor=10.0, most=60)(5000) == 60.0


# -- start


async def test_a_supervisor_may_have_no_children() -> None:
    supervisor = await Supervisor.start()
    assert await supervisor.children() == []
    assert await supervisor.counts() == Counts(0, 0, 0, 0)
    await supervisor.stop()
    assert await supervisor.wait() == "normal"


async def test_children_start_in_order_and_each_waits_for_the_one_before() -> None:
    log: list[Any] = []

    class Watching(Worker):
        def init(self, *args: Any, **kwargs: Any) -> Any:
            log.append(sorted(live() & {"Worker 'a'", "Worker 'b'"}))
            return super().init(*args, **kwargs)

    children = [worker("a", log, plan=[2.0], name="a"), worker("b", log, name="b"), Child(Watching, ("c", log))]
    supervisor = await Supervisor.start(children)
    assert log == [("start", "a"), ("start", "b"), ["Worker 'a'", "Worker 'b'"], ("start", "c")]
    assert [info.id for info in await supervisor.children()] == ["a", "b", "Watching"]
    await supervisor.stop()


async def test_a_child_that_does_not_start_stops_those_before_in_reverse_order() -> None:
    log: list[Any] = []
    cause = KeyError("no")
    children = [worker("a", log), worker("b", log, slow_end=1), worker("c", log, plan=[cause]), worker("d", log)]
    with pytest.raises(ChildStartError, match="'c' did not start") as caught:
        await Supervisor.start(children, name="top")
    assert (caught.value.child_id, caught.value.cause) == ("c", cause)
    assert isinstance(caught.value.__cause__, InitError)
    ends = [("ending", "b", "shutdown"), ("end", "b"), ("ending", "a", "shutdown"), ("end", "a")]
    assert log == [("start", "a"), ("start", "b"), ("start", "c"), *ends]
    assert whereis("top") is None
    assert live() == set()


async def test_a_child_below_that_does_not_start_is_told_with_the_whole_path() -> None:
    log: list[Any] = []
    cause = KeyError("no")
    below = Supervisor([worker("b", log), worker("c", log, plan=[cause])])
    with pytest.raises(ChildStartError) as caught:
        await Supervisor.start([worker("a", log), Child(below, id="below")])
    assert caught.value.child_id == "below"
    assert isinstance(caught.value.cause, ChildStartError)
    assert (caught.value.cause.child_id, caught.value.cause.cause) == ("c", cause)
    assert [entry for entry in log if entry[0] == "end"] == [("end", "b"), ("end", "a")]
    assert live() == set()


async def test_wrong_arguments_of_a_child_are_a_failure_to_start() -> None:
    with pytest.raises(ChildStartError) as caught:
        await Supervisor.start([Child(Counter, (), {"nonsense": 1})])
    assert isinstance(caught.value.cause, TypeError)


async def test_an_init_that_takes_too_long_is_a_failure_to_start() -> None:
    with pytest.raises(ChildStartError) as caught:
        await Supervisor.start([Child(Worker, (), {"plan": [9.0], "init_timeout": 1.0})])
    assert type(caught.value.cause) is InitError
    assert live() == set()


async def test_a_cancelled_start_leaves_nothing() -> None:
    log: list[Any] = []
    children = [worker("a", log, slow_end=1), worker("b", log, plan=[3.0])]
    starting = asyncio.ensure_future(Supervisor.start(children, name="top"))
    await asyncio.sleep(1)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert log == [("start", "a"), ("start", "b"), ("ending", "a", "shutdown"), ("end", "a")]
    assert live() == set()


async def test_a_taken_name_is_told_and_nothing_is_started() -> None:
    log: list[Any] = []
    first = await Supervisor.start(name="top")
    with pytest.raises(AlreadyStarted):
        await Supervisor.start([worker("a", log)], name="top")
    assert log == []
    await first.stop()


async def test_a_child_that_is_to_be_ignored_is_kept_unless_temporary() -> None:
    log: list[Any] = []
    children = [worker("a", log, plan=["ignore"]), worker("b", log, plan=["ignore"], restart="temporary")]
    supervisor = await Supervisor.start(children)
    assert {key: info.status for key, info in (await named_children(supervisor)).items()} == {"a": "stopped"}
    with pytest.raises(StartIgnored):
        await supervisor.start_child(worker("c", log, plan=["ignore"]))
    with pytest.raises(StartIgnored):
        await supervisor.start_child(worker("d", log, plan=["ignore"], restart="temporary"))
    assert [*(await named_children(supervisor))] == ["a", "c"]
    assert (await supervisor.restart_child("a")).alive
    await supervisor.stop()


async def test_start_link_needs_a_server_and_ends_with_it() -> None:
    with pytest.raises(RuntimeError, match="start"):
        await Supervisor.start_link([Counter])

    class Parent(GenServer):
        async def init(self) -> None:
            self.below = await Supervisor.start_link([Child(Counter, name="leaf")])
            self.rooms = await DynamicSupervisor.start_link(name="rooms")

        def handle_call(self, message: Any) -> SupervisorRef:
            return self.below

    parent = await Parent.start()
    below = await parent.call("below")
    assert below.alive
    await parent.stop("shutdown")
    assert await below.wait() == "shutdown"
    await settle()
    assert live() == set()


# -- the end


@pytest.mark.parametrize("reason", ["normal", "shutdown", Shutdown("deploy")])
async def test_children_end_in_reverse_order_for_shutdown(reason: Any) -> None:
    log: list[Any] = []
    supervisor = await Supervisor.start([worker(tag, log, slow_end=1) for tag in "abc"])
    refs = [await child(supervisor, tag) for tag in "abc"]
    log.clear()
    await supervisor.stop(reason)
    assert log == [step for tag in "cba" for step in (("ending", tag, "shutdown"), ("end", tag))]
    assert [await ref.wait() for ref in refs] == ["shutdown"] * 3
    assert await supervisor.wait() == reason
    await supervisor.stop()


async def test_a_child_that_takes_too_long_to_end_is_killed() -> None:
    log: list[Any] = []
    loop = asyncio.get_running_loop()
    children = [worker("a", log), worker("b", log, slow_end=None, shutdown=0.1), worker("c", log, slow_end=None)]
    supervisor = await Supervisor.start(children)
    refs = [await child(supervisor, tag) for tag in "abc"]
    before = loop.time()
    await supervisor.stop()
    assert loop.time() - before == pytest.approx(5.1)
    assert [await ref.wait() for ref in refs] == ["shutdown", Killed(), Killed()]
    await settle()
    assert len(asyncio.all_tasks()) == 2


async def test_kill_and_infinite_patience() -> None:
    log: list[Any] = []
    children = [worker("a", log, slow_end=900.0, shutdown=None), worker("b", log, shutdown="kill")]
    supervisor = await Supervisor.start(children)
    refs = [await child(supervisor, tag) for tag in "ab"]
    log.clear()
    await supervisor.stop()
    assert log == [("ending", "a", "shutdown"), ("end", "a")]
    assert [await ref.wait() for ref in refs] == ["shutdown", Killed()]


async def test_a_supervisor_below_that_takes_too_long_is_killed_with_all_below() -> None:
    log: list[Any] = []
    lowest = Supervisor([worker("c", log, slow_end=None, shutdown=None)], name="lowest")
    below = Child(Supervisor([worker("b", log), lowest]), id="below", shutdown=2.0)
    supervisor = await Supervisor.start([below])
    leaf = await child(await child(await child(supervisor, "below"), "lowest"), "c")  # type: ignore[arg-type]
    await supervisor.stop()
    assert await leaf.wait() == Killed()
    await settle()
    assert live() == set()


async def test_what_waits_is_dropped_and_what_awaits_is_cut_off_when_a_child_is_ended() -> None:
    log: list[Any] = []
    supervisor = await Supervisor.start([worker("a", log)])
    ref = await child(supervisor, "a")
    log.clear()
    ref.cast(lambda server: asyncio.sleep(100))
    ref.cast(lambda server: log.append("never"))
    await settle()
    await supervisor.stop()
    assert log == [("ending", "a", "shutdown"), ("end", "a")]


async def test_a_child_that_traps_exits_handles_first_what_it_has_been_sent() -> None:
    log: list[Any] = []

    class Careful(Worker):
        trap_exit = True

    supervisor = await Supervisor.start([Child(Careful, ("a", log))])
    ref = await child(supervisor, "Careful")
    log.clear()
    ref.cast(lambda server: asyncio.sleep(3))
    ref.cast(lambda server: log.append("handled"))
    await settle()
    await supervisor.stop()
    assert log == ["handled", ("ending", "a", "shutdown"), ("end", "a")]


async def test_children_of_a_killed_supervisor_end() -> None:
    log: list[Any] = []
    supervisor = await Supervisor.start([worker("a", log), Child(Supervisor([worker("b", log)]), id="below")])
    refs = [await child(supervisor, "a"), await child(supervisor, "below")]
    supervisor.kill()
    assert [await ref.wait() for ref in refs] == [Killed()] * 2
    await settle()
    assert live() == set()
    assert ("end", "a") in log
    assert ("end", "b") in log


# -- requests


async def test_start_child_appends() -> None:
    log: list[Any] = []
    supervisor = await Supervisor.start([worker("a", log)])
    ref = await supervisor.start_child(worker("b", log))
    info = (await supervisor.children())[-1]
    assert (info.id, info.ref, info.status, info.kind, info.restarts) == ("b", ref, "running", "worker", 0)
    assert await supervisor.counts() == Counts(specs=2, active=2, supervisors=0, workers=2)
    log.clear()
    await supervisor.stop()
    assert [entry[1] for entry in log if entry[0] == "end"] == ["b", "a"]


async def test_start_child_of_an_id_that_is_there() -> None:
    log: list[Any] = []
    supervisor = await Supervisor.start([worker("a", log)])
    with pytest.raises(ChildExists, match="already") as caught:
        await supervisor.start_child(worker("a", log))
    assert caught.value.ref is await child(supervisor, "a")
    await supervisor.terminate_child("a")
    with pytest.raises(ChildExists, match="restart or delete") as caught:
        await supervisor.start_child(worker("a", log))
    assert caught.value.ref is None
    await supervisor.stop()


async def test_start_child_that_fails_keeps_nothing_and_harms_nobody() -> None:
    log: list[Any] = []
    supervisor = await Supervisor.start([worker("a", log)])
    before = await supervisor.children()
    with pytest.raises(ChildStartError) as caught:
        await supervisor.start_child(worker("b", log, plan=[KeyError("no")]))
    assert isinstance(caught.value.cause, KeyError)
    with pytest.raises(ValueError, match="significant"):
        await supervisor.start_child(worker("b", log, restart="transient", significant=True))
    with pytest.raises(TypeError):
        await supervisor.start_child(3)  # type: ignore[arg-type]
    assert await supervisor.children() == before
    await supervisor.start_child(worker("b", log))
    await supervisor.stop()


async def test_terminate_child_keeps_it_and_it_stays_down() -> None:
    log: list[Any] = []
    supervisor = await Supervisor.start([worker("a", log), worker("t", log, restart="temporary")])
    ref = await child(supervisor, "a")
    assert await supervisor.terminate_child("a")
    assert await ref.wait() == "shutdown"
    assert not await supervisor.terminate_child("a")
    assert await supervisor.terminate_child("t")
    await asyncio.sleep(100)
    assert [(info.id, info.status) for info in await supervisor.children()] == [("a", "stopped")]
    assert await supervisor.counts() == Counts(specs=1, active=0, supervisors=0, workers=1)
    assert [entry for entry in log if entry[0] == "start"] == [("start", "a"), ("start", "t")]
    await supervisor.stop()


async def test_restart_child_and_delete_child() -> None:
    log: list[Any] = []
    supervisor = await Supervisor.start([worker("a", log, plan=[None, KeyError("no")])])
    old = await child(supervisor, "a")
    with pytest.raises(ChildRunning, match="terminate_child") as caught:
        await supervisor.delete_child("a")
    assert caught.value.ref is old
    await supervisor.terminate_child("a")
    with pytest.raises(ChildStartError):
        await supervisor.restart_child("a")
    assert [info.status for info in await supervisor.children()] == ["stopped"]
    new = await supervisor.restart_child("a")
    assert new is await child(supervisor, "a")
    assert new is not old
    await supervisor.terminate_child("a")
    await supervisor.delete_child("a")
    assert await supervisor.children() == []
    await supervisor.stop()


@pytest.mark.parametrize("verb", ["terminate_child", "delete_child", "restart_child"])
async def test_an_unknown_id(verb: str) -> None:
    supervisor = await Supervisor.start([Counter])
    with pytest.raises(ChildNotFound, match="'ghost'"):
        await getattr(supervisor, verb)("ghost")
    assert supervisor.alive
    await supervisor.stop()


@pytest.mark.parametrize("verb", ["terminate_child", "delete_child", "restart_child", "children"])
async def test_requests_to_an_ended_supervisor(verb: str) -> None:
    supervisor = await Supervisor.start([Counter])
    await supervisor.stop()
    with pytest.raises(NoProcess):
        await getattr(supervisor, verb)(*(["Counter"] if verb != "children" else []))


async def test_two_supervisors_with_equal_ids_know_nothing_of_each_other() -> None:
    one, two = await Supervisor.start([Counter]), await Supervisor.start([Counter])
    await one.terminate_child("Counter")
    assert (await child(two, "Counter")).alive
    await one.stop()
    await two.stop()


async def test_a_description_starts_as_often_as_wanted() -> None:
    log: list[Any] = []
    tree = Supervisor([worker("a", log)])
    for _ in range(5):
        async with tree as supervisor:
            assert (await child(supervisor, "a")).alive
    assert log.count(("start", "a")) == log.count(("end", "a")) == 5


async def test_what_a_supervisor_does_not_know_is_dropped(crashes: Crashes) -> None:
    supervisor = await Supervisor.start([Counter])
    supervisor.cast("hello")
    supervisor.send("hello")
    with pytest.raises(TypeError):
        await supervisor.call("hello")
    assert (await child(supervisor, "Counter")).alive
    assert crashes.take() == []
    await supervisor.stop()


async def test_supervisors_and_children_have_names() -> None:
    supervisor = await Supervisor.start([Child(Counter, name="counter")], name="top")
    assert whereis("top") is supervisor
    assert await named("counter").call("add") == 1
    assert repr(supervisor) == "<Supervisor 'top'>"
    assert live() == {"Supervisor 'top'", "Counter 'counter'"}
    await supervisor.stop()
    assert whereis("top") is whereis("counter") is None


async def test_requests_wait_for_their_turn_and_cancelling_one_harms_nobody() -> None:
    log: list[Any] = []
    supervisor = await Supervisor.start()
    slow = asyncio.ensure_future(supervisor.start_child(worker("a", log, plan=[3.0])))
    await settle()
    counting = asyncio.ensure_future(supervisor.counts())
    await asyncio.sleep(1)
    slow.cancel()
    assert (await counting).active == 1
    assert (await child(supervisor, "a")).alive
    await supervisor.stop()


async def test_start_child_during_the_shutdown_is_refused() -> None:
    log: list[Any] = []
    supervisor = await Supervisor.start([worker("a", log, slow_end=2)])
    stopping = asyncio.ensure_future(supervisor.stop())
    await asyncio.sleep(1)
    with pytest.raises(SupervisorStopping, match="no children any more"):
        await supervisor.start_child(worker("b", log))
    with pytest.raises(SupervisorStopping):
        await supervisor.restart_child("a")
    await stopping
    assert ("start", "b") not in log


async def test_a_stop_message_of_a_child_during_a_request() -> None:
    log: list[Any] = []
    supervisor = await Supervisor.start([worker("a", log, restart="transient")])
    ref = await child(supervisor, "a")
    ref.cast(lambda server: Stop())
    assert (await supervisor.start_child(worker("b", log))).alive
    await settle()
    assert [(info.id, info.status) for info in await supervisor.children()] == [("a", "stopped"), ("b", "running")]
    await supervisor.stop()
