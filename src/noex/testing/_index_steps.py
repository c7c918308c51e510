"""Asking an index, as a step: of a table, of a transaction's view of it, or of a model, which works out all anew."""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final

from noex.testing._plain_indexes import INDEXES, IndexDefinition, PlainIndex, fitting, mark
from noex.typing import Entry

__all__ = ["PlainIndexReader", "ask"]

_OF_ORDER: Final = frozenset({"range", "rank", "at"})


class PlainIndexReader:
    """The verbs of an index, over the entries of a model."""

    def __init__(self, model: Any, definition: IndexDefinition) -> None:
        self.model = model
        self.plain = PlainIndex(definition, {})

    def _marked(self) -> list[tuple[Any, Entry]]:
        """Return the entries that the index has, with their marks; in order, if it has one."""
        marked = [(self.plain.mark_of(entry.key, entry.value), entry) for entry in self.model.to_list()]
        kept = [item for item in marked if item[0] is not None]
        return sorted(kept, key=lambda item: item[0]) if self.plain.definition.ordered else kept

    def __len__(self) -> int:
        return len(self._marked())

    def lookup(self, value: Any) -> list[Entry]:
        marked = self._marked()
        wanted = self.plain.mark(value)
        return [] if value is None else [entry for found, entry in marked if found == wanted]

    def count(self, value: Any) -> int:
        return len(self.lookup(value))

    def delete_all(self, value: Any) -> int:
        count: int = self.model.delete_many([entry.key for entry in self.lookup(value)])
        return count

    def range(
        self, low: Any = None, high: Any = None, *, bounds: str = "[)", reverse: bool = False, limit: int | None = None
    ) -> list[Entry]:
        least, most = (None if end is None else mark(end) for end in (low, high))
        found: list[Entry] = []
        for place, entry in self._marked():
            above = least is None or place > least or (bounds[0] == "[" and place == least)
            below = most is None or place < most or (bounds[1] == "]" and place == most)
            if above and below:
                found.append(entry)
        return (found[::-1] if reverse else found)[:limit]

    def rank(self, key: Any) -> int | None:
        places = [self.model.model.identity(entry.key) for entry in self.range()]
        place = self.model.model.identity(key)
        return places.index(place) if place in places else None

    def at(self, position: int) -> Entry:
        return self.range()[position]


def ask(thing: Any, name: str, question: str, *arguments: Any) -> Any:
    """Ask an index something; return the answer without what nothing promises.

    Entries of one value come by key in an ordered set, and in no order that a model could know in a set.
    """
    index, by_key = thing.index(name), thing.kind == "ordered_set"
    plain = PlainIndex(INDEXES[name], {})
    if question in _OF_ORDER and not INDEXES[name].ordered:
        question, arguments = "count", arguments[:1]
    answer = getattr(index, question)(*[fitting(INDEXES[name], argument) for argument in arguments])
    if by_key or question in {"__len__", "count", "delete_all"}:
        return answer
    if question == "rank":
        return answer is not None
    if question == "at":
        return True
    groups = groupby(answer, key=lambda entry: plain.mark_of(entry.key, entry.value))
    return [sorted(map(repr, group)) for _, group in groups]
