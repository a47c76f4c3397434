"""A project: where its record is, and what its application is wired from."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import tomllib
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from signoff.cli._boundaries import SETTINGS, imported
from signoff.cli._workload_file import RECORDS, read_record_file
from signoff.errors import BadInput, SignoffError, UsageError

if TYPE_CHECKING:
    from signoff.methodology import DecisionRecord, Wiring


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A folder with a decision record and an application.

    Attributes:
        folder: Where it is.
        record_file: Where its record is.
        apps: What its application is made of: each a `module:attribute`.
        named_by: Who says so: `--app`, or a setting in signoff.toml.
    """

    folder: Path
    record_file: Path
    apps: tuple[str, ...]
    named_by: str = "--app"


def project_at(path: Path, record: Path | None, apps: Iterable[str]) -> Project:
    """The project of a folder, or of a decision record in it.

    Args:
        path: The folder, or the record.
        record: The record, if it is elsewhere.
        apps: What to read in place of what signoff.toml names.

    Raises:
        BadInput: If there is no record, or signoff.toml is wrong.
        UsageError: If nobody says what the application is.
    """
    if path.is_file():
        if record is not None:
            raise UsageError(f"{path} is a file, and so is --record: name one record")
        path, record = path.parent, path
    if not path.is_dir():
        raise BadInput(f"there is no {path}: name the folder of the project")
    settings = _settings_in(path / SETTINGS)
    if record is None and (named := settings.get("record")):
        record = path / _text(path, "record", named)
    found, named_by = tuple(apps), "--app"
    if not found:
        found, named_by = _apps_in(path, settings), f"{path / SETTINGS}: app"
    if not found:
        raise UsageError(
            "nobody says what the application is: name it with --app module:attribute, or in "
            f'{path / SETTINGS}: [check] app = "module:attribute"'
        )
    file = record or _record_in(path)
    return Project(folder=path, record_file=file, apps=found, named_by=named_by)


def _settings_in(file: Path) -> dict[str, Any]:
    """The table `[check]`; the app of `[boundaries]` where it names none."""
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{file} is no TOML: {error}") from error
    found: dict[str, Any] = {}
    for name in ("boundaries", "check"):
        table = tables.get(name, {})
        if not isinstance(table, dict):
            raise BadInput(f"{file}: [{name}] has to be a table")
        settings = cast("dict[str, Any]", table)
        found |= {key: settings[key] for key in ("app", "record") if key in settings}
    return found


def _apps_in(folder: Path, settings: Mapping[str, Any]) -> tuple[str, ...]:
    app = settings.get("app", [])
    apps = cast("list[object]", app) if isinstance(app, list) else [app]
    return tuple(_text(folder, "app", each) for each in apps)


def _text(folder: Path, name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise BadInput(f"{folder / SETTINGS}: {name} has to be a text, or for app a list of such")
    return value


def _record_in(folder: Path) -> Path:
    there = [folder / name for name in RECORDS if (folder / name).is_file()]
    if not there:
        raise BadInput(
            f"there is no {' or '.join(RECORDS)} in {folder}: write one with "
            f"`signoff select WORKLOAD --model NAME --record {RECORDS[0]}`"
        )
    return there[0]


def record_of(project: Project) -> DecisionRecord:
    """The decision record of a project.

    Raises:
        BadInput: If it cannot be read, or a second form of it beside it says something else.
    """
    record = read_record_file(project.record_file)
    if project.record_file.name in RECORDS:
        for name in RECORDS:
            other = project.record_file.with_name(name)
            if other.is_file() and read_record_file(other) != record:
                raise BadInput(
                    f"{project.record_file} and {other} say different things: write both with one "
                    "`signoff select ... --record FILE --record FILE`"
                )
    return record


def wiring_in(project: Project) -> Wiring:
    """What the application of a project is wired from. It is imported, and nothing of it is run.

    Raises:
        UsageError: If it cannot be imported, or is nothing of the kind.
        BadInput: If its module fails.
    """
    from signoff.methodology import wiring_of

    return wiring_of(things_of(project.folder, project.named_by, project.apps))


def things_of(folder: Path, named_by: str, apps: Iterable[str]) -> list[object]:
    """What `module:attribute`s hold: boundaries, machines, consumers, and the like.

    Args:
        folder: Where they are found.
        named_by: The option or setting that names them, for what is said of mistakes.
        apps: The names.

    Raises:
        UsageError: If one cannot be imported, or is nothing of the kind.
        BadInput: If its module fails.
    """
    # What a module prints must not end up in a JSON document.
    with _in_folder(folder), contextlib.redirect_stdout(sys.stderr):
        return [
            thing
            for app in apps
            for thing in _unfolded(f"{named_by} {app}", imported(named_by, app), depth=0)
        ]


@contextlib.contextmanager
def _in_folder(folder: Path) -> Generator[None]:
    """Imports and policies are found where the project is, also under `src`."""
    before = list(sys.path)
    with contextlib.chdir(folder):
        here = Path.cwd()
        sys.path[:0] = [str(each) for each in (here, here / "src") if each.is_dir()]
        try:
            yield
        finally:
            sys.path[:] = before


#: Lists in lists, and functions that return functions, that are looked into.
_DEEPEST = 10


def _unfolded(named: str, thing: Any, depth: int) -> Iterator[object]:
    """What a `module:attribute` names: one thing, several, or a function that makes them."""
    from signoff.control import Supervisor
    from signoff.methodology import is_crossed
    from signoff.state import Consumer, EventLog, StateMachine

    if depth > _DEEPEST:
        raise UsageError(f"{named} is nested more than {_DEEPEST} levels deep")
    if isinstance(thing, StateMachine | EventLog | Consumer | Supervisor) or is_crossed(thing):
        yield cast("object", thing)
        return
    inside = _inside(named, thing)
    if inside is None:
        raise UsageError(
            f"{named} holds {type(thing).__name__}: it has to be boundaries, what coordinates "
            "them, state machines, event logs or consumers; several of them, or a function that "
            "returns such"
        )
    for each in inside:
        yield from _unfolded(named, each, depth + 1)


def _inside(named: str, thing: Any) -> list[object] | None:
    if isinstance(thing, Mapping):
        return list(cast("Mapping[object, object]", thing).values())
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return [getattr(thing, field.name) for field in dataclasses.fields(thing)]
    if isinstance(thing, Iterable) and not isinstance(thing, str | bytes):
        return list(cast("Iterable[object]", thing))
    if callable(thing):
        try:
            return [thing()]
        except (SignoffError, UsageError) as refused:
            raise BadInput(f"{named} fails: {refused}") from refused
        except Exception as error:
            raise BadInput(f"{named} fails: {type(error).__name__}: {error}") from error
    return None
