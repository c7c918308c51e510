"""A session store with a user index: list somebody's sessions, and log them out everywhere.

The problem: a password has been stolen. Support has to end all sessions of that user now, and none may slip through.
Walking over all sessions would find them, and hold everybody up where there are many; an index finds them at once.

- `sessions` (set): digest of the token -> session
  - its index `by_user`: user -> that user's sessions
  - its index `by_id`: user and id -> the one session that its owner picked from a list

Indexes belong to their table: a write, an expiry and a log-out change the row and its index rows in one step. So there
is no lock here, and nothing to tidy up.

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


@dataclass(frozen=True)
class Session:
    """One session. `id` may be shown, and is what ends the session from a list; the token is its owner's alone."""

    id: str
    user_id: str
    device: str


def digest(token: str) -> bytes:
    """Return what the table knows of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class Sessions:
    """Sessions by token, and by user."""

    def __init__(self, clock: Clock) -> None:
        self._sessions = ets.SetTable[bytes, Session](ttl=IDLE_TIMEOUT, clock=clock)
        # Trap: a second table made by hand (user -> digests) needs a lock over both, held by every verb that changes
        # both, and does not hear of it when a session expires: it would keep a row for each session there ever was.
        self._by_user = self._sessions.add_index("by_user", "user_id")
        self._by_id = self._sessions.add_index("by_id", lambda _digest, session: (session.user_id, session.id))

    def create(self, user_id: str, device: str) -> str:
        """Open a session; return its token."""
        token = secrets.token_urlsafe(32)
        # Trap: a session without its index row could never be ended by "log out everywhere". Here nobody sees one
        # without the other, and a log-out everywhere comes before both or after both.
        self._sessions.insert(digest(token), Session(secrets.token_urlsafe(9), user_id, device))
        return token

    def get(self, token: str) -> Session | None:
        """Return the live session of a token, and count this as use."""
        key = digest(token)
        session = self._sessions.lookup(key)
        # `touch` moves a deadline and never writes a session, so it cannot bring back one that was just destroyed.
        return session if session is not None and self._sessions.touch(key) else None

    def rotate(self, token: str) -> str | None:
        """Give a session a new token and return it; the old one is dead from now on."""
        old, renewed = digest(token), secrets.token_urlsafe(32)

        def move(tx: ets.Transaction) -> bool:
            sessions = tx[self._sessions]
            session = sessions.take(old)
            if session is not None:
                sessions.insert(digest(renewed), session)
            return session is not None

        # Trap: between a `take` and an `insert` the session is in no table and in no index, and a log-out everywhere at
        # this moment would miss it. A transaction does both at once.
        return renewed if ets.transact(move) else None

    def destroy(self, token: str) -> bool:
        """Log out; return whether there was a live session."""
        return self._sessions.delete(digest(token))

    def sessions_of(self, user_id: str) -> list[Session]:
        """Return the live sessions of a user, the oldest token first; looking is no use. O(the user's sessions)."""
        return [entry.value for entry in self._by_user.lookup(user_id)]

    def destroy_by_id(self, user_id: str, session_id: str) -> bool:
        """End one session from the list that its owner was shown."""
        # The user is part of what is looked for, so nobody ends another's session by its id.
        return self._by_id.delete_all((user_id, session_id)) == 1

    def destroy_all_of(self, user_id: str, *, keep: str | None = None) -> int:
        """Log a user out everywhere, but for the session of the token `keep`; return how many ended."""
        if keep is None:
            return self._by_user.delete_all(user_id)  # all at once
        kept, ended = digest(keep), 0
        # Trap: a session that gets a new token between these two lines is not among those that are ended. So look
        # again, until there is none but the one to keep.
        while others := [key for key in self._by_user.keys(user_id) if key != kept]:
            ended += self._sessions.delete_many(others)
        return ended

    def sweep(self) -> int:
        """Forget all that has expired; return how many sessions. A little of it happens with every write."""
        return self._sessions.sweep()

    def sizes(self) -> dict[str, int]:
        """Return how much is held, to see that nothing leaks."""
        return {"sessions": len(self._sessions), "by user": len(self._by_user), "by id": len(self._by_id)}


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
    print("  nobody ends another's:", sessions.destroy_by_id("grace", unknown.id))
    print("  end the one she does not know:", sessions.destroy_by_id("ada", unknown.id))
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
    """Open, rotate and end sessions in many threads: table and indexes agree at the end."""
    sessions = Sessions(clock)
    start = threading.Barrier(4)

    def log_in() -> None:
        start.wait()
        for _ in range(100):
            sessions.rotate(sessions.create("ada", "robot"))

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
    print("Four threads later, after a last log-out everywhere:", sessions.sizes())


def show_the_index_forgets(clock: ManualClock) -> None:
    """Let sessions expire: the indexes let go of them."""
    sessions = Sessions(clock)
    tokens = [sessions.create(f"user {number}", "phone") for number in range(1000)]
    clock.advance(20 * 60)
    sessions.get(tokens[0])
    clock.advance(10 * 60)
    print("Of 1000 sessions one was used in time:")
    print("  sweep forgot", sessions.sweep(), "-", sessions.sizes())
    sessions.create("user 0", "tablet")
    print("  user 0 has:", devices(sessions.sessions_of("user 0")))
    print("  user 1 has:", devices(sessions.sessions_of("user 1")))


def main() -> None:
    """Show it all, on a clock that is turned by hand."""
    show_a_users_sessions(ManualClock())
    show_log_out_everywhere(ManualClock())
    show_nothing_slips_through(ManualClock())
    show_the_index_forgets(ManualClock())


if __name__ == "__main__":
    main()

# The recipe that does all this for you, with data and an absolute timeout: noex.SessionStore.
