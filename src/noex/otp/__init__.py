"""Processes: servers that own state and decide, one message at a time.

The house::

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
    _mailbox  _loops  _callers    what a process consists of
    _exits  _messages             why processes end; what goes in and out of handlers
"""

from noex.errors import (
    AlreadyStarted,
    BadReturn,
    BusClosed,
    CallingSelf,
    CallTimeout,
    InitError,
    MailboxFull,
    NoProcess,
    ServerDown,
    StartIgnored,
)
from noex.otp._callers import From
from noex.otp._deliveries import DeliveryStatus, Event, Outcome
from noex.otp._event_bus import EventBus, EventBusStats
from noex.otp._exits import Crash, Killed, Reason, Shutdown, is_orderly
from noex.otp._gen_server import GenServer
from noex.otp._listeners import Listener
from noex.otp._messages import Call, Cast, Continue, Down, Exit, Ignore, Monitor, NoReply, Reject, Stop
from noex.otp._receivers import QueuePolicy
from noex.otp._ref import Ref
from noex.otp._registry import Keys, Registration, Registry, RegistryEvent, default_registry, named, whereis
from noex.otp._subscriptions import Subscription
from noex.otp._timers import MissedTicks, Timer

__all__ = [
    "AlreadyStarted",
    "BadReturn",
    "BusClosed",
    "Call",
    "CallTimeout",
    "CallingSelf",
    "Cast",
    "Continue",
    "Crash",
    "DeliveryStatus",
    "Down",
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
    "MissedTicks",
    "Monitor",
    "NoProcess",
    "NoReply",
    "Outcome",
    "QueuePolicy",
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
    "Subscription",
    "Timer",
    "default_registry",
    "is_orderly",
    "named",
    "whereis",
]
