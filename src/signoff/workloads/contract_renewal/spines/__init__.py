"""Spines owns the comparison of the two spines under one renewal agent whose model is changed."""

from signoff.workloads.contract_renewal.spines._experiment import (
    CONDITIONS,
    SPINES,
    Condition,
    Spine,
    SpineReport,
    label,
    run_experiment,
)
from signoff.workloads.contract_renewal.spines._versions import Version, drifting, named

__all__ = [
    "CONDITIONS",
    "SPINES",
    "Condition",
    "Spine",
    "SpineReport",
    "Version",
    "drifting",
    "label",
    "named",
    "run_experiment",
]
