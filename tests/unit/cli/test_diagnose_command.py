"""`signoff diagnose`, at the shell and asked from Python."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from planting import Planter
from pydantic import BaseModel
from stores import opened

from signoff import Accept, Boundary, Budget, Reject, Runtime, Transactional, Verdict, Write
from signoff.boundary import Answer, Question
from signoff.cli._app import main
from signoff.cli._procedure import ask_three_way
from signoff.diagnosis import SIGNATURES, Procedure
from signoff.errors import BadInput
from signoff.ledger import Fingerprint


class Deal(BaseModel):
    id: str


class Offer(BaseModel):
    price: int


class Says:
    """A proposer that offers what a rule says, and counts how often it was asked."""

    proposes = Offer

    def __init__(self, model: str, *prices: int) -> None:
        self.fingerprint = Fingerprint(model=model)
        self.prices, self.asked = prices, 0

    async def __call__(self, question: Question[Any], /) -> Answer:
        self.asked += 1
        price = self.prices[self.asked % len(self.prices)]
        if price < 0:
            raise ConnectionError("down")
        return Answer(content=Offer(price=price))


def fair(offer: Offer, deal: Deal) -> Verdict:
    return Accept() if offer.price <= 10 else Reject("dear", "10 at most")


def book(offer: Offer, deal: Deal, write: Write[Deal]) -> int:
    raise AssertionError("nothing is committed by asking again")


def offering(proposer: Any) -> Boundary[Deal, Offer, int]:
    return Boundary(
        "deal.offer",
        proposer=proposer,
        verifiers=[fair],
        commit=Transactional(book),
        budget=Budget(attempts=1),
    )


def asked(
    recorded: int, current: Says, prior: Says | None, *, failures: int = 1, failure: str = ""
) -> Procedure:
    """Record failing crossings, and ask them again."""

    def record(offer: Offer, deal: Deal, write: Write[Deal]) -> int:
        return offer.price

    was = Boundary(
        "deal.offer",
        proposer=Says("recorded", recorded),
        verifiers=[fair],
        commit=Transactional(record),
        budget=Budget(attempts=1),
    )

    async def work() -> Procedure:
        async with Runtime("sqlite://:memory:") as runtime:
            last: Any = None
            for number in range(failures):
                last = await runtime.run(was, Deal(id=f"d-{number}"))
            name = failure or last.crossing[:10]
            return await ask_three_way(runtime.ledger, name, offering(current), prior=prior, n=8)

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("recorded", "current", "prior", "label"),
    [
        (50, [50], [50], "functional"),
        (50, [50], [5], "replay divergence"),
        (50, [5], [5], "variance"),
        (50, [5, 50], [5], "REVIEW"),
        (5, [5], [5], "functional"),  # it was accepted, and is wrong
        (5, [5], [6], "replay divergence"),
        (5, [50], [6], "variance"),
    ],
)
def test_a_recorded_failure_is_labelled(
    recorded: int, current: list[int], prior: list[int], label: str
) -> None:
    now, before = Says("now", *current), Says("before", *prior)

    assert asked(recorded, now, before).label == label
    assert now.asked == before.asked == 8


def test_without_a_prior_model_the_label_is_blocked() -> None:
    assert asked(50, Says("now", 50), None).label == "blocked"


def test_a_prior_model_that_cannot_be_reached_is_blocked_too() -> None:
    procedure = asked(50, Says("now", 50), Says("before", -1))

    assert procedure.label == "blocked"
    assert procedure.pooled.counts.prior_of == 0


def test_the_failures_of_a_boundary_are_asked_together() -> None:
    procedure = asked(50, Says("now", 50), Says("before", 5), failures=12, failure="deal.offer")

    assert procedure.label == "replay divergence"
    assert len(procedure.cases) == 10
    assert procedure.pooled.counts.current_of == 80


def test_a_failure_that_is_not_on_record_is_told() -> None:
    with pytest.raises(BadInput, match="no failing question 'ffff'"):
        asked(50, Says("now", 50), None, failure="ffff")


# At the shell


@pytest.fixture
def store(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'signoff.db'}"
    planter = Planter()
    planter.clean(20)
    planter.no_verifier(2, 3)
    planter.swallowed(5, 6)

    async def write() -> None:
        async with opened(url) as storage:
            await planter.onto(storage, rows=True)

    asyncio.run(write())
    return url


@pytest.fixture
def healthy(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'healthy.db'}"
    planter = Planter()
    planter.clean(20)

    async def write() -> None:
        async with opened(url) as storage:
            await planter.onto(storage)

    asyncio.run(write())
    return url


def test_findings_are_shown_with_what_to_do(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "--store", store]) == 1

    shown = capsys.readouterr().out
    assert shown.index("SDB-no-verifier  missing verifier") < shown.index("SDB-swallowed")
    assert "2 times of 3" in shown
    assert "1. add a verifier" in shown
    assert f"--store {store}" in shown


def test_a_healthy_ledger_ends_with_zero(healthy: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "--store", healthy]) == 0
    assert "No signature was found." in capsys.readouterr().out


def test_what_is_only_minor_ends_with_zero(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "deaf", "--store", store]) == 0
    assert "SDB-swallowed" in capsys.readouterr().out


def test_programs_read_json(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "--json", "--store", store]) == 1

    told = json.loads(capsys.readouterr().out)
    assert not told["healthy"]
    first = told["findings"][0]
    assert (first["code"], first["where"], first["count"], first["of"]) == (
        "SDB-no-verifier",
        "mail",
        2,
        3,
    )
    assert len(first["evidence"]) == 2
    assert first["interval"][0] < first["rate"] < first["interval"][1]


def test_the_catalogue_is_listed_without_a_store(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "--list"]) == 0
    shown = capsys.readouterr().out
    assert all(signature.code in shown for signature in SIGNATURES)

    assert main(["diagnose", "--list", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(SIGNATURES)


def test_only_what_is_recent_is_looked_at(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "--since", "1s", "--json", "--store", store]) in (0, 2)
    capsys.readouterr()
    assert main(["diagnose", "--since", "1h", "--json", "--store", store]) == 1
    assert json.loads(capsys.readouterr().out)["records"] > 0


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["diagnose", "nobody"], 1, "no subject, crossing or boundary named 'nobody'"),
        (["diagnose", "--since", "soon"], 2, "--since is 'soon'"),
        (["diagnose", "--app", "a:b"], 2, "goes with --prior-model"),
        (["diagnose", "--prior-model", "simulated"], 2, "name the failure"),
        (["diagnose", "deaf", "--prior-model", "simulated"], 2, "no boundary is called 'deaf'"),
        (
            ["diagnose", "deaf", "--prior-model", "simulated", "--app", "nowhere:x"],
            2,
            "cannot be imported",
        ),
    ],
)
def test_what_cannot_be_done_is_told_in_words(
    arguments: list[str], status: int, told: str, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--store", store]) == status
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error


def test_the_procedure_ends_with_its_status(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'deals.db'}"

    def record(offer: Offer, deal: Deal, write: Write[Deal]) -> int:
        return offer.price

    was = Boundary(
        "deal.offer",
        proposer=Says("recorded", 50),
        verifiers=[fair],
        commit=Transactional(record),
        budget=Budget(attempts=1),
    )

    async def work() -> str:
        async with Runtime(url) as runtime:
            outcome: Any = await runtime.run(was, Deal(id="d"))
            return str(outcome.crossing)

    crossing = asyncio.run(work())
    now, before = Says("now", 50), Says("before", 5)
    monkeypatch.setattr(
        "signoff.cli._boundaries.boundaries_of", lambda apps: {"deal.offer": offering(now)}
    )
    monkeypatch.setattr("signoff.proposers.another", lambda proposer, model: before)

    command = ["diagnose", crossing[:8], "--prior-model", "old", "--app", "x:y", "--store", url]
    assert main(command) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("replay divergence")
    assert "8 of 8" in shown
    assert "0 of 8" in shown

    assert main([*command, "--json", "--n", "4"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert told["label"] == "REVIEW"
    assert told["cases"][0]["failure"] == crossing
