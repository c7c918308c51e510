"""A bag as plainly as it can be said, with the verbs of the table: a step can be done to either."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from noex.testing._models import BagModel
from noex.testing._plain_queries import matching
from noex.typing import Entry

__all__ = ["PlainBag", "PlainDuplicateBag"]

Cells: TypeAlias = dict[Any, tuple[Any, list[Any]]]


class PlainBag:
    """The verbs of a `BagTable`, over a model."""

    kind = "bag"

    def __init__(self) -> None:
        self.model = BagModel(duplicates=self.kind == "duplicate_bag")

    def copy(self) -> PlainBag:
        """Return one with the same entries."""
        twin = type(self)()
        twin.restore(self.state())
        return twin

    def state(self) -> Cells:
        """Return a copy of the entries."""
        return {place: (key, values.copy()) for place, (key, values) in self.model.rows.items()}

    def restore(self, cells: Cells) -> None:
        """Put these entries in the place of those that are there."""
        self.model.rows = cells

    def objections(self, before: Cells, *, stepwise: bool = False) -> set[str]:  # noqa: ARG002 - as set kinds have it
        """Return nothing: bags have no indexes that could object."""
        return set()

    def settle(self) -> None:
        """Do nothing: bags have no indexes."""

    def to_list(self) -> list[Entry]:
        return self.model.entries()

    def __len__(self) -> int:
        return len(self.model.entries())

    def lookup(self, key: Any) -> list[Any]:
        return self.model.lookup(key)

    def lookup_many(self, keys: list[Any]) -> dict[Any, list[Any]]:
        return {key: self.model.lookup(key) for key in keys if self.model.member(key)}

    def member(self, key: Any) -> bool:
        return self.model.member(key)

    def select(self, where: Any = None, *, limit: int | None = None) -> list[Entry]:
        return matching(self.to_list(), where)[:limit]

    def count(self, where: Any = None) -> int:
        return len(self.select(where))

    def insert(self, key: Any, value: Any) -> None:
        self.model.insert(key, value)

    def insert_new(self, key: Any, value: Any) -> bool:
        return not self.member(key) and self.model.insert(key, value) > 0

    def insert_many(self, items: Iterable[tuple[Any, Any]]) -> int:
        return self.model.insert_many(items)

    def take(self, key: Any) -> list[Any]:
        values = self.lookup(key)
        self.model.delete(key)
        return values

    def delete(self, key: Any) -> bool:
        return self.model.delete(key) > 0

    def delete_many(self, keys: Iterable[Any]) -> int:
        return sum(self.model.delete(key) for key in keys)

    def delete_object(self, key: Any, value: Any) -> int:
        return self.model.delete_object(key, value)

    def delete_where(self, where: Any) -> int:
        return self.model.delete_where(lambda key, value: bool(matching([Entry(key, value)], where)))

    def clear(self) -> int:
        return self.model.clear()


class PlainDuplicateBag(PlainBag):
    """The verbs of a `DuplicateBagTable`."""

    kind = "duplicate_bag"
