"""Where the console is reached, and how long a session lasts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

from signoff.console.access._hosts import is_loopback, is_wildcard
from signoff.errors import BadInput, UsageError

#: The users file that is read if it exists and no other is named.
DEFAULT_USERS = Path("signoff-console.toml")

_HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessSettings:
    """How people reach the console, and what holds for those who are in.

    Attributes:
        address: Where it listens: an IP address, or `localhost`.
        port: Where it listens; 0 lets the system choose.
        users: Who may come in, in TOML; see `find_users`. None for the person at this machine only,
            who comes in by a link with a random key.
        by: That person's name; by default their login name.
        host_names: Further names under which browsers reach it, without ports.
        certfile: Certificate, if it serves TLS itself.
        keyfile: The certificate's private key, unless that is in the same file.
        behind_proxy: IP address, or network, of the proxy that terminates TLS before it; empty
            without one.
        idle: A session that is not used for so long ends.
        longest: A session ends after this long, used or not.
        most_sessions: Sessions that are kept at once; the one not used for longest gives way.
        largest_body: Bytes of a request's body that are taken.
    """

    address: str = "127.0.0.1"
    port: int = 8765
    users: Path | None = None
    by: str = ""
    host_names: tuple[str, ...] = ()
    certfile: Path | None = None
    keyfile: Path | None = None
    behind_proxy: str = ""
    idle: timedelta = timedelta(minutes=30)
    longest: timedelta = timedelta(hours=12)
    most_sessions: int = 1000
    largest_body: int = 4 * 1024 * 1024

    @property
    def secure(self) -> bool:
        """Whether browsers reach it by TLS only."""
        return self.certfile is not None or bool(self.behind_proxy)

    @property
    def loopback(self) -> bool:
        """Whether only programs on this machine reach it directly."""
        return is_loopback(self.address)

    @property
    def hosts(self) -> frozenset[str]:
        """The names under which it answers, in lower case, without ports."""
        own = () if is_wildcard(self.address) else (self.address,)
        return frozenset(name.lower().rstrip(".") for name in (*_HERE, *own, *self.host_names))


def find_users(named: Path | None) -> Path | None:
    """The users file: the one that is named, or the default one if there is such a file.

    Raises:
        BadInput: If a file is named and is not there.
    """
    if named is None:
        return DEFAULT_USERS if DEFAULT_USERS.exists() else None
    if not named.exists():
        raise BadInput(
            f"there is no {named}. Add somebody who may come in: "
            f"signoff console user add NAME --role admin --users {named}"
        )
    return named


def check_bind(settings: AccessSettings) -> None:
    """Refuse to listen where strangers could come in, or read along.

    Raises:
        UsageError: If it would be reached from another machine without users, or without TLS, or
            if the settings contradict each other.
    """
    _check_addresses(settings)
    _check_limits(settings)
    reached = not settings.loopback or bool(settings.behind_proxy)
    proxy = settings.behind_proxy
    where = f"through {proxy}" if proxy else f"on {settings.address}"
    if reached and settings.users is None:
        raise UsageError(
            f"the console does not listen {where} without users: anybody there could act in your "
            "name. Say who may come in, with: signoff console user add NAME --role admin"
        )
    if reached and not settings.secure:
        raise UsageError(
            f"the console does not listen {where} without TLS: passwords and sessions could be "
            "read on the way. Give --certfile and --keyfile, or --behind-proxy with the address "
            "of a proxy that terminates TLS"
        )
    if (is_wildcard(settings.address) or settings.behind_proxy) and not settings.host_names:
        raise UsageError(
            f"the console {where} has no name to be called by. Give --host-name, the name in the "
            "address that people open"
        )


def _check_addresses(settings: AccessSettings) -> None:
    if settings.address != "localhost":
        try:
            ip_address(settings.address)
        except ValueError as error:
            raise UsageError(
                f"{settings.address!r} is no address to listen on; give an IP address, and the "
                "names that people use with --host-name"
            ) from error
    for name in settings.host_names:
        if not name or any(not (c.isalnum() or c in "-._") for c in name):
            raise UsageError(f"{name!r} is no host name; give it without https:// and port")
    if settings.behind_proxy:
        try:
            ip_network(settings.behind_proxy)
        except ValueError as error:
            raise UsageError(
                f"{settings.behind_proxy!r} is neither an IP address nor a network of a proxy"
            ) from error
        if settings.certfile is not None:
            raise UsageError(
                "either the console serves TLS (--certfile) or a proxy does (--behind-proxy)"
            )
    if settings.keyfile is not None and settings.certfile is None:
        raise UsageError("--keyfile needs the certificate, too: --certfile")


def _check_limits(settings: AccessSettings) -> None:
    if not timedelta(0) < settings.idle <= settings.longest:
        raise UsageError("a session's idle time has to be more than 0 and no more than its longest")
    if settings.most_sessions < 1 or settings.largest_body < 1:
        raise UsageError("most_sessions and largest_body have to be at least 1")
