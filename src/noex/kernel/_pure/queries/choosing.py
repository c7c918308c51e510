"""The answer to a query: the entries of those rows for which a test is true."""

from __future__ import annotations

from noex.kernel._pure.ground.hashed import Handle
from noex.kernel._pure.ground.row import Row
from noex.kernel._pure.queries.access import Test
from noex.typing import Entry, new_entry

__all__ = ["chosen"]


def chosen(found: list[tuple[Handle, Row]], test: Test | None, limit: int | None) -> list[Entry]:
    """Return the entries of the rows that the test is true of, the first `limit` of them."""
    if test is None:
        return [new_entry(Entry, row[:2]) for _, row in found[:limit]]
    if limit is None:
        return [new_entry(Entry, row[:2]) for _, row in found if test(row[0], row[1])]
    selected: list[Entry] = []
    for _, row in found if limit > 0 else ():
        if test(row[0], row[1]):
            selected.append(new_entry(Entry, row[:2]))
            if len(selected) == limit:
                break
    return selected
