"""How long is kept what: the policy, and what of a chain may go under it. Nothing is read here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from signoff.clock import stamp
from signoff.errors import BadInput
from signoff.ledger import CONTROLS, SEALS, Appended, Cut, Forked, TimerSet, canonical, digest

#: Why records that are old enough stay.
Why = Literal["crossing", "ticket", "timer", "events"]

#: Chains of the store's own; nothing of them is ever removed.
_OURS = (CONTROLS, SEALS)

#: What vouches for an event of a log, which is kept.
_VOUCHING = (Appended.type, Forked.type)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How long the records of some subjects are kept.

    Attributes:
        subjects: How their ids begin; empty for all.
        records: For how long at least, once their crossing ended.
        keys: For how long at least a crossing's key is known, and not run again; None for ever.

    Raises:
        BadInput: If keys are to go before the records, or nothing is kept at all.
    """

    subjects: str = ""
    records: timedelta
    keys: timedelta | None = None

    def __post_init__(self) -> None:
        if self.records <= timedelta():
            raise BadInput("records must be kept for some time: say how long, such as 400 days")
        if self.keys is not None and self.keys < self.records:
            raise BadInput(
                "keys must be kept at least as long as the records: a key that is forgotten is run "
                "again when it comes again"
            )

    @property
    def told(self) -> str:
        """In words: `subjects renewal:… keep records 400 days and keys for ever`."""
        who = f"subjects {self.subjects}…" if self.subjects else "all subjects"
        keys = "for ever" if self.keys is None else _days(self.keys)
        return f"{who} keep records {_days(self.records)} and keys {keys}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """A retention policy. What no rule is about is kept for ever.

    Attributes:
        rules: The first that is about a subject holds for it.
    """

    rules: Sequence[Keep]

    def __post_init__(self) -> None:
        if not self.rules:
            raise BadInput("a retention policy without a rule removes nothing: write one")

    @property
    def digest(self) -> str:
        """SHA-256 of what it says, which is what a cut is recorded with."""
        return digest(
            canonical(
                [
                    [
                        rule.subjects,
                        rule.records.total_seconds(),
                        None if rule.keys is None else rule.keys.total_seconds(),
                    ]
                    for rule in self.rules
                ]
            )
        )

    def rule_of(self, subject: str) -> Keep | None:
        """The rule that holds for a subject."""
        if subject in _OURS:
            return None
        return next((rule for rule in self.rules if subject.startswith(rule.subjects)), None)


def before(now: datetime, span: timedelta) -> str:
    """The stamp before which what is kept for a span may go; empty if there is no such time."""
    try:
        return stamp(now - span)
    except OverflowError:
        return ""


@dataclass(frozen=True, slots=True)
class Outlined:
    """A record without what it says."""

    position: int
    seq: int
    at: str
    crossing: str
    type: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """What is not at its end about a subject.

    Attributes:
        crossings: Ids of crossings that have not ended, or whose effects are still to come.
        ticket: Whether somebody is asked about it.
        timer: Whether a timer is set for it.
    """

    crossings: Collection[str] = ()
    ticket: bool = False
    timer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What of a chain may go.

    Attributes:
        records: How many from its beginning.
        why: What keeps the next one, though it is old enough; None if nothing but its age.
    """

    records: int = 0
    why: Why | None = None


def removable(chain: Sequence[Outlined], *, before: str, unsettled: Unsettled) -> Decided:
    """How much of the beginning of a chain may go.

    Only records that are older than the rule says, of crossings that ended and are wholly among
    them; nothing that vouches for an event, and nothing while somebody is asked about the subject
    or a timer that it tells of is set.

    Args:
        chain: What is there of it, oldest first.
        before: The stamp that records must be older than.
        unsettled: What is not at its end about the subject.
    """
    old = next((n for n, record in enumerate(chain) if record.at >= before), len(chain))
    if not old:
        return Decided()
    if unsettled.ticket:
        return Decided(why="ticket")
    goes, why = _until_kept(chain, old, unsettled)
    goes = _whole_crossings(chain, goes)
    if goes == 1 and chain[0].type == Cut.type:
        goes = 0  # another cut would only come in its place
    return Decided(records=goes, why=why)


def _until_kept(
    chain: Sequence[Outlined], old: int, unsettled: Unsettled
) -> tuple[int, Why | None]:
    armed = -1
    if unsettled.timer:
        armed = max((n for n, r in enumerate(chain) if r.type == TimerSet.type), default=0)
    for number, record in enumerate(chain[:old]):
        if record.type in _VOUCHING:
            return number, "events"
        if record.crossing in unsettled.crossings:
            return number, "crossing"
        if number == armed:
            return number, "timer"
    return old, None


def _whole_crossings(chain: Sequence[Outlined], goes: int) -> int:
    """The same, or less, so that no crossing is cut in two."""
    last = {record.crossing: number for number, record in enumerate(chain) if record.crossing}
    whole, reaches = 0, -1
    for number, record in enumerate(chain[:goes]):
        reaches = max(reaches, last.get(record.crossing, number))
        if reaches <= number:
            whole = number + 1
    return whole


def _days(span: timedelta) -> str:
    days, rest = divmod(span, timedelta(days=1))
    if rest:
        return f"{span / timedelta(hours=1):g} hours"
    return f"{days} day" if days == 1 else f"{days} days"
