"""What the parts of a project are called: identifiers, from names that people gave."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

from signoff.errors import UsageError

#: Characters of a name. Templates fit on their lines up to here, whatever the name is.
LONGEST = 32
_LONGEST_CLASS = 24

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z0-9]+)*")

#: What a folder of ours is called, and what a project imports or is checked with.
_TAKEN = frozenset(
    (
        *("build", "cel_expr_python", "dist", "hatchling", "mypy", "pip", "policy", "pydantic"),
        *("pytest", "rich", "ruff", "setuptools", "signoff", "stage", "tests", "typer", "venv"),
        "yaml",
        *("aux", "con", "nul", "prn"),  # no folder can be called this on some systems
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a project is called, and its parts.

    Attributes:
        project: The folder, and the distribution.
        package: What is imported.
        subject: The class of what the agent works on.
        words: The workload's name in plain letters, for sentences.
    """

    project: str
    package: str
    subject: str
    words: str


def names_of(project: str, workload: str, *, taken: Collection[str] = ()) -> Names:
    """The names of a project for a workload.

    Args:
        project: As somebody typed it. It names a folder, a distribution and a package.
        workload: Any text; what no identifier can hold is left out.
        taken: Classes that are called something already.

    Raises:
        UsageError: If no package can have the project's name; the message proposes one.
    """
    package = project.replace("-", "_").lower()
    if problem := _problem(project, package):
        proposed = _proposal(project) or _proposal(f"{workload} agent") or "my_agent"
        raise UsageError(f"{project[:80]!r} cannot name a project: {problem}; {proposed!r} can")
    words = _words(workload)
    return Names(
        project=project,
        package=package,
        subject=_class(words, taken),
        words=" ".join(words) or "case",
    )


def _problem(project: str, package: str) -> str:
    if not _NAME.fullmatch(project):
        return "letters from a to z, digits, and - or _ in between, a letter first"
    if len(project) > LONGEST:
        return f"{LONGEST} characters at most"
    if keyword.iskeyword(package) or keyword.issoftkeyword(package):
        return f"{package} is a word of Python"
    if package in sys.stdlib_module_names or hasattr(builtins, package):
        return f"Python has something called {package}"
    if package in _TAKEN:
        return f"the project needs something else that is called {package}"
    return ""


def _proposal(text: str) -> str:
    """The nearest name that is one; empty if there is none."""
    proposed = "_".join(_fitting(_words(text), LONGEST - len("_agent"), join=1))
    for name in (proposed, f"{proposed}_agent"):
        if not _problem(name, name):
            return name
    return ""


def _words(text: str) -> list[str]:
    """Lower-case words of letters and digits, accents taken off, from the first letter on."""
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    found = re.findall(r"[a-z0-9]+", plain)
    while found and not found[0][0].isalpha():
        del found[0]
    return _fitting(found, _LONGEST_CLASS, join=0)


def _fitting(words: list[str], room: int, *, join: int) -> list[str]:
    """As many words as there is room for; a first one that is too long is cut."""
    fitting: list[str] = []
    for word in words:
        if len("".join(fitting)) + len(word) + join * len(fitting) > room:
            break
        fitting.append(word)
    return fitting or [word[:room] for word in words[:1]]


def _class(words: list[str], taken: Collection[str]) -> str:
    name = "".join(word.capitalize() for word in words) or "Case"
    if name in taken or keyword.iskeyword(name) or hasattr(builtins, name):
        return f"{name[: _LONGEST_CLASS - len('Case')]}Case"
    return name
