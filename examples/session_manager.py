"""A session manager: reads go straight to a table, changes through a server, and no crash loses a session.

The problem: every request looks a session up, few change one. A server that does both makes all readers wait in one
mailbox; a table alone has nobody who decides, and cleans up. So: a table for the data, a server for the decisions. And
when that server crashes, its sessions must be there for the next one, with the deadlines that they had.

A supervisor keeps two servers. The *keeper* makes the table and does nothing else, so nothing can go wrong in it. The
*manager* claims the table when it starts; when it ends, the table passes back to the keeper, its heir. The traps are in
the order of steps, and each is named where it lies.

Run it: python examples/session_manager.py
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeAlias, cast

from noex import ets
from noex.errors import KeyNotFound, ServerDown
from noex.otp import (
    Call,
    Child,
    GenServer,
    Ref,
    Reject,
    Supervisor,
    SupervisorRef,
    TableTransfer,
    debug,
    named,
    tree,
)
from noex.testing import ManualClock, manual_loop
from noex.typing import Clock

LIFETIME = 30 * 60.0
CLEAN_UP_EVERY = 30.0
SLICE = 1000


@dataclass(frozen=True)
class Session:
    """One session as it stood when it was read."""

    user_id: str
    data: Mapping[str, str]


Table: TypeAlias = ets.SetTable[bytes, Session]


def digest(token: str) -> bytes:
    """Return what the table knows of a token: enough to find the session, and useless to who reads the table."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class Create(Call[str]):
    """Open a session; the answer is its token."""

    user_id: str
    data: Mapping[str, str]


class Update(Call[bool]):
    """Merge changes into the data; the answer tells whether there is such a session."""

    token: str
    changes: Mapping[str, str]


class Destroy(Call[bool]):
    """Log out; the answer tells whether there was a session."""

    token: str


class Claim(Call[Table]):
    """Give the table to this server, which answers for it from now on."""

    manager: Ref


@dataclass(frozen=True)
class CleanUp:
    """Give back the space of what has expired."""


class Keeper(GenServer):
    """Makes the table, and has it while no manager has."""

    def init(self, store: ets.Store, clock: Clock) -> None:
        """Make the table. The deadline of a session is in its row, so it is wherever the row is."""
        # Trap: deadlines in a dict of the manager's would be gone after its crash, and the rows would stay for ever.
        self.table = Table("sessions", store=store, ttl=LIFETIME, clock=clock, owner=self.ref, heir=self.ref)

    def handle_call(self, message: Claim) -> Table:
        """Give the table away. The heir stays: when the manager ends, the table is here again before it restarts."""
        if self.table.owner is not self.ref:
            raise Reject(RuntimeError(f"the sessions belong to {self.table.owner!r}"))
        self.table.give_away(message.manager)
        return self.table

    def handle_info(self, message: TableTransfer) -> None:
        """Keep the sessions of a manager that has ended."""
        print(f"  (the keeper has the table, with {len(message.table)} sessions)")


class Manager(GenServer):
    """Decides what becomes of sessions. It has no state of its own: all there is to know is in the table."""

    async def init(self) -> None:
        """Claim the table, and see to it every so often."""
        # Trap: a table that is made here, and closed in `terminate`, is gone after the first restart.
        self.table = await named("keeper").call(Claim(self.ref))
        # Trap: a timer of somebody else's would outlive this server, or bring down the program when it is gone.
        self.send_interval(CLEAN_UP_EVERY, CleanUp())

    def handle_call(self, message: Create | Update | Destroy) -> str | bool:
        """Change a session."""
        # What is returned is the answer, and nothing else can be: state is on `self`, and never travels.
        match message:
            case Create(user_id, data):
                session = Session(user_id, MappingProxyType(dict(data)))  # a bug: not every caller sends a mapping
                while True:
                    token = secrets.token_urlsafe(32)
                    if self.table.insert_new(digest(token), session):
                        return token
            case Update(token, changes):
                try:
                    self.table.compute(
                        digest(token), lambda old: replace(old, data=MappingProxyType({**old.data, **changes}))
                    )
                except KeyNotFound:
                    return False
                return True
            case Destroy(token):
                return self.table.delete(digest(token))

    def handle_info(self, message: CleanUp | TableTransfer) -> None:
        """Clean up a slice; what is left comes when the loop, and the calls that wait, have had their turn."""
        # Trap: going through all sessions at once makes every caller wait for that.
        if isinstance(message, CleanUp) and self.table.sweep(SLICE) == SLICE:
            self.send_after(0, message)


class Sessions:
    """What the rest of the program uses."""

    def __init__(self, store: ets.Store) -> None:
        self._store = store
        self._manager = named("manager")

    def get(self, token: str) -> Session | None:
        """Return the live session of a token. Straight from the table: nobody waits for any server, down or not."""
        # It writes nothing, so it cannot bring a session back that is logged out meanwhile.
        table = self._table()
        return None if table is None else table.lookup(digest(token))

    def __len__(self) -> int:
        """Return how many sessions live; those that have expired do not count."""
        table = self._table()
        return 0 if table is None else len(table)

    def _table(self) -> Table | None:
        return cast("Table | None", self._store.whereis("sessions"))

    async def create(self, user_id: str, data: Mapping[str, str]) -> str:
        """Open a session, and return its token. Once this has returned, `get` finds it."""
        return await self._manager.call(Create(user_id, data))

    async def update(self, token: str, changes: Mapping[str, str]) -> bool:
        """Merge changes into the data, and tell whether there is such a session."""
        return await self._manager.call(Update(token, changes))

    async def destroy(self, token: str) -> bool:
        """Log out, and tell whether there was a session."""
        return await self._manager.call(Destroy(token))


def service(store: ets.Store, clock: Clock) -> AbstractAsyncContextManager[SupervisorRef]:
    """Return what runs the sessions as long as it is entered by `async with`."""
    # rest_for_one: should the keeper ever end, its table ends too, and the manager is started again to claim the next.
    return Supervisor(
        [Child(Keeper, (store, clock), name="keeper"), Child(Manager, name="manager")], strategy="rest_for_one"
    )


class ShownLog(logging.Handler):
    """Prints what becomes of servers, by the fields of the log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one event."""
        fields = vars(record)
        print(f"  (log: {fields['otp_process']} {fields['otp_event']})")


async def show(clock: ManualClock) -> None:
    """Log in and out; crash the manager in between; wait for the end of the sessions."""
    with ets.Store() as store:
        sessions = Sessions(store)
        async with service(store, clock):
            print("Logged in:")
            ada, kim = await sessions.create("ada", {"cart": "3 books"}), await sessions.create("kim", {})
            print("  token:", len(ada), "characters")
            print("  update:", await sessions.update(ada, {"theme": "dark"}))
            session = sessions.get(ada)
            print("  session:", session and (session.user_id, dict(session.data)))
            print("  a guess opens nothing:", sessions.get("guess"))

            await asyncio.sleep(20 * 60)
            print("After 20 minutes somebody sends what the manager does not expect:")
            try:
                await sessions.create("eva", cast("Mapping[str, str]", None))
            except ServerDown as error:
                print("  the caller is told:", repr(error.__cause__))
            print("  reads go on, manager or not:", len(sessions), "sessions")
            await asyncio.sleep(1)
            print("  the next manager works:", await sessions.destroy(kim), "- and kim:", sessions.get(kim))
            print("  restarts:", debug.statistics(named("manager")).restarts)
            session = sessions.get(ada)
            print("  ada is still there:", session and dict(session.data))

            await asyncio.sleep(10 * 60)
            print("After 30 minutes, as if there had been no crash:")
            print("  session:", sessions.get(ada), "- sessions:", len(sessions))
            print("Who runs:")
            print(*[f"  {node.depth * '  '}{node.label}" for node in tree()], sep="\n")


def main() -> None:
    """Show it all, on a loop and a clock of virtual time."""
    log = logging.getLogger("noex.otp")
    log.addHandler(ShownLog())
    log.setLevel(logging.INFO)
    log.propagate = False
    clock = ManualClock()
    with asyncio.Runner(loop_factory=lambda: manual_loop(clock)) as runner:
        runner.run(show(clock))


if __name__ == "__main__":
    main()

# Sessions with an idle timeout, an absolute one, and by user, without a server: noex.SessionStore.
