"""Every verb of every kind, as data: to be called on closed tables, with bad keys, on expired entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from noex.testing.conformance._base import Table

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# The tables here are `Any`, so nothing says what the functions given to their verbs get.
from noex.typing import TableKind

__all__ = ["answers_when_absent", "every_verb", "keyed_verbs"]

Keyed: TypeAlias = Callable[[Table, Any], object]
Unkeyed: TypeAlias = Callable[[Table], object]


def _delete_item(table: Table, key: Any) -> None:
    del table[key]


def _set_item(table: Table, key: Any) -> None:
    table[key] = 1


def _always(_key: object, _value: object) -> bool:
    return True


def _same(value: Any) -> Any:
    return value


_KEYED: Final[Mapping[str, Keyed]] = {
    "insert": lambda table, key: table.insert(key, 1),
    "insert_many pairs": lambda table, key: table.insert_many([("good", 1), (key, 1)]),
    "insert_new": lambda table, key: table.insert_new(key, 1),
    "lookup": lambda table, key: table.lookup(key),
    "lookup_many": lambda table, key: table.lookup_many(["good", key]),
    "member": lambda table, key: table.member(key),
    "in": lambda table, key: key in table,
    "take": lambda table, key: table.take(key),
    "delete": lambda table, key: table.delete(key),
    "delete_many": lambda table, key: table.delete_many(["good", key]),
    "delete_object": lambda table, key: table.delete_object(key, 1),
}

_KEYED_OF_SETS: Final[Mapping[str, Keyed]] = {
    "[]": lambda table, key: table[key],
    "[]=": _set_item,
    "del []": _delete_item,
    "get": lambda table, key: table.get(key),
    "pop": lambda table, key: table.pop(key, None),
    "setdefault": lambda table, key: table.setdefault(key, 1),
    "update": lambda table, key: table.update([("good", 1), (key, 1)]),
    "update_counter": lambda table, key: table.update_counter(key),
    "compute": lambda table, key: table.compute(key, _same, default=1),
    "compare_and_set": lambda table, key: table.compare_and_set(key, 1, 2),
    "expires_in": lambda table, key: table.expires_in(key),
    "touch": lambda table, key: table.touch(key, 1),
    "persist": lambda table, key: table.persist(key),
}

_KEYED_OF_ORDERED: Final[Mapping[str, Keyed]] = {
    "next": lambda table, key: table.next(key),
    "prev": lambda table, key: table.prev(key),
    "range low": lambda table, key: table.range(key),
    "range high": lambda table, key: table.range(None, key),
    "delete_range low": lambda table, key: table.delete_range(key, "z"),
    "delete_range high": lambda table, key: table.delete_range("a", key),
    "prefix": lambda table, key: table.prefix((key,)),
    "rank": lambda table, key: table.rank(key),
}

_UNKEYED: Final[Mapping[str, Unkeyed]] = {
    "insert_many of nothing": lambda table: table.insert_many([]),
    "lookup_many of nothing": lambda table: table.lookup_many([]),
    "delete_many of nothing": lambda table: table.delete_many([]),
    "clear": lambda table: table.clear(),
    "len": len,
    "iter": lambda table: list(iter(table)),
    "keys": lambda table: list(table.keys()),
    "values": lambda table: list(table.values()),
    "items": lambda table: list(table.items()),
    "to_list": lambda table: table.to_list(),
    "select": lambda table: table.select(),
    "select where": lambda table: table.select(_always, limit=1),
    "count": lambda table: table.count(),
    "count where": lambda table: table.count(_always),
    "delete_where": lambda table: table.delete_where(_always),
    "fold": lambda table: table.fold(lambda total, _key, _value: total, 0),
    "info": lambda table: table.info(),
}

_UNKEYED_OF_SETS: Final[Mapping[str, Unkeyed]] = {
    "popitem": lambda table: table.popitem(),
    "update of nothing": lambda table: table.update(),
    "update_where": lambda table: table.update_where(_always, _same),
    "sweep": lambda table: table.sweep(),
    "bool": bool,
}

_UNKEYED_OF_ORDERED: Final[Mapping[str, Unkeyed]] = {
    "first": lambda table: table.first(),
    "last": lambda table: table.last(),
    "range": lambda table: table.range(),
    "prefix of nothing": lambda table: table.prefix(()),
    "pop_first": lambda table: table.pop_first(),
    "pop_last": lambda table: table.pop_last(),
    "at": lambda table: table.at(0),
}


def keyed_verbs(kind: TableKind) -> dict[str, Keyed]:
    """Return the verbs that take a key, to be called with a table and a key."""
    verbs: dict[str, Keyed] = dict(_KEYED)
    if kind in ("set", "ordered_set"):
        verbs.update(_KEYED_OF_SETS)
    if kind == "ordered_set":
        verbs.update(_KEYED_OF_ORDERED)
    return verbs


def every_verb(kind: TableKind, key: object = "k") -> dict[str, Unkeyed]:
    """Return all verbs, to be called with a table; those that take a key get this one."""
    verbs = {name: _with_key(verb, key) for name, verb in keyed_verbs(kind).items()}
    verbs.update(_UNKEYED)
    if kind in ("set", "ordered_set"):
        verbs.update(_UNKEYED_OF_SETS)
    if kind == "ordered_set":
        verbs.update(_UNKEYED_OF_ORDERED)
    return verbs


def _with_key(verb: Keyed, key: object) -> Unkeyed:
    return lambda table: verb(table, key)


def answers_when_absent(kind: TableKind) -> dict[str, tuple[Callable[[Table], object], object]]:
    """Return verbs of a set kind that has nothing but "k", each with what it answers when "k" is not there either."""
    answers: dict[str, tuple[Callable[[Table], object], object]] = {
        "lookup": (lambda table: table.lookup("k"), None),
        "lookup default": (lambda table: table.lookup("k", 5), 5),
        "lookup_many": (lambda table: table.lookup_many(["k"]), {}),
        "member": (lambda table: table.member("k"), False),
        "in": (lambda table: "k" in table, False),
        "get": (lambda table: table.get("k", 5), 5),
        "take": (lambda table: table.take("k", 5), 5),
        "pop": (lambda table: table.pop("k", 5), 5),
        "delete": (lambda table: table.delete("k"), False),
        "delete_many": (lambda table: table.delete_many(["k"]), 0),
        "delete_object": (lambda table: table.delete_object("k", 1), 0),
        "delete_where": (lambda table: table.delete_where(lambda _key, _value: True), 0),
        "clear": (lambda table: table.clear(), 0),
        "len": (len, 0),
        "bool": (bool, False),
        "size": (lambda table: table.info().size, 0),
        "iter": (list, []),
        "keys": (lambda table: list(table.keys()), []),
        "values": (lambda table: list(table.values()), []),
        "items": (lambda table: list(table.items()), []),
        "len of items": (lambda table: len(table.items()), 0),
        "to_list": (lambda table: table.to_list(), []),
        "select": (lambda table: table.select(), []),
        "count": (lambda table: table.count(), 0),
        "count where": (lambda table: table.count(lambda _key, _value: True), 0),
        "fold": (lambda table: table.fold(lambda seen, key, _value: [*seen, key], []), []),
        "==": (lambda table: table == {}, True),
        "insert_new": (lambda table: table.insert_new("k", 2), True),
        "setdefault": (lambda table: table.setdefault("k", 2), 2),
        "update_counter": (lambda table: table.update_counter("k", 5, default=10), 15),
        "compute default": (lambda table: table.compute("k", lambda value: value + 1, default=10), 11),
        "compare_and_set": (lambda table: table.compare_and_set("k", 1, 2), False),
        "update_where": (lambda table: table.update_where(lambda _key, _value: True, lambda value: value), 0),
        "expires_in": (lambda table: table.expires_in("k"), None),
        "touch": (lambda table: table.touch("k", 5), False),
        "persist": (lambda table: table.persist("k"), False),
    }
    if kind == "ordered_set":
        answers |= {
            "first": (lambda table: table.first(), None),
            "last": (lambda table: table.last(), None),
            "next": (lambda table: table.next("a"), None),
            "prev": (lambda table: table.prev("z"), None),
            "range": (lambda table: table.range(), []),
            "range reverse": (lambda table: table.range("a", "z", reverse=True), []),
            "pop_first": (lambda table: table.pop_first(), None),
            "pop_last": (lambda table: table.pop_last(), None),
            "delete_range": (lambda table: table.delete_range("a", "z"), 0),
            "rank": (lambda table: table.rank("k"), None),
        }
    return answers
