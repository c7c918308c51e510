"""What the suites share: how a table is made and checked, and how the kinds answer alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Final, TypeAlias

import pytest

from noex import errors, ets
from noex.testing import ManualClock
from noex.typing import TableKind

__all__ = ["Conformance", "Table"]

Table: TypeAlias = Any
"""What the suites drive: anything that has the verbs, and often enough with arguments that no type allows."""

_ABSENT: Final = object()


class Conformance:
    """Base of the suites: subclass one of them and override `make` to run it over your own tables."""

    kind: ClassVar[TableKind]

    def make(self, **options: Any) -> Table:
        """Return a new table of the suite's kind, made with the options of the kind's constructor."""
        return ets.new(kind=self.kind, **options)

    def check(self, table: Table) -> None:
        """Look at the invariants of a table."""
        table._check()

    @pytest.fixture
    def clock(self) -> ManualClock:
        """A clock at 0 that the test turns."""
        return ManualClock()

    @pytest.fixture
    def table(self) -> Iterator[Table]:
        """An empty table of the suite's kind; its invariants are checked after the test."""
        with self.make() as table:
            yield table
            if not table.closed:
                self.check(table)

    @property
    def is_bag(self) -> bool:
        """Whether a key can have several values."""
        return self.kind in ("bag", "duplicate_bag")

    @property
    def is_ordered(self) -> bool:
        """Whether entries stand in term order."""
        return self.kind == "ordered_set"

    @property
    def key_error(self) -> type[errors.TableError]:
        """What a key that the kind cannot take raises."""
        return errors.UnorderableKey if self.is_ordered else errors.UnhashableKey

    def values_of(self, table: Table, key: object) -> list[Any]:
        """Return the values under a key, in every kind as a list, empty where there are none."""
        if self.is_bag:
            values: list[Any] = table.lookup(key)
            assert type(values) is list
            return values
        value = table.lookup(key, _ABSENT)
        return [] if value is _ABSENT else [value]

    def kept(self, *values: object) -> list[Any]:
        """Return which of the values that are inserted under one key in this order the kind keeps."""
        if self.kind == "duplicate_bag":
            return list(values)
        if self.kind == "bag":
            return [value for place, value in enumerate(values) if value not in values[:place]]
        return [values[-1]]

    def fill(self, entries: Mapping[Any, Any] | list[tuple[Any, Any]], **options: Any) -> Table:
        """Return a new table with these entries."""
        table = self.make(**options)
        table.insert_many(entries)
        return table

    def content(self, table: Table) -> list[tuple[Any, Any]]:
        """Return the entries as plain tuples, sorted by their looks where the kind has no order."""
        entries = [tuple(entry) for entry in table.to_list()]
        return entries if self.is_ordered else sorted(entries, key=repr)

    def that_do_not_raise(
        self, error: type[BaseException], calls: Mapping[str, Callable[[], object]]
    ) -> dict[str, object]:
        """Return those of the calls that do not raise the error, with what they do instead."""
        wrong: dict[str, object] = {}
        for name, call in calls.items():
            try:
                wrong[name] = call()
            except error:
                continue
            except BaseException as other:
                wrong[name] = other
        return wrong
