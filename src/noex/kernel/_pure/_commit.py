"""The one lock of the pure kernel.

All tables share it. Sections under it are short and run no code of the user, so little is lost (the GIL lets one
thread run at a time anyway) and much is won: no order of locks to keep, changes to several tables at once need
nothing else, and two threads whose garbage collections write to each other's tables cannot block each other.

It is re-entrant because CPython may run a finalizer or a signal handler between any two calls, also in here, and that
code may use a table. So a commit of one row tests that it is still current and changes it *in one run of bytecodes
without a call in between*: CPython looks for such work only at calls, jumps back, and allocations.

A process that forks holds the lock while it does, so that its child never inherits a half-done commit.
"""

from __future__ import annotations

import os
import threading

__all__ = ["acquire", "release"]

_lock = threading.RLock()

acquire = _lock.acquire
release = _lock.release

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=acquire, after_in_parent=release, after_in_child=release)
