"""The page that says where the original's tests are here names tests that exist, for every one of them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "original-tests.md").read_text(encoding="utf-8")

COUNT = 93
ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \|", re.MULTILINE)
NAME = re.compile(r"`(test_\w+)`")


def existing() -> set[str]:
    """Return the names of all tests, those of the conformance suites included."""
    files = [*(ROOT / "tests").rglob("test_*.py"), *(ROOT / "src" / "noex" / "testing" / "conformance").glob("*.py")]
    return {
        name
        for file in files
        for name in re.findall(r"^ *def (test_\w+)\(", file.read_text(encoding="utf-8"), re.MULTILINE)
    }


def test_every_test_of_the_original_has_a_row_with_a_test() -> None:
    rows = ROW.findall(PAGE)
    assert [int(number) for number, _, _ in rows] == list(range(1, COUNT + 1))
    assert [number for number, _, tests in rows if not NAME.search(tests)] == []


def test_every_test_that_the_page_names_exists() -> None:
    assert sorted(set(NAME.findall(PAGE)) - existing()) == []
