"""An OpenID provider: real HTTP on the loopback, real keys and signatures, and lies on cue."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlencode

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from signoff.clock import Clock

CLIENT = "console"
SECRET = "a secret that is long enough to sign with"


@dataclass
class Grant:
    """What a code stands for."""

    nonce: str
    challenge: str
    returns: str


@dataclass
class Provider:
    """One provider; its attributes may be changed at any time.

    Attributes:
        claims: What it says of whoever signs in, besides what every token has.
        lie: Changes the claims of a token before it is signed.
        sign: Signs; by default with a key that it publishes.
        description: What it says of itself besides the usual.
        forgotten: Codes that were exchanged.
    """

    clock: Clock
    issuer: str = ""
    claims: dict[str, Any] = field(
        default_factory=lambda: {"email": "ada@example.com", "email_verified": True}
    )
    lie: Callable[[dict[str, Any]], Any] = lambda claims: None
    sign: Callable[[dict[str, Any]], str] | None = None
    description: dict[str, Any] = field(default_factory=dict[str, Any])
    key: RSAKey | ECKey = field(default_factory=lambda: new_key("one"))
    grants: dict[str, Grant] = field(default_factory=dict[str, Grant])
    asked: list[str] = field(default_factory=list[str])
    broken: bool = False

    def app(self) -> Starlette:
        """The provider's pages."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._describe),
                Route("/keys", self._keys),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
            ]
        )

    async def _describe(self, request: Request) -> Response:
        self.asked.append("description")
        if self.broken:
            return PlainTextResponse("<html>busy</html>", 503)
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
                **self.description,
            }
        )

    async def _keys(self, request: Request) -> Response:
        self.asked.append("keys")
        unusable = {"kty": "future", "kid": "x"}
        return JSONResponse({"keys": [unusable, self.key.as_dict(private=False)]})

    async def _authorize(self, request: Request) -> Response:
        """Whoever comes is signed in at once, and sent back."""
        given = request.query_params
        assert given["response_type"] == "code"
        assert given["client_id"] == CLIENT
        assert given["code_challenge_method"] == "S256"
        assert "openid" in given["scope"].split()
        code = secrets.token_urlsafe(16)
        self.grants[code] = Grant(given["nonce"], given["code_challenge"], given["redirect_uri"])
        answer = urlencode({"code": code, "state": given["state"]})
        return RedirectResponse(f"{given['redirect_uri']}?{answer}", 303)

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        credentials = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        grant = self.grants.pop(form.get("code", ""), None)
        verifier = sha256(form.get("code_verifier", "").encode()).digest()
        proved = _text(verifier)
        if request.headers.get("authorization") != f"Basic {credentials}":
            return JSONResponse({"error": "invalid_client"}, 401)
        if grant is None or proved != grant.challenge or form["redirect_uri"] != grant.returns:
            return JSONResponse({"error": "invalid_grant"}, 400)
        claims = {**self._usual(grant), **self.claims}
        self.lie(claims)
        sign = self.sign or self.signed
        return JSONResponse(
            {"access_token": "opaque", "token_type": "Bearer", "id_token": sign(claims)}
        )

    def _usual(self, grant: Grant) -> dict[str, Any]:
        now = int(self.clock.now().timestamp())
        half = _text(sha256(b"opaque").digest()[:16])
        return {
            "iss": self.issuer,
            "sub": "248289761001",
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": grant.nonce,
            "at_hash": half,
        }

    def signed(self, claims: dict[str, Any]) -> str:
        """A token as it should be."""
        kind = "RS256" if isinstance(self.key, RSAKey) else "ES256"
        return jwt.encode({"alg": kind, "kid": self.key.kid}, claims, self.key)


def new_key(kid: str) -> RSAKey:
    """A key to sign with."""
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


def with_another_key(provider: Provider) -> Callable[[dict[str, Any]], str]:
    """Signs with a key that the provider does not publish, under the name of the one it does."""
    other = new_key(str(provider.key.kid))
    return lambda claims: jwt.encode({"alg": "RS256", "kid": other.kid}, claims, other)


def with_the_secret(claims: dict[str, Any]) -> str:
    """Signs with the client's secret, which the provider has, too."""
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET), algorithms=["HS256"])


def with_the_public_key(provider: Provider) -> Callable[[dict[str, Any]], str]:
    """Signs with what everybody has: the public key, taken for a shared secret."""
    public = provider.key.as_pem(private=False)

    def sign(claims: dict[str, Any]) -> str:
        told = f"{_part({'alg': 'HS256', 'kid': provider.key.kid})}.{_part(claims)}"
        return f"{told}.{_text(hmac.digest(public, told.encode(), 'sha256'))}"

    return sign


def unsigned(claims: dict[str, Any]) -> str:
    """A token that says that it is not signed."""
    return f"{_part({'alg': 'none'})}.{_part(claims)}."


def _part(value: Any) -> str:
    return _text(json.dumps(value).encode())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def tampered(provider: Provider) -> Callable[[dict[str, Any]], str]:
    """A token of which the claims were changed after it was signed."""

    def sign(claims: dict[str, Any]) -> str:
        head, _, signature = provider.signed(claims).split(".")
        other = provider.signed({**claims, "email": "eve@example.com"}).split(".")[1]
        return f"{head}.{other}.{signature}"

    return sign
