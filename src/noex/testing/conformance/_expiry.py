"""Lifetimes: when an entry is gone, for which verbs, and what restarts or keeps its lifetime."""

from __future__ import annotations

import math

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# The tables here are `Any`, so nothing says what the functions given to their verbs get.
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from noex import errors, ets
from noex.testing import ManualClock
from noex.testing.conformance._base import Conformance, Table
from noex.testing.conformance._verbs import answers_when_absent, every_verb


class Expiry(Conformance):
    """A clock that the test turns shows when entries go."""

    @pytest.fixture
    def timed(self, clock: ManualClock) -> Iterator[Table]:
        """An empty table without a lifetime of its own, on the clock of the test."""
        with self.make(clock=clock) as table:
            yield table
            if not table.closed:
                self.check(table)

    # -- when an entry is gone ----------------------------------------------------------------------------------

    def test_an_entry_is_gone_exactly_at_its_deadline(self, timed: Table, clock: ManualClock) -> None:
        timed.insert("k", 1, ttl=10)
        clock.advance(9.999)
        assert timed.lookup("k") == 1
        clock.advance(0.001)
        assert timed.lookup("k") is None

    def test_deadlines_are_whole_milliseconds_rounded_up(self, timed: Table, clock: ManualClock) -> None:
        timed.insert("k", 1, ttl=0.0001)
        clock.advance(0.0009)
        assert "k" in timed
        clock.advance(0.0001)
        assert "k" not in timed

    def test_binary_fractions_do_not_shift_a_deadline(self, timed: Table, clock: ManualClock) -> None:
        clock.advance(0.1)
        timed.insert("k", 1, ttl=0.2)
        clock.advance_to(0.299)
        assert "k" in timed
        clock.advance_to(0.3)
        assert "k" not in timed

    def test_an_expired_entry_is_gone_for_every_verb(self) -> None:
        wrong: dict[str, object] = {}
        for name, (verb, expected) in answers_when_absent(self.kind).items():
            clock = ManualClock()
            table = self.make(clock=clock)
            table.insert("k", 1, ttl=1)
            clock.advance(1)
            answer = verb(table)
            if answer != expected or type(answer) is not type(expected):
                wrong[name] = answer
            self.check(table)
        assert wrong == {}

    def test_an_expired_entry_is_gone_for_the_verbs_that_raise(self) -> None:
        raising: dict[str, tuple[Callable[[Table], object], type[Exception]]] = {
            "[]": (lambda table: table["k"], KeyError),
            "del": (lambda table: table.__delitem__("k"), KeyError),
            "pop": (lambda table: table.pop("k"), KeyError),
            "popitem": (lambda table: table.popitem(), KeyError),
            "compute": (lambda table: table.compute("k", lambda value: value), KeyError),
        }
        if self.is_ordered:
            raising["at"] = (lambda table: table.at(0), IndexError)
            raising["at the end"] = (lambda table: table.at(-1), IndexError)
        for verb, error in raising.values():
            clock = ManualClock()
            table = self.make(clock=clock)
            table.insert("k", 1, ttl=1)
            clock.advance(1)
            with pytest.raises(error):
                verb(table)
            self.check(table)

    def test_living_neighbours_of_expired_entries_stay(self, timed: Table, clock: ManualClock) -> None:
        for number in range(100):
            timed.insert(number, number, ttl=None if number % 3 else 1 + number / 100)
        clock.advance(1.5)
        alive = [number for number in range(100) if number % 3 or number > 50]
        assert sorted(timed) == alive
        assert sorted(timed.values()) == alive
        assert len(timed) == timed.count() == len(timed.to_list()) == len(alive)
        assert timed.lookup_many(range(100)) == {number: number for number in alive}
        assert timed.clear() == len(alive)

    def test_an_entry_that_expired_does_not_leave_its_key_behind(self, timed: Table, clock: ManualClock) -> None:
        timed.insert(1, "a", ttl=1)
        clock.advance(1)
        timed.insert(1.0, "b")
        assert list(map(repr, timed)) == ["1.0"]

    # -- which lifetime an entry has ----------------------------------------------------------------------------

    def test_the_table_gives_a_lifetime_to_what_has_none_of_its_own(self, clock: ManualClock) -> None:
        table = self.make(ttl=10, clock=clock)
        table.insert("default", 1)
        table.insert("omitted", 1, ttl=ets.DEFAULT)
        table.insert("short", 1, ttl=5)
        table.insert("never", 1, ttl=None)
        table["item"] = 1
        table.insert_many({"many": 1})
        table.insert_new("new", 1)
        table.update_counter("counter")
        table.compute("computed", lambda value: value, default=1)
        table.setdefault("set", 1)
        clock.advance(5)
        assert "short" not in table
        assert len(table) == 9
        clock.advance(5)
        assert list(table) == ["never"]

    def test_a_lifetime_may_be_a_timedelta(self, clock: ManualClock) -> None:
        table = self.make(ttl=timedelta(minutes=1), clock=clock)
        table.insert("a", 1)
        table.insert("b", 1, ttl=timedelta(milliseconds=1500))
        assert (table.expires_in("a"), table.expires_in("b")) == (60.0, 1.5)
        assert table.info().ttl == 60.0

    def test_every_verb_that_writes_takes_a_lifetime(self, timed: Table, clock: ManualClock) -> None:
        timed.insert("a", 1, ttl=5)
        timed.insert_many({"b": 1, "c": 2}, ttl=5)
        timed.insert_new("d", 1, ttl=5)
        timed.update_counter("e", ttl=5)
        assert [timed.expires_in(key) for key in "abcde"] == [5.0] * 5
        clock.advance(5)
        assert len(timed) == 0

    def test_without_lifetimes_nothing_expires(self, timed: Table, clock: ManualClock) -> None:
        timed.insert("k", 1)
        clock.advance(1e9)
        assert timed.lookup("k") == 1
        assert timed.expires_in("k") is None
        assert timed.sweep() == 0

    @pytest.mark.parametrize("write", ["insert", "[]=", "insert_many", "update"])
    def test_writing_restarts_a_lifetime(self, clock: ManualClock, write: str) -> None:
        table = self.make(ttl=10, clock=clock)
        table.insert("k", 1, ttl=3)
        clock.advance(2)
        {
            "insert": lambda: table.insert("k", 2),
            "[]=": lambda: table.__setitem__("k", 2),
            "insert_many": lambda: table.insert_many({"k": 2}),
            "update": lambda: table.update(k=2),
        }[write]()
        assert table.expires_in("k") == 10.0
        clock.advance(9.999)
        assert table.lookup("k") == 2
        clock.advance(0.001)
        assert "k" not in table

    def test_writing_without_a_lifetime_takes_one_away(self, timed: Table, clock: ManualClock) -> None:
        timed.insert("k", 1, ttl=3)
        timed.insert("k", 2)
        clock.advance(100)
        assert timed.lookup("k") == 2

    @pytest.mark.parametrize(
        "change",
        ["update_counter", "counter ttl", "compute", "compare_and_set", "update_where", "setdefault", "insert_new"],
    )
    def test_changing_keeps_a_lifetime(self, clock: ManualClock, change: str) -> None:
        table = self.make(ttl=10, clock=clock)
        table.insert("k", 1, ttl=3)
        clock.advance(2)
        {
            "update_counter": lambda: table.update_counter("k"),
            "counter ttl": lambda: table.update_counter("k", ttl=100),
            "compute": lambda: table.compute("k", lambda value: value + 1),
            "compare_and_set": lambda: table.compare_and_set("k", 1, 2),
            "update_where": lambda: table.update_where(lambda _key, _value: True, lambda value: value + 1),
            "setdefault": lambda: table.setdefault("k", 2),
            "insert_new": lambda: table.insert_new("k", 2),
        }[change]()
        assert table.expires_in("k") == 1.0
        clock.advance(1)
        assert "k" not in table

    def test_an_entry_that_is_deleted_and_written_anew_has_the_new_lifetime_only(
        self, timed: Table, clock: ManualClock
    ) -> None:
        timed.insert("k", 1, ttl=1)
        timed.delete("k")
        timed.insert("k", 2, ttl=10)
        clock.advance(5)
        assert timed.sweep() == 0
        assert timed.lookup("k") == 2
        timed.clear()
        timed.insert("k", 3)
        clock.advance(50)
        assert timed.sweep() == 0
        assert timed.lookup("k") == 3

    # -- expires_in, touch, persist -----------------------------------------------------------------------------

    def test_expires_in_tells_what_is_left(self, timed: Table, clock: ManualClock) -> None:
        timed.insert("k", 1, ttl=60)
        timed.insert("never", 1)
        assert timed.expires_in("k") == 60.0
        assert type(timed.expires_in("k")) is float
        clock.advance(20.5)
        assert timed.expires_in("k") == 39.5
        assert timed.expires_in("never") is None
        assert timed.expires_in("missing") is None

    def test_touch_gives_a_living_entry_a_new_lifetime(self, clock: ManualClock) -> None:
        table = self.make(ttl=10, clock=clock)
        table.insert("k", 1)
        clock.advance(9)
        assert table.touch("k") is True
        assert table.expires_in("k") == 10.0
        assert table.touch("k", 3) is True
        assert table.expires_in("k") == 3.0
        assert table.touch("k", None) is True
        assert table.expires_in("k") is None
        assert table.touch("k", ttl=timedelta(seconds=1)) is True
        clock.advance(1)
        assert table.touch("k") is False
        assert table.touch("missing") is False
        assert len(table) == 0

    def test_touch_in_a_table_without_a_lifetime_takes_one_away(self, timed: Table) -> None:
        timed.insert("k", 1, ttl=3)
        assert timed.touch("k") is True
        assert timed.expires_in("k") is None

    def test_persist_takes_a_lifetime_away_and_says_whether_there_was_one(
        self, timed: Table, clock: ManualClock
    ) -> None:
        timed.insert("k", 1, ttl=3)
        assert timed.persist("k") is True
        assert timed.persist("k") is False
        assert timed.persist("missing") is False
        clock.advance(100)
        assert timed.lookup("k") == 1

    # -- sweep --------------------------------------------------------------------------------------------------

    def test_sweep_reclaims_what_is_due_and_counts_it(self, timed: Table, clock: ManualClock) -> None:
        timed.insert_many(dict.fromkeys(range(10), 0), ttl=5)
        timed.insert_many(dict.fromkeys(range(10, 15), 0), ttl=20)
        timed.insert("never", 0)
        assert timed.sweep() == 0
        clock.advance(5)
        assert timed.sweep(limit=3) == 3
        assert timed.sweep(0) == 0
        assert timed.sweep(100) == 7
        assert timed.sweep() == 0
        assert len(timed) == 6
        clock.advance(15)
        assert timed.sweep(None) == 5

    @pytest.mark.parametrize(("limit", "error"), [(-1, ValueError), (1.5, TypeError), ("1", TypeError)])
    def test_the_limit_of_sweep_is_a_count(self, timed: Table, limit: Any, error: type[Exception]) -> None:
        with pytest.raises(error, match="limit"):
            timed.sweep(limit)

    def test_writes_reclaim_what_is_due_without_a_sweep(self, timed: Table, clock: ManualClock) -> None:
        timed.insert_many(dict.fromkeys(range(500), 0), ttl=1)
        clock.advance(1)
        for number in range(1000):
            timed.insert(("other", number), 0)
        assert timed.sweep() == 0
        assert len(timed) == 1000

    def test_values_of_expired_entries_are_freed(self, timed: Table, clock: ManualClock) -> None:
        class Value:
            deleted = 0

            def __del__(self) -> None:
                Value.deleted += 1

        timed.insert("k", Value(), ttl=1)
        clock.advance(1)
        timed.sweep()
        assert Value.deleted == 1

    def test_many_lifetimes_for_one_key_leave_one_entry(self, timed: Table, clock: ManualClock) -> None:
        for step in range(1, 1000):
            timed.insert("k", step, ttl=step)
        self.check(timed)
        clock.advance(998)
        assert timed.lookup("k") == 999
        clock.advance(1)
        assert timed.sweep() <= 1
        assert len(timed) == 0

    # -- arguments ----------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("ttl", "error"),
        [
            (0, ValueError),
            (-1, ValueError),
            (0.0, ValueError),
            (math.nan, ValueError),
            (math.inf, ValueError),
            (timedelta(0), ValueError),
            (timedelta(seconds=-1), ValueError),
            ("1", TypeError),
            (True, TypeError),
            ([], TypeError),
            (1j, TypeError),
        ],
        ids=repr,
    )
    def test_a_lifetime_is_more_than_nothing(self, timed: Table, ttl: Any, error: type[Exception]) -> None:
        timed.insert("there", 1, ttl=5)
        calls: dict[str, Callable[[], object]] = {
            "constructor": lambda: self.make(ttl=ttl),
            "insert": lambda: timed.insert("k", 1, ttl=ttl),
            "insert_many": lambda: timed.insert_many({"k": 1}, ttl=ttl),
            "insert_many of nothing": lambda: timed.insert_many({}, ttl=ttl),
            "insert_new": lambda: timed.insert_new("k", 1, ttl=ttl),
            "insert_new of what is there": lambda: timed.insert_new("there", 2, ttl=ttl),
            "update_counter": lambda: timed.update_counter("k", ttl=ttl),
            "update_counter of what is there": lambda: timed.update_counter("there", ttl=ttl),
            "touch": lambda: timed.touch("there", ttl),
            "touch of a missing key": lambda: timed.touch("k", ttl),
        }
        assert self.that_do_not_raise(error, calls) == {}
        assert self.content(timed) == [("there", 1)]
        assert timed.expires_in("there") == 5.0

    def test_expired_entries_do_not_hide_that_a_table_is_closed(self, timed: Table, clock: ManualClock) -> None:
        timed.insert("k", 1, ttl=1)
        clock.advance(1)
        timed.close()
        calls = {name: (lambda verb=verb: verb(timed)) for name, verb in every_verb(self.kind).items()}
        assert self.that_do_not_raise(errors.TableClosed, calls) == {}
