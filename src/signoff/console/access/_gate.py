"""The gate: what every request passes before a page sees it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from starlette.datastructures import FormData
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from signoff.console.access._audit import note
from signoff.console.access._body import TooLarge, read_body, read_form, replay
from signoff.console.access._cookies import Cookies
from signoff.console.access._directory import Directory
from signoff.console.access._headers import STATIC
from signoff.console.access._hosts import calls_us, from_our_page, opened_by_a_person
from signoff.console.access._local_path import login_path
from signoff.console.access._needs import SAFE
from signoff.console.access._sessions import Sessions
from signoff.console.access._settings import AccessSettings
from signoff.console.access._state import CSRF, FORM, SESSION, USER, peer_of, text_of
from signoff.console.access._tokens import masked, unmasks
from signoff.errors import BadInput

#: What a page sends along with requests that it makes by itself: they do not prolong a session.
BACKGROUND = "X-Background"

#: Asked by whoever watches over the process: by whatever name and way, for it tells nothing.
_PROBE = "/healthz"

#: Bytes that somebody may send who has not signed in.
_LARGEST_FROM_STRANGERS = 16 * 1024


class Page(Protocol):
    """Renders a page from a template."""

    def __call__(
        self,
        request: Request,
        template: str,
        /,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> Response:
        """The answer with the page."""
        ...


class Gate:
    """Lets in whom the directory knows, and what a page of ours has sent.

    Args:
        app: What lies behind.
        settings: Where the console is reached.
        directory: Who may be in.
        sessions: Who is in.
        cookies: How browsers remember it.
        page: Renders refusals.
        open_routes: What is there for anyone.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: AccessSettings,
        directory: Directory,
        sessions: Sessions,
        cookies: Cookies,
        page: Page,
        open_routes: Iterable[BaseRoute],
    ) -> None:
        self._app = app
        self._settings = settings
        self._directory = directory
        self._sessions = sessions
        self._cookies = cookies
        self._page = page
        self._open = tuple(open_routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or let it through."""
        if scope["type"] == "lifespan" or scope.get("path") == _PROBE:
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # the console has no WebSockets
            await send({"type": "websocket.close", "code": 1008})
            return
        state: dict[str, Any] = {**scope.get("state", {}), USER: None, CSRF: "", SESSION: None}
        scope["state"] = state
        request = Request(scope, receive)
        try:
            answer = self._meant_for_us(request) or self._let_in(request, state)
            if answer is None and request.method not in SAFE:
                body = await read_body(request, self._largest(state))
                answer = self._forged(request, state, body)
                receive = replay(body, receive)
        except TooLarge as error:
            answer = self._refuse(request, 413, "That is too much", str(error))
        except ClientDisconnect:
            return
        except BadInput as error:
            note("nobody can be let in", why=str(error))
            told = "The console cannot tell who may be in. Its log says why."
            answer = self._refuse(request, 503, "Not now", told)
        await (answer or self._app)(scope, receive, send)

    def _meant_for_us(self, request: Request) -> Response | None:
        """Why a request is not for us, if it is not."""
        proxied = bool(self._settings.behind_proxy)
        if not calls_us(request, self._settings.hosts, proxied=proxied):
            told = "The console does not answer by this name. Add it with --host-name."
            return self._refuse(request, 421, "Not here", told)
        if self._settings.secure and request.url.scheme != "https":
            told = "The console is reached by https:// only, through its proxy."
            return self._refuse(request, 403, "Not this way", told)
        safe = request.method in SAFE
        if not (opened_by_a_person(request) if safe else from_our_page(request)):
            note("refused another site's request", path=request.url.path, address=peer_of(request))
            told = "Another site has sent this. Open the console itself."
            return self._refuse(request, 403, "You may not do this", told)
        return None

    def _let_in(self, request: Request, state: dict[str, Any]) -> Response | None:
        """Find out who it is; what they are told if somebody has to sign in first."""
        if request.url.path.startswith(STATIC):
            return None if self._is_open(request.scope) else self._sign_in_first(request)
        self._directory.ready()
        token = self._cookies.get(request, "session")
        session = self._sessions.find(token) if token else None
        if session is not None:
            user = self._directory.user(session.identity)
            if user is None:
                self._sessions.end(lambda each: each is session)
                note("no longer let in", user=session.identity.name, address=peer_of(request))
            else:
                state.update({USER: user, SESSION: session, CSRF: masked(session.csrf)})
                if request.headers.get(BACKGROUND) != "1":
                    self._sessions.use(token, peer_of(request))
        if state[USER] is not None or self._is_open(request.scope):
            return None
        return self._sign_in_first(request)

    def _sign_in_first(self, request: Request) -> Response:
        if "HX-Request" in request.headers:
            shown = urlsplit(request.headers.get("HX-Current-URL", ""))
            leads = login_path(f"{shown.path}?{shown.query}" if shown.query else shown.path)
            return Response(status_code=401, headers={"HX-Redirect": leads})
        if request.method not in SAFE:
            told = "Your session has ended, and nothing was done. Sign in, and do it again."
            return self._refuse(request, 401, "Sign in first", told)
        query = request.url.query
        # As it was sent: a name that has a slash or a question mark in it is told apart by that.
        path = request.scope.get("raw_path", b"/").decode("latin-1")
        return RedirectResponse(login_path(f"{path}?{query}" if query else path), status_code=303)

    def _forged(self, request: Request, state: dict[str, Any], body: bytes) -> Response | None:
        """Read the form; why it is not one of ours, if it is not."""
        form = read_form(request, body)
        state[FORM] = form or FormData()
        session = state[SESSION]
        if self._is_open(request.scope):
            return None  # forms for people who are not in yet are checked where they are handled
        if form is None and "X-CSRF-Token" not in request.headers:
            told = "Send a form: application/x-www-form-urlencoded."
            return self._refuse(request, 415, "That did not work", told)
        token = request.headers.get("X-CSRF-Token") or text_of(state[FORM], "csrf")
        if session is not None and unmasks(token, session.csrf):
            return None
        note("refused a form that was not ours", path=request.url.path, address=peer_of(request))
        told = "This form is not of your session any more, and nothing was done. Reload its page."
        return self._refuse(request, 403, "You may not do this", told)

    def _is_open(self, scope: Scope) -> bool:
        return any(route.matches(scope)[0] is Match.FULL for route in self._open)

    def _largest(self, state: Mapping[str, Any]) -> int:
        return self._settings.largest_body if state[USER] is not None else _LARGEST_FROM_STRANGERS

    def _refuse(self, request: Request, status: int, title: str, told: str) -> Response:
        return self._page(request, "error.html", status=status, title=title, told=told)
