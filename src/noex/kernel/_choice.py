"""Which kernel is used: the native one where it was built for this version of noex, else the pure one, and why.

A native kernel that does not fit counts as missing. The environment variable `NOEX_KERNEL` (`native` or `pure`) forces
one kernel; forcing a missing one is an error.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from noex.errors import KernelUnavailable

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["CONTRACT", "MODULE", "Choice", "choose"]

CONTRACT: Final = 2
"""The number of the contract between Python and the native kernel, `CONTRACT` in `rust/src/py/mod.rs`.

It grows whenever one of the two would not understand the other any more, so that a shared object of another version is
not used.
"""

MODULE: Final = "noex.kernel._native"

_REASON_FILE: Final = Path(__file__).with_name("_native_missing.txt")  # written by setup.py


class Choice(NamedTuple):
    """A kernel, why it is that one, and the native module if it is the native one."""

    name: str
    reason: str
    native: ModuleType | None


class _Missing(Exception):
    """There is no native kernel that could be used; the text says why."""


def choose(wanted: str, names: tuple[str, ...]) -> Choice:
    """Return the kernel to use.

    Args:
        wanted: the value of `NOEX_KERNEL`, empty for the best there is.
        names: what the native kernel has to offer.

    Raises:
        KernelUnavailable: `wanted` is no kernel, or one that is not here.
    """
    if wanted not in {"", "native", "pure"}:
        raise KernelUnavailable(
            f"NOEX_KERNEL must be 'native' or 'pure', not {wanted!r}; unset it for the best there is"
        )
    if wanted == "pure":
        return Choice("pure", "NOEX_KERNEL asks for it", None)
    try:
        native = _load(names)
    except _Missing as missing:
        if wanted == "native":
            raise KernelUnavailable(
                f"NOEX_KERNEL asks for the native kernel, but {missing}; unset it to use the pure one"
            ) from None
        return Choice("pure", str(missing), None)
    return Choice("native", "NOEX_KERNEL asks for it" if wanted else "it was built with this installation", native)


def _load(names: tuple[str, ...]) -> ModuleType:
    """Return the native kernel, if it is one that this version can use."""
    try:
        native = importlib.import_module(MODULE)
    except ModuleNotFoundError as error:
        if error.name != MODULE:
            raise _Missing(f"the native kernel here cannot be loaded: {error}; reinstall noex") from error
        raise _Missing(_why_not_built()) from None
    except ImportError as error:
        raise _Missing(f"the native kernel here cannot be loaded: {error}; reinstall noex") from error
    contract = getattr(native, "CONTRACT", None)
    if contract != CONTRACT:
        raise _Missing(
            f"the native kernel here was built for contract {contract}, this version of noex has {CONTRACT}; "
            "reinstall noex"
        )
    if not names:
        raise _Missing("the native kernel of this version of noex has no tables yet")
    lacking = [name for name in names if not hasattr(native, name)]
    if lacking:
        raise _Missing(f"the native kernel here was built without {', '.join(lacking)}; reinstall noex")
    return native


def _why_not_built() -> str:
    """Return why there is no native kernel: what the build has written down."""
    try:
        reason = _REASON_FILE.read_text(encoding="utf-8").strip()
    except OSError:
        reason = ""
    if reason:
        return f"no native kernel was built: {reason}"
    return f"no native kernel was built for this Python ({sys.implementation.cache_tag}); reinstall noex"
