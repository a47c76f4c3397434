"""The one boundary of lead warming: the next touch of a lead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Final, Literal, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from signoff.boundary import (
    Accept,
    Boundary,
    EffectRefused,
    External,
    Proposer,
    Reject,
    Verdict,
)
from signoff.control import Gate
from signoff.workloads.contract_renewal.services import LOCKED, ServiceError, ServicePort

#: The contact policy: so many contacts within so many days, so many in all, one call in so many.
MOST_CONTACTS: Final = 2
WITHIN_DAYS: Final = 7
MOST_IN_ALL: Final = 9
CALL_EVERY_DAYS: Final = 14

Channel: TypeAlias = Literal["mail", "call", "wait"]

#: What makes words a promise of a price: an amount, a share, or a word for one.
_PRICE: Final = re.compile(r"\d\s*(%|€|\$|EUR|USD)|[€$]\s*\d|\b(discount|cheaper|free)\b", re.I)


class Standing(BaseModel):
    """Where a lead stands on a day: the subject, rebuilt from its touches whenever it is needed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    today: date
    touches: int = Field(description="Entries that the agent has made; names the next one.")
    contacts: int = Field(description="Mails and calls among them.")
    recent: int = Field(description=f"Of these, within {WITHIN_DAYS} days.")
    called: date | None = Field(description="Day of the last call.")
    due: date = Field(description="When the lead is looked at again.")
    left: bool = Field(description="The lead has unsubscribed.")
    replied: bool = Field(description="The lead wants to talk.")
    ended: Literal["", "handed over", "unsubscribed", "gone quiet"] = ""


class Touch(BaseModel):
    """A proposal: what to do next, and when to look again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lead: str
    channel: Channel
    days: int = Field(ge=1, le=14, description="Days until the lead is looked at again.")
    words: str = Field(max_length=300, description="What is written or said; empty for a wait.")


class TouchLog(ServicePort, Protocol):
    """The outside CRM, whose log of touches is the only memory there is."""

    async def consents(self, lead: str) -> bool:
        """Whether the lead may be contacted, at this moment."""
        ...


def key_of(standing: Standing) -> str:
    """One crossing for each place in the log: the lead, and how many touches there have been."""
    return f"lead.touch/{standing.id}/{standing.touches}"


# What every touch has to hold to


def about_this_lead(touch: Touch, standing: Standing) -> Verdict:
    if touch.lead == standing.id:
        return Accept()
    return Reject("wrong_lead", f"this is about {standing.id}, not {touch.lead[:40]}", path="lead")


def has_consent(touch: Touch, standing: Standing, evidence: Mapping[str, Any]) -> Verdict:
    if touch.channel == "wait" or (evidence["consent"] and not standing.left):
        return Accept()
    return Reject("no_consent", "the lead has unsubscribed: nobody writes or calls", then="stop")


def within_contact_policy(touch: Touch, standing: Standing) -> Verdict:
    if touch.channel == "wait":
        return Accept()
    if standing.contacts >= MOST_IN_ALL:
        return Reject("enough", f"{MOST_IN_ALL} contacts are enough: wait", path="channel")
    if standing.recent >= MOST_CONTACTS:
        said = f"{standing.recent} contacts within {WITHIN_DAYS} days, {MOST_CONTACTS} allowed"
        return Reject("too_often", f"{said}: wait", path="channel")
    if touch.channel == "call" and standing.called is not None:
        since = (standing.today - standing.called).days
        if since < CALL_EVERY_DAYS:
            said = f"called {since} days ago: write, or wait"
            return Reject("called_lately", said, path="channel")
    return Accept()


def promises_no_price(touch: Touch, standing: Standing) -> Verdict:
    if found := promised_price(touch.words):
        return Reject("price_promised", f"no price is promised here: {found!r}", path="words")
    return Accept()


def promised_price(words: str) -> str:
    """What in words promises a price; empty if nothing does."""
    found = _PRICE.search(words)
    return found.group() if found else ""


def next_touch(proposer: Proposer[Standing, Touch], crm: TouchLog) -> Boundary[Any, Any, str]:
    """The boundary: one touch, which is one entry in the CRM's log under the crossing's key."""

    async def consent(touch: Touch, standing: Standing) -> bool:
        return await crm.consents(standing.id)

    async def log_touch(touch: Touch, standing: Standing, key: str) -> str:
        try:
            return await crm.perform(touch.channel, entry_of(touch, standing), key=key)
        except ServiceError as error:
            if error.status < 500 and error.status != LOCKED:
                raise EffectRefused(f"http_{error.status}", error.message) from error
            raise

    return Boundary(
        "lead.touch",
        proposer=proposer,
        verifiers=[about_this_lead, has_consent],
        commit=External(log_touch, reconcile=crm.find, idempotent=True, name="crm"),
        evidence=[consent],
        attempts=4,
        level="business rule",
    ).bounded_by(Gate(within_contact_policy, promises_no_price, name="contact policy"))


def note_of(standing: Standing) -> dict[str, object]:
    """What every entry in the log says: who, which touch, and when."""
    return {
        "subject": standing.id,
        "about": standing.id,
        "number": standing.touches,
        "day": standing.today.isoformat(),
    }


def entry_of(touch: Touch, standing: Standing) -> dict[str, object]:
    """A touch, as the log keeps it."""
    said = {"subject": touch.lead, "days": touch.days, "words": touch.words}
    return note_of(standing) | said
