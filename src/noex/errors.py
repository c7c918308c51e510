"""The exceptions of noex, in one tree; wrong arguments raise the builtin `TypeError` and `ValueError` beside them.

::

    NoexError
    ├── KernelUnavailable (ImportError)       NOEX_KERNEL asks for a kernel that is not there
    ├── TableError
    │   ├── TableClosed (RuntimeError)        a verb on a table, recipe or store after `close()`
    │   ├── TableExists (ValueError)          the name is taken in that store
    │   ├── KeyNotFound (KeyError)            the key is needed and is not there
    │   ├── TableEmpty (KeyError)             an entry is needed and there is none
    │   ├── UnhashableKey (TypeError)         the key cannot be a dict key
    │   ├── UnorderableKey (TypeError)        the key is outside the term order
    │   ├── CounterTypeError (TypeError)      the stored value is no number to count with
    │   ├── IndexViolation (ValueError)       a unique index has that value already, for another key
    │   ├── IndexNotFound (LookupError)       the table has no index of that name
    │   ├── TransactionConflict (RuntimeError) others kept writing what a transaction had read
    │   ├── SnapshotError (ValueError)        a file is no sound snapshot, or a table cannot be put into one
    │   └── ReentrantCompute (RuntimeError)   `compute` writes its own key from inside
    ├── ProcessError
    │   ├── NoProcess (LookupError)           the server is dead, or nobody has that name
    │   ├── ServerDown (RuntimeError)         the server ended before it answered
    │   │   └── SupervisorStopping            the supervisor is ending, and starts nothing any more
    │   ├── CallTimeout (TimeoutError)        the server did not answer in time
    │   ├── CallingSelf (RuntimeError)        a server waits for itself
    │   ├── MailboxFull (RuntimeError)        the server, or a subscription, has `max_queue` messages waiting already
    │   ├── AlreadyStarted (ValueError)       the name belongs to another server
    │   ├── BadReturn (TypeError)             a handler returned what it must not
    │   ├── BusClosed (RuntimeError)          the event bus is closed
    │   ├── ChildExists (ValueError)          the supervisor has a child of that id
    │   ├── ChildNotFound (LookupError)       the supervisor has no such child
    │   ├── ChildRunning (RuntimeError)       the child has to be terminated first
    │   ├── ChildStartError (RuntimeError)    a child of a supervisor did not start
    │   ├── MaxChildren (RuntimeError)        the supervisor has `max_children` children already
    │   ├── MaxRestartsExceeded (RuntimeError) a supervisor gave up: its children kept ending
    │   └── InitError (RuntimeError)          a server did not start
    │       └── StartIgnored                  its `init` returned `Ignore`
    ├── LoadDeadlock (RuntimeError)           a cache load would wait for itself
    └── MetricError (ValueError)              a metric's name, label, kind or amount is not allowed

Each inherits the builtin exception that a reader would expect, so `except KeyError` works too. A message says what
was wrong, with which value, in which table, and what to do.
"""

from __future__ import annotations

__all__ = [
    "AlreadyStarted",
    "BadReturn",
    "BusClosed",
    "CallTimeout",
    "CallingSelf",
    "ChildExists",
    "ChildNotFound",
    "ChildRunning",
    "ChildStartError",
    "CounterTypeError",
    "IndexNotFound",
    "IndexViolation",
    "InitError",
    "KernelUnavailable",
    "KeyNotFound",
    "LoadDeadlock",
    "MailboxFull",
    "MaxChildren",
    "MaxRestartsExceeded",
    "MetricError",
    "NoProcess",
    "NoexError",
    "ProcessError",
    "ReentrantCompute",
    "ServerDown",
    "SnapshotError",
    "StartIgnored",
    "SupervisorStopping",
    "TableClosed",
    "TableEmpty",
    "TableError",
    "TableExists",
    "TransactionConflict",
    "UnhashableKey",
    "UnorderableKey",
]


_MOST_SHOWN = 200


def shown(value: object) -> str:
    """Return a value's `repr` for a message: cut where it is long, replaced where it fails.

    >>> shown("a"), shown("a" * 1000)[-8:]
    ("'a'", 'aaaa ...')
    """
    try:
        text = repr(value)
    except Exception:  # the message must come out, whatever the value's own code does
        return f"<{type(value).__name__} whose repr fails>"
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]} ..."


class NoexError(Exception):
    """Base of the errors below."""


class KernelUnavailable(NoexError, ImportError):
    """The kernel that `NOEX_KERNEL` asks for cannot be used."""


class TableError(NoexError):
    """Base of the errors of tables."""


class TableClosed(TableError, RuntimeError):
    """A verb was called on a table, recipe or store that is closed."""


class TableExists(TableError, ValueError):
    """A table of that name stands already in the store."""


class KeyNotFound(TableError, KeyError):
    """The key is needed and is not in the table.

    `key` is the key that was asked for, `table` how the table calls itself.
    """

    def __init__(self, key: object, table: str) -> None:
        super().__init__(key)
        self.key = key
        self.table = table

    def __str__(self) -> str:
        return f"{shown(self.key)} is not in {self.table}; insert it first, or give a default"

    def __reduce__(self) -> tuple[type[KeyNotFound], tuple[object, str]]:
        return type(self), (self.key, self.table)


class TableEmpty(TableError, KeyError):
    """An entry is needed, and the table has none."""

    def __str__(self) -> str:
        return str(self.args[0])


class UnhashableKey(TableError, TypeError):
    """The key has no hash, so it cannot be found again."""


class UnorderableKey(TableError, TypeError):
    """The key has no place in the term order: it is of another type, nested too deep, or NaN."""


class CounterTypeError(TableError, TypeError):
    """What is stored under the key is no number to count with; nothing was changed."""


class IndexViolation(TableError, ValueError):
    """A unique index has that value already, for another key; nothing was changed."""


class IndexNotFound(TableError, LookupError):
    """The table has no index of that name."""


class TransactionConflict(TableError, RuntimeError):
    """Others kept writing what the transaction had read, as often as it was tried; nothing was changed."""


class SnapshotError(TableError, ValueError):
    """A file is no snapshot, or a damaged one, or does not fit what it is loaded with; or a table cannot be dumped."""


class ReentrantCompute(TableError, RuntimeError):
    """The function given to `compute` wrote the key that it was computing."""


class ProcessError(NoexError):
    """Base of the errors of processes."""


class NoProcess(ProcessError, LookupError):
    """The server is dead, or no server has that name."""


class ServerDown(ProcessError, RuntimeError):
    """The server ended before it answered.

    `reason` is what it ended for, `server` how it calls itself. After a crash, `__cause__` is the error.
    """

    def __init__(self, reason: object, server: str) -> None:
        super().__init__(reason, server)
        self.reason = reason
        self.server = server

    def __str__(self) -> str:
        return f"{self.server} ended before it answered: {shown(self.reason)}"


class CallTimeout(ProcessError, TimeoutError):
    """The server did not answer in time; it may still handle the message, and its late reply is dropped.

    `server` is how the server calls itself, `timeout` the seconds that were waited.
    """

    def __init__(self, server: str, timeout: float) -> None:
        super().__init__(server, timeout)
        self.server = server
        self.timeout = timeout

    def __str__(self) -> str:
        return f"{self.server} did not answer within {self.timeout:g} s; give a longer timeout=, or None for no limit"


class CallingSelf(ProcessError, RuntimeError):
    """A server waits for itself: it would wait until the time-out."""


class MailboxFull(ProcessError, RuntimeError):
    """The server, or the subscription, has as many messages waiting as `max_queue` allows; this one was not queued."""


class AlreadyStarted(ProcessError, ValueError):
    """The name belongs to another server: `ref`."""

    def __init__(self, name: object, ref: object) -> None:
        super().__init__(name, ref)
        self.name = name
        self.ref = ref

    def __str__(self) -> str:
        return f"the name {shown(self.name)} belongs to {self.ref!r}; stop that first, or choose another name"


class BadReturn(ProcessError, TypeError):
    """A handler returned what a handler of its kind must not return; its server crashes with this."""


class BusClosed(ProcessError, RuntimeError):
    """The event bus is closed, or its event loop is."""


class InitError(ProcessError, RuntimeError):
    """A server did not start: its `init` raised (then `__cause__` is the error), stopped, or took too long.

    `reason` is what it ended for, `server` how it calls itself.
    """

    def __init__(self, reason: object, server: str) -> None:
        super().__init__(reason, server)
        self.reason = reason
        self.server = server

    def __str__(self) -> str:
        return f"{self.server} did not start: {shown(self.reason)}"


class StartIgnored(InitError):
    """A server did not start, because its `init` returned `Ignore`."""


class SupervisorStopping(ServerDown):
    """The supervisor is ending, or has ended: it starts no children any more, and this one was not started."""

    def __str__(self) -> str:
        return f"{self.server} starts no children any more: it ends for {shown(self.reason)}"


class ChildStartError(ProcessError, RuntimeError):
    """A child of a supervisor did not start.

    `child_id` is the id of the child, `cause` what its `init` raised, or else the `InitError` that tells more. When
    a supervisor does not start for this reason, it has stopped the children before this one again.
    """

    def __init__(self, child_id: object, cause: BaseException) -> None:
        super().__init__(child_id, cause)
        self.child_id = child_id
        self.cause = cause

    def __str__(self) -> str:
        return f"the child {shown(self.child_id)} did not start: {shown(self.cause)}"


class ChildExists(ProcessError, ValueError):
    """The supervisor has a child of that id: `ref`, or None where that does not run now."""

    def __init__(self, child_id: object, ref: object) -> None:
        super().__init__(child_id, ref)
        self.child_id = child_id
        self.ref = ref

    def __str__(self) -> str:
        what = "does not run: restart or delete it" if self.ref is None else f"is {shown(self.ref)}"
        return f"there is a child {shown(self.child_id)} already, which {what}; or choose another id="


class ChildNotFound(ProcessError, LookupError):
    """The supervisor has no child of that id, or none that is this server."""

    def __init__(self, child: object, server: str) -> None:
        super().__init__(child, server)
        self.child = child
        self.server = server

    def __str__(self) -> str:
        return f"{self.server} has no child {shown(self.child)}"


class ChildRunning(ProcessError, RuntimeError):
    """The child runs, as `ref`, or (then `ref` is None) is being restarted; it has to be terminated first."""

    def __init__(self, child_id: object, ref: object) -> None:
        super().__init__(child_id, ref)
        self.child_id = child_id
        self.ref = ref

    def __str__(self) -> str:
        how = "is being restarted" if self.ref is None else "runs"
        return f"the child {shown(self.child_id)} {how}: terminate_child() it first"


class MaxChildren(ProcessError, RuntimeError):
    """The supervisor has `max_children` children already; this one was not started."""


class MaxRestartsExceeded(ProcessError, RuntimeError):
    """A supervisor gave up, because its children kept ending: it has stopped them all, and ended.

    `server` is how the supervisor calls itself, `child_id` the id of the child that was not restarted any more,
    `reason` what that ended for; after a crash, `__cause__` is the error.
    """

    def __init__(self, server: str, child_id: object, reason: object, max_restarts: int, within: float) -> None:
        super().__init__(server, child_id, reason, max_restarts, within)
        self.server = server
        self.child_id = child_id
        self.reason = reason
        self.max_restarts = max_restarts
        self.within = within

    def __str__(self) -> str:
        return (
            f"{self.server} gave up after {self.max_restarts} restarts within {self.within:g} s:"
            f" the child {shown(self.child_id)} ended again, for {shown(self.reason)}"
        )


class LoadDeadlock(NoexError, RuntimeError):
    """A cache load would wait, directly or in a circle, for itself."""


class MetricError(NoexError, ValueError):
    """A metric's name, label, kind or amount is not allowed."""
