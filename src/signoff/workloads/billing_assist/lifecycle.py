"""A turn of the conversation, from the message to the closing words. There is no spine.

Nothing outlives the minute in which the customer waits. A turn whose process died is answered again
from the message and the books: what had been decided is on the ledger under the turn's own key, so
that the model is not asked for it again and billing is not told twice.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Final, Literal

from signoff.boundary import Committed, Outcome, Rejected, Suspended
from signoff.storage import without_password
from signoff.workloads._meter import Meter
from signoff.workloads._plan import Plan
from signoff.workloads._running import Running, running
from signoff.workloads._shipped import WorkloadReport
from signoff.workloads.billing_assist import proposers as people
from signoff.workloads.billing_assist.boundary import Boundaries, boundaries
from signoff.workloads.billing_assist.turn import Reply, Told, Turn
from signoff.workloads.billing_assist.world import (
    ANSWERS_AFTER,
    COLLEAGUES,
    World,
    audit,
    habit_of,
    opened,
    turns,
)

#: What a turn may take beside the model and the services, in seconds.
ALLOWED: Final = 1.0

#: How often the customer is told in plain words, if the chat cannot be reached.
_SAYINGS: Final = 5

Ending = Literal["refunded", "plan set up", "explained", "handed over", "waiting", "stopped"]

_ENDINGS: Final[dict[str, Ending]] = {
    "refund": "refunded",
    "plan": "plan set up",
    "explain": "explained",
    "person": "handed over",
    "waiting": "waiting",
}


@dataclass(frozen=True, slots=True)
class Assistant:
    """Answers turns; holds no state of its own.

    Attributes:
        run: The runtime and its calendar.
        cross: What the model has to cross.
        world: Where colleagues look, and keep what they approved.
        meter: Told what each step cost.
    """

    run: Running
    cross: Boundaries
    world: World
    meter: Meter

    async def answer(self, turn: Turn) -> Ending:
        """One turn: decide, act, tell the customer what came of it."""
        await self.run.clock.advance(seconds=15)  # the next customer writes
        reply = await self._decide(turn)
        if reply is None:
            return "stopped"
        await self.meter.measure(turn.id, "delivery", self.run.runtime.drain())
        told = await self._what_was_done(turn, reply)
        await self._say(told)
        return _ENDINGS[told.done]

    async def _decide(self, turn: Turn) -> Reply | None:
        """What is done for the customer; a person takes over where the model gets no yes.

        None if everything is stopped, people included.
        """
        key = f"billing.reply/{turn.id}"
        runtime = self.run.runtime
        outcome: Outcome[Reply] = await self.meter.measure(
            turn.id, "billing.reply", runtime.run(self.cross.reply, turn, key=key)
        )
        if isinstance(outcome, Suspended):
            outcome = await self._ask_a_colleague(turn, key, outcome)
        if isinstance(outcome, Rejected):
            key = f"billing.hand-over/{turn.id}"
            outcome = await self.meter.measure(
                turn.id, "billing.hand-over", runtime.run(self.cross.hand_over, turn, key=key)
            )
        return outcome.receipt if isinstance(outcome, Committed) else None

    async def _ask_a_colleague(self, turn: Turn, key: str, waiting: Suspended) -> Outcome[Reply]:
        """The customer waits while a colleague looks, or does not look, at a large refund."""
        runtime, clock = self.run.runtime, self.run.clock
        ticket = waiting.ticket
        match habit_of(ticket.id):
            case "absent":
                await self.meter.measure(turn.id, "the deadline", clock.advance(seconds=46))
                outcome = await runtime.outcome(self.cross.reply.boundary, key)
                assert outcome is not None, "a ticket that outlived its deadline"
                return outcome
            case habit:
                await clock.advance(seconds=ANSWERS_AFTER[habit].total_seconds())
        if habit == "denies":
            said = runtime.deny(ticket, by="lee", because="this was not our mistake")
        else:
            # On the desk's own list first: the list is what the auditor reads.
            await self.world.desk.perform(
                "approve", {"subject": turn.customer, "turn": turn.id}, key=ticket.id
            )
            said = runtime.approve(ticket, by="lee", because="it was our mistake")
        return await self.meter.measure(turn.id, "a colleague's answer", said)

    async def _what_was_done(self, turn: Turn, reply: Reply) -> Told:
        """From the ledger, not from what the model proposed."""
        effect, delivered = f"billing.{reply.action}", False
        async for entry in self.run.runtime.ledger.of_subject(turn.id):
            delivered = delivered or (entry.type == "delivered" and f'"{effect}"' in entry.body)
        return Told(
            id=turn.id,
            customer=turn.customer,
            done=reply.action if delivered else "waiting",
            amount=reply.amount,
            instalments=reply.instalments,
        )

    async def _say(self, told: Told) -> None:
        """In the model's words if they are so; otherwise in ours."""
        say, runtime = self.cross.say, self.run.runtime
        key = f"billing.say/{told.id}"
        outcome = await self.meter.measure(told.id, say.name, runtime.run(say, told, key=key))
        plainly = self.cross.say_plainly
        for number in range(1, _SAYINGS + 1):
            if not isinstance(outcome, Rejected):
                return  # an effect in doubt is settled by its probe; the runner sees to it
            work = runtime.run(plainly, told, key=f"{plainly.name}/{told.id}/{number}")
            outcome = await self.meter.measure(told.id, plainly.name, work)


async def run_turns(plan: Plan) -> WorkloadReport:
    """Answer every customer, or go on with a run that was interrupted."""
    meter = Meter()
    began = time.perf_counter()
    ended: dict[str, str] = {}
    with plan.placed() as placed, opened(placed, "world") as world:
        model = people.named(
            placed.proposer,
            seed=placed.seed,
            misbehaves=placed.misbehaves,
            base_url=placed.base_url,
        )
        asked = turns(placed.rows, placed.seed)
        async with running("billing-assist", placed, meter, principals=COLLEAGUES) as run:
            cross = boundaries(
                people.counted(model, meter),
                meter.service(world.billing),
                meter.service(world.chat),
                run.storage,
            )
            run.runtime.know(cross.reply, cross.hand_over, cross.say, cross.say_plainly)
            await run.runtime.drain()
            assistant = Assistant(run, cross, world, meter)
            for done, turn in enumerate(asked, 1):
                ended[turn.id] = await assistant.answer(turn)
                placed.progress(done, len(asked), 0)
            await run.clock.advance(hours=2)  # what billing did not confirm, it does by then
            records, root = await run.told()
        damage = audit(world, asked)
    cost = meter.cost(ended)
    worst = max((row.p99 for row in cost.units), default=0.0)
    return WorkloadReport(
        units=len(asked),
        outcomes={name: list(ended.values()).count(name) for name in dict.fromkeys(ended.values())},
        damage=asdict(damage),
        cost=cost,
        seconds=time.perf_counter() - began,
        store=without_password(plan.store),
        records=records,
        root=root,
        notes={"budget": f"a turn may take {ALLOWED:g} s beside the model; p99 is {worst:.3f} s"},
    )
