"""Indexes of both kernels below the public classes: what queries and transactions ask, and what happens meanwhile."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noex import ets
from noex.errors import IndexNotFound, IndexViolation, TableClosed, UnhashableKey
from noex.testing import ManualClock

from ._kernels import Kernel, both_kernels, native_kernel, pure_kernel

KINDS = ("set", "ordered_set")


@pytest.fixture(params=["pure", "native"])
def kernel(request: pytest.FixtureRequest) -> Kernel:
    return pure_kernel() if request.param == "pure" else native_kernel()


@pytest.fixture(params=KINDS)
def table(kernel: Kernel, request: pytest.FixtureRequest) -> Iterator[Any]:
    made = kernel.new(request.param, clock=ManualClock())
    yield made
    try:
        made._check()
    except TableClosed:
        pass


@dataclass(frozen=True)
class Point:
    """A value whose hash and `==` are Python code."""

    x: Any


class Value:
    """A value that can be seen to be gone."""

    def __init__(self, x: Any) -> None:
        self.x = x


def by_value(_key: Any, value: Any) -> Any:
    return value


def by_x(_key: Any, value: Any) -> Any:
    return value.x


def by_age(_key: Any, value: Any) -> Any:
    return value["age"]


def by_division(_key: Any, value: int) -> Any:
    return 1 // value


# -- random steps against the pure kernel --------------------------------------------------------------------------

_VALUES = st.sampled_from(
    [None, 0, 1, 1.0, True, 2, "a", "b", Decimal(1), Decimal(2), (1, "a"), (1.0, "b"), "long " * 5]
)
_POINTS = st.one_of(_VALUES, st.builds(Point, st.integers(0, 2)))
_KEYS = st.integers(0, 9)
_INDEXES = {"hashed": (False, False), "ordered": (True, False), "one": (False, True), "first": (True, True)}


def _indexed(number: int) -> Callable[[Any, Any], Any]:
    return lambda _key, value: value[number]


_ROWS = st.tuples(_POINTS, _VALUES.filter(lambda value: not isinstance(value, Decimal)), _POINTS, _VALUES)
_STEPS = st.one_of(
    st.tuples(st.just("insert"), _KEYS, _ROWS, st.sampled_from([None, None, 1, 3])),
    st.tuples(st.just("insert_many"), st.lists(st.tuples(_KEYS, _ROWS), max_size=4)),
    st.tuples(st.just("delete"), _KEYS),
    st.tuples(st.just("take"), _KEYS),
    st.tuples(st.just("touch"), _KEYS, st.sampled_from([1, 2, 5])),
    st.tuples(st.just("persist"), _KEYS),
    st.tuples(st.just("clear")),
    st.tuples(st.just("advance"), st.sampled_from([0.5, 1, 2])),
    st.tuples(st.just("_remove_index"), st.sampled_from(sorted(_INDEXES))),
    st.tuples(st.just("_add_index"), st.sampled_from(sorted(_INDEXES))),
    st.tuples(st.just("delete_indexed"), st.sampled_from(sorted(_INDEXES)), _POINTS),
)
_BOUNDS = st.sampled_from(["[)", "[]", "()", "(]"])
_ENDS = st.one_of(st.none(), _VALUES.filter(lambda value: not isinstance(value, Decimal)))
_LEAVES = st.one_of(
    st.tuples(st.just("key"), st.lists(_KEYS, max_size=3).map(tuple)),
    st.tuples(st.just("index"), st.sampled_from(sorted(_INDEXES)), st.lists(_POINTS, max_size=3).map(tuple)),
    st.tuples(st.just("index range"), st.sampled_from(["ordered", "first"]), _ENDS, _ENDS, _BOUNDS),
    st.tuples(st.just("index prefix"), st.sampled_from(["ordered", "first"]), st.sampled_from([(), (1,), (1.0, "b")])),
)
_ACCESSES = st.one_of(
    _LEAVES,
    _LEAVES,
    st.lists(_LEAVES, min_size=1, max_size=3).map(lambda parts: ("union", *parts)),
    st.just(("union", ("key", (1,)), ("union", ("key", (1, 2)), ("key", (0,))))),
)


class Pair:
    """The same table over both kernels."""

    def __init__(self, kind: str) -> None:
        self.clock = ManualClock()
        self.tables = [kernel.new(kind, clock=self.clock) for kernel in both_kernels()]
        self.kind = kind

    def outcomes(self, call: Callable[[Any], Any]) -> list[str]:
        outcomes: list[str] = []
        for table in self.tables:
            try:
                outcomes.append(repr(call(table)))
            except Exception as error:  # whatever it is, it has to be the same
                outcomes.append(f"{type(error).__name__}: {error}")
        return outcomes

    def same(self, what: object, call: Callable[[Any], Any]) -> None:
        pure, native = self.outcomes(call)
        assert native == pure, what

    def same_answer(self, name: str, verb: str, *arguments: Any) -> None:
        """Ask an index of both."""
        self.same((name, verb, arguments), lambda table: getattr(table, verb)(table._spec(name), *arguments))

    def same_query(self, verb: str, access: tuple[Any, ...], *arguments: Any) -> None:
        """Ask both where the access says."""
        self.same((verb, access), lambda table: getattr(table, verb)(self.resolved(table, access), *arguments))

    def perform(self, step: tuple[Any, ...]) -> None:
        verb, *arguments = step
        if verb == "advance":
            self.clock.advance(arguments[0])
        elif verb == "_add_index":
            ordered, unique = _INDEXES[arguments[0]]
            function = _indexed(sorted(_INDEXES).index(arguments[0]))
            self.outcomes_of_adding(
                lambda table: table._add_index(arguments[0], None, function, ordered=ordered, unique=unique).label
            )
        elif verb == "delete_indexed":
            name, value = arguments
            self.same_answer(name, "_delete_indexed", value)
        elif verb == "insert":
            key, value, ttl = arguments
            self.same(step, lambda table: table.insert(key, value, ttl=ttl))
        else:
            self.same(step, lambda table: getattr(table, verb)(*arguments))

    def outcomes_of_adding(self, add: Callable[[Any], Any]) -> None:
        """Add an index to both; which of several rows it complains of goes by the order in which they are stored."""
        pure, native = self.outcomes(add)
        if self.kind == "set" or not pure.partition(":")[0].isidentifier():
            assert native == pure
        else:
            assert native.partition(":")[0] == pure.partition(":")[0]

    def resolved(self, table: Any, access: tuple[Any, ...]) -> tuple[Any, ...]:
        if access[0] == "union":
            return ("union", *(self.resolved(table, part) for part in access[1:]))
        return access if access[0] == "key" else (access[0], table._spec(access[1]), *access[2:])

    def check(self) -> None:
        for table in self.tables:
            table._check()
        self.same("all", lambda table: table.to_list())
        self.same("indexes", lambda table: [spec.name for spec in table._indexes()])
        for name, (ordered, _) in _INDEXES.items():
            if not any(spec.name == name for spec in self.tables[0]._indexes()):
                continue
            self.same_answer(name, "_index_size")
            self.same_answer(name, "_ask_index", "size")
            if ordered:
                self.same_answer(name, "_index_between", (None, None, "[)"))
                for key in range(10):
                    self.same_answer(name, "_index_rank", key)


@settings(max_examples=150)
@given(
    kind=st.sampled_from(KINDS),
    names=st.sets(st.sampled_from(sorted(_INDEXES))),
    steps=st.lists(st.one_of(_STEPS, _ACCESSES), max_size=25),
)
def test_both_kernels_keep_the_same_indexes(kind: str, names: set[str], steps: list[tuple[Any, ...]]) -> None:
    pair = Pair(kind)
    for name in sorted(names):
        pair.perform(("_add_index", name))
    for step in steps:
        if step[0] in {"key", "index", "index range", "index prefix", "union"}:
            pair.same_query("_select", step, None, None)
            pair.same_query("_count_where", step, None)
            pair.same_query("_candidate_count", step)
        else:
            pair.perform(step)
        pair.check()


@settings(max_examples=100)
@given(
    rows=st.dictionaries(_KEYS, _ROWS, max_size=8),
    written=st.lists(st.tuples(_KEYS, _ROWS), max_size=4),
    access=_ACCESSES,
    removing=st.booleans(),
)
def test_both_kernels_change_the_same_rows(
    rows: dict[int, Any], written: list[tuple[int, Any]], access: tuple[Any, ...], removing: bool
) -> None:
    pair = Pair("set")
    for name in sorted(_INDEXES):
        pair.perform(("_add_index", name))
    pair.perform(("insert_many", list(rows.items())))
    pair.perform(("insert_many", written))
    if removing:
        pair.same_query("_delete_where", access, is_even)
    else:
        pair.same_query("_update_where", access, is_even, turned)
    pair.check()


def is_even(key: int, _value: Any) -> bool:
    return key % 2 == 0


def turned(value: Any) -> Any:
    """Return a row with other values in each index."""
    return value[1], value[0], value[2], value[1]


# -- what transactions ask -----------------------------------------------------------------------------------------


def _filled(kernel: Kernel, kind: str) -> Any:
    table = kernel.new(kind)
    table.insert_many({key: {"age": age} for key, age in enumerate([3, 1, None, 2, 1, 3, 1])})
    return table


@pytest.mark.parametrize("kind", KINDS)
def test_transactions_ask_ordered_indexes(kernel: Kernel, kind: str) -> None:
    table = _filled(kernel, kind)
    spec = table._add_index("age", ("field", "age"), by_age, ordered=True, unique=False)

    def ask(question: str, *arguments: Any) -> Any:
        return table._ask_index(spec, question, *arguments)

    assert spec.by_key is (kind == "ordered_set")
    assert (ask("size"), ask("__len__")) == (6, 6)
    spots = ask("slice", 0, 99)
    assert all(one < other for one, other in pairwise(spots))
    assert len(spots) == 6
    assert ask("slice", 2, 4) == spots[2:4]
    assert (ask("first"), ask("last")) == (spots[0], spots[-1])
    assert (ask("after", spots[0]), ask("after", spots[-1])) == (spots[1], None)
    assert (ask("before", spots[1]), ask("before", spots[0])) == (spots[0], None)
    assert [ask("rank", spot) for spot in spots] == list(range(6))
    handles = ask("at", spots)
    assert [table._row_of(handle)[0][0] for handle in handles] == [1, 4, 6, 3, 0, 5]
    assert [ask("spot", handle) for handle in handles] == spots
    mark, witness = spec.mark(1)
    assert ask("handles", mark, witness) == handles[:3]
    assert all(spot[: len(mark)] == mark for spot in spots[:3])
    assert ask("entered", [*handles, table._resolve(2)[0], table._resolve(77)[0]]) == 6
    assert ask("spot", table._resolve(2)[0]) is None
    table.delete(4)
    assert ask("at", spots[:3]) == [handles[0], None, handles[2]]
    table._remove_index("age")
    with pytest.raises(IndexNotFound):
        ask("size")


@pytest.mark.parametrize("kind", KINDS)
def test_transactions_ask_hashed_indexes(kernel: Kernel, kind: str) -> None:
    table = _filled(kernel, kind)
    spec = table._add_index("age", None, by_age, ordered=False, unique=False)
    mark, witness = spec.mark(3)
    assert [table._row_of(handle)[0][0] for handle in table._ask_index(spec, "handles", mark, witness)] == [0, 5]
    assert table._ask_index(spec, "size") == 6
    with pytest.raises(TypeError, match="has no order"):
        table._ask_index(spec, "spot", mark)
    point, seen = spec.mark(Point(1))
    assert table._ask_index(spec, "handles", point, seen) == []
    table.insert(9, {"age": Point(1)})
    assert table._ask_index(spec, "handles", point, seen) is None
    assert len(table._ask_index(spec, "handles", *spec.mark(Point(1)))) == 1


def test_a_spec_tells_what_it_is(table: Any) -> None:
    def function(_key: Any, value: Any) -> Any:
        return value

    spec = table._add_index("x", ("field", "x"), function, ordered=True, unique=True)
    assert (spec.name, spec.source, spec.function) == ("x", ("field", "x"), function)
    assert (spec.ordered, spec.unique, spec.label) == (True, True, f"index 'x' of {table._label()}")
    values: list[Any] = [1, None, [], object()]
    assert [bool(spec.takes(value)) for value in values] == [True, False, False, False]
    assert table._indexes() == (spec,)
    assert table._spec("x") is spec


# -- what happens meanwhile ----------------------------------------------------------------------------------------


def test_an_index_is_added_while_its_function_writes(table: Any) -> None:
    table.insert_many({number: number % 3 for number in range(600)})
    calls, busy = 0, True

    def function(_key: Any, value: Any) -> Any:
        nonlocal calls
        calls += 1
        if busy and calls % 50 == 0 and calls < 2000:
            table.insert(1000 + calls, 1)
            table.delete(calls // 2)
            table.insert(599 - calls % 400, 7)
            table.touch(3, 60)
        if calls == 700:
            table.insert_many({-number: 5 for number in range(1, 30)})
        return value

    index = table.add_index("value", function)
    assert sorted(index.keys(7)) == sorted(key for key, value in table.to_list() if value == 7)
    ordered = table.add_index("order", function, ordered=True)
    busy = False
    table._check()
    assert len(index) == len(ordered) == len(table)


def test_an_index_is_added_while_its_function_clears(table: Any) -> None:
    table.insert_many({number: number for number in range(600)})

    clearing = True

    def function(_key: Any, value: Any) -> Any:
        if clearing and value == 300:
            table.clear()
            table.insert(1, 1)
        return value

    for ordered in (False, True):
        index = table.add_index(f"value {ordered}", function, ordered=ordered)
        assert [entry.key for entry in index.lookup(1)] == [1]
        assert len(index) == 1
        clearing = False
        table.insert_many({number: number for number in range(2, 600)})
        clearing = True
    clearing = False


def test_a_function_that_closes_the_table_ends_the_adding(table: Any) -> None:
    table.insert_many({1: 1, 2: 2})

    def function(_key: Any, value: Any) -> Any:
        table.close()
        return value

    with pytest.raises(TableClosed):
        table.add_index("value", function)


def test_a_function_may_add_and_drop_indexes(table: Any) -> None:
    table.insert(1, 5)

    def function(_key: Any, value: Any) -> Any:
        if "inner" not in table.info().indexes:
            table.add_index("inner", by_value)
        return value

    table.add_index("outer", function)
    assert sorted(table.info().indexes) == ["inner", "outer"]

    def dropping(_key: Any, value: Any) -> Any:
        if value == 7 and "outer" in table.info().indexes:
            table.drop_index("outer")
        return value

    table.add_index("dropping", dropping)
    table.insert(2, 7)
    assert [entry.key for entry in table.index("dropping").lookup(7)] == [2]


def test_a_function_that_adds_the_same_name_is_refused(table: Any) -> None:
    table.insert(1, 1)
    once: list[int] = []

    def function(_key: Any, value: Any) -> Any:
        if not once:
            once.append(1)
            table.add_index("name", by_division)
        return value

    with pytest.raises(ValueError, match="has an index 'name' already"):
        table.add_index("name", function)
    assert [entry.key for entry in table.index("name").lookup(1)] == [1]


def test_a_function_that_fails_leaves_nothing_behind(table: Any) -> None:
    table.insert_many({1: 1, 2: 0})
    with pytest.raises(ZeroDivisionError):
        table.add_index("value", by_division)
    assert table.info().indexes == ()
    table.delete(2)
    index = table.add_index("value", by_division)
    with pytest.raises(ZeroDivisionError):
        table.insert(2, 0)
    with pytest.raises(ZeroDivisionError):
        table.insert_many({3: 1, 4: 0})
    assert (len(table), len(index)) == (1, 1)


def test_a_failed_adding_of_a_unique_index_leaves_nothing_behind(table: Any) -> None:
    table.insert_many({1: 1, 2: 1})
    for ordered in (False, True):
        with pytest.raises(IndexViolation, match="cannot be unique: 1 and 2 both have 1"):
            table.add_index("value", by_value, ordered=ordered, unique=True)
    assert table.info().indexes == ()


def test_a_rival_that_has_expired_is_none(kernel: Kernel) -> None:
    clock = ManualClock()
    table = kernel.new("set", clock=clock)
    for ordered in (False, True):
        table.add_index(f"value {ordered}", by_value, ordered=ordered, unique=True)
    table.insert(1, "a", ttl=1)
    with pytest.raises(IndexViolation, match="1 has 'a' already"):
        table.insert(2, "a")
    clock.advance(2)
    table.insert(2, "a")
    table._check()


def test_rows_of_one_commit_may_exchange_unique_values(table: Any) -> None:
    for ordered in (False, True):
        table.add_index(f"value {ordered}", by_value, ordered=ordered, unique=True)
    table.insert_many({1: "a", 2: "b"})
    table.insert_many({1: "b", 2: "a"})
    assert table.to_list() == [(1, "b"), (2, "a")]
    with pytest.raises(IndexViolation, match="3 has 'c' already"):
        table.insert_many({3: "c", 4: "c"})
    with pytest.raises(IndexViolation, match="1 has 'b' already"):
        table.insert_many({3: "c", 4: "b"})


def test_equal_values_of_one_commit_are_one_value(table: Any) -> None:
    index = table.add_index("value", by_value)
    table.insert_many({number: Point(number % 2) for number in range(10)})
    assert index.keys(Point(1)) == [1, 3, 5, 7, 9]
    table.insert_many({20: Decimal(5), 21: 5, 22: 5.0})
    assert index.keys(5) == [20, 21, 22]

    def some_values(key: Any, value: Any) -> Any:
        return key if key < 100 else value

    unique = table.add_index("unique", some_values, unique=True)
    with pytest.raises(IndexViolation, match=r"100 has Point\(x=1\) already"):
        table.insert_many({100: Point(1), 101: Point(1)})
    assert unique.count(Point(1)) == 0


def test_values_of_all_sorts_are_found(table: Any) -> None:

    def first(_key: Any, value: Any) -> Any:
        return value[0]

    index = table.add_index("value", first)
    values = [1, "a", b"a", (1, 2), Point(1), Decimal("1.5"), frozenset({1}), 2.5, "a" * 100]
    for key, value in enumerate(values):
        table.insert(key, [value])
    for key, value in enumerate(values):
        assert index.keys(value) == [key]
    assert (index.keys(True), index.keys(Decimal(1)), index.keys(Decimal("2.5"))) == ([0], [0], [7])
    with pytest.raises(UnhashableKey):
        table.insert(50, [[1]])
    assert 50 not in table


class Evil:
    """A value whose hash is that of another, and whose `==` does what it was told."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act = act

    def __hash__(self) -> int:
        return hash(7)

    def __eq__(self, other: object) -> bool:
        self.act()
        return self is other


def test_comparisons_that_write_are_harmless(table: Any) -> None:
    index = table.add_index("value", by_value)
    turn = 0

    def act() -> None:
        nonlocal turn
        turn += 1
        if turn < 40:
            if table.delete(1):
                table.insert(2, 7)
            else:
                table.insert(1, 7)

    evil = Evil(act)
    table.insert_many({1: 7, 2: 7, 3: evil})
    table.insert(4, Evil(act))
    table.insert(5, evil)
    assert index.count(evil) == 2
    assert index.delete_all(evil) == 2
    table._check()


@pytest.mark.parametrize(("verb", "error"), [("close", TableClosed), ("drop_index", IndexNotFound)])
def test_comparisons_that_close_or_drop_are_harmless(kernel: Kernel, verb: str, error: type[Exception]) -> None:
    table = kernel.new("set")
    index = table.add_index("value", by_value)
    arguments = ("value",) if verb == "drop_index" else ()
    acting = False
    table.insert(1, Evil(lambda: acting and getattr(table, verb)(*arguments)))
    acting = True
    with pytest.raises(error):
        index.lookup(Evil(lambda: None))


def test_finalizers_find_everything_in_step(table: Any) -> None:
    index = table.add_index("value", by_x)
    order = table.add_index("order", by_x, ordered=True)
    seen: list[tuple[int, int, int]] = []

    class Telling(Value):
        def __del__(self) -> None:
            seen.append((len(table), len(index), len(order)))
            table._check()

    for number in range(6):
        table.insert(number, Telling(number % 2))
    assert index.delete_all(0) == 3
    table.insert(1, Telling(0))
    table.clear()
    assert len(seen) == 7
    assert all(size == hashed == ordered for size, hashed, ordered in seen)


def test_indexes_keep_no_row_alive(table: Any) -> None:
    table.add_index("value", by_x)
    table.add_index("order", by_x, ordered=True)
    one, other = Value(1), Value(2)
    table.insert(1, one)
    table.insert(2, other)
    dead = [weakref.ref(one), weakref.ref(other)]
    del one, other
    table.delete(1)
    assert dead[0]() is None
    table.insert(2, Value(2))
    assert dead[1]() is None


def test_a_table_that_its_index_refers_to_is_collected(kernel: Kernel) -> None:
    table, other = kernel.new("set"), kernel.new("set")
    dead = [weakref.ref(table), weakref.ref(other)]
    value = Value(None)

    def function(_key: Any, _value: Any, reference: Any = table) -> Any:
        return 1 if reference is not None else None

    table.add_index("x", function)
    table.insert(1, 1)
    value.x = other.add_index("x", by_value)
    other.insert(1, Point(value))
    del table, other, value, function
    gc.collect()
    assert [reference() for reference in dead] == [None, None]


def test_an_index_that_was_dropped_holds_nothing(table: Any) -> None:
    value = Value(1)
    dead = weakref.ref(value)
    index = table.add_index("value", by_value)
    table.insert(1, value)
    table.drop_index("value")
    table.delete(1)
    del value
    assert dead() is None
    for ask in (lambda: index.lookup(1), lambda: len(index), lambda: index.delete_all(1), lambda: index.rank(1)):
        with pytest.raises(IndexNotFound):
            ask()


def test_an_index_of_another_table_is_none_of_this_one(kernel: Kernel) -> None:
    one, other = kernel.new("set"), kernel.new("set")
    spec = one.add_index("x", by_value, ordered=True)._spec
    other.add_index("x", by_value, ordered=True)
    other.insert(1, 1)
    calls: list[tuple[str, tuple[Any, ...]]] = [
        ("_indexed", (1,)),
        ("_index_size", ()),
        ("_index_rank", (1,)),
        ("_delete_indexed", (1,)),
        ("_ask_index", ("size",)),
        ("_index_between", ((None, None, "[)"),)),
    ]
    for verb, arguments in calls:
        with pytest.raises(IndexNotFound):
            getattr(other, verb)(spec, *arguments)
    assert other._select(("index", spec, (1,)), None, None) == [(1, 1)]


def test_queries_look_where_indexes_say(kernel: Kernel) -> None:
    table = kernel.new("set")
    table.add_index("age", "age")
    table.insert_many({number: {"age": number % 5} for number in range(50)})
    looked: list[int] = []

    def test(key: int, value: Any) -> bool:
        looked.append(key)
        return True

    spec = table._spec("age")
    assert len(table._select(("index", spec, (1, 1.0, True)), test, None)) == len(looked) == 10
    assert table._candidate_count(("index", spec, (1, 2))) == 20
    assert table.count(ets.row.field("age") == 3) == 10
