"""Controls: kills, and throwing and lifting them; what throttles have left; policies in force."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from signoff.boundary import KILLS, checked_scope, read_kills
from signoff.console._asked import asked, page_of
from signoff.console._desk import Desk, desk_of
from signoff.console._rendering import render
from signoff.console.access import Role, form_of, needs, text_of, user_of
from signoff.console.pages._policies import Declared, declared_in, in_force
from signoff.control import lift, throw
from signoff.errors import BadInput, NotAllowed
from signoff.reading import FATES, may_be_a_slip, refused_to_kill, throttled

#: Kills, throttles and boundaries on one page.
_PAGE = 25

#: Characters that a scope and a reason may have, as the command line takes them.
_LONGEST = 2000

#: Scopes that are offered.
_OFFERED = 100


@needs(Role.viewer)
async def shown(request: Request) -> Response:
    """What is killed, what throttles have left, and the policies in force."""
    return await _controls(request)


@needs(Role.viewer)
async def before_kill(request: Request) -> Response:
    """What a kill of a scope would stand before; and the form that throws it."""
    return await _asked_again(request, asked(request, "scope"), lifts=False)


@needs(Role.viewer)
async def before_lift(request: Request) -> Response:
    """What goes on once a kill is lifted; and the form that lifts it."""
    return await _asked_again(request, asked(request, "scope"), lifts=True)


@needs(Role.operator)
async def kill(request: Request) -> Response:
    """Throw a kill: once this is answered, nothing in its scope commits."""
    return await _switched(request, lifts=False)


@needs(Role.operator)
async def lifted(request: Request) -> Response:
    """Lift a kill."""
    return await _switched(request, lifts=True)


async def _switched(request: Request, *, lifts: bool) -> Response:
    desk, form, by = desk_of(request), form_of(request), user_of(request).name
    scope, because = text_of(form, "scope").strip(), text_of(form, "because").strip()
    may, now = desk.principals(), desk.clock.now()
    try:
        if len(scope) > _LONGEST or len(because) > _LONGEST:
            raise BadInput(f"a scope and a reason have at most {_LONGEST:,} characters")
        if not because:
            raise BadInput("say why: the reason goes on the ledger with your name")
        switch = lift if lifts else throw
        if not await desk.storage.transact(
            lambda tx: switch(tx, may, scope, by=by, because=because, now=now)
        ):
            raise refused_to_kill(may, scope, by)
    except (NotAllowed, BadInput) as refused:
        status = 403 if isinstance(refused, NotAllowed) else 400
        return await _asked_again(
            request, scope, lifts=lifts, status=status, refused=str(refused), because=because
        )
    return RedirectResponse("/controls", status_code=303)


async def _controls(request: Request) -> Response:
    desk, page = desk_of(request), page_of(request)
    kills = sorted(read_kills(await desk.storage.switch(KILLS)), key=lambda kill: kill.at)[::-1]
    names = await desk.storage.throttle_names()
    policies = await in_force(desk)
    declared = await declared_in(desk)
    first, last = (page - 1) * _PAGE, page * _PAGE
    now = desk.clock.now()
    shown = kills[first:last]
    met = desk.index.numbers_in_flight([kill.scope for kill in shown])
    longest = max(len(kills), len(names), len(policies), len(declared))
    return render(
        request,
        "controls/controls.html",
        kills=[*zip(shown, met, strict=True)],
        killed=len(kills),
        throttles=[await throttled(desk.storage, name, now) for name in names[first:last]],
        throttled=len(names),
        policies=[(name, labels, _numbers(declared, labels)) for name, labels in policies][
            first:last
        ],
        gated=len(policies),
        declared=declared[first:last],
        written=len(declared),
        page=page,
        more=longest > last,
        may=user_of(request).may(Role.operator),
        scopes=_scopes(desk),
        address="/controls" if page == 1 else f"/controls?page={page}",
    )


async def _asked_again(
    request: Request,
    scope: str,
    *,
    lifts: bool,
    status: int = 200,
    refused: str = "",
    because: str = "",
) -> Response:
    desk, user = desk_of(request), user_of(request)
    held = {kill.scope: kill for kill in read_kills(await desk.storage.switch(KILLS))}
    if status == 200:
        if not scope:
            raise HTTPException(404, "Name a scope: everything, a boundary, tenant:… or subject:….")
        checked_scope(scope)
    known = desk.index.facets().boundaries
    met = desk.index.in_flight(scope)
    return render(
        request,
        "controls/switch.html",
        status=status,
        scope=scope,
        lifts=lifts,
        held=held.get(scope),
        others=[other for other in held if other != scope],
        met=met,
        fates={where: fate for where, fate in FATES.items() if met.crossings.get(where)},
        slip=may_be_a_slip(scope, desk.index.knows(scope), sum(met.crossings.values())),
        boundaries=known,
        refused=refused,
        because=because,
        may=user.may(Role.operator),
        listed=desk.principals().may_kill(user.name, scope),
        longest=_LONGEST,
    )


def _scopes(desk: Desk) -> list[str]:
    """What somebody can choose from; tenants and subjects they name themselves."""
    return ["everything", *desk.index.facets().boundaries[:_OFFERED]]


def _numbers(declared: list[Declared], labels: list[str]) -> dict[str, int]:
    """Which of the policies in force a project declares, by label."""
    known = {each.label: each.number for each in declared if each.label}
    return {label: known[label] for label in labels if label in known}


routes = [
    Route("/controls", shown),
    Route("/controls/kill", before_kill, methods=["GET"]),
    Route("/controls/kill", kill, methods=["POST"]),
    Route("/controls/lift", before_lift, methods=["GET"]),
    Route("/controls/lift", lifted, methods=["POST"]),
]
