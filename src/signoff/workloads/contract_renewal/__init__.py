"""Contract renewal owns the 90-day renewal agent: its world, its boundaries, its calendar."""

from signoff.workloads.contract_renewal.workload import CONTRACT_RENEWAL, WORKLOAD, decided

__all__ = ["CONTRACT_RENEWAL", "WORKLOAD", "decided"]
