"""One recorded answer to one input: what every statistic here is computed from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One answer to one input, wherever it was recorded.

    Attributes:
        input: Which question it answers; equal inputs are the same question.
        model: Who answered: the label of a fingerprint, or a corpus's own name for it.
        number: Which of several answers by the same model to the same input, from 1.
        ok: Whether it was accepted; None if nobody knows.
        proposal: Digest of what was proposed; empty if it is not on record.
        verdict: `accepted`, or the code of the first objection; empty if it is not on record.
        effect: Digest of what would be, or was, done; empty if nothing was, or nobody knows.
        group: What it counts for: a boundary, a service, a category.
        at: When, as text (see `signoff.clock.stamp`); empty if it is not on record.
        error: Why there is no answer: a provider's or a harness's words; empty otherwise.
        shown: A short text of what was proposed, for examples.
    """

    input: str
    model: str
    number: int = 1
    ok: bool | None = None
    proposal: str = ""
    verdict: str = ""
    effect: str = ""
    group: str = ""
    at: str = ""
    error: str = ""
    shown: str = ""
