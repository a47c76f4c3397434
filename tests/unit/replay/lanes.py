"""Lanes of trials whose truth is known."""

from __future__ import annotations

import random
from collections.abc import Sequence

from signoff.diagnosis import Trial


def trial(
    input: object = "q",
    said: str = "",
    *,
    ok: bool | None = True,
    number: int = 1,
    model: str = "m",
    effect: str = "",
    verdict: str = "",
    group: str = "",
    error: str = "",
) -> Trial:
    return Trial(
        input=str(input),
        model=model,
        number=number,
        ok=ok,
        proposal=said,
        verdict=verdict,
        effect=effect,
        group=group,
        error=error,
        shown=said,
    )


def lane(answers: Sequence[Sequence[str]], **same: object) -> list[Trial]:
    """One input per inner sequence, one trial per answer."""
    return [
        trial(input, said, number=number, **same)  # type: ignore[arg-type]
        for input, each in enumerate(answers)
        for number, said in enumerate(each, 1)
    ]


def accepted(rates: Sequence[float], times: int, chance: random.Random) -> list[Trial]:
    """Trials that are accepted at each input's own rate."""
    return [
        trial(input, ok=chance.random() < rate, number=number)
        for input, rate in enumerate(rates)
        for number in range(1, times + 1)
    ]
