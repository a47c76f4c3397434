"""What a port crosses: the answer to a rejection, and the sagas that act on other systems."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from signoff.boundary import (
    Accept,
    Boundary,
    EffectRefused,
    Proposer,
    Reject,
    Transactional,
    Verdict,
    Write,
)
from signoff.control import Approval, Escalation, Gate, KillSwitch
from signoff.coordination import Saga, Step
from signoff.runtime import Known
from signoff.workloads.contract_renewal.services import LOCKED, ServiceError, ServicePort

Stage: TypeAlias = Literal[
    "requested",
    "asked",
    "answering",
    "human_required",
    "answered",
    "customer_asked",
    "confirmed",
    "closing",
    "ported",
    "rejected",
    "withdrawn",
    "escalated",
]
Action: TypeAlias = Literal["correct", "ask_customer", "give_up"]
Correctable: TypeAlias = Literal["account", "holder", "date"]

#: More corrections than this are no longer a model's business.
MOST_CORRECTIONS: Final = 3

#: What `signoff kill` stops: answers, and everything that acts outside.
PORTING: Final = "porting"

_DESK, _LEAD = "role:port-desk", "role:port-lead"


class CustomerFile(BaseModel):
    """What we know of the customer, from papers that they signed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: str
    holders: tuple[str, ...]
    dates: tuple[str, ...]


class Port(BaseModel):
    """One number on its way to us: the subject of every boundary here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    number: str
    opened: datetime
    account: str = Field(description="Account number at the donating carrier, as requested.")
    holder: str
    date: date
    file: CustomerFile
    order: int = Field(default=0, description="How often it was filed with the donor.")
    said: str = Field(default="", description="What the donor objected, in its own words.")
    heard: int = Field(default=0, description="Letters of the donor that were read.")
    temporary: str = Field(default="", description="Number of the pool that is lent meanwhile.")
    decision: Action | Literal[""] = ""
    corrections: int = 0
    asked_about: str = Field(default="", description="What the customer was asked about.")
    cutovers: int = 0
    ends: Literal["", "rejected", "withdrawn", "escalated"] = ""

    @property
    def hopeless(self) -> bool:
        """Whether nothing is left to try: the customer was asked about this very objection."""
        return "not active" in self.said or self.asked_about == self.said


class Answer(BaseModel):
    """A proposal: how to answer the donor's rejection."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    port: str
    action: Action
    field: Correctable | Literal[""] = Field(description="What is corrected; empty otherwise.")
    value: str = Field(max_length=80, description="The right value, as the customer's file has it.")


# What every answer has to hold to


def about_this_port(answer: Answer, port: Port) -> Verdict:
    if answer.port == port.id:
        return Accept()
    return Reject("wrong_port", f"this is about {port.id}, not {answer.port[:40]}", path="port")


def agrees_with_the_file(answer: Answer, port: Port) -> Verdict:
    if answer.action != "correct":
        return Accept()
    if not answer.field:
        return Reject("no_field", "say which field is to be corrected", path="field")
    known = {
        "account": (port.file.account,),
        "holder": port.file.holders,
        "date": port.file.dates,
    }[answer.field]
    if answer.value not in known:
        told = f"the customer's file does not have {answer.value!r} as {answer.field}"
        return Reject("not_in_the_file", told, path="value")
    if answer.value == str(getattr(port, answer.field)):
        return Reject("nothing_changes", f"{answer.field} says that already", path="value")
    return Accept()


def gives_up_late(answer: Answer, port: Port) -> Verdict:
    if answer.action != "give_up" or port.hopeless:
        return Accept()
    return Reject("too_early", "ask the customer about it before you give up", path="action")


def corrects_a_few_times(answer: Answer, port: Port) -> Verdict:
    if answer.action != "correct" or port.corrections < MOST_CORRECTIONS:
        return Accept()
    return Reject("corrected_enough", "it was corrected often enough", then="escalate")


def holder_changes(answer: Answer, port: Port) -> bool:
    return answer.action == "correct" and answer.field == "holder"


def take_answer(answer: Answer, port: Port, write: Write[Port]) -> str:
    """Put the decision, and what it corrects, into the row."""
    changed: dict[str, object] = {"decision": answer.action}
    if answer.action == "correct" and answer.field:
        value = date.fromisoformat(answer.value) if answer.field == "date" else answer.value
        changed |= {answer.field: value, "corrections": port.corrections + 1}
    write.replace(port.model_copy(update=changed))
    return answer.action


# What acts outside


@dataclass(frozen=True, slots=True)
class Outside:
    """The systems that a port acts on."""

    pool: ServicePort
    donor: ServicePort
    network: ServicePort
    desk: ServicePort


@dataclass(frozen=True, slots=True)
class Boundaries:
    """What a port crosses, in the order of its days."""

    begin: Saga[Port]
    chase: Saga[Port]
    answer: Boundary[Port, Answer, str]
    file_again: Saga[Port]
    cut_over: Saga[Port]
    close: Saga[Port]
    hand_over: Saga[Port]

    def __iter__(self) -> Iterator[Known]:
        yield from (self.begin, self.chase, self.answer, self.file_again)
        yield from (self.cut_over, self.close, self.hand_over)


def boundaries(proposer: Proposer[Port, Answer], outside: Outside) -> Boundaries:
    """Build what is crossed."""
    pool, donor, network, desk = outside.pool, outside.donor, outside.network, outside.desk
    answer = Boundary(
        "port.answer",
        proposer=proposer,
        verifiers=[about_this_port, agrees_with_the_file],
        commit=Transactional(take_answer),
        attempts=3,
        level="business rule",
    ).bounded_by(
        KillSwitch(PORTING),
        Gate(gives_up_late, corrects_a_few_times, name="porting policy"),
        Approval(
            name="holder",
            when=holder_changes,
            ask=_DESK,
            within=timedelta(days=2),
            otherwise=Escalation(ask=_LEAD),
        ),
        Escalation(name="budget", ask=_DESK, on_budget=True, chain=((timedelta(days=2), _LEAD),)),
    )
    return Boundaries(
        begin=_saga(
            "port.begin",
            _step(pool, "reserve", undo="release"),
            _step(donor, "file"),
        ),
        chase=_saga("port.chase", _step(donor, "chase")),
        answer=answer,
        file_again=_saga("port.file_again", _step(donor, "file")),
        cut_over=_saga(
            "port.cut_over",
            _step(network, "activate", undo="deactivate"),
            _step(donor, "confirm", pivot=True),
            _step(pool, "release"),
        ),
        close=_saga("port.close", _step(donor, "cancel", pivot=True), _step(pool, "release")),
        hand_over=_saga("port.hand_over", _step(desk, "take")),
    )


def entry_of(port: Port, action: str, receipt: str = "") -> dict[str, object]:
    """What a system is told about a port."""
    told: dict[str, object] = {"subject": port.id, "about": port.id, "number": port.number}
    if action == "file":
        told |= {
            "order": port.order + 1,
            "account": port.account,
            "holder": port.holder,
            "date": port.date.isoformat(),
        }
    elif action in ("reserve", "release"):
        told["lent"] = receipt or port.temporary
    return told


def _saga(name: str, *steps: Step[Port]) -> Saga[Port]:
    """A saga that a kill keeps from beginning; what has begun waits for its end."""
    saga = Saga(name, *steps)
    saga.boundary = saga.boundary.bounded_by(KillSwitch(PORTING))
    return saga


def _step(service: ServicePort, action: str, *, undo: str = "", pivot: bool = False) -> Step[Port]:
    async def do(port: Port, key: str) -> str:
        return await asked(service, action, entry_of(port, action), key)

    async def take_back(receipt: str, port: Port, key: str) -> str:
        return await asked(service, undo, entry_of(port, undo, receipt), key)

    do.__name__, take_back.__name__ = action, undo or "nothing"
    taken_back: Callable[[str, Port, str], Awaitable[str]] | None = take_back if undo else None
    return Step(
        do, undo=taken_back, name=action, pivot=pivot, idempotent=True, reconcile=service.find
    )


async def asked(service: ServicePort, action: str, payload: Mapping[str, object], key: str) -> str:
    """Ask a system to act under a key.

    Raises:
        EffectRefused: It says no, and nothing happened.
    """
    try:
        return await service.perform(action, payload, key=key)
    except ServiceError as error:
        if error.status < 500 and error.status != LOCKED:
            raise EffectRefused(f"http_{error.status}", error.message) from error
        raise
