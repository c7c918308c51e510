"""Transactions over tables that have the protocol of `transactions/base.py` and nothing else.

The tables here stand for those of another kernel: sort keys are bytes, rows, handles and tokens are objects of their
own, and a commit whose versions are out of date is refused.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The tables underneath are of any type.
from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, ClassVar

import pytest

from noex import ets, kernel
from noex.ets import _transactions as views
from noex.kernel._pure.rows.changes import commit_all
from noex.kernel._pure.terms.encoding import encode_key
from noex.kernel._pure.terms.order import prefix_bounds
from noex.kernel._pure.transactions.base import BagWritten, Base, RowsWritten
from noex.testing.conformance._transaction_conflicts import TransactionConflicts
from noex.testing.conformance._transaction_sets import TransactionsOfSets
from noex.testing.conformance._transactions import Transactions

pytestmark = pytest.mark.skipif(kernel.KERNEL != "pure", reason="the tables underneath are those of the pure kernel")


class OpaqueRow:
    """A row that can do no more than is asked."""

    def __init__(self, row: tuple[Any, ...]) -> None:
        self.row = row

    def __getitem__(self, item: Any) -> Any:
        return self.row[item]

    __eq__: ClassVar[Any] = None
    __hash__: ClassVar[Any] = None


class OpaqueHandle:
    """A handle that can do no more than is asked."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle

    def __hash__(self) -> int:
        return hash(self.handle)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OpaqueHandle) and (self.handle is other.handle or self.handle == other.handle)


class ByteTerms:
    """Sort keys that are the bytes of the term encoding."""

    BEYOND = b"\xff"

    def tie(self, number: int) -> bytes:
        return b"\x00" + number.to_bytes(8, "big")

    def prefix_bounds(self, prefix: object, *, mirrors: bool = False) -> tuple[bytes, bytes]:
        low = encode_key(prefix_bounds(prefix, mirrors=mirrors)[0])
        return low, low + self.BEYOND


class ByteSpec:
    """An index whose marks, if it has an order, are bytes."""

    def __init__(self, spec: Any) -> None:
        self.inner = spec
        self.name, self.source, self.function = spec.name, spec.source, spec.function
        self.ordered, self.unique, self.label, self.by_key = spec.ordered, spec.unique, spec.label, spec.by_key

    def takes(self, value: Any) -> bool:
        return bool(self.inner.takes(value))

    def mark(self, value: Any) -> tuple[Any, int]:
        mark, witness = self.inner.mark(value)
        return (encode_key(mark) if self.ordered else OpaqueHandle(mark)), witness


class Order:
    """A sorted list of bytes, and what is asked of an order."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self.keys = sorted(keys)

    def answer(self, question: str, *arguments: Any) -> Any:
        keys = self.keys
        if question == "__len__":
            return len(keys)
        if question == "first":
            return keys[0] if keys else None
        if question == "last":
            return keys[-1] if keys else None
        if question == "slice":
            start, stop = arguments
            return keys[max(start, 0) : stop]
        (key,) = arguments
        if question == "rank":
            return bisect_left(keys, key)
        place = bisect_right(keys, key) if question == "after" else bisect_left(keys, key) - 1
        return keys[place] if 0 <= place < len(keys) else None


class Foreigner:
    """A table of another kernel: what `Base` asks for, and `HashedBase`."""

    def __init__(self, table: Any) -> None:
        self._inner = table
        self._name = table._name

    @property
    def _version(self) -> int:
        version: int = self._inner._version
        return version

    def _begin_reading(self) -> None:
        self._inner._begin_reading()

    def _end_reading(self) -> None:
        self._inner._end_reading()

    def _stored(self) -> int:
        size: int = self._inner._stored()
        return size

    def _outside(self, handle: Any) -> Any:
        return OpaqueHandle(handle)

    def _inside(self, handle: Any) -> Any:
        return handle.handle

    def _found(self, found: Any) -> Any:
        """Return what the table underneath gave for it."""
        raise NotImplementedError

    def _handle_for(self, handle: Any, key: Any) -> tuple[Any, int]:
        fresh, witness = self._inner._handle_for(self._inside(handle), key)
        return (handle if fresh is self._inside(handle) else self._outside(fresh)), witness

    def _stands(self, handle: Any, found: Any, witness: int) -> bool:
        return bool(self._inner._stands(self._inside(handle), self._found(found), witness))

    def _all_stand(self, reads: Any) -> bool:
        inner = {self._inside(handle): (self._found(found), witness) for handle, (found, witness) in reads.items()}
        return bool(self._inner._all_stand(inner))

    @staticmethod
    def _commit_all(parts: Any, versions: list[tuple[Base, int]], holds: Callable[[], bool]) -> bool:
        del holds
        inner: list[tuple[Any, int]] = [(table._inner, version) for table, version in versions]  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        return commit_all([part[0]._translated(part) for part in parts], inner, lambda: False)


class ForeignSet(Foreigner):
    """What `SetBase` asks for."""

    _terms = ByteTerms()

    def __init__(self, table: Any) -> None:
        super().__init__(table)
        self._clock, self._ttl = table._clock, table._ttl
        self._given: dict[int, OpaqueRow] = {}
        self._specs: dict[int, ByteSpec] = {}

    def _row(self, row: Any) -> Any:
        return None if row is None else self._given.setdefault(id(row), OpaqueRow(row))

    def _found(self, found: Any) -> Any:
        return None if found is None else found.row

    def _tick_all(self) -> float:
        now: float = self._inner._tick_all()
        return now

    def _resolve(self, key: Any) -> tuple[Any, Any, int]:
        handle, row, witness = self._inner._resolve(key)
        return self._outside(handle), self._row(row), witness

    def _row_of(self, handle: Any) -> tuple[Any, int]:
        row, witness = self._inner._row_of(self._inside(handle))
        return self._row(row), witness

    def _all_rows(self) -> dict[Any, Any]:
        return {self._outside(handle): self._row(row) for handle, row in self._inner._all_rows().items()}

    def _are_all_rows(self, rows: Any) -> bool:
        return bool(self._inner._are_all_rows({self._inside(handle): row.row for handle, row in rows.items()}))

    def _indexes(self) -> tuple[Any, ...]:
        return tuple(self._specs.setdefault(id(spec), ByteSpec(spec)) for spec in self._inner._indexes())

    def _ask_index(self, spec: Any, question: str, *arguments: Any) -> Any:
        ask = self._inner._ask_index
        if question == "size":
            return ask(spec.inner, "size")
        if question == "entered":
            return ask(spec.inner, "entered", [self._inside(handle) for handle in arguments[0]])
        if not spec.ordered:
            found = ask(spec.inner, question, arguments[0].handle, arguments[1])
            return None if found is None else list(map(self._outside, found))
        spots = self._spots_of(spec)
        if question == "handles":
            mark = arguments[0]
            return [handle for spot, handle in sorted(spots.items()) if mark <= spot < mark + self._terms.BEYOND]
        if question == "spot":
            return next((spot for spot, handle in spots.items() if handle == arguments[0]), None)
        if question == "at":
            return [spots.get(spot) for spot in arguments[0]]
        return Order([*spots]).answer(question, *arguments)

    def _spots_of(self, spec: Any) -> dict[bytes, Any]:
        flat = self._inner._ask_index(spec.inner, "slice", 0, 1 << 30)
        spots: dict[bytes, Any] = {}
        for spot, handle in zip(flat, self._inner._ask_index(spec.inner, "at", flat), strict=True):
            tail = len(handle) if spec.by_key else 2
            tie = encode_key(handle) if spec.by_key else self._terms.tie(spot[-1])
            spots[encode_key(spot[:-tail]) + tie] = self._outside(handle)
        return spots

    def _translated(self, part: RowsWritten) -> RowsWritten:
        changes, quiet = (
            [(self._inside(handle), self._found(old), new, witness) for handle, old, new, witness in changed]
            for changed in (part.changes, part.quiet)
        )
        return RowsWritten(self._inner, changes, quiet, part.now, set(map(self._inside, part.renewed)))


class ForeignOrder(ForeignSet):
    """What `OrderedBase` asks for: handles are bytes."""

    def __init__(self, table: Any) -> None:
        super().__init__(table)
        self._key = table._key
        self._flat: dict[bytes, Any] = {}

    def _outside(self, handle: Any) -> Any:
        outside = encode_key(handle)
        self._flat[outside] = handle
        return outside

    def _inside(self, handle: Any) -> Any:
        return self._flat[handle]

    def _sort_key(self, key: Any) -> bytes:
        handle: bytes = self._outside(self._inner._sort_key(key))
        return handle

    def _ask_order(self, question: str, *arguments: Any) -> Any:
        return Order(list(map(self._outside, self._inner._all_rows()))).answer(question, *arguments)


class ForeignBag(Foreigner):
    """What `BagBase` asks for: tokens are numbers."""

    def __init__(self, table: Any) -> None:
        super().__init__(table)
        self._tokens: list[Any] = []

    def _token(self, token: Any) -> int | None:
        if token is None:
            return None
        if token not in self._tokens:
            self._tokens.append(token)
        return self._tokens.index(token)

    def _found(self, found: Any) -> Any:
        return None if found is None else self._tokens[found]

    def _locate(self, key: Any) -> tuple[Any, Any, int]:
        handle, token, witness = self._inner._locate(key)
        return self._outside(handle), self._token(token), witness

    def _values_of(self, handle: Any) -> Any:
        found = self._inner._values_of(self._inside(handle))
        return None if found is None else (found[0], self._token(found[1]), found[2])

    def _all_values(self) -> dict[Any, Any]:
        return {
            self._outside(handle): (key, self._token(token), listed)
            for handle, (key, token, listed) in self._inner._all_values().items()
        }

    def _are_all_keys(self, handles: AbstractSet[Any]) -> bool:
        return bool(self._inner._are_all_keys({self._inside(handle) for handle in handles}))

    def _translated(self, part: BagWritten) -> BagWritten:
        cells = [cell._replace(handle=self._inside(cell.handle), token=self._found(cell.token)) for cell in part.cells]
        return BagWritten(self._inner, cells)


_OVER: dict[str, type[Foreigner]] = {
    "TransactionSet": ForeignSet,
    "TransactionOrderedSet": ForeignOrder,
    "TransactionBag": ForeignBag,
    "TransactionDuplicateBag": ForeignBag,
}


@pytest.fixture(autouse=True)
def foreign_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every view stand over a table of another kernel."""
    for name, foreign in _OVER.items():
        view: Any = getattr(views, name)
        monkeypatch.setattr(view, "_begin", _beginning(view._begin, foreign), raising=False)


def _beginning(begin: Any, foreign: type[Foreigner]) -> Any:
    def begun(self: Any, table: Any, attempt: Any) -> None:
        stranger = foreign(table)
        begin(self, stranger, attempt)
        attempt.views[id(table)] = attempt.views.pop(id(stranger))

    return begun


def test_a_view_stands_over_a_table_of_the_protocol_alone() -> None:
    store = ets.Store()
    for kind in ("set", "ordered_set", "bag", "duplicate_bag"):
        table = ets.new(kind=kind, store=store)
        assert isinstance(store.transact(lambda tx, table=table: tx[table]._table), Foreigner)


class TestSetTable(Transactions, TransactionConflicts, TransactionsOfSets):
    kind = "set"


class TestOrderedSetTable(Transactions, TransactionConflicts, TransactionsOfSets):
    kind = "ordered_set"


class TestBagTable(Transactions, TransactionConflicts):
    kind = "bag"


class TestDuplicateBagTable(Transactions, TransactionConflicts):
    kind = "duplicate_bag"
