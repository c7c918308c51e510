"""Hypothesis strategies for steps on tables of each kind, and the keys and values that they are about."""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownLambdaType=false
# Values are of any type: what they are is found out here.
from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final
from uuid import UUID

from hypothesis import strategies as st

from noex import ets
from noex.testing._plain_indexes import INDEXES
from noex.testing._plain_queries import Named
from noex.testing._query_strategies import INDEXED, wheres
from noex.testing._steps import Step

__all__ = ["LIFETIMES", "items_of", "keys_of", "shelf", "steps_of", "writes_of"]

_TERMS: Final[list[Any]] = [
    *(None, 0, 1, 2, 1.0, True, 1.5, -1, "a", "ab", "ada", "b", b"a", datetime(2024, 2, 29)),
    *((), ("a",), ("a", 1), ("a", 2), ("a", 1.0), ("b", "x"), ("ada", 1)),
]
_FOREIGN: Final[list[Any]] = [
    UUID(int=1),
    UUID(int=2),
    Decimal(1),
    Decimal("1.5"),
    Decimal(7),
    (UUID(int=1), "x"),
    (Decimal(1),),
]


def shelf(key: Any) -> Any:
    """Return what orders any key of the machines: `key=` of a table, such that equal keys are on one place."""
    if isinstance(key, Decimal):
        key = float(key)
    if isinstance(key, UUID):
        return ets.desc("uuid"), key.hex
    if isinstance(key, tuple):
        return (ets.desc("tuple"), *[shelf(part) for part in key])
    return ets.desc("term"), key


def keys_of(*, ordered: bool) -> st.SearchStrategy[Any]:
    """Return a strategy for keys: of the term order, or any with a hash. They come again, in several guises."""
    everything = st.sampled_from(_TERMS if ordered else [*_TERMS, *_FOREIGN])
    return st.one_of(st.sampled_from(_TERMS[1:4] if ordered else [1, "a", Decimal(1), UUID(int=1)]), everything)


_RECORDS: Final[st.SearchStrategy[Any]] = st.fixed_dictionaries(
    {},
    optional={
        "age": st.sampled_from([0, 1, 2, 3, 1.0, None, 1, 2, 3, "x", Decimal(1), [1]]),
        "user": st.sampled_from(["ada", "bo", "cy", "di", None, UUID(int=1)]),
        "tags": st.sampled_from([(), ("new",), ("new", "old"), ["old"], (1,)]),
    },
)
_VALUES: Final[st.SearchStrategy[Any]] = st.one_of(
    _RECORDS,
    _RECORDS,
    st.integers(-2, 6),
    st.sampled_from([None, "a", "ab", "poison", (), (1, 2), ("ada", 1), True, 1.5, UUID(int=1), Decimal(1)]),
)

LIFETIMES: Final[st.SearchStrategy[Any]] = st.sampled_from([None, 0.5, 1, 2, 3, 0.0004])
_TTLS: Final = st.one_of(st.just(ets.DEFAULT), LIFETIMES)
_CHANGES: Final = st.sampled_from(
    [
        Named("one_more", lambda value: value + 1 if isinstance(value, int) else 0),
        Named("older", lambda value: {**value, "age": 3} if isinstance(value, dict) else {"age": 1}),
        Named("renamed", lambda value: {"user": "bo"} if isinstance(value, dict) else value),
        Named("itself", lambda value: value),
        Named("gone", lambda _value: ets.DELETE),
        Named("gone_if_a_number", lambda value: ets.DELETE if isinstance(value, int) else value),
    ]
)
_LIMITS: Final = st.sampled_from([None, 0, 1, 2, 5])
_BOUNDS: Final = st.sampled_from(["[)", "[]", "()", "(]"])


def items_of(keys: st.SearchStrategy[Any]) -> st.SearchStrategy[list[tuple[Any, Any]]]:
    """Return a strategy for entries with such keys."""
    return st.lists(st.tuples(keys, _VALUES), max_size=6)


def _step(verb: str, *arguments: st.SearchStrategy[Any], **options: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.builds(Step, st.just(verb), st.tuples(*arguments), st.fixed_dictionaries({}, optional=options))


def _itself(step: Step) -> Step:
    """Return the step: a mapped strategy counts as one alternative of many, however many it has itself."""
    return step


def _every_kind(keys: st.SearchStrategy[Any]) -> list[st.SearchStrategy[Step]]:
    items = items_of(keys)
    return [
        _step("insert", keys, _VALUES),
        _step("insert_new", keys, _VALUES),
        _step("insert_many", items),
        _step("insert_many", items),
        _step("lookup", keys),
        _step("lookup_many", st.lists(keys, max_size=4)),
        st.one_of(_step("take", keys), _step("delete", keys), _step("member", keys)).map(_itself),
        _step("delete_many", st.lists(keys, max_size=4)),
        _step("delete_object", keys, _VALUES),
        st.one_of(_step("to_list"), _step("__len__"), _step("__len__"), _step("clear")).map(_itself),
        _step("count", wheres()),
        _step("delete_where", wheres()),
    ]


def _set_kinds(keys: st.SearchStrategy[Any]) -> list[st.SearchStrategy[Step]]:
    items = items_of(keys)
    names = st.sampled_from(sorted(INDEXES))
    asked = [
        _step("ask", names, st.just("__len__")),
        _step("ask", names, st.sampled_from(["lookup", "count", "delete_all"]), INDEXED),
        _step("ask", names, st.just("lookup"), INDEXED),
        _step("ask", names, st.just("range"), INDEXED, INDEXED),
        _step("ask", names, st.just("range"), st.none() | INDEXED),
        _step("ask", names, st.just("rank"), keys),
        _step("ask", names, st.just("at"), st.integers(-5, 5)),
    ]
    return [
        *_every_kind(keys),
        st.one_of(asked).map(_itself),
        st.one_of(asked).map(_itself),
        _step("insert", keys, _VALUES, ttl=_TTLS),
        _step("insert", keys, _VALUES, ttl=_TTLS),
        _step("insert_new", keys, _VALUES, ttl=_TTLS),
        _step("insert_many", items, ttl=_TTLS),
        _step("setdefault", keys, _VALUES),
        _step("update_counter", keys, st.integers(-2, 2), default=st.integers(0, 2), ttl=_TTLS),
        _step("compute", keys, _CHANGES, default=_VALUES),
        _step("compare_and_set", keys, _VALUES, _VALUES),
        _step("update_where", wheres(), _CHANGES),
        _step("update_where", wheres(), _CHANGES),
        _step("expires_in", keys),
        _step("touch", keys, _TTLS),
        _step("persist", keys),
    ]


def _ordered_set(keys: st.SearchStrategy[Any]) -> list[st.SearchStrategy[Step]]:
    query = {"limit": _LIMITS, "reverse": st.booleans(), "after": keys}
    return [
        *_set_kinds(keys),
        _step("select", st.none() | wheres(), **query),
        _step("select", wheres(), **query),
        _step("first"),
        _step("last"),
        _step("next", keys),
        _step("prev", keys),
        _step("range", keys, keys, bounds=_BOUNDS, reverse=st.booleans(), limit=_LIMITS),
        _step("prefix", st.sampled_from([(), ("a",), ("a", 1), ("ada",), (ets.desc("term"),), (ets.desc("tuple"),)])),
        _step("delete_range", keys, keys, bounds=_BOUNDS),
        _step("pop_first"),
        _step("pop_last"),
        _step("rank", keys),
        _step("at", st.integers(-6, 6)),
    ]


@cache
def steps_of(kind: str, *, keyed: bool = False) -> st.SearchStrategy[Step]:
    """Return a strategy for steps on a table of the kind; `keyed` if it is ordered by `shelf`."""
    keys = keys_of(ordered=kind == "ordered_set" and not keyed)
    if kind == "ordered_set":
        return st.one_of(_ordered_set(keys))
    selects = [_step("select", st.none() | wheres(), limit=_LIMITS), _step("select", wheres())]
    return st.one_of([*(_set_kinds(keys) if kind == "set" else _every_kind(keys)), *selects])


@cache
def writes_of(kind: str, *, keyed: bool = False) -> st.SearchStrategy[Step]:
    """Return a strategy for steps that most often change something."""
    keys = keys_of(ordered=kind == "ordered_set" and not keyed)
    steps = [
        _step("insert", keys, _VALUES),
        _step("insert_many", items_of(keys)),
        _step("delete", keys),
        _step("delete_many", st.lists(keys, min_size=2, max_size=6)),
        _step("delete_where", wheres()),
    ]
    if kind in {"set", "ordered_set"}:
        steps += [_step("update_counter", keys), _step("touch", keys, _TTLS), _step("update_where", wheres(), _CHANGES)]
    return st.one_of(steps)
