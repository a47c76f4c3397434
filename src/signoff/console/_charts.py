"""Charts as SVG, drawn here. Colours come from the style sheet by class: no style attributes."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

#: Colours of stretches of a life, in the style sheet.
HUES = 6


def stacked(
    series: Sequence[tuple[str, Sequence[float]]],
    *,
    title: str,
    width: int = 600,
    height: int = 120,
) -> Markup:
    """Stacked bars over time: one colour per series, and one path for each.

    Args:
        series: (class of the colour, one value per bar); the first lies at the bottom.
        title: What it shows, for those who do not see it.
        width: Of the drawing, in its own units; it scales with the page.
        height: The same.
    """
    number = len(series[0][1]) if series else 0
    totals = [sum(values[i] for _, values in series) for i in range(number)]
    most = max(totals, default=0) or 1
    step = width / max(number, 1)
    bar = round(step * 0.84, 1)
    under = [0.0] * number
    drawn: list[Markup] = []
    for name, values in series:
        path = ""
        for i, value in enumerate(values):
            if value:
                tall = max(height * value / most, 0.6)
                top = height - under[i] - tall
                path += f"M{i * step:.1f} {top:.1f}h{bar}v{tall:.1f}h-{bar}z"
                under[i] += tall
        if path:
            drawn.append(Markup('<path class="fill-{}" d="{}"/>').format(name, path))
    return _svg(Markup("").join(drawn), title, width, height)


def line(
    points: Sequence[tuple[float, float]],
    *,
    title: str,
    band: Sequence[tuple[float, float, float]] = (),
    low: float = 0.0,
    high: float = 1.0,
    width: int = 600,
    height: int = 120,
) -> Markup:
    """A line, with the band of its intervals behind it.

    Args:
        points: (x, y), by x.
        title: What it shows, for those who do not see it.
        band: (x, lower end, upper end), by x.
        low: The value at the lower edge.
        high: The value at the upper edge.
        width: Of the drawing, in its own units; it scales with the page.
        height: The same.
    """
    along = [x for x, *_ in (*points, *band)]
    first, last = min(along, default=0.0), max(along, default=1.0)

    def place(x: float, y: float) -> str:
        across = width * (x - first) / ((last - first) or 1)
        share = min(max((y - low) / ((high - low) or 1), 0.0), 1.0)
        return f"{across:.1f} {height - 1 - (height - 2) * share:.1f}"

    drawn: list[Markup] = []
    if band:
        edge = [place(x, upper) for x, _, upper in band]
        edge += [place(x, lower) for x, lower, _ in reversed(band)]
        drawn.append(Markup('<path class="band" d="M{}z"/>').format("L".join(edge)))
    path = "L".join(place(x, y) for x, y in points)
    drawn.append(Markup('<path class="line" d="M{}"/>').format(path) if path else Markup(""))
    return _svg(Markup("").join(drawn), title, width, height)


def lifeline(
    spans: Sequence[tuple[str, float, float]],
    marks: Sequence[tuple[str, str, float]],
    *,
    title: str,
    width: int = 1000,
    height: int = 44,
) -> Markup:
    """A life along a line: stretches of it in colours, and marks on them.

    Args:
        spans: (name, from, to): stretches with their names, from 0 to 1.
        marks: (class, what is said of it, place from 0 to 1).
        title: What it shows, for those who do not see it.
        width: Of the drawing, in its own units; it scales with the page.
        height: The same.
    """
    hues: dict[str, int] = {}
    drawn: list[Markup] = []
    for name, start, end in spans:
        hue = hues.setdefault(name, len(hues) % HUES)
        drawn.append(
            Markup(
                '<rect class="hue-{}" x="{:.1f}" y="12" width="{:.1f}" height="20">'
                "<title>{}</title></rect>"
            ).format(hue, width * start, max(width * (end - start), 1.0), name)
        )
    for name, said, place in marks:
        drawn.append(
            Markup('<path class="mark-{}" d="M{:.1f} 4v36"><title>{}</title></path>').format(
                name, width * place, said
            )
        )
    return _svg(Markup("").join(drawn), title, width, height)


def _svg(inner: Markup, title: str, width: int, height: int) -> Markup:
    return Markup(
        '<svg class="chart" role="img" aria-label="{2}" viewBox="0 0 {0} {1}" '
        'preserveAspectRatio="none"><title>{2}</title>{3}</svg>'
    ).format(width, height, title, inner)
