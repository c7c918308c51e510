"""Expressions as the Python that makes them, with the parentheses that it needs and no others."""

from __future__ import annotations

from typing import Final

from noex.errors import shown
from noex.kernel import Program

__all__ = ["represent", "represent_path"]

_COMPARISONS: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})
_METHODS: Final = {"in": "is_in"}
_ANY, _OR, _AND, _NOT = range(4)
"""How tightly the place holds where something is to stand."""


def represent_path(path: Program) -> str:
    """Return the Python of a term.

    >>> represent_path(("key",)), represent_path(("field", "a", 0))
    ('row.key', "row.field('a', 0)")
    """
    kind, *parts = path
    return f"row.{kind}({', '.join(map(repr, parts))})" if kind == "field" else f"row.{kind}"


def represent(program: Program, place: int = _ANY) -> str:
    """Return the Python of an expression, in parentheses if the place needs them.

    >>> age = ("field", "age")
    >>> represent(("not", ("and", (">=", age, 18), ("exists", ("key",)))))
    "~((row.field('age') >= 18) & row.key.exists())"
    """
    name, *arguments = program
    if name in _COMPARISONS:
        path, operand = arguments
        text = f"{represent_path(path)} {name} {_written(operand)}"
        return f"({text})" if place else text
    if name == "or":
        text = " | ".join(represent(part, _OR) for part in arguments)
        return f"({text})" if place > _OR else text
    if name == "and":
        text = " & ".join(represent(part, _AND) for part in arguments)
        return f"({text})" if place > _AND else text
    if name == "not":
        return f"~{represent(arguments[0], _NOT)}"
    path, *operands = arguments
    return f"{represent_path(path)}.{_METHODS.get(name, name)}({', '.join(map(_written, operands))})"


def _written(operand: object) -> str:
    """Return the Python of a value; what fails to give it gets a name, for a `repr` never fails."""
    try:
        return repr(operand)
    except Exception:  # whatever the value's own code does
        return shown(operand)
