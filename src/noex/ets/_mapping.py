"""Set kinds as mappings: what `MutableMapping` asks for, each verb atomic.

`collections.abc` would build `pop`, `popitem`, `update` and `setdefault` from single steps, between which another
thread may write; here each is one step. (`setdefault`, as `clear`, is a verb of the kernel's.)
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, MutableMapping, ValuesView
from typing import TYPE_CHECKING, Any, TypeVar, overload

from noex.errors import KeyNotFound, TableEmpty
from noex.typing import DEFAULT, Entry, Items, SupportsKeysAndGetItem, Ttl

__all__ = ["SetMapping"]

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")

_ABSENT: Any = object()


class SetMapping(MutableMapping[K, V]):
    """The mapping behaviour of a set kind, over the verbs of its kernel class."""

    __slots__ = ()

    if TYPE_CHECKING:  # what the kernel classes bring

        @overload
        def lookup(self, key: K) -> V | None: ...
        @overload
        def lookup(self, key: K, default: D) -> V | D: ...
        def lookup(self, key: K, default: Any = None) -> Any: ...

        @overload
        def take(self, key: K) -> V | None: ...
        @overload
        def take(self, key: K, default: D) -> V | D: ...
        def take(self, key: K, default: Any = None) -> Any: ...

        def insert(self, key: K, value: V, *, ttl: Ttl = DEFAULT) -> None: ...
        def insert_new(self, key: K, value: V, *, ttl: Ttl = DEFAULT) -> bool: ...
        def insert_many(self, items: Items[K, V], *, ttl: Ttl = DEFAULT) -> int: ...
        def delete(self, key: K) -> bool: ...
        def _label(self) -> str: ...

    @abstractmethod
    def _entries(self) -> list[Entry]:
        """Return keys and values of all live entries, as they stand at one instant."""

    @abstractmethod
    def _walk(self) -> Iterator[tuple[Any, ...]]:
        """Walk the rows: what stays throughout is met exactly once, whatever comes and goes."""

    def _walk_values(self) -> Iterator[V]:
        """Walk the values; a kernel may know a shorter way."""
        return (row[1] for row in self._walk())

    def _walk_items(self) -> Iterator[tuple[K, V]]:
        """Walk pairs of key and value; a kernel may know a shorter way."""
        return ((row[0], row[1]) for row in self._walk())

    @abstractmethod
    def _pop_entry(self) -> tuple[K, V] | None:
        """Remove one entry, the last, and return it; None in an empty table."""

    def __getitem__(self, key: K) -> V:
        """Return the value of the key. O(1), O(log n) on an ordered table. Atomic.

        Raises:
            KeyNotFound: the key is absent; a `KeyError`.
        """
        value: Any = self.lookup(key, _ABSENT)
        if value is _ABSENT:
            raise KeyNotFound(key, self._label())
        return value  # type: ignore[no-any-return]

    def __setitem__(self, key: K, value: V) -> None:
        """Write an entry, as `insert` does."""
        self.insert(key, value)

    def __delitem__(self, key: K) -> None:
        """Remove the entry of the key. O(1), O(log n) on an ordered table. Atomic.

        Raises:
            KeyNotFound: the key is absent; a `KeyError`.
        """
        if not self.delete(key):
            raise KeyNotFound(key, self._label())

    def __iter__(self) -> Iterator[K]:
        """Walk the keys. Never raises under concurrent writes; a key that stays throughout is met exactly once."""
        return (row[0] for row in self._walk())

    @overload
    def get(self, key: K, /) -> V | None: ...
    @overload
    def get(self, key: K, /, default: V | D) -> V | D: ...
    def get(self, key: K, /, default: Any = None) -> Any:
        """Return the value of the key, or `default`; the mapping's name for `lookup`."""
        return self.lookup(key, default)

    @overload
    def pop(self, key: K, /) -> V: ...
    @overload
    def pop(self, key: K, /, default: V | D) -> V | D: ...
    def pop(self, key: K, /, default: Any = _ABSENT) -> Any:
        """Remove the entry and return its value, or `default`. O(1), O(log n) on an ordered table. Atomic.

        Raises:
            KeyNotFound: the key is absent and no default is given.
        """
        value = self.take(key, default)
        if value is _ABSENT:
            raise KeyNotFound(key, self._label())
        return value

    def popitem(self) -> tuple[K, V]:
        """Remove and return the last entry: the newest key of a set, the largest of an ordered set. Atomic.

        Raises:
            TableEmpty: the table is empty; a `KeyError`.
        """
        entry = self._pop_entry()
        if entry is None:
            raise TableEmpty(f"popitem finds nothing: {self._label()} is empty; ask `if table` or len() first")
        return entry

    def update(
        self,
        items: Mapping[Any, V] | SupportsKeysAndGetItem[Any, V] | Iterable[tuple[Any, V]] = (),
        /,
        **named: V,
    ) -> None:
        """Write many entries, as `insert_many` does: all or nothing, seen all at once."""
        if named:
            given: Any = items
            pairs = [(key, given[key]) for key in given.keys()] if hasattr(given, "keys") else list(given)  # noqa: SIM118
            items = [*pairs, *named.items()]
        self.insert_many(items)

    def keys(self) -> KeysView[K]:
        """Return a live view of the keys."""
        return _Keys(self)

    def values(self) -> ValuesView[V]:
        """Return a live view of the values."""
        return _Values(self)

    def items(self) -> ItemsView[K, V]:
        """Return a live view of the entries, as pairs of key and value."""
        return _Items(self)

    def __eq__(self, other: object) -> bool:
        """Compare by content with any mapping."""
        if self is other:
            return True
        if not isinstance(other, Mapping):
            return NotImplemented
        mine = self._entries()
        others: Mapping[Any, Any] = other  # pyright: ignore[reportUnknownVariableType]
        if len(mine) != len(others):
            return False
        for key, value in mine:
            try:
                theirs = others[key]
            except KeyError:
                return False
            except TypeError as error:
                if "unhashable type" in str(error):
                    return False  # a key without a hash, which `key=` gives a place here
                raise
            if not (value is theirs or value == theirs):
                return False
        return True

    __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType, reportIncompatibleVariableOverride]


class _Keys(KeysView[K]):
    """The keys, walked as the table itself is."""

    __slots__ = ()
    _mapping: SetMapping[K, Any]

    def __iter__(self) -> Iterator[K]:
        return iter(self._mapping)


class _Values(ValuesView[V]):
    """The values, walked by key, so that no write in between makes the walk fail."""

    __slots__ = ()
    _mapping: SetMapping[Any, V]

    def __iter__(self) -> Iterator[V]:
        return self._mapping._walk_values()

    def __contains__(self, value: object) -> bool:
        return any(other is value or other == value for other in self)


class _Items(ItemsView[K, V]):
    """The entries, walked by key, so that no write in between makes the walk fail."""

    __slots__ = ()
    _mapping: SetMapping[K, V]

    def __iter__(self) -> Iterator[tuple[K, V]]:
        return self._mapping._walk_items()
