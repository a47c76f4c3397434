"""What an incident is about, what happens to it, and what may be proposed."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from signoff.state import Event, EventLog

Probe: TypeAlias = Literal["loss", "hung", "neighbours_down", "config_age"]
Action: TypeAlias = Literal["restart", "rollback", "wait", "escalate"]

#: What is asked about a site, by whoever can answer it.
PROBES: Final[tuple[Probe, ...]] = ("loss", "hung", "neighbours_down", "config_age")

#: How many of them have to answer.
QUORUM: Final = 3

#: How many sites of one region may be touched in an hour.
BLAST_RADIUS: Final = 4


class Picture(BaseModel):
    """What the probes saw together; None where one did not answer.

    Attributes:
        loss: Share of packets that are lost.
        hung: 1 if the forwarding process hangs.
        neighbours_down: Share of the neighbours that are down, too.
        config_age: Minutes since the configuration was changed.
    """

    model_config = ConfigDict(frozen=True)

    loss: float | None = None
    hung: float | None = None
    neighbours_down: float | None = None
    config_age: float | None = None


class Incident(BaseModel):
    """One alarm, and what is known of it by now.

    Attributes:
        id: Names the incident.
        site: Which site raised it.
        tier: `core` if others hang on it.
        tenant: Its region, which is what the blast radius is counted by.
        picture: What the probes saw.
        remedy: What was decided.
        touched: When the site was begun on, as text.
        age_seconds: How old the picture is.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    site: str
    tier: Literal["edge", "core"] = "edge"
    tenant: str = "north"
    picture: Picture = Picture()
    remedy: Action | None = None
    touched: str = ""
    age_seconds: int = 0


class Reading(BaseModel):
    """What one probe says."""

    model_config = ConfigDict(extra="forbid")

    site: str
    value: Annotated[float, Field(ge=0)]


class Remedy(BaseModel):
    """What the model would do."""

    model_config = ConfigDict(extra="forbid")

    site: str
    action: Action
    because: str = ""


# The spine: what happened to an incident, one event after the other.


class Alarmed(BaseModel):
    """It was raised."""

    site: str


class Seen(BaseModel):
    """The probes were asked. What they saw then cannot be had again from the alarm."""

    picture: Picture
    at: str


class Decided(BaseModel):
    """A remedy was accepted."""

    action: Action


class Touched(BaseModel):
    """The site may be acted on, from then on."""

    at: str


class Ended(BaseModel):
    """It is over for the agent."""

    how: str


class Stands(BaseModel):
    """Where an incident stands."""

    model_config = ConfigDict(frozen=True)

    picture: Picture | None = None
    seen: str = ""
    remedy: Action | None = None
    touched: str = ""
    ended: str = ""


Happened: TypeAlias = Alarmed | Seen | Decided | Touched | Ended


def stands(before: Stands | None, event: Event[Happened]) -> Stands:
    """Where an incident stands after an event."""
    now = before or Stands()
    match event.data:
        case Alarmed():
            return now
        case Seen(picture=picture, at=at):
            return now.model_copy(update={"picture": picture, "seen": at})
        case Decided(action=action):
            return now.model_copy(update={"remedy": action})
        case Touched(at=at):
            return now.model_copy(update={"touched": at})
        case Ended(how=how):
            return now.model_copy(update={"ended": how})


INCIDENTS: Final = EventLog[Happened](
    "incident", events=[Alarmed, Seen, Decided, Touched, Ended], fold=stands
)


def remedy_for(picture: Picture) -> Action:
    """What a picture supports. Whoever cannot tell asks a person."""
    if picture.loss is not None and picture.loss < 0.05:
        return "wait"
    if picture.neighbours_down is None or picture.neighbours_down >= 0.5:
        return "escalate"  # the cause is upstream, or may be
    if picture.hung:
        return "restart"
    if picture.hung is not None and picture.config_age is not None and picture.config_age < 30:
        return "rollback"
    return "escalate"
