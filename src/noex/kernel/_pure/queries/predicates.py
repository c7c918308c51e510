"""Queries as functions: the program of an expression becomes nested closures, one for each test.

A program is made of plain tuples::

    path     ("key",)  ("value",)  ("field", part, ...)
    test     ("==" | "!=" | "<" | "<=" | ">" | ">=", path, value)   ("in", path, (value, ...))
             ("startswith", path, prefix)   ("contains", path, item)   ("matches", path, glob)   ("exists", path)
    program  test   ("and", program, ...)   ("or", program, ...)   ("not", program)

What is not there, and what cannot be compared, fails every test, `!=` too; `not` turns whatever came out round. The
functions keep nothing and change nothing, and may run in several threads.
"""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# Values are of any type: what they are is found out here.
from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from noex.kernel._pure.queries.globs import glob_matcher

__all__ = ["Predicate", "Program", "compile_predicate", "compile_reader"]

Program: TypeAlias = tuple[Any, ...]
Predicate: TypeAlias = Callable[[Any, Any], bool]
_Test: TypeAlias = Callable[[Any], bool]

_ABSENT: Final = object()
_ABSENCES: Final = (KeyError, IndexError, AttributeError, TypeError)
_INCOMPARABLE: Final = (TypeError, ArithmeticError)  # a Decimal raises the latter for a NaN
_PLAIN: Final = frozenset({str, int, float, bytes, bool, type(None)})
_COMPARISONS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compile_predicate(program: Program) -> Predicate:
    """Return the function of key and value that tells whether an entry matches.

    O(size of the program). Code of the user (`==`, `<`, properties) runs when the function is called, never here; what
    it raises goes through, but for the exceptions by which Python says that there is no such part or no such
    comparison.

    Raises:
        ValueError: the program has a part that is none of those above.

    >>> adult = compile_predicate((">=", ("field", "age"), 18))
    >>> adult("Ada", {"age": 36}), adult("Kim", {"age": 12}), adult("Bo", {})
    (True, False, False)
    """
    name, *arguments = program
    if name in _COMPARISONS:
        path, operand = arguments
        return _comparison(path, _COMPARISONS[name], operand)
    if name in _TESTS:
        path, operand = arguments
        return _on_path(path, _TESTS[name](operand))
    if name == "exists":
        return _on_path(arguments[0], _is_there)
    if name == "and":
        return _all_of([compile_predicate(part) for part in arguments])
    if name == "or":
        return _any_of([compile_predicate(part) for part in arguments])
    if name == "not":
        return _negation(compile_predicate(arguments[0]))
    raise ValueError(f"{name!r} is no part of a query; make queries with ets.row")


def compile_reader(path: Program) -> Callable[[Any, Any], Any]:
    """Return the function of key and value that gives what the path leads to, or None where it leads nowhere.

    >>> age = compile_reader(("field", "age"))
    >>> age("Ada", {"age": 36}), age("Bo", {})
    (36, None)
    """
    kind, *parts = path
    if kind == "key":
        return lambda key, _value: key
    if kind == "value":
        return lambda _key, value: value
    read = _reader(tuple(parts))

    def read_field(_key: Any, value: Any) -> Any:
        found = read(value)
        return None if found is _ABSENT else found

    return read_field


def _read(value: Any, parts: tuple[Any, ...]) -> Any:
    """Return what a path leads to: items of mappings, attributes, positions in tuples and lists; or `_ABSENT`."""
    try:
        for part in parts:
            if type(value) is dict:
                value = value.get(part, _ABSENT)
            elif isinstance(value, Mapping):  # `in` first: reading a defaultdict must not write into it
                value = value[part] if part in value else _ABSENT
            elif type(part) is str:
                value = getattr(value, part, _ABSENT)
            else:
                value = value[part] if isinstance(value, tuple | list) else _ABSENT
            if value is _ABSENT:
                break
    except _ABSENCES:
        return _ABSENT
    return value


def _reader(names: tuple[Any, ...]) -> Callable[[Any], Any]:
    """Return the function of a value that gives what the names lead to, or `_ABSENT`."""
    name = names[0]
    without_items: type[Any] | None = None  # the type seen last that is no mapping: asking takes long

    def read_name(value: Any) -> Any:
        nonlocal without_items
        kind = type(value)
        if kind is dict:
            return value.get(name, _ABSENT)
        if kind is without_items:
            try:
                return getattr(value, name, _ABSENT)
            except _ABSENCES:
                return _ABSENT
        if not isinstance(value, Mapping) and value.__class__ is kind:  # of proxies each stands for something else
            without_items = kind
        return _read(value, names)

    if len(names) == 1 and type(name) is str:
        return read_name
    return lambda value: _read(value, names)


def _comparison(path: Program, compare: Callable[[Any, Any], Any], operand: Any) -> Predicate:
    """Return the predicate that compares what the path leads to; each form of path written out, for speed."""
    kind, *parts = path
    absent = _ABSENT

    def compare_key(key: Any, _value: Any) -> bool:
        try:
            return True if compare(key, operand) else False  # noqa: SIM210 - a call of bool() takes longer
        except _INCOMPARABLE:
            return False

    def compare_value(_key: Any, value: Any) -> bool:
        try:
            return True if compare(value, operand) else False  # noqa: SIM210 - a call of bool() takes longer
        except _INCOMPARABLE:
            return False

    def compare_field(_key: Any, value: Any) -> bool:
        found = value.get(name, absent) if type(value) is dict else read(value)
        if found is absent:
            return False
        try:
            return True if compare(found, operand) else False  # noqa: SIM210 - a call of bool() takes longer
        except _INCOMPARABLE:
            return False

    def compare_nested(_key: Any, value: Any) -> bool:
        found = read(value)
        if found is absent:
            return False
        try:
            return True if compare(found, operand) else False  # noqa: SIM210 - a call of bool() takes longer
        except _INCOMPARABLE:
            return False

    if kind == "key":
        return compare_key
    if kind == "value":
        return compare_value
    name = parts[0]
    read = _reader(tuple(parts))
    return compare_field if len(parts) == 1 else compare_nested


def _on_path(path: Program, test: _Test) -> Predicate:
    """Return the predicate that tests what the path leads to, where it leads anywhere."""
    kind, *parts = path
    if kind == "key":
        return lambda key, _value: test(key)
    if kind == "value":
        return lambda _key, value: test(value)
    absent = _ABSENT
    read = _reader(tuple(parts))

    def field_test(_key: Any, value: Any) -> bool:
        found = read(value)
        return found is not absent and test(found)

    return field_test


def _is_there(_found: Any) -> bool:
    return True


def _one_of(values: tuple[Any, ...]) -> _Test:
    """Return the test for values one of which is `==`: not `in`, for which NaN would be NaN."""
    hashed = frozenset(value for value in values if type(value) in _PLAIN and value == value)
    others = tuple(value for value in values if type(value) not in _PLAIN)

    def test(found: Any) -> bool:
        candidates = values
        if type(found) in _PLAIN:
            if found in hashed:
                return True
            candidates = others
        for value in candidates:
            try:
                if found == value:
                    return True
            except _INCOMPARABLE:
                continue
        return False

    return test


def _beginning(prefix: str | bytes | tuple[Any, ...]) -> _Test:
    """Return the test for texts, bytes or tuples that begin with one of their own kind."""
    size = len(prefix)

    def parts_test(found: Any) -> bool:
        try:
            return isinstance(found, tuple) and tuple.__getitem__(found, slice(size)) == prefix
        except _INCOMPARABLE:
            return False

    if isinstance(prefix, str):
        return lambda found: isinstance(found, str) and str.startswith(found, prefix)
    if isinstance(prefix, bytes):
        return lambda found: isinstance(found, bytes) and bytes.startswith(found, prefix)
    return parts_test


def _containing(item: Any) -> _Test:
    """Return the test for containers of the item; an iterator is none, for looking would use it up."""

    def test(found: Any) -> bool:
        try:
            return hasattr(type(found), "__contains__") and item in found
        except _INCOMPARABLE:
            return False
        except ValueError:
            if isinstance(found, bytes | bytearray):  # a number that is no byte
                return False
            raise

    return test


def _matching(glob: str) -> _Test:
    """Return the test for texts that match the glob."""
    match = glob_matcher(glob)
    return lambda found: isinstance(found, str) and bool(match(found))


_TESTS: Final[dict[str, Callable[[Any], _Test]]] = {
    "in": _one_of,
    "startswith": _beginning,
    "contains": _containing,
    "matches": _matching,
}


def _all_of(predicates: list[Predicate]) -> Predicate:
    if len(predicates) == 2:
        first, second = predicates
        return lambda key, value: first(key, value) and second(key, value)

    def every(key: Any, value: Any) -> bool:
        for predicate in predicates:  # noqa: SIM110 - a generator takes longer
            if not predicate(key, value):
                return False
        return True

    return every


def _any_of(predicates: list[Predicate]) -> Predicate:
    if len(predicates) == 2:
        first, second = predicates
        return lambda key, value: first(key, value) or second(key, value)

    def some(key: Any, value: Any) -> bool:
        for predicate in predicates:  # noqa: SIM110 - as above
            if predicate(key, value):
                return True
        return False

    return some


def _negation(predicate: Predicate) -> Predicate:
    return lambda key, value: not predicate(key, value)
