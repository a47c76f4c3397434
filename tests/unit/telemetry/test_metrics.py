"""What is counted: what became durable, once, and never by subject."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from awaited import awaited
from bounded import YES, Order, Price, running, says, selling, ship
from watched import Watched

from signoff import External, Reject, Transactional
from signoff.control import Approval
from signoff.telemetry import METRICS


@awaited
async def test_outcomes_attempts_and_rejections_are_counted_once(any_store: str) -> None:
    boundary = selling(900, attempts=3)
    seen = Watched()
    async with running(any_store, boundary, telemetry=seen.telemetry()) as runtime:
        for _ in range(3):  # the same key again is no new crossing
            await runtime.run(boundary, Order(id="o-1"))
        await runtime.run(selling(50, name="order.other"), Order(id="o-1"))
        metrics = await seen.metrics()
    assert metrics["signoff.crossings"] == {
        ("order.sell", "rejected"): 1,
        ("order.other", "committed"): 1,
    }
    assert metrics["signoff.attempts"] == {("order.sell",): 1, ("order.other",): 1}
    assert metrics["signoff.rejections"] == {("order.sell", "too_high"): 1}
    assert metrics["signoff.crossing.duration"][("order.sell", "rejected")][0] == 1


@awaited
async def test_a_denial_and_an_expiry_are_outcomes_too(any_store: str) -> None:
    approval = Approval[Any, Any](ask="role:lead", within=timedelta(hours=1))
    boundary = selling(50, controls=[approval])
    seen = Watched()
    async with running(any_store, boundary, telemetry=seen.telemetry()) as runtime:
        denied = await runtime.run(boundary, Order(id="o-1"))
        await runtime.run(boundary, Order(id="o-2"))
        await runtime.deny(denied.ticket, by="dana", **YES)
        await runtime.clock.advance(hours=2)
        metrics = await seen.metrics()
    assert metrics["signoff.crossings"] == {
        ("order.sell", "suspended"): 2,
        ("order.sell", "rejected"): 2,
    }
    assert metrics["signoff.answers"] == {("denied",): 1, ("expired",): 1}


@awaited
async def test_tokens_and_cost_are_counted_by_boundary() -> None:
    boundary = selling(proposer=says(Price(price=50, usd=0.25)))
    seen = Watched()
    async with running("sqlite://:memory:", telemetry=seen.telemetry()) as runtime:
        await runtime.run(boundary, Order(id="o-1"))
        metrics = await seen.metrics()
    assert metrics["signoff.cost.usd"] == {("order.sell",): 0.25}


@awaited
async def test_what_became_of_effects_is_counted() -> None:
    async def never(offer: Price, order: Order, key: str) -> str:
        raise OSError

    mail, fax = External(ship, name="mail"), External(never, name="fax", tries=1)

    def sell(offer: Price, order: Order, write: Any) -> int:
        write.enqueue(mail, offer)
        write.enqueue(fax, offer)
        return offer.price

    boundary = selling(50, commit=Transactional(sell, effects=[mail, fax]))
    seen = Watched()
    async with running("sqlite://:memory:", telemetry=seen.telemetry()) as runtime:
        await runtime.run(boundary, Order(id="o-1"))
        await runtime.drain()
        metrics = await seen.metrics()
    assert metrics["signoff.effects"] == {("mail", "delivered"): 1, ("fax", "in_doubt"): 1}
    assert metrics["signoff.effects.in_doubt"] == {("fax",): 1}
    assert metrics["signoff.crossings"] == {("order.sell", "committed"): 1}


@awaited
async def test_codes_without_end_are_told_as_other() -> None:
    def odd(offer: Price, order: Order) -> Any:
        return Reject(f"no_{order.id}", "made of what was said", then="stop")

    boundary = selling(50, verifiers=[odd])
    seen = Watched()
    async with running("sqlite://:memory:", telemetry=seen.telemetry()) as runtime:
        for number in range(130):
            await runtime.run(boundary, Order(id=f"o-{number}"))
        metrics = await seen.metrics()
    rejections = metrics["signoff.rejections"]
    assert len(rejections) == 101
    assert rejections[("order.sell", "other")] == 30


@awaited
async def test_no_metric_names_a_subject_a_crossing_or_a_key(any_store: str) -> None:
    controls = [Approval[Any, Any](ask="role:lead", within=timedelta(hours=1))]
    boundary = selling(50, controls=controls)
    seen = Watched()
    async with running(any_store, boundary, telemetry=seen.telemetry()) as runtime:
        asked = await runtime.run(boundary, Order(id="o-1", tenant="acme"), key="key-1")
        await runtime.kill("subject:o-1", by="dana", because="a drill")
        await runtime.kill("tenant:acme", by="dana", because="a drill")
        metrics = await seen.metrics()
    values = {value for points in metrics.values() for told in points for value in told}
    assert not values & {"o-1", "acme", "key-1", asked.crossing, asked.ticket.id}
    assert metrics["signoff.kills"][("subject",)] == metrics["signoff.kills"][("tenant",)] == 1
    assert metrics["signoff.tickets.waiting"] == {("role:lead",): 1}
    assert metrics["signoff.tickets.deadline"] == {(): 3600.0}
    assert set(metrics) <= {metric.name for metric in METRICS}


@awaited
async def test_gauges_show_what_waits_and_for_how_long(any_store: str) -> None:
    controls = [Approval[Any, Any](ask="role:lead", within=timedelta(hours=1))]
    boundary = selling(50, controls=controls)
    seen = Watched()
    async with running(any_store, boundary, telemetry=seen.telemetry()) as runtime:
        await runtime.run(boundary, Order(id="o-1"))
        metrics = await seen.metrics()
    assert metrics["signoff.queue.depth"] == {("effect", "deadline:order.sell"): 1}
    assert metrics["signoff.queue.lag"] == {("effect", "deadline:order.sell"): 0.0}


@awaited
async def test_whoever_looks_from_the_event_loop_itself_waits_for_nobody() -> None:
    seen = Watched()
    async with running("sqlite://:memory:", telemetry=seen.telemetry()) as runtime:
        await runtime.run(selling(50), Order(id="o-1"))
        seen.look()
        assert "signoff.crossings" in await seen.metrics()


@awaited
async def test_after_the_runtime_its_gauges_are_gone() -> None:
    seen = Watched()
    async with running("sqlite://:memory:", telemetry=seen.telemetry()):
        assert "signoff.kills" in await seen.metrics()
    assert "signoff.kills" not in await seen.metrics()
