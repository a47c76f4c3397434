"""Diagnosis owns reading the ledger afterwards: what went wrong, how often, and why."""

from signoff.diagnosis._catalogue import SIGNATURES
from signoff.diagnosis._crossings import fingerprint_label, trials_of_ledger
from signoff.diagnosis._diagnose import Diagnosis, Unread, diagnose
from signoff.diagnosis._levers import Lever
from signoff.diagnosis._momentum import Momentum, Point
from signoff.diagnosis._plot import as_png, reliability_svg
from signoff.diagnosis._procedure import Label, Labelled, Procedure, Reproduced, three_way
from signoff.diagnosis._reading import Reading, Trail
from signoff.diagnosis._reliability import PassK, Reliability, Slice, reliability
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
from signoff.diagnosis._versions import VersionEffect

__all__ = [
    "SIGNATURES",
    "Detector",
    "Diagnosis",
    "End",
    "Evidence",
    "Finding",
    "Label",
    "Labelled",
    "Lever",
    "Momentum",
    "PassK",
    "Point",
    "Procedure",
    "Reading",
    "Reliability",
    "Reproduced",
    "Severity",
    "Signature",
    "Slice",
    "Strength",
    "Tally",
    "Trail",
    "Trial",
    "Unread",
    "VersionEffect",
    "as_png",
    "diagnose",
    "fingerprint_label",
    "reliability",
    "reliability_svg",
    "three_way",
    "trials_of_ledger",
]
