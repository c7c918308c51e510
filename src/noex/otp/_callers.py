"""The two ends of a call: who waits, and who answers."""

from __future__ import annotations

import asyncio
from typing import Any, final

__all__ = ["From", "check_error"]


def check_error(error: object) -> None:
    """Raise unless a caller can get this raised.

    Raises:
        TypeError: it is no exception, or a `StopIteration`, which no coroutine can raise.
    """
    if not isinstance(error, Exception) or isinstance(error, StopIteration):
        raise TypeError(f"a caller can only get an Exception raised, and no StopIteration; not {error!r}")


@final
class From:
    """Who waits for the answer to a call: `self.caller`, kept by a handler that answers later.

    The first answer counts, from whichever thread it comes; later ones are dropped. When the server ends before it
    has answered, the caller gets `ServerDown`.
    """

    __slots__ = ("_future",)

    def __init__(self, future: asyncio.Future[Any]) -> None:
        self._future = future

    def reply(self, value: Any) -> bool:
        """Answer, and tell whether anybody was still waiting. O(1), safe from any thread."""
        return self._settle(value, None)

    def error(self, error: Exception) -> bool:
        """Answer with an error that the caller gets raised, and tell whether anybody was waiting.

        O(1), safe from any thread.

        Raises:
            TypeError: `error` is no exception, or a `StopIteration`, which no coroutine can raise.
        """
        check_error(error)
        return self._settle(None, error)

    def _settle(self, value: Any, error: Exception | None) -> bool:
        future = self._future
        if future.done():
            return False
        if asyncio._get_running_loop() is future.get_loop():
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)
            return True
        try:
            future.get_loop().call_soon_threadsafe(self._settle, value, error)
        except RuntimeError:  # the loop is closed
            return False
        return True
