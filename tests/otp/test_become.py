"""A server may replace its handlers: the next message goes to the new one, whichever way it comes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from noex.otp import GenServer

pytestmark = pytest.mark.usefixtures("direct_calls")


class Door(GenServer):
    """Is open until it is locked."""

    def init(self) -> None:
        self.casts: list[str] = []

    def handle_call(self, message: str) -> Any:
        if message == "lock":
            self.handle_call = self.locked  # type: ignore[method-assign]
        return "open"

    def locked(self, message: str) -> Any:
        return self.casts if message == "casts" else "locked"

    def handle_cast(self, message: str) -> None:
        self.casts.append(f"{message} by the first")
        self.handle_cast = self.second  # type: ignore[method-assign]

    def second(self, message: str) -> None:
        self.casts.append(f"{message} by the second")


async def test_a_replaced_handler_is_used_from_the_next_message_on() -> None:
    door = await Door.start()
    assert [await door.call(message) for message in ("x", "lock", "x")] == ["open", "open", "locked"]
    for message in "abc":
        door.cast(message)
    assert await door.call("casts") == ["a by the first", "b by the second", "c by the second"]


async def test_a_handler_may_be_chosen_by_init() -> None:
    class Locked(Door):
        def init(self) -> None:
            super().init()
            self.handle_call = self.locked  # type: ignore[method-assign]

    door = await Locked.start()
    await asyncio.sleep(0)
    assert await door.call("x") == "locked"
