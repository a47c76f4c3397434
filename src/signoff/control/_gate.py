"""P4, the gate: a deterministic policy before every commit."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast
from weakref import WeakSet

from typing_extensions import TypeVar

from signoff.boundary import (
    Accept,
    Agree,
    Boundary,
    Control,
    Object,
    Passing,
    Reject,
    Said,
    Transaction,
    Verdict,
    Verifier,
    tenant_of,
)
from signoff.control._approval import check_plain
from signoff.control._policy import Policy, typed_principal
from signoff.errors import UsageError

P_contra = TypeVar("P_contra", contravariant=True, default=Any)
S_contra = TypeVar("S_contra", contravariant=True, default=Any)


class Gate(Control[P_contra, S_contra]):
    """Rules that every commit has to pass, asked in the commit's own transaction.

    Args:
        rules: A policy file in YAML (see `signoff.control.Policy`), or plain functions of
            (proposal, subject) that answer as verifiers do.
        principal: Type of the principal, if the policy reads one.
        name: Tells two gates of one boundary apart.

    Raises:
        BadPolicy: From `bounded_by`, with line and column of everything that is wrong.
        UsageError: If a rule is neither a file nor a plain function.
    """

    judges = True

    def __init__(
        self,
        *rules: str | Path | Callable[[P_contra, S_contra], Verdict],
        principal: Any = None,
        name: str = "",
    ) -> None:
        files = [Path(rule) for rule in rules if isinstance(rule, str | Path)]
        functions = [rule for rule in rules if not isinstance(rule, str | Path)]
        if not rules or len(files) > 1:
            raise UsageError("a gate takes one policy file, or plain functions, or both")
        self.path = files[0] if files else None
        self._checks: tuple[Verifier[Any, Any], ...] = tuple(map(_checked, functions))
        self._principal = principal
        first = self.path.stem if self.path else self._checks[0].name
        self.name = f"gate:{name or first}"
        self._bound: WeakSet[BoundGate] = WeakSet()

    def bound_to(self, boundary: Boundary[Any, Any, Any]) -> Control[Any, Any]:
        bound = BoundGate(self.name, self.path, self._checks, boundary, self._principal)
        self._bound.add(bound)
        return bound

    def reload(self) -> tuple[str, ...]:
        """Read the policy file again, for every boundary that this gate bounds.

        A file that is wrong changes nothing. Commits that are being judged right now name the
        policy that judged them.

        Returns:
            `name@version+digest` of what is in force now.

        Raises:
            BadPolicy: If the file does not fit one of the boundaries; the old policy stays.
        """
        bound = list(self._bound)
        policies = [gate.loaded() for gate in bound]
        for gate, policy in zip(bound, policies, strict=True):
            gate.current = policy
        return tuple(sorted({gate.policy for gate in bound}))


class BoundGate(Control[Any, Any]):
    """A gate for the types of one boundary."""

    judges = True

    def __init__(
        self,
        name: str,
        path: Path | None,
        checks: Sequence[Verifier[Any, Any]],
        boundary: Boundary[Any, Any, Any],
        principal: Any,
    ) -> None:
        self.name = name
        self.path = path
        self._checks = checks
        self._types = (boundary.proposer.proposes, boundary.subject_type, principal)
        #: The policy in force; replaced as a whole.
        self.current = self.loaded()

    def loaded(self) -> Policy | None:
        """The policy as its file has it now."""
        if self.path is None:
            return None
        proposal, subject, principal = self._types
        return Policy.load(self.path, proposal=proposal, subject=subject, principal=principal)

    def bound_to(self, boundary: Boundary[Any, Any, Any]) -> Control[Any, Any]:
        proposal, subject, _ = self._types
        if (boundary.proposer.proposes, boundary.subject_type) != (proposal, subject):
            raise UsageError(
                f"{self.name} was made for other types than those of boundary {boundary.name}"
            )
        return self

    @property
    def policy(self) -> str:
        return "" if self.current is None else _label(self.current)

    @property
    def policy_text(self) -> tuple[str, str]:
        current = self.current
        return ("", "") if current is None else (_label(current), current.text)

    @property
    def label(self) -> str:
        return self._said_by(self.current)

    def _said_by(self, policy: Policy | None) -> str:
        names = [check.label for check in self._checks]
        return f"{self.name}({','.join([*([_label(policy)] if policy else []), *names])})"

    def at_commit(self, tx: Transaction, passing: Passing) -> Said:
        policy = self.current  # once: it may be replaced while we judge
        rejects = _objections(
            policy,
            self._checks,
            passing.proposal,
            passing.subject,
            typed_principal(self._types[2], passing.principal),
            passing.tenant,
        )
        by = self._said_by(policy)
        return Object(rejects, by) if rejects else Agree(by)

    def pure(self) -> Callable[[Any, Any, Any], tuple[Reject, ...]]:
        """What it says of (proposal, subject, principal), by the policy in force now."""
        policy, checks, type_ = self.current, self._checks, self._types[2]

        def judge(proposal: Any, subject: Any, principal: Any) -> tuple[Reject, ...]:
            principal = typed_principal(type_, principal)
            return _objections(policy, checks, proposal, subject, principal, tenant_of(subject))

        return judge


def _objections(
    policy: Policy | None,
    checks: Sequence[Verifier[Any, Any]],
    proposal: Any,
    subject: Any,
    principal: Any,
    tenant: str,
) -> tuple[Reject, ...]:
    rejects: list[Reject] = []
    if policy is not None:
        rejects.extend(policy.judge(proposal, subject, principal=principal, tenant=tenant))
    for check in checks:
        verdict = _asked(check, proposal, subject)
        if not isinstance(verdict, Accept):
            rejects.append(verdict)
    return tuple(rejects)


def _label(policy: Policy) -> str:
    return f"{policy.label}+{policy.digest[:12]}"


def _checked(function: Callable[[Any, Any], Verdict]) -> Verifier[Any, Any]:
    if not callable(function):
        raise UsageError(f"{function!r} is neither a policy file nor a function")
    check_plain(function)
    check_plain(getattr(function, "__call__", None))  # noqa: B004  # an object may be async, too
    check: Verifier[Any, Any] = Verifier(function)
    if check.takes_evidence:
        raise UsageError(f"{check.name} takes evidence; a gate has none: use verifiers=[...]")
    return check


def _asked(check: Verifier[Any, Any], proposal: object, subject: object) -> Accept | Reject:
    try:
        verdict = cast("object", check.predicate(proposal, subject))
    except Exception as error:
        return Reject(
            "verifier_failed",
            f"{check.name} could not judge this proposal",
            details={"error": type(error).__name__},
        )
    if type(verdict) is Accept or isinstance(verdict, Reject):
        return verdict
    if inspect.iscoroutine(verdict):
        verdict.close()  # nobody awaits it in a transaction
    return Reject("unanswered", f"{check.name} did not say Accept(); nothing passes on that")
