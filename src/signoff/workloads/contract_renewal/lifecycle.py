"""The 90 days of a renewal: a state machine, and what its timers start."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from signoff.boundary import (
    Boundary,
    Committed,
    Rejected,
    Suspended,
    Unknown,
    crossing_key,
)
from signoff.coordination import Compensated, Delegation, boundary_of
from signoff.errors import NotNow
from signoff.runtime import Known, Runtime
from signoff.state import At, Handle, StateMachine
from signoff.workloads.contract_renewal.boundary import Boundaries
from signoff.workloads.contract_renewal.subject import Renewal, Stage
from signoff.workloads.contract_renewal.world import World

RenewalHandle = Handle[Stage, Renewal]

#: How often a renewal is settled anew after it was undone, before a person has to look.
_SETTLINGS: Final = 6


class RenewalAgent:
    """Leads renewals through their window; holds no state of its own.

    Args:
        boundaries: What the model has to cross.
        world: What customers reply, and what happens to products and contracts meanwhile.
        on_step: Called after every piece of work, for a progress bar.
    """

    def __init__(
        self,
        boundaries: Boundaries,
        world: World,
        *,
        on_step: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._cross = boundaries
        self._world = world
        self._on_step = on_step
        self.lifecycle = StateMachine[Stage](
            "renewal",
            {
                "window_open": {"scoring", "offer_sent", "human_required"},
                "scoring": {"offer_sent", "human_required"},
                "offer_sent": {"closing", "human_required", "expired"},
                "human_required": {"scoring", "offer_sent", "closing"},
                "closing": {"closed", "human_required"},
            },
            start="window_open",
            subject=Renewal,
            timers=[
                At(_merger, at="window_open", do=self.merge),
                At(_days_before(60), at="window_open", do=self.score),
                At(_merger, at="scoring", do=self.merge),
                At(_product_end, at="scoring", do=self.end_product),
                At(_days_before(30), at="scoring", do=self.reach_out),
                At(_days_before(7), at="offer_sent", do=self.close),
                At(_days_before(0), at="offer_sent", go="expired"),
                At(_days_before(7), at="closing", do=self.settle),
                At(_product_end, at="human_required", do=self.end_product),
            ],
        )

    @property
    def crossed(self) -> tuple[Known, ...]:
        """Everything that the agent crosses, for the runtime to know."""
        return (
            self._cross.score,
            self._cross.offer,
            self._cross.closing,
            self._cross.settlement,
        )

    async def score(self, runtime: Runtime, renewal: RenewalHandle) -> None:
        """Day -60."""
        await self._advance(runtime, renewal, "scoring", self._cross.score)
        self._on_step("score")

    async def reach_out(self, runtime: Runtime, renewal: RenewalHandle) -> None:
        """Day -30."""
        await self._advance(runtime, renewal, "offer_sent", self._cross.offer)
        self._on_step("offer")

    async def close(self, runtime: Runtime, renewal: RenewalHandle) -> None:
        """Day -7: the customer has replied."""
        await self._hear(runtime, renewal)
        await self._advance(runtime, renewal, "closing", self._cross.closing)
        self._on_step("close")

    async def settle(self, runtime: Runtime, renewal: RenewalHandle) -> None:
        """The ending is decided: contract, charges and mail follow it, or none of them does."""
        tries = renewal.subject.settlings
        key = f"renewal.settle/{renewal.id}/{tries}"
        outcome = await runtime.run(self._cross.settlement, renewal.subject, key=key)
        match outcome:
            case Committed():
                await runtime.move(renewal, "closed", because="it is settled")
                self._on_step("settle")
            case Compensated() if tries + 1 < _SETTLINGS:
                await runtime.change(renewal, _tried, because=f"undone: {outcome.because}"[:200])
                raise NotNow(outcome.because)
            case Compensated():
                await runtime.move(renewal, "human_required", because="it cannot be settled")
            case _:
                raise NotNow("what is under way has to end first")

    async def end_product(self, runtime: Runtime, renewal: RenewalHandle) -> None:
        """Day -47: the product is withdrawn; its successor takes its place."""
        await runtime.change(renewal, _replace_product, because="product end of life")

    async def merge(self, runtime: Runtime, renewal: RenewalHandle) -> None:
        """Two contracts become one: a person writes the offer."""
        if not renewal.subject.merging:
            await runtime.change(renewal, _merge, because="the contract is merged with another")
        await self._advance(runtime, renewal, "offer_sent", self._cross.offer)

    async def _hear(self, runtime: Runtime, renewal: RenewalHandle) -> None:
        if renewal.subject.reply:
            return
        reply = self._world.reply_of(renewal.id)
        await runtime.change(
            renewal, lambda r: r.model_copy(update={"reply": reply}), because="the customer replied"
        )

    async def _advance(
        self,
        runtime: Runtime,
        renewal: RenewalHandle,
        to: Stage,
        through: Boundary[Any, Any, Any] | Delegation[Any, Any, Any],
    ) -> None:
        """Move on, or wait for a person in `human_required`."""
        # One score, one offer and one closing per renewal, whichever handler asks for it: the key
        # says so for ever, while the version would only say it for this state of the row.
        key = crossing_key(boundary_of(through).name, renewal.id, None)
        outcome = await runtime.advance(
            renewal, to, through=through, key=key, waits_in="human_required"
        )
        match outcome:
            case Committed() | Suspended():
                pass
            case Rejected() if outcome.ended == "halted":
                raise NotNow(str(outcome.rejections[-1]))
            case Rejected() if outcome.code == "stale_version":
                pass  # it went another way meanwhile
            case Rejected():
                await self._park(runtime, renewal, outcome.code)
            case Unknown():
                raise AssertionError("these boundaries commit inside the database")

    async def _park(self, runtime: Runtime, renewal: RenewalHandle, why: str) -> None:
        while renewal.state != "human_required":
            await runtime.move(renewal, "human_required", because=f"rejected: {why}")


def _days_before(days: int) -> Callable[[Renewal], datetime]:
    def due(renewal: Renewal) -> datetime:
        return renewal.ends - timedelta(days=days)

    return due


def _product_end(renewal: Renewal) -> datetime | None:
    affected = World.product_ends(renewal) and not renewal.ended_product
    return renewal.ends - timedelta(days=47) if affected else None


def _merger(renewal: Renewal) -> datetime | None:
    return World.merger(renewal)


def _replace_product(renewal: Renewal) -> Renewal:
    return renewal.model_copy(update={"product": "Fiber optic", "ended_product": renewal.product})


def _tried(renewal: Renewal) -> Renewal:
    return renewal.model_copy(update={"settlings": renewal.settlings + 1})


def _merge(renewal: Renewal) -> Renewal:
    return renewal.model_copy(update={"merging": True})
