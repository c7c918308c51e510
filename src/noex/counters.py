"""Counters by key: exact under threads, zero until first counted.

The state is one set table, key -> number, and counting is its `update_counter`. A counter is a row, so the number of
different keys is the memory in use: count by things that are few (a status, a route), or `reset` what is done with.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from noex._arguments import check_number
from noex._recipe import Recipe
from noex.ets import SetTable, Store
from noex.kernel import shortened
from noex.typing import Clock, Number

__all__ = ["Counters"]

K = TypeVar("K")

_ONE: Final = 1


@shortened()
class Counters(Recipe, Generic[K]):
    """Numbers that are counted up and down, by key; ints of any size and floats.

    Safe from any thread: no step is ever lost. A counter that was never counted is 0 and takes no memory. Numbers may
    become negative; `noex.Metrics` has counters that only go up.

    Options: `name` of the table in `store` (default: unnamed), `clock` for the table.

    >>> hits = Counters[str]()
    >>> hits.increment("/")
    1
    >>> hits.increment("/", 4), hits.decrement("/")
    (5, 4)
    >>> hits.get("/"), hits.get("/never")
    (4, 0)
    """

    __slots__ = ("_count", "_table")

    def __init__(self, name: str | None = None, *, store: Store | None = None, clock: Clock | None = None) -> None:
        self._table = SetTable[K, Number](name, store=store, clock=clock)
        self._count = self._table._count

    def increment(self, key: K, amount: Number = 1) -> Number:
        """Add to the counter and return what it is now.

        O(1), atomic.

        Raises:
            TypeError: `amount` is no int or float, or is a bool; `UnhashableKey` when the key has no hash.
            ValueError: `amount` is infinite or NaN.
            TableClosed: after `close()`.

        >>> Counters[str]().increment("bytes", 1500)
        1500
        """
        if amount is not _ONE:
            check_number(amount, "amount")
        return self._count(key, amount)

    def decrement(self, key: K, amount: Number = 1) -> Number:
        """Take away from the counter and return what it is now, which may be less than 0.

        O(1), atomic.

        Raises:
            TypeError: `amount` is no int or float, or is a bool; `UnhashableKey` when the key has no hash.
            ValueError: `amount` is infinite or NaN.
            TableClosed: after `close()`.

        >>> Counters[str]().decrement("open", 2)
        -2
        """
        check_number(amount, "amount")
        return self._count(key, -amount)

    def get(self, key: K) -> Number:
        """Return the counter, 0 when it was never counted.

        O(1), atomic. Adds nothing to the table.

        Raises:
            UnhashableKey: the key has no hash.
            TableClosed: after `close()`.

        >>> Counters[str]().get("never")
        0
        """
        return self._table.lookup(key, 0)

    def reset(self, key: K) -> Number:
        """Set the counter back to 0 and return what it was.

        O(1), atomic: each step is either in the number returned or counts from 0 on. The key leaves the table.

        Raises:
            UnhashableKey: the key has no hash.
            TableClosed: after `close()`.

        >>> hits = Counters[str]()
        >>> hits.increment("/", 3), hits.reset("/"), hits.get("/")
        (3, 3, 0)
        """
        return self._table.take(key, 0)

    def clear(self) -> int:
        """Set all counters back to 0 and return how many there were.

        O(n), atomic.

        Raises:
            TableClosed: after `close()`.
        """
        return self._table.clear()

    def items(self) -> list[tuple[K, Number]]:
        """Return all counters as pairs of key and number, in the order in which they were first counted.

        O(n), one consistent cut.

        Raises:
            TableClosed: after `close()`.

        >>> hits = Counters[str]()
        >>> hits.increment("/a"), hits.increment("/b", 2), hits.items()
        (1, 2, [('/a', 1), ('/b', 2)])
        """
        return [(key, number) for key, number in self._table.to_list()]

    def total(self) -> Number:
        """Return the sum of all counters, 0 when there are none.

        O(n), one consistent cut.

        Raises:
            TableClosed: after `close()`.

        >>> hits = Counters[str]()
        >>> hits.increment("/a"), hits.increment("/b", 2), hits.total()
        (1, 2, 3)
        """
        total: Number = sum(number for _, number in self._table.to_list())
        return total

    def close(self) -> None:
        """Close the table and free its name; every other verb raises `TableClosed` then. May be repeated."""
        self._table.close()

    def __len__(self) -> int:
        """Return the number of counters. O(1)."""
        return len(self._table)

    def __repr__(self) -> str:
        return f"Counters(name={self._table.name!r})"
