"""Reliability as tables for people and as one document for programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from signoff.cli._output import show_json, show_table
from signoff.errors import UsageError
from signoff.words import count, plain

if TYPE_CHECKING:
    from signoff.diagnosis import Lever, Momentum, Reliability, Slice, VersionEffect
    from signoff.statistics import Interval

#: Comparisons of models, and levers, that are shown; --json has all.
_MOST = 12

#: Characters of a model's name that are shown.
_NAME = 48


def show(found: Reliability, *, group: str) -> None:
    """Print what was measured.

    Args:
        found: What was measured.
        group: What a group is called: `boundary` or `group`.
    """
    rows = _told(found)
    _show_passes(found, rows, group)
    _show_variance(found, rows, group)
    _show_versions(found)
    _show_trends(found, rows, group)
    _show_levers(found, group)


def _told(found: Reliability) -> list[Slice]:
    """The slices, without those that repeat a model's only group, and all together last."""
    groups: dict[str, int] = {}
    for row in found.slices:
        groups[row.model] = groups.get(row.model, 0) + bool(row.group)
    kept = [row for row in found.slices if row.group or groups[row.model] != 1]
    named = [row for row in kept if row.model]
    return named + [row for row in kept if not row.model and not row.group]


def _who(row: Slice | Momentum | Lever) -> list[str]:
    return [plain(row.model or "all together", _NAME), plain(row.group or "all", _NAME)]


def _percent(value: float | None, interval: Interval | None = None) -> str:
    if value is None:
        return "-"
    told = f"{100 * value:.1f}%"
    if interval is None:
        return told
    return f"{told} ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


def _show_passes(found: Reliability, rows: list[Slice], group: str) -> None:
    ks = [k for k in range(1, found.k + 1) if found.k <= 4 or k in (1, 2, 4, found.k)]
    columns = ["model", group, "inputs", "trials", "errors", "unknown"]
    columns += [f"pass^{k}" for k in ks]
    cells = [
        [*_who(row), row.inputs, row.trials, row.errors, row.unknown]
        + [_percent(row.passes[k - 1].value, row.passes[k - 1].interval) for k in ks]
        for row in rows
    ]
    show_table(columns, cells, numbers=columns[2:])
    counted = "count as failures" if found.errors == "fail" else "are left out"
    print(f"Intervals are {found.confidence:.0%}, over inputs. Errors {counted}.")
    short = max((row.inputs - row.passes[-1].inputs for row in rows), default=0)
    if short:
        print(f"pass^{found.k} leaves out up to {count(short, 'input')} with fewer trials.")


def _show_variance(found: Reliability, rows: list[Slice], group: str) -> None:
    known = [row for row in rows if row.sigma is not None]
    if not known:
        print("\nNo input was answered twice by one model: sigma cannot be told.")
        return
    columns = ("model", group, "inputs", "A/A flips", "sigma", "between inputs")
    cells: list[list[object]] = []
    for row in known:
        variance, sigma = row.variance, row.sigma_interval
        share = variance.between_share
        cells.append(
            [
                *_who(row),
                variance.inputs,
                _percent(variance.flips, variance.flips_interval),
                f"{row.sigma:.3f} ({sigma.low:.3f} to {sigma.high:.3f})",
                "-" if share is None else f"{share:.0%} of variance",
            ]
        )
    print()
    show_table(columns, cells, numbers=columns[2:])


def _show_versions(found: Reliability) -> None:
    if not found.versions:
        return
    columns = ("before", "after", "inputs", "difference", "p", "p (Holm)", "worse", "better",
               "p (McNemar)")  # fmt: skip
    first = sorted(found.versions, key=lambda effect: (effect.p, -abs(effect.difference)))[:_MOST]
    print()
    show_table(columns, [_version(effect) for effect in first], numbers=columns[2:])
    if len(found.versions) > len(first):
        print(f"{count(len(found.versions), 'pair')} of models in all; --json has every one.")
    print("Differences are in points; worse, better and McNemar are about the first run alone.")


def _version(effect: VersionEffect) -> list[object]:
    low, high = 100 * effect.interval.low, 100 * effect.interval.high
    return [
        plain(effect.before, _NAME),
        plain(effect.after, _NAME),
        effect.inputs,
        f"{100 * effect.difference:+.1f} ({low:+.1f} to {high:+.1f})",
        f"{effect.p:.2g}",
        f"{effect.p_holm:.2g}",
        effect.worse,
        effect.better,
        f"{effect.p_mcnemar:.2g}",
    ]


def _show_trends(found: Reliability, rows: list[Slice], group: str) -> None:
    told = {(row.model, row.group) for row in rows}
    trends = [trend for trend in found.momentum if (trend.model, trend.group) in told]
    known = [trend for trend in trends if trend.mu is not None]
    if not known:
        why = trends[0].because if trends else "nothing was counted"
        print(f"\nmu cannot be told: {why}.")
        return
    columns = ("model", group, "days", "mu, points in 30 days", "noise of a day")
    cells: list[list[object]] = []
    for trend in known:
        mu, interval = trend.mu, trend.interval
        if mu is None or interval is None:
            continue
        cells.append(
            [
                *_who(trend),
                len(trend.points),
                f"{100 * mu:+.2f} ({100 * interval.low:+.2f} to {100 * interval.high:+.2f})",
                _percent(trend.noise, trend.noise_interval),
            ]
        )
    print()
    show_table(columns, cells, numbers=columns[2:])
    print("y(t) = mu*t + sigma*xi(t) is stylised: a share cannot follow a line for ever.")


def _show_levers(found: Reliability, group: str) -> None:
    models = {lever.model for lever in found.levers}
    whose = "" if "" in models else min(models, default="")
    levers = [lever for lever in found.levers if lever.model == whose and lever.after is not None]
    if not levers:
        return
    order = {"sigma": 0, "mu": 2}
    levers.sort(key=lambda lever: (order.get(lever.lever, 1), -(lever.change or 0.0)))
    k = found.k
    print()
    columns = ("lever", f"pass^{k} now", f"pass^{k} then", "points")
    cells = [
        [
            _lever(lever, group),
            _percent(lever.before),
            _percent(lever.after, lever.interval),
            f"{100 * (lever.change or 0.0):+.1f}",
        ]
        for lever in levers[:_MOST]
    ]
    show_table(columns, cells, numbers=columns[1:])
    if len(levers) > _MOST:
        print(f"and {count(len(levers) - _MOST, 'other lever')}; --json has every one.")


def _lever(lever: Lever, group: str) -> str:
    match lever.lever:
        case "sigma":
            return "sigma halved"
        case "mu":
            return f"mu goes on for {lever.level:g} days"
        case _:
            return f"{group} {plain(lever.group, _NAME)} accepts {100 * (lever.level or 0):.1f}%"


def as_json(found: Reliability, **about: Any) -> dict[str, Any]:
    """What was measured, as one document."""
    from dataclasses import asdict

    document = asdict(found)
    for row, told in zip(found.slices, document["slices"], strict=True):
        told["sigma"], told["sigma_interval"] = row.sigma, asdict(row.sigma_interval)
        told["between_share"] = row.variance.between_share
    for trend in document["momentum"]:
        del trend["line"]
    for lever, told in zip(found.levers, document["levers"], strict=True):
        told["change"] = lever.change
    return {**about, **document}


def finish(
    found: Reliability, *, group: str, title: str, plot: Path | None, json: bool, **about: Any
) -> None:
    """Show it, and draw it where a chart is wanted."""
    if plot is not None:
        draw(found, title, plot)
    if json:
        show_json(as_json(found, **about))
        return
    show(found, group=group)
    if plot is not None:
        print(f"\nchart written to {plain(str(plot))}")


def checked(plot: Path | None) -> None:
    """Refuse a chart that cannot be drawn, before anything is read.

    Raises:
        UsageError: If the name ends in neither .svg nor .png.
        MissingExtra: If a PNG is wanted without the extra `plot`.
    """
    if plot is None:
        return
    if plot.suffix.lower() not in (".svg", ".png"):
        raise UsageError(f"--plot {plot}: a chart is written as .svg or as .png")
    if plot.suffix.lower() == ".png":
        from signoff.diagnosis import as_png

        as_png('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>')


def draw(found: Reliability, title: str, plot: Path) -> None:
    """Write a chart, as the file's name says."""
    from signoff.diagnosis import as_png, reliability_svg

    svg = reliability_svg(found, title=title)
    if plot.suffix.lower() == ".png":
        plot.write_bytes(as_png(svg))
    else:
        plot.write_text(svg, encoding="utf-8")
