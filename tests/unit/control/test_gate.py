from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

import pytest
from pydantic import BaseModel, ConfigDict

pytest.importorskip("cel_expr_python")
pytest.importorskip("yaml")

from signoff import (
    Accept,
    Boundary,
    Committed,
    Reject,
    Rejected,
    Runtime,
    Suspended,
    Transactional,
    Verdict,
    Write,
)
from signoff.boundary import Passing, Verifier
from signoff.clock import SystemClock
from signoff.control import (
    Answer,
    Approval,
    BadPolicy,
    Escalation,
    Gate,
    Policy,
    Principals,
    answer,
)
from signoff.errors import NotAllowed, UsageError
from signoff.ledger import CONTROLS
from signoff.testing import FakeClock, Scripted

PEOPLE = {"dana": ["operator"], "lee": ["lead"]}


class Offer(BaseModel):
    discount: float
    note: str = ""


class Other(BaseModel):
    price: int


class Renewal(BaseModel):
    id: str = "r-1"
    max_discount: float = 0.3
    tenant: str = ""
    risk: float | None = None


class Role(Enum):
    AGENT = "agent"
    LEAD = "lead"


class Agent(BaseModel):
    model_config = ConfigDict(strict=True)

    id: str
    role: Role
    since: datetime


@dataclass
class Named:
    id: str


class Brittle(BaseModel):
    id: str

    def __init__(self, **fields: Any) -> None:
        if fields.get("id") == "broken":
            raise KeyError("id")
        super().__init__(**fields)


HEAD = "policy: renewal\nversion: '1'\ndefault: allow\nrules:\n"


def rule(id: str, when: str, then: str = "revise", code: str = "") -> str:
    return (
        f"  - id: {id}\n    when: {when}\n    then: {then}\n"
        f"    code: {code or id}\n    message: {id} objects\n"
    )


CAP = rule("cap", "proposal.discount > subject.max_discount")


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    def written(*rules: str, name: str = "p.yaml", head: str = HEAD) -> Path:
        path = tmp_path / name
        path.write_text(head + "".join(rules))
        return path

    return written


def keep(offer: Offer, renewal: Renewal, write: Write[Renewal]) -> float:
    return offer.discount


def ok(offer: Offer, renewal: Renewal) -> Verdict:
    return Accept()


def offering(*answers: Any, controls: Any = (), **more: Any) -> Any:
    said = [Offer(discount=a) if isinstance(a, float) else a for a in answers]
    boundary: Any = Boundary(
        "renewal.offer",
        proposer=Scripted(*said, proposes=Offer),
        verifiers=[ok],
        commit=Transactional(keep),
        subject=Renewal,
        **more,
    )
    return boundary.bounded_by(*controls)


def running(**more: Any) -> Runtime:
    return Runtime("sqlite://:memory:", clock=FakeClock(), principals=PEOPLE, **more)


def crossed(boundary: Any, subject: Any = None, **more: Any) -> tuple[Any, list[dict[str, Any]]]:
    """The outcome of one crossing, and the bodies of its `judged` records."""

    async def run() -> tuple[Any, list[dict[str, Any]]]:
        async with running() as runtime:
            outcome = await runtime.run(boundary, subject or Renewal(), **more)
            return outcome, await judged(runtime)

    return asyncio.run(run())


async def judged(runtime: Runtime, subject: str = "r-1") -> list[dict[str, Any]]:
    chain = runtime.ledger.of_subject(subject)
    return [json.loads(entry.body) async for entry in chain if entry.type == "judged"]


def label(path: Path) -> str:
    policy = Policy.load(path, proposal=Offer, subject=Renewal)
    return f"{policy.label}+{policy.digest[:12]}"


# A gate and its boundary


def test_a_misspelt_attribute_fails_when_the_boundary_is_bounded(file: Any) -> None:
    path = file(rule("cap", "proposal.discont > subject.max_discount"))
    gate = Gate(path)
    boundary = offering(0.1)
    with pytest.raises(BadPolicy) as refused:
        boundary.bounded_by(gate)
    assert (refused.value.line, refused.value.column) == (6, 11)
    assert "did you mean proposal.discount" in str(refused.value)


def test_a_policy_for_other_types_fails_when_the_boundary_is_bounded(file: Any) -> None:
    path = file(rule("dear", "proposal.price > 3"))
    with pytest.raises(BadPolicy, match=r"proposal\.price does not exist"):
        offering(0.1, controls=[Gate(path)])


def test_a_bound_gate_does_not_fit_another_proposal(file: Any) -> None:
    bounded = offering(0.1, controls=[Gate(file(CAP))])
    assert bounded.proposed_by(Scripted(Offer(discount=0.2))).controls == bounded.controls
    with pytest.raises(UsageError, match="made for other types"):
        bounded.proposed_by(Scripted(Other(price=3)))


def test_a_type_that_has_no_fields_cannot_be_judged(file: Any) -> None:
    boundary: Any = Boundary(
        "raw",
        proposer=Scripted("x", proposes=str),
        verifiers=[],
        commit=Transactional(lambda proposal, subject, write: 1),
        subject=Renewal,
    )
    with pytest.raises(UsageError, match="fields of a pydantic model"):
        boundary.bounded_by(Gate(file(CAP)))


def test_one_gate_may_bound_several_boundaries(file: Any) -> None:
    gate = Gate(file(CAP))
    first, second = offering(0.1, controls=[gate]), offering(0.2, controls=[gate])
    assert first.policies == second.policies == (label(file(CAP)),)


def test_two_gates_of_one_name_are_refused(file: Any) -> None:
    gate = Gate(file(CAP))
    with pytest.raises(UsageError, match=r"two controls named gate:p; give one a name="):
        offering(0.1, controls=[gate, gate])


@pytest.mark.parametrize("rules", [(), ("a.yaml", "b.yaml"), (3,), (None,)])
def test_what_is_no_gate(rules: Any) -> None:
    with pytest.raises(UsageError):
        Gate(*rules)


def test_a_file_that_is_not_there_fails_when_the_boundary_is_bounded() -> None:
    with pytest.raises(BadPolicy, match=r"nowhere\.yaml: it cannot be read"):
        offering(0.1, controls=[Gate("nowhere.yaml")])


# Where a rule leads


def test_revise_leads_back_to_the_proposer(file: Any) -> None:
    path = file(CAP)
    boundary = offering(0.5, 0.2, controls=[Gate(path)])
    outcome, records = crossed(boundary)
    assert isinstance(outcome, Committed)
    assert outcome.attempts == 2
    (feedback,) = boundary.proposer.asked[1].feedback
    assert "cap objects" in json.dumps(feedback)
    by = f"gate:p({label(path)})"
    assert [record["accepted"] for record in records] == [False, True]
    assert [record["controls"] for record in records] == [["kill", by]] * 2
    (rejection,) = records[0]["rejections"]
    assert rejection["by"] == by
    assert rejection["details"] == {
        "rule": "cap",
        "policy": "renewal",
        "version": "1",
        "digest": label(path)[-12:],
    }


def test_stop_ends_the_crossing(file: Any) -> None:
    path = file(rule("cap", "proposal.discount > 0.3", "stop"))
    boundary = offering(0.5, controls=[Gate(path)])
    outcome, _ = crossed(boundary)
    assert isinstance(outcome, Rejected)
    assert (outcome.ended, outcome.code, outcome.attempts) == ("stop", "cap", 1)


def test_escalate_waits_for_the_operator(file: Any) -> None:
    path = file(rule("cap", "proposal.discount > 0.3", "escalate"))
    outcome, _ = crossed(offering(0.5, controls=[Gate(path)]))
    assert isinstance(outcome, Suspended)
    assert outcome.ticket.ask == "role:operator"
    assert "cap objects" in outcome.ticket.because


def test_escalate_waits_for_whom_an_escalation_names(file: Any) -> None:
    path = file(rule("cap", "proposal.discount > 0.3", "escalate"))
    controls: list[Any] = [Gate(path), Escalation(ask="role:lead")]
    outcome, _ = crossed(offering(0.5, controls=controls))
    assert isinstance(outcome, Suspended)
    assert outcome.ticket.ask == "role:lead"


def test_the_gravest_consequence_leads(file: Any) -> None:
    path = file(CAP, rule("big", "proposal.discount > 0.4", "stop"))
    outcome, records = crossed(offering(0.5, controls=[Gate(path)]))
    assert isinstance(outcome, Rejected)
    assert [reject["code"] for reject in records[0]["rejections"]] == ["cap", "big"]
    path = file(CAP, rule("big", "proposal.discount > 0.4", "escalate"))
    assert isinstance(crossed(offering(0.5, controls=[Gate(path)]))[0], Suspended)


def test_a_condition_that_fails_rejects(file: Any) -> None:
    path = file(rule("odd", "1.0 / proposal.discount > 3.0 && subject.risk > 0.5", "stop"))
    outcome, records = crossed(offering(0.1, controls=[Gate(path)]))
    assert isinstance(outcome, Rejected)
    assert outcome.code == "policy_error"
    assert records[0]["rejections"][0]["details"]["rule"] == "odd"
    message = outcome.rejections[-1].message
    assert message == "rule odd of policy renewal could not be judged, so nothing passes"


def test_what_no_rule_allows_is_rejected(file: Any) -> None:
    head = HEAD.replace("allow", "reject")
    allow = "  - {id: small, when: proposal.discount < 0.2, then: allow}\n"
    path = file(allow, head=head)
    assert isinstance(crossed(offering(0.1, controls=[Gate(path)]))[0], Committed)
    outcome, _ = crossed(offering(0.3, controls=[Gate(path)]))
    assert isinstance(outcome, Rejected)
    assert outcome.code == "not_allowed"


def test_the_policy_is_asked_after_the_verifiers_only(file: Any) -> None:
    def never(offer: Offer, renewal: Renewal) -> Verdict:
        return Reject("never", "no", then="stop")

    boundary: Any = Boundary(
        "renewal.offer",
        proposer=Scripted(Offer(discount=0.9)),
        verifiers=[never],
        commit=Transactional(keep),
        controls=[Gate(file(CAP))],
    )
    outcome, records = crossed(boundary)
    assert [reject.code for reject in outcome] == ["never"]
    assert "controls" not in records[0]


# Tenants and principals


def test_a_tenant_has_rules_of_its_own(file: Any) -> None:
    own = "tenants:\n  acme:\n    without: [cap]\n  zeta:\n    rules:\n"
    zeta = rule("cap", "proposal.discount > 0.1", "stop", "zeta_cap").replace("\n  ", "\n      ")
    path = file(CAP, own, "    " + zeta)
    for tenant, discount, expected in (
        ("acme", 0.9, "committed"),
        ("zeta", 0.2, "zeta_cap"),
        ("", 0.2, "committed"),
        ("", 0.9, "cap"),
        ("nobody", 0.9, "cap"),
    ):
        boundary = offering(discount, controls=[Gate(path)], attempts=1)
        outcome, _ = crossed(boundary, Renewal(tenant=tenant))
        said = outcome.code if isinstance(outcome, Rejected) else "committed"
        assert said == expected, (tenant, discount)


LEAD = rule("lead", "principal.role != 'lead' && proposal.discount > 0.1", "stop")
SINCE = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        (Agent(id="lea", role=Role.LEAD, since=datetime.fromisoformat(SINCE)), "committed"),
        (Agent(id="al", role=Role.AGENT, since=datetime.fromisoformat(SINCE)), "lead"),
        ({"id": "lea", "role": "lead", "since": SINCE}, "committed"),
        ({"id": "lea", "role": "boss", "since": SINCE}, "policy_error"),
        (Named("lea"), "policy_error"),
        ("lea", "policy_error"),
        (None, "policy_error"),
    ],
)
def test_a_rule_reads_the_principal(file: Any, principal: Any, expected: str) -> None:
    boundary = offering(0.2, controls=[Gate(file(LEAD), principal=Agent)])
    outcome, _ = crossed(boundary, principal=principal)
    assert (outcome.code if isinstance(outcome, Rejected) else "committed") == expected


def test_a_principal_is_read_again_after_a_person_was_asked(file: Any) -> None:
    path = file(LEAD, rule("big", "proposal.discount > 0.3", "escalate"))
    lead = Agent(id="lea", role=Role.LEAD, since=datetime.fromisoformat(SINCE))

    async def run() -> Any:
        async with running() as runtime:
            boundary = offering(0.4, controls=[Gate(path, principal=Agent)])
            waits = await runtime.run(boundary, Renewal(), principal=lead)
            assert isinstance(waits, Suspended)
            return await runtime.approve(waits.ticket, by="dana", because="yes")

    assert isinstance(asyncio.run(run()), Committed)


def test_a_principal_whose_type_fails_objects(file: Any) -> None:
    path = file(rule("own", "principal.id == 'al'", "stop"))
    boundary = offering(0.2, controls=[Gate(path, principal=Brittle)])
    assert crossed(boundary, principal={"id": "broken"})[0].code == "policy_error"


def test_a_principal_may_have_one_of_several_types(file: Any) -> None:
    path = file(rule("own", "principal.id == 'al'", "stop"))
    boundary = offering(0.2, controls=[Gate(path, principal=Agent | Named)])
    assert crossed(boundary, principal=Named("al"))[0].code == "own"


def test_a_rule_reads_no_principal_without_its_type(file: Any) -> None:
    with pytest.raises(BadPolicy, match="without a type for its principal"):
        offering(0.2, controls=[Gate(file(LEAD))])


# Rules in Python


def small(offer: Offer, renewal: Renewal) -> Verdict:
    return Accept() if offer.discount < 0.3 else Reject("large", "too large")


def failing(offer: Offer, renewal: Renewal) -> Verdict:
    raise RuntimeError("secret")


def silent(offer: Offer, renewal: Renewal) -> Any:
    return None


def truthy(offer: Offer, renewal: Renewal) -> Any:
    return True


async def awaited(offer: Offer, renewal: Renewal) -> Verdict:
    return Accept()


def promising(offer: Offer, renewal: Renewal) -> Any:
    return awaited(offer, renewal)


def looking_up(offer: Offer, renewal: Renewal, evidence: Any) -> Verdict:
    return Accept()


class Awaited:
    async def __call__(self, offer: Offer, renewal: Renewal) -> Verdict:
        return Accept()


def test_a_function_judges(file: Any) -> None:
    boundary = offering(0.4, 0.2, controls=[Gate(small)])
    outcome, records = crossed(boundary)
    assert isinstance(outcome, Committed)
    by = f"gate:small({Verifier(small).label})"
    assert records[1]["controls"] == ["kill", by]
    assert records[0]["rejections"][0]["by"] == by
    assert boundary.policies == ()


@pytest.mark.parametrize(
    ("function", "code"),
    [
        (failing, "verifier_failed"),
        (silent, "unanswered"),
        (truthy, "unanswered"),
        (promising, "unanswered"),
    ],
)
def test_nothing_but_accept_passes(function: Any, code: str) -> None:
    outcome, records = crossed(offering(0.1, controls=[Gate(function)], attempts=1))
    assert isinstance(outcome, Rejected)
    assert outcome.code == code
    assert "secret" not in json.dumps(records)


@pytest.mark.parametrize("function", [awaited, Awaited(), partial(awaited)])
def test_a_function_that_has_to_be_awaited_is_refused(function: Any) -> None:
    with pytest.raises(UsageError, match="is async"):
        Gate(function)


def test_a_function_that_wants_evidence_is_refused() -> None:
    with pytest.raises(UsageError, match="a gate has none"):
        Gate(cast("Any", looking_up))


def test_a_file_and_functions_are_all_asked(file: Any) -> None:
    path = file(CAP)
    outcome, records = crossed(offering(0.5, controls=[Gate(path, small)], attempts=1))
    assert isinstance(outcome, Rejected)
    assert [reject["code"] for reject in records[0]["rejections"]] == ["cap", "large"]
    by = f"gate:p({label(path)},{Verifier(small).label})"
    assert {reject["by"] for reject in records[0]["rejections"]} == {by}


# Two gates


def test_two_gates_are_asked_in_their_order(file: Any) -> None:
    first = file(rule("low", "proposal.discount < 0.1", "stop"), name="first.yaml")
    second = file(rule("high", "proposal.discount > 0.3", "stop"), name="second.yaml")
    names = [f"gate:first({label(first)})", f"gate:second({label(second)})"]
    for discount, code, asked in ((0.05, "low", 1), (0.4, "high", 2), (0.2, "", 2)):
        boundary = offering(discount, controls=[Gate(first), Gate(second)])
        assert boundary.policies == (label(first), label(second))
        outcome, records = crossed(boundary)
        assert (outcome.code if isinstance(outcome, Rejected) else "") == code
        assert records[0]["controls"] == ["kill", *names[:asked]]


def test_one_file_twice_needs_names(file: Any) -> None:
    path = file(CAP)
    boundary = offering(0.5, controls=[Gate(path, name="a"), Gate(path, name="b")], attempts=1)
    outcome, _ = crossed(boundary)
    assert [reject.by for reject in outcome] == [f"gate:a({label(path)})"]


# The record


def test_every_judgement_names_the_policy_that_made_it(file: Any) -> None:
    path = file(CAP)
    old = label(path)

    async def run() -> None:
        gate = Gate(path)
        async with running() as runtime:
            for number, digest in enumerate((old, "")):
                boundary = offering(0.5, 0.2, controls=[gate])
                await runtime.run(boundary, Renewal(id=f"r-{number}"))
                digest = digest or label(path)
                for record in await judged(runtime, f"r-{number}"):
                    assert record["controls"] == ["kill", f"gate:p({digest})"]
                file(CAP.replace("cap objects", "the cap objects"))
            assert label(path) != old
            chain = [json.loads(e.body) async for e in runtime.ledger.of_subject(CONTROLS)]
            assert [each["details"]["policy"] for each in chain] == [old, label(path)]
            assert "the cap objects" in chain[1]["details"]["text"]

    asyncio.run(run())


def test_reload_replaces_the_policy_of_every_boundary(file: Any) -> None:
    path = file(CAP)
    gate = Gate(path)

    async def run() -> None:
        async with running() as runtime:
            boundary = offering(0.25, 0.25, 0.15, controls=[gate])
            assert isinstance(await runtime.run(boundary, Renewal(id="r-1")), Committed)
            file(rule("cap", "proposal.discount > 0.2"))
            assert boundary.policies == (boundary.policies[0],) != (label(path),)
            assert gate.reload() == (label(path),) == boundary.policies
            outcome = await runtime.run(boundary, Renewal(id="r-2"))
            assert isinstance(outcome, Committed)
            assert outcome.attempts == 2
            by = f"gate:p({label(path)})"
            assert [r["controls"][1] for r in await judged(runtime, "r-2")] == [by, by]

    asyncio.run(run())


def test_a_wrong_file_is_not_reloaded(file: Any) -> None:
    path = file(CAP)
    gate = Gate(path)
    boundary = offering(0.5, controls=[gate], attempts=1)
    before = boundary.policies
    path.write_text("policy: [")
    with pytest.raises(BadPolicy):
        gate.reload()
    assert boundary.policies == before
    assert crossed(boundary)[0].code == "cap"


def test_a_policy_replaced_while_a_gate_judges_is_not_the_one_that_judged(file: Any) -> None:
    path = file(CAP)
    old = label(path)

    def reloading(offer: Offer, renewal: Renewal) -> Verdict:
        file(rule("cap", "proposal.discount > 0.9"))
        gate.reload()
        return Accept()

    gate = Gate(path, reloading)
    outcome, records = crossed(offering(0.5, 0.1, controls=[gate]))
    assert isinstance(outcome, Committed)
    functions = Verifier(reloading).label
    assert records[0]["controls"][1] == f"gate:p({old},{functions})"
    assert records[1]["controls"][1] == f"gate:p({label(path)},{functions})"


# What a person waives


BIG = rule("big", "proposal.discount > 0.3", "escalate")
NOTED = rule("noted", "proposal.note != ''", "escalate")


def approved(boundary: Any, subject: Any = None) -> tuple[Any, list[dict[str, Any]]]:
    async def run() -> tuple[Any, list[dict[str, Any]]]:
        async with running() as runtime:
            waits = await runtime.run(boundary, subject or Renewal())
            assert isinstance(waits, Suspended)
            outcome = await runtime.approve(waits.ticket, by="dana", because="yes")
            return outcome, await judged(runtime)

    return asyncio.run(run())


def test_a_yes_sets_aside_the_objection_that_asked(file: Any) -> None:
    path = file(BIG, NOTED)
    outcome, records = approved(offering(0.5, controls=[Gate(path)]))
    assert isinstance(outcome, Committed)
    assert records[-1]["waived"] == [f"gate:p({label(path)}):big#big"]
    assert records[-1]["ticket"] == f"{outcome.crossing}-1"


def test_a_yes_sets_aside_nothing_that_does_not_escalate(file: Any) -> None:
    path = file(BIG, rule("cap", "proposal.discount > 0.4"))
    outcome, records = approved(offering(0.5, controls=[Gate(path)]))
    assert isinstance(outcome, Suspended)
    assert not records[-1]["accepted"]
    assert "cap" in [reject["code"] for reject in records[-1]["rejections"]]


def test_a_yes_sets_aside_no_other_gates_objection(file: Any) -> None:
    first, second = file(BIG, name="first.yaml"), file(BIG, name="second.yaml")
    outcome, records = approved(offering(0.5, controls=[Gate(first), Gate(second)]))
    assert isinstance(outcome, Suspended)
    assert [reject["by"] for reject in records[-1]["rejections"]] == [
        f"gate:second({label(second)})"
    ]


def test_an_edit_is_judged_by_every_other_rule(file: Any) -> None:
    async def run() -> Any:
        async with running() as runtime:
            boundary = offering(0.5, controls=[Gate(file(BIG, NOTED))])
            waits = await runtime.run(boundary, Renewal())
            assert isinstance(waits, Suspended)
            edited = Offer(discount=0.5, note="by hand")
            return await runtime.edit(waits.ticket, edited, by="dana", because="better")

    outcome = asyncio.run(run())
    assert isinstance(outcome, Suspended)
    assert "noted objects" in outcome.ticket.because


def test_a_yes_counts_only_under_the_policy_that_asked(file: Any) -> None:
    path = file(BIG)
    gate = Gate(path)

    async def run() -> None:
        async with running() as runtime:
            boundary = offering(0.5, controls=[gate])
            waits = await runtime.run(boundary, Renewal())
            assert isinstance(waits, Suspended)
            file(BIG + "# the same rules, another digest\n")
            gate.reload()
            with pytest.raises(NotAllowed) as refused:
                await runtime.approve(waits.ticket, by="dana", because="yes")
            assert refused.value.code == "policy_changed"
            await runtime.drain()
            again = await runtime.outcome(boundary, "renewal.offer/r-1")
            assert isinstance(again, Suspended)
            assert again.ticket.id != waits.ticket.id
            done = await runtime.approve(again.ticket, by="dana", because="yes")
            assert isinstance(done, Committed)

    asyncio.run(run())


def test_a_yes_given_before_the_policy_changed_asks_anew(file: Any) -> None:
    """The policy is replaced after the answer, and before a worker goes on with the crossing."""
    path = file(BIG)
    gate = Gate(path)
    said = Answer(kind="approve", by="dana", because="yes")

    async def run() -> None:
        async with running() as runtime:
            boundary = offering(0.5, controls=[gate])
            waits = await runtime.run(boundary, Renewal())
            assert isinstance(waits, Suspended)
            ticket, people, now = waits.ticket.id, Principals.of(PEOPLE), runtime.clock.now()
            await runtime.ledger.transact(lambda tx: answer(tx, ticket, said, people, now))
            file(BIG + "# the same rules, another digest\n")
            gate.reload()
            await runtime.drain()
            outcome = await runtime.outcome(boundary, "renewal.offer/r-1")
            assert isinstance(outcome, Suspended)
            assert outcome.ticket.id != ticket
            assert not any(record.get("waived") for record in await judged(runtime))

    asyncio.run(run())


def test_every_other_control_is_asked_again_after_a_yes(file: Any) -> None:
    path = file(BIG)
    approval = cast("Any", Approval(ask="role:lead", within=timedelta(days=1)))

    async def run() -> None:
        async with running() as runtime:
            boundary = offering(0.5, controls=[Gate(path), approval])
            waits = await runtime.run(boundary, Renewal())
            assert isinstance(waits, Suspended)
            waits = await runtime.approve(waits.ticket, by="dana", because="yes")
            assert isinstance(waits, Suspended)
            assert waits.ticket.ask == "role:lead"

    asyncio.run(run())


# Without a runtime


def test_a_gate_decides_without_looking_anywhere(file: Any) -> None:
    (gate,) = offering(0.1, controls=[Gate(file(CAP))]).controls
    passing = Passing(
        boundary="renewal.offer",
        crossing="c",
        subject=Renewal(),
        subject_id="r-1",
        tenant="",
        version=None,
        proposal=Offer(discount=0.5),
        now=SystemClock().now(),
    )
    nothing: Any = None
    said = gate.at_commit(nothing, passing)
    assert [reject.code for reject in said.rejects] == ["cap"]


def test_an_annotated_principal(file: Any) -> None:
    path = file(rule("own", "principal.id == 'al'", "stop"))
    annotated: Any = Annotated[Named, "somebody"]
    boundary = offering(0.2, controls=[Gate(path, principal=annotated)])
    assert crossed(boundary, principal=Named("al"))[0].code == "own"
