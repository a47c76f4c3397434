"""The 90 days of a renewal: a state machine, and what its timers start."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from signoff.boundary import Boundary, Committed, Outcome, Rejected, Suspended, Unknown
from signoff.runtime import Runtime
from signoff.state import After, At, Handle, StateMachine
from signoff.workloads.contract_renewal.boundaries import Boundaries
from signoff.workloads.contract_renewal.subject import Parked, Renewal, Stage, World

RenewalHandle = Handle[Stage, Renewal]


class RenewalAgent:
    """Leads renewals through their window; holds no state of its own.

    Args:
        model: The boundaries as the model crosses them.
        person: The same boundaries, proposed by a specialist.
        world: What customers reply, and what happens to products and contracts meanwhile.
        on_step: Called after every piece of work, for a progress bar.
    """

    def __init__(
        self,
        model: Boundaries,
        person: Boundaries,
        world: World,
        *,
        on_step: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._model = model
        self._person = person
        self._world = world
        self._on_step = on_step
        self.lifecycle = StateMachine[Stage](
            "renewal",
            {
                "window_open": {"scoring", "human_required"},
                "scoring": {"offer_sent", "human_required"},
                "offer_sent": {"closed", "human_required", "expired"},
                "human_required": {"offer_sent", "closed"},
            },
            start="window_open",
            subject=Renewal,
            timers=[
                At(_merger, at="window_open", do=self.park_merger),
                At(_days_before(60), at="window_open", do=self.score),
                At(_merger, at="scoring", do=self.park_merger),
                At(_product_end, at="scoring", do=self.end_product),
                At(_days_before(30), at="scoring", do=self.reach_out),
                At(_days_before(7), at="offer_sent", do=self.close),
                At(_days_before(0), at="offer_sent", go="expired"),
                At(_product_end, at="human_required", do=self.end_product),
                After(timedelta(days=2), at="human_required", do=self.ask_specialist),
            ],
        )

    @property
    def boundaries(self) -> tuple[Boundary[Any, Any, Any], ...]:
        """Every boundary that the agent crosses, for the runtime to know."""
        return (self._model.score, self._model.offer, self._model.closing)

    async def score(self, runtime: Runtime, renewal: RenewalHandle) -> None:
        """Day -60."""
        outcome = await runtime.advance(renewal, "scoring", through=self._model.score)
        await self._go_on(runtime, renewal, outcome, "score")
        self._on_step("score")

    async def reach_out(self, runtime: Runtime, renewal: RenewalHandle) -> None:
        """Day -30."""
        outcome = await runtime.advance(renewal, "offer_sent", through=self._model.offer)
        await self._go_on(runtime, renewal, outcome, "offer")
        self._on_step("offer")

    async def close(self, runtime: Runtime, renewal: RenewalHandle) -> None:
        """Day -7: the customer has replied."""
        await self._hear(runtime, renewal)
        outcome = await runtime.advance(renewal, "closed", through=self._model.closing)
        await self._go_on(runtime, renewal, outcome, "closing")
        self._on_step("close")

    async def end_product(self, runtime: Runtime, renewal: RenewalHandle) -> None:
        """Day -47: the product is withdrawn; its successor takes its place."""
        await runtime.change(renewal, _replace_product, because="product end of life")

    async def park_merger(self, runtime: Runtime, renewal: RenewalHandle) -> None:
        """Two contracts become one: not a model's business."""
        await self._park(runtime, renewal, "merger")

    async def ask_specialist(self, runtime: Runtime, renewal: RenewalHandle) -> None:
        """Two days after parking, a person has decided. A surprise stays with the person."""
        outcome: Outcome[Any]
        match renewal.subject.parked:
            case "closing":
                outcome = await runtime.advance(renewal, "closed", through=self._person.closing)
            case "score" | "offer" | "merger":
                outcome = await runtime.advance(renewal, "offer_sent", through=self._person.offer)
            case "surprise" | "":
                return
        if isinstance(outcome, Suspended):
            await runtime.change(renewal, _surprised, because="a surprise stays with a person")

    async def _hear(self, runtime: Runtime, renewal: RenewalHandle) -> None:
        if renewal.subject.reply:
            return
        reply = self._world.reply_of(renewal.id)
        await runtime.change(
            renewal, lambda r: r.model_copy(update={"reply": reply}), because="the customer replied"
        )

    async def _go_on(
        self, runtime: Runtime, renewal: RenewalHandle, outcome: Outcome[Any], step: Parked
    ) -> None:
        match outcome:
            case Committed():
                pass
            case Rejected():
                await self._park(runtime, renewal, step)
            case Suspended():
                await self._park(runtime, renewal, "surprise")
            case Unknown():
                raise AssertionError("these boundaries commit inside the database")

    async def _park(self, runtime: Runtime, renewal: RenewalHandle, why: Parked) -> None:
        while renewal.state != "human_required":
            await runtime.move(
                renewal,
                "human_required",
                because=f"parked: {why}",
                subject=renewal.subject.park(why),
            )


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


def _surprised(renewal: Renewal) -> Renewal:
    return renewal.park("surprise")
