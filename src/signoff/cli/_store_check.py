"""`signoff store check`: everything that can be wrong with a store."""

from __future__ import annotations

import typer

from signoff.cli._ending import Status
from signoff.cli._output import AsJson, put, show_json, show_table, styled
from signoff.cli._progress import steps
from signoff.cli._store import DEFAULT_STORE, StoreUrl
from signoff.reading import check_there
from signoff.storage import Checked, check_store, storage_at
from signoff.words import count

_STYLE = {"OK": "green", "FAIL": "bold red"}


def check(store: StoreUrl = DEFAULT_STORE, json: AsJson = False) -> None:
    """Look for everything that can be wrong with a store. Exit status 1 if something is.

    Nothing is written, and a runtime may be at work meanwhile.
    """
    check_there(store)
    with steps("checking the store", show=not json) as tell:
        found = list(check_store(store, tell=tell))
    wrong = sum(len(each.wrong) for each in found)
    sizes = {table: size for each in found for table, size in each.sizes.items()}
    if json:
        checks = [
            {
                "check": each.check,
                "verdict": _verdict(each),
                "found": each.found,
                "wrong": list(each.wrong),
                "remedy": each.remedy if each.wrong else "",
            }
            for each in found
        ]
        url = storage_at(store).url
        show_json({"store": url, "sound": not wrong, "checks": checks, "bytes": sizes})
    else:
        _show(found)
        if sizes:
            print()
            show_table(("table", "bytes"), [*sizes.items()], numbers=("bytes",))
        print()
        print("sound" if not wrong else f"NOT SOUND: {count(wrong, 'fault')}")
    if wrong:
        raise typer.Exit(Status.FAILED)


def _verdict(each: Checked) -> str:
    return "FAIL" if each.wrong else "OK"


def _show(found: list[Checked]) -> None:
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    for one_line in (True, True, False):
        table.add_column(no_wrap=one_line, overflow="fold")
    for each in found:
        verdict = _verdict(each)
        for line in each.wrong or [each.found]:
            table.add_row(styled(verdict, _STYLE[verdict]), each.check, styled(line, most=500))
        if each.wrong and each.remedy:
            table.add_row("", "", styled(each.remedy, "dim", most=500))
    put(table)
