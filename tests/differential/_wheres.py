"""Conditions, in Erlang's match specifications and in ours: as a function, and as an expression over `row`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from noex.ets import row

from ._keys import Family
from ._terms import Atom

__all__ = ["BODY", "OBJECT", "Where", "bounds_of", "const", "draw_where", "head"]

KEY: Final = Atom("$1")
VALUE: Final = Atom("$2")
BODY: Final = [True]
OBJECT: Final = [Atom("$_")]


def head() -> tuple[Atom, Atom]:
    """Return the head of a match specification that binds key and value."""
    return KEY, VALUE


def const(term: Any) -> tuple[Atom, Any]:
    """Return a term as a guard writes it."""
    return Atom("const"), term


@dataclass(frozen=True)
class Where:
    """A condition on both sides."""

    text: str
    test: Any
    guards: list[Any]

    def __str__(self) -> str:
        return self.text


def draw_where(random: Random, family: Family, keys: list[Any], value: Any) -> Where:
    """Return a condition: bounds on the value or on numbers among the keys, or one value, or one key."""
    as_expression = random.random() < 0.5
    low = random.randint(-6, 20)
    high = low + random.randint(0, 6)
    choice = random.randint(0, 5)
    if choice <= 1:
        return _within("value", VALUE, "is_integer", low, high, as_expression=as_expression)
    if choice <= 3:
        return _within("key", KEY, "is_number", low, high, as_expression=as_expression)
    if choice == 4:
        guards = [(Atom("=:="), VALUE, const(value))]
        return _where(f"row.value == {value!r}", guards, lambda key, found: found == value, as_expression)
    key = random.choice(keys)
    guards = [(Atom("=="), KEY, const(family.to_erlang(key)))]
    return _where(f"row.key == {key!r}", guards, lambda found, _value: found == key, as_expression)


def _within(part: str, variable: Atom, type_test: str, low: int, high: int, *, as_expression: bool) -> Where:
    guards = [(Atom(type_test), variable), (Atom(">="), variable, const(low)), (Atom("<"), variable, const(high))]

    def test(key: Any, value: Any) -> bool:
        found = key if part == "key" else value
        return isinstance(found, (int, float)) and low <= found < high

    return _where(f"(row.{part} >= {low}) & (row.{part} < {high})", guards, test, as_expression)


def _where(text: str, guards: list[Any], test: Callable[[Any, Any], bool], as_expression: bool) -> Where:
    if as_expression:
        return Where(text, eval(text, {"row": row}), guards)
    return Where(f"the function that is {text}", test, guards)


def bounds_of(term_of: Callable[[Any], Any], low: Any, high: Any, bounds: str) -> list[Any]:
    """Return the guards for keys of a range; None leaves a side open."""
    guards: list[Any] = []
    if low is not None:
        guards.append((Atom(">=" if bounds[0] == "[" else ">"), KEY, const(term_of(low))))
    if high is not None:
        guards.append((Atom("=<" if bounds[1] == "]" else "<"), KEY, const(term_of(high))))
    return guards
