"""`signoff store migrate`: bring the tables of a store up to date."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from signoff.cli._output import AsJson, show_json
from signoff.cli._store import DEFAULT_STORE, StoreUrl
from signoff.reading import check_there
from signoff.storage import Pending
from signoff.storage import migrate as run_migrations
from signoff.storage import pending as look_for_migrations
from signoff.words import count, plain


def migrate(
    store: StoreUrl = DEFAULT_STORE,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Bring a store's tables to this version's. What is there stays; no store is made."""
    check_there(store)
    lacks = look_for_migrations(store) if dry_run else asyncio.run(run_migrations(store))
    if json:
        show_json(_as_json(lacks, done=not dry_run))
        return
    if not lacks.migrations:
        print(plain(f"{lacks.store} is up to date: tables version {lacks.version}"))
        return
    way = f"from tables version {lacks.version} to {lacks.newest}"
    told = count(len(lacks.migrations), "migration")
    if dry_run:
        print(plain(f"{lacks.store} would be brought {way}, by {told}:"))
    else:
        print(plain(f"{lacks.store} was brought {way}, by {told}:"))
    for _, name in lacks.migrations:
        print(f"  {plain(name)}")


def _as_json(lacks: Pending, *, done: bool) -> dict[str, Any]:
    return {
        "store": lacks.store,
        "from": lacks.version,
        "to": lacks.newest,
        "migrations": [name for _, name in lacks.migrations],
        "done": done,
    }
