"""The users file, read: who is listed, with which role, and who else may vouch for people."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

from argon2 import extract_parameters
from argon2.exceptions import InvalidHashError
from argon2.low_level import Type

from signoff.console.access._hosts import is_loopback
from signoff.console.access._role import Role
from signoff.errors import BadInput

LONGEST_NAME = 100

_SCOPES = ("openid", "email")
_NAME_CLAIM = "email"
_ROLES_CLAIM = "groups"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody whom the file lists.

    Attributes:
        password: Its argon2id hash; empty for somebody who comes in by OpenID Connect.
    """

    role: Role
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An OpenID Connect provider that vouches for people.

    Attributes:
        client_secret_env: The environment variable that holds the client's secret; empty for a
            client without one.
        scopes: What is asked for; `openid` among it.
        name_claim: The claim that is the person's name.
        roles_claim: The claim that holds their groups or roles; dots lead into objects.
        roles: A value of that claim, and the role that it gives.
        allowed: The only names that may come in; None for all that have a role.
    """

    issuer: str
    client_id: str
    client_secret_env: str = ""
    scopes: tuple[str, ...] = _SCOPES
    name_claim: str = _NAME_CLAIM
    roles_claim: str = _ROLES_CLAIM
    roles: Mapping[str, Role] = field(default_factory=dict[str, Role])
    allowed: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a users file says."""

    accounts: Mapping[str, Account]
    provider: Provider | None = None

    def role_of(self, name: str, claimed: frozenset[str]) -> Role | None:
        """The role of somebody for whom the provider vouches; None if they may not come in.

        A name that has a password belongs to that account, and to nobody else.
        """
        if self.provider is None:
            return None
        if self.provider.allowed is not None and name not in self.provider.allowed:
            return None
        if (account := self.accounts.get(name)) is not None:
            return None if account.password else account.role
        given = [role for value, role in self.provider.roles.items() if value in claimed]
        return max(given, default=None)


def read_users(text: str) -> Listed:
    """Read a users file's text.

    Raises:
        BadInput: If it is no TOML, or holds anything unexpected; the message names the line or the
            table.
    """
    try:
        document = cast("dict[str, object]", tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"no TOML: {error}") from error
    _only(document, ("users", "oidc"), "the file")
    accounts = {
        name: _account(f"[users.{name}]", name, value)
        for name, value in _table(document, "users", "[users]").items()
    }
    provider = _provider(_table(document, "oidc", "[oidc]")) if "oidc" in document else None
    if not accounts and provider is None:
        raise BadInput("it lists nobody: add somebody with signoff console user add NAME")
    if provider is None and (without := [n for n, a in accounts.items() if not a.password]):
        raise BadInput(
            f"[users.{without[0]}] has no password, and there is no [oidc] by which they could "
            f"come in. Give one with: signoff console user passwd {without[0]}"
        )
    return Listed(accounts=accounts, provider=provider)


def check_name(name: str) -> str:
    """A name that may be listed, as it is.

    Raises:
        BadInput: If it is empty, too long, or has characters that cannot be seen.
    """
    if name != name.strip() or not name.isprintable() or not 0 < len(name) <= LONGEST_NAME:
        raise BadInput(
            f"{name[:LONGEST_NAME]!r} is no name: give 1 to {LONGEST_NAME} characters that can be "
            "seen, and no blanks around them"
        )
    return name


def read_role(text: object, where: str) -> Role:
    """The role that a word names.

    Raises:
        BadInput: If it names none.
    """
    if isinstance(text, str) and text in Role.__members__:
        return Role[text]
    raise BadInput(f"{where} is {text!r}; it has to be one of {', '.join(Role.__members__)}")


def _account(where: str, name: str, value: object) -> Account:
    check_name(name)
    if not isinstance(value, dict):
        raise BadInput(f"{where} is no table")
    table = cast("dict[str, object]", value)
    _only(table, ("password", "role"), where)
    if "role" not in table:
        raise BadInput(f"{where} has no role; give one of {', '.join(Role.__members__)}")
    password = _text(table, "password", where, "")
    if "password" in table and not _is_argon2id(password):
        raise BadInput(
            f"{where} password is no argon2id hash. Set it with: signoff console user passwd {name}"
        )
    return Account(role=read_role(table["role"], f"{where} role"), password=password)


def _is_argon2id(text: str) -> bool:
    try:
        return extract_parameters(text).type is Type.ID
    except (InvalidHashError, ValueError):
        return False


_PROVIDER = (
    "issuer",
    "client_id",
    "client_secret_env",
    "scopes",
    "name_claim",
    "roles_claim",
    "roles",
    "allowed",
)


def _provider(table: dict[str, object]) -> Provider:
    where = "[oidc]"
    if "client_secret" in table:
        raise BadInput(
            "[oidc] client_secret: the secret does not belong into the file. Put it into an "
            "environment variable, and that one's name here as client_secret_env"
        )
    _only(table, _PROVIDER, where)
    roles = {
        value: read_role(role, f"[oidc.roles] {value!r}")
        for value, role in _table(table, "roles", "[oidc.roles]").items()
    }
    scopes = _texts(table, "scopes", where, _SCOPES)
    if "openid" not in scopes:
        raise BadInput("[oidc] scopes has to have openid among them")
    return Provider(
        issuer=_issuer(_text(table, "issuer", where)),
        client_id=_text(table, "client_id", where),
        client_secret_env=_text(table, "client_secret_env", where, ""),
        scopes=scopes,
        name_claim=_text(table, "name_claim", where, _NAME_CLAIM),
        roles_claim=_text(table, "roles_claim", where, _ROLES_CLAIM),
        roles=roles,
        allowed=frozenset(_texts(table, "allowed", where, ())) if "allowed" in table else None,
    )


def _issuer(text: str) -> str:
    parts = urlsplit(text)
    host = parts.hostname or ""
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if not secure or not host or parts.query or parts.fragment or parts.username:
        raise BadInput(f"[oidc] issuer is {text!r}; it has to be an https:// address")
    return text


def _only(table: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
    if unknown := sorted(set(table) - set(known)):
        raise BadInput(f"{where} has {unknown[0]!r}; it may have {', '.join(known)}")


def _table(document: Mapping[str, object], key: str, where: str) -> dict[str, object]:
    value = document.get(key, {})
    if not isinstance(value, dict):
        raise BadInput(f"{where} is no table")
    return cast("dict[str, object]", value)


def _text(table: Mapping[str, object], key: str, where: str, otherwise: str | None = None) -> str:
    value = table.get(key, otherwise)
    if value is None:
        raise BadInput(f"{where} has no {key}")
    if not isinstance(value, str) or (key in table and not value):
        raise BadInput(f"{where} {key} has to be a text")
    return value


def _texts(
    table: Mapping[str, object], key: str, where: str, otherwise: tuple[str, ...]
) -> tuple[str, ...]:
    value = table.get(key, list(otherwise))
    values = cast("list[object]", value) if isinstance(value, list) else [None]
    if not all(isinstance(each, str) and each for each in values):
        raise BadInput(f"{where} {key} has to be a list of texts")
    return tuple(cast("list[str]", values))
