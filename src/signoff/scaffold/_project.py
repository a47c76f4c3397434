"""A new project as a value: its files, from a decision record and a name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.resources import files
from pathlib import PurePosixPath

from signoff.errors import UsageError
from signoff.methodology import DecisionRecord, spelled
from signoff.scaffold._names import Names, names_of
from signoff.scaffold._parts import parts_of
from signoff.scaffold._render import holds, rendered

#: Who proposes in a new project, as its record names it: the stand-ins that need no key.
MODEL = "simulated"

#: Template -> where it is written, and the parts for which it is.
_FILES: Mapping[str, tuple[str, str]] = {
    "README.md": ("README.md", ""),
    "Makefile": ("Makefile", ""),
    "gitignore": (".gitignore", ""),
    "pyproject.toml": ("pyproject.toml", ""),
    "signoff.toml": ("signoff.toml", ""),
    "package/init.py": ("{package}/__init__.py", ""),
    "package/main.py": ("{package}/__main__.py", ""),
    "package/subject.py": ("{package}/subject.py", ""),
    "package/proposals.py": ("{package}/proposals.py", ""),
    "package/proposers.py": ("{package}/proposers.py", ""),
    "package/verifiers.py": ("{package}/verifiers.py", ""),
    "package/systems.py": ("{package}/systems.py", "gate"),
    "package/controls.py": ("{package}/controls.py", "gate"),
    "package/policy/decide.yaml": ("{package}/policy/decide.yaml", "gate"),
    "package/sources.py": ("{package}/sources.py", "gather"),
    "package/advisers.py": ("{package}/advisers.py", "delegation"),
    "package/settlement.py": ("{package}/settlement.py", "saga"),
    "package/history.py": ("{package}/history.py", "log"),
    "package/boundaries.py": ("{package}/boundaries.py", ""),
    "package/agent_rebuilt.py": ("{package}/agent.py", "rebuilt"),
    "package/agent_log.py": ("{package}/agent.py", "log"),
    "package/agent_machine.py": ("{package}/agent.py", "machine"),
    "package/wiring.py": ("{package}/wiring.py", ""),
    "tests/stage.py": ("tests/stage.py", ""),
    "tests/test_decide.py": ("tests/test_decide.py", ""),
    "tests/test_agent.py": ("tests/test_agent.py", ""),
    "tests/test_advisers.py": ("tests/test_advisers.py", "delegation"),
    "tests/test_sources.py": ("tests/test_sources.py", "gather"),
    "tests/test_settlement.py": ("tests/test_settlement.py", "saga"),
    "tests/test_controls.py": ("tests/test_controls.py", "kill or approval"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Everything that a new project is made of.

    Attributes:
        names: What it is called.
        record: Its decision record, as it is written.
        parts: What the record asks for; see `parts_of`.
        files: Path within the project -> text.
    """

    names: Names
    record: DecisionRecord
    parts: frozenset[str]
    files: Mapping[PurePosixPath, str]


def project_of(name: str, record: DecisionRecord) -> Project:
    """The project that a decision record asks for. A pure function of both.

    It begins with simulated proposers, and its record says so: whoever puts a model in their place
    decides anew.

    Args:
        name: What to call it.
        record: What was decided, with its date.

    Raises:
        UsageError: If nothing can have that name, or the record has no date.
    """
    if record.on is None:
        raise UsageError("the record is a draft: give it a date with record.dated(...)")
    templates = _templates()
    names = names_of(name, record.workload.name, taken=_classes_in(templates))
    parts = parts_of(record)
    record = replace(record, model=MODEL)
    said = _said(names, record)
    written: dict[PurePosixPath, str] = {}
    for template, (path, when) in _FILES.items():
        if not when or holds(when, parts):
            file = PurePosixPath(path.format(package=names.package))
            written[file] = rendered(templates[template], parts, said)
    written[PurePosixPath("decision_record.md")] = record.as_markdown()
    told = json.dumps(record.as_json(), indent=2) + "\n"
    written[PurePosixPath("decision_record.json")] = told
    return Project(names=names, record=record, parts=parts, files=written)


def _templates() -> dict[str, str]:
    folder = files("signoff.scaffold") / "templates"
    return {name: folder.joinpath(f"{name}.tpl").read_text(encoding="utf-8") for name in _FILES}


def _classes_in(templates: Mapping[str, str]) -> frozenset[str]:
    """What the class of a project's subject must not be called."""
    modules = (text for name, text in templates.items() if name.endswith(".py"))
    return frozenset(name for text in modules for name in re.findall(r"\b[A-Z]\w*", text))


def _said(names: Names, record: DecisionRecord) -> dict[str, str]:
    """What the templates' names stand for."""
    horizon = record.workload.horizon
    return {
        "project": names.project,
        "package": names.package,
        "Subject": names.subject,
        "words": names.words,
        "title": _in_markdown(record.workload.name),
        "about": _in_markdown(record.workload.about or f"An agent for {record.workload.name}."),
        # A JSON string is a basic string of TOML, too.
        "summary": json.dumps(record.workload.name, ensure_ascii=False),
        "decisions": "\n".join(_rows(record)),
        "lasts": spelled(horizon),
        "horizon": _span(horizon),
        "within": _span(min(max(horizon / 4, timedelta(seconds=1)), timedelta(hours=4))),
        "parked": "human_required" if "desk" in parts_of(record) else "refused",
    }


def _span(span: timedelta) -> str:
    """A duration, as somebody would write it."""
    for unit, one in (("days", timedelta(days=1)), ("hours", timedelta(hours=1))):
        if span >= one and not span % one:
            return f"timedelta({unit}={span // one})"
    if not span % timedelta(minutes=1):
        return f"timedelta(minutes={span // timedelta(minutes=1)})"
    return f"timedelta(seconds={round(span.total_seconds())})"


def _rows(record: DecisionRecord) -> Iterator[str]:
    for line in record.lines:
        yield f"| {line.title} | {_in_markdown(line.decision)} | {_in_markdown(line.because)} |"
    yield f"| date and model | {record.on}, {record.model} | the proposers that it begins with |"


def _in_markdown(text: str) -> str:
    for special in "\\|`<>[]*#_":
        text = text.replace(special, f"\\{special}")
    return text
