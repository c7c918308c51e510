"""What type checkers know of the tables. Checked by mypy and pyright; never run."""

from __future__ import annotations

from collections.abc import Collection, ItemsView, Iterator, KeysView, Mapping, MutableMapping, ValuesView
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, assert_type

from noex import ets
from noex.testing import ManualClock


@dataclass(frozen=True)
class User:
    name: str
    age: int


def making(clock: ManualClock) -> None:
    store = ets.Store()
    assert_type(ets.SetTable[str, User]("users", store=store), ets.SetTable[str, User])
    assert_type(ets.SetTable[str, User](ttl=5, clock=clock), ets.SetTable[str, User])
    assert_type(ets.SetTable[str, User](ttl=timedelta(minutes=5)), ets.SetTable[str, User])
    assert_type(ets.OrderedSetTable[tuple[str, int], float](exist_ok=True), ets.OrderedSetTable[tuple[str, int], float])
    assert_type(ets.BagTable[str, int]("tags", store=store), ets.BagTable[str, int])
    assert_type(ets.DuplicateBagTable[str, int]("events", store=store), ets.DuplicateBagTable[str, int])

    inferred: ets.SetTable[str, int] = ets.SetTable("inferred")
    assert_type(inferred, ets.SetTable[str, int])
    with inferred as opened:
        assert_type(opened, ets.SetTable[str, int])
    assert_type(inferred.close(), None)

    ets.SetTable[str, int](nonsense=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ets.SetTable[str, int](ttl="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ets.SetTable[str, int](key=len)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ets.BagTable[str, int](ttl=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ets.SetTable[str, int](5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def making_by_kind(store: ets.Store) -> None:
    assert_type(ets.new(), ets.SetTable[Any, Any])
    assert_type(ets.new("users", store=store), ets.SetTable[Any, Any])
    assert_type(ets.new("users", "set"), ets.SetTable[Any, Any])
    assert_type(ets.new("scores", "ordered_set"), ets.OrderedSetTable[Any, Any])
    assert_type(ets.new(kind="ordered_set"), ets.OrderedSetTable[Any, Any])
    assert_type(ets.new("tags", "bag"), ets.BagTable[Any, Any])
    assert_type(ets.new("events", kind="duplicate_bag"), ets.DuplicateBagTable[Any, Any])
    assert_type(store.new("events", "duplicate_bag"), ets.DuplicateBagTable[Any, Any])
    assert_type(store.new(kind="bag"), ets.BagTable[Any, Any])
    with store as opened:
        assert_type(opened, ets.Store)
    found = store.whereis("users")
    if found is not None:
        assert_type(found.name, str | None)
        assert_type(found.closed, bool)
        assert_type(len(found), int)
        assert_type(found.info(), ets.TableInfo)
        assert_type(found.to_list(), list[ets.Entry])


def sets(users: ets.SetTable[str, User]) -> None:
    ada = User("Ada", 36)
    assert_type(users.insert("u1", ada), None)
    users.insert("u1", ada, ttl=5)
    users.insert("u1", ada, ttl=None)
    users.insert("u1", ada, ttl=ets.DEFAULT)
    users.insert("u1", ada, ttl=timedelta(seconds=5))
    assert_type(users.insert_new("u1", ada), bool)
    assert_type(users.insert_many({"u1": ada}), int)
    assert_type(users.insert_many([("u1", ada)]), int)
    assert_type(users.insert_many((str(number), ada) for number in range(3)), int)
    assert_type(users.insert_many(users), int)

    assert_type(users.lookup("u1"), User | None)
    assert_type(users.lookup("u1", ada), User)
    assert_type(users.lookup("u1", default=5), User | int)
    assert_type(users.lookup_many(["u1"]), dict[str, User])
    assert_type(users.member("u1"), bool)
    assert_type("u1" in users, bool)
    assert_type(users.take("u1"), User | None)
    assert_type(users.take("u1", "nobody"), User | str)
    assert_type(users.delete("u1"), bool)
    assert_type(users.delete_many(["u1"]), int)
    assert_type(users.delete_object("u1", ada), int)
    assert_type(users.clear(), int)
    assert_type(len(users), int)

    users.insert(1, ada)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    users.insert("u1", "Ada")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    users.insert("u1", ada, ttl="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    users.lookup(1)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    users.first()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def selecting(users: ets.SetTable[str, User]) -> None:
    entries = users.select(lambda name, user: name != "" and user.age > 30, limit=5)
    assert_type(entries, list[ets.Entry])
    for entry in entries:
        key, value = entry
        assert_type(key, Any)
        assert_type(value, Any)
    assert_type(users.count(lambda _name, user: user.age > 30), int)
    assert_type(users.delete_where(lambda _name, user: user.age > 30), int)
    assert_type(users.fold(lambda total, _name, user: total + user.age, 0), int)
    assert_type(users.update_where(lambda _name, user: user.age > 30, lambda user: User(user.name, 0)), int)
    assert_type(users.update_where(lambda _name, _user: True, lambda _user: ets.DELETE), int)
    users.select("u1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def computing(carts: ets.SetTable[str, tuple[str, ...]], counts: ets.OrderedSetTable[str, int]) -> None:
    assert_type(carts.compute("u1", lambda cart: (*cart, "apple")), tuple[str, ...])
    assert_type(carts.compute("u1", lambda cart: (*cart, "apple"), default=()), tuple[str, ...])
    assert_type(carts.compute("u1", lambda _cart: ets.DELETE), tuple[str, ...])
    assert_type(carts.compare_and_set("u1", (), ("apple",)), bool)
    assert_type(counts.update_counter("n"), int | float)
    assert_type(counts.update_counter("n", 5, default=1, threshold=10, reset_to=0, ttl=60), int | float)
    assert_type(counts.expires_in("n"), float | None)
    assert_type(counts.touch("n"), bool)
    assert_type(counts.touch("n", 5), bool)
    assert_type(counts.persist("n"), bool)
    assert_type(counts.sweep(), int)
    assert_type(counts.sweep(10), int)
    carts.compute("u1", lambda _cart: 5)  # type: ignore[arg-type,return-value]  # pyright: ignore[reportArgumentType]
    counts.update_counter("n", "1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def mappings(users: ets.SetTable[str, int]) -> None:
    mapping: Mapping[str, int] = users
    mutable: MutableMapping[str, int] = users
    del mapping, mutable
    assert_type(users["u1"], int)
    users["u1"] = 5
    del users["u1"]
    assert_type(users.get("u1"), int | None)
    assert_type(users.get("u1", 0), int)
    assert_type(users.pop("u1"), int)
    assert_type(users.pop("u1", None), int | None)
    assert_type(users.popitem(), tuple[str, int])
    assert_type(users.keys(), KeysView[str])
    assert_type(users.values(), ValuesView[int])
    assert_type(users.items(), ItemsView[str, int])
    assert_type(iter(users), Iterator[str])
    assert_type(dict(users), dict[str, int])
    assert_type([key for key in users], list[str])  # noqa: C416 - the element's type is what is shown
    users.update({"u1": 1}, u2=2)
    users["u1"] = "5"  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def orders(scores: ets.OrderedSetTable[tuple[str, int], float]) -> None:
    assert_type(scores.first(), ets.Entry | None)
    assert_type(scores.last(), ets.Entry | None)
    assert_type(scores.next(("a", 1)), ets.Entry | None)
    assert_type(scores.prev(("a", 1)), ets.Entry | None)
    assert_type(scores.range(("a", 1), ("b", 1), bounds="[]", reverse=True, limit=5), list[ets.Entry])
    assert_type(scores.range(), list[ets.Entry])
    assert_type(scores.prefix(("a",)), list[ets.Entry])
    assert_type(scores.pop_first(), ets.Entry | None)
    assert_type(scores.pop_last(), ets.Entry | None)
    assert_type(scores.delete_range(None, ("b", 1)), int)
    assert_type(scores.rank(("a", 1)), int | None)
    assert_type(scores.at(-1), ets.Entry)
    assert_type(scores.lookup(("a", 1)), float | None)
    assert_type(scores[("a", 1)], float)
    descending = ets.OrderedSetTable[tuple[int, str], int](key=lambda pair: (ets.desc(pair[0]), pair[1]))
    assert_type(descending, ets.OrderedSetTable[tuple[int, str], int])
    scores.range(1, 2)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    scores.range(bounds="[[")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    scores.at("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def bags(tags: ets.BagTable[str, int], events: ets.DuplicateBagTable[str, User]) -> None:
    assert_type(tags.lookup("a"), list[int])
    assert_type(events.lookup("a"), list[User])
    assert_type(tags.lookup_many(["a"]), dict[str, list[int]])
    assert_type(tags.take("a"), list[int])
    assert_type(tags.insert("a", 1), None)
    assert_type(tags.insert_new("a", 1), bool)
    assert_type(tags.insert_many([("a", 1)]), int)
    assert_type(tags.member("a"), bool)
    assert_type(tags.delete("a"), bool)
    assert_type(tags.delete_object("a", 1), int)
    assert_type(tags.delete_where(lambda key, value: key == "a" and value > 1), int)
    assert_type(tags.keys(), Collection[str])
    assert_type(tags.values(), Collection[int])
    assert_type(tags.items(), Collection[tuple[str, int]])
    assert_type(iter(tags), Iterator[str])
    assert_type(tags.to_list(), list[ets.Entry])
    assert_type(tags.info().size, int)
    tags.insert("a", "1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    tags.update_counter("a")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    tags["a"]  # type: ignore[index]  # pyright: ignore[reportIndexIssue, reportUnusedExpression]
