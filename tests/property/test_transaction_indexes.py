"""Indexes inside a transaction answer with what it has written: compared with a plain dict."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from noex import ets
from noex.errors import IndexNotFound
from noex.ets import row

VALUES: list[Any] = [0, 1, 1.0, True, 2, 3, 5, None]
SEEDS = range(120)


def check_hashed(index: Any, model: dict[int, Any], value: Any) -> None:
    expected = sorted(key for key in model if model[key] == value)
    assert sorted(index.keys(Decimal(value))) == expected
    assert index.count(Decimal(value)) == len(expected)


def check_ordered(index: Any, model: dict[int, Any], *, by_key: bool) -> None:
    expected = sorted(value for value in model.values() if value is not None)
    entries = index.range()
    assert [entry.value for entry in entries] == expected
    assert len(index) == len(expected)
    assert [entry.value for entry in index.range(1, 3)] == [value for value in expected if 1 <= value < 3]
    assert [entry.value for entry in index.first(2)] == expected[:2]
    assert [entry.value for entry in index.last(2)] == expected[::-1][:2]
    for position, entry in enumerate(entries):
        assert index.at(position) == entry
        assert index.at(position - len(entries)) == entry
        assert index.rank(entry.key) == position
    if by_key:
        assert entries == sorted(entries, key=lambda entry: (entry.value, entry.key))


@pytest.mark.parametrize("kind", ["set", "ordered_set"])
@pytest.mark.parametrize("seed", SEEDS)
def test_an_index_has_what_the_transaction_has_written(kind: str, seed: int) -> None:
    pick = random.Random(seed)
    store = ets.Store()
    table: Any = store.new(None, kind)
    model = {pick.randrange(20): pick.choice(VALUES) for _ in range(pick.randrange(15))}
    table.insert_many(model)
    table.add_index("hashed", lambda _key, value: None if value is None else Decimal(value))
    table.add_index("ordered", lambda _key, value: value, ordered=True)
    table.add_index("value", row.value)
    runs: list[int] = []

    def steps(tx: Any) -> None:
        runs.append(1)
        view = tx[table]
        hashed, ordered = view.index("hashed"), view.index("ordered")

        def insert() -> None:
            key = pick.randrange(20)
            model[key] = pick.choice(VALUES)
            view.insert(key, model[key])

        def delete() -> None:
            key = pick.randrange(20)
            assert view.delete(key) == (key in model)
            model.pop(key, None)

        def delete_all() -> None:
            value = pick.choice(VALUES[:-1])
            gone = [key for key in model if model[key] == value]
            assert hashed.delete_all(Decimal(value)) == len(gone)
            for key in gone:
                del model[key]

        def select() -> None:
            value = pick.choice(VALUES)
            where = (row.value == value) & (row.key >= 0)
            assert sorted(entry.key for entry in view.select(where)) == sorted(k for k in model if model[k] == value)

        actions: list[Callable[[], object]] = [
            insert,
            insert,
            delete,
            delete_all,
            select,
            lambda: view.touch(pick.randrange(20), 50),
            lambda: check_hashed(hashed, model, pick.choice(VALUES[:-1])),
            lambda: check_ordered(ordered, model, by_key=kind == "ordered_set"),
        ]
        for _ in range(40):
            pick.choice(actions)()

    store.transact(steps)
    assert len(runs) == 1
    assert dict(table.to_list()) == model
    table._check()


def test_what_an_index_said_must_still_be_so_at_the_end() -> None:
    store = ets.Store()
    users = ets.SetTable[int, dict[str, str]]("users", store=store)
    users.add_index("by_email", "email")
    users.insert(1, {"email": "ada@example.org"})
    runs: list[int] = []

    def claim(tx: Any) -> bool:
        free = not tx[users].index("by_email").lookup("bo@example.org")
        runs.append(1)
        if len(runs) == 1:
            users.insert(2, {"email": "bo@example.org"})
        if free:
            tx[users].insert(3, {"email": "bo@example.org"})
        return free

    assert store.transact(claim) is False
    assert len(runs) == 2
    assert users.index("by_email").keys("bo@example.org") == [2]


def test_another_value_of_the_index_disturbs_nobody() -> None:
    store = ets.Store()
    users = ets.SetTable[int, dict[str, str]]("users", store=store)
    users.add_index("by_email", "email")
    runs: list[int] = []

    def look(tx: Any) -> list[int]:
        runs.append(1)
        found: list[int] = tx[users].index("by_email").keys("ada@example.org")
        users.insert(len(runs), {"email": "bo@example.org"})
        return found

    assert store.transact(look) == []
    assert len(runs) == 1


def test_an_index_dropped_meanwhile_is_missed_inside() -> None:
    store = ets.Store()
    users = ets.SetTable[int, dict[str, str]]("users", store=store)
    users.add_index("by_email", "email")

    def look(tx: Any) -> list[int]:
        index = tx[users].index("by_email")
        index.lookup("ada@example.org")
        if users.info().indexes:
            users.drop_index("by_email")
        found: list[int] = index.keys("ada@example.org")
        return found

    with pytest.raises(IndexNotFound):
        store.transact(look)
