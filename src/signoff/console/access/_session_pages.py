"""The page that shows who is signed in, and ends a session."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from signoff.clock import stamp
from signoff.console.access._audit import note
from signoff.console.access._directory import Directory
from signoff.console.access._gate import Page
from signoff.console.access._needs import needs
from signoff.console.access._role import Role
from signoff.console.access._sessions import Sessions
from signoff.console.access._state import peer_of, session_of, user_of

#: Sessions on the page, the latest first; 1,000 would be slow to read.
_SHOWN = 100

_WAYS = {"key": "the link", "password": "password", "oidc": "OpenID Connect"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A session as the page shows it.

    Attributes:
        by: How they came in.
        since: When, as a stamp.
        seen: When it was used last, as a stamp.
        own: Whether the page is shown in it.
    """

    id: str
    user: str
    role: str
    by: str
    since: str
    seen: str
    address: str
    own: bool


def session_pages(sessions: Sessions, directory: Directory, page: Page) -> tuple[Route, ...]:
    """Where sessions are shown and ended."""

    @needs(Role.admin)
    async def show(request: Request) -> Response:
        """Who is signed in, the latest first."""
        own = session_of(request)
        rows: list[SessionRow] = []
        shown = list(sessions)
        for session in shown[:_SHOWN]:
            user = directory.user(session.identity)
            rows.append(
                SessionRow(
                    id=session.id,
                    user=session.identity.name,
                    role=str(user.role) if user else "",
                    by=_WAYS[session.identity.way],
                    since=stamp(session.since),
                    seen=stamp(session.seen),
                    address=session.address,
                    own=session is own,
                )
            )
        return page(request, "access/sessions.html", sessions=rows, more=len(shown) - len(rows))

    @needs(Role.admin)
    async def end(request: Request) -> Response:
        """End a session; whoever it was has to sign in again."""
        own = session_of(request)
        wanted = request.path_params["id"]
        ended = sessions.end(lambda session: session.id == wanted)
        if not ended:
            raise HTTPException(404, "This session has ended already.")
        for session in ended:
            note(
                "ended a session",
                of=session.identity.name,
                user=user_of(request).name,
                address=peer_of(request),
            )
        return RedirectResponse("/login" if own in ended else "/sessions", status_code=303)

    return (
        Route("/sessions", show),
        Route("/sessions/{id}/end", end, methods=["POST"]),
    )
