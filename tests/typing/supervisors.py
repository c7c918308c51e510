"""Supervisors, as type checkers see them."""

from __future__ import annotations

from typing import Any, assert_type

from noex import otp
from noex.otp import (
    Backoff,
    Child,
    ChildInfo,
    Counts,
    DynamicSupervisor,
    DynamicSupervisorRef,
    GenServer,
    MaxRestartsExceeded,
    Reason,
    Ref,
    Supervisor,
    SupervisorRef,
)


class Counter(GenServer):
    def init(self, count: int = 0) -> None:
        self.count = count


async def supervisors() -> None:
    below = Supervisor([Counter], strategy="rest_for_one", backoff=Backoff(first=0.5))
    child = Child(Counter, (1,), {"name": "counter"}, id="c", restart="transient", shutdown="kill", significant=True)
    supervisor = await Supervisor.start([below, child], auto_shutdown="any_significant", name="top")
    assert_type(supervisor, SupervisorRef)
    assert_type(await supervisor.start_child(Counter), Ref)
    assert_type(await supervisor.terminate_child("c"), bool)
    assert_type(await supervisor.restart_child("c"), Ref)
    assert_type(await supervisor.children(), list[ChildInfo])
    assert_type(await supervisor.counts(), Counts)
    assert_type(supervisor.failure, MaxRestartsExceeded | None)
    assert_type(await supervisor.wait(), Reason)
    assert_type(await below.run(), Reason)
    async with Supervisor([DynamicSupervisor(max_children=3)]) as entered:
        assert_type(entered, SupervisorRef)
    async with DynamicSupervisor() as rooms:
        assert_type(rooms, DynamicSupervisorRef)
        assert_type(await rooms.start_child(Counter, 1), Ref)
    await Supervisor.start([Counter], intensity=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await Supervisor.start([3])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    Supervisor(strategy="all")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Child(Counter, restart="always")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def main() -> Any:
    return None


def programs() -> None:
    assert_type(otp.run(Supervisor([Counter])), int)
    assert_type(otp.run(main), int)
