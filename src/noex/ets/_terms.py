"""The term order as bytes: what keys are on disk and over a network."""

from __future__ import annotations

from typing import Any

from noex import kernel

__all__ = ["decode_term", "encode_term"]


def encode_term(term: object) -> bytes:
    """Return bytes that compare as the term does among the keys of an ordered set; equal terms have equal bytes.

    O(size of the term). No encoding is the beginning of another. The format is fixed: docs/reference/term-encoding.md.

    Raises:
        UnorderableKey: a type outside the term order, NaN, or tuples more than 32 deep.

    >>> from noex import ets
    >>> ets.encode_term(("user:1", 2)) < ets.encode_term(("user:1", 10)) < ets.encode_term(("user:10", 1))
    True
    """
    return kernel.encode_term(term)


def decode_term(data: bytes) -> Any:
    """Return the term that these bytes stand for: an equal one, not always of the same type.

    O(size of the term). Whole numbers come back as int (1 for 1.0 and True), others as float; aware datetimes in
    UTC; subclasses as their base.

    Raises:
        TypeError: `data` is not bytes.
        ValueError: they are no encoding of one term, or of a number of more than 2**27 bits.

    >>> from noex import ets
    >>> ets.decode_term(ets.encode_term(("user:1", 2.0, None)))
    ('user:1', 2, None)
    """
    return kernel.decode_term(data)
