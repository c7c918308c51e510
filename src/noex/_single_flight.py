"""One load per key at a time, across threads: the first caller loads, the others wait for what it gets.

The idea is Go's `singleflight`. A wait that could never end is refused: a load that asks for its own key, directly or
through the loads of other threads, on this cache or others.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from noex.errors import LoadDeadlock, TableClosed
from noex.ets import SetTable, Store
from noex.kernel import acquire, release

__all__ = ["Freshness", "SingleFlight"]

V = TypeVar("V")


class _Status:
    __slots__ = ("waits_for",)

    def __init__(self) -> None:
        self.waits_for: _Load | None = None


class Freshness:
    """Whether what a load gets is out of date before it is there."""

    __slots__ = ("stale",)

    def __init__(self) -> None:
        self.stale = False


class _Load:
    """One call of a factory: who makes it, in which process, what came of it."""

    __slots__ = ("done", "error", "freshness", "leader", "process", "value")

    def __init__(self, leader: _Status) -> None:
        self.leader = leader
        self.process = os.getpid()
        self.done = threading.Event()
        self.value: Any = None
        self.error: BaseException | None = None
        self.freshness = Freshness()


_this_thread = threading.local()


def _my_status() -> _Status:
    """Return what this thread waits for; other threads reach it through the loads that it leads."""
    try:
        return _this_thread.status  # type: ignore[no-any-return]
    except AttributeError:
        return _this_thread.__dict__.setdefault("status", _Status())  # type: ignore[no-any-return]


class SingleFlight(Generic[V]):
    """Loads under way, by key."""

    __slots__ = ("_loads",)

    def __init__(self) -> None:
        self._loads: SetTable[Any, _Load] = SetTable(store=Store())  # nobody else's business

    def run(self, key: Any, load: Callable[[Freshness], V], what: Callable[[], str]) -> V:
        """Return what `load` returns, called here or by another thread.

        It is called with its `Freshness`, which turns stale if what it gets must not be kept any more.

        Atomic: of all callers for a key, one runs `load`; its exception goes to every waiter, and is not kept. What
        ends a thread, such as `KeyboardInterrupt`, stays with that one: another caller takes over.

        Raises:
            LoadDeadlock: this thread leads a load that somebody, in the end this thread, waits for; `what` names it.
            BaseException: whatever `load` raises.
        """
        me = _my_status()
        mine = _Load(me)
        while not self._loads.insert_new(key, mine):
            theirs = self._loads.lookup(key)
            if theirs is None:
                continue  # it ended in between
            if theirs.process != mine.process:
                self._loads.delete_object(key, theirs)  # its thread did not come along when the process was forked
                continue
            try:
                _wait(theirs, me, what)
                if isinstance(theirs.error, Exception):
                    raise theirs.error
                if theirs.error is not None:
                    continue  # its thread was interrupted, which is not the key's fault: let another lead
                return theirs.value  # type: ignore[no-any-return]
            finally:
                del theirs  # the error's traceback holds this frame: no circle
        try:
            mine.value = load(mine.freshness)
        except BaseException as error:
            mine.error = error
            raise
        else:
            return mine.value  # type: ignore[no-any-return]
        finally:
            self._end(key, mine)
            del mine  # as above

    def forget(self, key: Any) -> None:
        """Have nothing kept of a load of the key that is under way. O(1). Atomic."""
        try:
            load = self._loads.lookup(key) if len(self._loads) else None
            if load is not None:
                acquire()
                load.freshness.stale = True
                release()
        except TableClosed:
            pass  # nothing will be kept any more

    def forget_all(self) -> None:
        """Have nothing kept of all loads that are under way. O(loads). Atomic."""
        try:
            for load in self._loads.values():
                acquire()
                load.freshness.stale = True
                release()
        except TableClosed:
            pass  # as above

    def _end(self, key: Any, load: _Load) -> None:
        """Let go of the waiters, whatever happens: comparing the key may raise, and the cache may be closed by now."""
        try:
            self._loads.delete_object(key, load)
        except TableClosed:
            pass  # then nothing is left to remove
        finally:
            load.done.set()

    def close(self) -> None:
        """Start no more loads. Idempotent."""
        self._loads.close()


def _wait(load: _Load, me: _Status, what: Callable[[], str]) -> None:
    """Wait for the load of another thread, unless that one waits for this."""
    acquire()  # nobody else begins to wait meanwhile
    try:
        leader = load.leader
        while leader is not me:
            ahead = leader.waits_for
            if ahead is None or ahead.done.is_set():
                me.waits_for = load
                break  # it runs, or is about to
            leader = ahead.leader
    finally:
        release()
    if leader is me:
        raise LoadDeadlock(
            f"{what()} is being loaded by a factory that waits, directly or through other loads, for this very "
            "call; a factory must not ask for the key that it loads"
        )
    try:
        load.done.wait()
    finally:
        me.waits_for = None
