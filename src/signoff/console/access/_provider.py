"""An OpenID Connect provider: where it sends people, and what it says of them, checked."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import httpx2
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, import_key

from signoff.clock import Clock
from signoff.console.access._hosts import is_loopback
from signoff.console.access._users import Provider
from signoff.errors import BadInput

#: Signatures that only the provider can make: neither `none`, nor what our secret would make.
_ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)

#: How far the provider's clock may be from ours, in seconds.
_LEEWAY = 60

_TIMEOUT = 10.0
_KEPT = timedelta(hours=1)
_SOONEST_AGAIN = timedelta(seconds=30)


class NotVouched(Exception):
    """The provider cannot be asked, or what it says does not hold. The message is for the log."""


class ProviderClient:
    """Asks one provider.

    Args:
        provider: As the users file describes it.
        clock: Says whether a token has expired.
    """

    def __init__(self, provider: Provider, clock: Clock) -> None:
        self.provider = provider
        self._clock = clock
        self._described = _Kept(clock)
        self._keys = _Kept(clock)

    async def address(self, *, state: str, nonce: str, verifier: str, returns: str) -> str:
        """Where to send somebody who wants to sign in.

        Raises:
            NotVouched: If the provider cannot be asked.
        """
        described = await self._description()
        authorize = _endpoint(described, "authorization_endpoint")
        async with aclosing(self._client(described, returns)) as client:
            url, _ = client.create_authorization_url(
                authorize, state=state, nonce=nonce, code_verifier=verifier
            )
        return url

    async def claims(
        self, code: str, *, nonce: str, verifier: str, returns: str
    ) -> Mapping[str, object]:
        """What the provider says of whoever came back with a code.

        Raises:
            NotVouched: If the code is not accepted, or the answer is not the provider's, not for
                us, not for this try to sign in, or too old.
        """
        described = await self._description()
        try:
            async with aclosing(self._client(described, returns)) as client:
                token = await client.fetch_token(
                    _endpoint(described, "token_endpoint"),
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=verifier,
                )
        except (OAuthError, httpx2.HTTPError, ValueError) as error:
            raise NotVouched(f"the code was not accepted: {_said(error)}") from error
        id_token = token.get("id_token")
        if not isinstance(id_token, str):
            raise NotVouched("there was no id_token in the answer")
        return await self._checked(described, id_token, nonce, token.get("access_token"))

    async def answers_from(self, issuer: str | None) -> bool:
        """Whether an answer that names its issuer, or does not, may be this provider's."""
        described = await self._description()
        if issuer is None:
            return described.get("authorization_response_iss_parameter_supported") is not True
        return issuer == self.provider.issuer

    async def _checked(
        self, described: Mapping[str, object], id_token: str, nonce: str, access_token: object
    ) -> Mapping[str, object]:
        try:
            token = await self._verified(described, id_token)
            claims: Any = CodeIDToken(
                token.claims,
                token.header,
                options={
                    "iss": {"essential": True, "value": self.provider.issuer},
                    "aud": {"essential": True, "value": self.provider.client_id},
                },
                params={
                    "nonce": nonce,
                    "client_id": self.provider.client_id,
                    "access_token": access_token,
                },
            )
            claims.validate(now=int(self._clock.now().timestamp()), leeway=_LEEWAY)
        except (JoseError, ValueError) as error:
            raise NotVouched(f"the id_token does not hold: {_said(error)}") from error
        return cast("Mapping[str, object]", claims)

    async def _verified(self, described: Mapping[str, object], id_token: str) -> jwt.Token:
        url = _endpoint(described, "jwks_uri")
        keys = _key_set(await self._keys.get(url))
        try:
            return jwt.decode(id_token, keys, algorithms=_ALGORITHMS)
        except (JoseError, ValueError):
            # The provider may have changed its keys since.
            fresh = await self._keys.again(url)
            if fresh is None:
                raise
            return jwt.decode(id_token, _key_set(fresh), algorithms=_ALGORITHMS)

    async def _description(self) -> Mapping[str, object]:
        issuer = self.provider.issuer
        described = await self._described.get(
            f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        )
        if described.get("issuer") != issuer:
            raise NotVouched(f"{issuer} says that it is {described.get('issuer')!r}")
        return described

    def _client(self, described: Mapping[str, object], returns: str) -> _OAuthClient:
        try:
            secret = client_secret(self.provider)
        except BadInput as error:
            raise NotVouched(str(error)) from error
        client = AsyncOAuth2Client(
            client_id=self.provider.client_id,
            client_secret=secret or None,
            token_endpoint_auth_method=_authentication(described, secret),
            scope=" ".join(self.provider.scopes),
            redirect_uri=returns,
            code_challenge_method="S256",
            timeout=_TIMEOUT,
            follow_redirects=False,
        )
        return cast("_OAuthClient", client)


def client_secret(provider: Provider) -> str:
    """The client's secret, from the environment; empty for a client without one.

    Raises:
        BadInput: If the variable is not set.
    """
    name = provider.client_secret_env
    if not name:
        return ""
    if secret := os.environ.get(name):
        return secret
    raise BadInput(f"[oidc] client_secret_env names {name}, which is not set in the environment")


class _OAuthClient(Protocol):
    """What we use of the library's client, which has no types of its own."""

    def create_authorization_url(
        self, url: str, *, state: str, nonce: str, code_verifier: str
    ) -> tuple[str, str]: ...

    async def fetch_token(
        self, url: str, *, grant_type: str, code: str, code_verifier: str
    ) -> Mapping[str, object]: ...

    async def aclose(self) -> None: ...


class _Kept:
    """A document that is fetched once in a while."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()
        self._document: dict[str, object] | None = None
        self._fetched: datetime | None = None

    async def get(self, url: str) -> dict[str, object]:
        """The document, as it was within the last hour."""
        async with self._lock:
            age = self._age()
            if self._document is not None and age < _KEPT:
                return self._document
            return await self._fetch(url)

    async def again(self, url: str) -> dict[str, object] | None:
        """The document, fetched anew; None if that was done a moment ago."""
        async with self._lock:
            return await self._fetch(url) if self._age() >= _SOONEST_AGAIN else None

    def _age(self) -> timedelta:
        return timedelta.max if self._fetched is None else self._clock.now() - self._fetched

    async def _fetch(self, url: str) -> dict[str, object]:
        try:
            async with httpx2.AsyncClient(timeout=_TIMEOUT, follow_redirects=False) as client:
                response = await client.get(url)
                response.raise_for_status()
                document: object = response.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise NotVouched(f"cannot read {url}: {_said(error)}") from error
        if not isinstance(document, dict):
            raise NotVouched(f"{url} is no JSON object")
        self._document, self._fetched = cast("dict[str, object]", document), self._clock.now()
        return self._document


def _key_set(document: Mapping[str, object]) -> KeySet:
    """The keys of a document that we can use; a provider may have others."""
    listed = cast("list[dict[str, Any]] | None", document.get("keys"))
    keys: list[Any] = []
    for key in listed if isinstance(listed, list) else []:
        try:
            keys.append(import_key(key))
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            continue
    return KeySet(keys)


def _endpoint(described: Mapping[str, object], name: str) -> str:
    url = described.get(name)
    if isinstance(url, str):
        parts = urlsplit(url)
        host = parts.hostname or ""
        if host and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
            return url
    raise NotVouched(f"the provider's {name} is {url!r}, and no https:// address")


def _authentication(described: Mapping[str, object], secret: str) -> str:
    if not secret:
        return "none"
    offered = described.get("token_endpoint_auth_methods_supported")
    methods = cast("list[object]", offered) if isinstance(offered, list) else []
    basic = not methods or "client_secret_basic" in methods
    return "client_secret_basic" if basic else "client_secret_post"


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
