"""A session store: who is logged in, under which token, and for how long.

The problem: after the login a browser gets a token and sends it with every request. The token is as good as the
password, so it must be impossible to guess, worthless to who reads the table, and dead after the log-out.

One set table does it: digest of the token -> session, with the idle timeout as the table's lifetime. The traps are
in the order of steps, and each is named where it lies.

Run it: python examples/session_store.py
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from noex import ets
from noex.errors import KeyNotFound
from noex.testing import ManualClock
from noex.typing import Clock

IDLE_TIMEOUT = 30 * 60.0
ABSOLUTE_TIMEOUT = 8 * 3600.0


@dataclass(frozen=True)
class Session:
    """One session as it stood when it was read: frozen, so that nobody changes it behind the table's back."""

    user_id: str
    created_at: float
    data: Mapping[str, str]


def digest(token: str) -> bytes:
    """Return what the table knows of a token."""
    # Trap: tokens in clear turn every dump, log or error report of the table into a bunch of keys. The digest finds
    # the session and opens nothing. (A token has 256 random bits, so no salt and no slow hash is needed.)
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class Sessions:
    """Sessions by token. Each verb is one atomic step of the table, so there is no lock here."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._table = ets.SetTable[bytes, Session](ttl=IDLE_TIMEOUT, clock=clock)

    def create(self, user_id: str, data: Mapping[str, str]) -> str:
        """Open a session; return its token, which is told this once."""
        # The copy is ours: what the caller does to its dict later does not reach into the session.
        session = Session(user_id, self._clock(), MappingProxyType(dict(data)))
        return self._add(session, IDLE_TIMEOUT)

    def get(self, token: str) -> Session | None:
        """Return the live session of a token, and count this as use."""
        key = digest(token)
        session = self._table.lookup(key)
        if session is None:
            return None
        # Trap: writing the session back here, to note the time of last use, would bring it to life again when
        # somebody logged out between the lookup and the write. `touch` moves the deadline of what is there, or
        # returns False; it never writes a session.
        lifetime = self._lifetime(session)
        return session if lifetime is not None and self._table.touch(key, lifetime) else None

    def update(self, token: str, changes: Mapping[str, str]) -> bool:
        """Merge changes into the data; return whether there is such a session."""
        # Trap: get, merge, insert loses the changes of another request that did the same meanwhile. `compute` runs
        # the function again when it was overtaken. It keeps the lifetime, and a missing key stays missing.
        try:
            self._table.compute(digest(token), lambda old: replace(old, data=MappingProxyType({**old.data, **changes})))
        except KeyNotFound:
            return False
        return True

    def rotate(self, token: str) -> str | None:
        """Give a session a new token and return it; the old one is dead from now on."""
        # Do this at every login: a token that an attacker planted in the browser before is then worth nothing. Of
        # two requests that rotate at once, `take` gives the session to one. (For a moment it has no token at all; where
        # that matters, take both steps in a transaction, as session_store_by_user.py does.)
        session = self._table.take(digest(token))
        lifetime = None if session is None else self._lifetime(session)
        return None if session is None or lifetime is None else self._add(session, lifetime)

    def destroy(self, token: str) -> bool:
        """Log out; return whether there was a live session."""
        return self._table.delete(digest(token))

    def sweep(self) -> int:
        """Give back the space of expired sessions at once; a little of it comes back with every write."""
        return self._table.sweep()

    def __len__(self) -> int:
        return len(self._table)

    def _add(self, session: Session, lifetime: float) -> str:
        while True:
            # Trap: `random` and the time of day can be guessed; `secrets` cannot.
            token = secrets.token_urlsafe(32)
            # insert_new, so that not even the unthinkable hands a live session to somebody else.
            if self._table.insert_new(digest(token), session, ttl=lifetime):
                return token

    def _lifetime(self, session: Session) -> float | None:
        """Return how long a session that is used now may live, or None if it is over."""
        # Without an absolute timeout a stolen token lives for as long as the thief keeps using it.
        left = session.created_at + ABSOLUTE_TIMEOUT - self._clock()
        return min(IDLE_TIMEOUT, left) if left > 0 else None


def show_login_and_logout(clock: ManualClock) -> None:
    """Log in, read, change, log out."""
    sessions = Sessions(clock)
    cart = {"cart": "3 books"}
    token = sessions.create("ada", cart)
    cart["cart"] = "stolen"
    print("Logged in:")
    print("  token:", len(token), "characters, never shown")
    session = sessions.get(token)
    print("  session:", session and (session.user_id, dict(session.data)))
    print("  a guess opens nothing:", sessions.get("guess"))
    print("  update:", sessions.update(token, {"theme": "dark"}))
    session = sessions.get(token)
    print("  session:", session and dict(session.data))
    print("Logged out:")
    print("  destroy:", sessions.destroy(token), "- again:", sessions.destroy(token))
    print("  get:", sessions.get(token), "- update:", sessions.update(token, {"theme": "light"}))


def show_timeouts(clock: ManualClock) -> None:
    """See a session end for want of use, and one of age."""
    sessions = Sessions(clock)
    idle, busy = sessions.create("idle", {}), sessions.create("busy", {})
    print("Timeouts:")
    for minutes in range(0, 9 * 60, 29):
        if sessions.get(busy) is None:
            print(f"  used every 29 minutes: alive at minute {minutes - 29}, but not at {minutes}, past the 8 hours")
            break
        clock.advance(29 * 60)
    print("  never used:", sessions.get(idle))
    print("  left:", len(sessions))


def show_rotation(clock: ManualClock) -> None:
    """Change the token at the login."""
    sessions = Sessions(clock)
    planted = sessions.create("visitor", {"cart": "1 book"})
    renewed = sessions.rotate(planted)
    print("Rotated at login:")
    print("  the old token:", sessions.get(planted))
    session = sessions.get(renewed or "")
    print("  the new one:", session and (session.user_id, dict(session.data)))
    print("  rotating twice:", sessions.rotate(planted))


def main() -> None:
    """Show it all, on a clock that is turned by hand."""
    show_login_and_logout(ManualClock())
    show_timeouts(ManualClock())
    show_rotation(ManualClock())


if __name__ == "__main__":
    main()

# "Log out everywhere" needs the sessions of one user: see session_store_by_user.py.
# The recipe that does all this for you: noex.SessionStore.
