"""Each kind of table against Erlang's own: the same random operations on both, the same answers.

What differs on purpose is in `docs/howto/coming-from-erlang.md`, and `test_deliberate_differences.py` shows it. Nothing
else differs. `NOEX_TEST_SEED` repeats the sequence of a failure.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from noex import ets

from ._erlang import Erlang
from ._keys import FAMILIES, GUISES, Family
from ._sequences import draw, first_difference, operations_of, shrunk
from ._terms import Atom

KINDS = ["set", "ordered_set", "bag", "duplicate_bag"]
CASES = [(kind, family) for kind in KINDS for family in [*FAMILIES, *([GUISES] if kind == "ordered_set" else [])]]

SEQUENCE = 500
EVERYDAY = 6
LONG = 200_000

Compare: TypeAlias = Callable[[str, Family, str], None]


@pytest.fixture(scope="session")
def lists_stay_in_order(erlang: Erlang) -> bool:
    """Tell whether this Erlang keeps the order of a list inserted in a bag; before OTP 25.3 it turned it round."""
    erlang.call("new", Atom("bag"))
    erlang.call("insert", [(1, 1), (1, 2), (1, 3)])
    return [value for _, value in erlang.call("lookup", 1)] == [1, 2, 3]


@pytest.fixture
def compare(erlang: Erlang, lists_stay_in_order: bool) -> Compare:
    """Run the sequence of a seed on both sides; a difference fails, with the few steps that show it."""

    def compare(kind: str, family: Family, seed: str) -> None:
        operations = operations_of(kind, family, lists_stay_in_order=lists_stay_in_order)

        def make() -> Any:
            return ets.new(kind=kind)  # type: ignore[call-overload]

        found = first_difference(erlang, operations, make, draw(operations, seed, SEQUENCE))
        if found is not None:
            smallest = shrunk(erlang, operations, make, found)
            pytest.fail(f"{kind}, keys of the family {family}, NOEX_TEST_SEED={seed}\n{smallest}", pytrace=False)

    return compare


@pytest.mark.parametrize(("kind", "family"), CASES, ids=str)
def test_a_table_does_what_erlangs_does(compare: Compare, kind: str, family: Family) -> None:
    for number in range(EVERYDAY):
        compare(kind, family, f"everyday {number}")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_table_does_what_erlangs_does_for_long(compare: Compare, kind: str) -> None:
    families = [family for case, family in CASES if case == kind]
    repeated = os.environ.get("NOEX_TEST_SEED")
    if repeated is not None:
        for family in families:
            compare(kind, family, repeated)
        return
    seed = secrets.token_hex(4)
    for number in range(LONG // SEQUENCE):
        compare(kind, families[number % len(families)], f"{seed}-{number}")


def test_this_erlang_turns_lists_round_only_where_it_is_known_to(erlang: Erlang, lists_stay_in_order: bool) -> None:
    release, runtime = erlang.call("versions")
    version = tuple(map(int, runtime.split(b".")))
    assert lists_stay_in_order or version < (13, 2), f"OTP {release!r}, erts {runtime!r}"
