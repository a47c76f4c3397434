"""What `slow` names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from slow import SLOW

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("module", SLOW)
def test_what_is_called_slow_is_there(module: str) -> None:
    known = set(
        re.findall(r"^(?:async )?def (test_\w+)", (TESTS / module).read_text(), re.MULTILINE)
    )
    assert {name.partition("[")[0] for name in SLOW[module]} <= known
