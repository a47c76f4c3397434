"""What the agent has to cross: probes, decision, permission, remedy, call; and what bounds each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Protocol

from signoff.boundary import (
    Accept,
    Boundary,
    Budget,
    EffectRefused,
    External,
    Proposer,
    Question,
    Reject,
    Transactional,
    Verdict,
    Write,
)
from signoff.control import Escalation, Gate, KillSwitch, Throttle
from signoff.coordination import Part, Peer, Saga, ScatterGather, Step
from signoff.proposers import Function
from signoff.workloads._meter import Meter
from signoff.workloads.contract_renewal.services import LOCKED, ServiceError, ServicePort
from signoff.workloads.network_triage.incident import (
    BLAST_RADIUS,
    INCIDENTS,
    PROBES,
    QUORUM,
    Decided,
    Incident,
    Picture,
    Probe,
    Reading,
    Remedy,
    Touched,
    remedy_for,
)
from signoff.workloads.network_triage.world import UNDONE_BY, Network, payload_of

_POLICY: Final = Path(__file__).parent / "policy"


class AboutASite(Protocol):
    """A proposal that says which site it is about."""

    @property
    def site(self) -> str:
        """The site's name, as the proposer has it."""
        ...


# Verifiers


def about_this_site(proposal: AboutASite, incident: Incident) -> Verdict:
    if proposal.site == incident.site:
        return Accept()
    told = f"this is about {incident.site}, not {proposal.site[:40]}"
    return Reject("wrong_site", told, path="site")


def supported_by_the_picture(remedy: Remedy, incident: Incident) -> Verdict:
    supported = remedy_for(incident.picture)
    if remedy.action in ("escalate", supported):
        return Accept()
    told = f"what the probes saw supports `{supported}` or `escalate`, not `{remedy.action}`"
    return Reject("not_supported", told, path="action")


def as_it_was_decided(remedy: Remedy, incident: Incident) -> Verdict:
    if incident.remedy in ("restart", "rollback") and remedy.action == incident.remedy:
        return Accept()
    return Reject("not_decided", f"{incident.remedy} was decided", then="stop", path="action")


def nothing_but_a_call(remedy: Remedy, incident: Incident) -> Verdict:
    if remedy.action == "escalate":
        return Accept()
    return Reject("not_a_call", f"a person was to be called, not `{remedy.action}`", then="stop")


# Probes: peers that are asked alike


def _keep(reading: Reading, incident: Incident, write: Write[Incident]) -> Reading:
    return reading


def _probe(name: Probe, network: Network, meter: Meter) -> Peer[Incident]:
    async def ask(question: Question[Incident]) -> Reading:
        with meter.away():
            return network.probe(name, question.subject, question.crossing)

    boundary = Boundary(
        f"triage.probe.{name}",
        proposer=Function(ask, proposes=Reading, name=f"function:probe.{name}"),
        verifiers=[about_this_site],
        commit=Transactional(_keep),
        attempts=1,
    )
    return Peer(boundary=boundary, name=name)


def one_picture(parts: Mapping[str, Part], incident: Incident) -> Picture:
    """What they saw together; who did not answer leaves a gap, and no guess."""
    return Picture(**{name: part.value.value for name, part in parts.items()})


# The remedy: all of it, or none


def _asked(service: ServicePort, action: str) -> Callable[[Incident, str], Awaitable[str]]:
    async def act(incident: Incident, key: str) -> str:
        try:
            return await service.perform(action, payload_of(incident), key=key)
        except ServiceError as error:
            if error.status < 500 and error.status != LOCKED:
                raise EffectRefused(f"http_{error.status}", error.message) from error
            raise

    return act


def _does(service: ServicePort, name: str) -> Boundary[Incident, Remedy, str]:
    """A step that acts on the site: a boundary of its own, so that a kill reaches it."""

    async def perform(remedy: Remedy, incident: Incident, key: str) -> str:
        action = remedy.action if name == "remedy" else name
        return await _asked(service, action)(incident, key)

    return Boundary(
        f"triage.{name}",
        proposer=Function(as_decided),
        verifiers=[about_this_site],
        commit=External(perform, reconcile=service.find, idempotent=True, name=f"network.{name}"),
        budget=Budget(attempts=1, seconds=None),
    ).bounded_by(KillSwitch("triage"), Gate(as_it_was_decided))


def as_decided(question: Question[Incident]) -> Remedy:
    incident = question.subject
    return Remedy(site=incident.site, action=incident.remedy or "escalate")


def remedied_in(network: Network, does: ServicePort) -> Saga[Incident]:
    """Take the traffic away, act, look whether it helped, and give the traffic back."""

    async def undrain(receipt: str, incident: Incident, key: str) -> str:
        return await _asked(does, "undrain")(incident, key)

    async def take_back(receipt: str, incident: Incident, key: str) -> str:
        return await _asked(does, UNDONE_BY[incident.remedy or "restart"])(incident, key)

    async def verify(incident: Incident, key: str) -> str:
        if network.healthy(incident):
            return "healthy"
        raise EffectRefused("still_down", f"{incident.site} is no better than before")

    async def looked_at(receipt: str, incident: Incident, key: str) -> str:
        return receipt  # looking changes nothing, so there is nothing to take back

    async def restore(incident: Incident, key: str) -> str:
        return await _asked(does, "undrain")(incident, key)

    return Saga(
        "triage.mend",
        Step(_does(does, "drain"), undo=undrain),
        Step(_does(does, "remedy"), undo=take_back),
        Step(verify, undo=looked_at, idempotent=True),
        Step(restore, idempotent=True, reconcile=does.find),
    )


# All of it


@dataclass(frozen=True, slots=True)
class Boundaries:
    """What the agent crosses, in the order of an incident.

    Attributes:
        probes: What can be seen of the site.
        decide: What the model would do.
        touch: Whether the site may be acted on now: blast radius, core sites, kills.
        mend: Acts on it, and takes everything back if that did not help.
        call: A person hears of it.
    """

    probes: ScatterGather[Incident, Picture]
    decide: Boundary[Incident, Remedy, str]
    touch: Boundary[Incident, Remedy, str]
    mend: Saga[Incident]
    call: Boundary[Incident, Remedy, str]


def to_a_person(question: Question[Incident]) -> Remedy:
    return Remedy(site=question.subject.site, action="escalate")


def boundaries(
    model: Proposer[Incident, Remedy], network: Network, meter: Meter | None = None
) -> Boundaries:
    """Build what is crossed."""
    meter = meter or Meter()
    does, desk = meter.service(network.does), meter.service(network.desk)

    def keep(remedy: Remedy, incident: Incident, write: Write[Incident]) -> str:
        write.append(INCIDENTS, Decided(action=remedy.action))
        return remedy.action

    def permit(remedy: Remedy, incident: Incident, write: Write[Incident]) -> str:
        write.append(INCIDENTS, Touched(at=incident.touched))
        return incident.site

    async def call(remedy: Remedy, incident: Incident, key: str) -> str:
        return await _asked(desk, "call")(incident, key)

    return Boundaries(
        probes=ScatterGather(
            "triage.probes",
            [_probe(name, network, meter) for name in PROBES],
            aggregate=one_picture,
            quorum=QUORUM,
            deadline=timedelta(seconds=30),
        ),
        decide=Boundary(
            "triage.decide",
            proposer=model,
            verifiers=[about_this_site, supported_by_the_picture],
            commit=Transactional(keep),
            budget=Budget(attempts=3, usd=0.05, seconds=60),
            level="business rule",
        ).bounded_by(
            KillSwitch("triage"), Escalation(name="budget", ask="role:noc", on_budget=True)
        ),
        touch=Boundary(
            "triage.touch",
            proposer=Function(as_decided),
            verifiers=[about_this_site, as_it_was_decided],
            commit=Transactional(permit),
            attempts=1,
        ).bounded_by(
            KillSwitch("triage"),
            Gate(_POLICY / "touch.yaml"),
            Throttle(per_tenant_per_hour=BLAST_RADIUS, name="blast-radius"),
        ),
        mend=remedied_in(network, does),
        call=Boundary(
            "triage.call",
            proposer=Function(to_a_person),
            verifiers=[about_this_site],
            commit=External(call, reconcile=desk.find, idempotent=True, name="desk.call"),
            attempts=1,
        ).bounded_by(Gate(nothing_but_a_call)),
    )
