"""Registries: unique and duplicate names, what goes with them, and who is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from noex.otp import AlreadyStarted, NoProcess, Ref, Registration, Registry, RegistryEvent, default_registry, named
from tests.otp.conftest import Crashes
from tests.otp.servers import Counter, Notes


async def three() -> list[Ref]:
    return [await Counter.start() for _ in range(3)]


async def test_a_unique_name_belongs_to_one_server() -> None:
    registry = Registry()
    one, two, _ = await three()
    registry.register("it", one, meta=1)
    registry.register("it", one, meta=2)
    with pytest.raises(AlreadyStarted) as failure:
        registry.register("it", two)
    assert failure.value.ref is one
    assert registry.lookup_all("it") == [Registration("it", one, 2)]
    assert len(registry) == 1
    assert "it" in registry
    one.kill()
    assert "it" not in registry
    registry.register("it", two)
    assert registry.lookup("it") is two


async def test_a_duplicate_name_belongs_to_many() -> None:
    registry = Registry(keys="duplicate")
    refs = await three()
    for number, ref in enumerate(refs):
        registry.register("all", ref, meta=number)
    assert registry.lookup_all("all") == [Registration("all", ref, number) for number, ref in enumerate(refs)]
    refs[1].kill()
    assert [entry.ref for entry in registry.lookup_all("all")] == [refs[0], refs[2]]
    assert registry.unregister("all", refs[1]) == 0
    assert registry.unregister("all", refs[0]) == 1
    assert registry.unregister("all") == 1
    assert registry.unregister("all") == 0
    assert [*registry] == []
    assert refs[0].alive
    for ask in (registry.whereis, registry.lookup):
        with pytest.raises(TypeError, match="lookup_all"):
            ask("all")


async def test_a_registry_is_true_and_says_what_it_is() -> None:
    assert Registry()
    assert repr(Registry()) == "<Registry of 0 names>"
    with pytest.raises(ValueError, match="keys must be"):
        Registry(keys="many")  # type: ignore[arg-type]


async def test_the_dead_get_no_names() -> None:
    registry = Registry()
    ref = await Counter.start()
    await ref.stop()
    with pytest.raises(NoProcess):
        registry.register("it", ref)
    assert "it" not in registry
    assert registry.names_of(ref) == []


async def test_meta_can_be_changed() -> None:
    registry = Registry(keys="duplicate")
    refs = await three()
    for ref in refs:
        registry.register("all", ref, meta=1)
    assert registry.update_meta("all", lambda meta: meta + 1) == 3
    assert registry.update_meta("all", lambda meta: meta * 10, refs[0]) == 1
    assert [entry.meta for entry in registry.lookup_all("all")] == [20, 2, 2]
    assert registry.update_meta("none", str) == 0
    assert registry.update_meta("all", lambda meta: refs[0].kill(), refs[0]) == 0


async def test_select_finds_registrations() -> None:
    registry = Registry(keys="duplicate")
    refs = await three()
    for number, ref in enumerate(refs):
        registry.register("all", ref, meta=number)
    registry.register(("other", 1), refs[0])
    assert [entry.name for entry in registry.select()] == ["all", "all", "all", ("other", 1)]
    assert [entry.ref for entry in registry.select(lambda entry: entry.meta == 2)] == [refs[2]]
    assert registry.names_of(refs[0]) == ["all", ("other", 1)]


async def test_what_is_returned_is_a_copy() -> None:
    registry = Registry()
    registry.register("it", await Counter.start())
    registry.lookup_all("it").clear()
    registry.select().clear()
    for name in registry:
        registry.unregister(name)
    assert len(registry) == 0


async def test_dispatch_reaches_all_that_live_and_isolates_failures(
    caplog: pytest.LogCaptureFixture, crashes: Crashes
) -> None:
    registry = Registry(keys="duplicate")
    refs = [await Notes.start() for _ in range(3)]
    for ref in refs:
        registry.register("all", ref)

    def how(ref: Ref, message: Any) -> Any:
        if ref is refs[0]:
            raise ZeroDivisionError
        return ref.send(message)

    assert registry.dispatch("all", "hello", how) == 2
    assert [type(error) for error in crashes.take()] == [ZeroDivisionError]
    refs[1].kill()
    assert registry.dispatch("all", "again", Ref.send) == 2
    assert registry.dispatch("none", "hello") == 0
    assert [await ref.call("notes") for ref in (refs[0], refs[2])] == [["again"], ["hello", "again"]]
    counters = await three()
    for ref in counters:
        registry.register("counters", ref)
    assert registry.dispatch("counters", "add") == 3
    assert [await ref.call("get") for ref in counters] == [1, 1, 1]


async def test_subscribers_are_told_in_order_and_apart_from_each_other(crashes: Crashes) -> None:
    registry = default_registry()
    events: list[RegistryEvent] = []

    def fails(event: RegistryEvent) -> None:
        raise ZeroDivisionError

    registry.subscribe(fails)
    end = registry.subscribe(events.append)
    ref = await Counter.start(name="it")
    registry.register("two", ref)
    registry.unregister("two")
    assert events == [], "not while anything is being done"
    await ref.stop()
    await asyncio.sleep(0)
    expected = [("register", "it"), ("register", "two"), ("unregister", "two"), ("unregister", "it")]
    assert events == [RegistryEvent(kind, name, ref) for kind, name in expected]  # type: ignore[arg-type]
    assert len(crashes.take()) == 4
    await Counter.start(name="late")
    assert end()
    assert not end()
    await asyncio.sleep(0)
    assert len(events) == 4
    crashes.take()


async def test_many_quick_lives_leave_nothing() -> None:
    registry = Registry()
    for number in range(100):
        ref = await Counter.start(name=("some", number % 3), registry=registry)
        await ref.stop()
    assert [*registry] == []


async def test_who_looks_in_another_thread_is_not_disturbed() -> None:
    """Whatever happens to a name between two steps of `whereis`, it finds the old server or none."""
    registry = Registry()
    one, two, _ = await three()
    registry.register("it", one)
    steps = iter(registry._entries["it"])
    registry.unregister("it")
    registry.register("it", two)
    registry.register("it", two, meta=1)
    assert next(steps) is one
    assert registry.whereis("it") is two


async def test_a_name_of_many_is_no_reference() -> None:
    with pytest.raises(TypeError, match="lookup_all"):
        named("all", registry=Registry(keys="duplicate"))
    with pytest.raises(TypeError, match="unhashable"):
        named([])  # type: ignore[arg-type]
