"""Rows found by hash and `==`, as a dict finds them, without running the user's code under the lock.

A *handle* stands for a key inside the kernel, and two handles are compared by C code alone. A *plain* key (a str,
bytes, int, float, bool, None, or a tuple of these, none of them a subclass) is its own handle. Any other key is
*foreign*: its hash and `==` may be Python code, so its handle is a `Foreign` object, compared by identity and found
through a list per hash value, whose keys are compared outside the lock.

What `_resolve` found may be out of date when the lock is taken. For a row that it found, the row itself tells. For a
new key that something in the table might equal, the *witness* does: the number of arrivals of new keys before the
search. `_admit` lets the key in only if none has arrived since, or none that has the same hash.
"""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# Keys are of any type.
from __future__ import annotations

from typing import Any, TypeAlias

from noex.errors import UnhashableKey, shown
from noex.kernel._pure.ground.closed import ClosedRows

__all__ = ["PLAIN", "Foreign", "Handle", "Hashed", "is_plain"]

Handle: TypeAlias = Any
"""A plain key, a `Foreign`, or a sort key: something that a dict compares without Python code."""

_MOST_DEPTH = 32

PLAIN = frozenset({str, bytes, int, float, bool, type(None)})


def is_plain(key: Any, depth: int = 0) -> bool:
    """Tell whether hashing and comparing the key runs no Python code. Tuples nested very deep are not looked through.

    >>> is_plain(("user:1", 2)), is_plain(("user:1", [2]))
    (True, False)
    """
    if type(key) in PLAIN:
        return True
    if type(key) is tuple:
        for part in key:
            if type(part) not in PLAIN and not (depth < _MOST_DEPTH and is_plain(part, depth + 1)):
                return False
        return True
    return False


class Foreign:
    """The handle of one key whose hash or `==` may be Python code."""

    __slots__ = ("hash", "key")

    def __init__(self, key: Any, hash: int) -> None:  # noqa: A002 - it is the key's hash
        self.key = key
        self.hash = hash


class _Probe:
    """Finds in a dict whether there is any key of one hash, without asking the keys."""

    __slots__ = ("_hash",)

    def __init__(self, hash: int) -> None:  # noqa: A002 - as above
        self._hash = hash

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return True


class Hashed:
    """Base of tables whose keys are hashed: a dict from handles to rows, each of which begins with its key."""

    __slots__ = ()

    kind: str
    _name: str | None
    _rows: dict[Handle, Any]
    _foreign: dict[int, tuple[Foreign, ...]]
    _arrivals: int

    def _label(self) -> str:
        """Name the table in messages."""
        return f"the unnamed {self.kind} table" if self._name is None else f"the {self.kind} table {self._name!r}"

    def _shut(self) -> None:
        # The slots are those of the class that this one is mixed into.
        self._rows = ClosedRows(self._label())  # type: ignore[misc]
        self._foreign = {}  # type: ignore[misc]

    def _resolve(self, key: Any) -> tuple[Handle, Any, int]:
        """Return the key's handle, its row or None, and the witness. Runs the key's hash and `==`.

        Raises:
            UnhashableKey: the key has no hash.
        """
        witness = self._arrivals
        rows = self._rows
        if type(key) in PLAIN and not self._foreign:
            return key, rows.get(key), witness
        try:
            # A foreign key may equal a plain one, as Decimal(1) equals 1: it is then found here.
            row = rows.get(key)
            if row is not None:
                return (key if is_plain(key) else row[0]), row, witness
            if self._foreign:
                for handle in self._foreign.get(hash(key), ()):
                    if handle.key is key or handle.key == key:
                        return handle, rows.get(handle), witness
            return (key if is_plain(key) else Foreign(key, hash(key))), None, witness
        except TypeError as error:
            raise self._explain(key, error) from None

    def _handle_for(self, handle: Handle, key: Any) -> tuple[Handle, int]:
        """Return handle and witness for an entry with that key, where an equal one, of that handle, was taken out."""
        witness = self._arrivals
        return (handle if type(handle) is Foreign or is_plain(key) else Foreign(key, hash(key))), witness

    def _admit(self, handle: Handle, witness: int) -> bool:
        """Let a new key in, under the lock; False if an equal one may have arrived since the witness was taken."""
        if type(handle) is not Foreign:
            if self._arrivals != witness and not self._still_absent(handle, witness):
                return False
        else:
            foreign = self._foreign
            while True:
                arrivals = self._arrivals
                bucket = foreign.get(handle.hash, ())
                if handle in bucket:
                    break
                if arrivals != witness and not self._still_absent(handle, witness):
                    return False
                longer = (*bucket, handle)
                if self._arrivals != arrivals:
                    continue
                if (foreign[handle.hash] if handle.hash in foreign else ()) is bucket:
                    foreign[handle.hash] = longer
                    break
        self._arrivals += 1  # type: ignore[misc]  # as above
        return True

    def _still_absent(self, handle: Handle, witness: int) -> bool:
        """Tell whether a key that was not found cannot have arrived since under another handle.

        Where keys have arrived, none with its hash must be there: a plain one among the rows, or a foreign one.
        """
        if self._arrivals == witness:
            return True
        if type(handle) is not Foreign:
            return not self._foreign or hash(handle) not in self._foreign
        return handle.hash not in self._foreign and _Probe(handle.hash) not in self._rows

    def _dismiss(self, handle: Handle) -> None:
        """Forget the handle of a row that is gone, under the lock."""
        if type(handle) is not Foreign:
            return
        foreign = self._foreign
        while True:
            bucket = foreign.get(handle.hash, ())
            shorter = tuple(other for other in bucket if other is not handle)
            if handle in self._rows or not bucket:
                return
            if (foreign[handle.hash] if handle.hash in foreign else ()) is bucket:
                if shorter:
                    foreign[handle.hash] = shorter
                else:
                    del foreign[handle.hash]
                return

    def _explain(self, key: object, error: TypeError) -> TypeError:
        """Turn "unhashable type" into an error that names table and remedy; leave other TypeErrors as they are."""
        if "unhashable type" not in str(error):
            return error
        return UnhashableKey(
            f"{shown(key)} cannot be a key of {self._label()} ({error}); use a value that has a hash, "
            "such as a tuple in place of a list"
        )

    def _check_handles(self) -> None:
        """Raise AssertionError unless every foreign handle is listed once under its hash, and no other is."""
        listed = [handle for bucket in self._foreign.values() for handle in bucket]
        assert len(listed) == len(set(map(id, listed))), "a foreign handle is listed twice"
        assert set(map(id, listed)) == {id(h) for h in self._rows if type(h) is Foreign}, (
            "foreign handles and rows differ"
        )
        for hashed, bucket in self._foreign.items():
            assert bucket, "an empty list of handles"
            assert all(handle.hash == hashed for handle in bucket), "a foreign handle under another hash"
