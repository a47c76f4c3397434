"""The model proposes. Your code signs off.

`signoff` makes the place where a model's output becomes a system action an object that can be
seen, tested, bounded, audited, replayed and measured. Start at `Boundary` and `Runtime`; the state
machine is in `signoff.state`, proposers are in `signoff.proposers`, stand-ins for tests in
`signoff.testing`.
"""

import importlib
from typing import TYPE_CHECKING

from signoff.boundary import (
    Accept,
    Boundary,
    Budget,
    Committed,
    EffectRefused,
    External,
    Outcome,
    Reject,
    Rejected,
    Suspended,
    Transactional,
    Unknown,
    Verdict,
    Verifier,
    Write,
)

if TYPE_CHECKING:
    from signoff.runtime import Runtime, run_sync

__version__ = "0.1.0"

#: Loaded when they are first used: defining boundaries needs no database.
_LATER = ("Runtime", "run_sync")


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(importlib.import_module("signoff.runtime"), name)
    globals()[name] = found
    return found


__all__ = [
    "Accept",
    "Boundary",
    "Budget",
    "Committed",
    "EffectRefused",
    "External",
    "Outcome",
    "Reject",
    "Rejected",
    "Runtime",
    "Suspended",
    "Transactional",
    "Unknown",
    "Verdict",
    "Verifier",
    "Write",
    "run_sync",
]
