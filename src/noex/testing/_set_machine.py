"""The state machine of the kinds with one value per key: counters, compute, expiry, and the methods of a mapping."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from noex import errors, ets
from noex.testing import ManualClock
from noex.testing._machine import KEYS, LIMITS, POOLS, VALUES, WHERES, TableMachine
from noex.testing._models import OrderedSetModel, SetModel, same
from noex.testing.strategies import lifetimes, numbers

__all__ = ["SetKindMachine"]

_CHANGES: Final[dict[str, Callable[[Any], Any]]] = {
    "wrap": lambda value: [value],
    "replace": lambda _value: 1,
    "remove": lambda _value: ets.DELETE,
    "remove ones": lambda value: ets.DELETE if value == 1 else value,
}
_TTLS: Final = st.one_of(st.just(ets.DEFAULT), lifetimes())


class SetKindMachine(TableMachine):
    """The verbs of the set kinds, on a clock that the machine turns."""

    model: Any

    @initialize(pool=POOLS, lifetime=lifetimes(), start=st.sampled_from([0.0, 0.3, 1e6]))
    def begin(self, pool: list[Any], lifetime: Any, start: float) -> None:
        self.pool = pool
        self.clock = ManualClock(start)
        self.table = self.make(ttl=lifetime, clock=self.clock)
        model = OrderedSetModel if self.kind == "ordered_set" else SetModel
        self.model = model(self.clock, lifetime)
        self.insert_many([(key, place % 3) for place, key in enumerate(pool)], None)

    @rule()
    def everything(self) -> None:
        super().everything()
        self.agree(len(dict(self.table)), len(self.model.entries()))
        for key, value in self.model.entries():
            self.agree(self.table[key], value)
            self.expires_in(key)
        content = {key: value for key, value in self.model.entries() if isinstance(key, (str, int))}
        assert (self.table == content) is (len(content) == len(self.model.entries()))

    @rule(seconds=st.one_of(st.sampled_from([0.001, 0.5, 1, 2]), st.floats(0, 3)))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def lifetime(self, ttl: Any) -> Any:
        return self.model.default_lifetime if ttl is ets.DEFAULT else ttl

    @rule(key=KEYS, value=VALUES, ttl=_TTLS)
    def insert(self, key: Any, value: Any, ttl: Any) -> None:
        self.model.insert(key, value, self.lifetime(ttl))
        self.agree(self.table.insert(key, value, ttl=ttl), None)

    @rule(key=KEYS, value=VALUES)
    def set_item(self, key: Any, value: Any) -> None:
        self.model.insert(key, value, self.model.default_lifetime)
        self.table[key] = value

    @rule(items=st.lists(st.tuples(KEYS, VALUES), max_size=6), ttl=_TTLS)
    def insert_many(self, items: list[tuple[Any, Any]], ttl: Any) -> None:
        expected = self.model.insert_many(items, self.lifetime(ttl))
        self.agree(self.table.insert_many(items, ttl=ttl), expected)

    @rule(key=KEYS, value=VALUES, ttl=_TTLS)
    def insert_new(self, key: Any, value: Any, ttl: Any) -> None:
        new = not self.model.member(key)
        if new:
            self.model.insert(key, value, self.lifetime(ttl))
        self.agree(self.table.insert_new(key, value, ttl=ttl), new)

    @rule(key=KEYS, value=VALUES)
    def setdefault(self, key: Any, value: Any) -> None:
        expected = self.model.lookup(key, value)
        if not self.model.member(key):
            self.model.insert(key, value, self.model.default_lifetime)
        self.agree(self.table.setdefault(key, value), expected)

    @rule(key=KEYS)
    def pop(self, key: Any) -> None:
        expected = self.model.lookup(key, "default")
        self.model.delete(key)
        self.agree(self.table.pop(key, "default"), expected)

    @rule()
    def popitem(self) -> None:
        try:
            key, value = self.table.popitem()
        except KeyError:
            assert self.model.entries() == []
        else:
            assert repr((key, value)) in [repr(tuple(entry)) for entry in self.model.entries()]
            self.model.delete(key)

    @rule(key=KEYS, step=numbers(), default=numbers(), limit=st.none() | st.tuples(numbers(), numbers()), ttl=_TTLS)
    def update_counter(self, key: Any, step: Any, default: Any, limit: Any, ttl: Any) -> None:
        bounds: tuple[Any, Any] = limit or (None, None)
        threshold, reset_to = bounds
        stored = self.model.lookup(key, default)
        expected: Any = None
        error: type[Exception] | None = None
        if type(stored) not in (int, float) or (isinstance(stored, float) and math.isnan(stored)):
            error = errors.CounterTypeError
        else:
            try:
                expected = stored + step
            except OverflowError:
                expected = math.inf
            if isinstance(expected, float) and not math.isfinite(expected):
                expected, error = None, ValueError
            elif limit and (expected > threshold if step >= 0 else expected < threshold):
                expected = reset_to
        options = {"default": default, "threshold": threshold, "reset_to": reset_to, "ttl": ttl}
        try:
            answer = self.table.update_counter(key, step, **options)
        except (errors.CounterTypeError, ValueError) as raised:
            self.agree(type(raised), error)
            return
        self.agree((answer, None), (expected, error))
        if self.model.member(key):
            self.model.change(key, expected)
        else:
            self.model.insert(key, expected, self.lifetime(ttl))

    @rule(key=KEYS, change=st.sampled_from(sorted(_CHANGES)), default=st.just(ets.MISSING) | VALUES)
    def compute(self, key: Any, change: str, default: Any) -> None:
        there = self.model.member(key)
        if not there and default is ets.MISSING:
            try:
                self.table.compute(key, _CHANGES[change])
            except errors.KeyNotFound:
                return
            raise AssertionError(f"compute({key!r}) finds what is not there")
        value = self.model.lookup(key, default)
        expected = _CHANGES[change](value)
        self.agree(
            self.table.compute(key, _CHANGES[change], default=default), value if expected is ets.DELETE else expected
        )
        if expected is ets.DELETE:
            self.model.delete(key)
        elif there:
            self.model.change(key, expected)
        else:
            self.model.insert(key, expected, self.model.default_lifetime)

    @rule(key=KEYS, expected=VALUES, new=VALUES, matching=st.booleans())
    def compare_and_set(self, key: Any, expected: Any, new: Any, matching: Any) -> None:
        expected = self.model.lookup(key) if matching else expected
        done = self.model.member(key) and same(self.model.lookup(key), expected)
        if done:
            self.model.change(key, new)
        self.agree(self.table.compare_and_set(key, expected, new), done)

    @rule(where=st.sampled_from(sorted(WHERES)), change=st.sampled_from(sorted(_CHANGES)))
    def update_where(self, where: str, change: str) -> None:
        found = [entry for entry in self.model.entries() if WHERES[where](*entry)]
        for key, value in found:
            changed = _CHANGES[change](value)
            if changed is ets.DELETE:
                self.model.delete(key)
            else:
                self.model.change(key, changed)
        self.agree(self.table.update_where(WHERES[where], _CHANGES[change]), len(found))

    @rule(where=st.sampled_from(sorted(WHERES)))
    def delete_where(self, where: str) -> None:
        found = [entry for entry in self.model.entries() if WHERES[where](*entry)]
        for key, _ in found:
            self.model.delete(key)
        self.agree(self.table.delete_where(WHERES[where]), len(found))

    @rule(key=KEYS)
    def expires_in(self, key: Any) -> None:
        row = self.model.row(key)
        left = self.table.expires_in(key)
        if row is None or row[2] is None:
            assert left is None
        else:
            assert abs(left - (row[2] / 1000 - self.clock())) < 1e-6
            assert left > 0

    @rule(key=KEYS, ttl=_TTLS)
    def touch(self, key: Any, ttl: Any) -> None:
        self.agree(self.table.touch(key, ttl), self.model.touch(key, self.lifetime(ttl)))

    @rule(key=KEYS)
    def persist(self, key: Any) -> None:
        row = self.model.row(key)
        self.model.touch(key, None)
        self.agree(self.table.persist(key), row is not None and row[2] is not None)

    @rule(limit=LIMITS)
    def sweep(self, limit: int | None) -> None:
        swept = self.table.sweep(limit)
        assert swept >= 0
        assert limit is None or swept <= limit
        if limit is None:
            assert self.table.sweep() == 0
