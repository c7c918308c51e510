"""Clocks of the user's, good and bad: tables of both kernels make the same of what they say, and of what they do."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from itertools import count
from typing import Any

import pytest

from noex.errors import TableClosed

from ._kernels import Kernel, both_kernels

Call = Callable[[Any], Any]

NAN, INF = math.nan, math.inf


class Floating:
    """What turns into a float, and is no number."""

    def __float__(self) -> float:
        return 10.0


class Indexing:
    """What turns into an int, and is no number."""

    def __index__(self) -> int:
        return 10


class Half(float):
    """A float of a class of its own."""


READINGS: list[Any] = [
    *(NAN, INF, -INF, 1e300, -1e300, 1e16, -1e16, 1e15, -1e15, 9.3e15, 1e15 - 1, -0.0, 10, True, 2**53, 10**400),
    *(Half(10.5), Fraction(21, 2), Decimal("10.5"), Floating(), Indexing(), "10", b"10", None, 10j, [10.0]),
]

READING: dict[str, Call] = {
    "lookup": lambda table: (table.lookup("brief"), table.lookup("long"), table.lookup("endless")),
    "member": lambda table: (table.member("brief"), "endless" in table),
    "subscript": lambda table: table["brief"],
    "get": lambda table: table.get("brief", "nothing"),
    "lookup_many": lambda table: table.lookup_many(["brief", "endless"]),
    "expires_in": lambda table: (table.expires_in("brief"), table.expires_in("endless")),
    "len": len,
    "keys": lambda table: list(table.keys()),
    "values": lambda table: list(table.values()),
    "items": lambda table: list(table.items()),
    "to_list": lambda table: table.to_list(),
    "select": lambda table: table.select(),
    "count": lambda table: table.count(lambda _key, _value: True),
    "fold": lambda table: table.fold(lambda total, _key, value: total + value, 0),
    "timed entries": lambda table: [tuple(row)[:3] for row in table._timed_entries()],
    "info": lambda table: table.info().size,
}
WRITING: dict[str, Call] = {
    "insert": lambda table: table.insert("brief", 7),
    "insert with a lifetime": lambda table: table.insert("new", 7, ttl=1),
    "insert without one": lambda table: table.insert("brief", 7, ttl=None),
    "insert_new": lambda table: (table.insert_new("brief", 7, ttl=None), table.insert_new("endless", 7, ttl=None)),
    "insert_many": lambda table: table.insert_many({"brief": 7, "new": 8}),
    "insert_many without": lambda table: table.insert_many({"brief": 7, "new": 8}, ttl=None),
    "setdefault": lambda table: table.setdefault("brief", 7),
    "update_counter": lambda table: table.update_counter("brief"),
    "update_counter without": lambda table: table.update_counter("endless", ttl=None),
    "compute": lambda table: table.compute("brief", lambda value: value + 1, default=0),
    "compare_and_set": lambda table: (table.compare_and_set("brief", 1, 9), table.compare_and_set("endless", 3, 9)),
    "take": lambda table: table.take("brief"),
    "pop": lambda table: table.pop("long", "nothing"),
    "delete": lambda table: table.delete("brief"),
    "del": lambda table: table.__delitem__("brief"),
    "delete_many": lambda table: table.delete_many(["brief", "endless"]),
    "delete_object": lambda table: table.delete_object("brief", 1),
    "delete_where": lambda table: table.delete_where(lambda _key, _value: True),
    "update_where": lambda table: table.update_where(lambda _key, _value: True, lambda _value: 5),
    "touch": lambda table: table.touch("brief"),
    "touch with a lifetime": lambda table: table.touch("brief", 5),
    "persist": lambda table: table.persist("brief"),
    "sweep": lambda table: table.sweep(),
    "sweep one": lambda table: table.sweep(1),
    "clear": lambda table: table.clear(),
    "popitem": lambda table: table.popitem(),
    "rekey": lambda table: table._rekey("brief", "new", None),
}
ORDERED: dict[str, Call] = {
    "first": lambda table: table.first(),
    "last": lambda table: table.last(),
    "next": lambda table: table.next("brief"),
    "prev": lambda table: table.prev("long"),
    "range": lambda table: table.range("a", "z"),
    "page": lambda table: table.range("a", None, limit=2),
    "delete_range": lambda table: table.delete_range("a", "z"),
    "pop_first": lambda table: table.pop_first(),
    "pop_last": lambda table: table.pop_last(),
    "rank": lambda table: (table.rank("brief"), table.rank("endless")),
    "at": lambda table: table.at(0),
    "select in order": lambda table: table.select(limit=2, reverse=True),
}
VERBS = {**READING, **WRITING}
CALLS = [("set", name, call) for name, call in VERBS.items()] + [
    ("ordered_set", name, call) for name, call in {**VERBS, **ORDERED}.items()
]

each_call = pytest.mark.parametrize(
    ("kind", "call"), [(kind, call) for kind, _, call in CALLS], ids=[f"{kind}-{name}" for kind, name, _ in CALLS]
)


def outcome(call: Callable[[], Any]) -> str:
    """Return what a call returns or raises; of an error that Python itself raises, only which one it is."""
    try:
        return repr(call())
    except AttributeError:
        raise
    except TypeError as error:
        return type(error).__name__
    except Exception as error:
        return f"{type(error).__name__}: {error}"


class Told:
    """A clock that says what it is told to say, and can do something first."""

    def __init__(self) -> None:
        self.says: Any = 10.0
        self.first: Callable[[], object] | None = None

    def __call__(self) -> Any:
        if self.first is not None:
            self.first()
        return self.says


def filled(kernel: Kernel, kind: str, clock: Told) -> Any:
    """Return a table with entries of which some have an end."""
    table = kernel.new(kind, clock=clock, ttl=3600)
    table.insert("brief", 1, ttl=0.5)
    table.insert("endless", 3, ttl=None)
    table.insert("long", 2)
    return table


@each_call
@pytest.mark.parametrize("reading", READINGS, ids=map(repr, READINGS))
def test_whatever_a_clock_says(kind: str, call: Call, reading: Any) -> None:
    outcomes = list[list[str]]()
    for kernel in both_kernels():
        clock = Told()
        table = filled(kernel, kind, clock)
        clock.says = reading
        told = [outcome(lambda table=table: call(table))]
        clock.says = 10.25
        told += [outcome(table.to_list), outcome(lambda table=table: table.expires_in("brief")), str(len(table))]
        clock.says = 11.0
        told += [outcome(table.sweep), outcome(table.to_list)]
        table._check()
        outcomes.append(told)
    assert outcomes[0] == outcomes[1]


@each_call
def test_a_clock_that_closes_the_table(kind: str, call: Call) -> None:
    outcomes = list[str]()
    for kernel in both_kernels():
        clock = Told()
        table = filled(kernel, kind, clock)
        readings = count(1)

        def close(table: Any = table, readings: Any = readings) -> None:
            next(readings)
            table.close()

        clock.first = close
        told = outcome(lambda table=table: call(table))
        outcomes.append(f"{told}, {'after' if next(readings) > 1 else 'without'} a reading")
        clock.first = None
        with pytest.raises(TableClosed):
            table.clear()
    assert outcomes[0] == outcomes[1]
