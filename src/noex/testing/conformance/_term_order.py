"""The order of keys: total across types, by value inside each."""

from __future__ import annotations

import enum
import itertools
import math
import random

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# The tables here are `Any`, so nothing says what the functions given to their verbs get.
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, NamedTuple
from uuid import UUID

import pytest

from noex import errors, ets
from noex.testing.conformance._base import Conformance, Table
from noex.testing.conformance._verbs import keyed_verbs

_NOON: Final = datetime(2024, 2, 29, 12)
_EAST: Final = timezone(timedelta(hours=5, minutes=30))

_LADDER: Final[list[Any]] = [
    None,
    -math.inf,
    -(10**400),
    -1.5,
    -1,
    -5e-324,
    0,
    5e-324,
    0.5,
    True,
    1.5,
    float(2**53),
    2**53 + 1,
    float(2**53 + 2),
    2**64,
    2**64 + 1,
    1.7976931348623157e308,
    10**400,
    math.inf,
    datetime.min,
    _NOON,
    _NOON + timedelta(microseconds=1),
    datetime.max,
    datetime.min.replace(tzinfo=_EAST),
    datetime.min.replace(tzinfo=UTC),
    _NOON.replace(tzinfo=_EAST),
    _NOON.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))),
    "",
    "\x00",
    "\x00\x00",
    "A",
    "a",
    "a\x00",
    "aa",
    "b",
    "\xff",
    "\u0100",
    "\ud800",
    "\udfff",
    "\ue000",
    "\uffff",
    "\U00010000",
    "\U0010ffff",
    b"",
    b"\x00",
    b"\x00\x00",
    b"a",
    b"a\x00",
    b"\xff",
    b"\xff\x00",
    (),
    (None,),
    (None, None),
    (0,),
    (0, 0),
    (0, "a"),
    (1,),
    ("",),
    ("", 0),
    ("a",),
    ("a", ()),
    ("a\x00",),
    (b"",),
    ((),),
    ((), ()),
    ((0,),),
    ((((),),),),
]
"""Keys of every type, each greater than the one before."""


class _Reversed(str):
    """A string that claims to be ordered the other way round, and equal to nothing."""

    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return str.__gt__(self, other)

    def __gt__(self, other: str) -> bool:
        return str.__lt__(self, other)

    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        raise ZeroDivisionError("hashed")


class _ReversedInt(int):
    """An integer that claims the same."""

    def __lt__(self, other: int) -> bool:
        return int.__gt__(self, other)

    def __gt__(self, other: int) -> bool:
        return int.__lt__(self, other)

    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        raise ZeroDivisionError("hashed")


class _Pair(NamedTuple):
    left: int
    right: str


class _Colour(enum.IntEnum):
    RED = 2


def _nested(depth: int, core: Any = 1) -> Any:
    for _ in range(depth):
        core = (core,)
    return core


class TermOrder(Conformance):
    """`None < numbers < naive datetime < aware datetime < str < bytes < tuple`."""

    def test_keys_of_every_type_stand_in_term_order(self, table: Table) -> None:
        keys = list(_LADDER)
        random.Random(7).shuffle(keys)  # noqa: S311 - a fixed shuffle
        for key in keys:
            table.insert(key, repr(key))
        assert list(map(repr, table)) == list(map(repr, _LADDER))
        assert len(table) == len(_LADDER)
        assert [table.rank(key) for key in _LADDER] == list(range(len(_LADDER)))
        assert [table.lookup(key) for key in _LADDER] == list(map(repr, _LADDER))
        assert [table.at(place).key for place in range(len(_LADDER))] == _LADDER
        self.check(table)

    def test_next_and_prev_climb_the_ladder(self, table: Table) -> None:
        table.insert_many([(key, 0) for key in _LADDER])
        for lower, higher in itertools.pairwise(_LADDER):
            assert table.next(lower).key == higher
            assert table.prev(higher).key == lower
            if lower is not None:
                assert table.range(lower, higher, bounds="()") == []

    def test_every_pair_of_the_ladder_is_ordered_alone_too(self) -> None:
        for lower, higher in itertools.combinations(_LADDER, 2):
            table = self.fill([(higher, 0), (lower, 0)])
            assert list(map(repr, table)) == [repr(lower), repr(higher)]

    def test_the_ladder_stands_inside_tuples_too(self, table: Table) -> None:
        inner = [("x", key, "y") for key in _LADDER]
        table.insert_many([(key, 0) for key in reversed(inner)])
        assert list(map(repr, table)) == list(map(repr, inner))

    def test_none_as_a_bound_is_no_bound(self, table: Table) -> None:
        table.insert_many([(None, 0), (1, 0), ("a", 0)])
        assert [key for key, _ in table.range(None, 1, bounds="[]")] == [None, 1]
        assert table.next(None).key == 1
        assert table.rank(None) == 0

    # -- equal keys ---------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (1, 1.0),
            (1.0, True),
            (0.0, -0.0),
            (0, -0.0),
            (False, 0),
            (2**53, float(2**53)),
            (2**70, float(2**70)),
            ((1, "a"), (1.0, "a")),
            (((True,),), ((1,),)),
            (_NOON.replace(tzinfo=UTC), (_NOON + timedelta(hours=5, minutes=30)).replace(tzinfo=_EAST)),
            (_NOON, _NOON.replace(fold=1)),
            ("a", _Reversed("a")),
            (_Reversed("a"), _Reversed("a")),
            (5, _ReversedInt(5)),
            (2, _Colour.RED),
            ((1, "a"), _Pair(1, "a")),
        ],
        ids=repr,
    )
    def test_keys_of_one_place_are_one_key_and_the_first_stays(self, table: Table, first: Any, second: Any) -> None:
        table.insert(first, 1)
        table.insert(second, 2)
        assert len(table) == 1
        entry = table.first()
        assert entry.key is first
        assert entry.value == 2
        assert table.lookup(first) == table.lookup(second) == 2
        assert table.insert_new(second, 3) is False
        assert table.rank(second) == 0
        assert table.delete(second) is True

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (2**53 + 1, float(2**53)),
            (10**400, math.inf),
            ("a", b"a"),
            (_NOON, _NOON.replace(tzinfo=UTC)),
            (1, (1,)),
            ("\ud83d\ude00", "\U0001f600"),
        ],
        ids=repr,
    )
    def test_keys_that_are_never_mixed_up(self, table: Table, first: Any, second: Any) -> None:
        table.insert(first, 1)
        table.insert(second, 2)
        assert (table.lookup(first), table.lookup(second)) == (1, 2)

    # -- subclasses ---------------------------------------------------------------------------------------------

    def test_subclasses_stand_where_their_base_does_whatever_they_say(self, table: Table) -> None:
        keys: list[Any] = [
            _ReversedInt(3),
            _ReversedInt(1),
            2,
            _Reversed("b"),
            "a",
            _Reversed("c"),
            (_Reversed("b"),),
            ("a",),
        ]
        for key in keys:
            table.insert(key, 0)
        order: list[Any] = [int(key) if isinstance(key, int) else key for key in table]
        assert order[:3] == [1, 2, 3]
        assert [str(key) for key in order[3:6]] == ["a", "b", "c"]
        assert [str(key[0]) for key in order[6:]] == ["a", "b"]
        self.check(table)

    # -- what has no place --------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "key",
        [
            math.nan,
            (math.nan,),
            ("a", (1, (math.nan,))),
            [],
            frozenset[int](),
            object(),
            Decimal(1),
            Fraction(1, 2),
            1j,
            UUID(int=1),
            date(2024, 1, 1),
            timedelta(1),
            bytearray(b"a"),
            int,
            ("a", object()),
            _nested(33),
            _nested(32, ()),
        ],
        ids=str,
    )
    def test_what_has_no_place_raises_in_every_verb_and_changes_nothing(self, table: Table, key: Any) -> None:
        table.insert("good", 0)
        calls = {name: (lambda verb=verb: verb(table, key)) for name, verb in keyed_verbs(self.kind).items()}
        assert self.that_do_not_raise(errors.UnorderableKey, calls) == {}
        assert self.that_do_not_raise(TypeError, calls) == {}
        assert self.content(table) == [("good", 0)]

    def test_the_error_names_the_key(self, table: Table) -> None:
        with pytest.raises(errors.UnorderableKey, match="Decimal"):
            table.insert(Decimal("1.5"), 0)
        with pytest.raises(errors.UnorderableKey, match="nan"):
            table.insert((1, math.nan), 0)

    def test_tuples_nest_thirty_two_deep(self, table: Table) -> None:
        deepest = _nested(32)
        table.insert(deepest, 1)
        table.insert(_nested(32, 2), 2)
        table.insert(_nested(31), 0)
        assert table.lookup(deepest) == 1
        assert list(table.values()) == [0, 1, 2]

    def test_a_tuple_far_too_deep_is_refused_like_any_other(self, table: Table) -> None:
        with pytest.raises(errors.UnorderableKey):
            table.insert(_nested(100_000), 0)
        assert len(table) == 0

    def test_a_long_tuple_is_not_a_deep_one(self, table: Table) -> None:
        table.insert(tuple(range(10_000)), 1)
        table.insert(((),) * 1000, 2)
        assert list(table.values()) == [1, 2]

    # -- desc ---------------------------------------------------------------------------------------------------

    def test_desc_turns_the_ladder_round(self) -> None:
        table = self.make(key=ets.desc)
        for key in _LADDER:
            table.insert(key, 0)
        assert list(map(repr, table)) == list(map(repr, reversed(_LADDER)))
        assert table.rank(None) == len(_LADDER) - 1
        self.check(table)

    @pytest.mark.parametrize(
        ("key", "signs"),
        [
            (lambda pair: (ets.desc(pair[0]), pair[1]), (-1, 1)),
            (lambda pair: (pair[0], ets.desc(pair[1])), (1, -1)),
            (lambda pair: ets.desc((pair[0], ets.desc(pair[1]))), (-1, 1)),
            (lambda pair: ets.desc(ets.desc(pair)), (1, 1)),
        ],
        ids=["first", "second", "twisted", "twice"],
    )
    def test_desc_turns_one_component_round(self, key: Callable[[Any], Any], signs: tuple[int, int]) -> None:
        parts: list[Any] = [None, -1, 2.5, "", "a", "a\x00", "aa", b"", b"\x00", b"a", (), (1,), (1, 2)]
        pairs = list(itertools.product(range(len(parts)), repeat=2))
        expected = sorted(pairs, key=lambda pair: (signs[0] * pair[0], signs[1] * pair[1]))
        table = self.make(key=key)
        table.insert_many([((parts[left], parts[right]), 0) for left, right in pairs])
        assert list(map(repr, table)) == [repr((parts[left], parts[right])) for left, right in expected]
        self.check(table)
