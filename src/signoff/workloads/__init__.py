"""Workloads owns the agents that ship with signoff, each runnable offline."""

__all__: list[str] = []
