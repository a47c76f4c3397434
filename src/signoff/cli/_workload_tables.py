"""How a workload, and a run of one, is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from signoff.cli._composition import show_record
from signoff.cli._fitted import show_fitted, show_lines
from signoff.cli._output import put, show_fields, styled
from signoff.methodology import select
from signoff.words import took
from signoff.workloads import CostRow, Shipped, WorkloadReport


def listed(found: Shipped) -> dict[str, Any]:
    """A workload, for programs."""
    record = select(found.workload)
    return {
        "name": found.name,
        "about": found.about,
        "runtime": record.runtime.decision,
        "spine": record.spine.decision,
        "coordination": record.coordination.decision,
        "control": record.control.decision,
        "units": found.units,
        "package": found.package,
    }


def show_list(every: Sequence[Shipped]) -> None:
    """All of them, a line each."""
    rows = [listed(each) for each in every]
    columns = ("name", "runtime", "spine", "coordination", "about")
    show_fitted(columns, [[row[column] for column in columns] for row in rows])


def show_one(found: Shipped) -> None:
    """One, with its decision record."""
    put(styled(found.about, most=0))
    print()
    show_record(select(found.workload))
    print()
    show_fields(
        [
            ("files", found.package),
            ("run it", f"signoff workloads run {found.name} --compare-unguarded"),
        ]
    )


def show_report(found: Shipped, report: WorkloadReport) -> None:
    """What came of a run, the damage, and what guarding cost."""
    outcomes = sorted(report.outcomes.items(), key=lambda each: -each[1])
    show_fitted(
        ("outcome", found.units, "share"),
        [(name, number, f"{number / report.units:.1%}") for name, number in outcomes],
        numbers=(found.units, "share"),
    )
    print()
    _show_damage(found, report)
    _show_cost(found, report)
    told = [
        *(report.notes or {}).items(),
        ("ledger", f"{report.store or 'thrown away'}, {report.records:,} records"),
        ("sealed", report.root),
        ("took", took(report.seconds)),
    ]
    if report.store:
        told.append(("look for trouble", f"signoff diagnose --store {report.store}"))
    show_fields(told)


def _show_damage(found: Shipped, report: WorkloadReport) -> None:
    alone = report.unguarded
    if alone is None:
        held = [
            f"{number:,} {found.damage[name]}" for name, number in report.damage.items() if number
        ]
        told = ", ".join(held) or "nothing to object to"
        show_lines(f"In the world's own accounts: {told}.")
    else:
        show_fitted(
            ("damage", "unguarded", "with signoff"),
            [
                (words, alone.damage.get(name, 0), report.damage.get(name, 0))
                for name, words in found.damage.items()
            ],
            numbers=("unguarded", "with signoff"),
        )
    print()


def _show_cost(found: Shipped, report: WorkloadReport) -> None:
    """Added time is the bookkeeping: neither the model nor the services."""
    _show_rows("boundary", report.cost.crossings)
    _show_rows(found.units, report.cost.units)
    cost = report.cost
    each = cost.seconds / report.units
    told = (
        f"Each of the {found.units} took {took(each)} beside the model and the services, "
        f"{cost.transactions / report.units:.1f} transactions and "
        f"{cost.calls / report.units:.2f} model calls"
    )
    if report.unguarded is not None:
        told += f"; unguarded, {report.unguarded.calls / report.units:.2f} model calls"
    show_lines(f"{told}.")
    print()


def _show_rows(title: str, rows: Sequence[CostRow]) -> None:
    if not rows:
        return
    numbers = ("number", "added, median", "added, p99", "transactions", "model calls")
    show_fitted(
        (title, "outcome", *numbers) if rows[0].what else (f"{title} that were", *numbers),
        [
            (
                *((row.what,) if row.what else ()),
                row.outcome,
                row.number,
                took(row.median),
                took(row.p99),
                f"{row.transactions:.1f}",
                f"{row.calls:.2f}",
            )
            for row in sorted(rows, key=lambda row: (row.what, -row.number))
        ],
        numbers=numbers,
    )
    print()
