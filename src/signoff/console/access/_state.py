"""What the gate found out about a request, for those behind it."""

from __future__ import annotations

from typing import cast

from starlette.datastructures import FormData
from starlette.requests import Request

from signoff.console.access._role import User
from signoff.console.access._sessions import Session

#: Where the gate leaves it, as attributes of `request.state`.
USER, CSRF, FORM, SESSION = "user", "csrf", "form", "session"


def user_of(request: Request) -> User:
    """Who is signed in; also `request.state.user`, which is None where nobody has to be.

    Raises:
        LookupError: On a route for anyone, if nobody is.
    """
    user = cast("User | None", getattr(request.state, USER, None))
    if user is None:
        raise LookupError("nobody is signed in")
    return user


def csrf_of(request: Request) -> str:
    """The token that every form carries as field `csrf`; also `request.state.csrf`.

    A request of htmx's may carry it as header `X-CSRF-Token` instead.
    """
    return cast("str", getattr(request.state, CSRF, ""))


def form_of(request: Request) -> FormData:
    """The form that was sent, read and bounded already; also `request.state.form`."""
    return cast("FormData", getattr(request.state, FORM, None) or FormData())


def session_of(request: Request) -> Session | None:
    """The session that the request belongs to; None where nobody has signed in."""
    return cast("Session | None", getattr(request.state, SESSION, None))


def text_of(form: FormData, name: str) -> str:
    """A field of a form; empty if it was not sent."""
    value = form.get(name)
    return value if isinstance(value, str) else ""


def peer_of(request: Request) -> str:
    """The address that a request came from; empty if that is not known."""
    return request.client.host if request.client else ""
