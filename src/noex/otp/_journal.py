"""What becomes of processes: a line of the log `noex.otp` for each event, and the last events of a loop in a ring.

Records have fields beside their text, for handlers that write structured logs: `otp_event` ("started", "not started",
"stopped", "crashed", "restarted"), `otp_process` (the label: class and name), `otp_reason` (as an object), and of
crashes `otp_handler` and `exc_info`.

The ring keeps text only: an error would keep its traceback, and that whatever its frames hold.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from noex.errors import shown
from noex.otp._exits import Reason, is_orderly

if TYPE_CHECKING:
    from noex.otp._process import Process

__all__ = ["Life", "LifeEvent", "crashed", "restarted", "started", "stopped"]

logger = logging.getLogger("noex.otp")

Life: TypeAlias = Literal["started", "not started", "stopped", "crashed", "restarted"]
"""What can become of a process."""

_DEBUG: Final = logging.DEBUG
_INFO: Final = logging.INFO


class LifeEvent(NamedTuple):
    """What became of a process, and when by its loop's time; `detail` is the reason or error, as text."""

    time: float
    event: Life
    process: str
    detail: str


def started(process: Process) -> None:
    """Note that a process has begun: its `init` is done."""
    process.since = now = process.loop.time()
    process.home.events.append((now, "started", process.label, ""))
    if logger.isEnabledFor(_DEBUG):
        _log(_DEBUG, "%s started", process, "started")


def stopped(process: Process, reason: Reason) -> None:
    """Note that a process has ended, or has not even begun."""
    if process.traces is not None:
        traces, process.traces = process.traces, None
        for trace in traces:
            trace.end(reason)
    event: Life = "stopped" if process.initialised else "not started"
    text = reason if isinstance(reason, str) else shown(reason)
    process.home.events.append((process.loop.time(), event, process.label, text))
    if logger.isEnabledFor(_INFO):
        level = _DEBUG if is_orderly(reason) else _INFO
        _log(level, "%s " + event + ": %s", process, event, text, otp_reason=reason)


def crashed(process: Process, handler: str, error: BaseException) -> None:
    """Note that a handler has raised."""
    for trace in [*(process.traces or ())]:
        trace.tell("crashed", error)
    process.home.events.append((process.loop.time(), "crashed", process.label, f"{handler} raised {shown(error)}"))
    text = "%s: %s raised"
    _log(logging.ERROR, text, process, "crashed", handler, error=error, otp_reason=error, otp_handler=handler)


def restarted(process: Process, restarts: int) -> None:
    """Note that a supervisor has started a process again: how many times by now."""
    process.restarts = restarts
    process.home.events.append((process.loop.time(), "restarted", process.label, f"restart {restarts}"))
    _log(_INFO, "%s restarted: restart %d", process, "restarted", restarts)


def _log(
    level: int,
    text: str,
    process: Process,
    event: Life,
    *arguments: object,
    error: BaseException | None = None,
    **fields: Any,
) -> None:
    fields |= {"otp_event": event, "otp_process": process.label}
    logger.log(level, text, process.label, *arguments, exc_info=error, extra=fields)
