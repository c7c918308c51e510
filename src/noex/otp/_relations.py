"""Links and monitors: who learns of whose end.

Both sides of a link or monitor know of it, so that either can end it; `notify` takes a dead process out of all of
them. A link makes an end spread, a monitor only tells of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from noex.otp._exits import Reason
from noex.otp._mailbox import DEAD, INFO, Envelope
from noex.otp._messages import Down, Exit, Monitor

if TYPE_CHECKING:
    from noex.otp._process import Process
    from noex.otp._ref import Ref

__all__ = ["demonitor", "link", "monitor", "notify", "signal", "unlink"]


def link(process: Process, other: Process) -> None:
    """Link two processes; again is as good as once, and to oneself is nothing. A dead one sends "noproc"."""
    if process is other:
        return
    if other.state == DEAD:
        signal(process, other, "noproc")
        return
    for one, two in ((process, other), (other, process)):
        if one.links is None:
            one.links = {}
        one.links[two] = None


def unlink(process: Process, other: Process) -> None:
    """End a link, if there is one."""
    for one, two in ((process, other), (other, process)):
        if one.links is not None:
            one.links.pop(two, None)
        if one.parent is two:
            one.parent = None


def monitor(process: Process, ref: Ref, target: Process | None) -> Monitor:
    """Let `process` be told of the end of `target`: at once, where that is dead or unknown."""
    made = Monitor(ref)
    if target is None or target.state == DEAD:
        process.post(Envelope(INFO, Down(made, ref, "noproc")))
        return made
    if target.monitors is None:
        target.monitors = {}
    target.monitors[made] = process
    if process.watching is None:
        process.watching = {}
    process.watching[made] = target
    return made


def demonitor(process: Process, made: Monitor, *, flush: bool) -> bool:
    """End a monitor, and tell whether it was still watching; with `flush`, take a waiting `Down` of it away too."""
    target = process.watching.pop(made, None) if process.watching is not None else None
    if target is not None and target.monitors is not None:
        target.monitors.pop(made, None)
    if target is None and flush and process.mailbox:
        for place, item in enumerate(process.mailbox):
            if type(item) is Envelope and type(item.message) is Down and item.message.monitor is made:
                del process.mailbox[place]  # not by value: messages of others compare as they like
                break  # there is one at most
    return target is not None


def signal(process: Process, sender: Process, reason: Reason) -> None:
    """Tell a process that one it is linked to has ended.

    The end of its parent ends it for the same reason, other ends become an `Exit` message where it traps them, and
    end it too otherwise. An end for "normal" is no news to those who do not trap.
    """
    if process.state < 0 or process.server is None:
        return
    traps = process.server.trap_exit
    if traps and sender is not process.parent:
        process.post(Envelope(INFO, Exit(sender.ref, reason)))
    elif traps or reason != "normal":
        process.interrupt(reason)


def notify(process: Process, reason: Reason) -> None:
    """Tell all who are linked to a dead process, or monitor it, and take it out of what it took part in."""
    links, monitors, watching = process.links, process.monitors, process.watching
    process.links = process.monitors = process.watching = None
    for other in links or ():
        if other.links is not None:
            other.links.pop(process, None)
        signal(other, process, reason)
    for made, watcher in (monitors or {}).items():
        if watcher.watching is not None:
            watcher.watching.pop(made, None)
        watcher.post(Envelope(INFO, Down(made, made.ref, reason)))
    for made, target in (watching or {}).items():
        if target.monitors is not None:
            target.monitors.pop(made, None)
