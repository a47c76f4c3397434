"""A small console behind the real gate: a page for each role, and what a person does with it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import ChoiceLoader, DictLoader, Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from signoff.console.access import (
    Access,
    AccessSettings,
    Role,
    add_user,
    anyone,
    csrf_of,
    form_of,
    hash_password,
    needs,
    user_of,
)
from signoff.testing import FakeClock
from signoff.words import plain

PASSWORD = "correct horse battery"
PORT = 8765
HERE = f"http://127.0.0.1:{PORT}"

#: Hashed once: each takes a tenth of a second.
HASHED = hash_password(PASSWORD)

_LAYOUT = "<title>{% block title %}{% endblock %}</title>{% block content %}{% endblock %}"
_ERROR = "<h1>{{ title }}</h1><p>{{ told }}</p>"
_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


def page(
    request: Request,
    template: str,
    /,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> Response:
    """Renders the real templates in a bare layout."""
    text = _environment.get_template(template).render(csrf=csrf_of(request), **values)
    return HTMLResponse(text, status, headers)


_environment = Environment(
    loader=ChoiceLoader(
        [
            DictLoader({"_layout.html": _LAYOUT, "error.html": _ERROR}),
            PackageLoader("signoff.console"),
        ]
    ),
    autoescape=True,
    undefined=StrictUndefined,
)
_environment.filters.update(plain=plain, time=str)
_environment.globals.update(query=lambda values: f"?{urlencode(values)}")


@needs(Role.viewer)
async def read(request: Request) -> Response:
    user = user_of(request)
    return PlainTextResponse(f"{user.name} {user.role}", headers={"X-Token": csrf_of(request)})


@needs(Role.reviewer)
async def answer(request: Request) -> Response:
    return PlainTextResponse(f"{user_of(request).name} wrote {form_of(request).get('what')}")


@needs(Role.admin)
async def rule(request: Request) -> Response:
    return PlainTextResponse("ruled")


@needs(Role.viewer)
async def broken(request: Request) -> Response:
    raise RuntimeError("broken")


@anyone
async def healthy(request: Request) -> Response:
    return PlainTextResponse("ok")


def guarded(settings: AccessSettings, clock: FakeClock) -> tuple[Starlette, Access]:
    """The small console, and who lets people in."""
    access = Access(settings, clock=clock, page=page)
    app = Starlette(
        routes=[
            Route("/", read),
            Route("/answer", answer, methods=["POST"]),
            Route("/rule", rule),
            Route("/broken", broken),
            Route("/healthz", healthy),
            *access.routes,
        ]
    )
    access.guard(app)
    return app, access


def users_file(folder: Path, **roles: Role) -> Path:
    """A users file in which everybody has the same password."""
    path = folder / "signoff-console.toml"
    for name, role in roles.items():
        add_user(path, name, role, HASHED)
    return path


class Browser(TestClient):
    """A browser that somebody uses: it keeps cookies, and follows nothing unasked."""

    def __init__(self, app: Any, address: str = "127.0.0.1", base_url: str = HERE) -> None:
        super().__init__(app, base_url=base_url, client=(address, 50_000), follow_redirects=False)

    def form_token(self, path: str = "/login") -> str:
        """What the form on a page carries."""
        found = _TOKEN.search(self.get(path).text)
        assert found, f"there is no form on {path}"
        return found[1]

    def token(self) -> str:
        """The session's token, as a page of it carries it."""
        return str(self.get("/").headers["X-Token"])

    def sign_in(self, name: str, password: str = PASSWORD, **fields: str) -> Any:
        """Fill in the form to sign in, and send it."""
        data = {"csrf": self.form_token(), "name": name, "password": password, **fields}
        return self.post("/login", data=data)

    @property
    def session(self) -> str:
        """The cookie of the session; empty without one."""
        return next((c.value or "" for c in self.cookies.jar if "session" in c.name), "")


def later(clock: FakeClock, **span: float) -> None:
    """Let time pass."""
    asyncio.run(clock.advance(**span))
