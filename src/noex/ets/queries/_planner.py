"""Which entries a query has to look at: those of a key, a range, a prefix or an index, where its tests allow it.

What a plan finds is tested all the same, so a plan may find too much, never too little. It goes by the tests that all
have to hold (the parts of `&`); parts of `|` are planned each for itself, if each can be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final, Literal, Protocol, TypeAlias

from noex.ets.queries._expressions import Expression
from noex.ets.queries._representation import represent
from noex.kernel import SCAN, Access, IndexSpec, Program, literal_head, sort_key

__all__ = ["Plan", "Planned", "plan"]

Route: TypeAlias = tuple[int, Access, "Plan"]
"""What a plan is expected to cost, compared with others; where to look; and how to say it."""

_COMPARISONS: Final = frozenset({"<", "<=", ">", ">="})
_KEY: Final = ("key",)

# What each way is expected to cost, the cheapest first: how many entries there are is not asked here.
_BY_KEY, _BY_UNIQUE_INDEX, _BY_KEYS, _BY_INDEX, _BY_PREFIX, _BY_RANGE, _BY_INDEX_RANGE, _BY_HALF = range(8)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a query finds its entries; `str` of it is a sentence.

    `access` is where it looks: at all entries ("scan"), at those of a "key", of a "range" or a "prefix" of keys, of an
    "index", or of several of these ("union"). `index` is the name of the index, and `condition` the test that leads
    there; both are None for a scan.
    """

    access: Literal["scan", "key", "range", "prefix", "index", "union"]
    index: str | None = None
    condition: str | None = None

    def __str__(self) -> str:
        if self.access == "scan":
            return "scan of all entries"
        if self.access == "union":
            return f"union of {self.condition}"
        where = f"index {self.index!r}" if self.index is not None else self.access
        return f"{where} by {self.condition}"


class Planned(Protocol):
    """A table for which queries are planned."""

    def _access_by_key(self) -> tuple[Callable[[Any], Any] | None, Callable[[Any], Any] | None]:
        """Return what checks a value as a key to look up, and as an end of a range; None where it does not apply."""
        ...

    def _indexes(self) -> tuple[IndexSpec, ...]:
        """Return the table's indexes."""
        ...


def plan(table: Planned, where: object) -> tuple[Access, Plan]:
    """Return where a query has to look, and how to say it. O(size of the expression x indexes)."""
    if isinstance(where, Expression):
        route = _route(table, where._program)
        if route is not None:
            return route[1], route[2]
    return SCAN, Plan("scan")


def _route(table: Planned, program: Program) -> Route | None:
    """Return the cheapest way to all that the program can match, or None if that is everywhere."""
    if program[0] == "or":
        return _union(table, program)
    tests = program[1:] if program[0] == "and" else (program,)
    return min(_routes(table, tests), key=lambda route: route[0], default=None)


def _union(table: Planned, program: Program) -> Route | None:
    routes = [_route(table, part) for part in program[1:]]
    if any(route is None for route in routes):
        return None
    ways = [route for route in routes if route is not None]
    access = ("union", *(way[1] for way in ways))
    return max(way[0] for way in ways), access, Plan("union", None, " and ".join(str(way[2]) for way in ways))


def _routes(table: Planned, tests: Iterable[Program]) -> Iterator[Route]:
    by_path: dict[Program, list[Program]] = {}
    for test in tests:
        if test[0] == "or":
            union = _union(table, test)
            if union is not None:
                yield union
        elif test[0] != "not":
            by_path.setdefault(test[1], []).append(test)
    to_key, to_end = table._access_by_key()
    for path, ours in by_path.items():
        if path == _KEY:
            yield from _key_routes(ours, to_key, to_end)
        for index in table._indexes():
            if index.source == path:
                yield from _index_routes(ours, index)


def _key_routes(
    tests: list[Program], to_key: Callable[[Any], Any] | None, to_end: Callable[[Any], Any] | None
) -> Iterator[Route]:
    for test in tests:
        values = _values(test)
        if values is not None and to_key is not None and all(_allowed(to_key, value) for value in values):
            cost = _BY_KEY if len(values) == 1 else _BY_KEYS
            yield cost, ("key", values), Plan("key", None, represent(test))
    if to_end is None:
        return
    for test in tests:
        if test[0] == "startswith" and isinstance(test[2], tuple) and _allowed(to_end, test[2]):
            yield _BY_PREFIX, ("prefix", test[2]), Plan("prefix", None, represent(test))
    cost, ends, condition = _range(tests, to_end)
    if ends is not None:
        kind: Literal["prefix", "range"] = "prefix" if cost == _BY_PREFIX else "range"
        yield cost, ("range", *ends), Plan(kind, None, condition)


def _index_routes(tests: list[Program], index: IndexSpec) -> Iterator[Route]:
    for test in tests:
        values = _values(test)
        if values is not None and all(_exact(value) and index.takes(value) for value in values):
            cost = _BY_UNIQUE_INDEX if index.unique else _BY_INDEX
            yield cost, ("index", index, values), Plan("index", index.name, represent(test))
    if not index.ordered:
        return
    for test in tests:
        if test[0] == "startswith" and isinstance(test[2], tuple) and _allowed(sort_key, test[2]):
            yield _BY_INDEX_RANGE, ("index prefix", index, test[2]), Plan("index", index.name, represent(test))
    cost, ends, condition = _range(tests, sort_key)
    if ends is not None:
        cost = max(cost, _BY_INDEX_RANGE)
        yield cost, ("index range", index, *ends), Plan("index", index.name, condition)


def _values(test: Program) -> tuple[Any, ...] | None:
    """Return the values to one of which the test asks to be equal, or None if it asks something else."""
    if test[0] == "==":
        return (test[2],)
    return tuple(test[2]) if test[0] == "in" else None


def _allowed(check: Callable[[Any], Any], value: Any) -> bool:
    """Tell whether the value can be looked up: one that cannot may still be equal to something, so all is tested."""
    if not _exact(value):
        return False
    try:
        check(value)
    except Exception:  # a user's hash or `key=` may raise anything for a value that it was not made for
        return False
    return True


def _exact(value: Any) -> bool:
    """Tell whether `==` and `<` of the value go by the instant, as the term order does.

    Two datetimes of one zone are compared by what its clocks show, in the hour that comes twice too.
    """
    if isinstance(value, datetime):
        return value.tzinfo is None or isinstance(value.tzinfo, timezone)
    if isinstance(value, tuple):
        parts: tuple[Any, ...] = value  # pyright: ignore[reportUnknownVariableType]
        return all(map(_exact, parts))
    return True


def _range(tests: list[Program], to_end: Callable[[Any], Any]) -> tuple[int, tuple[Any, Any, str] | None, str]:
    """Return the range that the tests leave, low end, high end and bounds; with its cost and the tests that gave it."""
    low: tuple[Any, int, Any, Program] | None = None  # the place, 0 if it belongs to the range and 1 if not, the end
    high: tuple[Any, int, Any, Program] | None = None
    cost = _BY_RANGE
    for test in tests:
        name, _, *operands = test
        if name in _COMPARISONS and operands[0] is not None and _allowed(to_end, operands[0]):
            place = to_end(operands[0])
            if name in {">", ">="}:
                candidate = (place, int(name == ">"), operands[0], test)
                low = candidate if low is None or candidate[:2] > low[:2] else low
            else:
                candidate = (place, -int(name == "<"), operands[0], test)
                high = candidate if high is None or candidate[:2] < high[:2] else high
        elif name in {"startswith", "matches"}:
            beginning: Any = literal_head(str(operands[0])) if name == "matches" else operands[0]
            if isinstance(beginning, str | bytes) and beginning and (low is None or low[3][0] in _COMPARISONS):
                end = _after(beginning)
                low = (to_end(beginning), 0, beginning, test)
                high = None if end is None else (to_end(end), -1, end, test)
                cost = _BY_PREFIX
                break
    if low is None and high is None:
        return cost, None, ""
    if low is None or high is None:
        cost = max(cost, _BY_HALF) if cost != _BY_PREFIX else cost
    bounds = ("(" if low is not None and low[1] else "[") + (")" if high is not None and high[1] else "]")
    told = list(dict.fromkeys(represent(end[3]) for end in (low, high) if end is not None))
    ends = (None if low is None else low[2], None if high is None else high[2], bounds)
    return cost, ends, " & ".join(f"({part})" for part in told) if len(told) > 1 else told[0]


def _after(beginning: str | bytes) -> str | bytes | None:
    """Return the least text above all that begin so, or None if there is none."""
    if isinstance(beginning, bytes):
        stem = beginning.rstrip(b"\xff")
        return stem[:-1] + bytes((stem[-1] + 1,)) if stem else None
    text = beginning.rstrip("\U0010ffff")
    return text[:-1] + chr(ord(text[-1]) + 1) if text else None
