"""The model proposes. Your code signs off.

`signoff` makes the place where a model's output becomes a system action an object that can be
seen, tested, bounded, audited, replayed and measured. Start at `Boundary` and `Runtime`; the state
machine is in `signoff.state`, proposers are in `signoff.proposers`, stand-ins for tests in
`signoff.testing`.
"""

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
from signoff.runtime import Runtime, run_sync

__version__ = "0.1.0"

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
