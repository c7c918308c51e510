"""Telling others of what changes in a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, get_args

from noex._arguments import check_function
from noex.kernel import Subscription
from noex.typing import TableEvent, TableEventKind

__all__ = ["Observable"]

_KINDS: frozenset[str] = frozenset(get_args(TableEventKind))


class Observable:
    """What every kind of table offers to those who want to know of changes."""

    __slots__ = ()

    if TYPE_CHECKING:  # what the kernel classes bring

        def _subscribe(self, callback: Callable[[TableEvent], object], kinds: frozenset[str]) -> Subscription: ...

    def subscribe(
        self, callback: Callable[[TableEvent], object], *, kinds: Iterable[TableEventKind] | None = None
    ) -> Subscription:
        """Call `callback(event)` after every change from now on, or after those of the kinds named.

        Kinds are "insert" (every write of a value), "delete", "expire" (when the entry is reclaimed) and "clear".
        Events come outside every lock, in the order of the changes, one at a time: whichever writing thread is at it
        delivers, so a write may return before its event is delivered, and what a callback writes comes behind. A
        callback that raises is logged (logger "noex.ets") and troubles neither writer nor others. The subscription is
        held by the table until it is cancelled. O(1).

        Raises:
            TypeError: the callback cannot be called, or is a coroutine or generator function.
            ValueError: there is no such kind of event.

        >>> from noex import ets
        >>> stock = ets.SetTable[str, int]()
        >>> subscription = stock.subscribe(print, kinds={"delete"})
        >>> stock.insert("pear", 0)
        >>> stock.delete("pear")
        TableEvent(kind='delete', key='pear', value=0, previous=0)
        True
        """
        check_function(callback, "subscribe takes a function of an event")
        if isinstance(kinds, str):
            raise TypeError(f"kinds is a collection of kinds, such as {{{kinds!r}}}, not a text")
        wanted: list[Any] = sorted(_KINDS) if kinds is None else list(kinds)
        for kind in wanted:
            if not isinstance(kind, str) or kind not in _KINDS:
                raise ValueError(f"no event is of kind {kind!r}; kinds are {', '.join(sorted(map(repr, _KINDS)))}")
        return self._subscribe(callback, frozenset(wanted))
