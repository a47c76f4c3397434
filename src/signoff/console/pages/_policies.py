"""The policies that projects declare, and those that boundaries are judged by."""

from __future__ import annotations

import asyncio
import json
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from pydantic import Field

from signoff.console._desk import Desk
from signoff.console._shaped import Shape, shaped
from signoff.console.studies import Study
from signoff.control import POLICIES

#: Bytes of a project's settings that are read.
_LARGEST = 1024 * 1024

#: Policies of a project that are shown, and examples of each kind in a what-if.
_MOST, _EXAMPLES = 100, 8

_NAMES = ("file", "proposal", "subject", "principal", "cases", "boundary")


class Rule(Shape):
    """A rule of a policy, as `signoff policy check --json` says it."""

    id: str
    when: str
    then: str
    code: str
    path: str | None = None


class Problem(Shape):
    """What is wrong with a policy, and where."""

    line: int | None = None
    column: int | None = None
    message: str


class Checked(Shape):
    """A policy that was read; or what is wrong with it."""

    valid: bool
    policy: str = ""
    version: str = ""
    digest: str = ""
    default: str = ""
    rules: tuple[Rule, ...] = ()
    tenants: dict[str, tuple[Rule, ...]] = Field(default_factory=dict[str, tuple[Rule, ...]])
    problems: tuple[Problem, ...] = ()

    @property
    def label(self) -> str:
        """As the ledger has it."""
        return f"{self.policy}@{self.version}+{self.digest[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A policy under `[[policies]]` in a project's signoff.toml.

    Attributes:
        number: Among those of all projects, from 1.
        folder: Of the project.
        file: The policy; relative to the folder, as everything that follows is.
        proposal: The type of the proposal, `module:Class`.
        subject: The type of the subject.
        principal: The type of who asks; empty if no rule reads it.
        cases: What it is tested with; empty if nothing is.
        boundary: Whose recorded decisions a what-if looks at; empty for all.
        error: Why it cannot be used.
        label: As the ledger would have it; empty until the policy was read.
    """

    number: int
    folder: Path
    file: str = ""
    proposal: str = ""
    subject: str = ""
    principal: str = ""
    cases: str = ""
    boundary: str = ""
    error: str = ""
    label: str = ""

    def check(self) -> Study:
        """Reads the policy."""
        return self._study("check")

    def tests(self) -> Study:
        """Asks the policy about its cases."""
        return self._study("test", self.cases)

    def what_if(self) -> Study:
        """Judges what is on record."""
        only = (f"--boundary={self.boundary}",) if self.boundary else ()
        return self._study("replay", f"--most={_EXAMPLES}", *only)

    def command(self, word: str, *more: str) -> tuple[str, ...]:
        """The command line of a study, without `signoff`."""
        types = [f"--proposal={self.proposal}", f"--subject={self.subject}"]
        if self.principal:
            types.append(f"--principal={self.principal}")
        return ("policy", word, self.file, *more, *types)

    def _study(self, word: str, *more: str) -> Study:
        return Study(self.command(word, *more), self.folder)


async def declared_in(desk: Desk) -> list[Declared]:
    """What the console's projects declare, in their order."""
    found = await asyncio.to_thread(_all_declared, desk.settings.projects)
    return [replace(each, label=_label(desk, each)) for each in found]


async def in_force(desk: Desk) -> list[tuple[str, list[str]]]:
    """Boundaries, and the labels of the policies that they were last judged by."""
    stored = json.loads(await desk.storage.switch(POLICIES) or "{}")
    return sorted((name, [str(label) for label in labels]) for name, labels in stored.items())


def _label(desk: Desk, declared: Declared) -> str:
    if declared.error:
        return ""
    found = desk.studies.look(declared.check()).found
    checked = shaped(Checked, found.value) if found else None
    return checked.label if checked and checked.valid else ""


def _all_declared(projects: tuple[Path, ...]) -> list[Declared]:
    found: list[Declared] = []
    for folder in projects:
        for table in _tables(folder):
            number = len(found) + 1
            if number > _MOST:
                return found
            found.append(_one(number, folder, table))
    return found


def _tables(folder: Path) -> list[object]:
    """What stands under `[[policies]]`; a text in place of a table says what is wrong."""
    path = folder / "signoff.toml"
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1)
        if len(text) > _LARGEST:
            return [f"{path} is too large for settings"]
        tables: object = tomllib.loads(text.decode()).get("policies", [])
    except FileNotFoundError:
        return []
    except OSError as error:
        return [f"{path} cannot be read: {error.strerror}"]
    except ValueError as error:
        return [f"{path} is no TOML: {error}"]
    if not isinstance(tables, list):
        return [f"{path}: write [[policies]], with two brackets, once for each policy"]
    return cast("list[object]", tables)


def _one(number: int, folder: Path, table: object) -> Declared:
    if not isinstance(table, dict):
        told = table if isinstance(table, str) else f"{folder}: [[policies]] holds no table"
        return Declared(number=number, folder=folder, error=told)
    given = cast("dict[str, Any]", table)
    values = {name: given.get(name, "") for name in _NAMES}
    declared = Declared(number=number, folder=folder)
    where = f"{folder / 'signoff.toml'}, policy {number}"
    if unknown := sorted(set(given) - set(_NAMES)):
        return replace(declared, error=f"{where}: there is no {unknown[0]!r} in [[policies]]")
    for name, value in values.items():
        # What begins with a hyphen would be an option of the command that reads it.
        if not isinstance(value, str) or value.startswith("-") or "\0" in value:
            return replace(declared, error=f"{where}: {name} is no text that can be meant")
    if missing := [name for name in _NAMES[:3] if not values[name].strip()]:
        return replace(declared, error=f"{where}: it does not say {missing[0]}")
    return replace(declared, **values)
