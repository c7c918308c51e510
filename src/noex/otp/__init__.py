"""Processes: servers that own state and decide, one message at a time.

The house::

    _run                          the whole program, and signals
    _supervisor                   children in order, restarted together
    _dynamic_supervisor           children that come and go
    _supervising                  what supervisors have in common: starts, ends, restarts
    _child  _description          what supervisors are told beforehand
    _strategies  _intensity       who is restarted with whom, how often, and when
    _endings                      how supervisors end processes
    debug  _tree                  what there is to see of processes while they run
    _tracing  _server_state       how that is got at
    _system                       what is done to a process between two of its handlers
    _gen_server                   the class that servers derive from
    _registry                     names
    _timers                       messages that come later
    _event_bus                    messages to whoever has subscribed, by topic
    _delivering                   in which order, in which loop
    _listeners  _subscriptions    who gets them, and how long
    _receivers  _deliveries       how each gets them, and what became of it
    _topics                       which patterns a topic fits
    _ref                          what others hold: call, cast, stop
    _running                      how a process takes its turns
    _process                      its data: mailbox, callers, end
    _relations                    links and monitors
    _journal                      the log, and the last events
    _mailbox  _loops  _callers    what a process consists of
    _exits  _messages             why processes end; what goes in and out of handlers
"""

from noex.errors import (
    AlreadyStarted,
    BadReturn,
    BusClosed,
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
from noex.otp._deliveries import DeliveryStatus, Event, Outcome
from noex.otp._dynamic_supervisor import DynamicSupervisor, DynamicSupervisorRef
from noex.otp._event_bus import EventBus, EventBusStats
from noex.otp._exits import Crash, Killed, Reason, Shutdown, is_orderly
from noex.otp._gen_server import GenServer
from noex.otp._intensity import Backoff
from noex.otp._listeners import Listener
from noex.otp._messages import Call, Cast, Continue, Down, Exit, Ignore, Monitor, NoReply, Reject, Stop, TableTransfer
from noex.otp._receivers import QueuePolicy
from noex.otp._ref import Ref
from noex.otp._registry import Keys, Registration, Registry, RegistryEvent, default_registry, named, whereis
from noex.otp._run import run
from noex.otp._strategies import AutoShutdown, Strategy
from noex.otp._subscriptions import Subscription
from noex.otp._supervisor import Supervisor, SupervisorRef
from noex.otp._timers import MissedTicks, Timer
from noex.otp._tree import Node, Tree, tree

__all__ = [
    "AlreadyStarted",
    "AutoShutdown",
    "Backoff",
    "BadReturn",
    "BusClosed",
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
    "DeliveryStatus",
    "Down",
    "DynamicSupervisor",
    "DynamicSupervisorRef",
    "Event",
    "EventBus",
    "EventBusStats",
    "Exit",
    "From",
    "GenServer",
    "Ignore",
    "InitError",
    "Keys",
    "Killed",
    "Listener",
    "MailboxFull",
    "MaxChildren",
    "MaxRestartsExceeded",
    "MissedTicks",
    "Monitor",
    "NoProcess",
    "NoReply",
    "Node",
    "Outcome",
    "QueuePolicy",
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
    "Subscription",
    "Supervisor",
    "SupervisorRef",
    "SupervisorStopping",
    "TableTransfer",
    "Timer",
    "Tree",
    "default_registry",
    "is_orderly",
    "named",
    "run",
    "tree",
    "whereis",
]
