"""The cookies: what they are called, and what browsers may do with them."""

from __future__ import annotations

from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

#: `session` is of somebody who is in; `login` binds a form to sign in with to its browser; `oidc`
#: binds what a provider answers.
Purpose = Literal["session", "login", "oidc"]


class Cookies:
    """Reads and sets cookies that no script sees and that no other site sends along.

    Args:
        secure: Whether the console is reached by TLS only.
    """

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure

    def name(self, request: Request, purpose: Purpose) -> str:
        """What a cookie is called. Browsers keep those of all ports of a machine together."""
        if self._secure:
            return f"__Host-signoff-{purpose}"
        server = request.scope.get("server")
        return f"signoff-{purpose}-{server[1] if server else 0}"

    def get(self, request: Request, purpose: Purpose) -> str:
        """A cookie's value; empty without one."""
        return request.cookies.get(self.name(request, purpose), "")

    def set(
        self,
        request: Request,
        response: Response,
        purpose: Purpose,
        value: str,
        *,
        seconds: int | None = None,
    ) -> None:
        """Give the browser a cookie; without `seconds` until it is closed."""
        response.set_cookie(
            self.name(request, purpose),
            value,
            max_age=seconds,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def drop(self, request: Request, response: Response, purpose: Purpose) -> None:
        """Take a cookie from the browser, if it has it."""
        name = self.name(request, purpose)
        if name in request.cookies:
            response.delete_cookie(
                name, path="/", secure=self._secure, httponly=True, samesite="lax"
            )
