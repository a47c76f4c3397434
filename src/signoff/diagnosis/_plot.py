"""Charts as SVG, readable on light and on dark: pass^k with intervals, and the trend over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from importlib import import_module
from math import ceil, sqrt
from typing import Any, cast

from signoff.diagnosis._momentum import Momentum
from signoff.diagnosis._reliability import Reliability, Slice
from signoff.errors import MissingExtra

#: Series of a chart; more could not be told apart.
_MOST = 6

_WIDTH, _PANEL = 760.0, 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 24.0, 40.0, 48.0
_LINE = 20.0

_STYLE = """
svg { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
.paper { fill: #ffffff } .ink { fill: #1f2328 } .soft { fill: #59636e }
.grid { stroke: #d1d9e0; stroke-width: 1 } .axis { stroke: #59636e; stroke-width: 1 }
.title { font-weight: 600; font-size: 15px }
.band { fill-opacity: 0.15; stroke: none } .line { fill: none; stroke-width: 2 }
.c0 { fill: #0072b2; stroke: #0072b2 } .c1 { fill: #d55e00; stroke: #d55e00 }
.c2 { fill: #009e73; stroke: #009e73 } .c3 { fill: #b5589a; stroke: #b5589a }
.c4 { fill: #a67c00; stroke: #a67c00 } .c5 { fill: #6a6fd1; stroke: #6a6fd1 }
.line.c0, .line.c1, .line.c2, .line.c3, .line.c4, .line.c5 { fill: none }
.band.c0 { stroke: none }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117 } .ink { fill: #e6edf3 } .soft { fill: #9198a1 }
.grid { stroke: #30363d } .axis { stroke: #9198a1 }
.c0 { fill: #56b4e9; stroke: #56b4e9 } .c1 { fill: #f0883e; stroke: #f0883e }
.c2 { fill: #3fcf9f; stroke: #3fcf9f } .c3 { fill: #e08cc5; stroke: #e08cc5 }
.c4 { fill: #e3c04a; stroke: #e3c04a } .c5 { fill: #a5a8ff; stroke: #a5a8ff }
}
"""


@dataclass(frozen=True, slots=True)
class _Panel:
    """Where a chart's values lie on the page."""

    top: float
    first: float
    last: float
    ceiling: float = 1.0
    floor: float = 0.0

    def x(self, value: float) -> float:
        span = self.last - self.first or 1.0
        return _LEFT + (value - self.first) / span * (_WIDTH - _LEFT - _RIGHT)

    def y(self, share: float) -> float:
        held = min(max(share, self.floor), self.ceiling)
        part = (held - self.floor) / (self.ceiling - self.floor)
        return self.top + _PANEL - _BOTTOM - part * (_PANEL - _TOP - _BOTTOM)

    def frame(self, title: str, below: str) -> Iterator[str]:
        yield _text(_LEFT, self.top + 20, title, "ink title")
        ticks = 5
        for tick in range(ticks + 1):
            share = self.floor + (self.ceiling - self.floor) * tick / ticks
            y = self.y(share)
            yield _path(f"M{_LEFT:.1f} {y:.1f}H{_WIDTH - _RIGHT:.1f}", "grid" if tick else "axis")
            yield _text(_LEFT - 8, y + 4, f"{share:.0%}", "soft", "end")
        middle = (_LEFT + _WIDTH - _RIGHT) / 2
        yield _text(middle, self.top + _PANEL - 8, below, "soft", "middle")
        upright = self.top + _TOP + (_PANEL - _TOP - _BOTTOM) / 2
        yield (
            f'<text class="soft" text-anchor="middle" transform="translate(16 {upright:.1f}) '
            'rotate(-90)">accepted</text>'
        )

    def tick(self, value: float, label: str) -> Iterator[str]:
        x, y = self.x(value), self.y(self.floor)
        yield _path(f"M{x:.1f} {y:.1f}v5", "axis")
        yield _text(x, y + 19, label, "soft", "middle")


def reliability_svg(found: Reliability, *, title: str = "Reliability") -> str:
    """Draw pass^k, and the trend over calendar time where there is one.

    Args:
        found: What was measured.
        title: Above the chart.

    Returns:
        One SVG document that needs nothing else. It follows the reader's light or dark scheme.
    """
    overall = [s for s in found.slices if not s.group]
    # All models together are drawn only over time; here each has its own curve.
    named = [s for s in overall if s.model] or overall
    shown = sorted(named, key=lambda s: -s.trials)[:_MOST]
    trend = next((m for m in found.momentum if not m.group), None)
    legend = [_label(s) for s in shown]
    if len(named) > len(shown):
        legend.append(f"and {len(named) - len(shown)} more, with fewer trials")
    parts = [_text(_LEFT, 24, title, "ink title")]
    top = 36.0
    parts += _curves(found, shown, top)
    top += _PANEL + 4
    for row, text in enumerate(legend):
        y = top + row * _LINE
        if row < len(shown):
            parts.append(f'<circle class="c{row}" cx="{_LEFT + 5}" cy="{y + 6:.1f}" r="5"/>')
        parts.append(_text(_LEFT + 18, y + 11, text, "ink"))
    top += len(legend) * _LINE + 12
    if trend is not None and len(trend.points) > 1:
        parts += _over_time(found, trend, top)
        top += _PANEL + 8
    elif trend is not None:
        parts.append(_text(_LEFT, top + 12, f"No trend: {trend.because}.", "soft"))
        top += 28
    size = f"{_WIDTH:.0f} {ceil(top)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{_WIDTH:.0f}" '
        f'height="{ceil(top)}" role="img" aria-label="{escape(_clean(title))}">\n'
        f"<style>{_STYLE}</style>\n"
        f'<rect class="paper" width="100%" height="100%"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _label(row: Slice) -> str:
    return f"{row.model or 'all'}: {row.inputs:,} inputs, {row.trials:,} trials"


def _curves(found: Reliability, shown: Sequence[Slice], top: float) -> Iterator[str]:
    panel = _Panel(top, 0.5, found.k + 0.5)
    confidence = f"{found.confidence:.0%} intervals over inputs"
    yield from panel.frame(f"pass^k, with {confidence}", "k: answers in a row, all accepted")
    for k in range(1, found.k + 1):
        yield from panel.tick(k, str(k))
    for place, row in enumerate(shown):
        # Beside each other, so that intervals of two models do not hide one another.
        aside = (place - (len(shown) - 1) / 2) * min(0.5 / max(len(shown), 1), 0.08)
        dots: list[tuple[float, float]] = []
        for each in row.passes:
            if each.value is None:
                continue
            x = panel.x(each.k + aside)
            dots.append((x, panel.y(each.value)))
            high, low = panel.y(each.interval.high), panel.y(each.interval.low)
            yield _path(f"M{x:.1f} {high:.1f}V{low:.1f}M{x - 4:.1f} {high:.1f}h8M{x - 4:.1f} "
                        f"{low:.1f}h8", f"line c{place}")  # fmt: skip
        if dots:
            yield _path("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in dots), f"line c{place}")
        for x, y in dots:
            yield f'<circle class="c{place}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'


def _over_time(found: Reliability, trend: Momentum, top: float) -> Iterator[str]:
    first, last = trend.points[0].day, trend.points[-1].day
    margin = (last - first) * 0.03
    panel = _Panel(top, first - margin, last + margin)
    whose = trend.model or "all models together"
    told = f"no trend: {trend.because}"
    if trend.mu is not None and trend.interval is not None:
        told = (
            f"mu {100 * trend.mu:+.1f} points in 30 days "
            f"({100 * trend.interval.low:+.1f} to {100 * trend.interval.high:+.1f})"
        )
    below = "days since " + trend.points[0].at[:10] + "; the larger a dot, the more trials"
    yield from panel.frame(_cut(f"Over time, {whose}: {told}", 96), below)
    for step in range(6):
        day = first + (last - first) * step / 5
        yield from panel.tick(day, f"{day - first:.0f}" if last - first >= 5 else f"{day:.1f}")
    if trend.line is not None:
        days = [first + (last - first) * step / 40 for step in range(41)]
        bands = [trend.line.band(day) for day in days]
        upper = [
            f"{panel.x(d):.1f} {panel.y(b.high):.1f}" for d, b in zip(days, bands, strict=True)
        ]
        lower = [f"{panel.x(d):.1f} {panel.y(b.low):.1f}" for d, b in zip(days, bands, strict=True)]
        yield _path("M" + "L".join(upper + lower[::-1]) + "Z", "band c0")
        ends = (f"{panel.x(d):.1f} {panel.y(trend.line.at(d)):.1f}" for d in (first, last))
        yield _path("M" + "L".join(ends), "line c0")
    largest = max(point.trials for point in trend.points)
    for point in trend.points:
        radius = 2.0 + 4.0 * sqrt(point.trials / largest)
        yield (
            f'<circle class="c1" fill-opacity="0.7" cx="{panel.x(point.day):.1f}" '
            f'cy="{panel.y(point.share):.1f}" r="{radius:.1f}"><title>{escape(point.at[:10])}: '
            f"{point.share:.1%} of {point.trials:,}</title></circle>"
        )


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    said = escape(_cut(_clean(text), 100))
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{said}</text>'


def _path(d: str, kind: str) -> str:
    return f'<path class="{kind}" d="{d}"/>'


def _clean(text: str) -> str:
    """XML has no way to say a control character."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def as_png(svg: str) -> bytes:
    """A chart as PNG, at twice its size, on white.

    Raises:
        MissingExtra: If the extra `plot` is not installed.
    """
    try:
        resvg: Any = import_module("resvg_py")
    except ImportError:
        raise MissingExtra(
            "a PNG takes the extra `plot`: pip install 'signoff[plot]'; an SVG takes nothing"
        ) from None
    return bytes(
        cast("Sequence[int]", resvg.svg_to_bytes(svg_string=svg, zoom=2, background="#ffffff"))
    )
