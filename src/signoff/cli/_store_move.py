"""`signoff store move`: copy a store into another database, prove it there, and work there."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from signoff.cli._output import AsJson, show_fields, show_json, show_table
from signoff.cli._progress import steps
from signoff.reading import check_there
from signoff.storage import Moved
from signoff.storage import move as carry
from signoff.words import plain

_URL = "URL"


def move(
    source: Annotated[
        str,
        typer.Option("--from", metavar=_URL, help="The store that is read.", show_default=False),
    ],
    destination: Annotated[
        str,
        typer.Option(
            "--to",
            metavar=_URL,
            help="The store that is filled; it is made if it is not there.",
            show_default=False,
        ),
    ],
    copy: Annotated[
        bool,
        typer.Option(
            "--copy", help="Leave the source to be worked on; two stores go on from here."
        ),
    ] = False,
    again: Annotated[
        bool,
        typer.Option("--again", help="Fill anew what a move from elsewhere left unfinished."),
    ] = False,
    faulty: Annotated[
        bool, typer.Option("--faulty", help="Move a ledger that is not intact, with its faults.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Move a store into another, empty database. Interrupted, the same line goes on.

    Everything is copied, read back and proved there. Then the source is closed: it can still be
    looked at.
    """
    check_there(source)
    with steps("moving the store", show=not json) as tell:
        moved = carry(source, destination, copy=copy, again=again, faulty=faulty, tell=tell)
    if json:
        show_json(_as_json(moved))
        return
    show_table(
        ("table", "rows", "digest"),
        [[name, rows, moved.digests[name][:16]] for name, rows in moved.rows.items()],
        numbers=("rows",),
    )
    print()
    proof = moved.verification
    show_fields([("records", proof.records), ("subjects", proof.subjects), ("root", proof.root)])
    if proof.faults:
        print(f"Its {len(proof.faults):,} faults are there as they were here.")
    print(plain(f"Everything in {moved.source} is in {moved.destination}, read back and proved."))
    if moved.copied:
        print("Both can be worked on: what happens from now on is in one of them only.")
    else:
        print(plain(f"Work there now. {moved.source} is closed; it is kept to be looked at."))
    if moved.others:
        print(plain(f"Not of signoff, and left where they are: {', '.join(moved.others)}", 500))


def _as_json(moved: Moved) -> dict[str, Any]:
    return {
        "from": moved.source,
        "to": moved.destination,
        "copied": moved.copied,
        "records": moved.verification.records,
        "subjects": moved.verification.subjects,
        "root": moved.verification.root,
        "intact": moved.verification.intact,
        "tables": [
            {"table": name, "rows": rows, "digest": moved.digests[name]}
            for name, rows in moved.rows.items()
        ],
        "others": list(moved.others),
    }
