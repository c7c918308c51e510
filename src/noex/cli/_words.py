"""Numbers and times as people read them."""

from __future__ import annotations

from noex.cli._export import iso

__all__ = ["bytes_text", "count_text", "faster_text", "percent_text", "span_text", "time_text"]


def time_text(second: int) -> str:
    """Return a second of UTC since 1970 as date and time.

    >>> time_text(807256800)
    '1995-08-01 06:00:00'
    """
    return iso(second)[:19].replace("T", " ")


def count_text(number: int, what: str) -> str:
    """Return a number and what is counted.

    >>> count_text(1, "session"), count_text(2000, "session")
    ('1 session', '2,000 sessions')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def percent_text(part: int, whole: int) -> str:
    """Return a part in percent of the whole.

    >>> percent_text(1, 3)
    '33.3%'
    """
    return f"{part / whole:.1%}"


def bytes_text(number: int) -> str:
    """Return a number of bytes in the largest unit that keeps it above one.

    >>> bytes_text(100), bytes_text(482_000_000)
    ('100 B', '482 MB')
    """
    value = float(number)
    units = ["EB", "PB", "TB", "GB", "MB", "kB", "B"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop()
    return f"{value:.0f} {units[-1]}" if value == int(value) else f"{value:.1f} {units[-1]}"


def span_text(seconds: int) -> str:
    """Return a length of time in its two largest units.

    >>> span_text(46_321)
    '12 h 52 min'
    """
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    parts = ((days, "d"), (hours, "h"), (rest // 60, "min"), (rest % 60, "s"))
    said = [f"{number} {unit}" for number, unit in parts if number]
    return " ".join(said[:2]) or "0 s"


def faster_text(span: int, seconds: float) -> str:
    """Return how many times faster than real time a span was replayed, or nothing where it was not.

    >>> faster_text(3600, 0.5)
    ', 7,200 times real time'
    """
    times = span / seconds if seconds > 0 else 0
    return f", {times:,.0f} times real time" if times >= 2 else ""
