"""What pages ask of an index, as queries."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence

from signoff.console.index._rows import (
    COUNTED,
    BoundaryFacts,
    Facets,
    InFlight,
    Overview,
)
from signoff.console.index._searching import after
from signoff.console.index._spans import quantile
from signoff.console.index._tallies import DAY, HOUR

#: Values of one kind that a search offers.
_CHOICES = 200

#: Where a crossing stands that has not ended.
_UNDER_WAY = "outcome IN ('open', 'intended', 'suspended', 'unknown')"

_THESE = f"FROM crossings INDEXED BY crossings_under_way WHERE {_UNDER_WAY}"


def first_record(connection: sqlite3.Connection, crossing: str) -> int:
    """The ledger position of a crossing's first record; 0 if it has not been read yet."""
    sql = "SELECT number FROM crossings WHERE id = ?"
    row = connection.execute(sql, (crossing,)).fetchone()
    return row[0] if row else 0


def facets(connection: sqlite3.Connection) -> Facets:
    """What a search can choose from."""
    values: dict[str, list[str]] = {}
    for kind in ("boundary", "code", "model", "state"):
        rows = connection.execute(
            "SELECT value FROM facets WHERE kind = ? ORDER BY value LIMIT ?", (kind, _CHOICES)
        )
        values[kind] = [value for (value,) in rows]
    return Facets(
        boundaries=values["boundary"],
        outcomes=("committed", "rejected", "suspended", "unknown", "intended", "open"),
        codes=values["code"],
        models=values["model"],
        states=values["state"],
    )


def in_flight(connection: sqlite3.Connection, scope: str) -> InFlight:
    """What a kill of a scope would stand before."""
    reach, values = _reaches(scope)
    rows = connection.execute(
        f"SELECT outcome, count(*) {_THESE} AND {reach} GROUP BY outcome", values
    ).fetchall()
    [(number,)] = connection.execute(f"SELECT count(DISTINCT subject) {_THESE} AND {reach}", values)
    return InFlight(crossings=dict(rows), subjects=number)


def numbers_in_flight(connection: sqlite3.Connection, scopes: Sequence[str]) -> list[int]:
    """How many crossings that have not ended each of some scopes holds, in one pass over them."""
    if not scopes:
        return []
    reached = [_reaches(scope) for scope in scopes]
    counts = ", ".join(f"coalesce(sum({reach}), 0)" for reach, _ in reached)
    given = [value for _, values in reached for value in values]
    [row] = connection.execute(f"SELECT {counts} {_THESE}", given)
    return list(row)


def knows(connection: sqlite3.Connection, boundary: str) -> bool:
    """Whether something was ever asked of a boundary."""
    sql = "SELECT 1 FROM boundaries WHERE name = ?"
    return connection.execute(sql, (boundary,)).fetchone() is not None


def hours(connection: sqlite3.Connection) -> tuple[str, str]:
    """The first and the last hour in which something happened; empty if nothing ever did."""
    [(first,)] = connection.execute("SELECT min(bucket) FROM hours")
    [(last,)] = connection.execute("SELECT max(bucket) FROM hours")
    return first or "", last or ""


def under_way(connection: sqlite3.Connection) -> dict[str, dict[str, int]]:
    """How many crossings of each boundary have not ended, by where they stand."""
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for boundary, outcome, number in connection.execute(
        "SELECT boundary, outcome, count(*) FROM crossings INDEXED BY crossings_under_way "
        f"WHERE {_UNDER_WAY} GROUP BY boundary, outcome"
    ):
        found[boundary][outcome] = number
    return found


def overview(connection: sqlite3.Connection, buckets: Sequence[str], until: str) -> Overview:
    """What happened at every boundary."""
    known = connection.execute(
        "SELECT name, strength, verifiers, controls, model FROM boundaries ORDER BY name"
    ).fetchall()
    if not buckets:
        return Overview(buckets=(), boundaries=[_facts(row, {}, {}, 0) for row in known])
    hourly = len(buckets[0]) >= HOUR
    table, width = ("hours", HOUR) if hourly else ("days", DAY)
    span = (buckets[0][:width], until[:width])
    sums: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for boundary, what, number in connection.execute(
        f"SELECT boundary, what, sum(number) FROM {table} WHERE bucket >= ? AND bucket < ? "
        "GROUP BY boundary, what",
        span,
    ):
        sums[boundary][what] = number
    series: defaultdict[str, dict[str, list[float]]] = defaultdict(dict)
    place = 0
    marks = ", ".join("?" * len(COUNTED))
    for bucket, boundary, what, number in connection.execute(
        f"SELECT bucket, boundary, what, number FROM {table} "
        f"WHERE bucket >= ? AND bucket < ? AND what IN ({marks}) ORDER BY bucket",
        (*span, *COUNTED),
    ):
        while place + 1 < len(buckets) and buckets[place + 1] <= bucket:
            place += 1
        line = series[boundary].setdefault(what, [0.0] * len(buckets))
        line[place] += number
    return Overview(
        buckets=buckets,
        boundaries=[
            _facts(row, sums.get(row[0], {}), series.get(row[0], {}), len(buckets)) for row in known
        ],
    )


def _facts(
    row: tuple[str, str, str, str, str],
    sums: Mapping[str, float],
    series: Mapping[str, Sequence[float]],
    buckets: int,
) -> BoundaryFacts:
    name, strength, verifiers, controls, model = row
    spans = {int(what[5:]): number for what, number in sums.items() if what.startswith("span:")}
    codes = [(what[5:], int(number)) for what, number in sums.items() if what.startswith("code:")]
    return BoundaryFacts(
        name=name,
        counts={what: int(sums.get(what, 0)) for what in COUNTED},
        series={what: series.get(what, [0.0] * buckets) for what in COUNTED},
        codes=sorted(codes, key=lambda pair: (-pair[1], pair[0])),
        usd=sums.get("usd", 0.0),
        p50=quantile(spans, 0.5),
        p99=quantile(spans, 0.99),
        strength=json.loads(strength),
        verifiers=json.loads(verifiers),
        controls=json.loads(controls),
        model=model,
    )


def _reaches(scope: str) -> tuple[str, tuple[str, ...]]:
    if scope == "everything":
        return "1", ()
    kind, _, name = scope.partition(":")
    if kind == "tenant":
        return "tenant = ?", (name,)
    if kind == "subject":
        return "subject >= ? AND subject < ?", (name, after(name))
    return "(boundary = ? OR instr(switches, ?))", (scope, f"\n{scope}\n")
