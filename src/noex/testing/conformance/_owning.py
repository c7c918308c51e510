"""Tables that belong to servers: they are closed with their owner, or pass on to an heir with all that is in them."""

from __future__ import annotations

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# The tables here are `Any`.
import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from noex import errors, ets
from noex.otp import GenServer, Ref, TableTransfer, named
from noex.testing.conformance._base import Conformance

Story = Callable[["Owning", Ref, Ref], Coroutine[Any, Any, None]]


class _Notes(GenServer):
    """Keeps the messages that come to `handle_info`."""

    def init(self) -> None:
        self.notes: list[Any] = []

    def handle_call(self, message: object) -> list[Any]:  # noqa: ARG002 - any call asks for the same
        return self.notes

    def handle_info(self, message: object) -> None:
        self.notes.append(message)


def with_two_servers(story: Story) -> Callable[[Owning], None]:
    """Let a test be a coroutine that gets two servers."""

    def test(self: Owning) -> None:
        async def main() -> None:
            await story(self, await _Notes.start(), await _Notes.start(name="keeper"))

        asyncio.run(main())

    test.__name__ = story.__name__
    return test


class Owning(Conformance):
    """What owners and heirs come to."""

    @with_two_servers
    async def test_a_table_is_closed_when_its_owner_ends(self, ref: Ref, other: Ref) -> None:
        with ets.Store() as store:
            table = self.fill({"a": 1}, name="stock", store=store, owner=ref)
            assert (table.owner, table.heir, table.closed) == (ref, None, False)
            other.kill()
            assert not table.closed
            await ref.stop()
            assert (table.closed, table.owner, store.whereis("stock")) == (True, None, None)

    @with_two_servers
    async def test_a_table_passes_on_to_its_heir_with_all_that_is_in_it(self, ref: Ref, keeper: Ref) -> None:
        with ets.Store() as store:
            table = self.fill({"a": 1, "b": 2}, name="stock", store=store, owner=ref, heir=keeper, heir_data=7)
            assert table.heir is keeper
            ref.kill()
            assert await keeper.call("notes") == [TableTransfer(table, ref, 7)]
            assert (table.owner, table.heir, store.whereis("stock")) == (keeper, keeper, table)
            assert self.content(table) == [("a", 1), ("b", 2)]
            self.check(table)
            keeper.kill()
            assert table.closed

    @with_two_servers
    async def test_a_named_heir_is_looked_up_in_the_end(self, ref: Ref, keeper: Ref) -> None:
        table, lost = (self.make(owner=ref, heir=named(name)) for name in ("keeper", "nobody"))
        ref.kill()
        assert (table.owner, lost.closed) == (keeper, True)

    @with_two_servers
    async def test_a_table_is_given_away(self, ref: Ref, other: Ref) -> None:
        table = self.fill({"a": 1})
        for owner, before, data in ((ref, None, None), (other, ref, "data")):
            table.give_away(owner, data)
            assert await owner.call("notes") == [TableTransfer(table, before, data)]
        ref.kill()
        assert self.content(table) == [("a", 1)]
        other.kill()
        assert table.closed

    @with_two_servers
    async def test_the_heir_is_changed(self, ref: Ref, keeper: Ref) -> None:
        table, lost = self.make(owner=ref), self.make(owner=ref, heir=keeper)
        table.set_heir(keeper, "later")
        lost.set_heir(None)
        ref.kill()
        assert await keeper.call("notes") == [TableTransfer(table, ref, "later")]
        assert lost.closed

    @with_two_servers
    async def test_a_closed_table_belongs_to_nobody(self, ref: Ref, other: Ref) -> None:
        table = self.make(owner=ref, heir=other)
        table.close()
        assert (table.owner, table.heir) == (None, None)
        calls = {"give_away": lambda: table.give_away(other), "set_heir": lambda: table.set_heir(other)}
        assert self.that_do_not_raise(errors.TableClosed, calls) == {}
        ref.kill()
        assert await other.call("notes") == []

    @with_two_servers
    async def test_what_can_own_no_table_is_refused(self, ref: Ref, other: Ref) -> None:
        other.kill()
        table = self.make(owner=ref)
        with pytest.raises(errors.NoProcess):
            self.make(owner=other)
        with pytest.raises(errors.NoProcess):
            table.give_away(other)
        with pytest.raises(ValueError, match="heir"):
            self.make(heir=ref)
        with pytest.raises(ValueError, match="belongs to no server"):
            self.make().set_heir(ref)
        calls = {
            "owner": lambda: self.make(owner=5),
            "heir": lambda: self.make(owner=ref, heir="keeper"),
            "give_away": lambda: table.give_away(GenServer),
            "set_heir": lambda: table.set_heir(5),
        }
        assert self.that_do_not_raise(TypeError, calls) == {}
        assert table.owner is ref
