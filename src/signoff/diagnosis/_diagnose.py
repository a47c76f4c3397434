"""Diagnosis: one pass over the ledger, and which signatures were found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from signoff.diagnosis._reading import Feed, Pass
from signoff.diagnosis._signature import Detector, End, Finding, Signature, found, order_of
from signoff.errors import BadInput, UsageError
from signoff.ledger import CONTROLS, Entry, Ledger

#: Told how far the pass has come: the position of the record at hand.
Progress = Callable[[int], None]

#: Records between two tellings.
_STEP = 5000

#: What could not be read is told so often.
_MOST_UNREAD = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A record that could not be read, or that a detector could not make sense of."""

    position: int
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What was found.

    Attributes:
        findings: The gravest first, and among them the most frequent.
        records: Records that were looked at.
        crossings: Crossings among them that were opened.
        first: When the first of the records was written, as text; empty without any.
        last: When the last was.
        unread: Records that could not be read; at most 20 of them.
        unreadable: How many those were.
    """

    findings: tuple[Finding, ...]
    records: int
    crossings: int
    first: str = ""
    last: str = ""
    unread: tuple[Unread, ...] = ()
    unreadable: int = 0

    @property
    def healthy(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


async def diagnose(
    ledger: Ledger,
    *,
    since: str = "",
    run: str = "",
    signatures: Sequence[Signature] | None = None,
    now: str = "",
    progress: Progress = lambda position: None,
) -> Diagnosis:
    """Look for signatures in a ledger, in one pass.

    Memory does not grow with the ledger: it holds what has not ended, and counters.

    Args:
        ledger: What is read.
        since: Look only at records from this instant on (see `signoff.clock.stamp`); crossings
            that were opened before are known all the same, and kills that hold.
        run: Look only at one subject, one crossing with its parts (its id may be shortened), or one
            boundary with its parts: whichever the ledger knows under this name, in this order.
        signatures: What is looked for; by default `SIGNATURES`.
        now: The instant against which ages are taken (see `signoff.clock.stamp`); never before the
            last record, which it is by default.
        progress: Told how far the pass has come.

    Raises:
        BadInput: If the ledger knows nothing named `run`, or the beginning of several crossings.
        UsageError: If two signatures have the same code.
    """
    if signatures is None:
        from signoff.diagnosis._catalogue import SIGNATURES

        signatures = SIGNATURES
    looking = _Looking(signatures, since)
    entries: list[Entry] | None = None
    ambiguous: BadInput | None = None
    try:
        entries = await _chosen(ledger, run) if run else None
    except BadInput as error:
        ambiguous = error  # a boundary may be called `feed`, as may the beginning of ids
    if entries is not None:
        for entry in entries:
            looking.take(entry)
    else:
        only = _Boundary(run) if run else None
        async for entry in ledger.entries():
            if only is None or only.has(entry):
                looking.take(entry)
                if not looking.records % _STEP:
                    progress(entry.position)
        if only is not None and not looking.records_of_crossings:
            told = f"the ledger knows no subject, crossing or boundary named {run!r}"
            raise ambiguous or BadInput(told)
    return looking.finish(now)


class _Looking:
    """The detectors of one diagnosis, and what they are fed."""

    def __init__(self, signatures: Sequence[Signature], since: str) -> None:
        codes = [signature.code for signature in signatures]
        if twice := sorted({code for code in codes if codes.count(code) > 1}):
            raise UsageError(f"two signatures have the code {twice[0]}; give one another")
        self._since = since
        self._detectors: list[tuple[Signature, Detector]] = [
            (signature, signature.detector()) for signature in signatures
        ]
        feeds: dict[str, list[Feed]] = defaultdict(list)
        for _, detector in self._detectors:
            for type in detector.reads:
                feeds[type].append(detector.feed)
        self._pass = Pass(feeds, self._note)
        self._unread: list[Unread] = []
        self._unreadable = 0
        self.records = self.records_of_crossings = 0
        self._first = self._last = ""

    def take(self, entry: Entry) -> None:
        if entry.at < self._since:
            # Kills that were thrown before still hold.
            self._pass.take(entry, quietly=entry.type != "controlchanged")
            return
        self.records += 1
        self.records_of_crossings += entry.subject != CONTROLS
        self._first = self._first or entry.at
        if entry.at > self._last:
            self._last = entry.at
        self._pass.take(entry)

    def _note(self, position: int, because: str) -> None:
        self._unreadable += 1
        if len(self._unread) < _MOST_UNREAD:
            self._unread.append(Unread(position=position, because=because))

    def finish(self, now: str) -> Diagnosis:
        end = End(now=max(now, self._last), open=self._pass.open)
        findings: list[Finding] = []
        for signature, detector in self._detectors:
            detector.finish(end)
            findings.extend(found(signature, detector.tallies))
        return Diagnosis(
            findings=tuple(sorted(findings, key=order_of)),
            records=self.records,
            crossings=self._pass.crossings,
            first=self._first,
            last=self._last,
            unread=tuple(self._unread),
            unreadable=self._unreadable,
        )


async def _chosen(ledger: Ledger, run: str) -> list[Entry] | None:
    """The records of a subject, or of a crossing and its parts, with the kills; None for neither.

    Raises:
        BadInput: If it begins the ids of several crossings.
    """
    chosen = [entry async for entry in ledger.of_subject(run)]
    if not chosen:
        crossing = [entry async for entry in ledger.of_crossing(run)]
        if not crossing:
            return None
        chosen = await _family(ledger.of_subject(crossing[0].subject), crossing[0].crossing)
    if run != CONTROLS:
        chosen.extend([entry async for entry in ledger.of_subject(CONTROLS)])
    return sorted(chosen, key=lambda entry: entry.position)


async def _family(chain: AsyncIterator[Entry], crossing: str) -> list[Entry]:
    """A crossing's records, and those of its parts: they are about the same subject."""
    entries = [entry async for entry in chain]
    family, size = {crossing}, 0
    while len(family) != size:
        size = len(family)
        family.update(
            entry.crossing
            for entry in entries
            if entry.type == "opened" and any(f'"parent":"{id}"' in entry.body for id in family)
        )
    return [entry for entry in entries if entry.crossing in family]


class _Boundary:
    """Which records belong to crossings of one boundary, and to their parts."""

    def __init__(self, name: str) -> None:
        from signoff.ledger import canonical

        self._mark = f'"boundary":{canonical(name)}'
        self._open: set[str] = set()

    def has(self, entry: Entry) -> bool:
        if entry.subject == CONTROLS:
            return True
        if entry.type == "opened" and self._is_ours(entry.body):
            self._open.add(entry.crossing)
        return entry.crossing in self._open

    def _is_ours(self, body: str) -> bool:
        if self._mark in body:
            return True
        _, _, rest = body.partition('"parent":"')
        return bool(rest) and rest.partition('"')[0] in self._open
