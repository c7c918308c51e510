"""Metrics against plain dicts, through Prometheus' own parser: what was counted is what is scraped."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from prometheus_client.parser import text_string_to_metric_families

from noex.metrics import Metrics
from noex.metrics._exposition import format_number

TEXTS = st.sampled_from(["", "a", 'q"q', "b\\b", "n\nn", "\\n", "é", 'x{y="z"} 1\n', " "])
LABELS = st.fixed_dictionaries({"one": TEXTS, "two": TEXTS}) | st.tuples(TEXTS, TEXTS).map(
    lambda values: {"two": values[0], "one": values[1]}
)
AMOUNTS = st.integers(0, 2**60) | st.integers(0, 10**6).map(lambda n: n / 1024)
VALUES = st.floats(allow_nan=False, allow_infinity=False, width=32) | st.integers(-(10**6), 10**6)
BOUNDS = (-1.0, 0.0, 0.005, 2.5, 1000.0, 1e7)

Key = tuple[str, tuple[tuple[str, str], ...]]


class MetricsModel(RuleBasedStateMachine):
    @initialize(limit=st.integers(1, 5) | st.none())
    def begin(self, limit: int | None) -> None:
        self.metrics = Metrics("app", max_series=limit)
        self.limit = limit
        self.scalars: dict[Key, float] = {}
        self.observed: dict[Key, list[float]] = {}
        self.dropped: dict[str, int] = {}

    def room(self, name: str, labels: dict[str, str]) -> Key | None:
        key = (name, tuple(sorted(labels.items())))
        rows = [*self.scalars, *self.observed]
        if key in rows or self.limit is None or sum(row[0] == name for row in rows) < self.limit:
            return key
        self.dropped[name] = self.dropped.get(name, 0) + 1
        return None

    @rule(name=st.sampled_from(["c", "c_total"]), amount=AMOUNTS, labels=LABELS)
    def increment(self, name: str, amount: float, labels: dict[str, str]) -> None:
        self.metrics.increment(name, amount, labels)
        key = self.room("app_c", labels)
        if key:
            self.scalars[key] = self.scalars.get(key, 0) + amount

    @rule(value=VALUES | st.sampled_from([math.inf, -math.inf]), labels=LABELS)
    def set_gauge(self, value: float, labels: dict[str, str]) -> None:
        self.metrics.set_gauge("g", value, labels)
        key = self.room("app_g", labels)
        if key:
            self.scalars[key] = value

    @rule(amount=st.integers(-1000, 1000), labels=LABELS)
    def add_gauge(self, amount: int, labels: dict[str, str]) -> None:
        self.metrics.add_gauge("g", amount, labels)
        key = self.room("app_g", labels)
        if key:
            self.scalars[key] = self.scalars.get(key, 0) + amount

    @rule(value=VALUES, labels=LABELS)
    def observe(self, value: float, labels: dict[str, str]) -> None:
        self.metrics.observe("h", value, labels, buckets=BOUNDS)
        key = self.room("app_h", labels)
        if key:
            self.observed.setdefault(key, []).append(value)

    @invariant()
    def the_scrape_tells_it_all(self) -> None:
        if not hasattr(self, "metrics"):
            return
        text = self.metrics.to_prometheus()
        assert text == "" or text.endswith("\n")
        found: dict[Key, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                assert key not in found
                found[key] = float(sample.value)  # the parser leaves ints as they are
        expected: dict[Key, float] = {}
        for (name, labels), value in self.scalars.items():
            expected["app_c_total" if name == "app_c" else name, labels] = float(value)
        for (name, labels), values in self.observed.items():
            for bound in (*BOUNDS, math.inf):
                bucket = tuple(sorted([*labels, ("le", format_number(bound))]))
                expected[f"{name}_bucket", bucket] = sum(value <= bound for value in values)
            expected[f"{name}_count", labels] = len(values)
            expected[f"{name}_sum", labels] = float(sum(values))
        for name, number in self.dropped.items():
            expected["noex_metrics_dropped_samples_total", (("family", name),)] = number
        assert found == expected


TestMetricsModel = MetricsModel.TestCase
TestMetricsModel.settings = settings(max_examples=50, stateful_step_count=30)


@settings(deadline=None)
@given(st.floats(allow_nan=False) | st.integers(-(2**60), 2**60))
def test_a_number_that_is_written_is_read_back(number: float) -> None:
    assert float(format_number(number)) == float(number)


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_can_be_a_label_value(text: str) -> None:
    metrics = Metrics()
    metrics.increment("x", labels={"a": text})
    metrics.increment("x", labels={"a": text})
    exposition = metrics.to_prometheus()
    exposition.encode()
    (family,) = text_string_to_metric_families(exposition)
    (sample,) = family.samples
    assert sample.value == 2
    assert sample.labels == {"a": text.encode("utf-8", "backslashreplace").decode()}
