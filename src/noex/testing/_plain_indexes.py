"""Indexes as plainly as they can be said: what a row is entered under, worked out again after every change."""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownLambdaType=false
# Values are of any type: what they are is found out here.
from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

from noex import ets
from noex.errors import UnhashableKey, UnorderableKey
from noex.ets import row
from noex.testing._models import term
from noex.typing import Entry

__all__ = ["INDEXES", "IndexDefinition", "PlainIndex", "Refused", "fitting", "mark"]

Rows = dict[Any, tuple[Any, Any, int | None]]

_DESC: Final = type(ets.desc(0))
_ORDERABLE: Final = (type(None), int, float, datetime, str, bytes)


class Refused(Exception):
    """What an index function raises that refuses a value."""


class _Reversed:
    """Compares the other way round."""

    def __init__(self, mark: Any) -> None:
        self.mark = mark

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and bool(self.mark == other.mark)

    def __hash__(self) -> int:
        return hash(self.mark)

    def __lt__(self, other: _Reversed) -> bool:
        return bool(other.mark < self.mark)

    def __gt__(self, other: _Reversed) -> bool:
        return bool(other.mark > self.mark)


def mark(value: Any) -> Any:
    """Return what Python compares as the term order compares the value, `ets.desc` included.

    Raises:
        UnorderableKey: the value has no place in the order.
    """
    if isinstance(value, _DESC):
        return -1, _Reversed(mark(value.value))
    if isinstance(value, tuple):
        return 6, tuple(mark(part) for part in value)
    if not isinstance(value, _ORDERABLE):
        raise UnorderableKey(repr(value))
    return term(value)


def fitting(definition: IndexDefinition, value: Any) -> Any:
    """Return the value, or `None` in place of one that is reversed where the index has no order to reverse."""
    parts = value if isinstance(value, tuple) else (value,)
    reversed_part = any(isinstance(part, _DESC) for part in parts)
    return None if reversed_part and not definition.ordered else value


def _in(value: Any, *path: str | int) -> Any:
    """Return a part of a value, `None` where there is none."""
    for part in path:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, tuple | list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _newest(_key: Any, value: Any) -> Any:
    return ets.desc(value) if type(value) is int else None


def _user_and_age(_key: Any, value: Any) -> Any:
    return (_in(value, "user"), ets.desc(_in(value, "age"))) if isinstance(value, dict) else None


def _but_poison(_key: Any, value: Any) -> Any:
    if value == "poison":
        raise Refused
    return str(value)[:1]


class IndexDefinition(NamedTuple):
    """An index to add: what `add_index` is given, and a plain reading of it."""

    name: str
    key: Any
    read: Callable[[Any, Any], Any]
    ordered: bool = False
    unique: bool = False


INDEXES: Final[dict[str, IndexDefinition]] = {
    definition.name: definition
    for definition in [
        IndexDefinition("age", "age", lambda _, value: _in(value, "age")),
        IndexDefinition("age in order", "age", lambda _, value: _in(value, "age"), ordered=True),
        IndexDefinition("user", row.field("user"), lambda _, value: _in(value, "user")),
        IndexDefinition("one user each", "user", lambda _, value: _in(value, "user"), unique=True),
        IndexDefinition("first tag", row.field("tags", 0), lambda _, value: _in(value, "tags", 0), ordered=True),
        IndexDefinition("value", row.value, lambda _, value: value),
        IndexDefinition("numbers down", _newest, _newest, ordered=True),
        IndexDefinition("each number once", _newest, _newest, ordered=True, unique=True),
        IndexDefinition("user and age", _user_and_age, _user_and_age, ordered=True),
        IndexDefinition("key", row.key, lambda key, _: key, ordered=True),
        IndexDefinition("beginning", _but_poison, _but_poison),
    ]
}
"""The indexes that machines add and drop."""


class PlainIndex:
    """One index of a model: the mark of each row, and when the row got it."""

    def __init__(self, definition: IndexDefinition, rows: Rows) -> None:
        self.definition = definition
        self.entered: dict[Any, tuple[Any, int]] = {}
        self.round = 0
        self.settle(rows)

    def mark(self, value: Any) -> Any:
        """Return the mark of an indexed value.

        Raises:
            UnhashableKey, UnorderableKey: the value cannot be indexed.
        """
        if self.definition.ordered:
            return mark(value)
        try:
            hash(value)
        except TypeError:
            raise UnhashableKey(repr(value)) from None
        return value

    def mark_of(self, key: Any, value: Any) -> Any:
        """Return the mark of a row, `None` if it is kept out. Raises what the index function raises."""
        found = self.definition.read(key, value)
        return None if found is None else self.mark(found)

    def objections(self, rows: Rows, changed: Iterable[Any]) -> set[str]:
        """Return the names of the errors that a change which leads to these rows may raise for this index."""
        errors: set[str] = set()
        for place in changed:
            try:
                self.mark_of(*rows[place][:2])
            except (Refused, UnhashableKey, UnorderableKey) as error:
                errors.add(type(error).__name__)
        return errors

    def crowded(self, rows: Iterable[tuple[Any, Any]]) -> bool:
        """Tell whether two of the entries have one mark, where each should have its own."""
        if not self.definition.unique:
            return False
        marks = [found for found in (self.mark_of(key, value) for key, value in rows) if found is not None]
        return len(set(marks)) < len(marks)

    def settle(self, rows: Rows) -> None:
        """Take in the rows as they are after a change: who keeps its mark keeps its place."""
        entered: dict[Any, tuple[Any, int]] = {}
        for place, (key, value, _) in rows.items():
            found = self.mark_of(key, value)
            if found is not None:
                former = self.entered.get(place)
                entered[place] = former if former is not None and former[0] == found else (found, self.round)
        self.entered = entered
        self.round += 1

    def order(self, entries: list[Entry], identity: Callable[[Any], Any], *, by_key: bool) -> list[tuple[Any, Entry]]:
        """Return the entries that are in the index, each with what it is sorted by, in the order of the index."""
        found: list[tuple[Any, Entry]] = []
        for entry in entries:
            place = identity(entry.key)
            if place in self.entered:
                entered, since = self.entered[place]
                found.append(((entered if self.definition.ordered else 0, place if by_key else since), entry))
        return sorted(found, key=lambda item: item[0])
