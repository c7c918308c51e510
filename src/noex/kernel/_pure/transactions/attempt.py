"""One run of a transaction's function: what it has read, which must still hold at the end, and what it has written.

The view of a table has the table's verbs, which find and commit in the view: found rows are noted, committed ones kept
back. Every read sees the state of one instant. For as long as an attempt lasts, the tables that it has read count their
commits; as long as none has come in, a further read needs no look at the earlier ones, else they are looked at again,
and if one does not hold any more the attempt is over.

Nothing keeps writers out meanwhile: a look counts if the tables have the same versions after it as before. Where the
one lock of the kernel is that of the tables as well, a look under it counts at once.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn, Protocol

from noex.errors import TableClosed
from noex.kernel._pure.ground.lock import acquire, release
from noex.kernel._pure.transactions.base import Base, Written

__all__ = ["OVER", "Attempt", "Conflict", "View"]

_LOOKS: Final = 16  # how often to look, or to try to commit, while others keep writing


class Conflict(BaseException):
    """Something that the transaction has read has changed: this attempt is over. Never leaves `transact`."""


class View(Protocol):
    """What an attempt asks of the view of a table."""

    _table: Any  # `Base`, or `OVER`
    _known: int  # the version of the table at which all that was read held, in the view of every table

    def _still_holds(self) -> bool:
        """Tell whether all that was read holds, if nobody writes meanwhile."""
        ...

    def _written(self) -> Written | None:
        """Return what was written, or None for nothing. Reads the clock."""
        ...

    def _end(self) -> None:
        """Let go of the table; no verb can be called any more."""


class Attempt:
    """One run of a transaction's function: its views of tables, which end together."""

    __slots__ = ("views",)

    def __init__(self) -> None:
        self.views: dict[int, Any] = {}  # by the id of the table, which the view holds

    def validate(self) -> None:
        """Make sure that all that has been read held at one instant, the last read included.

        Raises:
            Conflict: it did not.
        """
        for view in self.views.values():
            if view._table._version != view._known:
                break
        else:
            return  # nobody has written
        acquire()
        try:
            if not self._holds():
                raise Conflict
        except TableClosed:
            raise Conflict from None
        finally:
            release()

    def _holds(self) -> bool:
        """Tell whether all that has been read holds at one instant, and make its versions the known ones."""
        views: list[View] = [*self.views.values()]
        for _ in range(_LOOKS):
            versions = [view._table._version for view in views]
            changed = [view for view, version in zip(views, versions, strict=True) if version != view._known]
            if not all(view._still_holds() for view in changed):
                return False
            if not changed or [view._table._version for view in views] == versions:
                for view, version in zip(views, versions, strict=True):
                    view._known = version
                return True
        return False

    def commit(self) -> bool:
        """Do all that was written, if all that was read still holds; else nothing, and return False.

        Raises:
            IndexViolation: a unique index has a value already.
        """
        views: list[View] = [*self.views.values()]
        for _ in range(_LOOKS):
            parts = [part for view in views if (part := view._written()) is not None]
            if not parts:
                return self.valid()
            versions: list[tuple[Base, int]] = [(view._table, view._known) for view in views]
            if parts[0].table._commit_all(parts, versions, self._holds):
                return True
            if not self.valid():
                return False
        return False

    def valid(self) -> bool:
        """Tell whether all that has been read still holds."""
        acquire()
        try:
            return self._holds()
        finally:
            release()

    def end(self) -> None:
        """Let go of the tables."""
        for view in self.views.values():
            view._end()


class Over:
    """Stands for the table when the transaction is over."""

    __slots__ = ()

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise RuntimeError("this transaction is over; use what it gives only inside the function given to transact")


OVER: Any = Over()
