"""What state machines do about transactions: several steps as one, with others writing in between.

A transaction must see the state of one instant between its begin and its end. Which one is found out by trying: each
state that the tables have had is kept as a *world*, a copy of the models, and the transaction's own steps are done to
all of them. A world in which a step gives another answer is not the one it sees. The last one must be among those
that are left when the transaction commits.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import rule

from noex.errors import TableError, TransactionConflict
from noex.testing._plain_indexes import Refused
from noex.testing._steps import Step, outcome_of
from noex.testing._store_machine import SECONDS, STEPS, WRITES, StoreRules

__all__ = ["TransactionRules"]


class Own(NamedTuple):
    """A step of the transaction."""

    number: int
    step: Step


class Foreign(NamedTuple):
    """A step that others do meanwhile."""

    number: int
    step: Step


class Pause(NamedTuple):
    """Time that passes meanwhile."""

    seconds: float


class _Abandoned(Exception):
    """What a transaction's function raises to have nothing done."""


def _own(step: tuple[int, Step]) -> Own:
    return Own(*step)


def _foreign(step: tuple[int, Step]) -> Foreign:
    return Foreign(*step)


def _interrupted(before: list[Own], write: Foreign, after: list[Own]) -> list[Own | Foreign]:
    return [*before, write, *after]


_OBJECTIONS: Final = frozenset({"IndexViolation", "Refused", "UnhashableKey", "UnorderableKey"})

_OWN: Final = STEPS.map(_own)
_SCRIPTS: Final[st.SearchStrategy[list[Any]]] = st.one_of(
    st.lists(_OWN, min_size=1, max_size=6),
    st.lists(st.one_of(_OWN, _OWN, WRITES.map(_foreign)), min_size=3, max_size=7),
    st.builds(_interrupted, st.lists(_OWN, min_size=1, max_size=3), WRITES.map(_foreign), st.lists(_OWN, max_size=3)),
    st.lists(st.one_of(_OWN, _OWN, _OWN, SECONDS.map(Pause)), min_size=2, max_size=7),
)


class _Run:
    """One run of the transaction's function: what it has done, and the worlds that it may be in."""

    def __init__(self, worlds: list[Any]) -> None:
        self.log: list[tuple[Own, str]] = []
        self.latest: list[Any] | None = worlds
        self.possible = [worlds]
        self.disturbed = False
        self.paused = False

    def note(self, action: Own, outcome: str) -> bool:
        """Take note of what came of a step; tell whether there is a world in which it does."""
        self.log.append((action, outcome))
        self.possible = [world for world in self.possible if self._fits(world, action, outcome)]
        if not any(world is self.latest for world in self.possible):
            self.latest = None
        return bool(self.possible)

    def come(self, world: list[Any]) -> None:
        """Take in that the world is another one now."""
        self.disturbed = True
        self.latest = None
        if all(self._fits(world, action, outcome) for action, outcome in self.log):
            self.latest = world
            self.possible.append(world)

    @staticmethod
    def _fits(world: list[Any], action: Own, outcome: str) -> bool:
        return outcome_of(world[action.number], action.step) == outcome


class TransactionRules(StoreRules):
    """Transactions over all tables of the machine."""

    @rule(
        script=_SCRIPTS,
        abandoned=st.sampled_from([False, False, False, True]),
        stubborn=st.sampled_from([1, 1, 2]),
        retries=st.sampled_from([1000, 1000, 1, 0]),
        tidy=st.booleans(),
    )
    def transaction(self, script: list[Any], abandoned: Any, stubborn: int, retries: int, tidy: Any) -> None:
        """Do some steps as one; others write meanwhile, in the first runs of `stubborn`."""
        runs: list[_Run] = []
        faults: list[str] = []
        for subject in self.subjects if tidy else ():
            len(subject.table)  # what is due goes now

        def function(transaction: Any) -> int:
            run = _Run(self._world())
            runs.append(run)
            for action in script:
                if isinstance(action, Own):
                    outcome = outcome_of(transaction[self.subjects[action.number].table], action.step)
                    if self._refused(run, outcome):
                        continue
                    if not run.note(action, outcome):
                        faults.append(f"run {len(runs)}: {action.step} gave {outcome}, which holds at no instant")
                        raise _Abandoned
                elif len(runs) <= stubborn:
                    self._disturb(action, run, faults)
            if abandoned:
                raise _Abandoned
            return len(runs)

        outcome = "done"
        try:
            assert self.store.transact(function, retries=retries) == len(runs)
        except (_Abandoned, Refused, TableError) as error:
            outcome = type(error).__name__
        assert faults == [], faults
        assert len(runs) <= stubborn + 3, f"ran {len(runs)} times, though nobody wrote after {stubborn}"
        if tidy:
            assert all(run.disturbed for run in runs[:-1]), "the function ran again, though nobody wrote"
        self._end(outcome, runs, abandoned=bool(abandoned), retries=retries)

    def _refused(self, run: _Run, outcome: str) -> bool:
        """Tell whether a step could not ask an index because of a row that the transaction wrote and cannot keep."""
        return outcome.startswith("raises") and outcome.removeprefix("raises ") in self._refusals(run)

    def _refusals(self, run: _Run) -> set[str]:
        """Return the errors that indexes raise for rows as the transaction has written them."""
        return {
            error
            for world in run.possible
            for subject, model in zip(self.subjects, world, strict=True)
            if subject.has_indexes
            for index in subject.model.indexes.values()
            for error in index.objections(model.model.rows, model.model.rows)
        }

    def _disturb(self, action: Foreign | Pause, run: _Run, faults: list[str]) -> None:
        if isinstance(action, Pause):
            self.clock.advance(action.seconds)
            run.disturbed = run.paused = True
            return
        try:
            self.subjects[action.number].perform(action.step)
        except AssertionError as error:  # which the transaction might take for a sign that it has to run again
            faults.append(str(error))
            raise
        run.come(self._world())

    def _world(self) -> list[Any]:
        return [subject.model.copy() for subject in self.subjects]

    def _end(self, outcome: str, runs: list[_Run], *, abandoned: bool, retries: int) -> None:
        """Compare how the transaction ended, and what the tables are like after it."""
        last = runs[-1]
        if outcome == TransactionConflict.__name__:
            assert len(runs) == retries + 1, f"gave up after {len(runs)} runs, with {retries} retries"
        elif outcome == _Abandoned.__name__:
            assert abandoned
        else:
            assert not abandoned, f"{outcome}, and its function raised"
            if not self._refused_early(outcome, last):
                assert last.latest is not None, f"{outcome}, and it has read what was over: {last.log!r}"
                objections = self._apply(last.latest)
                assert outcome in (objections or {"done"}), f"{outcome}, not {' or '.join(objections) or 'done'}"
        for subject in self.subjects:
            subject.compare()

    def _refused_early(self, outcome: str, run: _Run) -> bool:
        """Tell whether an index has refused a row that was over by the end, or one of a world that was.

        Nothing is done then, so it is enough that it was so at the instant that the transaction has seen.
        """
        if run.paused:
            return outcome in _OBJECTIONS
        return run.latest is None and outcome in self._refusals(run)

    def _apply(self, world: list[Any]) -> set[str]:
        """Do to the models what the transaction has done, unless an index objects; return the objections."""
        before = [subject.model.state() for subject in self.subjects]
        objections: set[str] = set()
        for subject, former, model in zip(self.subjects, before, world, strict=True):
            subject.model.restore(model.state())
            objections |= subject.model.objections(former)
        for subject, former in zip(self.subjects, before, strict=True):
            if objections:
                subject.model.restore(former)
            else:
                subject.model.settle()
        return objections
