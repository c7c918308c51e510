"""The Prometheus text format 0.0.4: a cut of the families in, one string out.

Families are grouped and stand by name, their series by labels; a label's value and a HELP text are escaped; numbers
are written as Go does, which is how the format was defined.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from noex.metrics._histogram import HistogramCut

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from noex.metrics._names import Kind, Labels
    from noex.typing import Number

__all__ = ["CONTENT_TYPE", "FamilyCut", "format_number", "render"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""What to send as `Content-Type` with `Metrics.to_prometheus()`."""


class FamilyCut(NamedTuple):
    """A family at one moment: its name (a counter's without `_total`), and what each series holds."""

    name: str
    kind: Kind
    help: str | None
    series: list[tuple[Labels, Number | HistogramCut]]


def render(families: Iterable[FamilyCut]) -> str:
    r"""Return the exposition of the families; empty when there are none. O(samples).

    >>> print(render([FamilyCut("jobs", "counter", "Jobs done.", [((("queue", 'a"b'),), 3)])]), end="")
    # HELP jobs_total Jobs done.
    # TYPE jobs_total counter
    jobs_total{queue="a\"b"} 3
    """
    lines: list[str] = []
    for family in sorted(families, key=lambda family: family.name):
        name = f"{family.name}_total" if family.kind == "counter" else family.name
        if family.help is not None:
            lines.append(f"# HELP {name} {_escape_help(family.help)}")
        lines.append(f"# TYPE {name} {family.kind}")
        for labels, value in sorted(family.series, key=lambda series: series[0]):
            if isinstance(value, HistogramCut):
                lines.extend(_histogram_lines(name, labels, value))
            else:
                lines.append(f"{name}{_braces(labels)} {format_number(value)}")
    lines.append("")
    return "\n".join(lines)


def format_number(number: Number) -> str:
    """Return a number as text: an int in full, a float in its shortest form, with an exponent where Go has one.

    >>> [format_number(number) for number in (1000000, 1000000.0, 100.0, 0.00025, 1.5e-7, float("-inf"))]
    ['1000000', '1e+06', '100', '0.00025', '1.5e-07', '-Inf']
    """
    try:
        value = float(number)
    except OverflowError:
        value = math.inf if number > 0 else -math.inf
    if not math.isfinite(value):
        return "NaN" if value != value else "+Inf" if value > 0 else "-Inf"
    if isinstance(number, int):
        return str(int(number))
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    mantissa, _, power = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return sign + "0"
    exponent = int(power or "0") - len(fraction) + len(digits) - 1  # of the first digit
    return sign + _place_point(digits.rstrip("0"), exponent)


def _place_point(digits: str, exponent: int) -> str:
    """Write digits whose first one counts 10**exponent: plainly from 0.0001 to below 1000000, as Go's `%g` does."""
    if -4 <= exponent < 6:
        if exponent < 0:
            return f"0.{'0' * (-exponent - 1)}{digits}"
        whole = digits[: exponent + 1].ljust(exponent + 1, "0")
        fraction = digits[exponent + 1 :]
        return f"{whole}.{fraction}" if fraction else whole
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{rest}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _histogram_lines(name: str, labels: Labels, cut: HistogramCut) -> Iterator[str]:
    for bound, count in zip((*cut.bounds, math.inf), cut.cumulative, strict=True):
        yield f"{name}_bucket{_braces((*labels, ('le', format_number(bound))))} {count}"
    yield f"{name}_sum{_braces(labels)} {format_number(cut.sum)}"
    yield f"{name}_count{_braces(labels)} {cut.cumulative[-1]}"


def _braces(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{label}="{_escape_value(value)}"' for label, value in labels) + "}"


def _escape_help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _escape_value(text: str) -> str:
    return _escape_help(text).replace('"', r"\"")
