"""Who is at the keyboard, and who is listed as one who may answer or kill."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from signoff.cli._ending import Status
from signoff.control import Principals
from signoff.words import plain

#: The `--by` of every command that decides something.
By = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        envvar="SIGNOFF_PRINCIPAL",
        help="Who says so; by default your login name.",
        show_default=False,
    ),
]

#: The `--because` of every command that decides something.
Because = Annotated[str, typer.Option(metavar="WHY", help="Why; kept on the ledger.")]

#: The `--principals` of every command that asks who may.
PrincipalsFile = Annotated[
    Path,
    typer.Option(
        "--principals",
        metavar="FILE",
        envvar="SIGNOFF_PRINCIPALS",
        help="Who may answer and who may kill, in TOML.",
    ),
]

DEFAULT_PRINCIPALS = Path("signoff.toml")

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def principals_at(path: Path, by: str) -> Principals:
    """Everybody who is listed in a file. Without one nobody may do anything, and it is shown how.

    Raises:
        BadInput: If the file lists nobody, or is no TOML.
        typer.Exit: If there is no file.
    """
    if path.exists():
        return Principals.load(path)
    key = by if _BARE.fullmatch(by) else json.dumps(by)
    lines = (
        f"signoff: there is no {path}, so nobody may answer or kill. Write it, for yourself:",
        f"[principals.{key}]",
        'roles = ["operator"]',
        'may_kill = ["everything"]',
    )
    print("\n".join(map(plain, lines)), file=sys.stderr)
    raise typer.Exit(Status.FAILED)
