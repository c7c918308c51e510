"""What state machines do about indexes: add them, ask them, remove by them, drop them."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from noex.errors import IndexNotFound, IndexViolation, TableError
from noex.testing._plain_indexes import INDEXES, PlainIndex, Refused, fitting
from noex.testing._query_strategies import INDEXED, expressions
from noex.testing._steps import Step, outcome_of
from noex.testing._store_machine import StoreRules
from noex.testing._subject import Subject
from noex.typing import Entry

__all__ = ["IndexRules"]

_NAMES: Final = st.sampled_from(sorted(INDEXES))
_BOUNDS: Final = st.sampled_from(["[)", "[]", "()", "(]"])
_LIMITS: Final = st.sampled_from([None, 0, 1, 2, 5])
_INDEXED: Final[st.SearchStrategy[tuple[int, str]]] = st.runner().flatmap(
    lambda machine: st.sampled_from(
        [(number, name) for number, subject in enumerate(machine.subjects) for name in subject_indexes(subject)]
    )
)


def subject_indexes(subject: Subject) -> list[str]:
    """Return the names of the indexes of a table."""
    return list(subject.model.indexes) if subject.has_indexes else []


def _any_indexes(machine: Any) -> bool:
    return any(subject_indexes(subject) for subject in machine.subjects)


def _name(error: Exception) -> str:
    return type(error).__name__


class IndexRules(StoreRules):
    """Indexes of the set kinds."""

    def prepare(self, subject: Subject, data: Any) -> None:
        """Add some indexes, to most tables."""
        if subject.has_indexes:
            names: list[str] = data.draw(st.lists(_NAMES, max_size=4), label="indexes")
            for name in names:
                self._add_index(subject, name)

    @precondition(lambda machine: any(subject.has_indexes for subject in machine.subjects))
    @rule(data=st.data(), names=st.lists(_NAMES, min_size=1, max_size=3))
    def add_indexes(self, data: Any, names: list[str]) -> None:
        """Add indexes, if nothing objects."""
        able = [number for number, subject in enumerate(self.subjects) if subject.has_indexes]
        number: int = data.draw(st.sampled_from(able), label="number")
        for name in names:
            self._add_index(self.subjects[number], name)

    def _add_index(self, subject: Subject, name: str) -> None:
        definition = INDEXES[name]
        index: PlainIndex | None = None
        try:
            index = PlainIndex(definition, subject.model.state())
            expected = "added"
            if index.crowded([row[:2] for row in subject.model.state().values()]):
                expected = _name(IndexViolation())
        except (Refused, TableError) as error:
            expected = _name(error)
        if name in subject.model.indexes:
            expected = "ValueError"
        try:
            subject.table.add_index(name, definition.key, ordered=definition.ordered, unique=definition.unique)
            answer = "added"
        except (Refused, TableError, ValueError) as error:
            answer = _name(error)
        assert answer == expected, f"adding {name!r} to {subject}: {answer}, not {expected}"
        if expected == "added":
            subject.model.indexes[name] = index

    @precondition(_any_indexes)
    @rule(which=_INDEXED)
    def drop_index(self, which: tuple[int, str]) -> None:
        """Drop an index; who still holds it is told so."""
        number, name = which
        subject = self.subjects[number]
        index = subject.table.index(name)
        subject.table.drop_index(name)
        del subject.model.indexes[name]
        try:
            index.lookup(1)
        except IndexNotFound:
            return
        raise AssertionError(f"{index!r} answers, and was dropped")

    @precondition(_any_indexes)
    @rule(which=_INDEXED, probe=INDEXED)
    def lookup_in_index(self, which: tuple[int, str], probe: Any) -> None:
        """Compare what an index says about one value."""
        subject, index, plain, ordered = self._both(which)
        assert len(index) == len(ordered)
        probe = fitting(plain.definition, probe)
        try:
            wanted = None if probe is None else plain.mark(probe)
        except TableError as error:
            expected = _name(error)
            for verb in ("lookup", "keys", "count", "delete_all"):
                outcome = outcome_of(index, Step(verb, (probe,), {}))
                assert outcome == f"raises {expected}", f"{verb} of {probe!r}: {outcome}, not {expected}"
            return
        found = [item for item in ordered if plain.entered[subject.identity(item[1].key)][0] == wanted]
        self._agree(subject, index.lookup(probe), found)
        assert list(map(repr, index.keys(probe))) == [repr(entry.key) for entry in index.lookup(probe)]
        assert index.count(probe) == len(found)

    @precondition(_any_indexes)
    @rule(which=_INDEXED, probe=INDEXED)
    def delete_all(self, which: tuple[int, str], probe: Any) -> None:
        """Remove all entries of a value."""
        subject, index, plain, ordered = self._both(which)
        probe = fitting(plain.definition, probe)
        try:
            wanted = None if probe is None else plain.mark(probe)
        except TableError:
            return
        doomed = [entry.key for _, entry in ordered if plain.entered[subject.identity(entry.key)][0] == wanted]
        assert index.delete_all(probe) == subject.model.delete_many(doomed)
        subject.model.settle()

    @precondition(_any_indexes)
    @rule(which=_INDEXED, low=INDEXED, high=INDEXED, bounds=_BOUNDS, reverse=st.booleans(), limit=_LIMITS)
    def range_of_index(
        self, which: tuple[int, str], low: Any, high: Any, bounds: str, reverse: Any, limit: int | None
    ) -> None:
        """Compare ranges and both ends of an ordered index."""
        subject, index, plain, ordered = self._both(which)
        if not index.ordered:
            return
        self._agree(subject, index.first(2), ordered, 2)
        self._agree(subject, index.last(2), ordered[::-1], 2)
        try:
            least, most = (None if end is None else plain.mark(end) for end in (low, high))
        except TableError:
            return
        found: list[tuple[Any, Entry]] = []
        for item in ordered:
            entered = plain.entered[subject.identity(item[1].key)][0]
            above = least is None or entered > least or (bounds[0] == "[" and entered == least)
            below = most is None or entered < most or (bounds[1] == "]" and entered == most)
            if above and below:
                found.append(item)
        answer = index.range(low, high, bounds=bounds, reverse=reverse, limit=limit)
        self._agree(subject, answer, found[::-1] if reverse else found, limit)

    @precondition(_any_indexes)
    @rule(which=_INDEXED)
    def positions_in_index(self, which: tuple[int, str]) -> None:
        """Compare `rank` and `at` of an ordered index, for every entry."""
        subject, index, plain, ordered = self._both(which)
        if not index.ordered:
            return
        self._agree(subject, [index.at(place) for place in range(len(ordered))], ordered)
        self._agree(subject, [index.at(-1 - place) for place in range(len(ordered))], ordered[::-1])
        for entry in subject.model.to_list():
            rank = index.rank(entry.key)
            assert (rank is None) == (subject.identity(entry.key) not in plain.entered)
            assert rank is None or repr(index.at(rank)) == repr(entry)

    @rule(data=st.data(), where=expressions())
    def explain(self, data: Any, where: Any) -> None:
        """Ask how a query would go, and compare what it finds."""
        number: int = data.draw(st.integers(0, len(self.subjects) - 1), label="number")
        subject = self.subjects[number]
        plan = subject.table.explain(where)
        assert (plan.index is None) or plan.index in subject.model.indexes, str(plan)
        assert (plan.access == "scan") == (plan.condition is None), str(plan)
        subject.agree(subject.table.select(where), subject.model.select(where))

    def _both(self, which: tuple[int, str]) -> tuple[Subject, Any, PlainIndex, list[tuple[Any, Entry]]]:
        """Return table, index, its model, and the entries that should be in it, in its order."""
        number, name = which
        subject = self.subjects[number]
        subject.model.settle()
        plain: PlainIndex = subject.model.indexes[name]
        entries = plain.order(subject.model.to_list(), subject.identity, by_key=subject.kind == "ordered_set")
        return subject, subject.table.index(name), plain, entries

    @staticmethod
    def _agree(
        subject: Subject, answer: list[Entry], expected: list[tuple[Any, Entry]], limit: int | None = None
    ) -> None:
        """Compare entries of an index with the first of those expected; what nothing puts in order may swap places."""
        wanted = expected[:limit]
        told = f"{subject}: {answer!r}, not {[entry for _, entry in wanted]!r}"
        assert len(answer) == len(wanted), told
        left = [(sort, repr(entry)) for sort, entry in expected]
        for entry, (sort, _) in zip(answer, wanted, strict=True):
            assert (sort, repr(entry)) in left, told
            left.remove((sort, repr(entry)))
