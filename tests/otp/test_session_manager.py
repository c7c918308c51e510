"""The session manager of the examples: each defect that the original's has, by its name, does not happen in ours.

That the example runs as it stands, and that each start is awaited, is shown by `tests/meta/test_examples.py` and by the
type checkers, who also see that no answer is taken for a state.
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from noex import ets
from noex.otp import Killed, NoProcess, Ref, ServerDown, debug, named, whereis
from noex.testing import ManualClock
from tests.otp.conftest import Crashes

pytestmark = pytest.mark.usefixtures("direct_calls")

HALF_AN_HOUR = 30 * 60.0


@pytest.fixture(scope="module")
def example() -> Iterator[ModuleType]:
    path = Path(__file__).parents[2] / "examples" / "session_manager.py"
    spec = importlib.util.spec_from_file_location("session_manager_example", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def store() -> ets.Store:
    return ets.Store()


def manager() -> Ref:
    ref = whereis("manager")
    assert ref is not None
    return ref


async def crash(sessions: Any, crashes: Crashes) -> None:
    with pytest.raises(ServerDown):
        await sessions.create("eva", None)
    crashes.take()


async def test_a_call_answers_with_the_answer_and_not_with_the_state(
    example: Any, store: ets.Store, clock: ManualClock
) -> None:
    sessions = example.Sessions(store)
    async with example.service(store, clock):
        token = await sessions.create("ada", {"cart": "3 books"})
        assert (type(token), len(token)) == (str, 43)
        assert await sessions.update(token, {"theme": "dark"}) is True
        assert await sessions.destroy(token) is True
        assert await sessions.destroy(token) is False
        assert await sessions.update(token, {"theme": "dark"}) is False


async def test_the_timer_is_the_servers_own_and_ends_with_it(
    example: Any, store: ets.Store, clock: ManualClock, crashes: Crashes
) -> None:
    sessions = example.Sessions(store)
    async with example.service(store, clock):
        for _ in range(3):
            await crash(sessions, crashes)
            await asyncio.sleep(10)
        assert debug.statistics(manager()).timers == 1
        ticks: list[float] = []
        debug.trace(manager(), lambda event: ticks.append(event.time))
        await asyncio.sleep(90)
        assert len(ticks) == 3, "one each 30 seconds"
        ref = manager()
    assert debug.statistics(ref).timers == 0
    await asyncio.sleep(100)
    assert ticks[-1] < clock() - 90


async def test_after_a_restart_everything_works(
    example: Any, store: ets.Store, clock: ManualClock, crashes: Crashes
) -> None:
    sessions = example.Sessions(store)
    async with example.service(store, clock):
        token = await sessions.create("ada", {"cart": "3 books"})
        await crash(sessions, crashes)
        await asyncio.sleep(1)
        assert sessions.get(token).data == {"cart": "3 books"}
        assert await sessions.update(token, {"theme": "dark"})
        assert await sessions.create("kim", {})
        assert len(sessions) == 2


@pytest.mark.parametrize("how", ["crash", "kill"])
async def test_deadlines_outlive_the_server(
    how: str, example: Any, store: ets.Store, clock: ManualClock, crashes: Crashes
) -> None:
    sessions = example.Sessions(store)
    async with example.service(store, clock):
        token = await sessions.create("ada", {})
        await asyncio.sleep(HALF_AN_HOUR - 10)
        if how == "crash":
            await crash(sessions, crashes)
        else:
            assert manager().kill()
        await asyncio.sleep(9)
        assert sessions.get(token) is not None
        await asyncio.sleep(1)
        assert sessions.get(token) is None
        table: Any = store.whereis("sessions")
        assert all(table.expires_in(key) is not None for key in table), "none stays for ever"


async def test_reads_go_past_the_mailbox(example: Any, store: ets.Store, clock: ManualClock) -> None:
    sessions = example.Sessions(store)
    async with example.service(store, clock):
        token = await sessions.create("ada", {})
        before = debug.statistics(manager()).handled
        for _ in range(100):
            assert sessions.get(token) is not None
        assert debug.statistics(manager()).handled == before
        await debug.suspend(manager())
        assert sessions.get(token) is not None
        assert len(sessions) == 1


async def test_reads_go_on_while_there_is_no_manager(example: Any, store: ets.Store, clock: ManualClock) -> None:
    sessions = example.Sessions(store)
    async with example.service(store, clock):
        token = await sessions.create("ada", {})
        manager().kill()
        assert whereis("manager") is None
        assert sessions.get(token) is not None
        with pytest.raises(NoProcess):
            await sessions.destroy(token)
        await asyncio.sleep(1)
        assert await sessions.destroy(token)


async def test_what_is_written_is_read_at_once(example: Any, store: ets.Store, clock: ManualClock) -> None:
    sessions = example.Sessions(store)
    async with example.service(store, clock):
        tokens = await asyncio.gather(*(sessions.create(f"user {n}", {}) for n in range(50)))
        assert [sessions.get(token).user_id for token in tokens] == [f"user {n}" for n in range(50)]


async def test_a_read_writes_nothing(example: Any, store: ets.Store, clock: ManualClock) -> None:
    sessions = example.Sessions(store)
    async with example.service(store, clock):
        token = await sessions.create("ada", {})
        table: Any = store.whereis("sessions")
        events: list[Any] = []
        table.subscribe(events.append)
        assert sessions.get("unknown") is None
        assert sessions.get(token) is not None
        assert await sessions.destroy(token)
        assert sessions.get(token) is None, "nothing brings it back"
        assert [event.kind for event in events] == ["delete"]


async def test_a_session_of_time_zero_lives_as_long_as_others(
    example: Any, store: ets.Store, clock: ManualClock
) -> None:
    sessions = example.Sessions(store)
    async with example.service(store, clock):
        assert clock() == 0
        token = await sessions.create("ada", {})
        await asyncio.sleep(HALF_AN_HOUR - 1)
        assert sessions.get(token) is not None
        await asyncio.sleep(1)
        assert sessions.get(token) is None


async def test_what_has_expired_does_not_count(example: Any, store: ets.Store, clock: ManualClock) -> None:
    sessions = example.Sessions(store)
    async with example.service(store, clock):
        await sessions.create("ada", {})
        clock.advance(HALF_AN_HOUR)
        assert len(sessions) == 0, "no clean-up has come by"


async def test_the_table_knows_no_tokens(example: Any, store: ets.Store, clock: ManualClock) -> None:
    sessions = example.Sessions(store)
    async with example.service(store, clock):
        tokens = {await sessions.create("ada", {}) for _ in range(100)}
        assert len(tokens) == 100
        table: Any = store.whereis("sessions")
        assert not any(token in repr(table.to_list()) for token in tokens)


async def test_cleaning_up_lets_callers_in_between(example: Any, store: ets.Store, clock: ManualClock) -> None:
    async with example.service(store, clock):
        table: Any = store.whereis("sessions")
        table.insert_many({bytes([n % 256, n // 256]): None for n in range(3 * example.SLICE)}, ttl=100)
        await asyncio.sleep(110)  # the timer rings at 90 and 120
        ref = manager()
        ref.send(example.CleanUp())
        assert await ref.call(example.Destroy("unknown")) is False
        left = table.sweep()
        assert example.SLICE < left <= 2 * example.SLICE, "one slice, and then the caller"


async def test_cleaning_up_comes_to_an_end(example: Any, store: ets.Store, clock: ManualClock) -> None:
    async with example.service(store, clock):
        table: Any = store.whereis("sessions")
        table.insert_many({bytes([n % 256, n // 256]): None for n in range(3 * example.SLICE)}, ttl=100)
        await asyncio.sleep(110)  # the timer rings at 90 and 120
        before = debug.statistics(manager()).handled
        manager().send(example.CleanUp())
        await asyncio.sleep(1)
        assert table.sweep() == 0
        assert debug.statistics(manager()).handled - before == 4


async def test_a_second_manager_gets_nothing(example: Any, store: ets.Store, clock: ManualClock) -> None:
    async with example.service(store, clock):
        with pytest.raises(RuntimeError, match="the sessions belong to"):
            await named("keeper").call(example.Claim(named("keeper")))
        assert store.whereis("sessions").owner is manager()  # type: ignore[union-attr]


async def test_without_its_keeper_the_service_begins_anew(example: Any, store: ets.Store, clock: ManualClock) -> None:
    sessions = example.Sessions(store)
    async with example.service(store, clock):
        await sessions.create("ada", {})
        keeper, old = whereis("keeper"), manager()
        assert keeper is not None
        keeper.kill()
        assert await keeper.wait() == Killed()
        await asyncio.sleep(1)
        assert manager() is not old
        assert len(sessions) == 0
        token = await sessions.create("kim", {})
        assert sessions.get(token) is not None


async def test_at_the_end_nothing_is_left(example: Any, store: ets.Store, clock: ManualClock) -> None:
    sessions = example.Sessions(store)
    async with example.service(store, clock):
        token = await sessions.create("ada", {})
    assert store.tables() == []
    assert (sessions.get(token), len(sessions)) == (None, 0)
