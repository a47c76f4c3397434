"""Network triage owns the first minutes of an incident: probe, decide, mend or call a person."""

from signoff.workloads.network_triage.workload import NETWORK_TRIAGE, WORKLOAD, decided

__all__ = ["NETWORK_TRIAGE", "WORKLOAD", "decided"]
