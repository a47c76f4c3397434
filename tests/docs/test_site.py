"""The pages as a site: every page has its place, and nothing is fetched from elsewhere."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from signoff.diagnosis import SIGNATURES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
HEADINGS = [
    "What it is",
    "When",
    "When not",
    "Lineage",
    "What changes when the worker is stochastic",
    "Failure signatures",
    "Example",
    "Read on",
]
PATTERNS = {
    "SDB": "boundary",
    "P1": "delegation",
    "P2": "scatter-gather-and-saga",
    "P3": "event-driven-sequencing",
    "P4": "supervisor-and-gate",
    "P5": "shared-state-machine",
    "P6": "human-in-the-loop",
}

#: What a browser would fetch from another server to show a page, scripts and styles included.
_FETCHED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(?:https?:)?//[^\s"'>]+"""
    r"""|<link\b(?![^>]*rel=["']?canonical)[^>]*\bhref=["']?(?:https?:)?//[^\s"'>]+"""
    r"""|@import\s+(?:url\()?["']?(?:https?:)?//[^\s"')]+"""
    r"""|url\(["']?(?:https?:)?//[^\s"')]+"""
)


def configuration() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    return loaded


def pages_of(navigation: object) -> Iterator[str]:
    if isinstance(navigation, str):
        yield navigation
    elif isinstance(navigation, list):
        for entry in navigation:
            yield from pages_of(entry)
    elif isinstance(navigation, dict):
        for entry in navigation.values():
            yield from pages_of(entry)


# The navigation


def test_every_page_is_in_the_navigation_once() -> None:
    found = sorted(pages_of(configuration()["nav"]))
    pages = sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))
    assert found == pages, "a new page has its place in mkdocs.yml, under `nav`"


# The site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it, in a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(DOCS, folder / "docs")
    shutil.copy(ROOT / "mkdocs.yml", folder)
    ran = built(folder)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder / "site"


def built(folder: Path) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("zensical")
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    environment = os.environ | {"NO_COLOR": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_every_page_is_built(site: Path) -> None:
    for page in DOCS.rglob("*.md"):
        assert site.joinpath(page.relative_to(DOCS)).with_suffix(".html").exists()


def test_no_markdown_is_left_over(site: Path) -> None:
    """What the site's Markdown does not read as what GitHub's does: fences, tables, lists."""
    for page in site.rglob("*.html"):
        text = re.sub(r"<pre.*?</pre>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        left = re.findall(r"^(?:<p>)?(?:```|\| |\* |\d+\. ).*", text, re.MULTILINE)
        assert not left, f"{page.relative_to(site)}: {left[0]}"


def test_nothing_is_fetched_from_elsewhere_to_read_a_page(site: Path) -> None:
    for path in site.rglob("*"):
        if path.suffix in (".html", ".css"):
            found = _FETCHED.search(path.read_text(encoding="utf-8"))
            assert found is None, f"{path.relative_to(site)}: {found and found[0]}"


def test_a_broken_link_fails_the_build(tmp_path: Path) -> None:
    tmp_path.joinpath("docs").mkdir()
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    tmp_path.joinpath("docs", "index.md").write_text("# Here\n\nGo [there](nowhere.md).\n")
    ran = built(tmp_path)
    assert ran.returncode != 0
    assert "page does not exist" in ran.stderr


# The pages of patterns


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_is_told_under_the_same_headings(pattern: str) -> None:
    assert re.findall(r"^## (.+)$", page_of(pattern), re.MULTILINE) == HEADINGS


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_names_its_signatures(pattern: str) -> None:
    text = page_of(pattern).partition("## Failure signatures\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE)
    assert sorted(listed) == sorted(each.code for each in SIGNATURES if each.pattern == pattern)


def test_every_pattern_with_signatures_has_a_page() -> None:
    assert {signature.pattern for signature in SIGNATURES} == set(PATTERNS)


def page_of(pattern: str) -> str:
    page = DOCS / "patterns" / f"{PATTERNS[pattern]}.md"
    return page.read_text(encoding="utf-8")


# The glossary


def test_the_glossary_names_what_there_is_in_code() -> None:
    rows = [
        line.removesuffix("|").rpartition("|")[2]
        for line in (DOCS / "glossary.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| **")
    ]
    names = [name for row in rows for name in re.findall(r"`([\w.]+)`", row)]
    assert names
    for name in names:
        room, _, public = f"signoff.{name}".rpartition(".")
        assert public in importlib.import_module(room).__all__, name
