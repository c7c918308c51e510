"""The order in which keys came, on both kernels: whoever goes and comes again stands behind the others."""

from __future__ import annotations

from typing import Any

import pytest

from noex import ets
from noex.testing import ManualClock

from ._kernels import Kernel, native_kernel, over, pure_kernel
from ._twins import Number

KEYS: list[Any] = [1, 1.0, True, Number(1)]


@pytest.fixture(params=[pure_kernel, native_kernel], ids=["pure", "native"])
def kernel(request: pytest.FixtureRequest) -> Kernel:
    return request.param()


def kinds_of_keys(table: Any) -> list[type]:
    return [type(key) for key in table]


@pytest.mark.parametrize("ttl", [None, 5])
@pytest.mark.parametrize("later", KEYS, ids=repr)
@pytest.mark.parametrize("first", KEYS, ids=repr)
def test_what_a_transaction_removes_and_inserts_stands_last(kernel: Kernel, first: Any, later: Any, ttl: Any) -> None:
    store = ets.Store()
    table = kernel.new("set", store=store)
    table.insert(first, "first", ttl=ttl)
    table.insert("between", 0)

    def again(tx: Any) -> list[type]:
        view = tx[table]
        view.insert(None, "new")
        view.delete(1)
        view.insert(later, "again")
        return kinds_of_keys(view)

    with over(kernel):
        seen = store.transact(again)
    assert seen == kinds_of_keys(table) == [str, type(None), type(later)]
    assert table.lookup(1) == "again"
    table._check()


def test_what_a_transaction_only_overwrites_keeps_its_place(kernel: Kernel) -> None:
    store = ets.Store()
    table = kernel.new("set", store=store)
    table.insert_many([(1, "first"), ("between", 0)])
    with over(kernel):
        store.transact(lambda tx: tx[table].insert(True, "again"))
    assert table.to_list() == [(1, "again"), ("between", 0)]
    assert kinds_of_keys(table) == [int, str]


def test_a_key_that_comes_and_goes_in_a_transaction_stands_where_it_came_last(kernel: Kernel) -> None:
    store = ets.Store()
    table = kernel.new("set", store=store)

    def back_and_forth(tx: Any) -> None:
        view = tx[table]
        view.insert_many([("a", 1), ("b", 2)])
        view.delete("a")
        view.insert("a", 3)

    with over(kernel):
        store.transact(back_and_forth)
    assert table.to_list() == [("b", 2), ("a", 3)]


@pytest.mark.parametrize("later", KEYS, ids=repr)
@pytest.mark.parametrize("verb", ["insert", "insert_many", "insert_new", "setdefault", "update"])
def test_what_has_expired_and_is_written_again_stands_last(kernel: Kernel, verb: str, later: Any) -> None:
    clock = ManualClock()
    table = kernel.new("set", clock=clock)
    for number in range(2, 9):  # more than a write reclaims
        table.insert(number, 0, ttl=0.5)
    table.insert(1, "old", ttl=1)
    table.insert("stays", 0)
    events: list[Any] = []
    clock.advance(1)
    table.subscribe(lambda event: events.append((event.kind, event.key, event.value)))
    if verb in {"insert_many", "update"}:
        getattr(table, verb)([("new", 1), (later, "again")])
    else:
        table.insert("new", 1)
        getattr(table, verb)(later, "again")
    assert kinds_of_keys(table) == [str, str, type(later)]
    assert table.to_list() == [("stays", 0), ("new", 1), (1, "again")]
    assert events.index(("expire", 1, "old")) < events.index(("insert", later, "again"))
    table._check()
