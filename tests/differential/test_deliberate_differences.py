"""What differs from Erlang on purpose: each row of the table in `docs/howto/coming-from-erlang.md`, on both sides."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from noex import errors, ets

from ._erlang import Erlang
from ._terms import Atom
from ._wheres import BODY, VALUE, const, head

Case: TypeAlias = Callable[[Erlang], None]

CASES: dict[str, Case] = {}

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "coming-from-erlang.md"


def shows(name: str) -> Callable[[Case], Case]:
    """Make a function the case of a row."""

    def register(case: Case) -> Case:
        assert name not in CASES
        CASES[name] = case
        return case

    return register


def new(erlang: Erlang, kind: str, *objects: tuple[Any, ...]) -> None:
    """Make a new table of Erlang's, with these objects."""
    erlang.call("new", Atom(kind))
    for item in objects:
        erlang.call("insert", item)


def failure(erlang: Erlang, function: str, *arguments: Any) -> str:
    """Return the reason why a call of Erlang's fails."""
    ((outcome, reason),) = erlang.ask([(function, list(arguments))])
    assert outcome == "error"
    return str(reason.name)


HASHED: list[tuple[str, Any]] = [("set", ets.SetTable), ("bag", ets.BagTable), ("duplicate_bag", ets.DuplicateBagTable)]
BAGS = HASHED[1:]


@shows("equal-keys")
def _(erlang: Erlang) -> None:
    for kind, table_class in HASHED:
        new(erlang, kind, (1, b"a"), (1.0, b"b"), (True, b"c"))
        assert len(erlang.call("fold")) == 3
        assert [len(erlang.call("lookup", key)) for key in (1, 1.0, True)] == [1, 1, 1]
        table = table_class()
        table.insert_many([(1, "a"), (1.0, "b"), (True, "c")])
        assert list(table) == [1]
    new(erlang, "ordered_set", (1, b"a"), (1.0, b"b"), (True, b"c"))
    assert erlang.call("tab2list") == [(1.0, b"b"), (True, b"c")]
    ordered = ets.OrderedSetTable[Any, str]()
    ordered.insert_many([(1, "a"), (1.0, "b"), (True, "c")])
    assert ordered.to_list() == [(1, "c")]


@shows("equal-values")
def _(erlang: Erlang) -> None:
    new(erlang, "bag", (b"k", 1), (b"k", 1.0))
    assert erlang.call("lookup", b"k") == [(b"k", 1), (b"k", 1.0)]
    tags = ets.BagTable[bytes, float]()
    tags.insert_many([(b"k", 1), (b"k", 1.0)])
    assert repr(tags.lookup(b"k")) == "[1]"
    for kind in ("set", "ordered_set", "bag", "duplicate_bag"):
        new(erlang, kind, (b"k", 1))
        erlang.call("delete_object", (b"k", 1.0))
        assert erlang.call("member", b"k")
        table: Any = ets.new(kind=kind)  # type: ignore[call-overload]
        table.insert(b"k", 1)
        assert table.delete_object(b"k", 1.0) == 1


@shows("first-key")
def _(erlang: Erlang) -> None:
    new(erlang, "ordered_set", (1, b"a"), (1.0, b"b"))
    assert repr(erlang.call("tab2list")) == "[(1.0, b'b')]"
    table = ets.OrderedSetTable[float, bytes]()
    table.insert(1, b"a")
    table.insert(1.0, b"b")
    assert repr(table.to_list()) == "[Entry(key=1, value=b'b')]"


@shows("object-key")
def _(erlang: Erlang) -> None:
    new(erlang, "ordered_set", (1, b"a"))
    erlang.call("delete_object", (1.0, b"a"))
    assert erlang.call("tab2list") == [(1, b"a")]
    table = ets.OrderedSetTable[float, bytes]()
    table.insert(1, b"a")
    assert table.delete_object(1.0, b"a") == 1


@shows("type-order")
def _(erlang: Erlang) -> None:
    terms: list[Any] = [1, Atom("a"), (1,), [1], b"a"]
    new(erlang, "ordered_set", *((term, 0) for term in reversed(terms)))
    assert [key for key, _ in erlang.call("tab2list")] == terms
    keys: list[Any] = [None, 1, "a", b"a", (1,)]
    table = ets.OrderedSetTable[Any, int]()
    table.insert_many([(key, 0) for key in reversed(keys)])
    assert list(table) == keys


@shows("tuple-order")
def _(erlang: Erlang) -> None:
    new(erlang, "ordered_set", ((1, 2), 0), ((2,), 0))
    assert [key for key, _ in erlang.call("tab2list")] == [(2,), (1, 2)]
    table = ets.OrderedSetTable[tuple[int, ...], int]()
    table.insert_many({(2,): 0, (1, 2): 0})
    assert list(table) == [(1, 2), (2,)]


@shows("orderable-keys")
def _(erlang: Erlang) -> None:
    new(erlang, "ordered_set", ([1], 0))
    assert erlang.call("lookup", [1]) == [([1], 0)]
    table = ets.OrderedSetTable[Any, int]()
    for key in ([1], {}, float("nan"), object()):
        with pytest.raises(errors.UnorderableKey):
            table.insert(key, 0)
    ordered = ets.OrderedSetTable[Any, int](key=tuple)
    ordered.insert([1], 0)
    assert ordered.lookup([1]) == 0


@shows("hashable-keys")
def _(erlang: Erlang) -> None:
    for kind, table_class in HASHED:
        new(erlang, kind, ([1], 0))
        assert erlang.call("member", [1])
        with pytest.raises(errors.UnhashableKey):
            table_class().insert([1], 0)


@shows("copied-values")
def _(erlang: Erlang) -> None:
    value = [1]
    new(erlang, "set", (b"k", value))
    table = ets.SetTable[bytes, list[int]]()
    table.insert(b"k", value)
    value.append(2)
    assert erlang.call("lookup", b"k") == [(b"k", [1])]
    assert table.lookup(b"k") is value


@shows("counter-default")
def _(erlang: Erlang) -> None:
    new(erlang, "set")
    assert failure(erlang, "update_counter", b"k", (2, 1)) == "badarg"
    assert ets.SetTable[bytes, int]().update_counter(b"k", 1) == 1


@shows("counter-floats")
def _(erlang: Erlang) -> None:
    new(erlang, "set", (b"int", 1), (b"float", 1.5))
    assert failure(erlang, "update_counter", b"int", (2, 0.5)) == "badarg"
    assert failure(erlang, "update_counter", b"float", (2, 1)) == "badarg"
    table = ets.SetTable[bytes, float]()
    table.insert_many({b"int": 1, b"float": 1.5})
    assert (table.update_counter(b"int", 0.5), table.update_counter(b"float", 1)) == (1.5, 2.5)


@shows("counter-bags")
def _(erlang: Erlang) -> None:
    for kind, table_class in BAGS:
        new(erlang, kind, (b"k", 1))
        assert failure(erlang, "update_counter", b"k", (2, 1)) == "badarg"
        assert not hasattr(table_class(), "update_counter")


@shows("written")
def _(erlang: Erlang) -> None:
    new(erlang, "set")
    calls: list[tuple[str, list[Any]]] = [
        ("insert", [(b"k", 1)]),
        ("insert", [[(b"k", 2), (b"l", 2)]]),
        ("delete", [b"k"]),
        ("delete", [b"k"]),
        ("delete_object", [(b"l", 2)]),
        ("delete_all_objects", []),
    ]
    assert erlang.ask(calls) == [("ok", True)] * len(calls)
    table: Any = ets.SetTable[bytes, int]()
    assert table.insert(b"k", 1) is None
    assert table.insert_many({b"k": 2, b"l": 2}) == 2
    assert (table.delete(b"k"), table.delete(b"k")) == (True, False)
    assert table.delete_object(b"l", 2) == 1
    assert table.clear() == 0


@shows("found")
def _(erlang: Erlang) -> None:
    new(erlang, "set", (b"k", 1))
    assert [erlang.call("lookup", key) for key in (b"k", b"l")] == [[(b"k", 1)], []]
    assert [erlang.call("take", key) for key in (b"k", b"l")] == [[(b"k", 1)], []]
    table = ets.SetTable[bytes, int]()
    table.insert(b"k", 1)
    assert (table.lookup(b"k"), table.lookup(b"l"), table.lookup(b"l", -1)) == (1, None, -1)
    assert (table.take(b"k"), table.take(b"l")) == (1, None)
    for kind, table_class in BAGS:
        new(erlang, kind, (b"k", 1), (b"k", 2))
        assert erlang.call("lookup", b"k") == [(b"k", 1), (b"k", 2)]
        bag = table_class()
        bag.insert_many([(b"k", 1), (b"k", 2)])
        assert (bag.lookup(b"k"), bag.take(b"k"), bag.take(b"k")) == ([1, 2], [1, 2], [])


@shows("end-of-table")
def _(erlang: Erlang) -> None:
    new(erlang, "ordered_set", (1, b"a"))
    end = Atom("$end_of_table")
    assert [erlang.call("first"), erlang.call("last"), erlang.call("next", 0), erlang.call("prev", 2)] == [1] * 4
    assert [erlang.call("next", 1), erlang.call("prev", 1)] == [end, end]
    table = ets.OrderedSetTable[int, bytes]()
    table.insert(1, b"a")
    assert [table.first(), table.last(), table.next(0), table.prev(2)] == [(1, b"a")] * 4
    assert [table.next(1), table.prev(1)] == [None, None]


@shows("unordered-walks")
def _(erlang: Erlang) -> None:
    for kind, table_class in HASHED:
        new(erlang, kind, (b"k", 1), (b"l", 2))
        assert sorted(erlang.call("walk", Atom("first"), Atom("next"))) == [b"k", b"l"]
        assert failure(erlang, "next", b"no such key") == "badarg"
        table = table_class()
        table.insert_many([(b"k", 1), (b"l", 2)])
        assert not hasattr(table, "first")
        assert not hasattr(table, "next")
        assert sorted(table) == [b"k", b"l"]


@shows("positions")
def _(erlang: Erlang) -> None:
    new(erlang, "ordered_set", (1, b"a"))
    assert erlang.call("slot", 1) == Atom("$end_of_table")
    assert [failure(erlang, "slot", position) for position in (2, -1)] == ["badarg", "badarg"]
    table = ets.OrderedSetTable[int, bytes]()
    table.insert(1, b"a")
    for position in (1, 2, -2):
        with pytest.raises(IndexError):
            table.at(position)
    assert table.at(-1) == (1, b"a")


@shows("limits")
def _(erlang: Erlang) -> None:
    new(erlang, "ordered_set", (1, b"a"), (2, b"b"))
    everything = [(head(), [], [Atom("$_")])]
    assert erlang.call("limited", Atom("select"), everything, 1) == [(1, b"a")]
    assert failure(erlang, "select", everything, 0) == "badarg"
    table = ets.OrderedSetTable[int, bytes]()
    table.insert_many({1: b"a", 2: b"b"})
    assert table.select(limit=1) == table.range(limit=1) == [(1, b"a")]
    assert table.select(limit=0) == table.range(limit=0) == []


@shows("order-across-types")
def _(erlang: Erlang) -> None:
    new(erlang, "set", (b"k", b"value"))
    assert erlang.call("select_count", [(head(), [(Atom(">"), VALUE, const(5))], BODY)]) == 1
    table = ets.SetTable[bytes, Any]()
    table.insert(b"k", b"value")
    assert table.count(ets.row.value > 5) == 0
    with pytest.raises(TypeError):
        table.count(lambda _key, value: value > 5)


@shows("list-order")
def _(erlang: Erlang) -> None:
    release = tuple(map(int, erlang.call("versions")[1].split(b".")))
    new(erlang, "bag")
    erlang.call("insert", [(b"k", 1), (b"k", 2), (b"k", 3)])
    values = [value for _, value in erlang.call("lookup", b"k")]
    assert values == [1, 2, 3] or (release < (13, 2) and values == [3, 2, 1])
    for _kind, table_class in BAGS:
        table = table_class()
        table.insert_many([(b"k", 1), (b"k", 2), (b"k", 3)])
        assert table.lookup(b"k") == [1, 2, 3]


@shows("owners")
def _(erlang: Erlang) -> None:
    assert erlang.call("orphan") == Atom("undefined")
    with ets.Store() as store:
        ets.SetTable[str, int]("kept", store=store).insert("k", 1)
        gc.collect()
        kept = store.whereis("kept")
        assert kept is not None
        assert len(kept) == 1


@shows("errors")
def _(erlang: Erlang) -> None:
    new(erlang, "set", (b"k", b"text"))
    assert failure(erlang, "update_counter", b"k", (2, 1)) == "badarg"
    erlang.call("delete")
    assert failure(erlang, "lookup", b"k") == "badarg"
    table = ets.SetTable[bytes, Any]()
    table.insert(b"k", b"text")
    with pytest.raises(errors.CounterTypeError):
        table.update_counter(b"k")
    table.close()
    with pytest.raises(errors.TableClosed):
        table.lookup(b"k")


def rows() -> list[str]:
    """Return the names in the table of the page."""
    table = PAGE.read_text(encoding="utf-8").partition("## Deliberate differences")[2]
    return re.findall(r"^\| `([a-z-]+)` \|", table, flags=re.MULTILINE)


def test_the_page_and_the_cases_name_the_same_differences() -> None:
    assert rows() == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_difference_is_as_the_page_says(erlang: Erlang, name: str) -> None:
    CASES[name](erlang)
