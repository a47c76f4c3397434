"""The records that a crossing and a spine leave behind. Frozen, discriminated by `type`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

JSON = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One thing that happened. Its class name, in lower case, is its type on the ledger."""

    type: ClassVar[str]

    def __init_subclass__(cls) -> None:
        cls.type = cls.__name__.lower()

    def body(self) -> dict[str, Any]:
        """The fields as JSON-ready values; fields that are None or empty are left out."""
        values: dict[str, Any] = {}
        for name in _names(type(self)):
            value = getattr(self, name)
            if value is not None and value != () and value != "":
                values[name] = value
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(Record):
    """A crossing began: its key, what it is about, and on which spine version.

    `strength` says what the boundary verified, and how its commit stood a crash.
    """

    boundary: str
    key: str
    subject: Any
    version: int | None = None
    verifiers: Sequence[str] = ()
    controls: Sequence[str] = ()
    principal: Any = None
    parent: str = ""
    strength: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed(Record):
    """The proposer answered. `raw` is kept when the text did not parse, or was repaired."""

    attempt: int
    fingerprint: JSON
    proposal: Any = None
    raw: str = ""
    repaired: Sequence[str] = ()
    usage: JSON | None = None
    seconds: float = 0.0
    parts: JSON | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged(Record):
    """Every verifier spoke about one proposal, and if they accepted, every control.

    `controls` names them in the order in which they were asked, policies with their version and
    digest. `waived` lists objections that a person's answer set aside. `seconds` is how long the
    verifiers took, and the controls if they were asked; it is left out below 0.01.
    """

    attempt: int
    accepted: bool
    rejections: Sequence[JSON] = ()
    evidence: JSON | None = None
    version: int | None = None
    controls: Sequence[str] = ()
    waived: Sequence[str] = ()
    ticket: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Intended(Record):
    """An external effect is about to be asked for, under this key."""

    effect: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered(Record):
    """An effect that a commit put in the outbox has happened."""

    effect: str
    key: str
    receipt: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed(Record):
    """The crossing ended: its commit happened. `effect` names it if it was outside."""

    receipt: Any = None
    attempts: int = 1
    effect: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected(Record):
    """The crossing ended without a commit."""

    code: str
    ended: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspended(Record):
    """The crossing waits for a person. The ticket is bound to all that is named here."""

    ticket: str
    ask: str
    because: str
    control: str = ""
    digest: str = ""
    version: int | None = None
    policies: Sequence[str] = ()
    due: str = ""
    otherwise: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Record):
    """A ticket ended: a person answered, or its deadline passed."""

    ticket: str
    answer: str
    by: str
    because: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRefused(Record):
    """Somebody's answer to a ticket did not count."""

    ticket: str
    answer: str
    by: str
    code: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOn(Record):
    """Nobody answered a ticket in time: it now waits for somebody else."""

    ticket: str
    ask: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Halted(Record):
    """A control stopped the crossing for now; it may be run again under the same key."""

    by: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GaveUp(Record):
    """A piece of work failed every time it was tried; a person is asked, and it rests."""

    work: str
    tries: int
    because: str
    ticket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Record):
    """A model's message to a customer or to the next agent, with what it claims wrongly.

    `phantoms` lists claims that the ledger did not bear out when it was said; see `said`.
    """

    message: str
    phantoms: Sequence[JSON] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlChanged(Record):
    """A control was set differently: a kill thrown or lifted, a policy put in place.

    `change` is `killed`, `lifted`, `refused` (by somebody who may not) or `policy`.
    """

    control: str
    change: str
    by: str = ""
    because: str = ""
    details: JSON | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown(Record):
    """We cannot say whether the effect happened."""

    effect: str
    key: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled(Record):
    """An effect in doubt was settled, by a probe, by repeating it, or by a person."""

    effect: str
    key: str
    happened: bool
    by: str
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Record):
    """A spine began for the subject."""

    machine: str
    state: str
    version: int
    subject: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved(Record):
    """The row went from one state to another."""

    machine: str
    source: str
    state: str
    version: int
    because: str = ""
    subject: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed(Record):
    """The row's data changed while its state stayed: the world moved."""

    machine: str
    state: str
    version: int
    because: str
    subject: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerSet(Record):
    """Timers were armed for this version of the row: (name, due) pairs."""

    version: int
    timers: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerFired(Record):
    """A timer came due while its row still stood where it was set."""

    name: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended(Record):
    """An event was added to the subject's stream; its digest vouches for all that it says.

    `about` marks what was said when a question about that version was asked again.
    """

    log: str
    event: str
    digest: str
    version: int | None = None
    about: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forked(Record):
    """The subject's stream began as another one's history, up to a version of it."""

    log: str
    source: str
    version: int
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Late(Record):
    """An event came too late for a consumer, which did as its policy says.

    With `reprocess`, so many later events were `reread`, and so many came out `otherwise`.
    """

    log: str
    consumer: str
    version: int
    happened: str
    watermark: str
    policy: str
    ticket: str = ""
    reread: int | None = None
    otherwise: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAgain(Record):
    """A consumer's question about an event was asked again, and the answer compared.

    `differs` is empty if all came out the same; else it says where first: in the `proposal`, the
    `verdict` or the `events`.
    """

    log: str
    consumer: str
    version: int
    fingerprint: JSON
    verdict: str
    differs: str = ""
    proposal: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed(Record):
    """A Merkle root over every subject's chain head up to a ledger position."""

    root: str
    subjects: int
    records: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut(Record):
    """The beginning of this chain was removed under a retention policy; it goes on from here.

    Attributes:
        upto: Place in the chain of the last record that was removed.
        head: Hash of that record: what the first that remains is chained to.
        position: Its place in the whole ledger.
        removed: How many records were removed by this cut.
        policy: Digest of the policy.
        rule: Its rule, in words.
        by: Who had it applied.
        machine: Of the subject's row, if it has one.
        state: Where that row stood.
        version: And at which version.
    """

    upto: int
    head: str
    position: int
    removed: int
    policy: str
    rule: str
    by: str
    machine: str = ""
    state: str = ""
    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained(Record):
    """A retention policy was applied to the whole store; what went, in numbers.

    Attributes:
        policy: Its digest.
        by: Who had it applied.
        subjects: Whose chains were cut.
        records: That were removed.
        payloads: Large values that nothing referred to any more.
        keys: Crossings whose keys are forgotten.
        tickets: Closed questions about them that were removed.
    """

    policy: str
    by: str
    subjects: int
    records: int
    payloads: int
    keys: int
    tickets: int


_FIELDS: dict[type[Record], tuple[str, ...]] = {}


def _names(kind: type[Record]) -> tuple[str, ...]:
    names = _FIELDS.get(kind)
    if names is None:
        names = _FIELDS[kind] = tuple(field.name for field in fields(kind))
    return names
