"""Sort keys that are bytes: those of the term encoding, which native tables compare."""

from __future__ import annotations

from typing import Final

from noex.kernel._pure.terms.encoding import encode_key
from noex.kernel._pure.terms.order import prefix_bounds

__all__ = ["BYTE_TERMS", "ByteTerms"]


class ByteTerms:
    """What is made of sort keys that are bytes; `Terms` in `transactions/base.py` says what is asked."""

    __slots__ = ()

    BEYOND: Final = b"\xff"

    @staticmethod
    def tie(number: int) -> bytes:
        """Return what is joined to a mark to put later entries behind earlier ones."""
        return b"\x00" + number.to_bytes(8, "big")

    @staticmethod
    def prefix_bounds(prefix: object, *, mirrors: bool = False) -> tuple[bytes, bytes]:
        """Return the sort keys between which stand all tuples that begin with `prefix`; as in `terms/order.py`."""
        low = encode_key(prefix_bounds(prefix, mirrors=mirrors)[0])
        return low, low + ByteTerms.BEYOND


BYTE_TERMS: Final = ByteTerms()
