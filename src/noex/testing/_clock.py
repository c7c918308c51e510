"""A clock that moves when it is told to."""

from __future__ import annotations

import math
from datetime import timedelta
from threading import RLock

from noex.kernel import shortened

__all__ = ["ManualClock"]

_NANOSECONDS = 1_000_000_000


@shortened()
class ManualClock:
    """A clock for tests and replays: call it for the time, turn it with `advance` and `advance_to`.

    It counts whole nanoseconds inside, so that many small steps add up exactly. Every part of noex takes it as
    `clock=`. Reading and turning it is safe from any thread.

    >>> clock = ManualClock()
    >>> clock.advance(0.1), clock.advance(0.2)
    (0.1, 0.3)
    >>> clock.advance_to(60)
    60.0
    >>> clock()
    60.0
    """

    __slots__ = ("_lock", "_nanoseconds", "_seconds")

    def __init__(self, start: float = 0.0) -> None:
        self._lock = RLock()  # a finalizer that strikes in here may turn the clock, too
        self._nanoseconds = _whole_nanoseconds(start, "start")
        self._seconds = self._nanoseconds / _NANOSECONDS

    def __call__(self) -> float:
        """Return the time in seconds. O(1)."""
        return self._seconds

    def advance(self, seconds: float | timedelta) -> float:
        """Move the clock forward by a length of time, zero allowed, and return the new time.

        O(1), atomic.

        Raises:
            ValueError: `seconds` is negative, infinite or NaN.
        """
        step = _whole_nanoseconds(seconds, "seconds")
        if step < 0:
            raise ValueError(f"a clock cannot go back: advance({seconds!r}); give a length of 0 or more")
        self._lock.acquire()  # `with` would take twice as long
        try:
            self._nanoseconds += step  # both in one run, without a call in which a finalizer could strike
            self._seconds = seconds_now = self._nanoseconds / _NANOSECONDS
        finally:
            self._lock.release()
        return seconds_now

    def advance_to(self, time: float) -> float:
        """Move the clock forward to a time, the present one allowed, and return it.

        O(1), atomic.

        Raises:
            ValueError: `time` lies in the past, or is infinite or NaN.
        """
        target = time * _NANOSECONDS if type(time) is int else _whole_nanoseconds(time, "time")
        self._lock.acquire()
        try:
            if target < self._nanoseconds:
                raise ValueError(f"a clock cannot go back: advance_to({time!r}), and it is {self._seconds!r} already")
            self._nanoseconds = target
            self._seconds = seconds = target / _NANOSECONDS
        finally:
            self._lock.release()
        return seconds

    def __repr__(self) -> str:
        return f"ManualClock({self._seconds!r})"


def _whole_nanoseconds(value: float | timedelta, what: str) -> int:
    if isinstance(value, timedelta):
        return value // timedelta(microseconds=1) * 1000
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{what} must be seconds (int or float) or a timedelta, not {value!r}")
    if isinstance(value, int):
        return value * _NANOSECONDS
    if not math.isfinite(value):
        raise ValueError(f"{what} must be a finite number of seconds, not {value!r}")
    return round(value * _NANOSECONDS)
