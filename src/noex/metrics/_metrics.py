"""The collector: one-line counters, gauges and histograms, kept in tables, to be scraped by Prometheus.

Three tables, kept in step under the kernel's lock. *Families*: every name that a family takes for itself -> the
family, so that two families cannot come to the same sample name. *Series*: name and labels as a call spells them -> the
series, so that a call needs one lookup and no check of what was checked when that spelling was new. *Dropped*: family
-> samples that its limit of series turned away.
"""

from __future__ import annotations

import logging
import sys
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from noex._recipe import Recipe
from noex.errors import MetricError
from noex.ets import SetTable, Store
from noex.kernel import acquire, release, shortened
from noex.metrics._exposition import FamilyCut, render
from noex.metrics._families import DROPPED, Family, Series, join
from noex.metrics._histogram import Histogram, add, check_bounds
from noex.metrics._names import (
    Kind,
    Labels,
    Spelling,
    base_name,
    canonical_labels,
    check_namespace,
    plain_number,
    plain_spelling,
    spell,
)
from noex.typing import Clock, Number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Metrics"]

_logger = logging.getLogger("noex.metrics")

_MOST: Final = int(sys.float_info.max)
_DROPPED_HELP: Final = "Samples that were dropped because their family has as many series as max_series allows."


@shortened(Series, Histogram)
class Metrics(Recipe):
    """Counters, gauges and histograms by name and labels, exposed as Prometheus text.

    Safe from any thread: no sample is lost, and an exposition is one consistent cut. A name belongs to the kind, the
    labels and the buckets with which it is first used; a use that conflicts with them raises `MetricError`. Label
    values must be few: each combination is a series of its own, and from `max_series` of them on the samples of
    further ones are dropped, logged once, and counted in `noex_metrics_dropped_samples_total`.

    Options: `namespace` goes before every name, with a `_`; `max_series` is the limit per family, `None` for none;
    `name` is that of the table of series in `store`, with `<name>.families` and `<name>.dropped` beside it; `clock` is
    the tables'.

    >>> metrics = Metrics("shop")
    >>> metrics.increment("requests", labels={"method": "GET"})
    >>> metrics.set_gauge("open_carts", 12)
    >>> metrics.observe("seconds", 0.3, buckets=(0.1, 0.5))
    >>> print(metrics.to_prometheus(), end="")
    # TYPE shop_open_carts gauge
    shop_open_carts 12
    # TYPE shop_requests_total counter
    shop_requests_total{method="GET"} 1
    # TYPE shop_seconds histogram
    shop_seconds_bucket{le="0.1"} 0
    shop_seconds_bucket{le="0.5"} 1
    shop_seconds_bucket{le="+Inf"} 1
    shop_seconds_sum 0.3
    shop_seconds_count 1
    """

    __slots__ = (
        "_dropped",
        "_families",
        "_find",
        "_max_series",
        "_prefix",
        "_series",
    )

    def __init__(
        self,
        namespace: str = "",
        *,
        max_series: int | None = 10_000,
        name: str | None = None,
        store: Store | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._prefix = check_namespace(namespace)
        if max_series is not None:
            if isinstance(max_series, bool) or not isinstance(max_series, int):
                raise TypeError(f"max_series must be an int, or None for no limit, not {max_series!r}")
            if max_series < 1:
                raise ValueError(f"max_series must be at least 1, or None for no limit, not {max_series!r}")
        self._max_series = max_series
        opened: list[SetTable[str, Family] | SetTable[str, Number] | SetTable[Spelling, Series]] = []
        try:
            self._series = SetTable[Spelling, Series](name, store=store, clock=clock)
            opened.append(self._series)
            part = None if name is None else f"{name}.families"
            self._families = SetTable[str, Family](part, store=store, clock=clock)
            opened.append(self._families)
            part = None if name is None else f"{name}.dropped"
            self._dropped = SetTable[str, Number](part, store=store, clock=clock)
        except BaseException:
            for table in opened:
                table.close()
            raise
        self._find = self._series.lookup

    def increment(self, name: str, amount: Number = 1, labels: Mapping[str, str] | None = None) -> None:
        """Add to a counter, which is made by the first call. `name` may end in `_total` or not: it is the same counter.

        O(labels), atomic.

        Raises:
            MetricError: a name, label or amount that is not allowed (negative, infinite, NaN, no int or float), or a
                use that conflicts with an earlier one. Nothing has changed then.
            TableClosed: after `close()`.

        >>> metrics = Metrics()
        >>> metrics.increment("bytes", 1500)
        >>> metrics.increment("bytes_total", 500)
        >>> print(metrics.to_prometheus(), end="")
        # TYPE bytes_total counter
        bytes_total 2000
        """
        kind = amount.__class__
        if (kind is not int and kind is not float) or not 0 <= amount <= _MOST:
            amount = plain_number(amount, "amount", "counter", name)
            if not 0 <= amount <= _MOST:
                raise MetricError(
                    f"a counter only goes up, and stays finite: amount of {name!r} cannot be {amount!r}; "
                    "use a gauge for what goes down"
                )
        try:
            series = self._find((name, *labels, *labels.values()) if labels else name)
        except (AttributeError, TypeError):
            series = None
        if series is None or series.kind != "counter" or name.__class__ is not str:
            series = self._admit("counter", name, labels)
            if series is None:
                return
        acquire()
        try:
            series.value += amount
        except OverflowError:
            series.value = add(series.value, amount)
        finally:
            release()

    def set_gauge(self, name: str, value: Number, labels: Mapping[str, str] | None = None) -> None:
        """Set a gauge, which is made by the first call, to any int or float, infinite ones and NaN included.

        O(labels), atomic.

        Raises:
            MetricError: a name, label or value that is not allowed, or a use that conflicts with an earlier one.
                Nothing has changed then.
            TableClosed: after `close()`.
        """
        value = plain_number(value, "value", "gauge", name)
        series = self._resolve("gauge", name, labels)
        if series is None:
            return
        acquire()
        try:
            series.value = value
        finally:
            release()

    def add_gauge(self, name: str, amount: Number, labels: Mapping[str, str] | None = None) -> None:
        """Add to a gauge, which is made by the first call and begins at 0; a negative amount takes away.

        O(labels), atomic.

        Raises:
            MetricError: a name, label or amount that is not allowed, or a use that conflicts with an earlier one.
                Nothing has changed then.
            TableClosed: after `close()`.

        >>> metrics = Metrics()
        >>> metrics.add_gauge("open", 1), metrics.add_gauge("open", -1)
        (None, None)
        """
        amount = plain_number(amount, "amount", "gauge", name)
        series = self._resolve("gauge", name, labels)
        if series is None:
            return
        acquire()
        try:
            series.value += amount
        except OverflowError:
            series.value = add(series.value, amount)
        finally:
            release()

    def observe(
        self,
        name: str,
        value: Number,
        labels: Mapping[str, str] | None = None,
        *,
        buckets: Iterable[Number] | None = None,
    ) -> None:
        """Count a value in a histogram, which is made by the first call.

        O(labels + log buckets), atomic: count, sum and bucket change together. `buckets` are the upper bounds,
        ascending; `None` means those of the first call, or in it `DEFAULT_BUCKETS`. A bucket for everything above is
        always there.

        Raises:
            MetricError: a name, label or bucket that is not allowed, a value that is NaN or no int or float, or a use
                that conflicts with an earlier one. Nothing has changed then.
            TableClosed: after `close()`.
        """
        if value.__class__ is not int and (value.__class__ is not float or value != value):
            value = plain_number(value, "value", "histogram", name)
            if value != value:
                raise MetricError(f"NaN is in no bucket: histogram {name!r} cannot observe it; leave such values out")
        histogram: Histogram | None = None
        if buckets is None and name.__class__ is str:
            try:
                series = self._find((name, *labels, *labels.values()) if labels else name)
                histogram = None if series is None else series.histogram
            except (AttributeError, TypeError):
                pass  # the labels are wrong: `_admit` tells how
        if histogram is None:
            series = self._admit("histogram", name, labels, buckets)
            if series is None or series.histogram is None:
                return
            histogram = series.histogram
        slot = bisect_left(histogram.bounds, value)
        acquire()
        try:
            histogram.slots[slot] += 1
            histogram.sum += value
        except OverflowError:
            histogram.sum = add(histogram.sum, value)
        finally:
            release()

    def to_prometheus(self) -> str:
        """Return all metrics in the Prometheus text format 0.0.4, to be sent as `noex.metrics.CONTENT_TYPE`.

        O(samples), one consistent cut: writers wait while it is taken, not while the text is made. Families stand by
        name, series by labels.

        Raises:
            TableClosed: after `close()`.
        """
        families: dict[str, FamilyCut] = {}
        acquire()
        try:
            for spelling, series in self._series.to_list():
                if spelling != series.spelling:
                    continue  # another spelling of a series that has its row
                family = series.family
                cut = families.get(family.name)
                if cut is None:
                    cut = families[family.name] = FamilyCut(family.name, family.kind, None, [])
                value = series.value if series.histogram is None else series.histogram.cut()
                cut.series.append((series.labels, value))
            dropped = self._dropped.to_list()
        finally:
            release()
        if dropped:
            counts: list[tuple[Labels, Number]] = [((("family", name),), count) for name, count in dropped]
            families[DROPPED] = FamilyCut(DROPPED, "counter", _DROPPED_HELP, [*counts])
        return render(families.values())

    def close(self) -> None:
        """Close the tables and free their names; every other verb raises `TableClosed` then. May be repeated."""
        acquire()
        try:
            self._series.close()
            self._families.close()
            self._dropped.close()
        finally:
            release()

    def _resolve(self, kind: Kind, name: str, labels: Mapping[str, str] | None) -> Series | None:
        """Return the series of a call, made if it is new, or `None` when there is no room for it."""
        try:
            series = self._find((name, *labels, *labels.values()) if labels else name)
        except (AttributeError, TypeError):
            series = None
        if series is None or series.kind != kind or name.__class__ is not str:
            return self._admit(kind, name, labels)
        return series

    def _admit(
        self, kind: Kind, name: str, labels: Mapping[str, str] | None, buckets: Iterable[Number] | None = None
    ) -> Series | None:
        """Do as `_resolve` for a spelling that is new: check all of it, then let it in."""
        base = base_name(kind, name)
        full = self._prefix + base
        pairs = canonical_labels(kind, full, labels)
        bounds = None if buckets is None else check_bounds(full, buckets)
        canonical = spell(base, dict(pairs))
        spelling = plain_spelling(name, labels, base, pairs)
        first = False
        acquire()
        try:
            family = join(self._families, kind, full, tuple(label for label, _ in pairs), bounds)
            series = self._find(canonical)
            if series is None:
                if self._max_series is not None and family.size >= self._max_series:
                    first = self._dropped.update_counter(full) == 1
                else:
                    series = Series(family, pairs, canonical)
                    if self._series.insert_new(canonical, series):
                        family.size += 1
                    else:
                        series = self._find(canonical)  # a finalizer that struck in here was first
            if series is not None:
                if spelling is not None:
                    self._series.insert(spelling, series)
                return series
        finally:
            release()
        if first:
            _logger.warning(
                "%s has %d series, which is max_series: samples of further ones are dropped; use labels with fewer "
                "different values, or raise max_series",
                family,
                family.size,
            )
        return None

    def __repr__(self) -> str:
        return f"Metrics(namespace={self._prefix[:-1]!r}, name={self._series.name!r})"
