"""How often a supervisor restarts before it gives up, and how long it waits after a start that failed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from noex import clock
from noex.typing import Duration

__all__ = ["BackOff", "Backoff", "Intensity"]

BackOff: TypeAlias = Callable[[int], Duration]
"""From the number of starts in a row that failed, 1 at least, to the time until the next attempt."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that grow from one failed start to the next: `first`, then `factor` times as long, up to `most` seconds.

    Raises:
        TypeError: an argument is no number; `ValueError` when `factor` is below 1 or a time is not more than 0.

    >>> backoff = Backoff(first=0.5, most=3.0)
    >>> [backoff(failures) for failures in (1, 2, 3, 4, 5)]
    [0.5, 1.0, 2.0, 3.0, 3.0]
    """

    first: Duration = 0.1
    factor: float = 2.0
    most: Duration = 30.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "first", clock.seconds(self.first, "first", optional=False))
        object.__setattr__(self, "most", clock.seconds(self.most, "most", optional=False))
        if isinstance(self.factor, bool) or not isinstance(self.factor, (int, float)):
            raise TypeError(f"factor must be a number, not {self.factor!r}")
        if not self.factor >= 1:
            raise ValueError(f"factor must be 1 or more, not {self.factor!r}")

    def __call__(self, failures: int) -> float:
        """Return how long to wait after so many failures in a row. O(1)."""
        first, most = clock.seconds(self.first, "first"), clock.seconds(self.most, "most")
        try:
            return min(first * self.factor ** (failures - 1), most)
        except OverflowError:
            return most


class Intensity:
    """Counts restarts: at most `most` are allowed within any `within` seconds, both ends of that time included.

    >>> intensity = Intensity(2, 5.0)
    >>> [intensity.allows(now) for now in (0.0, 1.0, 5.0)]
    [True, True, False]
    >>> intensity.allows(10.5)
    True
    """

    __slots__ = ("_most", "_times", "_within")

    def __init__(self, most: int, within: float) -> None:
        self._most = most
        self._within = within
        self._times: deque[float] = deque()

    def allows(self, now: float) -> bool:
        """Count one more restart, and tell whether it is allowed. O(1), amortised."""
        times = self._times
        times.append(now)
        while times[0] < now - self._within:
            times.popleft()
        return len(times) <= self._most
