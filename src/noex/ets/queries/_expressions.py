"""Expressions over the row: terms, what they are compared with, and how expressions combine.

An expression is its *program*, nested plain tuples that the kernel compiles (`kernel/_pure/queries/predicates.py` says
what they are made of), so whatever can be said here can be run without calling back into Python for each row.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

from noex.errors import shown
from noex.ets.queries._operands import (
    MOST_LEVELS,
    Queried,
    check_glob,
    check_part,
    check_prefix,
    copied,
    copied_all,
)
from noex.ets.queries._representation import represent, represent_path
from noex.kernel import Predicate, Program, compile_predicate

__all__ = ["Expression", "Row", "Term", "row"]

_PARENTHESES: Final = "put each comparison in parentheses: (row.field('age') >= 18) & (row.field('age') < 65)"


class _Immutable(Queried):
    """Base of what never changes: may be shared by threads, and copying gives the same object."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{self!r} cannot be changed; make another one")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{self!r} cannot be changed; make another one")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any], /) -> Self:
        return self


class Expression(_Immutable):
    """A condition on entries, for `select`, `count`, `delete_where` and the like; made from `row`, never called.

    Immutable, reusable for any number of tables, safe to share between threads; can be copied, and pickled if the
    values in it can. `repr` gives the Python that makes it. It has no truth value: `and`, `or`, `not` and
    `18 <= age < 65` would silently drop half of it, so they raise `TypeError`.

    >>> from noex.ets import row
    >>> adult = row.field("age") >= 18
    >>> adult & ~row.key.startswith("bot:")
    (row.field('age') >= 18) & ~row.key.startswith('bot:')

    Raises:
        TypeError: what is combined with it is no expression.
        ValueError: it would nest more than 100 levels deep; a row of the same operator counts as one level.
    """

    __slots__ = ("_levels", "_predicate", "_program")

    _levels: int
    _predicate: Predicate | None
    _program: Program

    def __new__(cls, *_arguments: object) -> Self:
        """Refuse: comparisons make expressions."""
        raise TypeError("expressions are made by comparing, such as row.field('age') >= 18")

    @property
    def _test(self) -> Predicate:
        """The function of key and value that tells whether an entry matches; compiled once, when first wanted."""
        predicate = self._predicate
        if predicate is None:
            predicate = compile_predicate(self._program)
            object.__setattr__(self, "_predicate", predicate)
        return predicate

    def __and__(self, other: Expression, /) -> Expression:
        """Return what matches where both match. O(size of both)."""
        return _combine("and", "&", self, other)

    def __or__(self, other: Expression, /) -> Expression:
        """Return what matches where one of them matches. O(size of both)."""
        return _combine("or", "|", self, other)

    def __invert__(self) -> Expression:
        """Return what matches where this does not: also where the field is missing. O(1)."""
        return _expression(("not", self._program), self._levels + 1)

    if not TYPE_CHECKING:  # for type checkers these do not exist; for everybody else they say what to write

        def __bool__(self) -> NoReturn:
            raise TypeError(
                f"{self!r} has no truth value; write & for and, | for or, ~ for not, is_in for one of several, and "
                "two comparisons in parentheses for a chained one: (row.value >= 1) & (row.value < 9)"
            )

        def __rand__(self, other: object) -> NoReturn:
            _refuse("&", other)

        def __ror__(self, other: object) -> NoReturn:
            _refuse("|", other)

    def __reduce__(self) -> tuple[Any, ...]:
        return _expression, (self._program, self._levels)

    def __repr__(self) -> str:
        return represent(self._program)


class Term(_Immutable):
    """A part of an entry, to be compared: `row.key`, `row.value` or `row.field(...)`.

    `==`, `!=`, `<`, `<=`, `>` and `>=` with a plain value, and the methods, give an `Expression`. An entry that lacks
    the field matches none of them, nor does one whose part cannot be compared with the value. Immutable. A term has no
    truth value and no hash.

    >>> from noex.ets import row
    >>> row.field("age") >= 18
    row.field('age') >= 18

    Raises:
        TypeError: it is compared with another term or an expression.
        ValueError: the value nests more than 100 levels deep.
    """

    __slots__ = ("_path",)

    _path: Program

    def __new__(cls, *_arguments: object) -> Self:
        """Refuse: `row` has the terms."""
        raise TypeError("terms are row.key, row.value and row.field('age')")

    __hash__ = None  # type: ignore[assignment]  # as == gives an expression

    def __eq__(self, value: object, /) -> Expression:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return what matches where it is equal to the value. O(1), as are the following."""
        return self._compared("==", value)

    def __ne__(self, value: object, /) -> Expression:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return what matches where it is there and not equal to the value."""
        return self._compared("!=", value)

    def __lt__(self, value: object, /) -> Expression:
        """Return what matches where it is less than the value."""
        return self._compared("<", value)

    def __le__(self, value: object, /) -> Expression:
        """Return what matches where it is the value or less."""
        return self._compared("<=", value)

    def __gt__(self, value: object, /) -> Expression:
        """Return what matches where it is more than the value."""
        return self._compared(">", value)

    def __ge__(self, value: object, /) -> Expression:
        """Return what matches where it is the value or more."""
        return self._compared(">=", value)

    def is_in(self, values: Iterable[object]) -> Expression:
        """Return what matches where it is equal (`==`) to one of the values. O(values), which are copied.

        Raises:
            TypeError: `values` is no collection, or is text; or a term or an expression is among them.
            ValueError: a value nests more than 100 levels deep.

        >>> from noex.ets import row
        >>> row.key.is_in(["ann", "bob"])
        row.key.is_in(('ann', 'bob'))
        """
        return self._expression("in", copied_all(values))

    def startswith(self, prefix: str | bytes | tuple[Any, ...]) -> Expression:
        """Return what matches where it is text, bytes or a tuple, as the prefix is, and begins with it. O(prefix).

        Raises:
            TypeError: the prefix is no str, bytes or tuple.
            ValueError: a part of it nests more than 100 levels deep.

        >>> from noex import ets
        >>> table = ets.SetTable[object, int]()
        >>> table.insert_many({("user:1", "search"): 1, ("user:10", "search"): 2, "user:1": 3})
        3
        >>> test = ets.row.key.startswith(("user:1",))._test
        >>> [value for key, value in table.items() if test(key, value)]
        [1]
        """
        return self._expression("startswith", check_prefix(prefix))

    def contains(self, item: object) -> Expression:
        """Return what matches where the item is in it: a part of text, an element, a key of a mapping. O(1).

        Raises:
            TypeError: the item is a term or an expression.
            ValueError: it nests more than 100 levels deep.

        >>> from noex.ets import row
        >>> row.field("tags").contains("new")
        row.field('tags').contains('new')
        """
        return self._expression("contains", copied(item))

    def matches(self, glob: str) -> Expression:
        """Return what matches where it is text and the glob covers all of it. O(glob).

        `*` is any text without `/`, `**` is any text, `?` is one character; all else stands for itself.

        Raises:
            TypeError: the glob is no str.
            ValueError: it is empty.

        >>> from noex.ets import row
        >>> row.key.matches("user:*")
        row.key.matches('user:*')
        """
        return self._expression("matches", check_glob(glob))

    def exists(self) -> Expression:
        """Return what matches where it is there: a field may be missing, key and value never are. O(1).

        >>> from noex.ets import row
        >>> row.field("email").exists()
        row.field('email').exists()
        """
        return self._expression("exists")

    def _compared(self, name: str, value: object) -> Expression:
        return self._expression(name, copied(value))

    def _expression(self, name: str, *operand: object) -> Expression:
        return _expression((name, self._path, *operand), 1)

    if not TYPE_CHECKING:  # as in Expression

        def __bool__(self) -> NoReturn:
            raise TypeError(f"{self!r} has no truth value; compare it: {self!r} == True, or {self!r}.exists()")

        def __contains__(self, item: object) -> NoReturn:
            raise TypeError(f"`in` cannot be asked of {self!r}; write {self!r}.contains({shown(item)})")

        def __and__(self, other: object) -> NoReturn:
            _refuse("&", self)

        def __or__(self, other: object) -> NoReturn:
            _refuse("|", self)

        def __invert__(self) -> NoReturn:
            _refuse("~", self)

        __rand__ = __and__
        __ror__ = __or__

    def __reduce__(self) -> tuple[Any, ...]:
        return _term, (self._path,)

    def __repr__(self) -> str:
        return represent_path(self._path)


class Row(_Immutable):
    """The entry that an expression speaks of; `row` is the only one."""

    __slots__ = ()

    @property
    def key(self) -> Term:
        """The key."""
        return _KEY

    @property
    def value(self) -> Term:
        """The whole value."""
        return _VALUE

    def field(self, *path: str | int) -> Term:
        """Return the term for a part of the value; each further name leads one level deeper. O(path).

        A name is a key of a mapping, or else an attribute; a position is one of a tuple or a list, or a key of a
        mapping.

        Raises:
            TypeError: there is no name, or one is neither str nor int.
            ValueError: a name is that of a special attribute, such as `__class__`.

        >>> from noex.ets import row
        >>> row.field("address", "lines", 0) == "1 High Street"
        row.field('address', 'lines', 0) == '1 High Street'
        """
        if not path:
            raise TypeError("row.field takes at least one name, such as row.field('age'); the whole value is row.value")
        return _term(("field", *map(check_part, path)))

    if not TYPE_CHECKING:  # as in Expression

        def __getattr__(self, name: str) -> NoReturn:
            raise AttributeError(f"row has key, value and field(...), and no {name}; write row.field({name!r})")

    def __reduce__(self) -> str:
        return "row"

    def __repr__(self) -> str:
        return "row"


def _term(path: Program) -> Term:
    """Return the term of a path; pickles name this function."""
    term = object.__new__(Term)
    object.__setattr__(term, "_path", path)
    return term


def _expression(program: Program, levels: int) -> Expression:
    """Return the expression of a program that nests so many levels deep; pickles name this function.

    Raises:
        ValueError: it nests too deep.
    """
    if levels > MOST_LEVELS:
        raise ValueError(f"an expression nests at most {MOST_LEVELS} levels deep; combine more of it at one level")
    expression = object.__new__(Expression)
    object.__setattr__(expression, "_program", program)
    object.__setattr__(expression, "_levels", levels)
    object.__setattr__(expression, "_predicate", None)
    return expression


def _combine(name: str, sign: str, *expressions: object) -> Expression:
    """Return the expressions in a row; those of the same operator are taken in, so that a long row stays flat."""
    parts: list[Program] = []
    levels = 0
    for expression in expressions:
        if not isinstance(expression, Expression):
            _refuse(sign, expression)
        if expression._program[0] == name:
            parts += expression._program[1:]
            levels = max(levels, expression._levels)
        else:
            parts.append(expression._program)
            levels = max(levels, expression._levels + 1)
    return _expression((name, *parts), levels)


def _refuse(sign: str, other: object) -> NoReturn:
    raise TypeError(f"{sign} combines expressions, and {shown(other)} is none; {_PARENTHESES}")


_KEY: Final = _term(("key",))
_VALUE: Final = _term(("value",))

row: Final = Row()
"""The entry that an expression speaks of: `row.key`, `row.value`, `row.field("age")`."""
