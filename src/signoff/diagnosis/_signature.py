"""What a signature is: a pattern of failure, how it is recognised, and what corrects it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from signoff.diagnosis._reading import Reading, Trail
from signoff.errors import UsageError
from signoff.statistics import Interval, clopper_pearson

#: How bad it is: something wrong was done; work or trust is lost; worth knowing.
Severity: TypeAlias = Literal["critical", "serious", "minor"]

#: Each occurrence is what the records say, or it is inferred from rates, times or shapes.
Strength: TypeAlias = Literal["proved", "inferred"]

#: Of the intervals that decide whether a rate is above what is still healthy.
CONFIDENCE = 0.99

#: Occurrences that a finding names.
MOST_EVIDENCE = 20

#: Places (boundaries, machines) that one detector tells apart; what comes later is told together.
MOST_PLACES = 1000

_OTHERS = "(others)"
_SEVERITIES: tuple[Severity, ...] = ("critical", "serious", "minor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One occurrence, where it stands on the ledger.

    Attributes:
        position: Of the record that shows it.
        subject: Whose chain it is in.
        crossing: Id of the crossing; empty for a record of the spine alone.
    """

    position: int
    subject: str
    crossing: str = ""


class Tally:
    """What a detector counts at one place.

    Attributes:
        of: How often it could have occurred.
        count: How often it did.
        evidence: The first occurrences.
        told: What else there is to say, in one sentence.
        tolerance: The rate that is still healthy here; None for the signature's.
        interval: Of the rate, if it is not that of `count` of `of`.
    """

    __slots__ = ("count", "evidence", "interval", "of", "told", "tolerance")

    def __init__(self) -> None:
        self.of = self.count = 0
        self.evidence: list[Evidence] = []
        self.told = ""
        self.tolerance: float | None = None
        self.interval: Interval | None = None

    def hit(self, found: Reading | Trail) -> None:
        """Count an occurrence; `of` is counted apart."""
        self.count += 1
        if len(self.evidence) >= MOST_EVIDENCE:
            return
        if isinstance(found, Trail):
            crossing, position = found.id, found.position
        else:
            crossing, position = found.entry.crossing, found.entry.position
        subject = found.subject if isinstance(found, Trail) else found.entry.subject
        self.evidence.append(Evidence(position=position, subject=subject, crossing=crossing))


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Where the pass ended.

    Attributes:
        now: What time it is taken to be, as text; at least that of the last record.
        open: The crossings that have not ended, by id.
    """

    now: str
    open: Mapping[str, Trail]


class Detector:
    """Recognises one signature in one pass: derive from it, say what it reads, and count.

    All detectors share the pass. What one remembers must not grow with the ledger: keep what
    belongs to a crossing in `reading.trail.memory`, which is gone when the crossing ends, and
    everything else in tallies.
    """

    #: Types of the records that it is shown.
    reads: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.tallies: dict[str, Tally] = {}

    def at(self, where: str) -> Tally:
        """The tally of one place: a boundary, a machine, a piece of work."""
        tally = self.tallies.get(where)
        if tally is None:
            if len(self.tallies) >= MOST_PLACES:
                where = _OTHERS
            tally = self.tallies.setdefault(where, Tally())
        return tally

    def feed(self, reading: Reading) -> None:
        """Take the next record of the types that it reads, in order of position."""
        raise NotImplementedError

    def finish(self, end: End) -> None:
        """Count what shows only at the end; all records were fed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A recognisable failure pattern.

    It is found at a place when it occurred at least `minimum_evidence` times, and its rate is above
    `tolerance` even at the lower end of a 99 % Clopper-Pearson interval (Clopper & Pearson 1934).

    Attributes:
        code: Names it, such as `P6-deadlines`.
        pattern: `P1` to `P6`, or `SDB` for the boundary itself.
        title: What is wrong, in a few words.
        evidence: What the detector looks at.
        cause: What is likely behind it.
        corrections: What to do, the cheapest first.
        minimum_evidence: Occurrences below which nothing is said.
        detector: Makes the detector for one pass.
        severity: How bad it is.
        tolerance: The rate that is still healthy.
        strength: Whether each occurrence is proved by the records, or inferred.
    """

    code: str
    pattern: str
    title: str
    evidence: str
    cause: str
    corrections: tuple[str, ...]
    minimum_evidence: int = 1
    detector: Callable[[], Detector]
    severity: Severity = "serious"
    tolerance: float = 0.0
    strength: Strength = "proved"

    def __post_init__(self) -> None:
        if not self.code or not self.corrections:
            raise UsageError("a signature needs a code, and at least one correction")
        if self.minimum_evidence < 1 or not 0 <= self.tolerance < 1:
            raise UsageError(
                f"signature {self.code}: say minimum_evidence >= 1 and 0 <= tolerance < 1"
            )
        if self.severity not in _SEVERITIES:
            raise UsageError(f"signature {self.code}: say critical, serious or minor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A signature that was found at one place.

    Attributes:
        signature: Which.
        where: The boundary, machine or piece of work.
        count: How often it occurred.
        of: How often it could have; 0 if that is not known.
        interval: Of the rate, with 99 % confidence; None without a rate. For a drop, of the drop.
        evidence: The first occurrences.
        told: What else there is to say.
    """

    signature: Signature
    where: str
    count: int
    of: int
    interval: Interval | None
    evidence: tuple[Evidence, ...]
    told: str = ""

    @property
    def rate(self) -> float | None:
        """How often it occurred of how often it could have."""
        return self.count / self.of if self.of else None

    @property
    def cause(self) -> str:
        """What is likely behind it."""
        return self.signature.cause

    @property
    def corrections(self) -> tuple[str, ...]:
        """What to do, the cheapest first."""
        return self.signature.corrections

    @property
    def strength(self) -> Strength:
        """Whether each occurrence is proved by the records, or inferred."""
        return self.signature.strength


def found(signature: Signature, tallies: Mapping[str, Tally]) -> Iterable[Finding]:
    """The findings of one signature."""
    for where, tally in tallies.items():
        if tally.count < signature.minimum_evidence:
            continue
        tolerance = signature.tolerance if tally.tolerance is None else tally.tolerance
        interval = tally.interval
        if interval is None and tally.of:
            if tally.count <= tolerance * tally.of:
                continue  # an interval holds its own rate
            interval = clopper_pearson(min(tally.count, tally.of), tally.of, confidence=CONFIDENCE)
        if tolerance and (interval is None or interval.low <= tolerance):
            continue
        yield Finding(
            signature=signature,
            where=where,
            count=tally.count,
            of=tally.of,
            interval=interval,
            evidence=tuple(tally.evidence),
            told=tally.told,
        )


def order_of(finding: Finding) -> tuple[int, int, str, str]:
    """The gravest first, and among them the most frequent."""
    grave = _SEVERITIES.index(finding.signature.severity)
    return grave, -finding.count, finding.signature.code, finding.where
