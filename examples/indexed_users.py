"""Users by more than their number: who has this address, who is of age, who signed up last?

The problem: users are kept by number, and asked for by address, age and city. A second dict from address to number
answers one of these questions, and is wrong as soon as somebody forgets to write it, or an entry expires. An index is
such a dict which the table keeps itself, in the same step as the user.

Run it: python examples/indexed_users.py
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from noex import ets
from noex.errors import IndexViolation
from noex.ets import row
from noex.testing import ManualClock


@dataclass(frozen=True)
class User:
    """What is kept of a user; `age` is None where nobody has told it."""

    name: str
    email: str
    age: int | None
    city: str


# Trap: an index does not see what is changed in place. A frozen dataclass cannot be; `replace` makes a new one.
Users = ets.OrderedSetTable[int, User]


def new_users(clock: ManualClock) -> Users:
    """Make the table with its indexes; writes keep them up from then on."""
    users = Users(clock=clock)
    users.add_index("by_email", "email", unique=True)
    users.add_index("by_age", "age", ordered=True)
    users.add_index("by_city", lambda _number, user: user.city.casefold())
    users.insert_many(
        {
            1: User("Ada", "ada@example.org", 36, "London"),
            2: User("Bo", "bo@example.org", 12, "Kyiv"),
            3: User("Cleo", "cleo@example.org", 36, "kyiv"),
            4: User("Dan", "dan@example.org", None, "Lviv"),
        }
    )
    return users


def names(entries: list[ets.Entry]) -> list[str]:
    """Return the names of the users found."""
    return [entry.value.name for entry in entries]


def show_finding(users: Users) -> None:
    """Ask the indexes themselves."""
    print("By index:")
    print("  bo@example.org:", names(users.index("by_email").lookup("bo@example.org")))
    # A function makes the indexed value, so the case of the letters does not count here.
    print(
        "  in Kyiv:", names(users.index("by_city").lookup("kyiv")), "- in Rome:", users.index("by_city").count("rome")
    )
    by_age = users.index("by_age")
    # None keeps an entry out: Dan is in the table and not in this index.
    print("  the youngest:", names(by_age.first()), "- with an age:", len(by_age), "of", len(users))
    print("  13 to 40:", names(by_age.range(13, 40, bounds="[]")))


def show_queries(users: Users) -> None:
    """Say what is wanted, and let the table find the way."""
    print("By query:")
    adults = row.field("age") >= 18
    # Trap: `adults and in_town` would drop the first half, so it raises; expressions are joined by &, |, ~.
    in_town = row.field("city").is_in(["Kyiv", "kyiv"])
    for query in (adults, adults & in_town, in_town, (row.key >= 2) & (row.key < 4), row.field("email") == "x@y"):
        print(f"  {query!r}")
        print(f"    {names(users.select(query))}, found by {users.explain(query)}")
    # What is missing or cannot be compared matches nothing, and raises nothing: Dan is in neither half.
    print("  of age:", users.count(adults), "- under age:", users.count(row.field("age") < 18))


def show_pages(users: Users) -> None:
    """Read page by page, while somebody deletes the last entry of a page."""
    print("Pages:")
    page = users.select(limit=2)
    print("  first:", names(page))
    users.delete(page[-1].key)
    print("  second:", names(users.select(limit=2, after=page[-1].key)))


def show_refusals(users: Users) -> None:
    """Try to give one address to two users: nothing of it is written."""
    print("Refused:")
    try:
        users.insert_many(
            {5: User("Eve", "eve@example.org", 20, "Rome"), 6: User("Ada II", "ada@example.org", 1, "Rome")}
        )
    except IndexViolation as error:
        print(f"  {error}")
    print("  in Rome:", users.index("by_city").count("rome"))


def show_changes(users: Users, clock: ManualClock) -> None:
    """Change users in many ways; the indexes follow each."""
    print("Changes:")
    by_city = users.index("by_city")
    users.compute(1, lambda user: replace(user, city="Lviv"))
    print("  Ada moves:", names(by_city.lookup("lviv")))
    users.update_where(row.field("city") == "Lviv", lambda user: replace(user, city="Rome"))
    print("  all of Lviv move:", names(by_city.lookup("rome")), "- left behind:", by_city.count("lviv"))
    users.insert(7, User("Guest", "guest@example.org", 99, "Rome"), ttl=60)
    print("  the oldest:", names(users.index("by_age").last()))
    clock.advance(60)
    print("  a minute later:", names(users.index("by_age").last()))
    print("  delete all of Rome:", by_city.delete_all("rome"), "- who stays:", names(users.to_list()))


def main() -> None:
    """Show it all."""
    clock = ManualClock()
    users = new_users(clock)
    show_finding(users)
    show_queries(users)
    show_pages(users)
    show_refusals(users)
    show_changes(users, clock)


if __name__ == "__main__":
    main()

# The verbs that do this: noex.ets.SetTable.add_index, select and explain; more in docs/howto/indexes-and-queries.md.
