"""What is kept as tables and a picture; the page `docs/peers.md` shows them."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Sequence
from html import escape
from math import log10
from typing import Any

from benchmarks.machine import ROOT
from signoff.diagnosis._plot import _STYLE, _text

PAGE = ROOT / "docs" / "peers.md"
PICTURE = ROOT / "docs" / "assets" / "peers.svg"

OURS = "signoff"

_TABLE = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

_STORES = {
    "sqlite": "SQLite",
    "slow sqlite": "SQLite, flushes of 4 ms more",
    "postgres": "PostgreSQL",
}


def write(kept: dict[str, Any]) -> None:
    """Bring the page's tables and its picture up to date."""
    PICTURE.write_text(picture(kept))
    PAGE.write_text(told(PAGE.read_text(encoding="utf-8"), kept), encoding="utf-8")


def told(page: str, kept: dict[str, Any]) -> str:
    """The page with the tables of what is kept."""
    made = {"speed": speed, "model": model, "disk": disk, "crash": crash, "versions": versions}
    return _TABLE.sub(
        lambda found: found[1] + "\n" + "\n".join(made[found[2]](kept)) + "\n\n" + found[3], page
    )


def speed(kept: dict[str, Any]) -> Iterator[str]:
    """Crossings with a model that answers at once, and their time against ours."""
    yield (
        "| database | | 1 caller, median | time, against signoff "
        "| 16 callers | 64 callers | time, against signoff |"
    )
    yield "|---|---|---|---|---|---|---|"
    for store, name in _STORES.items():
        for who, shapes in kept["runs"].get(store, {}).items():
            one, many = "1 callers, 0 s", "64 callers, 0 s"
            cells = [
                f"{1000 * _median(shapes, one, 'p50'):.2f} ms",
                _times(kept, store, who, one),
                _rate(shapes, "16 callers, 0 s"),
                _rate(shapes, many),
                _times(kept, store, who, many),
            ]
            yield f"| {name} | {who} | " + " | ".join(cells) + " |"


def model(kept: dict[str, Any]) -> Iterator[str]:
    """Crossings a second with a model that takes 0.3 s."""
    yield "| database | | 1 caller, median | 16 callers | 64 callers | CPU each, 64 callers |"
    yield "|---|---|---|---|---|---|"
    for store in ("sqlite", "postgres"):
        for who, shapes in kept["runs"].get(store, {}).items():
            many = "64 callers, 0.3 s"
            cells = [
                f"{1000 * _median(shapes, '1 callers, 0.3 s', 'p50'):,.0f} ms",
                _rate(shapes, "16 callers, 0.3 s"),
                _rate(shapes, many),
                f"{1000 * _each(shapes, many, 'cpu'):.2f} ms",
            ]
            yield f"| {_STORES[store]} | {who} | " + " | ".join(cells) + " |"


def disk(kept: dict[str, Any]) -> Iterator[str]:
    """What the disk is given for a crossing."""
    yield "| database | | flushes, 1 caller | kB, 1 caller | flushes, 64 callers | kB, 64 callers |"
    yield "|---|---|---|---|---|---|"
    for store in ("sqlite", "postgres"):
        for who, shapes in kept["runs"].get(store, {}).items():
            cells: list[str] = []
            for shape in ("1 callers, 0 s", "64 callers, 0 s"):
                if "flushes" not in shapes[shape][0]:
                    cells += ["", ""]
                    continue
                cells += [
                    f"{_each(shapes, shape, 'flushes'):.2f}",
                    f"{_each(shapes, shape, 'bytes') / 1000:,.0f}",
                ]
            yield f"| {_STORES[store]} | {who} | " + " | ".join(cells) + " |"


def crash(kept: dict[str, Any]) -> Iterator[str]:
    """What three kills did."""
    yield (
        "| database | | sent twice or more | most often one was sent | never sent "
        "| from the last start to the end |"
    )
    yield "|---|---|---|---|---|---|"
    for store in ("sqlite", "postgres"):
        for who, said in kept["crashes"].get(store, {}).items():
            if "error" in said:
                yield f"| {_STORES[store]} | {who} | did not finish | | | |"
                continue
            yield (
                f"| {_STORES[store]} | {who} | {said['doubled']} | {said['most']} "
                f"| {said['lost']} | {said['recovery']:.1f} s |"
            )


def versions(kept: dict[str, Any]) -> Iterator[str]:
    """What was installed."""
    yield "| | installed |"
    yield "|---|---|"
    for who, pinned in kept["versions"].items():
        said = ", ".join(f"`{one}`" for one in pinned) or "this checkout"
        if why := kept["absent"].get(who):
            said += f"; left out: {why}"
        yield f"| {who} | {said} |"


def _each(shapes: dict[str, Any], shape: str, what: str) -> float:
    """The median over rounds of what one crossing took."""
    return statistics.median(block[what] / block["crossings"] for block in shapes[shape])


def _median(shapes: dict[str, Any], shape: str, what: str) -> float:
    return statistics.median(block[what] for block in shapes[shape])


def _rate(shapes: dict[str, Any], shape: str) -> str:
    return f"{1 / _each(shapes, shape, 'wall'):,.0f}/s" if shape in shapes else ""


def _times(kept: dict[str, Any], store: str, who: str, shape: str) -> str:
    """Its time over ours: the median of pairs of the same round, and its spread."""
    theirs, ours = kept["runs"][store][who].get(shape), kept["runs"][store][OURS].get(shape)
    if who == OURS or not theirs or not ours:
        return ""
    pairs = [
        (a["wall"] / a["crossings"]) / (b["wall"] / b["crossings"])
        for a, b in zip(theirs, ours, strict=True)
    ]
    return f"{statistics.median(pairs):.2g} x ({min(pairs):.2g} to {max(pairs):.2g})"


# The picture


_WIDTH, _NAMES, _BAR = 760.0, 200.0, 18.0


def picture(kept: dict[str, Any]) -> str:
    """Crossings a second of everybody, as bars on a logarithmic scale."""
    parts: list[str] = []
    top = 8.0
    for store in ("sqlite", "postgres"):
        for shape, title in (("1 callers, 0 s", "1 caller"), ("64 callers, 0 s", "64 callers")):
            runs = kept["runs"].get(store, {})
            rates = {who: 1 / _each(shapes, shape, "wall") for who, shapes in runs.items()}
            parts += _bars(f"Crossings a second, {_STORES[store]}, {title}", rates, top)
            top += 44 + (_BAR + 8) * len(rates)
    height = f"{top:.0f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:.0f} {height}" '
        f'width="{_WIDTH:.0f}" height="{height}" role="img" aria-label="Crossings a second">\n'
        f'<style>{_STYLE}</style>\n<rect class="paper" width="100%" height="100%"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _bars(title: str, rates: dict[str, float], top: float) -> Sequence[str]:
    parts = [_text(12, top + 20, title, "ink title")]
    most = log10(max(rates.values()))
    for number, (who, rate) in enumerate(rates.items()):
        y = top + 32 + number * (_BAR + 8)
        wide = max(log10(max(rate, 1.0)) / most, 0.01) * (_WIDTH - _NAMES - 90)
        color = "c0" if who == OURS else "c1"
        parts += [
            _text(_NAMES - 10, y + 13, escape(who), "ink", "end"),
            f'<rect class="{color}" x="{_NAMES:.0f}" y="{y:.0f}" width="{wide:.1f}" height="18"/>',
            _text(_NAMES + wide + 8, y + 13, f"{rate:,.0f}", "soft"),
        ]
    return parts
