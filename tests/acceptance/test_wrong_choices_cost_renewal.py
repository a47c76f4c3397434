"""The renewals on a history that is asked again: what their record warns about is what is found."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from signoff.diagnosis import diagnose
from signoff.storage import storage_at
from signoff.testing import FakeClock
from signoff.workloads.contract_renewal import decided
from signoff.workloads.contract_renewal.customers import read_customers
from signoff.workloads.contract_renewal.sample import write_sample
from signoff.workloads.contract_renewal.spines import _log, drifting
from signoff.workloads.contract_renewal.spines._agent import Outside
from signoff.workloads.contract_renewal.subject import WINDOW, Renewal
from signoff.workloads.contract_renewal.world import World

BEGINS = datetime(2026, 1, 1, tzinfo=UTC)


def predicted() -> set[str]:
    """What the record says would show if the spine were an event log."""
    alternatives = {each.pattern: each for each in decided().spine.alternatives}
    return set(alternatives["event log"].expect)


async def lead(store: str, folder: Path, *, asking_again: bool) -> tuple[int, set[str]]:
    """Renewals on a history; how many were billed wrongly, and what is diagnosed."""
    customers = list(read_customers(write_sample(folder / "customers.csv", 60, 0)))
    world = World({customer.customer_id: customer for customer in customers})
    renewals = [
        Renewal.opened(customer, ends=BEGINS + WINDOW).model_copy(
            update={"reply": world.reply_of(customer.customer_id)}
        )
        for customer in customers
    ]
    make = drifting(seed=1, misbehaves=0.0, drift=0.5)
    clock, outside = FakeClock(BEGINS), Outside()
    await _log.offer_all(store, clock, renewals, make("prior", 1), outside, lambda: None)
    await clock.advance(days=23)
    await _log.close_all(
        store,
        clock,
        renewals,
        make("current", 1),
        outside,
        lambda: None,
        asking_again=asking_again,
    )
    storage = storage_at(store)
    await storage.open(exclusive=False)
    try:
        diagnosis = await diagnose(storage)
    finally:
        await storage.close()
    wrong = sum(not outside.is_right(renewal) for renewal in renewals)
    return wrong, {finding.signature.code for finding in diagnosis.findings}


@pytest.mark.parametrize("asking_again", [False, True])
def test_a_history_that_is_asked_again_bills_wrongly_and_is_found_out(
    tmp_path: Path, asking_again: bool
) -> None:
    store = f"sqlite:///{tmp_path / 'renewals.db'}"
    wrong, found = asyncio.run(lead(store, tmp_path, asking_again=asking_again))
    if asking_again:
        assert wrong > 0
        assert "P3-divergence" in found & predicted()
    else:
        assert (wrong, found) == (0, set())
