"""What an index knows: which rows have which value. What hashed and ordered indexes have in common.

An index is made of *marks*. The mark of a row stands for the value that the index function gives it: a handle of a
hashed value (`hashed_index.py`), or the sort key of an ordered one (`ordered_index.py`). Marks are worked out before
the lock is taken, for the function and the value's hash and `==` may be code of the user's. Under the lock, commits
note which row got which marks, and the structures here catch up with the notes, in their order, when somebody asks
(see `watch/watch.py`).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, TypeAlias

from noex.kernel._pure.ground.hashed import Handle

__all__ = ["CLEARED", "IndexRows", "Mark", "Place", "Placed"]

Mark: TypeAlias = Any
"""A handle of a hashed value, or the sort key of an ordered one."""

Placed: TypeAlias = tuple[Mark, Any, int]
"""A mark, its value, and the witness that `admit` asks for."""

Place: TypeAlias = Placed | None
"""Where a row is entered; None for one that is kept out."""

CLEARED: Any = object()
"""Stands in a note for all rows: they are gone."""


class IndexRows:
    """The handles of rows by their mark."""

    __slots__ = ("label", "marks")

    label: str
    marks: dict[Handle, Mark]  # what each row is entered under

    @abstractmethod
    def place(self, value: Any) -> Placed:
        """Work out where rows of that value are entered, outside the lock.

        Raises:
            UnhashableKey, UnorderableKey: the value cannot be indexed.
        """

    @property
    def by_key(self) -> bool:
        """Whether rows of one mark are in the order of their keys."""
        return False

    @property
    def arrivals(self) -> int:
        """How many values have been let in so far, for a batch of `admit` to begin with."""
        return 0

    @abstractmethod
    def admit(self, place: Placed, since: int) -> bool:
        """Tell, under the lock, whether the mark still stands for the value; it is known from then on.

        `since` is the number of arrivals when the batch began that the value is one of.
        """

    @abstractmethod
    def forget_if_empty(self, place: Placed) -> None:
        """Take back, under the lock, that a mark is known, if no row has it."""

    @abstractmethod
    def handles(self, mark: Mark) -> list[Handle]:
        """Return the handles of the rows with that mark, under the lock."""

    def answer(self, question: str, *arguments: Any) -> Any:
        """Answer a question of a transaction's, under the lock; see `transactions/base.py`."""
        if question == "size":
            return len(self.marks)
        if question == "entered":
            return sum(handle in self.marks for handle in arguments[0])
        if question == "handles":
            return self.handles(arguments[0])
        raise TypeError(f"{self.label} has no order; add it with ordered=True for ranges, ranks and ends")

    @abstractmethod
    def absorb(self, number: int, notes: list[Any], trash: list[Any]) -> None:
        """Catch up with notes, under the lock; those about this index stand at `number` in each.

        What is let go of is added to `trash`, to be dropped after the lock.
        """

    @abstractmethod
    def copied(self) -> Any:
        """Return a copy made from the marks alone, which hold at any moment; the rest may be half done."""

    @abstractmethod
    def emptied(self) -> Any:
        """Return one of the same kind that has nothing."""

    @abstractmethod
    def crowded(self) -> tuple[Handle, Handle] | None:
        """Return the handles of two rows with one mark, or None where each has one of its own."""

    @abstractmethod
    def has_mark(self, handle: Handle, mark: Mark) -> bool:
        """Tell whether a row is entered under that mark."""

    @abstractmethod
    def memory(self) -> int:
        """Return about how many bytes the structures take. O(1)."""

    @abstractmethod
    def _check(self) -> None:
        """Raise AssertionError unless marks and structures agree."""
