"""`signoff approvals`: what waits for a person, what exactly that is, and the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from signoff.boundary import TicketRow
from signoff.cli._edited import written_proposal
from signoff.cli._ending import Status
from signoff.cli._output import AsJson, put, show_json, show_table, styled
from signoff.cli._people import (
    DEFAULT_PRINCIPALS,
    Because,
    By,
    PrincipalsFile,
    principals_at,
)
from signoff.cli._store import DEFAULT_STORE, StoreUrl
from signoff.cli._ticket_view import seen_as_json, show_ticket
from signoff.cli._tickets import show_tickets
from signoff.clock import SystemClock
from signoff.control import Answer, Principals, ServiceLevel, name_of_decider, service_levels
from signoff.errors import BadInput, NotAllowed
from signoff.reading import (
    STATUSES,
    Followed,
    by_deadline,
    existing,
    find_ticket,
    follow,
    give,
    known_ticket,
    see,
)
from signoff.reading import ticket_as_json as as_json
from signoff.words import count, plain, took

app = typer.Typer(help="What waits for a person, and the answers.", no_args_is_help=True)

TicketId = Annotated[
    str, typer.Argument(metavar="TICKET", help="Its id, or as much of it as tells it apart.")
]
Saw = Annotated[
    str | None,
    typer.Option(
        metavar="DIGEST",
        help="Digest of the proposal that you looked at; refused if another one waits.",
    ),
]
Wait = Annotated[
    float,
    typer.Option(metavar="SECONDS", min=0, help="Wait so long for a worker to act on it."),
]

#: The least of a digest that can stand for it.
_DIGEST = 8


@app.command("list")
def list_(
    store: StoreUrl = DEFAULT_STORE,
    role: Annotated[str, typer.Option(metavar="ROLE", help="Only what asks this role.")] = "",
    name: Annotated[
        str, typer.Option("--for", metavar="NAME", help="Only what this person may answer.")
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="Closed tickets, too.")] = False,
    principals: PrincipalsFile = DEFAULT_PRINCIPALS,
    json: AsJson = False,
) -> None:
    """Tickets that wait for an answer, the earliest deadline first. Times are UTC."""
    ask = f"role:{role.removeprefix('role:')}" if role else ""
    may = principals_at(principals, name) if name else None

    def fits(ticket: TicketRow) -> bool:
        return ask in ("", ticket.ask) and (may is None or may.may_answer(name, ticket.ask))

    async def read() -> tuple[list[TicketRow], int]:
        async with existing(store) as storage:
            found = [t async for t in storage.tickets(*(STATUSES if every else STATUSES[:1]))]
        fitting = [ticket for ticket in found if fits(ticket)]
        return by_deadline(fitting), len(found) - len(fitting)

    (tickets, others), now = asyncio.run(read()), SystemClock().now()
    if json:
        show_json({"tickets": [as_json(ticket, now) for ticket in tickets]})
    elif tickets:
        show_tickets(tickets, now, closed=every)
    else:
        print(_nothing(ask, name, others))


def _nothing(ask: str, name: str, others: int) -> str:
    who = " or ".join(filter(None, (ask, name)))
    if not who:
        return "nothing waits for an answer"
    return plain(f"nothing waits for {who}; {count(others, 'other ticket')} for others")


@app.command()
def show(
    ticket: TicketId,
    store: StoreUrl = DEFAULT_STORE,
    principals: PrincipalsFile = DEFAULT_PRINCIPALS,
    json: AsJson = False,
) -> None:
    """Exactly what a ticket is about, who asked for it, and how such tickets were answered."""
    may = Principals.load(principals) if principals.exists() else None

    async def read() -> None:
        async with existing(store) as storage:
            row = await known_ticket(storage, ticket)
            seen = await see(storage, row, SystemClock().now())
        if json:
            show_json(seen_as_json(seen))
        else:
            show_ticket(seen, may)

    asyncio.run(read())


@app.command()
def approve(
    ticket: TicketId,
    because: Because,
    by: By = "",
    saw: Saw = None,
    wait: Wait = 0.0,
    store: StoreUrl = DEFAULT_STORE,
    principals: PrincipalsFile = DEFAULT_PRINCIPALS,
    json: AsJson = False,
) -> None:
    """Say yes to what a ticket shows; every other control is asked again."""

    def say(name: str, row: TicketRow | None) -> Answer:
        return Answer(kind="approve", by=name, because=because, saw=_digest(row, saw))

    _answer(ticket, say, "crossing", by, principals, store, wait, json=json)


@app.command()
def edit(
    ticket: TicketId,
    because: Because,
    proposal: Annotated[
        str, typer.Option(metavar="JSON", help="What shall be judged instead.")
    ] = "",
    file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The same in a file; - for standard input."),
    ] = None,
    by: By = "",
    saw: Saw = None,
    wait: Wait = 0.0,
    store: StoreUrl = DEFAULT_STORE,
    principals: PrincipalsFile = DEFAULT_PRINCIPALS,
    json: AsJson = False,
) -> None:
    """Answer with another proposal, which is judged like any other.

    Without --proposal and --file, $EDITOR opens with the one that waits.
    """

    def say(name: str, row: TicketRow | None) -> Answer:
        if row is None or row.status != "open":
            # It cannot be answered any more; nobody need write anything to be told so.
            return Answer(kind="edit", by=name, because=because, proposal={})
        in_editor = not proposal and file is None
        written = written_proposal(proposal, file, row.body["proposal"])
        digest = row.body["digest"] if in_editor else _digest(row, saw)
        return Answer(kind="edit", by=name, because=because, proposal=written, saw=digest)

    _answer(ticket, say, "crossing", by, principals, store, wait, json=json)


@app.command()
def deny(
    ticket: TicketId,
    because: Because,
    by: By = "",
    store: StoreUrl = DEFAULT_STORE,
    principals: PrincipalsFile = DEFAULT_PRINCIPALS,
    json: AsJson = False,
) -> None:
    """Say no: the crossing ends, and its proposer is told why."""

    def say(name: str, row: TicketRow | None) -> Answer:
        return Answer(kind="deny", by=name, because=because)

    _answer(ticket, say, "crossing", by, principals, store, 0.0, json=json)


@app.command()
def retry(
    ticket: TicketId,
    because: Because,
    by: By = "",
    store: StoreUrl = DEFAULT_STORE,
    principals: PrincipalsFile = DEFAULT_PRINCIPALS,
    json: AsJson = False,
) -> None:
    """Have work that was given up tried again, as if it had never failed."""

    def say(name: str, row: TicketRow | None) -> Answer:
        return Answer(kind="approve", by=name, because=because)

    _answer(ticket, say, "work", by, principals, store, 0.0, json=json)


@app.command()
def drop(
    ticket: TicketId,
    because: Because,
    by: By = "",
    store: StoreUrl = DEFAULT_STORE,
    principals: PrincipalsFile = DEFAULT_PRINCIPALS,
    json: AsJson = False,
) -> None:
    """Forget work that was given up."""

    def say(name: str, row: TicketRow | None) -> Answer:
        return Answer(kind="deny", by=name, because=because)

    _answer(ticket, say, "work", by, principals, store, 0.0, json=json)


@app.command()
def summary(store: StoreUrl = DEFAULT_STORE, json: AsJson = False) -> None:
    """How quickly everybody who was asked has answered."""

    async def read() -> tuple[ServiceLevel, ...]:
        async with existing(store) as storage:
            return service_levels([t async for t in storage.tickets(*STATUSES)])

    levels = asyncio.run(read())
    if json:
        show_json({"service_levels": [asdict(level) for level in levels]})
        return
    work = any(level.retried or level.dropped for level in levels)
    answers = ["approved", "edited", "denied", *(("retried", "dropped") if work else ())]
    counted = ["asked", "answered", *answers, "expired", "passed_on", "void", "open"]
    rows: list[list[Any]] = [
        [
            level.ask,
            *(getattr(level, name) for name in counted),
            "" if level.median is None else took(level.median),
            "" if level.longest is None else took(level.longest),
            "" if level.in_time is None else f"{level.in_time:.0%}",
        ]
        for level in levels
    ]
    titles = [name.replace("_", " ") for name in counted]
    numbers = (*titles, "median", "longest", "in time")
    show_table(("ask", *numbers), rows, numbers=numbers)


def _answer(
    given: str,
    say: Callable[[str, TicketRow | None], Answer],
    kind: Literal["crossing", "work"],
    by: str,
    principals: Path,
    store: str,
    wait: float,
    *,
    json: bool,
) -> None:
    """Write an answer, and tell what comes of it."""
    name = name_of_decider(by)
    may = principals_at(principals, name)

    async def run() -> Followed:
        async with existing(store) as storage:
            row = await find_ticket(storage, given)
            if row is not None and row.kind != kind:
                raise BadInput(_OTHER_KIND[row.kind].format(row.id))
            said = say(name, row)
            answered = await give(storage, given if row is None else row.id, said, may)
            return await follow(storage, answered, wait)

    try:
        followed = asyncio.run(run())
    except NotAllowed as refused:
        if json:
            show_json({"refused": {"code": refused.code, "message": str(refused)}})
        raise
    _tell(followed, wait, json=json)


_OTHER_KIND = {
    "crossing": "ticket {} is about a proposal: approve, edit or deny it",
    "work": "ticket {} is about work that failed: retry it, or drop it",
}


def _tell(followed: Followed, wait: float, *, json: bool) -> None:
    late = bool(wait) and not followed.ended
    ticket = followed.ticket
    if json:
        show_json(followed.as_json())
    else:
        put(styled(f"{ticket.status} by {ticket.by}: {ticket.id}", "bold", most=0))
        if ticket.kind == "work":
            print("A worker tries it now." if ticket.status == "retried" else "It is forgotten.")
        elif late:
            print(f"After {took(wait)} it is not done; the answer stands. {followed.outcome()}")
        else:
            print(followed.outcome())
    if late:
        raise typer.Exit(Status.FAILED)


def _digest(row: TicketRow | None, saw: str | None) -> str:
    """A digest in full, where its beginning was given.

    Raises:
        BadInput: If it is empty, which a script's unset variable is: that is no check at all.
    """
    if saw is None:
        return ""
    if not saw:
        raise BadInput(
            "--saw is empty: give the digest that `approvals show` prints, or leave it out"
        )
    whole = "" if row is None else str(row.body.get("digest", ""))
    return whole if len(saw) >= _DIGEST and whole.startswith(saw) else saw
