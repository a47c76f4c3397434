"""Signatures of the boundary itself: verifiers, rejections, retries, effects in doubt."""

from __future__ import annotations

from signoff.diagnosis._parts import steps_of
from signoff.diagnosis._reading import Reading, between, fields
from signoff.diagnosis._signature import Detector, End, Signature

#: Proposals in one crossing from which on retries count as unbounded.
MANY_ATTEMPTS = 10

#: Rejected crossings in a row, about one subject at one boundary, and seconds between two of them.
MANY_CROSSINGS, SOON = 5, 3600.0

#: Rows of rejected crossings that are remembered; the oldest are forgotten.
MOST_ROWS = 50_000

#: Seconds after which an effect in doubt counts as stuck.
STUCK = 600.0


class NoVerifier(Detector):
    """Counts effects that were intended at boundaries without a verifier or a gate."""

    reads = ("intended",)

    def feed(self, reading: Reading) -> None:
        trail = reading.trail
        if trail is None or trail.model == "saga":  # the step of a saga: nobody was asked
            return
        tally = self.at(trail.boundary)
        tally.of += 1
        gated = any(str(label).startswith("gate:") for label in trail.opened.get("controls", ()))
        if not gated and not trail.opened.get("verifiers"):
            tally.hit(reading)


class WeakPredicate(Detector):
    """Counts what verifiers accepted, and a person denied or rewrote, or a saga took back."""

    reads = ("resumed", "committed", "rejected")

    def feed(self, reading: Reading) -> None:
        trail = reading.trail
        if trail is None:
            return
        if reading.type == "resumed":
            answer = reading.body.get("answer")
            if trail.accepted and answer in ("approved", "edited", "denied"):
                tally = self.at(trail.boundary)
                tally.of += 1
                if answer != "approved":
                    tally.hit(reading)
            return
        if not trail.parts:
            return
        steps = steps_of(trail)
        # What another system refused, no predicate could have known.
        refused = any(s.failed and s.forward[-1].ended == "effect" for s in steps.values())
        for step in steps.values():
            for part in step.forward:
                if part.status == "committed" and part.opened.get("verifiers"):
                    tally = self.at(part.boundary)
                    tally.of += 1
                    if step.undone and not refused:
                        tally.hit(part)


class Swallowed(Detector):
    """Counts proposals that came again, unchanged, after the same objections."""

    reads = ("judged",)

    def feed(self, reading: Reading) -> None:
        trail = reading.trail
        if trail is None or reading.body.get("ticket"):
            return
        before = trail.memory.get(self)
        if before is not None and before[0] < trail.attempt:
            tally = self.at(trail.boundary)
            tally.of += 1
            codes = _codes(reading)
            if codes and before[1:] == (codes, trail.proposal) and trail.proposal is not None:
                tally.hit(reading)
                tally.told = f"again after {', '.join(sorted(codes))}"
        if reading.body.get("accepted") is True:
            trail.memory.pop(self, None)
        else:
            trail.memory[self] = (trail.attempt, _codes(reading), trail.proposal)


def _codes(reading: Reading) -> frozenset[str]:
    rejections = reading.body.get("rejections", ())
    return frozenset(str(r.get("code", "")) for r in rejections) - {"no_progress"}


class Unbounded(Detector):
    """Looks for crossings of many attempts, and for many rejected crossings in a row."""

    reads = ("committed", "rejected")

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[tuple[str, str], tuple[int, str]] = {}

    def feed(self, reading: Reading) -> None:
        trail = reading.trail
        if trail is None:
            return
        tally = self.at(trail.boundary)
        tally.of += 1
        if trail.asked >= MANY_ATTEMPTS:
            tally.hit(reading)
            tally.told = f"{trail.asked} attempts in one crossing"
        if trail.parent:
            return
        row = (trail.boundary, trail.subject)
        number, last = self._rows.pop(row, (0, ""))
        if reading.type == "committed":
            return
        if last and between(last, trail.at) > SOON:
            number = 0
        number += 1
        self._rows[row] = (number, reading.entry.at)
        if len(self._rows) > MOST_ROWS:
            del self._rows[next(iter(self._rows))]
        if number == MANY_CROSSINGS:
            tally.hit(reading)
            tally.told = f"{number} rejected crossings in a row about one subject"


class PhantomSuccess(Detector):
    """Counts closing messages that claim what the ledger does not bear out."""

    reads = ("said",)

    def feed(self, reading: Reading) -> None:
        for phantom in reading.body.get("phantoms", ()):
            told = fields(phantom)
            tally = self.at(str(told.get("claimed", "")))
            tally.hit(reading)
            tally.told = f"said {str(told.get('words', ''))[:80]!r}, was {told.get('status', '')}"


class StuckUnknown(Detector):
    """Looks for effects of which nobody knows, at the end, whether they happened."""

    reads = ("unknown", "reconciled", "delivered", "committed", "rejected")

    def __init__(self) -> None:
        super().__init__()
        self._doubts: dict[str, dict[str, Reading]] = {}

    def feed(self, reading: Reading) -> None:
        doubts = self._doubts
        crossing, key = reading.entry.crossing, str(reading.body.get("key", ""))
        if reading.type == "unknown":
            self.at(str(reading.body.get("effect", ""))).of += 1
            doubts.setdefault(crossing, {})[key] = reading
        elif doubts and crossing in doubts:
            if reading.type in ("committed", "rejected"):
                key = "" if reading.trail is None else reading.trail.key
            doubts[crossing].pop(key, None)
            if not doubts[crossing]:
                del doubts[crossing]

    def finish(self, end: End) -> None:
        for doubts in self._doubts.values():
            for reading in doubts.values():
                age = between(reading.entry.at, end.now)
                if age >= STUCK:
                    tally = self.at(str(reading.body.get("effect", "")))
                    tally.hit(reading)
                    tally.told = f"the oldest since {tally.evidence and reading.entry.at[:19]}"


SIGNATURES = (
    Signature(
        code="SDB-no-verifier",
        pattern="SDB",
        title="missing verifier",
        evidence="effects intended at boundaries that name no verifier and no gate",
        cause="what the model says is done outside, and only its form is checked",
        corrections=(
            "add a verifier: a plain function of the proposal and the subject",
            "put the boundary behind a gate with a policy",
            "make the effect transactional, or hold it for an approval, until there is a rule",
        ),
        detector=NoVerifier,
        severity="critical",
    ),
    Signature(
        code="SDB-phantom",
        pattern="SDB",
        title="phantom success",
        evidence="`said` records: a message's claims against what had been committed by then",
        cause="the model tells of what it proposed, not of what happened",
        corrections=(
            "write the message from the outcome, or show the model the outcome first",
            "give it the wire shape of a rejection: none reads like a success",
            "make the message a boundary of its own, with the claims as its verifier",
        ),
        detector=PhantomSuccess,
        severity="critical",
    ),
    Signature(
        code="SDB-unknown",
        pattern="SDB",
        title="stuck Unknown",
        evidence=f"effects in doubt for {STUCK / 60:.0f} minutes or more, with nothing after",
        cause="the other system cannot be asked, or nobody looked",
        corrections=(
            "ask the other system, and say what became of it: `Runtime.resolve`",
            "give the effect a reconcile= probe",
            "hand the key to the other system, and declare the effect idempotent",
        ),
        detector=StuckUnknown,
        severity="critical",
    ),
    Signature(
        code="SDB-weak-predicate",
        pattern="SDB",
        title="weak predicate",
        evidence="proposals that verifiers accepted, and a person denied or edited, or that a saga "
        "took back because a later step was rejected",
        cause="the verifiers do not check what people object to",
        corrections=(
            "read the reasons of the answers; the most frequent one is the missing rule",
            "tighten the rule, and replay it over what was recorded: `signoff policy replay`",
        ),
        minimum_evidence=3,
        detector=WeakPredicate,
        tolerance=0.1,
    ),
    Signature(
        code="SDB-unbounded",
        pattern="SDB",
        title="unbounded retries",
        evidence=f"crossings of {MANY_ATTEMPTS} attempts or more; {MANY_CROSSINGS} rejected "
        "crossings in a row about one subject, each within an hour of the last",
        cause="a loop around the boundary undoes its budget, or the budget is none",
        corrections=(
            "run the same key again instead of a new one: it answers what was recorded",
            "let the rejection stop or escalate where asking again does not help",
            "lower the budget: what three attempts do not settle, ten rarely do",
        ),
        detector=Unbounded,
    ),
    Signature(
        code="SDB-swallowed",
        pattern="SDB",
        title="swallowed rejection",
        evidence="attempts after an objection: the same proposal and the same objections again",
        cause="the objection does not reach the model, or does not say what to change",
        corrections=(
            "show the model the question's feedback",
            "say in the rejection's message what would pass, and give its path",
            "let it stop instead of revise where the model cannot mend it",
        ),
        minimum_evidence=3,
        detector=Swallowed,
        severity="minor",
        tolerance=0.05,
    ),
)
