"""What a table does, as plainly as it can be said: the models that the state machines compare tables with.

They are slow and safe for one thread only: a set is a dict of rows, a bag a dict of lists, order comes from sorting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from noex import clock as time
from noex.typing import Clock, Entry

__all__ = ["BagModel", "OrderedSetModel", "SetModel", "same", "term"]

Lifetime: TypeAlias = float | timedelta | None


def same(one: object, other: object) -> bool:
    """Return whether a dict would take the two for one: identical, or equal."""
    return one is other or one == other


def term(key: Any) -> tuple[Any, ...]:
    """Return a tuple that Python compares as the term order compares the key."""
    if key is None:
        return (0,)
    if isinstance(key, (int, float)):
        return (1, key)
    if isinstance(key, datetime):
        return (2, key) if key.tzinfo is None else (3, key)
    if isinstance(key, str):
        return (4, key)
    if isinstance(key, bytes):
        return (5, key)
    return (6, tuple(term(part) for part in key))


class SetModel:
    """A dict of rows: the first key object, the value, the deadline in whole milliseconds or `None`."""

    def __init__(self, clock: Clock, default_lifetime: Lifetime) -> None:
        self.clock = clock
        self.default_lifetime = default_lifetime
        self.rows: dict[Any, tuple[Any, Any, int | None]] = {}

    def identity(self, key: Any) -> Any:
        """Return what tells keys apart."""
        return key

    def entries(self) -> list[Entry]:
        """Return the live entries."""
        self.expire()
        return [Entry(key, value) for key, value, _ in self.rows.values()]

    def expire(self) -> int:
        """Forget what is due, and count it."""
        now = time.milliseconds(self.clock())
        due = [place for place, (_, _, deadline) in self.rows.items() if deadline is not None and now >= deadline]
        for place in due:
            del self.rows[place]
        return len(due)

    def deadline(self, lifetime: Lifetime) -> int | None:
        """Return when something written now is gone."""
        return None if lifetime is None else time.deadline(self.clock(), time.seconds(lifetime, "ttl"))

    def row(self, key: Any) -> tuple[Any, Any, int | None] | None:
        """Return the live row of a key."""
        self.expire()
        return self.rows.get(self.identity(key))

    def member(self, key: Any) -> bool:
        """Return whether the key is there."""
        return self.row(key) is not None

    def lookup(self, key: Any, default: Any = None) -> Any:
        """Return the value of a key."""
        row = self.row(key)
        return default if row is None else row[1]

    def insert(self, key: Any, value: Any, lifetime: Lifetime) -> None:
        """Write an entry with a new lifetime; the first key object stays."""
        row = self.row(key)
        self.rows[self.identity(key)] = (key if row is None else row[0], value, self.deadline(lifetime))

    def insert_many(self, items: list[tuple[Any, Any]], lifetime: Lifetime) -> int:
        """Write entries, and count distinct keys."""
        for key, value in items:
            self.insert(key, value, lifetime)
        return len({self.identity(key) for key, _ in items})

    def change(self, key: Any, value: Any) -> None:
        """Write a live entry and keep its lifetime."""
        row = self.rows[self.identity(key)]
        self.rows[self.identity(key)] = (row[0], value, row[2])

    def delete(self, key: Any) -> int:
        """Remove the entry of a key, and count it."""
        self.expire()
        return 0 if self.rows.pop(self.identity(key), None) is None else 1

    def delete_object(self, key: Any, value: Any) -> int:
        """Remove the entry of a key if its value is the given one."""
        row = self.row(key)
        return self.delete(key) if row is not None and same(row[1], value) else 0

    def clear(self) -> int:
        """Remove and count everything."""
        count = len(self.entries())
        self.rows.clear()
        return count

    def touch(self, key: Any, lifetime: Lifetime) -> bool:
        """Give a live entry a new lifetime."""
        row = self.row(key)
        if row is not None:
            self.rows[self.identity(key)] = (row[0], row[1], self.deadline(lifetime))
        return row is not None


class OrderedSetModel(SetModel):
    """The same with keys told apart by their place in the term order, and entries sorted by it."""

    def identity(self, key: Any) -> Any:
        """Return the key's place in the term order."""
        return term(key)

    def entries(self) -> list[Entry]:
        """Return the live entries in order."""
        return sorted(super().entries(), key=lambda entry: term(entry.key))

    def between(self, low: Any, high: Any, bounds: str) -> list[Entry]:
        """Return the entries of a range; `None` is no bound."""
        found = self.entries()
        if low is not None:
            found = [
                entry
                for entry in found
                if term(entry.key) > term(low) or (bounds[0] == "[" and term(entry.key) == term(low))
            ]
        if high is not None:
            found = [
                entry
                for entry in found
                if term(entry.key) < term(high) or (bounds[1] == "]" and term(entry.key) == term(high))
            ]
        return found

    def beginning_with(self, prefix: tuple[Any, ...]) -> list[Entry]:
        """Return the entries whose keys are tuples that begin with the given one."""
        beginning = term(prefix)[1]
        tuples = [entry for entry in self.entries() if term(entry.key)[0] == 6]
        return [entry for entry in tuples if term(entry.key)[1][: len(beginning)] == beginning]


class BagModel:
    """A dict of the first key object and a list of values."""

    def __init__(self, *, duplicates: bool) -> None:
        self.duplicates = duplicates
        self.rows: dict[Any, tuple[Any, list[Any]]] = {}

    def entries(self) -> list[Entry]:
        """Return all entries, those of one key together and in the order of insertion."""
        return [Entry(key, value) for key, values in self.rows.values() for value in values]

    def member(self, key: Any) -> bool:
        """Return whether the key is there."""
        return key in self.rows

    def lookup(self, key: Any) -> list[Any]:
        """Return the values of a key."""
        return list(self.rows[key][1]) if key in self.rows else []

    def insert(self, key: Any, value: Any) -> int:
        """Add an entry, and count it."""
        values = self.rows.setdefault(key, (key, []))[1]
        if not self.duplicates and any(same(value, other) for other in values):
            return 0
        values.append(value)
        return 1

    def insert_many(self, items: Iterable[tuple[Any, Any]]) -> int:
        """Add entries, and count those that were new."""
        return sum(self.insert(key, value) for key, value in items)

    def delete(self, key: Any) -> int:
        """Remove the entries of a key, and count them."""
        return len(self.rows.pop(key, (key, []))[1])

    def delete_object(self, key: Any, value: Any) -> int:
        """Remove the entries of a key with this value, and count them."""
        return self.delete_where(lambda other, kept: same(other, key) and same(kept, value))

    def delete_where(self, where: Callable[[Any, Any], object]) -> int:
        """Remove the entries that a function selects, and count them."""
        before = len(self.entries())
        for place, (key, values) in list(self.rows.items()):
            kept = [value for value in values if not where(key, value)]
            if kept:
                self.rows[place] = (key, kept)
            else:
                del self.rows[place]
        return before - len(self.entries())

    def clear(self) -> int:
        """Remove and count everything."""
        count = len(self.entries())
        self.rows.clear()
        return count
