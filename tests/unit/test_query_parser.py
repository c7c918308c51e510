"""Queries as text: what is understood, what is refused and how, and that nothing a text says is ever done."""

from __future__ import annotations

import threading
import warnings

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from noex.ets import Expression, row
from noex.ets.queries.parser import parse

age = row.field("age")
city = row.field("address", "city")

UNDERSTOOD: list[tuple[str, Expression]] = [
    ("age >= 18", age >= 18),
    ("  age >= 18\n", age >= 18),
    ("age\n>=\r\n\t18", age >= 18),
    ("18 <= age", age >= 18),
    ("18 == age", age == 18),
    ("18 <= age < 65", (age >= 18) & (age < 65)),
    ("65 > age >= 18 != age", (age < 65) & (age >= 18) & (age != 18)),
    ("key == 'a'", row.key == "a"),
    ("row.key == 'a'", row.key == "a"),
    ("value > 5", row.value > 5),
    ("row.value > 5", row.value > 5),
    ("value['a']['b'] > 5", row.field("a", "b") > 5),
    ("row.value['a'] > 5", row.field("a") > 5),
    ("value.a > 5", row.field("a") > 5),
    ("row.value.a > 5", row.field("a") > 5),
    ("row.field('address', 'city') == 'Kyiv'", city == "Kyiv"),
    ("row.field('address').city == 'Kyiv'", city == "Kyiv"),
    ("row.field('a', 0, -1) == 1", row.field("a", 0, -1) == 1),
    ('address.city == "Kyiv"', city == "Kyiv"),
    ("address['city'] == 'Kyiv'", city == "Kyiv"),
    ("lines[0].text == 'a'", row.field("lines", 0, "text") == "a"),
    ("lines[-1] == 'a'", row.field("lines", -1) == "a"),
    ("value[0] == 'a'", row.field(0) == "a"),
    ("вік >= 18", row.field("вік") >= 18),
    ("match == 1", row.field("match") == 1),
    ("value['class'] == 1", row.field("class") == 1),
    ("a.key.value == 1", row.field("a", "key", "value") == 1),
    ("age in [1, 2]", age.is_in([1, 2])),
    ("age in (1, 2,)", age.is_in([1, 2])),
    ("age in {1}", age.is_in([1])),
    ("age in []", age.is_in([])),
    ("age not in [1, 2]", ~age.is_in([1, 2])),
    ("not age in [1, 2]", ~age.is_in([1, 2])),
    ("age.is_in([1, 2])", age.is_in([1, 2])),
    ("key.startswith('user:')", row.key.startswith("user:")),
    ("key.startswith(('user:1', 2))", row.key.startswith(("user:1", 2))),
    ("key.startswith(b'a')", row.key.startswith(b"a")),
    ("tags.contains('new')", row.field("tags").contains("new")),
    ("tags.contains(-1)", row.field("tags").contains(-1)),
    ("row.key.matches('user:*')", row.key.matches("user:*")),
    ("address.city.exists()", city.exists()),
    ("a.exists == 1", row.field("a", "exists") == 1),
    ("age == 1 and age == 2 and age == 3", (age == 1) & (age == 2) & (age == 3)),
    ("age == 1 or age == 2 and age == 3", (age == 1) | (age == 2) & (age == 3)),
    ("(age == 1 or age == 2) and age == 3", ((age == 1) | (age == 2)) & (age == 3)),
    ("(age == 1) & (age == 2) | ~(age == 3)", (age == 1) & (age == 2) | ~(age == 3)),
    ("not age == 1", ~(age == 1)),
    ("not (age == 1 or age == 2)", ~((age == 1) | (age == 2))),
    ("((age == 1))", age == 1),
    ("age == None", age == None),  # noqa: E711
    ("age == True or age == False", (age == True) | (age == False)),  # noqa: E712
    ("age == -1 or age == +1 or age == - -1", (age == -1) | (age == 1) | (age == 1)),
    ("age == 1.5e3 or age == .5 or age == 5.", (age == 1500.0) | (age == 0.5) | (age == 5.0)),
    ("age == 1_000 or age == 0xff", (age == 1000) | (age == 255)),
    ("age == 0b11 or age == 0o17 or age == 1e-3", (age == 3) | (age == 15) | (age == 0.001)),
    ("age == [1, (2, {3}), b'4']", age == [1, (2, {3}), b"4"]),
    ("age == ()", age == ()),
    (r"age == 'it\'s \\ \n \x41 \u0416 \U0001f600'", age == "it's \\ \n A Ж 😀"),
    (r"age == '\ud800'", age == "\ud800"),
    (r"age == b'\xff\''", age == b"\xff'"),
    ("age == '# := lambda'", age == "# := lambda"),
    ("age == ''", age == ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expression"), UNDERSTOOD)
def test_understood(text: str, expression: Expression) -> None:
    parsed = parse(text)
    assert repr(parsed) == repr(expression)
    assert parsed._program == expression._program
    assert parse(repr(expression))._program == expression._program


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("age", r"compared with nothing .*'age', at column 1"),
        ("age > 3 and active", r"compared with nothing .*'active', at column 13"),
        ("age >", r"invalid syntax.*column 6"),
        ("age > > 3", "invalid syntax"),
        ("age == 3 AND city == 'x'", r"AND \(write and\) at column 10"),
        ("name LIKE 'a%'", r"LIKE \(write name\.matches"),
        ("age >= 18 & city == 'x'", "in parentheses beside & and"),
        ("age = 3", "'=' \\(write == for equal\\) at column 5"),
        ("age := 3", "':' at column 5"),
        ("age > 3; age", "';' at column 8"),
        ("age > 3 # why", "'#' at column 9"),
        ("age > 3 \\", r"'\\\\' at column 9"),
        ("(age > 3", r"end of the text without '\)' at column 9"),
        ("age > 3)", r"'\)' without what it closes at column 8"),
        ("a[1) == 3]", "'\\)' without what it closes at column 4"),
        ("age > other", "anything but a literal to compare with, as in 'other', at column 7"),
        ("age > key", "anything but a literal"),
        ("1 > 2", "'2' at column 5"),
        ("1 < 2 < age", "'2' at column 5"),
        ("True", "'True' at column 1"),
        ("'age'", "'\"?'age'\"?|\"'age'\" at column 1"),
        ("age > 3 and 5", "'5' at column 13"),
        ("age is None", r"`is` \(write == for it\)"),
        ("age is not None", r"`is` \(write == for it\)"),
        ("age + 1 > 3", "arithmetic at column 5"),
        ("age > 3 - 1", "arithmetic at column 9"),
        ("age * 2 > 3", r"'\*' at column 5"),
        ("9**9**9 > age", r"'\*' at column 2"),
        ("age > 1 << 9", "anything but a literal"),
        ("-age > 3", "'age' at column 2"),
        ("~age > 3", "'~age' at column 1"),
        ("age > -'a'", "a sign before anything but a number"),
        ("age > -True", "a sign before anything but a number"),
        ("age > 18 & city == 'Kyiv'", "'18 & city' at column 7|anything but a literal"),
        ("'a' in tags", r"\.contains\(\)"),
        ("age in 'abc'", r"\.contains\(\)"),
        ("5 in [5]", "'5' at column 1"),
        ("age in [other]", "'other' at column 9"),
        ("age == {[1]}", "a list or a set inside a set"),
        ("age == {1: 2}", "':' at column 10"),
        ("age == 1j", "what is no number"),
        ("age == 1or age == 2", "what is no number at column 8"),
        ("age == ...", r"'\.\.\.' at column 8"),
        ("age == 'a", "a string with a prefix, without an end"),
        ("age == 'a\nb'", "a string with a prefix, without an end"),
        ("age == 'a\0b'", "a string with a prefix, without an end"),
        ("age == '\ud800'", "a string with a prefix, without an end"),
        ("age == f'{age}'", "a string with a prefix"),
        ("age == r'a'", "a string with a prefix"),
        ("age == u'a'", "a string with a prefix"),
        ("age == rb'a'", "a string with a prefix"),
        (r"age == '\d'", "an escape that Python does not know"),
        (r"age == b'\u0041'", "an escape that Python does not know"),
        ("age == '''a'''", "a string"),
        ("age == 'a' 'b'", "a string right after another"),
        ("key.a == 1", "a part of the key"),
        ("key['a'] == 1", "a part of the key"),
        ("row == 1", r"row\.key, row\.value and row\.field"),
        ("row.age == 1", r"row\.key, row\.value and row\.field"),
        ("row['age'] == 1", r"row\.key, row\.value and row\.field"),
        ("row.field == 1", r"row\.key, row\.value and row\.field"),
        ("row.field() == 1", r"'row\.field\(\)' at column 1"),
        ("row.field(age) == 1", "a name in quotes or a position"),
        ("row.field(name='age') == 1", "'='"),
        ("row.field(*'age') == 1", r"'\*'"),
        ("value.field('age') == 1", r"value\.field\('age'\)\" at column 1"),
        ("value[True] == 1", "a name in quotes or a position"),
        ("value[1.5] == 1", "a name in quotes or a position"),
        ("value[1:2] == 1", "':'"),
        ("value[1, 2] == 1", "a name in quotes or a position"),
        ("value[age] == 1", "a name in quotes or a position"),
        ("value['__class__'] == 1", r"special attributes.*column 1"),
        ("age.__class__ == 1", r"special attributes.*column 1"),
        ("__class__.exists()", "special attributes"),
        ("age.lower() == 'a'", r"'age\.lower\(\)'"),
        ("age.format('a')", r"age\.format\('a'\)"),
        ("open('x')", "\"open\\('x'\\)\" at column 1"),
        ("age.startswith()", "startswith with anything but one literal"),
        ("age.startswith('a', 1)", "startswith with anything but one literal"),
        ("age.startswith(5)", r"tuple of leading parts.*column 1"),
        ("age.startswith(other)", "'other' at column 16"),
        ("age.matches('')", "at least one character.*column 1"),
        ("age.matches(b'a')", "takes a glob.*column 1"),
        ("age.exists(1)", r"exists with anything but \(\)"),
        ("age.exists() == True", r"'age\.exists\(\)' at column 1"),
        ("(age > 3) == True", r"at column 2"),
        ("class == 3", r"Python's word 'class' \(for a field of that name write value\['class'\]\) at column 1"),
        ("age > 3 if True else age", "Python's word 'if'"),
        ("age > 3, age > 4", "'age > 3, age > 4'"),
        ("[age > 3]", r"'\[age > 3\]'"),
        ("ж > 3 and ж", "'ж', at column 11"),
        ("   age", "'age', at column 4"),
        ("age²", "no query"),
        ("5²", "what is no number at column 1"),
        ("§", "'§' at column 1"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text)


@pytest.mark.parametrize("text", [None, 5, b"age > 3", ["age > 3"]])
def test_only_text_is_parsed(text: object) -> None:
    with pytest.raises(TypeError, match="the text of a query"):
        parse(text)  # type: ignore[arg-type]


HOSTILE = [
    "__import__('os').system('true')",
    "().__class__.__bases__[0].__subclasses__()",
    "age.__class__.__mro__[1] == 1",
    "[].append(1)",
    "(lambda: 1)() == age",
    "lambda: age == 1",
    "(age := 5) == 5",
    "f'{age}' == 'a'",
    "[x for x in (1, 2)] == age",
    "age in [x for x in (1, 2)]",
    "{**{}} == age",
    "9**9**9**9 == age",
    "'a' * 10**10 == age",
    "1 << 10**10 == age",
    "await age",
    "yield age",
    "age if age else age",
    "age == `1`",
    "exec('1')",
    "key == print('x')",
    "age[print('x')] == 1",
    "globals()['row'] == 1",
    "age == 1\nimport os",
    "age == 1\x0cimport os",
    "age == '{0.__class__}'.format(1)",
    "age == ('a' % 5)",
    "age @ 5",
    "*age",
    "age == 1 # type: ignore",
    "\\",
    "\0",
    "\ufeffage == 1",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=r"column|query"):
        parse(text)
    assert capsys.readouterr().out == ""


BRACKETS = [
    *(("(", ")"), ("[", "]"), ("{", "}"), ("not ", ""), ("~", ""), ("-", ""), ("~(", ")"), ("f(", ")"), ("a[", "]")),
    *(("not (", ")"), ("(a == 1 and ", ")"), ("a.b(", ")"), ("(a,", ")"), ("(a and not (b or ", "))"), ("(-(", "))")),
]
DEEP = [
    opening * count + inner + closing * count
    for opening, closing in BRACKETS
    for inner in ("a == 1", "a b", "", "==", "1")
    for count in (60, 99, 150, 199, 1_000)
]
ENDLESS = [
    *("a.b a[0] a() a|a a&a a==1 a-1 a.b() a<b a,a ((a ~a".split(" ")),
    *("a and a", "a if a else a", "a\n", "a ", "not a", "a in [a", "a == 1 or "),
    *("1 9 ' '' 1. _ 1_ e b'' 0x ж 1e \\ '\\' \"a".split(" ")),
]
LONG = [start + part * (9_000 // len(part)) for start in ("", "a == ") for part in ENDLESS]


@pytest.mark.parametrize("text", [*DEEP, *LONG], ids=lambda text: f"{text[:12]!a}-{len(text)}")
def test_nothing_is_too_deep_or_too_long_to_be_answered(text: str) -> None:
    try:
        parse(text)
    except ValueError:
        pass


@pytest.mark.parametrize("text", ["age == " + "1" * 5_000, "a & " * 1_001 + "a", "a" + ".b" * 1_001, "~" * 300 + "a"])
def test_the_limits_are_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"at most|Exceeds"):
        parse(text)


def test_long_lists_and_rows_are_understood() -> None:
    assert len(parse(f"age in {list(range(-900, 900))}")._program[2]) == 1_800
    assert len(parse(" or ".join(f"age == {number}" for number in range(600)))._program) == 601
    assert len(parse(" | ".join(f"(a == {number})" for number in range(400)))._program) == 401


def test_a_name_of_ten_thousand_characters_is_a_name() -> None:
    assert parse("a" * 9_990 + " == 1")._program == ("==", ("field", "a" * 9_990), 1)
    with pytest.raises(ValueError, match="at most 10000 characters, not 10005"):
        parse("a" * 10_000 + " == 1")


def test_as_deep_as_expressions_go() -> None:
    expression = age == 1
    for number in range(99):
        expression = (expression & (age != 2)) if number % 2 else (expression | (age == 3))
    assert parse(repr(expression))._program == expression._program
    negated = age == 1
    for _ in range(99):
        negated = ~negated
    assert parse(repr(negated))._program == negated._program
    with pytest.raises(ValueError, match="100 levels"):
        parse(f"~{negated!r}")


def test_it_works_with_little_stack() -> None:
    outcomes: list[object] = []

    def run() -> None:
        for text in ("~(" * 90 + "a == 1" + ")" * 90, "(" * 190 + "a == 1" + ")" * 190, "a" + ".b" * 990 + " == 1"):
            try:
                outcomes.append(parse(text))
            except ValueError as error:
                outcomes.append(error)

    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert len(outcomes) == 3


def test_nothing_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for text in (r"a == '\d'", "a == 1or a == 2", "a is 1", "a == (1)(2)", r"a == '\777'", "a == 0x1for x"):
            with pytest.raises(ValueError, match="column"):
                parse(text)


@given(st.text(max_size=60))
@example("age == '\udfff'")
def test_any_text_is_an_expression_or_a_value_error(text: str) -> None:
    try:
        parsed: object = parse(text)
    except ValueError as error:
        parsed = error
    assert isinstance(parsed, ValueError | Expression)
    assert str(parsed)


words = st.sampled_from(
    "a age key value row row.key row.field( .b [0] ['x'] == != < <= > >= in not and or & | ~ ( ) [ ] { } , 1 -1 1.5 "
    "'a' b'a' None True is .exists() .contains( .is_in( .matches( .startswith( . : = lambda - * ''' \\ # \n".split(" ")
)


@given(st.lists(words, max_size=14).map(" ".join))
def test_any_words_are_an_expression_or_a_value_error(text: str) -> None:
    try:
        expression = parse(text)
    except ValueError:
        return
    assert parse(repr(expression))._program == expression._program
