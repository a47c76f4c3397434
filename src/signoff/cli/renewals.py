"""`signoff renewals`: the contract-renewal agent."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Annotated

import typer

from signoff.cli._output import AsJson, show_json
from signoff.cli._progress import bar
from signoff.cli._store import DEFAULT_STORE, StoreUrl

app = typer.Typer(
    help="The 90-day contract-renewal agent, over your customers or generated ones.",
    no_args_is_help=True,
)

Rows = Annotated[int, typer.Option(min=1, help="Customers to generate when there is no --data.")]
Seed = Annotated[int, typer.Option(help="Of the generated customers and the simulated proposer.")]
FaultRate = Annotated[
    float, typer.Option(min=0, max=0.9, help="Share of the services' calls that go wrong.")
]


@app.command()
def run(
    data: Annotated[
        Path | None,
        typer.Option(
            help="Customers in the format of the IBM Telco Customer Churn file (csv, gz)."
        ),
    ] = None,
    rows: Rows = 1000,
    limit: Annotated[int | None, typer.Option(min=1, help="Take only so many customers.")] = None,
    seed: Seed = 0,
    store: StoreUrl = DEFAULT_STORE,
    services: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|URL",
            help="Where CRM, billing and mailer are: a folder, or the URL of `renewals services`.",
        ),
    ] = None,
    proposer: Annotated[
        str, typer.Option(help="simulated, local, or provider:model.")
    ] = "simulated",
    base_url: Annotated[
        str | None, typer.Option(help="Of an OpenAI-compatible server, for provider:model.")
    ] = None,
    misbehaves: Annotated[
        float, typer.Option(min=0, max=1, help="Share of simulated answers that go wrong.")
    ] = 0.20,
    faults: FaultRate = 0.05,
    concurrency: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=4096,
            help="Renewals worked on at the same time: 64, or 4 with the local model.",
        ),
    ] = None,
    compare_unguarded: Annotated[
        bool,
        typer.Option(
            "--compare-unguarded",
            help="Run the same agent without a boundary as well, in a world of its own.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Lead every renewal through its 90 days. Interrupted, the same line goes on where it was."""
    from signoff.cli._renewal_run import Plan, customers_of, run_guarded, run_without
    from signoff.cli._renewal_tables import comparison_table, outcome_tables

    plan = Plan(
        data=data,
        rows=rows,
        limit=limit,
        seed=seed,
        store=store,
        services=services,
        proposer=proposer,
        base_url=base_url,
        misbehaves=misbehaves,
        faults=faults,
        # The local model answers one at a time, and waiting for it counts against the budget.
        concurrency=concurrency or (4 if proposer == "local" else 64),
    )
    customers = customers_of(plan)
    with bar("renewals", show=not as_json) as progress:
        result = asyncio.run(run_guarded(plan, customers, progress))
    unguarded = None
    if compare_unguarded:
        with bar("unguarded", show=not as_json) as progress:
            unguarded = asyncio.run(run_without(plan, customers, progress))
    if as_json:
        show_json(result.body() | ({"unguarded": unguarded.body()} if unguarded else {}))
        return
    outcome_tables(plan, customers, result)
    if unguarded is not None:
        comparison_table(result, unguarded)


@app.command()
def sample(
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")] = Path(
        "customers.csv"
    ),
    rows: Rows = 7043,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Write a file of made-up customers with the columns and proportions of the real one."""
    from signoff.workloads.contract_renewal.customers import file_digest
    from signoff.workloads.contract_renewal.sample import write_sample

    path = write_sample(output, rows, seed)
    if as_json:
        show_json({"file": str(path), "rows": rows, "seed": seed, "sha256": file_digest(path)})
    else:
        print(f"wrote {rows:,} customers to {path}")


@app.command()
def services(
    folder: Annotated[Path, typer.Argument(help="Where the services keep their accounts.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    faults: FaultRate = 0.0,
    seed: Seed = 0,
) -> None:
    """Serve CRM, billing and mailer over HTTP on loopback, until interrupted."""
    import threading

    from signoff.workloads.contract_renewal.services import Faults, open_services, serve

    rates = Faults.evenly(faults, seed=seed) if faults else Faults.none()
    with open_services(folder, rates) as opened, serve(opened, port=port) as url:
        print(f"crm, billing and mailer are at {url}; press Ctrl-C to stop", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
