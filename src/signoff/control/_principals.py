"""Who may answer and who may kill: the people that the configuration lists."""

from __future__ import annotations

import getpass
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

from signoff.boundary import EVERYTHING
from signoff.errors import BadInput, UsageError

ROLE = "role:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A person, or a program that acts for one.

    Attributes:
        roles: What they may be asked as.
        may_kill: Scopes that they may kill and lift; `everything` covers them all.
    """

    roles: frozenset[str] = frozenset()
    may_kill: frozenset[str] = frozenset()


class Principals:
    """Everybody who is listed. Whoever is not may neither kill nor answer for a role.

    Args:
        listed: Principals by name.
    """

    def __init__(self, listed: Mapping[str, Principal] | None = None) -> None:
        self._listed = dict(listed or {})

    @classmethod
    def load(cls, path: str | Path) -> Principals:
        """Read them from a TOML file with a table `[principals.NAME]` for each.

        Raises:
            BadInput: If the file is missing, is no TOML, or holds anything unexpected.
        """
        try:
            document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise BadInput(
                f"there is no {path}. Write one, with a table for everybody who may answer or "
                'kill: [principals.dana], roles = ["operator"], may_kill = ["everything"]'
            ) from error
        except OSError as error:
            raise BadInput(f"cannot read {path}: {error.strerror}") from error
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise BadInput(f"{path} is no TOML: {error}") from error
        tables = cast("dict[str, object] | None", document.get("principals"))
        if not isinstance(tables, dict):
            raise BadInput(f"{path} has no table [principals.NAME]: nobody is listed")
        try:
            listed = {name: _read(name, table) for name, table in tables.items()}
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from error
        return cls(listed)

    @classmethod
    def of(cls, given: Listed) -> Principals:
        """Principals from a file, or from names with their roles."""
        if isinstance(given, Principals):
            return given
        if isinstance(given, str | Path):
            return cls.load(given)
        return cls(
            {
                name: who if isinstance(who, Principal) else Principal(roles=frozenset(who))
                for name, who in (given or {}).items()
            }
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed)

    def roles_of(self, name: str) -> frozenset[str]:
        """The roles of somebody; none for a stranger."""
        return self._listed.get(name, Principal()).roles

    def may_answer(self, name: str, ask: str) -> bool:
        """Whether somebody is whom a ticket waits for."""
        if ask.startswith(ROLE):
            return ask[len(ROLE) :] in self.roles_of(name)
        return name == ask

    def may_kill(self, name: str, scope: str) -> bool:
        """Whether somebody may kill a scope, and lift it."""
        allowed = self._listed.get(name, Principal()).may_kill
        return EVERYTHING in allowed or scope in allowed

    def who(self, ask: str) -> tuple[str, ...]:
        """Everybody who may answer what `ask` is asked."""
        return tuple(name for name in self._listed if self.may_answer(name, ask))


def name_of_decider(said: str) -> str:
    """The name under which something is decided at this machine.

    Args:
        said: As somebody gave it; if that is blank, their login name.

    Raises:
        UsageError: If nobody says it, and the system does not know.
    """
    if said.strip():
        return said
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:
        raise UsageError("say who you are, with --by or in SIGNOFF_PRINCIPAL") from error


#: What a runtime may be given: a file, or names with their roles.
Listed: TypeAlias = Principals | Mapping[str, Principal | Collection[str]] | str | Path | None


def _read(name: str, table: object) -> Principal:
    if not name.strip() or name.startswith(ROLE):
        raise BadInput(f"[principals.{name!r}] names nobody: give a person's name")
    if not isinstance(table, dict):
        raise BadInput(f"principals.{name} is no table")
    fields = cast("dict[str, object]", table)
    if unknown := sorted(set(fields) - {"roles", "may_kill"}):
        raise BadInput(f"principals.{name} has a {unknown[0]!r}; it may have roles and may_kill")
    lists: dict[str, frozenset[str]] = {}
    for field, value in fields.items():
        values = cast("list[object]", value) if isinstance(value, list) else [None]
        if not all(isinstance(each, str) and each for each in values):
            raise BadInput(f"principals.{name}.{field} has to be a list of texts")
        if wrong := [each for each in map(str, values) if each.startswith(ROLE) or each == "*"]:
            meant = EVERYTHING if wrong[0] == "*" else wrong[0].removeprefix(ROLE)
            raise BadInput(f"principals.{name}.{field} has {wrong[0]!r}; write {meant!r}")
        lists[field] = frozenset(cast("list[str]", values))
    return Principal(**lists)
