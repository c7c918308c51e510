"""Sessions of users: opaque tokens, an idle timeout, and "log out everywhere".

One table, sessions by the hash of their token, with an index by user: each verb changes both in one step.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2s
from types import MappingProxyType
from typing import Any

from noex._recipe import Recipe
from noex.clock import check_clock, seconds
from noex.errors import KeyNotFound, UnhashableKey, shown
from noex.ets import SetTable, Store
from noex.kernel import ABSENT, acquire, release, shortened
from noex.typing import Clock, Duration

__all__ = ["Session", "SessionStats", "SessionStore"]

_TOKEN_BYTES = 32  # 256 bits; OWASP's ASVS asks for 128
_ID_BYTES = 12


@dataclass(frozen=True, slots=True)
class Session:
    """One session, as it stood when it was read. It does not know its token.

    `id` may be shown and logged. `created_at` is the store's clock, in seconds. `data` cannot be changed in place:
    `SessionStore.update` merges changes.
    """

    id: str
    user_id: Any
    data: Mapping[str, Any]
    created_at: float


@dataclass(frozen=True, slots=True)
class SessionStats:
    """`active` sessions now; how many were `created`, `expired` and `destroyed` since the store was made.

    They add up: `created == active + expired + destroyed`.
    """

    active: int
    created: int
    expired: int
    destroyed: int


@shortened()
class SessionStore(Recipe):
    """Sessions by token, and by user.

    A session ends `idle_timeout` seconds after its last use, and at the latest `absolute_timeout` seconds after it was
    created (None: no such end). Tokens carry 256 random bits; the table holds only their BLAKE2s hash, so a leaked copy
    of it opens no session. No verb that reads brings back a session that was destroyed. Verbs are O(1), those about a
    user O(the user's sessions); all are atomic. The table is `name` in `store`, its index "by_user".

    >>> from noex import SessionStore, ets
    >>> sessions = SessionStore(idle_timeout=1800, store=ets.Store())
    >>> token = sessions.create("ada", {"theme": "dark"})
    >>> sessions.get(token).user_id, sessions.get("guessed")
    ('ada', None)
    >>> sessions.destroy_all_of("ada"), sessions.get(token)
    (1, None)

    Raises:
        ValueError: a timeout is zero or negative.
        TypeError: an option is unknown or of the wrong type.
        TableExists: the store has a table of that name.
    """

    __slots__ = (
        "_absolute_timeout",
        "_by_user",
        "_clock",
        "_created",
        "_destroyed",
        "_expired",
        "_idle_timeout",
        "_sessions",
    )

    def __init__(
        self,
        name: str | None = "sessions",
        *,
        idle_timeout: Duration = 3600,
        absolute_timeout: Duration | None = None,
        store: Store | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._idle_timeout = seconds(idle_timeout, "idle_timeout", optional=False)
        self._absolute_timeout = None if absolute_timeout is None else seconds(absolute_timeout, "absolute_timeout")
        self._clock = check_clock(clock)
        self._created = self._expired = self._destroyed = 0
        self._sessions: SetTable[bytes, Session] = SetTable(
            name, store=store, clock=self._clock, ttl=self._first_lifetime()
        )
        # A tuple, since None is a user like others here, and is kept out of indexes.
        try:
            self._by_user = self._sessions.add_index("by_user", lambda _digest, session: (session.user_id,))
        except BaseException:
            self._sessions.close()
            raise
        self._sessions._on_reclaim = self._on_expired

    def create(self, user_id: Any, data: Mapping[str, Any] | None = None) -> str:
        """Open a session and return its token, which is told this once and nowhere kept.

        `data` is copied. O(1).

        Raises:
            UnhashableKey: `user_id` has no hash.

        >>> from noex import SessionStore, ets
        >>> len(SessionStore(store=ets.Store()).create("ada"))
        43
        """
        _user(user_id)
        content = MappingProxyType({} if data is None else dict(data))
        random = secrets.token_bytes(_ID_BYTES + _TOKEN_BYTES)  # asked for once: the system is slow to answer
        session = Session(random[:_ID_BYTES].hex(), user_id, content, self._clock())
        token = _encode(random[_ID_BYTES:])
        digest = _digest(token)
        self._count(created=1)
        try:
            self._sessions.insert(digest, session)
        except BaseException:
            self._count(created=-1)
            raise
        return token

    def get(self, token: str, *, touch: bool = True) -> Session | None:
        """Return the live session of the token, or None; being asked for counts as use, unless `touch` is False.

        >>> from noex import SessionStore, ets
        >>> from noex.testing import ManualClock
        >>> clock = ManualClock()
        >>> sessions = SessionStore(idle_timeout=60, store=ets.Store(), clock=clock)
        >>> token = sessions.create("ada")
        >>> _ = clock.advance(59)
        >>> sessions.get(token) is None
        False
        >>> _ = clock.advance(60)
        >>> sessions.get(token) is None
        True
        """
        digest = _digest(token)
        session = self._sessions.lookup(digest)
        if session is None or (touch and not self._touch(digest, session)):
            return None
        return session

    def touch(self, token: str) -> bool:
        """Count as use: restart the idle timeout; return whether the session is live.

        >>> from noex import SessionStore, ets
        >>> SessionStore(store=ets.Store()).touch("guessed")
        False
        """
        digest = _digest(token)
        if self._absolute_timeout is None:
            return self._sessions.touch(digest)
        session = self._sessions.lookup(digest)
        return session is not None and self._touch(digest, session)

    def update(self, token: str, changes: Mapping[str, Any], /) -> bool:
        """Merge changes into the session's data; return whether it is live. Atomic: no change of another is lost.

        >>> from noex import SessionStore, ets
        >>> sessions = SessionStore(store=ets.Store())
        >>> token = sessions.create("ada", {"theme": "dark"})
        >>> sessions.update(token, {"page": 2}), dict(sessions.get(token).data)
        (True, {'theme': 'dark', 'page': 2})
        """
        merge = dict(changes)
        try:
            self._sessions.compute(
                _digest(token), lambda session: replace(session, data=MappingProxyType({**session.data, **merge}))
            )
        except KeyNotFound:
            return False
        return True

    def rotate(self, token: str) -> str | None:
        """Give the session a new token and return it; the old one is void. None if there is no live session.

        Do this when somebody logs in: a token planted before is then worth nothing (session fixation). Counts as use.

        >>> from noex import SessionStore, ets
        >>> sessions = SessionStore(store=ets.Store())
        >>> old = sessions.create("ada")
        >>> new = sessions.rotate(old)
        >>> sessions.get(old), sessions.get(new).user_id
        (None, 'ada')
        """
        old = _digest(token)
        renewed = _encode(secrets.token_bytes(_TOKEN_BYTES))
        new = _digest(renewed)
        session = self._sessions.lookup(old)
        lifetime = None if session is None else self._lifetime(session)
        if lifetime is None or self._sessions._rekey(old, new, lifetime) is ABSENT:
            return None
        return renewed

    def destroy(self, token: str) -> bool:
        """End the session; return whether it was live.

        >>> from noex import SessionStore, ets
        >>> sessions = SessionStore(store=ets.Store())
        >>> token = sessions.create("ada")
        >>> sessions.destroy(token), sessions.destroy(token)
        (True, False)
        """
        destroyed = self._sessions.delete(_digest(token))
        self._count(destroyed=destroyed)
        return destroyed

    def sessions_of(self, user_id: Any) -> list[Session]:
        """Return the live sessions of a user, in the order in which they got their tokens.

        Raises:
            UnhashableKey: `user_id` has no hash.

        >>> from noex import SessionStore, ets
        >>> sessions = SessionStore(store=ets.Store())
        >>> _ = sessions.create("ada"), sessions.create("ada")
        >>> len(sessions.sessions_of("ada"))
        2
        """
        return [entry.value for entry in self._by_user.lookup(_user(user_id))]

    def destroy_all_of(self, user_id: Any) -> int:
        """End all sessions of a user, all at once; return how many were live. "Log out everywhere".

        Raises:
            UnhashableKey: `user_id` has no hash.

        >>> from noex import SessionStore, ets
        >>> sessions = SessionStore(store=ets.Store())
        >>> _ = sessions.create("ada"), sessions.create("ada")
        >>> sessions.destroy_all_of("ada")
        2
        """
        destroyed = self._by_user.delete_all(_user(user_id))
        self._count(destroyed=destroyed)
        return destroyed

    def sweep(self) -> int:
        """Reclaim the sessions that have expired; return how many. Writes do a little of this themselves.

        >>> from noex import SessionStore, ets
        >>> SessionStore(store=ets.Store()).sweep()
        0
        """
        return self._sessions.sweep()

    def stats(self) -> SessionStats:
        """Return how many sessions are live, and how many were created, expired and were destroyed so far.

        >>> from noex import SessionStore, ets
        >>> sessions = SessionStore(store=ets.Store())
        >>> _ = sessions.create("ada")
        >>> sessions.stats()
        SessionStats(active=1, created=1, expired=0, destroyed=0)
        """
        self._sessions.sweep()
        acquire()
        try:
            active = self._created - self._expired - self._destroyed
            return SessionStats(active, self._created, self._expired, self._destroyed)
        finally:
            release()

    def __len__(self) -> int:
        """Return the number of live sessions, exactly."""
        return len(self._sessions)

    def close(self) -> None:
        """Forget all sessions; every verb after it raises `TableClosed`. Idempotent.

        >>> from noex import SessionStore, ets
        >>> SessionStore(store=ets.Store()).close()
        """
        self._sessions.close()

    def __repr__(self) -> str:
        return f"<SessionStore over {self._sessions!r}>"

    def _first_lifetime(self) -> float:
        """Return how long a session lives that is not used."""
        if self._absolute_timeout is None:
            return self._idle_timeout
        return min(self._idle_timeout, self._absolute_timeout)

    def _lifetime(self, session: Session) -> float | None:
        """Return how long the session may live from now on, or None if its time is up."""
        if self._absolute_timeout is None:
            return self._idle_timeout
        left = session.created_at + self._absolute_timeout - self._clock()
        return min(self._idle_timeout, left) if left > 0 else None

    def _touch(self, digest: bytes, session: Session) -> bool:
        if self._absolute_timeout is None:
            return self._sessions.touch(digest)
        lifetime = self._lifetime(session)
        return lifetime is not None and self._sessions.touch(digest, lifetime)

    def _on_expired(self, rows: list[tuple[Any, ...]]) -> None:
        """Take note of expired sessions; called by the table when it reclaims them."""
        self._count(expired=len(rows))

    def _count(self, *, created: int = 0, expired: int = 0, destroyed: int = 0) -> None:
        acquire()
        self._created += created
        self._expired += expired
        self._destroyed += destroyed
        release()


def _encode(random: bytes) -> str:
    """Return URL-safe text, as `secrets.token_urlsafe` does."""
    return urlsafe_b64encode(random).rstrip(b"=").decode("ascii")


def _digest(token: str) -> bytes:
    """Return what the table knows of a token."""
    if not isinstance(token, str):
        raise TypeError(f"a session token is a str, not a {type(token).__name__}")
    return blake2s(token.encode("utf-8", "surrogatepass")).digest()


def _user(user_id: Any) -> tuple[Any]:
    """Return what the index has for a user."""
    try:
        hash(user_id)
    except TypeError as error:
        if "unhashable type" not in str(error):
            raise
        raise UnhashableKey(
            f"{shown(user_id)} cannot be a user_id ({error}); use a value that has a hash, such as a str or a tuple"
        ) from None
    return (user_id,)
