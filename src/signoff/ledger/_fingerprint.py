"""Stable identity of a proposer: model, version, prompt, tools, settings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from signoff.ledger._canonical import canonical


def digest(value: object) -> str:
    """SHA-256 of a text, or of a value's canonical JSON, as 64 hex digits."""
    text = value if isinstance(value, str) else canonical(value)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """Who proposed. Two proposals with equal fingerprints differ by variance only.

    Attributes:
        model: Name by which the proposer is known, such as `openai:gpt-5` or `simulated`.
        version: The checkpoint, where the provider tells it; otherwise empty.
        prompt: Digest of the instructions.
        tools: Digest of the tool definitions; empty without tools.
        settings: Temperature, seed and whatever else shapes an answer.
    """

    model: str
    version: str = ""
    prompt: str = ""
    tools: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def body(self) -> dict[str, Any]:
        """The fingerprint as JSON-ready fields, empty ones left out."""
        fields: dict[str, Any] = {"model": self.model}
        for name in ("version", "prompt", "tools"):
            if value := getattr(self, name):
                fields[name] = value
        if self.settings:
            fields["settings"] = dict(self.settings)
        return fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one answer cost: tokens in and out, and US dollars where a price is known."""

    tokens_in: int = 0
    tokens_out: int = 0
    usd: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            usd=self.usd + other.usd,
        )
