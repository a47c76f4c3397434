"""Reliability: how often, how evenly, where it is going, and what would help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from signoff.console._asked import asked
from signoff.console._desk import Desk, desk_of
from signoff.console._rendering import query, render
from signoff.console._shaped import Ends, Shape, parts_of, shaped
from signoff.console.access import Role, form_of, needs, text_of
from signoff.console.studies import Found, Study

#: Rows of a table that a page shows; the command has all.
_ROWS, _LEVERS, _POINTS = 40, 12, 400

#: Studies that are kept as they were read.
_KEPT = 8


class Pass(Shape):
    """The chance that k answers in a row are all accepted."""

    k: int
    inputs: int
    value: float | None
    interval: Ends


class Variance(Shape):
    """How much of it lies within inputs."""

    inputs: int
    flips: float | None
    flips_interval: Ends


class Slice(Shape):
    """What one model did at one boundary, or in all."""

    group: str
    model: str
    inputs: int
    trials: int
    errors: int
    unknown: int
    passes: tuple[Pass, ...]
    variance: Variance
    sigma: float | None
    sigma_interval: Ends
    between_share: float | None

    @property
    def line(self) -> Sequence[tuple[float, float]]:
        """pass^k over k."""
        return [(each.k, each.value) for each in self.passes if each.value is not None]

    @property
    def band(self) -> Sequence[tuple[float, float, float]]:
        """Its intervals."""
        told = (each for each in self.passes if each.value is not None)
        return [(each.k, each.interval.low, each.interval.high) for each in told]


class Point(Shape):
    """A day of the trend."""

    at: str
    day: float
    share: float
    interval: Ends
    trials: int


class Trend(Shape):
    """Where it is going; its days only if they are drawn."""

    group: str
    model: str
    mu: float | None
    interval: Ends | None
    noise: float | None
    noise_interval: Ends | None
    because: str
    points: tuple[Point, ...]
    days: int = 0

    @property
    def line(self) -> Sequence[tuple[float, float]]:
        """The share accepted, day by day."""
        return [(each.day, each.share) for each in self.points]

    @property
    def band(self) -> Sequence[tuple[float, float, float]]:
        """Its intervals."""
        return [(each.day, each.interval.low, each.interval.high) for each in self.points]


class Lever(Shape):
    """What one change would do."""

    lever: str
    model: str
    group: str
    level: float | None
    before: float | None
    after: float | None
    interval: Ends | None
    change: float | None
    because: str


class Version(Shape):
    """One model compared with another."""

    before: str
    after: str
    inputs: int
    difference: float
    interval: Ends
    p: float
    p_holm: float


class Reliability(Shape):
    """What `signoff reliability boundary --json` prints, as far as a page shows it."""

    k: int
    confidence: float
    errors: str
    slices: tuple[Slice, ...]
    versions: tuple[Version, ...]
    momentum: tuple[Trend, ...]
    levers: tuple[Lever, ...]

    @property
    def whole(self) -> Slice | None:
        """All together."""
        together = (each for each in self.slices if not each.group)
        return next(together, self.slices[0] if self.slices else None)

    @property
    def rows(self) -> Sequence[Slice]:
        """What there is to tell: no row that says what another one says."""
        groups: dict[str, int] = {}
        for each in self.slices:
            groups[each.model] = groups.get(each.model, 0) + bool(each.group)
        kept = [each for each in self.slices if each.group or groups[each.model] != 1]
        named = [each for each in kept if each.model]
        return named + [each for each in kept if not each.model and not each.group]

    @property
    def trends(self) -> Sequence[Trend]:
        """The trends of the rows; those that can be told first."""
        told = {(each.model, each.group) for each in self.rows}
        trends = [each for each in self.momentum if (each.model, each.group) in told]
        return sorted(trends, key=lambda each: each.mu is None)

    @property
    def drawn(self) -> Trend | None:
        """The trend of all together."""
        whole = self.whole
        key = (whole.model, whole.group) if whole else None
        return next((each for each in self.momentum if (each.model, each.group) == key), None)

    @property
    def told_levers(self) -> Sequence[Lever]:
        """What would help all together, or the only model: sigma, boundaries by gain, mu."""
        models = {each.model for each in self.levers}
        whose = "" if "" in models else min(models, default="")
        levers = [each for each in self.levers if each.model == whose]
        order = {"sigma": 0, "mu": 2}
        return sorted(levers, key=lambda each: (order.get(each.lever, 1), -(each.change or 0.0)))


@needs(Role.viewer)
async def measured(request: Request) -> Response:
    """How reliable one boundary is, or all of them."""
    desk = desk_of(request)
    known = [name for name in desk.index.facets().boundaries if _askable(name)]
    name = _known(desk, asked(request, "boundary"))
    standing = desk.studies.look_first(_study(name)) if known else None
    found = standing.found if standing else None
    return render(
        request,
        "reliability.html",
        standing=standing,
        known=known,
        name=name,
        measured=_measured(found) if found else None,
        rows=_ROWS,
        levers=_LEVERS,
        address=f"/reliability{query({'boundary': name})}",
    )


@needs(Role.viewer)
async def again(request: Request) -> Response:
    """Measure again."""
    desk = desk_of(request)
    name = _known(desk, text_of(form_of(request), "boundary"))
    desk.studies.begin(_study(name))
    return RedirectResponse(f"/reliability{query({'boundary': name})}", status_code=303)


def _known(desk: Desk, name: str) -> str:
    """A boundary that is on the ledger: nothing else becomes a word of a command."""
    if name and not (_askable(name) and name in desk.index.facets().boundaries):
        raise HTTPException(404, "There is no such boundary on the ledger.")
    return name


def _askable(name: str) -> bool:
    """Whether a command takes it for a name, and not for an option."""
    return bool(name) and not name.startswith("-") and "\0" not in name


def _study(name: str) -> Study:
    return Study(("reliability", "boundary", *((name,) if name else ())))


#: What was read last, with what it was read from: reading it can take longer than a page may.
_read: list[tuple[Found, Reliability | None]] = []


def _measured(found: Found) -> Reliability | None:
    for source, measured in _read:
        if source is found:
            return measured
    measured = shaped(Reliability, _part(found.value))
    _read[:] = [(found, measured), *_read[: _KEPT - 1]]
    return measured


def _part(value: Any) -> Any:
    """The document without the days of trends that are not drawn."""
    if not isinstance(value, dict):
        return None
    whole = cast("dict[str, Any]", value)
    trends: list[dict[str, Any]] = []
    for each in parts_of(whole, "momentum"):
        points = each.get("points")
        drawn = [] if each.get("group") else parts_of(each, "points")[-_POINTS:]
        days = len(cast("list[object]", points)) if isinstance(points, list) else 0
        trends.append({**each, "days": days, "points": drawn})
    return {**whole, "momentum": trends}


routes = [
    Route("/reliability", measured, methods=["GET"]),
    Route("/reliability", again, methods=["POST"]),
]
