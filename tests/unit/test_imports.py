"""State is the spine. Coordination wraps it. Control bounds it; and the core stays small."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_rooms_import_in_one_direction() -> None:
    pytest.importorskip("importlinter")
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", command, "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "heavy", ["typer", "rich", "psycopg", "pydantic_ai", "xllamacpp", "openai", "importlinter"]
)
def test_importing_signoff_does_not_import(heavy: str) -> None:
    question = f"import sys, signoff, signoff.proposers; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", question], check=False).returncode == 0
