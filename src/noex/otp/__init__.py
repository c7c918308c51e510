"""Processes: servers that own state and decide, one message at a time.

The house::

    _run                          the whole program, and signals
    _supervisor                   children in order, restarted together
    _dynamic_supervisor           children that come and go
    _supervising                  what supervisors have in common: starts, ends, restarts
    _child  _description          what supervisors are told beforehand
    _strategies  _intensity       who is restarted with whom, how often, and when
    _endings                      how supervisors end processes
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
    ChildExists,
    ChildNotFound,
    ChildRunning,
    ChildStartError,
    InitError,
    MailboxFull,
    MaxChildren,
    MaxRestartsExceeded,
    NoProcess,
    ServerDown,
    StartIgnored,
    SupervisorStopping,
)
from noex.otp._callers import From
from noex.otp._child import Child, ChildInfo, Counts, RestartType
from noex.otp._dynamic_supervisor import DynamicSupervisor, DynamicSupervisorRef
from noex.otp._exits import Crash, Killed, Reason, Shutdown, is_orderly
from noex.otp._gen_server import GenServer
from noex.otp._intensity import Backoff
from noex.otp._messages import Call, Cast, Continue, Down, Exit, Ignore, Monitor, NoReply, Reject, Stop
from noex.otp._ref import Ref
from noex.otp._registry import Keys, Registration, Registry, RegistryEvent, default_registry, named, whereis
from noex.otp._run import run
from noex.otp._strategies import AutoShutdown, Strategy
from noex.otp._supervisor import Supervisor, SupervisorRef
from noex.otp._timers import MissedTicks, Timer

__all__ = [
    "AlreadyStarted",
    "AutoShutdown",
    "Backoff",
    "BadReturn",
    "Call",
    "CallTimeout",
    "CallingSelf",
    "Cast",
    "Child",
    "ChildExists",
    "ChildInfo",
    "ChildNotFound",
    "ChildRunning",
    "ChildStartError",
    "Continue",
    "Counts",
    "Crash",
    "Down",
    "DynamicSupervisor",
    "DynamicSupervisorRef",
    "Exit",
    "From",
    "GenServer",
    "Ignore",
    "InitError",
    "Keys",
    "Killed",
    "MailboxFull",
    "MaxChildren",
    "MaxRestartsExceeded",
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
    "RestartType",
    "ServerDown",
    "Shutdown",
    "StartIgnored",
    "Stop",
    "Strategy",
    "Supervisor",
    "SupervisorRef",
    "SupervisorStopping",
    "Timer",
    "default_registry",
    "is_orderly",
    "named",
    "run",
    "whereis",
]
