"""Data structures: the tables themselves, in two forms with one contract.

`_pure` is Python: the specification and the fallback. `_native` is the same in Rust, used where it was built. The
environment variable `NOEX_KERNEL` (`native` or `pure`) forces one; forcing a missing one is an error.

Everything above imports the classes from here and does not know which it got. Each class has `_create`, which makes a
table; the verbs of its kind; `_entries`, `_walk` or `_snapshot` to read it through; `_shut`, after which every verb
raises `TableClosed`; `_memory` and `_check`.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Final

from noex.errors import KernelUnavailable
from noex.kernel._pure import ABSENT, BagTable, CacheTable, Desc, DuplicateBagTable, OrderedSetTable, SetTable

__all__ = [
    "ABSENT",
    "KERNEL",
    "REASON",
    "BagTable",
    "CacheTable",
    "Desc",
    "DuplicateBagTable",
    "OrderedSetTable",
    "SetTable",
]


def _choose() -> tuple[str, str]:
    """Return the name of the kernel to use, and why it is that one."""
    wanted = os.environ.get("NOEX_KERNEL", "")
    if wanted not in {"", "native", "pure"}:
        raise KernelUnavailable(
            f"NOEX_KERNEL must be 'native' or 'pure', not {wanted!r}; unset it for the best there is"
        )
    if wanted == "pure":
        return "pure", "NOEX_KERNEL asks for it"
    if find_spec("noex.kernel._native") is None:
        if wanted == "native":
            raise KernelUnavailable("NOEX_KERNEL asks for the native kernel, which this installation does not have")
        return "pure", "this version of noex has no native kernel yet"
    raise KernelUnavailable("a native kernel is installed that this version of noex does not know; reinstall noex")


_CHOICE: Final = _choose()

KERNEL: Final = _CHOICE[0]
"""The kernel in use: "native" or "pure"."""

REASON: Final = _CHOICE[1]
"""Why it is that one."""
