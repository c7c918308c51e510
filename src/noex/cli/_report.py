"""The report of a replay in the terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from rich import box
from rich.columns import Columns
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from noex.cli._charts import bar, printable, time_chart
from noex.cli._words import bytes_text, count_text, faster_text, percent_text, span_text, time_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console, OverflowMethod, RenderableType

    from noex.cli._replay import Outcome, RejectedLine

__all__ = ["report", "show_rejected"]

_CHART_HEIGHT: Final = 8
_WIDEST: Final = 110
_CLASS_STYLES: Final = {1: "blue", 2: "green", 3: "cyan", 4: "yellow", 5: "red"}
_ROUNDED: Final = box.ROUNDED


def report(console: Console, outcome: Outcome, title: str, seconds: float) -> None:
    """Print what a replay has found."""
    painter = _Painter(outcome, min(console.width, _WIDEST), ascii_only=console.options.ascii_only)
    console.print(painter.summary(title, seconds), width=painter.width)
    for part in (painter.over_time(), painter.statuses(), painter.targets()):
        console.print(part, width=painter.width)
    console.print(Columns([painter.cache(), painter.sessions()], padding=(0, 1)), width=painter.width)
    console.print(Columns([painter.rates(), painter.sizes()], padding=(0, 1)), width=painter.width)


def show_rejected(console: Console, rejected: int, shown: Sequence[RejectedLine]) -> None:
    """Print the first rejected lines: where each stands, and why; never what stands there."""
    console.print(
        Text(f"{rejected:,} rejected {'line' if rejected == 1 else 'lines'}{_shown_of(rejected, len(shown))}"),
        style="bold",
    )
    for line in shown:
        console.print(Text(f"  {printable(line.source)}:{line.number}: {line.reason}"), soft_wrap=True)


class _Painter:
    """Draws the parts of the report, for one width and one set of characters."""

    def __init__(self, outcome: Outcome, width: int, *, ascii_only: bool) -> None:
        self.outcome = outcome
        self.width = width
        self.half = (width - 1) // 2 if width >= 70 else width
        self.ascii_only = ascii_only
        self.overflow: OverflowMethod = "crop" if ascii_only else "ellipsis"

    def panel(
        self,
        title: str,
        content: RenderableType,
        width: int | None = None,
        *,
        height: int | None = None,
        note: str = "",
    ) -> Panel:
        return Panel(
            content,
            title=Text(title, style="bold"),
            title_align="left",
            subtitle=Text(note, style="dim") if note else None,
            subtitle_align="right",
            box=_ROUNDED,
            border_style="bright_black",
            width=width or self.width,
            height=height,
            padding=(0, 1),
        )

    def text(self, text: str) -> str:
        return printable(text, ascii_only=self.ascii_only)

    def bar(self, share: float, width: int) -> str:
        return bar(share, width, ascii_only=self.ascii_only)

    def summary(self, title: str, seconds: float) -> Panel:
        outcome = self.outcome
        span = outcome.last - outcome.first
        rejected = f"{outcome.rejected:,} rejected"
        grid = _pairs(
            ("log time", Text(f"{time_text(outcome.first)} to {time_text(outcome.last)} UTC ({span_text(span)})")),
            (
                "lines",
                Text.assemble(
                    f"{outcome.lines:,} read, {outcome.valid:,} valid, ",
                    (rejected, "yellow" if outcome.rejected else ""),
                ),
            ),
            ("traffic", Text(f"{bytes_text(outcome.bytes)} to {count_text(outcome.hosts, 'client')}")),
            (
                "speed",
                Text.assemble(
                    (
                        f"{outcome.valid / seconds:,.0f} requests per second" if seconds > 0 else "too fast to tell",
                        "bold green",
                    ),
                    f" ({seconds:.2f} s{faster_text(span, seconds)})",
                ),
            ),
        )
        return self.panel(f"noex replay: {self.text(title)}", grid)

    def over_time(self) -> Panel:
        peak_start, peak = self.outcome.peak_minute()
        label = len(f"{max(self.outcome.minutes.values()):,}") + 4  # a column may hold many minutes
        width = self.width - label - 5
        chart = time_chart(self.outcome.minutes, width, _CHART_HEIGHT, ascii_only=self.ascii_only)
        length = len(chart.rows[0])
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(justify="right", style="dim", width=label)
        grid.add_column(no_wrap=True)
        ticks = {0: f"{chart.highest:,}", _CHART_HEIGHT // 2: f"{chart.highest // 2:,}"}
        for number, row in enumerate(chart.rows):
            grid.add_row(ticks.get(number, ""), Text(row, style="cyan"))
        gap = length - len(chart.start) - len(chart.end)
        axis = f"{chart.start}{' ' * gap}{chart.end}" if gap > 0 else f"{chart.start} to {chart.end}"
        grid.add_row("0", Text(axis, style="dim"))
        note = f"busiest minute: {time_text(peak_start)[:-3]} with {count_text(peak, 'request')}"
        return self.panel(f"Requests over time, per {chart.step}", grid, note=note)

    def statuses(self) -> Panel:
        outcome = self.outcome
        classes: dict[int, int] = {}
        for status, count in outcome.statuses.items():
            classes[status // 100] = classes.get(status // 100, 0) + count
        width = self.width - 4
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="bold")
        grid.add_column(justify="right")
        grid.add_column(justify="right")
        grid.add_column()
        for kind, count in sorted(classes.items()):
            style = _CLASS_STYLES.get(kind, "magenta")
            codes = [f"{status}: {n:,}" for status, n in outcome.statuses.items() if status // 100 == kind]
            grid.add_row(
                Text(f"{kind}xx", style=style),
                f"{count:,}",
                percent_text(count, outcome.valid),
                Text(", ".join(codes), style="dim"),
            )
        methods = sorted(outcome.methods.items(), key=lambda item: (-item[1], item[0]))
        shown = ", ".join(f"{self.text(name)[:12]} {count:,}" for name, count in methods[:5])
        more = f", {len(methods) - 5} more" if len(methods) > 5 else ""
        return self.panel("Answers", Group(self._stack(sorted(classes.items()), width), grid), note=shown + more)

    def _stack(self, classes: Iterable[tuple[int, int]], width: int) -> Text:
        """One bar of all answers, a stretch for each class; a class that is there gets one character at least."""
        text = Text(no_wrap=True)
        parts = list(classes)
        lengths = [max(1, round(count / self.outcome.valid * width)) for _, count in parts]
        lengths[lengths.index(max(lengths))] += width - sum(lengths)
        for (kind, _), length in zip(parts, lengths, strict=True):
            character = str(kind) if self.ascii_only else "█"
            text.append(character * length, style=_CLASS_STYLES.get(kind, "magenta"))
        return text

    def targets(self) -> Panel:
        room = max(8, self.width // 5)
        table = Table.grid(padding=(0, 2, 0, 0), expand=True)
        table.add_column(justify="right", style="dim")
        table.add_column(ratio=1, no_wrap=True, overflow=self.overflow)
        table.add_column(justify="right")
        table.add_column(justify="right", style="dim")
        table.add_column(width=room, no_wrap=True)
        top = self.outcome.top_targets
        for rank, (target, count) in enumerate(top, 1):
            line = Text(self.bar(count / top[0][1], room), style="cyan")
            table.add_row(
                str(rank), Text(self.text(target)), f"{count:,}", percent_text(count, self.outcome.valid), line
            )
        return self.panel(f"Top {len(top)} targets", table)

    def cache(self) -> Panel:
        cache = self.outcome.cache
        room = self.half - 4
        filled = round(cache.hit_ratio * room)
        line = Text.assemble(
            (("#" if self.ascii_only else "█") * filled, "green"),
            (("." if self.ascii_only else "░") * (room - filled), "bright_black"),
            no_wrap=True,
        )
        grid = _pairs(
            ("hit ratio", Text(f"{cache.hit_ratio:.1%}", style="bold green")),
            ("hits", f"{cache.hits:,}"),
            ("misses", f"{cache.misses:,}"),
            ("evicted", f"{cache.evictions:,}"),
            ("expired", f"{cache.expirations:,}"),
            ("entries", f"{self.outcome.cache_entries:,} of {cache.max_entries or 0:,}"),
        )
        return self.panel("Cache", Group(line, grid), self.half, height=9)

    def sessions(self) -> Panel:
        outcome = self.outcome
        each = outcome.sessions_opened / outcome.hosts
        rows: list[tuple[str, RenderableType]] = [
            ("opened", f"{outcome.sessions_opened:,} ({each:.1f} a client)"),
            ("live at peak", f"{outcome.sessions_peak:,}"),
            ("live at end", f"{outcome.sessions_active:,}"),
        ]
        visitors = [(name, f"{count_text(count, 'session')}") for name, count in outcome.frequent_visitors]
        heading = Text("came most often (salted hashes)", style="italic")
        return self.panel("Sessions", Group(_pairs(*rows), heading, _pairs(*visitors)), self.half, height=9)

    def rates(self) -> Panel:
        outcome = self.outcome
        minutes = max(1.0, (outcome.last - outcome.first) / 60)
        table = Table.grid(padding=(0, 2, 0, 0), expand=True)
        table.add_column(ratio=1, no_wrap=True, overflow=self.overflow)
        table.add_column(justify="right")
        for target, count in outcome.top_rates:
            table.add_row(Text(self.text(target)), f"{count:,.0f}")
        mean = Text(f"mean {outcome.valid / minutes:,.1f} requests per minute", style="dim")
        return self.panel("Rates, last 60 s", Group(table, mean), self.half, height=8)

    def sizes(self) -> Panel:
        room = max(6, self.half - 30)
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(justify="right")
        table.add_column(justify="right")
        table.add_column(width=room, no_wrap=True)
        below = 0
        rows: list[tuple[str, int]] = []
        for limit, cumulative in self.outcome.sizes:
            name = f"up to {bytes_text(int(limit))}" if not math.isinf(limit) else "more"
            rows.append((name, cumulative - below))
            below = cumulative
        most = max(1, *(count for _, count in rows))
        for name, count in rows:
            table.add_row(Text(name, style="dim"), f"{count:,}", Text(self.bar(count / most, room), style="magenta"))
        return self.panel("Sizes of answers", table, self.half, height=8)


def _pairs(*rows: tuple[str, RenderableType]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for name, value in rows:
        grid.add_row(name, value)
    return grid


def _shown_of(rejected: int, shown: int) -> str:
    """Return how a list of some of the rejected lines is announced."""
    if not shown:
        return ""
    return ":" if shown == rejected else f", the first {shown}:"
