"""What can happen to entries with indexes, as data: one function for each verb that changes something."""

from __future__ import annotations

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# The tables here are `Any`, so nothing says what the functions given to their verbs get.
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from noex import ets
from noex.ets import row
from noex.testing import ManualClock
from noex.testing.conformance._base import Table

__all__ = ["CHANGES", "CHANGES_OF_ORDERED", "START", "Change"]

Change: TypeAlias = Callable[[Table, ManualClock], object]

START: Final[Mapping[str, int]] = {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 60, "g": 7}


def _set_item(table: Table, _clock: ManualClock) -> None:
    table["k"] = 8
    table["a"] = 9


def _del_item(table: Table, _clock: ManualClock) -> None:
    if "a" in table:
        del table["a"]


def _expire(table: Table, clock: ManualClock) -> None:
    table.insert_many({"k": 20, "l": 21, "a": 22}, ttl=5)
    clock.advance(3)
    table.touch("l", 100)
    clock.advance(3)


def _sweep(table: Table, clock: ManualClock) -> None:
    _expire(table, clock)
    table.sweep()


def _persist(table: Table, clock: ManualClock) -> None:
    table.insert("k", 20, ttl=5)
    table.persist("k")
    clock.advance(10)


def _write_over_expired(table: Table, clock: ManualClock) -> None:
    _expire(table, clock)
    table.insert("k", 30)
    table.insert_new("a", 31)
    table.update_counter("m", 32, ttl=1)


def _write_and_come_back(table: Table, _clock: ManualClock) -> None:
    for value in (8, 9, 10, 1):
        table.insert("a", value)
    table.delete("a")
    table.insert("a", 1)


def _fail(table: Table, _clock: ManualClock) -> None:
    def fail(_value: Any) -> Any:
        raise LookupError("nothing is to change")

    try:
        table.compute("b", fail)
    except LookupError:
        return


CHANGES: Final[Mapping[str, Change]] = {
    "insert": lambda table, _: table.insert("k", 8),
    "insert over": lambda table, _: table.insert("a", 8),
    "insert the same": lambda table, _: table.insert("a", 1),
    "insert what is kept out": lambda table, _: table.insert("a", 99),
    "insert what was kept out": lambda table, _: table.insert("f", 6),
    "[]=": _set_item,
    "insert_new": lambda table, _: (table.insert_new("k", 8), table.insert_new("a", 9)),
    "insert_many": lambda table, _: table.insert_many({"a": 8, "k": 9, "l": 70, "b": 1}),
    "insert_many of nothing": lambda table, _: table.insert_many({}),
    "update": lambda table, _: table.update({"a": 8}, b=9),
    "setdefault": lambda table, _: (table.setdefault("k", 8), table.setdefault("a", 9)),
    "update_counter": lambda table, _: (table.update_counter("a", 10), table.update_counter("k", 8)),
    "update_counter that is reset": lambda table, _: table.update_counter("a", 10, threshold=5, reset_to=0),
    "compute": lambda table, _: table.compute("a", lambda value: value + 10, default=0),
    "compute anew": lambda table, _: table.compute("k", lambda value: value + 10, default=1),
    "compute that deletes": lambda table, _: table.compute("a", lambda _value: ets.DELETE, default=0),
    "compute that fails": _fail,
    "compare_and_set": lambda table, _: (table.compare_and_set("a", 1, 8), table.compare_and_set("b", 0, 9)),
    "take": lambda table, _: table.take("a"),
    "pop": lambda table, _: table.pop("a", None),
    "popitem": lambda table, _: table.popitem(),
    "del []": _del_item,
    "delete": lambda table, _: (table.delete("a"), table.delete("nobody")),
    "delete_many": lambda table, _: table.delete_many(["a", "f", "nobody", "a"]),
    "delete_object": lambda table, _: (table.delete_object("a", 1), table.delete_object("b", 0)),
    "delete_where by a function": lambda table, _: table.delete_where(lambda _key, value: value > 3),
    "delete_where by an index": lambda table, _: table.delete_where(row.value == 3),
    "update_where by a function": lambda table, _: table.update_where(lambda *_: True, lambda value: value + 100),
    "update_where by an index": lambda table, _: table.update_where(row.value >= 5, lambda value: value + 100),
    "update_where that deletes": lambda table, _: table.update_where(row.value >= 5, lambda _value: ets.DELETE),
    "delete_all": lambda table, _: table.index("function").delete_all(1) if table.info().indexes else None,
    "touch": lambda table, _: table.touch("a", 50),
    "persist": _persist,
    "expiry": _expire,
    "expiry and sweep": _sweep,
    "writing over what has expired": _write_over_expired,
    "clear": lambda table, _: table.clear(),
    "clear and write": lambda table, _: (table.clear(), table.insert_many({"a": 2, "z": 3})),
    "there and back": _write_and_come_back,
}

CHANGES_OF_ORDERED: Final[Mapping[str, Change]] = {
    "delete_range": lambda table, _: table.delete_range("b", "e"),
    "pop_first": lambda table, _: table.pop_first(),
    "pop_last": lambda table, _: table.pop_last(),
}
