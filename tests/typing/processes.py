"""What type checkers know of processes. Checked by mypy and pyright; never run."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, assert_type

from noex import ets, otp
from noex.otp import (
    Call,
    Cast,
    Continue,
    Down,
    Exit,
    From,
    GenServer,
    Monitor,
    NoReply,
    Reason,
    Ref,
    Registration,
    Registry,
    Stop,
    TableTransfer,
    Timer,
    Tree,
    debug,
    tree,
)
from noex.testing import ManualClock, manual_loop


class Get(Call[int]):
    key: str


class Names(Call[list[str]]):
    prefix: str = ""
    limit: int | None = None


class Put(Cast):
    key: str
    value: int


class Store(GenServer):
    def init(self, rows: dict[str, int]) -> Continue:
        self.rows = rows
        return Continue("warm up")

    def handle_call(self, message: Get | Names) -> Any:
        match message:
            case Get(key):
                return self.rows[key]
            case Names(prefix):
                assert_type(self.caller, From)
                assert_type(self.caller.reply([prefix]), bool)
                return NoReply

    async def handle_cast(self, message: Put) -> None:
        self.rows[message.key] = message.value

    def handle_info(self, message: Down | Exit | str) -> Stop | None:
        match message:
            case Down(monitor, ref, reason):
                assert_type(monitor, Monitor)
                assert_type(ref, Ref)
                assert_type(reason, Reason)
            case Exit():
                return Stop("shutdown")
            case text:
                assert_type(text, str)
        return None

    def terminate(self, reason: Reason) -> None:
        if reason == "normal":
            self.rows.clear()


async def servers() -> None:
    ref = await Store.start({"a": 1}, name="store", init_timeout=timedelta(seconds=1))
    assert_type(ref, Ref)
    assert_type(await ref.call(Get("a")), int)
    assert_type(await ref.call(Names(prefix="b", limit=3), timeout=None), list[str])
    assert_type(await ref.call("anything"), Any)
    assert_type(ref.call_nowait(Get("a")), asyncio.Future[int])
    assert_type(ref.call_nowait("anything"), asyncio.Future[Any])
    assert_type(ref.call_sync(Get(key="a"), timeout=timedelta(seconds=1)), int)
    assert_type(ref.cast(Put("a", 2)), bool)
    assert_type(ref.send("hello"), bool)
    assert_type(ref.send_after(1.5, "hello"), Timer)
    assert_type(ref.send_interval(timedelta(minutes=1), "hello", missed="burst").cancel(), float | None)
    assert_type(ref.alive, bool)
    await ref.stop("shutdown", timeout=5)
    assert_type(await ref.wait(), Reason)
    assert_type(ref.kill(), bool)
    assert_type(otp.named("store"), Ref)
    assert_type(await otp.named("store").call(Get("a")), int)
    assert_type(otp.whereis("store"), Ref | None)
    Get("a").key = "b"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    Get(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def registries(registry: Registry, ref: Ref) -> None:
    registry.register(("user", 1), ref, meta={"a": 1})
    assert_type(registry.lookup(("user", 1)), Ref)
    assert_type(registry.lookup_all(("user", 1)), list[Registration])
    assert_type(registry.dispatch("user", "hello"), int)
    assert_type(registry.dispatch("user", "hello", Ref.send), int)
    registry.subscribe(lambda event: assert_type(event, otp.RegistryEvent))


def loops(clock: ManualClock) -> None:
    with asyncio.Runner(loop_factory=lambda: manual_loop(clock)) as runner:
        runner.run(servers())


async def looking_in(ref: Ref) -> None:
    assert_type(await debug.get_state(ref), Any)
    assert_type(await debug.replace_state(ref, lambda state: state | {"rows": {}}), None)
    assert_type(debug.statistics(ref).handled, int)
    assert_type(debug.statistics(ref).started, float | None)
    with debug.trace(ref, lambda event: (event.kind, event.message)) as trace:
        assert_type(trace, debug.Trace)
        assert_type(trace.cancel(), bool)
    assert_type(await debug.suspend(ref, timedelta(seconds=1)), None)
    assert_type(debug.resume(ref), bool)
    assert_type(debug.events(), list[debug.LifeEvent])
    assert_type(tree(), Tree)
    assert_type([node.waiting for node in tree(ref)], list[int])


def owned_tables(ref: Ref, transfer: TableTransfer) -> None:
    table = ets.SetTable[str, int](owner=ref, heir=otp.named("keeper"), heir_data="rows")
    assert_type(table, ets.SetTable[str, int])
    assert_type(table.give_away(ref, "rows"), None)
    assert_type(table.set_heir(None), None)
    assert_type(ets.new(kind="bag", owner=ref), ets.BagTable[Any, Any])
    assert_type(transfer.table, ets.Table[Any, Any])
    assert_type(transfer.from_ref, Ref | None)
    ets.SetTable(owner="ref")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
