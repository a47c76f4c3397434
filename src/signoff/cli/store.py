"""`signoff store`: make a store, bring it up to date, look after it, thin it out, move it."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from signoff.cli._output import AsJson, show_json
from signoff.cli._store import DEFAULT_STORE, StoreUrl
from signoff.cli._store_check import check
from signoff.cli._store_migrate import migrate
from signoff.cli._store_move import move
from signoff.cli._store_retain import retain
from signoff.cli._store_vacuum import vacuum
from signoff.storage import storage_at
from signoff.words import plain

app = typer.Typer(
    help="Make, migrate, check, clean, thin out and move a store.", no_args_is_help=True
)


@app.command()
def init(
    store: StoreUrl = DEFAULT_STORE,
    workers: Annotated[
        bool,
        typer.Option(
            "--workers",
            help="Have what is due done by `signoff worker` processes (PostgreSQL). Every runtime "
            "that is opened from then on leaves it to them.",
        ),
    ] = False,
    partitions_of: Annotated[
        int,
        typer.Option(
            metavar="RECORDS",
            min=0,
            help="Keep the ledger in partitions of so many records, such as 10000000 (PostgreSQL).",
        ),
    ] = 0,
    json: AsJson = False,
) -> None:
    """Make the tables, or bring them up to date. What is there stays."""

    async def make() -> tuple[str, bool]:
        storage = storage_at(store)
        await storage.open(exclusive=False)
        try:
            if workers:
                await storage.make_jobs()
            if partitions_of:
                await storage.partition(partitions_of)
            return storage.url, storage.by_workers
        finally:
            await storage.close()

    url, by_workers = asyncio.run(make())
    if json:
        show_json({"store": url, "workers": by_workers})
        return
    print(plain(f"{url} is ready"))
    if by_workers:
        print("What is due is done by workers: signoff worker --app module:attribute")


app.command()(migrate)
app.command()(check)
app.command()(vacuum)
app.command()(retain)
app.command()(move)
