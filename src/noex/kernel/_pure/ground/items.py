"""Reading what a caller gives as entries, before anything is changed."""

from __future__ import annotations

from typing import Any

from noex.errors import shown

__all__ = ["pairs_of"]


def pairs_of(items: Any) -> list[tuple[Any, Any]]:
    """Read a mapping, or pairs of key and value, into a list of pairs.

    Raises:
        TypeError, ValueError: an item is no pair; the message tells which.

    >>> pairs_of({"a": 1}), pairs_of([("a", 1), "bc"])
    ([('a', 1)], [('a', 1), ('b', 'c')])
    """
    if hasattr(items, "keys"):
        return [(key, items[key]) for key in items.keys()]  # noqa: SIM118 - it need not iterate as a dict does
    try:
        iterator = iter(items)
    except TypeError:
        raise TypeError(f"entries are a mapping, or pairs of key and value, not {shown(items)}") from None
    pairs: list[tuple[Any, Any]] = []
    for number, item in enumerate(iterator):
        try:
            key, value = item
        except (TypeError, ValueError):
            wrong = TypeError if not hasattr(item, "__iter__") else ValueError
            raise wrong(f"item {number} is no pair of key and value: {shown(item)}; nothing was written") from None
        pairs.append((key, value))
    return pairs
