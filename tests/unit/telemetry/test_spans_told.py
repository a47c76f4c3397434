"""What a trace shows of a crossing: its steps, its outcome, where it goes on; and what it hides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from awaited import awaited
from bounded import YES, Order, Price, running, says, selling, ship
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode
from watched import Watched, links, place, told

from signoff import Accept, Boundary, Committed, External, Reject, Suspended, Transactional, Unknown
from signoff.boundary import Answer, EffectRefused, Question
from signoff.control import Approval, Gate
from signoff.coordination import Delegation, Merged
from signoff.ledger import Fingerprint, Usage
from signoff.testing import FakeClock

GOOD = StatusCode.UNSET


def cheap(offer: Price, order: Order) -> Any:
    return Accept()


class Model:
    """A proposer that looks like a model."""

    proposes = Price
    fingerprint = Fingerprint(
        model="openai:gpt-5", prompt="d1", settings={"temperature": 0.2, "max_tokens": 50}
    )

    def __init__(self, *said: Any) -> None:
        self._said = list(said)

    async def __call__(self, question: Question[Any], /) -> Answer:
        said = self._said.pop(0)
        if isinstance(said, Exception):
            raise said
        return Answer(
            content=said,
            usage=Usage(tokens_in=11, tokens_out=7, usd=0.5),
            fingerprint=Fingerprint(model="openai:gpt-5", version="gpt-5-2026", prompt="d1"),
        )


@awaited
async def test_every_step_of_a_crossing_has_a_span_in_its_place() -> None:
    async def stock(offer: Price, order: Order) -> int:
        return 3

    boundary = selling(900, 50, controls=[Gate(cheap)], evidence=[stock], attempts=2)
    boundary = boundary.proposed_by(says(Price(price=50)))
    seen = Watched()
    async with running("sqlite://:memory:", telemetry=seen.telemetry()) as runtime:
        assert isinstance(await runtime.run(boundary, Order(id="o-1")), Committed)
    assert [(span.name, seen.parent(span)) for span in seen.of("")] == [
        ("cross order.sell", ""),
        ("control gate:cheap", "cross order.sell"),
        ("propose order.sell", "cross order.sell"),
        ("evidence stock", "cross order.sell"),
        ("verify affordable", "cross order.sell"),
        ("commit order.sell", "cross order.sell"),
        ("control gate:cheap", "commit order.sell"),
    ]
    assert [told(span)["signoff.asked"] for span in seen.of("control")] == ["before", "at_commit"]


@awaited
async def test_a_rejection_is_no_error() -> None:
    boundary = selling(900)
    seen = Watched()
    async with running("sqlite://:memory:", telemetry=seen.telemetry()) as runtime:
        await runtime.run(boundary, Order(id="o-1"))
    crossing, verifier = seen.one("cross"), seen.one("verify")
    assert told(verifier)["signoff.verdict"] == "reject"
    assert told(verifier)["signoff.code"] == "too_high"
    assert told(crossing)["signoff.outcome"] == "rejected"
    assert told(crossing)["signoff.code"] == "too_high"
    assert told(crossing)["signoff.ended"] == "stop"
    assert {span.status.status_code for span in seen.spans} == {GOOD}


@awaited
async def test_an_unknown_is_an_error_and_so_is_what_failed() -> None:
    async def broken(offer: Price, order: Order, key: str) -> str:
        raise OSError("the line dropped, says dana@example.com")

    boundary = selling(50, commit=External(broken, tries=1))
    seen = Watched()
    async with running("sqlite://:memory:", telemetry=seen.telemetry()) as runtime:
        assert isinstance(await runtime.run(boundary, Order(id="o-1")), Unknown)
    assert told(seen.one("effect"))["error.type"] == "OSError"
    assert told(seen.one("cross"))["error.type"] == "unknown"
    failed = {span.name for span in seen.spans if span.status.status_code is StatusCode.ERROR}
    assert failed == {"effect broken", "cross order.sell"}
    assert "dana" not in everything(seen)


@awaited
async def test_what_the_other_system_refuses_is_no_error() -> None:
    async def refuses(offer: Price, order: Order, key: str) -> str:
        raise EffectRefused("sold_out", "none left")

    boundary = selling(50, commit=External(refuses))
    seen = Watched()
    async with running("sqlite://:memory:", telemetry=seen.telemetry()) as runtime:
        await runtime.run(boundary, Order(id="o-1"))
    assert told(seen.one("effect"))["signoff.code"] == "sold_out"
    assert {span.status.status_code for span in seen.spans} == {GOOD}


@awaited
async def test_a_model_is_told_in_the_words_of_the_conventions() -> None:
    boundary = selling(proposer=Model('{"price": 50}'))
    seen = Watched()
    async with running("sqlite://:memory:", telemetry=seen.telemetry()) as runtime:
        await runtime.run(boundary, Order(id="o-1"))
    span = seen.one("chat gpt-5")
    assert told(span) == {
        "signoff.attempt": 1,
        "signoff.cost.usd": 0.5,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.response.model": "gpt-5-2026",
        "gen_ai.output.type": "json",
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 7,
    }


@pytest.mark.parametrize(
    ("failure", "type"),
    [(TimeoutError(), "timeout"), (ConnectionError("secret"), "ConnectionError")],
)
@awaited
async def test_a_model_that_fails_is_an_error_of_its_span_alone(
    failure: Exception, type: str
) -> None:
    boundary = selling(proposer=Model(failure), attempts=1)
    seen = Watched()
    async with running("sqlite://:memory:", telemetry=seen.telemetry()) as runtime:
        await runtime.run(boundary, Order(id="o-1"))
    span = seen.one("chat")
    assert told(span)["error.type"] == type
    assert span.status.status_code is StatusCode.ERROR
    assert seen.one("cross").status.status_code is GOOD
    assert "secret" not in everything(seen)


@awaited
async def test_a_crossing_that_goes_on_much_later_points_to_its_first_trace(
    store_url: str,
) -> None:
    boundary = selling(50, controls=[Approval(ask="role:lead", within=timedelta(days=60))])
    before, after = Watched(), Watched()
    async with running(store_url, boundary, telemetry=before.telemetry()) as runtime:
        outcome = await runtime.run(boundary, Order(id="o-1"))
    assert isinstance(outcome, Suspended)
    first = before.one("cross")
    assert told(first)["signoff.outcome"] == "suspended"
    assert told(first)["signoff.ask"] == "role:lead"
    clock = FakeClock()
    await clock.advance(days=21)
    async with running(store_url, boundary, clock=clock, telemetry=after.telemetry()) as runtime:
        await runtime.approve(outcome.ticket, by="dana", **YES)
        # The same key again: it points there as well.
        await runtime.run(boundary, Order(id="o-1"))
    later, again = after.of("cross")
    assert links(later) == links(again) == [place(first)]
    assert told(later)["signoff.found"] == "open"
    assert told(again)["signoff.found"] == told(again)["signoff.outcome"] == "committed"
    assert later.context.trace_id != first.context.trace_id


@awaited
async def test_a_crossing_that_was_never_watched_has_nothing_to_point_to(sqlite_url: str) -> None:
    boundary = selling(50, controls=[Approval(ask="role:lead", within=timedelta(days=60))])
    async with running(sqlite_url, boundary) as runtime:
        outcome = await runtime.run(boundary, Order(id="o-1"))
    seen = Watched()
    async with running(sqlite_url, boundary, telemetry=seen.telemetry()) as runtime:
        await runtime.approve(outcome.ticket, by="dana", **YES)
    assert links(seen.one("cross")) == []


@awaited
async def test_an_effect_of_the_outbox_points_to_its_crossing() -> None:
    mail = External(ship, name="mail")

    def sell(offer: Price, order: Order, write: Any) -> int:
        write.enqueue(mail, offer)
        return offer.price

    boundary = selling(50, commit=Transactional(sell, effects=[mail]))
    seen = Watched()
    async with running("sqlite://:memory:", telemetry=seen.telemetry()) as runtime:
        with seen.tracers.get_tracer("test").start_as_current_span("of the caller"):
            await runtime.run(boundary, Order(id="o-1"))
        await runtime.drain()
    delivery = seen.one("deliver mail")
    assert seen.parent(seen.one("cross")) == "of the caller"
    assert seen.parent(delivery) == ""
    assert links(delivery) == [place(seen.one("cross"))]
    assert seen.parent(seen.one("effect mail")) == "deliver mail"


@awaited
async def test_the_parts_of_a_crossing_lie_within_it() -> None:
    part = selling(50, name="order.price", attempts=1)

    def merge(parts: Mapping[str, Any], order: Order) -> Price:
        return Price(price=parts["order.price"].value)

    owner = Boundary(
        "order.decide",
        proposer=Merged(Price),
        verifiers=[cheap],
        commit=Transactional(sell_it),
        subject=Order,
    )
    delegation = Delegation(owner, specialists=[part], merge=merge)
    seen = Watched()
    async with running("sqlite://:memory:", telemetry=seen.telemetry()) as runtime:
        assert isinstance(await runtime.run(delegation, Order(id="o-1")), Committed)
    assert seen.parent(seen.one("cross order.price")) == "propose order.decide"
    assert seen.parent(seen.one("verify affordable")) == "cross order.price"
    assert len({span.context.trace_id for span in seen.spans}) == 1


@awaited
async def test_nothing_that_was_said_is_told_unless_it_is_asked_for() -> None:
    seen = Watched()
    await cross_with_secrets(seen)
    assert "secret" not in everything(seen)


@awaited
async def test_what_was_said_is_told_as_the_ledger_keeps_it() -> None:
    def redact(type: str, fields: dict[str, Any]) -> Mapping[str, Any]:
        text = json.dumps(fields).replace("secret", "[redacted]")
        return dict(json.loads(text))

    seen = Watched(content=True)
    await cross_with_secrets(seen, redact)
    assert "secret" not in everything(seen)
    first, second = seen.of("propose")
    assert "o-[redacted]" in told(first)["gen_ai.input.messages"]
    assert "[redacted] price" in told(second)["gen_ai.input.messages"]
    assert json.loads(told(first)["gen_ai.output.messages"])[0]["role"] == "assistant"
    assert told(seen.of("verify")[0])["signoff.message"] == "a [redacted] price"
    assert told(seen.of("evidence")[0])["signoff.evidence"] == '{"margin":"[redacted] margin"}'
    assert told(seen.one("cross"))["signoff.receipt"] == '"[redacted] receipt"'


@awaited
async def test_a_redaction_that_fails_has_nothing_told(caplog: pytest.LogCaptureFixture) -> None:
    failing = False

    def redact(type: str, fields: dict[str, Any]) -> Mapping[str, Any]:
        if failing:
            raise RuntimeError("out of order")
        return fields

    seen = Watched(content=True)
    boundary = selling(50)
    async with running("sqlite://:memory:", telemetry=seen.telemetry(), redact=redact) as runtime:
        failing = True
        with pytest.raises(RuntimeError):  # nothing is committed rather than written in clear
            await runtime.run(boundary, Order(id="o-secret", tenant="acme"))
        failing = False
        assert isinstance(await runtime.run(boundary, Order(id="o-secret")), Committed)
    assert "acme" not in everything(seen)


@awaited
async def test_what_is_not_sampled_is_counted_all_the_same() -> None:
    seen = Watched(sampler=ALWAYS_OFF)
    async with running("sqlite://:memory:", telemetry=seen.telemetry()) as runtime:
        outcome = await runtime.run(selling(50, controls=[Gate(cheap)]), Order(id="o-1"))
        metrics = await seen.metrics()
        recorded = await runtime.ledger.crossing(outcome.crossing)
    assert seen.spans == ()
    assert metrics["signoff.crossings"] == {("order.sell", "committed"): 1}
    assert metrics["signoff.verify.duration"][("order.sell",)][0] == 1
    assert recorded is not None
    assert "trace" not in recorded.state


def sell_it(offer: Price, order: Order, write: Any) -> int:
    return offer.price


async def cross_with_secrets(seen: Watched, redact: Any = None) -> None:
    """A crossing with a secret in everything that is said."""

    async def margin(offer: Price, order: Order) -> str:
        return "secret margin"

    def fair(offer: Price, order: Order) -> Any:
        return Accept() if offer.price < 60 else Reject("unfair", "a secret price")

    def sell(offer: Price, order: Order, write: Any) -> str:
        return "secret receipt"

    boundary = selling(
        proposer=says(Price(price=70), Price(price=50)),
        verifiers=[fair],
        evidence=[margin],
        commit=Transactional(sell),
    )
    options = {"telemetry": seen.telemetry(), "redact": redact}
    async with running("sqlite://:memory:", **options) as runtime:
        key = "k-1"
        outcome = await runtime.run(boundary, Order(id="o-1", tenant="o-secret"), key=key)
    assert isinstance(outcome, Committed)


def everything(seen: Watched) -> str:
    return "\n".join(str(span.to_json()) for span in seen.spans)
