"""An `Unknown` stays unknown until a probe or a person says what happened."""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest
from pydantic import BaseModel

from signoff import Boundary, Committed, External, Outcome, Rejected, Runtime, Unknown
from signoff.errors import UsageError
from signoff.state import StateMachine
from signoff.testing import FakeClock, Scripted


class Account(BaseModel):
    id: str


class Refund(BaseModel):
    amount: int


async def pay(refund: Refund, account: Account, key: str) -> str:
    raise TimeoutError("the bank does not answer")


refund = Boundary(
    "refund", proposer=Scripted(Refund(amount=5), repeat=True), verifiers=[], commit=External(pay)
)

machine = StateMachine[Literal["open", "refunded"]](
    "account", {"open": {"refunded"}}, start="open", subject=Account
)


@pytest.mark.parametrize("happened", [True, False])
def test_a_person_ends_the_doubt(happened: bool, any_store: str) -> None:
    async def main() -> None:
        async with Runtime(any_store, clock=FakeClock()) as runtime:
            account = await runtime.start(machine, Account(id="a-1"))
            outcome: Outcome[str] = await runtime.advance(account, "refunded", through=refund)
            assert isinstance(outcome, Unknown)
            await runtime.refresh(account)
            assert account.pending
            resolved = await runtime.resolve(
                refund,
                outcome.key,
                happened=happened,
                by="dana",
                because="seen on the bank's statement",
                receipt="pay-7",
            )
            if happened:
                assert isinstance(resolved, Committed)
                assert resolved.receipt == "pay-7"
            else:
                assert isinstance(resolved, Rejected)
                assert resolved.code == "did_not_happen"
            assert account.state == ("refunded" if happened else "open")
            assert not account.pending
            told = [
                e.body async for e in runtime.ledger.of_subject("a-1") if e.type == "reconciled"
            ]
            assert '"by":"dana"' in told[0]
            assert "statement" in told[0]
            with pytest.raises(UsageError, match="in doubt"):
                await runtime.resolve(
                    refund, outcome.key, happened=True, by="dana", because="again"
                )

    asyncio.run(main())
