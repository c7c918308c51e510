"""Several threads that step one walk meet each entry exactly once between them, with a GIL and without one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

from noex import ets
from noex.kernel import KERNEL
from noex.typing import TableKind

Race: TypeAlias = Callable[..., list[Any]]

THREADS = 4
ENTRIES = 20_000
KINDS: list[TableKind] = ["set", "ordered_set", "bag", "duplicate_bag"]
WALKS: dict[str, Callable[[Any], Iterator[Any]]] = {
    "keys": iter,
    "values": lambda table: iter(table.values()),
    "items": lambda table: iter(table.items()),
    "_walk": lambda table: table._walk(),
}

kinds = pytest.mark.parametrize("kind", KINDS)
walks = pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)

pytestmark = pytest.mark.skipif(
    KERNEL == "pure", reason="walks of the pure kernel are generators, which only one thread at a time may step"
)


def filled(kind: TableKind) -> Any:
    """Return a table of so many entries, of a bag three to a key."""
    table: Any = ets.new(kind=kind)
    table.insert_many([(number // 3 if "bag" in kind else number, f"value {number}") for number in range(ENTRIES)])
    return table


def met_by_all(race: Race, walk: Iterator[Any]) -> Counter[str]:
    """Return what threads met that step a walk at once."""
    return Counter(repr(met) for found in race(*[lambda: list(walk)] * THREADS) for met in found)


@kinds
@walks
def test_racy_threads_share_a_walk(kind: TableKind, walk: Callable[[Any], Iterator[Any]], race: Race) -> None:
    table = filled(kind)
    assert met_by_all(race, walk(table)) == Counter(map(repr, walk(table)))


@kinds
@walks
def test_racy_threads_share_a_walk_of_a_table_that_changed(
    kind: TableKind, walk: Callable[[Any], Iterator[Any]], race: Race
) -> None:
    table = filled(kind)
    expected = Counter(map(repr, walk(table)))
    shared = walk(table)
    expected[repr(next(shared))] -= 1
    table.insert(-1, "is before all that the walk comes to, or came too late for it")
    assert met_by_all(race, shared) == +expected


@kinds
@walks
def test_racy_threads_begin_a_walk_that_is_short(
    kind: TableKind, walk: Callable[[Any], Iterator[Any]], race: Race
) -> None:
    table: Any = ets.new(kind=kind)
    table.insert_many([(number // 3 if "bag" in kind else number, number) for number in range(9)])
    expected = Counter(map(repr, walk(table)))
    for _ in range(50):
        assert met_by_all(race, walk(table)) == expected
