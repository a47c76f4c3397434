"""Answering a ticket, and ending one whose time is over. Plain scripts over a transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

from signoff.boundary import (
    DEADLINE,
    KILLS,
    Answered,
    Recorded,
    Reject,
    Rejection,
    TicketRow,
    TicketStatus,
    Transaction,
    digest_of,
    notify,
    read_kills,
    ticket_body,
    work_on,
)
from signoff.clock import from_stamp, stamp
from signoff.control._principals import Principals
from signoff.control._work import settle_work
from signoff.errors import BadInput
from signoff.ledger import (
    CONTROLS,
    AnswerRefused,
    ControlChanged,
    PassedOn,
    Record,
    Rejected,
    Resumed,
    canonical,
)
from signoff.state import SpineTransaction

Kind: TypeAlias = Literal["approve", "edit", "deny"]

#: The switch that holds, per boundary, the policies in force.
POLICIES = "policies"

_ENDED: Mapping[str, TicketStatus] = {"approve": "approved", "edit": "edited", "deny": "denied"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What somebody says to a ticket.

    Attributes:
        kind: `approve` what waits, `edit` it, or `deny` it.
        by: Who says so.
        because: Why; for the ledger and for whoever is told.
        proposal: With `edit`, what shall be judged instead, JSON-ready.
        saw: Digest of the proposal that they looked at; empty if they do not say.
    """

    kind: Kind
    by: str
    because: str
    proposal: Any = None
    saw: str = ""

    def __post_init__(self) -> None:
        if not self.by.strip() or not self.because.strip():
            raise BadInput("say who answers, and because of what")
        if (self.kind == "edit") != (self.proposal is not None):
            raise BadInput("an edit needs a proposal, and only an edit has one")


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer does not count. That somebody gave it is on the ledger."""

    code: str
    message: str


def answer(
    tx: SpineTransaction, id: str, said: Answer, principals: Principals, now: datetime
) -> TicketRow | Refusal:
    """Answer a ticket, once. A denial ends the crossing here; a worker goes on with the others.

    Returns:
        The ticket as it stands now, or why the answer does not count.
    """
    ticket = tx.ticket(id)
    at = stamp(now)
    if ticket is not None and ticket.kind == "work":
        return _about_work(tx, ticket, said, principals, at)
    if ticket is None:
        refusal = Refusal("no_such_ticket", f"there is no ticket {id[:60]!r}")
        tx.append(CONTROLS, "", at, [_refused(id[:200], said, refusal)])
        return refusal
    crossing = tx.crossing(ticket.crossing)
    assert crossing is not None, "a ticket without its crossing"
    wrong = _wrong(ticket, said, principals, now) or _void(tx, ticket, said)
    if wrong is None:
        return _accepted(tx, ticket, crossing, said, at)
    records: list[Record] = [_refused(id, said, wrong)]
    if wrong.code in ("stale_version", "policy_changed"):
        # It is bound to what is no longer so: the crossing is judged anew, and asks anew.
        records.append(Resumed(ticket=id, answer="void", by="signoff", because=wrong.message))
        _close(tx, ticket, "void", "signoff", wrong.message, at)
        state = {
            **crossing.state,
            "granted": list[Any](),
        }  # what others agreed to is no longer so, either
        tx.save_crossing(replace(crossing, status="open", state=state))
        tx.enqueue(work_on(crossing, "resume", id, at))
    tx.append(ticket.subject, ticket.crossing, at, records)
    return wrong


def _about_work(
    tx: SpineTransaction, ticket: TicketRow, said: Answer, principals: Principals, at: str
) -> TicketRow | Refusal:
    refusal = _not_open(ticket) or _not_asked(ticket, said, principals)
    if said.kind == "edit":
        refusal = Refusal("nothing_to_edit", "approve tries the work again, deny drops it")
    if refusal is not None:
        tx.append(ticket.subject, ticket.crossing, at, [_refused(ticket.id, said, refusal)])
        return refusal
    again = said.kind == "approve"
    return settle_work(tx, ticket, again=again, by=said.by, because=said.because, at=at)


def _not_open(ticket: TicketRow) -> Refusal | None:
    if ticket.status == "open":
        return None
    done = f"{ticket.status} by {ticket.by}" if ticket.by else ticket.status
    return Refusal("answered", f"ticket {ticket.id} is closed: {done} at {ticket.closed}")


def _not_asked(ticket: TicketRow, said: Answer, principals: Principals) -> Refusal | None:
    if principals.may_answer(said.by, ticket.ask):
        return None
    who = ", ".join(principals.who(ticket.ask)) or "nobody that is listed"
    return Refusal("no_role", f"{said.by} may not answer for {ticket.ask}; {who} may")


def _wrong(
    ticket: TicketRow, said: Answer, principals: Principals, now: datetime
) -> Refusal | None:
    """What is wrong with an answer whatever has happened meanwhile."""
    body = ticket.body
    closed = _not_open(ticket)
    if closed is not None:
        return closed
    if ticket.due and now >= from_stamp(ticket.due):
        return Refusal("expired", f"ticket {ticket.id} was to be answered by {ticket.due}")
    stranger = _not_asked(ticket, said, principals)
    if stranger is not None or said.kind == "deny":
        return stranger
    waits = body["proposal"]
    if said.saw and said.saw != body["digest"]:
        return Refusal("other_proposal", "what waits is not what was looked at; look again")
    if digest_of(waits) != body["digest"]:
        return Refusal("other_proposal", "what waits is not what was recorded; deny it")
    if said.kind == "approve" and waits is None:
        return Refusal("nothing_to_approve", "nothing was proposed; write a proposal, or deny it")
    if body["terms"]["four_eyes"] and said.kind == "approve":
        for who, did in ((body["requester"], "asked for"), (body.get("editor"), "wrote")):
            if said.by == who:
                message = f"{said.by} {did} this; somebody else has to approve it"
                return Refusal("four_eyes", message)
    return None


def _void(tx: Transaction, ticket: TicketRow, said: Answer) -> Refusal | None:
    """What has happened meanwhile so that an answer does not count any more, or not now."""
    if said.kind == "deny":
        return None
    body = ticket.body
    for kill in read_kills(tx.switch(KILLS)):
        if kill.reaches(
            boundary=ticket.boundary,
            subject=ticket.subject,
            tenant=body["tenant"],
            switches=body["switches"],
        ):
            message = f"{kill.scope} is killed ({kill.because}); answer when it is lifted"
            return Refusal("killed", message)
    row = tx.row(ticket.subject) if body["version"] is not None else None
    if row is not None and row.version != body["version"]:
        return Refusal("stale_version", "the subject went on since; a new ticket asks anew")
    in_force = json.loads(tx.switch(POLICIES) or "{}").get(ticket.boundary)
    if in_force is not None and in_force != body["policies"]:
        return Refusal("policy_changed", "the policy changed since; a new ticket asks anew")
    return None


def _accepted(
    tx: Transaction, ticket: TicketRow, crossing: Recorded, said: Answer, at: str
) -> TicketRow:
    answered = _ENDED[said.kind]
    digest = digest_of(said.proposal) if said.kind == "edit" else ticket.body["digest"]
    resumed = Resumed(
        ticket=ticket.id, answer=answered, by=said.by, because=said.because, digest=digest
    )
    if said.kind == "deny":
        rejection = Reject("denied", said.because, then="stop")
        _reject(tx, ticket, crossing, rejection, f"person:{said.by}", "denied", resumed, at)
    else:
        work = go_on(tx, ticket, crossing, said, resumed, at)
        ticket = replace(ticket, body={**ticket.body, "resume": work})
    return _close(tx, ticket, _ENDED[said.kind], said.by, said.because, at)


def go_on(
    tx: Transaction,
    ticket: TicketRow,
    crossing: Recorded,
    said: Answer,
    resumed: Resumed,
    at: str,
) -> int:
    """Open the crossing again, with the answer in its hands; the work left for a worker."""
    body, terms = ticket.body, ticket.body["terms"]
    grants = said.kind == "approve" or not terms["four_eyes"]
    held = Answered(
        ticket=ticket.id,
        kind="edit" if said.kind == "edit" else "approve",
        by=said.by,
        because=said.because,
        digest=body["digest"],
        version=body["version"],
        policies=tuple(body["policies"]),
        control=terms["control"],
        waives=tuple(body["asks" if said.kind == "edit" else "waives"]) if grants else (),
        grants=grants,
        terms=terms,
    )
    waiting = dict(crossing.state["waiting"])
    if said.kind == "edit":
        waiting["proposal"], waiting["editor"] = said.proposal, said.by
    state = {**crossing.state, "waiting": waiting, "answer": held.body()}
    tx.append(ticket.subject, ticket.crossing, at, [resumed])
    tx.save_crossing(replace(crossing, status="open", state=state))
    return tx.enqueue(work_on(crossing, "resume", ticket.id, at))


def _reject(
    tx: Transaction,
    ticket: TicketRow,
    crossing: Recorded,
    reject: Reject,
    by: str,
    ended: str,
    resumed: Resumed,
    at: str,
) -> None:
    rejection = Rejection.of(reject, by=by, attempt=crossing.attempts)
    told = [*crossing.state.get("rejections", ()), rejection.body()]
    record = Rejected(code=reject.code, ended=ended, attempts=crossing.attempts)
    tx.append(ticket.subject, ticket.crossing, at, [resumed, record])
    state = {"rejections": told, "ended": ended}
    tx.save_crossing(replace(crossing, status="rejected", state=state))


def _close(
    tx: Transaction, ticket: TicketRow, status: TicketStatus, by: str, reason: str, at: str
) -> TicketRow:
    if ticket.body["deadline"]:
        tx.settle(ticket.body["deadline"])
    closed = replace(ticket, status=status, closed=at, by=by, reason=reason)
    tx.save_ticket(closed)
    return closed


def _refused(ticket: str, said: Answer, refusal: Refusal) -> AnswerRefused:
    return AnswerRefused(
        ticket=ticket,
        answer=said.kind,
        by=said.by,
        code=refusal.code,
        because=refusal.message,
    )


def see_to_deadline(tx: Transaction, id: str, effect: int, now: datetime) -> None:
    """Pass a ticket on, or end it as declared. Does nothing if it was answered before."""
    at = stamp(now)
    ticket = tx.ticket(id)
    if ticket is None or ticket.status != "open" or ticket.body["deadline"] != effect:
        tx.settle(effect)
        return
    if ticket.due > at:  # the clock was put back
        tx.postpone(effect, due=ticket.due, doubt=False, counts=False)
        return
    crossing = tx.crossing(ticket.crossing)
    assert crossing is not None, "a ticket without its crossing"
    tx.settle(effect)
    terms = dict(ticket.body["terms"])
    subject = crossing.state["waiting"]["subject"]
    if terms["chain"]:
        (ask, within), *terms["chain"] = terms["chain"]
        terms["ask"], terms["within"] = ask, within
        due = "" if within is None else stamp(now + timedelta(seconds=within))
        deadline = tx.enqueue(work_on(crossing, "deadline", id, due)) if due else 0
        late = [*ticket.body.get("late", ()), [ticket.ask, at]]
        body = {**ticket.body, "terms": terms, "deadline": deadline, "late": late}
        passed = replace(ticket, ask=ask, due=due, body=body)
        tx.save_ticket(passed)
        notify(tx, terms["notify"], "passed_on", passed, subject, at=at)
        because = f"{ticket.ask} did not answer by {ticket.due}"
        tx.append(
            ticket.subject,
            ticket.crossing,
            at,
            [PassedOn(ticket=id, ask=ask, because=because)],
        )
        state = {**crossing.state, "ticket": ticket_body(passed)}
        tx.save_crossing(replace(crossing, state=state))
        return
    because = f"nobody answered for {ticket.ask} by {ticket.due}"
    notify(tx, terms["notify"], "expired", ticket, subject, at=at)
    resumed = Resumed(ticket=id, answer="expired", by=DEADLINE, because=because)
    if terms["otherwise"] == "approve":
        said = Answer(kind="approve", by=DEADLINE, because=because)
        go_on(tx, ticket, crossing, said, resumed, at)
    else:
        reject = Reject("deadline_passed", because, then="stop")
        _reject(tx, ticket, crossing, reject, terms["control"], "deadline", resumed, at)
    _close(tx, replace(ticket, body={**ticket.body, "deadline": 0}), "expired", "", because, at)


def announce(
    tx: Transaction,
    boundary: str,
    policies: tuple[str, ...],
    texts: Mapping[str, str],
    now: datetime,
) -> None:
    """Put on record which policies a boundary is judged by from now on, with their text."""
    in_force = json.loads(tx.lock_switch(POLICIES) or "{}")
    if in_force.get(boundary, []) == list(policies):
        return
    tx.set_switch(POLICIES, canonical({**in_force, boundary: list(policies)}))
    records = [
        ControlChanged(
            control=f"gate:{label}",
            change="policy",
            because=f"boundary {boundary}",
            details={"policy": label, "boundary": boundary, "text": texts[label]},
        )
        for label in policies
    ]
    tx.append(CONTROLS, "", stamp(now), records)
