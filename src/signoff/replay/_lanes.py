"""Lanes: one question to one proposer, without a commit to call, and what was found."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeAlias, TypeVar, cast

from signoff.boundary import Answer, Proposer, Refused, Subject, Unfinished
from signoff.clock import Clock
from signoff.diagnosis import Trial
from signoff.errors import StorageUnavailable, UsageError
from signoff.ledger import Fingerprint, Usage, digest
from signoff.replay._examination import Examination
from signoff.replay._questions import RecordedQuestion

S = TypeVar("S", bound=Subject)
P = TypeVar("P")

LaneName: TypeAlias = Literal["baseline", "candidate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane(Generic[S, P]):
    """One side of a replay.

    Attributes:
        name: `baseline` or `candidate`.
        proposer: Who is asked.
    """

    name: LaneName
    proposer: Proposer[S, P]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer in a lane.

    Attributes:
        key: Of the question.
        lane: Where.
        trial: What was found.
        fingerprint: Who answered.
        usage: What it cost.
        seconds: How long it took.
        because: What the first objection says, or why there is no answer.
        reused: It was judged by evidence that had been looked up for another proposal.
    """

    key: str
    lane: str
    trial: Trial
    fingerprint: dict[str, Any]
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    because: str = ""
    reused: bool = False


def label_of(fingerprint: Fingerprint) -> str:
    """A proposer's name in a table: model, version, and four digits that tell all else apart."""
    version = f"@{fingerprint.version[:24]}" if fingerprint.version else ""
    return f"{fingerprint.model}{version} #{digest(fingerprint.body())[:4]}"


def fingerprint_of(body: Mapping[str, Any]) -> Fingerprint:
    """The fingerprint on a record, whatever version wrote it."""
    settings = cast("object", body.get("settings"))
    return Fingerprint(
        model=str(body.get("model", "unknown")),
        version=str(body.get("version", "")),
        prompt=str(body.get("prompt", "")),
        tools=str(body.get("tools", "")),
        settings=cast("dict[str, Any]", settings) if isinstance(settings, dict) else {},
    )


async def ask_once(
    examination: Examination[S, P],
    lane: Lane[S, P],
    question: RecordedQuestion[S],
    number: int,
    *,
    timeout: float | None = 60.0,
    look_up: bool = False,
    clock: Clock,
) -> Reply:
    """Ask one question once, and judge the answer.

    A refusal is an answer, and no proposal. A timeout and a failure are none: nobody knows what
    would have been said.

    Raises:
        UsageError: The proposer is wrongly used or not installed.
    """
    began = clock.elapsed()
    fingerprint = lane.proposer.fingerprint
    common: dict[str, Any] = {
        "input": question.key,
        "number": number,
        "group": examination.name,
        "at": question.at,
    }

    def reply(trial: Trial, **more: Any) -> Reply:
        return Reply(
            key=question.key,
            lane=lane.name,
            trial=trial,
            fingerprint=fingerprint.body(),
            seconds=round(clock.elapsed() - began, 6),
            **more,
        )

    try:
        async with asyncio.timeout(timeout):
            asked = question.question(examination.schema, lane=lane.name, number=number)
            said = await lane.proposer(asked)
    except (UsageError, StorageUnavailable):
        raise
    except Refused as refusal:
        words = str(refusal)[:240]
        trial = Trial(
            **common,
            model=label_of(fingerprint),
            ok=False,
            proposal=digest({"refused": True}),
            verdict="no_proposal" if refusal.code == "no_proposal" else refusal.code,
            shown=words,
        )
        return reply(trial, usage=refusal.usage, because=words)
    except TimeoutError as error:
        why = f"timeout: {str(error)[:280] or 'no answer in time'}"
        return reply(Trial(**common, model=label_of(fingerprint), error=why), because=why)
    except Exception as error:  # whatever a provider raises is its failure, not ours
        what = "waits for others" if isinstance(error, Unfinished) else str(error)
        why = f"{type(error).__name__}: {what}"[:300]
        return reply(Trial(**common, model=label_of(fingerprint), error=why), because=why)
    # A proposer that nobody checked may answer with what it proposes.
    answer = said if isinstance(said, Answer) else Answer(content=said)  # pyright: ignore[reportUnnecessaryIsInstance]
    fingerprint = answer.fingerprint or fingerprint
    found = await examination.find(answer, question, look_up=look_up)
    trial = Trial(
        **common,
        model=label_of(fingerprint),
        ok=found.ok,
        proposal=found.proposal,
        verdict=found.verdict,
        effect=found.effect,
        shown=found.shown,
    )
    because = f"{found.by}: {found.because}" if found.because else ""
    return reply(trial, usage=answer.usage, because=because, reused=found.reused)
