"""What the tests of who may come in share."""

from __future__ import annotations

from pathlib import Path

import pytest
from console_doors import users_file

from signoff.console.access import Role
from signoff.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def users(tmp_path: Path) -> Path:
    """One admin, one reviewer, one viewer."""
    return users_file(tmp_path, ada=Role.admin, ron=Role.reviewer, vic=Role.viewer)
