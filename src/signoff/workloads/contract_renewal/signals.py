"""What four systems say about a customer, asked at the same time; three answers are enough."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict, Field

from signoff.boundary import Boundary, Proposer, Question, Transactional, Write
from signoff.coordination import Delegation, Part, ScatterGather
from signoff.proposers import Function
from signoff.workloads.contract_renewal.customers import Contract
from signoff.workloads.contract_renewal.subject import Renewal, Score
from signoff.workloads.contract_renewal.verifiers import about_this_customer

Source: TypeAlias = Literal["usage", "network", "billing", "support"]

SOURCES: Final[tuple[Source, ...]] = get_args(Source)

#: How many of the four have to answer.
QUORUM: Final = 3

#: How likely customers leave at the end of such a contract, before anything else is known.
_BY_CONTRACT: Final[dict[Contract, float]] = {
    "Month-to-month": 0.45,
    "One year": 0.12,
    "Two year": 0.03,
}


class Signal(BaseModel):
    """What one system says: how unhappy the customer looks from there, from 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    customer_id: str
    unhappiness: float = Field(ge=0, le=1)


class Signals(BaseModel):
    """What those who answered say together."""

    model_config = ConfigDict(frozen=True)

    unhappiness: float
    heard: tuple[str, ...]


def sources(*, seed: int, unreachable: float) -> dict[Source, Function[Renewal, Signal]]:
    """The four systems, each of which is sometimes out of reach.

    Args:
        seed: Of their luck.
        unreachable: Share of the questions that get no answer.
    """
    return {name: _source(name, seed, unreachable) for name in SOURCES}


def _source(name: Source, seed: int, unreachable: float) -> Function[Renewal, Signal]:
    def look(question: Question[Renewal]) -> Signal:
        # The crossing's id follows from its key: a run that was interrupted meets the same luck.
        if _draw(f"{seed}/{name}/{question.crossing}") < unreachable:
            raise ConnectionError(f"{name} is out of reach")
        renewal = question.subject
        return Signal(customer_id=renewal.id, unhappiness=round(_draw(f"{name}/{renewal.id}"), 3))

    return Function(look, name=f"simulated:{name}")


def _draw(text: str) -> float:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") / 2**32


def _heard(signal: Signal, renewal: Renewal, write: Write[Renewal]) -> float:
    return signal.unhappiness


def together(parts: Mapping[str, Part], renewal: Renewal) -> Signals:
    """The mean of what was heard."""
    said = [float(part.value) for part in parts.values()]
    return Signals(unhappiness=round(sum(said) / len(said), 3), heard=tuple(parts))


def score_of(parts: Mapping[str, Part], renewal: Renewal) -> Score:
    """The risk that goes with the contract, moved by at most a third by what was heard."""
    heard: Signals = parts["renewal.signals"].value
    risk = _BY_CONTRACT[renewal.contract] * (5 / 6 + heard.unhappiness / 3)
    risk *= 1.3 if renewal.payment_method == "Electronic check" else 0.9
    return Score(customer_id=renewal.id, churn_risk=round(min(risk, 1.0), 3))


def scored_by_signals(
    owner: Boundary[Renewal, Score, float],
    asked: Mapping[Source, Proposer[Renewal, Signal]],
) -> Delegation[Renewal, Score, float]:
    """The boundary that keeps a score, proposed to by what the four systems say."""
    gather = ScatterGather(
        "renewal.signals",
        [
            Boundary(
                f"renewal.signals.{name}",
                proposer=source,
                verifiers=[about_this_customer],
                commit=Transactional(_heard),
                attempts=1,
            )
            for name, source in asked.items()
        ],
        aggregate=together,
        quorum=QUORUM,
    )
    return Delegation(owner, [gather], merge=score_of)
