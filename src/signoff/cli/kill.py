"""`signoff kill`: stop everything in a scope, lift it again, or see what is stopped."""

from __future__ import annotations

import asyncio
import shlex
from typing import Annotated

import typer

from signoff.boundary import KILLS, Kill, read_kills
from signoff.cli._output import AsJson, put, show_json, show_table, styled
from signoff.cli._people import DEFAULT_PRINCIPALS, By, PrincipalsFile, principals_at
from signoff.cli._store import DEFAULT_STORE, StoreUrl
from signoff.clock import SystemClock, stamp
from signoff.control import Principals, lift, name_of_decider, throw
from signoff.reading import (
    FATES,
    Reached,
    existing,
    last_change,
    may_be_a_slip,
    reached,
    refused_to_kill,
)
from signoff.words import count, moment, plain

#: Crossings in scope that are shown one by one.
_SHOWN = 20


def kill(
    scope: Annotated[
        str,
        typer.Argument(
            metavar="SCOPE",
            help="everything, a boundary's or a kill switch's name, tenant:NAME, subject:PREFIX.",
            show_default=False,
        ),
    ] = "",
    because: Annotated[str, typer.Option(metavar="WHY", help="Why; kept on the ledger.")] = "",
    by: By = "",
    lifts: Annotated[bool, typer.Option("--lift", help="Let the scope go on.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="Show the kills that hold.")] = False,
    store: StoreUrl = DEFAULT_STORE,
    principals: PrincipalsFile = DEFAULT_PRINCIPALS,
    json: AsJson = False,
) -> None:
    """Stop everything in a scope: once this is done, nothing in it commits.

    An effect that was intended before is under way, and ends.
    Only whom the file of principals lists may kill or lift.
    """
    if listed:
        if scope or lifts:
            raise typer.BadParameter("--list shows every kill: it takes no scope")
        _list(store, json=json)
        return
    if not scope:
        raise typer.BadParameter("name a scope, or say --list")
    if not because.strip():
        raise typer.BadParameter('say why, with --because "..."')
    by = name_of_decider(by)
    may = principals_at(principals, by)
    if lifts:
        asyncio.run(_lift(store, may, scope, by, because, json=json))
    else:
        asyncio.run(_kill(store, may, scope, by, because, json=json))


async def _kill(
    store: str, may: Principals, scope: str, by: str, because: str, *, json: bool
) -> None:
    now = SystemClock().now()
    async with existing(store) as storage:
        before = {kill.scope: kill for kill in read_kills(await storage.switch(KILLS))}
        allowed = await storage.transact(
            lambda tx: throw(tx, may, scope, by=by, because=because, now=now)
        )
        if not allowed:
            raise refused_to_kill(may, scope, by)
        thrown = Kill(scope=scope, by=by, because=because, at=stamp(now))
        if not json:
            if (held := before.get(scope)) is not None:
                was = f"It was killed already, by {held.by} at {held.at}: {held.because}"
                put(styled(was, most=0))
            # Said at once: looking for what is under way may take a while.
            put(styled(f"killed {scope}, by {by}: {because}", "bold", most=0))
        found = await reached(storage, thrown)
    if json:
        show_json({"killed": _as_json(thrown), **_reached_as_json(found)})
    else:
        _show(scope, found)


async def _lift(
    store: str, may: Principals, scope: str, by: str, because: str, *, json: bool
) -> None:
    now = SystemClock().now()
    async with existing(store) as storage:
        if not await storage.transact(
            lambda tx: lift(tx, may, scope, by=by, because=because, now=now)
        ):
            raise refused_to_kill(may, scope, by)
        position = await last_change(storage, scope)
        others = read_kills(await storage.switch(KILLS))
    if json:
        lifted = {"scope": scope, "by": by, "because": because, "at": stamp(now)}
        show_json({"lifted": lifted, "position": position, "kills": [*map(_as_json, others)]})
        return
    put(styled(f"lifted {scope}, by {by}: {because}", "bold", most=0))
    print(f"From record {position:,} of the ledger on it goes on; what was halted is run again.")
    if others:
        print(f"Still killed: {plain(', '.join(kill.scope for kill in others), 500)}")


def _list(store: str, *, json: bool) -> None:
    async def read() -> tuple[Kill, ...]:
        async with existing(store) as storage:
            return read_kills(await storage.switch(KILLS))

    kills = asyncio.run(read())
    if json:
        show_json({"kills": [_as_json(kill) for kill in kills]})
    else:
        show_kills(kills)


def show_kills(kills: tuple[Kill, ...]) -> None:
    """Print the kills that hold."""
    if not kills:
        print("nothing is killed")
        return
    rows = [[kill.scope, kill.by, kill.because, moment(kill.at)] for kill in kills]
    show_table(("killed", "by", "because", "since"), rows)


def _show(scope: str, found: Reached) -> None:
    counts = found.counts()
    going = counts.get("intended", 0) + counts.get("unknown", 0)
    effects = f"the {count(going, 'effect')} that had been intended before"
    but = f", except {effects}" if going else ""
    print(f"After record {found.position:,} of the ledger nothing in its scope commits{but}.")
    if may_be_a_slip(scope, scope in found.boundaries, len(found.crossings)):
        known = ", ".join(found.boundaries[:10]) or "none"
        print(
            plain(
                f"The ledger has no boundary {scope!r}; it has {known}. If that is no kill switch, "
                "nothing was stopped.",
                500,
            )
        )
    rows = [
        [c.status, c.id[:12], c.boundary, c.subject, FATES[c.status]]
        for c in found.crossings[:_SHOWN]
    ]
    if rows:
        show_table(("in scope", "crossing", "boundary", "subject", "what becomes of it"), rows)
        more = len(found.crossings) - len(rows)
        if more:
            told = ", ".join(f"{number:,} {status}" for status, number in counts.items())
            print(f"and {more:,} more: {told} in all")
    else:
        print("Nothing in its scope is under way.")
    print(f'To lift it: signoff kill {plain(shlex.quote(scope))} --lift --because "..."')


def _as_json(kill: Kill) -> dict[str, str]:
    return {"scope": kill.scope, "by": kill.by, "because": kill.because, "at": kill.at}


def _reached_as_json(found: Reached) -> dict[str, object]:
    return {
        "position": found.position,
        "in_scope": [
            {
                "crossing": crossing.id,
                "status": crossing.status,
                "boundary": crossing.boundary,
                "subject": crossing.subject,
                "key": crossing.key,
            }
            for crossing in found.crossings
        ],
    }
