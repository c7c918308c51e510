"""Events: one for each change, after it, in the order of the changes, one at a time."""

from __future__ import annotations

import logging

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# The tables here are `Any`, so nothing says what the functions given to their verbs get.
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

import pytest

from noex import errors, ets
from noex.ets import MISSING, row
from noex.testing import ManualClock
from noex.testing.conformance._base import Conformance, Table
from noex.testing.conformance._index_changes import CHANGES, CHANGES_OF_ORDERED, START

# Of a set kind with "a": 1 and "b": 2: a verb, and the events that it makes.
_TOLD: Final[Mapping[str, tuple[Callable[[Table], object], list[tuple[Any, ...]]]]] = {
    "insert": (lambda table: table.insert("k", 5), [("insert", "k", 5, MISSING)]),
    "insert over": (lambda table: table.insert("a", 5), [("insert", "a", 5, 1)]),
    "insert the same": (lambda table: table.insert("a", 1), [("insert", "a", 1, 1)]),
    "insert None": (lambda table: table.insert("k", None), [("insert", "k", None, MISSING)]),
    "insert_new": (lambda table: table.insert_new("k", 5), [("insert", "k", 5, MISSING)]),
    "insert_new in vain": (lambda table: table.insert_new("a", 5), []),
    "insert_many": (
        lambda table: table.insert_many({"a": 5, "k": 6}),
        [("insert", "a", 5, 1), ("insert", "k", 6, MISSING)],
    ),
    "insert_many of nothing": (lambda table: table.insert_many([]), []),
    "update": (lambda table: table.update(a=5), [("insert", "a", 5, 1)]),
    "setdefault": (lambda table: table.setdefault("k", 5), [("insert", "k", 5, MISSING)]),
    "setdefault in vain": (lambda table: table.setdefault("a", 5), []),
    "update_counter": (lambda table: table.update_counter("a", 4), [("insert", "a", 5, 1)]),
    "update_counter anew": (lambda table: table.update_counter("k", 4), [("insert", "k", 4, MISSING)]),
    "compute": (lambda table: table.compute("a", lambda value: value + 4), [("insert", "a", 5, 1)]),
    "compute anew": (lambda table: table.compute("k", lambda _: 5, default=0), [("insert", "k", 5, MISSING)]),
    "compute that deletes": (lambda table: table.compute("a", lambda _: ets.DELETE), [("delete", "a", 1, 1)]),
    "compare_and_set": (lambda table: table.compare_and_set("a", 1, 5), [("insert", "a", 5, 1)]),
    "compare_and_set in vain": (lambda table: table.compare_and_set("a", 2, 5), []),
    "update_where": (lambda table: table.update_where(row.value == 1, lambda _: 5), [("insert", "a", 5, 1)]),
    "update_where that deletes": (
        lambda table: table.update_where(row.value == 1, lambda _: ets.DELETE),
        [("delete", "a", 1, 1)],
    ),
    "take": (lambda table: table.take("a"), [("delete", "a", 1, 1)]),
    "take in vain": (lambda table: table.take("k"), []),
    "pop": (lambda table: table.pop("a"), [("delete", "a", 1, 1)]),
    "popitem": (lambda table: table.popitem(), [("delete", "b", 2, 2)]),
    "delete": (lambda table: table.delete("a"), [("delete", "a", 1, 1)]),
    "delete in vain": (lambda table: table.delete("k"), []),
    "delete_many": (
        lambda table: table.delete_many(["b", "k", "a", "b"]),
        [("delete", "b", 2, 2), ("delete", "a", 1, 1)],
    ),
    "delete_object": (lambda table: table.delete_object("a", 1), [("delete", "a", 1, 1)]),
    "delete_object in vain": (lambda table: table.delete_object("a", 2), []),
    "delete_where": (lambda table: table.delete_where(lambda _key, value: value == 1), [("delete", "a", 1, 1)]),
    "delete_all": (
        lambda table: table.add_index("v", row.value).delete_all(1),
        [("delete", "a", 1, 1)],
    ),
    "clear": (lambda table: table.clear(), [("clear", MISSING, MISSING, MISSING)]),
    "clear of nothing": (
        lambda table: (table.clear(), table.clear()),
        [("clear", MISSING, MISSING, MISSING)],
    ),
    "touch": (lambda table: table.touch("a", 5), []),
    "persist": (lambda table: (table.touch("a", 5), table.persist("a")), []),
    "a transaction": (
        lambda table: ets.transact(lambda tx: (tx[table].insert("a", 5), tx[table].delete("b"))),
        [("insert", "a", 5, 1), ("delete", "b", 2, 2)],
    ),
    "sweep": (lambda table: table.sweep(), []),
    "reading": (lambda table: (table.lookup("a"), list(table), table.select(row.value == 1)), []),
}

_TOLD_OF_ORDERED: Final[Mapping[str, tuple[Callable[[Table], object], list[tuple[Any, ...]]]]] = {
    "delete_range": (lambda table: table.delete_range("a", "b"), [("delete", "a", 1, 1)]),
    "pop_first": (lambda table: table.pop_first(), [("delete", "a", 1, 1)]),
    "pop_last": (lambda table: table.pop_last(), [("delete", "b", 2, 2)]),
}


class Events(Conformance):
    """What `subscribe` gives in every kind."""

    @pytest.fixture
    def seen(self) -> list[Any]:
        """Events, in the order in which they come."""
        return []

    def test_a_subscriber_is_told_after_the_change(self, table: Table) -> None:
        seen: list[Any] = []
        table.subscribe(lambda event: seen.append((event, self.values_of(table, event.key))))
        table.insert("a", 1)
        table.delete("a")
        (inserted, then), (deleted, later) = seen
        assert type(inserted) is ets.TableEvent
        assert (inserted.kind, inserted.key, inserted.value, inserted.previous) == ("insert", "a", 1, MISSING)
        assert (deleted.kind, deleted.key, deleted.value) == ("delete", "a", 1)
        assert (then, later) == ([1], [])

    def test_only_the_kinds_asked_for_come(self, table: Table) -> None:
        seen: dict[str, list[str]] = {}
        for kinds in ({"insert"}, {"delete", "clear"}, set[str](), ["expire"]):
            told = seen[repr(sorted(kinds))] = list[str]()
            table.subscribe(lambda event, told=told: told.append(event.kind), kinds=kinds)
        table.insert("a", 1)
        table.delete("a")
        table.insert("b", 1)
        table.clear()
        assert seen == {
            "['insert']": ["insert", "insert"],
            "['clear', 'delete']": ["delete", "clear"],
            "[]": [],
            "['expire']": [],
        }

    def test_a_subscription_ends_when_it_is_cancelled(self, table: Table, seen: list[Any]) -> None:
        other: list[Any] = []
        subscription = table.subscribe(seen.append)
        table.subscribe(other.append)
        assert subscription.active
        table.insert("a", 1)
        subscription.cancel()
        subscription.cancel()
        assert not subscription.active
        table.insert("b", 2)
        with table.subscribe(seen.append) as third:
            assert third.active
            table.insert("c", 3)
        table.insert("d", 4)
        assert not third.active
        assert [event.key for event in seen] == ["a", "c"]
        assert [event.key for event in other] == ["a", "b", "c", "d"]

    def test_a_callback_may_cancel_itself_and_others(self, table: Table) -> None:
        seen: list[Any] = []
        subscriptions: list[Any] = []

        def once(event: Any) -> None:
            seen.append(event.key)
            for subscription in subscriptions:
                subscription.cancel()

        subscriptions += [table.subscribe(once), table.subscribe(seen.append)]
        table.insert_many([("a", 1), ("b", 2)])
        table.insert("c", 3)
        assert seen == ["a"]

    def test_closing_ends_all_subscriptions(self, seen: list[Any]) -> None:
        table = self.fill({"a": 1})
        subscription = table.subscribe(seen.append)
        table.close()
        assert not subscription.active
        assert seen == []
        subscription.cancel()
        with pytest.raises(errors.TableClosed):
            table.subscribe(seen.append)

    def test_what_a_callback_writes_comes_behind(self, table: Table) -> None:
        seen: list[Any] = []

        def answer(event: Any) -> None:
            seen.append(("begin", event.key))
            if event.key == "a":
                table.insert("b", 1)
                table.insert("c", 1)
                assert self.values_of(table, "c") == [1]
            seen.append(("end", event.key))

        table.subscribe(answer)
        table.insert("a", 1)
        assert seen == [(step, key) for key in "abc" for step in ("begin", "end")]

    def test_a_callback_that_raises_is_logged_and_troubles_nobody(
        self, table: Table, seen: list[Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(_event: Any) -> None:
            raise LookupError("not my day")

        table.subscribe(fail)
        table.subscribe(seen.append)
        with caplog.at_level(logging.ERROR, "noex.ets"):
            table.insert("a", 1)
            table.insert("b", 2)
        assert [event.key for event in seen] == ["a", "b"]
        assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [LookupError] * 2
        assert "'a'" in caplog.records[0].getMessage()

    def test_a_write_that_fails_tells_nothing(self, table: Table, seen: list[Any]) -> None:
        table.insert("a", 1)
        table.subscribe(seen.append)
        bad: Any = float("nan") if self.is_ordered else []
        writes: dict[str, Callable[[], object]] = {
            "insert": lambda: table.insert(bad, 1),
            "insert_many": lambda: table.insert_many([("k", 1), (bad, 2)]),
            "delete_many": lambda: table.delete_many(["a", bad]),
        }
        assert self.that_do_not_raise(self.key_error, writes) == {}
        assert seen == []

    def test_wrong_arguments_of_subscribe_raise(self, table: Table) -> None:
        calls: dict[str, Callable[[], object]] = {
            "no function": lambda: table.subscribe(5),
            "a text": lambda: table.subscribe(print, kinds="insert"),
            "an option": lambda: table.subscribe(print, kind={"insert"}),
        }
        assert self.that_do_not_raise(TypeError, calls) == {}
        with pytest.raises(ValueError, match="'inserts'"):
            table.subscribe(print, kinds={"inserts"})


class EventsOfSets(Conformance):
    """Each verb of a set kind, and what it tells."""

    @pytest.mark.parametrize("foreign", [False, True], ids=["plain", "among foreign keys"])
    @pytest.mark.parametrize("verb", [*_TOLD, *_TOLD_OF_ORDERED])
    def test_each_verb_tells_what_it_changed(self, table: Table, verb: str, *, foreign: bool) -> None:
        if self.is_ordered:
            if foreign:
                pytest.skip("an order has no foreign keys")
        elif verb in _TOLD_OF_ORDERED:
            pytest.skip("the kind has no order")
        if foreign:
            table.insert(UUID(int=0), 9)
        table.insert_many({"a": 1, "b": 2})
        call, told = {**_TOLD, **_TOLD_OF_ORDERED}[verb]
        seen: list[Any] = []
        table.subscribe(seen.append)
        call(table)
        assert [tuple(event) for event in seen] == told

    @pytest.mark.parametrize("change", [*CHANGES, *CHANGES_OF_ORDERED])
    @pytest.mark.parametrize("indexed", [False, True], ids=["plain", "indexed"])
    def test_the_events_replayed_are_the_table(self, change: str, clock: ManualClock, *, indexed: bool) -> None:
        if change in CHANGES_OF_ORDERED and not self.is_ordered:
            pytest.skip("the kind has no order")
        with self.make(clock=clock) as table:
            state: dict[Any, Any] = {}

            def replay(event: Any) -> None:
                before = state.get(event.key, MISSING)
                if event.kind == "clear":
                    state.clear()
                elif event.kind == "insert":
                    assert event.previous == before
                    state[event.key] = event.value
                else:
                    assert event.value == event.previous == before
                    del state[event.key]

            events: list[Any] = []
            table.subscribe(events.append)
            if indexed:
                table.add_index("function", lambda _key, value: value % 3, ordered=True)
            table.insert_many(START)
            for _ in range(2):
                {**CHANGES, **CHANGES_OF_ORDERED}[change](table, clock)
                table.insert("later", 5)
            clock.advance(1000)
            table.sweep()
            for event in events:
                replay(event)
            assert state == dict(table.items())

    def test_expiry_is_told_at_reclamation(self, clock: ManualClock) -> None:
        with self.make(clock=clock) as table:
            seen: list[Any] = []
            table.subscribe(seen.append)
            table.insert("a", 1, ttl=5)
            clock.advance(5)
            assert table.lookup("a") is None
            assert len(seen) == 1
            assert table.sweep() == 1
            assert tuple(seen[1]) == ("expire", "a", 1, 1)
            table.sweep()
            assert len(seen) == 2

    @pytest.mark.parametrize("write", ["insert", "insert_new", "insert_many", "setdefault"])
    def test_writing_over_what_has_expired_tells_both(self, clock: ManualClock, write: str) -> None:
        with self.make(clock=clock) as table:
            seen: list[Any] = []
            table.insert("a", 1, ttl=5)
            table.subscribe(seen.append)
            clock.advance(5)
            if write == "insert_many":
                table.insert_many({"a": 2})
            else:
                getattr(table, write)("a", 2)
            assert [tuple(event) for event in seen] == [("expire", "a", 1, 1), ("insert", "a", 2, MISSING)]

    @pytest.mark.parametrize("verb", ["take", "delete", "delete_many", "popitem", "clear", "delete_all", "len"])
    def test_removing_what_has_expired_tells_that_it_expired(self, clock: ManualClock, verb: str) -> None:
        with self.make(clock=clock) as table:
            index = table.add_index("value", row.value)
            seen: list[Any] = []
            table.insert_many({"a": 1, "b": 1}, ttl=5)
            table.insert("c", 3)
            table.subscribe(seen.append, kinds={"delete", "expire"})
            clock.advance(5)
            calls: dict[str, Callable[[], object]] = {
                "take": lambda: table.take("a"),
                "delete": lambda: table.delete("a"),
                "delete_many": lambda: table.delete_many(["a", "b"]),
                "popitem": table.popitem,
                "clear": table.clear,
                "delete_all": lambda: index.delete_all(1),
                "len": lambda: len(table),
            }
            calls[verb]()
            table.sweep()
            told = sorted((event.kind, event.key) for event in seen)
            assert told == [("delete", "c")] * (verb == "popitem") + [("expire", "a"), ("expire", "b")]

    def test_the_key_told_is_the_one_in_the_table(self, table: Table) -> None:
        seen: list[Any] = []
        table.insert(1, "one")
        table.subscribe(seen.append)
        table.insert(1.0, "two")
        table.delete(True)  # noqa: FBT003 - equal to 1
        assert [type(event.key) for event in seen] == [int, int]


class EventsOfBags(Conformance):
    """An event for each entry that comes or goes."""

    def test_each_verb_tells_what_it_changed(self, table: Table) -> None:
        seen: list[tuple[Any, ...]] = []

        def told(call: Callable[[], object]) -> list[tuple[Any, ...]]:
            seen.clear()
            call()
            return [*seen]

        table.subscribe(lambda event: seen.append(tuple(event)))
        twice = self.kind == "duplicate_bag"
        assert told(lambda: table.insert("a", 1)) == [("insert", "a", 1, MISSING)]
        assert told(lambda: table.insert("a", 1)) == [("insert", "a", 1, MISSING)] * twice
        assert told(lambda: table.insert_new("a", 2)) == []
        assert told(lambda: table.insert_new("b", 2)) == [("insert", "b", 2, MISSING)]
        batch = [("insert", "c", 3, MISSING), ("insert", "c", 4, MISSING), ("insert", "a", 5, MISSING)]
        assert told(lambda: table.insert_many([("c", 3), ("c", 4), ("a", 5)])) == batch
        gone = [("delete", "a", 1, MISSING)] * (1 + twice)
        assert told(lambda: table.delete_object("a", 1)) == gone
        assert told(lambda: table.delete_object("a", 1)) == []
        assert told(lambda: table.take("c")) == [("delete", "c", 3, MISSING), ("delete", "c", 4, MISSING)]
        assert told(lambda: table.delete("nobody")) == []
        assert told(lambda: table.delete("b")) == [("delete", "b", 2, MISSING)]
        assert told(lambda: table.delete_where(row.value == 5)) == [("delete", "a", 5, MISSING)]
        table.insert_many([("a", 1), ("b", 2)])
        assert told(lambda: table.delete_many(["b", "a", "b"])) == [
            ("delete", "b", 2, MISSING),
            ("delete", "a", 1, MISSING),
        ]
        assert told(table.clear) == []
        table.insert("a", 1)
        assert told(table.clear) == [("clear", MISSING, MISSING, MISSING)]
        table.insert("a", 1)

        def both(tx: Any) -> None:
            tx[table].insert("a", 2)
            tx[table].delete_object("a", 1)
            tx[table].insert("b", 3)

        changes = told(lambda: ets.transact(both))
        assert sorted(changes) == [
            ("delete", "a", 1, MISSING),
            ("insert", "a", 2, MISSING),
            ("insert", "b", 3, MISSING),
        ]
