"""The state of a server, as its attributes: read, and replaced as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["read_state", "write_state"]


def _slots(server: object) -> list[str]:
    """Return the names of the slots that classes of the user's have."""
    names: list[str] = []
    for cls in type(server).__mro__:
        slots = () if cls.__module__.startswith("noex.otp.") else cls.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else slots
    return [name for name in names if name not in ("__dict__", "__weakref__")]


def read_state(server: object) -> dict[str, Any]:
    """Return the attributes of a server, those in slots too. O(attributes)."""
    state = {name: getattr(server, name) for name in _slots(server) if hasattr(server, name)}
    return state | getattr(server, "__dict__", {})


def write_state(server: object, state: Any) -> None:
    """Let these be the attributes of a server, and no others; an error changes nothing.

    Raises:
        TypeError: it is no mapping of names.
    """
    wanted: dict[Any, Any] = {**state} if isinstance(state, Mapping) else {None: None}
    if not all(isinstance(name, str) for name in wanted):
        raise TypeError(f"a state is a mapping of names of attributes, not {state!r}")
    before = read_state(server)
    try:
        _assign(server, wanted)
    except BaseException:
        _assign(server, before)
        raise


def _assign(server: object, state: dict[str, Any]) -> None:
    for name in read_state(server).keys() - state.keys():
        delattr(server, name)
    for name, value in state.items():
        setattr(server, name, value)
