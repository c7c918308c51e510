"""A dump of a table that is written meanwhile is one consistent cut."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from noex import ets
from noex.errors import TableExists

pytest.importorskip("msgspec", reason="snapshots are written with msgspec")

Race = Callable[..., list[Any]]

ACCOUNTS = 20
EACH = 100
ROUNDS = 300

SETS: dict[str, Callable[[], Any]] = {
    "set": ets.SetTable,
    "set with lifetimes": lambda: ets.SetTable(ttl=1e6),
    "ordered_set": ets.OrderedSetTable,
    "ordered_set by key": lambda: ets.OrderedSetTable(key=ets.desc),
    "ordered_set with lifetimes": lambda: ets.OrderedSetTable(ttl=1e6),
}
BAGS: dict[str, Callable[[], Any]] = {"bag": ets.BagTable, "duplicate_bag": ets.DuplicateBagTable}

sets = pytest.mark.parametrize("make", SETS.values(), ids=SETS)
every = pytest.mark.parametrize("make", [*SETS.values(), *BAGS.values()], ids=[*SETS, *BAGS])


def dumped(table: Any, folder: Path) -> list[dict[Any, list[Any]]]:
    """Dump the table often and return what each file holds."""
    cuts: list[dict[Any, list[Any]]] = []
    for number in range(12):
        path = folder / f"table {number}"
        table.dump(path)
        options = {"key": ets.desc} if ets.snapshot_info(path).needs_key else {}
        cut: dict[Any, list[Any]] = {}
        for key, value in ets.load(path, store=ets.Store(), **options).to_list():
            cut.setdefault(key, []).append(value)
        cuts.append(cut)
    return cuts


@sets
def test_racy_transfers_between_rows_keep_their_sum_in_every_dump(
    make: Callable[[], Any], race: Race, tmp_path: Path
) -> None:
    table = make()
    table.insert_many(dict.fromkeys(range(ACCOUNTS), EACH))
    done: list[bool] = []

    def transfer() -> None:
        amounts = [EACH] * ACCOUNTS
        for number in itertools.count():
            if done:
                return
            one, other = number % ACCOUNTS, number * 7 % ACCOUNTS
            if one != other:
                amounts[one] -= 1
                amounts[other] += 1
                table.insert_many({one: amounts[one], other: amounts[other]})

    def dump() -> list[dict[Any, list[Any]]]:
        try:
            return dumped(table, tmp_path)
        finally:
            done.append(True)

    cuts = race(transfer, dump)[1]
    assert [sum(amount for (amount,) in cut.values()) for cut in cuts] == [ACCOUNTS * EACH] * len(cuts)
    assert all(set(cut) == set(range(ACCOUNTS)) for cut in cuts)


@every
def test_racy_insert_many_is_dumped_whole_or_not_at_all(make: Callable[[], Any], race: Race, tmp_path: Path) -> None:
    table = make()
    done: list[bool] = []

    def insert() -> None:
        for number in itertools.count():
            if done or number == ROUNDS:
                return
            table.insert_many([((number, part) if part else (number,), number) for part in range(7)])

    def remove() -> None:
        for number in itertools.count():
            if done or number == ROUNDS:
                return
            table.delete_many([(number, part) if part else (number,) for part in range(7)])

    def dump() -> list[dict[Any, list[Any]]]:
        try:
            return dumped(table, tmp_path)
        finally:
            done.append(True)

    cuts = race(insert, dump)[1] + race(insert, remove, dump)[2]
    for cut in cuts:
        found = [key[0] for key in cut]
        assert [found.count(number) for number in set(found)] == [7] * len(set(found))


@sets
def test_racy_dumps_into_one_file_leave_a_whole_one(make: Callable[[], Any], race: Race, tmp_path: Path) -> None:
    path = tmp_path / "table"

    def dump() -> None:
        table = make()
        table.insert_many({n: n for n in range(200)})
        for _ in range(20):
            assert table.dump(path) == 200
            assert ets.snapshot_info(path).entries == 200

    race(dump, dump, dump)
    assert [found.name for found in tmp_path.iterdir()] == ["table"]


def test_racy_loads_of_one_name_have_one_winner(race: Race, tmp_path: Path) -> None:
    ets.SetTable[str, int]("t", store=ets.Store()).dump(tmp_path / "table")
    for _ in range(20):
        store = ets.Store()

        def load(store: ets.Store = store) -> int:
            try:
                ets.load(tmp_path / "table", store=store)
            except TableExists:
                return 0
            return 1

        assert sum(race(load, load, load)) == 1
        assert len(store.tables()) == 1
