"""The ways in which a simulated model fails, and how often."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, fields
from itertools import accumulate
from typing import Literal, get_args

from signoff.errors import UsageError

Failure = Literal[
    "malformed",
    "wrong_type",
    "unknown_field",
    "exaggerated",
    "wrong_subject",
    "repeated",
    "prose",
    "slow",
    "timeout",
    "refusal",
]

_FAILURES: tuple[Failure, ...] = get_args(Failure)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How often each failure happens, as a share of all answers.

    Attributes:
        malformed: The JSON is cut off.
        wrong_type: A number in words, or a value wrapped in an object.
        unknown_field: A field under another name.
        exaggerated: Well-formed and out of bounds: the 90 % discount.
        wrong_subject: Well-formed and about somebody else.
        repeated: The previous answer once more, whatever was said against it.
        prose: A good answer inside prose and a code fence.
        slow: A good answer, late.
        timeout: No answer in time.
        refusal: The model declines.
    """

    malformed: float = 0.0
    wrong_type: float = 0.0
    unknown_field: float = 0.0
    exaggerated: float = 0.0
    wrong_subject: float = 0.0
    repeated: float = 0.0
    prose: float = 0.0
    slow: float = 0.0
    timeout: float = 0.0
    refusal: float = 0.0
    _bounds: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rates = [getattr(self, name) for name in _FAILURES]
        for name, rate in zip(_FAILURES, rates, strict=True):
            if not 0 <= rate <= 1:
                raise UsageError(f"Rates({name}={rate}) is not a share. Give 0 to 1.")
        # A tenth ten times is a little more than one.
        if sum(rates) > 1 + 1e-9:
            raise UsageError(f"The rates add up to {sum(rates):.3f}. Give 1 at most.")
        object.__setattr__(self, "_bounds", tuple(accumulate(rates)))

    @classmethod
    def evenly(cls, total: float) -> Rates:
        """Every failure equally often, `total` together."""
        return cls(**{name: total / len(_FAILURES) for name in _FAILURES})

    def at(self, luck: float) -> Failure | None:
        """The failure at a point between 0 and 1, or None beyond all of them."""
        index = bisect_right(self._bounds, luck)
        return _FAILURES[index] if index < len(_FAILURES) else None

    def body(self) -> dict[str, float]:
        """The rates above zero, by name."""
        return {f.name: rate for f in fields(self) if f.init and (rate := getattr(self, f.name))}
