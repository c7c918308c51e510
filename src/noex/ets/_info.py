"""What a table tells about itself."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TableInfo"]


@dataclass(frozen=True, slots=True)
class TableInfo:
    """A table at one moment.

    `memory` is about how many bytes the table's own structures take: indexes count, keys and values do not. `ttl` is
    the default lifetime in seconds, None for none. `engine` is where the entries live; after a `fork()` a `memory`
    table is a private copy.
    """

    name: str | None
    kind: str
    engine: str
    size: int
    memory: int
    indexes: tuple[str, ...]
    ttl: float | None
    kernel: str
