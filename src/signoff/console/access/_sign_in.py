"""The ways in and out: the form, the link with the key, and the button to log out."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from signoff.console.access._audit import note
from signoff.console.access._cookies import Cookies
from signoff.console.access._directory import UsersFile
from signoff.console.access._gate import Page
from signoff.console.access._identity import Identity
from signoff.console.access._local_path import local_path
from signoff.console.access._login_view import LoginView
from signoff.console.access._needs import anyone, needs
from signoff.console.access._passwords import Passwords, TooBusy
from signoff.console.access._role import Role
from signoff.console.access._sessions import Sessions
from signoff.console.access._state import form_of, peer_of, session_of, text_of, user_of
from signoff.console.access._throttle import LoginThrottle
from signoff.console.access._tokens import Binder, masked, new_secret, same, unmasks
from signoff.console.access._users import Listed
from signoff.console.access._users_written import put_password
from signoff.errors import BadInput

#: Said for an unknown name as for a wrong password.
_WRONG = "That name and password do not belong together."
_STALE = "This form was too old. Here is a new one."
_BUSY = "Too many people sign in right now. Try again in a moment."


@dataclass(frozen=True, slots=True)
class Entrance:
    """Begins and ends sessions, and tells the browser.

    Attributes:
        sessions: Who is in.
        cookies: How browsers remember it.
    """

    sessions: Sessions
    cookies: Cookies

    def admit(self, request: Request, identity: Identity, leads: str) -> Response:
        """Let somebody in, under a token that nobody has seen before."""
        self._end(request)
        token, _ = self.sessions.open(identity, peer_of(request))
        note("signed in", user=identity.name, by=identity.way, address=peer_of(request))
        response = RedirectResponse(local_path(leads), status_code=303)
        self.cookies.set(request, response, "session", token)
        self.cookies.drop(request, response, "login")
        self.cookies.drop(request, response, "oidc")
        return response

    def dismiss(self, request: Request) -> Response:
        """Let somebody out."""
        self._end(request)
        note("signed out", user=user_of(request).name, address=peer_of(request))
        response = RedirectResponse("/login", status_code=303)
        self.cookies.drop(request, response, "session")
        return response

    def _end(self, request: Request) -> None:
        before = session_of(request)
        self.sessions.end(lambda session: session is before)


class ByKey:
    """The link that the console prints where it has no users.

    Args:
        key: What opens it.
        name: Of the person at this machine.
    """

    def __init__(self, entrance: Entrance, page: Page, *, key: str, name: str) -> None:
        self._entrance = entrance
        self._page = page
        self._key = key
        self._identity = Identity(name=name, way="key")

    @property
    def routes(self) -> tuple[Route, ...]:
        """Where to come in."""
        return (Route("/login", self.show), Route("/enter", self.enter))

    @anyone
    async def show(self, request: Request) -> Response:
        """Say how to come in."""
        return self._page(request, "access/login.html", shown=LoginView(by_link=True))

    @anyone
    async def enter(self, request: Request) -> Response:
        """Let in whoever has the key, and on to an address without it."""
        if same(request.query_params.get("key", ""), self._key):
            leads = request.query_params.get("next", "/")
            return self._entrance.admit(request, self._identity, leads)
        note("refused a wrong key", address=peer_of(request))
        told = "This key is not the console's. It prints another one each time it starts."
        shown = LoginView(error=told, by_link=True)
        return self._page(request, "access/login.html", status=403, shown=shown)


class ByPassword:
    """The form with name and password, and the way to the OpenID Connect provider."""

    def __init__(
        self,
        entrance: Entrance,
        page: Page,
        *,
        users: UsersFile,
        throttle: LoginThrottle,
        binder: Binder,
    ) -> None:
        self._entrance = entrance
        self._page = page
        self._users = users
        self._throttle = throttle
        self._binder = binder
        self._passwords = Passwords()

    @property
    def routes(self) -> tuple[Route, ...]:
        """Where to come in."""
        return (Route("/login", self.show), Route("/login", self.sign_in, methods=["POST"]))

    @anyone
    async def show(self, request: Request) -> Response:
        """Show the form; or lead on who is in already."""
        leads = local_path(request.query_params.get("next", "/"))
        if session_of(request) is not None:
            return RedirectResponse(leads, status_code=303)
        return self._form(request, leads)

    @anyone
    async def sign_in(self, request: Request) -> Response:
        """Let in whoever gives a name and its password."""
        form = form_of(request)
        leads = local_path(text_of(form, "next"))
        if not self._ours(request):
            return self._form(request, leads, 403, _STALE)
        name, password = text_of(form, "name"), text_of(form, "password")
        where = peer_of(request)
        listed = self._users.listed()
        known = {"user": name} if name in listed.accounts else {}
        if seconds := self._throttle.wait(name, where):
            note("too many tries to sign in", **known, address=where)
            told = f"Too many tries. Wait {seconds} s, then try again."
            return self._form(request, leads, 429, told, name=name, retry=seconds)
        account = listed.accounts.get(name)
        stored = account.password if account else ""
        try:
            right = await self._passwords.right(password, stored, like=_alike(listed))
        except TooBusy:
            return self._form(request, leads, 503, _BUSY, name=name, retry=5)
        if not right:
            # A name that is not listed may be a password that somebody typed into the wrong field.
            note("refused a name and password", **known, address=where)
            return self._form(request, leads, 403, _WRONG, name=name)
        self._throttle.succeeded(name, where)
        identity = Identity(name=name, way="password", proof=stored)
        return self._entrance.admit(request, await self._renewed(identity, password), leads)

    def _ours(self, request: Request) -> bool:
        cookie = self._entrance.cookies.get(request, "login")
        token = text_of(form_of(request), "csrf")
        return bool(cookie) and unmasks(token, self._binder.derive("login", cookie))

    def _form(
        self,
        request: Request,
        leads: str,
        status: int = 200,
        error: str = "",
        *,
        name: str = "",
        retry: int = 0,
    ) -> Response:
        listed = self._users.listed()
        provider = listed.provider
        cookie = self._entrance.cookies.get(request, "login") or new_secret()
        shown = LoginView(
            error=error,
            passwords=any(account.password for account in listed.accounts.values()),
            form_token=masked(self._binder.derive("login", cookie)),
            next=leads,
            name=name,
            provider=(urlsplit(provider.issuer).hostname or "") if provider else "",
        )
        headers = {"Retry-After": str(retry)} if retry else {}
        response = self._page(
            request, "access/login.html", status=status, headers=headers, shown=shown
        )
        self._entrance.cookies.set(request, response, "login", cookie)
        return response

    async def _renewed(self, identity: Identity, password: str) -> Identity:
        """The same person, with the hash that today's costs ask for."""
        try:
            stored = await self._passwords.anew(password, identity.proof)
            if stored is None:
                return identity
            await run_in_threadpool(
                put_password, self._users.path, identity.name, identity.proof, stored
            )
        except (BadInput, OSError, TooBusy) as error:
            note("a password is hashed with costs of the past", user=identity.name, why=str(error))
            return identity
        renewed = Identity(name=identity.name, way="password", proof=stored)
        self._entrance.sessions.still(identity, renewed)
        return renewed


def log_out(entrance: Entrance) -> Route:
    """Where to go out."""

    async def leave(request: Request) -> Response:
        """Let somebody out, and end their session."""
        return entrance.dismiss(request)

    return Route("/logout", needs(Role.viewer)(leave), methods=["POST"])


def _alike(listed: Listed) -> str:
    """A hash whose costs are paid for names that are not listed."""
    return next((a.password for a in listed.accounts.values() if a.password), "")
