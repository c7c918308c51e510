"""Tables with indexes, queries, expiry, events, transactions and snapshots against plain models, by random steps.

The long run goes on with new seeds for about ten minutes in all; the seed of a run that fails is printed, and
`NOEX_TEST_SEED=<seed>` runs it again.
"""

import os
import secrets

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from noex.testing import machines

_SLOWNESS = [HealthCheck.too_slow, HealthCheck.data_too_large]

EVERYDAY = settings(max_examples=40, stateful_step_count=30, suppress_health_check=_SLOWNESS)
LONG = settings(EVERYDAY, max_examples=400, stateful_step_count=50, database=None)

MACHINES = [
    machines.StoreMachine,
    machines.SetStoreMachine,
    machines.OrderedSetStoreMachine,
    machines.BagStoreMachine,
]
ROUNDS = 4

each_machine = pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.__name__)


@each_machine
def test_tables_of_a_store(machine: type[machines.StoreMachine]) -> None:
    run_state_machine_as_test(machine, settings=EVERYDAY)


@pytest.mark.skipif(os.environ.get("NOEX_TEST_LONG") != "1", reason="NOEX_TEST_LONG=1 runs it")
@pytest.mark.slow
@pytest.mark.parametrize("number", range(ROUNDS))
@each_machine
def test_tables_of_a_store_at_length(machine: type[machines.StoreMachine], number: int) -> None:
    chosen = int(os.environ.get("NOEX_TEST_SEED") or secrets.randbits(64))
    print(f"run {number} of {machine.__name__}: NOEX_TEST_SEED={chosen}")  # noqa: T201 - shown when it fails
    seeded = seed(chosen)(type(machine.__name__, (machine,), {}))
    run_state_machine_as_test(seeded, settings=LONG)
