"""What the events of a table add up to."""

from __future__ import annotations

from typing import Any

from noex import ets

__all__ = ["replayed"]


def replayed(events: list[Any], state: dict[Any, Any] | None = None) -> tuple[dict[Any, Any], list[Any]]:
    """Return what the events of a set kind make of a state, and those that do not fit what came before them."""
    state = {} if state is None else dict(state)
    wrong: list[Any] = []
    for event in events:
        before = state.get(event.key, ets.MISSING)
        if event.kind == "clear":
            state.clear()
        elif event.kind == "insert":
            if before != event.previous:
                wrong.append((event, before))
            state[event.key] = event.value
        else:
            if before != event.value or event.previous != event.value:
                wrong.append((event, before))
            state.pop(event.key, None)
    return state, wrong
