"""Keys, values, functions and clocks that do what they should not, in the middle of every verb.

What must hold each time: the verb ends, with a result or with an error that the evil deed explains; no structure is
broken (`_check`); entries that have nothing to do with the deed are untouched; the table works as ever afterwards.
"""

import contextlib
import gc
import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from noex import ets
from noex.errors import (
    CounterTypeError,
    KeyNotFound,
    ReentrantCompute,
    TableClosed,
    TableEmpty,
    UnhashableKey,
    UnorderableKey,
)
from noex.testing import ManualClock
from noex.testing.conformance._verbs import every_verb, keyed_verbs
from noex.typing import TableKind

from ._collecting import collecting_every
from ._evil import KINDS, PLAIN_DEEDS, SETS, Boom, Deed, Evil, Run, boom

HASHED: Final[list[TableKind]] = ["set", "bag", "duplicate_bag"]


def write_and_delete_others(table: Any) -> None:
    for number in range(30):
        table.insert(f"noise {number}", number)
    table.delete_many([f"noise {number}" for number in range(30)])


DEEDS: Final[dict[str, Deed]] = {
    "reads": lambda table: (len(table), list(table.items()), table.lookup("innocent"), table.info()),
    "writes others": write_and_delete_others,
    "writes many others": lambda table: table.insert_many([(f"noise {number}", 0) for number in range(500)]),
    **PLAIN_DEEDS,
}

deeds = pytest.mark.parametrize("deed", DEEDS)

EXPLAINED: Final = (Boom, TableClosed, KeyNotFound, CounterTypeError, ReentrantCompute, KeyError, IndexError)


class EvilKey:
    """A key that is equal to those of its name, and all of whose kind have one hash."""

    def __init__(self, name: str, evil: Evil | None = None, trigger: str = "eq") -> None:
        self.name = name
        self.evil = evil
        self.trigger = trigger

    def __hash__(self) -> int:
        if self.evil is not None and self.trigger == "hash":
            self.evil.strike()
        return 42

    def __eq__(self, other: object) -> bool:
        if self.evil is not None and self.trigger == "eq":
            self.evil.strike()
        return isinstance(other, EvilKey) and self.name == other.name

    def __repr__(self) -> str:
        return f"EvilKey({self.name!r})"


class EvilValue:
    """A value that strikes when it is freed, or when it is compared."""

    def __init__(self, evil: Evil, trigger: str = "del") -> None:
        self.evil = evil
        self.trigger = trigger

    def __del__(self) -> None:
        if self.trigger == "del":
            try:
                self.evil.strike()
            except EXPLAINED:
                pass

    def __eq__(self, other: object) -> bool:
        if self.trigger == "eq":
            self.evil.strike()
        return self is other

    __hash__ = None  # type: ignore[assignment]


def still_works(table: Any, *, innocent: bool) -> None:
    """The table is whole, untouched where nobody touched it, and does what tables do."""
    if table.closed:
        with pytest.raises(TableClosed):
            len(table)
        return
    table._check()
    if innocent:
        assert "innocent" in table
    assert len(table) == len(table.to_list()) == sum(1 for _ in table.items())
    table.clear()
    table.insert("after", 1)
    assert table.member("after")
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


# -- keys -------------------------------------------------------------------------------------------------------------


def with_evil_keys(kind: TableKind, deed: Deed, trigger: str, *names: str) -> tuple[Any, Evil]:
    """Return a table with an innocent key and evil ones of these names, all of one hash, and the evil, still asleep.

    A dict asks the stored key whether it is equal, so evil comparisons sit in the table and evil hashes in the probe.
    """
    table = ets.new(kind=kind)
    table.insert("innocent", 1)
    evil = Evil(table, deed, times=0)
    for name in names:
        table.insert(EvilKey(name, evil if trigger == "eq" else None), 1)
    return table, evil


@deeds
@pytest.mark.parametrize("trigger", ["hash", "eq"])
@pytest.mark.parametrize("kind", HASHED)
def test_evil_keys_in_every_verb_that_takes_a_key(kind: TableKind, trigger: str, deed: str, guarded: Run) -> None:
    def all_verbs() -> None:
        for name, verb in keyed_verbs(kind).items():
            for names in (("x", "the same", "y"), ("the same", "x", "y"), ("x", "y")):
                table, evil = with_evil_keys(kind, DEEDS[deed], trigger, *names)
                probe = EvilKey("the same", evil, trigger)
                evil.times = 2
                error = attempt(lambda: verb(table, probe))  # noqa: B023 - called at once
                assert evil.times < 2, f"{name} never asked the key"
                if deed not in ("raises", "closes", "clears", "deletes all it can"):
                    assert not isinstance(error, (Boom, TableClosed)), name
                evil.times = 0
                if deed == "raises":
                    assert isinstance(error, Boom), f"{name} swallowed the error of a key"
                    assert [table.member(EvilKey(other)) for other in names] == [True] * len(names)
                    assert "good" not in table, f"{name} failed and has written"
                still_works(table, innocent=deed != "clears")

    guarded(all_verbs)


@pytest.mark.parametrize("kind", HASHED)
def test_evil_key_that_appears_while_it_is_looked_for(kind: TableKind, guarded: Run) -> None:
    """The verb that comes second sees what the first one wrote: one key, never two that are equal."""

    def all_verbs() -> None:
        for name, verb in keyed_verbs(kind).items():
            for trigger in ("hash", "eq"):
                table, evil = with_evil_keys(
                    kind, lambda table: table.insert(EvilKey("wanted"), 1), trigger, "bystander", "other"
                )
                evil.times = 1
                attempt(lambda: verb(table, EvilKey("wanted", evil, trigger)))  # noqa: B023 - called at once
                assert evil.times == 0
                assert [key.name for key in table if isinstance(key, EvilKey)].count("wanted") <= 1, name
                assert table.member(EvilKey("bystander"))
                still_works(table, innocent=True)

    guarded(all_verbs)


@pytest.mark.parametrize("kind", HASHED)
def test_evil_key_that_vanishes_while_it_is_looked_for(kind: TableKind, guarded: Run) -> None:
    def all_verbs() -> None:
        for name, verb in keyed_verbs(kind).items():
            for trigger in ("hash", "eq"):
                for names in (("bystander", "wanted"), ("wanted", "bystander")):
                    table, evil = with_evil_keys(kind, lambda table: table.delete(EvilKey("wanted")), trigger, *names)
                    evil.times = 1
                    attempt(lambda: verb(table, EvilKey("wanted", evil, trigger)))  # noqa: B023 - called at once
                    assert evil.times == 0
                    assert table.member(EvilKey("bystander")), name
                    still_works(table, innocent=True)

    guarded(all_verbs)


@pytest.mark.parametrize("kind", HASHED)
def test_evil_key_that_is_replaced_while_it_is_looked_for(kind: TableKind, guarded: Run) -> None:
    def replace(table: Any) -> None:
        table.delete(EvilKey("wanted"))
        table.insert(EvilKey("wanted"), 7)

    def all_verbs() -> None:
        for name, verb in keyed_verbs(kind).items():
            table, evil = with_evil_keys(kind, replace, "eq", "bystander", "wanted", "other")
            evil.times = 1
            attempt(lambda: verb(table, EvilKey("wanted")))  # noqa: B023 - called at once
            assert evil.times == 0
            assert [key.name for key in table if isinstance(key, EvilKey)].count("wanted") <= 1, name
            still_works(table, innocent=True)

    guarded(all_verbs)


def test_evil_counter_key_that_counts_itself_loses_nothing(guarded: Run) -> None:
    def count() -> None:
        for names in (("bystander", "k"), ("k", "bystander"), ("bystander",)):
            table, evil = with_evil_keys("set", lambda table: table.update_counter(EvilKey("k")), "eq", *names)
            for _ in range(50):
                evil.times = 1
                table.update_counter(EvilKey("k"))
                assert evil.times == 0
            assert table.lookup(EvilKey("k")) == 100 + ("k" in names)
            table._check()

    guarded(count)


@pytest.mark.parametrize("kind", HASHED)
def test_many_keys_of_one_hash_are_all_found(kind: TableKind) -> None:
    table = ets.new(kind=kind)
    keys = [EvilKey(f"key {number}") for number in range(150)]
    assert table.insert_many([(key, place) for place, key in enumerate(keys)]) == 150
    for place, key in enumerate(keys):
        found = table.lookup(EvilKey(key.name))
        assert found == (place if kind == "set" else [place])
    assert table.delete_many([EvilKey(f"key {number}") for number in range(0, 150, 2)]) == 75
    assert [table.member(key) for key in keys] == [False, True] * 75
    table._check()
    assert table.clear() == 75


def test_racy_keys_of_one_hash_are_counted_exactly(race: Run) -> None:
    table = ets.SetTable[Any, int]()

    def count() -> None:
        for number in range(200):
            table.update_counter(EvilKey(f"key {number % 10}"))
            if number % 50 == 0:
                table.insert_new(EvilKey(f"other {number}"), 0)
                table.delete(EvilKey(f"other {number}"))

    race(count, count, count, count)
    assert [table.lookup(EvilKey(f"key {number}")) for number in range(10)] == [80] * 10
    table._check()


@pytest.mark.parametrize("kind", HASHED)
def test_keys_whose_hash_changes_cannot_break_the_table(kind: TableKind) -> None:
    class Fickle:
        hashed = 1

        def __hash__(self) -> int:
            return self.hashed

    table = ets.new(kind=kind)
    key = Fickle()
    table.insert(key, 1)
    key.hashed = 2
    table.member(key)
    table.insert(key, 2)
    table.delete(key)
    table.lookup_many([key])
    assert len(table) == len(table.to_list())
    assert table.clear() == len(list(table)) or True
    assert len(table) == 0
    table._check()


@pytest.mark.parametrize("kind", HASHED)
def test_keys_whose_comparison_gives_no_truth(kind: TableKind) -> None:
    class Undecided:
        def __bool__(self) -> bool:
            raise Boom

    class Key:
        def __hash__(self) -> int:
            return 5

        def __eq__(self, other: object) -> Any:
            return Undecided()

    table = ets.new(kind=kind)
    table.insert(Key(), 1)
    with pytest.raises(Boom):
        table.insert(Key(), 2)
    with pytest.raises(Boom):
        table.lookup(Key())
    assert len(table) == 1
    table._check()


def test_keys_that_are_equal_to_everything() -> None:
    class Equal:
        def __hash__(self) -> int:
            return hash("a")

        def __eq__(self, other: object) -> bool:
            return True

    table = ets.SetTable[Any, int]()
    table.insert("a", 1)
    table.insert(Equal(), 2)
    assert table.to_list() == [("a", 2)]
    assert table.update_counter(Equal()) == 3
    assert table.delete(Equal()) is True
    table.insert(Equal(), 4)
    assert table.lookup("a") == 4
    assert len(table) == 1
    table._check()


# -- sort keys --------------------------------------------------------------------------------------------------------


@deeds
def test_evil_sort_key_function(deed: str, guarded: Run) -> None:
    def all_verbs() -> None:
        for verb in every_verb("ordered_set", "k").values():
            evils: list[Evil] = []

            def key(term: Any, evils: list[Evil] = evils) -> Any:
                for evil in evils:
                    evil.strike()
                return term

            table = ets.OrderedSetTable[Any, Any](key=key)
            table.insert_many([("innocent", 1), ("k", 1), ("z", 1)])
            evils.append(Evil(table, DEEDS[deed]))
            attempt(lambda: verb(table))  # noqa: B023 - called at once
            evils.clear()
            still_works(table, innocent=False)

    guarded(all_verbs)


def test_evil_subclasses_as_ordered_keys_never_run(guarded: Run) -> None:
    """Ordered keys are converted: neither hash nor comparison of a subclass is ever called."""

    class Text(str):
        def __lt__(self, other: str) -> bool:
            raise Boom

        __gt__ = __le__ = __ge__ = __eq__ = __lt__  # type: ignore[assignment]

        def __hash__(self) -> int:
            raise Boom

    class Number(int):
        def __lt__(self, other: int) -> bool:
            raise Boom

        __gt__ = __le__ = __ge__ = __eq__ = __lt__  # type: ignore[assignment]
        __neg__ = __mul__ = __add__ = __hash__ = __bool__ = __index__ = __int__ = __float__ = boom  # type: ignore[assignment]

    def work() -> None:
        table = ets.OrderedSetTable[Any, int]()
        for key in (Text("b"), Number(2), Text("a"), Number(1), (Text("c"), Number(3))):
            table.insert(key, 0)
            table.update_counter(key)
            assert key in table
            assert table.rank(key) is not None
        assert table.range(Number(1), Text("z"), bounds="[]")
        assert [table.delete(key) for key in (Text("a"), Number(2))] == [True, True]
        table._check()

    guarded(work)


# -- values -----------------------------------------------------------------------------------------------------------

DROPPING: Final[dict[str, Callable[[Any], object]]] = {
    "insert": lambda table: table.insert("k", 1),
    "insert_many": lambda table: table.insert_many([("a", 1), ("k", 1), ("b", 1)]),
    "delete": lambda table: table.delete("k"),
    "delete_many": lambda table: table.delete_many(["a", "k", "l"]),
    "take": lambda table: table.take("k"),
    "clear": lambda table: table.clear(),
    "delete_where": lambda table: table.delete_where(lambda key, _value: key in ("k", "l")),
    "close": lambda table: table.close(),
}
DROPPING_OF_SETS: Final[dict[str, Callable[[Any], object]]] = {
    "[]=": lambda table: table.__setitem__("k", 1),
    "del": lambda table: table.__delitem__("k"),
    "pop": lambda table: table.pop("k"),
    "popitem": lambda table: [table.popitem() for _ in range(3)],
    "update": lambda table: table.update(k=1),
    "compute": lambda table: table.compute("k", lambda _value: 1),
    "compute away": lambda table: table.compute("k", lambda _value: ets.DELETE),
    "update_where": lambda table: table.update_where(lambda key, _value: key in ("k", "l"), lambda _value: 1),
    "counter": lambda table: table.update_counter("k"),
}
DROPPING_OF_ORDERED: Final[dict[str, Callable[[Any], object]]] = {
    "pop_first": lambda table: [table.pop_first() for _ in range(3)],
    "pop_last": lambda table: [table.pop_last() for _ in range(3)],
    "delete_range": lambda table: table.delete_range("j", "m"),
}


def dropping(kind: TableKind) -> dict[str, Callable[[Any], object]]:
    return (
        DROPPING | (DROPPING_OF_SETS if kind in SETS else {}) | (DROPPING_OF_ORDERED if kind == "ordered_set" else {})
    )


class UsesATableElsewhere:
    """A value that, when it is dropped, waits for another thread to use a table: for ever, if a lock is held."""

    def __init__(self, waited_in_vain: list[str]) -> None:
        self.waited_in_vain = waited_in_vain

    def __del__(self) -> None:
        thread = threading.Thread(target=lambda: ets.SetTable(store=ets.Store()).insert("k", 1), daemon=True)
        thread.start()
        thread.join(5.0)
        if thread.is_alive():
            self.waited_in_vain.append("a value was dropped under the lock")


@pytest.mark.parametrize(
    ("kind", "drop"),
    [pytest.param(kind, drop, id=f"{kind}-{drop}") for kind in KINDS for drop in dropping(kind)],
)
def test_evil_values_are_never_dropped_under_the_lock(kind: TableKind, drop: str, guarded: Run) -> None:
    waited_in_vain: list[str] = []

    def work() -> None:
        table = ets.new(kind=kind, store=ets.Store())
        for key in ("k", "l"):
            table.insert(key, UsesATableElsewhere(waited_in_vain))
        with contextlib.suppress(CounterTypeError, TableEmpty):
            dropping(kind)[drop](table)

    guarded(work)
    assert waited_in_vain == []


@deeds
@pytest.mark.parametrize("kind", KINDS)
def test_evil_values_that_strike_when_they_are_dropped(kind: TableKind, deed: str, guarded: Run) -> None:
    def all_verbs() -> None:
        for verb in dropping(kind).values():
            table = ets.new(kind=kind)
            table.insert("innocent", 1)
            evils = [Evil(table, DEEDS[deed]) for _ in range(2)]
            for key, evil in zip("kl", evils, strict=True):
                table.insert(key, EvilValue(evil))
            attempt(lambda: verb(table))  # noqa: B023 - called at once
            for evil in evils:
                evil.times = 0
            still_works(table, innocent=False)

    guarded(all_verbs)


@pytest.mark.parametrize("kind", KINDS)
def test_evil_values_that_write_their_own_key_when_they_are_dropped(kind: TableKind, guarded: Run) -> None:
    """What a finalizer writes comes after the verb that dropped it: it is there afterwards."""

    def all_verbs() -> None:
        for name, verb in dropping(kind).items():
            if name in ("close", "counter"):
                continue
            table = ets.new(kind=kind)
            evil = Evil(table, lambda table: table.insert("k", "last"), times=1)
            table.insert("k", EvilValue(evil))
            del evil
            attempt(lambda: verb(table))  # noqa: B023 - called at once
            if kind in SETS:
                assert table.lookup("k") == "last", name
            table._check()

    guarded(all_verbs)


@deeds
@pytest.mark.parametrize("kind", KINDS)
def test_evil_values_in_comparisons(kind: TableKind, deed: str, guarded: Run) -> None:
    comparing: dict[str, Callable[[Any, Any], object]] = {
        "delete_object": lambda table, value: table.delete_object("k", value),
        "insert": lambda table, value: table.insert("k", value),
        "insert_many": lambda table, value: table.insert_many([("a", 1), ("k", value)]),
        "in values": lambda table, value: value in table.values(),
        "in items": lambda table, value: ("k", value) in table.items(),
    }
    if kind in SETS:
        comparing["compare_and_set"] = lambda table, value: table.compare_and_set("k", value, 1)
        comparing["=="] = lambda table, value: table == {"innocent": 1, "k": value, "l": 2}

    def all_verbs() -> None:
        for verb in comparing.values():
            for stored in (True, False):
                table = ets.new(kind=kind)
                table.insert("innocent", 1)
                table.insert("l", 2)
                value = EvilValue(Evil(table, DEEDS[deed]), "eq")
                table.insert("k", value if stored else [1])
                attempt(lambda: verb(table, [1] if stored else value))  # noqa: B023 - called at once
                value.evil.times = 0
                still_works(table, innocent=deed != "clears")

    guarded(all_verbs)


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_full_of_evil_values_can_be_dropped(kind: TableKind, guarded: Run) -> None:
    struck: list[int] = []

    class Value:
        def __init__(self, table: Any) -> None:
            self.table = table

        def __del__(self) -> None:
            try:
                struck.append(len(self.table))
                self.table.insert("more", 1)
            except TableClosed:
                struck.append(-1)

    def drop() -> None:
        table = ets.new(kind=kind)
        for number in range(20):
            table.insert(number, Value(table))
        del table
        gc.collect()

    guarded(drop)
    gc.collect()
    assert len(struck) == 20


# -- garbage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_evil_garbage_that_writes_to_the_table_in_the_middle_of_anything(kind: TableKind, guarded: Run) -> None:
    table = ets.new(kind=kind)
    collected: list[int] = []

    class Cycle:
        def __init__(self, number: int) -> None:
            self.me = self
            self.number = number

        def __del__(self) -> None:
            collected.append(self.number)
            table.insert(f"garbage {self.number % 20}", 0)
            table.delete(f"garbage {(self.number + 10) % 20}")
            len(table)
            table.lookup_many(["k", "garbage 1"])

    def work() -> None:
        verbs = [verb for name, verb in every_verb(kind).items() if name not in ("clear", "delete_where", "popitem")]
        with collecting_every(1):
            for number in range(3):
                for verb in verbs:
                    Cycle(number)
                    attempt(lambda: verb(table))  # noqa: B023 - called at once
                    Cycle(number + 5)
        gc.collect()
        table._check()

    guarded(work)
    assert len(collected) > 50
    still_works(table, innocent=False)


@pytest.mark.parametrize("kind", KINDS)
def test_racy_garbage_collections_in_two_tables_do_not_block_each_other(kind: TableKind, race: Run) -> None:
    tables = [ets.new(kind=kind), ets.new(kind=kind)]

    class Cycle:
        def __init__(self, place: int) -> None:
            self.me = self
            self.place = place

        def __del__(self) -> None:
            tables[1 - self.place].insert("garbage", self.place)
            len(tables[1 - self.place])

    def work(place: int) -> None:
        for number in range(150):
            Cycle(place)
            tables[place].insert_many([(number, 0), ("k", 0)])
            tables[place].delete_many([number])
            if number % 50 == 0:
                gc.collect()

    with collecting_every(1):
        race(lambda: work(0), lambda: work(1), lambda: work(0), lambda: work(1))
    for table in tables:
        table._check()


# -- functions --------------------------------------------------------------------------------------------------------


@deeds
@pytest.mark.parametrize("kind", KINDS)
def test_evil_functions(kind: TableKind, deed: str, guarded: Run) -> None:
    def verbs(evil: Evil) -> dict[str, Callable[[Any], object]]:
        def function(*arguments: Any) -> Any:
            evil.strike()
            return arguments[-1]

        calls: dict[str, Callable[[Any], object]] = {
            "select": lambda table: table.select(function),
            "select limited": lambda table: table.select(function, limit=1),
            "count": lambda table: table.count(function),
            "delete_where": lambda table: table.delete_where(function),
            "fold": lambda table: table.fold(function, 0),
        }
        if kind in SETS:
            calls |= {
                "update_where": lambda table: table.update_where(function, lambda value: value),
                "update_where function": lambda table: table.update_where(lambda _key, _value: True, function),
                "compute": lambda table: table.compute("k", function),
                "compute default": lambda table: table.compute("missing", function, default=1),
                "compute away": lambda table: table.compute("k", lambda value: (function(value), ets.DELETE)[1]),
            }
        return calls

    def all_verbs() -> None:
        for name in verbs(Evil(None, boom)):
            table = ets.new(kind=kind)
            table.insert("innocent", 0)
            for number in range(5):
                table.insert(f"key {number}", number)
            table.insert("k", 1)
            evil = Evil(table, DEEDS[deed])
            error = attempt(lambda: verbs(evil)[name](table))  # noqa: B023 - called at once
            if deed == "raises":
                assert isinstance(error, Boom), name
                assert table.member("k")
            still_works(table, innocent=deed not in ("clears", "raises") and "delete_where" not in name)

    guarded(all_verbs)


@pytest.mark.parametrize("kind", SETS)
def test_evil_compute_that_clears_or_closes_its_table_ends(kind: TableKind, guarded: Run) -> None:
    """Clearing writes the key that is computed, so it is refused like any other write of it, or seen as one."""

    def work() -> None:
        for deed in (lambda table: table.clear(), lambda table: table.close()):
            table = ets.new(kind=kind)
            table.insert_many([("k", 1), ("other", 2)])
            calls = itertools.count()

            def function(value: int, table: Any = table, deed: Any = deed, calls: Any = calls) -> int:
                if next(calls) < 2 and not table.closed:
                    deed(table)
                return value + 1

            attempt(lambda: table.compute("k", function))  # noqa: B023 - called at once
            assert next(calls) <= 4
            still_works(table, innocent=False)

    guarded(work)


def test_evil_compute_in_two_tables_at_once_ends(race: Run) -> None:
    """Each computes in one table and counts in the other: no lock is held while a function runs."""
    one, two = ets.SetTable[str, int](), ets.OrderedSetTable[str, int]()

    def work(mine: Any, other: Any) -> None:
        for _ in range(100):
            mine.compute("k", lambda value: (other.update_counter("n"), value + 1)[1], default=0)

    race(*(lambda pair=pair: work(*pair) for pair in ((one, two), (two, one), (one, two), (two, one))))
    assert one.lookup("k") == two.lookup("k") == 200
    assert one.lookup("n", 0) >= 200
    assert two.lookup("n", 0) >= 200


@pytest.mark.parametrize("kind", KINDS)
def test_evil_iterators_given_to_insert_many(kind: TableKind, guarded: Run) -> None:
    def items(table: Any, deed: Deed) -> Iterator[tuple[str, int]]:
        yield "a", 1
        deed(table)
        yield "b", 1

    def work() -> None:
        for deed in DEEDS.values():
            table = ets.new(kind=kind)
            table.insert("innocent", 1)
            error = attempt(lambda: table.insert_many(items(table, deed)))  # noqa: B023 - called at once
            if not table.closed:
                assert table.member("a") is table.member("b") is (error is None)
            still_works(table, innocent=False)

    guarded(work)


# -- clocks -----------------------------------------------------------------------------------------------------------


@deeds
@pytest.mark.parametrize("kind", SETS)
def test_evil_clocks(kind: TableKind, deed: str, guarded: Run) -> None:
    def all_verbs() -> None:
        for name, verb in every_verb(kind).items():
            evils: list[Evil] = []
            time = ManualClock()

            def clock(evils: list[Evil] = evils, time: ManualClock = time) -> float:
                for evil in evils:
                    evil.strike()
                return time()

            table = ets.new(kind=kind, ttl=10, clock=clock)
            table.insert_many({"innocent": 1, "k": 1, "l": 1}, ttl=None)
            table.insert_many({"short": 1, "m": 1}, ttl=1)
            time.advance(1)
            evils.append(Evil(table, DEEDS[deed]))
            error = attempt(lambda: verb(table))  # noqa: B023 - called at once
            struck = evils.pop().times < 2
            if deed == "raises" and struck:
                assert isinstance(error, Boom), f"{name} swallowed the error of the clock"
                assert table.lookup_many(["innocent", "k", "l"]) == {"innocent": 1, "k": 1, "l": 1}
            still_works(table, innocent=False)

    guarded(all_verbs)


@pytest.mark.parametrize("kind", SETS)
def test_a_clock_that_goes_back_breaks_nothing(kind: TableKind) -> None:
    times = itertools.cycle([5.0, 1.0, 9.0, 0.0, 7.0])
    table = ets.new(kind=kind, ttl=2, clock=lambda: next(times))
    for number in range(200):
        table.insert(number % 17, number)
        table.update_counter(("n", number % 5))
        table.delete(number % 3)
        len(table)
        table.sweep(2)
        table._check()


@pytest.mark.parametrize("reading", [float("nan"), "noon", None, 1j])
@pytest.mark.parametrize("kind", SETS)
def test_a_clock_that_tells_no_time_breaks_nothing(kind: TableKind, reading: Any, guarded: Run) -> None:
    def work() -> None:
        readings = [0.0]
        table = ets.new(kind=kind, ttl=2, clock=lambda: readings[0])
        table.insert("k", 1)
        readings[0] = reading
        for verb in every_verb(kind).values():
            attempt(lambda: verb(table), TypeError, ValueError)  # noqa: B023 - called at once
        readings[0] = 100.0
        table._check()
        still_works(table, innocent=False)

    guarded(work)


def test_errors_of_evil_keys_are_those_of_the_key_not_of_the_table() -> None:
    """A TypeError that a key's hash raises is no UnhashableKey: the key has a hash, and it is broken."""

    class Broken:
        def __hash__(self) -> int:
            raise TypeError("broken hash")

    table = ets.SetTable[Any, int]()
    with pytest.raises(TypeError, match="broken hash") as caught:
        table.insert(Broken(), 1)
    assert not isinstance(caught.value, (UnhashableKey, UnorderableKey))
