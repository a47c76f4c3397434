"""What a replay has cost, and whether it may go on."""

from __future__ import annotations

from signoff.replay._lanes import Reply


class Spending:
    """Counts dollars against a bound.

    Args:
        most: US dollars; None for any sum.
    """

    def __init__(self, most: float | None) -> None:
        self._most = most
        self._dearest = 0.0
        self._unpriced = ""
        self.usd = 0.0

    def add(self, reply: Reply) -> None:
        """Count one reply."""
        self.usd += reply.usage.usd
        self._dearest = max(self._dearest, reply.usage.usd)
        model = str(reply.fingerprint.get("model", ""))
        tokens = reply.usage.tokens_in + reply.usage.tokens_out
        # A model on this machine costs nothing; of any other, no price means an unknown one.
        if tokens and not reply.usage.usd and not model.startswith("local:"):
            self._unpriced = model

    def why_not(self, out: int) -> str:
        """Why nothing more may be asked while `out` questions are out; empty if it may."""
        if self._most is None:
            return ""
        if self._unpriced:
            return f"no price is known for {self._unpriced}, so a bound in dollars cannot be kept"
        if self.usd + self._dearest * (out + 1) > self._most:
            return f"the budget of ${self._most:g} does not pay for another answer"
        return ""
