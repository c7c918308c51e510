"""A session store with a user index: list somebody's sessions, and log them out everywhere.

The problem: a password has been stolen. Support has to end all sessions of that user now, and none may slip through.
Walking over all sessions would find them, and hold everybody up where there are many; an index finds them at once.

- `sessions` (set): digest of the token -> session
- `by_user` (bag): user -> digests of that user's tokens
- `checks` (ordered set): when to look whether a session has expired, so that `by_user` forgets it too

Two tables that have to agree need one lock over both, held by every verb that changes both. That is the price of an
index made by hand; when tables have indexes of their own, this will be one table and no lock.

session_store.py explains the tokens, their digests and the timeouts; this page only adds the index.

Run it: python examples/session_store_by_user.py
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from dataclasses import dataclass

from noex import ets
from noex.testing import ManualClock
from noex.typing import Clock

IDLE_TIMEOUT = 30 * 60.0
CHECKS_PER_TOKEN = 2


@dataclass(frozen=True)
class Session:
    """One session. `id` may be shown, and is what ends the session from a list; the token is its owner's alone."""

    id: str
    user_id: str
    device: str


def digest(token: str) -> bytes:
    """Return what the tables know of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class Sessions:
    """Sessions by token, and by user."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sessions = ets.SetTable[bytes, Session](ttl=IDLE_TIMEOUT, clock=clock)
        # A bag holds each pair of user and digest once, and removes one in O(1), however many a user has.
        self._by_user = ets.BagTable[str, bytes]()
        self._checks = ets.OrderedSetTable[tuple[float, bytes], str]()
        self._lock = threading.RLock()

    def create(self, user_id: str, device: str) -> str:
        """Open a session; return its token."""
        token = secrets.token_urlsafe(32)
        session = Session(secrets.token_urlsafe(9), user_id, device)
        with self._lock:
            # Trap: a session without its index row can never be ended by "log out everywhere". Under the lock nobody
            # sees one without the other, and a log-out everywhere comes before both or after both.
            self._add(digest(token), session)
        return token

    def get(self, token: str) -> Session | None:
        """Return the live session of a token, and count this as use. Takes no lock: it changes one table only."""
        key = digest(token)
        session = self._sessions.lookup(key)
        # `touch` moves a deadline and never writes a session, so it cannot bring back one that was just destroyed.
        return session if session is not None and self._sessions.touch(key) else None

    def rotate(self, token: str) -> str | None:
        """Give a session a new token and return it; the old one is dead from now on."""
        renewed = secrets.token_urlsafe(32)
        with self._lock:
            session = self._remove(digest(token))
            if session is None:
                return None
            self._add(digest(renewed), session)
        return renewed

    def destroy(self, token: str) -> bool:
        """Log out; return whether there was a live session."""
        with self._lock:
            return self._remove(digest(token)) is not None

    def sessions_of(self, user_id: str) -> list[Session]:
        """Return the live sessions of a user, the oldest token first. O(the user's sessions)."""
        with self._lock:
            # lookup_many returns those that are there: what has expired is left out, and reading is no use.
            return list(self._sessions.lookup_many(self._by_user.lookup(user_id)).values())

    def destroy_by_id(self, user_id: str, session_id: str) -> bool:
        """End one session from the list that its owner was shown."""
        with self._lock:
            found = self._sessions.lookup_many(self._by_user.lookup(user_id))
            return any(self._remove(key) is not None for key, session in found.items() if session.id == session_id)

    def destroy_all_of(self, user_id: str, *, keep: str | None = None) -> int:
        """Log a user out everywhere, but for the session of the token `keep`; return how many ended."""
        kept = None if keep is None else digest(keep)
        with self._lock:
            # Trap: reading the index, ending the sessions and then dropping the index row without a lock lets a
            # session that is opened in between lose its row and live on. Here it waits, and is either ended as well
            # or was opened after.
            return sum(self._remove(key) is not None for key in self._by_user.lookup(user_id) if key != kept)

    def sweep(self) -> int:
        """Forget all that has expired; return how many sessions. A little of it happens with each new token."""
        with self._lock:
            return self._drop_expired(len(self._checks))

    def sizes(self) -> dict[str, int]:
        """Return how much is held, to see that nothing leaks."""
        with self._lock:
            return {"sessions": len(self._sessions), "index rows": len(self._by_user), "checks": len(self._checks)}

    def _add(self, key: bytes, session: Session) -> None:
        self._sessions.insert(key, session)
        self._by_user.insert(session.user_id, key)
        self._checks.insert((self._clock() + IDLE_TIMEOUT, key), session.user_id)
        self._drop_expired(CHECKS_PER_TOKEN)

    def _remove(self, key: bytes) -> Session | None:
        session = self._sessions.take(key)
        if session is not None:
            self._by_user.delete_object(session.user_id, key)
        return session

    def _drop_expired(self, limit: int) -> int:
        """Work off the checks that are due, at most `limit`; return how many sessions had expired."""
        # Trap: the table forgets an expired session by itself, but the index does not know of it, and would keep a
        # row for each session that there ever was. Each session therefore has one check, due when it would expire
        # unused. If it was used since, the check is put off: no use of a session ever has to move its check.
        dropped = 0
        for _ in range(limit):
            check = self._checks.first()
            if check is None or self._clock() < check.key[0]:
                break
            (_, key), user_id = check
            self._checks.delete(check.key)
            left = self._sessions.expires_in(key)
            if left is not None:
                self._checks.insert((self._clock() + left, key), user_id)
            else:
                dropped += self._by_user.delete_object(user_id, key)  # 0 if it was destroyed: nothing expired
        return dropped


def devices(sessions: list[Session]) -> list[str]:
    """Return what a list of sessions shows of each."""
    return [session.device for session in sessions]


def show_a_users_sessions(clock: ManualClock) -> None:
    """List sessions, and end one that its owner does not know."""
    sessions = Sessions(clock)
    for device in ("laptop", "phone", "somewhere else"):
        sessions.create("ada", device)
    sessions.create("grace", "tablet")
    print("Ada's sessions:", devices(sessions.sessions_of("ada")))
    unknown = sessions.sessions_of("ada")[-1]
    print("  end the one she does not know:", sessions.destroy_by_id("ada", unknown.id))
    print("  nobody ends another's:", sessions.destroy_by_id("grace", unknown.id))
    print("  left:", devices(sessions.sessions_of("ada")))


def show_log_out_everywhere(clock: ManualClock) -> None:
    """End all sessions of one user."""
    sessions = Sessions(clock)
    laptop, phone, tablet = (sessions.create("ada", device) for device in ("laptop", "phone", "tablet"))
    grace = sessions.create("grace", "laptop")
    print("Log out everywhere:")
    print("  all but this one:", sessions.destroy_all_of("ada", keep=laptop))
    print("  phone:", sessions.get(phone), "- tablet:", sessions.get(tablet))
    print("  laptop:", sessions.get(laptop) is not None, "- Grace:", sessions.get(grace) is not None)
    renewed = sessions.rotate(laptop)
    print("  a rotated token is found as well:", sessions.destroy_all_of("ada"), sessions.get(renewed or ""))
    print("  nothing to do:", sessions.destroy_all_of("ada"), "- sizes:", sessions.sizes())


def show_nothing_slips_through(clock: ManualClock) -> None:
    """Open and end sessions in many threads: the two tables agree at the end."""
    sessions = Sessions(clock)
    start = threading.Barrier(4)

    def log_in() -> None:
        start.wait()
        for _ in range(100):
            sessions.create("ada", "robot")

    def log_out_everywhere() -> None:
        start.wait()
        for _ in range(100):
            sessions.destroy_all_of("ada")

    threads = [threading.Thread(target=work) for work in (log_in, log_out_everywhere) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sessions.destroy_all_of("ada")
    sizes = sessions.sizes()
    print("Four threads later, after a last log-out everywhere:", sizes["sessions"], sizes["index rows"])


def show_the_index_forgets(clock: ManualClock) -> None:
    """Let sessions expire: the index lets go of them."""
    sessions = Sessions(clock)
    tokens = [sessions.create(f"user {number}", "phone") for number in range(1000)]
    clock.advance(20 * 60)
    sessions.get(tokens[0])
    clock.advance(10 * 60)
    print("Of 1000 sessions one was used in time:", sessions.sizes())
    for number in range(5):
        sessions.create(f"user {number}", "tablet")
    print("  after 5 more:", sessions.sizes())
    print("  after sweep, which forgot", sessions.sweep(), "-", sessions.sizes())
    print("  user 0 has:", devices(sessions.sessions_of("user 0")))


def main() -> None:
    """Show it all, on a clock that is turned by hand."""
    show_a_users_sessions(ManualClock())
    show_log_out_everywhere(ManualClock())
    show_nothing_slips_through(ManualClock())
    show_the_index_forgets(ManualClock())


if __name__ == "__main__":
    main()

# The recipe that does all this for you, with data and an absolute timeout: noex.SessionStore.
