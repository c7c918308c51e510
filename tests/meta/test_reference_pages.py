"""The reference page of each kind has a row for every public verb, with its signature as it is, and for no other."""

from __future__ import annotations

import builtins
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from noex import errors, ets
from noex.kernel import _pure

FOLDER = Path(__file__).parents[2] / "docs" / "reference"

KINDS = [
    (ets.SetTable, "set-table.md"),
    (ets.OrderedSetTable, "ordered-set-table.md"),
    (ets.BagTable, "bag-tables.md"),
    (ets.DuplicateBagTable, "bag-tables.md"),
]
PAGES = sorted({page for _, page in KINDS})
each_kind = pytest.mark.parametrize(("kind", "page"), KINDS)

HEAD = "| verb | returns | cost | atomicity | raises |"
OPERATORS = {
    "table[key]": "__getitem__",
    "table[key] = value": "__setitem__",
    "del table[key]": "__delitem__",
    "key in table": "__contains__",
    "len(table)": "__len__",
    "for key in table": "__iter__",
    "table == other": "__eq__",
    "with table:": "__enter__",
}
PLAIN = {bool, int, str, tuple}
SENTINELS = {ets.DEFAULT, ets.MISSING}


class _Shown:
    """A default value as the page writes it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def rows_of(page: str) -> dict[str, list[str]]:
    """Return the cells of each row of the tables of verbs, by the code of the verb."""
    lines = (FOLDER / page).read_text(encoding="utf-8").splitlines()
    rows: dict[str, list[str]] = {}
    for number, line in enumerate(lines):
        if line == HEAD:
            for row in lines[number + 2 :]:
                if not row.startswith("|"):
                    break
                verb, *cells = (cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1])
                assert re.fullmatch(r"`[^`]+`", verb), row
                assert verb not in rows, f"{page} has {verb} twice"
                rows[verb.strip("`")] = cells
    return rows


def written(kind: type[Any], name: str) -> str:
    """Return the verb as the page writes it: `touch(key, ttl=DEFAULT)`.

    Methods written in C tell no default value that is an object: the pure kernel, whose signature is the same, does.
    """
    method = getattr(kind, name)
    if inspect.ismethoddescriptor(method):
        method = getattr(getattr(_pure, kind.__name__), name)
    _, *parameters = inspect.signature(method).parameters.values()
    return name + str(inspect.Signature([_plain(parameter) for parameter in parameters]))


def _plain(parameter: inspect.Parameter) -> inspect.Parameter:
    default: Any = parameter.default
    if default is not parameter.empty:
        known = default is None or type(default) in PLAIN or default in SENTINELS
        default = _Shown(repr(default) if known else "...")
    return parameter.replace(annotation=parameter.empty, default=default)


def verbs_of(kind: type[Any]) -> set[str]:
    """Return the verbs of a class as the page writes them, operators too."""
    names = [name for name in dir(kind) if not name.startswith("_") and callable(getattr(kind, name))]
    return {written(kind, name) for name in names} | {
        operator for operator, name in OPERATORS.items() if getattr(kind, name, None) is not getattr(object, name, None)
    }


@each_kind
def test_a_page_has_every_verb_with_its_signature_and_no_other(kind: type[Any], page: str) -> None:
    listed = set(rows_of(page))
    assert {"missing": verbs_of(kind) - listed, "unknown": listed - verbs_of(kind)} == {
        "missing": set(),
        "unknown": set(),
    }


@pytest.mark.parametrize("page", PAGES)
def test_every_row_tells_cost_and_atomicity(page: str) -> None:
    for verb, (returns, cost, atomicity, _) in rows_of(page).items():
        gives_nothing = "= value" in verb or verb.startswith("del ")
        assert (bool(returns), bool(cost)) == (not gives_nothing, True), verb
        assert atomicity or verb == "with table:", verb


@pytest.mark.parametrize("page", PAGES)
def test_what_a_row_says_to_be_raised_exists(page: str) -> None:
    for verb, cells in rows_of(page).items():
        for name in re.findall(r"`([A-Z][a-z]\w+)`", cells[-1]):
            error = getattr(errors, name, None) or getattr(builtins, name, None)
            assert isinstance(error, type), f"{verb} raises {name}, which is none"
            assert issubclass(error, Exception)


@each_kind
def test_every_attribute_is_on_the_page_of_what_all_share(kind: type[Any], page: str) -> None:
    shared = (FOLDER / "tables.md").read_text(encoding="utf-8")
    attributes = [name for name in dir(kind) if not name.startswith("_") and not callable(getattr(kind, name))]
    assert attributes
    assert [name for name in attributes if f"`{name}`" not in shared] == []
    assert f"({page})" in shared
