"""The boundary: proposer, verifier, commit and typed reject as one object."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, Literal, TypeVar, cast

from pydantic import TypeAdapter

from signoff.boundary._budget import Budget
from signoff.boundary._commit import Commit, External, Transactional, signature_types
from signoff.boundary._control import Control
from signoff.boundary._proposer import Proposer
from signoff.boundary._strength import Strength, strength_of
from signoff.boundary._subject import Subject, adapter_of
from signoff.boundary._verifier import Lookup, Predicate, Verifier
from signoff.errors import UsageError

S = TypeVar("S", bound=Subject)
P = TypeVar("P")
R = TypeVar("R")

#: What the verifiers of a boundary check at most: structure, policy, or a rule of the business.
Level = Literal["schema", "policy", "business rule"]


class Boundary(Generic[S, P, R]):
    """The contract between a proposer, its verifiers and a commit, with typed rejects.

    A value: it holds no connection and no state, and may be shared and run concurrently.

    Args:
        name: Names the boundary on the ledger and in keys, such as `renewal.offer`.
        proposer: Suggests; see `signoff.proposers`.
        verifiers: Every one must accept. Plain functions of (proposal, subject), or of
            (proposal, subject, evidence).
        commit: An async function of (proposal, subject, key) is an external effect; wrap it in
            `External` to declare a probe or idempotence; `Transactional` writes in our database.
        attempts: How often the proposer is asked; short for `budget=Budget(attempts=...)`.
        budget: All bounds of one crossing.
        evidence: Lookups whose results the verifiers are given, and the ledger keeps.
        subject: Type of the subject; taken from the commit's annotations if absent.
        level: What the verifiers check; part of the boundary's reported strength.
        controls: What may stop, delay or ask, in this order; see `bounded_by`.
        durable: A crossing is on record before the proposer is asked, and goes on by itself after
            a crash: for those who act while they propose, such as a saga. One transaction more.

    Raises:
        UsageError: If the parts do not fit together.
    """

    def __init__(
        self,
        name: str,
        *,
        proposer: Proposer[S, P],
        verifiers: Sequence[Predicate[P, S] | Verifier[P, S]],
        commit: Commit[P, S, R],
        attempts: int | None = None,
        budget: Budget | None = None,
        evidence: Sequence[Lookup[P, S]] = (),
        subject: type[S] | None = None,
        level: Level = "policy",
        controls: Sequence[Control[P, S]] = (),
        durable: bool = False,
    ) -> None:
        if not name or not name.isprintable() or len(name) > 100:
            raise UsageError(f"{name!r} cannot name a boundary: 1 to 100 printable characters")
        if attempts is not None and budget is not None:
            raise UsageError(f"boundary {name} has both attempts= and budget=; give one of them")
        if not isinstance(proposer, Proposer):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise UsageError(
                f"the proposer of {name} has no fingerprint or does not say what it proposes; "
                "wrap a plain function: signoff.proposers.Function(function)"
            )
        self.name = name
        self.proposer = proposer
        self.verifiers: tuple[Verifier[P, S], ...] = tuple(
            cast("Any", verifier) if isinstance(verifier, Verifier) else Verifier(verifier)
            for verifier in verifiers
        )
        self.commit: External[P, S, R] | Transactional[P, S, R] = (
            commit
            if isinstance(commit, External | Transactional)
            else External(cast("Callable[..., Any]", commit))
        )
        self.budget = budget or Budget(attempts=3 if attempts is None else attempts)
        self.evidence = tuple(evidence)
        self.level: Level = level
        function = self.commit.perform if isinstance(self.commit, External) else self.commit.apply
        _, subject_type, receipt_type = signature_types(function)
        self.subject_type: Any = subject or subject_type
        if self.subject_type is None:
            raise UsageError(
                f"boundary {name} cannot tell the type of its subject: annotate the second "
                "parameter of its commit, or give subject="
            )
        self.subject_adapter: TypeAdapter[S] = adapter_of(self.subject_type)
        self.proposal_adapter: TypeAdapter[P] = adapter_of(cast("Any", proposer.proposes))
        self.receipt_adapter: TypeAdapter[R] = adapter_of(receipt_type)
        self.labels = tuple(verifier.label for verifier in self.verifiers)
        self.durable = durable
        self._schema: dict[str, Any] | None = None
        self.controls: tuple[Control[P, S], ...] = ()
        for control in controls:
            self._bind(control)
        bound: list[Control[P, S]] = list(self.controls)
        self.switches = tuple(name for control in bound for name in control.switches)
        self.effects = {effect.name: effect for control in bound for effect in control.effects}

    def _bind(self, control: Any) -> None:
        if not isinstance(control, Control):
            raise UsageError(
                f"{control!r} cannot bound {self.name}: it is no control. For a plain check use "
                "verifiers=[...], or Gate(check)"
            )
        bound: Control[P, S] = control.bound_to(self)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]  # checked above
        if any(bound.name == other.name for other in self.controls):
            raise UsageError(
                f"boundary {self.name} has two controls named {bound.name}; give one a name="
            )
        self.controls = (*self.controls, bound)

    def __repr__(self) -> str:
        return f"<Boundary {self.name}: {self.strength}>"

    @property
    def schema(self) -> dict[str, Any]:
        """JSON schema of the proposal."""
        if self._schema is None:
            self._schema = self.proposal_adapter.json_schema()
        return self._schema

    @property
    def policies(self) -> tuple[str, ...]:
        """`name@version+digest` of every policy that its controls judge by now."""
        return tuple(control.policy for control in self.controls if control.policy)

    @property
    def strength(self) -> Strength:
        """How strong this boundary is, from what it actually has."""
        return strength_of(self)

    def proposed_by(
        self, proposer: Proposer[S, P], *, budget: Budget | None = None
    ) -> Boundary[S, P, R]:
        """The same boundary with another proposer, and its budget if it has one of its own."""
        return self._with(proposer, self.controls, budget)

    def bounded_by(self, *controls: Control[P, S]) -> Boundary[S, P, R]:
        """The same boundary with controls, asked in this order, after those it has.

        They are asked before the proposer is, and again in the commit's own transaction. A kill
        (`signoff kill`) reaches every boundary, declared or not, and is asked first.

        Raises:
            UsageError: If a control does not fit the boundary, or two have the same name.
        """
        return self._with(self.proposer, (*self.controls, *controls))

    def _with(
        self,
        proposer: Proposer[S, P],
        controls: Sequence[Control[P, S]],
        budget: Budget | None = None,
    ) -> Boundary[S, P, R]:
        return Boundary(
            self.name,
            proposer=proposer,
            verifiers=self.verifiers,
            commit=self.commit,
            budget=budget or self.budget,
            evidence=self.evidence,
            subject=self.subject_type,
            level=self.level,
            controls=controls,
            durable=self.durable,
        )
