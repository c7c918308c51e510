"""Names of tables: who has which, and the default space of names."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar
from weakref import WeakValueDictionary

from noex.errors import NoProcess, TableClosed, TableExists
from noex.ets._ownership import Ownership
from noex.ets._table import Table
from noex.kernel import acquire, release

__all__ = ["Names", "default_names", "names_of"]

T = TypeVar("T", bound="Table[Any, Any]")


class Names:
    """Table names and the tables that have them; what a `Store` is, without its way to make tables."""

    __slots__ = ("__weakref__", "_closed", "_named", "_unnamed")

    def __init__(self) -> None:
        self._closed = False
        self._named: dict[str, Table[Any, Any]] = {}
        self._unnamed: WeakValueDictionary[int, Table[Any, Any]] = WeakValueDictionary()

    def whereis(self, name: str) -> Table[Any, Any] | None:
        """Return the open table of that name, or None. O(1).

        Raises:
            TableClosed: the store is closed.

        >>> from noex import ets
        >>> ets.Store().whereis("users") is None
        True
        """
        self._refuse_if_closed()
        return self._named.get(name)

    def tables(self) -> list[Table[Any, Any]]:
        """Return the open tables, those without a name too. O(n).

        Raises:
            TableClosed: the store is closed.

        >>> from noex import ets
        >>> store = ets.Store()
        >>> kept = store.new("users"), store.new()
        >>> len(store.tables())
        2
        """
        self._refuse_if_closed()
        return self._all()

    def _all(self) -> list[Table[Any, Any]]:
        acquire()
        try:
            return [*self._named.values(), *self._unnamed.values()]
        finally:
            release()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise TableClosed("this store is closed; use it before close(), or make tables in another store")

    def close(self) -> None:
        """Close all tables of the store, and the store to new ones. O(entries). Idempotent.

        >>> from noex import ets
        >>> store = ets.Store()
        >>> store.close()
        >>> store.new("users")
        Traceback (most recent call last):
        ...
        noex.errors.TableClosed: this store is closed; use it before close(), or make tables in another store
        """
        acquire()
        try:
            self._closed = True
            tables = self._all()
        finally:
            release()
        for table in tables:
            table.close()

    def _register(
        self,
        name: str | None,
        options: tuple[Any, ...],
        *,
        exist_ok: bool,
        make: Callable[[], T],
        claim: Ownership | None = None,
    ) -> T:
        """Make a table and enter it, or return the one that stands; names are checked before anything is made."""
        if name is not None and not isinstance(name, str):
            raise TypeError(f"a table's name is a str or None, not {name!r}")
        acquire()
        try:
            self._refuse_if_closed()
            standing: Any = None if name is None else self._named.get(name)
            if standing is None:
                table = make()
                table._options = options
                table._store = self
                table._ownership = claim
                if claim is not None and not claim.holdings.take(table):
                    raise NoProcess(f"{claim.holdings.owner!r} has ended, and owns no tables any more")
                if name is None:
                    self._unnamed[id(table)] = table
                else:
                    self._named[name] = table
                return table
            if not exist_ok:
                raise _taken(standing, name)
            if standing._options != options:
                raise TableExists(
                    f"{standing!r} has the name {name!r} already, with other options: "
                    f"{_differences(standing._options, options)}; exist_ok=True shares one of equal kind and options"
                )
            return standing  # type: ignore[no-any-return]
        finally:
            release()

    def _refuse_taken(self, name: str | None) -> None:
        """Raise what `_register` would for a name, before there is anything to enter.

        Raises:
            TableClosed: the store is closed.
            TableExists: a table has the name.
            TypeError: the name is none.
        """
        if name is not None and not isinstance(name, str):
            raise TypeError(f"a table's name is a str or None, not {name!r}")
        standing = None if name is None else self.whereis(name)
        self._refuse_if_closed()
        if standing is not None:
            raise _taken(standing, name)

    def _forget(self, table: Table[Any, Any], name: str | None) -> None:
        acquire()
        try:
            if name is None:
                self._unnamed.pop(id(table), None)
            elif self._named.get(name) is table:
                del self._named[name]
        finally:
            release()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} cannot be pickled or copied: a store is a place; dump its tables one by one")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        names = ", ".join(sorted(self._named)) or "without named tables"
        return f"<{type(self).__name__} {'closed' if self._closed else names}>"


def _taken(standing: Table[Any, Any], name: str | None) -> TableExists:
    return TableExists(
        f"{standing!r} has the name {name!r} already; close it or choose another name (exist_ok=True shares a table)"
    )


def _differences(standing: tuple[Any, ...], wanted: tuple[Any, ...]) -> str:
    if standing[0] != wanted[0]:
        return f"it is a {standing[0]}, not a {wanted[0]}"
    return ", ".join(
        f"{name} is {value!r}, not {other!r}"
        for (name, value), (_, other) in zip(standing[1:], wanted[1:], strict=True)
        if value != other
    )


default_names = Names()
"""The process's own space of names: the only global state there is."""


def names_of(store: Names | None) -> Names:
    """Return the space of names that `store=` means: the default one for None.

    Raises:
        TypeError: it is no store.
    """
    if store is None:
        return default_names
    if not isinstance(store, Names):
        raise TypeError(f"store must be an ets.Store, or None for the default one, not {store!r}")
    return store
