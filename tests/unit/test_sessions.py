"""SessionStore: every verb, and by name what must not happen (the ids are those of the defects of earlier designs)."""

from __future__ import annotations

import dataclasses
import logging
import math
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from noex import Session, SessionStats, SessionStore, ets
from noex.errors import TableClosed, TableExists, UnhashableKey
from noex.kernel import KERNEL
from noex.testing import ManualClock


def make(**options: Any) -> tuple[SessionStore, ManualClock]:
    clock = ManualClock()
    return SessionStore(clock=clock, store=ets.Store(), **options), clock


def listed(sessions: SessionStore) -> dict[bytes, Any]:
    """What the index lists: hashes of tokens, and the user of each. Unlike its verbs, this tidies nothing up."""
    sessions._sessions._check()  # works the index out anew, from the rows
    assert sessions._sessions._indexes() == (sessions._by_user._spec,)
    table, index = sessions._sessions, sessions._by_user._spec
    return {
        digest: row[1].user_id
        for digest, row in table._all_rows().items()
        if table._ask_index(index, "entered", [digest])
    }


def check(sessions: SessionStore) -> None:
    """Rows and index are whole and agree: the index lists each stored session once, under its user."""
    assert listed(sessions) == {digest: row[1].user_id for digest, row in sessions._sessions._all_rows().items()}
    sessions.sweep()
    stored = {digest: session.user_id for digest, session in sessions._sessions.items()}
    assert listed(sessions) == stored
    assert len(sessions._by_user) == len(stored)
    for user in set(stored.values()):
        digests = sessions._by_user.keys((user,))
        assert sorted(digests) == sorted(digest for digest in stored if stored[digest] == user)
        assert sessions.sessions_of(user) == [sessions._sessions[digest] for digest in digests]
    stats = sessions.stats()
    assert stats.created == stats.active + stats.expired + stats.destroyed
    assert stats.active == len(sessions)
    assert min(dataclasses.astuple(stats)) >= 0


class ClockThatJumps(ManualClock):
    """A clock that goes on by itself at one of the times that it is looked at."""

    def __init__(self) -> None:
        super().__init__()
        self._looks = count()
        self._jumps: dict[int, float] = {}

    def __call__(self) -> float:
        self.advance(self._jumps.get(next(self._looks), 0))
        return super().__call__()

    @contextmanager
    def jumping(self, seconds: float, *, at: int) -> Iterator[None]:
        """Go on by so many seconds at that look, 1 being the first; at none for 0."""
        self._looks, self._jumps = count(1), {at: seconds}
        yield
        self._jumps = {}


# -- making one -------------------------------------------------------------------------------------------------------


def test_a_new_store_is_empty_true_and_usable_at_once() -> None:
    sessions, _ = make()
    assert len(sessions) == 0
    assert bool(sessions) is True
    assert sessions.stats() == SessionStats(active=0, created=0, expired=0, destroyed=0)
    assert sessions.sessions_of("ada") == []


def test_its_table_is_called_sessions_unless_it_is_told_otherwise() -> None:
    store = ets.Store()
    SessionStore(store=store)
    SessionStore("admins", store=store)
    SessionStore(None, store=store)
    assert store.whereis("sessions") is not None
    assert store.whereis("admins") is not None
    assert len(store.tables()) == 3


def test_it_is_one_table_with_an_index_by_user() -> None:
    store = ets.Store()
    ets.SetTable("sessions.by_user", store=store)  # once the name of a second table; not in the way
    sessions = SessionStore(store=store)
    assert len(store.tables()) == 2
    table: Any = store.whereis("sessions")
    assert table.info().indexes == ("by_user",)
    index = table.index("by_user")
    assert (index.name, index.ordered, index.unique, len(index)) == ("by_user", False, False, 0)
    for _ in range(2):
        sessions.create("ada")
    assert [entry.value for entry in index.lookup(("ada",))] == sessions.sessions_of("ada")
    assert index.count(("ada",)) == len(index) == len(table) == 2


def test_two_stores_never_share_a_name() -> None:
    """B4-1: two stores of one name met in one place; and a start that failed half-way left a table open."""
    store = ets.Store()
    SessionStore(store=store)
    before = len(store.tables())
    with pytest.raises(TableExists, match="sessions"):
        SessionStore(store=store)
    assert len(store.tables()) == before


@pytest.mark.parametrize("option", ["idle_timeout", "absolute_timeout"])
@pytest.mark.parametrize(
    ("timeout", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (math.nan, ValueError),
        (math.inf, ValueError),
        (timedelta(0), ValueError),
        (timedelta(seconds=-1), ValueError),
        (True, TypeError),
        ("60", TypeError),
    ],
)
def test_a_bad_timeout_is_never_taken(option: str, timeout: Any, error: type[Exception]) -> None:
    store = ets.Store()
    with pytest.raises(error, match=option):
        SessionStore(store=store, **{option: timeout})
    assert store.tables() == []


def test_there_is_always_an_idle_timeout() -> None:
    with pytest.raises(TypeError, match="idle_timeout"):
        SessionStore(idle_timeout=None, store=ets.Store())  # type: ignore[arg-type]


@pytest.mark.parametrize("option", [{"ttl": 60}, {"idle_timout": 60}, {"token_bytes": 8}])
def test_an_unknown_option_is_a_type_error(option: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        SessionStore(store=ets.Store(), **option)


def test_a_clock_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match="clock"):
        SessionStore(store=ets.Store(), clock=5)  # type: ignore[arg-type]


# -- tokens -----------------------------------------------------------------------------------------------------------


def test_a_token_is_43_url_safe_characters_and_never_comes_twice() -> None:
    """B3-1, B3-2: 46 predictable bits and the time of creation. 256 bits are 43 characters of base 64."""
    sessions, _ = make()
    tokens = [sessions.create("ada") for _ in range(500)]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in tokens)
    assert len(set(tokens)) == len({token[:8] for token in tokens}) == 500
    for place in range(42):  # the last character carries four bits only
        assert len({token[place] for token in tokens}) > 40


def test_tokens_are_never_made_by_a_generator_that_can_be_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    """B3-1: the same seed gives other tokens, for they come from the system's source."""
    import random

    sessions, _ = make()
    random.seed(7)
    first = sessions.create("ada")
    random.seed(7)
    assert sessions.create("ada") != first

    import secrets

    asked: list[int] = []
    original = secrets.token_bytes

    def token_bytes(count: int | None = None) -> bytes:
        asked.append(count or 0)
        return original(count)

    monkeypatch.setattr(secrets, "token_bytes", token_bytes)
    sessions.create("ada")
    assert sum(asked) >= 32


def test_a_rotated_token_is_as_random_as_the_first() -> None:
    sessions, _ = make()
    token = sessions.create("ada")
    seen = {token}
    for _ in range(100):
        renewed = sessions.rotate(token)
        assert renewed is not None
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", renewed)
        seen.add(renewed)
        token = renewed
    assert len(seen) == 101


def everything_of(sessions: SessionStore) -> str:
    table, index = sessions._sessions, sessions._by_user
    pending = repr(table._watch.pending) if KERNEL == "pure" else ""  # what the index has yet to learn
    users = {session.user_id for session in table.values()}
    return "".join(
        [
            *(repr(table.to_list()), repr(table), repr(table.info()), repr(table.__class__)),
            *(pending, repr(listed(sessions)), repr(index), repr(index.__class__)),
            *(repr((index.lookup((user,)), index.keys((user,)), sessions.sessions_of(user))) for user in users),
            *(repr(sessions), str(sessions), repr(sessions.stats())),
        ]
    )


def test_neither_table_nor_index_ever_holds_a_token() -> None:
    """B3-3: a dump, a log or a file of the table was an account takeover."""
    sessions, _ = make()
    token = sessions.create("ada", {"theme": "dark"})
    renewed = sessions.rotate(token)
    assert renewed is not None
    everything = everything_of(sessions)
    assert "by_user" in everything
    for secret in (token, renewed):
        assert secret not in everything
        assert repr(secret.encode())[2:-1] not in everything
    for digest, session in sessions._sessions.items():
        assert isinstance(digest, bytes)
        assert len(digest) == 32
        assert digest not in (token.encode(), renewed.encode())
        assert token not in repr(session)


def test_what_the_table_holds_never_opens_a_session() -> None:
    """B3-3: neither the hash, in whatever writing, nor the public id is a token."""
    sessions, _ = make()
    token = sessions.create("ada")
    session = sessions.get(token)
    assert session is not None
    (digest,) = sessions._sessions
    for guess in (session.id, digest.hex(), digest.decode("latin-1"), "", "ada"):
        assert sessions.get(guess) is None
        assert sessions.touch(guess) is False
        assert sessions.update(guess, {"a": 1}) is False
        assert sessions.rotate(guess) is None
        assert sessions.destroy(guess) is False
    assert sessions.get(token) is not None


def test_a_session_never_shows_its_token() -> None:
    """B3-3, B4-8: it has a public id instead, that no other has."""
    sessions, _ = make()
    tokens = [sessions.create("ada") for _ in range(50)]
    ids: set[str] = set()
    for token in tokens:
        session = sessions.get(token)
        assert session is not None
        assert token not in repr(session)
        assert token[:10] not in repr(session)
        ids.add(session.id)
    assert len(ids) == 50
    assert {session.id for session in sessions.sessions_of("ada")} == ids


@pytest.mark.parametrize("verb", ["get", "touch", "update", "rotate", "destroy"])
def test_no_error_ever_shows_a_token(verb: str, caplog: pytest.LogCaptureFixture) -> None:
    """B3-3."""
    sessions, _ = make()
    token = sessions.create("ada")
    more = [{"a": 1}] if verb == "update" else []
    with caplog.at_level(logging.DEBUG), pytest.raises(TypeError, match="str") as caught:
        getattr(sessions, verb)(token.encode(), *more)
    assert token not in str(caught.value)
    sessions.close()
    with pytest.raises(TableClosed) as closed:
        getattr(sessions, verb)(token, *more)
    error: BaseException | None = closed.value
    while error is not None:
        assert token not in str(error)
        assert repr(error.args).find(token) == -1
        error = error.__cause__ or error.__context__
    assert caplog.text == ""


def test_an_update_that_fails_never_shows_a_token() -> None:
    sessions, _ = make()
    token = sessions.create("ada")
    with pytest.raises((TypeError, ValueError)) as caught:
        sessions.update(token, 5)  # type: ignore[arg-type]
    assert token not in str(caught.value)


@pytest.mark.parametrize("token", ["", "x", "é", "\x00", "\ud800", "x" * 10_000])
def test_any_text_may_be_asked_for(token: str) -> None:
    sessions, _ = make()
    assert sessions.get(token) is None


@pytest.mark.parametrize("token", [None, 5, b"bytes", ["list"]])
def test_a_token_that_is_no_str_is_a_type_error(token: Any) -> None:
    sessions, _ = make()
    for verb in (sessions.get, sessions.touch, sessions.rotate, sessions.destroy):
        with pytest.raises(TypeError, match="a session token is a str"):
            verb(token)


# -- create and get ---------------------------------------------------------------------------------------------------


def test_create_opens_a_session_of_the_user_with_the_data() -> None:
    sessions, clock = make()
    clock.advance(5)
    token = sessions.create("ada", {"theme": "dark"})
    session = sessions.get(token)
    assert isinstance(session, Session)
    assert (session.user_id, dict(session.data), session.created_at) == ("ada", {"theme": "dark"}, 5.0)
    assert isinstance(session.id, str)
    assert sessions.get(sessions.create("ada")).data == {}  # type: ignore[union-attr]
    check(sessions)


@pytest.mark.parametrize("user", ["ada", 7, ("tenant", 7), None, b"x", True], ids=repr)
def test_a_user_id_is_anything_that_has_a_hash(user: Any) -> None:
    sessions, _ = make()
    token = sessions.create(user)
    assert sessions.get(token).user_id == user  # type: ignore[union-attr]
    assert len(sessions.sessions_of(user)) == 1
    assert sessions.destroy_all_of(user) == 1


def test_a_user_id_without_a_hash_opens_no_session() -> None:
    sessions, _ = make()
    with pytest.raises(UnhashableKey):
        sessions.create(["ada"])
    assert sessions.stats() == SessionStats(0, 0, 0, 0)
    check(sessions)


@pytest.mark.parametrize("data", [5, 0, 2.5, object(), "text"])
def test_data_that_is_no_mapping_opens_no_session(data: Any) -> None:
    sessions, _ = make()
    with pytest.raises((TypeError, ValueError)):
        sessions.create("ada", data)
    assert sessions.stats().created == 0
    check(sessions)


def test_a_create_that_fails_half_way_never_leaves_anything() -> None:
    """B4-3: two writes, and a failure between them. Now they are one, and nothing can come between."""
    clock = ManualClock()
    fail = [False]
    calls: list[int] = []

    def now() -> float:
        calls.append(1)
        if fail[0] and len(calls) > 1:
            raise OSError("no time")
        return clock()

    sessions = SessionStore(store=ets.Store(), clock=now)
    sessions.create("ada")
    calls.clear()
    fail[0] = True
    with pytest.raises(OSError, match="no time"):
        sessions.create("ada")
    fail[0] = False
    assert sessions.stats() == SessionStats(1, 1, 0, 0)
    check(sessions)


def test_the_data_that_was_given_is_never_shared() -> None:
    """B3-5: what the caller did to it later changed the session."""
    sessions, _ = make()
    data = {"role": "user"}
    token = sessions.create("ada", data)
    data["role"] = "admin"
    assert sessions.get(token).data == {"role": "user"}  # type: ignore[union-attr]
    changes = {"page": 1}
    sessions.update(token, changes)
    changes["page"] = 2
    assert sessions.get(token).data == {"role": "user", "page": 1}  # type: ignore[union-attr]


def test_a_session_can_never_be_changed_in_place() -> None:
    """B3-10: the internal data was handed out, and changing it went past `update`."""
    sessions, _ = make()
    token = sessions.create("ada", {"role": "user"})
    session: Any = sessions.get(token)
    with pytest.raises(TypeError):
        session.data["role"] = "admin"
    with pytest.raises(AttributeError):
        session.data.update({"role": "admin"})
    with pytest.raises(dataclasses.FrozenInstanceError):
        session.user_id = "eve"
    with pytest.raises((AttributeError, TypeError)):
        session.token = "x"
    assert sessions.get(token).data == {"role": "user"}  # type: ignore[union-attr]


def test_a_session_stays_as_it_stood_when_it_was_read() -> None:
    sessions, _ = make()
    token = sessions.create("ada", {"page": 1})
    before = sessions.get(token)
    sessions.update(token, {"page": 2})
    assert before is not None
    assert before.data == {"page": 1}


# -- timeouts ---------------------------------------------------------------------------------------------------------


def test_a_session_ends_when_it_was_idle_for_too_long() -> None:
    """B3-9: the last access was recorded, and never counted."""
    sessions, clock = make(idle_timeout=60)
    token = sessions.create("ada")
    clock.advance(59.999)
    assert sessions.get(token, touch=False) is not None
    clock.advance(0.001)
    assert sessions.get(token) is None
    assert len(sessions) == 0
    check(sessions)


@pytest.mark.parametrize("use", ["get", "touch", "rotate"])
def test_use_restarts_the_idle_timeout(use: str) -> None:
    sessions, clock = make(idle_timeout=60)
    token: str = sessions.create("ada")
    for _ in range(5):
        clock.advance(59)
        match use:
            case "get":
                assert sessions.get(token) is not None
            case "touch":
                assert sessions.touch(token) is True
            case _:
                renewed = sessions.rotate(token)
                assert renewed is not None
                token = renewed
    clock.advance(60)
    assert sessions.get(token) is None
    check(sessions)


@pytest.mark.parametrize("look", ["get", "sessions_of", "stats", "len", "update"])
def test_what_only_looks_never_restarts_the_idle_timeout(look: str) -> None:
    sessions, clock = make(idle_timeout=60)
    token = sessions.create("ada")
    clock.advance(59)
    match look:
        case "get":
            assert sessions.get(token, touch=False) is not None
        case "sessions_of":
            assert len(sessions.sessions_of("ada")) == 1
        case "stats":
            assert sessions.stats().active == 1
        case "len":
            assert len(sessions) == 1
        case _:
            assert sessions.update(token, {"a": 1}) is True
    clock.advance(1)
    assert sessions.get(token) is None


@pytest.mark.parametrize("use", ["get", "touch", "rotate"])
def test_no_use_ever_carries_a_session_past_its_absolute_end(use: str) -> None:
    """B3-13: a stolen session could be kept alive for ever."""
    sessions, clock = make(idle_timeout=60, absolute_timeout=100)
    clock.advance(1000)
    token: str = sessions.create("ada")
    for _ in range(3):
        clock.advance(30)
        match use:
            case "get":
                assert sessions.get(token) is not None
            case "touch":
                assert sessions.touch(token) is True
            case _:
                renewed = sessions.rotate(token)
                assert renewed is not None
                token = renewed
    clock.advance(9.999)
    assert sessions.get(token) is not None
    clock.advance(0.001)
    assert sessions.get(token, touch=False) is None
    assert sessions.touch(token) is False
    assert sessions.update(token, {"a": 1}) is False
    assert sessions.rotate(token) is None
    assert sessions.sessions_of("ada") == []
    assert len(sessions) == 0
    check(sessions)


def test_an_absolute_timeout_shorter_than_the_idle_one_counts_from_the_start() -> None:
    sessions, clock = make(idle_timeout=3600, absolute_timeout=10)
    token = sessions.create("ada")
    clock.advance(9.999)
    assert sessions.get(token) is not None
    clock.advance(0.001)
    assert sessions.get(token) is None


def test_the_idle_timeout_counts_before_the_absolute_one() -> None:
    sessions, clock = make(idle_timeout=10, absolute_timeout=1000)
    token = sessions.create("ada")
    clock.advance(10)
    assert sessions.get(token) is None


@pytest.mark.parametrize("start", [0.1, 1e6, 1_700_000_000.4])
def test_the_absolute_end_is_exact_on_any_clock(start: float) -> None:
    clock = ManualClock(start)
    sessions = SessionStore(idle_timeout=0.7, absolute_timeout=0.9, store=ets.Store(), clock=clock)
    token = sessions.create("ada")
    for _ in range(8):
        clock.advance(0.1)
        assert sessions.get(token) is not None
    clock.advance(0.099)
    assert sessions.get(token) is not None
    clock.advance(0.001)
    assert sessions.get(token) is None


def test_timeouts_may_be_given_as_timedelta() -> None:
    sessions, clock = make(idle_timeout=timedelta(minutes=30), absolute_timeout=timedelta(minutes=45))
    token = sessions.create("ada")
    clock.advance(1799)
    assert sessions.get(token) is not None
    clock.advance(901)
    assert sessions.get(token) is None


def test_the_date_never_ends_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """B3-18: a jump of the wall clock logged everybody out, or kept them in."""
    sessions = SessionStore(store=ets.Store())
    token = sessions.create("ada")
    for date in (0.0, 4e9):
        monkeypatch.setattr(time, "time", lambda date=date: date)
        assert sessions.get(token) is not None


# -- touch never resurrects -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["destroy", "destroy_all_of", "expire", "rotate"])
def test_no_verb_ever_brings_an_ended_session_back(end: str) -> None:
    """B3-8: a read wrote the session again, and undid the log-out."""
    sessions, clock = make(idle_timeout=60)
    token = sessions.create("ada", {"a": 1})
    renewed = None
    match end:
        case "destroy":
            assert sessions.destroy(token) is True
        case "destroy_all_of":
            assert sessions.destroy_all_of("ada") == 1
        case "expire":
            clock.advance(60)
        case _:
            renewed = sessions.rotate(token)
    live = len(sessions)
    assert sessions.touch(token) is False
    assert sessions.get(token) is None
    assert sessions.get(token, touch=False) is None
    assert sessions.update(token, {"b": 2}) is False
    assert sessions.rotate(token) is None
    assert sessions.destroy(token) is False
    assert len(sessions) == len(sessions.sessions_of("ada")) == live == (renewed is not None)
    if renewed is not None:
        assert sessions.get(renewed).data == {"a": 1}  # type: ignore[union-attr]
    check(sessions)


def test_a_touch_never_inserts() -> None:
    """B3-7, B3-8: it moves the deadline of a row that is there; one that was destroyed since it was read stays away."""
    sessions, _ = make()
    token = sessions.create("ada")
    (digest,) = sessions._sessions
    table = sessions._sessions

    class Table:
        """The table, with a destroy between reading and touching."""

        def lookup(self, key: bytes) -> Session | None:
            session = table.lookup(key)
            sessions._sessions = table
            assert sessions.destroy(token) is True
            return session

    sessions._sessions = Table()  # type: ignore[assignment]
    assert sessions.get(token) is None
    assert table.member(digest) is False
    check(sessions)


# -- update -----------------------------------------------------------------------------------------------------------


def test_update_merges() -> None:
    sessions, _ = make()
    token = sessions.create("ada", {"a": 1, "b": 1})
    before = sessions.get(token)
    assert sessions.update(token, {"b": 2, "c": 3}) is True
    after = sessions.get(token)
    assert before is not None
    assert after is not None
    assert after.data == {"a": 1, "b": 2, "c": 3}
    assert (after.id, after.user_id, after.created_at) == (before.id, before.user_id, before.created_at)
    assert sessions.update(token, {}) is True
    check(sessions)


def test_changes_may_have_any_name() -> None:
    """They come as one mapping, so no name of an argument is taken."""
    sessions, _ = make()
    token = sessions.create("ada")
    assert sessions.update(token, {"token": 1, "self": 2, "changes": 3, "not an identifier": 4}) is True
    assert len(sessions.get(token).data) == 4  # type: ignore[union-attr]
    with pytest.raises(TypeError):
        sessions.update(token, a=1)  # type: ignore[call-arg]


def test_no_update_is_ever_lost_to_one_that_comes_in_between() -> None:
    """B3-11: two updates read the same data, and the later one undid the other."""
    sessions, _ = make()
    token = sessions.create("ada")
    inner = sessions._sessions.compute
    between: list[Any] = [{"second": 2}]

    class Table:
        """The table, with another update between reading and writing."""

        def compute(self, key: bytes, function: Any) -> Any:
            def slowed(session: Session) -> Session:
                result: Session = function(session)
                if between:
                    thread = threading.Thread(target=SessionStore.update, args=(sessions, token, between.pop()))
                    thread.start()
                    thread.join(30)
                    assert not thread.is_alive()
                return result

            return inner(key, slowed)

        def __getattr__(self, name: str) -> Any:
            return getattr(table, name)

    table = sessions._sessions
    sessions._sessions = Table()  # type: ignore[assignment]
    assert sessions.update(token, {"first": 1}) is True
    sessions._sessions = table
    assert sessions.get(token).data == {"first": 1, "second": 2}  # type: ignore[union-attr]


def test_an_update_whose_changes_cannot_be_read_changes_nothing() -> None:
    sessions, _ = make()
    token = sessions.create("ada", {"a": 1})
    for bad in (5, None, "text", [1, 2]):
        with pytest.raises((TypeError, ValueError)):
            sessions.update(token, bad)  # type: ignore[arg-type]
    assert sessions.get(token).data == {"a": 1}  # type: ignore[union-attr]


# -- rotate -----------------------------------------------------------------------------------------------------------


def test_rotate_never_leaves_the_old_token_valid() -> None:
    """B3-17: without it a token that was planted before the log-in was worth something after it."""
    sessions, _ = make()
    old = sessions.create("ada", {"cart": 3})
    before = sessions.get(old)
    new = sessions.rotate(old)
    assert new is not None
    assert new != old
    assert sessions.get(old) is None
    assert sessions.get(new) == before
    assert sessions.sessions_of("ada") == [before]
    assert sessions.stats() == SessionStats(active=1, created=1, expired=0, destroyed=0)
    assert sessions.destroy(old) is False
    assert sessions.destroy(new) is True
    check(sessions)


def test_rotate_of_what_is_not_live_gives_nothing() -> None:
    sessions, clock = make(idle_timeout=60)
    assert sessions.rotate("guessed") is None
    token = sessions.create("ada")
    clock.advance(60)
    assert sessions.rotate(token) is None
    check(sessions)


def test_a_rotated_session_keeps_its_absolute_end() -> None:
    """B3-13."""
    sessions, clock = make(idle_timeout=100, absolute_timeout=100)
    token = sessions.create("ada")
    clock.advance(99)
    renewed = sessions.rotate(token)
    assert renewed is not None
    clock.advance(1)
    assert sessions.get(renewed) is None
    check(sessions)


def test_statistics_never_count_a_session_twice_that_expires_while_it_is_rotated() -> None:
    """Time passes between two looks at the clock: it is expired or live, and never both."""
    for late in range(12):
        clock = ClockThatJumps()
        sessions = SessionStore(idle_timeout=60, store=ets.Store(), clock=clock)
        token = sessions.create("ada")
        with clock.jumping(60, at=late):
            renewed = sessions.rotate(token)
        check(sessions)
        assert sessions.get(token) is None
        assert len(sessions) in ({0} if renewed is None else {0, 1})
        clock.advance(60)
        check(sessions)
        assert sessions.stats() == SessionStats(0, 1, 1, 0)


# -- destroy, users ---------------------------------------------------------------------------------------------------


def test_destroy_ends_a_session_and_tells_whether_it_was_live() -> None:
    sessions, _ = make()
    token, other = sessions.create("ada"), sessions.create("ada")
    assert sessions.destroy(token) is True
    assert sessions.destroy(token) is False
    assert sessions.get(token) is None
    assert sessions.get(other) is not None
    assert sessions.stats() == SessionStats(active=1, created=2, expired=0, destroyed=1)
    check(sessions)


def test_destroy_of_an_expired_session_is_never_true() -> None:
    sessions, clock = make(idle_timeout=60)
    token = sessions.create("ada")
    clock.advance(60)
    assert sessions.destroy(token) is False
    assert sessions.stats() == SessionStats(active=0, created=1, expired=1, destroyed=0)
    check(sessions)


def test_sessions_of_lists_the_live_ones_in_the_order_of_their_tokens() -> None:
    sessions, clock = make(idle_timeout=60)
    first = sessions.create("ada", {"n": 1})
    clock.advance(30)
    tokens = [sessions.create("ada", {"n": n}) for n in (2, 3)]
    sessions.create("bob", {"n": 4})
    assert [session.data["n"] for session in sessions.sessions_of("ada")] == [1, 2, 3]
    sessions.rotate(first)
    assert [session.data["n"] for session in sessions.sessions_of("ada")] == [2, 3, 1]
    sessions.destroy(tokens[0])
    assert [session.data["n"] for session in sessions.sessions_of("ada")] == [3, 1]
    clock.advance(60)
    assert sessions.sessions_of("ada") == []
    assert sessions.sessions_of("nobody") == []
    check(sessions)


def test_what_sessions_of_lists_can_be_told_apart() -> None:
    """B4-8: they came without any id, so no page could show them one by one."""
    sessions, _ = make()
    for _ in range(3):
        sessions.create("ada")
    assert len({session.id for session in sessions.sessions_of("ada")}) == 3


def test_the_index_never_keeps_a_session_that_is_gone() -> None:
    """B4-2, B4-6, B4-8: its rows leaked, and stayed for ever once the session itself was gone."""
    sessions, clock = make(idle_timeout=60)
    for round_ in range(20):
        token, rotated, idle = (sessions.create(f"user {round_ % 3}") for _ in range(3))
        sessions.destroy(token)
        sessions.rotate(rotated)
        assert idle
        clock.advance(30)
        check(sessions)
    clock.advance(60)
    sessions.sweep()
    assert listed(sessions) == {}
    assert len(sessions._by_user) == len(sessions._sessions) == 0
    check(sessions)


@pytest.mark.parametrize("verb", ["create", "get", "touch", "update", "rotate", "destroy", "len", "stats", "sweep"])
def test_whoever_reclaims_a_session_takes_it_out_of_the_index(verb: str) -> None:
    sessions, clock = make(idle_timeout=60)
    token = sessions.create("ada")
    clock.advance(60)
    match verb:
        case "create":
            sessions.create("bob")
        case "update":
            sessions.update(token, {})
        case "len":
            assert len(sessions) == 0
        case "stats" | "sweep":
            getattr(sessions, verb)()
        case _:
            getattr(sessions, verb)(token)
    entries = len(listed(sessions))
    assert entries == sessions._sessions._stored()
    if verb not in {"get", "rotate"}:  # a look at what is not there reclaims nothing
        assert entries == (verb == "create")
    check(sessions)


def test_expired_sessions_never_pile_up() -> None:
    """B4-2, B3-15: nothing cleaned up, or a timer that stopped everybody. Each write reclaims a few."""
    sessions, clock = make(idle_timeout=60)
    before = threading.enumerate()
    for number in range(1000):
        clock.advance(6)
        sessions.create(number % 10)
    assert sessions._sessions._stored() <= 15
    assert len(listed(sessions)) <= 15
    assert threading.enumerate() == before
    check(sessions)


def test_destroy_all_of_ends_the_sessions_of_that_user_alone() -> None:
    sessions, _ = make()
    mine = [sessions.create("ada") for _ in range(3)]
    other = sessions.create("bob")
    assert sessions.destroy_all_of("ada") == 3
    assert sessions.destroy_all_of("ada") == 0
    assert sessions.destroy_all_of("nobody") == 0
    assert [sessions.get(token) for token in mine] == [None] * 3
    assert sessions.get(other) is not None
    assert sessions.stats() == SessionStats(active=1, created=4, expired=0, destroyed=3)
    check(sessions)


def test_destroy_all_of_never_counts_what_has_expired() -> None:
    """B3-14, B4-9."""
    sessions, clock = make(idle_timeout=60)
    for _ in range(10):
        sessions.create("ada")
    clock.advance(30)
    sessions.create("ada")
    sessions.create("ada")
    clock.advance(30)
    assert sessions.destroy_all_of("ada") == 2
    assert sessions.stats() == SessionStats(active=0, created=12, expired=10, destroyed=2)
    check(sessions)


def test_destroy_all_of_never_loses_count_of_what_expires_meanwhile() -> None:
    """Time passes between two looks at the clock: each session is expired or destroyed, and never neither."""
    for late in range(6):
        clock = ClockThatJumps()
        sessions = SessionStore(idle_timeout=60, store=ets.Store(), clock=clock)
        for _ in range(10):
            sessions.create("ada")
        with clock.jumping(60, at=late):
            destroyed = sessions.destroy_all_of("ada")
        stats = sessions.stats()
        assert stats == SessionStats(active=0, created=10, expired=10 - destroyed, destroyed=destroyed)
        check(sessions)


def test_a_session_that_was_rotated_is_never_spared_by_destroy_all_of() -> None:
    """B4-9: what had no index row survived the log-out everywhere."""
    sessions, _ = make()
    token = sessions.create("ada")
    for _ in range(3):
        renewed = sessions.rotate(token)
        assert renewed is not None
        token = renewed
    assert sessions.destroy_all_of("ada") == 1
    assert sessions.get(token) is None
    check(sessions)


def test_destroying_never_looks_at_the_other_sessions() -> None:
    """B3-14, B4-5, B4-7: it scanned all sessions, or all of the user's. Counted, not timed."""

    class User:
        compared = 0

        def __init__(self, name: str) -> None:
            self.name = name

        def __hash__(self) -> int:
            return hash(self.name)

        def __eq__(self, other: object) -> bool:
            User.compared += 1
            return isinstance(other, User) and self.name == other.name

    sessions, _ = make()
    tokens = [sessions.create(User(f"user {number % 50}")) for number in range(500)]
    User.compared = 0
    assert sessions.destroy(tokens[250])
    assert sessions.destroy_all_of(User("user 7")) == 10
    assert User.compared < 20
    check(sessions)


# -- sweep, statistics, closing ---------------------------------------------------------------------------------------


def test_sweep_reclaims_what_has_expired_and_tells_how_many() -> None:
    sessions, clock = make(idle_timeout=60)
    for _ in range(5):
        sessions.create("ada")
    assert sessions.sweep() == 0
    clock.advance(60)
    assert sessions.sweep() == 5
    assert sessions.sweep() == 0
    assert sessions.stats() == SessionStats(active=0, created=5, expired=5, destroyed=0)
    check(sessions)


def test_len_never_counts_what_has_expired() -> None:
    """B3-16: the total included the dead."""
    sessions, clock = make(idle_timeout=60)
    for number in range(5):
        sessions.create(number)
        clock.advance(10)
    assert len(sessions) == 5
    for left in (4, 3, 2, 1, 0):
        clock.advance(10)
        assert len(sessions) == sessions.stats().active == left
        check(sessions)


def test_statistics_add_up_after_every_step() -> None:
    sessions, clock = make(idle_timeout=50, absolute_timeout=120)
    tokens: list[str] = []
    for number in range(60):
        tokens.append(sessions.create(number % 4))
        check(sessions)
        clock.advance(7)
        check(sessions)
        match number % 5:
            case 0:
                sessions.destroy(tokens[number // 2])
            case 1:
                sessions.rotate(tokens[-1])
            case 2:
                sessions.get(tokens[-3])
            case 3:
                sessions.destroy_all_of(number % 4)
            case _:
                sessions.sweep()
        check(sessions)


def test_statistics_are_a_snapshot_that_cannot_be_changed() -> None:
    sessions, _ = make()
    stats: Any = sessions.stats()
    sessions.create("ada")
    assert stats.active == 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        stats.active = 5


def test_closing_is_final_and_may_be_repeated() -> None:
    store = ets.Store()
    with SessionStore(store=store) as sessions:
        token = sessions.create("ada")
    sessions.close()
    assert store.tables() == []
    for verb in (
        lambda: sessions.create("ada"),
        lambda: sessions.get(token),
        lambda: sessions.get(token, touch=False),
        lambda: sessions.touch(token),
        lambda: sessions.update(token, {}),
        lambda: sessions.rotate(token),
        lambda: sessions.destroy(token),
        lambda: sessions.sessions_of("ada"),
        lambda: sessions.destroy_all_of("ada"),
        sessions.sweep,
        sessions.stats,
        lambda: len(sessions),
    ):
        with pytest.raises(TableClosed):
            verb()
    assert bool(sessions)
    assert "closed" in repr(sessions)
    SessionStore(store=store)


def test_closing_the_store_closes_the_sessions() -> None:
    with ets.Store() as store:
        sessions = SessionStore(store=store)
    with pytest.raises(TableClosed):
        sessions.create("ada")


def test_the_repr_tells_name_and_size() -> None:
    sessions, _ = make()
    sessions.create("ada")
    assert repr(sessions) == "<SessionStore over <SetTable 'sessions' engine='memory' size=1>>"
