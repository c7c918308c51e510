"""Threads on one cache and one session store: loads happen once, nothing hangs, nothing comes back, nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Barrier, Event, get_ident
from typing import Any

import pytest

from noex import Cache, SessionStore, _single_flight, ets
from noex.errors import LoadDeadlock, TableClosed
from noex.testing import ManualClock

PATIENCE = 60.0
Race = Callable[..., list[Any]]


class Key:
    """A key whose hash and comparison are Python code."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        return self.number % 3

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self.number == other.number


each_key = pytest.mark.parametrize("make_key", [str, Key], ids=["text", "foreign"])


def until(condition: Callable[[], bool]) -> None:
    """Spin until the condition holds; a condition that never comes is a failure, and no hang."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "what a test waits for did not come"


class Waiters:
    """Knows which of the threads that have signed up wait for the load of another."""

    def __init__(self) -> None:
        self.signed_up: list[_single_flight._Status] = []

    def sign_up(self) -> None:
        self.signed_up.append(_single_flight._my_status())

    def all_but_one_wait(self, threads: int) -> bool:
        return sum(status.waits_for is not None for status in list(self.signed_up)) == threads - 1


def outcome(function: Callable[[], Any]) -> Any:
    """Return what the function returns, or the exception that it raises."""
    try:
        return function()
    except Exception as error:
        return error


# -- one load per key -------------------------------------------------------------------------------------------------


@each_key
def test_racy_misses_of_one_key_call_one_factory(make_key: Callable[[int], Any], race: Race) -> None:
    """B2-14, B2-22: three callers at once were three calls of the factory."""
    cache = Cache[Any, object](max_entries=10)
    waiters = Waiters()
    calls: list[int] = []

    def factory() -> object:
        calls.append(1)
        until(lambda: waiters.all_but_one_wait(8))
        return object()

    def load() -> object:
        waiters.sign_up()
        return cache.get_or_set(make_key(1), factory)

    values = race(*[load] * 8)
    assert len(calls) == 1
    assert len(set(map(id, values))) == 1
    assert cache.get(make_key(1)) is values[0]
    stats = cache.stats()
    assert (stats.loads, stats.load_failures, stats.misses, stats.hits) == (1, 0, 8, 1)
    cache._check()


def test_racy_failure_of_a_load_goes_to_all_who_wait_and_is_never_kept(race: Race) -> None:
    """B2-13."""
    cache = Cache[str, int]()
    waiters = Waiters()
    error = ConnectionError("no answer")

    def factory() -> int:
        until(lambda: waiters.all_but_one_wait(8))
        raise error

    def load() -> Any:
        waiters.sign_up()
        return outcome(lambda: cache.get_or_set("a", factory))

    assert race(*[load] * 8) == [error] * 8
    stats = cache.stats()
    assert (stats.loads, stats.load_failures, stats.size) == (1, 1, 0)
    assert cache.get_or_set("a", lambda: 5) == 5


def test_racy_loads_of_different_keys_never_wait_for_each_other(race: Race) -> None:
    cache = Cache[int, int]()
    together = Barrier(4)

    def load(number: int) -> int:
        return cache.get_or_set(number, lambda: together.wait(PATIENCE) * 0 + number)

    assert race(*[lambda number=number: load(number) for number in range(4)]) == [0, 1, 2, 3]


@each_key
def test_racy_loads_of_many_keys_call_one_factory_each(make_key: Callable[[int], Any], race: Race) -> None:
    cache = Cache[Any, int]()
    calls: list[int] = []

    def factory(number: int) -> int:
        calls.append(number)
        return number

    def load() -> list[int]:
        return [cache.get_or_set(make_key(number), lambda n=number: factory(n)) for number in range(100)]

    assert race(*[load] * 8) == [list(range(100))] * 8
    assert sorted(calls) == list(range(100))
    assert cache.stats().loads == 100


def test_racy_write_while_a_load_is_under_way_is_never_waited_for(race: Race) -> None:
    cache = Cache[str, int]()
    loading, written = Event(), Event()

    def load() -> int:
        def factory() -> int:
            loading.set()
            assert written.wait(PATIENCE)
            return 1

        return cache.get_or_set("a", factory)

    def write() -> int | None:
        assert loading.wait(PATIENCE)
        cache.set("a", 2)
        got = cache.get("a")
        written.set()
        return got

    assert race(load, write) == [1, 2]
    assert cache.get("a") == 2  # the load is the older one


def test_racy_closing_a_cache_never_leaves_those_waiting_who_wait_for_a_load(race: Race) -> None:
    cache = Cache[str, int]()
    waiters = Waiters()

    def factory() -> int:
        until(lambda: waiters.all_but_one_wait(4))
        cache.close()
        return 1

    def load() -> Any:
        waiters.sign_up()
        return outcome(lambda: cache.get_or_set("a", factory))

    assert [type(result) for result in race(*[load] * 4)] == [TableClosed] * 4


def test_racy_key_whose_comparison_fails_at_the_end_of_a_load_never_leaves_others_waiting(race: Race) -> None:
    class Fragile(Key):
        broken = False

        def __hash__(self) -> int:
            return 1

        def __eq__(self, other: object) -> bool:
            if Fragile.broken:
                raise ZeroDivisionError
            return super().__eq__(other)

    cache = Cache[Fragile, int]()
    waiters = Waiters()

    def factory() -> int:
        until(lambda: waiters.all_but_one_wait(3))
        Fragile.broken = True
        return 1

    def load() -> Any:
        waiters.sign_up()
        return outcome(lambda: cache.get_or_set(Fragile(1), factory))

    results = race(*[load] * 3)
    assert len(results) == 3


# -- loads that wait for loads ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("caches", [1, 2])
@pytest.mark.parametrize("threads", [2, 3])
def test_racy_circle_of_loads_never_hangs(caches: int, threads: int, race: Race) -> None:
    """Each thread loads a key, and then asks for the one that the next thread loads."""
    made = [Cache[int, str]() for _ in range(caches)]
    all_lead = Barrier(threads)

    def load(number: int) -> str:
        following = (number + 1) % threads

        def factory() -> str:
            all_lead.wait(PATIENCE)
            return made[following % caches].get_or_set(following, lambda: "never called") + "!"

        return made[number % caches].get_or_set(number, factory)

    results = race(*[lambda number=number: outcome(lambda: load(number)) for number in range(threads)])
    assert any(isinstance(result, LoadDeadlock) for result in results)
    assert all(isinstance(result, LoadDeadlock | str) for result in results)
    for number in range(threads):
        assert isinstance(made[number % caches].get_or_set(number, lambda: "again"), str)


def test_racy_circle_of_loads_may_be_caught_and_the_others_get_their_values(race: Race) -> None:
    cache = Cache[str, str]()
    both_lead = Barrier(2)

    def load(mine: str, other: str) -> str:
        def factory() -> str:
            both_lead.wait(PATIENCE)
            try:
                return cache.get_or_set(other, lambda: "never called") + " and mine"
            except LoadDeadlock:
                return "mine alone"

        return cache.get_or_set(mine, factory)

    results = race(lambda: load("a", "b"), lambda: load("b", "a"))
    assert sorted(results) == ["mine alone", "mine alone and mine"]
    assert cache.stats().load_failures == 0


def test_racy_end_of_a_load_is_never_taken_for_a_circle(guarded: Race) -> None:
    """Who has just finished a load may ask at once for a key whose factory waited for that load."""
    for _ in range(50):
        cache = Cache[str, int]()
        inner_leads = Event()
        outer: list[_single_flight._Status] = []

        def lead_outer(cache: Cache[str, int] = cache, inner_leads: Event = inner_leads, outer: Any = outer) -> int:
            def factory() -> int:
                assert inner_leads.wait(PATIENCE)
                outer.append(_single_flight._my_status())
                return cache.get_or_set("inner", lambda: -1) + 1

            return cache.get_or_set("outer", factory)

        def lead_inner(cache: Cache[str, int] = cache, inner_leads: Event = inner_leads, outer: Any = outer) -> int:
            def factory() -> int:
                inner_leads.set()
                until(lambda: bool(outer) and outer[0].waits_for is not None)
                return 7

            cache.get_or_set("inner", factory)
            return cache.get_or_set("outer", lambda: -1)

        assert guarded(lead_inner, lead_outer) == [8, 8]


# -- statistics and size ----------------------------------------------------------------------------------------------


@each_key
def test_racy_hits_and_misses_are_as_many_as_calls(make_key: Callable[[int], Any], race: Race) -> None:
    clock = ManualClock()
    cache = Cache[Any, int](max_entries=20, ttl=5, clock=clock)
    rounds = 400

    def work(thread: int) -> int:
        calls = 0
        for step in range(rounds):
            key = make_key((step * 7 + thread) % 40)
            match step % 4:
                case 0:
                    cache.set(key, step)
                case 1:
                    cache.get_or_set(key, lambda: 1)
                    calls += 1
                case 2:
                    cache.delete(make_key(step % 40))
                case _:
                    cache.get(key)
                    calls += 1
            if step % 50 == 0:
                clock.advance(1)
        return calls

    calls = race(*[lambda thread=thread: work(thread) for thread in range(4)])
    stats = cache.stats()
    assert stats.hits + stats.misses == sum(calls)
    assert stats.hit_ratio == stats.hits / sum(calls)
    assert stats.load_failures == 0
    cache._check()


@each_key
def test_racy_writes_never_make_a_cache_larger_than_it_may_be(make_key: Callable[[int], Any], race: Race) -> None:
    cache = Cache[Any, int](max_entries=10)
    running = [True]

    def write(thread: int) -> int:
        try:
            for step in range(4000):
                cache.set(make_key(step * 3 + thread), step)
            return 4000
        finally:
            running.clear()

    def look() -> int:
        largest = 0
        while running:
            for _ in range(50):
                largest = max(largest, len(cache))
            largest = max(largest, cache.stats().size, len(cache.to_list()))
        return largest

    *writes, largest = race(*[lambda thread=thread: write(thread) for thread in range(3)], look)
    assert largest <= 10
    stats = cache.stats()
    assert (stats.size, stats.size + stats.evictions) == (10, sum(writes))
    cache._check()


@each_key
def test_racy_entries_are_each_counted_once_when_they_go(make_key: Callable[[int], Any], race: Race) -> None:
    """Every entry that came is there, or was deleted, evicted, cleared, or has expired."""
    clock = ManualClock()
    cache = Cache[Any, int](max_entries=15, clock=clock)

    def work(thread: int) -> tuple[int, int]:
        came = gone = 0
        for step in range(400):
            cache.set(make_key(thread + 4 * step), step, ttl=1 + step % 3 if step % 2 else None)
            came += 1
            if step % 3 == 0:
                gone += cache.delete(make_key(thread + 4 * (step - step % 7)))
            if step % 5 == 0:
                clock.advance(0.5)
            if step % 100 == 99:
                gone += cache.clear()
            if step % 11 == 0:
                cache.sweep()
        return came, gone

    results = race(*[lambda thread=thread: work(thread) for thread in range(4)])
    stats = cache.stats()
    came, gone = (sum(numbers) for numbers in zip(*results, strict=True))
    assert came == gone + stats.size + stats.evictions + stats.expirations
    cache._check()


@each_key
def test_racy_reclaiming_never_takes_an_entry_that_was_written_anew(make_key: Callable[[int], Any], race: Race) -> None:
    """B1-9: one saw it expired, another wrote it afresh, and the first removed the fresh one."""
    clock = ManualClock()
    cache = Cache[Any, int](clock=clock)
    running = [True]

    def write(thread: int) -> None:
        try:
            for step in range(500):
                cache.set(make_key(thread), step, ttl=0.001)
                clock.advance(0.001)
                cache.set(make_key(thread), -step, ttl=None)
                assert cache.get(make_key(thread), "lost") == -step
        finally:
            running.clear()

    def reclaim() -> None:
        while running:
            cache.sweep()
            for number in range(2):
                cache.get(make_key(number))
            len(cache)

    race(lambda: write(0), lambda: write(1), reclaim, reclaim)
    assert len(cache) == 2
    cache._check()


# -- sessions ---------------------------------------------------------------------------------------------------------


def new_sessions(**options: Any) -> SessionStore:
    return SessionStore(store=ets.Store(), **options)


def agree(sessions: SessionStore) -> None:
    """Rows and index are whole, and the index lists every session that is stored, and no other."""
    sessions._sessions._check()  # works the index out anew, from the rows
    sessions.sweep()
    stored = {digest: session.user_id for digest, session in sessions._sessions.items()}
    assert sessions._sessions._indexes() == (sessions._by_user._spec,)
    index = sessions._by_user._spec
    assert sessions._sessions._ask_index(index, "entered", list(stored)) == len(stored) == len(sessions._by_user)
    for user in set(stored.values()):
        assert sorted(sessions._by_user.keys((user,))) == sorted(key for key in stored if stored[key] == user)
    stats = sessions.stats()
    assert stats.created == stats.active + stats.expired + stats.destroyed
    assert stats.active == len(stored)


@pytest.mark.parametrize("absolute_timeout", [None, 1e6])
def test_racy_get_never_returns_or_revives_a_session_that_was_destroyed(
    absolute_timeout: float | None, race: Race
) -> None:
    """B3-8: a read wrote it back, and undid the log-out."""
    sessions = new_sessions(absolute_timeout=absolute_timeout)
    tokens = [sessions.create("ada") for _ in range(300)]
    destroyed = [False] * len(tokens)

    def destroy() -> None:
        for place, token in enumerate(tokens):
            assert sessions.destroy(token) is True
            destroyed[place] = True

    def get() -> None:
        for place, token in enumerate(tokens):
            for _ in range(3):
                before = destroyed[place]
                session = sessions.get(token, touch=True)
                sessions.touch(token)
                sessions.update(token, {"seen": True})
                assert not (before and session is not None)

    race(destroy, get, get)
    assert len(sessions) == 0
    assert sessions.stats().destroyed == len(tokens)
    agree(sessions)


def test_racy_create_never_leaves_a_session_that_the_index_does_not_list(race: Race) -> None:
    """B4-3, B4-9: what was created during a log-out everywhere had no index row, and could never be ended."""
    sessions = new_sessions()
    running = [True, True]

    def create() -> list[str]:
        try:
            return [sessions.create("ada") for _ in range(300)]
        finally:
            running.pop()

    def destroy() -> int:
        total = 0
        while running:
            total += sessions.destroy_all_of("ada")
        return total

    first, second, *destroyed = race(create, create, destroy, destroy)
    agree(sessions)
    live = [token for token in first + second if sessions.get(token) is not None]
    assert len(live) == len(sessions) == len(sessions.sessions_of("ada"))
    assert sum(destroyed) + len(live) == 600
    assert sessions.destroy_all_of("ada") == len(live)
    assert all(sessions.get(token) is None for token in live)
    agree(sessions)


@pytest.mark.parametrize("meeting", ["clock", "user"])
def test_racy_log_out_everywhere_never_comes_between_row_and_index_of_create(meeting: str, race: Race) -> None:
    """B4-3: they were two writes. Where `create` runs foreign code, another thread tries to end all of the user's."""
    inside = Event()
    ended = Event()
    looks: list[int] = []
    creators: list[int] = []

    def meet() -> None:
        if get_ident() not in creators:
            return
        looks.append(1)
        if len(looks) == 2:
            inside.set()
            for _ in range(20_000):  # time enough for the other, if nothing keeps it out
                if ended.is_set():
                    break

    class User:
        def __hash__(self) -> int:
            if meeting == "user":
                meet()
            return 5

        def __eq__(self, other: object) -> bool:
            if meeting == "user":
                meet()
            return isinstance(other, User)

    def clock() -> float:
        if meeting == "clock":
            meet()
        return 0.0

    sessions = new_sessions(clock=clock)
    sessions.create(User())  # one that the user has already, for the new one to be compared with

    def create() -> str:
        creators.append(get_ident())
        try:
            return sessions.create(User())
        finally:
            creators.clear()

    def destroy() -> int:
        assert inside.wait(PATIENCE)
        destroyed = sessions.destroy_all_of(User())
        ended.set()
        return destroyed

    token, destroyed = race(create, destroy)
    assert destroyed in (1, 2)
    assert (sessions.get(token) is None) == (destroyed == 2)
    assert len(sessions.sessions_of(User())) == len(sessions) == 2 - destroyed
    agree(sessions)


def test_racy_updates_of_one_session_are_all_there(race: Race) -> None:
    """B3-11: the later of two updates undid the other."""
    sessions = new_sessions()
    token = sessions.create("ada", {"first": 0})

    def update(thread: int) -> None:
        for step in range(60):
            assert sessions.update(token, {f"{thread}:{step}": step}) is True

    race(*[lambda thread=thread: update(thread) for thread in range(4)])
    session = sessions.get(token)
    assert session is not None
    assert session.data == {"first": 0} | {f"{thread}:{step}": step for thread in range(4) for step in range(60)}
    agree(sessions)


def test_racy_rotation_never_loses_an_update_that_said_it_was_done(race: Race) -> None:
    sessions = new_sessions()
    current = [sessions.create("ada")]
    running = [True]

    def rotate() -> None:
        for _ in range(150):
            renewed = sessions.rotate(current[0])
            assert renewed is not None
            current[0] = renewed
        running.clear()

    def update(thread: int) -> list[str]:
        done: list[str] = []
        step = 0
        while running:
            if sessions.update(current[0], {f"{thread}:{step}": step}):
                done.append(f"{thread}:{step}")
            step = (step + 1) % 50
        return done

    _, *done = race(rotate, lambda: update(0), lambda: update(1))
    session = sessions.get(current[0])
    assert session is not None
    assert set(session.data) == set().union(*done)
    agree(sessions)


def test_racy_rotation_of_one_token_has_one_winner(race: Race) -> None:
    sessions = new_sessions()
    for _ in range(60):
        token = sessions.create("ada")
        renewed = [new for new in race(*[lambda token=token: sessions.rotate(token)] * 3) if new is not None]
        assert len(renewed) == 1
        assert sessions.get(token) is None
        assert sessions.get(renewed[0]) is not None
    assert len(sessions) == 60
    agree(sessions)


def test_racy_rotation_never_changes_how_many_there_are(race: Race) -> None:
    sessions = new_sessions()
    token = sessions.create("ada")
    running = [True]

    def rotate() -> None:
        current: str | None = token
        for _ in range(200):
            assert current is not None
            current = sessions.rotate(current)
        running.clear()

    def look() -> set[int]:
        seen = {1}
        while running:
            seen |= {len(sessions), sessions.stats().active, len(sessions.sessions_of("ada"))}
        return seen

    assert race(rotate, look, look)[1:] == [{1}, {1}]


def test_racy_rotation_never_escapes_a_log_out_everywhere(race: Race) -> None:
    """B4-9: once it has returned, no session of before is left, whatever its token was meanwhile."""
    for _ in range(30):
        sessions = new_sessions()
        token = sessions.create("ada")

        def rotate(sessions: SessionStore = sessions, token: str = token) -> int:
            current: str | None = token
            times = 0
            while current is not None:
                current = sessions.rotate(current)
                times += 1
            return times

        def destroy(sessions: SessionStore = sessions) -> int:
            return sessions.destroy_all_of("ada")

        assert race(rotate, destroy)[1] == 1
        assert sessions.sessions_of("ada") == []
        assert len(sessions) == 0
        agree(sessions)


def test_racy_sessions_that_expire_are_each_counted_once_and_leave_the_index(race: Race) -> None:
    """B4-6: index rows stayed for ever when the session itself was gone."""
    clock = ManualClock()
    sessions = new_sessions(idle_timeout=1, absolute_timeout=3, clock=clock)

    def work(thread: int) -> tuple[int, int]:
        tokens: list[str] = []
        destroyed = 0
        for step in range(200):
            tokens.append(sessions.create(f"user {step % 3}"))
            sessions.get(tokens[step // 2])
            sessions.touch(tokens[-1])
            clock.advance(0.01)
            match step % 6:
                case 0:
                    destroyed += sessions.destroy(tokens[-2] if step else "none yet")
                case 1:
                    sessions.rotate(tokens[-1])
                case 2:
                    sessions.sweep()
                case 3:
                    destroyed += sessions.destroy_all_of(f"user {thread % 3}")
                case 4:
                    stats = sessions.stats()
                    assert min(stats.active, stats.expired, stats.destroyed) >= 0
                case _:
                    sessions.update(tokens[-1], {"step": step})
        return len(tokens), destroyed

    results = race(*[lambda thread=thread: work(thread) for thread in range(4)])
    created, destroyed = (sum(numbers) for numbers in zip(*results, strict=True))
    stats = sessions.stats()
    assert (stats.created, stats.destroyed) == (created, destroyed)
    agree(sessions)
    clock.advance(5)
    sessions.sweep()
    assert len(sessions._by_user) == 0
    assert sessions.stats().expired == created - destroyed


def test_racy_closing_never_hangs_anybody(race: Race) -> None:
    sessions = new_sessions()

    def work() -> None:
        while True:
            try:
                token = sessions.create("ada")
                sessions.get(token)
                sessions.rotate(token)
                sessions.destroy_all_of("ada")
            except TableClosed:
                return

    def close() -> None:
        for _ in range(50):
            sessions.sessions_of("ada")
        sessions.close()

    race(work, work, close)
