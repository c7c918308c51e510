"""What a transaction asks of a table: the protocol under the views, for tables of every kernel.

A view has the verbs of its kind as the pure kernel has them, and stands over any table that offers what is written
down here. It uses nothing else of the table.

No call is atomic with the next one: others write in between. So every answer is noted, and `_version` says whether it
may be out of date. A call that sees a change sees the version of that change, or a later one: what was read between
two looks at the versions of all tables, both of which saw the same, was read at one instant.

No call runs code of the user's, except those that take a key or a value of an index (`_resolve`, `_locate`,
`_handle_for`, `_sort_key`, `IndexSpec.mark`), `_tick_all`, which reads the clock, and `_commit_all`, which runs index
functions before it changes anything. Calls on a closed table raise `TableClosed`.

Words: a *handle* stands for a key; C code hashes and compares it. A table gives the same handle, or an equal one,
for as long as the key is there. A *row* is an object whose items 0 to 3 are key, value, deadline in milliseconds of the
clock or None, and when to look at it (a table without use for that gives the deadline again), and whose slices work.
A row does not change: its identity, to the table that gave it, is its version. Rows that a transaction has written are
plain tuples of four. A *token* is the version of the values under a key of a bag, compared by `==`. A *witness* belongs
to a key that was not there, and lets the table tell whether an equal one has come since.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple, Protocol, TypeAlias

from noex.typing import Clock

__all__ = [
    "BagBase",
    "BagWritten",
    "Base",
    "CellWritten",
    "HashedBase",
    "Holds",
    "IndexBase",
    "Listed",
    "OrderedBase",
    "Reads",
    "RowWritten",
    "RowsWritten",
    "SetBase",
    "SortTerm",
    "Terms",
    "Versions",
    "Written",
]

Handle: TypeAlias = Any
BaseRow: TypeAlias = Any

SortTerm: TypeAlias = Any
"""A sort key, as the table makes it: compared with `<` and `==`, hashed, joined by `+`, sliced for its beginning.

The pure kernel has flat tuples, others may have the bytes of the term encoding; a table has one kind only.
"""

Reads: TypeAlias = Mapping[Handle, tuple[Any, int]]
"""By handle, what was found there (a row, a token, or None) and the witness."""

Listed: TypeAlias = Sequence[tuple[int, Any, "int | None"]]
"""The values of a key of a bag, in order: ticket, value, and hash: None for one that has none, and where values may
repeat. Tickets are below 1 << 62: what a transaction adds stands behind them."""

Versions: TypeAlias = "list[tuple[Base, int]]"
"""Tables with the version that each was found at."""

Holds: TypeAlias = Callable[[], bool]
"""Tells, by calls of this protocol, whether all that was read still holds."""


class Terms(Protocol):
    """What makes sort keys for a table: `FlatTerms` of the pure kernel makes flat tuples, others may make bytes."""

    @property
    def BEYOND(self) -> SortTerm:  # noqa: N802 - a constant
        r"""What is joined to a sort key to stand above everything that begins with it: `(200,)`, or `b"\xff"`."""
        ...

    def tie(self, number: int) -> SortTerm:
        r"""Return what is joined to the mark of an index entry so that later ones stand behind earlier ones.

        It is what the table's own indexes join, so that both can be compared: `(0, number)`, or `b"\x00"` and the
        number in eight bytes, the high ones first.
        """
        ...

    def prefix_bounds(self, prefix: object, *, mirrors: bool = False) -> tuple[SortTerm, SortTerm]:
        """Return the sort keys between which stand all tuples that begin with `prefix`: low taken in, high left out.

        Errors as `prefix_bounds` of `terms/order.py`.
        """
        ...


class IndexBase(Protocol):
    """What is asked of an index as it was declared, beside `takes(value)` and `source`, which queries use."""

    @property
    def name(self) -> str: ...
    @property
    def ordered(self) -> bool: ...
    @property
    def unique(self) -> bool: ...
    @property
    def label(self) -> str:
        """Names the index in messages: `index 'by_age' of the set table 'users'`."""
        ...

    @property
    def by_key(self) -> bool:
        """Whether entries of one value stand in the order of their keys: ties are then broken by the handle."""
        ...

    @property
    def function(self) -> Callable[..., Any]:
        """What makes of key and value what is indexed, None keeping an entry out."""
        ...

    def mark(self, value: Any) -> tuple[Any, int]:
        """Return what stands for the value in the index, and the witness: of an ordered one, its sort key and 0.

        Raises:
            UnhashableKey, UnorderableKey, TypeError: the value cannot be indexed.
        """
        ...


RowWritten: TypeAlias = tuple[Handle, "BaseRow | None", "tuple[Any, Any, float | None, float | None] | None", int]
"""A row in the place of another: the handle, what was found there (a row that the table gave, or None), what shall be
there (key, value, deadline and when to look at it, in milliseconds; None for no row), and the witness of what was not
found."""


class RowsWritten(NamedTuple):
    """What a transaction has written to a table of a set kind. The first item is the table."""

    table: SetBase
    changes: Sequence[RowWritten]
    """Rows with other values, new ones, and removed ones."""
    quiet: Sequence[RowWritten]
    """Rows whose lifetime alone has changed: nothing for indexes and subscribers."""
    now: float
    """When this is, in milliseconds of the clock: an old row may have expired, and subscribers are told so."""
    renewed: AbstractSet[Handle]
    """Of the changes, those by which a row stands behind all others from now on, where keys have no order: the key was
    removed, and then came anew."""


class CellWritten(NamedTuple):
    """What has become of the values under one key of a bag."""

    handle: Handle
    token: Any | None
    """As it was found; None for a key that was not there."""
    witness: int
    key: Any
    """The key from now on: another object, though an equal one, where all values had gone before others came."""
    removed: Sequence[int]
    """The tickets of values that are gone; with nothing added and nothing left, the key is gone, too."""
    added: Sequence[tuple[Any, int | None]]
    """Values and hashes, to stand behind those that are left. No two of a key are equal where that is the rule."""


class BagWritten(NamedTuple):
    """What a transaction has written to a bag. The first item is the table."""

    table: BagBase
    cells: Sequence[CellWritten]


Written: TypeAlias = RowsWritten | BagWritten


class Base(Protocol):
    """What is asked of tables of every kind."""

    @property
    def _name(self) -> str | None: ...

    @property
    def _version(self) -> int:
        """Grows, while somebody reads, with every commit: lifetimes and reclaimed rows count, and dropped indexes.

        May grow without a cause. Never raises: a closed table has -1, which no other has.
        """
        ...

    def _begin_reading(self) -> None:
        """Count commits from now on, until `_end_reading`, which many may be doing at a time."""

    def _end_reading(self) -> None:
        """End what `_begin_reading` began; of a closed table too."""

    def _stands(self, handle: Handle, found: Any | None, witness: int) -> bool:
        """Tell whether what was found (a row or a token) is still there; of None, whether no equal key has come."""
        ...

    def _all_stand(self, reads: Reads) -> bool:
        """Tell whether `_stands` is true of all, at one instant."""
        ...

    def _stored(self) -> int:
        """Return the number of entries, those included that have expired and are not reclaimed yet."""
        ...

    @staticmethod
    def _commit_all(parts: Sequence[Written], versions: Versions, holds: Holds) -> bool:
        """Do all that the parts say in one step, or nothing and return False: the caller looks again, and comes again.

        Tables in `parts` are among those of `versions`, which has the tables that were only read, too, each once. It
        is done only if each has that version at that instant; one may well have another already when this is called. A
        kernel whose one lock keeps everybody out may then call `holds` instead, under it, and go by what that says;
        others need not use it.

        First, while nothing is held, the index functions run for the new rows, and keys that a function given to
        `compute` is at work on in this thread are refused.

        Raises:
            IndexViolation: a unique index has a value already; nothing was done.
            ReentrantCompute: this thread computes one of the keys.
            UnhashableKey, UnorderableKey, TypeError: an index cannot take a value.
        """
        ...


class HashedBase(Base, Protocol):
    """What is asked of tables with hashed keys, the set and the bags."""

    def _handle_for(self, handle: Handle, key: Any) -> tuple[Handle, int]:
        """Return handle and witness for an entry with that key, where a transaction takes out an equal one.

        `handle` is that of the one which is taken out. A table whose handles can get another key, though an equal one,
        returns this very object. Otherwise it is a new handle, found by nobody until the key arrives.
        """
        ...


class SetBase(Base, Protocol):
    """What is asked of set kinds; of the set table, what `HashedBase` has, as well."""

    @property
    def _clock(self) -> Clock: ...

    @property
    def _ttl(self) -> float | None: ...

    @property
    def _terms(self) -> Terms: ...

    def _tick_all(self) -> float:
        """Reclaim all that has expired; return the time in milliseconds, `NEVER` if nothing has a lifetime."""
        ...

    def _resolve(self, key: Any) -> tuple[Handle, BaseRow | None, int]:
        """Return the key's handle, the row there or None, and the witness.

        A key that is not there gets a handle that becomes its own when it arrives by `_commit_all`.

        Raises:
            UnhashableKey, UnorderableKey: it can be no key of this table.
        """
        ...

    def _row_of(self, handle: Handle) -> tuple[BaseRow | None, int]:
        """Return the row of a handle that the table has given, or None; and the witness of this moment."""
        ...

    def _all_rows(self) -> dict[Handle, BaseRow]:
        """Return all rows of one instant, in the order of the table, if it has one."""
        ...

    def _are_all_rows(self, rows: Mapping[Handle, BaseRow]) -> bool:
        """Tell whether these are still all the rows, none of them replaced."""
        ...

    def _indexes(self) -> tuple[Any, ...]:
        """Return the indexes, as `IndexBase` has them."""
        ...

    def _ask_index(self, spec: Any, question: str, *arguments: Any) -> Any:
        """Answer a question about an index, up to date with the rows.

        ::

            "size"                how many entries it has
            "handles", mark, witness
                                  the handles of the entries with that mark: as they came, or in the order of an
                                  ordered index; None if the mark may not be that of its value any more
            "entered", [handle]   how many of these have an entry

        Of an ordered one, whose entries stand at *spots*, sort keys that begin with a mark::

            "spot", handle        the spot of a handle's entry, or None
            "at", [spot]          the handle of each spot, None for one where nothing stands

        and all that `_ask_order` answers, about spots.

        Raises:
            IndexNotFound: it was dropped.
        """
        ...


class OrderedBase(SetBase, Protocol):
    """What is asked of the ordered set, whose handles are sort keys."""

    @property
    def _key(self) -> Callable[[Any], Any] | None: ...

    def _sort_key(self, key: Any) -> SortTerm:
        """Return the sort key, and handle, of a key.

        Raises:
            UnorderableKey: it has no place in the order.
        """
        ...

    def _ask_order(self, question: str, *arguments: Any) -> Any:
        """Answer a question about the order of the handles.

        ::

            "__len__"             how many there are
            "first", "last"       the smallest, the largest, or None
            "after", handle       the smallest above that, which need not be there; None behind the last
            "before", handle      the largest below
            "rank", handle        how many are smaller
            "slice", start, stop  the list of those at positions from start to stop, which is left out
        """
        ...


class BagBase(HashedBase, Protocol):
    """What is asked of the bags."""

    def _locate(self, key: Any) -> tuple[Handle, Any | None, int]:
        """Return the key's handle, the token of its values or None, and the witness.

        Raises:
            UnhashableKey: it can be no key.
        """
        ...

    def _values_of(self, handle: Handle) -> tuple[Any, Any, Listed] | None:
        """Return key, token and values of one instant; None if the key is gone."""
        ...

    def _all_values(self) -> dict[Handle, tuple[Any, Any, Listed]]:
        """Return the same of all keys, of one instant, in the order of the table."""
        ...

    def _are_all_keys(self, handles: AbstractSet[Handle]) -> bool:
        """Tell whether these are the handles of all keys that are there."""
        ...
