"""The state machine of the verbs that every kind has, and what the machines draw from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from noex import ets
from noex.testing._models import same
from noex.testing.strategies import in_another_guise, values
from noex.typing import TableKind

__all__ = ["KEYS", "LIMITS", "POOLS", "VALUES", "WHERES", "TableMachine"]


def _counting(total: int, _key: Any, _value: Any) -> int:
    return total + 1


def _itself(key: Any) -> Any:
    """Return the key: a mapped strategy counts as one alternative of many, however many it has itself."""
    return key


POOLS: Final[st.SearchStrategy[list[Any]]] = st.runner().flatmap(
    lambda machine: st.lists(machine.keys, min_size=2, max_size=12)
)
"""Draws the keys that come up again and again, and that the table begins with."""

KEYS: Final[st.SearchStrategy[Any]] = st.runner().flatmap(
    lambda machine: st.one_of(
        st.sampled_from(machine.pool), st.sampled_from(machine.pool).map(in_another_guise), machine.keys.map(_itself)
    )
)
"""Draws a key for the machine that runs: as often as not one of its pool, so that verbs meet each other's keys."""

VALUES: Final = values()
LIMITS: Final = st.sampled_from([None, 0, 1, 2, 5])
WHERES: Final[dict[str, Callable[[Any, Any], object]]] = {
    "never": lambda _key, _value: False,
    "always": lambda _key, _value: True,
    "is 1": lambda _key, value: value == 1,
    "has a true value": lambda _key, value: value,
    "has a text key": lambda key, _value: isinstance(key, str),
    "has a long repr": lambda key, value: len(repr(key) + repr(value)) > 6,
}


class TableMachine(RuleBasedStateMachine):
    """The verbs of every kind."""

    kind: ClassVar[TableKind]
    keys: ClassVar[st.SearchStrategy[Any]]
    pool: list[Any]
    table: Any
    model: Any

    def make(self, **options: Any) -> Any:
        """Return a new table of the machine's kind."""
        return ets.new(kind=self.kind, **options)

    def agree(self, answer: object, expected: object) -> None:
        """Compare two answers by their looks."""
        assert repr(answer) == repr(expected)

    def agree_unordered(self, answer: Iterable[object], expected: Iterable[object]) -> None:
        """Compare two collections; those of an ordered table in order."""
        if self.kind == "ordered_set":
            self.agree(list(answer), list(expected))
        else:
            self.agree(sorted(map(repr, answer)), sorted(map(repr, expected)))

    @invariant()
    def the_structures_are_whole(self) -> None:
        """The structures of the table are whole; nothing else, so that no verb is called that would tidy up."""
        if hasattr(self, "table"):
            self.table._check()

    @rule()
    def everything(self) -> None:
        """Compare all that can be walked, and the size."""
        entries: list[Any] = self.model.entries()
        self.agree_unordered(self.table.to_list(), entries)
        self.agree_unordered(self.table.items(), [tuple(entry) for entry in entries])
        self.agree_unordered(self.table.values(), [entry.value for entry in entries])
        keys = list({id(key): key for key, _ in entries}.values())
        self.agree_unordered(self.table, keys)
        self.agree_unordered(self.table.keys(), keys)
        self.agree(len(self.table), len(entries))
        self.agree(self.table.info().size, len(entries))

    @rule(where=st.sampled_from(sorted(WHERES)), limit=LIMITS)
    def select(self, where: str, limit: int | None) -> None:
        """Compare `select`, `count` and `fold`."""
        found = [entry for entry in self.model.entries() if WHERES[where](*entry)]
        selected = self.table.select(WHERES[where], limit=limit)
        self.agree(len(selected), len(found if limit is None else found[:limit]))
        if limit is None or self.kind == "ordered_set":
            self.agree_unordered(selected, found[:limit])
        self.agree(self.table.count(WHERES[where]), len(found))
        self.agree(self.table.fold(_counting, 0), len(self.model.entries()))

    @rule(really=st.sampled_from([False, False, False, True]))
    def clear(self, really: Any) -> None:
        """Compare `clear`, now and then."""
        if really:
            self.agree(self.table.clear(), self.model.clear())

    def teardown(self) -> None:
        """Compare everything once more at the end."""
        if hasattr(self, "table"):
            self.everything()
            self.the_structures_are_whole()
            self.table.close()

    @rule(asked=st.lists(KEYS, max_size=4))
    def lookup(self, asked: list[Any]) -> None:
        for key in asked:
            self.agree(self.table.lookup(key), self.model.lookup(key))
            self.agree(self.table.member(key), self.model.member(key))
            self.agree(key in self.table, self.model.member(key))
        expected = {key: self.model.lookup(key) for key in asked if self.model.member(key)}
        self.agree_unordered(self.table.lookup_many(asked).items(), expected.items())

    @rule(key=KEYS)
    def take(self, key: Any) -> None:
        expected = self.model.lookup(key)
        self.model.delete(key)
        self.agree(self.table.take(key), expected)

    @rule(key=KEYS)
    def delete(self, key: Any) -> None:
        self.agree(self.table.delete(key), self.model.delete(key) > 0)

    @rule(doomed=st.lists(KEYS, max_size=4))
    def delete_many(self, doomed: list[Any]) -> None:
        self.agree(self.table.delete_many(doomed), sum(self.model.delete(key) for key in doomed))

    @rule(key=KEYS, value=VALUES, matching=st.booleans())
    def delete_object(self, key: Any, value: Any, matching: Any) -> None:
        """Compare `delete_object`, half of the time with a value that is there."""
        if matching and self.model.member(key):
            value = next(entry.value for entry in self.model.entries() if same(entry.key, key))
        self.agree(self.table.delete_object(key, value), self.model.delete_object(key, value))

    @rule(items=st.lists(st.tuples(KEYS, VALUES), max_size=3))
    def insert_many_that_fails(self, items: list[tuple[Any, Any]]) -> None:
        bad_items: list[tuple[Any, type[Exception]]] = [((1, 2, 3), ValueError), (([], 1), TypeError)]
        for bad, error in bad_items:
            try:
                self.table.insert_many([*items, bad])
            except error:
                continue
            raise AssertionError(f"insert_many took {bad!r}")
