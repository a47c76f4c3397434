"""`signoff store retain`: remove what a retention policy no longer keeps."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from signoff.cli._output import AsJson, show_fields, show_json
from signoff.cli._people import By
from signoff.cli._progress import steps
from signoff.cli._retention_file import retention_at
from signoff.cli._store import DEFAULT_STORE, StoreUrl
from signoff.clock import SystemClock
from signoff.control import name_of_decider
from signoff.reading import existing
from signoff.storage import Archive, Gone
from signoff.storage import retain as apply
from signoff.words import count, moment, plain

#: Why records stay that are old enough.
_WHY = {
    "crossing": "a crossing has not ended",
    "ticket": "somebody is asked about it",
    "timer": "a timer is set",
    "events": "its events are kept",
}


def retain(
    store: StoreUrl = DEFAULT_STORE,
    policy: Annotated[
        Path, typer.Option(metavar="FILE", help="What is kept for how long, in TOML.")
    ] = Path("signoff.toml"),
    archive: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write what is removed there first, as JSONL."),
    ] = None,
    by: By = "",
    dry: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    json: AsJson = False,
) -> None:
    """Remove the records that a policy no longer keeps. What remains can be proved as before.

    Only the oldest records of a subject go, and only of crossings that ended. The chain says itself
    what was removed, when, by whom and under which policy. Runtimes may be at work meanwhile.
    """
    by = name_of_decider(by)
    rules = retention_at(policy)

    async def run() -> Gone:
        with ExitStack() as stack:
            tell = stack.enter_context(steps("looking at the chains", show=not json))
            kept = stack.enter_context(Archive(archive)) if archive and not dry else None
            async with existing(store) as storage:
                now = SystemClock().now()
                return await apply(storage, rules, by=by, now=now, archive=kept, dry=dry, tell=tell)

    gone = asyncio.run(run())
    if json:
        show_json(_as_json(gone, dry=dry))
    else:
        _show(gone, [rule.told for rule in rules.rules], dry=dry)


def _show(gone: Gone, rules: list[str], *, dry: bool) -> None:
    for rule in rules:
        print(plain(rule, 300))
    print(f"policy {gone.policy[:12]}, applied at {moment(gone.at)} UTC" + (", to see" * dry))
    print()
    verb = "would be removed" if dry else "removed"
    fields = [(f"records {verb}", f"{gone.records:,} of {count(gone.subjects, 'subject')}")]
    if not dry:
        fields += [
            ("large values removed", f"{gone.payloads:,}"),
            ("keys forgotten", f"{gone.keys:,}"),
            ("closed tickets removed", f"{gone.tickets:,}"),
        ]
    if gone.partitions:
        fields.append(("partitions dropped", f"{gone.partitions:,}"))
    fields += [
        (f"kept: {_WHY[why]}", count(number, "subject")) for why, number in gone.kept.items()
    ]
    show_fields(fields)
    if gone.root:
        print(f"What remains is sealed under root {gone.root}: keep it outside this database.")
    if gone.records and not dry:
        print("To give back the room: signoff store vacuum")


def _as_json(gone: Gone, *, dry: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "policy": gone.policy,
        "at": gone.at,
        "dry_run": dry,
        "subjects": gone.subjects,
        "records": gone.records,
        "kept": dict(gone.kept),
    }
    if not dry:
        told |= {"payloads": gone.payloads, "keys": gone.keys, "tickets": gone.tickets}
        told |= {"partitions": gone.partitions, "root": gone.root}
    return told
