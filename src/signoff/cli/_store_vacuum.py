"""`signoff store vacuum`: give back the room that a store no longer needs."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from signoff.cli._output import AsJson, show_json
from signoff.cli._progress import steps
from signoff.cli._store import DEFAULT_STORE, StoreUrl
from signoff.reading import check_there
from signoff.storage import vacuum as give_back
from signoff.words import count, plain


def vacuum(
    store: StoreUrl = DEFAULT_STORE,
    jobs_older_than: Annotated[
        int,
        typer.Option(
            metavar="DAYS", min=0, help="Delete jobs that ended so long ago (PostgreSQL)."
        ),
    ] = 7,
    json: AsJson = False,
) -> None:
    """Give back the room that a store no longer needs. No record is deleted."""
    check_there(store)
    with steps("vacuuming the store", show=not json) as tell:
        done = asyncio.run(
            give_back(store, jobs_older_than=timedelta(days=jobs_older_than), tell=tell)
        )
    if json:
        show_json(asdict(done))
        return
    less = done.before - done.after
    told = f"{less:,} bytes given back" if less > 0 else "nothing to give back"
    print(plain(f"{done.store}: {done.before:,} bytes before, {done.after:,} after; {told}"))
    if done.jobs:
        print(f"{count(done.jobs, 'finished job')} deleted")
    for note in done.notes:
        print(plain(f"note: {note}"))
