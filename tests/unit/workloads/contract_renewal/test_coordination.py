"""How the renewal agent splits its work: signals, specialists, and a settlement of three steps."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signoff import Committed, Runtime, Suspended
from signoff.boundary import Question
from signoff.coordination import Compensated, Part
from signoff.methodology import check, wiring_of
from signoff.proposers import Function
from signoff.testing import FakeClock
from signoff.workloads.contract_renewal import decided, proposers
from signoff.workloads.contract_renewal.boundary import Boundaries, Proposers, boundaries
from signoff.workloads.contract_renewal.lifecycle import RenewalAgent
from signoff.workloads.contract_renewal.services import (
    Faults,
    Service,
    ServiceError,
    Services,
    open_services,
)
from signoff.workloads.contract_renewal.settlement import ACTIONS, UNDONE_BY, settled_in
from signoff.workloads.contract_renewal.signals import Signal, together
from signoff.workloads.contract_renewal.specialists import one_offer
from signoff.workloads.contract_renewal.subject import Offer, Renewal, Score, Terms
from signoff.workloads.contract_renewal.world import World

ENDS = datetime(2026, 4, 1, tzinfo=UTC)
RENEWAL = Renewal(
    id="7590-VHVEG",
    ends=ENDS,
    contract="One year",
    product="DSL",
    monthly_charges=50.0,
    tenure=12,
    payment_method="Mailed check",
    risk=0.2,
    reply="renew",
    resolution="renewed",
)


def answered(name: str, value: Any, weight: float = 1.0) -> Part:
    return Part(name=name, state="answered", value=value, weight=weight)


def parts(discount: float, risk: float) -> dict[str, Part]:
    offer = Offer(customer_id=RENEWAL.id, discount=discount, product="DSL", message="Stay!")
    terms = Terms(customer_id=RENEWAL.id, product="Fiber optic", months=12)
    return {
        "churn": answered("churn", Score(customer_id=RENEWAL.id, churn_risk=risk)),
        "discount": answered("discount", offer, 2.0),
        "terms": answered("terms", terms),
    }


def test_the_discount_is_a_mean_by_the_declared_weights() -> None:
    # churn of 0.5 is worth 0.05 + 0.3 * 0.5 = 0.20; (2 * 0.11 + 1 * 0.20) / 3 = 0.14
    merged = one_offer(parts(0.11, 0.5), RENEWAL)
    assert merged.discount == 0.14
    assert "14%" in merged.message
    assert merged.product == "Fiber optic"


def test_the_words_stay_as_they_are_where_the_number_does() -> None:
    assert one_offer(parts(0.20, 0.5), RENEWAL).message == "Stay!"


def test_without_churn_and_terms_the_renewal_answers_and_without_a_discount_nobody() -> None:
    only = {"discount": parts(0.11, 0.5)["discount"]}
    assert one_offer(only, RENEWAL) == Offer(
        customer_id=RENEWAL.id, discount=0.11, product="DSL", message="Stay!"
    )
    with pytest.raises(LookupError):
        one_offer({}, RENEWAL)


@given(st.permutations(["churn", "discount", "terms"]), st.floats(0, 1), st.floats(0, 1))
def test_the_merge_is_a_function_of_its_inputs(
    order: list[str], discount: float, risk: float
) -> None:
    given_parts = parts(discount, risk)
    shuffled = {name: given_parts[name] for name in order}
    assert one_offer(shuffled, RENEWAL) == one_offer(given_parts, RENEWAL)


def test_signals_say_who_was_heard() -> None:
    heard = {"usage": answered("usage", 0.2), "support": answered("support", 0.6)}
    assert together(heard, RENEWAL).unhappiness == 0.4
    assert together(heard, RENEWAL).heard == ("usage", "support")


def crossing_over(services: Services[Service], *, silent: tuple[str, ...]) -> Boundaries:
    model = proposers.simulated(seed=1, misbehaves=0.0)

    def signal(question: Question[Renewal]) -> Signal:
        return Signal(customer_id=question.subject.id, unhappiness=0.5)

    def silence(question: Question[Renewal]) -> Signal:
        raise ConnectionError("out of reach")

    signals: dict[Any, Any] = {
        name: Function(silence if name in silent else signal, name=f"test:{name}")
        for name in model.signals
    }
    asked = Proposers(model.score, model.offer, model.terms, model.closing, signals)
    return boundaries(asked, services)


@pytest.mark.parametrize(
    ("silent", "heard"), [((), True), (("usage",), True), (("usage", "billing"), False)]
)
def test_three_of_four_signals_make_a_score(
    tmp_path: Path, silent: tuple[str, ...], heard: bool
) -> None:
    async def run() -> None:
        with open_services(tmp_path) as services:
            cross = crossing_over(services, silent=silent)
            clock = FakeClock(datetime(2026, 1, 2, tzinfo=UTC))
            async with Runtime("sqlite://:memory:", clock=clock) as runtime:
                handle = await runtime.start(RenewalAgent(cross, World({})).lifecycle, RENEWAL)
                outcome = await runtime.advance(handle, "scoring", through=cross.score)
                assert isinstance(outcome, Committed) == heard
                tickets = [ticket async for ticket in runtime.ledger.tickets("open")]
                # Where nobody can score them, the desk is asked.
                asked = [] if heard else ["role:renewal-desk"]
                assert [ticket.ask for ticket in tickets] == asked

    asyncio.run(run())


class Locked:
    """A service that refuses the actions that are named, and does everything else."""

    def __init__(self, service: Service, *actions: str) -> None:
        self.name, self._service, self._locked = service.name, service, actions

    async def perform(self, action: str, payload: Any, *, key: str | None = None) -> str:
        if action in self._locked:
            raise ServiceError(423, "locked")
        return await self._service.perform(action, payload, key=key)

    async def find(self, key: str) -> str | None:
        return await self._service.find(key)


@pytest.mark.parametrize("ending", list(ACTIONS))
@pytest.mark.parametrize("stuck", [0, 1, 2])
def test_a_settlement_that_cannot_be_finished_leaves_nothing_behind(
    tmp_path: Path, ending: Any, stuck: int
) -> None:
    renewal = RENEWAL.model_copy(update={"resolution": ending})

    async def run() -> Counter[str]:
        with open_services(tmp_path, Faults.evenly(0.3, seed=3)) as services:
            ports = [
                Locked(service, ACTIONS[renewal.resolution][stuck]) if place == stuck else service
                for place, service in enumerate(services)
            ]
            clock = FakeClock()
            async with Runtime("sqlite://:memory:", clock=clock, knows=[settled_in(*ports)]) as run:
                for number in range(10):
                    saga = settled_in(*ports)
                    outcome = await run.run(saga, renewal, key=f"settle/{number}")
                    while isinstance(outcome, Suspended):  # what is undone may be locked as well
                        await clock.advance(minutes=10)
                        outcome = await run.run(saga, renewal, key=f"settle/{number}")
                    assert isinstance(outcome, Compensated)
            return Counter(effect.action for each in services for effect in each.effects())

    done = asyncio.run(run())
    for action, number in done.items():
        if action in UNDONE_BY:
            assert done[UNDONE_BY[action]] == number
    assert not set(done) & {"send_confirmation", "send_farewell", "send_correction"}
    assert stuck == 0 or sum(done.values()) > 0


def test_the_wiring_is_what_the_record_says(tmp_path: Path) -> None:
    with open_services(tmp_path) as services:
        cross = boundaries(proposers.simulated(seed=1, misbehaves=0.0), services)
        agent = RenewalAgent(cross, World({}))
        checked = check(decided(), wiring_of([agent.lifecycle, *agent.crossed]))
    assert checked.drifts == ()
