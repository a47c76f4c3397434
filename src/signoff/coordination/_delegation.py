"""P1, delegation: one owner, specialists in parallel, and a plain function that merges."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

from signoff.boundary import (
    Answer,
    Boundary,
    Budget,
    Question,
    Refused,
    Subject,
    source_version,
)
from signoff.coordination._coordinated import Coordinated, boundary_of
from signoff.coordination._part import (
    Part,
    ask_all,
    bodies,
    check_deadline,
    check_plain,
    combined,
    cost,
)
from signoff.errors import UsageError
from signoff.ledger import Fingerprint, digest

S = TypeVar("S", bound=Subject)
P = TypeVar("P")
R = TypeVar("R")
AnySubject = TypeVar("AnySubject")

#: What becomes of the whole when a specialist has no answer.
Partial: TypeAlias = Literal["fail", "drop", "substitute"]

#: What a specialist committed, by its name, and the subject, make the owner's proposal.
Merge: TypeAlias = Callable[[Mapping[str, Part], S], P]

_NONE: Final = object()


class Merged(Generic[P]):
    """The proposer of an owner: it is answered by a delegation, and by nobody else.

    Args:
        proposes: The type that the merge returns.
    """

    def __init__(self, proposes: type[P]) -> None:
        self._proposes = proposes

    @property
    def proposes(self) -> type[P]:
        """The type that the merge returns."""
        return self._proposes

    @property
    def fingerprint(self) -> Fingerprint:
        """Nobody, until there is a delegation."""
        return Fingerprint(model="merged")

    async def __call__(self, question: Question[AnySubject], /) -> Answer:
        raise UsageError("this boundary is the owner of a delegation: run the delegation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Specialist(Generic[S]):
    """One who is asked, and how much it counts.

    Attributes:
        boundary: Its own: what it proposes is verified there, and committed as its answer.
        name: The boundary's by default.
        weight: For the merge, which decides what it means.
        substitute: Stands in for a missing answer under `partial="substitute"`.
    """

    boundary: Boundary[S, Any, Any] | Coordinated[S, Any, Any]
    name: str = ""
    weight: float = 1.0
    substitute: Any = _NONE


class Delegation(Generic[S, P, R]):
    """One owner asks specialists, merges what they say, and alone touches the result.

    The owner's boundary is crossed as always: its verifiers, controls, budget and commit. In place
    of a model it is proposed to by the merge. When the owner's boundary objects, all specialists
    are asked again, with the objections; so the retries are the owner's, and specialists have none.

    Args:
        owner: The boundary that is crossed; its proposer is replaced (see `Merged`).
        specialists: Who is asked, at the same time.
        merge: Plain, deterministic function of (parts by name, subject). It sees the parts that
            have a value, in the order in which the specialists are declared, with their weights.
        partial: Without an answer of each: `fail` rejects the attempt, `drop` merges the others,
            `substitute` puts the declared substitute in.
        deadline: How long the specialists have in each attempt, all at the same time; in any case
            not longer than the owner's budget.
        budget: Of the owner, if not the one that it has.

    Raises:
        UsageError: If a specialist retries on its own, two have the same name, the merge is async,
            a substitute is missing, or the deadline leaves no time.
    """

    def __init__(
        self,
        owner: Boundary[S, P, R],
        specialists: Sequence[Boundary[S, Any, Any] | Coordinated[S, Any, Any] | Specialist[S]],
        *,
        merge: Merge[S, P],
        partial: Partial = "fail",
        deadline: timedelta | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.specialists = checked(
            [
                each if isinstance(each, Specialist) else Specialist(boundary=each)
                for each in specialists
            ]
        )
        if partial not in ("fail", "drop", "substitute"):
            raise UsageError(f"partial={partial!r}: say fail, drop or substitute")
        for each in self.specialists:
            if boundary_of(each.boundary).budget.attempts != 1:
                raise UsageError(
                    f"specialist {each.name} asks its model more than once: give its boundary "
                    "attempts=1; the retries are the owner's"
                )
            if partial == "substitute" and each.substitute is _NONE:
                raise UsageError(
                    f'specialist {each.name} has no substitute=, which partial="substitute" needs'
                )
        check_plain(merge)
        check_deadline(deadline)
        self._merge, self._partial, self._deadline = merge, partial, deadline
        self._version = source_version(merge)  # once: it reads the source
        self._proposes = owner.proposer.proposes
        self.boundary: Boundary[S, P, R] = owner.proposed_by(self, budget=budget)

    @property
    def boundaries(self) -> tuple[Boundary[Any, Any, Any], ...]:
        """Those of the specialists, for a runtime to know."""
        return tuple(boundary_of(each.boundary) for each in self.specialists)

    @property
    def proposes(self) -> type[P]:
        """The type that the merge returns."""
        return self._proposes

    @property
    def fingerprint(self) -> Fingerprint:
        """The merge, and everybody who is asked, with what they count for."""
        asked = {
            each.name: [boundary_of(each.boundary).proposer.fingerprint.body(), each.weight]
            for each in self.specialists
        }
        return Fingerprint(
            model="delegation",
            version=self._version,
            settings={"asked": digest(asked)},
        )

    async def __call__(self, question: Question[S], /) -> Answer:
        asked = [(each.name, boundary_of(each.boundary)) for each in self.specialists]
        parts = await ask_all(question, asked, deadline=self._deadline)
        parts = {
            each.name: replace(parts[each.name], weight=each.weight) for each in self.specialists
        }
        usable = self._usable(parts)
        return combined(self._merge, usable, question.subject, told={**parts, **usable})

    def _usable(self, parts: Mapping[str, Part]) -> dict[str, Part]:
        """What the merge sees, or why there is nothing to merge."""
        missing = [name for name, part in parts.items() if part.state != "answered"]
        if missing and self._partial == "fail":
            told = ", ".join(f"{name} {parts[name].state}" for name in missing)
            # A person may yet answer, an effect may have happened: asking again would double it.
            pending = {parts[name].state for name in missing} & {"waiting", "unknown"}
            raise Refused(
                f"without an answer: {told}",
                code="partial",
                parts=bodies(parts),
                usage=cost(parts),
                then="stop" if pending else "revise",
            )
        if self._partial == "substitute":
            return {
                each.name: replace(parts[each.name], value=each.substitute, substituted=True)
                if each.name in missing
                else parts[each.name]
                for each in self.specialists
            }
        usable = {name: part for name, part in parts.items() if name not in missing}
        if not usable:
            raise Refused("nobody answered", code="partial", parts=bodies(parts), usage=cost(parts))
        return usable


def checked(asked: Sequence[Specialist[S]]) -> tuple[Specialist[S], ...]:
    """Specialists with their names; at least one, and no two alike."""
    named = tuple(
        each if each.name else replace(each, name=boundary_of(each.boundary).name) for each in asked
    )
    if not named:
        raise UsageError("nobody is asked: give at least one boundary")
    seen: set[str] = set()
    for each in named:
        if each.name in seen:
            raise UsageError(f"two of those who are asked are named {each.name}; give one a name=")
        seen.add(each.name)
    return named
