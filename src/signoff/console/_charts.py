"""Charts as SVG, drawn here. Colours come from the style sheet by class: no style attributes."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from signoff.words import plain


def stacked(
    series: Sequence[tuple[str, Sequence[float]]],
    labels: Sequence[str],
    *,
    title: str,
    width: int = 600,
    height: int = 120,
) -> Markup:
    """Stacked bars over time, one colour per series.

    Args:
        series: (class of the colour, one value per bar); the first lies at the bottom.
        labels: One per bar; said when pointed at.
        title: What it shows, for those who do not see it.
        width: Of the drawing, in its own units; it scales with the page.
        height: The same.
    """
    number = len(labels)
    if not number:
        return Markup('<p class="quiet">Nothing happened in this time.</p>')
    totals = [sum(values[i] for _, values in series) for i in range(number)]
    most = max(totals, default=0) or 1
    step = width / number
    bar = max(step - min(2.0, step * 0.2), 0.5)
    drawn: list[Markup] = []
    for i, label in enumerate(labels):
        top = float(height)
        told = ", ".join(f"{values[i]:g} {name}" for name, values in series if values[i])
        parts: list[Markup] = []
        for name, values in series:
            tall = height * values[i] / most
            if tall:
                top -= tall
                parts.append(
                    Markup('<rect class="fill-{}" x="{:.1f}" y="{:.1f}" {}/>').format(
                        name, i * step, top, _size(bar, tall)
                    )
                )
        said = f"{plain(label)}: {told or 'nothing'}"
        drawn.append(Markup("<g><title>{}</title>{}</g>").format(said, Markup("").join(parts)))
    return _svg(Markup("").join(drawn), title, width, height)


def line(
    points: Sequence[float | None],
    *,
    title: str,
    name: str = "accent",
    width: int = 120,
    height: int = 28,
    top: float | None = None,
) -> Markup:
    """A line without axes; gaps where a value is None.

    Args:
        points: One value per step.
        title: What it shows, for those who do not see it.
        name: Class of its colour.
        width: Of the drawing.
        height: The same.
        top: The value at the upper edge; by default the largest.
    """
    most = top or max((p for p in points if p is not None), default=0) or 1
    step = width / max(len(points) - 1, 1)
    path, pen = "", "M"
    for i, value in enumerate(points):
        if value is None:
            pen = "M"
            continue
        path += f"{pen}{i * step:.1f} {height - 1 - (height - 2) * min(value / most, 1):.1f}"
        pen = "L"
    return _svg(Markup('<path class="line-{}" d="{}"/>').format(name, path), title, width, height)


def bars(rows: Sequence[tuple[str, float]], *, title: str, width: int = 200) -> Markup:
    """Horizontal bars without their labels, one below the other; rows as high as a line of text."""
    most = max((value for _, value in rows), default=0) or 1
    drawn = Markup("").join(
        Markup('<rect class="fill-accent" x="0" y="{}" width="{:.1f}" height="8"/>').format(
            i * 12, width * value / most
        )
        for i, (_, value) in enumerate(rows)
    )
    return _svg(drawn, title, width, max(len(rows), 1) * 12)


def _size(width: float, height: float) -> Markup:
    return Markup('width="{:.1f}" height="{:.1f}"').format(width, height)


def _svg(inner: Markup, title: str, width: int, height: int) -> Markup:
    return Markup(
        '<svg class="chart" role="img" viewBox="0 0 {} {}" preserveAspectRatio="none">'
        "<title>{}</title>{}</svg>"
    ).format(width, height, title, inner)
