"""Wrong choices cost, and show as predicted: billing & payment assist, network incident triage.

Each test runs the chosen composition and a neighbour that the decision record warns about, in the
same world. What the record says to expect is what `signoff diagnose` finds, and only there.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cel_expr_python")

from signoff.boundary import Answer, Boundary, Committed, Question, Refused, Transaction
from signoff.clock import stamp
from signoff.coordination import Delegation, Merged, Part, Saga, ScatterGather, Step
from signoff.diagnosis import diagnose
from signoff.ledger import Fingerprint, Record, said
from signoff.methodology import DecisionRecord
from signoff.workloads import Meter, Plan
from signoff.workloads._running import BEGINS, Running, running
from signoff.workloads.billing_assist import boundary as billing
from signoff.workloads.billing_assist import decided as billing_record
from signoff.workloads.billing_assist import lifecycle as assistant
from signoff.workloads.billing_assist import proposers as billing_models
from signoff.workloads.billing_assist import world as billing_world
from signoff.workloads.billing_assist.turn import Reply, Turn
from signoff.workloads.billing_assist.verifiers import CLAIMS
from signoff.workloads.network_triage import boundary as triage
from signoff.workloads.network_triage import decided as triage_record
from signoff.workloads.network_triage import lifecycle as handling
from signoff.workloads.network_triage import proposers as triage_models
from signoff.workloads.network_triage import world as network_world
from signoff.workloads.network_triage.incident import Incident

#: A model that goes wrong often, so that few units are enough to see what is missing.
ROWS, MISBEHAVES = 40, 0.5


@dataclass(frozen=True)
class Found:
    """What came of a run: signature -> how often, and the damage in the world's accounts."""

    signatures: Mapping[str, int]
    damage: Mapping[str, int]
    calls: int


async def found_in(run: Running, damage: Mapping[str, int], meter: Meter) -> Found:
    diagnosis = await diagnose(run.storage, now=stamp(run.clock.now()))
    signatures: Counter[str] = Counter()
    for each in diagnosis.findings:
        signatures[each.signature.code] += each.count
    return Found(signatures, damage, meter.calls)


def expected_without(record: DecisionRecord, title: str, pattern: str) -> tuple[str, ...]:
    """What a record says to expect of the composition that leaves a pattern out."""
    line = record.line(title)
    assert line is not None
    [left_out] = [a for a in line.alternatives if a.leaves_out and a.pattern == f"no {pattern}"]
    return left_out.expect


def billing_run(
    folder: Path,
    change: Callable[[billing.Boundaries], billing.Boundaries],
    misbehaves: float = MISBEHAVES,
) -> Found:
    plan = Plan(
        rows=ROWS, misbehaves=misbehaves, faults=0.0, store="sqlite://:memory:", world=folder
    )

    async def main() -> Found:
        meter = Meter()
        simulated = billing_models.simulated(seed=plan.seed, misbehaves=plan.misbehaves)
        model = billing_models.counted(simulated, meter)
        asked = billing_world.turns(plan.rows, plan.seed)
        with billing_world.opened(plan, "world") as world:
            people = billing_world.COLLEAGUES
            async with running("billing-assist", plan, Meter(), principals=people) as run:
                cross = billing.boundaries(model, world.billing, world.chat, run.storage)
                one = assistant.Assistant(run, change(cross), world, Meter())
                for turn in asked:
                    await one.answer(turn)
                await _put_on_record(run, world)
                damage = billing_world.audit(world, asked)
                return await found_in(
                    run, {name: getattr(damage, name) for name in damage.__slots__}, meter
                )

    return asyncio.run(main())


async def _put_on_record(run: Running, world: billing_world.World) -> None:
    """Every message that was sent, with what of it is not so: the same for every composition."""
    for effect in list(world.chat.effects()):
        payload = json.loads(effect.payload)
        turn, at = payload["turn"], stamp(run.clock.now())
        entries = [entry async for entry in run.storage.of_subject(turn)]
        record = said(payload["text"], CLAIMS, entries)
        await run.storage.transact(partial(_append, turn=turn, at=at, record=record))


def _append(tx: Transaction, *, turn: str, at: str, record: Record) -> None:
    tx.append(turn, "", at, [record])


def as_chosen(cross: Any) -> Any:
    return cross


def without_a_gate(cross: billing.Boundaries) -> billing.Boundaries:
    """The model's reply is done as it comes: no verifier, no policy, nobody asked."""
    owner: Boundary[Turn, Reply, Reply] = Boundary(
        "billing.reply",
        proposer=Merged(Reply),
        verifiers=[],
        commit=cross.reply.boundary.commit,
        budget=billing.BUDGET,
    )
    return replace(cross, reply=Delegation(owner, cross.reply.specialists, merge=billing.one_reply))


def words_unchecked(cross: billing.Boundaries) -> billing.Boundaries:
    """The closing message goes out as the model writes it."""
    say = cross.say
    bare = Boundary("billing.say", proposer=say.proposer, verifiers=[], commit=say.commit)
    return replace(cross, say=bare)


def test_billing_without_its_gate_does_what_no_policy_has_judged(tmp_path: Path) -> None:
    record = billing_record()
    expected = expected_without(record, "control", "supervisor + gate")
    assert "SDB-no-verifier" in expected
    chosen = billing_run(tmp_path / "chosen", as_chosen)
    wrong = billing_run(tmp_path / "wrong", without_a_gate)
    assert not set(chosen.signatures) & set(expected)
    assert wrong.signatures["SDB-no-verifier"] >= ROWS / 2
    assert sum(chosen.damage.values()) == 0
    assert wrong.damage["over_owed"] + wrong.damage["out_of_policy"] > 0
    assert wrong.damage["unapproved"] > 0


def test_billing_whose_words_are_not_checked_promises_what_did_not_happen(tmp_path: Path) -> None:
    # The record's last line: who does not see the agent first will find these two too late.
    assert "SDB-phantom" in billing_record().sequence.expect
    chosen = billing_run(tmp_path / "chosen", as_chosen)
    wrong = billing_run(tmp_path / "wrong", words_unchecked)
    assert "SDB-phantom" not in chosen.signatures
    assert wrong.signatures["SDB-phantom"] > 0
    assert chosen.damage["promised"] == 0
    assert wrong.damage["promised"] > 0


class ByHand:
    """The owner of a delegation that is none: it asks, and those whom it asks retry, too."""

    proposes = Reply
    fingerprint = Fingerprint(model="by hand")

    def __init__(self, cross: billing.Boundaries) -> None:
        # `Delegation` refuses specialists that have retries of their own.
        self._asked = {
            each.name: Boundary(
                each.boundary.name,
                proposer=each.boundary.proposer,
                verifiers=each.boundary.verifiers,
                commit=each.boundary.commit,
                subject=Turn,
                attempts=2,
            )
            for each in cross.reply.specialists
            if isinstance(each.boundary, Boundary)
        }

    async def __call__(self, question: Question[Turn]) -> Answer:
        assert question.cross is not None
        parts: dict[str, Part] = {}
        for name, boundary in self._asked.items():
            crossed = await question.cross(boundary, question.subject, name=name)
            if not isinstance(crossed.outcome, Committed):
                raise Refused(f"{name} did not answer", code="partial")
            parts[name] = Part(name=name, state="answered", value=crossed.outcome.receipt)
        return Answer(content=billing.one_reply(parts, question.subject))


def both_retrying(cross: billing.Boundaries) -> billing.Boundaries:
    """The specialists have a retry budget, and so has whoever asks them."""
    owner = cross.reply.boundary
    by_hand = Boundary(
        owner.name,
        proposer=ByHand(cross),
        verifiers=owner.verifiers,
        commit=owner.commit,
        budget=owner.budget,
        controls=owner.controls,
    )
    reply: Any = by_hand
    return replace(cross, reply=reply)


def test_billing_whose_specialists_retry_as_well_asks_again_and_again(tmp_path: Path) -> None:
    assert "P1-double-retry" in billing_record().coordination.expect
    chosen = billing_run(tmp_path / "chosen", as_chosen, misbehaves=0.9)
    wrong = billing_run(tmp_path / "wrong", both_retrying, misbehaves=0.9)
    assert "P1-double-retry" not in chosen.signatures
    assert wrong.signatures["P1-double-retry"] > 0
    # The gate holds all the same: what is wasted is calls.
    assert sum(chosen.damage.values()) == sum(wrong.damage.values()) == 0
    assert wrong.calls > chosen.calls


def triage_run(folder: Path, change: Callable[[triage.Boundaries], triage.Boundaries]) -> Found:
    plan = Plan(
        rows=ROWS, misbehaves=MISBEHAVES, faults=0.0, store="sqlite://:memory:", world=folder
    )

    async def main() -> Found:
        meter = Meter()
        simulated = triage_models.named("simulated", seed=plan.seed, misbehaves=plan.misbehaves)
        model = meter.proposer(simulated)
        with network_world.opened(plan, "world") as (network, raised):
            people = network_world.DUTY
            async with running("network-triage", plan, Meter(), principals=people) as run:
                cross = change(triage.boundaries(model, network))
                one = handling.Triage(run, cross, Meter())
                due = BEGINS
                for alarm in raised:
                    due += alarm.after
                    await run.clock.advance_to(max(due, run.clock.now()))
                    await one.handle(alarm.incident)
                await run.clock.advance(hours=2)
                damage = network_world.audit(network, raised)
                return await found_in(
                    run, {name: getattr(damage, name) for name in damage.__slots__}, meter
                )

    return asyncio.run(main())


def done_together(parts: Mapping[str, Part], incident: Incident) -> dict[str, Any]:
    return {name: part.value for name, part in parts.items()}


def without_undo(cross: triage.Boundaries) -> triage.Boundaries:
    """Drain, act and look as peers that have to succeed: what has happened stays if one fails."""
    mend: Any = ScatterGather(
        "triage.mend",
        cross.mend.boundaries[:3],
        aggregate=done_together,
        proposes=dict,
        subject=Incident,
    )
    return replace(cross, mend=mend)


def test_triage_without_a_saga_leaves_what_had_happened(tmp_path: Path) -> None:
    record = triage_record()
    expected = expected_without(record, "coordination", "scatter-gather + saga")
    assert expected == ("P2-partial-write",)
    chosen = triage_run(tmp_path / "chosen", as_chosen)
    wrong = triage_run(tmp_path / "wrong", without_undo)
    assert "P2-partial-write" not in chosen.signatures
    assert wrong.signatures["P2-partial-write"] > 0
    assert sum(chosen.damage.values()) == 0
    assert wrong.damage["left"] > 0


def without_a_gate_on_sites(cross: triage.Boundaries) -> triage.Boundaries:
    """Whatever the model says is done to the site: nobody asks what the picture supports."""

    def bare(of: Any) -> Any:
        return Boundary(of.name, proposer=of.proposer, verifiers=[], commit=of.commit)

    drain, remedy, verify, restore = cross.mend.steps
    mend: Saga[Incident] = Saga(
        cross.mend.name,
        Step(bare(drain.crossed), undo=drain.undo),
        Step(bare(remedy.crossed), undo=remedy.undo),
        verify,
        restore,
    )
    return replace(cross, decide=bare(cross.decide), touch=bare(cross.touch), mend=mend)


def test_triage_without_its_gate_touches_what_it_may_not(tmp_path: Path) -> None:
    expected = expected_without(triage_record(), "control", "supervisor + gate")
    assert "SDB-no-verifier" in expected
    chosen = triage_run(tmp_path / "chosen", as_chosen)
    wrong = triage_run(tmp_path / "wrong", without_a_gate_on_sites)
    assert not set(chosen.signatures) & set(expected)
    assert wrong.signatures["SDB-no-verifier"] > 0
    assert sum(chosen.damage.values()) == 0
    assert wrong.damage["core"] > 0
