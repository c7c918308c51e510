"""Random expressions over random rows: what is compiled says what a plain reading of the program says."""

from __future__ import annotations

import operator
import pickle
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from noex.ets import Expression, row
from noex.ets.queries import Term
from noex.ets.queries.parser import parse
from noex.kernel import literal_head

MISSING = object()
COMPARISONS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


# The reading: each rule of the documentation written down once, without a thought for speed


def meant(program: Any, key: Any, value: Any) -> bool:
    """Whether the entry matches."""
    if program[0] == "and":
        return all(meant(part, key, value) for part in program[1:])
    if program[0] == "or":
        return any(meant(part, key, value) for part in program[1:])
    if program[0] == "not":
        return not meant(program[1], key, value)
    found = reached(program[1], key, value)
    if found is MISSING:
        return False
    if program[0] == "exists":
        return True
    operand = program[2]
    if program[0] in COMPARISONS:
        return compared(program[0], found, operand)
    if program[0] == "in":
        return any(compared("==", found, one) for one in operand)
    if program[0] == "startswith":
        kind = next(kind for kind in (str, bytes, tuple) if isinstance(operand, kind))
        return isinstance(found, kind) and found[: len(operand)] == operand  # type: ignore[index]
    if program[0] == "contains":
        if isinstance(found, str):
            return isinstance(operand, str) and operand in found
        if isinstance(found, bytes):
            return (isinstance(operand, bytes) and operand in found) or (
                isinstance(operand, int) and operand in [*found]
            )
        if isinstance(found, set | dict | MappingProxyType):
            found = list(found)
        return isinstance(found, list | tuple) and any(one is operand or compared("==", one, operand) for one in found)
    assert program[0] == "matches"
    return isinstance(found, str) and covers(operand, found)


def compared(name: str, one: Any, other: Any) -> bool:
    try:
        return bool(COMPARISONS[name](one, other))
    except TypeError:
        return False


def reached(path: Any, key: Any, value: Any) -> Any:
    if path[0] == "key":
        return key
    for part in path[1:]:
        if isinstance(value, dict | MappingProxyType):
            value = value[part] if part in value else MISSING
        elif isinstance(part, str):
            value = getattr(value, part) if hasattr(value, part) else MISSING
        elif isinstance(value, tuple | list) and -len(value) <= part < len(value):
            value = value[part]
        else:
            value = MISSING
        if value is MISSING:
            break
    return value


@cache
def covers(glob: str, text: str) -> bool:
    """Whether the glob covers the whole text."""
    if not glob:
        return not text
    if glob.startswith("**"):
        rest = glob.lstrip("*")
        return any(covers(rest, text[place:]) for place in range(len(text) + 1))
    if glob[0] == "*":
        places = range(text.index("/") + 1 if "/" in text else len(text) + 1)
        return any(covers(glob[1:], text[place:]) for place in places)
    return bool(text) and glob[0] in {"?", text[0]} and covers(glob[1:], text[1:])


# What is tried


@dataclass(frozen=True)
class Thing:
    a: Any
    b: Any


NAMES = ["a", "b", "c"]
small = st.one_of(
    st.sampled_from(
        [None, True, False, 0, 1, 2, -1, 1.0, 0.5, float("nan"), 2**70, "", "a", "ab", "a/b", "b", b"a", b""]
    ),
    st.integers(-3, 3),
    st.text(alphabet="ab/*?\n", max_size=4),
    st.binary(max_size=2),
    st.floats(),
)
hashable = st.recursive(small, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=3)


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.sets(small, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(NAMES), st.integers(0, 2)), inner, max_size=3),
        st.dictionaries(st.sampled_from(NAMES), inner, max_size=3).map(MappingProxyType),
        st.builds(Thing, inner, inner),
    )


values = st.recursive(small, containers, max_leaves=6)
rows = st.one_of(values, st.fixed_dictionaries({"a": values}, optional={"b": values, "c": values}))
parts = st.one_of(st.sampled_from(NAMES), st.integers(-2, 2))
terms = st.one_of(
    st.just(row.key),
    st.just(row.value),
    st.sampled_from(NAMES).map(row.field),
    st.lists(parts, min_size=1, max_size=3).map(lambda path: row.field(*path)),
)
globs = st.text(alphabet="ab/*?\n", min_size=1, max_size=10)
literals = st.recursive(
    small.filter(lambda value: not isinstance(value, float) or abs(value) < 1e300),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.sets(st.integers(), min_size=1, max_size=3),
    ),
    max_leaves=4,
)


def expressions(operands: st.SearchStrategy[Any]) -> st.SearchStrategy[Expression]:
    single: st.SearchStrategy[Expression] = st.one_of(
        st.builds(
            lambda term, compare, value: compare(term, value), terms, st.sampled_from([*COMPARISONS.values()]), operands
        ),
        st.builds(Term.is_in, terms, st.lists(operands, max_size=4)),
        st.builds(Term.startswith, terms, st.one_of(st.text("ab/", max_size=2), st.binary(max_size=1))),
        st.builds(Term.startswith, terms, st.lists(st.sampled_from([1, "a", None]), max_size=2).map(tuple)),
        st.builds(Term.contains, terms, operands),
        st.builds(Term.matches, terms, globs),
        st.builds(Term.exists, terms),
    )
    return st.recursive(
        single,
        lambda inner: st.one_of(
            st.builds(operator.and_, inner, inner),
            st.builds(operator.or_, inner, inner),
            st.builds(operator.invert, inner),
        ),
        max_leaves=6,
    )


anything = expressions(values)
written = expressions(literals)


@given(anything, hashable, rows)
def test_what_is_compiled_is_what_is_meant(expression: Expression, key: Any, value: Any) -> None:
    expected = meant(expression._program, key, value)
    assert expression._test(key, value) is expected
    assert pickle.loads(pickle.dumps(row.key == 1))._test(1, value)


@given(anything, st.lists(st.tuples(hashable, rows), max_size=8))
def test_one_expression_says_of_each_row_what_it_says_of_it_alone(expression: Expression, entries: Any) -> None:
    test = expression._test
    assert [test(*entry) for entry in entries] == [meant(expression._program, *entry) for entry in entries]


@given(anything, anything, hashable, rows)
def test_de_morgan(one: Expression, other: Expression, key: Any, value: Any) -> None:
    first, second = one._test(key, value), other._test(key, value)
    assert (one & other)._test(key, value) is (first and second)
    assert (one | other)._test(key, value) is (first or second)
    assert (~(one & other))._test(key, value) is (~one | ~other)._test(key, value)
    assert (~(one | other))._test(key, value) is (~one & ~other)._test(key, value)
    assert (~~one)._test(key, value) is first


@given(written)
def test_what_is_written_is_read_again(expression: Expression) -> None:
    assert parse(repr(expression))._program == expression._program
    assert eval(repr(expression), {"row": row})._program == expression._program


@given(globs, st.lists(st.text(alphabet="ab/\n*", max_size=12), min_size=1, max_size=20))
@example("*?b*c", ["xb/bc", "xb/c"])
@example("**a*b**b*a", ["a/ab/b/ba", "ab/ba", "abba/"])
@example("*?*?*?", ["abc", "//a", "///", "a/b/c", "/"])
def test_globs(glob: str, texts: list[str]) -> None:
    test = row.key.matches(glob)._test
    for text in [*texts, glob]:
        assert test(text, None) is covers(glob, text)
        assert not test(text, None) or text.startswith(literal_head(glob))


@given(
    st.lists(st.sampled_from(["a", "b", "ab", "a/", "/b", "*", "**", "*", "**"]), min_size=1, max_size=12), st.data()
)
def test_globs_of_many_stars(pieces: list[str], data: st.DataObject) -> None:
    glob = "".join(pieces)
    filled = [
        data.draw(st.text(alphabet="ab" if piece == "*" else "ab/", max_size=4)) if "*" in piece else piece
        for piece in pieces
    ]
    text = "".join(filled)
    test = row.key.matches(glob)._test
    assert test(text, None)
    for other in (text + "a", "b" + text, text[1:], text[:-1], text.replace("a", "/", 1)):
        assert test(other, None) is covers(glob, other)
