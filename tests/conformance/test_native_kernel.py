"""The conformance suites over `noex.ets` and the native kernel."""

from typing import Any

import pytest

from noex import Cache, ets, kernel
from noex.testing.conformance import (
    BagTableConformance,
    DuplicateBagTableConformance,
    OrderedSetTableConformance,
    SetTableConformance,
    StoreConformance,
)

if kernel.KERNEL != "native":
    pytest.skip("another kernel is in use: NOEX_KERNEL=native forces this", allow_module_level=True)


class TestNativeSetTable(SetTableConformance):
    pass


class TestNativeOrderedSetTable(OrderedSetTableConformance):
    pass


class TestNativeOrderedSetTableWithASortKey(OrderedSetTableConformance):
    """The same verbs where each key goes through a function first."""

    def make(self, **options: Any) -> Any:
        if options.get("key") is None:
            options["key"] = _itself
        return ets.OrderedSetTable(**options)

    def load(self, path: Any, **options: Any) -> Any:
        return ets.load(path, key=_itself, **options)


class TestNativeBagTable(BagTableConformance):
    pass


class TestNativeDuplicateBagTable(DuplicateBagTableConformance):
    pass


class TestNativeStore(StoreConformance):
    pass


def _itself(key: Any) -> Any:
    return key


def test_the_tables_are_those_of_the_native_kernel() -> None:
    from noex.kernel import _native

    for public in (ets.SetTable, ets.OrderedSetTable, ets.BagTable, ets.DuplicateBagTable, Cache):
        assert public.__mro__[1] is getattr(_native, public.__mro__[1].__name__)
        assert public.__mro__[1].__module__ == "noex.kernel._native"
    assert ets.new().info().kernel == "native"
