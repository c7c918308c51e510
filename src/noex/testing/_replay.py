"""A table put together again from its events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from noex.typing import MISSING, Entry, TableEvent

__all__ = ["Replay"]


class Replay:
    """A subscriber that does to a dict what events tell, and makes sure that each fits those before it."""

    def __init__(self, identity: Callable[[Any], Any], entries: list[Entry], *, bag: bool) -> None:
        self.identity = identity
        self.bag = bag
        self.rows: dict[Any, list[tuple[Any, Any]]] = {}
        self.faults: list[str] = []
        for key, value in entries:
            self.rows.setdefault(identity(key), []).append((key, value))

    def __call__(self, event: TableEvent) -> None:
        """Take in an event; what it raised would only be logged, so faults are kept."""
        if event.kind == "clear":
            if event[1:] != (MISSING, MISSING, MISSING):
                self.faults.append(f"{event} is about an entry")
            self.rows.clear()
            return
        rows = self.rows.setdefault(self.identity(event.key), [])
        former: Any = MISSING if self.bag or not rows else rows[0][1]
        if event.kind == "insert":
            if event.previous is not former:
                self.faults.append(f"{event}, and there was {former!r}")
            if not self.bag:
                rows.clear()
            rows.append((event.key, event.value))
        else:
            place = next((place for place, (_, value) in enumerate(rows) if value is event.value), None)
            if place is None or event.previous is not (MISSING if self.bag else event.value):
                self.faults.append(f"{event}, and there was {rows!r}")
            else:
                del rows[place]
        if not rows:
            del self.rows[self.identity(event.key)]

    def entries(self, places: set[Any] | None = None) -> list[Entry]:
        """Return the entries that events have told of; those at some places, or all."""
        wanted = self.rows if places is None else [place for place in self.rows if place in places]
        return [Entry(*entry) for place in wanted for entry in self.rows[place]]
