"""The kernel's bags: several values per key, in the order in which they came."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from noex.kernel._pure.ground.hashed import PLAIN, Handle
from noex.kernel._pure.ground.items import pairs_of
from noex.kernel._pure.ground.lock import acquire, commits, release
from noex.kernel._pure.queries.access import Access, Test
from noex.kernel._pure.rows.cells import UNHASHABLE, Cell, Choice, K, Plan, V
from noex.kernel._pure.rows.transacted_cells import TransactedCells
from noex.typing import DEFAULT, MISSING, Items, Ttl

__all__ = ["BagTable", "DuplicateBagTable"]

_MISSING = object()


class DuplicateBagTable(TransactedCells[K, V]):
    """Every entry is kept, in order of insertion."""

    __slots__ = ()

    kind = "duplicate_bag"

    # -- writing ------------------------------------------------------------------------------------------------

    def insert(self, key: K, value: V, *, ttl: Ttl = DEFAULT) -> None:
        """Add an entry: a duplicate_bag keeps every one, a bag only where that pair of key and value is new.

        Values are compared by `==`. O(1) for hashable values; in a bag, O(values of the key) for others. Atomic.

        Raises:
            UnhashableKey: the key has no hash.
            TypeError: a lifetime was given; only set kinds have them.

        >>> from noex import ets
        >>> tags = ets.BagTable[str, str]()
        >>> tags.insert("post", "python"); tags.insert("post", "rust"); tags.insert("post", "python")
        >>> tags.lookup("post")
        ['python', 'rust']
        """
        self._refuse_lifetime(ttl)
        self._add(key, value, only_new=False)

    def insert_new(self, key: K, value: V, *, ttl: Ttl = DEFAULT) -> bool:
        """Add an entry only where the key has none at all; return whether it had none. Atomic. Otherwise as `insert`.

        >>> from noex import ets
        >>> tags = ets.BagTable[str, str]()
        >>> tags.insert_new("post", "python"), tags.insert_new("post", "rust")
        (True, False)
        """
        self._refuse_lifetime(ttl)
        return self._add(key, value, only_new=True)

    def insert_many(self, items: Items[K, V], *, ttl: Ttl = DEFAULT) -> int:
        """Add the entries of a mapping or of pairs, in order, all or nothing; return how many were added.

        Cost of `insert` for each. Atomic: the items are read and checked first, and then seen all at once; an item
        that raises leaves the table as it was.

        Raises:
            UnhashableKey: a key has no hash.
            TypeError, ValueError: an item is no pair.

        >>> from noex import ets
        >>> tags = ets.BagTable[str, str]()
        >>> tags.insert_many([("post", "python"), ("post", "rust"), ("post", "python")])
        2
        """
        self._refuse_lifetime(ttl)
        pairs = pairs_of(items)
        while True:
            witness = self._arrivals
            plan: Plan = {}
            handles: dict[K, Handle] = {}
            fresh: dict[Handle, Cell] = {}  # what the batch adds to each key, to compare the rest of it with
            chosen: list[Choice] = []
            for key, value in pairs:
                handle = self._planned(key, handles, plan)
                cell = plan[handle][0]
                hashed = self._hash(value)
                if not self._holds(cell, value, hashed) and not self._holds(fresh.get(handle), value, hashed):
                    self._put(fresh.setdefault(handle, Cell(key)), len(chosen), value, hashed)
                    chosen.append((cell, value, hashed))
            if self._apply(plan, chosen, witness):
                return len(chosen)

    def _add(self, key: K, value: V, *, only_new: bool) -> bool:
        """Add one entry, unless it is held already, or `only_new` and the key has any; return whether it was added."""
        hashed = self._hash(value)
        if type(key) in PLAIN and not self._foreign:
            added = self._add_plain(key, value, hashed, only_new=only_new)
            if added is not None:
                return added
        while True:
            handle, cell, witness = self._resolve(key)
            is_new = cell is None
            if cell is None:
                cell = Cell(key)
            elif only_new:
                return False
            version = cell.version
            if self._holds(cell, value, hashed):
                return False
            if self._apply({handle: (cell, version, is_new)}, [(cell, value, hashed)], witness):
                return True

    def _add_plain(self, key: K, value: V, hashed: Any, *, only_new: bool) -> bool | None:
        """Do as `_add` in one step, for a plain key and a value that none of the cell can equal; None if one might."""
        fresh = Cell(key)
        acquire()
        try:
            rows = self._rows
            cell = rows[key] if key in rows else None
            if cell is None:
                if self._foreign:
                    return None
                cell = rows[key] = fresh
                self._arrivals += 1
            elif only_new:
                return False
            elif cell.by_hash and (hashed is UNHASHABLE or hashed in cell.by_hash or UNHASHABLE in cell.by_hash):
                return None
            self._put(cell, next(self._tickets), value, hashed)
            self._size += 1
            self._version += 1
            commits[0] += 1
            self._tell("insert", ((cell.key, value),))
        finally:
            release()
        self._deliver()
        return True

    def _refuse_lifetime(self, ttl: Ttl) -> None:
        if ttl is not DEFAULT and ttl is not None:
            raise TypeError(f"{self._label()} keeps no lifetimes, but ttl={ttl!r} was given; set kinds do")

    # -- reading ------------------------------------------------------------------------------------------------

    def lookup(self, key: K) -> list[V]:
        """Return the values of the key in order of insertion; an empty list where it has none.

        O(results). Atomic.

        Raises:
            UnhashableKey: the key has no hash.

        >>> from noex import ets
        >>> events = ets.DuplicateBagTable[str, int]()
        >>> events.insert_many([("a", 1), ("a", 1)])
        2
        >>> events.lookup("a"), events.lookup("b")
        ([1, 1], [])
        """
        handle = self._resolve(key)[0]
        acquire()
        try:
            cell = self._rows.get(handle)
            return [] if cell is None else list(cell.values.values())
        finally:
            release()

    def lookup_many(self, keys: Iterable[K]) -> dict[K, list[V]]:
        """Return the values of those keys that have any. O(keys + results). Atomic: all are of one instant.

        >>> from noex import ets
        >>> tags = ets.BagTable[str, str]()
        >>> tags.insert("post", "python")
        >>> tags.lookup_many(["post", "page"])
        {'post': ['python']}
        """
        asked = list(keys)
        while True:
            resolved = [(key, *self._resolve(key)) for key in asked]
            acquire()
            try:
                rows = self._rows
                len(rows)  # a closed table says so here
                current = [(found[0], rows.get(found[1]), found[3]) for found in resolved]
                values = {key: list(cell.values.values()) for key, cell, _ in current if cell is not None}
                absent = [found for found, (_, cell, _) in zip(resolved, current, strict=True) if cell is None]
            finally:
                release()
            if all(self._still_absent(handle, witness) for _, handle, _, witness in absent):
                return values

    def member(self, key: K) -> bool:
        """Tell whether the key has entries; `key in table` is the same. O(1). Atomic.

        >>> from noex import ets
        >>> tags = ets.BagTable[str, str]()
        >>> tags.insert("post", "python")
        >>> tags.member("post"), "page" in tags
        (True, False)
        """
        return self._resolve(key)[1] is not None

    # -- removing -----------------------------------------------------------------------------------------------

    def take(self, key: K) -> list[V]:
        """Remove all entries of the key and return their values in order. O(results). Atomic.

        >>> from noex import ets
        >>> inbox = ets.DuplicateBagTable[str, str]()
        >>> inbox.insert_many([("ada", "hi"), ("ada", "bye")])
        2
        >>> inbox.take("ada"), inbox.take("ada")
        (['hi', 'bye'], [])
        """
        return [value for cell in self._remove([key]) for value in cell.values.values()]

    def delete(self, key: K) -> bool:
        """Remove all entries of the key; return whether there were any. O(entries of the key). Atomic.

        >>> from noex import ets
        >>> tags = ets.BagTable[str, str]()
        >>> tags.insert_many([("post", "python"), ("post", "rust")])
        2
        >>> tags.delete("post"), len(tags)
        (True, 0)
        """
        return bool(self._remove([key]))

    def delete_many(self, keys: Iterable[K]) -> int:
        """Remove all entries of the keys; return how many there were. O(entries). Atomic: they go all at once.

        >>> from noex import ets
        >>> tags = ets.BagTable[str, str]()
        >>> tags.insert_many([("post", "python"), ("post", "rust")])
        2
        >>> tags.delete_many(["post", "page"])
        2
        """
        return sum(len(cell.values) for cell in self._remove(list(keys)))

    def delete_object(self, key: K, value: V) -> int:
        """Remove the entries of the key that equal `value` (identical or `==`); return how many went.

        A duplicate_bag removes every copy, as Erlang does: O(values of the key). A bag has at most one: O(1) for
        hashable values. Atomic: values are compared outside locks, and compared again if the key was written.

        >>> from noex import ets
        >>> events = ets.DuplicateBagTable[str, int]()
        >>> events.insert_many([("a", 1), ("a", 2), ("a", 1)])
        3
        >>> events.delete_object("a", 1), events.lookup("a")
        (2, [2])
        """
        while True:
            handle, cell, _ = self._resolve(key)
            if cell is None:
                return 0
            version = cell.version
            tickets = self._find(cell, value, self._hash(value))
            removed = self._discard(handle, cell, tickets, version)
            if removed is not None:
                return len(removed)

    def _delete_where(self, access: Access, test: Test) -> int:
        """Remove every entry for which `test(key, value)` is true, each in a step of its own; return how many went."""
        deleted = 0
        for handle, cell, values in self._cells_of(access):
            for ticket, value in values.items():
                if test(cell.key, value):
                    deleted += len(self._discard(handle, cell, [(ticket, self._hash(value))], None) or ())
        return deleted

    def clear(self) -> int:
        """Remove all entries; return how many there were. O(1) for others, O(n) for the caller. Atomic.

        >>> from noex import ets
        >>> tags = ets.BagTable[str, str]()
        >>> tags.insert("post", "python")
        >>> tags.clear(), len(tags)
        (1, 0)
        """
        acquire()
        try:
            rows, size = self._rows, self._size
            len(rows)  # a closed table says so here
            self._rows, self._foreign, self._size = {}, {}, 0
            self._arrivals += 1
            self._version += 1
            commits[0] += 1
            if size:
                self._tell("clear", ((MISSING, MISSING),))
        finally:
            release()
        self._deliver()
        rows.clear()
        return size

    # -- walking ------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Return the number of entries. O(1). Atomic."""
        acquire()
        try:
            len(self._rows)  # a closed table says so here
            return self._size
        finally:
            release()

    def __contains__(self, key: object) -> bool:
        """Tell whether the key has entries, as `member` does."""
        return self.member(key)  # type: ignore[arg-type]


class BagTable(DuplicateBagTable[K, V]):
    """Each pair of key and value is kept once, where it was inserted first."""

    __slots__ = ()

    kind = "bag"

    def _hash(self, value: Any) -> int | None:
        try:
            return hash(value)
        except TypeError as error:
            if "unhashable type" in str(error):
                return UNHASHABLE
            raise

    def _holds(self, cell: Cell | None, value: Any, hashed: Any) -> bool:
        return cell is not None and bool(self._find(cell, value, hashed))

    def _find(self, cell: Cell, value: Any, hashed: Any) -> list[tuple[int, Any]]:
        values = cell.values
        if hashed is UNHASHABLE:
            # A set may equal a frozenset, which has a hash: look at all.
            candidates = [(ticket, number) for number, tickets in cell.by_hash.copy().items() for ticket in tickets]
        else:
            candidates = [(ticket, hashed) for ticket in cell.by_hash.get(hashed, ())]
            candidates += [(ticket, UNHASHABLE) for ticket in cell.by_hash.get(UNHASHABLE, ())]
        for found in candidates:
            other = values.get(found[0], _MISSING)
            if other is value or (other is not _MISSING and other == value):
                return [found]
        return []

    def _put(self, cell: Cell, ticket: int, value: Any, hashed: Any) -> None:
        tickets = (*cell.by_hash.get(hashed, ()), ticket)
        cell.values[ticket] = value
        cell.by_hash[hashed] = tickets
        cell.version += 1

    def _forget(self, cell: Cell, ticket: int, hashed: Any) -> None:
        rest = tuple(other for other in cell.by_hash[hashed] if other != ticket)
        if rest:
            cell.by_hash[hashed] = rest
        else:
            del cell.by_hash[hashed]

    def _filled(self, key: K, listed: Iterable[tuple[int, V, int | None]]) -> Cell:
        cell = super()._filled(key, listed)
        by_hash = cell.by_hash
        for ticket, _, hashed in listed:
            by_hash[hashed] = (*by_hash[hashed], ticket) if hashed in by_hash else (ticket,)
        return cell

    def _forget_all(self, cell: Cell, tickets: Iterable[int]) -> None:
        super()._forget_all(cell, tickets)
        rest = {hashed: tuple(t for t in listed if t in cell.values) for hashed, listed in cell.by_hash.items()}
        cell.by_hash = {hashed: listed for hashed, listed in rest.items() if listed}

    def _check(self) -> None:
        """Raise AssertionError unless cells, hashes, size and handles agree."""
        super()._check()
        for cell in self._rows.values():
            listed = [ticket for tickets in cell.by_hash.values() for ticket in tickets]
            assert sorted(listed) == list(cell.values), "values and their hashes differ"
