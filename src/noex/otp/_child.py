"""What a supervisor is told of a child, and what it tells of one."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast, final

from noex import clock
from noex.errors import shown
from noex.otp._description import Description
from noex.otp._endings import USUAL_PATIENCE, Patience
from noex.otp._gen_server import GenServer
from noex.typing import DEFAULT, DefaultType, Duration

if TYPE_CHECKING:
    from noex.otp._ref import Ref

__all__ = ["Child", "ChildInfo", "ChildLike", "Counts", "RestartType", "as_child"]

RestartType: TypeAlias = Literal["permanent", "transient", "temporary"]
"""When a child that has ended is started again: always; unless it ended in an orderly way; never."""

_RESTARTS: Final = frozenset({"permanent", "transient", "temporary"})


@final
class Child:
    """A child of a supervisor: what to start, with which arguments, and what to do when it ends.

    `server` is a class of servers, whose `init` gets `args` and `kwargs`; `registry`, `init_timeout` and `max_queue`
    in `kwargs` are for its start, as in `GenServer.start`. Or it is a supervisor, as in `Child(Supervisor([...]))`.

    `id` tells the child from the others of its supervisor; without one, its name is the id, or else the name of the
    class. `restart`: a "permanent" child is always started again, a "transient" one unless it ended for "normal" or
    "shutdown", a "temporary" one never.

    `shutdown`: to end it, the supervisor cuts off what it awaits, drops what waits in its mailbox, and lets it
    `terminate` for "shutdown"; a server with `trap_exit` handles first what it has been sent. After that many seconds
    it is killed. None is no limit, "kill" kills at once. It is 5 seconds, and no limit for a supervisor.

    `significant`: its own end may end its supervisor; see `auto_shutdown` there.

    Raises:
        TypeError: `server` is none, or an argument is of the wrong type.
        ValueError: an argument is none of those allowed, or a permanent child is to be significant.

    >>> Child(GenServer, name="cache", restart="transient").id
    'cache'
    """

    __slots__ = ("args", "id", "kwargs", "name", "restart", "server", "shutdown", "significant")

    def __init__(
        self,
        server: type[GenServer | Description[Any]] | Description[Any],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        id: Hashable = None,  # noqa: A002 - the field's word
        name: Hashable = None,
        restart: RestartType = "permanent",
        shutdown: Duration | Literal["kill"] | DefaultType | None = DEFAULT,
        significant: bool = False,
    ) -> None:
        if not isinstance(args, (tuple, list)):  # a str is a sequence, too
            raise TypeError(f"args must be a tuple of the arguments of init, as in Child(Counter, (1,)), not {args!r}")
        options = {} if kwargs is None else dict(kwargs)
        if name is not None:
            if isinstance(server, Description):
                raise TypeError(f"give the name to the supervisor itself, not to its Child: {name!r}")
            if options.setdefault("name", name) != name:
                raise TypeError(f"there are two names for one child: {name!r}, and {options['name']!r} in kwargs")
        given: object = server
        if isinstance(given, type) and issubclass(given, Description):
            server, args, options = given(*args, **options), (), {}
        if isinstance(server, Description):
            if args or options:
                raise TypeError("a supervisor that is made already takes no args and kwargs of its Child")
            self.name, label = server.name, type(server).__name__
        elif isinstance(given, type) and issubclass(given, GenServer):
            self.name, label = options.get("name"), given.__name__
        else:
            raise TypeError(f"a child must be a class of servers or a supervisor, not {shown(server)}")
        if restart not in _RESTARTS:
            raise ValueError(f'restart must be "permanent", "transient" or "temporary", not {restart!r}')
        if significant and restart == "permanent":
            raise ValueError("a permanent child is always restarted, so its end cannot be significant")
        self.server = cast("type[GenServer] | Description[Any]", server)
        self.args = tuple(args)
        self.kwargs = options
        self.id: Hashable = next((candidate for candidate in (id, self.name) if candidate is not None), label)
        hash(self.id)
        self.restart: RestartType = restart
        self.shutdown: Patience = _patience(shutdown, supervisor=isinstance(server, Description))
        self.significant = significant

    @property
    def kind(self) -> Literal["worker", "supervisor"]:
        """Whether it is a supervisor itself. O(1)."""
        return "supervisor" if isinstance(self.server, Description) else "worker"

    def with_arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Child:
        """Return the same child, its `init` getting more arguments. O(arguments).

        Raises:
            TypeError: it is a supervisor, whose arguments are given already.
        """
        if not args and not kwargs:
            return self
        if isinstance(self.server, Description):
            raise TypeError("a supervisor that is made already takes no more arguments")
        more = Child(self.server, self.args + args, {**self.kwargs, **kwargs}, id=self.id, restart=self.restart)
        more.shutdown, more.significant = self.shutdown, self.significant
        return more

    async def start_link(self) -> Ref:
        """Start it, from a handler of its supervisor.

        Raises:
            InitError: as `GenServer.start_link` does, and whatever else that does.
        """
        if isinstance(self.server, Description):
            return cast("Ref", await self.server._begin_linked())
        return await self.server.start_link(*self.args, **self.kwargs)

    def __repr__(self) -> str:
        return f"<{self.restart} Child {self.id!r}: {self.server!r}>"


ChildLike: TypeAlias = Child | type[GenServer] | Description[Any]
"""A child, or what can be one without being told more."""


def _patience(shutdown: object, *, supervisor: bool) -> Patience:
    if shutdown is DEFAULT:
        return None if supervisor else USUAL_PATIENCE
    if shutdown is None or shutdown == "kill":
        return cast("Patience", shutdown)
    if isinstance(shutdown, str):
        raise ValueError(  # noqa: TRY004 - a word is allowed, but not this one
            f'shutdown must be seconds, "kill", or None for no limit, not {shutdown!r}'
        )
    return clock.seconds(shutdown, "shutdown")


def as_child(child: object) -> Child:
    """Return what a supervisor is to start, told in full.

    Raises:
        TypeError: it cannot be a child.
    """
    return child if isinstance(child, Child) else Child(cast("type[GenServer]", child))


@dataclass(frozen=True, slots=True)
class ChildInfo:
    """A child as it stands: `ref` while it runs, and how often it has been restarted."""

    id: Hashable
    ref: Ref | None
    status: Literal["running", "restarting", "stopped"]
    kind: Literal["worker", "supervisor"]
    restarts: int
    child: Child


@dataclass(frozen=True, slots=True)
class Counts:
    """How many children there are, how many of them run, and what they are."""

    specs: int
    active: int
    supervisors: int
    workers: int
