"""A workload that ships: its answers to the method, and how it is run."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from signoff.workloads._meter import Cost
from signoff.workloads._plan import Plan

if TYPE_CHECKING:
    from signoff.methodology import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Unguarded:
    """The same agent without a boundary, in a world of its own.

    Attributes:
        damage: See `WorkloadReport`.
        calls: How often the model was asked.
        seconds: Wall time of the run.
    """

    damage: Mapping[str, int]
    calls: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadReport:
    """What came of a run.

    Attributes:
        units: Units of work.
        outcomes: How many of them ended in which way.
        damage: What an auditor who reads the world's own accounts would hold against the agent, by
            name; `Shipped.damage` has the words. All of it should be nought.
        cost: What guarding cost.
        seconds: Wall time of the run, the model and the services included.
        store: The database, without its password.
        records: Records on its ledger.
        root: The seal's Merkle root.
        unguarded: The same agent without a boundary, if it was run.
        notes: More that is worth telling: a name, and what it is.
    """

    units: int
    outcomes: Mapping[str, int]
    damage: Mapping[str, int]
    cost: Cost
    seconds: float
    store: str
    records: int
    root: str
    unguarded: Unguarded | None = None
    notes: Mapping[str, str] | None = None

    def body(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


Run: TypeAlias = Callable[[Plan], Coroutine[Any, Any, WorkloadReport]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """A workload that ships.

    Attributes:
        name: As the command line calls it, such as `billing-assist`.
        workload: Its answers to the method's questions.
        units: What one unit of work is, in the plural: `turns`.
        run: Runs it with its boundaries.
        run_unguarded: Runs the same agent without them, in a world of its own.
        damage: What may be held against the agent: name -> words.
        package: Where its five files are.
        rows: How many units a run has by default.
    """

    name: str
    workload: Workload
    units: str
    run: Run
    run_unguarded: Callable[[Plan], Coroutine[Any, Any, Unguarded]]
    damage: Mapping[str, str]
    package: str
    rows: int = 200

    @property
    def about(self) -> str:
        """One sentence."""
        return self.workload.about

    @property
    def runtime_class(self) -> str:
        """`conversational`, `autonomous` or `long-horizon`, as the method says."""
        from signoff.methodology import select

        return select(self.workload).runtime.decision
