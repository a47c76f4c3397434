"""Diagnosis owns reading the ledger afterwards: what went wrong, how often, and why."""

from signoff.diagnosis._catalogue import SIGNATURES
from signoff.diagnosis._diagnose import Diagnosis, Unread, diagnose
from signoff.diagnosis._procedure import Label, Labelled, Procedure, Reproduced, three_way
from signoff.diagnosis._reading import Reading, Trail
from signoff.diagnosis._signature import (
    Detector,
    End,
    Evidence,
    Finding,
    Severity,
    Signature,
    Strength,
    Tally,
)
from signoff.diagnosis._trial import Trial

__all__ = [
    "SIGNATURES",
    "Detector",
    "Diagnosis",
    "End",
    "Evidence",
    "Finding",
    "Label",
    "Labelled",
    "Procedure",
    "Reading",
    "Reproduced",
    "Severity",
    "Signature",
    "Strength",
    "Tally",
    "Trail",
    "Trial",
    "Unread",
    "diagnose",
    "three_way",
]
