"""`signoff diagnose`: which failures are on the ledger, and what corrects them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from signoff.cli._ending import Status
from signoff.cli._output import AsJson, show_json
from signoff.cli._progress import bar
from signoff.cli._store import DEFAULT_STORE, StoreUrl
from signoff.clock import SystemClock, from_stamp, stamp
from signoff.errors import UsageError
from signoff.reading import existing

if TYPE_CHECKING:
    from signoff.diagnosis import Diagnosis
    from signoff.storage import Storage


def diagnose(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="Only this subject, crossing or boundary. By default, everything."
        ),
    ] = "",
    since: Annotated[
        str,
        typer.Option(
            metavar="WHEN", help="7d or 12h before the last record, or a date. By default, ever."
        ),
    ] = "",
    list_: Annotated[
        bool, typer.Option("--list", help="Show the catalogue: what is looked for.")
    ] = False,
    prior_model: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="Ask the failure RUN again of the present model and of this one, the one before.",
        ),
    ] = "",
    n: Annotated[int, typer.Option(min=1, help="Answers of each model, with --prior-model.")] = 8,
    app: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODULE:ATTRIBUTE",
            help="Your boundaries, with --prior-model; by default those of [boundaries] in "
            "signoff.toml. The renewal agent's are always known.",
        ),
    ] = None,
    store: StoreUrl = DEFAULT_STORE,
    json: AsJson = False,
) -> None:
    """Look for signatures of failure: what, where, how often, why, and what to do, cheapest first.

    Exit status 1 if one of them is critical or serious. With --prior-model, whether a failure is
    functional, a replay divergence or variance: exit status 1, 1 and 0; 3 if that is undecided.
    """
    from signoff.cli import _findings
    from signoff.diagnosis import SIGNATURES

    if list_:
        if json:
            show_json(_findings.catalogue_as_json(SIGNATURES))
        else:
            _findings.show_catalogue(SIGNATURES)
        return
    if prior_model:
        from signoff.cli import _procedure

        _procedure.run(run, prior_model=prior_model, n=n, apps=app or [], store=store, json=json)
        return
    if app:
        raise UsageError("--app goes with --prior-model; the ledger itself knows every boundary")
    diagnosis = asyncio.run(_diagnosed(store, run, since, show=not json))
    if json:
        show_json(_findings.as_json(diagnosis))
    else:
        _findings.show(diagnosis, store)
    if any(finding.signature.severity != "minor" for finding in diagnosis.findings):
        raise typer.Exit(Status.FAILED)


async def _diagnosed(store: str, run: str, since: str, *, show: bool) -> Diagnosis:
    from signoff.diagnosis import diagnose as look

    async with existing(store) as storage:
        begins = await _instant(storage, since)
        total = await storage.read(lambda connection: connection.run("last", {})[0][0] or 0)
        with bar("looking", show=show) as tell:
            return await look(
                storage,
                run=run,
                since=begins,
                now=stamp(SystemClock().now()),
                progress=lambda position: tell(position, total, 0),
            )


async def _instant(storage: Storage, since: str) -> str:
    """The instant that `--since` means, as text; empty for the beginning."""
    from signoff.cli._policy_replay import window_of

    last = await storage.last_at()
    if not since or last is None:
        return ""
    return window_of(since, "", from_stamp(last))[0]
