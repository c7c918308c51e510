"""Why processes end.

A reason travels unchanged: along links, in `Down` and `Exit`, and in `ServerDown`. It is one of

- `"normal"`: it was done;
- `"shutdown"`, `Shutdown(detail)`: it was asked to go;
- `Killed()`: it was not even asked;
- `Crash(error)`: a handler raised;
- `"noproc"`: nobody knows, because it was gone before (or never there) when somebody linked or monitored it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

__all__ = ["Crash", "Killed", "Reason", "Shutdown", "check_reason", "is_orderly"]


@dataclass(frozen=True, slots=True)
class Shutdown:
    """The reason of a server that was asked to go, with a detail for those who look."""

    detail: object = None


@dataclass(frozen=True, slots=True)
class Killed:
    """The reason of a server that was killed: its handler was cut off, and `terminate` did not run."""


@dataclass(frozen=True, slots=True)
class Crash:
    """The reason of a server that crashed: `error` is what a handler raised."""

    error: BaseException


Reason: TypeAlias = Literal["normal", "shutdown", "noproc"] | Shutdown | Killed | Crash
"""Why a process ended."""

_WORDS = frozenset({"normal", "shutdown", "noproc"})


def is_orderly(reason: Reason) -> bool:
    """Tell whether a server that ended so ended as it should: a transient child is not restarted then.

    >>> is_orderly("normal"), is_orderly(Shutdown("deploy")), is_orderly(Killed())
    (True, True, False)
    """
    return reason in ("normal", "shutdown") or type(reason) is Shutdown


def check_reason(reason: object) -> Reason:
    """Return the reason to end for; an exception becomes a `Crash`.

    Raises:
        TypeError: it is none.
    """
    if isinstance(reason, BaseException):
        return Crash(reason)
    if isinstance(reason, (Shutdown, Killed, Crash)) or (isinstance(reason, str) and reason in _WORDS):
        return cast("Reason", reason)
    raise TypeError(
        f'a reason must be "normal", "shutdown", Shutdown(detail), Killed(), Crash(error) or an error, not {reason!r}'
    )
