"""A port's weeks: a state machine, what its timers start, and what the donor's letters change."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from datetime import time as hour
from typing import Any, Final

from signoff.boundary import Committed, Rejected
from signoff.coordination import Compensated, Saga
from signoff.errors import NotNow
from signoff.runtime import Known, Runtime
from signoff.state import After, At, Handle, StateMachine
from signoff.storage import without_password
from signoff.workloads._meter import Meter
from signoff.workloads._plan import Plan
from signoff.workloads._running import BEGINS, Running, running
from signoff.workloads._shipped import WorkloadReport
from signoff.workloads.port_in.audit import audit
from signoff.workloads.port_in.boundary import Boundaries, Port, Stage, boundaries
from signoff.workloads.port_in.desk import PRINCIPALS, Desk
from signoff.workloads.port_in.proposers import model_for
from signoff.workloads.port_in.world import Letter, World, world_of

PortHandle = Handle[Stage, Port]

_CHASED, _GIVEN_UP = timedelta(days=3), timedelta(days=8)
_CUSTOMER, _CUSTOMER_AT_MOST = timedelta(days=2), timedelta(days=5)
_STEP: Final = timedelta(hours=6)
_FINAL: Final = frozenset(("ported", "rejected", "withdrawn", "escalated"))
_LONGEST: Final = timedelta(days=60)


def _now(port: Port) -> datetime:
    return port.opened


def _on_its_day(port: Port) -> datetime:
    return datetime.combine(port.date, hour(10), tzinfo=UTC)


class PortAgent:
    """Leads ports through their stages; holds no state of its own.

    Args:
        crossed: What a port crosses.
        world: What the customer says.
        meter: Of what guarding costs.
    """

    def __init__(self, crossed: Boundaries, world: World, meter: Meter) -> None:
        self.crossed, self._world, self._meter = crossed, world, meter
        self.lifecycle = StateMachine[Stage](
            "port",
            {
                "requested": {"asked", "rejected"},
                "asked": {"confirmed", "answering", "closing"},
                "answering": {"answered", "human_required", "confirmed"},
                "human_required": {"answered", "closing"},
                "answered": {"asked", "customer_asked", "closing"},
                "customer_asked": {"asked", "closing", "confirmed"},
                "confirmed": {"ported", "answering"},
                "closing": {"rejected", "withdrawn", "escalated"},
            },
            start="requested",
            subject=Port,
            timers=[
                At(_now, at="requested", do=self.begin),
                After(_CHASED, at="asked", do=self.chase),
                After(_GIVEN_UP, at="asked", do=self.stop_waiting),
                At(_now, at="answering", do=self.answer),
                At(_now, at="answered", do=self.follow),
                After(_CUSTOMER, at="customer_asked", do=self.hear_customer),
                After(_CUSTOMER_AT_MOST, at="customer_asked", do=self.miss_customer),
                At(_on_its_day, at="confirmed", do=self.cut_over),
                At(_now, at="closing", do=self.close),
            ],
        )

    @property
    def knows(self) -> tuple[Known, ...]:
        """Everything that a runtime has to know to go on with it."""
        return (self.lifecycle, *self.crossed)

    async def begin(self, runtime: Runtime, port: PortHandle) -> None:
        """Lend a number of the pool and file the order, or neither."""
        done = await self._saga(runtime, self.crossed.begin, port)
        if isinstance(done, Compensated):
            await runtime.move(port, "rejected", because=done.because[:200])
            return
        lent = {"temporary": done.receipt["reserve"], "order": 1}
        filed = port.subject.model_copy(update=lent)
        await runtime.move(port, "asked", because="it is filed", subject=filed)

    async def chase(self, runtime: Runtime, port: PortHandle) -> None:
        """The donor is late: remind it."""
        await self._saga(runtime, self.crossed.chase, port, port.subject.order)

    async def stop_waiting(self, runtime: Runtime, port: PortHandle) -> None:
        """The donor does not answer at all."""
        await self._end(runtime, port, "escalated", "the donor does not answer")

    async def answer(self, runtime: Runtime, port: PortHandle) -> None:
        """The donor rejected: the model says what to do about it."""
        key = f"port.answer/{port.id}/{port.subject.order}/{port.subject.cutovers}"
        crossing = runtime.advance(
            port, "answered", through=self.crossed.answer, key=key, waits_in="human_required"
        )
        outcome = await self._meter.measure(port.id, "port.answer", crossing)
        if isinstance(outcome, Rejected) and outcome.ended == "halted":
            raise NotNow(str(outcome.rejections[-1]))
        if isinstance(outcome, Rejected) and outcome.code != "stale_version":
            await runtime.move(port, "human_required", because=f"rejected: {outcome.code}")

    async def follow(self, runtime: Runtime, port: PortHandle) -> None:
        """Do what was decided."""
        match port.subject.decision:
            case "correct":
                await self._file_again(runtime, port, "it was corrected")
            case "ask_customer":
                asked = port.subject.model_copy(update={"asked_about": port.subject.said})
                await runtime.move(port, "customer_asked", because="decided", subject=asked)
            case _:
                await self._end(runtime, port, "rejected", "given up")

    async def hear_customer(self, runtime: Runtime, port: PortHandle) -> None:
        """The customer has had two days."""
        if said := await self._world.customer_says(port.subject):
            await self._file_again(runtime, port, f"the customer said: {said}")

    async def miss_customer(self, runtime: Runtime, port: PortHandle) -> None:
        """The customer does not answer."""
        await self._end(runtime, port, "withdrawn", "the customer does not answer")

    async def cut_over(self, runtime: Runtime, port: PortHandle) -> None:
        """The day has come: live here, gone there, and the lent number back; or none of it."""
        tries = port.subject.cutovers
        done = await self._saga(runtime, self.crossed.cut_over, port, tries)
        if isinstance(done, Committed):
            await runtime.move(port, "ported", because="it is live here")
            return
        changed = {"said": done.because, "cutovers": tries + 1}
        refused = port.subject.model_copy(update=changed)
        because = "the donor refused the cut-over"
        await runtime.move(port, "answering", because=because, subject=refused)

    async def close(self, runtime: Runtime, port: PortHandle) -> None:
        """It comes to nothing: cancel, and give the lent number back; or give all to the desk."""
        ends = port.subject.ends
        assert ends, "closed before it was decided how"
        saga = self.crossed.hand_over if ends == "escalated" else self.crossed.close
        await self._saga(runtime, saga, port)
        await runtime.move(port, ends, because=ends)

    async def hear(self, runtime: Runtime, port: PortHandle, letter: Letter) -> bool:
        """Read one letter of the donor; False if it has to wait until a person has decided."""
        if port.state == "human_required":
            return False
        heard = port.subject.model_copy(update={"heard": port.subject.heard + 1})
        to: Stage | None = None
        if letter.order == port.subject.order:  # what it says of an older order is no news
            if letter.confirms and port.state in ("asked", "answering", "customer_asked"):
                to = "confirmed"
            elif not letter.confirms and port.state in ("asked", "confirmed"):
                to = "answering"
                heard = heard.model_copy(update={"said": letter.text})
        if to is not None:
            return await runtime.move(port, to, because="the donor wrote", subject=heard)
        if port.state not in _FINAL:
            await runtime.change(port, _heard, because="the donor wrote; nothing follows")
        return True

    async def escalate(self, runtime: Runtime, port: PortHandle) -> None:
        """A person said no: the desk goes on with it."""
        await self._end(runtime, port, "escalated", "a person said no")

    async def _file_again(self, runtime: Runtime, port: PortHandle, because: str) -> None:
        await self._saga(runtime, self.crossed.file_again, port, port.subject.order)
        filed = port.subject.model_copy(update={"order": port.subject.order + 1})
        await runtime.move(port, "asked", because=because, subject=filed)

    async def _end(self, runtime: Runtime, port: PortHandle, ends: str, because: str) -> None:
        ended = port.subject.model_copy(update={"ends": ends})
        await runtime.move(port, "closing", because=because, subject=ended)

    async def _saga(
        self, runtime: Runtime, saga: Saga[Port], port: PortHandle, *again: int
    ) -> Committed[dict[str, Any]] | Compensated:
        """Run a saga; what is under way has to end before anything follows from it."""
        key = "/".join((saga.name, port.id, *map(str, again)))
        crossing = runtime.run(saga, port.subject, key=key)
        outcome = await self._meter.measure(port.id, saga.name, crossing)
        if isinstance(outcome, Committed | Compensated):
            return outcome
        raise NotNow(f"{saga.name} has to end first")


async def run(plan: Plan) -> WorkloadReport:
    """Lead every port to its end, or go on with a run that was interrupted."""
    began = time.perf_counter()
    with plan.placed() as placed, world_of(placed, "systems") as world:
        meter = Meter()
        agent = agent_of(placed, world, meter)
        async with running(
            "port-in", placed, meter, knows=agent.knows, principals=PRINCIPALS
        ) as run:
            ends = await pass_the_time(run, agent, world, placed)
            records, root = await run.told()
        return WorkloadReport(
            units=plan.rows,
            outcomes=dict(Counter(ends.values())),
            damage=audit(world),
            cost=meter.cost(ends),
            seconds=time.perf_counter() - began,
            store=without_password(plan.store),
            records=records,
            root=root,
        )


def agent_of(plan: Plan, world: World, meter: Meter) -> PortAgent:
    """The agent over its boundaries."""
    crossed = boundaries(meter.proposer(model_for(plan)), world.outside(meter.service))
    return PortAgent(crossed, world, meter)


async def pass_the_time(run: Running, agent: PortAgent, world: World, plan: Plan) -> dict[str, str]:
    """Let the hours go by: timers, letters, and people who look at their inbox."""
    runtime, clock = run.runtime, run.clock
    ports = {
        id: await runtime.start(agent.lifecycle, request) for id, request in world.ports.items()
    }
    desk = Desk(runtime, agent, world)
    # On a grid, so that a run that was interrupted goes on at the same hours.
    slot = -((BEGINS - clock.now()) // _STEP)
    while any(port.state not in _FINAL for port in ports.values()):
        at = BEGINS + slot * _STEP
        if at - BEGINS > _LONGEST:
            break
        await clock.advance_to(max(at, clock.now()))
        for id, letters in (await world.post(at)).items():
            for letter in letters[ports[id].subject.heard :]:
                if ports[id].state in _FINAL or not await agent.hear(runtime, ports[id], letter):
                    break
        await desk.look()
        await runtime.drain()
        await world.post(at)  # what was filed by now is in the post, also if this is done again
        for port in ports.values():
            if port.state == "human_required" and not await _asks(runtime, port):
                await agent.escalate(runtime, port)
        ended = sum(port.state in _FINAL for port in ports.values())
        plan.progress(ended, plan.rows, (at - BEGINS).days)
        slot += 1
    await clock.advance(days=1)  # whatever was in doubt is settled
    return {id: port.state for id, port in ports.items()}


async def _asks(runtime: Runtime, port: PortHandle) -> bool:
    tickets = await runtime.ledger.tickets_of(port.id)
    return any(ticket.status == "open" for ticket in tickets)


def _heard(port: Port) -> Port:
    return port.model_copy(update={"heard": port.heard + 1})
