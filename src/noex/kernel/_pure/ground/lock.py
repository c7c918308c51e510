"""The one lock of the pure kernel.

All tables share it. Sections under it are short and run no code of the user, so little is lost (the GIL lets one
thread run at a time anyway) and much is won: no order of locks to keep, changes to several tables at once need
nothing else, and two threads whose garbage collections write to each other's tables cannot block each other.

It is re-entrant because CPython may run a finalizer or a signal handler between any two calls, also in here, and that
code may use a table. So a commit tests that it is still current and changes what it changes *in one run of bytecodes
without a call in between*: CPython looks for such work only at calls, jumps back, and allocations.

A process that forks holds the lock while it does, so that its child never inherits a half-done commit.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

__all__ = ["acquire", "commits", "held", "release"]

_lock = threading.RLock()

acquire = _lock.acquire
release = _lock.release
held: Callable[[], bool] = getattr(_lock, "_is_owned")  # noqa: B009 - what `threading.Condition` asks, and no stub has
"""Tell whether this thread has the lock: a frame below this one is in a section of it."""

commits = [0]
"""Counts, in its only element, the commits to watched tables and bags: under the lock, only a finalizer can add one."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=acquire, after_in_parent=release, after_in_child=release)
