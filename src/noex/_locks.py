"""Locks of what stands above the kernel: re-entrant, and free again in a forked process.

A lock that another thread holds at the moment of a `fork()` would stay locked in the child for ever. So the forking
thread takes all of them first, waiting a moment for their holders to finish, and lets them go on both sides. Where a
holder takes longer, the child gets the lock anew; what was being changed under it is then left as it was found.
"""

from __future__ import annotations

import os
import threading
from typing import Any
from weakref import WeakSet

# Hooks before a fork run last to first: with the kernel's there already, these locks are taken before its own.
import noex.kernel  # noqa: F401  # pyright: ignore[reportUnusedImport]

__all__ = ["new_lock"]

_PATIENCE = 0.2  # seconds, in all

_locks: WeakSet[Any] = WeakSet()
_taken: list[Any] = []
_late: list[Any] = []


def new_lock() -> threading.RLock:
    """Return a re-entrant lock that no fork leaves locked. O(1)."""
    lock = threading.RLock()
    _locks.add(lock)
    return lock


def _before_fork() -> None:
    patience = _PATIENCE
    for lock in list(_locks):
        if lock.acquire(timeout=patience):
            _taken.append(lock)
        else:
            _late.append(lock)
            patience = 0.0


def _after_fork() -> None:
    for lock in _taken:
        lock.release()
    _taken.clear()
    _late.clear()


def _in_child() -> None:
    for lock in _late:
        lock._at_fork_reinit()  # as the standard library does with its own
    _after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)
