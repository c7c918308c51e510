"""The conformance suites over `noex.ets` and the kernel that is in use: `NOEX_KERNEL` chooses another."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from noex import Cache, ets, kernel
from noex.testing.conformance import (
    BagTableConformance,
    Conformance,
    DuplicateBagTableConformance,
    OrderedSetTableConformance,
    SetTableConformance,
    StoreConformance,
)


class TestSetTable(SetTableConformance):
    pass


class TestOrderedSetTable(OrderedSetTableConformance):
    pass


class TestOrderedSetTableWithASortKey(OrderedSetTableConformance):
    """The same verbs where each key goes through a function first."""

    def make(self, **options: Any) -> Any:
        if options.get("key") is None:
            options["key"] = _itself
        return ets.OrderedSetTable(**options)

    def load(self, path: Any, **options: Any) -> Any:
        return ets.load(path, key=_itself, **options)


class TestBagTable(BagTableConformance):
    pass


class TestDuplicateBagTable(DuplicateBagTableConformance):
    pass


class TestStore(StoreConformance):
    pass


def _itself(key: Any) -> Any:
    return key


def test_the_tables_are_those_of_the_kernel_that_is_in_use() -> None:
    assert ets.new().info().kernel == kernel.KERNEL
    for public in (ets.SetTable, ets.OrderedSetTable, ets.BagTable, ets.DuplicateBagTable, Cache):
        base = public.__mro__[1]
        assert base is getattr(kernel, base.__name__)
        assert base.__module__.startswith(f"noex.kernel._{kernel.KERNEL}")


@pytest.mark.parametrize(
    ("suite", "table"),
    [
        (SetTableConformance, ets.SetTable),
        (OrderedSetTableConformance, ets.OrderedSetTable),
        (BagTableConformance, ets.BagTable),
        (DuplicateBagTableConformance, ets.DuplicateBagTable),
    ],
    ids=lambda value: value.__name__,
)
def test_every_suite_runs_something_for_each_public_verb(suite: type[Conformance], table: Any) -> None:
    """A verb that a table has and no conformance test calls would be a verb that another engine may forget."""
    modules = {inspect.getmodule(base) for base in suite.__mro__ if base is not object}
    source = "\n".join(inspect.getsource(module) for module in modules if module is not None)
    verbs = [name for name in dir(table) if not name.startswith("_")]
    assert [verb for verb in verbs if f".{verb}" not in source] == []
