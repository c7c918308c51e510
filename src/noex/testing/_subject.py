"""A table that is tried out: the model beside it, its indexes in both, and a replay of its events."""

from __future__ import annotations

from typing import Any, Final

from noex.testing._plain_bag import PlainBag, PlainDuplicateBag
from noex.testing._plain_indexes import PlainIndex
from noex.testing._plain_set import PlainOrderedSet, PlainSet
from noex.testing._replay import Replay
from noex.testing._step_strategies import shelf
from noex.testing._steps import Step, outcome_of, prediction_of
from noex.typing import Clock, Entry, TableKind

__all__ = ["Subject"]

_GONE: Final = object()


class Subject:
    """A table and all that it is compared with."""

    def __init__(self, table: Any, clock: Clock, lifetime: Any, *, keyed: bool) -> None:
        self.table = table
        self.kind: TableKind = table.kind
        self.keyed = keyed
        self.has_indexes = self.kind in {"set", "ordered_set"}
        self.model: Any
        if self.kind == "bag":
            self.model = PlainBag()
        elif self.kind == "duplicate_bag":
            self.model = PlainDuplicateBag()
        elif self.kind == "set":
            self.model = PlainSet(clock, lifetime)
        else:
            self.model = PlainOrderedSet(clock, lifetime, shelf if keyed else None)
        self.replay: Replay | None = None
        self.subscription: Any = None

    def __repr__(self) -> str:
        return f"<{self.kind}{' by shelf' if self.keyed else ''}>"

    def identity(self, key: Any) -> Any:
        """Return what tells keys of the table apart."""
        return self.model.model.identity(key) if self.has_indexes else key

    # -- comparing ----------------------------------------------------------------------------------------------

    def perform(self, step: Step) -> None:
        """Do a step to both, and compare what came of it."""
        before = self.model.state()
        predicted = prediction_of(self.model, step)
        outcome = outcome_of(self.table, step)
        assert outcome in predicted, f"{self}: {step} gave {outcome}, not {' or '.join(sorted(predicted))}"
        if step.verb == "update_where":
            if self.has_indexes and outcome.startswith("raises"):
                self._adopt(before)
            self.model.settle()

    def _adopt(self, before: dict[Any, Any]) -> None:
        """Take over what of a change of many rows, one by one, was done before an index objected."""
        after = self.model.state()
        kept: dict[Any, Any] = {}
        for place, row in before.items():
            value = self.table.lookup(row[0], _GONE)
            if value is _GONE:
                assert place not in after, f"{self} lost {row[0]!r}"
            elif place in after and repr(value) == repr(after[place][1]):
                kept[place] = after[place]
            else:
                assert repr(value) == repr(row[1]), f"{self} has {value!r} at {row[0]!r}"
                kept[place] = row
        self.model.restore(kept)

    def compare(self) -> None:
        """Compare all entries, their number and what they are found by."""
        entries: list[Entry] = self.model.to_list()
        self.agree(self.table.to_list(), entries)
        assert len(self.table) == len(entries), self
        assert self.table.info().size == len(entries), self
        for key in {self.identity(entry.key): entry.key for entry in entries}.values():
            assert repr(self.table.lookup(key)) == repr(self.model.lookup(key)), (self, key)
        if self.has_indexes:
            assert sorted(self.table.info().indexes) == sorted(self.model.indexes), self

    def agree(self, answer: list[Entry], expected: list[Entry]) -> None:
        """Compare entries by their looks, those of an ordered table in order."""
        one, other = list(map(repr, answer)), list(map(repr, expected))
        if self.kind != "ordered_set":
            one.sort()
            other.sort()
        assert one == other, self

    # -- events -------------------------------------------------------------------------------------------------

    def listen(self) -> None:
        """Subscribe to the events of the table, from its entries as they are."""
        self.forget()
        len(self.table)  # what is due goes without being told
        self.replay = Replay(self.identity, self.table.to_list(), bag=not self.has_indexes)
        self.subscription = self.table.subscribe(self.replay)

    def forget(self) -> None:
        """Cancel the subscription."""
        if self.subscription is not None:
            self.subscription.cancel()
        self.replay = self.subscription = None

    def check(self, *, swept: bool = False) -> None:
        """Check the structures, and what events have told: `swept`, also of what has expired. Tidies nothing up."""
        self.table._check()
        if self.replay is not None:
            assert self.replay.faults == [], self
            places = None if swept or not self.has_indexes else set(self.model.state())
            replayed = sorted(map(repr, self.replay.entries(places)))
            assert replayed == sorted(map(repr, self.model.to_list())), f"events of {self} tell another story"

    # -- replacing ----------------------------------------------------------------------------------------------

    def indexed_anew(self) -> None:
        """Add all indexes of the model to the table, which has none of them, and number their entries anew."""
        for name, index in self.model.indexes.items():
            definition = index.definition
            self.table.add_index(name, definition.key, ordered=definition.ordered, unique=definition.unique)
            self.model.indexes[name] = PlainIndex(definition, self.model.state())

    def move_to(self, table: Any) -> None:
        """Go on with another table, which has the same entries."""
        listening = self.replay is not None
        self.forget()
        self.table.close()
        self.table = table
        if self.has_indexes:
            self.indexed_anew()
        if listening:
            self.listen()
