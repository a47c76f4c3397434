"""`signoff doctor`: is this machine, and this store, fit to run on?"""

from __future__ import annotations

import asyncio
from pathlib import Path

import typer

from signoff.cli._ending import Status
from signoff.cli._machine import examine_extras, examine_machine
from signoff.cli._output import AsJson, put, show_json, styled
from signoff.cli._store import DEFAULT_STORE, StoreUrl
from signoff.errors import SignoffError, UsageError
from signoff.reading import Finding, examine_store
from signoff.storage import SQLiteStorage, storage_at

_STYLE = {"OK": "green", "--": "yellow", "FAIL": "bold red"}


def doctor(store: StoreUrl = DEFAULT_STORE, json: AsJson = False) -> None:
    """Check this machine and the store, one line per thing. Exit status 1 if something fails.

    OK is fine; -- is worth knowing, but stops nobody; FAIL must be mended first.
    """
    findings = asyncio.run(_examine(store))
    failed = any(finding.verdict == "FAIL" for finding in findings)
    if json:
        checks = [
            {"check": f.check, "verdict": f.verdict, "found": f.found, "remedy": f.remedy}
            for f in findings
        ]
        show_json({"healthy": not failed, "checks": checks})
    else:
        _show(findings)
    if failed:
        raise typer.Exit(Status.FAILED)


async def _examine(store: str) -> list[Finding]:
    return [
        *examine_machine(_folder(store)),
        *[finding async for finding in examine_store(store)],
        *examine_extras(),
    ]


def _folder(store: str) -> Path | None:
    try:
        storage = storage_at(store)
    except (SignoffError, UsageError):
        return None  # the store's own check says what is wrong with it
    if isinstance(storage, SQLiteStorage) and storage.path != ":memory:":
        return Path(storage.path).absolute().parent
    return None


def _show(findings: list[Finding]) -> None:
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    for one_line in (True, True, False):
        table.add_column(no_wrap=one_line, overflow="fold")
    for finding in findings:
        text = styled(finding.found, most=500)
        if finding.remedy:
            text.append(f"\n{finding.remedy}", "dim")
        table.add_row(styled(finding.verdict, _STYLE[finding.verdict]), finding.check, text)
    put(table)
