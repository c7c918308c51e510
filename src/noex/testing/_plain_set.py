"""A set table as plainly as it can be said, with the verbs of the table: a step can be done to either."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from noex.errors import CounterTypeError, IndexNotFound, KeyNotFound, UnorderableKey
from noex.ets import desc
from noex.testing._index_steps import PlainIndexReader
from noex.testing._models import SetModel, same
from noex.testing._plain_indexes import IndexDefinition, PlainIndex, Rows, mark
from noex.testing._plain_queries import matching
from noex.typing import DEFAULT, DELETE, MISSING, Clock, Entry

__all__ = ["PlainOrderedSet", "PlainSet"]


class _Rows(SetModel):
    """Rows, told apart by key, or by the place of what a function makes of the key."""

    def __init__(self, clock: Clock, lifetime: Any, sort: Callable[[Any], Any] | None, *, ordered: bool) -> None:
        super().__init__(clock, lifetime)
        self.sort = sort
        self.ordered = ordered

    def identity(self, key: Any) -> Any:
        return mark(key if self.sort is None else self.sort(key)) if self.ordered else key

    def length(self, ttl: Any) -> Any:
        return self.default_lifetime if ttl is DEFAULT else ttl


class PlainSet:
    """The verbs of a `SetTable`, over a model."""

    kind = "set"

    def __init__(self, clock: Clock, lifetime: Any = None, sort: Callable[[Any], Any] | None = None) -> None:
        self.model = _Rows(clock, lifetime, sort, ordered=self.kind == "ordered_set")
        self.indexes: dict[str, PlainIndex] = {}
        self.definitions: dict[str, IndexDefinition] = {}  # in a copy, which keeps no indexes

    # -- as a whole ---------------------------------------------------------------------------------------------

    def copy(self) -> PlainSet:
        """Return one with the same rows and without indexes that could object, as a transaction sees it."""
        twin = type(self)(self.model.clock, self.model.default_lifetime, self.model.sort)
        twin.model.rows = self.state()
        twin.definitions = {name: index.definition for name, index in self.indexes.items()}
        return twin

    def index(self, name: str) -> PlainIndexReader:
        """Return what answers as the index of that name does.

        Raises:
            IndexNotFound: there is none.
        """
        definitions = self.definitions | {name: index.definition for name, index in self.indexes.items()}
        if name not in definitions:
            raise IndexNotFound(name)
        return PlainIndexReader(self, definitions[name])

    def state(self) -> Rows:
        """Return a copy of the live rows."""
        self.model.expire()
        return self.model.rows.copy()

    def restore(self, rows: Rows) -> None:
        """Put these rows in the place of those that are there."""
        self.model.rows = rows.copy()

    def objections(self, before: Rows, *, stepwise: bool = False) -> set[str]:
        """Return the names of the errors that indexes may raise for what has changed since; `stepwise`, row by row."""
        self.model.expire()
        rows = self.model.rows
        changed = [place for place, new in rows.items() if place not in before or before[place][1] is not new[1]]
        errors = {error for index in self.indexes.values() for error in index.objections(rows, changed)}
        if errors:
            return errors
        for index in self.indexes.values():
            entries = [row[:2] for row in rows.values()]
            if index.crowded(entries) or (
                stepwise
                and any(
                    index.crowded([rows[one][:2], before[other][:2]])
                    for one in changed
                    for other in before
                    if one != other
                )
            ):
                errors.add("IndexViolation")
        return errors

    def settle(self) -> None:
        """Bring the indexes up to date."""
        self.model.expire()
        for index in self.indexes.values():
            index.settle(self.model.rows)

    # -- reading ------------------------------------------------------------------------------------------------

    def to_list(self) -> list[Entry]:
        return self.model.entries()

    def __len__(self) -> int:
        return len(self.model.entries())

    def lookup(self, key: Any, default: Any = None) -> Any:
        return self.model.lookup(key, default)

    def lookup_many(self, keys: list[Any]) -> dict[Any, Any]:
        return {key: self.model.lookup(key) for key in keys if self.model.member(key)}

    def member(self, key: Any) -> bool:
        return self.model.member(key)

    def expires_in(self, key: Any) -> float | None:
        row = self.model.row(key)
        return None if row is None or row[2] is None else row[2] / 1000 - self.model.clock()

    def select(self, where: Any = None, *, limit: int | None = None) -> list[Entry]:
        return matching(self.to_list(), where)[:limit]

    def count(self, where: Any = None) -> int:
        return len(self.select(where))

    # -- writing ------------------------------------------------------------------------------------------------

    def insert(self, key: Any, value: Any, *, ttl: Any = DEFAULT) -> None:
        self.model.insert(key, value, self.model.length(ttl))

    def insert_new(self, key: Any, value: Any, *, ttl: Any = DEFAULT) -> bool:
        if self.member(key):
            return False
        self.insert(key, value, ttl=ttl)
        return True

    def setdefault(self, key: Any, value: Any) -> Any:
        self.insert_new(key, value)
        return self.lookup(key)

    def insert_many(self, items: list[tuple[Any, Any]], *, ttl: Any = DEFAULT) -> int:
        return self.model.insert_many(items, self.model.length(ttl))

    def update_counter(self, key: Any, step: Any = 1, *, default: Any = 0, ttl: Any = DEFAULT) -> Any:
        stored = self.lookup(key, default)
        if type(stored) not in (int, float):
            raise CounterTypeError(repr(stored))
        if self.member(key):
            self.model.change(key, stored + step)
        else:
            self.insert(key, stored + step, ttl=ttl)
        return stored + step

    def compute(self, key: Any, function: Callable[[Any], Any], *, default: Any = MISSING) -> Any:
        there = self.member(key)
        if not there and default is MISSING:
            raise KeyNotFound(key, "the model")
        value = self.lookup(key, default)
        result = function(value)
        if result is DELETE:
            self.delete(key)
            return value
        if there:
            self.model.change(key, result)
        else:
            self.insert(key, result)
        return result

    def compare_and_set(self, key: Any, expected: Any, new: Any) -> bool:
        done = self.member(key) and same(self.lookup(key), expected)
        if done:
            self.model.change(key, new)
        return done

    def touch(self, key: Any, ttl: Any) -> bool:
        return self.model.touch(key, self.model.length(ttl))

    def persist(self, key: Any) -> bool:
        row = self.model.row(key)
        self.model.touch(key, None)
        return row is not None and row[2] is not None

    def update_where(self, where: Any, function: Callable[[Any], Any]) -> int:
        found = self.select(where)
        for key, value in found:
            result = function(value)
            if result is DELETE:
                self.delete(key)
            else:
                self.model.change(key, result)
        return len(found)

    # -- removing -----------------------------------------------------------------------------------------------

    def take(self, key: Any, default: Any = None) -> Any:
        value = self.lookup(key, default)
        self.delete(key)
        return value

    def delete(self, key: Any) -> bool:
        return self.model.delete(key) > 0

    def delete_many(self, keys: Iterable[Any]) -> int:
        return sum(self.model.delete(key) for key in keys)

    def delete_object(self, key: Any, value: Any) -> int:
        return self.model.delete_object(key, value)

    def delete_where(self, where: Any) -> int:
        return self.delete_many(entry.key for entry in self.select(where))

    def clear(self) -> int:
        return self.model.clear()


class PlainOrderedSet(PlainSet):
    """The verbs of an `OrderedSetTable`."""

    kind = "ordered_set"

    def to_list(self) -> list[Entry]:
        return sorted(self.model.entries(), key=lambda entry: self.model.identity(entry.key))

    def select(
        self, where: Any = None, *, limit: int | None = None, reverse: bool = False, after: Any = MISSING
    ) -> list[Entry]:
        entries = self.to_list()
        if after is not MISSING:
            place = self.model.identity(after)
            entries = [
                entry
                for entry in entries
                if (self.model.identity(entry.key) < place if reverse else self.model.identity(entry.key) > place)
            ]
        return matching(entries[::-1] if reverse else entries, where)[:limit]

    def range(
        self, low: Any = None, high: Any = None, *, bounds: str = "[)", reverse: bool = False, limit: int | None = None
    ) -> list[Entry]:
        found: list[Entry] = []
        for entry in self.to_list():
            place = self.model.identity(entry.key)
            if low is not None:
                least = self.model.identity(low)
                if not (place > least or (bounds[0] == "[" and place == least)):
                    continue
            if high is not None:
                most = self.model.identity(high)
                if not (place < most or (bounds[1] == "]" and place == most)):
                    continue
            found.append(entry)
        return (found[::-1] if reverse else found)[:limit]

    def prefix(self, beginning: tuple[Any, ...]) -> list[Entry]:
        if self.model.sort is None and any(isinstance(part, type(desc(0))) for part in beginning):
            raise UnorderableKey(repr(beginning))
        parts = mark(beginning)[1]
        found: list[Entry] = []
        for entry in self.to_list():
            place = self.model.identity(entry.key)
            if place[0] == 6 and place[1][: len(parts)] == parts:
                found.append(entry)
        return found

    def delete_range(self, low: Any, high: Any, *, bounds: str = "[)") -> int:
        return self.delete_many(entry.key for entry in self.range(low, high, bounds=bounds))

    def first(self) -> Entry | None:
        return next(iter(self.to_list()), None)

    def last(self) -> Entry | None:
        return next(iter(self.to_list()[::-1]), None)

    def next(self, key: Any) -> Entry | None:
        return next(iter(self.select(after=key)), None)

    def prev(self, key: Any) -> Entry | None:
        return next(iter(self.select(after=key, reverse=True)), None)

    def pop_first(self) -> Entry | None:
        return self._popped(self.first())

    def pop_last(self) -> Entry | None:
        return self._popped(self.last())

    def _popped(self, entry: Entry | None) -> Entry | None:
        if entry is not None:
            self.delete(entry.key)
        return entry

    def rank(self, key: Any) -> int | None:
        places = [self.model.identity(entry.key) for entry in self.to_list()]
        place = self.model.identity(key)
        return places.index(place) if place in places else None

    def at(self, position: int) -> Entry:
        return self.to_list()[position]
