"""What may stand in the doorway: controls, and what they may say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias

from typing_extensions import TypeVar

from signoff.boundary._commit import External
from signoff.boundary._verdict import Reject
from signoff.ledger import Usage

if TYPE_CHECKING:
    from signoff.boundary._boundary import Boundary
    from signoff.boundary._ports import Transaction

P_contra = TypeVar("P_contra", contravariant=True, default=Any)
S_contra = TypeVar("S_contra", contravariant=True, default=Any)

#: What becomes of a ticket that nobody answered in time.
Otherwise: TypeAlias = Literal["stop", "approve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A person's yes, good for the one proposal that they saw, on the one version of its subject.

    Attributes:
        control: Name of the control that asked.
        digest: SHA-256 of the proposal's canonical JSON.
        version: The row's version; None without a spine.
        by: Who said it.
        ticket: Where.
    """

    control: str
    digest: str
    version: int | None
    by: str
    ticket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """What is about to cross, as a control is shown it.

    Attributes:
        boundary: Name of the boundary.
        crossing: Id of the crossing.
        subject: What it is about.
        subject_id: Its id.
        tenant: Whose it is: the subject's `tenant`, if it has one.
        version: The row's version; None without a spine.
        proposal: What was accepted; None before the proposer is asked.
        digest: SHA-256 of the proposal's canonical JSON; empty before.
        attempt: How often the proposer was asked.
        usage: What that cost.
        principal: On whose behalf the crossing runs; None if nobody said.
        granted: What people have said yes to.
        waived: Objections that a person's answer sets aside, by name.
        now: The time.
    """

    boundary: str
    crossing: str
    subject: Any
    subject_id: str
    tenant: str
    version: int | None
    proposal: Any = None
    digest: str = ""
    attempt: int = 0
    usage: Usage = field(default_factory=Usage)
    principal: Any = None
    granted: tuple[Granted, ...] = ()
    waived: frozenset[str] = frozenset()
    now: datetime

    def was_granted(self, control: str) -> bool:
        """Whether a person has agreed to just this, when `control` asked."""
        return any(
            (yes.control, yes.digest, yes.version) == (control, self.digest, self.version)
            for yes in self.granted
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a person is asked.

    Attributes:
        ask: Whom: `role:sales-lead`, or one person's name.
        because: Why.
        control: Name of the control that asks; empty when a verifier did.
        within: Until the ticket is passed on, or ends; None to wait for ever.
        chain: Whom it is passed on to, each with how long that one has.
        otherwise: What becomes of it when the last one's time is over.
        four_eyes: Whoever asked for it, or wrote it, may not approve it.
        notify: How people hear of it.
    """

    ask: str
    because: str = ""
    control: str = ""
    within: timedelta | None = None
    chain: tuple[tuple[str, timedelta | None], ...] = ()
    otherwise: Otherwise = "stop"
    four_eyes: bool = False
    notify: tuple[External[Any, Any, Any], ...] = ()

    def body(self) -> dict[str, Any]:
        """JSON-ready fields; `notify` as names."""
        return {
            "ask": self.ask,
            "because": self.because,
            "control": self.control,
            "within": _seconds(self.within),
            "chain": [[ask, _seconds(within)] for ask, within in self.chain],
            "otherwise": self.otherwise,
            "four_eyes": self.four_eyes,
            "notify": [effect.name for effect in self.notify],
        }

    @classmethod
    def from_body(
        cls, body: Mapping[str, Any], effects: Mapping[str, External[Any, Any, Any]]
    ) -> Terms:
        """The terms that `body` wrote; a hook that no longer exists is left out."""
        return cls(
            ask=body["ask"],
            because=body["because"],
            control=body["control"],
            within=_duration(body["within"]),
            chain=tuple((ask, _duration(within)) for ask, within in body["chain"]),
            otherwise=body["otherwise"],
            four_eyes=body["four_eyes"],
            notify=tuple(effects[name] for name in body["notify"] if name in effects),
        )


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


def _duration(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Agree:
    """Nothing stands in the way. `by` says who agrees, if not simply the control's label."""

    by: str = ""


@dataclass(frozen=True, slots=True)
class Object:
    """The proposal may not pass; the loop goes on as after a verifier's rejections."""

    rejects: tuple[Reject, ...]
    by: str = ""


@dataclass(frozen=True, slots=True)
class Halt:
    """Not now. The crossing stays open: the same key may be run again, and asks anew."""

    code: str
    message: str
    by: str = ""
    again: datetime | None = None


@dataclass(frozen=True, slots=True)
class AskPerson:
    """A person has to decide."""

    terms: Terms


Said: TypeAlias = Agree | Object | Halt | AskPerson

AGREE = Agree()


class Control(Generic[P_contra, S_contra]):
    """Something that may stop, delay or ask. Subclass it, and override what you need.

    Deciding is plain code over values and one transaction: no network, no waiting, and nothing
    that could not be done twice, since a script may run again before it takes effect.

    Attributes:
        name: Tells controls of one boundary apart, and binds a ticket to the one that asked.
        reserves: Whether `reserve` has to be asked, which costs a transaction of its own.
        judges: Whether it checks proposals, as a gate does.
        effects: Hooks that it may put in the outbox.
    """

    name: str = ""
    reserves: bool = False
    judges: bool = False
    effects: tuple[External[Any, Any, Any], ...] = ()

    @property
    def label(self) -> str:
        """What the ledger calls it."""
        return self.name

    @property
    def switches(self) -> tuple[str, ...]:
        """Names under which a kill reaches what it bounds."""
        return ()

    @property
    def policy(self) -> str:
        """`name@version+digest` of the policy that it judges by; empty if it has none."""
        return ""

    @property
    def policy_text(self) -> tuple[str, str]:
        """The policy's label, and its text as it was read."""
        return "", ""

    def bound_to(self, boundary: Boundary[Any, Any, Any]) -> Control[P_contra, S_contra]:
        """The control for one boundary; raises if the two do not fit."""
        return self

    def before(self, passing: Passing) -> Said:
        """Asked before the proposer is."""
        return AGREE

    def reserve(self, tx: Transaction, passing: Passing) -> Said:
        """Asked before the proposer is, in a transaction, if `reserves`."""
        return AGREE

    def at_commit(self, tx: Transaction, passing: Passing) -> Said:
        """Asked in the commit's own transaction, after every verifier accepted."""
        return AGREE

    def ended(self, tx: Transaction, passing: Passing, *, committed: bool) -> None:
        """Told, in its transaction, that the crossing ended or paused."""

    def takes(self, why: Literal["escalate", "budget"], because: str) -> Terms | None:
        """How a person is asked when a verifier escalates or the budget is spent, if it says."""
        return None
