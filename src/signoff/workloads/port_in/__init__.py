"""Number port-in owns a state machine over a carrier that rejects in mid-flight."""

from signoff.workloads.port_in.workload import PORT_IN, WORKLOAD, decided

__all__ = ["PORT_IN", "WORKLOAD", "decided"]
