"""Which store a command is about."""

from __future__ import annotations

from typing import Annotated

import typer

DEFAULT_STORE = "sqlite:///signoff.db"

#: The `--store` that every command about a store has.
StoreUrl = Annotated[
    str,
    typer.Option(
        "--store",
        metavar="URL",
        envvar="SIGNOFF_STORE",
        help="Which database: sqlite:///file.db or postgresql://user@host/database.",
    ),
]
