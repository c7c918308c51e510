"""Who is who: servers by name."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from noex.errors import AlreadyStarted, NoProcess
from noex.otp._loops import home_of
from noex.otp._mailbox import DEAD
from noex.otp._ref import Named, Ref

if TYPE_CHECKING:
    from noex.otp._process import Process

__all__ = ["Keys", "Registration", "Registry", "RegistryEvent", "default_registry", "named", "whereis"]

Keys: TypeAlias = Literal["unique", "duplicate"]
"""Whether a name belongs to one server at a time, or to any number of them."""

logger = logging.getLogger("noex.otp")


class Registration(NamedTuple):
    """One name of one server, and what was noted with it."""

    name: Any
    ref: Ref
    meta: Any


class RegistryEvent(NamedTuple):
    """What became of a name: `kind` is "register" or "unregister", the latter also when the server has ended."""

    kind: Literal["register", "unregister"]
    name: Any
    ref: Ref


class Registry:
    """Names of servers: any hashable value, for one server at a time, or with `keys="duplicate"` for any number.

    A server may have several names. They are freed when it ends, before anybody is told of the end. With each goes a
    value, `meta`. Belongs to the thread of one event loop; `whereis` is safe from others.

    Every event loop has a registry of its own, `default_registry()`, which `start(name=...)` uses.

    >>> import asyncio
    >>> from noex.otp import GenServer
    >>> async def main() -> None:
    ...     rooms = Registry(keys="duplicate")
    ...     for seats in (10, 20):
    ...         rooms.register("lobby", await GenServer.start(), meta=seats)
    ...     print([entry.meta for entry in rooms.lookup_all("lobby")])
    >>> asyncio.run(main())
    [10, 20]
    """

    __slots__ = ("_callbacks", "_entries", "_unique")

    def __init__(self, *, keys: Keys = "unique") -> None:
        if keys not in ("unique", "duplicate"):
            raise ValueError(f'keys must be "unique" or "duplicate", not {keys!r}')
        self._unique = keys == "unique"
        self._entries: dict[Hashable, dict[Ref, Any]] = {}
        self._callbacks: dict[object, Callable[[RegistryEvent], object]] = {}

    # -- names

    def register(self, name: Hashable, ref: Ref, meta: Any = None) -> None:
        """Give a name to a server; where it has that name already, replace `meta`. O(1).

        Raises:
            AlreadyStarted: another server has the name, and keys are unique.
            NoProcess: the server is dead.
        """
        process = ref._process
        if process.state == DEAD:
            raise process.gone_error()
        entry = self._entries.get(name)
        known = entry is not None and process.ref in entry
        if entry is None:
            self._entries[name] = {process.ref: meta}
        elif self._unique and not known:
            raise AlreadyStarted(name, next(iter(entry)))
        else:
            entry[process.ref] = meta
        if not known:
            if process.names is None:
                process.names = []
            process.names.append((self, name))
            self._tell("register", name, process.ref)

    def unregister(self, name: Hashable, ref: Ref | None = None) -> int:
        """Free a name, of one server or of all that have it, and return of how many; they go on. O(servers)."""
        entry = self._entries.get(name, {})
        chosen = [*entry] if ref is None else [each for each in (ref._process.ref,) if each in entry]
        for each in chosen:
            names = each._process.names
            if names is not None:
                names.remove((self, name))
            self.forget(name, each._process)
        return len(chosen)

    def forget(self, name: Hashable, process: Process) -> None:
        """Free the name of a server that has ended."""
        entry = self._entries.get(name)
        if entry is not None and process.ref in entry:
            if len(entry) == 1:  # it goes as it is, since other threads may be looking at it
                del self._entries[name]
            else:
                del entry[process.ref]
            self._tell("unregister", name, process.ref)

    # -- looking up

    def whereis(self, name: Hashable) -> Ref | None:
        """Return the server of that name, if there is one. O(1), safe from any thread.

        Raises:
            TypeError: keys are not unique; use `lookup_all`.
        """
        if not self._unique:
            raise TypeError(f"a name may belong to several servers in {self!r}: use lookup_all({name!r})")
        return next(iter(self._entries.get(name, ())), None)  # of unique keys, no entry ever grows or shrinks

    def lookup(self, name: Hashable) -> Ref:
        """Return the server of that name. O(1).

        Raises:
            NoProcess: there is none.
            TypeError: keys are not unique; use `lookup_all`.
        """
        ref = self.whereis(name)
        if ref is None:
            raise NoProcess(f"nobody has the name {name!r} in {self!r}")
        return ref

    def lookup_all(self, name: Hashable) -> list[Registration]:
        """Return all servers of that name, in the order in which they got it. O(servers)."""
        return [Registration(name, ref, meta) for ref, meta in self._entries.get(name, {}).items()]

    def names_of(self, ref: Ref) -> list[Any]:
        """Return the names of a server, in the order in which it got them. O(names)."""
        return [name for registry, name in ref._process.names or () if registry is self]

    def select(self, where: Callable[[Registration], object] | None = None) -> list[Registration]:
        """Return all that is registered, or that of which `where(registration)` is true. O(n)."""
        everything = [entry for name in self for entry in self.lookup_all(name)]
        return everything if where is None else [entry for entry in everything if where(entry)]

    def update_meta(self, name: Hashable, function: Callable[[Any], Any], ref: Ref | None = None) -> int:
        """Replace `meta` by `function(meta)`, for one server or all of that name; return for how many. O(servers)."""
        changed = 0
        for entry in self.lookup_all(name):
            if ref is None or entry.ref is ref._process.ref:
                meta = function(entry.meta)
                if entry.ref in self._entries.get(name, {}):  # the function may have done anything
                    self._entries[name][entry.ref] = meta
                    changed += 1
        return changed

    def __contains__(self, name: Hashable) -> bool:
        return name in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Any]:
        return iter([*self._entries])

    def __bool__(self) -> bool:
        """A registry is true, also while it is empty."""
        return True

    # -- telling

    def dispatch(self, name: Hashable, message: Any, how: Callable[[Ref, Any], object] = Ref.cast) -> int:
        """Send a message to all servers of that name, and return how many took it. O(servers).

        `how(ref, message)` sends it; a server for which that returns False has not taken it, and one for which it
        raises has not either: that is logged, and the others get theirs.
        """
        taken = 0
        for entry in self.lookup_all(name):
            try:
                taken += how(entry.ref, message) is not False
            except Exception:
                logger.exception("%r could not be sent to %r", message, entry.ref)
        return taken

    def subscribe(self, callback: Callable[[RegistryEvent], object]) -> Callable[[], bool]:
        """Call `callback(event)` after each change of names; return a function that ends this.

        Events come in order, each in a turn of the event loop of the server that it is about. A callback that raises is
        logged, and troubles nobody else.
        """
        key = object()
        self._callbacks[key] = callback
        return lambda: self._callbacks.pop(key, None) is not None

    def _tell(self, kind: Literal["register", "unregister"], name: Hashable, ref: Ref) -> None:
        if self._callbacks:
            event = RegistryEvent(kind, name, ref)
            for key in self._callbacks:
                ref._process.loop.call_soon(self._deliver, key, event)

    def _deliver(self, key: object, event: RegistryEvent) -> None:
        callback = self._callbacks.get(key)
        if callback is not None:
            try:
                callback(event)
            except Exception:
                logger.exception("a subscriber of %r failed for %r", self, event)

    def __repr__(self) -> str:
        return f"<Registry of {len(self._entries)} names>"


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

    Raises:
        TypeError: keys are not unique in that registry, or `name` cannot be hashed.
        RuntimeError: no registry is given, and no loop is running.
    """
    chosen = default_registry() if registry is None else registry
    chosen.whereis(name)  # raises where it never could be answered
    return Named(name, chosen)


def whereis(name: Hashable, *, registry: Registry | None = None) -> Ref | None:
    """Return the server that has the name now, if there is one. O(1)."""
    return (default_registry() if registry is None else registry).whereis(name)
