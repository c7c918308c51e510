"""Who is who: servers by name."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any

from noex.errors import AlreadyStarted, NoProcess
from noex.otp._loops import home_of
from noex.otp._mailbox import DEAD
from noex.otp._ref import Named, Ref

if TYPE_CHECKING:
    from noex.otp._process import Process

__all__ = ["Registry", "default_registry", "named", "whereis"]


class Registry:
    """Names of servers, each for one server at a time.

    A name is freed when its server ends, before anybody is told of the end. Belongs to the thread of one event loop;
    `whereis` is safe from others.
    """

    __slots__ = ("_refs",)

    def __init__(self) -> None:
        self._refs: dict[Hashable, Ref] = {}

    def register(self, name: Hashable, ref: Ref) -> None:
        """Give a name to a server; it may have several. O(1).

        Raises:
            AlreadyStarted: another server has the name.
            NoProcess: the server is dead.
        """
        process: Process = ref._process
        if process.state == DEAD:
            raise process.gone_error()
        present = self._refs.setdefault(name, process.ref)
        if present is not process.ref:
            raise AlreadyStarted(name, present)
        if process.names is None:
            process.names = []
        if (self, name) not in process.names:
            process.names.append((self, name))

    def unregister(self, name: Hashable) -> bool:
        """Free a name, and tell whether it was taken; its server goes on. O(1)."""
        ref = self._refs.pop(name, None)
        if ref is None:
            return False
        names = ref._process.names
        if names is not None:
            names.remove((self, name))
        return True

    def whereis(self, name: Hashable) -> Ref | None:
        """Return the server of that name, if there is one. O(1), safe from any thread."""
        return self._refs.get(name)

    def lookup(self, name: Hashable) -> Ref:
        """Return the server of that name. O(1).

        Raises:
            NoProcess: there is none.
        """
        ref = self._refs.get(name)
        if ref is None:
            raise NoProcess(f"nobody has the name {name!r} in {self!r}")
        return ref

    def forget(self, name: Hashable, process: Process) -> None:
        """Free the name of a server that has ended."""
        ref = self._refs.get(name)
        if ref is not None and ref._process is process:
            del self._refs[name]

    def __len__(self) -> int:
        return len(self._refs)

    def __iter__(self) -> Iterator[Any]:
        return iter([*self._refs])

    def __repr__(self) -> str:
        return f"<Registry of {len(self._refs)} names>"


def default_registry(loop: asyncio.AbstractEventLoop | None = None) -> Registry:
    """Return the registry of the running loop, or of the given one.

    Raises:
        RuntimeError: no loop is given, and none is running.
    """
    home = home_of(asyncio.get_running_loop() if loop is None else loop)
    if home.registry is None:
        home.registry = Registry()
    return home.registry


def named(name: Hashable, *, registry: Registry | None = None) -> Ref:
    """Return a reference to whoever has the name when it is used, in the loop's own registry or the given one.

    It goes on after a restart. Where nobody has the name, `cast` and `send` return False, `call` raises `NoProcess`.
    """
    return Named(name, default_registry() if registry is None else registry)


def whereis(name: Hashable, *, registry: Registry | None = None) -> Ref | None:
    """Return the server that has the name now, if there is one. O(1)."""
    return (default_registry() if registry is None else registry).whereis(name)
