"""What a snapshot of a table holds as lines of JSON."""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# Values are of any type: what they are is found out here.
from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from noex.cli._python_text import MOST_BITS, python_text

if TYPE_CHECKING:
    from noex.cli._tables import Row
    from noex.ets import SnapshotInfo

__all__ = ["info_line", "row_line"]


def info_line(path: str, info: SnapshotInfo) -> str:
    """Return what a snapshot tells about itself as one line of JSON."""
    return json.dumps(
        {
            "path": path,
            "name": info.name,
            "kind": info.kind,
            "entries": info.entries,
            "ttl": info.ttl,
            "needs_key": info.needs_key,
            "created_at": info.created_at.isoformat(),
            "format": info.format,
            "version": info.version,
            "bytes": info.bytes,
        }
    )


def row_line(row: Row, *, expired: bool = False) -> str:
    r"""Return a row as a line of JSON: key, value, the end of its lifetime in seconds since 1970 or null, `expired`.

    >>> row_line((("u", 1), {"age": 36}, 1500))
    '{"key": {"repr": "(\'u\', 1)"}, "value": {"age": 36}, "expires": 1.5, "expired": false}'
    """
    key, value, deadline = row
    expires = None if deadline is None else deadline / 1000
    try:
        return json.dumps({"key": _sayable(key), "value": _sayable(value), "expires": expires, "expired": expired})
    except RecursionError:
        return json.dumps({"key": _as_text(key), "value": _as_text(value), "expires": expires, "expired": expired})


def _sayable(value: Any) -> Any:
    """Return what JSON says as it is, and in an object with the one name `repr` what it cannot say."""
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if (kind is int and value.bit_length() <= MOST_BITS) or (kind is float and math.isfinite(value)):
        return value
    if kind is list:
        return [_sayable(part) for part in value]
    if kind is dict and value.keys() != {"repr"} and all(type(key) is str for key in value):
        return {key: _sayable(part) for key, part in value.items()}
    return _as_text(value)


def _as_text(value: Any) -> dict[str, str]:
    return {"repr": python_text(value)}
