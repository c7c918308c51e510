"""Index functions, indexed values, subscribers, conditions and transaction functions that do what they should not.

What must hold each time: the verb ends, with a result or with an error that the deed explains; every index agrees with
the rows (`_check`); entries that have nothing to do with the deed are untouched; the table works as ever afterwards.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from noex import ets
from noex.errors import (
    IndexNotFound,
    IndexViolation,
    KeyNotFound,
    ReentrantCompute,
    TableClosed,
    TransactionConflict,
    UnhashableKey,
    UnorderableKey,
)
from noex.ets import row
from noex.testing import ManualClock
from noex.typing import TableKind

from ._evil import KINDS, PLAIN_DEEDS, SETS, Boom, Deed, Evil, Run


def write_others(table: Any) -> None:
    table.insert_many({f"noise {number}": number for number in range(20)})
    table.insert("noise 0", -1)
    table.delete_many([f"noise {number}" for number in range(20)])


def write_the_same(table: Any) -> None:
    table.insert("k", 77)
    table.delete("k")
    table.insert("k", 78)


def drop_and_add(table: Any) -> None:
    for name in table.info().indexes:
        table.drop_index(name)
    table.add_index(f"another {len(table)}", lambda _key, value: str(value), ordered=True)


def watch_and_leave(table: Any) -> None:
    seen: list[Any] = []
    with table.subscribe(seen.append):
        table.insert("noise", 1)
        table.delete("noise")


DEEDS: Final[dict[str, Deed]] = {
    "reads": lambda table: (len(table), table.to_list(), table.select(row.value == 1), table.info()),
    "writes others": write_others,
    "writes the same key": write_the_same,
    **PLAIN_DEEDS,
    "subscribes": watch_and_leave,
}
INDEX_DEEDS: Final[dict[str, Deed]] = DEEDS | {
    "drops all indexes and adds another": drop_and_add,
    "adds an index": lambda table: table.add_index(f"{len(table.info().indexes)}", row.value, ordered=True),
    "asks an index": lambda table: [
        (table.index(name).lookup(1), len(table.index(name))) for name in table.info().indexes
    ],
}

EXPLAINED: Final = (Boom, TableClosed, KeyNotFound, ReentrantCompute, KeyError, IndexNotFound, IndexViolation)


WRITES: Final[dict[str, Deed]] = {
    "insert": lambda table: table.insert("k", 5),
    "insert over": lambda table: table.insert("old", 5),
    "insert_new": lambda table: table.insert_new("k", 5),
    "insert_many": lambda table: table.insert_many({"k": 5, "old": 6, "l": 7}),
    "setdefault": lambda table: table.setdefault("k", 5),
    "update_counter": lambda table: table.update_counter("old"),
    "compute": lambda table: table.compute("old", lambda value: value + 1),
    "compare_and_set": lambda table: table.compare_and_set("old", 1, 5),
    "update_where": lambda table: table.update_where(row.value >= 0, lambda value: value + 10),
    "delete": lambda table: table.delete("old"),
    "delete_many": lambda table: table.delete_many(["old", "older"]),
    "delete_where": lambda table: table.delete_where(row.value == 1),
    "add_index": lambda table: table.add_index("yet another", row.value, ordered=True),
    "transact": lambda table: table._store.transact(lambda tx: tx[table].insert("k", 5)),
}


def still_works(table: Any, evil: Evil, *, innocent: bool) -> None:
    """The table is whole, untouched where nobody touched it, and does what tables do."""
    evil.times = 0
    if table.closed:
        with pytest.raises(TableClosed):
            len(table)
        return
    table._check()
    if innocent:
        assert table.lookup("innocent") in (0, [0], 10)
    assert len(table) == len(table.to_list())
    table.clear()
    table.insert("after", 1)
    assert table.delete("after")
    assert len(table) == 0
    table._check()


def attempt(call: Callable[[], object], *allowed: type[BaseException]) -> BaseException | None:
    """Call; return the error if the deed explains it, let any other pass."""
    try:
        call()
    except (*EXPLAINED, *allowed) as error:
        return error
    return None


def filled(kind: TableKind, **options: Any) -> Any:
    table = ets.Store().new(None, kind, **options)
    table.insert_many({"innocent": 0, "old": 1, "older": 2})
    return table


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Subscribers that fail are logged; here they are meant to."""
    logger = logging.getLogger("noex.ets")
    before, logger.disabled = logger.disabled, True
    yield
    logger.disabled = before


@pytest.mark.parametrize("kind", SETS)
@pytest.mark.parametrize("verb", WRITES)
@pytest.mark.parametrize("deed", INDEX_DEEDS)
def test_evil_index_functions(kind: TableKind, verb: str, deed: str, guarded: Run) -> None:
    def work() -> None:
        for options in ({}, {"ordered": True}, {"unique": True}):
            table = filled(kind)
            evil = Evil(table, INDEX_DEEDS[deed], times=0)

            def function(_key: Any, value: Any, evil: Evil = evil) -> Any:
                evil.strike()
                return value

            table.add_index("plain", lambda key, value: (value, key), ordered=True)
            table.add_index("evil", function, **options)
            evil.times = 2
            attempt(lambda table=table: WRITES[verb](table))
            innocent = deed not in ("clears", "closes")
            still_works(table, evil, innocent=innocent)

    guarded(work)


@pytest.mark.parametrize("kind", SETS)
@pytest.mark.parametrize("deed", INDEX_DEEDS)
@pytest.mark.parametrize("options", [{}, {"ordered": True}, {"unique": True}], ids=str)
def test_evil_index_functions_while_the_index_is_made(
    kind: TableKind, deed: str, options: dict[str, bool], guarded: Run
) -> None:
    def work() -> None:
        table = filled(kind)
        evil = Evil(table, INDEX_DEEDS[deed])

        def function(key: Any, value: Any) -> Any:
            evil.strike()
            return f"{key} {value}"

        error = attempt(lambda: table.add_index("evil", function, **options))
        if not table.closed:
            assert ("evil" in table.info().indexes) == (error is None)
        still_works(table, evil, innocent=deed not in ("clears", "closes"))

    guarded(work)


@pytest.mark.parametrize("raises", ["the function", "hash", "eq", "unhashable", "unorderable"])
@pytest.mark.parametrize("verb", WRITES)
def test_evil_values_that_cannot_be_indexed_change_nothing(verb: str, raises: str) -> None:
    class Bad:
        def __hash__(self) -> int:
            if raises == "hash":
                raise Boom
            return 7

        def __eq__(self, other: object) -> bool:
            if raises == "eq":
                raise Boom
            return self is other

    armed: list[bool] = []

    def function(_key: Any, value: Any) -> Any:
        if not armed:
            return value
        if raises == "the function":
            raise Boom
        return [] if raises == "unhashable" else Bad()

    table = filled("set")
    table.add_index("good", row.value)
    table.add_index("bad", function, ordered=raises == "unorderable")
    if verb == "delete" or verb.startswith("delete_") or verb == "add_index":
        pytest.skip("makes no new value")
    if raises == "eq":  # something in the index must have the hash, to be compared with
        armed.append(True)
        with contextlib.suppress(Boom):
            table.insert("first", 3)
    armed.append(True)
    seen: list[Any] = []
    table.subscribe(seen.append)
    before = table.to_list()
    try:
        WRITES[verb](table)
    except (Boom, UnhashableKey, UnorderableKey):
        assert table.to_list() == before
        assert seen == []
    armed.clear()
    if raises != "eq":
        table._check()
    table.delete_where(lambda key, _value: key in ("k", "l", "first", "old"))
    assert {"innocent", "older"} <= set(table)


class EvilValue:
    """What an index function returns: equal by name, all of one hash, and strikes when it is compared or hashed."""

    def __init__(self, name: Any, evil: Evil, trigger: str) -> None:
        self.name, self.evil, self.trigger = name, evil, trigger

    def __hash__(self) -> int:
        if self.trigger == "hash":
            self.evil.strike()
        return 42

    def __eq__(self, other: object) -> bool:
        if self.trigger == "eq":
            self.evil.strike()
        return isinstance(other, EvilValue) and self.name == other.name


@pytest.mark.parametrize("unique", [False, True], ids=["many", "unique"])
@pytest.mark.parametrize("trigger", ["hash", "eq"])
@pytest.mark.parametrize("verb", WRITES)
@pytest.mark.parametrize("deed", INDEX_DEEDS)
def test_evil_indexed_values(verb: str, deed: str, trigger: str, unique: bool, guarded: Run) -> None:
    def work() -> None:
        table = filled("set")
        evil = Evil(table, INDEX_DEEDS[deed], times=0)
        table.add_index("evil", lambda _key, value: EvilValue(value, evil, trigger), unique=unique)
        evil.times = 2
        attempt(lambda: WRITES[verb](table))
        if not table.closed and "evil" in table.info().indexes:
            evil.times = 2
            attempt(lambda: table.index("evil").lookup(EvilValue(1, evil, trigger)))
            attempt(lambda: table.index("evil").delete_all(EvilValue(2, evil, trigger)))
        still_works(table, evil, innocent=deed not in ("clears", "closes"))

    guarded(work)


@pytest.mark.parametrize("verb", WRITES)
@pytest.mark.parametrize("deed", INDEX_DEEDS)
def test_evil_sort_keys_of_indexed_tables(verb: str, deed: str, guarded: Run) -> None:
    def work() -> None:
        armed: list[Evil] = []

        def key(given: Any) -> Any:
            for evil in armed:
                evil.strike()
            return given

        table = filled("ordered_set", key=key)
        table.add_index("value", row.value, ordered=True)
        table.add_index("unique", lambda key, value: (value, key), unique=True)
        evil = Evil(table, INDEX_DEEDS[deed])
        armed.append(evil)
        attempt(lambda: WRITES[verb](table))
        still_works(table, evil, innocent=deed not in ("clears", "closes"))

    guarded(work)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("deed", DEEDS)
def test_evil_subscribers(kind: TableKind, deed: str, guarded: Run) -> None:
    """What a subscriber does comes after the change, does not reach the writer, and keeps nobody else from hearing."""

    def work() -> None:
        table = filled(kind)
        evil, heard = Evil(table, DEEDS[deed], times=3), list[Any]()

        def strike(_event: Any) -> None:
            evil.strike()

        table.subscribe(strike)
        table.subscribe(heard.append)
        try:
            table.insert("k", 1)
            table.insert_many([("k", 2), ("l", 3)])
            table.delete("l")
        except TableClosed:
            assert deed == "closes"
        if deed != "closes":
            assert heard[0][:3] == ("insert", "k", 1)
            assert ("insert", "l", 3) in [event[:3] for event in heard]
        still_works(table, evil, innocent=deed not in ("clears", "closes"))

    guarded(work)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", ["select", "select limit", "count", "delete_where", "update_where", "update function"])
@pytest.mark.parametrize("deed", DEEDS)
def test_evil_conditions_on_watched_tables(kind: TableKind, verb: str, deed: str, guarded: Run) -> None:
    if verb.startswith("update") and kind in ("bag", "duplicate_bag"):
        pytest.skip("bags have no update_where")

    def work() -> None:
        table, seen = filled(kind), list[Any]()
        table.subscribe(seen.append)
        if kind in SETS:
            table.add_index("value", row.value, ordered=True)
        evil = Evil(table, DEEDS[deed])

        def where(key: Any, _value: Any) -> bool:
            evil.strike()
            return bool(key != "innocent")

        def double(value: Any) -> Any:
            evil.strike()
            return value * 2

        calls: dict[str, Callable[[], object]] = {
            "select": lambda: table.select(where),
            "select limit": lambda: table.select(where, limit=1),
            "count": lambda: table.count(where),
            "delete_where": lambda: table.delete_where(where),
            "update_where": lambda: table.update_where(where, lambda value: value + 1),
            "update function": lambda: table.update_where(row.value >= 1, double),
        }
        attempt(calls[verb])
        still_works(table, evil, innocent=deed not in ("clears", "closes"))

    guarded(work)


IN_TRANSACTION: Final[dict[str, Deed]] = {
    "insert": lambda view: view.insert("k", 5),
    "lookup": lambda view: view.lookup("old"),
    "len": len,
    "to_list": lambda view: view.to_list(),
    "insert_many": lambda view: view.insert_many([("k", 1), ("old", 2)]),
    "delete": lambda view: view.delete("old"),
    "clear": lambda view: view.clear(),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", IN_TRANSACTION)
@pytest.mark.parametrize("deed", DEEDS)
def test_evil_transaction_functions(kind: TableKind, verb: str, deed: str, guarded: Run) -> None:
    """The deed is done to the table itself, from outside of the transaction, between its first and its second verb."""

    def work() -> None:
        table, seen = filled(kind), list[Any]()
        table.subscribe(seen.append)
        if kind in SETS:
            table.add_index("value", row.value, ordered=True)
        evil = Evil(table, DEEDS[deed])
        runs: list[int] = []

        def function(tx: ets.Transaction) -> None:
            runs.append(len(runs))
            view = tx[table]
            IN_TRANSACTION[verb](view)
            evil.strike()
            view.lookup("old")
            view.insert("mine", len(runs))

        error = attempt(lambda: table._store.transact(function), TransactionConflict)
        if error is None:
            assert table.member("mine")
        elif not table.closed:
            assert not table.member("mine")
        assert len(runs) <= 3
        still_works(table, evil, innocent=deed not in ("clears", "closes") and verb != "clear")

    guarded(work)


@pytest.mark.parametrize("trigger", ["hash", "eq"])
@pytest.mark.parametrize("kind", ["set", "bag", "duplicate_bag"])
@pytest.mark.parametrize("deed", DEEDS)
def test_evil_keys_inside_transactions(kind: TableKind, trigger: str, deed: str, guarded: Run) -> None:
    def work() -> None:
        table = filled(kind)
        evil = Evil(table, DEEDS[deed], times=0)
        keys = [EvilValue(number % 3, evil, trigger) for number in range(6)]
        table.insert_many([(keys[0], 0), (keys[1], 1)])
        evil.times = 4

        def function(tx: ets.Transaction) -> int:
            view = tx[table]
            view.insert(keys[3], 3)
            view.insert(keys[2], 2)
            view.delete(keys[4])
            view.insert_many([(keys[4], 4), (keys[5], 5)])
            return len(view)

        error = attempt(lambda: table._store.transact(function), TransactionConflict)
        evil.times = 0
        if error is None and not table.closed:
            assert all(table.member(key) for key in keys)
            assert len({key.name for key in table if isinstance(key, EvilValue)}) == 3
            assert sum(isinstance(key, EvilValue) for key in table.keys()) == 3
        still_works(table, evil, innocent=deed not in ("clears", "closes"))

    guarded(work)


def test_evil_clocks_are_never_read_under_the_lock_by_watched_tables_and_transactions() -> None:
    from noex.kernel._pure.ground.lock import held

    under: list[str] = []
    clock = ManualClock()

    def watchful() -> float:
        if held():
            under.append("read")
        return clock()

    store = ets.Store()
    for kind in SETS:
        table = store.new(None, kind, clock=watchful, ttl=5)
        index = table.add_index("value", row.value, ordered=True, unique=True)
        table.subscribe(lambda _event: None)
        for number in range(30):
            clock.advance(0.5)
            table.insert(number % 8, number)
            index.range(number - 3)
            index.delete_all(number - 5)
            with contextlib.suppress(IndexViolation):
                table.insert_many({"a": number, "b": number + 1000})

            def function(tx: ets.Transaction, number: int = number, table: Any = table) -> None:
                tx[table].insert("tx", -number - 1)
                len(tx[table])
                if number % 2:
                    table.insert("outside", -number - 1000)
                tx[table].lookup("other")
                tx[table].touch(number % 8, 3)

            with contextlib.suppress(TransactionConflict):
                store.transact(function, retries=1)
        table._check()
    assert under == []
