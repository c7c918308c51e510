"""The verbs of both set kinds that read, write and remove entries."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, TypeVar, overload

from noex.clock import TOLERANCE
from noex.errors import UnhashableKey
from noex.kernel._pure.ground.hashed import Handle
from noex.kernel._pure.ground.lock import acquire, release
from noex.kernel._pure.ground.row import FOREVER, NEVER
from noex.kernel._pure.rows.scheduled_rows import K, V
from noex.kernel._pure.verbs.transacted import Transacted
from noex.typing import DEFAULT, Items, Ttl

__all__ = ["ABSENT", "SetVerbs"]

ABSENT: Any = object()
"""What private verbs return for a key that is not there: no value of a user's is this."""

D = TypeVar("D")


class SetVerbs(Transacted[K, V]):
    """What set kinds offer to write, look up and remove, over `_find` and `_commit`."""

    __slots__ = ()

    @abstractmethod
    def _collect(self, items: Items[K, V]) -> tuple[dict[Handle, tuple[K, V]], int]:
        """Read the items; return by handle the first key and last value of equal ones, and the witness."""

    def _load_rows(self, pairs: list[tuple[K, V]], due: float | None) -> Any:
        """Write entries with that deadline, in milliseconds of the clock or None, none of which is there yet.

        Returns `ABSENT`, or a key that is equal to one that is there or among the pairs. O(pairs), plus O(log n) for
        each in an ordered table.
        """
        batch: Items[K, V] = pairs if self._handles_are_ordered else dict(pairs)  # what `_collect` reads fastest
        while True:
            writes, witness = self._collect(batch)
            displaced = self._commit_many(writes, due, witness, NEVER)
            if displaced is not None:
                break
        if displaced:
            return displaced[0][0]
        return ABSENT if len(writes) == len(pairs) else self._repeated(pairs)

    def _repeated(self, pairs: list[tuple[K, V]]) -> Any:
        """Return the first key that is one for the second time."""
        seen: set[Handle] = set()
        for key, value in pairs:
            handles = set(self._collect([(key, value)])[0])
            if handles & seen:
                return key
            seen |= handles
        return pairs[-1][0]  # a function that does not give twice the same

    def insert(self, key: K, value: V, *, ttl: Ttl = DEFAULT) -> None:
        """Write an entry, over the one that has this key if there is one. Its lifetime starts anew.

        The value is held by reference; an equal key that is in the table already stays the key. O(1); O(log n) on
        an ordered table. Atomic.

        Raises:
            UnhashableKey, UnorderableKey: the key cannot be one of this table.
            ValueError: `ttl` is zero or negative.
            TypeError: `ttl` is no duration.

        >>> from noex import ets
        >>> users = ets.SetTable[str, str]()
        >>> users.insert("u1", "Ada")
        >>> users.insert("u2", "Grace", ttl=3600)
        >>> users.lookup("u1")
        'Ada'
        """
        now, due = self._lifetime(ttl)
        while True:
            handle, row, witness = self._find(key, now)
            new = self._row(key if row is None else row[0], value, due, row)
            if self._commit(handle, row, new, witness):
                return

    def insert_new(self, key: K, value: V, *, ttl: Ttl = DEFAULT) -> bool:
        """Write an entry only where the key is absent; return whether it was.

        Of many callers at once, exactly one gets True: the building block of locks and idempotency keys. Cost and
        errors as `insert`. Atomic.

        >>> from noex import ets
        >>> locks = ets.SetTable[str, str]()
        >>> locks.insert_new("report", "worker-1"), locks.insert_new("report", "worker-2")
        (True, False)
        """
        now, due = self._lifetime(ttl)
        while True:
            handle, row, witness = self._find(key, now)
            if row is not None:
                return False
            if self._commit(handle, None, self._row(key, value, due, None), witness):
                return True

    def setdefault(self, key: K, default: Any = None, /) -> Any:
        """Return the value of the key, writing `default` first where it is absent. Cost and errors as `insert`. Atomic.

        >>> from noex import ets
        >>> users = ets.SetTable[str, str]()
        >>> users.setdefault("u1", "Ada"), users.setdefault("u1", "Grace")
        ('Ada', 'Ada')
        """
        now, due = self._lifetime(DEFAULT)
        while True:
            handle, row, witness = self._find(key, now)
            if row is not None:
                return row[1]
            if self._commit(handle, None, self._row(key, default, due, None), witness):
                return default

    def insert_many(self, items: Items[K, V], *, ttl: Ttl = DEFAULT) -> int:
        """Write the entries of a mapping or of pairs, all or nothing; return how many keys were written.

        The last of equal keys wins. O(1) for each, O(log n) on an ordered table. Atomic: the items are read and
        checked first, and then seen all at once; an item that raises leaves the table as it was.

        Raises:
            UnhashableKey, UnorderableKey: a key cannot be one of this table.
            TypeError, ValueError: an item is no pair.

        >>> from noex import ets
        >>> users = ets.SetTable[str, str]()
        >>> users.insert_many({"u1": "Ada", "u2": "Grace"})
        2
        >>> users.insert_many([("u1", "Lovelace"), ("u3", "Joan")])
        2
        """
        now, due = self._lifetime(ttl)
        while True:
            writes, witness = self._collect(items)
            displaced = self._commit_many(writes, due, witness, now)
            if displaced is not None:
                return len(writes)
            items = list(writes.values())

    @overload
    def lookup(self, key: K) -> V | None: ...
    @overload
    def lookup(self, key: K, default: D) -> V | D: ...
    def lookup(self, key: K, default: Any = None) -> Any:
        """Return the value of the key, or `default` where it is absent.

        O(1); O(log n) on an ordered table. Atomic, and waits for no function of a writer's.

        Raises:
            UnhashableKey, UnorderableKey: the key cannot be one of this table.

        >>> from noex import ets
        >>> users = ets.SetTable[str, str]()
        >>> users.lookup("u9"), users.lookup("u9", default="nobody")
        (None, 'nobody')
        """
        row = self._resolve(key)[1]
        if row is None or not (row[2] is None or self._clock() * 1000 + TOLERANCE < row[2]):
            return default
        return row[1]

    def lookup_many(self, keys: Iterable[K]) -> dict[K, V]:
        """Return the values of those keys that are present.

        O(1) for each; O(log n) on an ordered table. Atomic: all values are of one instant.

        Raises:
            UnhashableKey: a key has no hash, which an ordered table with `key=` allows, and a dict does not.
            UnorderableKey: a key cannot be one of this table.

        >>> from noex import ets
        >>> users = ets.SetTable[str, str]()
        >>> users.insert("u1", "Ada")
        >>> users.lookup_many(["u1", "u9"])
        {'u1': 'Ada'}
        """
        asked = list(keys)
        while True:
            now = self._tick()
            resolved = [(key, *self._resolve(key)) for key in asked]
            acquire()
            try:
                rows = self._rows
                len(rows)  # a closed table says so here
                current = [rows.get(handle) for _, handle, _, _ in resolved]
            finally:
                release()
            if all(
                row is found and (row is not None or self._still_absent(handle, witness))
                for row, (_, handle, found, witness) in zip(current, resolved, strict=True)
            ):
                break
        try:
            return {
                key: row[1]
                for (key, _, _, _), row in zip(resolved, current, strict=True)
                if row is not None and (row[2] is None or now < row[2])
            }
        except TypeError as error:
            if "unhashable type" not in str(error):
                raise
            raise UnhashableKey(
                f"lookup_many of {self._label()} returns a dict, which cannot hold such keys ({error}); "
                "look them up one by one"
            ) from None

    def member(self, key: K) -> bool:
        """Tell whether the key is present; `key in table` is the same.

        O(1); O(log n) on an ordered table. Atomic.

        >>> from noex import ets
        >>> users = ets.SetTable[str, str]()
        >>> users.insert("u1", "Ada")
        >>> users.member("u1"), "u9" in users
        (True, False)
        """
        row = self._resolve(key)[1]
        return row is not None and (row[2] is None or self._clock() * 1000 + TOLERANCE < row[2])

    @overload
    def take(self, key: K) -> V | None: ...
    @overload
    def take(self, key: K, default: D) -> V | D: ...
    def take(self, key: K, default: Any = None) -> Any:
        """Remove the entry and return its value, or `default` where there is none.

        O(1); O(log n) on an ordered table. Atomic: of many callers at once, one gets the value.

        >>> from noex import ets
        >>> jobs = ets.SetTable[str, str]()
        >>> jobs.insert("j1", "resize")
        >>> jobs.take("j1"), jobs.take("j1")
        ('resize', None)
        """
        now = self._tick()
        while True:
            handle, row, witness = self._find(key, now)
            if row is None:
                return default
            if self._commit(handle, row, None, witness):
                return row[1]

    def delete(self, key: K) -> bool:
        """Remove the entry of the key; return whether there was one.

        O(1); O(log n) on an ordered table. Atomic.

        >>> from noex import ets
        >>> users = ets.SetTable[str, str]()
        >>> users.insert("u1", "Ada")
        >>> users.delete("u1"), users.delete("u1")
        (True, False)
        """
        now = self._tick()
        while True:
            handle, row, witness = self._find(key, now)
            if row is None:
                return False
            if self._commit(handle, row, None, witness):
                return True

    def delete_many(self, keys: Iterable[K]) -> int:
        """Remove the entries of the keys; return how many there were.

        O(1) for each; O(log n) on an ordered table. Atomic: they go all at once.

        >>> from noex import ets
        >>> users = ets.SetTable[str, str]()
        >>> users.insert_many({"u1": "Ada", "u2": "Grace"})
        2
        >>> users.delete_many(["u1", "u9"])
        1
        """
        wanted = list(keys)
        while True:
            now = self._tick()
            gone = self._remove_many([self._resolve(key) for key in wanted], now)
            if gone is not None:
                return self._count_live(gone, now)

    def _rekey(self, old: K, new: K, ttl: Ttl) -> Any:
        """Give an entry another key, which is new, and a new lifetime; return its value, or `ABSENT`. Atomic."""
        now, due = self._lifetime(ttl)
        while True:
            handle, row, witness = self._find(old, now)
            if row is None:
                return ABSENT
            arriving, _, arrival = self._find(new, now)
            changes = [(handle, row, None, witness), (arriving, None, self._row(new, row[1], due, None), arrival)]
            if self._change(changes, now):
                return row[1]

    def delete_object(self, key: K, value: V) -> int:
        """Remove the entry only if its value is `value` (identical or `==`); return how many went: 0 or 1.

        O(1); O(log n) on an ordered table. Atomic: values are compared outside locks, and compared again if the row
        was written meanwhile. The safe way to release what one has inserted oneself.

        >>> from noex import ets
        >>> locks = ets.SetTable[str, str]()
        >>> locks.insert("report", "worker-2")
        >>> locks.delete_object("report", "worker-1"), locks.delete_object("report", "worker-2")
        (0, 1)
        """
        now = self._tick()
        while True:
            handle, row, witness = self._find(key, now)
            if row is None or not (row[1] is value or row[1] == value):
                return 0
            if self._commit(handle, row, None, witness):
                return 1

    def clear(self) -> int:
        """Remove all entries; return how many there were.

        O(n) for the caller, who frees the entries. Others wait O(1), or until the indexes are empty. Atomic.

        >>> from noex import ets
        >>> users = ets.SetTable[str, str]()
        >>> users.insert("u1", "Ada")
        >>> users.clear(), len(users)
        (1, 0)
        """
        return self._remove_all(self._tick())

    def __len__(self) -> int:
        """Return the number of live entries, exactly. O(1), plus O(log n) for each entry that has expired since."""
        if self._next_due != FOREVER:
            self._tick_all()
        acquire()
        try:
            return len(self._rows)
        finally:
            release()

    def __contains__(self, key: object) -> bool:
        """Tell whether the key is present, as `member` does."""
        return self.member(key)  # type: ignore[arg-type]
