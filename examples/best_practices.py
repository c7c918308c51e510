"""Best practices: five habits that keep tables correct and small.

1. Close what you open.
2. Take the kind that fits the question.
3. Say what a missing key means.
4. Make composite keys of tuples.
5. Bound what grows.

Run it: python examples/best_practices.py
"""

from __future__ import annotations

from noex import ets
from noex.errors import TableClosed, TableExists
from noex.testing import ManualClock


def close_what_you_open() -> None:
    """Let `with` close tables, also when something fails."""
    print("1. Close what you open")
    # Names belong to a store. A store of its own, closed at the end, keeps a part of a program (or a test) from
    # meeting the tables of another; without `store=` a name belongs to the whole process.
    with ets.Store() as store:
        users = ets.SetTable[str, str]("users", store=store)
        users.insert("u1", "Ada")
        print("   found by name:", store.whereis("users"))
        try:
            ets.SetTable[str, str]("users", store=store)
        except TableExists as error:
            print("   a name is given once:", type(error).__name__)
    print("   closed with its store:", users.closed)
    # Verbs on a closed table fail, instead of finding nothing: a mistake shows where it is made.
    try:
        users.lookup("u1")
    except TableClosed as error:
        print("  ", error)
    # An unnamed table needs no closing: it is gone with the last reference to it, as a dict is.


def take_the_kind_that_fits() -> None:
    """Choose by the question that is asked most."""
    print("2. Take the kind that fits")
    events = [("ada", "read"), ("grace", "write"), ("ada", "write"), ("ada", "read")]
    # "What is the value of this key?": set. The last one counts.
    latest = ets.SetTable[str, str]()
    latest.insert_many(events)
    print("   set:          ", latest.lookup("ada"))
    # "Which of them are there?": bag. Each pair once; equal is `==`, not "the same object".
    permissions = ets.BagTable[str, str]()
    permissions.insert_many(events)
    print("   bag:          ", permissions.lookup("ada"))
    # "What happened?": duplicate_bag. Every entry, in order.
    journal = ets.DuplicateBagTable[str, str]()
    journal.insert_many(events)
    print("   duplicate_bag:", journal.lookup("ada"))
    # "What comes first, next, between?": ordered_set.
    due = ets.OrderedSetTable[int, str]()
    due.insert_many({900: "report", 300: "backup", 600: "invoice"})
    print("   ordered_set:  ", [job for _, job in due.range(0, 700)], "then", due.next(700))
    # The kind decides the types as well: a type checker knows that `latest.lookup` is `str | None` and
    # `permissions.lookup` is `list[str]`, and that a bag has no `update_counter`.


def say_what_missing_means() -> None:
    """Tell "not there" from "there, and None"."""
    print("3. Say what a missing key means")
    settings = ets.SetTable[str, int | None]()
    settings.insert("timeout", None)  # no timeout: a value, and not the same as "never set"
    # Trap: `settings.lookup("timeout") or 30` replaces a None and a 0 that somebody meant.
    print("   a default:", settings.lookup("timeout", default=30), settings.lookup("retries", default=3))
    print("   a question:", "timeout" in settings, "retries" in settings)
    print("   a sentinel:", settings.lookup("retries", default=ets.MISSING) is ets.MISSING)
    try:
        settings["retries"]
    except KeyError as error:
        print("   an error:", error)
    # A default that is to stay is written by insert_new: of many threads that find nothing, one writes.
    print("   written once:", settings.insert_new("retries", 3), settings.insert_new("retries", 5), settings["retries"])


def make_composite_keys_of_tuples() -> None:
    """Keep the parts of a key apart."""
    print("4. Make composite keys of tuples")
    # Trap: f"{user}:{query}" is one key for two things as soon as a part has a colon in it, and users type colons.
    joined = {f"{user}:{query}" for user, query in (("a", "b:c"), ("a:b", "c"))}
    pages = ets.OrderedSetTable[tuple[str, str, int], str]()
    pages.insert(("a", "b:c", 1), "first")
    pages.insert(("a:b", "c", 1), "second")
    print("   joined:", len(joined), "key - tuples:", len(pages), "keys")
    # Tuples also keep numbers numbers: page 10 comes after page 9, not after page 1.
    for page in (10, 9, 1):
        pages.insert(("ada", "shoes", page), f"page {page}")
    # In an ordered table all keys with the same beginning lie side by side, so this reads three entries, not all.
    print("   prefix:", [page for _, page in pages.prefix(("ada", "shoes"))])
    # `delete_range` takes a block away at once: from page 1 up to page 10, which stays.
    print("   forget pages 1 to 9:", pages.delete_range(("ada", "shoes", 1), ("ada", "shoes", 10)))


def bound_what_grows() -> None:
    """Limit how much there is per key, and how many keys."""
    print("5. Bound what grows")
    clock = ManualClock()
    keep = 3
    # Trap: reading a list, appending, cutting it and writing it back loses the entries of others, and copies the
    # whole list for each event. Rows of an ordered table do not have to be copied.
    recent = ets.OrderedSetTable[tuple[str, int], str](ttl=3600, clock=clock)
    numbers = ets.SetTable[str, int](ttl=3600, clock=clock)

    def log(user: str, event: str) -> None:
        number = int(numbers.update_counter(user))  # one step, so no two events get the same number
        recent.insert((user, number), event)
        recent.delete_range((user, 0), (user, number - keep), bounds="[]")
        numbers.touch(user)  # the counter stays for as long as there are events that it numbered

    for number in range(1, 101):
        log("ada", f"event {number}")
        log("grace", f"event {number}")
    print("   per key:", [event for _, event in recent.prefix(("ada",))], "- entries:", len(recent))
    # The number of keys grows as well, where they come from outside. A lifetime bounds it: who has not been seen for
    # an hour is gone. A table without `ttl` and with keys from outside is a leak.
    clock.advance(3599)
    log("ada", "event 101")
    clock.advance(1)
    print("   per hour:", recent.to_list(), "- counters:", len(numbers))


def main() -> None:
    """Go through all five."""
    close_what_you_open()
    take_the_kind_that_fits()
    say_what_missing_means()
    make_composite_keys_of_tuples()
    bound_what_grows()


if __name__ == "__main__":
    main()

# Recipes have these habits already: noex.Cache, SessionStore, Counters, Metrics, RateCounter and Leaderboard.
