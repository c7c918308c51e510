"""Random sequences of operations: drawn from a seed, run on both sides, and cut down to what shows a difference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from ._erlang import Call, Erlang
from ._keys import GUISES, Family
from ._operations import Operation, OperationsOfEveryKind, OperationsOfSetKinds
from ._ordered import OperationsOfOrderedSet
from ._terms import Atom, show
from ._wheres import draw_where

__all__ = ["BATCH", "Difference", "draw", "first_difference", "operations_of", "shrunk"]

BATCH: Final = 100
"""Operations in one round trip; after each batch the whole contents are compared."""

PARTS: Final = [b"", b"a", b"\0", b"value"]


def operations_of(kind: str, family: Family, *, lists_stay_in_order: bool = True) -> OperationsOfEveryKind:
    """Return the operations of a kind."""
    classes = {"set": OperationsOfSetKinds, "ordered_set": OperationsOfOrderedSet}
    return classes.get(kind, OperationsOfEveryKind)(kind, family, lists_stay_in_order=lists_stay_in_order)


class _Drawing:
    """Draws the operations of one sequence, most of them over a few keys, so that they meet."""

    def __init__(self, operations: OperationsOfEveryKind, random: Random) -> None:
        self.operations = operations
        self.random = random
        self.pool = [operations.family.draw(random) for _ in range(random.choice([3, 8, 20, 60, 200]))]
        every = self._of_every_kind()
        if isinstance(operations, OperationsOfSetKinds):
            every += self._of_set_kinds(operations)
        if isinstance(operations, OperationsOfOrderedSet):
            every += self._of_ordered_set(operations)
        self.choices = [choice for _, choice in every]
        self.weights = [weight for weight, _ in every]

    def draw(self) -> Operation:
        """Return the next operation."""
        return self.random.choices(self.choices, self.weights)[0]()

    def key(self) -> Any:
        return (
            self.random.choice(self.pool) if self.random.random() < 0.95 else self.operations.family.draw(self.random)
        )

    def end(self) -> Any:
        return None if self.random.random() < 0.15 else self.key()

    def keys(self) -> list[Any]:
        return [self.key() for _ in range(self.random.randint(0, 4))]

    def number(self) -> int:
        return self.random.choice([self.random.randint(-5, 20)] * 8 + [self.random.choice([-1, 1]) * 2**64, 2**200])

    def value(self) -> Any:
        choice = self.random.randint(0, 9)
        if choice <= 7:
            return self.random.randint(0, 3) if choice <= 3 else self.number()
        part = self.random.choice(PARTS)
        return part if choice == 8 else (self.random.randint(0, 1), part)

    def items(self) -> list[tuple[Any, Any]]:
        return [(self.key(), self.value()) for _ in range(self.random.randint(0, 6))]

    def where(self) -> Any:
        return draw_where(self.random, self.operations.family, self.pool, self.value())

    def _of_every_kind(self) -> list[tuple[float, Callable[[], Operation]]]:
        do = self.operations
        choices: list[tuple[float, Callable[[], Operation]]] = [
            (10, lambda: do.insert(self.key(), self.value())),
            (4, lambda: do.insert_many(self.items())),
            (5, lambda: do.insert_new(self.key(), self.value())),
            (5, lambda: do.lookup(self.key())),
            (1, lambda: do.lookup_many(self.keys())),
            (2, lambda: do.member(self.key())),
            (4, lambda: do.take(self.key())),
            (4, lambda: do.delete(self.key())),
            (1, lambda: do.delete_many(self.keys())),
            (2, do.size),
            (1, do.fold),
            (1, do.walk),
            (2, lambda: do.select(self.where())),
            (3, lambda: do.count(self.where())),
            (1, lambda: do.delete_where(self.where())),
            (0.2, do.clear),
        ]
        if do.family is not GUISES:  # an object is found by its exact key in Erlang: a deliberate difference
            choices.append((6, lambda: do.delete_object(self.key(), self.value())))
        return choices

    def _of_set_kinds(self, do: OperationsOfSetKinds) -> list[tuple[float, Callable[[], Operation]]]:
        def limits() -> tuple[int, int] | None:
            return None if self.random.random() < 0.4 else (self.number(), self.number())

        return [
            (8, lambda: do.update_counter(self.key(), self.number(), self.number(), limits())),
            (2, lambda: do.compare_and_set(self.key(), self.value(), self.value())),
        ]

    def _of_ordered_set(self, do: OperationsOfOrderedSet) -> list[tuple[float, Callable[[], Operation]]]:
        def bounds() -> str:
            return self.random.choice(["[)", "[]", "()", "(]"])

        def select() -> Operation:
            limit = self.random.choice([None, 1, 2, 5])
            return do.range(self.end(), self.end(), bounds(), limit, reverse=self.random.random() < 0.5)

        tuples: list[Any] = [key for key in self.pool if type(key) is tuple and key]
        choices: list[tuple[float, Callable[[], Operation]]] = [
            (2, lambda: do.first_or_last(self.random.choice(["first", "last"]))),
            (6, lambda: do.next_or_prev(self.random.choice(["next", "prev"]), self.key())),
            (3, lambda: do.pop(self.random.choice(["first", "last"]))),
            (1, do.walk_back),
            (6, select),
            (0.5, lambda: do.delete_range(self.key(), self.key(), bounds())),
            (3, lambda: do.rank(self.key())),
            (3, lambda: do.at(self.random.randint(0, len(self.pool) + 2))),
        ]
        if tuples:
            choices.append((3, lambda: do.prefix(self._beginning(self.random.choice(tuples)))))
        return choices

    def _beginning(self, key: tuple[Any, ...]) -> tuple[Any, ...]:
        return key[: self.random.randint(1, len(key))]


def draw(operations: OperationsOfEveryKind, seed: str, length: int) -> list[Operation]:
    """Return the sequence of a seed."""
    drawing = _Drawing(operations, Random(seed))
    return [drawing.draw() for _ in range(length)]


@dataclass
class Difference:
    """Where the two sides part."""

    steps: list[Operation]
    ours: Any
    expected: Any
    erlang: list[Any]

    def __str__(self) -> str:
        return "\n".join(
            [
                "our table and Erlang's differ after these steps (ours | Erlang's), in the last:",
                *(f"    {step}" for step in self.steps),
                f"ours:     {self.ours!r}",
                f"expected: {self.expected!r}",
                f"Erlang:   {'; '.join(f'{outcome} {show(term)}' for outcome, term in self.erlang)}",
            ]
        )


def first_difference(
    erlang: Erlang, operations: OperationsOfEveryKind, make: Callable[[], Any], steps: Sequence[Operation]
) -> Difference | None:
    """Run the steps on a new table of each side, contents compared after each batch; return the first difference."""
    new: Call = ("new", [Atom(operations.kind)])
    erlang.ask([new])
    table = make()
    for start in range(0, len(steps), BATCH):
        batch = [*steps[start : start + BATCH], operations.contents()]
        answers = iter(erlang.ask([call for step in batch for call in step.calls]))
        for place, step in enumerate(batch):
            theirs = [next(answers) for _ in step.calls]
            ours, expected = step.answer(table), _expected(step, theirs)
            if ours != expected:
                return Difference([*steps[: start + place], step], ours, expected, theirs)
    return None


def _expected(step: Operation, answers: list[Any]) -> Any:
    try:
        return step.expect(answers)
    except Exception as error:  # Erlang answers as no operation should make it
        return f"{type(error).__name__}: {error}"


def shrunk(erlang: Erlang, operations: OperationsOfEveryKind, make: Callable[[], Any], found: Difference) -> Difference:
    """Leave out steps for as long as any difference is left: halves first, then ever smaller pieces, down to one."""
    size = len(found.steps) // 2
    while size > 0:
        smaller = None
        for start in range(0, len(found.steps), size):
            steps = found.steps[:start] + found.steps[start + size :]
            smaller = first_difference(erlang, operations, make, steps)
            if smaller is not None and len(smaller.steps) < len(found.steps):
                found = smaller
                break
            smaller = None
        if smaller is None:
            size //= 2
    return found
