"""For tests of noex and of what is built on it: a clock to turn by hand, an event loop on it, and conformance suites.

`ManualClock` and `manual_loop` need nothing. The suites in `noex.testing.conformance` need pytest
(`pip install 'noex[testing]'`).
"""

from noex.testing._clock import ManualClock
from noex.testing._manual_loop import manual_loop

__all__ = ["ManualClock", "manual_loop"]
