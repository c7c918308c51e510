"""Operations: what to do with our table, what to call in Erlang, and what our answer has to be, given Erlang's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from ._erlang import Answer, Call, show_call
from ._keys import Family
from ._terms import Atom
from ._wheres import BODY, OBJECT, Where, const, head

__all__ = ["END", "Operation", "OperationsOfEveryKind", "Raised", "ok"]

Expected: TypeAlias = Callable[[list[Any]], Any]
"""What our answer has to be, by the results of Erlang's calls: terms, or `Raised`."""

END: Final = Atom("$end_of_table")


@dataclass(frozen=True)
class Raised:
    """That an operation raises this error, whatever it says."""

    error: str
    message: str = field(default="", compare=False)


@dataclass(frozen=True)
class Operation:
    """One step on both sides."""

    text: str
    ours: Callable[[Any], Any]
    calls: list[Call]
    expected: Expected

    def answer(self, table: Any) -> Any:
        """Do it with our table, and return the answer or what was raised."""
        try:
            return self.ours(table)
        except Exception as error:
            return Raised(type(error).__name__, str(error))

    def expect(self, answers: list[Answer]) -> Any:
        """Return what our answer has to be."""
        return self.expected([term if outcome == "ok" else Raised(term.name) for outcome, term in answers])

    def __str__(self) -> str:
        return f"{self.text:<60} | {'; '.join(map(show_call, self.calls))}"


def ok(answer: Any) -> None:
    """Check that Erlang took a call whose result says nothing else."""
    assert answer is True, f"Erlang answers {answer!r}"


def difference(answers: list[Any]) -> int:
    """Return how many objects went between two calls for the size, the first and the last of the answers."""
    return answers[0] - answers[-1]


SIZE: Final[Call] = ("info", [Atom("size")])


class OperationsOfEveryKind:
    """The operations of all four kinds, over the keys of one family."""

    def __init__(self, kind: str, family: Family, *, lists_stay_in_order: bool = True) -> None:
        self.kind = kind
        self.family = family
        self.is_bag = kind in ("bag", "duplicate_bag")
        self.is_ordered = kind == "ordered_set"
        self.lists_stay_in_order = lists_stay_in_order or kind != "bag"

    # -- between the two sides ----------------------------------------------------------------------------------

    def verb(self, name: str, *arguments: Any, calls: list[Call], expected: Expected, **options: Any) -> Operation:
        """Return the operation that is one call of a verb of ours."""
        given = [*map(repr, arguments), *(f"{option}={value!r}" for option, value in options.items())]
        return Operation(
            f"{name}({', '.join(given)})",
            lambda table: getattr(table, name)(*arguments, **options),
            calls,
            expected,
        )

    def object(self, key: Any, value: Any) -> tuple[Any, Any]:
        """Return an entry as an object of Erlang."""
        return (self.family.to_erlang(key), value)

    def entry(self, found: tuple[Any, Any]) -> tuple[Any, Any]:
        """Return an object of Erlang as an entry."""
        return (self.family.to_python(found[0]), found[1])

    def entries(self, objects: Iterable[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        """Return objects of Erlang as entries, in order where the kind has one."""
        return self.arranged(map(self.entry, objects))

    def arranged(self, entries: Iterable[Any]) -> list[Any]:
        """Return entries or keys so that they can be compared: sorted by looks where the kind has no order."""
        found = [tuple(entry) if isinstance(entry, tuple) else entry for entry in entries]
        return found if self.is_ordered else sorted(found, key=repr)

    def found(self, objects: list[tuple[Any, Any]]) -> Any:
        """Return what lookup and take give, for objects of one key."""
        values = [value for _, value in objects]
        return values if self.is_bag else (values[0] if values else None)

    # -- the operations -----------------------------------------------------------------------------------------

    def insert(self, key: Any, value: Any) -> Operation:
        return self.verb(
            "insert", key, value, calls=[("insert", [self.object(key, value)])], expected=lambda answers: ok(answers[0])
        )

    def insert_many(self, items: list[tuple[Any, Any]]) -> Operation:
        objects = [self.object(key, value) for key, value in items]
        inserts: list[Call]
        if self.lists_stay_in_order:
            inserts = [("insert", [objects])]
        else:
            inserts = [("insert", [item]) for item in objects]
        written = len({key for key, _ in items})

        def expected(answers: list[Any]) -> int:
            for answer in answers[1:-1]:
                ok(answer)
            return -difference(answers) if self.is_bag else written

        return self.verb("insert_many", items, calls=[SIZE, *inserts, SIZE], expected=expected)

    def insert_new(self, key: Any, value: Any) -> Operation:
        return self.verb(
            "insert_new",
            key,
            value,
            calls=[("insert_new", [self.object(key, value)])],
            expected=lambda answers: answers[0],
        )

    def lookup(self, key: Any) -> Operation:
        return self.verb("lookup", key, calls=[self._call("lookup", key)], expected=self._found_in_first)

    def lookup_many(self, keys: list[Any]) -> Operation:
        return self.verb(
            "lookup_many",
            keys,
            calls=[self._call("lookup", key) for key in keys],
            expected=lambda answers: {
                key: self.found(objects) for key, objects in zip(keys, answers, strict=True) if objects
            },
        )

    def member(self, key: Any) -> Operation:
        return self.verb("member", key, calls=[self._call("member", key)], expected=lambda answers: answers[0])

    def take(self, key: Any) -> Operation:
        return self.verb("take", key, calls=[self._call("take", key)], expected=self._found_in_first)

    def delete(self, key: Any) -> Operation:
        return self.verb(
            "delete",
            key,
            calls=[self._call("member", key), self._call("delete", key)],
            expected=lambda answers: ok(answers[1]) or answers[0],
        )

    def delete_many(self, keys: list[Any]) -> Operation:
        return self.verb(
            "delete_many", keys, calls=[SIZE, *(self._call("delete", key) for key in keys), SIZE], expected=difference
        )

    def delete_object(self, key: Any, value: Any) -> Operation:
        return self.verb(
            "delete_object",
            key,
            value,
            calls=[SIZE, ("delete_object", [self.object(key, value)]), SIZE],
            expected=difference,
        )

    def clear(self) -> Operation:
        return self.verb("clear", calls=[SIZE, ("delete_all_objects", []), SIZE], expected=difference)

    def size(self) -> Operation:
        return Operation("len()", len, [SIZE], lambda answers: answers[0])

    def fold(self) -> Operation:
        def ours(table: Any) -> Any:
            return self.arranged(table.fold(lambda seen, key, value: [*seen, (key, value)], []))

        return Operation("fold(append, [])", ours, [("fold", []), ("tab2list", [])], self._equally)

    def walk(self) -> Operation:
        def expected(answers: list[Any]) -> Any:
            return self.arranged(map(self.family.to_python, answers[0]))

        return Operation("iter()", self.arranged, [("walk", [Atom("first"), Atom("next")])], expected)

    def select(self, where: Where) -> Operation:
        return Operation(
            f"select({where})",
            lambda table: self.arranged(table.select(where.test)),
            [("select", [[(head(), where.guards, OBJECT)]])],
            lambda answers: self.entries(answers[0]),
        )

    def count(self, where: Where) -> Operation:
        return Operation(
            f"count({where})",
            lambda table: table.count(where.test),
            [("select_count", [[(head(), where.guards, BODY)]])],
            lambda answers: answers[0],
        )

    def delete_where(self, where: Where) -> Operation:
        return Operation(
            f"delete_where({where})",
            lambda table: table.delete_where(where.test),
            [("select_delete", [[(head(), where.guards, BODY)]])],
            lambda answers: answers[0],
        )

    def contents(self) -> Operation:
        """Return the comparison of everything: entries, their order, size, ranks, and that our structures are whole."""

        def ours(table: Any) -> Any:
            table._check()
            entries = [tuple(entry) for entry in table.to_list()]
            if self.is_ordered:
                places = range(len(entries))
                assert [tuple(table.at(place)) for place in places] == entries, "at() differs from to_list()"
                assert [table.rank(key) for key, _ in entries] == list(places), "rank() differs from to_list()"
            grouped: dict[Any, list[Any]] = {}
            for key, value in entries:
                grouped.setdefault(key, []).append(value)
            return self.arranged(grouped.items()), len(table)

        def expected(answers: list[Any]) -> Any:
            return self.entries(answers[0]), answers[1]

        return Operation("to_list(), len(), _check()", ours, [("contents", []), SIZE], expected)

    def _call(self, function: str, key: Any) -> Call:
        return (function, [self.family.to_erlang(key)])

    def _found_in_first(self, answers: list[Any]) -> Any:
        return self.found(answers[0])

    def _equally(self, answers: list[Any]) -> Any:
        one, other = map(self.entries, answers)
        assert one == other, "foldl and tab2list differ"
        return one


class OperationsOfSetKinds(OperationsOfEveryKind):
    """Those that need one value per key."""

    def update_counter(self, key: Any, step: int, default: int, limits: tuple[int, int] | None) -> Operation:
        change: tuple[Any, ...] = (2, step)
        options: dict[str, Any] = {"default": default}
        if limits is not None:
            change = (2, step, *limits)
            options |= {"threshold": limits[0], "reset_to": limits[1]}
        key_of_erlang = self.family.to_erlang(key)
        return self.verb(
            "update_counter",
            key,
            step,
            calls=[("update_counter", [key_of_erlang, change, (key_of_erlang, default)])],
            expected=lambda answers: Raised("CounterTypeError") if answers == [Raised("badarg")] else answers[0],
            **options,
        )

    def compare_and_set(self, key: Any, expected: Any, new: Any) -> Operation:
        one, two = Atom("$1"), Atom("$2")
        guards = [(Atom("=="), one, const(self.family.to_erlang(key))), (Atom("=:="), two, const(expected))]
        return self.verb(
            "compare_and_set",
            key,
            expected,
            new,
            calls=[("select_replace", [[(head(), guards, [((one, const(new)),)])]])],
            expected=lambda answers: answers[0] == 1,
        )
