"""The state machine of tables in a store: steps on one or two tables and on their models, time, and events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from noex import ets
from noex.testing._clock import ManualClock
from noex.testing._step_strategies import LIFETIMES, items_of, keys_of, shelf, steps_of, writes_of
from noex.testing._steps import Step
from noex.testing._subject import Subject
from noex.typing import TableKind

__all__ = ["NUMBERS", "SECONDS", "STEPS", "WRITES", "StoreRules"]

NUMBERS: Final = st.runner().flatmap(lambda machine: st.integers(0, len(machine.subjects) - 1))
"""Draws which table a rule is about."""


def _of_a_table(steps: Callable[..., st.SearchStrategy[Step]]) -> st.SearchStrategy[tuple[int, Step]]:
    return st.runner().flatmap(
        lambda machine: NUMBERS.flatmap(
            lambda number: st.tuples(
                st.just(number), steps(machine.subjects[number].kind, keyed=machine.subjects[number].keyed)
            )
        )
    )


STEPS: Final = _of_a_table(steps_of)
"""Draws a table and a step that it can do."""

WRITES: Final = _of_a_table(writes_of)
"""Draws a table and a step that most often changes it."""

SECONDS: Final = st.sampled_from([0.001, 0.25, 0.5, 1, 2])


class StoreRules(RuleBasedStateMachine):
    """Steps on tables of a store."""

    kinds: ClassVar[tuple[TableKind, ...]] = ("set", "ordered_set", "bag", "duplicate_bag")

    subjects: list[Subject]

    def make(self, kind: TableKind, store: ets.Store, **options: Any) -> Any:
        """Return a new table of a kind in a store."""
        return ets.new(kind=kind, store=store, **options)

    @initialize(data=st.data(), count=st.integers(1, 2))
    def begin(self, data: Any, count: int) -> None:
        """Make one or two tables."""
        self.clock = ManualClock()
        self.store = ets.Store()
        self.subjects = []
        for _ in range(count):
            kind: TableKind = data.draw(st.sampled_from(self.kinds), label="kind")
            options: dict[str, Any] = {}
            if kind in {"set", "ordered_set"}:
                options = {"clock": self.clock, "ttl": data.draw(st.none() | LIFETIMES, label="ttl")}
            keyed = kind == "ordered_set" and data.draw(st.booleans(), label="ordered by shelf")
            if keyed:
                options["key"] = shelf
            subject = Subject(self.make(kind, self.store, **options), self.clock, options.get("ttl"), keyed=keyed)
            self.subjects.append(subject)
            keys = keys_of(ordered=kind == "ordered_set" and not keyed)
            items = data.draw(items_of(keys), label="entries")
            subject.perform(Step("insert_many", (items,), {"ttl": None} if "clock" in options else {}))
            self.prepare(subject, data)
            if data.draw(st.booleans(), label="with a subscriber"):
                subject.listen()

    def prepare(self, subject: Subject, data: Any) -> None:
        """Do what is to be done to a table before it begins."""

    @invariant()
    def all_is_whole(self) -> None:
        """Structures are whole, indexes are what their functions make of the rows, events have told it all."""
        for subject in getattr(self, "subjects", ()):
            subject.check()

    def teardown(self) -> None:
        """Compare everything once more at the end."""
        for subject in getattr(self, "subjects", ()):
            subject.compare()
            subject.check()
        if hasattr(self, "store"):
            self.store.close()

    @rule(step=STEPS)
    def step(self, step: tuple[int, Step]) -> None:
        """Do a step, and compare."""
        number, action = step
        self.subjects[number].perform(action)

    @rule(steps=st.lists(STEPS, min_size=2, max_size=5))
    def steps(self, steps: list[tuple[int, Step]]) -> None:
        """Do a few steps, after which indexes catch up at once."""
        for number, action in steps:
            self.subjects[number].perform(action)

    @rule()
    def everything(self) -> None:
        """Compare all that is there."""
        for subject in self.subjects:
            subject.compare()

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    @rule(number=NUMBERS, listening=st.booleans())
    def listen(self, number: int, listening: Any) -> None:
        """Subscribe anew, or no longer."""
        if listening:
            self.subjects[number].listen()
        else:
            self.subjects[number].forget()

    @rule(number=NUMBERS)
    def sweep(self, number: int) -> None:
        """Reclaim what has expired: events tell of it then at the latest."""
        subject = self.subjects[number]
        if subject.has_indexes:
            while subject.table.sweep():
                pass
            subject.check(swept=True)
