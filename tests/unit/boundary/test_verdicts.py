"""What a verifier may say."""

from __future__ import annotations

from typing import Any, cast

import pytest

from signoff import Reject
from signoff.errors import UsageError


def test_a_consequence_that_does_not_exist_is_a_mistake_at_once() -> None:
    with pytest.raises(UsageError, match="revise, stop or escalate"):
        Reject("code", "message", then=cast("Any", "retry"))
