"""The processes of a loop as a tree."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from noex.otp import Child, DynamicSupervisor, GenServer, Ref, Supervisor, debug, default_registry, tree
from tests.otp.servers import Counter, Notes, SlowCounter


class Parent(Notes):
    """Starts children when asked to."""

    async def handle_call(self, message: Any) -> Any:
        cls, name = message
        return await cls.start_link(name=name)


async def family() -> list[Ref]:
    top = await Parent.start(name="top")
    left = await top.call((Parent, "left"))
    leaves = [await left.call((Counter, name)) for name in "ab"]
    return [top, left, *leaves, await top.call((SlowCounter, "right"))]


async def test_it_prints_each_below_its_parent() -> None:
    *_, leaf, slow = await family()
    alone = await Counter.start()
    slow.cast("add")
    slow.cast("add")
    leaf.cast("add")
    await asyncio.sleep(0.5)
    await debug.suspend(alone)
    assert repr(tree()).splitlines() == [
        "Parent 'top'  idle, 0 waiting, 2 handled",
        "├─ Parent 'left'  idle, 0 waiting, 2 handled",
        "│  ├─ Counter 'a'  idle, 0 waiting, 0 handled",
        "│  └─ Counter 'b'  idle, 0 waiting, 1 handled",
        "└─ SlowCounter 'right'  awaiting, 1 waiting, 1 handled",
        "Counter  suspended, 0 waiting, 0 handled",
    ]


async def test_supervisors_have_their_children_below_them() -> None:
    shop = Supervisor([Child(Counter, id="a"), Supervisor([Counter], name="inner"), DynamicSupervisor(name="more")])
    async with shop as supervisor:
        inner, more = (child.ref for child in (await supervisor.children())[1:])
        assert inner is not None
        assert more is not None
        assert [(node.label, node.depth) for node in tree()] == [
            ("Supervisor", 0),
            ("Counter", 1),
            ("Supervisor 'inner'", 1),
            ("Counter", 2),
            ("DynamicSupervisor 'more'", 1),
        ]
        assert repr(tree(inner)).splitlines()[1] == "└─ Counter  idle, 0 waiting, 0 handled"


async def test_it_may_begin_anywhere() -> None:
    _top, left, first, second, _slow = await family()
    assert [(node.ref, node.depth) for node in tree(left)] == [(left, 0), (first, 1), (second, 1)]
    assert repr(tree(left)).splitlines()[-1] == "└─ Counter 'b'  idle, 0 waiting, 0 handled"
    left.kill()
    assert len(tree(left)) == 0
    assert repr(tree(left)) == "no processes"


async def test_it_tells_of_links_and_further_names() -> None:
    one, two = await Notes.start(name="one"), await Counter.start()
    default_registry().register("uno", one)
    await one.call(lambda self: self.link(two))
    assert repr(tree()).splitlines() == [
        "Notes 'one'  idle, 0 waiting, 1 handled, named 'one', 'uno', linked to Counter",
        "Counter  idle, 0 waiting, 0 handled, linked to Notes 'one'",
    ]


async def test_a_server_may_ask_from_within() -> None:
    class Asks(GenServer):
        async def init(self) -> None:
            self.seen = repr(tree())
            await asyncio.sleep(1)

        def handle_call(self, message: Any) -> Any:
            return self.seen, repr(tree())

        def terminate(self, reason: Any) -> None:
            ends.append(repr(tree(self.ref)))

    ends: list[str] = []
    ref = await Asks.start()
    assert await ref.call("x") == (
        "Asks  starting, 0 waiting, 0 handled",
        f"Asks  running, 0 waiting, {ref._process.handled - 1} handled",
    )
    await ref.stop()
    assert ends == ["Asks  ending, 0 waiting, 1 handled"]


async def test_those_whose_parent_has_ended_stand_alone() -> None:
    class Orphan(Counter):
        async def terminate(self, reason: Any) -> None:  # type: ignore[override]
            await asyncio.sleep(1)

    top = await Parent.start()
    child = await top.call((Orphan, None))
    top.kill()
    await asyncio.sleep(0.5)
    assert [(node.ref, node.depth, node.status) for node in tree()] == [(child, 0, "ending")]
    await child.wait()


async def test_a_deep_tree_is_no_problem() -> None:
    ref = await Parent.start()
    for _ in range(2000):
        ref = await ref.call((Parent, None))
    assert len(repr(tree()).splitlines()) == len(tree()) == 2001


def test_it_needs_a_loop() -> None:
    with pytest.raises(RuntimeError):
        tree()
