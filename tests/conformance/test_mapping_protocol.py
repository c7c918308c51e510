"""CPython's own tests of the mapping protocol, over both kinds of set table.

`BasicTestMappingProtocol` must pass whole. The two larger suites describe `dict`; what of them differs stands in
`DIFFERS`, each with its reason, and in `docs/reference/mapping.md`. A test that differs must really fail.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from noex import ets

mapping_tests: Any = pytest.importorskip("test.mapping_tests", reason="this Python ships without its own tests")

OPTIONS = "keyword arguments of a constructor are options of the table; `update(x=1)` writes entries"
FROMKEYS = "no `fromkeys`: a table has a name, a store and a clock, so it is made first; `insert_many` fills it"
COPY = "no `copy`: a table is a place with a name, not a value; `dict(table)` copies the content"
REPR = "`repr` names the table and its size: it never raises, and does not print a million entries"
TERM_ORDER = "the test's key is outside the term order, so it raises `UnorderableKey` on writing"

DIFFERS = {
    ets.SetTable: {
        "test_constructor": OPTIONS,
        "test_fromkeys": FROMKEYS,
        "test_copy": COPY,
        "test_popitem": COPY,
        "test_repr": REPR,
        "test_repr_deep": REPR,
    },
    ets.OrderedSetTable: {
        "test_constructor": OPTIONS,
        "test_fromkeys": FROMKEYS,
        "test_copy": COPY,
        "test_popitem": COPY,
        "test_repr": REPR,
        "test_repr_deep": REPR,
        "test_getitem": TERM_ORDER,
        "test_pop": TERM_ORDER,
        "test_setdefault": TERM_ORDER,
        "test_eq": TERM_ORDER,
    },
}


class TestBasicSetTable(mapping_tests.BasicTestMappingProtocol):
    type2test = ets.SetTable


class TestBasicOrderedSetTable(mapping_tests.BasicTestMappingProtocol):
    type2test = ets.OrderedSetTable


def _like_dict(table: Any, suite: Any) -> Any:
    """Return the suite for a class of tables, with the tests that differ expected to fail."""
    inherited = {name: getattr(suite, name) for name in dir(suite) if name.startswith("test_")}
    namespace: dict[str, Any] = {"type2test": table, "__test__": True}
    for name in DIFFERS[table].keys() & inherited.keys():
        namespace[name] = pytest.mark.xfail(strict=True, reason=DIFFERS[table][name])(_calling(inherited[name]))
    return type(f"{suite.__name__}Of{table.__name__}", (suite,), namespace)


def _calling(inherited: Callable[[Any], None]) -> Callable[[Any], None]:
    def test(self: Any) -> None:
        inherited(self)

    return test


TestHashMappingOfSetTable = _like_dict(ets.SetTable, mapping_tests.TestHashMappingProtocol)
TestHashMappingOfOrderedSetTable = _like_dict(ets.OrderedSetTable, mapping_tests.TestHashMappingProtocol)


class TestPlainMappingOfOrderedSetTable(mapping_tests.TestMappingProtocol):
    """What `TestHashMappingProtocol` asks of keys without an order is asked here in the plainer form of its base."""

    type2test = ets.OrderedSetTable

    test_constructor = test_fromkeys = test_copy = test_popitem = None


@pytest.mark.parametrize("table", DIFFERS)
def test_the_documentation_lists_the_same_differences(table: type) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "mapping.md").read_text()
    rows = re.findall(r"^\| `(test_\w+)` \| (yes|no) \| (yes|no) \| (.*) \|$", page, flags=re.MULTILINE)
    column = 1 if table is ets.SetTable else 2
    assert {row[0]: row[3] for row in rows if row[column] == "no"} == DIFFERS[table]
