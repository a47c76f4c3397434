"""The way in through an OpenID Connect provider: there, and back again."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from signoff.clock import Clock
from signoff.console.access._audit import note
from signoff.console.access._directory import UsersFile, vouching
from signoff.console.access._gate import Page
from signoff.console.access._hosts import own_origin
from signoff.console.access._identity import Identity
from signoff.console.access._local_path import local_path
from signoff.console.access._login_view import LoginView
from signoff.console.access._needs import anyone
from signoff.console.access._provider import NotVouched, ProviderClient, client_secret
from signoff.console.access._sign_in import Entrance
from signoff.console.access._state import peer_of
from signoff.console.access._tokens import Binder, new_secret, same
from signoff.console.access._users import Provider, check_name
from signoff.errors import BadInput

#: Seconds that somebody may take at the provider.
_LONGEST = 600

_MOST_CLAIMED = 500


class ByProvider:
    """Sends people to the provider, and lets in whom it vouches for.

    Nothing is kept here meanwhile: what has to come back follows from a cookie, which only the
    browser has that was sent there.
    """

    def __init__(
        self, entrance: Entrance, page: Page, *, users: UsersFile, clock: Clock, binder: Binder
    ) -> None:
        self._entrance = entrance
        self._page = page
        self._users = users
        self._clock = clock
        self._binder = binder
        self._client: ProviderClient | None = None
        if (provider := users.listed().provider) is not None:
            client_secret(provider)

    @property
    def routes(self) -> tuple[Route, ...]:
        """There, and back again."""
        return (Route("/oidc/start", self.start), Route("/oidc/callback", self.back))

    @anyone
    async def start(self, request: Request) -> Response:
        """Send somebody to the provider."""
        client = self._asked()
        leads = local_path(request.query_params.get("next", "/"))
        cookie = f"{new_secret()}.{urlsafe_b64encode(leads.encode()).decode()}"
        begun = str(int(self._clock.now().timestamp()))
        try:
            address = await client.address(
                state=self._state(cookie, begun),
                nonce=self._binder.derive("nonce", cookie, begun),
                verifier=self._binder.derive("verifier", cookie, begun),
                returns=_returns(request),
            )
        except NotVouched as error:
            return self._failed(request, 502, "The provider cannot be reached.", str(error))
        response = RedirectResponse(address, status_code=303)
        self._entrance.cookies.set(request, response, "oidc", cookie, seconds=_LONGEST)
        return response

    @anyone
    async def back(self, request: Request) -> Response:
        """Let in somebody who comes back from the provider."""
        client = self._asked()
        given = request.query_params
        cookie = self._entrance.cookies.get(request, "oidc")
        begun = given.get("state", "").partition(".")[0]
        if not cookie or not self._begun_here(cookie, begun, given.get("state", "")):
            told = "This try to sign in was not begun in this browser, or too long ago."
            return self._failed(request, 400, told, "a state that is not this browser's")
        try:
            if not await client.answers_from(given.get("iss")):
                raise NotVouched(f"an answer of another issuer: {given.get('iss')!r}")
            if "code" not in given:
                raise NotVouched(f"no code: {given.get('error', '')!r}")
            claims = await client.claims(
                given["code"],
                nonce=self._binder.derive("nonce", cookie, begun),
                verifier=self._binder.derive("verifier", cookie, begun),
                returns=_returns(request),
            )
        except NotVouched as error:
            return self._failed(request, 403, "The provider did not vouch for you.", str(error))
        return self._admitted(request, client.provider, claims, _leads(cookie))

    def _admitted(
        self, request: Request, provider: Provider, claims: Mapping[str, object], leads: str
    ) -> Response:
        try:
            identity = Identity(
                name=_name(provider, claims),
                way="oidc",
                proof=vouching(provider),
                claimed=_claimed(provider, claims),
            )
        except BadInput as error:
            return self._failed(request, 403, "The provider did not say who you are.", str(error))
        if self._users.user(identity) is None:
            told = f"{identity.name} may not come into the console."
            return self._failed(request, 403, told, "no role", identity.name)
        return self._entrance.admit(request, identity, leads)

    def _asked(self) -> ProviderClient:
        provider = self._users.listed().provider
        if provider is None:
            raise HTTPException(404, "The console has no OpenID Connect provider.")
        if self._client is None or self._client.provider != provider:
            self._client = ProviderClient(provider, self._clock)
        return self._client

    def _state(self, cookie: str, begun: str) -> str:
        return f"{begun}.{self._binder.derive('state', cookie, begun)}"

    def _begun_here(self, cookie: str, begun: str, state: str) -> bool:
        if not same(state, self._state(cookie, begun)):
            return False
        return 0 <= self._clock.now().timestamp() - int(begun) <= _LONGEST

    def _failed(
        self, request: Request, status: int, told: str, why: str, name: str = ""
    ) -> Response:
        known = {"user": name} if name else {}
        note("refused by OpenID Connect", **known, why=why, address=peer_of(request))
        shown = LoginView(error=told, again=True)
        response = self._page(request, "access/login.html", status=status, shown=shown)
        self._entrance.cookies.drop(request, response, "oidc")
        return response


def _returns(request: Request) -> str:
    return f"{own_origin(request)}/oidc/callback"


def _leads(cookie: str) -> str:
    try:
        return local_path(urlsafe_b64decode(cookie.partition(".")[2]).decode())
    except ValueError:
        return "/"


def _name(provider: Provider, claims: Mapping[str, object]) -> str:
    """The name that a provider says.

    Raises:
        BadInput: If it says none, or an address that it has not verified.
    """
    name = claims.get(provider.name_claim)
    if not isinstance(name, str):
        raise BadInput(f"there is no claim {provider.name_claim} in the id_token")
    if provider.name_claim == "email" and claims.get("email_verified") not in (True, "true"):
        raise BadInput("the provider has not verified the email address; set [oidc] name_claim")
    return check_name(name)


def _claimed(provider: Provider, claims: Mapping[str, object]) -> frozenset[str]:
    """The groups or roles that a provider says, at its claim or at a path of claims."""
    found: object = claims.get(provider.roles_claim)
    if found is None:
        found = claims
        for part in provider.roles_claim.split("."):
            found = _inside(found, part)
    values = cast("list[object]", found) if isinstance(found, list) else [found]
    return frozenset([value for value in values if isinstance(value, str)][:_MOST_CLAIMED])


def _inside(claims: object, part: str) -> object:
    return cast("Mapping[str, object]", claims).get(part) if isinstance(claims, dict) else None
