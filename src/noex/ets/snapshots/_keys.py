"""Keys in a snapshot: in the term encoding where it gives back the very same key, else as values are."""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# Keys are of any type.
from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any, Final

from noex import kernel
from noex.errors import shown
from noex.ets.snapshots._values import pack

__all__ = ["key_of", "pack_key"]

_MOST_DEPTH: Final = 32
_BIG: Final = re.compile(rb"\x84(?:[\xf2-\xf7]|\xf1[\x04-\xff])|\x82(?:[\x08-\x0d]|\x0e[\x00-\xfb])")
"""How a number of 2**1024 or more begins in the term encoding, in which 7 bytes can claim 16 MB. Other terms can have
these bytes too; none that has is stored as a term, so that whoever reads need not tell which it is."""

_EXACT: Final = frozenset({str, bytes, int, type(None)})


def pack_key(key: object) -> bytes:
    """Return the key as MessagePack: a binary is its term encoding, a list of one the key as values are.

    Raises:
        Unstorable: it cannot be stored.
    """
    if _comes_back(key, 0):
        term = kernel.encode_term(key)
        if _BIG.search(term) is None:
            return pack(term)
    return pack([key], as_key=True)


def key_of(stored: Any) -> Any:
    """Return the key that `pack_key` wrote, unpacked.

    Raises:
        ValueError: it is not what `pack_key` writes.
    """
    if type(stored) is bytes:
        if stored[:1] == b"\x8a" and stored.find(b"\x00") == len(stored) - 1 and b"\x01" not in stored:
            return stored[1:-1].decode("utf-8", "surrogatepass")  # what decode_term gives, for what most keys are
        if _BIG.search(stored) is not None:
            raise ValueError("a key has a number that is too big for a term")
        return kernel.decode_term(stored)
    if type(stored) is list and len(stored) == 1:
        return stored[0]
    raise ValueError(f"{shown(stored)} is no key")


def _comes_back(key: Any, depth: int) -> bool:
    """Tell whether the term encoding gives back this key with its types: not 1.0, True, NaN, -0.0 or other zones."""
    kind = type(key)
    if kind in _EXACT:
        return True
    if kind is float:
        return math.isinf(key) or (key == key and not key.is_integer())
    if kind is tuple:
        return depth < _MOST_DEPTH and all(_comes_back(part, depth + 1) for part in key)
    if kind is datetime:
        return key.fold == 0 and (key.tzinfo is None or key.tzinfo is UTC)
    return False
