"""What goes wrong between a caller and a service, on purpose."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, TypeAlias

from signoff.errors import UsageError

Fault: TypeAlias = Literal["timeout_before", "timeout_after", "error_after", "slow", "locked"]


class ServiceTimeout(TimeoutError):
    """No answer came: the caller cannot know whether the request took effect."""


class ServiceError(Exception):
    """The service answered with an error.

    Below 500 nothing took effect, and asking again will not help; from 500 on it may have.
    """

    def __init__(self, status: int, message: str) -> None:
        """Keep the HTTP status and the message."""
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The share of requests that go wrong, by how; drawn from the seed, never from the clock.

    A retry is a new draw, so that no request is doomed. For a request with a key the draw depends
    on the key and the try alone: the same work meets the same faults in whatever order it runs.

    Attributes:
        timeout_before: The request is lost: no effect, no answer.
        timeout_after: The effect happened, the answer is lost.
        error_after: The effect happened, the answer is a 500.
        slow: The answer comes, `delay` seconds late.
        locked: The record is locked: the request is refused with a 423, and there is no effect.
        delay: How late a slow answer is, in seconds.
        seed: Another seed, other requests.
    """

    timeout_before: float = 0.0
    timeout_after: float = 0.0
    error_after: float = 0.0
    slow: float = 0.0
    locked: float = 0.0
    delay: float = 0.005
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse shares that are not shares."""
        shares = [share for _, share in self._shares()]
        # Written so that NaN fails both.
        if not (all(share >= 0 for share in shares) and sum(shares) < 1 + 1e-9):
            raise UsageError(f"fault shares {shares} must be 0 or more and sum to at most 1.")
        if not 0 <= self.delay <= 60:
            raise UsageError(f"delay={self.delay} must be between 0 and 60 seconds.")

    @classmethod
    def none(cls) -> Faults:
        """Nothing goes wrong."""
        return cls()

    @classmethod
    def evenly(cls, rate: float, *, seed: int = 0) -> Faults:
        """One request in `1 / rate` goes wrong, each of the five ways as often as the others."""
        each = rate / 5
        return cls(
            timeout_before=each,
            timeout_after=each,
            error_after=each,
            slow=each,
            locked=each,
            seed=seed,
        )

    @property
    def any(self) -> bool:
        """Whether anything can go wrong at all."""
        return any(share > 0 for _, share in self._shares())

    def drawn(self, service: str, request: str) -> Fault | None:
        """What goes wrong with this request, if anything."""
        drawn_from = f"{self.seed}|{service}|{request}".encode()
        at = int.from_bytes(hashlib.blake2b(drawn_from, digest_size=7).digest(), "big") / 2**56
        for fault, share in self._shares():
            if at < share:
                return fault
            at -= share
        return None

    def _shares(self) -> tuple[tuple[Fault, float], ...]:
        return (
            ("timeout_before", self.timeout_before),
            ("timeout_after", self.timeout_after),
            ("error_after", self.error_after),
            ("slow", self.slow),
            ("locked", self.locked),
        )
