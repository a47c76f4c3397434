from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from deals import Deal, Offer, selling

from signoff import Accept, Reject, Verdict
from signoff.boundary import Control
from signoff.control import Approval, Escalation, Gate, KillSwitch, Throttle, judges_of

HOUR = timedelta(hours=1)


def cheap(offer: Offer, deal: Deal) -> Verdict:
    return Accept() if offer.price < 5 else Reject("dear", "too dear")


def high(offer: Offer, deal: Deal) -> bool:
    return offer.price > 7


def small(deal: Deal) -> bool:
    return deal.limit < 3


def broken(offer: Offer, deal: Deal) -> bool:
    raise ValueError("oops")


def said(control: Any, price: int, deal: Deal | None = None) -> list[tuple[str, str]]:
    boundary = selling(Offer(price=1)).bounded_by(control)
    (judge,), _ = judges_of(boundary.controls)
    rejections = judge.rejections(Offer(price=price), deal or Deal(), None, attempt=2)
    assert all((each.by, each.attempt) == (judge.label, 2) for each in rejections)
    return [(each.code, each.then) for each in rejections]


def test_a_gate_says_the_same_without_a_transaction() -> None:
    assert said(Gate(cheap), 4) == []
    assert said(Gate(cheap), 6) == [("dear", "revise")]


def test_a_policy_is_asked_with_its_principal_and_tenant(tmp_path: Path) -> None:
    pytest.importorskip("cel_expr_python")
    pytest.importorskip("yaml")
    path = tmp_path / "p.yaml"
    path.write_text(
        'policy: p\nversion: "1"\ndefault: allow\nrules:\n'
        "  - {id: cap, when: proposal.price > subject.limit, code: over, message: no, then: stop}\n"
    )
    assert said(Gate(path), 11) == [("over", "stop")]
    assert said(Gate(path), 9) == []


def test_a_person_is_asked_where_an_approval_or_an_escalation_would_ask_one() -> None:
    asked = [("asks_person", "escalate")]
    assert said(Approval(ask="dana", within=HOUR, when=high), 8) == asked
    assert said(Approval(ask="dana", within=HOUR, when=high), 7) == []
    assert said(Approval(ask="dana", within=HOUR), 1) == asked
    assert said(Approval(ask="dana", within=HOUR, when=broken), 1) == asked
    assert said(Escalation(ask="dana", when=high), 8) == asked
    assert said(Escalation(ask="dana", before=small), 1, Deal(limit=2)) == asked
    assert said(Escalation(ask="dana", on_budget=True), 8) == []


def test_what_is_about_the_moment_is_left_out_and_what_is_not_known_is_named() -> None:
    class Own(Control[Any, Any]):
        name = "own"

    boundary = selling(Offer(price=1)).bounded_by(
        KillSwitch("deals"), Throttle(per_minute=1), Own(), Gate(cheap)
    )
    judges, others = judges_of(boundary.controls)
    assert [judge.name for judge in judges] == ["gate:cheap"]
    assert others == ("own",)
