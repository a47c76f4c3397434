"""Diagnosis owns reading the ledger afterwards: what went wrong, how often, and why."""

from signoff.diagnosis._trial import Trial

__all__ = ["Trial"]
