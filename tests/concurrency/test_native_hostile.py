"""Code of users that strikes where the native kernel does by hand what Python does by itself.

Keys, values, functions, clocks and subscribers that write to the table they are used in, close it, raise, and collect
garbage; the same from several threads, and with garbage collections at every allocation. The pure kernel passes too.
"""

from __future__ import annotations

import gc
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from noex import Cache, ets
from noex.errors import NoexError, TableClosed
from noex.kernel import KERNEL
from noex.typing import TableKind

from ._collecting import collecting_every
from ._evil import KINDS, SETS, Boom, Run

LONG = os.environ.get("NOEX_TEST_LONG") == "1"
COUNTS = 200_000 if LONG else 5_000

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind} of the {KERNEL} kernel")
each_set = pytest.mark.parametrize("kind", SETS, ids=lambda kind: f"{kind} of the {KERNEL} kernel")


@pytest.fixture(autouse=True)
def quick_collections() -> Iterator[None]:
    """Take what was there before out of the collector's sight, so that a collection is a matter of microseconds."""
    gc.freeze()
    yield
    gc.unfreeze()


def write_many(table: Any) -> None:
    for number in range(50):
        table.insert(number, [number])


def write_and_clear(table: Any) -> None:
    write_many(table)
    table.clear()


def index_and_drop(table: Any) -> None:
    if table.kind in SETS:
        try:
            table.add_index("struck", lambda _key, _value: 1)
            table.drop_index("struck")
        except (ValueError, LookupError):  # another strike is at it
            pass


def listen_and_write(table: Any) -> None:
    with table.subscribe(lambda event: table.member(1)):
        table.insert(1, "told")
        table.delete(1)


def transact(table: Any) -> None:
    store = table._store
    if store is not None:
        store.transact(lambda tx: tx[table].insert(2, "transacted"), retries=0)


def walk_and_collect(table: Any) -> None:
    """Go through all of it, and collect garbage at the first rows: without a GIL, a collection takes its time."""
    rows = itertools.count()
    list(table.items())
    table.select(lambda _key, _value: next(rows) < 3 and gc.collect(0) < 0)


DEEDS: dict[str, Callable[[Any], object]] = {
    "collects": lambda _table: gc.collect(),
    "writes": write_many,
    "clears": lambda table: table.clear(),
    "writes and clears": write_and_clear,
    "closes": lambda table: table.close(),
    "indexes": index_and_drop,
    "listens": listen_and_write,
    "transacts": transact,
    "checks": lambda table: (table.to_list(), table._check()),
    "walks": walk_and_collect,
}

each_deed = pytest.mark.parametrize("deed", DEEDS)


class Trap:
    """Strikes once when armed; not in itself."""

    def __init__(self, deed: Callable[[Any], object]) -> None:
        self.deed = deed
        self.table: Any = None
        self.armed = False
        self.strikes = 0

    def __call__(self) -> None:
        if self.armed:
            self.armed = False
            self.strikes += 1
            try:
                self.deed(self.table)
            except NoexError:
                pass


class TrapKey:
    """A key that strikes in hash, comparison and when it is gone; all of them have one hash."""

    def __init__(self, trap: Trap, number: int, where: str, like: Any = 7) -> None:
        self.trap, self.number, self.where, self.like = trap, number, where, like

    def __hash__(self) -> int:
        if self.where == "hash":
            self.trap()
        return hash(self.like)

    def __eq__(self, other: object) -> bool:
        if self.where == "eq":
            self.trap()
        return isinstance(other, TrapKey) and other.number == self.number

    def __del__(self) -> None:
        if self.where == "del":
            self.trap()


class TrapValue:
    """A value that strikes when it is compared or gone."""

    def __init__(self, trap: Trap, where: str) -> None:
        self.trap, self.where = trap, where

    def __eq__(self, other: object) -> bool:
        if self.where == "eq":
            self.trap()
        return other is self

    def __hash__(self) -> int:
        if self.where == "hash":
            self.trap()
        return 7

    def __del__(self) -> None:
        if self.where == "del":
            self.trap()


def number_of(key: Any) -> Any:
    return key.number if isinstance(key, TrapKey) else key


@pytest.fixture
def collecting() -> Iterator[None]:
    """Collect garbage at every allocation that may."""
    with collecting_every(1):
        yield


def table_of(kind: TableKind, **options: Any) -> Any:
    return ets.new(kind=kind, store=ets.Store(), **({"key": number_of} if kind == "ordered_set" else {}), **options)


def sound(table: Any) -> None:
    """Make sure that a table is whole and works, if it is open."""
    try:
        table._check()
        table.insert("sound", 1)
        assert table.member("sound")
        table.delete("sound")
    except TableClosed:
        assert table.closed


def verbs_of(table: Any, key: Callable[[int], Any], value: Callable[[], Any]) -> dict[str, Callable[[], object]]:
    """Return calls that look keys up, write and remove; each makes keys and values of its own."""
    calls: dict[str, Callable[[], object]] = {
        "insert": lambda: table.insert(key(1), value()),
        "insert_new": lambda: table.insert_new(key(1), value()),
        "insert_many": lambda: table.insert_many([(key(number), value()) for number in range(6)]),
        "lookup": lambda: table.lookup(key(1)),
        "member": lambda: key(1) in table,
        "lookup_many": lambda: table.lookup_many([key(number) for number in range(6)]),
        "take": lambda: table.take(key(2)),
        "delete": lambda: table.delete(key(3)),
        "delete_many": lambda: table.delete_many([key(number) for number in range(6)]),
        "delete_object": lambda: table.delete_object(key(1), value()),
        "clear": table.clear,
        "delete_where": lambda: table.delete_where(lambda found, _value: isinstance(found, TrapKey)),
        "transaction": lambda: table._store.transact(
            lambda tx: (tx[table].insert(key(1), value()), tx[table].delete(key(2))), retries=3
        ),
    }
    if table.kind in SETS:
        calls |= {
            "update_counter": lambda: table.update_counter(key(9), 1),
            "setdefault": lambda: table.setdefault(key(1), value()),
            "compute": lambda: table.compute(key(1), lambda _: value(), default=0),
            "compare_and_set": lambda: table.compare_and_set(key(1), value(), value()),
            "pop": lambda: table.pop(key(1), None),
            "popitem": table.popitem,
            "touch": lambda: table.touch(key(1), 50),
            "persist": lambda: table.persist(key(1)),
            "expires_in": lambda: table.expires_in(key(1)),
            "update_where": lambda: table.update_where(lambda _key, _value: True, lambda _value: value()),
            "item": lambda: table.__setitem__(key(1), value()),
        }
    return calls


def strike(kind: TableKind, deed: str, make: Callable[[Trap, Any], tuple[Any, Any]], **options: Any) -> int:
    """Do each verb with a trap in it; return how many have struck."""
    struck = 0
    for name in verbs_of(table_of(kind), lambda number: number, lambda: 1):
        table, trap = table_of(kind, **options), Trap(DEEDS[deed])
        trap.table = table
        key, value = make(trap, table)
        for number in range(6):
            table.insert(key(number), value())
        table.insert(7, "plain, of the same hash")
        table.insert("k5", "text")
        trap.armed = True
        try:
            verbs_of(table, key, value)[name]()
        except (NoexError, LookupError, ValueError, RecursionError):
            pass
        struck += trap.strikes
        trap.armed = False
        sound(table)
        table.close()
    return struck


@each_kind
@each_deed
@pytest.mark.parametrize("where", ["hash", "eq", "del"])
def test_evil_keys_that_strike_in_every_verb(kind: TableKind, deed: str, where: str, guarded: Run) -> None:
    def make(trap: Trap, _table: Any) -> tuple[Any, Any]:
        return (lambda number: TrapKey(trap, number, where)), (lambda: [1])

    (struck,) = guarded(lambda: strike(kind, deed, make))
    assert struck > 0 or (kind == "ordered_set" and where != "del")


@each_kind
@each_deed
@pytest.mark.parametrize("where", ["hash", "eq", "del"])
def test_evil_values_that_strike_in_every_verb(kind: TableKind, deed: str, where: str, guarded: Run) -> None:
    def make(trap: Trap, _table: Any) -> tuple[Any, Any]:
        return (lambda number: number), (lambda: TrapValue(trap, where))

    (struck,) = guarded(lambda: strike(kind, deed, make))
    assert struck > 0 or where in {"eq", "hash"}


@each_kind
@each_deed
def test_evil_keys_of_the_hash_of_plain_ones(kind: TableKind, deed: str, guarded: Run) -> None:
    """A key that is looked for among plain ones, meets one of its hash, and strikes as they are compared."""

    def work() -> None:
        for place in (0, 5, 500, 999):
            table, trap = table_of(kind), Trap(DEEDS[deed])
            trap.table = table
            table.insert_many([(f"k{number}", [number]) for number in range(1000)])
            for name, call in verbs_of(
                table, lambda number, place=place, trap=trap: TrapKey(trap, number, "eq", f"k{place}"), lambda: [1]
            ).items():
                trap.armed = True
                try:
                    call()
                except (NoexError, LookupError):
                    pass
                trap.armed = False
                if table.closed:
                    break
                sound(table)
                if name in {"clear", "delete_where"} or not len(table):
                    table.insert_many([(f"k{number}", [number]) for number in range(1000)])
            table.close()

    guarded(work)


@each_set
@each_deed
@pytest.mark.parametrize("ordered", [False, True], ids=["hashed index", "ordered index"])
def test_evil_index_functions_strike_in_every_verb(kind: TableKind, deed: str, guarded: Run, *, ordered: bool) -> None:
    def make(trap: Trap, table: Any) -> tuple[Any, Any]:
        def function(_key: Any, value: Any) -> Any:
            trap()
            return repr(value)[:3]

        table.add_index("evil", function, ordered=ordered)
        return (lambda number: number), (lambda: [1])

    (struck,) = guarded(lambda: strike(kind, deed, make))
    assert struck > 0


@each_set
@each_deed
@pytest.mark.parametrize("where", ["hash", "eq", "del"])
def test_evil_marks_of_an_index_strike(kind: TableKind, deed: str, where: str, guarded: Run) -> None:
    def make(trap: Trap, table: Any) -> tuple[Any, Any]:
        table.add_index("evil", lambda _key, value: value)
        return (lambda number: number), (lambda: TrapValue(trap, where))

    (struck,) = guarded(lambda: strike(kind, deed, make))
    assert struck > 0


@each_kind
@each_deed
def test_evil_subscribers_strike_in_every_verb(kind: TableKind, deed: str, guarded: Run) -> None:
    def make(trap: Trap, table: Any) -> tuple[Any, Any]:
        table.subscribe(lambda _event: trap())
        return (lambda number: number), (lambda: [1])

    (struck,) = guarded(lambda: strike(kind, deed, make))
    assert struck > 0


@each_set
@each_deed
def test_evil_clocks_strike_in_every_verb(kind: TableKind, deed: str, guarded: Run) -> None:
    traps: list[Trap] = []

    def clock() -> float:
        for trap in traps:
            trap()
        return 1.0

    def make(trap: Trap, _table: Any) -> tuple[Any, Any]:
        traps[:] = [trap]
        return (lambda number: number), (lambda: [1])

    (struck,) = guarded(lambda: strike(kind, deed, make, clock=clock, ttl=5))
    assert struck > 0


@each_deed
def test_evil_sort_keys_strike_in_every_verb(deed: str, guarded: Run) -> None:
    traps: list[Trap] = []

    def key_of(key: Any) -> Any:
        for trap in traps:
            trap()
        return str(key)

    def work() -> int:
        struck = 0
        for name in verbs_of(ets.OrderedSetTable(), lambda number: number, lambda: 1):
            table: Any = ets.OrderedSetTable(key=key_of, store=ets.Store())
            trap = Trap(DEEDS[deed])
            trap.table = table
            table.insert_many([(number, number) for number in range(6)])
            traps[:], trap.armed = [trap], True
            try:
                verbs_of(table, lambda number: number, lambda: 1)[name]()
            except (NoexError, LookupError):
                pass
            struck += trap.strikes
            traps.clear()
            sound(table)
        return struck

    (struck,) = guarded(work)
    assert struck > 0


# -- garbage collections everywhere -----------------------------------------------------------------------------------


class Tied:
    """Garbage in a cycle, which writes to its table when it is collected."""

    def __init__(self, table: Any) -> None:
        self.table, self.me = table, self

    def __del__(self) -> None:
        try:
            self.table.insert(-1, "from the grave")
            self.table.delete(-1)
        except NoexError:
            pass


@each_kind
def test_evil_garbage_is_collected_at_every_allocation(kind: TableKind, collecting: None, guarded: Run) -> None:
    def work() -> None:
        table = table_of(kind)
        if kind in SETS:
            table.add_index("first", lambda _key, value: value[0] if isinstance(value, list) else None)
            table.add_index("order", lambda _key, value: len(repr(value)), ordered=True)
        heard: list[Any] = []
        table.subscribe(heard.append)
        for round_ in range(8):
            for name, call in verbs_of(table, lambda number: number, lambda: [1, 2]).items():
                Tied(table)
                try:
                    call()
                except (NoexError, LookupError):
                    pass
                Tied(table)
                table._check()
                if name == "clear" and round_ % 2:
                    table.insert_many([(number, [number]) for number in range(20)])
        heard.clear()
        sound(table)
        table.close()

    guarded(work)


@each_kind
def test_racy_garbage_collections_while_threads_write(kind: TableKind, race: Run) -> None:
    table = table_of(kind)
    if kind in SETS:
        table.add_index("value", lambda _key, value: value[0])
    rounds = 60

    def write(which: int) -> None:
        for number in range(rounds):
            Tied(table)
            table.insert((which, number % 10), [number, table])
            table.lookup((which, number % 7))
            if number % 9 == 0:
                gc.collect(number % 3)
            if number % 4 == 0:
                table.delete((which, number % 10))

    race(*[lambda which=which: write(which) for which in range(4)])
    gc.collect()
    table._check()


@each_kind
@pytest.mark.parametrize("deed", ["collects", "writes", "clears", "writes and clears", "walks"])
def test_racy_traps_from_several_threads(kind: TableKind, deed: str, race: Run) -> None:
    """Keys strike in one thread while others do the same in the same table."""
    table = table_of(kind)

    def work() -> None:
        trap = Trap(DEEDS[deed])
        trap.table = table
        for number in range(12):
            for where in ("hash", "eq", "del"):
                trap.armed = True
                table.insert(TrapKey(trap, number, where), TrapValue(trap, "del"))
                trap.armed = True
                table.lookup(TrapKey(trap, number, where))
                table.delete(TrapKey(trap, number, where))
        trap.armed = False

    race(work, work, work, work)
    table.clear()
    sound(table)


# -- counting exactly -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    row: int
    column: int


def uuids() -> list[Any]:
    return [UUID(int=number << 64) for number in range(5)]


def places() -> list[Any]:
    return [Place(number, 7) for number in range(5)]


@pytest.mark.parametrize("keys", [uuids, places], ids=["UUIDs", "dataclasses"])
@pytest.mark.parametrize("watched", [False, True], ids=["bare", "with index and subscriber"])
def test_racy_counters_of_keys_with_code_of_their_own_count_exactly(
    keys: Callable[[], list[Any]], race: Run, *, watched: bool
) -> None:
    table: Any = ets.SetTable(store=ets.Store())
    told: list[Any] = []
    if watched:
        table.add_index("value", lambda _key, value: value % 3)
        table.subscribe(told.append, kinds={"delete"})
    rounds = COUNTS // (5 if watched else 1)

    def count() -> None:
        mine = keys()  # equal to those of the other threads, and others
        for number in range(rounds):
            table.update_counter(mine[number % 5], 1)

    race(count, count, count, count)
    assert sum(table.lookup(key) for key in keys()) == 4 * rounds
    assert len(table) == 5
    table._check()


@each_set
def test_racy_counters_while_others_fill_and_empty_the_table(kind: TableKind, race: Run) -> None:
    table = table_of(kind)
    rounds = COUNTS // 5

    def count() -> None:
        for number in range(rounds):
            table.update_counter(number % 3)

    def disturb() -> None:
        for number in range(rounds // 10):
            table.insert_many([(1000 + number, 1), (f"x{number}", 2)])
            table.delete_many([1000 + number, f"x{number}"])
            table.select(lambda key, _value: key == 1)

    race(count, count, count, disturb)
    assert [sum(table.lookup(key) for key in range(3)), len(table)] == [3 * rounds, 3]
    table._check()


def test_racy_caches_keep_their_size(race: Run) -> None:
    cache: Cache[Any, Any] = Cache(max_entries=50)
    rounds = COUNTS // 10

    def use(which: int) -> None:
        for number in range(rounds):
            key: Any = UUID(int=number % 80) if number % 2 else number % 80
            cache.set(key, [which])
            cache.get(number % 80)
            assert len(cache) <= 50

    race(*[lambda which=which: use(which) for which in range(4)])
    stats = cache.stats()
    assert stats.hits + stats.misses == 4 * rounds
    cache._check()


def test_an_error_in_the_middle_of_a_batch_of_evil_keys_changes_nothing() -> None:
    class Failing:
        def __hash__(self) -> int:
            return 7

        def __eq__(self, other: object) -> bool:
            raise Boom

    for kind in KINDS:
        if kind == "ordered_set":
            continue
        table = table_of(kind)
        table.insert(7, "seven")
        before = sys.getrefcount(table)
        for _ in range(5):
            with pytest.raises(Boom):
                table.insert_many([(1, 1), (Failing(), 2), (Failing(), 3)])
        assert table.to_list() == [(7, "seven")]
        assert sys.getrefcount(table) == before
        table._check()
