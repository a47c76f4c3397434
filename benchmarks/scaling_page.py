"""The tables of `docs/scaling.md`, made of what is kept; `python -m benchmarks.scaling_page`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from math import ceil
from typing import Any

from benchmarks.machine import ROOT

PAGE = ROOT / "docs" / "scaling.md"
_TABLE = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

#: Records of a plain crossing with one attempt: opened, proposed, judged, committed.
RECORDS = 4

#: Records that are added to one table before it is to be in parts.
PART = 1e9

DAY = 86_400


def main() -> None:
    PAGE.write_text(told(PAGE.read_text(encoding="utf-8"), kept()), encoding="utf-8")


def kept() -> dict[str, Any]:
    """What the page rests on."""
    names = ("million", "endurance", "postgres", "workers", "many_callers")
    folder = ROOT / "benchmarks" / "results"
    return {name: json.loads((folder / f"{name}.json").read_text()) for name in names}


def told(page: str, found: dict[str, Any]) -> str:
    """The page with the tables of what is kept."""
    made = {"carries": carries, "arithmetic": arithmetic, "million": million}
    return _TABLE.sub(
        lambda hit: hit[1] + "\n" + "\n".join(made[hit[2]](found)) + "\n\n" + hit[3], page
    )


def carries(found: dict[str, Any]) -> Iterator[str]:
    """What was measured, on two cores."""
    yield "| what | measured | how |"
    yield "|---|---|---|"
    wanted = {
        "postgres": ("1 caller", "64 callers"),
        "many_callers": ("64 callers, plain, this disk", "64 callers, spine, this disk"),
        "workers": ("effects that are due", "from the commit"),
    }
    for name, some in wanted.items():
        for figure in found[name]["figures"]:
            if any(part in figure["what"] for part in some):
                how = figure["how"].partition(";")[0]
                yield f"| {figure['what']} | {figure['measured']} | {how} |"
    run = found["endurance"]["runs"]["postgres"]
    yield (
        f"| orders with all that can be in them, two workers, PostgreSQL | {run['capacity']:.1f}/s "
        f"| {_records_of_order(run):.0f} records each, five requests to other systems |"
    )


def arithmetic(found: dict[str, Any]) -> Iterator[str]:
    """What a rate means in a day."""
    each = _bytes_of_record(found)
    yield "| crossings a second | 10 | 1,000 | 100,000 |"
    yield "|---|---|---|---|"
    rates = (10, 1_000, 100_000)
    rows = {
        f"records a day, {RECORDS} each": [
            f"{r * RECORDS * DAY / 1e6:,.0f} million" for r in rates
        ],
        f"bytes a day, {each:.0f} for each record": [
            f"{r * RECORDS * DAY * each / 1e9:,.0f} GB" for r in rates
        ],
        "days until a table has a thousand million records": [
            f"{PART / (r * RECORDS * DAY):,.2f}" for r in rates
        ],
        "servers like the one that was measured, all day at its most": [
            f"{ceil(r / _rate(found))}" for r in rates
        ],
        "dollars a day for models, at a tenth of a cent for each": [
            f"{r * DAY * 0.001:,.0f}" for r in rates
        ],
    }
    for what, cells in rows.items():
        yield f"| {what} | " + " | ".join(cells) + " |"


def million(found: dict[str, Any]) -> Iterator[str]:
    """The simulation."""
    said = found["million"]
    first, second = _halves(said)
    yield "| | |"
    yield "|---|---|"
    yield f"| subjects | {said['subjects']:,} |"
    yield f"| tenants, stores, processes | 100, {said['shards']}, {said['processes']} |"
    yield f"| records | {sum(one['records'] for one in said['checked']):,} |"
    yield f"| it took | {said['seconds']:,.0f} s, {said['rate']:,.0f} subjects a second |"
    yield f"| subjects a second in the first half, in the second | {first:,.0f}, {second:,.0f} |"
    yield f"| memory of a process at most | {max(said['memory']):.0f} MB |"
    yield f"| bytes for each subject | {said['megabytes'] * 1e6 / said['subjects']:,.0f} |"
    moved = sum(one["moved"] for one in said["checked"])
    yield f"| ended once, with an intact chain | {moved:,} of {said['subjects']:,} |"


def _halves(said: dict[str, Any]) -> tuple[float, float]:
    done: dict[int, int] = {}
    at: list[tuple[float, int]] = [(0.0, 0)]
    for sample in said["samples"]:
        done[sample["process"]] = sample["done"]
        at.append((sample["at"], sum(done.values())))
    middle = min(at, key=lambda point: abs(point[1] - said["subjects"] / 2))
    last = at[-1]
    return middle[1] / middle[0], (last[1] - middle[1]) / (last[0] - middle[0])


def _rate(found: dict[str, Any]) -> float:
    """Crossings a second of PostgreSQL with 64 callers, as measured in words."""
    [said] = [
        figure["measured"]
        for figure in found["postgres"]["figures"]
        if figure["what"] == "PostgreSQL, 64 callers, plain"
    ]
    hit = re.search(r"\(([\d,]+)/s\)", said)
    assert hit is not None
    return float(hit[1].replace(",", ""))


def _bytes_of_record(found: dict[str, Any]) -> float:
    run = found["endurance"]["runs"]["postgres"]
    return float(run["samples"][-1]["megabytes"] * 1e6 / run["account"]["records"])


def _records_of_order(run: dict[str, Any]) -> float:
    return float(run["account"]["records"] / run["account"]["accepted"])


if __name__ == "__main__":
    main()
