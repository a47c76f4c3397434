"""`signoff ledger`: read, prove, seal and export the account of what happened."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from signoff.cli import _export, _tree
from signoff.cli._ending import Status
from signoff.cli._output import AsJson, show_fields, show_json, show_table
from signoff.cli._proof import as_json as proof_as_json
from signoff.cli._proof import make_seal, prove
from signoff.cli._store import DEFAULT_STORE, StoreUrl
from signoff.cli._story import show_story
from signoff.errors import BadInput
from signoff.ledger import Verification
from signoff.reading import (
    chapters,
    crossing_tree,
    existing,
    find_node,
    records_of,
    story_as_json,
    subject_of,
    subjects,
)
from signoff.words import count, moment

app = typer.Typer(help="Read, prove, seal and export what happened.", no_args_is_help=True)

#: In the order of a crossing's life.
_STATUSES = ("committed", "rejected", "suspended", "unknown", "intended", "open")


@app.command()
def show(
    subject: Annotated[str, typer.Argument(help="Id of the subject.")] = "",
    store: StoreUrl = DEFAULT_STORE,
    crossing: Annotated[
        str, typer.Option(metavar="ID", help="Only this crossing; the id may be shortened.")
    ] = "",
    tree: Annotated[
        bool, typer.Option("--tree", help="Only which crossing was a part of which.")
    ] = False,
    json: AsJson = False,
) -> None:
    """What happened to one subject, attempt by attempt. Times are UTC."""
    if not subject and not crossing:
        raise typer.BadParameter("name a subject, or a crossing with --crossing")

    async def read() -> None:
        async with existing(store) as storage:
            about, only = subject, ""
            if crossing:
                about, only = await subject_of(storage, crossing)
            if subject and about != subject:
                raise BadInput(f"crossing {crossing} is about {about}, not about {subject}")
            found = chapters(await records_of(storage, about))
            told = [chapter for chapter in found if only in ("", chapter.crossing)]
            row = await storage.row(about)
            asked = found if tree else told
            crossings = {
                c.crossing: await storage.crossing(c.crossing) for c in asked if c.crossing
            }
        if tree:
            roots = crossing_tree(found, crossings)
            picked = find_node(roots, only) if only else None
            roots = roots if picked is None else [picked]
            if json:
                show_json(_tree.as_json(about, row, roots))
            else:
                _tree.show_tree(about, roots)
        elif json:
            show_json(story_as_json(about, row, told, crossings))
        else:
            show_story(about, row, told, crossings)

    asyncio.run(read())


@app.command("list")
def list_(
    store: StoreUrl = DEFAULT_STORE,
    after: Annotated[str, typer.Option(metavar="ID", help="Begin after this subject.")] = "",
    most: Annotated[int, typer.Option(min=1, help="How many to list.")] = 20,
    json: AsJson = False,
) -> None:
    """Subjects with their number of records, and where they stand."""

    async def read() -> None:
        found: list[dict[str, Any]] = []
        async with existing(store) as storage:
            async for id, records in subjects(storage, after=after, most=most + 1):
                row = await storage.row(id)
                state, version = (row.state, row.version) if row else (None, None)
                found.append(
                    {"subject": id, "records": records, "state": state, "version": version}
                )
        more, listed = len(found) > most, found[:most]
        if json:
            show_json({"subjects": listed, "more": more})
            return
        cells = [[s["subject"], s["records"], s["state"] or "", s["version"] or ""] for s in listed]
        show_table(
            ("subject", "records", "state", "version"), cells, numbers=("records", "version")
        )
        if more:
            print(f"There are more: --after '{listed[-1]['subject']}', or --most.")

    asyncio.run(read())


@app.command()
def summary(store: StoreUrl = DEFAULT_STORE, json: AsJson = False) -> None:
    """What came of the crossings of each boundary, and the work that waits."""

    async def read() -> tuple[list[tuple[str, str, int, int]], list[Any], str | None]:
        async with existing(store) as storage:
            crossings = await storage.crossings_by_status()
            return crossings, await storage.pending(), await storage.last_at()

    crossings, pending, last = asyncio.run(read())
    table: dict[str, dict[str, int]] = {}
    for boundary, status, number, attempts in crossings:
        counts = table.setdefault(boundary, {})
        counts[status] = number
        counts["attempts"] = counts.get("attempts", 0) + attempts
    waiting = [dict(zip(("kind", "name", "waiting", "due"), row, strict=True)) for row in pending]
    if json:
        show_json({"boundaries": table, "pending": waiting, "last_record": last})
        return
    seen = {status for counts in table.values() for status in counts}
    columns = [*(status for status in _STATUSES if status in seen), "attempts"]
    rows = [[name, *(counts.get(c, 0) for c in columns)] for name, counts in table.items()]
    show_table(("boundary", *columns), rows, numbers=columns)
    if waiting:
        print()
        cells = [[w["kind"], w["name"], w["waiting"], moment(w["due"])] for w in waiting]
        show_table(("waits", "name", "how many", "earliest due"), cells, numbers=("how many",))
    if last:
        print(f"\nlast record {moment(last)} UTC")


@app.command()
def verify(
    store: StoreUrl = DEFAULT_STORE,
    sealed: Annotated[
        str, typer.Option(metavar="ROOT", help="A root printed earlier: its seal must be there.")
    ] = "",
    json: AsJson = False,
) -> None:
    """Recompute every hash, chain and seal. Exit status 4 if the ledger is not intact."""
    verification = asyncio.run(prove(store, sealed))
    if json:
        show_json(proof_as_json(verification))
    else:
        proof = proof_as_json(verification)
        show_fields([(name, proof[name]) for name in ("records", "subjects", "seals", "root")])
        print(
            "intact"
            if verification.intact
            else f"NOT INTACT: {count(len(proof['faults']), 'fault')}"
        )
        if not verification.intact:
            cells = [[fault.subject, fault.seq or "", fault.what] for fault in verification.faults]
            show_table(("subject", "record", "what is wrong"), cells)
        elif not verification.seals:
            print("No seal yet: `signoff ledger seal` makes the loss of a whole tail visible, too.")
        if verification.removed:
            _tell_removed(verification)
    if not verification.intact:
        raise typer.Exit(Status.NOT_INTACT)


def _tell_removed(verification: Verification) -> None:
    removed = count(verification.removed, "more record")
    told = f"{removed} were removed under a retention policy; what remains is chained to them."
    if verification.outlived:
        seals = count(verification.outlived, "seal")
        told += f" {seals} of before that cannot be compared any more."
    print(told)


@app.command()
def seal(store: StoreUrl = DEFAULT_STORE, json: AsJson = False) -> None:
    """Record a root over the whole ledger, and print it: keep it somewhere else."""
    at, body = asyncio.run(make_seal(store))
    if json:
        show_json({"at": at, **body})
        return
    show_fields(
        [("root", body["root"]), ("records", body["records"]), ("subjects", body["subjects"])]
    )
    print("Keep the root outside this database; `signoff ledger verify --sealed ROOT` asks for it.")


@app.command()
def export(
    store: StoreUrl = DEFAULT_STORE,
    subject: Annotated[str, typer.Option(metavar="ID", help="Only this subject.")] = "",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="By default, the standard output."),
    ] = None,
    since: Annotated[
        int, typer.Option(metavar="POSITION", min=0, help="Only records after this position.")
    ] = 0,
) -> None:
    """The ledger as JSONL: one record a line, in the order in which they were written."""

    async def run() -> int:
        async with existing(store) as storage:
            if subject:
                await records_of(storage, subject)
            with _export.destination(output) as out:
                return await _export.export(storage, out, subject=subject or None, since=since)

    written = asyncio.run(run())
    if output is not None and str(output) != "-":
        print(f"{count(written, 'record')} written to {output}", file=sys.stderr)
