"""The boundaries of a renewal without their commits: what `signoff replay renewal.close` asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from signoff.boundary import Boundary
from signoff.coordination import boundary_of
from signoff.replay import Examination
from signoff.workloads.contract_renewal import proposers as people
from signoff.workloads.contract_renewal.boundary import (
    Proposers,
    boundaries,
    calls_for_closing,
    calls_for_offer,
)
from signoff.workloads.contract_renewal.services import Services

#: What an accepted proposal asks of the services, by boundary.
_EFFECTS: dict[str, Callable[..., Any]] = {
    "renewal.offer": calls_for_offer,
    "renewal.close": calls_for_closing,
}


def replayable(proposers: Proposers) -> dict[str, Boundary[Any, Any, Any]]:
    """Every boundary that a renewal crosses, by name, over services that do nothing."""
    services = Services(_Nothing("crm"), _Nothing("billing"), _Nothing("mailer"))
    crossed: Any = boundaries(proposers, services)
    found: dict[str, Boundary[Any, Any, Any]] = {}
    for field in fields(crossed):
        for boundary in _underneath(boundary_of(getattr(crossed, field.name))):
            found.setdefault(boundary.name, boundary)
    return found


def examination(name: str, proposers: Proposers) -> Examination[Any, Any]:
    """One of them, ready to be asked again.

    Raises:
        UsageError: If it is decided by crossing others; they are named.
    """
    return Examination.of(replayable(proposers)[name], effect_of=_EFFECTS.get(name))


def proposers_of(fingerprint: Mapping[str, Any]) -> Proposers:
    """The proposers that an answer on record is by, as far as its fingerprint tells."""
    model = str(fingerprint.get("model", ""))
    settings: Any = fingerprint.get("settings") or {}
    if model.startswith("local:"):
        return people.local(seed=int(settings.get("seed", 0)))
    if ":" in model and not model.startswith(("simulated:", "function:")):
        return people.model(model)
    rates = (rate for name, rate in settings.items() if name != "seed")
    return people.simulated(seed=int(settings.get("seed", 0)), misbehaves=round(sum(rates), 6))


def _underneath(boundary: Boundary[Any, Any, Any]) -> Iterator[Boundary[Any, Any, Any]]:
    yield boundary
    for asked in getattr(boundary.proposer, "boundaries", ()):
        yield from _underneath(asked)


class _Nothing:
    """A service that is not there."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def perform(
        self, action: str, payload: Mapping[str, object], *, key: str | None = None
    ) -> str:
        raise AssertionError("replay commits nothing")

    async def find(self, key: str) -> str | None:
        raise AssertionError("replay commits nothing")

    def close(self) -> None:
        pass
