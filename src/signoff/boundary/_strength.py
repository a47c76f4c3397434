"""How strong a boundary is, from what it actually has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from signoff.boundary._commit import Transactional

if TYPE_CHECKING:
    from signoff.boundary._boundary import Boundary


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """A boundary's own report.

    Attributes:
        verifier: What is checked: nothing but the schema, a policy, or a rule of the business.
        reject: Rejections here are always typed, budgeted and told apart from successes.
        commit: What happens to the commit in a crash.
    """

    verifier: Literal["none", "schema", "policy", "business rule"]
    reject: Literal["typed, budgeted, distinguishable"] = "typed, budgeted, distinguishable"
    commit: Literal["transactional", "idempotent", "reconcilable", "none"]

    def __str__(self) -> str:
        return f"verifier {self.verifier}, commit {self.commit}"


def strength_of(boundary: Boundary[Any, Any, Any]) -> Strength:
    """The strength of a boundary. Text is a schema of its own only if the proposal is not text."""
    verifier: Literal["none", "schema", "policy", "business rule"]
    if boundary.verifiers or any(control.judges for control in boundary.controls):
        verifier = boundary.level
    else:
        verifier = "none" if boundary.proposer.proposes in (str, object) else "schema"
    commit = boundary.commit
    if isinstance(commit, Transactional):
        return Strength(verifier=verifier, commit="transactional")
    if commit.reconcile is not None:
        return Strength(verifier=verifier, commit="reconcilable")
    return Strength(verifier=verifier, commit="idempotent" if commit.idempotent else "none")
