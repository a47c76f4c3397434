"""Boundaries by name: those of `--app`, of signoff.toml, and of what ships with signoff."""

from __future__ import annotations

import difflib
import importlib
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from signoff.boundary import Boundary
from signoff.errors import BadInput, UsageError

if TYPE_CHECKING:
    from signoff.replay import Examination

#: Where `[boundaries]` is looked for.
SETTINGS = Path("signoff.toml")


def imported(option: str, name: str) -> Any:
    """What `module:attribute` names.

    Raises:
        UsageError: If it cannot be imported.
        BadInput: If its module fails.
    """
    module, _, path = name.partition(":")
    if not (module and path):
        raise UsageError(f"{option} is {name!r}; write module:attribute, such as shop.agents:offer")
    # An app usually lives in the folder where the command is run, and is not installed.
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"{option} {name} cannot be imported: {error}") from error
    except Exception as error:
        raise BadInput(
            f"{option} {name}: its module fails: {type(error).__name__}: {error}"
        ) from error
    return found


def boundaries_of(
    apps: Iterable[str],
) -> dict[str, Boundary[Any, Any, Any] | Examination[Any, Any]]:
    """Every boundary that `module:attribute`s name, and what those ask, by name.

    Args:
        apps: Each a boundary, something that is crossed through one, an examination, several of
            them, or a function of no argument that returns such.
    """
    found: dict[str, Any] = {}
    for app in apps:
        for thing in _unfolded(app, imported("--app", app)):
            found.setdefault(thing.name, thing)
    return found


def apps_in(settings: Path = SETTINGS) -> tuple[str, ...]:
    """The `app` of the table `[boundaries]`: one `module:attribute`, or a list of them.

    Raises:
        BadInput: If the table says anything else.
    """
    try:
        table: object = tomllib.loads(settings.read_text(encoding="utf-8")).get("boundaries")
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise BadInput(f"cannot read {settings}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{settings} is no TOML: {error}") from error
    if table is None:
        return ()
    app = cast("dict[str, object]", table).get("app") if isinstance(table, dict) else None
    apps = cast("list[object]", app) if isinstance(app, list) else [app]
    if not apps or not all(isinstance(each, str) and each for each in apps):
        raise BadInput(
            f'{settings}: [boundaries] needs an app = "module:attribute", or a list of them'
        )
    return tuple(cast("list[str]", apps))


def unknown(name: str, known: Iterable[str]) -> UsageError:
    """There is no such boundary: the nearest that there are."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names[:8]
    hint = f"there is {', '.join(near)}" if near else "none is known"
    return UsageError(
        f"no boundary is called {name!r}: {hint}. Name yours with --app module:attribute, or with "
        f"[boundaries] in {SETTINGS}"
    )


def _unfolded(app: str, thing: Any) -> Iterator[Any]:
    from signoff.replay import Examination

    if _is(thing, Examination):
        yield thing
    elif _is(thing, Boundary) or _is(getattr(thing, "boundary", None), Boundary):
        yield from _underneath(thing if _is(thing, Boundary) else thing.boundary)
    elif _is(thing, Mapping):
        yield from _unfolded(app, list(thing.values()))
    elif _is(thing, Iterable) and not _is(thing, str | bytes):
        for each in thing:
            yield from _unfolded(app, each)
    elif callable(thing):
        yield from _unfolded(app, _called(app, thing))
    else:
        raise UsageError(
            f"--app {app} is {type(thing).__name__}: it has to be a boundary, several of them, or "
            "a function that returns such"
        )


def _is(thing: Any, kind: Any) -> bool:
    """`isinstance`, for what a type checker cannot know of anyway."""
    return isinstance(thing, kind)


def _called(app: str, function: Any) -> Any:
    try:
        made = function()
    except Exception as error:
        raise BadInput(f"--app {app} fails: {type(error).__name__}: {error}") from error
    if made is function:
        raise UsageError(f"--app {app} returns itself")
    return made


def _underneath(boundary: Boundary[Any, Any, Any]) -> Iterator[Boundary[Any, Any, Any]]:
    yield boundary
    for asked in getattr(boundary.proposer, "boundaries", ()):
        yield from _underneath(asked)
