"""Whom a request was meant for, and from which page it came."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request

#: What a browser says of a request that a page of ours, or the person, made.
_OWN_SITES = ("same-origin", "none")


def is_loopback(host: str) -> bool:
    """Whether what is sent to a host stays on this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_wildcard(address: str) -> bool:
    """Whether an address stands for all addresses of this machine."""
    try:
        return ip_address(address).is_unspecified
    except ValueError:
        return False


def calls_us(request: Request, names: Collection[str], *, proxied: bool) -> bool:
    """Whether the `Host` of a request is one of ours.

    A page of a stranger's, whose name was made to lead to this machine, would call by that name.

    Args:
        request: The request.
        names: Ours, in lower case.
        proxied: Whether a proxy listens for us, on a port that we do not know.
    """
    hosts = request.headers.getlist("host")
    if len(hosts) != 1:
        return False
    try:
        parts = urlsplit(f"//{hosts[0]}")
        name, port = parts.hostname, parts.port
    except ValueError:
        return False
    if name is None or parts.netloc != hosts[0] or parts.username is not None:
        return False
    if name.rstrip(".") not in names:
        return False
    server: tuple[str, int | None] | None = request.scope.get("server")
    if proxied or server is None:
        return True
    return (port or _default_port(request.scope["scheme"])) == server[1]


def from_our_page(request: Request) -> bool:
    """Whether no other site has made a browser send this.

    A program that says nothing of where it comes from is no browser, and no site can use it.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in _OWN_SITES:
        return False
    origin = request.headers.get("origin")
    return origin is None or origin.lower() == own_origin(request)


def opened_by_a_person(request: Request) -> bool:
    """Whether a page of another site does no more than lead here.

    It may link to the console, but neither show it inside of itself nor load anything of it.
    """
    site = request.headers.get("sec-fetch-site")
    if site is None or site in _OWN_SITES:
        return True
    mode = request.headers.get("sec-fetch-mode")
    return mode == "navigate" and request.headers.get("sec-fetch-dest", "document") == "document"


def own_origin(request: Request) -> str:
    """The origin by which a request called us: `https://console.example.com`."""
    return f"{request.scope['scheme']}://{request.headers.get('host', '')}".lower()


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80
