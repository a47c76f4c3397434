"""The program: its nouns, put together."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

from signoff.cli import (
    approvals,
    check,
    console,
    controls,
    diagnose,
    doctor,
    events,
    experiment,
    kill,
    ledger,
    local,
    new,
    policy,
    reliability,
    renewals,
    replay,
    select,
    store,
    telemetry,
    worker,
    workloads,
)
from signoff.cli._ending import Program, ending

_EPILOG = (
    "Exit status: 0 done; 1 it failed, or the input was refused; 2 wrong usage; 3 not enough "
    "evidence; 4 the ledger is not intact; 70 a bug of ours; 130 interrupted."
)

app = typer.Typer(
    name="signoff",
    cls=Program,
    help="The model proposes. Your code signs off.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Boxes are for people at a terminal; in a pipe they are noise.
    rich_markup_mode="rich" if sys.stdout is not None and sys.stdout.isatty() else None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(renewals.app, name="renewals")
app.add_typer(ledger.app, name="ledger")
app.add_typer(events.app, name="events")
app.add_typer(approvals.app, name="approvals")
app.command("kill")(kill.kill)
app.add_typer(console.app, name="console")
app.command("controls")(controls.controls)
app.add_typer(policy.app, name="policy")
app.command("select")(select.select)
app.command("new")(new.new)
app.command("check")(check.check)
app.add_typer(workloads.app, name="workloads")
app.add_typer(replay.app, name="replay")
app.add_typer(reliability.app, name="reliability")
app.add_typer(experiment.app, name="experiment")
app.add_typer(local.app, name="local")
app.command("diagnose")(diagnose.diagnose)
app.command("worker")(worker.worker)
app.add_typer(telemetry.app, name="telemetry")
app.add_typer(store.app, name="store")
app.command("doctor")(doctor.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        from signoff import __version__

        print(f"signoff {__version__}")
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """The model proposes. Your code signs off."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; the console entry point.

    Args:
        arguments: What follows the program's name; by default that of this process.

    Returns:
        The exit status: see `signoff.cli._ending.Status`.
    """
    with ending() as status:
        get_command(app)(args=arguments, prog_name="signoff")
    return status()
