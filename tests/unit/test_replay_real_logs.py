"""`noex replay` agrees, field by field, with a computation that shares nothing with it."""

from __future__ import annotations

import gzip
import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from noex.cli._access_log import Parser, Rejection
from noex.cli._commands import cli
from noex.cli._demo_log import demo_lines
from noex.cli._export import document
from noex.cli._replay import Replay

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT.parent / "shared" / "data" / "logs"
NAMES = ["nasa_19950801", "elastic_apache_2015", "elastic_nginx_2015"]
SPEED = {"seconds", "requests_per_second"}
# What was published about the logs by others: clients, sessions with a gap of half an hour, status classes.
KNOWN = {
    "nasa_19950801": (30_969, 2365, 2989, {"2": 27_972, "3": 2776, "4": 221}),
    "elastic_apache_2015": (9_999, 1753, 3052, {"2": 9170, "3": 609, "4": 217, "5": 3}),
    "elastic_nginx_2015": (51_462, 2660, 7308, {"2": 4214, "3": 13_330, "4": 33_918}),
}


def load_oracle() -> ModuleType:
    spec = importlib.util.spec_from_file_location("replay_oracle", ROOT / "tests" / "replay_oracle.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


oracle = load_oracle()


def path_of(name: str) -> Path:
    path = LOGS / f"{name}.log.gz"
    if not path.exists():
        pytest.skip(f"the real logs are not here: no {path}")
    return path


def lines_of(name: str) -> list[str]:
    with gzip.open(path_of(name), "rb") as file:
        text = file.read().decode("utf-8", "surrogateescape")
    return text.removesuffix("\n").split("\n")


def found_by_replay(lines: list[str], **options: Any) -> dict[str, object]:
    with Replay(**options) as replay:
        for start in range(0, len(lines), 1000):
            replay.feed(lines[start : start + 1000])
        outcome = replay.outcome()
        assert outcome is not None
        return document(outcome, 1.0)


def assert_agrees(found: dict[str, object], expected: dict[str, object]) -> None:
    assert set(found) - SPEED == set(expected)
    for field, value in expected.items():
        assert found[field] == value, field


@pytest.mark.parametrize("name", NAMES)
def test_the_command_agrees_with_the_oracle_and_with_the_known_figures(name: str) -> None:
    expected = oracle.replay(lines_of(name))
    result = CliRunner().invoke(cli, ["replay", str(path_of(name)), "--json", "-"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert_agrees(found, expected)

    classes: dict[str, int] = {}
    for status, count in found["statuses"].items():
        classes[status[0]] = classes.get(status[0], 0) + count
    assert (found["valid"], found["hosts"], found["sessions"]["opened"], classes) == KNOWN[name]


OPTIONS = [
    pytest.param({"idle": 60, "ttl": 20, "entries": 10}, id="small"),
    pytest.param({"idle": 2.5, "ttl": 0.5, "entries": 3}, id="fractions"),
    pytest.param({"idle": 86_400, "ttl": 3000, "entries": 40}, id="long-lives-few-entries"),
    pytest.param({"idle": 300, "ttl": 1, "entries": 1}, id="one-entry"),
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", NAMES)
def test_other_options_agree_with_the_oracle(name: str, options: dict[str, float]) -> None:
    lines = lines_of(name)[:8000]
    assert_agrees(found_by_replay(lines, **options), oracle.replay(lines, **options))


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", NAMES)
def test_other_options_agree_with_the_oracle_on_whole_logs(name: str, options: dict[str, float]) -> None:
    lines = lines_of(name)
    assert_agrees(found_by_replay(lines, **options), oracle.replay(lines, **options))


@pytest.mark.parametrize("options", [pytest.param({}, id="defaults"), *OPTIONS])
def test_the_generated_log_agrees_with_the_oracle(options: dict[str, float]) -> None:
    lines = list(demo_lines(8000, seed=11))
    expected = oracle.replay(lines, **options)
    assert_agrees(found_by_replay(lines, **options), expected)
    assert expected["rejected"]
    cache = expected["cache"]
    assert cache["expirations"] > 0
    if options:
        assert cache["evictions"] > 0


def test_the_oracle_reads_every_line_of_the_logs_as_the_parser_does() -> None:
    parse = Parser().parse
    lines = list(demo_lines(5000, seed=3))
    for name in NAMES:
        if (LOGS / f"{name}.log.gz").exists():
            lines += lines_of(name)[:3000]
    for line in lines:
        request = parse(line)
        assert oracle.read(line) == (None if isinstance(request, Rejection) else tuple(request)), line


LINES = [
    'h - - [28/Feb/2024:23:59:59 -0530] "GET /a?b=%20 HTTP/1.1" 206 - "http://e.example/\\"x" "agent \\\\"\r\n',
    '[::1] i u [01/Jan/1970:00:00:00 +0000] "M-SEARCH * HTTP/2" 999 000',
    'h - - [31/Dec/9999:23:59:59 +0000] "PUT caf\udce9\\" x/9." 100 123456789012345678',
]
PIECES = [
    " ",
    "  ",
    '"',
    "\\",
    "[",
    "]",
    "/",
    ":",
    "-",
    "+",
    "0",
    "9",
    "Z",
    "\t",
    "\r",
    "\n",
    "\x0b",
    "\x85",
    "\u0663",
    "HTTP/1.1",
]


@given(
    st.sampled_from(LINES),
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 4), st.sampled_from(["", *PIECES])), max_size=3),
)
def test_the_oracle_reads_damaged_lines_as_the_parser_does(line: str, damages: list[tuple[int, int, str]]) -> None:
    for position, length, piece in damages:
        line = line[:position] + piece + line[position + length :]
    request = Parser().parse(line)
    assert oracle.read(line) == (None if isinstance(request, Rejection) else tuple(request))
