"""P2, scatter-gather: peers at the same time, a quorum, and a plain function that aggregates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from signoff.boundary import (
    Answer,
    Boundary,
    Budget,
    Predicate,
    Question,
    Refused,
    Subject,
    Transactional,
    Verifier,
    Write,
    signature_types,
    source_version,
)
from signoff.coordination._coordinated import Coordinated, boundary_of
from signoff.coordination._delegation import Specialist, checked
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer(Generic[S]):
    """One of several who are asked alike.

    Attributes:
        boundary: Its own.
        name: The boundary's by default.
    """

    boundary: Boundary[S, Any, Any] | Coordinated[S, Any, Any]
    name: str = ""


class ScatterGather(Generic[S, P]):
    """Asks peers at the same time, and aggregates what enough of them said.

    Progress is durable: a peer that has answered is not asked again after a crash. Run again under
    the same key, the gathered result is returned, and nobody is asked.

    Args:
        name: Names it on the ledger.
        peers: Who is asked.
        aggregate: Plain, deterministic function of (answered parts by name, subject); it sees them
            in the order in which the peers are declared, whatever order they answered in.
        quorum: How many answers are enough at the deadline; all of them by default.
        deadline: How long the peers have; two minutes by default.
        subject: Type of the subject; taken from the aggregate's annotations if absent.
        proposes: Type of the result; taken from the aggregate's annotations if absent.
        verifiers: What the aggregate has to pass, if anything.

    Raises:
        UsageError: If two peers have the same name, the quorum cannot be reached, or the aggregate
            is async, the deadline leaves no time, or nobody says the type of the subject.
    """

    def __init__(
        self,
        name: str,
        peers: Sequence[Boundary[S, Any, Any] | Coordinated[S, Any, Any] | Peer[S]],
        *,
        aggregate: Callable[[Mapping[str, Part], S], P],
        quorum: int | None = None,
        deadline: timedelta | None = None,
        subject: type[S] | None = None,
        proposes: type[P] | None = None,
        verifiers: Sequence[Predicate[P, S] | Verifier[P, S]] = (),
    ) -> None:
        self.peers = checked(
            [
                Specialist(boundary=each.boundary, name=each.name)
                if isinstance(each, Peer)
                else Specialist(boundary=each)
                for each in peers
            ]
        )
        self.quorum = len(self.peers) if quorum is None else quorum
        if not 1 <= self.quorum <= len(self.peers):
            raise UsageError(f"a quorum of {quorum} among {len(self.peers)} peers makes no sense")
        check_plain(aggregate)
        check_deadline(deadline)
        self._aggregate, self._deadline = aggregate, deadline
        self._version = source_version(aggregate)  # once: it reads the source
        _, subject_type, result = signature_types(aggregate)
        self._proposes: Any = proposes or result
        subject = subject or subject_type
        if subject is None:
            raise UsageError(
                f"gather {name} cannot tell the type of its subject: annotate the second "
                "parameter of its aggregate, or give subject="
            )
        self.boundary: Boundary[S, P, P] = Boundary(
            name,
            proposer=self,
            verifiers=verifiers,
            commit=Transactional(_as_it_is(self._proposes)),
            budget=Budget(attempts=1) if deadline is None else Budget(attempts=1, seconds=None),
            subject=subject,
        )

    @property
    def boundaries(self) -> tuple[Boundary[Any, Any, Any], ...]:
        """Those of the peers, for a runtime to know."""
        return tuple(boundary_of(each.boundary) for each in self.peers)

    @property
    def proposes(self) -> type[P]:
        """The type of the result."""
        return self._proposes  # type: ignore[no-any-return]

    @property
    def fingerprint(self) -> Fingerprint:
        """The aggregate, and everybody who is asked."""
        asked = {
            each.name: boundary_of(each.boundary).proposer.fingerprint.body() for each in self.peers
        }
        return Fingerprint(
            model="scatter-gather",
            version=self._version,
            settings={"asked": digest(asked), "quorum": self.quorum},
        )

    async def __call__(self, question: Question[S], /) -> Answer:
        asked = [(each.name, boundary_of(each.boundary)) for each in self.peers]
        parts = await ask_all(question, asked, deadline=self._deadline)
        answered = {name: part for name, part in parts.items() if part.state == "answered"}
        if len(answered) < self.quorum:
            told = f"{len(answered)} of {len(parts)} answered, {self.quorum} are needed"
            raise Refused(told, code="no_quorum", parts=bodies(parts), usage=cost(parts))
        return combined(self._aggregate, answered, question.subject, told=parts)


def _as_it_is(proposes: Any) -> Callable[[P, S, Write[S]], P]:
    """A commit whose receipt is the proposal, of this type."""

    def commit(proposal: P, subject: S, write: Write[S]) -> P:
        return proposal

    commit.__annotations__ = {"return": proposes}
    return commit
