"""What becomes of servers is logged, with fields for structured logs, and the last events of a loop are kept."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from noex.otp import Child, Crash, GenServer, InitError, Killed, ServerDown, Shutdown, Supervisor, debug, tree
from tests.otp.conftest import Crashes
from tests.otp.servers import Counter

pytestmark = pytest.mark.usefixtures("direct_calls")


def fields(caplog: Any) -> list[tuple[int, str, str, Any]]:
    return [
        (record.levelno, record.otp_event, record.otp_process, getattr(record, "otp_reason", None))
        for record in caplog.records
    ]


async def test_lives_are_logged_with_fields(caplog: Any, crashes: Crashes) -> None:
    caplog.set_level(logging.DEBUG, "noex.otp")
    ref = await Counter.start(name="a")
    await ref.stop(Shutdown("deploy"))
    killed = await Counter.start()
    killed.kill()
    assert fields(caplog) == [
        (logging.DEBUG, "started", "Counter 'a'", None),
        (logging.DEBUG, "stopped", "Counter 'a'", Shutdown("deploy")),
        (logging.DEBUG, "started", "Counter", None),
        (logging.INFO, "stopped", "Counter", Killed()),
    ]
    assert caplog.messages[1] == "Counter 'a' stopped: Shutdown(detail='deploy')"


async def test_a_crash_is_logged_with_its_traceback(caplog: Any, crashes: Crashes) -> None:
    caplog.set_level(logging.INFO, "noex.otp")
    ref = await Counter.start()
    with pytest.raises(ServerDown):
        await ref.call("crash")
    (error,) = crashes.take()
    assert fields(caplog) == [
        (logging.ERROR, "crashed", "Counter", error),
        (logging.INFO, "stopped", "Counter", Crash(error)),
    ]
    record = caplog.records[0]
    assert (record.otp_handler, record.exc_info[1]) == ("handle_call", error)


async def test_a_start_that_fails_is_logged(caplog: Any) -> None:
    class Fails(GenServer):
        def init(self) -> None:
            raise ZeroDivisionError

    caplog.set_level(logging.DEBUG, "noex.otp")
    with pytest.raises(InitError):
        await Fails.start()
    assert [record.otp_event for record in caplog.records] == ["not started"]


async def test_a_restart_is_logged_and_counted(caplog: Any) -> None:
    caplog.set_level(logging.INFO, "noex.otp")
    async with Supervisor([Child(Counter, id="it")]) as supervisor:
        for _ in range(2):
            (child,) = await supervisor.children()
            assert child.ref is not None
            child.ref.kill()
        (child,) = await supervisor.children()
        assert child.ref is not None
        assert debug.statistics(child.ref).restarts == 2
        assert "Counter  idle, 0 waiting, 0 handled, 2 restarts" in repr(tree())
    killed, again = (logging.INFO, "stopped", "Counter", Killed()), (logging.INFO, "restarted", "Counter", None)
    assert fields(caplog) == [killed, again, killed, again]
    assert [event.event for event in debug.events()][:4] == ["started", "started", "stopped", "started"]


async def test_the_last_events_are_kept(clock: Any, crashes: Crashes) -> None:
    ref = await Counter.start(name="a")
    clock.advance(2)
    with pytest.raises(ServerDown):
        await ref.call("crash")
    crashes.take()
    assert debug.events() == [
        (0, "started", "Counter 'a'", ""),
        (2, "crashed", "Counter 'a'", "handle_call raised ZeroDivisionError('as asked')"),
        (2, "stopped", "Counter 'a'", "Crash(error=ZeroDivisionError('as asked'))"),
    ]
    assert debug.events()[0].event == "started"


async def test_only_the_last_events_are_kept() -> None:
    for number in range(200):
        await (await Counter.start(name=number)).stop()
    kept = debug.events()
    assert len(kept) == 256
    assert kept[-1][1:] == ("stopped", "Counter 199", "normal")


async def test_the_kept_events_keep_nothing_alive() -> None:
    import gc
    import weakref

    class Fails(GenServer):
        def init(self) -> None:
            big = Big()
            kept.append(weakref.ref(big))
            raise ZeroDivisionError

    class Big:
        pass

    kept: list[Any] = []
    try:
        await Fails.start()
    except InitError:
        pass
    gc.collect()
    assert kept[0]() is None
    assert len(debug.events()) == 1
