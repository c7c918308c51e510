"""Counters against a plain dict: any sequence of verbs gives the same answers."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from noex.counters import Counters

KEYS = st.sampled_from(["a", "b", "c", ("a", 1), 7])
AMOUNTS = st.integers(-(10**20), 10**20) | st.integers(-100, 100).map(lambda n: n / 4)


class CountersModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.counters = Counters[object]()
        self.model: dict[object, float] = {}

    @rule(key=KEYS, amount=AMOUNTS)
    def increment(self, key: object, amount: float) -> None:
        self.model[key] = self.model.get(key, 0) + amount
        assert self.counters.increment(key, amount) == self.model[key]

    @rule(key=KEYS, amount=AMOUNTS)
    def decrement(self, key: object, amount: float) -> None:
        self.model[key] = self.model.get(key, 0) - amount
        assert self.counters.decrement(key, amount) == self.model[key]

    @rule(key=KEYS)
    def get(self, key: object) -> None:
        assert self.counters.get(key) == self.model.get(key, 0)

    @rule(key=KEYS)
    def reset(self, key: object) -> None:
        assert self.counters.reset(key) == self.model.pop(key, 0)

    @rule()
    def clear(self) -> None:
        assert self.counters.clear() == len(self.model)
        self.model.clear()

    @invariant()
    def all_agree(self) -> None:
        assert self.counters.items() == list(self.model.items())
        assert self.counters.total() == sum(self.model.values())
        assert len(self.counters) == len(self.model)

    def teardown(self) -> None:
        self.counters.close()


TestCountersModel = CountersModel.TestCase
TestCountersModel.settings = settings()
