"""Public aliases and the few values that stand for "nothing given".

`None` is an ordinary value everywhere in noex: that something is absent is told by one of the sentinels here, by a
`default=`, or by an exception.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

__all__ = [
    "DEFAULT",
    "DELETE",
    "MISSING",
    "Bounds",
    "Clock",
    "DefaultType",
    "DeleteType",
    "Duration",
    "Entry",
    "Items",
    "MissingType",
    "Number",
    "SupportsKeysAndGetItem",
    "TableEvent",
    "TableEventKind",
    "TableKind",
    "Ttl",
    "new_entry",
]

K = TypeVar("K")
V = TypeVar("V")
_K = TypeVar("_K")
_V_co = TypeVar("_V_co", covariant=True)


class _Sentinel(enum.Enum):
    """Values that only ever mean themselves: enums of one member, which type checkers can narrow by identity."""

    def __repr__(self) -> str:
        return self.name


class _Missing(_Sentinel):
    MISSING = "MISSING"


class _Default(_Sentinel):
    DEFAULT = "DEFAULT"


class _Delete(_Sentinel):
    DELETE = "DELETE"


MissingType: TypeAlias = Literal[_Missing.MISSING]
DefaultType: TypeAlias = Literal[_Default.DEFAULT]
DeleteType: TypeAlias = Literal[_Delete.DELETE]

MISSING: Final = _Missing.MISSING
"""No value was given, or none is there."""

DEFAULT: Final = _Default.DEFAULT
"""Use what the table or recipe was made with."""

DELETE: Final = _Delete.DELETE
"""Returned by a function given to `compute` or `update_where`: remove the row."""

Clock: TypeAlias = Callable[[], float]
"""Seconds since some fixed moment, never going back."""

Duration: TypeAlias = float | timedelta
"""A length of time: seconds, or a `timedelta`; more than zero."""

Ttl: TypeAlias = float | timedelta | DefaultType | None
"""A lifetime: a `Duration`, `None` for no end, `DEFAULT` for the table's own."""

Number: TypeAlias = int | float

TableKind: TypeAlias = Literal["set", "ordered_set", "bag", "duplicate_bag"]

Bounds: TypeAlias = Literal["[)", "[]", "()", "(]"]
"""Which ends of a range belong to it: a square bracket takes the end in, a round one leaves it out."""


class Entry(NamedTuple):
    """One entry of a table: `key` and `value`. A plain tuple to everybody who treats it as one."""

    key: Any
    value: Any


TableEventKind: TypeAlias = Literal["insert", "delete", "expire", "clear"]


class TableEvent(NamedTuple):
    """One change of a table: the entry that came or went, and what its key had before.

    `kind` is "insert" for every write of a value, "delete", "expire", or "clear". `value` is what was written; of an
    entry that went, what went. `previous` is the value that the key had before, in set kinds; `MISSING` where it had
    none, and in bags. A "clear" is about no entry: key, value and previous are `MISSING`.
    """

    kind: TableEventKind
    key: Any
    value: Any
    previous: Any


new_entry: Callable[[type[Entry], tuple[Any, Any]], Entry] = tuple[Any, Any].__new__  # pyright: ignore[reportAssignmentType]
"""`new_entry(Entry, (key, value))`: the class itself, called, would check what need not be checked again."""


class SupportsKeysAndGetItem(Protocol[_K, _V_co]):
    """What `dict.update` takes for a mapping: `keys()` and subscription."""

    def keys(self) -> Iterable[_K]:
        """The keys."""
        ...

    def __getitem__(self, key: _K, /) -> _V_co: ...


Items: TypeAlias = Mapping[K, V] | SupportsKeysAndGetItem[K, V] | Iterable[tuple[K, V]]
"""Entries to write: a mapping, or pairs of key and value."""
