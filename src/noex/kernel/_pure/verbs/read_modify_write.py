"""Verbs that read a value and write another in one atomic step: counters, `compute`, `compare_and_set`."""

from __future__ import annotations

import math
from collections.abc import Callable
from threading import get_ident
from typing import Any

from noex._arguments import check_number
from noex.errors import CounterTypeError, KeyNotFound, shown
from noex.kernel._pure.ground.hashed import Handle
from noex.kernel._pure.ground.row import Row
from noex.kernel._pure.rows.scheduled_rows import K, V
from noex.kernel._pure.verbs.lifetimes import Lifetimes
from noex.typing import DEFAULT, DELETE, MISSING, DeleteType, MissingType, Number, Ttl

__all__ = ["ReadModifyWrite"]


class ReadModifyWrite(Lifetimes[K, V]):
    """What set kinds offer to change a value by what it was."""

    __slots__ = ()

    def update_counter(
        self,
        key: K,
        step: Number = 1,
        *,
        default: Number = 0,
        threshold: Number | None = None,
        reset_to: Number | None = None,
        ttl: Ttl = DEFAULT,
    ) -> Number:
        """Add `step` to the number under the key and return the result; a missing key counts from `default`.

        A result beyond `threshold` (above it for a step of zero or more, below it for a negative one) becomes
        `reset_to`, as in Erlang's `ets:update_counter`. The lifetime starts with the first count and is kept by the
        others. O(1); O(log n) on an ordered table. Atomic.

        Raises:
            CounterTypeError: what is stored is no int or float (a bool is none, nor is NaN); nothing is changed.
            TypeError: an argument is no number, or of `threshold` and `reset_to` only one is given.
            ValueError: an argument is NaN, or infinite where it would be stored; so is the sum.

        >>> from noex import ets
        >>> hits = ets.SetTable[str, int]()
        >>> hits.update_counter("home"), hits.update_counter("home", 2)
        (1, 3)
        >>> [hits.update_counter("lane", threshold=2, reset_to=0) for _ in range(4)]
        [1, 2, 0, 1]
        """
        check_number(step, "step")
        check_number(default, "default")
        if (threshold is None) != (reset_to is None):
            raise TypeError(f"threshold and reset_to go together; got threshold={threshold!r}, reset_to={reset_to!r}")
        if threshold is not None and reset_to is not None:
            check_number(threshold, "threshold", infinite=True)
            check_number(reset_to, "reset_to")
        now, due = self._lifetime(ttl)
        while True:
            handle, row, witness = self._find(key, now)
            stored: Any = default if row is None else row[1]
            if type(stored) is not int and (type(stored) is not float or stored != stored):
                stored = self._counted(key, stored)
            result = self._added(key, stored, step)
            if threshold is not None and reset_to is not None:
                beyond = result > threshold if step >= 0 else result < threshold
                result = reset_to if beyond else result
            new: Row = (key, result, due, due) if row is None else (row[0], result, row[2], row[3])
            if self._commit(handle, row, new, witness):
                return result

    def _added(self, key: object, stored: Number, step: Number) -> Number:
        """Return the sum, which must be a finite number."""
        try:
            result = stored + step
        except OverflowError:
            result = math.inf
        if isinstance(result, float) and not math.isfinite(result):
            raise ValueError(
                f"{shown(stored)} and {shown(step)} add up to no finite float, for {shown(key)} in {self._label()}; "
                "count in ints, which have no largest one"
            )
        return result

    def _counted(self, key: object, stored: object) -> Number:
        """Return what is stored if it counts as a number, though of a subclass."""
        if isinstance(stored, (int, float)) and not isinstance(stored, bool) and stored == stored:
            return stored
        raise CounterTypeError(
            f"cannot count with {shown(stored)}, the value of {shown(key)} in {self._label()}: "
            "a counter is an int or a float; insert a number there, or count under another key"
        )

    def compute(self, key: K, function: Callable[[V], V | DeleteType], *, default: V | MissingType = MISSING) -> V:
        """Replace a value by what `function` makes of it, and return the new value.

        The function gets the value (`default` for a missing key), runs outside every lock, and runs again if the
        row was written meanwhile, by whomever: keep it free of side effects. Returning `ets.DELETE` removes the row;
        what was removed is returned. The lifetime is kept. Java's `ConcurrentMap.compute`. Cost of the function, plus
        O(1), or O(log n) on an ordered table. Atomic.

        Raises:
            KeyNotFound: the key is missing and no default is given.
            ReentrantCompute: the function wrote this very key.
            Exception: whatever the function raises; nothing is changed then.

        >>> from noex import ets
        >>> carts = ets.SetTable[str, tuple[str, ...]]()
        >>> carts.compute("u1", lambda cart: (*cart, "apple"), default=())
        ('apple',)
        >>> carts.compute("u1", lambda cart: ets.DELETE)
        ('apple',)
        """
        if not callable(function):
            raise TypeError(f"compute takes a function, not {function!r}")
        now, due = self._lifetime(DEFAULT)
        while True:
            handle, row, witness = self._find(key, now)
            if row is None and default is MISSING:
                raise KeyNotFound(key, self._label())
            old: Any = default if row is None else row[1]
            result = self._run(handle, function, old)
            if result is DELETE:
                if row is None or self._commit(handle, row, None, witness):
                    return old  # type: ignore[no-any-return]
                continue
            new: Row = (key, result, due, due) if row is None else (row[0], result, row[2], row[3])
            if self._commit(handle, row, new, witness):
                return result  # type: ignore[no-any-return]

    def compare_and_set(self, key: K, expected: V, new: V) -> bool:
        """Write `new` if the value is `expected` (identical or `==`); return whether it was. A missing key is False.

        The lifetime is kept. O(1); O(log n) on an ordered table. Atomic: values are compared outside locks, and
        compared again if the row was written meanwhile.

        >>> from noex import ets
        >>> state = ets.SetTable[str, str]()
        >>> state.insert("job", "waiting")
        >>> state.compare_and_set("job", "waiting", "running"), state.compare_and_set("job", "waiting", "running")
        (True, False)
        """
        now = self._tick()
        while True:
            handle, row, witness = self._find(key, now)
            if row is None or not (row[1] is expected or row[1] == expected):
                return False
            if self._commit(handle, row, (row[0], new, row[2], row[3]), witness):
                return True

    def _run(self, handle: Handle, function: Callable[[Any], Any], value: Any) -> Any:
        """Call the function, with its key marked as being computed by this thread."""
        if self._computing:
            self._forbid(handle)
        mark = (get_ident(), handle)
        self._computing.append(mark)
        try:
            return function(value)
        finally:
            self._computing.remove(mark)
