"""Tables in files: keys and values of every type come back, and what is damaged makes no table."""

from __future__ import annotations

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# The tables here are `Any`, so nothing says what the functions given to their verbs get.
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from noex import errors, ets
from noex.ets import row
from noex.testing import ManualClock
from noex.testing.conformance._base import Conformance, Table

_KEYS: Final[list[Any]] = [
    None,
    False,
    7,
    -1,
    2.5,
    2**70,
    datetime(2026, 1, 2, 3, 4, 5),
    datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    "",
    "user:1",
    "\ud800",
    b"\x00\xff",
    (),
    ("user:1", 2, (None, b"x")),
]

_VALUES: Final[list[Any]] = [
    None,
    True,
    1,
    -(2**80),
    1.5,
    float("inf"),
    "text",
    b"bytes",
    [1, [2]],
    (1, (2,)),
    {"a": {"b": 1}},
    {1, 2},
    frozenset({1}),
    datetime(2026, 1, 2, tzinfo=UTC),
    UUID(int=5),
    Decimal("1.50"),
]


class RoundTrips(Conformance):
    """What `dump` and `ets.load` do in every kind."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """Where a table is dumped."""
        return tmp_path / "table.snapshot"

    def loaded(self, table: Table, path: Path, **options: Any) -> Table:
        """Return the table that was dumped there, in a store of its own."""
        key = getattr(table, "_key", None)
        given: dict[str, Any] = {"store": ets.Store(), **options}
        return ets.load(path, **given) if key is None else ets.load(path, key=key, **given)

    def test_keys_of_every_type_come_back(self, table: Table, path: Path) -> None:
        table.insert_many([(key, place) for place, key in enumerate(_KEYS)])
        assert table.dump(path) == len(_KEYS)
        again = self.loaded(table, path)
        assert again.to_list() == table.to_list()
        assert [type(entry.key) for entry in again.to_list()] == [type(entry.key) for entry in table.to_list()]
        assert (again.kind, len(again)) == (self.kind, len(_KEYS))
        self.check(again)

    def test_values_of_every_type_come_back(self, table: Table, path: Path) -> None:
        table.insert_many(enumerate(_VALUES))
        table.dump(str(path))
        again = self.loaded(table, path)
        assert again.to_list() == table.to_list()
        assert [type(entry.value) for entry in again.to_list()] == [type(value) for value in _VALUES]

    def test_entries_of_one_key_come_back_in_their_order(self, table: Table, path: Path) -> None:
        for value in (3, 1, 3, 2):
            table.insert("k", value)
            table.insert("l", -value)
        table.dump(path)
        again = self.loaded(table, path)
        assert self.values_of(again, "k") == self.kept(3, 1, 3, 2)
        assert again.to_list() == table.to_list()

    def test_what_was_loaded_is_a_table_like_any_other(self, table: Table, path: Path) -> None:
        table.insert_many({"a": 1, "b": 2})
        table.dump(path)
        again = self.loaded(table, path, name="copy")
        again.insert("c", 3)
        assert again.delete("a")
        assert again.count(row.value >= 2) == 2
        assert self.content(table) == [("a", 1), ("b", 2)]
        assert (again.name, table.name) == ("copy", None)
        self.check(again)

    def test_names_belong_to_stores(self, path: Path) -> None:
        with ets.Store() as store:
            table = self.fill({"a": 1}, name="stock", store=store)
            table.dump(path)
            with pytest.raises(errors.TableExists, match="stock"):
                self.loaded(table, path, store=store)
            again = self.loaded(table, path)
            assert again.name == "stock"
            assert store.whereis("stock") is table

    def test_an_empty_table_comes_back(self, table: Table, path: Path) -> None:
        assert table.dump(path) == 0
        assert len(self.loaded(table, path)) == 0

    def test_what_cannot_be_stored_leaves_the_old_file(self, table: Table, path: Path) -> None:
        table.insert("a", 1)
        table.dump(path)
        before = path.read_bytes()
        table.insert("bad", object())
        with pytest.raises(errors.SnapshotError, match="'bad'"):
            table.dump(path)
        assert path.read_bytes() == before
        assert [found.name for found in path.parent.iterdir()] == [path.name]

    def test_a_damaged_file_makes_no_table(self, table: Table, path: Path) -> None:
        table.insert_many({"a": 1, "b": "text"})
        table.dump(path)
        whole = path.read_bytes()
        store = ets.Store()
        for damaged in (b"", whole[:-1], whole[: len(whole) // 2], whole[:-9] + b"?" + whole[-8:], whole + b"x"):
            path.write_bytes(damaged)
            with pytest.raises(errors.SnapshotError):
                self.loaded(table, path, store=store)
        assert store.tables() == []

    def test_misuse_of_snapshots_raises(self, path: Path) -> None:
        table = self.fill({"a": 1})
        no_path: Any = None
        calls: dict[str, Callable[[], object]] = {"dump": lambda: table.dump(5), "load": lambda: ets.load(no_path)}
        assert self.that_do_not_raise(TypeError, calls) == {}
        assert self.that_do_not_raise(OSError, {"load": lambda: self.loaded(table, path)}) == {}
        table.close()
        assert self.that_do_not_raise(errors.TableClosed, {"dump": lambda: table.dump(path)}) == {}


class RoundTripsOfSets(Conformance):
    """Lifetimes and indexes of what is dumped and loaded."""

    def test_lifetimes_go_on_and_end(self, tmp_path: Path) -> None:
        path = tmp_path / "table"
        clock, later = ManualClock(), ManualClock(1000)
        table = self.make(clock=clock, ttl=60)
        table.insert_many({"a": 1, "b": 2})
        table.insert("c", 3, ttl=5)
        table.insert("d", 4, ttl=None)
        clock.advance(1)
        assert table.dump(path, wall=lambda: 5000.0) == 4
        key = getattr(table, "_key", None)
        options: dict[str, Any] = {} if key is None else {"key": key}
        again: Table = ets.load(path, store=ets.Store(), clock=later, wall=lambda: 5010.0, **options)
        assert self.content(again) == [("a", 1), ("b", 2), ("d", 4)]
        assert [again.expires_in(name) for name in "abd"] == [49, 49, None]
        assert again.info().ttl == 60
        again.insert("e", 5)
        assert again.expires_in("e") == 60
        later.advance(49)
        assert self.content(again) == [("d", 4), ("e", 5)]
        self.check(again)
