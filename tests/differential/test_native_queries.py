"""The native queries answer, and raise, what the pure ones do: any program, any key and value."""

from __future__ import annotations

import gc
import random
import types
import weakref
from collections import ChainMap, OrderedDict, UserDict, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noex.kernel._pure.queries import predicates as pure
from noex.kernel._pure.queries.globs import glob_matcher
from noex.testing import _query_strategies as queries

native = pytest.importorskip("noex.kernel._native", reason="the native kernel is not built")

NAN = float("nan")


class Person:
    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __repr__(self) -> str:
        return f"Person({self.__dict__})"


@dataclass(slots=True)
class Slotted:
    age: Any
    tags: Any = ()


class Named(NamedTuple):
    age: Any
    user: Any


class Text(str):
    """A str that is equal to nothing, and yet has a beginning."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return False


class Number(int):
    def __lt__(self, other: object) -> bool:
        raise ArithmeticError("this number is not compared")


class Table(Mapping[Any, Any]):
    """A mapping that is no dict."""

    def __init__(self, items: dict[Any, Any]) -> None:
        self._items = items

    def __getitem__(self, key: Any) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


class Registered:
    """A mapping by declaration only."""

    age = "attribute"

    def __contains__(self, key: Any) -> bool:
        return key in ("age", 0)

    def __getitem__(self, key: Any) -> Any:
        return 7


Mapping.register(Registered)


class Proxy:
    """Says to be something else."""

    age = 1

    def __init__(self, claimed: type) -> None:
        self._claimed = claimed

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._claimed

    def __contains__(self, key: Any) -> bool:
        return bool(key == "age")

    def __getitem__(self, key: Any) -> Any:
        return 18


class Hostile:
    """Raises, or answers something odd, and keeps a record of what it was asked."""

    def __init__(self, log: list[str], answer: Callable[[], Any]) -> None:
        self._log = log
        self._answer = answer

    def _asked(self, what: str) -> Any:
        self._log.append(what)
        return self._answer()

    def __eq__(self, other: object) -> Any:
        return self._asked("==")

    def __ne__(self, other: object) -> Any:
        return self._asked("!=")

    def __lt__(self, other: object) -> Any:
        return self._asked("<")

    def __le__(self, other: object) -> Any:
        return self._asked("<=")

    def __gt__(self, other: object) -> Any:
        return self._asked(">")

    def __ge__(self, other: object) -> Any:
        return self._asked(">=")

    def __hash__(self) -> int:
        return hash("age")

    def __contains__(self, item: object) -> Any:
        return self._asked("in")

    def __bool__(self) -> bool:
        return bool(self._asked("bool"))

    def __len__(self) -> int:
        self._log.append("len")
        return 1

    def __getattr__(self, name: str) -> Any:
        return self._asked(f"getattr {name}")


class HostileTable(Table):
    """A mapping that raises."""

    def __init__(self, log: list[str], answer: Callable[[], Any]) -> None:
        super().__init__({})
        self._log = log
        self._answer = answer

    def __contains__(self, key: object) -> bool:
        self._log.append(f"contains {key}")
        return True

    def __getitem__(self, key: object) -> Any:
        self._log.append(f"getitem {key}")
        return self._answer()


def raises(error: BaseException) -> Callable[[], Any]:
    def answer() -> Any:
        raise error

    return answer


ERRORS = [
    *(TypeError("no"), ArithmeticError("no"), ZeroDivisionError("no"), ValueError("no"), KeyError("no")),
    *(IndexError("no"), AttributeError("no"), RuntimeError("no"), RecursionError("no"), LookupError("no")),
    *(UnicodeError("no"), KeyboardInterrupt()),
]
ANSWERS: list[Callable[[], Any]] = [
    *(raises(error) for error in ERRORS),
    *(lambda: True, lambda: False, lambda: NotImplemented, list, lambda: "yes", lambda: 18),
]

NUMBERS = [
    *(0, 1, 18, -1, 255, 256, 2**30, 2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, 2**63, -(2**63), 2**200),
    *(0.0, -0.0, 1.0, 18.0, 18.5, 2.0**53, 2.0**63, 1e300, NAN, float("inf"), float("-inf"), True, False),
    *(Decimal(18), Decimal("NaN"), Decimal("sNaN"), Fraction(1, 2), 1j, Number(18), Number(-3)),
]
PLAIN = st.one_of(
    queries.PROBES,
    st.sampled_from(NUMBERS),
    st.sampled_from(
        [
            *("", "a", "ab", "ad\n", "ada/x", "\u00e9a", "\u4e00a", "\U0001f600", "\ud800", Text("ada"), Text("")),
            *(b"", b"ab", bytearray(b"a"), range(3), frozenset({1, "a"}), (NAN,), (), ("a", 1, 2), Named("a", 1)),
            *(Text("a"), type, object(), iter([1]), deque([1, 18])),
        ]
    ),
)
HOSTILE = st.builds(lambda answer: Hostile([], answer), st.sampled_from(ANSWERS))
LEAVES = st.one_of(PLAIN, PLAIN, PLAIN, HOSTILE)
NAMES = ["age", "user", "tags", 0, 1, -1, True, "real"]
FIELDS = st.dictionaries(st.sampled_from(NAMES), LEAVES, max_size=4)


def _hostile_key(answer: Callable[[], Any]) -> dict[Any, Any]:
    return {Hostile([], answer): 1}


def _containers(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = st.dictionaries(st.sampled_from(NAMES), parts, max_size=4)
    texts = st.dictionaries(st.sampled_from(["age", "user", "tags"]), parts, max_size=3)
    return st.one_of(
        fields,
        fields,
        fields,
        st.builds(lambda make, items: make(items), st.sampled_from(MAPPINGS), fields),
        texts.map(lambda names: Person(**names)),
        texts.map(lambda names: types.SimpleNamespace(**names)),
        st.builds(Slotted, parts, parts),
        st.builds(Named, parts, parts),
        st.lists(parts, max_size=3),
        st.lists(parts, max_size=3).map(tuple),
    )


MAPPINGS: list[Callable[[dict[Any, Any]], Any]] = [
    *(OrderedDict, UserDict, Table, ChainMap, types.MappingProxyType, lambda items: defaultdict(list, items)),
]
ODD = st.one_of(
    st.builds(Registered),
    st.sampled_from([dict, list, tuple, int, object]).map(Proxy),
    st.builds(lambda answer: HostileTable([], answer), st.sampled_from(ANSWERS)),
    st.sampled_from(ANSWERS).map(_hostile_key),
)
VALUES = st.one_of(st.recursive(LEAVES, _containers, max_leaves=6), _containers(LEAVES), ODD)

GLOBS = st.text(alphabet="ab/*?\u00e9\n", max_size=8)
PATHS = st.one_of(
    st.sampled_from([("key",), ("value",), ("field", "age"), ("field", "age"), ("field", 0), ("field", "user")]),
    st.lists(st.sampled_from([*NAMES, Text("age"), None, 1.0]), min_size=1, max_size=3).map(lambda p: ("field", *p)),
)
TESTS = st.one_of(
    st.tuples(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), PATHS, LEAVES),
    st.tuples(st.just("in"), PATHS, st.lists(LEAVES, max_size=4).map(tuple)),
    st.tuples(st.just("startswith"), PATHS, st.sampled_from(["", "a", "\u4e00", b"", b"a", (), ("a",), Named("a", 1)])),
    st.tuples(st.just("startswith"), PATHS, st.lists(LEAVES, max_size=2).map(tuple)),
    st.tuples(st.just("contains"), PATHS, LEAVES),
    st.tuples(st.just("matches"), PATHS, GLOBS),
    st.tuples(st.just("exists"), PATHS),
)


def _nested(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    rows = st.lists(parts, max_size=3)
    return st.one_of(
        rows.map(lambda row: ("and", *row)), rows.map(lambda row: ("or", *row)), parts.map(lambda part: ("not", part))
    )


PROGRAMS = st.one_of(TESTS, st.recursive(TESTS, _nested, max_leaves=6))


def outcome(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what comes of a call: the answer, or the exception as its type and text."""
    try:
        return function(*arguments)
    except BaseException as error:  # also those that are no Exception must be the same
        return type(error), str(error)


def record(*values: Any) -> list[str]:
    """Return what the hostile ones among the values and in them were asked since the last time."""
    asked: list[str] = []
    stack = list(values)
    while stack:
        value = stack.pop()
        if type(value) in (Hostile, HostileTable):
            asked += value._log
            value._log.clear()
        elif type(value) in (tuple, list, Named):
            stack += value
        elif type(value) is dict:
            stack += [*value, *value.values()]
        elif type(value) is Person:
            stack += value.__dict__.values()
    return asked


def check(program: Any, key: Any, value: Any) -> None:
    """Compare both on one program and one entry: the answer, and who was asked what in which order."""
    expected = outcome(pure.compile_predicate(program), key, value)
    asked = record(program, key, value)
    assert outcome(native.compile_predicate(program), key, value) == expected
    assert record(program, key, value) == asked


@given(PROGRAMS, LEAVES, VALUES)
def test_predicates_answer_the_same(program: Any, key: Any, value: Any) -> None:
    check(program, key, value)


@given(queries.expressions(), queries.PROBES, VALUES)
def test_expressions_answer_the_same(expression: Any, key: Any, value: Any) -> None:
    check(expression._program, key, value)


@given(PROGRAMS, st.lists(VALUES, max_size=8))
def test_one_predicate_answers_the_same_for_many(program: Any, values: list[Any]) -> None:
    values = [value for value in values if type(value) is not Proxy]  # what was seen before them counts, in Python
    one, other = native.compile_predicate(program), pure.compile_predicate(program)
    for value in [*values, *values]:
        assert outcome(one, 1, value) == outcome(other, 1, value)


@given(PATHS, LEAVES, VALUES)
def test_readers_read_the_same(path: Any, key: Any, value: Any) -> None:
    expected = outcome(pure.compile_reader(path), key, value)
    asked = record(key, value)
    found = outcome(native.compile_reader(path), key, value)
    assert record(key, value) == asked
    assert found is expected or (type(found) is type(expected) and found == expected)


@pytest.mark.parametrize("operator", ["==", "!=", "<", "<=", ">", ">="])
def test_numbers_compare_the_same(operator: str) -> None:
    for operand in NUMBERS:
        program = (operator, ("value",), operand)
        one, other = native.compile_predicate(program), pure.compile_predicate(program)
        for number in NUMBERS:
            assert outcome(one, 1, number) == outcome(other, 1, number), (number, operator, operand)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("name", ["==", "!=", "<", "<=", ">", ">=", "in", "startswith", "contains", "exists"])
def test_what_a_hostile_value_does_is_the_same(name: str, answer: Callable[[], Any]) -> None:
    operand = {"in": (1, "a", Decimal(1)), "startswith": (1, 2)}.get(name, 18)
    values = [
        Hostile([], answer),
        (Hostile([], answer), 2),
        {"age": Hostile([], answer)},
        _hostile_key(answer),
        {"age": _hostile_key(answer)},
        HostileTable([], answer),
        Person(age=HostileTable([], answer)),
    ]
    paths: list[tuple[Any, ...]] = [
        ("key",),
        ("value",),
        ("field", "age"),
        ("field", "age", "age"),
        ("field", 0),
        ("field", []),
    ]
    for path in paths:
        program = (name, path) if name == "exists" else (name, path, operand)
        for value in values:
            check(program, value, value)
        if name not in ("startswith", "exists"):
            hostile = Hostile([], answer)
            check((name, path, (hostile, 1) if name == "in" else hostile), 18, {"age": 18})


@pytest.mark.parametrize(
    "program",
    [
        *((), [], 5, None, "and", ("xor",), (["=="], 1), (b"and",), (1, 2), ("\ud800",)),
        *(("==",), ("==", ("key",)), ("==", ("key",), 1, 2), ("==", (), 1), ("==", 5, 1), ("==", ("field",), 1)),
        *(("exists",), ("exists", ()), ("exists", ("field",)), ("exists", ("key",), 1), ("not",), ("and",), ("or",)),
        *(("in", ("key",), 5), ("in", ("field",), 5), ("startswith", ("key",), 5), ("startswith", ("key",), [1])),
        *(("matches", ("key",), 5), ("matches", ("key",), b"a"), ("matches", ("field",), "a"), ("contains", ("key",))),
        *(("and", ("xor",), ("yor",)), ("or", ("not", ("==",)), ("xor",)), ("not", ("exists", ("key",)), ("xor",))),
        *(["==", ["key"], 1], ("==", ("other", "age"), 1), ("==", ("key", "age"), 1)),
    ],
)
def test_malformed_programs_are_refused_in_the_same_words(program: Any) -> None:
    expected = outcome(pure.compile_predicate, program)
    found = outcome(native.compile_predicate, program)
    if isinstance(expected, tuple):
        assert found == expected
    else:
        assert outcome(found, 1, {"age": 1}) == outcome(expected, 1, {"age": 1})


def test_the_first_part_that_decides_is_the_last_one_asked() -> None:
    drawn = random.Random(5)

    def draw(levels: int, log: list[str]) -> Any:
        name = drawn.choice(["and", "or", "not", "test"]) if levels else "test"
        if name == "test":
            answer = drawn.choice([True, False])
            return ("==", ("key",), Hostile(log, lambda: answer))
        return (name, *(draw(levels - 1, log) for _ in range(1 if name == "not" else drawn.randrange(4))))

    for _ in range(500):
        log: list[str] = []
        program = draw(4, log)
        expected = pure.compile_predicate(program)(object(), None), len(log)
        log.clear()
        assert (native.compile_predicate(program)(object(), None), len(log)) == expected


@given(st.text(alphabet="ab/*?", max_size=12), st.text(alphabet="ab/\n", max_size=16))
def test_globs_match_the_same(glob: str, text: str) -> None:
    match = native.compile_predicate(("matches", ("key",), glob))
    assert match(text, None) is bool(glob_matcher(glob)(text))


@given(
    st.text(alphabet="a\u00e9\u4e00\U0001f600\ud800/*?", max_size=8), st.text(alphabet="a\u00e9\u4e00\U0001f600\ud800/")
)
def test_globs_match_the_same_in_wide_texts(glob: str, text: str) -> None:
    match = native.compile_predicate(("matches", ("key",), glob))
    assert match(text, None) is bool(glob_matcher(glob)(text))


def test_long_globs_match_the_same() -> None:
    drawn = random.Random(7)
    for size in (30, 62, 63, 64, 65, 127, 128, 200, 255, 256, 300, 500):
        for _ in range(40):
            text = "".join(drawn.choices("ab/", (8, 4, 1), k=size))
            glob = text
            for _ in range(drawn.randrange(1, 8)):
                start = drawn.randrange(len(glob))
                glob = (
                    glob[:start] + drawn.choice("*?*?*") * drawn.choice((1, 1, 2)) + glob[start + drawn.randrange(4) :]
                )
            match = native.compile_predicate(("matches", ("key",), glob))
            for changed in (text, text[:-1], text + "/", text.replace("/", "a", 1), ""):
                assert match(changed, None) is bool(glob_matcher(glob)(changed)), (glob, changed)


def test_no_glob_is_slow() -> None:
    for glob in ("*a" * 200 + "?*b", "**a?" * 200 + "**b", "*?" * 500 + "/"):
        assert not native.compile_predicate(("matches", ("key",), glob))("a" * 20_000, None)


@pytest.mark.parametrize("name", ["not", "and", "or"])
def test_a_program_may_nest_as_deep_as_it_likes(name: str) -> None:
    program: Any = ("==", ("key",), 1)
    other = ("exists", ("key",)) if name == "and" else ("not", ("exists", ("key",)))
    for _ in range(10_000):
        program = ("not", program) if name == "not" else (name, other, program)
    predicate = native.compile_predicate(program)
    assert predicate(1, None)
    assert not predicate(2, None)


def test_reading_does_not_write() -> None:
    row: defaultdict[str, list[int]] = defaultdict(list)
    assert not native.compile_predicate(("==", ("field", "age"), []))(1, row)
    assert native.compile_reader(("field", "age"))(1, row) is None
    assert not row


def test_what_only_says_to_be_text_is_none() -> None:
    for claimed in (str, bytes, tuple):
        for program in [("startswith", ("key",), "a"), ("startswith", ("key",), b"a"), ("matches", ("key",), "**")]:
            assert not native.compile_predicate(program)(Proxy(claimed), None)


def test_a_row_may_go_while_it_is_looked_at() -> None:
    row: dict[str, Any] = {}

    class Vanishing:
        def __eq__(self, other: object) -> bool:
            row.clear()
            return True

        __hash__ = None  # type: ignore[assignment]

    row["age"] = {"years": Vanishing()}
    program = ("==", ("field", "age", "years"), Decimal(1))
    assert native.compile_predicate(program)(1, row)
    assert not native.compile_predicate(program)(1, row)


def test_what_was_seen_before_does_not_matter() -> None:
    predicate = native.compile_predicate(("==", ("field", "age"), 7))
    entries: list[tuple[Any, bool]] = [
        *((Person(age=7), True), (Proxy(object), False), (Registered(), True), (Person(age=8), False)),
        *((Table({"age": 7}), True), (Named(7, 1), True), (Slotted(7), True), (Slotted(8), False), (None, False)),
    ]
    for value, expected in [*entries, *entries]:
        assert predicate(1, value) is expected
    lying = native.compile_predicate(("==", ("field", "age"), 18))
    assert [lying(1, Proxy(claimed)) for claimed in (object, dict, object, dict)] == [False, True, False, True]


def test_predicates_in_a_cycle_are_collected() -> None:
    class Owner:
        age = 18
        adult: Any
        reader: Any

    Owner.adult = native.compile_predicate(("and", (">=", ("field", "age"), 18), ("in", ("value",), (Owner,))))
    Owner.reader = native.compile_reader(("field", "age"))
    assert not Owner.adult(1, Owner())
    assert Owner.reader(1, Owner()) == 18
    forgotten = weakref.ref(Owner)
    del Owner
    gc.collect()
    assert forgotten() is None


def test_threads_share_a_predicate() -> None:
    makers: list[Callable[[int], Any]] = [lambda age: {"age": age}, lambda age: Person(age=age)]
    makers.append(lambda age: Table({"age": age}))
    values: list[Any] = [make(age) for age in range(40) for make in makers]
    values += [type(f"Kind{age}", (Person,), {})(age=age) for age in range(40)]
    predicate = native.compile_predicate((">=", ("field", "age"), 18))

    def ask(_turn: int) -> list[bool]:
        return [predicate(1, value) for value in values]

    expected = [pure.compile_predicate((">=", ("field", "age"), 18))(1, value) for value in values]
    with ThreadPoolExecutor(4) as pool:
        assert all(answers == expected for answers in pool.map(ask, range(50)))
