"""Each kind of table against its plain model, by random verbs. `NOEX_TEST_LONG=1` runs many more."""

import os

import pytest
from hypothesis import HealthCheck, Verbosity, settings

from noex.testing import machines

_SLOWNESS = [HealthCheck.too_slow, HealthCheck.data_too_large]

EVERYDAY = settings(
    max_examples=150,
    stateful_step_count=50,
    verbosity=Verbosity.normal,
    suppress_health_check=_SLOWNESS,
)
LONG = settings(EVERYDAY, max_examples=2000, stateful_step_count=80)

long_run = pytest.mark.skipif(os.environ.get("NOEX_TEST_LONG") != "1", reason="NOEX_TEST_LONG=1 runs it")


class TestSetTable(machines.SetTableMachine.TestCase):
    settings = EVERYDAY


class TestOrderedSetTable(machines.OrderedSetTableMachine.TestCase):
    settings = EVERYDAY


class TestBagTable(machines.BagTableMachine.TestCase):
    settings = EVERYDAY


class TestDuplicateBagTable(machines.DuplicateBagTableMachine.TestCase):
    settings = EVERYDAY


@long_run
@pytest.mark.slow
class TestSetTableAtLength(machines.SetTableMachine.TestCase):
    settings = LONG


@long_run
@pytest.mark.slow
class TestOrderedSetTableAtLength(machines.OrderedSetTableMachine.TestCase):
    settings = LONG


@long_run
@pytest.mark.slow
class TestBagTableAtLength(machines.BagTableMachine.TestCase):
    settings = LONG


@long_run
@pytest.mark.slow
class TestDuplicateBagTableAtLength(machines.DuplicateBagTableMachine.TestCase):
    settings = LONG
