"""What a replay leaves behind for other programs: a JSON document, and the text that Prometheus reads."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from noex.cli._replay import Outcome
    from noex.metrics import Metrics

__all__ = ["document", "iso", "limit_text", "prometheus"]


def iso(second: int) -> str:
    """Return a second of UTC since 1970 in ISO 8601.

    >>> iso(807256800)
    '1995-08-01T06:00:00+00:00'
    """
    return datetime.fromtimestamp(second, UTC).isoformat()


def limit_text(limit: float) -> str:
    """Return a bucket's limit as its label: `100`, or `+Inf`."""
    return "+Inf" if math.isinf(limit) else f"{limit:.15g}"


def document(outcome: Outcome, seconds: float) -> dict[str, object]:
    """Return the JSON document of a replay that took so many seconds of real time."""
    cache = outcome.cache
    start, requests = outcome.peak_minute()
    sizes: dict[str, int] = {limit_text(bucket.limit): bucket.cumulative for bucket in outcome.sizes}
    return {
        "lines": outcome.lines,
        "valid": outcome.valid,
        "rejected": outcome.rejected,
        "first": iso(outcome.first),
        "last": iso(outcome.last),
        "methods": dict(outcome.methods),
        "statuses": {str(status): count for status, count in outcome.statuses.items()},
        "bytes": outcome.bytes,
        "hosts": outcome.hosts,
        "sessions": {
            "opened": outcome.sessions_opened,
            "active_at_end": outcome.sessions_active,
            "peak_active": outcome.sessions_peak,
        },
        "cache": {
            "hits": cache.hits,
            "misses": cache.misses,
            "hit_ratio": cache.hit_ratio,
            "evictions": cache.evictions,
            "expirations": cache.expirations,
            "entries": outcome.cache_entries,
        },
        "peak_minute": {"start": iso(start), "requests": requests},
        "top_targets": [list(pair) for pair in outcome.top_targets],
        "sizes": {**sizes, "sum": outcome.sizes_sum, "count": outcome.sizes_count},
        "seconds": seconds,
        "requests_per_second": outcome.valid / seconds if seconds > 0 else 0.0,
    }


def prometheus(outcome: Outcome, metrics: Metrics) -> str:
    """Return the Prometheus text: the histogram that the replay filled, and what it has counted, written in beside it.

    To be called once: counters grow with each call.
    """
    for method, count in outcome.methods.items():
        metrics.increment("requests_total", count, {"method": method})
    for status, count in outcome.statuses.items():
        metrics.increment("responses_total", count, {"status": str(status)})
    metrics.increment("response_bytes_total", outcome.bytes)
    metrics.increment("rejected_lines_total", outcome.rejected)
    metrics.increment("sessions_opened_total", outcome.sessions_opened)
    metrics.set_gauge("sessions_active", outcome.sessions_active)
    metrics.set_gauge("sessions_peak", outcome.sessions_peak)
    metrics.increment("cache_lookups_total", outcome.cache.hits, {"result": "hit"})
    metrics.increment("cache_lookups_total", outcome.cache.misses, {"result": "miss"})
    metrics.increment("cache_removals_total", outcome.cache.evictions, {"cause": "evicted"})
    metrics.increment("cache_removals_total", outcome.cache.expirations, {"cause": "expired"})
    metrics.set_gauge("cache_entries", outcome.cache_entries)
    return metrics.to_prometheus()
