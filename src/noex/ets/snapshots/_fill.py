"""Putting the entries of a snapshot into a table that nobody else has yet."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor
from typing import Any

from noex.clock import TOLERANCE
from noex.errors import SnapshotError, shown
from noex.ets.snapshots._rows import Row
from noex.kernel import ABSENT

__all__ = ["fill_bag", "fill_set"]


def fill_set(table: Any, blocks: Iterator[list[Row]], path: str, since: float, key: object) -> None:
    """Write the entries of a set kind; leave out those whose lifetime is over at `since`, seconds since 1970. O(n).

    Raises:
        SnapshotError: two keys are equal, or one by the function `key`.
        Exception: what that function raises.
    """
    now = table._clock() * 1000
    for rows in blocks:
        for due, pairs in _runs(table, rows, now, now - since * 1000):
            merged = table._load_rows(pairs, due)
            if merged is not ABSENT:
                raise _merged(merged, path, by_function=key is not None)


def _runs(table: Any, rows: list[Row], now: float, ahead: float) -> Iterator[tuple[int | None, list[tuple[Any, Any]]]]:
    """Yield each deadline, by the table's clock, with the entries in a row that have it; none that is over."""
    due: int | None = None
    pairs: list[tuple[Any, Any]] = []
    for key, value, deadline in rows:
        own = None if deadline is None else _moment(table, deadline + ahead)
        if own != due:
            if own is not None and own <= now + TOLERANCE:
                continue
            if pairs:
                yield due, pairs
            due, pairs = own, []
        pairs.append((key, value))
    if pairs:
        yield due, pairs


def _moment(table: Any, milliseconds: float) -> int:
    try:
        return floor(milliseconds + TOLERANCE)
    except (OverflowError, ValueError):
        due: int = table._due(milliseconds)  # raises, and says why
        return due


def _merged(key: object, path: str, *, by_function: bool) -> SnapshotError:
    if by_function:
        return SnapshotError(
            f"the key {shown(key)} in the snapshot {path!r} is another one's too, by the key= that was given; "
            "give the key= that the table was made with"
        )
    return SnapshotError(f"the snapshot {path!r} has two entries of the key {shown(key)}; restore it from a copy")


def fill_bag(table: Any, blocks: Iterator[list[Row]], path: str, *, converted: bool) -> None:
    """Write the entries of a bag; `converted`: the values are other ones than the file has. Cost of `insert` for each.

    Raises:
        SnapshotError: two values of a key are equal in a bag, or cannot be compared.
    """
    remedy = "load it with another value_type, or with none" if converted else "restore it from a copy"
    for rows in blocks:
        try:
            added = table.insert_many([(key, value) for key, value, _ in rows])
        except MemoryError:
            raise
        except Exception as error:  # whatever `==` of a value raises
            raise SnapshotError(
                f"values of one key in the snapshot {path!r} cannot be compared, as a bag does: {error}; {remedy}"
            ) from error
        if added < len(rows):
            raise SnapshotError(
                f"two values of one key in the snapshot {path!r} are equal, of which a bag keeps one; {remedy}"
            )
