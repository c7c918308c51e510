"""Tables end with the server that owns them, or pass on to an heir who is told: however it ends, from any thread.

What holds for each kind of table is shown by the conformance suites (`Owning`).
"""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import weakref
from typing import Any

import pytest

from noex import Cache, ets
from noex.errors import NoProcess, TableClosed, TableExists
from noex.otp import Down, Exit, GenServer, Ref, TableTransfer, debug, named
from noex.testing import ManualClock
from tests.otp.conftest import Crashes
from tests.otp.servers import Counter, Notes


async def end(ref: Ref, how: str, crashes: Crashes) -> None:
    if how == "crash":
        ref.cast("crash")
        await ref.wait()
        crashes.take()
    elif how == "kill":
        ref.kill()
    else:
        await ref.stop()


@pytest.mark.parametrize("how", ["stop", "kill", "crash"])
async def test_a_table_ends_with_its_owner(how: str, crashes: Crashes) -> None:
    store = ets.Store()
    ref = await Counter.start()
    table = store.new("t", owner=ref)
    table.insert("a", 1)
    assert (table.owner, table.heir, table.closed) == (ref, None, False)
    await end(ref, how, crashes)
    assert table.closed
    assert store.whereis("t") is None
    assert table.owner is None
    with pytest.raises(TableClosed):
        table.lookup("a")


@pytest.mark.parametrize("how", ["stop", "kill", "crash"])
async def test_a_table_passes_on_to_its_heir_who_is_told(how: str, crashes: Crashes) -> None:
    store = ets.Store()
    ref, keeper = await Counter.start(), await Notes.start()
    table = store.new("t", owner=ref, heir=keeper, heir_data="sessions")
    table.insert("a", 1)
    await end(ref, how, crashes)
    assert await keeper.call("notes") == [TableTransfer(table, ref, "sessions")]
    assert store.whereis("t") is table
    assert (len(table), table.owner, table.heir) == (1, keeper, keeper)
    await keeper.stop()
    assert table.closed, "an heir is no heir of its own"


async def test_the_classes_take_an_owner_too() -> None:
    ref, heir = await Counter.start(), await Notes.start()
    tables = [
        cls(owner=ref, heir=heir, heir_data=cls)
        for cls in (ets.SetTable, ets.OrderedSetTable, ets.BagTable, ets.DuplicateBagTable)
    ]
    ref.kill()
    assert await heir.call("notes") == [TableTransfer(table, ref, type(table)) for table in tables], "in their order"


async def test_a_dead_heir_inherits_nothing() -> None:
    ref, keeper = await Counter.start(), await Notes.start()
    table = ets.SetTable[str, int](owner=ref, heir=keeper)
    keeper.kill()
    ref.kill()
    assert table.closed


async def test_an_heir_that_is_ending_inherits_nothing() -> None:
    class Slow(Notes):
        async def terminate(self, reason: Any) -> None:
            await asyncio.sleep(1)

    ref, keeper = await Counter.start(), await Slow.start()
    table = ets.SetTable[str, int](owner=ref, heir=keeper)
    stopping = asyncio.create_task(keeper.stop())
    await asyncio.sleep(0.5)
    ref.kill()
    assert table.closed
    await stopping


async def test_deadlines_of_rows_stay() -> None:
    clock = ManualClock()
    ref, keeper = await Counter.start(), await Notes.start()
    table = ets.SetTable[str, int](ttl=10, clock=clock, owner=ref, heir=keeper)
    table.insert("a", 1)
    clock.advance(4)
    ref.kill()
    assert table.expires_in("a") == 6
    clock.advance(6)
    assert "a" not in table


async def test_an_heir_has_the_table_before_anybody_hears_of_the_end() -> None:
    """So who restarts the owner finds the table with the heir."""
    seen: list[Any] = []

    class Watcher(Notes):
        def handle_info(self, message: Any) -> None:
            seen.append((type(message), table.owner))

    ref = await Counter.start()
    keeper, watcher = await Watcher.start(), await Watcher.start(trap_exit=True)
    table = ets.SetTable[str, int](owner=ref, heir=keeper)
    await watcher.call(lambda self: (self.monitor(ref), self.link(ref)) and None)
    ref.kill()
    await asyncio.sleep(1)
    assert seen == [(TableTransfer, keeper), (Exit, keeper), (Down, keeper)]


# -- giving away


async def test_giving_it_to_whom_it_belongs_does_nothing() -> None:
    ref = await Notes.start()
    table = ets.SetTable[str, int](owner=ref)
    table.give_away(ref)
    assert await ref.call("notes") == []


async def test_who_is_dead_is_given_nothing() -> None:
    one, two = await Notes.start(), await Notes.start()
    table = ets.SetTable[str, int](owner=one)
    two.kill()
    for dead in (two, named("nobody")):
        with pytest.raises(NoProcess, match="cannot own a table"):
            table.give_away(dead)
        with pytest.raises(NoProcess, match="cannot own a table"):
            ets.SetTable("t", owner=dead, store=ets.Store())
    assert table.owner is one


async def test_the_heir_stays_when_it_is_given_away() -> None:
    one, two, keeper = await Notes.start(), await Notes.start(), await Notes.start()
    table = ets.SetTable[str, int](owner=one, heir=keeper, heir_data=1)
    table.give_away(two)
    assert table.heir is keeper
    two.kill()
    assert await keeper.call("notes") == [TableTransfer(table, two, 1)]


async def test_a_full_mailbox_still_takes_a_table() -> None:
    ref, keeper = await Notes.start(), await Notes.start(max_queue=1)
    table = ets.SetTable[str, int](owner=ref, heir=keeper)
    keeper.send("full")
    ref.kill()
    await asyncio.sleep(1)
    assert await keeper.call("notes") == ["full", TableTransfer(table, ref, None)]


# -- what is refused


async def test_a_closed_table_belongs_to_nobody() -> None:
    ref = await Notes.start()
    table = ets.SetTable[str, int](owner=ref, heir=ref)
    table.close()
    assert (table.owner, table.heir) == (None, None)
    assert debug.statistics(ref).tables == 0
    for verb in (table.give_away, table.set_heir):
        with pytest.raises(TableClosed):
            verb(ref)


async def test_a_shared_table_keeps_its_owner() -> None:
    """`exist_ok=True` finds a table as it stands: whoever makes it owns it."""
    store = ets.Store()
    one, two = await Notes.start(), await Notes.start()
    table = ets.SetTable("t", store=store, owner=one)
    assert ets.SetTable("t", store=store, owner=two, exist_ok=True) is table
    assert table.owner is one
    assert debug.statistics(two).tables == 0
    with pytest.raises(TableExists):
        ets.SetTable("t", store=store, owner=two)


async def test_a_cache_may_be_given_to_a_server() -> None:
    ref = await Notes.start()
    cache = Cache[str, int]()
    cache.give_away(ref)
    ref.kill()
    assert cache.closed


# -- threads, finalizers, garbage


async def test_a_table_is_closed_by_another_thread_while_its_owner_ends() -> None:
    """Whoever comes first: it is closed once, and nobody is left with it."""
    for _ in range(50):
        ref, keeper = await Notes.start(), await Notes.start()
        tables = [ets.SetTable[str, int](owner=ref, heir=keeper) for _ in range(20)]
        thread = threading.Thread(target=lambda tables=tables: [table.close() for table in tables])
        thread.start()
        ref.kill()
        thread.join()
        assert all(table.closed and table.owner is None for table in tables)
        assert debug.statistics(keeper).tables == 0
        await asyncio.sleep(0)


async def test_threads_that_give_a_table_away_leave_it_with_one_owner() -> None:
    refs = [await Notes.start() for _ in range(4)]
    table = ets.SetTable[str, int](owner=refs[0])

    def give(own: int) -> None:
        for number in range(300):
            table.give_away(refs[(own + number) % 4])

    threads = [threading.Thread(target=give, args=(own,)) for own in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    having = [ref for ref in refs if debug.statistics(ref).tables]
    assert having == [table.owner]
    for ref in refs:
        if ref is not table.owner:
            ref.kill()
    assert not table.closed


def test_an_heir_on_another_loop_inherits() -> None:
    ready, done = threading.Event(), threading.Event()
    found: list[Any] = []

    async def other() -> None:
        keeper = await Notes.start()
        found.append(keeper)
        ready.set()
        while not done.is_set():
            await asyncio.sleep(0.001)
        found.append(await keeper.call("notes"))

    async def own() -> Any:
        ref = await Notes.start()
        table = ets.SetTable[str, int](owner=ref, heir=found[0])
        ref.kill()
        return TableTransfer(table, ref, None)

    thread = threading.Thread(target=lambda: asyncio.run(other()))
    thread.start()
    ready.wait(60)
    transfer = asyncio.run(own())
    assert transfer.table.owner is found[0]
    done.set()
    thread.join()
    assert found[1] == [transfer]


async def test_evil_finalizers_of_rows_do_not_stop_the_end() -> None:
    """Closing lets go of rows, and their finalizers may do anything: also end other servers, and give tables away."""
    ref, other = await Notes.start(), await Notes.start()
    tables = [ets.SetTable[str, Any](owner=ref) for _ in range(3)]

    class Evil:
        def __del__(self) -> None:
            tables[1].give_away(other)
            ref.kill()
            tables[2].close()

    tables[0].insert("a", Evil())
    waiting = asyncio.create_task(ref.wait())
    await asyncio.sleep(0)
    ref.kill()
    await waiting
    assert [table.closed for table in tables] == [True, False, True]
    assert tables[1].owner is other


async def test_evil_names_of_heirs_cost_their_table_and_no_other() -> None:
    class Evil:
        angry = False

        def __hash__(self) -> int:
            if self.angry:
                raise ZeroDivisionError
            return 1

    ref, keeper = await Notes.start(), await Notes.start()
    bad = ets.SetTable[str, int](owner=ref, heir=named(Evil()))
    good = ets.SetTable[str, int](owner=ref, heir=keeper)
    Evil.angry = True
    logger = logging.getLogger("noex.ets")
    logger.disabled = True
    try:
        ref.kill()
    finally:
        logger.disabled = False
    assert (bad.closed, good.owner) == (True, keeper)


async def test_an_unnamed_table_lives_as_long_as_its_owner() -> None:
    ref = await Notes.start()
    table = weakref.ref(ets.SetTable[str, int](owner=ref))
    gc.collect()
    assert table() is not None
    assert table().owner is ref  # type: ignore[union-attr]
    ref.kill()
    gc.collect()
    assert table() is None


async def test_a_server_owns_what_it_makes_in_init_and_nothing_is_left_of_a_start_that_fails() -> None:
    made: list[Any] = []

    class Fails(GenServer):
        def init(self) -> None:
            made.append(ets.SetTable(owner=self.ref))
            raise ZeroDivisionError

    with pytest.raises(RuntimeError):
        await Fails.start()
    assert made[0].closed
