"""Tables in files: what is restored, what is refused, and lifetimes that go on."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from noex import __version__, ets
from noex.errors import SnapshotError, TableClosed, TableExists, UnorderableKey
from noex.ets.snapshots._rows import read_snapshot
from noex.testing import ManualClock

KINDS: dict[str, Callable[..., Any]] = {
    "set": ets.SetTable,
    "ordered_set": ets.OrderedSetTable,
    "bag": ets.BagTable,
    "duplicate_bag": ets.DuplicateBagTable,
}
every_kind = pytest.mark.parametrize("kind", KINDS)
set_kinds = pytest.mark.parametrize("kind", ["set", "ordered_set"])


@pytest.fixture
def store() -> ets.Store:
    return ets.Store()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "table.snapshot"


def files_beside(path: Path) -> list[str]:
    return sorted(found.name for found in path.parent.iterdir() if found != path)


# -- round trips ------------------------------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("name", [None, "users", "", "\ud800 'x'"])
def test_kind_name_and_entries_come_back(kind: str, name: str | None, path: Path, store: ets.Store) -> None:
    table = KINDS[kind](name, store=ets.Store())
    table.insert_many([(n, str(n)) for n in range(100)])
    assert table.dump(path) == 100
    again = ets.load(path, store=store)
    assert type(again) is type(table)
    assert (again.name, again.kind, again.to_list()) == (name, kind, table.to_list())
    assert again in store.tables()
    assert name is None or store.whereis(name) is again
    assert files_beside(path) == []


@every_kind
def test_an_empty_table(kind: str, path: Path, store: ets.Store) -> None:
    assert KINDS[kind](store=ets.Store()).dump(path) == 0
    assert len(ets.load(path, store=store)) == 0


@every_kind
def test_a_table_of_many_blocks(kind: str, path: Path, store: ets.Store) -> None:
    table = KINDS[kind](store=ets.Store())
    table.insert_many([(n, "x" * 500) for n in range(5000)])
    table.dump(path)
    assert ets.load(path, store=store).to_list() == table.to_list()
    assert path.stat().st_size > 5000 * 500


def test_the_loaded_table_works_as_any(path: Path, store: ets.Store) -> None:
    table = ets.OrderedSetTable[int, int]("numbers", store=store)
    table.insert_many({n: n * n for n in range(10)})
    table.dump(path)
    table.close()
    again: Any = ets.load(path, store=store)
    again.insert(20, 400)
    assert again.update_counter(3) == 10
    assert [key for key, _ in again.range(8)] == [8, 9, 20]
    again._check()
    again.close()
    assert store.whereis("numbers") is None


def test_without_a_store_it_is_in_the_default_one(path: Path) -> None:
    ets.SetTable[str, int]("of the snapshot tests", store=ets.Store()).dump(path)
    with ets.load(path) as again:
        assert ets.whereis("of the snapshot tests") is again


@every_kind
def test_another_name(kind: str, path: Path, store: ets.Store) -> None:
    KINDS[kind]("old", store=store).dump(path)
    again = ets.load(path, name="new", store=store)
    assert (again.name, store.whereis("new")) == ("new", again)


def test_bags_keep_the_order_of_keys_and_values(path: Path, store: ets.Store) -> None:
    events = ets.DuplicateBagTable[str, int](store=store)
    events.insert_many([("b", 3), ("a", 1), ("b", 1), ("b", 3), ("a", 1)])
    events.dump(path)
    again: Any = ets.load(path, store=store)
    assert (again.lookup("b"), again.lookup("a"), list(again)) == ([3, 1, 3], [1, 1], ["b", "a"])
    tags = ets.BagTable[str, Any](store=store)
    tags.insert_many([("p", [2]), ("p", 1), ("p", {"a": {1}})])
    tags.dump(path)
    again = ets.load(path, store=store)
    assert again.lookup("p") == [[2], 1, {"a": {1}}]
    again.insert("p", 1)
    assert len(again) == 3


def test_a_set_keeps_its_order_of_insertion(path: Path, store: ets.Store) -> None:
    clock = ManualClock()
    table = ets.SetTable[str, int](store=store, clock=clock)
    for number, key in enumerate("dbcaef"):
        table.insert(key, number, ttl=60 if number % 2 else None)
    table.dump(path)
    assert list(ets.load(path, store=store, clock=clock)) == list("dbcaef")


def test_keys_that_the_term_encoding_would_change(path: Path, store: ets.Store) -> None:
    keys = [
        1.0,
        True + 1,
        -0.5,
        (2.0, "a"),
        frozenset({1, (2,)}),
        datetime(2024, 1, 1, tzinfo=UTC),
        float("inf"),
        10**50,
    ]
    table = ets.SetTable[Any, int](store=store)
    table.insert_many([(key, number) for number, key in enumerate(keys)])
    table.dump(path)
    again = ets.load(path, store=store)
    assert [(repr(key), value) for key, value in again.to_list()] == [(repr(key), n) for n, key in enumerate(keys)]


def test_the_first_key_object_is_the_one_that_is_kept(path: Path, store: ets.Store) -> None:
    for first in (True, 1.0, 1):
        for make in (ets.SetTable[Any, str], ets.OrderedSetTable[Any, str]):
            table = make(store=store)
            table.insert(first, "x")
            table.insert(1, "y")
            table.dump(path)
            ((key, value),) = ets.load(path, store=store).to_list()
            assert (type(key), value) == (type(first), "y")


def test_a_path_is_a_str_or_a_path(path: Path, store: ets.Store) -> None:
    table = ets.SetTable[str, int](store=store)
    assert table.dump(str(path)) == 0
    assert len(ets.load(str(path), store=store)) == 0
    wrong: Any
    for wrong in (b"x", 5, None):
        for use in (table.dump, ets.load, ets.snapshot_info):
            with pytest.raises(TypeError):
                use(wrong)


def test_a_closed_table_is_not_dumped(path: Path, store: ets.Store) -> None:
    for make in KINDS.values():
        table = make(store=store)
        table.close()
        with pytest.raises(TableClosed):
            table.dump(path)
    assert not path.exists()


# -- options ----------------------------------------------------------------------------------------------------------


@set_kinds
def test_the_default_lifetime_comes_back(kind: str, path: Path, store: ets.Store) -> None:
    clock = ManualClock()
    KINDS[kind](ttl=90, store=store).dump(path)
    again: Any = ets.load(path, store=store, clock=clock)
    assert again.info().ttl == 90
    again.insert("a", 1)
    assert again.expires_in("a") == 90


def test_a_loaded_table_can_be_shared_as_one_that_was_made(path: Path, store: ets.Store) -> None:
    clock = ManualClock()
    ets.SetTable[str, int]("t", ttl=5, store=ets.Store()).dump(path)
    again: Any = ets.load(path, store=store, clock=clock)
    assert ets.SetTable[str, int]("t", ttl=5, clock=clock, store=store, exist_ok=True) is again
    with pytest.raises(TableExists, match="ttl is 5"):
        ets.SetTable[str, int]("t", ttl=6, clock=clock, store=store, exist_ok=True)


def test_a_name_that_is_taken(path: Path, store: ets.Store) -> None:
    table = ets.SetTable[str, int]("t", store=store)
    table.insert("a", 1)
    table.dump(path)
    with pytest.raises(TableExists, match="'t' already"):
        ets.load(path, store=store)
    assert store.tables() == [table]
    wrong: Any = 5
    with pytest.raises(TypeError, match="name is a str"):
        ets.load(path, store=store, name=wrong)
    with pytest.raises(TypeError, match="store must be"):
        ets.load(path, store=wrong)


def test_a_name_that_is_taken_while_loading(path: Path, store: ets.Store) -> None:
    table = ets.OrderedSetTable[int, int]("t", key=ets.desc, store=ets.Store())
    table.insert(1, 1)
    table.dump(path)
    made: list[Any] = []

    def key(number: int) -> Any:
        made.append(ets.SetTable[str, int]("t", store=store))
        return ets.desc(number)

    with pytest.raises(TableExists, match="'t' already"):
        ets.load(path, store=store, key=key)
    assert store.tables() == made


def test_a_closed_store(path: Path, store: ets.Store) -> None:
    ets.SetTable[str, int](store=store).dump(path)
    store.close()
    with pytest.raises(TableClosed):
        ets.load(path, store=store)


def test_a_key_function_is_given_again(path: Path, store: ets.Store) -> None:
    table = ets.OrderedSetTable[tuple[str, int], str]("scores", key=lambda k: (ets.desc(k[1]), k[0]), store=store)
    table.insert_many({("ada", 3): "x", ("bob", 7): "y", ("al", 3): "z"})
    table.dump(path)
    assert ets.snapshot_info(path).needs_key
    with pytest.raises(SnapshotError, match="give load the same key="):
        ets.load(path, name="again", store=store)
    assert len(store.tables()) == 1
    again: Any = ets.load(path, name="again", store=store, key=lambda k: (ets.desc(k[1]), k[0]))
    assert again.to_list() == table.to_list()
    again._check()


def test_a_key_function_that_the_table_did_not_have(path: Path, store: ets.Store) -> None:
    for make in KINDS.values():
        make(store=store).dump(path)
        with pytest.raises(SnapshotError, match="load it without key="):
            ets.load(path, store=store, key=str)


@pytest.mark.parametrize("ttl", [None, 60])
@pytest.mark.parametrize("size", [2, 20_000])
def test_a_key_function_that_merges_rows(path: Path, store: ets.Store, ttl: float | None, size: int) -> None:
    table = ets.OrderedSetTable[int, str](key=ets.desc, ttl=ttl, store=ets.Store())
    table.insert_many([(n, "x" * 20) for n in range(size)])
    table.dump(path)
    with pytest.raises(SnapshotError, match=r"the key \d+ in the snapshot .* is another one's too"):
        ets.load(path, store=store, key=lambda n: n // size if n != size - 2 else n)
    assert store.tables() == []


def test_a_key_function_that_fails(path: Path, store: ets.Store) -> None:
    table = ets.OrderedSetTable[int, str](key=ets.desc, store=ets.Store())
    table.insert(0, "x")
    table.dump(path)
    with pytest.raises(ZeroDivisionError):
        ets.load(path, store=store, key=lambda n: 1 / n)
    with pytest.raises(UnorderableKey):
        ets.load(path, store=store, key=lambda n: [n])
    wrong: Any = 5
    with pytest.raises(TypeError, match="key must be a function"):
        ets.load(path, store=store, key=wrong)
    assert store.tables() == []


def test_a_key_function_may_use_tables_of_other_threads(path: Path, store: ets.Store) -> None:
    from threading import Thread

    other = ets.SetTable[int, int](store=store)
    table = ets.OrderedSetTable[int, str](key=ets.desc, store=store)
    table.insert(1, "x")
    table.dump(path)

    def key(number: int) -> Any:
        thread = Thread(target=other.insert, args=(number, number))
        thread.start()
        thread.join(30)  # would never end if the lock were held here
        assert not thread.is_alive()
        return ets.desc(number)

    assert len(ets.load(path, store=store, key=key)) == 1
    assert other[1] == 1


# -- lifetimes --------------------------------------------------------------------------------------------------------


class Times:
    """The monotonic clock and the time of day of one process."""

    def __init__(self, monotonic: float, wall: float) -> None:
        self.clock = ManualClock(monotonic)
        self.wall = ManualClock(wall)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.wall.advance(seconds)


@set_kinds
def test_lifetimes_go_on_by_the_time_of_day(kind: str, path: Path, store: ets.Store) -> None:
    before, after = Times(5000, 1_700_000_000), Times(3, 1_700_000_000 + 25)
    table = KINDS[kind](store=store, clock=before.clock)
    table.insert("ten", 1, ttl=10)
    table.insert("thirty", 2, ttl=30)
    table.insert("hundred", 3, ttl=100)
    table.insert("never", 4)
    before.advance(5)
    assert table.dump(path, wall=before.wall) == 4
    again: Any = ets.load(path, store=store, clock=after.clock, wall=after.wall)
    left = {key: again.expires_in(key) for key in again}
    assert left == {"thirty": 5, "hundred": 75, "never": None}
    after.advance(5)
    assert sorted(again) == ["hundred", "never"]
    again._check()


@set_kinds
def test_what_has_expired_is_not_dumped(kind: str, path: Path, store: ets.Store) -> None:
    times = Times(0, 0)
    table = KINDS[kind](store=store, clock=times.clock)
    table.insert_many([("a", 1), ("b", 2)], ttl=10)
    table.insert("c", 3, ttl=20)
    times.advance(10)
    assert table.dump(path, wall=times.wall) == 1
    assert ets.snapshot_info(path).entries == 1


@set_kinds
def test_what_has_ended_meanwhile_is_not_loaded(kind: str, path: Path, store: ets.Store) -> None:
    times = Times(0, 0)
    table = KINDS[kind](store=store, clock=times.clock)
    table.insert_many([("a", 1), ("b", 2)], ttl=10)
    table.dump(path, wall=times.wall)
    assert len(ets.load(path, store=store, clock=times.clock, wall=ManualClock(9.999))) == 2
    assert len(ets.load(path, store=store, clock=times.clock, wall=ManualClock(10))) == 0
    assert len(ets.load(path, store=store, clock=times.clock, wall=ManualClock(1e9))) == 0


def test_a_wall_clock_that_was_set_back_gives_nobody_longer(path: Path, store: ets.Store) -> None:
    times = Times(0, 1_700_000_000)
    table = ets.SetTable[str, int](store=store, clock=times.clock)
    table.insert("a", 1, ttl=60)
    times.advance(20)
    table.dump(path, wall=times.wall)
    clock = ManualClock(7)
    again: Any = ets.load(path, store=store, clock=clock, wall=ManualClock(1_600_000_000))
    assert again.expires_in("a") == 40


@pytest.mark.parametrize("moment", [0.0005, 0.1 + 0.2, 1234.56789, 1e-4])
@pytest.mark.parametrize("wall", [0.0004, 1_700_000_000.1239])
def test_rounding_never_makes_a_lifetime_longer(moment: float, wall: float, path: Path, store: ets.Store) -> None:
    clock = ManualClock(moment)
    table = ets.SetTable[str, int](store=store, clock=clock)
    table.insert("a", 1, ttl=7.0003)
    left = table.expires_in("a")
    assert left is not None
    for _ in range(10):
        table.dump(path, wall=lambda: wall)
        table = ets.load(path, store=store, clock=clock, wall=lambda: wall)  # type: ignore[assignment]
    again = table.expires_in("a")
    assert again is not None
    assert left - 0.021 < again <= left + 1e-6


def test_a_lifetime_of_a_thousand_years(path: Path, store: ets.Store) -> None:
    times = Times(0, 1_700_000_000)
    table = ets.SetTable[str, int](store=store, clock=times.clock)
    table.insert("a", 1, ttl=1e12)
    table.dump(path, wall=times.wall)
    again: Any = ets.load(path, store=store, clock=times.clock, wall=times.wall)
    assert again.expires_in("a") == 1e12


def test_clocks_that_are_none(path: Path, store: ets.Store) -> None:
    table = ets.SetTable[str, int](store=store, ttl=5)
    table.insert("a", 1)
    wrong: Any = 5
    with pytest.raises(TypeError, match="wall must be a function"):
        table.dump(path, wall=wrong)
    for result in (float("nan"), float("inf"), 1e300, "now"):
        returned: Any = result
        with pytest.raises(ValueError, match="wall must return seconds"):
            table.dump(path, wall=lambda returned=returned: returned)
    assert not path.exists()
    table.dump(path)
    with pytest.raises(TypeError, match="clock must be a function"):
        ets.load(path, store=store, clock=wrong)
    with pytest.raises(TypeError, match="wall must be a function"):
        ets.load(path, store=store, wall=wrong)
    with pytest.raises(ValueError, match="a clock returns seconds as a number from"):
        ets.load(path, store=store, clock=lambda: float("nan"))
    assert store.tables() == [table]


# -- what a file tells ------------------------------------------------------------------------------------------------


def test_what_a_snapshot_tells_about_itself(path: Path, store: ets.Store) -> None:
    table = ets.OrderedSetTable[int, int]("scores", ttl=60, key=ets.desc, store=store)
    table.insert_many({1: 1, 2: 2})
    table.dump(path, wall=lambda: 1_700_000_000.5)
    assert ets.snapshot_info(path) == ets.SnapshotInfo(
        name="scores",
        kind="ordered_set",
        entries=2,
        ttl=60,
        needs_key=True,
        created_at=datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC),
        format=1,
        version=__version__,
        bytes=path.stat().st_size,
    )
    ets.BagTable[int, int](store=store).dump(path)
    info = ets.snapshot_info(path)
    assert (info.name, info.kind, info.ttl, info.needs_key) == (None, "bag", None, False)


def test_the_entries_of_a_file_without_a_table(path: Path, store: ets.Store) -> None:
    times = Times(3, 1000)
    table = ets.SetTable[str, int](store=store, clock=times.clock)
    table.insert("a", 1, ttl=60)
    table.insert("b", 2)
    table.dump(path, wall=times.wall)
    info, rows = read_snapshot(path)
    assert info == ets.snapshot_info(path)
    assert rows == [("a", 1, 1_060_000), ("b", 2, None)]
    with pytest.raises(SnapshotError, match="'a'"):
        read_snapshot(path, value_type=str)


def test_files_that_are_not_there(path: Path, store: ets.Store) -> None:
    for use in (ets.load, ets.snapshot_info, read_snapshot):
        with pytest.raises(FileNotFoundError):
            use(path)
        with pytest.raises(IsADirectoryError):
            use(path.parent)
    table = ets.SetTable[str, int](store=store)
    with pytest.raises(FileNotFoundError):
        table.dump(path / "missing" / "table")
    with pytest.raises(SnapshotError, match="is no file"):
        table.dump(path.parent)
    with pytest.raises(SnapshotError, match="is no file"):
        table.dump("/dev/null")
    assert files_beside(path) == []


def test_paths_that_no_file_can_have(path: Path, store: ets.Store) -> None:
    table = ets.SetTable[str, int](store=store)
    for use in (table.dump, ets.load, ets.snapshot_info):
        with pytest.raises(ValueError, match="path is empty"):
            use("")
        wrong: Any = 5
        with pytest.raises(TypeError, match="is a str or a pathlib"):
            use(wrong)
    path.write_text("a file")
    for end in ("", ".", ".."):
        for start in (path, path.parent / "new"):
            with pytest.raises(SnapshotError, match=r"of a folder, by its end|is no file"):
                table.dump(os.path.join(start, end))
    assert path.read_text() == "a file"
    assert files_beside(path) == []


def test_an_error_of_the_system_names_the_path_that_was_given(path: Path, store: ets.Store) -> None:
    table = ets.SetTable[str, int](store=store)
    for given in (str(path / "no" / "table"), str(path.parent / ("x" * 300))):
        with pytest.raises(OSError, match="Errno") as caught:
            table.dump(given)
        assert (caught.value.filename, caught.value.filename2) == (given, None)
        assert repr(given) in str(caught.value)
        assert ".tmp" not in str(caught.value)


def test_a_pipe_is_refused_with_a_remedy(path: Path) -> None:
    reader, writer = os.pipe()
    try:
        for use in (ets.load, ets.snapshot_info):
            with pytest.raises(SnapshotError, match="copy it into a file first"):
                use(f"/dev/fd/{reader}")
    finally:
        os.close(reader)
        os.close(writer)


# -- the file ---------------------------------------------------------------------------------------------------------


def test_a_new_file_has_the_permissions_of_any(path: Path, store: ets.Store) -> None:
    before = os.umask(0o027)
    try:
        ets.SetTable[str, int](store=store).dump(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_replaced_file_keeps_its_permissions(path: Path, store: ets.Store) -> None:
    path.write_text("something else")
    path.chmod(0o604)
    ets.SetTable[str, int](store=store).dump(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert ets.snapshot_info(path).entries == 0


def test_a_replaced_file_keeps_its_owner(path: Path, store: ets.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    table = ets.SetTable[str, int](store=store)
    real = os.stat
    asked: list[tuple[int, int]] = []

    class Other:
        def __init__(self, found: os.stat_result) -> None:
            self.st_mode, self.st_uid, self.st_gid = found.st_mode, found.st_uid + 1, found.st_gid + 2

    def chown(target: str, user: int, group: int) -> None:
        assert target.endswith(".tmp")
        asked.append((user, group))
        raise PermissionError

    def other_stat(target: str) -> Any:
        return Other(real(target)) if target == str(path) else real(target)

    table.dump(path)
    mine = path.stat()
    path.chmod(0o640)
    with monkeypatch.context() as patch:
        patch.setattr(os, "chown", chown)
        table.dump(path)
        assert asked == []
        patch.setattr(os, "stat", other_stat)
        table.dump(path)
    assert asked == [(mine.st_uid + 1, mine.st_gid + 2), (-1, mine.st_gid + 2)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_root_leaves_a_file_to_its_owner(path: Path, store: ets.Store) -> None:
    path.write_text("something else")
    os.chown(path, 12345, 54321)
    path.chmod(0o600)
    ets.SetTable[str, int](store=store).dump(path)
    found = path.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (12345, 54321, 0o600)


def test_symbolic_links_are_followed(path: Path, tmp_path: Path, store: ets.Store) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    path.symlink_to(folder / "real.snapshot")
    table = ets.SetTable[str, int](store=store)
    for size in (0, 1):
        assert table.dump(path) == size
        assert path.is_symlink()
        assert [found.name for found in folder.iterdir()] == ["real.snapshot"]
        assert len(ets.load(path, store=store)) == size
        table.insert("a", 1)


def test_a_file_of_a_long_name(tmp_path: Path, store: ets.Store) -> None:
    for name in ("x" * 255, "\u0436" * 127):
        assert ets.SetTable[str, int](store=store).dump(tmp_path / name) == 0


def test_a_path_without_a_folder(tmp_path: Path, store: ets.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert ets.SetTable[str, int](store=store).dump("table") == 0
    assert ets.load("table", store=store).kind == "set"
