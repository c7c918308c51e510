"""The pages that say where something is tested name tests that exist, in every row that promises one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGE = (DOCS / "reference" / "original-tests.md").read_text(encoding="utf-8")

COUNT = 93
ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \|", re.MULTILINE)
NAME = re.compile(r"`(test_\w+)`")

PAGES = {str(page.relative_to(DOCS)): page.read_text(encoding="utf-8") for page in sorted(DOCS.rglob("*.md"))}
COLUMNS = {"test here", "shown by"}
"""Heads of columns in which each row names a test."""
NAMING = [page for page, text in PAGES.items() if any(f"| {head} |" in text for head in COLUMNS)]


def existing() -> set[str]:
    """Return the names of all tests, those of the conformance suites included."""
    files = [*(ROOT / "tests").rglob("test_*.py"), *(ROOT / "src" / "noex" / "testing" / "conformance").glob("*.py")]
    return {
        name
        for file in files
        for name in re.findall(r"^ *(?:async )?def (test_\w+)\(", file.read_text(encoding="utf-8"), re.MULTILINE)
    }


def rows_without_a_test(text: str) -> list[str]:
    """Return the rows of tables with a column of tests that name none there."""
    found: list[str] = []
    column: int | None = None
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)]
        if not line.startswith("|"):
            column = None
        elif COLUMNS & set(cells):
            column = next(index for index, cell in enumerate(cells) if cell in COLUMNS)
        elif column is not None and not line.startswith("|---") and not NAME.search(cells[column]):
            found.append(line)
    return found


def test_every_test_of_the_originals_tables_has_a_row() -> None:
    assert [int(number) for number, _, _ in ROW.findall(PAGE)] == list(range(1, COUNT + 1))


@pytest.mark.parametrize("page", NAMING)
def test_every_row_that_promises_a_test_names_one(page: str) -> None:
    assert rows_without_a_test(PAGES[page]) == []


@pytest.mark.parametrize("page", NAMING)
def test_every_test_that_a_page_names_exists(page: str) -> None:
    assert sorted(set(NAME.findall(PAGES[page])) - existing()) == []


def test_the_pages_about_the_original_and_about_erlang_promise_tests() -> None:
    assert {*NAMING} >= {
        "howto/processes-from-erlang.md",
        "reference/original-tests.md",
        "reference/otp/original-defects.md",
        "reference/otp/original-tests.md",
    }


def test_a_row_without_a_test_is_found() -> None:
    head = "| what | test here | remarks |\n|---|---|---|\n"
    good, bad = "| this | `test_this` | |\n", "| that | | `test_this` |\n"
    assert rows_without_a_test(f"{head}{good}{bad}\n| other | | |\n") == [bad.strip()]
