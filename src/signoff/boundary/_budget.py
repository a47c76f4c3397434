"""The finite budget of one crossing."""

from __future__ import annotations

from dataclasses import dataclass

from signoff.errors import UsageError
from signoff.ledger import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one crossing may use before it is rejected with `ended="budget"`.

    Attributes:
        attempts: How often the proposer is asked.
        tokens: In and out together, over all attempts; None for no bound.
        usd: Cost in US dollars over all attempts; None for no bound.
        seconds: Wall time over all attempts of one run, waiting for the proposer and evidence
            included; an answer that is late does not count. None for no bound.
    """

    attempts: int = 3
    tokens: int | None = None
    usd: float | None = None
    seconds: float | None = 120.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise UsageError(f"a budget of {self.attempts} attempts never asks; give at least 1")
        for name in ("tokens", "usd", "seconds"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UsageError(f"a budget of {value} {name} is spent before it begins")

    def spent(self, *, attempts: int, usage: Usage, seconds: float) -> str:
        """Which bound was reached, in words; empty while another attempt is allowed."""
        if attempts >= self.attempts:
            return f"{attempts} of {self.attempts} attempts"
        tokens = usage.tokens_in + usage.tokens_out
        if self.tokens is not None and tokens >= self.tokens:
            return f"{tokens} of {self.tokens} tokens"
        if self.usd is not None and usage.usd >= self.usd:
            return f"{usage.usd:.4f} of {self.usd:.4f} US dollars"
        if self.seconds is not None and seconds >= self.seconds:
            return f"{seconds:.1f} of {self.seconds:.1f} seconds"
        return ""
