"""The program: its nouns, put together."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from typer.main import get_command

from signoff.cli._ending import Program, ending

#: Each is a module beside this one, with an `app` of its own or a function of that name. In the
#: order of the help.
NOUNS = (
    "renewals",
    "ledger",
    "events",
    "approvals",
    "kill",
    "console",
    "controls",
    "policy",
    "select",
    "new",
    "check",
    "workloads",
    "replay",
    "reliability",
    "experiment",
    "local",
    "diagnose",
    "worker",
    "telemetry",
    "store",
    "doctor",
)

_EPILOG = (
    "Exit status: 0 done; 1 it failed, or the input was refused; 2 wrong usage; 3 not enough "
    "evidence; 4 the ledger is not intact; 70 a bug of ours; 130 interrupted."
)


def _version(wanted: bool) -> None:
    if wanted:
        from signoff import __version__

        print(f"signoff {__version__}")
        raise typer.Exit


def program(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """The model proposes. Your code signs off."""


def wired(nouns: Iterable[str] = NOUNS) -> typer.Typer:
    """The program with some of its nouns: a line needs the modules of its own noun alone."""
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
    app.callback()(program)
    for noun in nouns:
        module: Any = importlib.import_module(f"signoff.cli.{noun}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=noun)
        else:
            app.command(noun)(getattr(module, noun))
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; the console entry point.

    Args:
        arguments: What follows the program's name; by default that of this process.

    Returns:
        The exit status: see `signoff.cli._ending.Status`.
    """
    with ending() as status:
        said = sys.argv[1:] if arguments is None else list(arguments)
        nouns = said[:1] if said and said[0] in NOUNS else NOUNS
        get_command(wired(nouns if said != ["--version"] else ()))(args=said, prog_name="signoff")
    return status()
