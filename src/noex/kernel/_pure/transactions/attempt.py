"""One run of a transaction's function: what it has read, which must still hold at the end, and what it has written.

The view of a table has the table's verbs, which find and commit in the view: found rows are noted, committed ones kept
back. Every read sees the state of one instant. For as long as an attempt lasts, the tables that it has read count their
commits; as long as none has come in, a further read needs no look at the earlier ones, else they are looked at again,
and if one does not hold any more the attempt is over.
"""

from __future__ import annotations

from typing import Any, NoReturn

from noex.kernel._pure.ground.lock import acquire, release
from noex.kernel._pure.rows.changes import change

__all__ = ["OVER", "Attempt", "Conflict"]


class Conflict(BaseException):
    """Something that the transaction has read has changed: this attempt is over. Never leaves `transact`."""


class Attempt:
    """One run of a transaction's function: its views of tables, which end together."""

    __slots__ = ("views",)

    def __init__(self) -> None:
        self.views: dict[int, Any] = {}  # by the id of the table, which the view holds

    def validate(self) -> None:
        """Make sure, under the lock, that all that has been read still holds.

        Raises:
            Conflict: it does not.
        """
        for view in self.views.values():
            if not view._still_holds():
                raise Conflict

    def commit(self) -> bool:
        """Do all that was written, if all that was read still holds; else nothing, and return False.

        Raises:
            IndexViolation: a unique index has a value already.
        """
        return change([view._part() for view in self.views.values()])

    def valid(self) -> bool:
        """Tell whether all that has been read still holds."""
        acquire()
        try:
            return all(view._part_holds() for view in self.views.values())
        finally:
            release()

    def end(self) -> None:
        """Let go of the tables."""
        acquire()
        try:
            for view in self.views.values():
                view._end()
        finally:
            release()


class Over:
    """Stands for the table when the transaction is over."""

    __slots__ = ()

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise RuntimeError("this transaction is over; use what it gives only inside the function given to transact")


OVER: Any = Over()
