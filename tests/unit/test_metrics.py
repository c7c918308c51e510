"""Metrics: kinds, names, labels, limits, and an exposition that Prometheus' own parser reads back."""

from __future__ import annotations

import enum
import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from noex import ets
from noex.errors import MetricError, TableClosed, TableExists
from noex.metrics import CONTENT_TYPE, DEFAULT_BUCKETS, Metrics
from noex.metrics._exposition import format_number


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Read the exposition with Prometheus' parser."""
    found: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for family in text_string_to_metric_families(metrics.to_prometheus()):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"{key} is exposed twice"
            found[key] = sample.value
    return found


# -- exposition


def test_nothing_is_exposed_as_nothing() -> None:
    assert Metrics().to_prometheus() == ""


def test_the_whole_exposition_of_one_of_each() -> None:
    metrics = Metrics("shop")
    metrics.increment("requests", 2, {"method": "GET", "code": "200"})
    metrics.increment("requests", labels={"code": "404", "method": "GET"})
    metrics.set_gauge("temperature", -0.5)
    metrics.observe("size", 100, {"route": "/"}, buckets=(100, 1000, 1_000_000))
    metrics.observe("size", 250.5, {"route": "/"})
    metrics.observe("size", 10**7, {"route": "/"})
    assert metrics.to_prometheus() == (
        "# TYPE shop_requests_total counter\n"
        'shop_requests_total{code="200",method="GET"} 2\n'
        'shop_requests_total{code="404",method="GET"} 1\n'
        "# TYPE shop_size histogram\n"
        'shop_size_bucket{route="/",le="100"} 1\n'
        'shop_size_bucket{route="/",le="1000"} 2\n'
        'shop_size_bucket{route="/",le="1e+06"} 2\n'
        'shop_size_bucket{route="/",le="+Inf"} 3\n'
        'shop_size_sum{route="/"} 1.00003505e+07\n'
        'shop_size_count{route="/"} 3\n'
        "# TYPE shop_temperature gauge\n"
        "shop_temperature -0.5\n"
    )


def test_the_official_parser_reads_kinds_and_samples_back() -> None:
    metrics = Metrics()
    metrics.increment("jobs", 3)
    metrics.set_gauge("load", math.inf)
    metrics.observe("seconds", 0.3)
    families = {family.name: family for family in text_string_to_metric_families(metrics.to_prometheus())}
    assert {name: family.type for name, family in families.items()} == {
        "jobs": "counter",
        "load": "gauge",
        "seconds": "histogram",
    }
    assert [sample.name for sample in families["jobs"].samples] == ["jobs_total"]
    assert [sample.labels.get("le") for sample in families["seconds"].samples][: len(DEFAULT_BUCKETS) + 1] == [
        *("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf")
    ]


def test_all_buckets_are_exposed_and_cumulative() -> None:
    metrics = Metrics()
    for value in (-math.inf, -3, 0, 1, 1.5, 2, 2.1, 5, math.inf):
        metrics.observe("x", value, buckets=(1, 2, 5))
    found = samples(metrics)
    assert [found["x_bucket", (("le", le),)] for le in ("1", "2", "5", "+Inf")] == [4, 6, 8, 9]
    assert found["x_count", ()] == 9
    assert math.isnan(found["x_sum", ()])  # as floats have it: minus infinity and infinity have no sum


def test_a_value_on_a_bound_belongs_to_its_bucket() -> None:
    metrics = Metrics()
    metrics.observe("x", 0.1, buckets=(0.1, 1))
    assert samples(metrics)["x_bucket", (("le", "0.1"),)] == 1


@pytest.mark.parametrize(
    "value", ['say "hi"', "back\\slash", "two\nlines", "\\n", "{a=}", "é\u2028\U0001f600", "", " ", "\r\t"]
)
def test_label_values_are_escaped(value: str) -> None:
    metrics = Metrics()
    metrics.increment("x", labels={"path": value})
    assert samples(metrics) == {("x_total", (("path", value),)): 1}


def test_label_values_that_utf8_cannot_hold_are_spelled_out() -> None:
    metrics = Metrics()
    for value in ("a\udcff", "a\udcff", "a\\udcff"):
        metrics.increment("x", labels={"path": value})
    metrics.to_prometheus().encode()
    assert samples(metrics) == {("x_total", (("path", "a\\udcff"),)): 3}


def test_the_content_type_names_the_format() -> None:
    assert CONTENT_TYPE == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (0.0, "0"),
        (-0.0, "-0"),
        (1, "1"),
        (-12, "-12"),
        (1234567, "1234567"),
        (2**63 + 1, "9223372036854775809"),
        (10**400, "+Inf"),
        (-(10**400), "-Inf"),
        (1.0, "1"),
        (100.0, "100"),
        (123456.0, "123456"),
        (123456.5, "123456.5"),
        (1e6, "1e+06"),
        (1234567.0, "1.234567e+06"),
        (1e21, "1e+21"),
        (1e100, "1e+100"),
        (0.1, "0.1"),
        (-2.5, "-2.5"),
        (0.0001, "0.0001"),
        (0.00012345, "0.00012345"),
        (0.00001, "1e-05"),
        (1.5e-7, "1.5e-07"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_numbers_are_written_as_go_does(number: float, text: str) -> None:
    assert format_number(number) == text


# -- counters, gauges


def test_a_counter_is_the_same_with_and_without_total() -> None:
    metrics = Metrics()
    for name in ("jobs", "jobs_total", "jobs", "jobs_total"):
        metrics.increment(name)
        metrics.increment(name, labels={})
        metrics.increment(name, labels=None)
    assert samples(metrics) == {("jobs_total", ()): 12}


def test_the_order_of_labels_does_not_matter() -> None:
    metrics = Metrics()
    for _ in range(2):
        metrics.increment("x", labels={"a": "1", "b": "2"})
        metrics.increment("x", labels={"b": "2", "a": "1"})
        metrics.increment("x_total", labels={"b": "2", "a": "1"})
    assert samples(metrics) == {("x_total", (("a", "1"), ("b", "2"))): 6}


def test_counters_add_ints_and_floats() -> None:
    metrics = Metrics()
    metrics.increment("x", 2**53)
    metrics.increment("x")
    assert f"x_total {2**53 + 1}\n" in metrics.to_prometheus()
    metrics.increment("y", 0.5)
    metrics.increment("y", 0)
    assert samples(metrics)["y_total", ()] == 0.5


def test_a_counter_beyond_all_floats_is_infinite() -> None:
    metrics = Metrics()
    for _ in range(3):
        metrics.increment("ints", 10**308)
        metrics.increment("mixed", 10**308)
    metrics.increment("mixed", 0.5)
    assert samples(metrics) == {("ints_total", ()): math.inf, ("mixed_total", ()): math.inf}


@pytest.mark.parametrize("amount", [-1, -0.5, math.nan, math.inf, -math.inf, 10**400, True, "1", None])
def test_a_counter_refuses_amounts_and_stays_what_it_was(amount: Any) -> None:
    metrics = Metrics()
    metrics.increment("x", 7)
    for name in ("x", "new"):
        with pytest.raises(MetricError, match=name):
            metrics.increment(name, amount)
    assert samples(metrics) == {("x_total", ()): 7}


def test_a_gauge_is_set_and_added_to() -> None:
    metrics = Metrics()
    metrics.set_gauge("x", 5)
    metrics.add_gauge("x", -7.5)
    metrics.add_gauge("y", 2)
    assert samples(metrics) == {("x", ()): -2.5, ("y", ()): 2}


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, -1, 10**400])
def test_a_gauge_takes_any_number(value: float) -> None:
    metrics = Metrics()
    metrics.set_gauge("set", value)
    metrics.add_gauge("added", 0.5)
    metrics.add_gauge("added", value)
    metrics.to_prometheus()
    assert len(samples(metrics)) == 2


@pytest.mark.parametrize("value", [True, "1", None, 1j])
def test_a_gauge_refuses_what_is_no_number(value: Any) -> None:
    metrics = Metrics()
    with pytest.raises(MetricError, match="int or a float"):
        metrics.set_gauge("x", value)
    with pytest.raises(MetricError, match="int or a float"):
        metrics.add_gauge("x", value)
    assert metrics.to_prometheus() == ""


# -- histograms


@pytest.mark.parametrize("value", [math.nan, True, "1", None])
def test_a_histogram_refuses_values_and_stays_what_it_was(value: Any) -> None:
    metrics = Metrics()
    with pytest.raises(MetricError, match="'x'"):
        metrics.observe("x", value)
    assert metrics.to_prometheus() == ""


def test_a_histogram_sums_numbers_of_any_size() -> None:
    metrics = Metrics()
    metrics.observe("x", 10**400, buckets=[1])
    metrics.observe("x", 0.5)
    found = samples(metrics)
    assert found["x_sum", ()] == math.inf
    assert found["x_count", ()] == 2


def test_the_first_observation_fixes_the_buckets() -> None:
    metrics = Metrics()
    metrics.observe("x", 1, buckets=[1, 2])
    metrics.observe("x", 1)
    metrics.observe("x", 1, buckets=(1.0, 2.0, math.inf))
    with pytest.raises(MetricError, match=r"\(1\.0, 2\.0\).*\(1\.0, 3\.0\)"):
        metrics.observe("x", 1, buckets=[1, 3])
    with pytest.raises(MetricError, match=r"\(1\.0, 2\.0\)"):
        metrics.observe("x", 1, buckets=DEFAULT_BUCKETS)
    metrics.observe("usual", 1)
    metrics.observe("usual", 1, buckets=DEFAULT_BUCKETS)
    assert samples(metrics)["x_count", ()] == 3


@pytest.mark.parametrize(
    "buckets",
    [[], [math.inf], [2, 1], [1, 1], [math.nan], [-math.inf, 1], ["1"], [True], "12", 5, [1, math.inf, 2], [10**400]],
)
def test_buckets_that_make_no_sense_are_refused(buckets: Any) -> None:
    metrics = Metrics()
    with pytest.raises(MetricError, match=r"buckets? of histogram 'x'"):
        metrics.observe("x", 1, buckets=buckets)
    assert metrics.to_prometheus() == ""


# -- names and labels


@pytest.mark.parametrize("name", ["", "1x", "a-b", "a b", "x\n", "é", "a.b", None, 5, b"x", ["x"], "a{b}"])
@pytest.mark.parametrize("verb", ["increment", "set_gauge", "add_gauge", "observe"])
def test_names_are_validated(name: Any, verb: str) -> None:
    metrics = Metrics()
    with pytest.raises(MetricError, match="the name of a"):
        getattr(metrics, verb)(name, 1)
    assert metrics.to_prometheus() == ""


def test_a_counter_needs_a_name_before_total() -> None:
    with pytest.raises(MetricError, match="_total"):
        Metrics().increment("_total")


@pytest.mark.parametrize("label", ["", "1x", "a-b", "a:b", "x\n", "__x", "é", None, 5])
def test_labels_are_validated(label: Any) -> None:
    metrics = Metrics()
    with pytest.raises(MetricError, match="label"):
        metrics.increment("x", labels={label: "1"})
    assert metrics.to_prometheus() == ""


@pytest.mark.parametrize("value", [200, None, True, b"x", ["x"], 1.5])
def test_label_values_are_never_converted(value: Any) -> None:
    metrics = Metrics()
    metrics.increment("x", labels={"code": "200"})
    with pytest.raises(MetricError, match=r"convert it with str\(\)"):
        metrics.increment("x", labels={"code": value})
    assert samples(metrics) == {("x_total", (("code", "200"),)): 1}


@pytest.mark.parametrize("labels", [["a"], "a", 5, [("a", "b")], {"a"}])
def test_labels_are_a_mapping(labels: Any) -> None:
    with pytest.raises(MetricError, match="mapping"):
        Metrics().increment("x", labels=labels)


def test_le_is_what_tells_buckets_apart() -> None:
    metrics = Metrics()
    with pytest.raises(MetricError, match="le"):
        metrics.observe("x", 1, {"le": "5"})
    metrics.increment("y", labels={"le": "5"})
    assert samples(metrics) == {("y_total", (("le", "5"),)): 1}


def test_label_values_of_subclasses_of_str_are_the_text() -> None:
    class Method(str, enum.Enum):  # noqa: UP042 - a StrEnum hashes and prints otherwise
        GET = "get"

    class Verb(enum.StrEnum):
        GET = "get"

    metrics = Metrics()
    for value in (Method.GET, Verb.GET, "get", Method.GET):
        metrics.increment("x", labels={"method": value})
    assert samples(metrics) == {("x_total", (("method", "get"),)): 4}


@pytest.mark.parametrize("namespace", ["1x", "a-b", None, 5, " ", "x\n"])
def test_a_namespace_is_validated(namespace: Any) -> None:
    with pytest.raises(MetricError, match="namespace"):
        Metrics(namespace)


def test_the_namespace_goes_before_every_name() -> None:
    metrics = Metrics("app")
    metrics.increment("x")
    metrics.set_gauge("y", 1)
    assert set(samples(metrics)) == {("app_x_total", ()), ("app_y", ())}


def test_labels_are_not_kept_by_reference() -> None:
    metrics = Metrics()
    labels = {"a": "1"}
    metrics.increment("x", labels=labels)
    labels["a"] = "2"
    metrics.increment("x", labels=labels)
    assert samples(metrics) == {("x_total", (("a", "1"),)): 1, ("x_total", (("a", "2"),)): 1}


# -- conflicts

Use = Callable[[Metrics], None]


def counter(name: str, labels: Mapping[str, str] | None = None) -> Use:
    return lambda metrics: metrics.increment(name, labels=labels)


def gauge(name: str, labels: Mapping[str, str] | None = None) -> Use:
    return lambda metrics: metrics.set_gauge(name, 1, labels)


def histogram(name: str, labels: Mapping[str, str] | None = None) -> Use:
    return lambda metrics: metrics.observe(name, 1, labels)


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        (counter("x"), gauge("x"), ("counter 'x'", "gauge")),
        (gauge("x"), counter("x"), ("gauge 'x'", "counter")),
        (gauge("x"), counter("x_total"), ("gauge 'x'", "counter")),
        (counter("x"), histogram("x"), ("counter 'x'", "histogram")),
        (histogram("x"), counter("x"), ("histogram 'x'", "counter")),
        (gauge("x"), histogram("x"), ("gauge 'x'", "histogram")),
        (counter("x"), gauge("x_total"), ("gauge 'x_total'", "counter 'x'")),
        (gauge("x_total"), counter("x"), ("counter 'x'", "gauge 'x_total'")),
        (histogram("x"), gauge("x_count"), ("gauge 'x_count'", "histogram 'x'")),
        (gauge("x_sum"), histogram("x"), ("histogram 'x'", "gauge 'x_sum'")),
        (counter("x_bucket"), histogram("x"), ("histogram 'x'", "counter 'x_bucket'")),
        (histogram("x"), histogram("x_count"), ("histogram 'x_count'", "histogram 'x'")),
        (counter("x"), counter("x", {"a": "1"}), ("no labels", "'a'")),
        (gauge("x", {"a": "1"}), gauge("x", {"b": "1"}), ("'a'", "'b'")),
        (histogram("x", {"a": "1", "b": "1"}), histogram("x", {"a": "1"}), ("'a', 'b'", "'a'")),
    ],
)
def test_a_use_that_conflicts_names_both_and_changes_nothing(first: Use, second: Use, both: tuple[str, str]) -> None:
    metrics = Metrics()
    first(metrics)
    before = metrics.to_prometheus()
    for _ in range(2):
        with pytest.raises(MetricError) as caught:
            second(metrics)
        assert all(name in str(caught.value) for name in both)
    assert metrics.to_prometheus() == before
    first(metrics)


def test_names_that_only_look_alike_do_not_collide() -> None:
    metrics = Metrics()
    metrics.observe("x", 1)
    metrics.set_gauge("x_total", 1)
    metrics.set_gauge("x_counts", 1)
    metrics.increment("counts")
    assert len(samples(metrics)) == len(DEFAULT_BUCKETS) + 3 + 3


@pytest.mark.parametrize("namespace", ["", "noex"])
def test_the_name_of_the_dropped_samples_is_taken(namespace: str) -> None:
    metrics = Metrics(namespace)
    prefix = "" if namespace else "noex_"
    with pytest.raises(MetricError, match="noex"):
        metrics.increment(f"{prefix}metrics_dropped_samples")
    with pytest.raises(MetricError, match="noex"):
        metrics.set_gauge(f"{prefix}metrics_dropped_samples_total", 1)


# -- the limit of series


def test_samples_beyond_the_limit_are_dropped_counted_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics("app", max_series=2)
    with caplog.at_level(logging.WARNING, logger="noex.metrics"):
        for number in (1, 2, 3, 4, 3, 1):
            metrics.increment("hits", labels={"user": str(number)})
            metrics.set_gauge("age", number, {"user": str(number)})
            metrics.add_gauge("age", 1, {"user": str(number)})
            metrics.observe("size", number, {"user": str(number)})
    found = samples(metrics)
    assert found["app_hits_total", (("user", "1"),)] == 2
    assert {labels for name, labels in found if name == "app_hits_total"} == {(("user", "1"),), (("user", "2"),)}
    dropped = {dict(labels)["family"]: n for (name, labels), n in found.items() if name.startswith("noex")}
    assert dropped == {"app_hits": 3, "app_age": 6, "app_size": 3}
    assert [record.getMessage().split(" has ")[0] for record in caplog.records] == [
        "counter 'app_hits'",
        "gauge 'app_age'",
        "histogram 'app_size'",
    ]
    text = metrics.to_prometheus()
    assert "# HELP noex_metrics_dropped_samples_total " in text
    assert "# TYPE noex_metrics_dropped_samples_total counter\n" in text


def test_what_is_not_dropped_is_not_exposed_as_dropped() -> None:
    metrics = Metrics(max_series=1)
    metrics.increment("x", labels={"a": "1", "b": "2"})
    metrics.increment("x", labels={"b": "2", "a": "1"})
    assert "noex" not in metrics.to_prometheus()


def test_there_may_be_no_limit() -> None:
    metrics = Metrics(max_series=None)
    for number in range(50):
        metrics.increment("x", labels={"n": str(number)})
    assert len(samples(metrics)) == 50


@pytest.mark.parametrize(("limit", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)])
def test_a_limit_that_makes_no_sense_is_refused(limit: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="max_series"):
        Metrics(max_series=limit)


# -- tables


def test_every_verb_of_closed_metrics_says_so() -> None:
    metrics = Metrics()
    metrics.increment("x")
    metrics.close()
    metrics.close()
    for call in (
        lambda: metrics.increment("x"),
        lambda: metrics.set_gauge("y", 1),
        lambda: metrics.add_gauge("y", 1),
        lambda: metrics.observe("z", 1),
        metrics.to_prometheus,
    ):
        with pytest.raises(TableClosed):
            call()
    assert "Metrics" in repr(metrics)


def test_all_tables_are_named_and_all_names_are_freed() -> None:
    names = ("metrics", "metrics.families", "metrics.dropped")
    with ets.Store() as store:
        with Metrics(name="metrics", store=store):
            assert all(store.whereis(name) is not None for name in names)
        assert all(store.whereis(name) is None for name in names)


@pytest.mark.parametrize("taken", ["metrics", "metrics.families", "metrics.dropped"])
def test_metrics_that_cannot_open_all_tables_open_none(taken: str) -> None:
    with ets.Store() as store:
        store.new(taken)
        with pytest.raises(TableExists):
            Metrics(name="metrics", store=store)
        assert [table.name for table in store.tables()] == [taken]


def test_an_unknown_option_is_refused() -> None:
    options: dict[str, Any] = {"help": "x"}
    with pytest.raises(TypeError):
        Metrics(**options)
    with pytest.raises(TypeError):
        Metrics().increment("x", **options)
