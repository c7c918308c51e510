"""The operations of an ordered set."""

from __future__ import annotations

from typing import Any

from ._erlang import Call
from ._operations import END, Operation, OperationsOfSetKinds, Raised
from ._terms import Atom
from ._wheres import BODY, KEY, OBJECT, bounds_of, const, head

__all__ = ["OperationsOfOrderedSet"]


class OperationsOfOrderedSet(OperationsOfSetKinds):
    """Order, ranges, ranks."""

    def first_or_last(self, verb: str) -> Operation:
        """Return `first` or `last`."""
        return self.verb(verb, calls=[self._then("lookup", verb)], expected=self._entry_or_none)

    def next_or_prev(self, verb: str, key: Any) -> Operation:
        """Return `next` or `prev`."""
        call = self._then("lookup", verb, self.family.to_erlang(key))
        return self.verb(verb, key, calls=[call], expected=self._entry_or_none)

    def pop(self, end: str) -> Operation:
        """Return `pop_first` or `pop_last`."""
        return self.verb(f"pop_{end}", calls=[self._then("take", end)], expected=self._entry_or_none)

    def walk_back(self) -> Operation:
        def ours(table: Any) -> list[Any]:
            keys: list[Any] = []
            entry = table.last()
            while entry is not None:
                keys.append(entry.key)
                entry = table.prev(entry.key)
            return keys

        return Operation(
            "last(), prev()...",
            ours,
            [("walk", [Atom("last"), Atom("prev")])],
            lambda answers: [self.family.to_python(key) for key in answers[0]],
        )

    def range(self, low: Any, high: Any, bounds: str, limit: int | None, *, reverse: bool) -> Operation:
        function = "select_reverse" if reverse else "select"
        specification = [(head(), bounds_of(self.family.to_erlang, low, high, bounds), OBJECT)]
        call: Call = (function, [specification])
        if limit is not None:
            call = ("limited", [Atom(function), specification, limit])
        options: dict[str, Any] = {"bounds": bounds, "reverse": reverse, "limit": limit}
        return self.verb("range", low, high, calls=[call], expected=lambda answers: self.entries(answers[0]), **options)

    def delete_range(self, low: Any, high: Any, bounds: str) -> Operation:
        guards = bounds_of(self.family.to_erlang, low, high, bounds)
        return self.verb(
            "delete_range",
            low,
            high,
            calls=[("select_delete", [[(head(), guards, BODY)]])],
            expected=lambda answers: answers[0],
            bounds=bounds,
        )

    def prefix(self, prefix: tuple[Any, ...]) -> Operation:
        return self.verb(
            "prefix",
            prefix,
            calls=[("match_object", [(self.family.to_pattern(prefix), Atom("_"))])],
            expected=lambda answers: self.entries(answers[0]),
        )

    def rank(self, key: Any) -> Operation:
        term = self.family.to_erlang(key)
        calls: list[Call] = [
            ("member", [term]),
            ("select_count", [[(head(), [(Atom("<"), KEY, const(term))], BODY)]]),
        ]
        return self.verb("rank", key, calls=calls, expected=lambda answers: answers[1] if answers[0] else None)

    def at(self, position: int) -> Operation:
        def expected(answers: list[Any]) -> Any:
            if answers[0] in (END, Raised("badarg")):
                return Raised("IndexError")
            return self.entry(answers[0][0])

        return self.verb("at", position, calls=[("slot", [position])], expected=expected)

    def _then(self, function: str, step: str, *arguments: Any) -> Call:
        return ("then", [Atom(function), Atom(step), list(arguments)])

    def _entry_or_none(self, answers: list[Any]) -> Any:
        return self.entry(answers[0][0]) if answers[0] else None
