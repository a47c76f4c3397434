"""`signoff workloads`: the agents that ship, side by side, and what guarding them costs."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from signoff.cli._output import AsJson, show_json
from signoff.cli._progress import bar

app = typer.Typer(help="Agents that ship, each with its decision record.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="As `signoff workloads list` shows it.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Every workload: how long one unit of it lasts, what survives a pause, and what it does."""
    from signoff.cli._workload_tables import listed, show_list
    from signoff.workloads import NAMES, shipped

    every = [shipped(name) for name in NAMES]
    if as_json:
        show_json([listed(each) for each in every])
        return
    show_list(every)


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """A workload's decision record, and where its files are."""
    from signoff.cli._workload_tables import listed, show_one
    from signoff.methodology import select
    from signoff.workloads import shipped

    found = shipped(name)
    if as_json:
        show_json({**listed(found), "record": select(found.workload).as_json()})
        return
    show_one(found)


@app.command()
def run(
    name: Name,
    rows: Annotated[
        int | None, typer.Option(min=1, help="Units of work; the workload's own number if absent.")
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Of the world, the simulated model and the services' faults.")
    ] = 0,
    misbehaves: Annotated[
        float, typer.Option(min=0, max=1, help="Share of simulated answers that go wrong.")
    ] = 0.20,
    faults: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the services' calls that go wrong.")
    ] = 0.05,
    store: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="Keep the run in this database: sqlite:///file.db or "
            "postgresql://user@host/database. Thrown away if absent.",
        ),
    ] = "",
    proposer: Annotated[str, typer.Option(help="simulated, or provider:model.")] = "simulated",
    base_url: Annotated[
        str | None, typer.Option(help="Of an OpenAI-compatible server, for provider:model.")
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
    """Run a workload in its simulated world: what came of it, and what guarding cost.

    Interrupted with a --store, the same line goes on where it was.
    """
    from dataclasses import replace

    from signoff.cli._workload_tables import show_report
    from signoff.workloads import Plan, shipped

    found = shipped(name)
    plan = Plan(
        rows=rows or found.rows,
        seed=seed,
        misbehaves=misbehaves,
        faults=faults,
        proposer=proposer,
        base_url=base_url,
        store=store,
    )
    with bar(found.units, show=not as_json) as progress:
        report = asyncio.run(found.run(replace(plan, progress=progress)))
    if compare_unguarded:
        with bar("unguarded", show=not as_json) as progress:
            # Elsewhere: the guarded world's accounts stay what the guarded agent did.
            alone = replace(plan, store="", progress=progress)
            report = replace(report, unguarded=asyncio.run(found.run_unguarded(alone)))
    if as_json:
        show_json({"workload": found.name, "seed": seed, **report.body()})
        return
    show_report(found, report)
