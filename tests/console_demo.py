"""The renewal agent some months on, with customers at every stage: what a console has to show."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from signoff import Runtime
from signoff.boundary import Question
from signoff.clock import stamp
from signoff.control import Heartbeat
from signoff.proposers import Rates, Simulated
from signoff.testing import FakeClock
from signoff.workloads.contract_renewal import lifecycle, proposers
from signoff.workloads.contract_renewal.customers import read_customers
from signoff.workloads.contract_renewal.reviewers import LOOKS_EVERY, PRINCIPALS, Reviewers
from signoff.workloads.contract_renewal.run import BEGINS, agent_of
from signoff.workloads.contract_renewal.sample import write_sample
from signoff.workloads.contract_renewal.services import Faults, open_services
from signoff.workloads.contract_renewal.subject import WINDOW, Offer, Renewal
from signoff.workloads.contract_renewal.world import World

#: Groups of customers whose windows open one after the other, days between them.
GROUPS, APART = 6, 12

#: When it ends, and for how long nobody has looked at the inbox.
NOW, AWAY = BEGINS + timedelta(days=120, hours=9), timedelta(hours=10)


def eager(question: Question[Renewal]) -> Offer:
    """An offer that is too good where the customer pays a lot."""
    offer, renewal = proposers.offer(question), question.subject
    if renewal.monthly_charges < 95 or renewal.tenure % 2:
        return offer
    return offer.model_copy(update={"discount": 0.5, "message": "Stay, and pay half of it."})


async def renewals(store: str, folder: Path) -> None:
    """The renewal agent at work for some months, with customers at every stage."""
    customers = [*read_customers(write_sample(folder / "customers.csv", 240, 3))]
    world = World({customer.customer_id: customer for customer in customers})
    clock = FakeClock(BEGINS)
    with open_services(folder / "services", Faults.evenly(0.05, seed=3)) as services:
        model = proposers.simulated(seed=3, misbehaves=0.3)
        offers = Simulated(eager, proposes=Offer, seed=3, rates=Rates(malformed=0.1))
        agent = agent_of(replace(model, offer=offers), services, world)
        async with Runtime(
            store, clock=clock, knows=[agent.lifecycle, *agent.crossed], principals=PRINCIPALS
        ) as runtime:
            reviewers = Reviewers(runtime)
            for group in range(GROUPS):
                for customer in customers[group::GROUPS]:
                    renewal = Renewal.opened(customer, ends=clock.now() + WINDOW)
                    await runtime.start(agent.lifecycle, renewal)
                last = group == GROUPS - 1
                until = NOW - AWAY if last else clock.now() + timedelta(days=APART)
                while clock.now() < until:
                    await clock.advance_to(min(clock.now() + LOOKS_EVERY, until))
                    await reviewers.look()
            await clock.advance_to(NOW)
            for child, state in (("timers", "running"), ("outbox", "running")):
                at = stamp(NOW - timedelta(seconds=4))
                await runtime.ledger.beat(
                    Heartbeat(
                        process="worker-1", child=child, at=at, state=state, restarts=0, error=""
                    )
                )


def replayed(folder: Path) -> None:
    """What one model answered to questions of the renewals, and what another did."""
    lines: list[dict[str, Any]] = []
    customers = read_customers(write_sample(folder / "asked.csv", 80, 4))
    for customer in customers:
        renewal = Renewal.opened(customer, ends=NOW + WINDOW)
        honest = proposers.offer(Question(subject=renewal, crossing=renewal.id))
        for model, step in (("model-1", 0.0), ("model-2", 0.04)):
            for trial in (1, 2):
                wavers = step * trial if int(customer.monthly_charges) % 5 < 2 else 0.0
                offer = honest.model_copy(update={"discount": round(honest.discount + wavers, 2)})
                good = offer.discount <= renewal.cap
                lines.append(
                    {"input": renewal.id, "model": model, "ok": good, "trial": trial}
                    | {"verdict": "accepted" if good else "over_cap"}
                    | {"proposal": offer.model_dump(mode="json")}
                )
    corpus = folder / "corpus.jsonl"
    corpus.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    words = ("replay", "corpus", str(corpus), "--baseline", "model-1", "--candidate", "model-2")
    run = folder / "replays" / "offers-model-2.json"
    run.parent.mkdir()
    run.write_text(signoff(*words, "--json"))
    os.utime(run, (NOW.timestamp(), NOW.timestamp()))


_POLICY = """
[[policies]]
file = "offer.yaml"
proposal = "signoff.workloads.contract_renewal.subject:Offer"
subject = "signoff.workloads.contract_renewal.subject:Renewal"
cases = "cases.yaml"
boundary = "renewal.offer"
"""

_SUBJECT = (
    '{id: r-1, ends: "2026-12-01T00:00:00Z", contract: One year, product: DSL, '
    "monthly_charges: 50.0, tenure: 12, payment_method: Mailed check, cap: 0.3}"
)

_CASES = f"""
cases:
  - name: within the cap
    proposal: {{customer_id: r-1, discount: 0.1, product: DSL, message: Stay!}}
    subject: {_SUBJECT}
    expect: accept
  - name: above the cap
    proposal: {{customer_id: r-1, discount: 0.4, product: DSL, message: Stay!}}
    subject: {_SUBJECT}
    expect: [over_cap]
  - name: another product
    proposal: {{customer_id: r-1, discount: 0.1, product: Fiber optic, message: Stay!}}
    subject: {_SUBJECT}
    expect: [wrong_product]
"""


def decided(folder: Path) -> Path:
    """A project that was written from the renewals' decision record."""
    record = Path(lifecycle.__file__).with_name("decision_record.md")
    signoff("new", "renewals", "--record", str(record), "--into", str(folder))
    project = folder / "renewals"
    # The policy that the renewals of the demonstration are judged by, and cases for it.
    shutil.copy(record.with_name("policy") / "offer.yaml", project)
    project.joinpath("cases.yaml").write_text(_CASES)
    with project.joinpath("signoff.toml").open("a") as settings:
        settings.write(_POLICY)
    return project


def signoff(*words: str) -> str:
    """What a command prints. Its status may be a finding."""
    ran = subprocess.run([sys.executable, "-m", "signoff", *words], capture_output=True, text=True)
    assert ran.stdout, ran.stderr
    return ran.stdout
