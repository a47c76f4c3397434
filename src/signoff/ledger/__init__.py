"""Ledger owns what happened: the record types and the account that they are written to."""

from signoff.ledger._canonical import canonical
from signoff.ledger._chain import EMPTY, link, merkle_root
from signoff.ledger._entry import SEALS, Entry, Fault, Verification, Verifying
from signoff.ledger._fingerprint import Fingerprint, Usage, digest
from signoff.ledger._ledger import Ledger, Redact
from signoff.ledger._phantom import PhantomSuccess, phantom_successes
from signoff.ledger._record import (
    Changed,
    Committed,
    Delivered,
    Intended,
    Judged,
    Moved,
    Opened,
    Proposed,
    Reconciled,
    Record,
    Rejected,
    Sealed,
    Started,
    Suspended,
    TimerFired,
    TimerSet,
    Unknown,
)

__all__ = [
    "EMPTY",
    "SEALS",
    "Changed",
    "Committed",
    "Delivered",
    "Entry",
    "Fault",
    "Fingerprint",
    "Intended",
    "Judged",
    "Ledger",
    "Moved",
    "Opened",
    "PhantomSuccess",
    "Proposed",
    "Reconciled",
    "Record",
    "Redact",
    "Rejected",
    "Sealed",
    "Started",
    "Suspended",
    "TimerFired",
    "TimerSet",
    "Unknown",
    "Usage",
    "Verification",
    "Verifying",
    "canonical",
    "digest",
    "link",
    "merkle_root",
    "phantom_successes",
]
