"""`signoff console`: who may come into the web console."""

from __future__ import annotations

import typer

from signoff.cli import _console_users

app = typer.Typer(help="The web console: who may come in.", no_args_is_help=True)
app.add_typer(_console_users.app, name="user")
