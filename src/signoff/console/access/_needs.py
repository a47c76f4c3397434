"""Every route declares who may use it; one that does not is refused when the console starts."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, TypeAlias, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from signoff.console.access._role import Role
from signoff.console.access._state import user_of
from signoff.errors import UsageError

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
Open = TypeVar("Open", bound=Callable[..., Any])

#: Methods that change nothing; every other one takes a token against forged requests.
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_NEEDS = "__needs__"
_ANYONE = "anyone"


def needs(role: Role) -> Callable[[Handler], Handler]:
    """Declare the role that a route needs; whoever has less gets a 403.

    Args:
        role: The least role that may use it.

    Raises:
        UsageError: If it does not decorate an async function.
    """

    def declare(handler: Handler) -> Handler:
        if not inspect.iscoroutinefunction(handler):
            raise UsageError(f"needs({role}) has to decorate an async function, not {handler!r}")

        @functools.wraps(handler)
        async def allowed(request: Request) -> Response:
            if not user_of(request).may(role):
                raise HTTPException(403, f"This needs the role {role}.")
            return await handler(request)

        setattr(allowed, _NEEDS, role)
        return allowed

    return declare


def anyone(opened: Open) -> Open:
    """Declare that a handler, or a mounted application, is there for people who have not signed in.

    Only for what tells nothing: static files, a health check, the ways in.
    """
    setattr(opened, _ANYONE, True)
    return opened


def role_of(route: BaseRoute) -> Role | None:
    """The role that a route declares; None if it is there for anyone.

    Raises:
        UsageError: If it declares neither, or changes something for anyone.
    """
    match route:
        case Route():
            declared = route.endpoint
        case Mount():
            declared = route.app
        case _:
            raise UsageError(f"the console serves routes and mounts only, not {route!r}")
    if getattr(declared, _ANYONE, False):
        return None
    role = getattr(declared, _NEEDS, None)
    if isinstance(route, Route) and isinstance(role, Role):
        return role
    raise UsageError(
        f"{route.path} does not say who may use it. Put @needs(Role.…) before its handler, "
        "or @anyone if people who have not signed in may use it"
    )


def changes(route: Route) -> bool:
    """Whether a route may be asked to change something."""
    return not (route.methods or set()) <= SAFE


def every_route(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Routes, with those inside of mounts that are not declared as a whole."""
    for route in routes:
        if isinstance(route, Mount) and route.routes and not getattr(route.app, _ANYONE, False):
            yield from every_route(route.routes)
        else:
            yield route
