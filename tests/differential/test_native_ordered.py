"""The ordered set of the native kernel does what that of the pure one does, where order is concerned."""

from __future__ import annotations

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# The tables here are `Any`, so nothing says what the functions given to their verbs get.
import gc
import random
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noex import errors, ets
from noex.kernel._pure import encode_term
from noex.testing import ManualClock
from noex.testing.strategies import in_another_guise, term_keys

from ._kernels import both_kernels, native_kernel
from ._twins import outcome_of

Steps: TypeAlias = list[tuple[Any, ...]]

BOUNDS = ("[)", "[]", "()", "(]")
FEW = [
    None,
    True,
    0,
    1,
    1.0,
    2,
    -1,
    2**70,
    1e300,
    "",
    "a",
    "ab",
    "b" * 20,
    "b" * 21,
    b"a",
    (),
    ("a",),
    ("a", 1),
    ("b", "c"),
]


def _longest_first(key: Any) -> Any:
    return (ets.desc(len(repr(key))), key)


def _short(key: Any) -> str:
    return repr(key)[:2]


KEY_FUNCTIONS: list[Callable[[Any], Any] | None] = [None, ets.desc, _longest_first, _short]


class Tables:
    """A table of each kernel, to which the same is done."""

    def __init__(self, **options: Any) -> None:
        clock = ManualClock()
        self.clock = clock
        self.pure, self.native = (kernel.new("ordered_set", clock=clock, **options) for kernel in both_kernels())
        self.heard: tuple[list[Any], list[Any]] = ([], [])

    def listen(self) -> None:
        """Subscribe to both."""
        for table, heard in zip((self.pure, self.native), self.heard, strict=True):
            table.subscribe(lambda event, heard=heard: heard.append(repr(event)))

    def do(self, verb: str, *arguments: Any, **options: Any) -> None:
        """Call a verb of both, and see that they answer alike."""
        both = (self.pure, self.native)
        answers = [outcome_of(partial(getattr(table, verb), *arguments, **options)) for table in both]
        assert answers[0] == answers[1], (verb, arguments, options)

    def agree(self) -> None:
        """See that both are whole, and have the same in the same order."""
        self.native._check()
        assert repr(self.pure.to_list()) == repr(self.native.to_list())
        assert len(self.pure) == len(self.native)
        assert self.heard[0] == self.heard[1]


# -- random steps -----------------------------------------------------------------------------------------------------

keys = st.one_of(st.sampled_from(FEW), st.sampled_from(FEW).map(in_another_guise), term_keys())
any_keys = st.one_of(keys, keys, keys, st.sampled_from([[], {}, float("nan"), 1j, ets.desc(1), ([],)]))
ends = st.one_of(st.none(), any_keys)
limits = st.one_of(st.none(), st.integers(-1, 5), st.sampled_from([True, 1.0, "1", 2**70]))
steps = st.one_of(
    st.tuples(st.sampled_from(["insert", "insert", "insert_new"]), st.tuples(any_keys, st.integers(0, 9)), st.just({})),
    st.tuples(
        st.just("insert"), st.tuples(any_keys, st.integers(0, 9)), st.fixed_dictionaries({"ttl": st.integers(1, 3)})
    ),
    st.tuples(
        st.just("insert_many"), st.tuples(st.lists(st.tuples(any_keys, st.integers(0, 9)), max_size=8)), st.just({})
    ),
    st.tuples(
        st.sampled_from(["delete", "take", "next", "prev", "rank", "lookup", "member"]),
        st.tuples(any_keys),
        st.just({}),
    ),
    st.tuples(
        st.sampled_from(["first", "last", "pop_first", "pop_last", "popitem", "clear"]), st.just(()), st.just({})
    ),
    st.tuples(st.just("update_counter"), st.tuples(any_keys, st.integers(-3, 2**63)), st.just({})),
    st.tuples(
        st.just("at"),
        st.tuples(st.one_of(st.integers(-9, 9), st.sampled_from([2**70, -(2**70), True, "a"]))),
        st.just({}),
    ),
    st.tuples(
        st.just("range"),
        st.tuples(ends, ends),
        st.fixed_dictionaries(
            {}, optional={"bounds": st.sampled_from([*BOUNDS, "", None]), "reverse": st.booleans(), "limit": limits}
        ),
    ),
    st.tuples(
        st.just("delete_range"),
        st.tuples(ends, ends),
        st.fixed_dictionaries({}, optional={"bounds": st.sampled_from(BOUNDS)}),
    ),
    st.tuples(st.just("prefix"), st.tuples(st.one_of(any_keys, st.sampled_from([("a",), (), ("b",)]))), st.just({})),
    st.tuples(st.just("advance"), st.tuples(st.integers(0, 2)), st.just({})),
)


@given(
    steps=st.lists(steps, max_size=30),
    function=st.sampled_from(KEY_FUNCTIONS),
    watched=st.booleans(),
    ttl=st.one_of(st.none(), st.none(), st.integers(1, 3)),
)
def test_random_steps(steps: list[Any], function: Any, watched: bool, ttl: int | None) -> None:
    tables = Tables(key=function, ttl=ttl)
    if watched:
        tables.listen()
    for verb, arguments, options in steps:
        if verb == "advance":
            tables.clock.advance(*arguments)
        else:
            tables.do(verb, *arguments, **options)
        tables.agree()


@given(keys=st.lists(keys, max_size=40), asked=st.lists(keys, min_size=1, max_size=5))
def test_every_question_about_order(keys: list[Any], asked: list[Any]) -> None:
    tables = Tables()
    tables.do("insert_many", [(key, number) for number, key in enumerate(keys)])
    for low in asked:
        for verb in ("next", "prev", "rank", "lookup"):
            tables.do(verb, low)
        for high in asked:
            for bounds in BOUNDS:
                for reverse in (False, True):
                    tables.do("range", low, high, bounds=bounds, reverse=reverse)
                    tables.do("range", low, high, bounds=bounds, reverse=reverse, limit=2)
    for position in range(-len(keys) - 1, len(keys) + 1):
        tables.do("at", position)


@pytest.mark.parametrize("width", [1, 12, 40])
def test_many_entries_come_and_go(width: int) -> None:
    chance = random.Random(width)
    table, model = native_kernel().new("ordered_set"), dict[str, int]()
    pool = [f"{'x' * width}{number:05d}" for number in range(4000)]
    for turn in range(12000):
        key = chance.choice(pool)
        if chance.random() < (0.7 if turn % 6000 < 3000 else 0.3):
            table.insert(key, turn)
            model[key] = turn
        else:
            assert table.delete(key) == (model.pop(key, None) is not None)
    table._check()
    order = sorted(model)
    assert table.to_list() == [(key, model[key]) for key in order]
    assert [table.rank(key) for key in order] == list(range(len(order)))
    assert [table.at(place).key for place in range(len(order))] == order
    assert table.delete_range(order[100], order[-100]) == len(order) - 200
    table._check()
    assert [entry.key for entry in table.range(reverse=True)] == [*order[:100], *order[-100:]][::-1]


# -- many at once -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [0, 1, 500])
def test_insert_many_takes_the_first_key_and_the_last_value_of_equal_ones(before: int) -> None:
    tables = Tables()
    tables.do("insert_many", [(number * 2, "old") for number in range(before)])
    pairs = [(float(number % 700), number) for number in range(1500)] + [
        (number % 800, -number) for number in range(1500)
    ]
    random.Random(1).shuffle(pairs)
    tables.do("insert_many", pairs)
    tables.agree()
    tables.do("insert_many", {key: "again" for key, _ in pairs})
    tables.agree()


def test_insert_many_that_fails_has_changed_nothing() -> None:
    tables = Tables()
    tables.do("insert_many", [(2, "b"), ([], 1), (3, "c")])
    tables.do("insert_many", [(2, "b"), 3])
    assert tables.native.to_list() == []
    tables.do("insert", 1, "a")
    tables.do("insert_many", {2: "b", float("nan"): 1})
    assert tables.native.to_list() == [(1, "a")]
    tables.agree()


def test_loading_says_which_key_comes_twice() -> None:
    for kernel in both_kernels():
        table = kernel.new("ordered_set")
        absent = table._load_rows([(3, "c"), (1, "a")], None)
        assert table._load_rows([(2, "b")], None) is absent
        assert table.to_list() == [(1, "a"), (2, "b"), (3, "c")]
        assert table._load_rows([(5, "e"), (6, "f"), (5.0, "g")], None) == 5
        assert table._load_rows([(1, "h")], None) == 1


# -- walks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_a_walk_amid_changes(seed: int) -> None:
    met: list[list[Any]] = []
    for kernel in both_kernels():
        chance = random.Random(seed)
        table = kernel.new("ordered_set")
        table.insert_many([(number, number) for number in range(0, 300, 2)])
        walk, seen = iter(table.items()), list[Any]()
        for _ in range(400):
            seen += islice(walk, chance.randrange(3))
            match chance.randrange(4):
                case 0:
                    table.insert(chance.randrange(300), -1)
                case 1:
                    table.delete(chance.randrange(300))
                case 2 if chance.random() < 0.05:
                    table.delete_range(chance.randrange(300), chance.randrange(300))
                case _:
                    pass
        met.append([*seen, *walk])
    assert met[0] == met[1]


def test_a_walk_ends_with_its_table() -> None:
    table = native_kernel().new("ordered_set")
    table.insert_many([(number, number) for number in range(100)])
    walk = iter(table)
    assert next(walk) == 0
    table.clear()
    assert list(walk) == []
    table.insert(1, 1)
    walk = iter(table)
    table.close()
    with pytest.raises(errors.TableClosed):
        next(walk)


# -- what recipes and transactions ask --------------------------------------------------------------------------------


@given(keys=st.lists(keys, max_size=20), asked=keys)
def test_the_order_is_told_in_bytes(keys: list[Any], asked: Any) -> None:
    table = native_kernel().new("ordered_set")
    table.insert_many([(key, None) for key in keys])
    terms = sorted({encode_term(key) for key in keys})
    handle = encode_term(asked)
    assert table._sort_key(asked) == handle
    assert table._ask_order("__len__") == len(terms)
    assert table._ask_order("slice", 0, len(terms)) == terms
    assert table._ask_order("slice", 1, 3) == terms[1:3]
    assert table._ask_order("first") == (terms[0] if terms else None)
    assert table._ask_order("last") == (terms[-1] if terms else None)
    below = [term for term in terms if term < handle]
    above = [term for term in terms if term > handle]
    assert table._ask_order("rank", handle) == len(below)
    assert table._ask_order("before", handle) == (below[-1] if below else None)
    assert table._ask_order("after", handle) == (above[0] if above else None)


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_renumbering(seed: int, watched: bool) -> None:
    chance = random.Random(seed)
    tables = Tables()
    players: dict[str, float] = {f"player {number}": chance.randrange(-20, 20) for number in range(60)}
    tables.do("insert_many", [((score, player), player) for player, score in players.items()])
    if watched:
        tables.listen()
    for turn in range(300):
        player = chance.choice(list(players))
        old, new = players[player], chance.choice([chance.randrange(-20, 20), 0, -0.0, 1e300, 2**80, players[player]])
        moves: list[Any] = [
            table._renumber(table._sort_key((old, player)), new, (new, player), turn, 0)
            for table in (tables.pure, tables.native)
        ]
        assert moves[0] is not None
        assert moves[1] == (encode_term((new, player)), moves[0][1])
        players[player] = new
        tables.agree()


def test_renumbering_leaves_the_place_of_another_alone() -> None:
    tables = Tables()
    tables.do("insert_many", [((1, "a"), 1), ((2, "a"), 2)])
    for table in (tables.pure, tables.native):
        assert table._renumber(table._sort_key((1, "a")), 2, (2, "a"), 3, 0) is None
    tables.agree()
    tables.native.close()
    with pytest.raises(errors.TableClosed):
        tables.native._renumber(encode_term((1, "a")), 3, (3, "a"), 3, 0)


# -- expiry -----------------------------------------------------------------------------------------------------------


def test_what_is_due_is_gone_before_anything_is_counted() -> None:
    asked: Steps = [
        ("first",),
        ("last",),
        ("next", 3),
        ("prev", 7),
        ("rank", 9),
        ("at", 2),
        ("range", 2, 8),
        ("prefix", ()),
        ("pop_first",),
        ("pop_last",),
        ("delete_range", 0, 9),
        ("__len__",),
        ("to_list",),
    ]
    for verb, *arguments in asked:
        tables = Tables()
        tables.listen()
        tables.do("insert_many", [(number, number) for number in range(0, 10, 2)], ttl=5)
        tables.do("insert_many", [(number, number) for number in range(1, 10, 2)])
        tables.clock.advance(5)
        tables.do(verb, *arguments)
        tables.agree()


# -- code of the user's -----------------------------------------------------------------------------------------------


class Struck:
    """A value that strikes when it goes."""

    def __init__(self, strike: Callable[[], object]) -> None:
        self.strike = strike

    def __del__(self) -> None:
        self.strike()


@pytest.mark.parametrize(
    "verb",
    [
        lambda table: table.insert(5, 0),
        lambda table: table.insert_many([(number, 0) for number in range(20)]),
        lambda table: table.delete(5),
        lambda table: table.take(5),
        lambda table: table.pop_first(),
        lambda table: table.pop_last(),
        lambda table: table.delete_range(2, 8),
        lambda table: table.clear(),
        lambda table: table._renumber(encode_term(5), 5, 5, 0, 0),
        lambda table: table.close(),
    ],
)
@pytest.mark.parametrize("watched", [False, True])
def test_finalizers_strike_when_all_is_done(verb: Callable[[Any], object], watched: bool) -> None:
    table = native_kernel().new("ordered_set")
    strikes: list[int] = []

    def strike() -> None:
        strikes.append(1)
        gc.collect(0)
        table._check()
        with suppress(errors.TableClosed):
            table.insert(len(strikes) - 50, "struck")
            table.delete(7)
            table.delete_range(3, 5)
        table._check()

    if watched:
        table.subscribe(lambda event: None)
    table.insert_many([(number, Struck(strike)) for number in range(20)])
    verb(table)
    assert strikes
    table._check()


def test_a_sort_key_function_may_do_what_it_likes() -> None:
    table: Any = None
    calls: list[Any] = []

    def function(key: Any) -> Any:
        calls.append(key)
        if len(calls) % 3 == 0 and key >= 0:
            table.delete(-key)
            table.insert(-key - 1, "inside")
            gc.collect(0)
        return key

    table = native_kernel().new("ordered_set", key=function)
    for number in range(50):
        table.insert(number, number)
        table.update_counter(1000 + number)
        table.lookup(number)
        table.next(number)
        table.range(number, number + 3)
        table.take(number - 5)
        table._check()
    table.insert_many([(number, number) for number in range(30)])
    table._check()


def test_a_sort_key_function_that_fails_changes_nothing() -> None:
    def function(key: Any) -> Any:
        if key == 3:
            raise ZeroDivisionError
        return [key] if key == 4 else key

    tables = Tables(key=function)
    tables.do("insert_many", [(1, "a"), (2, "b")])
    for key in (3, 4):
        asked: Steps = [
            ("insert", key, 1),
            ("insert_new", key, 1),
            ("insert_many", [(5, 1), (key, 1)]),
            ("lookup", key),
            ("member", key),
            ("delete", key),
            ("take", key),
            ("next", key),
            ("prev", key),
            ("rank", key),
            ("range", 1, key),
            ("delete_range", key, None),
            ("update_counter", key),
            ("lookup_many", [1, key]),
        ]
        for verb, *arguments in asked:
            tables.do(verb, *arguments)
            tables.agree()


@dataclass(eq=False)
class Node:
    """Something that can be in a cycle."""

    other: Any = None


def _in_a_cycle(where: str) -> Any:
    """Return a table that is in a cycle by something of its own."""
    node = Node()
    table = native_kernel().new("ordered_set", key=(lambda _key: (node, 1)[1]) if where == "function" else id)
    match where:
        case "value":
            table.insert(1, node)
        case "row":
            table.insert(1, node, ttl=5)
        case "key":
            table.insert(node, 1)
        case "row's key":
            table.insert(node, 1, ttl=5)
        case "walk":
            walk = iter(table.items())
            table.insert_many([(1, 1), (2, (node, walk))])
            next(walk)
        case _:
            pass
    node.other = table
    return table


@pytest.mark.parametrize("where", ["value", "row", "key", "row's key", "function", "walk"])
def test_a_table_in_a_cycle_is_collected(where: str) -> None:
    gone = weakref.ref(_in_a_cycle(where))
    gc.collect()
    assert gone() is None


def test_every_verb_refuses_a_closed_table() -> None:
    tables = Tables()
    tables.do("insert", 1, 1)
    tables.pure.close()
    tables.native.close()
    asked: Steps = [
        ("first",),
        ("last",),
        ("next", 1),
        ("prev", 1),
        ("rank", 1),
        ("at", 0),
        ("range",),
        ("prefix", ()),
        ("delete_range", None, None),
        ("pop_first",),
        ("pop_last",),
        ("popitem",),
        ("insert", 1, 2),
        ("insert_many", [(1, 2)]),
        ("lookup", 1),
        ("member", 1),
        ("delete", 1),
        ("take", 1),
        ("update_counter", 1),
        ("to_list",),
        ("__len__",),
        ("select",),
    ]
    for verb, *arguments in asked:
        tables.do(verb, *arguments)


# -- writing with a lifetime ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lifetime", [None, 5])
def test_insert_asks_for_the_place_of_its_key_once(lifetime: int | None) -> None:
    calls: list[int] = []
    clock = ManualClock()

    def place(key: int) -> int:
        calls.append(key)
        return -key

    table = native_kernel().new("ordered_set", key=place, clock=clock, ttl=lifetime)
    table.insert(1, "a")
    table.insert(1, "b", ttl=3)
    table.insert(1, "c", ttl=4)
    table.insert(1, "d", ttl=None)
    table.insert(2, "e", ttl=1)
    clock.advance(1)
    table.insert(2, "f", ttl=1)  # over what has expired
    assert calls == [1, 1, 1, 1, 2, 2]
    assert table.to_list() == [(2, "f"), (1, "d")]
    assert (table.expires_in(1), table.expires_in(2)) == (None, 1.0)
    table._check()


def test_a_transaction_sees_what_an_insert_with_a_lifetime_changes() -> None:
    store = ets.Store()
    table = native_kernel().new("ordered_set", store=store, clock=ManualClock())
    table.insert(1, 0, ttl=9)
    tries: list[int] = []

    def work(tx: Any) -> None:
        seen = tx[table].lookup(1)
        tries.append(seen)
        if len(tries) == 1:
            table.insert(1, 5, ttl=9)  # the row that the transaction has seen is not the one that changes
        tx[table].insert(1, seen + 1)

    store.transact(work)
    assert tries == [0, 5]
    assert table.lookup(1) == 6
    table._check()
