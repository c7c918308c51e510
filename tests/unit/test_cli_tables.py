"""`noex tables`: what a snapshot holds, for people and as JSON, and its exit statuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from noex import __version__, ets
from noex.cli._commands import cli
from noex.testing import ManualClock


def run(*arguments: str | Path, columns: int = 200) -> Result:
    return CliRunner().invoke(cli, ["tables", *map(str, arguments)], env={"COLUMNS": str(columns)})


def lines(*arguments: str | Path) -> list[Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def wrapped(text: str) -> dict[str, str]:
    return {"repr": text}


def error_of(result: Result) -> str:
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    return line


@pytest.fixture
def file(tmp_path: Path) -> Path:
    users = ets.OrderedSetTable[str, Any]("users", store=ets.Store(), ttl=3600, clock=ManualClock())
    users.insert_many({f"user {n:02}": {"name": f"Ada {n}", "age": n} for n in range(30)}, ttl=None)
    users.insert("user 07", {"name": "Kim", "age": 7}, ttl=60)
    users.dump(tmp_path / "users", wall=lambda: 1_700_000_000)
    return tmp_path / "users"


def test_what_the_file_is_and_its_first_entries(file: Path) -> None:
    result = run(file)
    assert result.exit_code == 0
    text = result.stdout
    for words in (
        "users (ordered_set)",
        "entries   30",
        "3,600 s, unless an entry has its own",
        f"2023-11-14 22:13:20 UTC, by noex {__version__}",
        "format 1",
        "'user 00'",
        "{'name': 'Ada 9', 'age': 9}",
        "2023-11-14 22:14:20",
        "and 20 more; --limit shows more",
    ):
        assert words in text
    assert "'user 10'" not in text


def test_a_limit(file: Path) -> None:
    assert "'user 02'" in run(file, "--limit", 3).stdout
    assert "'user 03'" not in run(file, "--limit", 3).stdout
    assert "more" not in run(file, "--limit", 30).stdout
    nothing = run(file, "--limit", 0).stdout
    assert "key" not in nothing
    assert "and 30 more" in nothing
    assert run(file, "--limit", -1).exit_code == 2


def test_where_selects(file: Path) -> None:
    text = run(file, "--where", "age >= 18 and name != 'Ada 20'").stdout
    assert "'user 18'" in text
    assert "'user 20'" not in text
    assert "and 1 more" in text
    assert "no entries" in run(file, "--where", "age > 1000").stdout
    assert "'user 03'" in run(file, "--where", "key == 'user 03'").stdout


def test_count(file: Path) -> None:
    assert run(file, "--count").stdout == "30\n"
    assert run(file, "--count", "--where", "age >= 18").stdout == "12\n"
    assert lines(file, "--count", "--where", "age >= 18") == [{"count": 12}]


def test_json(file: Path) -> None:
    info, *rows = lines(file, "--where", "age in [3, 7]")
    assert info == {
        "path": str(file),
        "name": "users",
        "kind": "ordered_set",
        "entries": 30,
        "ttl": 3600,
        "needs_key": False,
        "created_at": "2023-11-14T22:13:20+00:00",
        "format": 1,
        "version": __version__,
        "bytes": file.stat().st_size,
    }
    assert rows == [
        {"key": "user 03", "value": {"name": "Ada 3", "age": 3}, "expires": None, "expired": False},
        {"key": "user 07", "value": {"name": "Kim", "age": 7}, "expires": 1_700_000_060, "expired": True},
    ]
    assert len(lines(file)) == 11
    assert len(lines(file, "--limit", 100)) == 31


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, None),
        (True, True),
        (1.5, 1.5),
        (2**64, 2**64),
        ([1, "a", None], [1, "a", None]),
        ("\ud800", "\ud800"),
        ({"repr": 1, "b": 2}, {"repr": 1, "b": 2}),
        ([], []),
        ({}, {}),
        ("{'repr': 1}", "{'repr': 1}"),
        ({"repr": "nan"}, wrapped("{'repr': 'nan'}")),
        (float("nan"), wrapped("nan")),
        (float("-inf"), wrapped("-inf")),
        ((1, 2), wrapped("(1, 2)")),
        (b"a", wrapped("b'a'")),
        ({"a": (1,), "b": [b"x"]}, {"a": wrapped("(1,)"), "b": [wrapped("b'x'")]}),
        ({1: "x"}, wrapped("{1: 'x'}")),
        (Decimal("1.10"), wrapped("Decimal('1.10')")),
        (
            datetime(2024, 1, 1, tzinfo=UTC),
            wrapped("datetime.datetime(2024, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)"),
        ),
        (-(16**5000), wrapped("-0x1" + "0" * 5000)),
        ([16**5000], [wrapped("0x1" + "0" * 5000)]),
        ((16**5000,), wrapped("(0x1" + "0" * 5000 + ",)")),
        ({(): {16**5000}, 1: []}, wrapped("{(): {0x1" + "0" * 5000 + "}, 1: []}")),
        ((frozenset({16**5000}), set[int](), "a"), wrapped("(frozenset({0x1" + "0" * 5000 + "}), set(), 'a')")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_cannot_say_is_shown_as_python_does(value: Any, said: Any, tmp_path: Path) -> None:
    table = ets.SetTable[str, Any](store=ets.Store())
    table.insert("k", value)
    table.dump(tmp_path / "table")
    assert lines(tmp_path / "table")[1] == {"key": "k", "value": said, "expires": None, "expired": False}
    assert run(tmp_path / "table").exit_code == 0
    assert "repr fails" not in run(tmp_path / "table").stdout


@pytest.mark.parametrize(
    ("key", "said"), [(1, 1), (("u", 1), {"repr": "('u', 1)"}), (None, None), (b"x", {"repr": "b'x'"}), (1.0, 1.0)]
)
def test_keys_of_any_type(key: Any, said: Any, tmp_path: Path) -> None:
    table = ets.DuplicateBagTable[Any, int](store=ets.Store())
    table.insert_many([(key, 1), (key, 2)])
    table.dump(tmp_path / "table")
    assert [(row["key"], row["value"]) for row in lines(tmp_path / "table")[1:]] == [(said, 1), (said, 2)]
    text = run(tmp_path / "table").stdout
    assert "a table without a name (duplicate_bag)" in text
    assert "lifetime" not in text


def test_a_table_ordered_by_a_function_is_shown_without_it(tmp_path: Path) -> None:
    table = ets.OrderedSetTable[int, int]("scores", key=ets.desc, store=ets.Store())
    table.insert_many({1: 1, 2: 2})
    table.dump(tmp_path / "table")
    assert "ordered by a key= function" in run(tmp_path / "table").stdout
    assert [row["key"] for row in lines(tmp_path / "table")[1:]] == [2, 1]


def test_an_empty_table(tmp_path: Path) -> None:
    ets.SetTable[int, int](store=ets.Store()).dump(tmp_path / "table")
    assert "no entries" in run(tmp_path / "table").stdout
    assert len(lines(tmp_path / "table")) == 1


def test_nothing_in_a_file_moves_the_cursor(tmp_path: Path) -> None:
    table = ets.SetTable[str, Any]("\x1b[2J\n[bold]name\ud800", store=ets.Store())
    table.insert("\x1b[2J", {"\x1b]0;title\x07": "[red]x\u202e"})
    table.dump(tmp_path / "table")
    text = run(tmp_path / "table").stdout
    assert not set(text) & set("\x1b\x07\u202e")
    assert "\\x1b[2J\\x0a[bold]name" in text
    assert "[red]x" in text


def test_an_entry_that_ends_after_the_last_year(tmp_path: Path) -> None:
    table = ets.SetTable[str, int](store=ets.Store())
    table.insert("a", 1, ttl=1e12)
    table.dump(tmp_path / "table")
    assert "after the year 9999" in run(tmp_path / "table").stdout
    assert lines(tmp_path / "table")[1]["expires"] > 1e12


def test_a_long_value_fits_the_width(tmp_path: Path) -> None:
    table = ets.SetTable[str, str](store=ets.Store())
    table.insert("a", "x" * 1000)
    table.dump(tmp_path / "table")
    assert all(len(line) <= 60 for line in run(tmp_path / "table", columns=60).stdout.splitlines()[5:])


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize(
    ("key", "value"), [("k" * 300, "x" * 300), ("k", "x" * 300), ("k" * 300, 1), ("k" * 30, "жук" * 99)]
)
def test_the_end_of_a_lifetime_is_shown_beside_anything(key: str, value: Any, width: int, tmp_path: Path) -> None:
    table = ets.SetTable[str, Any](store=ets.Store(), clock=ManualClock())
    table.insert(key, value, ttl=60)
    table.insert("b", 2)
    table.dump(tmp_path / "table", wall=lambda: 1_700_000_000)
    text = run(tmp_path / "table", columns=width).stdout
    assert "2023-11-14 22:14:20, over" in text
    (row,) = [line for line in text.splitlines() if ", over" in line]
    assert "…" in row
    assert row.index("'k") < row.index(str(value)[0]) < row.index("2023")
    assert len(row) <= width


def test_short_keys_leave_the_room_to_values(tmp_path: Path) -> None:
    table = ets.SetTable[str, str](store=ets.Store(), clock=ManualClock())
    table.insert("k", "x" * 70)
    table.dump(tmp_path / "table")
    assert "'" + "x" * 70 + "'" in run(tmp_path / "table", columns=80).stdout


def test_entries_whose_lifetime_is_over_are_marked(tmp_path: Path) -> None:
    table = ets.SetTable[str, int](store=ets.Store(), clock=ManualClock())
    table.insert_many([("a", 1), ("b", 2)], ttl=60)
    table.insert("c", 3, ttl=1e11)
    table.insert("d", 4)
    table.dump(tmp_path / "table", wall=lambda: 1_700_000_000)
    text = run(tmp_path / "table").stdout
    assert text.count(", over") == 2
    assert "2 lifetimes are over: ets.load leaves such entries out" in text
    assert "2 lifetimes are over" in run(tmp_path / "table", "--limit", 0).stdout
    assert "1 lifetime is over" in run(tmp_path / "table", "--where", "key == 'a'").stdout
    assert "over:" not in run(tmp_path / "table", "--where", "key >= 'c'").stdout
    assert [row["expired"] for row in lines(tmp_path / "table")[1:]] == [True, True, False, False]
    assert run(tmp_path / "table", "--count").stdout == "4\n"


def test_a_clock_that_was_set_back_makes_nothing_live(tmp_path: Path) -> None:
    table = ets.SetTable[str, int](store=ets.Store(), clock=ManualClock())
    table.insert("a", 1, ttl=60)
    table.dump(tmp_path / "table", wall=lambda: 32_500_000_000)
    assert "over" not in run(tmp_path / "table").stdout


def test_the_standard_input_and_a_pipe(file: Path) -> None:
    data = file.read_bytes()
    result = CliRunner().invoke(cli, ["tables", "-", "--count"], input=data)
    assert (result.exit_code, result.stdout) == (0, "30\n")
    for path in ("-", "/dev/stdin"):
        done = subprocess.run(
            [sys.executable, "-m", "noex", "tables", path, "--json", "--limit", "1"],
            input=data,
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        info, row = map(json.loads, done.stdout.splitlines())
        assert (info["path"], info["bytes"], row["key"]) == (path, len(data), "user 00")
    damaged = CliRunner().invoke(cli, ["tables", "-"], input=data[:-1])
    assert "the snapshot '-' is damaged" in error_of(damaged)


# -- what cannot be read ----------------------------------------------------------------------------------------------


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    assert "No such file or directory" in error_of(run(tmp_path / "missing"))
    assert "Is a directory" in error_of(run(tmp_path))


def test_a_damaged_file(file: Path) -> None:
    data = file.read_bytes()
    for damaged in (data[:-30], data[:200] + b"?" + data[201:], data + b"\n"):
        file.write_bytes(damaged)
        for options in ([], ["--json"], ["--count"]):
            assert "damaged" in error_of(run(file, *options))


def test_a_count_makes_no_entries(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noex.cli._commands.blocks_of", None)
    assert run(file, "--count").stdout == "30\n"


def test_what_is_no_snapshot(file: Path) -> None:
    file.write_text("some text")
    assert "is no snapshot of a table" in error_of(run(file))


@pytest.mark.parametrize("query", ["", "age >=", "__import__('os')", "age >= 18\n+", "lambda: 1", "x" * 20_000])
def test_a_query_that_cannot_be_read(query: str, file: Path) -> None:
    assert error_of(run(file, "--where", query))
    assert error_of(run("no file is read", "--where", query)) == error_of(run(file, "--where", query))


def test_a_real_process(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "noex", "tables", file, "--count"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "30\n", "")


def test_a_reader_that_has_gone_gets_no_traceback(file: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "noex", "tables", file], stdout=writer, stderr=subprocess.PIPE, check=False, timeout=60
    )
    os.close(writer)
    assert done.stderr == b""
