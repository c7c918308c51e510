"""A cache with lifetimes.

The problem: an answer costs 50 ms to compute and stays right for about a minute. A module-level dict would keep it
for ever. What is wanted is a dict whose entries vanish by themselves.

A set table with `ttl=` is that dict. This page shows it, and the four traps that home-made caches fall into.

Run it: python examples/ttl_cache.py
"""

from __future__ import annotations

from typing import TypeAlias

from noex import ets
from noex.testing import ManualClock

Profile: TypeAlias = dict[str, str]
Profiles: TypeAlias = ets.SetTable[str, Profile | None]


def load_profile(user_id: str) -> Profile | None:
    """Stand for the slow part: a query. Nobody is called "u9", so that answer is None."""
    print(f"    (asking the database for {user_id})")
    return None if user_id == "u9" else {"id": user_id, "name": user_id.upper()}


def profile_of(cache: Profiles, user_id: str) -> Profile | None:
    """Return a profile, from the cache where it can."""
    # Trap: `if cache.lookup(user_id) is None` would take "there is no such user" for "not in the cache", and ask the
    # database again each time. None is an ordinary value here; what is absent is told by KeyError, or by a default.
    # Asking `in` first and reading after would be two steps, with a deadline or a delete in between.
    try:
        return cache[user_id]
    except KeyError:
        pass
    # Two threads that miss at the same moment both load. That is harmless here and costly for a slow query: the
    # recipe that is named below lets one of them load while the other waits.
    profile = load_profile(user_id)
    # The lifetime starts now that the value is there, not when loading began.
    cache.insert(user_id, profile)
    return profile


def show_lifetimes(cache: Profiles, clock: ManualClock) -> None:
    """Look an entry up before, at and after its deadline."""
    print("An entry lives for 60 seconds:")
    print("  first call:", profile_of(cache, "u1"))
    print("  second call:", profile_of(cache, "u1"))
    clock.advance(59.999)
    print(f"  after {clock():g} s it has {cache.expires_in('u1'):.3f} s to live, and is there:", "u1" in cache)
    # An entry is gone from its deadline on, for every verb. Nothing has to be called for that, and nobody else can be
    # in between: a check of the age followed by a delete would throw away what another thread has just written.
    clock.advance(0.001)
    print(f"  after {clock():g} s it is gone:", "u1" in cache)
    print("  so the next call loads:", profile_of(cache, "u1"))


def show_none(cache: Profiles) -> None:
    """Cache the answer that there is nothing."""
    print("None is an answer, and is cached too:")
    print("  first call:", profile_of(cache, "u9"))
    print("  second call:", profile_of(cache, "u9"))


def show_lifetimes_of_their_own(cache: Profiles, clock: ManualClock) -> None:
    """Give single entries another lifetime than the table's."""
    print("Entries may have lifetimes of their own:")
    cache.insert("short", {"name": "a code by e-mail"}, ttl=10)
    cache.insert("fixed", {"name": "the administrator"}, ttl=None)
    clock.advance(30)
    print("  after 30 s:", sorted(key for key in cache if key in {"short", "fixed"}))
    # `touch` starts a lifetime anew, but only where there is an entry: it never brings one back.
    print("  touch u9:", cache.touch("u9"), "- touch short:", cache.touch("short"))
    # Trap: a lifetime of 0, NaN or "60" means "never" in one cache and "at once" in another. Here it is an error.
    try:
        cache.insert("u2", None, ttl=0)
    except ValueError as error:
        print("  ttl=0:", error)


def show_conditional_writes(cache: Profiles, clock: ManualClock) -> None:
    """Write only what is absent: the table decides, in one step."""
    print("Of two writers, one is first:")
    print("  insert_new:", cache.insert_new("lock", {"name": "worker 1"}, ttl=5))
    print("  insert_new:", cache.insert_new("lock", {"name": "worker 2"}, ttl=5))
    clock.advance(5)
    print("  insert_new, 5 s later:", cache.insert_new("lock", {"name": "worker 2"}, ttl=5))


def show_values_are_shared(cache: Profiles) -> None:
    """Change an entry by writing it again."""
    print("Values are held as they are, not copied:")
    # Trap: `cache["u1"]["name"] = ...` would change the dict in the table under the eyes of all who hold it. Treat
    # what is in a table as immutable, and write it again: `compute` does so in one step and keeps the lifetime.
    before = cache.lookup("u1")
    cache.compute("u1", lambda profile: {**(profile or {}), "name": "Ada"})
    print("  who looked before still sees:", before)
    print("  who looks now sees:", cache.lookup("u1"))


def main() -> None:
    """Show it all, on a clock that is turned by hand."""
    clock = ManualClock()
    # Leave `clock` out for the system's monotonic clock. A cache must never go by the time of day: a correction of
    # the date would make all entries immortal, or end them all at once.
    with ets.SetTable[str, Profile | None](ttl=60, clock=clock) as cache:
        show_lifetimes(cache, clock)
        show_none(cache)
        show_lifetimes_of_their_own(cache, clock)
        show_conditional_writes(cache, clock)
        show_values_are_shared(cache)
        clock.advance(60)
        # `len` counts live entries only. Their space comes back a little at each write, or all at once:
        print("A minute later:", len(cache), "entry left:", list(cache))


if __name__ == "__main__":
    main()

# The recipe that does all this for you, and loads each key once however many ask: noex.Cache.
