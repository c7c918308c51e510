"""Servers that tests share."""

from __future__ import annotations

import asyncio
from typing import Any

from noex.otp import GenServer, Reason

__all__ = ["Counter", "Notes", "SlowCounter", "Waiting"]


class Counter(GenServer):
    """Counts; "crash" crashes it."""

    def init(self, count: int = 0, log: list[Any] | None = None) -> None:
        self.count = count
        self.log = [] if log is None else log

    def handle_call(self, message: Any) -> Any:
        if message == "crash":
            raise ZeroDivisionError("as asked")
        if message == "add":
            self.count += 1
        return self.count

    def handle_cast(self, message: Any) -> Any:
        return self.handle_call(message) and None

    def terminate(self, reason: Reason) -> None:
        self.log.append((reason, self.count))


class SlowCounter(Counter):
    """Counts, and takes a second for it."""

    async def handle_call(self, message: Any) -> Any:
        before = self.count
        await asyncio.sleep(1)
        if message == "crash":
            raise ZeroDivisionError("as asked")
        self.count = before + (message == "add")
        return self.count

    async def handle_cast(self, message: Any) -> None:
        await self.handle_call(message)


class Notes(GenServer):
    """Keeps whatever comes to `handle_info`."""

    def init(self, *, trap_exit: bool = False) -> None:
        self.trap_exit = trap_exit
        self.notes: list[Any] = []

    def handle_call(self, message: Any) -> Any:
        """A function is called with the server; anything else asks for the notes."""
        return message(self) if callable(message) else [*self.notes]

    def handle_info(self, message: Any) -> None:
        self.notes.append(message)


class Waiting(GenServer):
    """Waits for ever while it handles anything, and notes how that ends."""

    def init(self, log: list[Any]) -> None:
        self.log = log

    async def handle_call(self, message: Any) -> Any:
        try:
            self.log.append(message)
            await asyncio.get_running_loop().create_future()
        finally:
            self.log.append("cut off")

    handle_cast = handle_call

    def terminate(self, reason: Reason) -> None:
        self.log.append(reason)
