"""`signoff console`: serve the web console; who may come into it."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from signoff.cli import _console_users
from signoff.cli._console_users import extra
from signoff.cli._people import DEFAULT_PRINCIPALS, PrincipalsFile
from signoff.cli._store import DEFAULT_STORE, StoreUrl
from signoff.words import plain

app = typer.Typer(help="Serve the web console, or say who may come in.")
app.add_typer(_console_users.app, name="user")


@app.callback(invoke_without_command=True)
def console(
    context: typer.Context,
    store: StoreUrl = DEFAULT_STORE,
    read_from: Annotated[
        str,
        typer.Option(
            metavar="URL",
            envvar="SIGNOFF_READ_FROM",
            help="A replica of the store that pages are read from; what is answered and stopped "
            "goes to the store itself.",
            show_default=False,
        ),
    ] = "",
    address: Annotated[str, typer.Option(metavar="IP", help="Where it listens.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where it listens; 0 for any that is free.")
    ] = 8765,
    users: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar="SIGNOFF_CONSOLE_USERS",
            help="Who may come in, in TOML; by default signoff-console.toml, if it is there. "
            "Without it, only you, by the link that is printed.",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            envvar="SIGNOFF_PRINCIPAL",
            help="Who you are, without a users file; by default your login name.",
            show_default=False,
        ),
    ] = "",
    principals: PrincipalsFile = DEFAULT_PRINCIPALS,
    host_name: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A further name by which browsers reach it. Repeatable.",
            show_default=False,
        ),
    ] = None,
    certfile: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Certificate, to serve TLS.", show_default=False),
    ] = None,
    keyfile: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The certificate's private key.", show_default=False),
    ] = None,
    behind_proxy: Annotated[
        str,
        typer.Option(
            metavar="IP",
            help="Address, or network, of the proxy that terminates TLS before it.",
            show_default=False,
        ),
    ] = "",
    index: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where it keeps its own index of the ledger; by default beside the store, or in "
            "your cache folder.",
            show_default=False,
        ),
    ] = None,
    project: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER",
            help="A project with a decision record. Repeatable; by default this folder.",
            show_default=False,
        ),
    ] = None,
    replays: Annotated[
        Path,
        typer.Option(metavar="FOLDER", help="Where the output of `signoff replay --json` lies."),
    ] = Path("replays"),
) -> None:
    """Serve the web console: see every boundary, answer what waits, stop what must stop.

    It shows and answers; a runtime of yours acts on what it writes.
    """
    if context.invoked_subcommand is not None:
        return
    with extra():
        from signoff.console import AccessSettings, Settings, serve
        from signoff.console.access import find_users
    settings = Settings(
        store=store,
        read_from=read_from,
        access=AccessSettings(
            address=address,
            port=port,
            users=find_users(users),
            by=by,
            host_names=tuple(host_name or ()),
            certfile=certfile,
            keyfile=keyfile,
            behind_proxy=behind_proxy,
        ),
        principals=principals,
        index=index,
        projects=tuple(project or (Path(),)),
        replays=replays,
    )
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.getLogger("signoff.console").setLevel(logging.INFO)
    try:
        serve(settings, lambda link: print(plain(f"signoff console: {link}"), flush=True))
    except KeyboardInterrupt:
        print("stopped")
