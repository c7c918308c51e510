"""Time, as everything in noex takes it: a function that returns seconds and is handed in as `clock=`.

Nothing else in the library reads the time. Deadlines are whole milliseconds, rounded up, so that an entry never goes
early; `TOLERANCE` (half a microsecond) takes back what binary fractions add, so that `0.1 + 0.2` seconds are 300 ms.
"""

from __future__ import annotations

import math
import time
from datetime import timedelta
from typing import cast

from noex.typing import Clock

__all__ = [
    "FARTHEST",
    "LONGEST",
    "TOLERANCE",
    "check_clock",
    "deadline",
    "milliseconds",
    "monotonic",
    "seconds",
    "wall_time",
]

monotonic: Clock = time.monotonic
"""The default clock: the system's monotonic one, which no change of the date can move."""

wall_time: Clock = time.time
"""The time of day, in seconds since 1970: for what must mean the same after a restart, and nothing else."""

LONGEST = 1e12
"""The longest duration, in seconds: some thirty thousand years."""

FARTHEST = 1e15
"""The farthest time of a clock at which something can end, in seconds from zero: thirty million years."""

TOLERANCE = 0.0005
"""In milliseconds: what is closer than this to a whole millisecond counts as that millisecond."""


def seconds(duration: object, what: str, *, optional: bool = True) -> float:
    """Return a duration in seconds, or say what is wrong with it.

    O(1). `what` names the argument in the message, `optional` tells whether None would have been allowed.

    Raises:
        TypeError: it is neither a number nor a `timedelta`.
        ValueError: it is zero, negative, NaN, or longer than `LONGEST`.

    >>> from datetime import timedelta
    >>> seconds(timedelta(minutes=1), "ttl")
    60.0
    >>> seconds(0, "ttl")
    Traceback (most recent call last):
    ...
    ValueError: ttl must be more than 0 seconds, not 0; None means no limit
    """
    if isinstance(duration, timedelta):
        value = duration.total_seconds()
    elif isinstance(duration, (int, float)) and not isinstance(duration, bool):
        try:
            value = float(duration)
        except OverflowError:
            value = math.inf if duration > 0 else -math.inf
    else:
        raise TypeError(f"{what} must be seconds (int or float) or a timedelta, not {duration!r}")
    remedy = "; None means no limit" if optional else ""
    if not value > 0:
        raise ValueError(f"{what} must be more than 0 seconds, not {duration!r}{remedy}")
    if value > LONGEST:
        raise ValueError(f"{what} must be at most {LONGEST:g} seconds, not {duration!r}{remedy}")
    return value


def check_clock(clock: object, what: str = "clock") -> Clock:
    """Return the clock to use: the given one, or the system's monotonic clock for `None`.

    Raises:
        TypeError: it cannot be called.
    """
    if clock is None:
        return monotonic
    if not callable(clock):
        raise TypeError(f"{what} must be a function that returns seconds, such as time.monotonic, not {clock!r}")
    return cast("Clock", clock)


def milliseconds(now: float) -> float:
    """Return a clock's reading as milliseconds, to be compared with a `deadline`: expired when not less than it.

    >>> milliseconds(0.1 + 0.2) >= deadline(0.1, 0.2)
    True
    """
    return now * 1000 + TOLERANCE


def deadline(now: float, lifetime: float) -> int:
    """Return the whole millisecond at which something that lives `lifetime` seconds from `now` is gone.

    >>> deadline(10.0, 0.3)
    10300
    >>> deadline(10.0, 0.0001)
    10001
    """
    return math.ceil((now + lifetime) * 1000 - TOLERANCE)
