"""Coordination owns how work splits and combines: one owner, peers, steps that can be undone."""

from signoff.coordination._coordinated import Coordinated, boundary_of
from signoff.coordination._delegation import Delegation, Merged, Specialist
from signoff.coordination._part import Part, PartState
from signoff.coordination._saga import COMPENSATED, UNDOING, Compensated, Saga
from signoff.coordination._scatter_gather import Peer, ScatterGather
from signoff.coordination._step import Step

__all__ = [
    "COMPENSATED",
    "UNDOING",
    "Compensated",
    "Coordinated",
    "Delegation",
    "Merged",
    "Part",
    "PartState",
    "Peer",
    "Saga",
    "ScatterGather",
    "Specialist",
    "Step",
    "boundary_of",
]
