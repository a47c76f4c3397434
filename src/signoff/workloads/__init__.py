"""Workloads owns the agents that ship with signoff, each runnable offline.

`signoff workloads` lists them. Each is read side by side with the others: `workload.py` has its
answers to the method, `boundary.py` what its model has to cross, `lifecycle.py` its spine or the
reason why it has none, `decision_record.md` what was decided, `world.py` a world that misbehaves.
"""

from signoff.workloads._catalogue import NAMES, shipped
from signoff.workloads._meter import Cost, CostRow, Meter, Sample
from signoff.workloads._plan import Plan, Progress
from signoff.workloads._shipped import Run, Shipped, Unguarded, WorkloadReport

__all__ = [
    "NAMES",
    "Cost",
    "CostRow",
    "Meter",
    "Plan",
    "Progress",
    "Run",
    "Sample",
    "Shipped",
    "Unguarded",
    "WorkloadReport",
    "shipped",
]
