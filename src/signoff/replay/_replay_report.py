"""What came of a replay: the decision, what it rests on, and what could not be told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from signoff.boundary import Proposer
from signoff.replay import _report
from signoff.replay._compared import Comparison, Decision, Kind
from signoff.replay._lanes import Reply, label_of

#: Kinds of inputs on which the lanes differ by more than either does by itself, the gravest first.
_DIVERGENT: tuple[Kind, ...] = ("effect", "verdict", "proposal")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneFacts:
    """Who answered in a lane, and what it took.

    Attributes:
        label: Who was asked.
        fingerprint: The same, in full; empty for what is on record.
        served: Labels of those who answered, sorted.
        answers: How many there are.
        failures: How many questions got none.
        tokens: In and out together.
        usd: US dollars, as far as prices are known.
        seconds: That answers took, one after the other.
    """

    label: str
    fingerprint: Mapping[str, Any]
    served: tuple[str, ...]
    answers: int
    failures: int
    tokens: int
    usd: float
    seconds: float

    @classmethod
    def of(
        cls, proposer: Proposer[Any, Any] | Literal["recorded"], replies: Sequence[Reply]
    ) -> LaneFacts:
        """Count replies."""
        asked = None if isinstance(proposer, str) else proposer.fingerprint
        failures = sum(bool(reply.trial.error) for reply in replies)
        return cls(
            label="on record" if asked is None else label_of(asked),
            fingerprint={} if asked is None else asked.body(),
            served=tuple(sorted({reply.trial.model for reply in replies})),
            answers=len(replies) - failures,
            failures=failures,
            tokens=sum(reply.usage.tokens_in + reply.usage.tokens_out for reply in replies),
            usd=sum(reply.usage.usd for reply in replies),
            seconds=round(sum(reply.seconds for reply in replies), 3),
        )

    def body(self) -> dict[str, Any]:
        """JSON-ready."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return fields | {"fingerprint": dict(self.fingerprint), "served": list(self.served)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """A question that the candidate answers differently, by more than either lane varies.

    Attributes:
        question: Its key; the crossing's id, and `/attempt` after the first.
        kind: `effect`, `verdict` or `proposal`, the gravest level at which they differ.
        recorded: What the baseline says most often.
        replayed: What the candidate says most often.
        because: What the first objection to the candidate says; empty if there is none.
    """

    question: str
    kind: Kind
    recorded: str
    replayed: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """What came of a replay.

    Attributes:
        boundary: Whose questions were asked.
        since: Crossings were opened then or later; empty for ever.
        until: They were opened before.
        questions: How many were asked.
        found: How many there were before a sample was taken.
        n: Answers wanted to each, in each lane.
        baseline: Who answered there, and what it took.
        candidate: The same of the candidate.
        comparison: What the answers say: decision, intervals, examples.
        stopped: Why not everything was asked; empty if it was.
        notes: What to know before relying on it.
        replies: Every answer, the baseline's first.
    """

    boundary: str
    since: str
    until: str
    questions: int
    found: int
    n: int
    baseline: LaneFacts
    candidate: LaneFacts
    comparison: Comparison
    stopped: tuple[str, ...]
    notes: tuple[str, ...]
    replies: tuple[Reply, ...]

    @property
    def decision(self) -> Decision:
        """`SHIP`, `HOLD` or `REVIEW`."""
        return self.comparison.decision

    @property
    def status(self) -> int:
        """Exit status for a pipeline: 0 `SHIP`, 1 `HOLD`, 3 `REVIEW`."""
        return self.comparison.status

    @property
    def partial(self) -> bool:
        """Whether some answers that were wanted are missing."""
        return bool(self.stopped or self.baseline.failures or self.candidate.failures)

    @property
    def usd(self) -> float:
        """What all answers cost, in US dollars, as far as prices are known."""
        return self.baseline.usd + self.candidate.usd

    @property
    def divergences(self) -> tuple[Divergence, ...]:
        """Questions that the candidate answers differently, the gravest first."""
        by_question: dict[tuple[str, str], list[Reply]] = {}
        for reply in self.replies:
            by_question.setdefault((reply.key, reply.lane), []).append(reply)
        found = [each for each in self.comparison.inputs if each.kind in _DIVERGENT]
        found.sort(key=lambda each: _DIVERGENT.index(each.kind))
        divergences: list[Divergence] = []
        for each in found:
            replies = by_question.get((each.input, "candidate"), [])
            recorded, _ = _usual(by_question.get((each.input, "baseline"), []))
            replayed, because = _usual(replies)
            divergences.append(
                Divergence(
                    question=each.input,
                    kind=each.kind,
                    recorded=recorded,
                    replayed=replayed,
                    because=because,
                )
            )
        return tuple(divergences)

    def about(self) -> dict[str, str | int | float]:
        """Where it comes from and what it took, JSON-ready."""
        return {
            "boundary": self.boundary,
            "since": self.since or "ever",
            "until": self.until,
            "questions": self.questions,
            "found": self.found,
            "answers_wanted": self.n,
            "answers": self.baseline.answers + self.candidate.answers,
            "baseline": self.baseline.label,
            "candidate": self.candidate.label,
            "usd": round(self.usd, 6),
            "tokens": self.baseline.tokens + self.candidate.tokens,
            "partial": self.partial,
            "notes": "; ".join(self.notes),
        }

    def as_json(self) -> dict[str, Any]:
        """For programs: the comparison, and under `about` and `lanes` what it comes from."""
        document = _report.as_json(self.comparison, **(self.about() | {"notes": list(self.notes)}))
        document["stopped"] = list(self.stopped)
        document["lanes"] = {"baseline": self.baseline.body(), "candidate": self.candidate.body()}
        document["divergences"] = [
            {name: getattr(each, name) for name in Divergence.__slots__}
            for each in self.divergences
        ]
        return document

    def as_markdown(self) -> str:
        """A page for people."""
        return _report.as_markdown(self.comparison, **self.about())

    def as_junit(self) -> str:
        """JUnit XML, for a pipeline that shows test results."""
        return _report.as_junit(self.comparison, **self.about())

    def __str__(self) -> str:
        kinds = self.comparison.kinds
        diverging = sum(kinds.get(kind, 0) for kind in _DIVERGENT)
        said = [f"{kinds.get('same', 0)} agree", f"{diverging} diverge"]
        if varying := kinds.get("variance", 0):
            said.insert(1, f"{varying} vary")
        if alone := kinds.get("alone", 0):
            said.append(f"{alone} not compared")
        partial = ", partial" if self.partial else ""
        return (
            f"{self.decision}: {self.comparison.reasons[0]}\n"
            f"{self.questions} replayed{partial}, {', '.join(said)}"
        )


def _usual(replies: Sequence[Reply]) -> tuple[str, str]:
    """The most frequent answer, as `verdict: proposal`, and the objection to it."""
    said = Counter(
        (f"{reply.trial.verdict or 'no answer'}: {reply.trial.shown}".rstrip(": "), reply.because)
        for reply in replies
    )
    return said.most_common(1)[0][0] if said else ("no answer", "")
