"""Number port-in: what it accepts, what a kill stops, and whether the record is still true."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from signoff.boundary import Accept, Reject, Verdict
from signoff.errors import BadInput
from signoff.methodology import check, read_record, wiring_of
from signoff.workloads import Meter, Plan, port_in, shipped
from signoff.workloads._running import BEGINS, running
from signoff.workloads.port_in.boundary import (
    Answer,
    CustomerFile,
    Port,
    about_this_port,
    agrees_with_the_file,
    corrects_a_few_times,
    gives_up_late,
    holder_changes,
)
from signoff.workloads.port_in.desk import PRINCIPALS
from signoff.workloads.port_in.lifecycle import agent_of, pass_the_time
from signoff.workloads.port_in.world import World, world_of

RECORD = Path(port_in.__file__).parent / "decision_record.md"

PORT = Port(
    id="P-1",
    number="+44 20 7946 0001",
    opened=BEGINS,
    account="111",
    holder="Ada",
    date=date(2026, 1, 10),
    file=CustomerFile(account="222", holders=("Ada", "Bob"), dates=("2026-01-10", "2026-01-12")),
    said="Account number unknown to us.",
)


@pytest.fixture
def placed(tmp_path: Path) -> Iterator[tuple[Plan, World]]:
    plan = Plan(rows=12, seed=1, store=f"sqlite:///{tmp_path / 'x.db'}", world=tmp_path)
    with world_of(plan, "systems") as world:
        yield plan, world


def answer(action: str, field: str = "", value: str = "", port: str = "P-1") -> Answer:
    return Answer.model_validate({"port": port, "action": action, "field": field, "value": value})


def code(verdict: Verdict) -> str:
    assert isinstance(verdict, Accept | Reject)
    return "" if isinstance(verdict, Accept) else verdict.code


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("account", "222", ""),
        ("account", "12345678", "not_in_the_file"),
        ("account", "111", "not_in_the_file"),
        ("holder", "Bob", ""),
        ("holder", "Eve", "not_in_the_file"),
        ("holder", "Ada", "nothing_changes"),
        ("date", "2026-01-12", ""),
        ("date", "2026-01-10", "nothing_changes"),
        ("date", "tomorrow", "not_in_the_file"),
        ("", "222", "no_field"),
    ],
)
def test_a_correction_agrees_with_the_file(field: str, value: str, expected: str) -> None:
    assert code(agrees_with_the_file(answer("correct", field, value), PORT)) == expected


def test_an_answer_is_about_the_port_that_was_rejected() -> None:
    assert code(about_this_port(answer("ask_customer"), PORT)) == ""
    assert code(about_this_port(answer("ask_customer", port="P-2"), PORT)) == "wrong_port"


def test_nobody_gives_up_before_the_customer_was_asked_about_this_very_objection() -> None:
    giving_up = answer("give_up")
    assert code(gives_up_late(giving_up, PORT)) == "too_early"
    asked = PORT.model_copy(update={"asked_about": PORT.said})
    assert code(gives_up_late(giving_up, asked)) == ""
    assert code(gives_up_late(giving_up, asked.model_copy(update={"said": "other"}))) == "too_early"
    dead = PORT.model_copy(update={"said": "number not active on our network"})
    assert code(gives_up_late(giving_up, dead)) == ""


def test_a_model_corrects_three_times_and_then_a_person_looks() -> None:
    correcting = answer("correct", "account", "222")
    verdict = corrects_a_few_times(correcting, PORT.model_copy(update={"corrections": 3}))
    assert isinstance(verdict, Reject)
    assert verdict.then == "escalate"
    assert code(corrects_a_few_times(correcting, PORT)) == ""


def test_another_holder_needs_approval() -> None:
    assert holder_changes(answer("correct", "holder", "Bob"), PORT)
    assert not holder_changes(answer("correct", "account", "222"), PORT)


def test_the_record_is_what_the_method_says_today() -> None:
    assert RECORD.read_text(encoding="utf-8") == port_in.decided().as_markdown()


def test_the_wiring_is_what_the_record_says(placed: tuple[Plan, World]) -> None:
    class Unmetered(Meter):
        def proposer(self, proposer: Any) -> Any:
            return proposer

    record = read_record(RECORD.read_text(encoding="utf-8"))
    agent = agent_of(*placed, Unmetered())
    checked = check(record, wiring_of(agent.knows))
    assert checked.holds
    assert checked.drifts == ()


def test_after_a_kill_nothing_is_filed_answered_or_cut_over(placed: tuple[Plan, World]) -> None:
    plan, world = placed

    async def main() -> None:
        meter = Meter()
        agent = agent_of(plan, world, meter)
        async with running("port-in", plan, meter, knows=agent.knows, principals=PRINCIPALS) as run:
            await run.runtime.kill("porting", by="lead", because="the wrong price list")
            for port in world.ports.values():
                await run.runtime.start(agent.lifecycle, port)
            opened = sorted(port.opened for port in world.ports.values())
            await run.clock.advance_to(opened[1] + timedelta(hours=1))
            assert not any(list(world.entries(name)) for name in world.books)
            await run.runtime.lift("porting", by="lead", because="corrected")
            ends = await pass_the_time(run, agent, world, plan)
            assert set(ends.values()) <= {"ported", "rejected", "withdrawn", "escalated"}

    asyncio.run(main())


def test_a_proposer_that_there_is_not_is_told() -> None:
    with pytest.raises(BadInput, match="simulated"):
        asyncio.run(shipped("port-in").run(Plan(rows=1, proposer="oracle")))
