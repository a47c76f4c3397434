"""A closing message is compared with what was committed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pydantic import BaseModel

from signoff import Accept, Boundary, EffectRefused, External, Reject, Runtime, Verdict
from signoff.ledger import PhantomSuccess, phantom_successes, said
from signoff.testing import Scripted

CLAIMS = {"refund": r"(?<!not )refunded", "pay": r"paid out"}


class Claimant(BaseModel):
    id: str


class Refund(BaseModel):
    amount: int


def at_most_ten(refund: Refund, claimant: Claimant) -> Verdict:
    return Accept() if refund.amount <= 10 else Reject("too_much", "at most 10", then="stop")


def phantoms(message: str, amount: int, *, fails: str = "") -> Sequence[PhantomSuccess]:
    async def pay(refund: Refund, claimant: Claimant, key: str) -> str:
        if fails == "refused":
            raise EffectRefused("closed", "the account is closed")
        if fails == "lost":
            raise TimeoutError
        return "paid"

    boundary = Boundary(
        "refund",
        proposer=Scripted(Refund(amount=amount)),
        verifiers=[at_most_ten],
        commit=External(pay),
    )

    async def main() -> Sequence[PhantomSuccess]:
        async with Runtime("sqlite://:memory:") as runtime:
            await runtime.run(boundary, Claimant(id="c-1"))
            entries = [entry async for entry in runtime.ledger.of_subject("c-1")]
        return phantom_successes(message, CLAIMS, entries)

    return asyncio.run(main())


def test_a_claim_that_the_ledger_bears_out_is_no_phantom() -> None:
    assert phantoms("I have refunded you.", 5) == ()


def test_an_effect_may_be_claimed_by_its_own_name_too() -> None:
    assert phantoms("The money was paid out", 5) == ()


def test_a_claim_after_a_rejection_is_a_phantom() -> None:
    (phantom,) = phantoms("I have Refunded you.", 50)
    assert phantom == PhantomSuccess(claimed="refund", words="Refunded", status="rejected")


def test_a_claim_after_the_other_system_refused_is_a_phantom() -> None:
    assert [p.status for p in phantoms("You were refunded", 5, fails="refused")] == ["rejected"]


def test_an_unknown_effect_must_not_be_claimed() -> None:
    assert [p.status for p in phantoms("You were refunded", 5, fails="lost")] == ["unknown"]


def test_a_message_that_claims_nothing_is_no_phantom() -> None:
    assert phantoms("You were not refunded.", 50) == ()


def test_a_claim_of_what_was_never_tried_is_a_phantom() -> None:
    assert [p.status for p in phantom_successes("refunded", CLAIMS, [])] == ["absent"]


def test_a_message_is_recorded_with_what_it_claims_wrongly() -> None:
    record = said("You are refunded, and all is well", CLAIMS, [])
    assert record.body() == {
        "message": "You are refunded, and all is well",
        "phantoms": ({"claimed": "refund", "words": "refunded", "status": "absent"},),
    }
    assert said("All is well", CLAIMS, []).body() == {"message": "All is well"}
