"""Decisions: what was decided about each project, and whether its wiring still is that."""

from __future__ import annotations

import asyncio
import tomllib
from dataclasses import dataclass
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from signoff.console._asked import whole_number
from signoff.console._desk import Desk, desk_of
from signoff.console._rendering import query, render
from signoff.console._shaped import Shape, shaped
from signoff.console.access import Role, form_of, needs, text_of
from signoff.console.pages.diagnosis import codes_found
from signoff.console.studies import Standing, Study
from signoff.errors import BadInput
from signoff.methodology import DecisionRecord, read_record

#: Names under which a record is looked for.
_RECORDS = ("decision_record.md", "decision_record.json")

#: Bytes of a record that is read, rows of a table, and projects that are named.
_LARGEST, _ROWS, _PROJECTS = 1024 * 1024, 60, 100

_STUDY = Study(("check",))


class Strength(Shape):
    """How strong a boundary is."""

    verifier: str
    reject: str
    commit: str


class Wired(Shape):
    """A boundary as it is wired."""

    boundary: str
    role: str
    model: str
    strength: Strength
    controls: tuple[str, ...]
    part_of: tuple[str, ...]


class Drift(Shape):
    """Where the wiring is not what was decided."""

    gravity: str
    code: str
    where: str
    says: str
    remedy: str


class Pattern(Shape):
    """A pattern, and what makes it."""

    pattern: str
    declared: bool
    wired: tuple[str, ...]


class Compared(Shape):
    """The record that the wiring was compared with."""

    file: str
    digest: str


class Checked(Shape):
    """What `signoff check --json` prints."""

    holds: bool
    record: Compared
    patterns: tuple[Pattern, ...]
    boundaries: tuple[Wired, ...]
    drifts: tuple[Drift, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A project's record as it is kept.

    Attributes:
        file: Where; None if there is none.
        record: What it says; None if it cannot be read.
        error: Why it cannot.
    """

    file: Path | None = None
    record: DecisionRecord | None = None
    error: str = ""


@needs(Role.viewer)
async def decided(request: Request) -> Response:
    """One project's record, and how the others stand."""
    desk = desk_of(request)
    number = whole_number(request, "project", 1, most=_PROJECTS)
    folder = _folder(desk, number)
    kept = await asyncio.to_thread(_kept, folder)
    study = _study(folder)
    standing = desk.studies.look_first(study) if kept.file else desk.studies.look(study)
    projects = desk.settings.projects[:_PROJECTS]
    return render(
        request,
        "decisions.html",
        number=number,
        folder=_named(folder),
        kept=kept,
        standing=standing,
        checked=shaped(Checked, standing.found.value) if standing.found else None,
        projects=[(_named(each), _word(desk.studies.look(_study(each)))) for each in projects],
        found=codes_found(desk),
        rows=_ROWS,
        address=f"/decisions{query({'project': number if number > 1 else ''})}",
    )


@needs(Role.viewer)
async def again(request: Request) -> Response:
    """Compare a project again."""
    desk, text = desk_of(request), text_of(form_of(request), "project")
    if not text.isascii() or not text.isdigit() or len(text) > len(str(_PROJECTS)):
        raise BadInput(f"{text[:20]!r} is no project")
    desk.studies.begin(_study(_folder(desk, int(text))))
    return RedirectResponse(f"/decisions{query({'project': text})}", status_code=303)


def _folder(desk: Desk, number: int) -> Path:
    projects = desk.settings.projects[:_PROJECTS]
    if not 1 <= number <= len(projects):
        raise HTTPException(404, "The console was started with no such project.")
    return projects[number - 1]


def _study(folder: Path) -> Study:
    return Study(_STUDY.words, folder)


def _named(folder: Path) -> str:
    return str(folder) if folder.name else str(folder.absolute())


def _word(standing: Standing) -> str:
    """How a project stood when it was last looked at."""
    checked = shaped(Checked, standing.found.value) if standing.found else None
    if checked is None:
        return "not compared" if standing.found else ""
    return "agrees" if checked.holds else "drifted"


def _kept(folder: Path) -> Kept:
    """The record of a folder."""
    file = _file(folder)
    if file is None:
        return Kept()
    try:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            return Kept(file=file, error=f"{file} is too large for a record.")
        return Kept(file=file, record=read_record(content.decode(), str(file)))
    except UnicodeDecodeError:
        return Kept(file=file, error=f"{file} is no UTF-8 text.")
    except OSError as error:
        return Kept(file=file, error=f"{file} cannot be read: {error.strerror}.")
    except BadInput as error:
        return Kept(file=file, error=f"{error}.")


def _file(folder: Path) -> Path | None:
    """The record that signoff.toml names, or one of the usual name."""
    try:
        settings = tomllib.loads((folder / "signoff.toml").read_text(encoding="utf-8"))
        named = settings["check"]["record"]
    except (OSError, ValueError, KeyError, TypeError):
        named = None
    if isinstance(named, str) and (folder / named).is_file():
        return folder / named
    return next((folder / name for name in _RECORDS if (folder / name).is_file()), None)


routes = [
    Route("/decisions", decided, methods=["GET"]),
    Route("/decisions", again, methods=["POST"]),
]
