"""Metrics in the Prometheus data model: counters, gauges and histograms with labels, and their text exposition.

Layout, each file above those it imports::

    _metrics.py       the collector
    _exposition.py    the text format 0.0.4
    _families.py      families and series, the rows of its tables
    _histogram.py     one slot per bucket
    _names.py         what names and labels may be
"""

from noex.metrics._exposition import CONTENT_TYPE
from noex.metrics._histogram import DEFAULT_BUCKETS
from noex.metrics._metrics import Metrics

__all__ = ["CONTENT_TYPE", "DEFAULT_BUCKETS", "Metrics"]
