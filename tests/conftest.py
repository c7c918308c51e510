"""For all tests: what Hypothesis does, what happens without msgspec, and which kernel it was.

It measures no time, for a busy machine is no failure. The everyday suite tries the same examples each time, so that it
fails for a change and for nothing else; the long runs (`NOEX_TEST_LONG=1`, `make test-all`) look for new ones.
"""

import os
import sysconfig
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from noex import kernel

settings.register_profile(
    "noex",
    deadline=None,
    derandomize=os.environ.get("NOEX_TEST_LONG") != "1",
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("noex")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """Skip what needs msgspec where that cannot be had: it does not build on the free-threaded CPython 3.13."""
    try:
        return (yield)
    except ModuleNotFoundError as error:
        if error.name == "msgspec" and sysconfig.get_config_var("Py_GIL_DISABLED"):
            pytest.skip("msgspec is not to be had for this Python")
        raise


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which kernel was tested: `make test` runs over both, one after the other."""
    terminalreporter.write_line(f"these tests ran on the {kernel.KERNEL} kernel: {kernel.REASON}")
