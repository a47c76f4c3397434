"""The pages show what was measured: their tables are made of the kept results, and stay so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import scaling_page
from benchmarks.endurance import page as endurance
from benchmarks.peers import page as peers

ROOT = Path(__file__).parents[2]


def test_the_page_about_scale_shows_what_is_kept() -> None:
    """Anew: `python -m benchmarks.scaling_page`."""
    shown = scaling_page.PAGE.read_text(encoding="utf-8")
    assert scaling_page.told(shown, scaling_page.kept()) == shown


@pytest.mark.parametrize(
    ("name", "told"),
    [("endurance", endurance.told), ("peers", peers.told)],
    ids=["endurance", "peers"],
)
def test_the_tables_are_those_of_the_kept_results(
    name: str, told: Callable[[str, dict[str, Any]], str]
) -> None:
    """Anew: `python -m benchmarks.endurance.page`, `python -m benchmarks.peers --draw`."""
    kept = json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text())
    shown = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    assert told(shown, kept) == shown
    other = json.loads(json.dumps(kept).replace("7", "8"))
    assert told(shown, other) != shown
