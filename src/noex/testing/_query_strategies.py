"""Hypothesis strategies for conditions: expressions over `ets.row`, and functions of key and value."""

# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownLambdaType=false
# Values are of any type: what they are is found out here.
from __future__ import annotations

import operator
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from hypothesis import strategies as st

from noex.ets import Expression, desc, row
from noex.testing._plain_queries import Named

__all__ = ["INDEXED", "PROBES", "expressions", "wheres"]

_TERMS: Final = st.sampled_from(
    [
        *(row.key, row.key, row.value, row.field("age"), row.field("age"), row.field("user")),
        *(row.field("tags"), row.field("tags", 0), row.field("nothing")),
    ]
)

PROBES: Final[st.SearchStrategy[Any]] = st.sampled_from(
    [
        *(
            None,
            0,
            1,
            1.0,
            True,
            2,
            3,
            -1,
            1.5,
            "",
            "a",
            "ab",
            "ada",
            "bo",
            "new",
            "x",
            b"a",
            (),
            ("a",),
            ("a", 1),
            ("b",),
        ),
        *(("ada", 1), (1, 2), UUID(int=1), Decimal(1), Decimal("1.5"), [1], (UUID(int=1), "x")),
    ]
)
"""Draws what keys, values, fields and indexes are compared with: much of it is there, in this guise or another."""

INDEXED: Final[st.SearchStrategy[Any]] = st.one_of(
    PROBES,
    st.integers(-2, 4),
    st.integers(-2, 6).map(desc),
    st.tuples(st.sampled_from(["ada", "bo", None]), st.sampled_from([0, 1, None]).map(desc)),
)
"""Draws what indexes are asked for."""

_COMPARISONS: Final = st.sampled_from(
    [operator.eq, operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
)

_TESTS: Final[st.SearchStrategy[Any]] = st.one_of(
    st.builds(lambda compare, term, probe: compare(term, probe), _COMPARISONS, _TERMS, PROBES),
    st.builds(lambda compare, term, probe: compare(term, probe), _COMPARISONS, _TERMS, st.integers(-2, 4)),
    st.builds(lambda term, probes: term.is_in(probes), _TERMS, st.lists(PROBES, max_size=3)),
    st.builds(
        lambda term, beginning: term.startswith(beginning),
        _TERMS,
        st.sampled_from(["", "a", "ad", b"a", b"", (), ("a",), ("ada",), (1,), (UUID(int=1),)]),
    ),
    st.builds(lambda term, item: term.contains(item), _TERMS, PROBES),
    st.builds(lambda term, glob: term.matches(glob), _TERMS, st.sampled_from(["*", "a*", "?", "?b", "ad**", "b"])),
    st.builds(lambda term: term.exists(), _TERMS),
)


_NAMES: Final = st.sampled_from(["ada", "bo", "cy", "di", UUID(int=1)])
_SMALL: Final = st.sampled_from([0, 1, 2, 3, 1.0, Decimal(1)])
_KEYS: Final = st.sampled_from([0, 1, 1.5, "a", "ab", "ada", ("a", 1), ("a",), UUID(int=1), Decimal(1), None])


def _itself(condition: Any) -> Any:
    """Return the condition: a mapped strategy counts as one alternative of many, however many it has itself."""
    return condition


def _aimed(term: Any, parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw what a key lookup, a range or an index may answer."""
    return st.one_of(
        parts.map(lambda part: term == part),
        st.lists(parts, max_size=3).map(term.is_in),
        st.builds(lambda compare, part: compare(term, part), _COMPARISONS, parts),
        st.builds(lambda low, high: (term >= low) & (term < high), parts, parts),
        st.builds(lambda low, high: (term > low) & (term <= high), parts, parts),
        st.sampled_from([term.startswith("a"), term.startswith(("a",)), term.matches("ad*"), term.startswith("")]),
    )


_AIMED: Final[st.SearchStrategy[Any]] = st.one_of(
    _aimed(row.key, _KEYS),
    _aimed(row.field("age"), _SMALL),
    _aimed(row.field("user"), _NAMES),
    _aimed(row.field("tags", 0), st.sampled_from(["new", "old", 1])),
    _aimed(row.value, st.one_of(st.integers(-1, 5), _KEYS)),
)


def _and(parts: tuple[Any, Any]) -> Any:
    return parts[0] & parts[1]


def _or(parts: tuple[Any, Any]) -> Any:
    return parts[0] | parts[1]


def _combined(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.builds(operator.and_, parts, parts),
        st.builds(operator.and_, parts, parts),
        st.builds(operator.or_, parts, parts),
        st.builds(operator.invert, parts),
    )


_FUNCTIONS: Final[st.SearchStrategy[Any]] = st.sampled_from(
    [
        Named("has_a_number", lambda _key, value: isinstance(value, int)),
        Named("has_a_true_value", lambda _key, value: value),
        Named("has_a_text_key", lambda key, _value: isinstance(key, str)),
        Named("never", lambda _key, _value: False),
    ]
)


def expressions() -> st.SearchStrategy[Expression]:
    """Return a strategy for expressions over keys, values and the fields `age`, `user` and `tags`."""
    both = st.tuples(_AIMED, _TESTS).map(_and)
    either = st.tuples(_AIMED, _AIMED).map(_or)
    simple = st.one_of(_AIMED.map(_itself), _TESTS.map(_itself))
    nested: st.SearchStrategy[Any] = st.recursive(simple, _combined, max_leaves=5)
    return st.one_of(_AIMED.map(_itself), both, either, _TESTS.map(_itself), nested.map(_itself))


def wheres() -> st.SearchStrategy[Any]:
    """Return a strategy for conditions: mostly expressions, and now and then a function."""
    functions: st.SearchStrategy[Any] = _FUNCTIONS.map(_itself)
    conditions: list[st.SearchStrategy[Any]] = [expressions(), functions]
    return st.one_of(conditions)
