"""What Erlang does where our processes do otherwise: the rows of the page about it that can be run there.

Ours are shown by the tests that the page names.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.differential._erlang import why_not

SOURCE = Path(__file__).with_name("process_differences.erl")
PAGE = Path(__file__).parents[2] / "docs" / "howto" / "processes-from-erlang.md"

ENOUGH = 120.0
"""Seconds after which Erlang counts as stuck."""

ERLANG = {
    "one-loop": "{exit,timeout}",
    "failed-calls": "{exit,boom}",
    "reasons": "{any,term}",
    "throw": "thrown",
    "cast-result": "ok",
    "stop-of-the-dead": "{exit,noproc}",
    "when-calls-fail": "{later,{exit,over}}",
    "terminate-always": "no",
    "shutdown-of-children": "no",
    "failed-start-link": "{'EXIT',refused}",
    "flush": "{'DOWN',normal}",
    "cancelled-timers": "{false,rings}",
    "intensity": "{true,shutdown}",
    "giving-up": "shutdown",
    "order-of-children": "[c,b,a]",
    "ids": "[undefined]",
    "errors": "already_started",
}
"""By the name of a row, what Erlang makes of it."""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("erlang")
    subprocess.run(["erlc", "-o", str(folder), str(SOURCE)], check=True, cwd=folder)
    program = ["erl", "-noshell", "-pa", str(folder), "-s", SOURCE.stem, "main"]
    done = subprocess.run(program, capture_output=True, text=True, check=True, timeout=ENOUGH, cwd=folder)
    return {name: outcome for name, _, outcome in (line.partition(" ") for line in done.stdout.splitlines())}


@pytest.mark.parametrize("name", ERLANG)
def test_erlang_does_as_the_page_says(name: str, answers: dict[str, str]) -> None:
    assert answers[name] == ERLANG[name]


def test_the_names_are_those_of_rows() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \|", text[text.index("## Deliberate differences") :], re.MULTILINE)
    assert sorted({*ERLANG} - {*rows}) == []
