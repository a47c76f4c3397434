"""Where to go after signing in: never to somebody else's site."""

from __future__ import annotations

from urllib.parse import quote

_LONGEST = 2000

#: The ways in and out lead nowhere.
_DOORS = ("/login", "/logout", "/enter", "/oidc")


def local_path(wanted: str) -> str:
    """A path on the console, with its query; `/` if what is wanted is anything else."""
    if not wanted.startswith("/") or wanted.startswith("//") or len(wanted) > _LONGEST:
        return "/"
    # Browsers read a backslash as a slash, and pass over tabs and line ends.
    if "\\" in wanted or not wanted.isprintable():
        return "/"
    path = wanted.partition("#")[0].partition("?")[0]
    if any(path == door or path.startswith(f"{door}/") for door in _DOORS):
        return "/"
    return wanted


def login_path(wanted: str) -> str:
    """The page to sign in on, which leads on to a path of ours."""
    wanted = local_path(wanted)
    return "/login" if wanted == "/" else f"/login?next={quote(wanted, safe='')}"
