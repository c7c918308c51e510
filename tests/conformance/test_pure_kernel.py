"""The conformance suites over `noex.ets` and the pure kernel."""

from typing import Any

import pytest

from noex import ets, kernel
from noex.testing.conformance import (
    BagTableConformance,
    Conformance,
    DuplicateBagTableConformance,
    OrderedSetTableConformance,
    SetTableConformance,
    StoreConformance,
)

if kernel.KERNEL != "pure":
    pytest.skip("another kernel is in use: NOEX_KERNEL=pure forces this", allow_module_level=True)


class TestPureSetTable(SetTableConformance):
    pass


class TestPureOrderedSetTable(OrderedSetTableConformance):
    pass


class TestPureOrderedSetTableWithASortKey(OrderedSetTableConformance):
    """The same verbs where each key goes through a function first."""

    def make(self, **options: Any) -> Any:
        if options.get("key") is None:
            options["key"] = _itself
        return ets.OrderedSetTable(**options)

    def load(self, path: Any, **options: Any) -> Any:
        return ets.load(path, key=_itself, **options)


class TestPureBagTable(BagTableConformance):
    pass


class TestPureDuplicateBagTable(DuplicateBagTableConformance):
    pass


class TestPureStore(StoreConformance):
    pass


def _itself(key: Any) -> Any:
    return key


def test_the_tables_are_those_of_the_pure_kernel() -> None:
    assert {type(ets.new(kind=kind)).__mro__[1].__module__.rpartition(".")[0] for kind in ("set", "bag")} == {
        "noex.kernel._pure"
    }
    assert ets.new().info().kernel == "pure"


def test_every_suite_runs_something_for_each_public_verb() -> None:
    """A verb that a table has and no conformance test calls would be a verb that another engine may forget."""
    import inspect

    suites: list[tuple[type[Conformance], Any]] = [
        (SetTableConformance, ets.SetTable),
        (OrderedSetTableConformance, ets.OrderedSetTable),
        (BagTableConformance, ets.BagTable),
        (DuplicateBagTableConformance, ets.DuplicateBagTable),
    ]
    for suite, table in suites:
        modules = {inspect.getmodule(base) for base in suite.__mro__ if base is not object}
        source = "\n".join(inspect.getsource(module) for module in modules if module is not None)
        verbs = [name for name in dir(table) if not name.startswith("_")]
        assert [verb for verb in verbs if f".{verb}" not in source] == []
