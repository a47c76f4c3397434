"""Lead warming owns an agent without a spine: where a lead stands is read from its touch log."""

from signoff.workloads.lead_warming.workload import LEAD_WARMING, WORKLOAD, decided

__all__ = ["LEAD_WARMING", "WORKLOAD", "decided"]
