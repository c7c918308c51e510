"""Secondary indexes of set kinds: entries by another value than their key, kept in step with every write and expiry."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from noex._arguments import check_function, check_limit, whole_number
from noex.ets.queries import Term
from noex.kernel import IndexSpec, compile_reader
from noex.typing import Bounds, Entry

__all__ = ["Index", "IndexReading", "Indexed"]

K = TypeVar("K")
V = TypeVar("V")

_BOUNDS = ("[)", "[]", "()", "(]")


class Index(Generic[K, V]):
    """Entries of a table by what a function makes of them; made by `add_index`, found by `index`.

    Hashed indexes find entries by value. Ordered ones keep them in the term order of their value, entries of one value
    by key in an ordered set, else in the order in which they got it. Every method is atomic and leaves out what has
    expired.

    >>> from noex import ets
    >>> users = ets.SetTable[str, dict]()
    >>> by_age = users.add_index("by_age", "age", ordered=True)
    >>> users.insert_many({"ada": {"age": 36}, "kim": {"age": 12}, "bo": {}})
    3
    >>> [entry.key for entry in by_age.range(18)], by_age.first()[0].key, len(by_age)
    (['ada'], 'kim', 2)

    Raises:
        IndexNotFound: it was dropped.
        TableClosed: its table is closed.
    """

    __slots__ = ("_spec", "_table")

    def __init__(self, table: IndexReading[K, V], spec: IndexSpec) -> None:
        self._table = table
        self._spec = spec

    @property
    def name(self) -> str:
        """The name it was given."""
        return self._spec.name

    @property
    def ordered(self) -> bool:
        """Whether it has an order."""
        return self._spec.ordered

    @property
    def unique(self) -> bool:
        """Whether a value has at most one entry."""
        return self._spec.unique

    def lookup(self, value: Any) -> list[Entry]:
        """Return the entries with that value. O(results), and O(log n) in an ordered index.

        Raises:
            UnhashableKey, UnorderableKey: no entry can have that value.

        >>> from noex import ets
        >>> sessions = ets.SetTable[str, dict]()
        >>> by_user = sessions.add_index("by_user", "user")
        >>> sessions.insert("s1", {"user": "ada"}); sessions.insert("s2", {"user": "ada"})
        >>> [entry.key for entry in by_user.lookup("ada")], by_user.lookup("bo")
        (['s1', 's2'], [])
        """
        return self._table._indexed(self._spec, value)

    def keys(self, value: Any) -> list[K]:
        """Return the keys of the entries with that value; cost and errors as `lookup`.

        >>> from noex import ets
        >>> sessions = ets.SetTable[str, dict]()
        >>> by_user = sessions.add_index("by_user", "user")
        >>> sessions.insert("s1", {"user": "ada"})
        >>> by_user.keys("ada")
        ['s1']
        """
        return [entry[0] for entry in self._table._indexed(self._spec, value)]

    def count(self, value: Any) -> int:
        """Return how many entries have that value; cost and errors as `lookup`.

        >>> from noex import ets
        >>> sessions = ets.SetTable[str, dict]()
        >>> by_user = sessions.add_index("by_user", "user")
        >>> sessions.insert("s1", {"user": "ada"})
        >>> by_user.count("ada"), by_user.count("bo")
        (1, 0)
        """
        return self._table._index_count(self._spec, value)

    def delete_all(self, value: Any) -> int:
        """Remove the entries with that value from the table, all at once; return how many. O(results x log n).

        Raises:
            UnhashableKey, UnorderableKey: no entry can have that value.

        >>> from noex import ets
        >>> sessions = ets.SetTable[str, dict]()
        >>> by_user = sessions.add_index("by_user", "user")
        >>> sessions.insert("s1", {"user": "ada"}); sessions.insert("s2", {"user": "ada"})
        >>> by_user.delete_all("ada"), len(sessions)
        (2, 0)
        """
        return self._table._delete_indexed(self._spec, value)

    def first(self, n: int = 1) -> list[Entry]:
        """Return the `n` entries with the smallest values, the smallest first. Ordered indexes only. O(log n + n).

        Raises:
            TypeError: the index is not ordered, or `n` is no int.
            ValueError: `n` is negative.

        >>> from noex import ets
        >>> scores = ets.SetTable[str, int]()
        >>> by_score = scores.add_index("by_score", lambda player, score: score, ordered=True)
        >>> scores.insert_many({"ada": 30, "bo": 10, "kim": 20})
        3
        >>> [entry.key for entry in by_score.first(2)], [entry.key for entry in by_score.last(2)]
        (['bo', 'kim'], ['ada', 'kim'])
        """
        return self.range(limit=whole_number(n, "n", least=0))

    def last(self, n: int = 1) -> list[Entry]:
        """Return the `n` entries with the largest values, the largest first. As `first`."""
        return self.range(limit=whole_number(n, "n", least=0), reverse=True)

    def range(
        self,
        low: Any = None,
        high: Any = None,
        *,
        bounds: Bounds = "[)",
        reverse: bool = False,
        limit: int | None = None,
    ) -> list[Entry]:
        """Return the entries with values from `low` to `high`, in the order of the index; None leaves a side open.

        Ordered indexes only. The arguments are those of `OrderedSetTable.range`. O(log n + results).

        Raises:
            TypeError: the index is not ordered.
            UnorderableKey: an end has no place in the order.
            ValueError: `bounds` is none of "[)", "[]", "()", "(]", or `limit` is negative.

        >>> from noex import ets
        >>> scores = ets.SetTable[str, int]()
        >>> by_score = scores.add_index("by_score", lambda player, score: score, ordered=True)
        >>> scores.insert_many({"ada": 30, "bo": 10, "kim": 20})
        3
        >>> [entry.key for entry in by_score.range(10, 30, bounds="[]", limit=2)]
        ['bo', 'kim']
        """
        check_limit(limit)
        if bounds not in _BOUNDS:
            raise ValueError(f"bounds must be one of {', '.join(map(repr, _BOUNDS))}, not {bounds!r}")
        return self._table._index_between(self._spec, (low, high, bounds), reverse=reverse, limit=limit)

    def rank(self, primary_key: K) -> int | None:
        """Return how many entries stand before that of the key, or None if the index has none. O(log n).

        Raises:
            TypeError: the index is not ordered.

        >>> from noex import ets
        >>> scores = ets.SetTable[str, int]()
        >>> by_score = scores.add_index("by_score", lambda player, score: ets.desc(score), ordered=True)
        >>> scores.insert_many({"ada": 30, "bo": 10, "kim": 20})
        3
        >>> by_score.rank("kim"), by_score.at(0), by_score.rank("nobody")
        (1, Entry(key='ada', value=30), None)
        """
        return self._table._index_rank(self._spec, primary_key)

    def at(self, position: int) -> Entry:
        """Return the entry at a position of the index, from the end with a negative one. O(log n).

        Raises:
            IndexError: there are not that many entries.
            TypeError: the index is not ordered, or the position is no int.
        """
        if isinstance(position, bool) or not isinstance(position, int):
            raise TypeError(f"a position is an int, not {position!r}")
        return self._table._index_at(self._spec, position)

    def __len__(self) -> int:
        """Return how many entries are in the index: those that its function keeps. O(1)."""
        return self._table._index_size(self._spec)

    def __bool__(self) -> bool:
        """Return True: an index without entries is one, too."""
        return True

    def __eq__(self, other: object) -> bool:
        """Tell whether both are the same index of the same table."""
        if not isinstance(other, Index):
            return NotImplemented
        theirs: Index[Any, Any] = other  # pyright: ignore[reportUnknownVariableType]
        return self._spec is theirs._spec and self._table is theirs._table

    def __hash__(self) -> int:
        return hash((id(self._spec), id(self._table)))

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} cannot be pickled or copied: it is part of its table; ask index() for it there")

    def __repr__(self) -> str:
        marks = "".join(f" {mark}" for mark in ("ordered", "unique") if getattr(self._spec, mark))
        return f"<Index {self.name!r} of {self._table!r}{marks}>"


class IndexReading(Generic[K, V]):
    """What set kinds offer to use their indexes; their views in transactions, too."""

    __slots__ = ()

    if TYPE_CHECKING:  # what the kernel classes bring

        def _spec(self, name: str) -> IndexSpec: ...
        def _indexed(self, spec: IndexSpec, value: Any) -> list[Entry]: ...
        def _index_count(self, spec: IndexSpec, value: Any) -> int: ...
        def _index_between(
            self, spec: IndexSpec, ends: tuple[Any, Any, str], *, reverse: bool = False, limit: int | None = None
        ) -> list[Entry]: ...
        def _index_rank(self, spec: IndexSpec, key: Any) -> int | None: ...
        def _index_at(self, spec: IndexSpec, position: int) -> Entry: ...
        def _index_size(self, spec: IndexSpec) -> int: ...
        def _delete_indexed(self, spec: IndexSpec, value: Any) -> int: ...

    def index(self, name: str) -> Index[K, V]:
        """Return the index of that name. O(indexes).

        Raises:
            IndexNotFound: there is none.

        >>> from noex import ets
        >>> users = ets.SetTable[int, dict]()
        >>> _ = users.add_index("by_age", "age", ordered=True)
        >>> users.index("by_age").ordered, users.info().indexes
        (True, ('by_age',))
        """
        return Index(self, self._spec(name))


class Indexed(IndexReading[K, V]):
    """What set kinds offer to index their entries."""

    __slots__ = ()

    if TYPE_CHECKING:  # what the kernel classes bring

        def _add_index(
            self, name: str, source: Any, function: Callable[[Any, Any], Any], *, ordered: bool, unique: bool
        ) -> IndexSpec: ...
        def _remove_index(self, name: str) -> None: ...

    def add_index(
        self,
        name: str,
        key: str | Term | Callable[[K, V], Any],
        *,
        ordered: bool = False,
        unique: bool = False,
    ) -> Index[K, V]:
        """Index the entries by what `key` makes of them: a field's name, a term of `ets.row`, or `key(key, value)`.

        None keeps an entry out, and so does a missing field. From then on the index changes in the very step in which
        the entries do. A function runs before any lock is taken, once for each write; it raising fails the write, which
        then changes nothing, and so does, for `unique`, a value that another key has. `ordered` gives ranges, ranks
        and both ends; `ets.desc` inside what the function returns reverses a part. Queries over a field use the index
        of that field. O(n log n) once, in one pass and without stopping others; then O(1), or O(log n), for a write.

        Raises:
            IndexViolation: it is to be unique, and two entries have one value.
            UnhashableKey, UnorderableKey: a value cannot be indexed.
            ValueError: there is an index of that name.
            TypeError: the name is no str, or `key` is none of the three.

        >>> from noex import ets
        >>> users = ets.SetTable[int, dict]()
        >>> by_email = users.add_index("by_email", "email", unique=True)
        >>> users.insert(1, {"email": "ada@example.org"})
        >>> users.insert(2, {"email": "ada@example.org"})
        Traceback (most recent call last):
        ...
        noex.errors.IndexViolation: index 'by_email' of the unnamed set table is unique, and 1 has 'ada@example.org' already; the write was refused
        """  # noqa: E501 - a message is one line
        if not isinstance(name, str):
            raise TypeError(f"an index's name is a str, not {name!r}")
        if isinstance(key, str):
            function: Callable[[Any, Any], Any] = compile_reader(("field", key))
            source: Any = ("field", key)
        elif isinstance(key, Term):
            function, source = compile_reader(key._path), key._path
        else:
            check_function(key, "an index is over a field's name, a term of ets.row, or a function of key and value")
            function, source = key, None
        return Index(self, self._add_index(name, source, function, ordered=bool(ordered), unique=bool(unique)))

    def drop_index(self, name: str) -> None:
        """Take an index away; writes do not keep it any more. O(n). Atomic.

        Raises:
            IndexNotFound: there is none.

        >>> from noex import ets
        >>> users = ets.SetTable[int, dict]()
        >>> _ = users.add_index("by_age", "age")
        >>> users.drop_index("by_age")
        >>> users.info().indexes
        ()
        """
        self._remove_index(name)
