"""What stays is always found while its neighbours come and go: by lookups, ranges, pages; sizes and names hold too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any, TypeAlias

import pytest

from noex import errors, ets
from noex.typing import Entry, TableKind

Race: TypeAlias = Callable[..., list[Any]]
Walk: TypeAlias = Callable[[Any], Iterator[Any]]

ROUNDS = 20
STABLE = range(0, 200, 2)
VOLATILE = range(1, 200, 2)
KINDS: list[TableKind] = ["set", "ordered_set", "bag", "duplicate_bag"]

kinds = pytest.mark.parametrize("kind", KINDS)


def new(kind: TableKind, **options: Any) -> Any:
    """Return a table of a kind that is data."""
    return ets.new(kind=kind, **options)


class Churn:
    """Threads that insert and delete the volatile keys for as long as another looks."""

    def __init__(self, table: Any) -> None:
        self.table = table
        self.running = True
        table.insert_many([(key, key) for key in STABLE])

    def churn(self) -> None:
        for key in cycle(VOLATILE):
            if not self.running:
                return
            if not self.table.delete(key):
                self.table.insert(key, key)

    def churn_many(self) -> None:
        for start in cycle(range(1, 200, 20)):
            if not self.running:
                return
            keys = range(start, start + 20, 2)
            if not self.table.delete_many(keys):
                self.table.insert_many([(key, key) for key in keys])

    def looking(self, look: Callable[[], None], rounds: int) -> Callable[[], None]:
        def run() -> None:
            try:
                for _ in range(rounds):
                    look()
            finally:
                self.running = False

        return run


@kinds
def test_racy_lookups_always_find_what_stays(kind: TableKind, race: Race) -> None:
    table = new(kind)
    churn = Churn(table)
    value: Callable[[int], Any] = (lambda key: [key]) if "bag" in kind else (lambda key: key)

    def look() -> None:
        assert all(table.member(key) and key in table and table.lookup(key) == value(key) for key in STABLE)
        found = table.lookup_many(range(200))
        assert {key: found.get(key) for key in STABLE} == {key: value(key) for key in STABLE}
        assert table.count(lambda key, _value: key % 2 == 0) == len(STABLE)
        assert len(STABLE) <= len(table)

    race(churn.churn, churn.churn_many, churn.looking(look, ROUNDS))
    table._check()


def _range(table: Any) -> Iterator[Any]:
    return iter(table.range(0, 200))


def _backwards(table: Any) -> Iterator[Any]:
    return reversed(table.range(reverse=True))


def _pages(table: Any) -> Iterator[Any]:
    last = None
    while page := table.range(last, bounds="(]", limit=7):
        yield from page
        last = page[-1].key


def _pages_backwards(table: Any) -> Iterator[Any]:
    seen: list[Entry] = []
    while page := table.range(None, seen[-1].key if seen else None, reverse=True, limit=7):
        seen += page
    return reversed(seen)


def _next(table: Any) -> Iterator[Any]:
    entry = table.first()
    while entry is not None:
        yield entry
        entry = table.next(entry.key)


def _prev(table: Any) -> Iterator[Any]:
    seen: list[Entry] = []
    entry = table.last()
    while entry is not None:
        seen.append(entry)
        entry = table.prev(entry.key)
    return reversed(seen)


WALKS: list[Walk] = [_range, _backwards, _pages, _pages_backwards, _next, _prev]


@pytest.mark.parametrize("walk", WALKS)
def test_racy_ranges_and_pages_meet_what_stays_in_order(walk: Walk, race: Race) -> None:
    table = ets.OrderedSetTable[int, int]()
    churn = Churn(table)

    def look() -> None:
        keys = [entry.key for entry in walk(table)]
        assert keys == sorted(set(keys))
        assert [key for key in keys if key % 2 == 0] == list(STABLE)

    race(churn.churn, churn.churn_many, churn.looking(look, ROUNDS))
    table._check()


def test_racy_ranks_and_positions_agree_with_what_stays(race: Race) -> None:
    table = ets.OrderedSetTable[int, int]()
    churn = Churn(table)

    def look() -> None:
        for key in STABLE:
            rank = table.rank(key)
            assert rank is not None
            assert key // 2 <= rank <= key
        assert (table.at(0).key, table.at(-1).key in (198, 199)) == (0, True)

    race(churn.churn, churn.churn_many, churn.looking(look, ROUNDS))


@kinds
def test_racy_sizes_never_go_back_while_there_are_only_inserts(kind: TableKind, race: Race) -> None:
    table = new(kind)

    def insert(writer: int) -> Callable[[], None]:
        def run() -> None:
            for number in range(300):
                table.insert((writer, number), number)
                table.insert_many([((writer, number, more), 0) for more in range(3)])

        return run

    def look() -> None:
        sizes = [size for _ in range(300) for size in (len(table), table.info().size, table.count())]
        assert sizes == sorted(sizes)

    race(insert(1), insert(2), look)
    assert len(table) == 2 * 300 * 4


@kinds
def test_racy_names_lead_to_an_open_table_or_to_none(kind: TableKind, race: Race) -> None:
    with ets.Store() as store:
        running = [True]

        def make() -> None:
            try:
                for number in range(200):
                    with new(kind, name="shared", store=store) as table:
                        table.insert("number", number)
            finally:
                running.clear()

        def look() -> int:
            found = 0
            while running:
                table: Any = store.whereis("shared")
                if table is not None:
                    try:
                        found += len(table.lookup_many(["number"]))
                    except errors.TableClosed:
                        continue
            return found

        race(make, look, look)
        assert store.whereis("shared") is None
        assert store.tables() == []
