"""Who may come into the console, put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from signoff.clock import Clock
from signoff.console.access._cookies import Cookies
from signoff.console.access._directory import Alone, Directory, UsersFile
from signoff.console.access._discreet import Discreet
from signoff.console.access._gate import Gate, Page
from signoff.console.access._headers import SecurityHeaders
from signoff.console.access._needs import changes, every_route, role_of
from signoff.console.access._oidc import ByProvider
from signoff.console.access._session_pages import session_pages
from signoff.console.access._sessions import Sessions
from signoff.console.access._settings import AccessSettings, check_bind
from signoff.console.access._sign_in import ByKey, ByPassword, Entrance, log_out
from signoff.console.access._throttle import LoginThrottle
from signoff.console.access._tokens import Binder, new_secret
from signoff.control import name_of_decider
from signoff.errors import UsageError

#: Where a query holds the key, or a code of the provider.
_SECRET_QUERIES = ("/enter", "/oidc/callback")


class Access:
    """Lets people into the console, and guards it.

        access = Access(settings, clock=clock, page=render)
        app = Starlette(routes=[*pages, *access.routes])
        access.guard(app)

    Every handler of `app` says who may use it, with `needs(Role.…)` or `anyone`.

    Args:
        settings: Where the console is reached, and by whom.
        clock: Says when sessions end and tries to sign in may be made.
        page: Renders `access/login.html`, `access/sessions.html` and `error.html`.

    Attributes:
        sessions: Who is in.
        key: What lets in the person at this machine; empty where there is a users file.

    Raises:
        BadInput: If the users file is missing or wrong.
        UsageError: If the console would be reached by strangers.
    """

    def __init__(self, settings: AccessSettings, *, clock: Clock, page: Page) -> None:
        check_bind(settings)
        self.settings = settings
        self.sessions = Sessions(
            clock, idle=settings.idle, longest=settings.longest, most=settings.most_sessions
        )
        self._page = page
        self._cookies = Cookies(secure=settings.secure)
        entrance = Entrance(self.sessions, self._cookies)
        self._directory: Directory
        doors: tuple[BaseRoute, ...]
        if settings.users is None:
            self.key = new_secret()
            self._directory = Alone(name_of_decider(settings.by))
            doors = ByKey(entrance, page, key=self.key, name=self._directory.name).routes
        else:
            self.key = ""
            users = UsersFile(settings.users)
            self._directory = users
            throttle, binder = LoginThrottle(clock), Binder()
            by_password = ByPassword(entrance, page, users=users, throttle=throttle, binder=binder)
            by_provider = ByProvider(entrance, page, users=users, clock=clock, binder=binder)
            doors = (*by_password.routes, *by_provider.routes)
        self._routes: tuple[BaseRoute, ...] = (
            *doors,
            log_out(entrance),
            *session_pages(self.sessions, self._directory, page),
        )

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """The ways in and out, and the page of sessions."""
        return self._routes

    def guard(self, app: Starlette) -> None:
        """Put the gate before an application. Nothing can be added to it afterwards.

        Args:
            app: With all its routes and middleware, `routes` among them.

        Raises:
            UsageError: If a route does not say who may use it, or changes something for anyone.
        """
        open_routes = [route for route in every_route(app.routes) if role_of(route) is None]
        for route in open_routes:
            if isinstance(route, Route) and changes(route) and route not in self._routes:
                raise UsageError(f"{route.path} changes something; say which role it needs")
        app.add_middleware(
            Gate,
            settings=self.settings,
            directory=self._directory,
            sessions=self.sessions,
            cookies=self._cookies,
            page=self._page,
            open_routes=open_routes,
        )
        if self.settings.behind_proxy:
            # The outermost one: all others ask where a request came from, and how.
            app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=self.settings.behind_proxy)
        app.middleware_stack = Discreet(
            SecurityHeaders(app.build_middleware_stack()), _SECRET_QUERIES
        )

    def link(self, port: int) -> str:
        """The address to open: with the key in it, where there is no users file.

        Args:
            port: On which the console listens.
        """
        settings = self.settings
        if settings.behind_proxy:
            return f"https://{settings.host_names[0]}/"
        named = settings.secure and settings.host_names
        host = settings.host_names[0] if named else settings.address
        host = f"[{host}]" if ":" in host else host
        scheme = "https" if settings.secure else "http"
        return f"{scheme}://{host}:{port}/" + (f"enter?key={self.key}" if self.key else "")

    def server_options(self) -> dict[str, Any]:
        """What uvicorn has to be told, as keywords of its `Config`."""
        certfile, keyfile = self.settings.certfile, self.settings.keyfile
        return {
            "host": self.settings.address,
            "port": self.settings.port,
            "ssl_certfile": str(certfile) if certfile else None,
            "ssl_keyfile": str(keyfile) if keyfile else None,
            "proxy_headers": False,
            "server_header": False,
            "access_log": False,
            "ws": "none",
        }
