"""Billing assist owns the conversation about a bill: seconds, while a person waits."""

from signoff.workloads.billing_assist.workload import BILLING_ASSIST, WORKLOAD, decided

__all__ = ["BILLING_ASSIST", "WORKLOAD", "decided"]
