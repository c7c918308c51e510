"""What type checkers know of query expressions. Checked by mypy and pyright; never run."""

from __future__ import annotations

from typing import assert_type

from noex import ets
from noex.ets import Expression, row
from noex.ets.queries import Term
from noex.ets.queries.parser import parse


def terms() -> None:
    assert_type(row.key, Term)
    assert_type(row.value, Term)
    assert_type(row.field("age"), Term)
    assert_type(row.field("lines", 0, "text"), Term)
    assert_type(ets.row.field("age") >= 18, ets.Expression)
    row.field(1.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    row.field(b"age")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    _ = row.age  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    _ = row.value["age"]  # type: ignore[index]  # pyright: ignore[reportIndexIssue]


def comparing(age: Term) -> None:
    assert_type(age == 18, Expression)
    assert_type(age != None, Expression)  # noqa: E711
    assert_type(age < 18.5, Expression)
    assert_type(age <= "a", Expression)
    assert_type(age > (1, "a"), Expression)
    assert_type(age >= 18, Expression)
    assert_type(18 <= age, Expression)
    assert_type(age.is_in([1, 2]), Expression)
    assert_type(age.is_in({"a": 1}), Expression)
    assert_type(age.startswith("a"), Expression)
    assert_type(age.startswith(b"a"), Expression)
    assert_type(age.startswith(("user:1", 2)), Expression)
    assert_type(age.contains("new"), Expression)
    assert_type(age.matches("user:*"), Expression)
    assert_type(age.exists(), Expression)
    age.is_in(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    age.startswith(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    age.startswith(["a"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    age.matches(b"a*")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    age.exists(1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    _ = age + 1  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
    _ = age & 1  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
    _ = ~age  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
    _ = {age}  # pyright: ignore[reportUnhashable]


def combining(adult: Expression, known: Expression) -> None:
    assert_type(adult & known, Expression)
    assert_type(adult | known, Expression)
    assert_type(~adult, Expression)
    assert_type((row.field("age") >= 18) & ~row.key.startswith("bot:") | known, Expression)
    combined = adult
    combined &= known
    combined |= known
    assert_type(combined, Expression)
    _ = adult & True  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
    _ = True & adult  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
    _ = adult & row.key  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
    adult("key", "value")  # type: ignore[operator]  # pyright: ignore[reportCallIssue]


def parsing() -> None:
    assert_type(parse("age >= 18"), Expression)
    parse(b"age >= 18")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
