r"""Request metrics: counters, gauges and histograms, in the text that Prometheus reads.

The problem: a monitor asks `/metrics` every few seconds how many requests there were, how many are under way, and how
long they took. The answer is a text format, and most home-made ones are refused by the monitor or, worse, misread.

Each kind of metric is a set table whose key is `(name, labels)` and whose value is all there is to know of that
series. Names are declared first, so that a name has one kind, one help text and one set of labels.

Run it: python examples/request_metrics.py
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import NamedTuple, TypeAlias

from noex import ets

Labels: TypeAlias = tuple[tuple[str, str], ...]
Series: TypeAlias = tuple[str, Labels]

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")


class Family(NamedTuple):
    """What is declared of a metric: its kind, its help text, the names of its labels, and its buckets."""

    kind: str
    help: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...] = ()


class Histogram(NamedTuple):
    """How many observations fell into each bucket, the last one being "above all bounds", and their sum."""

    counts: tuple[int, ...]
    sum: float


families = ets.OrderedSetTable[str, Family]()
numbers = ets.OrderedSetTable[Series, float]()
histograms = ets.OrderedSetTable[Series, Histogram]()


def declare(name: str, family: Family) -> None:
    """Say what a metric is, once."""
    if not NAME.fullmatch(name) or not all(map(LABEL.fullmatch, family.labels)) or "le" in family.labels:
        raise ValueError(f"{name!r} with labels {family.labels} is not a name that Prometheus takes")
    if list(family.buckets) != sorted(set(family.buckets)):
        raise ValueError(f"the buckets of {name!r} must rise: {family.buckets}")
    if not families.insert_new(name, family):
        raise ValueError(f"{name!r} is declared already: {families[name]}")


def series(name: str, kind: str, labels: dict[str, str]) -> Series:
    """Return the key of a series."""
    family = families[name]
    if family.kind != kind or set(family.labels) != set(labels):
        raise ValueError(f"{name!r} is a {family.kind} with the labels {family.labels}, not a {kind} with {labels}")
    # Trap: a key that is text, with the labels in the order of the caller, makes {a, b} and {b, a} two series. Here
    # the labels stand in the declared order, as a tuple, and are not escaped before they are written out.
    return name, tuple((label, labels[label]) for label in family.labels)


def increment(name: str, amount: float = 1, **labels: str) -> None:
    """Add to a counter."""
    # A counter never goes down: the monitor takes that for a restart.
    if not 0 <= amount < math.inf:
        raise ValueError(f"a counter goes up by a finite amount, not by {amount}")
    numbers.update_counter(series(name, "counter", labels), amount)


def add_gauge(name: str, amount: float, **labels: str) -> None:
    """Move a gauge up or down, in one step: reading it and setting it would lose the moves of others."""
    numbers.update_counter(series(name, "gauge", labels), amount)


def observe(name: str, value: float, **labels: str) -> None:
    """Put an observation into a histogram."""
    if not math.isfinite(value):
        raise ValueError(f"an observation must be finite, not {value}: one NaN would make the sum NaN for ever")
    key = series(name, "histogram", labels)
    buckets = families[name].buckets
    # A bound belongs to its own bucket: "le" is "less than or equal".
    place = bisect_left(buckets, value)

    def add(old: Histogram) -> Histogram:
        # Trap: counting every bucket from `place` upwards is what the text wants, and is twelve writes for each
        # observation. Only one bucket counts here; `exposition` adds them up. And counts and sum are one value, so
        # nobody ever reads a sum that does not belong to the counts.
        return Histogram(tuple(n + (i == place) for i, n in enumerate(old.counts)), old.sum + value)

    histograms.compute(key, add, default=Histogram((0,) * (len(buckets) + 1), 0.0))


def exposition() -> str:
    """Return the text for the monitor."""
    lines: list[str] = []
    for name, family in families.items():
        # The lines of a family stand together, help and type first.
        lines += [f"# HELP {name} {escape(family.help)}", f"# TYPE {name} {family.kind}"]
        # The tables are ordered by (name, labels): the series of one name are a range, in the same order each time.
        if family.kind == "histogram":
            for key, histogram in histograms.prefix((name,)):
                lines += histogram_lines(name, key[1], family.buckets, histogram)
        else:
            lines += [f"{name}{braces(key[1])} {number(value)}" for key, value in numbers.prefix((name,))]
    # Trap: the last line ends with a line feed as well, or the whole text is refused.
    return "".join(f"{line}\n" for line in lines)


def histogram_lines(name: str, labels: Labels, buckets: tuple[float, ...], histogram: Histogram) -> Iterator[str]:
    """Write one histogram: each bucket counts all that is not above its bound, so the last one counts everything."""
    # Trap: buckets without observations are written too, or quantiles come out wrong; and the last bound is "+Inf".
    totals = list(accumulate(histogram.counts))
    for bound, total in zip((*buckets, math.inf), totals, strict=True):
        yield f"{name}_bucket{braces((*labels, ('le', number(bound))))} {total}"
    yield f"{name}_sum{braces(labels)} {number(histogram.sum)}"
    yield f"{name}_count{braces(labels)} {totals[-1]}"


def braces(labels: Labels) -> str:
    """Write labels."""
    # Trap: a quote or a line feed in a value that comes from outside would end the line, and start one of its own.
    inside = ",".join(f'{label}="{escape(value).replace(chr(34), chr(92) + chr(34))}"' for label, value in labels)
    return f"{{{inside}}}" if inside else ""


def escape(text: str) -> str:
    """Write text on one line."""
    return text.replace("\\", r"\\").replace("\n", r"\n")


def number(value: float) -> str:
    """Write a number as Prometheus reads it."""
    if value == math.inf:
        return "+Inf"
    return str(int(value)) if value == int(value) else repr(value)


def serve_some_requests() -> None:
    """Count a handful of requests."""
    declare("http_requests_total", Family("counter", "Requests answered.", ("method", "status")))
    declare("http_requests_in_flight", Family("gauge", "Requests under way.", ()))
    declare(
        "http_request_seconds", Family("histogram", "Time to answer.", ("method",), buckets=(0.005, 0.025, 0.1, 0.5, 1))
    )
    declare("searches_total", Family("counter", "Searches, by\nwhat was sought.", ("term",)))
    requests = (("GET", 200, 0.02), ("GET", 200, 0.1), ("GET", 404, 0.005), ("POST", 201, 0.25), ("POST", 500, 3.5))
    for method, status, seconds in requests:
        add_gauge("http_requests_in_flight", +1)
        increment("http_requests_total", status=str(status), method=method)
        observe("http_request_seconds", seconds, method=method)
        add_gauge("http_requests_in_flight", -1)
    add_gauge("http_requests_in_flight", +2)
    # Trap: labels whose values come from outside make a series each. Bound what you take for one.
    increment("searches_total", term='he said "10\\20"\n')


def show_what_is_refused() -> None:
    """Try what must not get into the text. Lines that begin with # and no keyword are comments to Prometheus."""
    print("# refused:")
    attempts: list[Callable[[], None]] = [
        lambda: declare("9 lives", Family("counter", "", ())),
        lambda: declare("sizes", Family("histogram", "", ("le",), (1.0,))),
        lambda: declare("searches_total", Family("gauge", "", ())),
        lambda: increment("searches_total"),
        lambda: increment("searches_total", -1, term="ets"),
        lambda: observe("http_request_seconds", math.nan, method="GET"),
    ]
    for attempt in attempts:
        try:
            attempt()
        except ValueError as error:
            print("#  ", error)


def main() -> None:
    """Show it all: the output as a whole is what Prometheus would read."""
    serve_some_requests()
    print(exposition(), end="")
    show_what_is_refused()


if __name__ == "__main__":
    main()

# The recipe that does this for you, with limits on the number of series: noex.Metrics.
