"""The hour as a picture and a table; `docs/endurance.md` shows them.

`python -m benchmarks.endurance.page` makes both anew from what is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from benchmarks.endurance.__main__ import RESULTS
from benchmarks.machine import ROOT
from signoff.diagnosis._plot import _LEFT, _PANEL, _RIGHT, _STYLE, _WIDTH, _Panel, _path, _text

PAGE = ROOT / "docs" / "endurance.md"
PICTURE = ROOT / "docs" / "assets" / "endurance.svg"

_TABLE = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_NAMES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}


def main() -> None:
    kept = json.loads(RESULTS.read_text())
    PICTURE.write_text(picture(kept))
    PAGE.write_text(told(PAGE.read_text(encoding="utf-8"), kept), encoding="utf-8")


def told(page: str, kept: dict[str, Any]) -> str:
    """The page with the tables of what is kept."""
    made = {"account": account, "faults": faults}
    return _TABLE.sub(
        lambda found: found[1] + "\n" + "\n".join(made[found[2]](kept)) + "\n\n" + found[3], page
    )


def account(kept: dict[str, Any]) -> Iterator[str]:
    """What came of it, a column for each database."""
    runs = kept["runs"]
    yield "| | " + " | ".join(_NAMES[name] for name in runs) + " |"
    yield "|---|" + "---|" * len(runs)
    for title, said in (
        (
            "orders a second at capacity, asked for",
            lambda r: f"{r['capacity']:.1f}, {r['rate']:.1f}",
        ),
        ("orders accepted", lambda r: f"{r['account']['accepted']:,}"),
        ("records", lambda r: f"{r['account']['records']:,}"),
        ("requests to the services", lambda r: f"{_requests(r):,}"),
        ("faults", lambda r: f"{len(r['happened'])}"),
        ("processes that ended by themselves, and were begun again", _ended),
        ("lost", lambda r: f"{len(r['account']['lost'])}"),
        ("done twice", lambda r: f"{len(r['account']['doubled'])}"),
        ("stuck at the end", lambda r: f"{len(r['account']['stuck'])}"),
        ("the chain", lambda r: "broken" if r["account"]["chain"]["status"] else "intact"),
        ("from accepted to ended, median", lambda r: f"{r['latency']['all']['p50']:,.0f} s"),
        ("from accepted to ended, slowest 1 %", lambda r: f"{r['latency']['all']['p99']:,.0f} s"),
        ("memory of the process that works, after 30 and 60 minutes", _memory),
        ("bytes of the store for each record", _bytes),
    ):
        yield f"| {title} | " + " | ".join(said(run) for run in runs.values()) + " |"


def faults(kept: dict[str, Any]) -> Iterator[str]:
    """How often what went wrong."""
    runs = kept["runs"]
    yield "| | " + " | ".join(_NAMES[name] for name in runs) + " |"
    yield "|---|" + "---|" * len(runs)
    kinds = dict.fromkeys(fault["kind"] for run in runs.values() for fault in run["happened"])
    for kind in sorted(kinds):
        times = [sum(f["kind"] == kind for f in run["happened"]) for run in runs.values()]
        yield f"| {kind} | " + " | ".join(map(str, times)) + " |"


def _requests(run: dict[str, Any]) -> int:
    found: dict[str, int] = run["account"]["requests"]
    return sum(times for name, times in found.items() if not name.startswith("fault"))


def _ended(run: dict[str, Any]) -> str:
    return str(sum(not said.endswith("the server") for said in run["ended_by_themselves"]))


def _worker(run: dict[str, Any]) -> str:
    return "agent" if "agent" in run["samples"][-1]["memory"] else "worker-1"


def _memory(run: dict[str, Any]) -> str:
    seconds, name = run["plan"]["seconds"], _worker(run)

    def at(when: float) -> float:
        near = min(run["samples"], key=lambda sample: abs(sample["at"] - when))
        return float(near["memory"][name])

    return f"{at(seconds / 2):.0f} MB, {at(seconds):.0f} MB"


def _bytes(run: dict[str, Any]) -> str:
    return f"{run['samples'][-1]['megabytes'] * 1e6 / run['account']['records']:,.0f}"


# The picture


def picture(kept: dict[str, Any]) -> str:
    """What ended a second, memory, and the size of the store for each order, with the faults."""
    parts: list[str] = []
    top = 8.0
    for title, value in (
        ("Orders that end, a second", _ending),
        ("Memory of the process that works, MB", _memories),
        ("Size of the store for each order that has ended, kB", _sizes),
    ):
        curves = {_NAMES[name]: value(run) for name, run in kept["runs"].items()}
        parts += _panel(title, curves, kept["runs"], top)
        top += _PANEL + 4
    size = f"{_WIDTH:.0f} {top:.0f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{_WIDTH:.0f}" '
        f'height="{top:.0f}" role="img" aria-label="An hour of faults">\n'
        f'<style>{_STYLE}</style>\n<rect class="paper" width="100%" height="100%"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _samples(run: dict[str, Any]) -> list[dict[str, Any]]:
    seconds = run["plan"]["seconds"]
    return [sample for sample in run["samples"] if 0 < sample["at"] <= seconds]


def _ending(run: dict[str, Any]) -> list[tuple[float, float]]:
    points: list[tuple[float, float]] = []
    every = _samples(run)[::12]
    for one, two in pairwise(every):
        points.append((two["at"] / 60, (two["done"] - one["done"]) / (two["at"] - one["at"])))
    return points


def _memories(run: dict[str, Any]) -> list[tuple[float, float]]:
    name = _worker(run)
    return [(s["at"] / 60, s["memory"][name]) for s in _samples(run)[::4]]


def _sizes(run: dict[str, Any]) -> list[tuple[float, float]]:
    return [
        (s["at"] / 60, s["megabytes"] * 1000 / s["done"]) for s in _samples(run)[::4] if s["done"]
    ]


def _panel(
    title: str, curves: dict[str, list[tuple[float, float]]], runs: dict[str, Any], top: float
) -> Iterator[str]:
    most = max((y for points in curves.values() for _, y in points), default=1.0) * 1.1
    minutes = max(run["plan"]["seconds"] for run in runs.values()) / 60
    panel = _Panel(top, 0, minutes, ceiling=most)
    yield _text(_LEFT, top + 20, title, "ink title")
    for tick in range(5):
        y = panel.y(most * tick / 4)
        yield _path(f"M{_LEFT:.1f} {y:.1f}H{_WIDTH - _RIGHT:.1f}", "grid" if tick else "axis")
        yield _text(_LEFT - 8, y + 4, f"{most * tick / 4:,.3g}", "soft", "end")
    for tick in range(0, 61, 10):
        yield from panel.tick(minutes * tick / 60, f"{minutes * tick / 60:.3g} min")
    for number, (name, points) in enumerate(curves.items()):
        path = "L".join(f"{panel.x(x):.1f} {panel.y(y):.1f}" for x, y in points)
        yield _path(f"M{path}", f"line c{number}")
        place, below = _LEFT + 110 * number, top + _PANEL - 6
        yield f'<circle class="c{number}" cx="{place + 5:.1f}" cy="{below - 4:.1f}" r="5"/>'
        yield _text(place + 16, below, name, "ink")
        for fault in runs[next(k for k, v in _NAMES.items() if v == name)]["happened"]:
            x, y = panel.x(fault["at"] / 60), panel.y(0) - 3 - 6 * number
            yield (
                f'<circle class="c{number}" cx="{x:.1f}" cy="{y:.1f}" r="2">'
                f"<title>{fault['kind']}</title></circle>"
            )


if __name__ == "__main__":
    main()
