"""For all tests: what Hypothesis does.

It measures no time, for a busy machine is no failure. The everyday suite tries the same examples each time, so that it
fails for a change and for nothing else; the long runs (`NOEX_TEST_LONG=1`, `make test-all`) look for new ones.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "noex",
    deadline=None,
    derandomize=os.environ.get("NOEX_TEST_LONG") != "1",
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("noex")
