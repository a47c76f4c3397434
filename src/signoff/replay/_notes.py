"""What to know before relying on a replay, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from signoff.boundary import Proposer
from signoff.replay._examination import Examination
from signoff.replay._lanes import Reply
from signoff.replay._questions import Questions


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The answers of either lane, and those on record, by question and number."""

    recorded: Sequence[Reply]
    baseline: Sequence[Reply]
    candidate: Sequence[Reply]


def notes_of(
    examination: Examination[Any, Any],
    questions: Questions[Any],
    sides: Sides,
    baseline: Proposer[Any, Any] | Literal["recorded"],
    *,
    look_up: bool,
) -> tuple[str, ...]:
    """What to know before relying on a replay."""
    return (
        *_about_questions(questions),
        *_about_judging(examination, questions, sides, look_up=look_up),
        *_about_lanes(questions, sides, baseline),
    )


def _about_questions(questions: Questions[Any]) -> Iterator[str]:
    if questions.misfits:
        first = questions.misfits[0]
        yield (
            f"misfit: {len(questions.misfits)} recorded questions do not fit the types of now and "
            f"were not asked, such as {first.crossing}: {first.problem}"
        )
    if questions.redacted:
        where = next(iter(questions.redacted.values()))
        yield (
            f"redacted: something was taken out of {len(questions.redacted)} questions before they "
            f"were recorded, such as {where}; the answers are about what was left"
        )
    if questions.without_evidence:
        yield (
            f"{questions.without_evidence} questions have no evidence on record and were not "
            "asked; look_up asks for it anew"
        )
    if questions.by_person:
        yield f"{questions.by_person} answers on record are a person's, and were not asked again"


def _about_judging(
    examination: Examination[Any, Any],
    questions: Questions[Any],
    sides: Sides,
    *,
    look_up: bool,
) -> Iterator[str]:
    reused = sum(reply.reused for reply in (*sides.baseline, *sides.candidate))
    if reused:
        yield (
            f"evidence_reused: {reused} answers were judged by evidence that had been looked up "
            "for another proposal; look_up asks for it anew"
        )
    if look_up and examination.lookups:
        yield "evidence was looked up anew: it is that of now, not that of then"
    if examination.unjudged:
        yield f"not judged by {', '.join(examination.unjudged)}: only a transaction can ask it"
    otherwise = sum(
        _verdict_then(question.verdict) != _verdict_then(reply.trial.verdict)
        for question, reply in zip(questions.asked, sides.recorded, strict=True)
        if question.verdict and not reply.trial.error
    )
    if otherwise:
        yield (
            f"{otherwise} recorded answers would be judged otherwise today: verifiers or policies "
            "have changed since, or a person set an objection aside"
        )


def _verdict_then(verdict: str) -> bool:
    """Whether it passed the verifiers and gates; that a person was asked says that it did."""
    return verdict in ("accepted", "asks_person")


def _about_lanes(
    questions: Questions[Any], sides: Sides, baseline: Proposer[Any, Any] | Literal["recorded"]
) -> Iterator[str]:
    if not isinstance(baseline, str):
        now = _without_version(baseline.fingerprint.body())
        if all(_without_version(question.fingerprint) != now for question in questions.asked):
            then = Counter(reply.trial.model for reply in sides.recorded)
            whom = ", ".join(f"{label} ({number})" for label, number in then.most_common(3))
            yield f"the answers on record are by {whom}, not by the baseline"
    for name, lane in (("baseline", sides.baseline), ("candidate", sides.candidate)):
        served = sorted({reply.trial.model for reply in lane})
        if len(served) > 1:
            yield f"the {name} was answered by several: {', '.join(served[:4])}"


def _without_version(fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fingerprint.items() if name != "version"}
