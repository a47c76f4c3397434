"""`signoff experiment`: try an architecture's claim on the renewals."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signoff.cli._output import AsJson, show_json, show_table
from signoff.cli._progress import bar
from signoff.words import count

if TYPE_CHECKING:
    from signoff.workloads.contract_renewal.customers import Customer
    from signoff.workloads.contract_renewal.spines import SpineReport

app = typer.Typer(help="Try an architecture's claim on the renewals.", no_args_is_help=True)


@app.callback()
def experiment() -> None:
    """Try an architecture's claim on the renewals."""


@app.command()
def spine(
    data: Annotated[
        Path | None,
        typer.Option(help="Customers in the format of the IBM Telco file; generated if absent."),
    ] = None,
    rows: Annotated[int, typer.Option(min=2, max=100_000, help="How many customers.")] = 100,
    k: Annotated[int, typer.Option("--k", min=1, max=100, help="Trials of every renewal.")] = 4,
    drift: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Share of the customers to whom the current model offers otherwise."
        ),
    ] = 0.2,
    misbehaves: Annotated[
        float, typer.Option(min=0, max=1, help="Share of simulated answers that go wrong.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(help="Of the customers and of the models' luck.")] = 0,
    prior: Annotated[
        str, typer.Option(metavar="MODEL", help="A real model before the pause: provider:name.")
    ] = "",
    current: Annotated[
        str, typer.Option(metavar="MODEL", help="A real model after the pause: provider:name.")
    ] = "",
    base_url: Annotated[
        str | None, typer.Option(help="Of an OpenAI-compatible server, for provider:name.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw a chart: .svg, or .png with an extra.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Renewals on a state machine and on an event log, while the model is changed in the pause."""
    from signoff.cli import _reliability_shown
    from signoff.workloads.contract_renewal import spines

    if bool(prior) != bool(current):
        raise typer.BadParameter("give both --prior and --current, or neither")
    _reliability_shown.checked(plot)
    customers = _customers(data, rows, seed)
    models = (
        spines.named(prior, current, seed=seed, base_url=base_url)
        if prior
        else spines.drifting(seed=seed, misbehaves=misbehaves, drift=drift)
    )
    with bar("experiment", show=not json) as tell:
        report = asyncio.run(
            spines.run_experiment(
                customers, models, k=k, progress=lambda done, total: tell(done, total, 0)
            )
        )
    if plot is not None:
        _reliability_shown.draw(report.reliability, "pass^k by spine", plot)
    about = (
        {"prior": prior, "current": current}
        if prior
        else {"drift": drift, "misbehaves": misbehaves, "seed": seed}
    )
    if json:
        show_json(about | as_json(report))
        return
    _show(report)


def _customers(data: Path | None, rows: int, seed: int) -> list[Customer]:
    import tempfile

    from signoff.errors import BadInput
    from signoff.workloads.contract_renewal.customers import read_customers
    from signoff.workloads.contract_renewal.sample import write_sample

    if data is None:
        with tempfile.TemporaryDirectory(prefix="signoff-") as folder:
            return list(read_customers(write_sample(Path(folder) / "customers.csv", rows, seed)))
    customers = list(read_customers(data, limit=rows))
    if len(customers) < 2:
        raise BadInput(f"{data} holds {count(len(customers), 'customer')}; give at least two")
    return customers


def as_json(report: SpineReport) -> dict[str, Any]:
    """JSON-ready."""
    from signoff.workloads.contract_renewal.spines import CONDITIONS, SPINES, label

    passes = {s.model: s.passes for s in report.reliability.slices if s.model}
    against = {(each.spine, each.condition): each for each in report.against}
    rows: list[dict[str, Any]] = []
    for condition in CONDITIONS:
        for spine in SPINES:
            row: dict[str, Any] = {
                "spine": spine,
                "condition": condition,
                "passes": [
                    {"k": p.k, "value": p.value, "low": p.interval.low, "high": p.interval.high}
                    for p in passes[label(spine, condition)]
                ],
            }
            held = against.get((spine, condition))
            if held is not None:
                row["against_state_machine"] = {
                    "difference": held.difference,
                    "low": held.interval.low,
                    "high": held.interval.high,
                    "p": held.p,
                }
            rows.append(row)
    diverged = {
        condition: {"diverged": differ, "asked_again": asked}
        for condition, (differ, asked) in report.diverged.items()
    }
    return {"renewals": report.renewals, "k": report.k, "rows": rows, "asked_again": diverged}


def _show(report: SpineReport) -> None:
    shown = as_json(report)
    k = report.k
    cells: list[tuple[str, ...]] = []
    for row in shown["rows"]:
        first, last = row["passes"][0], row["passes"][-1]
        held = row.get("against_state_machine")
        cells.append(
            (
                row["condition"],
                row["spine"],
                f"{first['value']:.3f}",
                f"{last['value']:.3f}",
                f"{last['low']:.3f} to {last['high']:.3f}",
                ""
                if held is None
                else f"{held['difference']:+.3f} ({held['low']:+.3f} to {held['high']:+.3f})",
                "" if held is None else f"{held['p']:.3f}",
            )
        )
    columns = ("after the pause", "spine", "pass^1", f"pass^{k}", "interval")
    difference = f"pass^{k} less the state machine's"
    show_table((*columns, difference, "p"), cells, numbers=("pass^1", f"pass^{k}", "p"))
    print()
    for condition, numbers in shown["asked_again"].items():
        differ, asked = numbers["diverged"], numbers["asked_again"]
        print(f"{condition}: {differ:,} of {asked:,} offers came out otherwise when asked again")
    print(
        f"\n{report.renewals:,} renewals, {k} trials of each. Right is: one offer mailed, and the "
        "reply billed\nonce, at the price that had been mailed. Intervals are of 95 %, over "
        "renewals."
    )
