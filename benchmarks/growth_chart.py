"""The picture of growth: how a few figures go as the ledger grows, in the style of our charts."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import ceil, log10
from typing import Any

from signoff.diagnosis._plot import (
    _LEFT,
    _PANEL,
    _RIGHT,
    _STYLE,
    _WIDTH,
    _Panel,
    _path,
    _text,
)

Curve = tuple[str, Sequence[tuple[float, float]]]


def draw(raw: dict[str, Any]) -> str:
    """One SVG document, of the raw numbers of `growth`."""
    parts: list[str] = []
    top = 8.0
    for title, curves in (
        ("Crossings per second, 64 callers", _curves(raw, "64 callers", "rate", 1)),
        ("One crossing, one caller, median, in milliseconds", _curves(raw, "one caller", "p50")),
        ("One crossing, one caller, slowest 1 %, in ms", _curves(raw, "one caller", "p99")),
        ("One subject's state, median, in milliseconds", _curves(raw, "state", "p50")),
        ("The same key again, CPU in milliseconds", _curves(raw, "same key", "cpu")),
    ):
        parts += _panel(title, curves, top)
        top += _PANEL + 4
    size = f"{_WIDTH:.0f} {ceil(top)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{_WIDTH:.0f}" '
        f'height="{ceil(top)}" role="img" aria-label="Crossings as the ledger grows">\n'
        f'<style>{_STYLE}</style>\n<rect class="paper" width="100%" height="100%"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _curves(raw: dict[str, Any], work: str, what: str, times: float = 1000) -> list[Curve]:
    def value(found: dict[str, Any]) -> float:
        told = found["works"][work][what]
        return times * (statistics.median(told) if isinstance(told, list) else told)

    return [
        (name, [(log10(int(size)), value(found)) for size, found in sizes.items()])
        for name, sizes in raw.items()
    ]


def _panel(title: str, curves: Sequence[Curve], top: float) -> Iterator[str]:
    sizes = sorted({x for _, points in curves for x, _ in points})
    most = _above(max(y for _, points in curves for _, y in points))
    panel = _Panel(top, sizes[0] - 0.1, sizes[-1] + 0.1, ceiling=most)
    yield _text(_LEFT, top + 20, title, "ink title")
    for tick in range(5):
        value = most * tick / 4
        yield _path(
            f"M{_LEFT:.1f} {panel.y(value):.1f}H{_WIDTH - _RIGHT:.1f}", "grid" if tick else "axis"
        )
        yield _text(_LEFT - 8, panel.y(value) + 4, f"{value:,.4g}", "soft", "end")
    for size in sizes:
        yield from panel.tick(size, f"{round(10**size):,} subjects")
    for number, (name, points) in enumerate(curves):
        for (x, y), (further, then) in pairwise(points):
            start, end = f"{panel.x(x):.1f} {panel.y(y):.1f}", f"{panel.x(further):.1f}"
            yield _path(f"M{start}L{end} {panel.y(then):.1f}", f"line c{number}")
        for x, y in points:
            where = f'cx="{panel.x(x):.1f}" cy="{panel.y(y):.1f}"'
            yield f'<circle class="c{number}" {where} r="3.5"><title>{y:,.3g}</title></circle>'
        place = _LEFT + 110 * number
        below = top + _PANEL - 6
        yield f'<circle class="c{number}" cx="{place + 5:.1f}" cy="{below - 4:.1f}" r="5"/>'
        yield _text(place + 16, below, name, "ink")


def _above(value: float) -> float:
    """A round number that is at least so large."""
    unit = 10.0 ** (len(str(int(value))) - 1) if value >= 1 else 10.0 ** (ceil(log10(value)) - 1)
    return next(
        unit * step for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if unit * step >= value
    )
