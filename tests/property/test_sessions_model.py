"""SessionStore against a plain model, by random verbs: who is live, what they hold, and statistics that add up.

`NOEX_TEST_LONG=1` runs many more.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from noex import SessionStats, SessionStore, ets
from noex.testing import ManualClock

EVERYDAY = settings(max_examples=150, stateful_step_count=50)
LONG = settings(EVERYDAY, max_examples=2000, stateful_step_count=100)
long_run = pytest.mark.skipif(os.environ.get("NOEX_TEST_LONG") != "1", reason="NOEX_TEST_LONG=1 runs it")

USERS = st.sampled_from(["ada", "bob", 7])
DATA = st.dictionaries(st.sampled_from("abc"), st.integers(0, 3), max_size=2)
PICK = st.integers(0, 30)
STEPS = st.sampled_from([0, 0.001, 0.1, 0.3, 1, 3, 5.5, 9])


class Record:
    """A session as the model knows it; times are whole milliseconds."""

    def __init__(self, user: Any, data: dict[str, int], created: int, number: int) -> None:
        self.user = user
        self.data = data
        self.created = created
        self.used = created
        self.number = number  # in the order in which the tokens were given
        self.id = ""
        self.end = "live"


class SessionsMachine(RuleBasedStateMachine):
    """All verbs, on a clock that the machine turns. Tokens that are void stay in the pool and are tried again."""

    @initialize(
        idle=st.sampled_from([1, 3, 5.5]),
        absolute=st.sampled_from([None, 0.5, 4, 10]),
        start=st.sampled_from([0.0, 0.1, 1e9]),
    )
    def begin(self, idle: float, absolute: float | None, start: float) -> None:
        self.clock = ManualClock(start)
        self.store = ets.Store()
        self.sessions = SessionStore(idle_timeout=idle, absolute_timeout=absolute, store=self.store, clock=self.clock)
        self.idle = round(idle * 1000)
        self.absolute = None if absolute is None else round(absolute * 1000)
        self.tokens: list[str] = []
        self.records: dict[str, Record] = {}  # by the token that is valid
        self.all: list[Record] = []
        self.given = 0

    def now(self) -> int:
        return round(self.clock() * 1000)

    def end_those_whose_time_is_up(self) -> None:
        for record in self.all:
            end = record.used + self.idle
            if self.absolute is not None:
                end = min(end, record.created + self.absolute)
            if record.end == "live" and self.now() >= end:
                record.end = "expired"

    def pick(self, place: int) -> tuple[str, Record | None]:
        """Return a token, valid or void, and its live record if there is one."""
        self.end_those_whose_time_is_up()
        token = self.tokens[-1 - place % len(self.tokens)]
        record = self.records.get(token)
        return token, record if record is not None and record.end == "live" else None

    def listed(self) -> dict[bytes, Any]:
        """What the index lists; unlike its verbs, this tidies nothing up."""
        table, index = self.sessions._sessions, self.sessions._by_user
        table._check()  # works the index out anew, from the rows
        assert table._indexes() == (index._spec,)
        rows = table._all_rows()
        return {k: row[1].user_id for k, row in rows.items() if table._ask_index(index._spec, "entered", [k])}

    def agree(self, session: Any, record: Record) -> None:
        assert (session.user_id, dict(session.data), session.id) == (record.user, record.data, record.id)
        assert round(session.created_at * 1000) == record.created

    @rule(seconds=STEPS)
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(user=USERS, data=DATA)
    def create(self, user: Any, data: dict[str, int]) -> None:
        token = self.sessions.create(user, data)
        assert token not in self.tokens
        self.given += 1
        record = Record(user, data.copy(), self.now(), self.given)
        data["a"] = 99  # the caller's, not the session's
        self.tokens.append(token)
        self.records[token] = record
        self.all.append(record)
        session = self.sessions.get(token, touch=False)
        assert session is not None
        record.id = session.id
        self.agree(session, record)

    @precondition(lambda self: self.tokens)
    @rule(place=PICK, touch=st.booleans())
    def get(self, place: int, touch: bool) -> None:
        token, record = self.pick(place)
        session = self.sessions.get(token, touch=touch)
        if record is None:
            assert session is None
            return
        self.agree(session, record)
        if touch:
            record.used = self.now()

    @precondition(lambda self: self.tokens)
    @rule(place=PICK)
    def touch(self, place: int) -> None:
        token, record = self.pick(place)
        assert self.sessions.touch(token) is (record is not None)
        if record is not None:
            record.used = self.now()

    @precondition(lambda self: self.tokens)
    @rule(place=PICK, changes=DATA)
    def update(self, place: int, changes: dict[str, int]) -> None:
        token, record = self.pick(place)
        assert self.sessions.update(token, changes) is (record is not None)
        if record is not None:
            record.data.update(changes)

    @precondition(lambda self: self.tokens)
    @rule(place=PICK)
    def rotate(self, place: int) -> None:
        token, record = self.pick(place)
        renewed = self.sessions.rotate(token)
        if record is None:
            assert renewed is None
            return
        assert renewed is not None
        assert renewed not in self.tokens
        self.given += 1
        record.number = self.given
        record.used = self.now()
        self.tokens.append(renewed)
        self.records[renewed] = self.records.pop(token)

    @precondition(lambda self: self.tokens)
    @rule(place=PICK)
    def destroy(self, place: int) -> None:
        token, record = self.pick(place)
        assert self.sessions.destroy(token) is (record is not None)
        if record is not None:
            record.end = "destroyed"

    @rule(user=USERS)
    def destroy_all_of(self, user: Any) -> None:
        self.end_those_whose_time_is_up()
        doomed = [record for record in self.all if record.user == user and record.end == "live"]
        assert self.sessions.destroy_all_of(user) == len(doomed)
        for record in doomed:
            record.end = "destroyed"

    @rule(user=USERS)
    def sessions_of(self, user: Any) -> None:
        self.end_those_whose_time_is_up()
        expected = [record for record in self.all if record.user == user and record.end == "live"]
        expected.sort(key=lambda record: record.number)
        found = self.sessions.sessions_of(user)
        assert len(found) == len(expected)
        for session, record in zip(found, expected, strict=True):
            self.agree(session, record)

    @rule()
    def sweep(self) -> None:
        self.end_those_whose_time_is_up()
        self.sessions.sweep()
        assert self.sessions.sweep() == 0
        live = [record for record in self.all if record.end == "live"]
        assert len(self.listed()) == self.sessions._sessions._stored() == len(live)
        assert len(self.sessions._by_user) == len(live)

    @rule()
    def stats(self) -> None:
        self.end_those_whose_time_is_up()
        ends = [record.end for record in self.all]
        expected = SessionStats(ends.count("live"), len(ends), ends.count("expired"), ends.count("destroyed"))
        assert self.sessions.stats() == expected
        assert len(self.sessions) == expected.active

    @invariant()
    def rows_and_index_are_whole_and_agree(self) -> None:
        """Nothing else is looked at, so that no verb is called that would tidy up."""
        if hasattr(self, "sessions"):
            rows = self.sessions._sessions._all_rows()
            assert self.listed() == {digest: row[1].user_id for digest, row in rows.items()}

    def teardown(self) -> None:
        """Compare everything once more, then let all expire: nothing is left."""
        if hasattr(self, "sessions"):
            self.stats()
            for user in ("ada", "bob", 7):
                self.sessions_of(user)
            for place in range(len(self.tokens)):
                self.get(place, touch=False)
            self.clock.advance(1000)
            self.sweep()
            self.stats()
            assert self.listed() == {}
            assert len(self.sessions._by_user) == 0
            self.store.close()


class TestSessions(SessionsMachine.TestCase):  # type: ignore[misc, name-defined]
    settings = EVERYDAY


@long_run
@pytest.mark.slow
class TestSessionsAtLength(SessionsMachine.TestCase):  # type: ignore[misc, name-defined]
    settings = LONG
