"""The verbs that ask a table for entries by a condition, an expression or a function."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from noex._arguments import check_limit
from noex.ets.queries._expressions import Expression, Term
from noex.ets.queries._planner import Plan, plan
from noex.kernel import Access, IndexSpec, Test
from noex.typing import MISSING, DeleteType, Entry

__all__ = ["DeletingQueries", "OrderedQueries", "Queries", "UpdatingQueries", "Where"]

K = TypeVar("K")
V = TypeVar("V")
A = TypeVar("A")

Where: TypeAlias = Callable[[K, V], object] | Expression


class Queries(Generic[K, V]):
    """Reading through all entries, or those that match a condition, for every kind of table."""

    __slots__ = ()

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def _entries(self) -> list[Entry]:
        """Return all live entries, as they stand at one instant, in the table's order."""

    @abstractmethod
    def _fold(self, function: Callable[[Any, K, V], Any], initial: Any) -> Any:
        """Combine all live entries of one instant into one value."""

    @abstractmethod
    def _select(self, access: Access, test: Test | None, limit: int | None) -> list[Entry]:
        """Return the entries where the access says for which the test is true, at most `limit`."""

    @abstractmethod
    def _count_where(self, access: Access, test: Test | None) -> int:
        """Return how many entries there are where the access says for which the test is true."""

    def _access_by_key(self) -> tuple[Callable[[Any], Any] | None, Callable[[Any], Any] | None]:
        """Return what checks a value as a key to look up, and as an end of a range of keys."""
        return hash, None

    def _indexes(self) -> tuple[IndexSpec, ...]:
        """Return the table's indexes."""
        return ()

    def to_list(self) -> list[Entry]:
        """Return all entries, as they stand at one instant, in the table's order. O(n). Atomic.

        >>> from noex import ets
        >>> table = ets.OrderedSetTable[str, int]()
        >>> table.insert_many({"b": 2, "a": 1})
        2
        >>> table.to_list()
        [Entry(key='a', value=1), Entry(key='b', value=2)]
        """
        return self._entries()

    def fold(self, function: Callable[[A, K, V], A], initial: A) -> A:
        """Combine all entries into one value: `function(accumulator, key, value)`, in the table's order.

        O(n). The entries are those of one instant; the function runs after it, outside every lock.

        Raises:
            TypeError: `function` cannot be called.

        >>> from noex import ets
        >>> ages = ets.SetTable[str, int]()
        >>> ages.insert_many({"Ada": 36, "Kim": 12})
        2
        >>> ages.fold(lambda total, name, age: total + age, 0)
        48
        """
        if not callable(function):
            raise TypeError(f"fold takes a function of accumulator, key and value, not {function!r}")
        result: A = self._fold(function, initial)
        return result

    def select(self, where: Where[K, V] | None = None, *, limit: int | None = None) -> list[Entry]:
        """Return the entries that match, at most `limit`: those for which an expression over `ets.row` holds, or for
        which `where(key, value)` is true; all, without one.

        An expression looks only at the entries of a key or an index where one applies (see `explain`), and gives them
        in the order of what it used; else, and with a function, O(n), in the order of the table. The entries are those
        of one instant; functions run after it, outside every lock, and may use the table.

        Raises:
            TypeError: `where` is neither, or `limit` is no int.
            ValueError: `limit` is negative.

        >>> from noex import ets
        >>> ages = ets.SetTable[str, int]()
        >>> ages.insert_many({"Ada": 36, "Kim": 12})
        2
        >>> ages.select(ets.row.value >= 18), ages.select(lambda name, age: age >= 18)
        ([Entry(key='Ada', value=36)], [Entry(key='Ada', value=36)])
        """  # noqa: D205 - two ways to say what matches
        test = _test(where)
        check_limit(limit)
        return self._select(plan(self, where)[0], test, limit)

    def count(self, where: Where[K, V] | None = None) -> int:
        """Return the number of entries that match, as in `select`; of all, without a condition: then as `len`.

        Raises:
            TypeError: `where` is neither an expression nor a function.

        >>> from noex import ets
        >>> ages = ets.SetTable[str, int]()
        >>> ages.insert_many({"Ada": 36, "Kim": 12})
        2
        >>> ages.count(ets.row.value >= 18), ages.count()
        (1, 2)
        """
        test = _test(where)
        if test is None:
            return len(self)
        return self._count_where(plan(self, where)[0], test)

    def explain(self, where: Where[K, V] | None = None) -> Plan:
        """Return how a query finds its entries: by key, range, prefix or index, or by looking at all.

        O(size of the expression).

        Raises:
            TypeError: `where` is neither an expression nor a function.

        >>> from noex import ets
        >>> users = ets.SetTable[str, dict]()
        >>> _ = users.add_index("by_age", "age", ordered=True)
        >>> print(users.explain((ets.row.field("age") >= 18) & ~ets.row.key.startswith("bot:")))
        index 'by_age' by row.field('age') >= 18
        >>> print(users.explain(ets.row.field("name") == "Ada"))
        scan of all entries
        """
        _test(where)
        len(self)  # a closed table says so here
        return plan(self, where)[1]


class DeletingQueries(Queries[K, V]):
    """Removing by condition, for the four kinds."""

    __slots__ = ()

    if TYPE_CHECKING:  # what the kernel classes bring

        def _delete_where(self, access: Access, test: Test) -> int: ...

    def delete_where(self, where: Where[K, V]) -> int:
        """Remove every entry that matches, as in `select`; return how many went.

        A function runs outside every lock, over the entries that stood at the start; of a set kind, again for an entry
        that was written meanwhile. Cost as `select`. Each entry goes atomically, all together do not: `where` raising
        leaves those removed so far removed.

        Raises:
            TypeError: `where` is neither an expression nor a function.

        >>> from noex import ets
        >>> stock = ets.SetTable[str, int]()
        >>> stock.insert_many({"apple": 3, "pear": 0})
        2
        >>> stock.delete_where(ets.row.value == 0)
        1
        """
        test = _needed(_test(where), "delete_where", "clear() removes all")
        return self._delete_where(plan(self, where)[0], test)


class UpdatingQueries(DeletingQueries[K, V]):
    """Changing by condition, for set kinds."""

    __slots__ = ()

    if TYPE_CHECKING:  # what the kernel classes bring

        def _update_where(self, access: Access, test: Test, function: Callable[[Any], Any]) -> int: ...

    def update_where(self, where: Where[K, V], function: Callable[[V], V | DeleteType]) -> int:
        """Replace the value of every entry that matches, as in `select`, by `function(value)`; return how many.

        `ets.DELETE` removes the entry. Lifetimes are kept. Functions run outside every lock, over the entries that
        stood at the start, and again for an entry that was written meanwhile. Cost as `select`. Each entry is changed
        atomically, all together are not: a function raising leaves the entries changed so far changed.

        Raises:
            TypeError: `where` is neither an expression nor a function, or `function` cannot be called.
            ReentrantCompute: `function` wrote the key that it was given the value of.
            IndexViolation, UnhashableKey, UnorderableKey: an index refuses an entry, which stays as it was.

        >>> from noex import ets
        >>> stock = ets.SetTable[str, int]()
        >>> stock.insert_many({"apple": 3, "pear": 0})
        2
        >>> stock.update_where(ets.row.value == 0, lambda n: ets.DELETE)
        1
        """
        test = _needed(_test(where), "update_where", "`lambda key, value: True` matches all")
        if not callable(function):
            raise TypeError(f"update_where takes a function of a value, not {function!r}")
        return self._update_where(plan(self, where)[0], test, function)


class OrderedQueries(UpdatingQueries[K, V]):
    """Reading by condition in order, for the ordered set."""

    __slots__ = ()

    if TYPE_CHECKING:  # what the kernel classes bring
        _key: Callable[[Any], Any] | None

        def _sort_key(self, key: Any) -> Any: ...
        def _select_ordered(
            self, access: Access, test: Test | None, *, limit: int | None, reverse: bool, after: Any
        ) -> list[Entry]: ...

    def _access_by_key(self) -> tuple[Callable[[Any], Any] | None, Callable[[Any], Any] | None]:
        return self._sort_key, self._sort_key if self._key is None else None

    def select(
        self,
        where: Where[K, V] | None = None,
        *,
        limit: int | None = None,
        reverse: bool = False,
        after: Any = MISSING,
    ) -> list[Entry]:
        """Return the entries that match, in the order of the keys, or with `reverse` from the last to the first.

        `where` is an expression over `ets.row` or a function of key and value. `after` goes on behind a key, which need
        not be there any more: the key of the last entry of a page gives the next page. An expression looks only at a
        key, a range or a prefix of keys, or at what an index has, where one applies (see `explain`). The entries are
        those of one instant; with `limit`, of one instant for each step of the walk, which ends as soon as there are
        enough. Functions run outside every lock and may use the table.

        Raises:
            TypeError: `where` is neither, or `limit` is no int.
            ValueError: `limit` is negative.
            UnorderableKey: `after` has no place in the order.

        >>> from noex import ets
        >>> log = ets.OrderedSetTable[int, str]()
        >>> log.insert_many({1: "ok", 2: "error", 3: "ok", 4: "error"})
        4
        >>> page = log.select(ets.row.value == "error", limit=1)
        >>> page, log.select(ets.row.value == "error", limit=1, after=page[-1].key)
        ([Entry(key=2, value='error')], [Entry(key=4, value='error')])
        """
        test = _test(where)
        check_limit(limit)
        access = plan(self, where)[0]
        return self._select_ordered(access, test, limit=limit, reverse=bool(reverse), after=after)


def _test(where: object) -> Test | None:
    """Return the function of key and value that says what matches, or None for everything."""
    if where is None:
        return None
    if isinstance(where, Expression):
        return where._test
    if isinstance(where, Term) or not callable(where):
        raise TypeError(
            f"where must be an expression such as ets.row.field('age') >= 18, or a function of key and value, "
            f"not {where!r}"
        )
    return where


def _needed(test: Test | None, verb: str, remedy: str) -> Test:
    if test is None:
        raise TypeError(f"{verb} needs an expression or a function of key and value; {remedy}")
    return test
