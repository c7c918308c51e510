"""What differs from Erlang's processes on purpose, where no other test is about it."""

from __future__ import annotations

from typing import Any

import pytest

from noex.otp import Child, DynamicSupervisor, Supervisor, named
from noex.testing import ManualClock
from tests.otp.conftest import Crashes
from tests.otp.servers import Counter, Notes
from tests.otp.supervised import settle

pytestmark = pytest.mark.usefixtures("direct_calls")


async def test_a_handler_that_computes_is_not_cut_off_by_a_time_out(clock: ManualClock) -> None:
    class Computes(Notes):
        def handle_call(self, message: Any) -> Any:
            clock.advance(60)  # nothing else gets a turn meanwhile
            return message

    ref = await Computes.start()
    assert await ref.call("x", timeout=1) == "x"
    assert clock() == 60


async def test_messages_are_not_copied() -> None:
    ref = await Notes.start()
    message = ["sent"]
    ref.send(message)
    message.append("changed")
    (note,) = await ref.call("notes")
    assert note is message


async def test_a_dead_server_is_stopped_already() -> None:
    log: list[Any] = []
    ref = await Counter.start(1, log)
    await ref.stop("shutdown")
    await ref.stop("normal")
    assert log == [("shutdown", 1)]
    assert await ref.wait() == "shutdown"


@pytest.mark.parametrize("kind", [Supervisor, DynamicSupervisor])
async def test_supervisors_allow_three_restarts_in_five_seconds_unless_told_otherwise(
    kind: Any, clock: ManualClock, crashes: Crashes
) -> None:
    assert (kind().max_restarts, kind().within) == (3, 5.0)
    supervisor = await kind.start()
    await supervisor.start_child(Child(Counter, name="counter"))
    for number in range(4):
        assert supervisor.alive, number
        named("counter").cast("crash")
        await settle()
    assert not supervisor.alive
    assert len(crashes.take()) == 4
