"""What waits for a person: the inbox, one ticket with all that bears on it, and the answer."""

from __future__ import annotations

from typing import cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from signoff.boundary import TicketRow
from signoff.clock import stamp
from signoff.console._asked import asked, page_of
from signoff.console._desk import desk_of
from signoff.console._rendering import render
from signoff.console.access import Role, form_of, needs, text_of, user_of
from signoff.control import Answer
from signoff.errors import BadInput, NotAllowed
from signoff.reading import exact_json, follow, give, read_proposal, see

#: Tickets on one page of the inbox.
_PAGE = 50

#: Similar tickets that a page shows, of the last so many of the boundary.
_SIMILAR, _LOOKED_THROUGH = 8, 200

#: Characters of a proposal that can be edited here.
_EDITABLE = 30_000


@needs(Role.viewer)
async def inbox(request: Request) -> Response:
    """Open tickets, the most urgent first."""
    desk = desk_of(request)
    ask, page = asked(request, "ask"), page_of(request)
    asks = await desk.storage.asks(stamp(desk.clock.now()))
    rows = await desk.storage.inbox(ask=ask, limit=_PAGE + 1, offset=(page - 1) * _PAGE)
    principals = desk.principals()
    name = user_of(request).name
    return render(
        request,
        "approvals/inbox.html",
        tickets=rows[:_PAGE],
        more=len(rows) > _PAGE,
        page=page,
        ask=ask,
        asks=asks,
        waiting=sum(number for _, number, _ in asks),
        mine={a for a, _, _ in asks if principals.may_answer(name, a)},
        address=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
    )


@needs(Role.viewer)
async def ticket(request: Request) -> Response:
    """One ticket."""
    return await _shown(request, await _known(request))


@needs(Role.viewer)
async def proposal(request: Request) -> Response:
    """What waits, whole, as a file."""
    row = await _known(request)
    return Response(
        exact_json(row.body.get("proposal")),
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="proposal.json"'},
    )


@needs(Role.reviewer)
async def answer(request: Request) -> Response:
    """Write what somebody says to a ticket; a worker acts on it."""
    desk, user, row = desk_of(request), user_of(request), await _known(request)
    form = form_of(request)
    because, saw = text_of(form, "because").strip(), text_of(form, "saw")
    does, written = text_of(form, "answer"), text_of(form, "proposal")
    if row.kind == "work" and not user.may(Role.operator):
        raise HTTPException(403, f"Work that was given up is for an {Role.operator} to decide.")
    try:
        said = _said(row, does, user.name, because, written, saw)
        await give(desk.storage, row.id, said, desk.principals())
    except (NotAllowed, BadInput) as refused:
        known = await desk.storage.ticket(row.id) or row
        status = 409 if isinstance(refused, NotAllowed) else 400
        return await _shown(
            request, known, status=status, refused=str(refused), because=because, written=written
        )
    return RedirectResponse(request.url.path, status_code=303)


def _said(row: TicketRow, does: str, by: str, because: str, written: str, saw: str) -> Answer:
    if not because:
        raise BadInput("say why: the reason goes on the ledger with your name")
    match does:
        case "edit" if row.kind == "crossing":
            value = read_proposal(written, "what you wrote")
            return Answer(kind="edit", by=by, because=because, proposal=value, saw=saw)
        case "approve" | "retry":
            return Answer(kind="approve", by=by, because=because, saw=saw)
        case "deny" | "drop":
            return Answer(kind="deny", by=by, because=because)
        case _:
            raise BadInput("say approve, edit or deny")


async def _shown(
    request: Request,
    row: TicketRow,
    *,
    status: int = 200,
    refused: str = "",
    because: str = "",
    written: str = "",
) -> Response:
    desk, user = desk_of(request), user_of(request)
    seen = await see(desk.storage, row, desk.clock.now(), most=_LOOKED_THROUGH)
    principals = desk.principals()
    text = exact_json(row.body.get("proposal"))
    followed = await follow(desk.storage, row, 0.0) if row.status != "open" else None
    role = Role.operator if row.kind == "work" else Role.reviewer
    return render(
        request,
        "approvals/ticket.html",
        status=status,
        seen=seen,
        ticket=row,
        refused=refused,
        because=because,
        text=text,
        editable=len(text) <= _EDITABLE,
        written=written or text,
        followed=followed,
        listed=principals.who(row.ask),
        may=user.may(role) and principals.may_answer(user.name, row.ask),
        needed=role,
        similar=seen.similar[:_SIMILAR],
        digest=row.body.get("digest", ""),
    )


async def _known(request: Request) -> TicketRow:
    row = await desk_of(request).storage.ticket(cast("str", request.path_params["id"])[:500])
    if row is None:
        raise HTTPException(404, "There is no such ticket.")
    return row


routes = [
    Route("/approvals", inbox),
    Route("/approvals/{id}", ticket, methods=["GET"]),
    Route("/approvals/{id}", answer, methods=["POST"]),
    Route("/approvals/{id}/proposal.json", proposal),
]
