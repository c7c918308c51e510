"""For tests of noex and of what is built on it: a clock to turn by hand, and the conformance suites.

`ManualClock` needs nothing. The suites in `noex.testing.conformance` need pytest (`pip install 'noex[testing]'`).
"""

from noex.testing._clock import ManualClock

__all__ = ["ManualClock"]
