"""The house stands as drawn: imports point downwards, files stay small, time comes from one place."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"

# Whoever stands higher may import who stands lower; who is on one floor does not import each other.
FLOORS = [
    ["_version", "typing", "errors"],
    ["_arguments", "_scores"],
    ["clock"],
    ["kernel"],
    ["ets"],
    ["_recipe", "_single_flight"],
    ["otp", "cache", "counters", "leaderboard", "metrics", "rates", "sessions"],
    ["__init__"],
    ["testing"],
    ["cli"],
    ["__main__"],
]
FLOOR = {part: number for number, parts in enumerate(FLOORS) for part in parts}

MOST_LINES_OF_CODE = 400
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}

FILES = sorted(str(path.relative_to(SOURCE)) for path in (SOURCE / "noex").rglob("*.py"))
each_file = pytest.mark.parametrize("file", FILES)


def _part(file: str) -> str:
    """Return the part of the house that a file belongs to: `ets` for noex/ets/_table.py."""
    return Path(file).parts[1].removesuffix(".py")


def _parse(file: str) -> ast.Module:
    return ast.parse((SOURCE / file).read_text(encoding="utf-8"), file)


def _exists(module: str) -> bool:
    path = SOURCE.joinpath(*module.split("."))
    return path.is_dir() or path.with_suffix(".py").exists()


def _imports(file: str) -> Iterator[tuple[int, str]]:
    """Yield line and module of each import, wherever it stands; relative ones in full."""
    for node in ast.walk(_parse(file)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = Path(file).parent.parts
            base = above[: len(above) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                yield node.lineno, inner if module.split(".")[0] == "noex" and _exists(inner) else module


def test_there_are_files() -> None:
    assert "noex/__init__.py" in FILES


@each_file
def test_a_file_has_a_floor(file: str) -> None:
    assert _part(file) in FLOOR, (
        f"give {_part(file)!r} a place in FLOORS, and in the drawing on top of noex/__init__.py"
    )


@each_file
def test_imports_point_downwards(file: str) -> None:
    own = _part(file)
    wrong: list[str] = []
    for line, module in _imports(file):
        house, *rest = module.split(".")
        if house == "noex":
            part = rest[0] if rest else "__init__"
            if part != own and FLOOR.get(part, len(FLOORS)) >= FLOOR.get(own, -1):
                wrong.append(f"{file}:{line} imports {module}")
    assert wrong == []


@each_file
def test_only_the_command_line_imports_click_and_rich(file: str) -> None:
    if _part(file) != "cli":
        assert [line for line, module in _imports(file) if module.split(".")[0] in {"click", "rich"}] == []


@each_file
def test_only_the_clock_imports_time(file: str) -> None:
    if file != "noex/clock.py" and _part(file) != "cli":  # the command line measures its own speed
        assert [line for line, module in _imports(file) if module == "time"] == []


def _docstring_lines(tree: ast.Module) -> set[int]:
    """Return the lines of all docstrings, those of constants included."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


@each_file
def test_a_file_is_short(file: str) -> None:
    text = (SOURCE / file).read_text(encoding="utf-8")
    code = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    assert len(code - _docstring_lines(ast.parse(text))) <= MOST_LINES_OF_CODE


@each_file
def test_assert_states_invariants_only(file: str) -> None:
    tree = _parse(file)
    allowed = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and function.name.startswith("_check")
        for node in ast.walk(function)
    }
    if _part(file) != "testing":
        asserts = [node for node in ast.walk(tree) if isinstance(node, ast.Assert) and id(node) not in allowed]
        assert [node.lineno for node in asserts] == []
