"""What goes in and out of handlers: bases for typed messages, notices from the system, what a handler may return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, dataclass_transform, final

from noex.otp._callers import check_error
from noex.otp._exits import Reason, check_reason
from noex.typing import MISSING

if TYPE_CHECKING:
    from noex.ets import Table
    from noex.otp._ref import Ref

__all__ = [
    "Call",
    "Cast",
    "Continue",
    "Down",
    "Exit",
    "Ignore",
    "Monitor",
    "NoReply",
    "Reject",
    "Stop",
    "TableTransfer",
]

R_co = TypeVar("R_co", covariant=True)


@dataclass_transform(frozen_default=True)
class Call(Generic[R_co]):
    """Base of typed questions: a subclass is a frozen dataclass, and says what the answer is.

    A server answers any value, typed or not; the type is for the checkers. `await ref.call(Get("a"))` is an int to
    mypy and pyright.

    >>> class Get(Call[int]):
    ...     key: str
    >>> Get("a")
    Get(key='a')
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        dataclass(frozen=True)(cls)


@dataclass_transform(frozen_default=True)
class Cast:
    """Base of typed messages that expect no answer: a subclass is a frozen dataclass.

    >>> class Put(Cast):
    ...     key: str
    ...     value: int = 0
    >>> Put("a")
    Put(key='a', value=0)
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        dataclass(frozen=True)(cls)


@final
class Monitor:
    """One watch of a server over another, as `self.monitor(ref)` returns it: `ref` is what is watched."""

    __slots__ = ("ref",)

    def __init__(self, ref: Ref) -> None:
        self.ref = ref

    def __repr__(self) -> str:
        return f"Monitor({self.ref!r})"


@dataclass(frozen=True, slots=True)
class Down:
    """A monitored server has ended: comes to `handle_info`, once for each monitor."""

    monitor: Monitor
    ref: Ref
    reason: Reason


@dataclass(frozen=True, slots=True)
class Exit:
    """A linked server has ended: comes to `handle_info` of a server with `trap_exit = True`, and ends all others."""

    ref: Ref
    reason: Reason


@dataclass(frozen=True, slots=True)
class TableTransfer:
    """A table has come to this server: it was given away, or inherited from a server that has ended.

    `from_ref` is whose it was, None for nobody's; `data` is what `give_away` or the heir's setting said.
    """

    table: Table[Any, Any]
    from_ref: Ref | None
    data: Any


@final
@dataclass(frozen=True, slots=True)
class Stop:
    """Returned by a handler: end the server for this reason, after `reply`ing, where a call is handled.

    A call that gets no `reply` fails with `ServerDown(reason)`. Returned by `init`, the server does not start.
    """

    reason: Reason = "normal"
    reply: Any = MISSING

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", check_reason(self.reason))


@final
@dataclass(frozen=True, slots=True)
class Continue:
    """Returned by a handler or `init`: run `handle_continue(term)` before any other message.

    Where a call is handled, `reply` is the answer; without one it is answered later, through `self.caller`.
    """

    term: Any = None
    reply: Any = MISSING


@final
class NoReplyType:
    """The type of `NoReply`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NoReply"


@final
class IgnoreType:
    """The type of `Ignore`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Ignore"


NoReply: Final = NoReplyType()
"""Returned by `handle_call`: the answer comes later, through `self.caller` as it was while the call was handled."""

Ignore: Final = IgnoreType()
"""Returned by `init`: do not start, and count it as no failure; `start` raises `StartIgnored`."""


class Reject(Exception):
    """Raised in `handle_call`: the caller gets `error`, and the server lives on.

    Any other exception ends the server. Raised where there is no caller, it ends the server as well.

    Raises:
        TypeError: `error` is no exception, or a `StopIteration`, which no coroutine can raise.
    """

    def __init__(self, error: Exception) -> None:
        check_error(error)
        super().__init__(error)
        self.error = error
