"""Every block of Python in the README and in docs/ runs.

The blocks of a page run from top to bottom in one namespace; those with `>>>` are doctests. A block that cannot run
stands below the line `<!-- not run -->`.
"""

from __future__ import annotations

import doctest
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from noex import ets

ROOT = Path(__file__).parents[2]
PAGES = [str(page.relative_to(ROOT)) for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]]

FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>```+)python *\n(?P<code>.*?)^(?P=indent)(?P=fence) *$", re.MULTILINE | re.DOTALL
)
NOT_RUN = re.compile(r"<!-- not run -->\s*\Z")


def blocks_of(text: str) -> Iterator[tuple[int, str]]:
    """Yield the number of the line above each block that is to run, and its code."""
    for found in FENCE.finditer(text):
        if not NOT_RUN.search(text, 0, found.start()):
            yield text.count("\n", 0, found.start("code")), textwrap.dedent(found["code"])


def run(code: str, line: int, page: str, namespace: dict[str, Any]) -> None:
    """Run one block; failures name page and line."""
    if ">>>" in code:
        test = doctest.DocTestParser().get_doctest(code, namespace, page, page, line)
        test.globs = namespace  # the parser takes a copy, and the next block is to see what this one does
        report: list[str] = []
        doctest.DocTestRunner(verbose=False).run(test, out=report.append, clear_globs=False)
        assert not report, "".join(report)
    else:
        exec(compile("\n" * line + code, page, "exec", dont_inherit=True), namespace)


@pytest.fixture(autouse=True)
def _close_named_tables() -> Iterator[None]:
    """Free the names that a page leaves in the default store: pages do not know of each other."""
    before = set(map(id, ets.tables()))
    yield
    for table in ets.tables():
        if id(table) not in before:
            table.close()


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for line, code in blocks_of((ROOT / page).read_text(encoding="utf-8")):
        run(code, line, page, namespace)


def test_the_readme_shows_code() -> None:
    assert list(blocks_of((ROOT / "README.md").read_text(encoding="utf-8")))


def test_blocks_are_found_in_lists_too_and_left_out_on_request() -> None:
    text = """
- step

  ```python
  a = 1
  ```

<!-- not run -->
```python
raise SystemExit
```

```shell
false
```

```python
>>> a
1
```
"""
    assert list(blocks_of(text)) == [(4, "a = 1\n"), (17, ">>> a\n1\n")]


def test_blocks_share_a_namespace() -> None:
    namespace: dict[str, Any] = {}
    run("a = 1\n", 0, "page.md", namespace)
    run(">>> b = a + 1\n", 0, "page.md", namespace)
    run("assert b == 2\n", 0, "page.md", namespace)


def test_a_failure_names_page_and_line() -> None:
    with pytest.raises(ZeroDivisionError) as failure:
        run("a = 1\n1 / 0\n", 10, "page.md", {})
    place = failure.traceback[-1]
    assert (str(place.path).endswith("page.md"), place.lineno + 1) == (True, 12)
    with pytest.raises(AssertionError, match=r"page\.md"):
        run(">>> 1 + 1\n3\n", 10, "page.md", {})


LINK = re.compile(r"\]\((?!https?://|#)([\w./-]+)(?:#[\w-]+)?\)")
LINKING = [*PAGES, "CONTRIBUTING.md", "CHANGELOG.md"]


@pytest.mark.parametrize("page", LINKING)
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    assert [link for link in LINK.findall(text) if not (path.parent / link).exists()] == []
