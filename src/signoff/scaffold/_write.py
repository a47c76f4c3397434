"""Writing a project: whole, or not at all, and never over what is there."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from signoff.errors import BadInput
from signoff.scaffold._project import Project


def write_project(project: Project, into: Path) -> Path:
    """Write a project to a folder of its name.

    Args:
        project: What to write.
        into: The folder in which the project's own is made.

    Returns:
        The project's folder.

    Raises:
        BadInput: If something is there already that is no empty folder, or cannot be written.
    """
    target = into / project.names.project
    _check(target, into)
    try:
        made = Path(tempfile.mkdtemp(prefix=f".{project.names.project}.", dir=into))
    except OSError as error:
        raise BadInput(f"cannot write to {into}: {error.strerror}") from error
    try:
        for path, text in project.files.items():
            file = made / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
        made.chmod(0o777 & ~_umask())
        # Takes the place of an empty folder; one that was filled meanwhile is refused.
        made.rename(target)
    except OSError as error:
        raise BadInput(f"cannot write {target}: {error.strerror}; nothing was") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return target


def _check(target: Path, into: Path) -> None:
    if not into.is_dir():
        raise BadInput(f"there is no folder {into}: make it, or name another with --into")
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise BadInput(f"{target} is there, and is no folder: choose another name")
    if target.exists() and any(target.iterdir()):
        raise BadInput(f"{target} is there, and is not empty: choose another name, or --into")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
