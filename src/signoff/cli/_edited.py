"""The proposal that a person writes in place of the one that waits."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import typer

from signoff.errors import BadInput
from signoff.reading import exact_json, read_proposal


def written_proposal(text: str, file: Path | None, waiting: object) -> Any:
    """What somebody proposes: given as text, in a file, or written in their editor.

    Args:
        text: JSON from the command line; empty for none.
        file: A file of JSON; `-` for standard input.
        waiting: What the editor begins with.

    Raises:
        BadInput: If it is no JSON, is null, or is what waits already.
    """
    if text and file is not None:
        raise typer.BadParameter("give --proposal or --file, not both")
    if text:
        return read_proposal(text, "--proposal")
    if file is not None:
        return read_proposal(_read(file), str(file))
    proposal = _edit(exact_json(waiting))
    if proposal == waiting:
        raise BadInput("nothing was changed, so nothing was sent; `approve` takes it as it is")
    return proposal


def _read(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{file} is no JSON: it is not UTF-8") from error


def _edit(text: str) -> Any:
    """What somebody makes of it in their editor. What cannot be read is kept for them."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise typer.BadParameter("say what to propose, with --proposal JSON or --file FILE")
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    handle, name = tempfile.mkstemp(prefix="signoff-", suffix=".json")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text + "\n")
    try:
        status = subprocess.run([*_words(editor), name], check=False).returncode
        if status:
            raise BadInput(f"{editor} ended with status {status}, so nothing was sent")
        proposal = read_proposal(_read(Path(name)), "what you wrote")
    except (BadInput, OSError) as error:
        if _is_unchanged(name, text):
            os.unlink(name)
            raise
        raise BadInput(f"{error}. What you wrote is in {name}") from error
    os.unlink(name)
    return proposal


def _words(editor: str) -> list[str]:
    try:
        return shlex.split(editor)
    except ValueError as error:
        raise BadInput(f"EDITOR={editor!r} is no command: {error}") from error


def _is_unchanged(name: str, text: str) -> bool:
    try:
        return Path(name).read_bytes() == f"{text}\n".encode()
    except OSError:
        return False
