"""Expressions from text: Python's own syntax, of which only what is listed here gets through; nothing is evaluated."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from typing import Any, Final

from noex.errors import shown
from noex.ets.queries._expressions import Expression, Term, row
from noex.ets.queries._operands import MOST_LEVELS
from noex.ets.queries._tokens import check_tokens, refusal

__all__ = ["parse"]

_COMPARISONS: Final[dict[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_METHODS: Final = frozenset({"contains", "exists", "is_in", "matches", "startswith"})
_MOST_SHOWN: Final = 40


def parse(text: str) -> Expression:
    """Return the expression that a text stands for, as a command line takes it: `age >= 18 and city == "Kyiv"`.

    O(length of the text); none of it is evaluated, so it may come from anybody. A name is a field of the value, dots
    and `[...]` lead deeper, and `key` and `value` (or `row.key` and `row.value`) are those of the entry. There are
    comparisons with literals, chained ones too, `in` and `not in` a list, `and`, `or`, `not` (or `&`, `|`, `~`, which
    bind tighter than comparisons, as in Python), and the methods `startswith`, `contains`, `matches`, `exists` and
    `is_in`. The `repr` of an expression gives it back, if its values are literals.

    Raises:
        TypeError: it is no str.
        ValueError: there is anything else in it, it is longer than 10,000 characters, or it nests more than 100
            levels deep.

    >>> parse("18 <= age < 65 and not key.startswith('bot:')")
    (row.field('age') >= 18) & (row.field('age') < 65) & ~row.key.startswith('bot:')
    >>> parse("address.city in ['Kyiv', 'Lviv'] or value['a b'][0].exists()")
    row.field('address', 'city').is_in(('Kyiv', 'Lviv')) | row.field('a b', 0).exists()
    """
    if not isinstance(text, str):
        raise TypeError(f"parse takes the text of a query, a str, not {shown(text)}")
    check_tokens(text)
    return _Reader(str.__str__(text)).read()


class _Reader:
    """Reads one text; knows it, so that messages can show the part that they speak of."""

    __slots__ = ("_bytes", "_indent", "_line")

    def __init__(self, text: str) -> None:
        line = re.sub(r"[\r\n]", " ", text)  # strings have none, and Python would end the expression there
        self._line = line.lstrip(" \t")
        self._indent = len(line) - len(self._line)
        self._bytes = self._line.encode()

    def read(self) -> Expression:
        """Return the expression of the whole text."""
        try:
            return self._expression(ast.parse(self._line, mode="eval").body, 1)
        except SyntaxError as error:
            at_end = error.lineno != 1 or not error.offset
            place, reason = self._indent + (len(self._line) + 1 if at_end else error.offset or 0), error.msg
        except (MemoryError, RecursionError):
            place, reason = 1, "it nests too deep"
        line = self._line
        line = line if len(line) <= _MOST_SHOWN else f"{line[:_MOST_SHOWN]}..."
        raise ValueError(f"{line!r} is no query: {reason} (column {place}); write for example: age >= 18")

    def _expression(self, node: ast.expr, level: int) -> Expression:
        """Return the expression of a node."""
        if level > MOST_LEVELS:
            raise self._refusal(node, f"what nests more than {MOST_LEVELS} levels deep")
        match node:
            case ast.BoolOp(op=op, values=values):
                return self._joined(values, level, every=isinstance(op, ast.And))
            case ast.BinOp(op=ast.BitAnd() | ast.BitOr() as op):
                return self._joined(_row_of(node, type(op)), level, every=isinstance(op, ast.BitAnd))
            case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
                return ~self._expression(operand, level + 1)
            case ast.Compare():
                return self._comparison(node)
            case ast.Call(func=ast.Attribute(value=owner, attr=name)) if name in _METHODS:
                return self._method(node, owner, name)
            case ast.Name() | ast.Attribute() | ast.Subscript():
                raise self._refusal(node, "a field compared with nothing (write == True, or .exists())")
            case _:
                raise self._refusal(node)

    def _joined(self, nodes: list[ast.expr], level: int, *, every: bool) -> Expression:
        """Return the expressions of the nodes with `&` or `|` between them."""
        joined = self._expression(nodes[0], level + 1)
        for node in nodes[1:]:
            other = self._expression(node, level + 1)
            joined = joined & other if every else joined | other
        return joined

    def _comparison(self, node: ast.Compare) -> Expression:
        """Return the expression of a comparison; a chained one means each of its parts."""
        lefts = [node.left, *node.comparators]
        first, *others = map(self._compared, lefts, node.ops, node.comparators)
        for other in others:
            first &= other
        return first

    def _compared(self, left: ast.expr, sign: ast.cmpop, right: ast.expr) -> Expression:
        """Return the expression of one comparison."""
        if isinstance(sign, ast.In | ast.NotIn):
            values = self._values(right)
            found = self._term(left).is_in(values)
            return ~found if isinstance(sign, ast.NotIn) else found
        if type(sign) not in _COMPARISONS:
            raise self._refusal(left, "a comparison with `is` (write == for it)")
        compare = _COMPARISONS[type(sign)]
        expression: Expression
        if _is_literal(left):
            expression = compare(self._literal(left), self._term(right))  # which Python turns round
        elif _is_literal(right):
            expression = compare(self._term(left), self._literal(right))
        else:
            hint = " (put comparisons in parentheses beside & and |, or write and, or)" if _is_combined(right) else ""
            raise self._refusal(right, f"anything but a literal to compare with{hint}")
        return expression

    def _method(self, node: ast.Call, owner: ast.expr, name: str) -> Expression:
        """Return the expression of a call of a method."""
        term = self._term(owner)
        if node.keywords or len(node.args) != (name != "exists"):
            raise self._refusal(node, f"{name} with anything but {'()' if name == 'exists' else 'one literal'}")
        read = self._values if name == "is_in" else self._literal
        arguments = [read(argument) for argument in node.args]
        try:
            expression: Expression = getattr(term, name)(*arguments)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{error} (column {self._column(node) + 1})") from None
        return expression

    def _term(self, node: ast.expr) -> Term:
        """Return the term of names, dots and brackets."""
        path: list[str | int] = []
        root = node
        while isinstance(root, ast.Attribute | ast.Subscript):
            if isinstance(root, ast.Subscript):
                path.insert(0, self._part(root.slice))
            elif isinstance(root.value, ast.Name) and root.value.id == "row":
                break
            else:
                path.insert(0, root.attr)
            root = root.value
        match root:
            case ast.Name(id="key") | ast.Attribute(attr="key") if path:
                raise self._refusal(node, "a part of the key (compare all of it, or write key.startswith(...))")
            case ast.Name(id="key") | ast.Attribute(attr="key"):
                return row.key
            case ast.Name(id="value") | ast.Attribute(attr="value"):
                return self._field(node, path) if path else row.value
            case ast.Name(id=name) if name != "row":
                return self._field(node, [name, *path])
            case ast.Call(func=ast.Attribute(value=ast.Name(id="row"), attr="field"), args=args, keywords=[]) if args:
                return self._field(node, [*map(self._part, args), *path])
            case ast.Name() | ast.Attribute():
                raise self._refusal(node, "row with anything but row.key, row.value and row.field('name')")
            case _:
                raise self._refusal(root)

    def _field(self, node: ast.expr, path: list[str | int]) -> Term:
        """Return the term of a field."""
        try:
            return row.field(*path)
        except ValueError as error:
            raise ValueError(f"{error} (column {self._column(node) + 1})") from None

    def _part(self, node: ast.expr) -> str | int:
        """Return a name or a position out of brackets."""
        part = self._literal(node) if _is_literal(node) else None
        if isinstance(part, bool) or not isinstance(part, str | int):
            raise self._refusal(node, "anything in brackets but a name in quotes or a position")
        return part

    def _values(self, node: ast.expr) -> list[Any]:
        """Return the values of a list, a tuple or a set."""
        if not isinstance(node, ast.List | ast.Tuple | ast.Set):
            raise self._refusal(node, "`in` anything but a list of literals (for a part of a field write .contains())")
        return [self._literal(item) for item in node.elts]

    def _literal(self, node: ast.expr) -> Any:
        """Return the value of a literal."""
        match node:
            case ast.Constant(value=str() | bytes() | int() | float() | None as value):
                return value
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
                number = self._literal(operand)
                if isinstance(number, bool) or not isinstance(number, int | float):
                    raise self._refusal(node, "a sign before anything but a number")
                return -number if isinstance(sign, ast.USub) else number
            case ast.List(elts=items):
                return [self._literal(item) for item in items]
            case ast.Tuple(elts=items):
                return tuple([self._literal(item) for item in items])
            case ast.Set(elts=items):
                try:
                    return {self._literal(item) for item in items}
                except TypeError:
                    raise self._refusal(node, "a list or a set inside a set") from None
            case _:
                raise self._refusal(node)

    def _column(self, node: ast.expr) -> int:
        """Return the column at which a node begins, in characters, counted from 0."""
        return len(self._bytes[: node.col_offset].decode()) + self._indent

    def _refusal(self, node: ast.expr, what: str | None = None) -> ValueError:
        """Return the error that names a part of the text."""
        part = self._bytes[node.col_offset : node.end_col_offset].decode()
        part = repr(part if len(part) <= _MOST_SHOWN else f"{part[:_MOST_SHOWN]}...")
        return refusal(part if what is None else f"{what}, as in {part},", self._column(node))


def _row_of(node: ast.expr, sign: type[ast.operator]) -> list[ast.expr]:
    """Return what stands in a row with `&` or `|` between, which Python nests to the left, however long it is."""
    nodes: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, sign):
        nodes.append(node.right)
        node = node.left
    nodes.append(node)
    nodes.reverse()
    return nodes


def _is_literal(node: ast.expr) -> bool:
    """Return whether a node can only be a literal, if anything."""
    return isinstance(node, ast.Constant | ast.UnaryOp | ast.List | ast.Tuple | ast.Set)


def _is_combined(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr)
