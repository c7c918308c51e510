"""Processes: servers that own state and decide, one message at a time.

The house::

    _gen_server                   the class that servers derive from
    _registry                     names
    _ref                          what others hold: call, cast, stop
    _process                      the running thing: mailbox, turns, end
    _relations                    links and monitors
    _mailbox  _loops  _callers    what a process consists of
    _exits  _messages             why processes end; what goes in and out of handlers
"""

from noex.errors import (
    AlreadyStarted,
    BadReturn,
    CallingSelf,
    CallTimeout,
    InitError,
    MailboxFull,
    NoProcess,
    ServerDown,
    StartIgnored,
)
from noex.otp._callers import From
from noex.otp._exits import Crash, Killed, Reason, Shutdown, is_orderly
from noex.otp._gen_server import GenServer
from noex.otp._messages import Call, Cast, Continue, Down, Exit, Ignore, Monitor, NoReply, Reject, Stop
from noex.otp._ref import Ref
from noex.otp._registry import Registry, default_registry, named, whereis

__all__ = [
    "AlreadyStarted",
    "BadReturn",
    "Call",
    "CallTimeout",
    "CallingSelf",
    "Cast",
    "Continue",
    "Crash",
    "Down",
    "Exit",
    "From",
    "GenServer",
    "Ignore",
    "InitError",
    "Killed",
    "MailboxFull",
    "Monitor",
    "NoProcess",
    "NoReply",
    "Reason",
    "Registry",
    "Reject",
    "Ref",
    "ServerDown",
    "Shutdown",
    "StartIgnored",
    "Stop",
    "default_registry",
    "is_orderly",
    "named",
    "whereis",
]
