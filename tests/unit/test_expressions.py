"""Expressions over the row: what each matches, what is refused, and that they are values."""

from __future__ import annotations

import copy
import functools
import operator
import pickle
import threading
from collections import ChainMap, Counter, OrderedDict, UserDict, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from noex import ets
from noex.ets import Expression, row
from noex.ets.queries import Term
from noex.kernel import compile_predicate, literal_head

age = row.field("age")
NAN = float("nan")


@dataclass(frozen=True, slots=True)
class User:
    name: str
    age: int


class Point(NamedTuple):
    x: int
    y: int


class Broken:
    """Every way to read it fails in a way that does not mean absence."""

    @property
    def age(self) -> int:
        raise RuntimeError("no age today")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not comparable today")

    __hash__ = object.__hash__


class Incomparable:
    def __eq__(self, other: object) -> bool:
        raise TypeError("never")

    __hash__ = object.__hash__


class Weird(RuntimeError):
    pass


def holds(expression: Expression, value: Any, key: Any = "key") -> bool:
    result = expression._test(key, value)
    assert result is True or result is False
    return result


# Reading


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"age": 18}, True),
        (OrderedDict(age=18), True),
        (UserDict(age=18), True),
        (MappingProxyType({"age": 18}), True),
        (ChainMap({}, {"age": 18}), True),
        (User("Ada", 18), True),
        (Counter(age=18), True),
        ({"name": "Ada"}, False),
        ({}, False),
        ([("age", 18)], False),
        ("age", False),
        (None, False),
        (18, False),
        (object(), False),
    ],
)
def test_a_field_is_a_key_of_a_mapping_or_else_an_attribute(value: Any, found: bool) -> None:
    assert holds(age == 18, value) is found
    assert holds(age.exists(), value) is found
    assert holds(age.is_in([18]), value) is found


def test_a_mapping_shows_its_items_and_not_its_attributes() -> None:
    assert not holds(row.field("items").exists(), {})
    assert not holds(row.field("items").exists(), UserDict())
    assert holds(row.field("items") == 5, {"items": 5})
    assert holds(row.field("data").exists(), User) is False


def test_one_expression_reads_rows_of_every_kind_in_turn() -> None:
    rows = [User("Ada", 18), {"age": 18}, UserDict(age=18), 5, None, User("Kim", 3), {"age": 3}, "age", Point(1, 2)]
    for _ in range(3):
        assert [holds(age == 18, value) for value in rows] == [True, True, True] + [False] * 6


def test_a_path_leads_deeper() -> None:
    value = {"address": User("home", 5), "lines": [{"text": "a"}, ("b", Point(7, 8))], 3: "three"}
    assert holds(row.field("address", "age") == 5, value)
    assert holds(row.field("lines", 0, "text") == "a", value)
    assert holds(row.field("lines", 1, 1, "y") == 8, value)
    assert holds(row.field("lines", -1, 0) == "b", value)
    assert holds(row.field(3) == "three", value)
    for missing in [("address", "street"), ("lines", 2), ("lines", 0, "text", "x"), ("lines", "0"), ("lines", 0, 0)]:
        assert not holds(row.field(*missing).exists(), value)


def test_a_position_is_one_of_a_tuple_or_a_list_only() -> None:
    assert holds(row.field(0) == 1, (1, 2))
    assert holds(row.field(1) == 2, [1, 2])
    assert holds(row.field(1) == 2, Point(1, 2))
    for other in ["ab", b"ab", deque([1, 2]), range(3), {1, 2}, 5, {"0": 1}]:
        assert not holds(row.field(0).exists(), other)


def test_reading_changes_nothing() -> None:
    value: defaultdict[str, int] = defaultdict(int)
    assert not holds(age == 0, value)
    assert not holds(row.field("a", "age") == 0, {"a": value})
    assert dict(value) == {}
    letters = iter("abc")
    assert not holds(row.value.contains("a"), letters)
    assert list(letters) == ["a", "b", "c"]


def test_key_and_value_are_always_there() -> None:
    assert holds(row.key.exists() & row.value.exists(), None, None)
    assert holds((row.key == 5) & (row.value == {"a": 1}), {"a": 1}, 5)


# Tests


@pytest.mark.parametrize("name", ["__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"])
@pytest.mark.parametrize("found", [17, 18, 19, 18.0, True, "18", None, (18,), Decimal(18), NAN, {1}])
def test_comparisons_are_those_of_python_and_what_cannot_be_compared_does_not_match(name: str, found: Any) -> None:
    compare = getattr(operator, name)
    try:
        expected = bool(compare(found, 18))
    except TypeError:
        expected = False
    expression = compare(age, 18)
    assert holds(expression, {"age": found}) is expected
    assert holds(compare(row.value, 18), found) is expected
    assert holds(compare(row.key, 18), None, found) is expected
    assert holds(compare(row.field("a", "b"), 18), {"a": {"b": found}}) is expected


def test_a_missing_field_matches_no_test_and_so_every_negated_one() -> None:
    tests = [
        *(age == 1, age != 1, age < 1, age <= 1, age > 1, age >= 1, age == None, age != None),  # noqa: E711
        *(age.is_in([1]), age.startswith(""), age.contains(1), age.matches("**"), age.exists()),
    ]
    assert [holds(test, {}) for test in tests] == [False] * len(tests)
    assert [holds(~test, {}) for test in tests] == [True] * len(tests)
    assert holds(age == None, {"age": None})  # noqa: E711
    assert holds(age.exists(), {"age": None})


def test_a_literal_may_stand_on_the_left() -> None:
    assert repr(18 <= age) == repr(age >= 18)
    assert repr("a" != row.key) == repr(row.key != "a")


def test_nan_equals_nothing() -> None:
    assert not holds(row.value == NAN, NAN)
    assert holds(row.value != NAN, NAN)
    assert not holds(row.value.is_in([NAN, 1]), NAN)


@pytest.mark.parametrize(
    ("values", "found", "expected"),
    [
        ([1, 2], 1, True),
        ([1, 2], 1.0, True),
        ([1, 2], True, True),
        ([1, 2], Decimal(2), True),
        ([1, 2], 3, False),
        ([1, 2], [1], False),
        ([[1], 2], [1], True),
        ([Decimal(1), Incomparable()], 1, True),
        ([Incomparable(), 7], User("Ada", 7), False),
        ([Incomparable(), Point(1, 2)], (1, 2), True),
        ([None], None, True),
        ([], None, False),
        ({"a": 1}, "a", True),
        (iter("ab"), "b", True),
        (range(10**3), 999, True),
    ],
)
def test_is_in(values: Any, found: Any, expected: bool) -> None:
    assert holds(row.value.is_in(values), found) is expected


def test_what_cannot_be_compared_with_one_of_several_is_compared_with_the_others() -> None:
    assert holds(row.value.is_in([Point(1, 1), 5]), 5)
    assert not holds(row.value.is_in([5]), Incomparable())
    assert not holds(row.value == 5, Incomparable())
    assert not holds(row.value != 5, Incomparable())


@pytest.mark.parametrize(
    ("prefix", "found", "expected"),
    [
        ("ab", "abc", True),
        ("ab", "ab", True),
        ("ab", "a", False),
        ("", "", True),
        ("a", b"abc", False),
        (b"a", b"abc", True),
        (b"a", "abc", False),
        (b"", 5, False),
        (("a", 1), ("a", 1, "x"), True),
        (("a", 1), ("a", 1.0), True),
        (("a", 1), ("a",), False),
        (("a", 1), ["a", 1, "x"], False),
        ((), (), True),
        ((1,), Point(1, 2), True),
        (("a",), "abc", False),
        (("a", "b"), "abc", False),  # not one of several texts, as str.startswith has it
        (("a",), (Incomparable(),), False),
    ],
)
def test_startswith(prefix: Any, found: Any, expected: bool) -> None:
    assert holds(row.value.startswith(prefix), found) is expected
    assert holds(row.key.startswith(prefix), None, found) is expected


@pytest.mark.parametrize(
    ("item", "found", "expected"),
    [
        ("b", "abc", True),
        ("bc", "abc", True),
        (1, "abc", False),
        (98, b"abc", True),
        (b"bc", b"abc", True),
        (300, b"abc", False),
        (300, bytearray(b"abc"), False),
        ("a", ["a"], True),
        ("a", ("b",), False),
        ("a", {"a"}, True),
        (["a"], {"a"}, False),
        ("a", {"a": 1}, True),
        (1, {"a": 1}, False),
        (5, range(10), True),
        (5, 5, False),
        (5, None, False),
        (5, object(), False),
    ],
)
def test_contains(item: Any, found: Any, expected: bool) -> None:
    assert holds(row.value.contains(item), found) is expected


def test_other_exceptions_go_through() -> None:
    with pytest.raises(RuntimeError, match="no age today"):
        holds(age == 1, Broken())
    with pytest.raises(RuntimeError, match="not comparable today"):
        holds(row.value == 1, Broken())
    with pytest.raises(RuntimeError, match="not comparable today"):
        holds(row.value.is_in([1]), Broken())

    class Container:
        def __contains__(self, item: object) -> bool:
            raise Weird

    with pytest.raises(Weird):
        holds(row.value.contains(1), Container())


# Globs: what the tests of the original's glob-utils cover, in their order, and then what they do not


@pytest.mark.parametrize(
    ("glob", "matching", "others"),
    [
        ("user", ["user"], ["User", "users", "a user", ""]),
        ("user:*", ["user:1", "user:", "user:a b", "user:\n"], ["use:1", "xuser:1", "user:1/2"]),
        ("*", ["", "a", "a\nb"], ["/", "a/b"]),
        ("a*c", ["ac", "abc", "abbc", "a.c"], ["a/c", "ab", "xac", "acx"]),
        ("*:*:*", ["a:b:c", "::", "a:b:c:d"], ["a:b", "a:/:c"]),
        ("**", ["", "/", "a/b/c", "a\n/b"], []),
        ("a/**", ["a/", "a/b", "a/b/c"], ["a", "b/a/"]),
        ("a/**/z", ["a/b/z", "a/b/c/z", "a//z"], ["a/z", "a/b/zz"]),
        ("user?", ["user1", "user/", "user\n", "user?"], ["user", "user12"]),
        ("a??d", ["abcd", "a??d"], ["abd", "abccd"]),
        ("a.b", ["a.b"], ["axb"]),
        ("f(x)", ["f(x)"], ["fx"]),
        ("a[1]", ["a[1]"], ["a1"]),
        ("1+1", ["1+1"], ["11", "111"]),
        ("^a$", ["^a$"], ["a"]),
        ("a|b", ["a|b"], ["a", "b"]),
        ("a\\*", ["a\\", "a\\b"], ["a*"]),
        ("{a}", ["{a}"], ["a"]),
        ("*.(min|max)+[0-9]?", ["x.(min|max)+[0-9]1"], ["x.min1", "x.(min|max)+[0-9]"]),
        ("cache/**/user:?/*.json", ["cache/a/user:1/x.json", "cache/a/b/user:2/.json"], ["cache/user:1/x.json"]),
        ("a", ["a"], ["ab", "ba", "a\n", "\na"]),
        ("***", ["", "a/b"], []),
        ("****a", ["a", "/a"], ["ab"]),
        ("**a*b", ["ab", "x/a/ab", "a/axb", "aab"], ["a/b", "ab/"]),
        ("*a*b*c", ["abc", "xaxbxc", "aabbcc", "abcbc"], ["acb", "a/bc", "ab/c"]),
        ("**a*b**c*d", ["abcd", "/a/ab/c/cd", "a/abxc/cxd"], ["a/bcd", "abc/d", "abcd/"]),
        ("*?b*c", ["xb/bc", "bbc", "/bc"], ["bc", "xb/c"]),
        ("*?*?*", ["ab", "a/", "//", "a/b"], ["a", "", "///"]),
        ("**?**?*x", ["//x", "abx", "a/b/x"], ["x", "ax"]),
        ("\ud800*", ["\ud800", "\ud800a"], ["a"]),
        ("ж?*", ["жя", "жяб"], ["ж", "я"]),
    ],
)
def test_globs(glob: str, matching: list[str], others: list[str]) -> None:
    expression = row.key.matches(glob)
    assert [text for text in matching if not holds(expression, None, text)] == []
    assert [text for text in others if holds(expression, None, text)] == []
    assert all(text.startswith(literal_head(glob)) for text in matching)


@pytest.mark.parametrize("found", [b"user:1", 5, None, ("user:1",), bytearray(b"user:1")])
def test_only_text_matches_a_glob(found: Any) -> None:
    assert not holds(row.value.matches("**"), found)


@pytest.mark.parametrize(
    "glob", ["*a" * 40 + "b", "**a" * 40 + "b", "*?a" * 40 + "b", "**a*a" * 20 + "b", "*" * 500 + "b"]
)
def test_no_glob_takes_forever(glob: str) -> None:
    assert not holds(row.key.matches(glob), None, "a" * 300)
    assert not holds(row.key.matches(glob), None, "a" * 150 + "/" + "a" * 150)


# What is refused


@pytest.mark.parametrize(
    ("make", "remedy"),
    [
        (lambda: bool(age), r"exists\(\)"),
        (lambda: bool(age >= 18), "&"),
        (lambda: 18 <= age < 65, "is_in"),
        (lambda: age >= 18 and age < 65, "parentheses"),
        (lambda: not (age >= 18), "~"),
        (lambda: age == row.key, "plain value"),
        (lambda: age == (row.key == 1), "plain value"),
        (lambda: age.is_in([1, row.key]), "plain value"),
        (lambda: age == [1, (row.key,)], "plain value"),
        (lambda: age.contains(row.key), "plain value"),
        (lambda: age.startswith((row.key,)), "plain value"),
        (lambda: (age >= 18) & True, "parentheses"),
        (lambda: (age >= 18) | (lambda key, value: True), "parentheses"),
        (lambda: (age >= 18) & age, "parentheses"),
        (lambda: True & (age >= 18), "parentheses"),
        (lambda: None | (age >= 18), "parentheses"),
        (lambda: age >= 18 & age < 65, "parentheses"),
        (lambda: age | row.key, "parentheses"),
        (lambda: ~age, "parentheses"),
        (lambda: "a" in row.key, r"contains\('a'\)"),
        (lambda: age.is_in("abc"), "=="),
        (lambda: age.is_in(b"abc"), "=="),
        (lambda: age.is_in(5), "=="),
        (lambda: age.startswith(5), "tuple of leading parts"),
        (lambda: age.startswith(["a"]), "tuple of leading parts"),
        (lambda: age.startswith(None), "tuple of leading parts"),
        (lambda: age.matches(b"a*"), "a str such as"),
        (lambda: age.matches(None), "a str such as"),
        (row.field, r"row\.value"),
        (lambda: row.field(1.5), "str and int"),
        (lambda: row.field("a", None), "str and int"),
        (lambda: row.field(True), "str and int"),
        (lambda: row.field(b"a"), "str and int"),
        (Term, r"row\.key"),
        (Expression, "comparing"),
        (lambda: hash(age), "unhashable"),
        (lambda: list(age), "not iterable"),
        (lambda: age.exists(1), "exists"),
        (lambda: age + 1, "unsupported"),
    ],
)
def test_wrong_types_are_refused_with_a_remedy(make: Callable[[], object], remedy: str) -> None:
    with pytest.raises(TypeError, match=remedy):
        make()


@pytest.mark.parametrize(
    ("make", "remedy"),
    [
        (lambda: age.matches(""), "at least one character"),
        (lambda: row.field("__class__"), "special attributes"),
        (lambda: row.field("a", "__dict__"), "special attributes"),
        (lambda: row.field(""), None),
    ],
)
def test_wrong_values_are_refused(make: Callable[[], object], remedy: str | None) -> None:
    if remedy is None:
        make()
    else:
        with pytest.raises(ValueError, match=remedy):
            make()


def test_row_has_no_fields_as_attributes() -> None:
    with pytest.raises(AttributeError, match=r"row\.field\('age'\)"):
        row.age  # type: ignore[attr-defined]  # noqa: B018


def test_a_program_of_unknown_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="'xor' is no part of a query"):
        compile_predicate(("xor", ("exists", ("key",)), ("exists", ("key",))))


# Values


def test_an_expression_is_not_callable() -> None:
    assert not callable(age >= 18)
    assert not callable(age)


@pytest.mark.parametrize("thing", [row, age, age >= 18])
def test_nothing_of_it_changes(thing: Any) -> None:
    before = repr(thing)
    for name in ["_path", "_program", "_predicate", "key", "other"]:
        with pytest.raises(AttributeError):
            setattr(thing, name, ("key",))
        with pytest.raises(AttributeError):
            delattr(thing, name)
    assert repr(thing) == before
    assert not hasattr(thing, "__dict__")


def test_what_it_was_given_may_change_afterwards() -> None:
    values, inner, letters = [1, 2], {"a": [1]}, {"x"}
    generator = (number for number in [5, 6])
    either = row.value.is_in(values) | row.value.is_in(letters) | row.value.is_in(generator) | (row.value == inner)
    buffer = bytearray(b"ab")
    bytewise = row.value == buffer
    values.append(3)
    letters.add("y")
    inner["a"].append(2)
    buffer.extend(b"c")
    assert [holds(either, value) for value in (1, 3, "x", "y", 5, 6, {"a": [1]}, inner)] == [
        *(True, False, True, False),
        *(True, True, True, False),
    ]
    assert holds(bytewise, b"ab")
    assert repr(row.value.is_in(iter([1]))) == "row.value.is_in((1,))"


def test_a_value_that_contains_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    for make in (row.value.__eq__, row.value.contains, row.value.is_in):
        with pytest.raises(ValueError, match="100 levels"):
            make(endless)


def test_subclasses_of_names_become_plain() -> None:
    class Name(StrEnum):
        AGE = "age"

    class Place(IntEnum):
        FIRST = 0

    term = row.field(Name.AGE, Place.FIRST)
    assert term._path == ("field", "age", 0)
    assert [type(part) for part in term._path] == [str, str, int]
    assert repr(row.key.matches(Name.AGE)) == "row.key.matches('age')"
    assert repr(row.key.startswith(Name.AGE)) == "row.key.startswith('age')"


def test_the_programs() -> None:
    field = ("field", "age")
    assert (age >= 18)._program == (">=", field, 18)
    assert age.is_in({1})._program == ("in", field, (1,))
    assert row.key.startswith("a")._program == ("startswith", ("key",), "a")
    assert row.value.contains(1)._program == ("contains", ("value",), 1)
    assert row.key.matches("a*")._program == ("matches", ("key",), "a*")
    assert age.exists()._program == ("exists", field)
    one, two, three = age > 1, age > 2, age > 3
    assert (one & two & three)._program == (one & (two & three))._program
    assert (one & two & three)._program == ("and", one._program, two._program, three._program)
    assert (one | (two | three))._program == ("or", one._program, two._program, three._program)
    assert (~one & (two | three))._program == (
        *("and", ("not", one._program)),
        ("or", two._program, three._program),
    )


@pytest.mark.parametrize(
    "text",
    [
        "row.field('age') >= 18",
        "(row.field('age') >= 18) & row.key.startswith('user:')",
        "(row.key == 1) | (row.key == 2) & (row.key == 3)",
        "((row.key == 1) | (row.key == 2)) & (row.key == 3)",
        "~(row.key == 1)",
        "~~row.key.exists()",
        "~(row.key.exists() & row.value.exists())",
        "~row.key.exists() & row.value.exists() | ~row.field('a', 0, -1).contains('x')",
        "row.value.is_in(())",
        "row.value.is_in(('a',))",
        "row.value == [1, (2,), {3}, {'a': None}]",
        "row.key.matches('a\\n*')",
        "row.key.startswith(('a', 1))",
        "row.value != -1.5",
    ],
)
def test_the_repr_is_the_python_that_makes_it_with_no_needless_parentheses(text: str) -> None:
    expression = eval(text, {"row": row})
    assert repr(expression) == text
    assert repr(eval(repr(expression), {"row": row})) == text


def test_repr_of_terms_and_of_values_whose_repr_fails() -> None:
    class Silent:
        def __repr__(self) -> str:
            raise Weird

    assert [repr(term) for term in (row.key, row.value, row.field("a", 0))] == [
        *("row.key", "row.value"),
        "row.field('a', 0)",
    ]
    assert repr(row) == "row"
    assert repr(row.key == Silent()) == "row.key == <Silent whose repr fails>"
    assert "whose repr fails" in repr(row.key == 10**5000)


@pytest.mark.parametrize("make_copy", [copy.copy, copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_copies(make_copy: Callable[[Any], Any]) -> None:
    expression = ((age >= 18) & ~row.key.startswith(("user:",))) | row.field("a", 0).is_in([1, None])
    expression._test("key", 1)
    copied = make_copy(expression)
    assert copied._program == expression._program
    assert repr(copied) == repr(expression)
    assert holds(copied, {"age": 18})
    assert repr(make_copy(age)) == repr(age)
    assert make_copy(row) is row


def test_a_long_row_is_flat() -> None:
    tests = [row.value != number for number in range(1_000)]
    every = functools.reduce(operator.and_, tests)
    some = functools.reduce(lambda one, other: other | one, [row.value == number for number in range(1_000)])
    assert (len(every._program), len(some._program)) == (1_001, 1_001)
    assert [holds(every, value) for value in (-1, 0, 999, 1_000)] == [True, False, False, True]
    assert [holds(some, value) for value in (-1, 0, 999, 1_000)] == [False, True, True, False]
    assert pickle.loads(pickle.dumps(every))._program == every._program
    assert eval(repr(some), {"row": row})._program == some._program


def test_deep_nesting_is_refused_when_it_is_built() -> None:
    negated = age == 1
    for _ in range(99):
        negated = ~negated
    assert holds(negated, {"age": 2})
    assert pickle.loads(pickle.dumps(negated))._program == negated._program
    assert repr(negated).count("~") == 99
    for refused in (lambda: ~negated, lambda: negated & (age == 2), lambda: (age == 2) | negated):
        with pytest.raises(ValueError, match="100 levels deep"):
            refused()

    mixed = age == 1
    for number in range(99):
        mixed = (mixed & (age != 2)) if number % 2 else (mixed | (age == 3))
    assert holds(mixed, {"age": 1})
    with pytest.raises(ValueError, match="100 levels deep"):
        _ = mixed & (age == 2)
    assert len((mixed | (age == 4))._program) == 4  # a part more of the same row is no level more


def test_it_is_compiled_once_and_shared_by_threads() -> None:
    expression = (age >= 18) & row.key.startswith("user:")
    assert expression._test is expression._test
    fresh = (age >= 18) & row.key.startswith("user:")
    start = threading.Barrier(4)
    counts: list[int] = []

    def count() -> None:
        start.wait()
        counts.append(sum(fresh._test(f"user:{number}", {"age": number}) for number in range(1_000)))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [982] * 4


def test_one_expression_serves_any_number_of_tables() -> None:
    adult = age >= 18

    def adults(table: ets.SetTable[str, Any]) -> Iterator[str]:
        return (key for key, value in table.items() if adult._test(key, value))

    first, second = ets.SetTable[str, Any](), ets.SetTable[str, Any]()
    first.insert_many({"Ada": {"age": 36}, "Kim": {"age": 12}})
    second.insert("Bo", User("Bo", 18))
    assert ([*adults(first)], [*adults(second)]) == (["Ada"], ["Bo"])


def test_what_is_exported() -> None:
    assert ets.row is row
    assert isinstance(row.key, Term)
    assert isinstance(row.key == 1, ets.Expression)
