"""Random steps on a table of each kernel: both must answer, refuse, tell and keep the same, in the same words.

Unlike the machines of `noex.testing`, which compare a table with a model, this one compares what no model knows: the
texts of errors, the order of what has no order, and arguments that are wrong. Which of the entries that have expired a
write reclaims, and so when subscribers hear of each, is a kernel's own affair.
"""

from __future__ import annotations

import enum
import gc
import math
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from noex import ets
from noex.errors import IndexViolation, NoexError, UnhashableKey, UnorderableKey
from noex.testing import ManualClock
from noex.testing._plain_indexes import INDEXES, Refused
from noex.testing._query_strategies import INDEXED, expressions, wheres
from noex.testing._step_strategies import items_of, keys_of, shelf, steps_of, writes_of
from noex.testing._steps import Step
from noex.typing import TableEvent

from ._kernels import Kernel, both_kernels, over

__all__ = ["TwinMachine", "outcome_of"]


class Text(str):
    """A text of a class of its own."""


class Number(int):
    """A number of a class of its own."""


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


@dataclass(frozen=True)
class Point:
    x: int
    y: int = 0


NAN = math.nan

_KEYS = st.sampled_from(
    [
        *(None, True, False, 0, 1, 1.0, -0.0, 2**70, float(2**70), math.inf, "", "a", Text("a"), Number(1), b"a"),
        *(Decimal(1), Fraction(1), Level.LOW, Colour.RED, Point(1), Point(1, 2), (Point(1),), UUID(int=1)),
        *((), (1,), (1.0,), (True,), ("a", Text("b")), (Decimal(1),), ((1,),), frozenset({1}), frozenset(), NAN),
        *(datetime(2024, 2, 29), datetime(2024, 2, 29, tzinfo=UTC), timedelta(1), 1j, range(3), ..., int, "\ud800"),
    ]
)
_BAD_KEYS = st.sampled_from([[], {}, set(), ([],), ((1, {}),), slice(1), bytearray(b"a"), ets.desc(1)])
_ANY_KEYS = st.one_of(_KEYS, _KEYS, _BAD_KEYS)
_VALUES = st.sampled_from(
    [
        *(None, 0, 1, 1.5, True, -3, 2**64, math.inf, NAN, "a", "ab", b"a", [], [1], {}, {"age": 1}, {"user": "ada"}),
        *((1, 2), ets.MISSING, ets.DELETE, ets.DEFAULT, Point(1), Decimal(1), ("ada", 1)),
        {"age": 2, "user": "bo", "tags": ["new"]},
    ]
)
_TTLS = st.sampled_from(
    [
        *(None, ets.DEFAULT, 1, 0.5, 2.0, timedelta(seconds=1), 1e9, 1e300, 0.0004, True),
        *(0, -1, math.nan, math.inf, -math.inf, "1", timedelta(0), timedelta(seconds=-1), [], Decimal(1), 2**2000, b""),
    ]
)
_NUMBERS = st.sampled_from(
    [0, 1, -1, 5, 2**64, 1.5, -0.5, True, 1e308, math.inf, NAN, None, "1", Decimal(1), [], 2**1100]
)
_LIMITS = st.sampled_from([None, 0, 1, 2, 3, True, -1, 1.0, "1", 2**70])
_BOUNDS = st.sampled_from(["[)", "[]", "()", "(]", "", "[", None, 1, Text("[)")])
_TRUTHS = st.sampled_from([True, False, 0, 1, "", "x", None])
_ITEMS = st.one_of(
    st.lists(st.tuples(_KEYS, _VALUES), max_size=5),
    st.lists(st.tuples(_ANY_KEYS, _VALUES), max_size=3),
    st.sampled_from([None, 1, [1], [()], [(1, 2, 3)], [(1,)], "ab", ["ab"], [["x", 1]], {1: 2, "a": 3}, {1}, [[]], ()]),
    st.dictionaries(_KEYS, _VALUES, max_size=3),
)
_KEY_LISTS = st.one_of(st.lists(_ANY_KEYS, max_size=4), st.sampled_from([None, 1, "ab", {1: 2}, ()]))


def _raising(*_arguments: Any) -> Any:
    raise Refused("no")


_CHANGES = st.sampled_from(
    [
        lambda value: value,
        lambda value: [value],
        lambda value: ets.DELETE,
        lambda value: ets.MISSING,
        lambda value: value + 1,
        _raising,
        lambda: 1,
        None,
        1,
    ]
)
_WHERES = st.one_of(
    wheres(),
    st.sampled_from(
        [None, _raising, 1, "age", lambda key: True, lambda key, value: key, lambda key, value: value == 1]
    ),
)
_FOLDS = st.sampled_from([lambda total, key, value: total + 1, lambda total, key, value: (total, key), _raising, None])


def _step(verb: str, *arguments: st.SearchStrategy[Any], **options: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.builds(Step, st.just(verb), st.tuples(*arguments), st.fixed_dictionaries({}, optional=options))


_EVERY_KIND = [
    _step("insert", _ANY_KEYS, _VALUES),
    _step("insert", _ANY_KEYS, _VALUES),
    _step("insert_many", _ITEMS),
    _step("insert_new", _ANY_KEYS, _VALUES),
    _step("lookup", _ANY_KEYS),
    _step("member", _ANY_KEYS),
    _step("__contains__", _ANY_KEYS),
    _step("lookup_many", _KEY_LISTS),
    _step("take", _ANY_KEYS),
    _step("delete", _ANY_KEYS),
    _step("delete_many", _KEY_LISTS),
    _step("delete_object", _ANY_KEYS, _VALUES),
    _step("select", _WHERES, limit=_LIMITS),
    _step("count", _WHERES),
    _step("delete_where", _WHERES),
    _step("fold", _FOLDS, _VALUES),
    _step("to_list"),
    _step("keys"),
    _step("values"),
    _step("items"),
    _step("__len__"),
    _step("__iter__"),
    _step("__repr__"),
    _step("clear"),
    _step("explain", _WHERES),
    _step("_entries"),
]
_SETS = [
    *_EVERY_KIND,
    _step("lookup", _ANY_KEYS, _VALUES),
    _step("insert", _ANY_KEYS, _VALUES, ttl=_TTLS),
    _step("insert", _ANY_KEYS, _VALUES, ttl=_TTLS),
    _step("insert_new", _ANY_KEYS, _VALUES, ttl=_TTLS),
    _step("insert_many", _ITEMS, ttl=_TTLS),
    _step("__getitem__", _ANY_KEYS),
    _step("__setitem__", _ANY_KEYS, _VALUES),
    _step("__delitem__", _ANY_KEYS),
    _step("setdefault", _ANY_KEYS),
    _step("setdefault", _ANY_KEYS, _VALUES),
    _step("update", _ITEMS),
    _step("pop", _ANY_KEYS),
    _step("pop", _ANY_KEYS, _VALUES),
    _step("popitem"),
    _step("take", _ANY_KEYS, _VALUES),
    _step("update_counter", _ANY_KEYS),
    _step("update_counter", _ANY_KEYS, _NUMBERS),
    _step("update_counter", _ANY_KEYS, _NUMBERS, default=_NUMBERS, threshold=_NUMBERS, reset_to=_NUMBERS, ttl=_TTLS),
    _step("compute", _ANY_KEYS, _CHANGES, default=_VALUES),
    _step("compare_and_set", _ANY_KEYS, _VALUES, _VALUES),
    _step("update_where", _WHERES, _CHANGES),
    _step("expires_in", _ANY_KEYS),
    _step("touch", _ANY_KEYS),
    _step("touch", _ANY_KEYS, _TTLS),
    _step("persist", _ANY_KEYS),
    _step("sweep"),
    _step("sweep", _LIMITS),
    _step("_timed_entries"),
    _step("__eq__", st.sampled_from([{}, {1: 1}, 1, {"a": 1, 1: 2}])),
]
_ORDERED = [
    *_SETS,
    _step("select", _WHERES, limit=_LIMITS, reverse=_TRUTHS, after=_ANY_KEYS),
    _step("select", _WHERES, limit=_LIMITS, reverse=_TRUTHS),
    _step("first"),
    _step("last"),
    _step("next", _ANY_KEYS),
    _step("prev", _ANY_KEYS),
    _step("range"),
    _step("range", _ANY_KEYS),
    _step("range", _ANY_KEYS, _ANY_KEYS, bounds=_BOUNDS, reverse=_TRUTHS, limit=_LIMITS),
    _step(
        "prefix", st.one_of(_ANY_KEYS, st.sampled_from([(), ("a",), (1,), (1.0,), [1], (ets.desc("term"),), ("a", [])]))
    ),
    _step("delete_range", _ANY_KEYS, _ANY_KEYS, bounds=_BOUNDS),
    _step("pop_first"),
    _step("pop_last"),
    _step("rank", _ANY_KEYS),
    _step("at", st.sampled_from([0, 1, -1, 5, -9, True, 1.0, None, "1", 2**70])),
    _step("__reversed__"),
]
_WILD = {
    "set": [*_SETS, _step("_count", _ANY_KEYS, _NUMBERS)],
    "ordered_set": _ORDERED,
    "bag": _EVERY_KIND,
    "duplicate_bag": _EVERY_KIND,
}


def _steps(kind: str, keyed: bool) -> st.SearchStrategy[Step]:
    return st.one_of(
        steps_of(kind, keyed=keyed), st.one_of(_WILD[kind]), st.one_of(_WILD[kind]), writes_of(kind, keyed=keyed)
    )


_ADDRESS = re.compile(r" at 0x[0-9a-f]+|0x[0-9a-f]+")


def outcome_of(call: Callable[[], Any]) -> str:
    """Return what came of a call: the looks of the answer, or type and text of the error."""
    try:
        answer = call()
        if hasattr(answer, "__next__") or type(answer).__name__.endswith(("View", "_Keys", "_Values", "_Items")):
            answer = [type(entry).__name__ + repr(entry) for entry in answer]
        if isinstance(answer, dict):
            answer = list(answer.items())
        return f"{type(answer).__name__} {_ADDRESS.sub('', repr(answer))}"
    except (Exception, Refused) as error:
        behind = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return _ADDRESS.sub("", f"raises {type(error).__name__}: {error} (because of {type(behind).__name__})")


def _do(thing: Any, step: Step) -> Any:
    if step.verb == "ask":
        name, question, *arguments = step.arguments
        return getattr(thing.index(name), question)(*arguments)
    if step.verb == "_timed_entries":  # sequences that begin with these three
        return [tuple(entry)[:3] for entry in thing._timed_entries()]
    return getattr(thing, step.verb)(*step.arguments, **step.options)


def _selected(thing: Any, step: Step) -> Any:
    """Select in a table without an order: which entries come first, and which a limit leaves, is its own affair."""
    found = _do(thing, step)
    if step.options.get("limit") is None:
        return sorted(map(repr, found))
    everything = list(map(repr, thing.select(*step.arguments)))
    assert all(repr(entry) in everything for entry in found)
    return len(found)


def _all_but_memory(table: Any) -> dict[str, Any]:
    """Return what a table says of itself, but how it is made, and how much that takes."""
    return {name: value for name, value in asdict(table.info()).items() if name not in {"memory", "kernel"}}


def _by_key(heard: list[TableEvent]) -> dict[str, list[str]]:
    """Return what was told of each key, in its order, and when all went."""
    told: dict[str, list[str]] = {}
    cleared = 0
    for event in heard:
        cleared += event.kind == "clear"
        told.setdefault(repr(event.key), []).append(f"after {cleared} clears {event}")
    return told


class Twins:
    """A table of each kernel, made alike, and what subscribers of both have heard."""

    def __init__(self, tables: tuple[Any, Any], *, keyed: bool) -> None:
        self.tables = tables
        self.keyed = keyed
        self.kind = tables[0].kind
        self.heard: tuple[list[TableEvent], list[TableEvent]] = ([], [])
        self.subscriptions: list[Any] = []
        self.has_indexes = self.kind in {"set", "ordered_set"}

    def same(self, what: object, call: Callable[[Any], Any]) -> str:
        """Do the same to both, and compare what came of it."""
        pure, native = (outcome_of(lambda table=table: call(table)) for table in self.tables)
        assert native == pure, f"{self.kind}: {what}\n  native: {native}\n  pure:   {pure}"
        return pure

    def perform(self, step: Step) -> str:
        """Do a step to both."""
        if step.verb == "_timed_entries" and not self.has_indexes:
            return ""  # bags have no time
        if step.verb == "select" and self.kind != "ordered_set":
            return self.same(step, lambda table: _selected(table, step))
        return self.same(step, lambda table: _do(table, step))

    def subscribe(self, kinds: Any) -> None:
        """Listen to both, from a moment at which nothing is left that has expired."""
        self.sweep()
        for table, heard in zip(self.tables, self.heard, strict=True):
            self.subscriptions.append(table.subscribe(heard.append, kinds=kinds))

    def unsubscribe(self) -> None:
        """Listen no longer, when all that has expired is told."""
        self.sweep()
        for subscription in self.subscriptions:
            subscription.cancel()
        self.subscriptions.clear()

    def check(self) -> None:
        """Look at the structures of both, and at what was heard but for what has expired."""
        for table in self.tables:
            table._check()
        pure, native = ([repr(event) for event in heard if event.kind != "expire"] for heard in self.heard)
        assert native == pure, f"{self.kind}: native told {native}, pure {pure}"

    def sweep(self) -> None:
        """Reclaim all that has expired, and look at what was heard of each key."""
        if self.has_indexes:
            for table in self.tables:
                table.sweep()
        pure, native = map(_by_key, self.heard)
        assert native == pure, f"{self.kind}: native told {native}, pure {pure}"

    def compare(self) -> None:
        """Compare all that is there, in its order."""
        for verb in ("to_list", "__len__", "__iter__", "keys", "values", "items", "__repr__", "_timed_entries"):
            self.perform(Step(verb, (), {}))
        self.same("info", _all_but_memory)
        self.sweep()
        if self.has_indexes:
            for name in self.tables[0].info().indexes:
                for question in ("__len__", "range", "first", "last"):
                    self.perform(Step("ask", (name, question), {}))


_NUMBER = st.runner().flatmap(lambda machine: st.integers(0, len(machine.pairs) - 1))
_STEPS = st.runner().flatmap(
    lambda machine: _NUMBER.flatmap(
        lambda number: st.tuples(st.just(number), _steps(machine.pairs[number].kind, machine.pairs[number].keyed))
    )
)


class TwinMachine(RuleBasedStateMachine):
    """One or two pairs of tables, in two stores that are alike."""

    kinds: ClassVar[tuple[str, ...]] = ("set", "ordered_set", "bag", "duplicate_bag")
    kernels: tuple[Kernel, Kernel]
    pairs: list[Twins]

    @initialize(data=st.data(), count=st.sampled_from([1, 1, 2]))
    def begin(self, data: Any, count: int) -> None:
        self.kernels = both_kernels()
        self.clock = ManualClock(data.draw(st.sampled_from([0.0, 0.3, 1e6]), label="start"))
        self.stores = (ets.Store(), ets.Store())
        self.pairs = []
        for number in range(count):
            kind = data.draw(st.sampled_from(self.kinds), label="kind")
            options: dict[str, Any] = {"name": data.draw(st.sampled_from([None, f"table {number}"]), label="name")}
            if kind in {"set", "ordered_set"}:
                options |= {"clock": self.clock, "ttl": data.draw(st.sampled_from([None, None, 0.5, 2]), label="ttl")}
            keyed = kind == "ordered_set" and data.draw(st.booleans(), label="ordered by shelf")
            if keyed:
                options["key"] = shelf
            pure, native = (
                kernel.new(kind, store=store, **options)
                for kernel, store in zip(self.kernels, self.stores, strict=True)
            )
            pair = Twins((pure, native), keyed=keyed)
            self.pairs.append(pair)
            items = data.draw(items_of(keys_of(ordered=kind == "ordered_set" and not keyed)), label="entries")
            pair.perform(Step("insert_many", (items,), {}))
            if pair.has_indexes:
                for name in data.draw(st.lists(st.sampled_from(sorted(INDEXES)), max_size=3), label="indexes"):
                    self._add_index(pair, name)
            if data.draw(st.booleans(), label="with a subscriber"):
                pair.subscribe(None)

    @invariant()
    def both_are_whole(self) -> None:
        for pair in getattr(self, "pairs", ()):
            pair.check()

    def teardown(self) -> None:
        for pair in getattr(self, "pairs", ()):
            pair.compare()
            pair.check()
        for store in getattr(self, "stores", ()):
            store.close()

    @rule(step=_STEPS)
    def step(self, step: tuple[int, Step]) -> None:
        number, action = step
        self.pairs[number].perform(action)

    @rule(steps=st.lists(_STEPS, min_size=2, max_size=6))
    def steps(self, steps: list[tuple[int, Step]]) -> None:
        for number, action in steps:
            self.pairs[number].perform(action)

    @rule()
    def everything(self) -> None:
        for pair in self.pairs:
            pair.compare()

    @rule(seconds=st.sampled_from([0.001, 0.25, 0.5, 1, 2, 1e5]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(
        number=_NUMBER, verb=st.sampled_from(["insert", "lookup", "delete", "update_counter", "touch", "range", "at"])
    )
    def wrong_calls(self, number: int, verb: str) -> None:
        """Call verbs with too few arguments, too many, and unknown ones: the errors are of one type."""
        pair = self.pairs[number]
        if not all(hasattr(table, verb) for table in pair.tables):
            return
        for arguments, options in [((), {}), ((1,) * 9, {}), ((1, 1), {"nothing": 1}), ((1,), {"key": 1})]:
            pure, native = (outcome_of(partial(getattr(table, verb), *arguments, **options)) for table in pair.tables)
            assert native.partition(":")[0] == pure.partition(":")[0], (verb, arguments, options, native, pure)

    def _add_index(self, pair: Twins, name: str) -> None:
        definition = INDEXES[name]

        def add(table: Any) -> str:
            try:
                index = table.add_index(name, definition.key, ordered=definition.ordered, unique=definition.unique)
            except (UnhashableKey, UnorderableKey, IndexViolation) as error:  # about which entry, is not said
                return f"raises {type(error).__name__}"
            return str(index.name)

        pair.same(f"add_index {name}", add)

    @rule(number=_NUMBER, name=st.sampled_from(sorted(INDEXES)), dropping=st.sampled_from([False, False, True]))
    def index(self, number: int, name: str, dropping: Any) -> None:
        pair = self.pairs[number]
        if not pair.has_indexes:
            return
        if dropping:
            pair.same(f"drop_index {name}", lambda table: table.drop_index(name))
        else:
            self._add_index(pair, name)

    @rule(
        number=_NUMBER,
        name=st.sampled_from(sorted(INDEXES)),
        question=st.sampled_from(["lookup", "keys", "count", "delete_all", "rank"]),
        value=st.one_of(INDEXED, _ANY_KEYS),
    )
    def ask(self, number: int, name: str, question: str, value: Any) -> None:
        pair = self.pairs[number]
        if pair.has_indexes:
            pair.perform(Step("ask", (name, question, value), {}))

    @rule(
        number=_NUMBER,
        name=st.sampled_from(sorted(INDEXES)),
        low=st.one_of(INDEXED, _ANY_KEYS),
        high=st.one_of(INDEXED, _ANY_KEYS),
        bounds=_BOUNDS,
        reverse=_TRUTHS,
        limit=_LIMITS,
    )
    def ask_range(self, number: int, name: str, low: Any, high: Any, bounds: Any, reverse: Any, limit: Any) -> None:
        pair = self.pairs[number]
        if pair.has_indexes:
            options = {"bounds": bounds, "reverse": reverse, "limit": limit}

            def within(table: Any) -> Any:
                index = table.index(name)
                if index.ordered:
                    return index.range(low, high, **options)
                try:
                    return index.range(low, high, **options)
                except (NoexError, TypeError, ValueError) as error:  # it has no order, nor has it such a value
                    return type(error) if isinstance(error, ValueError) else "refused"

            pair.same(("index range", name, low, high, options), within)

    @rule(number=_NUMBER, where=expressions())
    def explain(self, number: int, where: Any) -> None:
        self.pairs[number].perform(Step("explain", (where,), {}))

    @rule(number=_NUMBER, kinds=st.sampled_from([None, ("insert",), ("delete", "expire"), ("clear",), ()]))
    def listen(self, number: int, kinds: Any) -> None:
        self.pairs[number].subscribe(kinds)

    @rule(number=_NUMBER)
    def forget(self, number: int) -> None:
        self.pairs[number].unsubscribe()

    @rule(number=_NUMBER)
    def snapshot(self, number: int) -> None:
        """Dump both: the files are the same; and both load what is in them."""
        pair = self.pairs[number]
        with TemporaryDirectory() as folder:
            files = [os.path.join(folder, name) for name in ("pure", "native")]
            told = [
                outcome_of(lambda table=table, file=file: table.dump(file, wall=self.clock)).replace(file, "a file")
                for table, file in zip(pair.tables, files, strict=True)
            ]
            assert told[1] == told[0]
            if told[0].startswith("raises"):
                return
            assert Path(files[1]).read_bytes() == Path(files[0]).read_bytes()
            options: dict[str, Any] = {} if pair.kind.endswith("bag") else {"clock": self.clock}
            if pair.keyed:
                options["key"] = shelf
            loaded: list[Any] = []
            for kernel, table in zip(self.kernels, pair.tables, strict=True):
                with over(kernel):
                    loaded.append(ets.load(files[0], name="loaded", store=ets.Store(), wall=self.clock, **options))
                assert type(loaded[-1]) is type(table)
            Twins((loaded[0], loaded[1]), keyed=pair.keyed).compare()

    @rule(
        script=st.lists(st.tuples(st.sampled_from(["own", "own", "others"]), _STEPS), min_size=1, max_size=6),
        abandoned=st.sampled_from([False, False, True]),
    )
    def transaction(self, script: list[tuple[str, tuple[int, Step]]], abandoned: Any) -> None:
        """Run the same transaction over both, while others write the same: its last run sees the same, and ends alike.

        Whether a first run that others disturbed has to run again is a kernel's own affair, as long as all holds.
        """
        native, pure = (self._transact(place, script, abandoned=bool(abandoned)) for place in (1, 0))
        assert native == pure, f"native: {native}\npure:   {pure}"

    def _transact(self, place: int, script: Any, *, abandoned: bool) -> list[str]:
        log: list[str] = []
        others: list[str] = []
        runs = 0

        def function(transaction: Any) -> str:
            nonlocal runs
            runs += 1
            log.clear()
            for whose, (number, step) in script:
                table = self.pairs[number].tables[place]
                if whose == "others" and runs == 1:
                    others.append(outcome_in_transaction(table, step))
                elif whose == "own" and hasattr(transaction[table], "index" if step.verb == "ask" else step.verb):
                    log.append(outcome_in_transaction(transaction[table], step))
            if abandoned:
                raise Refused
            return "done"

        with over(self.kernels[place]):
            outcome = outcome_of(lambda: self.stores[place].transact(function))
        return [*others, "then", *log, outcome]

    @rule(generation=st.integers(0, 2))
    def collect_garbage(self, generation: int) -> None:
        gc.collect(generation)


def outcome_in_transaction(thing: Any, step: Step) -> str:
    """As `outcome_of`; but what is no error of a verb ends the run, as it is how transactions start again."""
    try:
        if step.verb == "select" and thing.kind != "ordered_set":
            return repr(_selected(thing, step))
        answer = _do(thing, step)
        if hasattr(answer, "__next__") or type(answer).__name__.endswith(("View", "_Keys", "_Values", "_Items")):
            answer = [repr(entry) for entry in answer]
        return _ADDRESS.sub("", repr(answer))
    except (NoexError, TypeError, ValueError, IndexError, OverflowError, Refused) as error:
        if type(error).__name__ == "Conflict":
            raise
        return _ADDRESS.sub("", f"raises {type(error).__name__}: {error}")
