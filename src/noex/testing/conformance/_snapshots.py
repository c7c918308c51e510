"""Dumps: a table comes back from a file as it was, and one that cannot be stored leaves the file alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from noex import errors, ets
from noex.testing import ManualClock
from noex.testing.conformance._base import Conformance, Table

__all__ = ["Dumps", "DumpsOfLifetimes"]

_ENTRIES: list[tuple[Any, Any]] = [
    ("a", 1),
    ("a", {"list": [1, (2,), None], "set": {1.5, b"x"}}),
    (("user", 7), 10**30),
    (-0.5, "\ud800"),
    (True, ()),
    (10**30, {}),
]


class Loading(Conformance):
    """How what was dumped is loaded."""

    def load(self, path: Path, **options: Any) -> Table:
        """Return the table of a file; override it where tables need more than is in the file, such as `key=`."""
        return ets.load(path, **options)


class Dumps(Loading):
    """What `dump` writes, as `load` and `ets.snapshot_info` read it."""

    @pytest.mark.parametrize("name", [None, "stock"])
    def test_kind_name_and_entries_come_back(self, name: str | None, tmp_path: Path) -> None:
        with ets.Store() as store, self.fill(_ENTRIES, name=name, store=ets.Store()) as table:
            assert table.dump(tmp_path / "stock") == len(table)
            again = self.load(tmp_path / "stock", store=store)
            assert (again.name, again.kind) == (name, self.kind)
            assert list(map(repr, again.to_list())) == list(map(repr, table.to_list()))
            again._check()

    def test_a_dump_changes_nothing_and_replaces_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "stock"
        with self.fill(_ENTRIES) as table:
            before = table.to_list()
            for number in range(3):
                table.insert(f"more {number}", number)
                assert table.dump(path) == ets.snapshot_info(path).entries == len(before) + number + 1
            assert [entry for entry in table.to_list() if entry in before] == before
        assert list(tmp_path.iterdir()) == [path]

    def test_what_cannot_be_stored_is_named_and_the_file_stands(self, tmp_path: Path) -> None:
        path = tmp_path / "stock"
        with self.fill([("k", 1)]) as table:
            table.dump(path)
            content = path.read_bytes()
            table.insert("bad", object())
            with pytest.raises(errors.SnapshotError, match="'bad'"):
                table.dump(path)
        assert path.read_bytes() == content
        assert list(tmp_path.iterdir()) == [path]


class DumpsOfLifetimes(Loading):
    """What a dump of a set kind keeps besides."""

    def test_lifetimes_go_on(self, clock: ManualClock, tmp_path: Path) -> None:
        with ets.Store() as store, self.make(ttl=60, clock=clock) as table:
            table.insert("k", 1)
            table.insert("for ever", 2, ttl=None)
            clock.advance(10)
            table.dump(tmp_path / "stock", wall=lambda: 1000.0)
            again = self.load(tmp_path / "stock", store=store, clock=ManualClock(), wall=lambda: 1020.0)
            assert (again.expires_in("k"), again.expires_in("for ever")) == (30, None)
            assert again.info().ttl == 60
