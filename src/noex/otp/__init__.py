"""Processes: servers that own state and decide, one message at a time.

The house::

    _gen_server                   the class that servers derive from
    _registry                     names
    _timers                       messages that come later
    _ref                          what others hold: call, cast, stop
    _running                      how a process takes its turns
    _process                      its data: mailbox, callers, end
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
from noex.otp._registry import Keys, Registration, Registry, RegistryEvent, default_registry, named, whereis
from noex.otp._timers import MissedTicks, Timer

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
    "Keys",
    "Killed",
    "MailboxFull",
    "MissedTicks",
    "Monitor",
    "NoProcess",
    "NoReply",
    "Reason",
    "Ref",
    "Registration",
    "Registry",
    "RegistryEvent",
    "Reject",
    "ServerDown",
    "Shutdown",
    "StartIgnored",
    "Stop",
    "Timer",
    "default_registry",
    "is_orderly",
    "named",
    "whereis",
]
