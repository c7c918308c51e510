"""Tables of the native kernel against those of the pure one, by random steps: same answers, same errors, same order.

The long run goes on with new seeds; the seed of a run that fails is printed, and `NOEX_TEST_SEED=<seed>` runs it again.
"""

import gc
import os
import secrets
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from ._kernels import KINDS, native_kernel
from ._twins import TwinMachine

EVERYDAY = settings(
    max_examples=60,
    stateful_step_count=25,
    phases=[phase for phase in Phase if phase is not Phase.explain],  # which takes minutes, and says little here
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
LONG = settings(EVERYDAY, max_examples=1500, stateful_step_count=50, database=None)
ROUNDS = 2

each_kind = pytest.mark.parametrize("kinds", [*((kind,) for kind in KINDS), KINDS], ids=" or ".join)


def _machine(kinds: tuple[str, ...]) -> type[TwinMachine]:
    there = tuple(kind for kind in kinds if kind in native_kernel().classes)
    if not there:
        pytest.skip("the native kernel has no such table")
    return type("TwinMachine", (TwinMachine,), {"kinds": there})


@pytest.fixture(autouse=True)
def only_what_is_new_is_collected() -> Iterator[None]:
    """Leave alone what other tests have left behind: the machine collects garbage at many steps."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@each_kind
def test_both_kernels_do_the_same(kinds: tuple[str, ...]) -> None:
    run_state_machine_as_test(_machine(kinds), settings=EVERYDAY)


@pytest.mark.skipif(os.environ.get("NOEX_TEST_LONG") != "1", reason="NOEX_TEST_LONG=1 runs it")
@pytest.mark.slow
@pytest.mark.parametrize("number", range(ROUNDS))
@each_kind
def test_both_kernels_do_the_same_at_length(kinds: tuple[str, ...], number: int) -> None:
    chosen = int(os.environ.get("NOEX_TEST_SEED") or secrets.randbits(64))
    print(f"run {number} of {kinds}: NOEX_TEST_SEED={chosen}")  # noqa: T201 - shown when it fails
    run_state_machine_as_test(seed(chosen)(_machine(kinds)), settings=LONG)
