"""Who a table belongs to: it is closed when its owner ends, or passes on to an heir.

Nothing here knows what a process is. An owner is whoever has `Holdings`, calls `end()` of them when it ends, and can be
told of a table that comes to it. Owners and closing belong to several threads, so they change under the kernel's lock;
whatever may run other code (looking an heir up, closing, telling) happens outside of it.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, final

from noex.errors import NoProcess, TableClosed
from noex.kernel import acquire, release

__all__ = ["Holdings", "Owned", "Owner", "Ownership", "claim"]

logger = logging.getLogger("noex.ets")


class Owner(Protocol):
    """Who tables can belong to: a `noex.otp.Ref` is one, by a name too."""

    @abstractmethod
    def _its_holdings(self) -> Holdings | None:
        """Return the tables of who is meant now; None where that is nobody, or has ended."""


class Ownership(NamedTuple):
    """Whose tables a table is one of, who is to have it afterwards, and what that one is told then."""

    holdings: Holdings
    heir: Owner | None
    data: Any


@final
class Holdings:
    """The tables of one owner. `tell(table, giver, data)` is called when one has come from somebody else."""

    __slots__ = ("_ended", "_tables", "owner", "tell")

    def __init__(self, owner: Owner, tell: Callable[[Any, Any, Any], object]) -> None:
        self.owner = owner
        self.tell = tell
        self._tables: dict[int, Owned] = {}
        self._ended = False

    def take(self, table: Owned) -> bool:
        """Add a table, and tell whether the owner is still there. Under the lock."""
        if self._ended:
            return False
        self._tables[id(table)] = table
        return True

    def drop(self, table: Owned) -> None:
        """Remove a table that has another owner, or is closed. Under the lock."""
        self._tables.pop(id(table), None)

    def tables(self) -> list[Any]:
        """Return the tables, in the order in which they came."""
        return [*self._tables.values()]

    def end(self) -> None:
        """Pass all tables on, or close them: their owner has ended."""
        acquire()
        try:
            self._ended = True
            tables = self.tables()
            self._tables.clear()
        finally:
            release()
        for table in tables:
            try:
                table._pass_on(self)
            except Exception:  # the code of names and finalizers; the other tables have to go as well
                logger.exception("%r could not be passed on", table)


def holdings_of(owner: Owner, what: str) -> Holdings:
    """Return the tables of an owner.

    Raises:
        TypeError: it can own none.
        NoProcess: it has ended, or is a name that nobody has.
    """
    check_owner(owner, what)
    holdings = owner._its_holdings()
    if holdings is None:
        raise NoProcess(f"{owner!r} has ended, or is nobody: it cannot own a table")
    return holdings


def check_owner(owner: object, what: str) -> None:
    """Raise `TypeError` unless it can own tables."""
    if not hasattr(owner, "_its_holdings"):
        raise TypeError(f"{what} must be a Ref of noex.otp, such as self.ref in a server, not {owner!r}")


def claim(owner: Owner | None, heir: Owner | None, data: Any) -> Ownership | None:
    """Return what a new table is to be noted as, by the options `owner`, `heir` and `heir_data`.

    Raises:
        TypeError: one of them can own no table.
        ValueError: there is an heir, and no owner.
        NoProcess: the owner has ended, or is a name that nobody has.
    """
    if heir is not None:
        check_owner(heir, "heir")
    if owner is None:
        if heir is not None:
            raise ValueError("a table without an owner needs no heir: it stays until it is closed")
        return None
    return Ownership(holdings_of(owner, "owner"), heir, data)


class Owned:
    """A table, as its owner sees it."""

    __slots__ = ()

    _ownership: Ownership | None

    @property
    @abstractmethod
    def closed(self) -> bool:
        """Whether `close` was called."""

    @abstractmethod
    def close(self) -> None:
        """Free the entries and the name."""

    @abstractmethod
    def _label(self) -> str:
        """Name the table, for messages."""

    @property
    def owner(self) -> Any:
        """The server that the table belongs to (its `noex.otp.Ref`), or None."""
        ownership = self._ownership
        return None if ownership is None else ownership.holdings.owner

    @property
    def heir(self) -> Any:
        """Who gets the table when its owner ends (a `noex.otp.Ref`), or None: it is closed then."""
        ownership = self._ownership
        return None if ownership is None else ownership.heir

    def give_away(self, owner: Owner, data: Any = None) -> None:
        """Let the table belong to another server, which gets `TableTransfer(table, from_ref, data)` in `handle_info`.

        O(1). Atomic. The heir stays the same. To give it to whom it belongs does nothing. A table that belonged to
        nobody belongs to a server from now on.

        Raises:
            NoProcess: the server has ended, or is a name that nobody has.
            TypeError: it is no `Ref`.

        >>> import asyncio
        >>> from noex import ets
        >>> from noex.otp import GenServer
        >>> async def main() -> bool:
        ...     table, server = ets.SetTable[str, int](), await GenServer.start()
        ...     table.give_away(server)
        ...     await server.stop()
        ...     return table.closed
        >>> asyncio.run(main())
        True
        """
        new = holdings_of(owner, "owner")
        standing = self._ownership
        while True:
            old = standing
            made = Ownership(new, None if old is None else old.heir, None if old is None else old.data)
            if old is not None and old.holdings is new:
                return
            standing = self._become(old, made)
            if standing is old:
                new.tell(self, None if old is None else old.holdings.owner, data)
                return

    def set_heir(self, heir: Owner | None, data: Any = None) -> None:
        """Name who is to have the table when its owner ends; None: it is closed then.

        O(1). Atomic. The heir gets `TableTransfer(table, from_ref, data)` in `handle_info`. A `named` one is looked up
        when it comes to that. It stays the heir after it has inherited.

        Raises:
            ValueError: the table belongs to nobody.
            TypeError: the heir is no `Ref`.
        """
        if heir is not None:
            check_owner(heir, "heir")
        standing = self._ownership
        while standing is not None:
            old = standing
            standing = self._become(old, Ownership(old.holdings, heir, data))
            if standing is old:
                return
        self._refuse_if_closed()
        raise ValueError(f"{self._label()} belongs to no server, so nobody inherits it: give_away() first")

    def _become(self, expected: Ownership | None, made: Ownership) -> Ownership | None:
        """Change whose it is, if that is what it was thought to be; return what it was."""
        acquire()
        try:
            self._refuse_if_closed()
            standing = self._ownership
            if standing is expected:
                if not made.holdings.take(self):
                    raise NoProcess("the owner-to-be has ended meanwhile, and owns no tables any more")
                self._ownership = made  # type: ignore[misc]  # the slot is that of each kind
                if standing is not None and standing.holdings is not made.holdings:
                    standing.holdings.drop(self)
            return standing
        finally:
            release()

    def _refuse_if_closed(self) -> None:
        if self.closed:
            raise TableClosed(f"{self._label()} is closed; use it before close(), or make a new one")

    def _pass_on(self, left: Holdings) -> None:
        """Go to the heir, or close: the owner has ended."""
        ownership = self._ownership
        if ownership is None or ownership.holdings is not left:  # it has another owner already
            return
        try:
            heir = None if ownership.heir is None else ownership.heir._its_holdings()
            if heir is not None and self._become(ownership, ownership._replace(holdings=heir)) is ownership:
                heir.tell(self, left.owner, ownership.data)
        except TableClosed:
            return
        except NoProcess:
            pass
        finally:
            ownership = self._ownership
            if ownership is not None and ownership.holdings is left:
                self.close()

    def _leave_owner(self) -> None:
        """Belong to nobody: the table is closed."""
        acquire()
        try:
            ownership = self._ownership
            self._ownership = None  # type: ignore[misc]  # as above
            if ownership is not None:
                ownership.holdings.drop(self)
        finally:
            release()
