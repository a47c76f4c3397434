"""Pausing a crossing: until a person answers, or until a control no longer halts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from signoff.boundary._answered import digest_of
from signoff.boundary._attempt import Attempt, Settled, Stale, news
from signoff.boundary._control import Halt, Terms
from signoff.boundary._doorway import is_killed, release
from signoff.boundary._ports import PendingEffect, Recorded, Row, Transaction, work_name
from signoff.boundary._subject import in_json
from signoff.boundary._ticket import TicketRow
from signoff.boundary._verdict import Reject, Rejection
from signoff.clock import stamp
from signoff.ledger import Halted, Judged, Record, Suspended, canonical


def suspend(
    tx: Transaction, existing: Recorded | None, attempt: Attempt, terms: Terms
) -> Settled | Stale:
    """Open a ticket for a person, bound to what waits, and park the row if the move says where."""
    boundary, recorded, passing = attempt.boundary, attempt.recorded, attempt.passing
    standing = attempt.standing
    at = stamp(passing.now)
    row: Row | None = None
    moved: Sequence[Record] = ()
    version = passing.version
    if standing is not None:
        row = tx.row(recorded.subject)
        if row is None or row.version != standing.version or row.pending:
            return Stale()
        # After a kill nothing in its scope moves; the question may be asked all the same.
        killed = is_killed(boundary, tx, passing)
        swap = None if killed else standing.parking(passing.now)
        if swap is not None:
            row = tx.swap(swap)
            assert row is not None, "the row was read in this transaction"
            moved = standing.records(swap, row, f"{boundary.name} waits for {terms.ask}")
            version = row.version
    number = int((existing or recorded).state.get("tickets", 0)) + 1
    digest = digest_of(attempt.memory().proposal)
    id = f"{recorded.id}-{number}"
    due = "" if terms.within is None else stamp(passing.now + terms.within)
    deadline = tx.enqueue(work_on(recorded, "deadline", id, due)) if due else 0
    ticket = TicketRow(
        id=id,
        crossing=recorded.id,
        subject=recorded.subject,
        boundary=boundary.name,
        ask=terms.ask,
        because=terms.because,
        opened=at,
        due=due,
        body={
            "digest": digest,
            "version": version,
            "policies": list(boundary.policies),
            "terms": terms.body(),
            "deadline": deadline,
            "proposal": attempt.memory().proposal,
            "waives": list(attempt.waives),
            "asks": list(attempt.asks),
            "requester": requester_of(passing.principal),
            "editor": attempt.memory().editor,
            "tenant": passing.tenant,
            "switches": list(boundary.switches),
        },
    )
    tx.save_ticket(ticket)
    dumped = in_json(boundary.subject_adapter, attempt.subject)
    notify(tx, body_names(terms), "asked", ticket, dumped, at=at)
    suspended = Suspended(
        ticket=id,
        ask=terms.ask,
        because=terms.because,
        control=terms.control,
        digest=digest,
        version=version,
        policies=boundary.policies,
        due=due,
        otherwise=terms.otherwise if due and not terms.chain else "",
    )
    state = {**attempt.state(), "tickets": number, "ticket": ticket_body(ticket)}
    state.pop("answer", None)
    settled = replace(recorded, status="suspended", state=state)
    records = [*news(attempt.unwritten, existing), suspended, *moved]
    tx.append(recorded.subject, recorded.id, at, records)
    tx.save_crossing(settled)
    release(boundary, tx, passing)
    return Settled(settled, row)


def halt(
    tx: Transaction, existing: Recorded | None, attempt: Attempt, said: Halt, by: str
) -> Settled:
    """Put on record that a control halted the crossing. It stays open."""
    recorded, passing = attempt.recorded, attempt.passing
    release(attempt.boundary, tx, passing)
    records = news(attempt.unwritten, existing)
    reject = Reject(said.code, said.message, then="stop", details=_again(said))
    told = Rejection.of(reject, by=by, attempt=recorded.attempts).body()
    before = None if existing is None else existing.state.get("halted")
    if not records and existing is not None and before == told:
        return Settled(existing)  # it is on record, and nothing happened since
    state = {**recorded.state, **attempt.state(), "halted": told}
    if not attempt.memory().answered:
        state.pop("answer", None)
    halted = replace(recorded, state=state)
    # A worker tries again and again: that it is halted as before is on record once.
    nothing_new = all(isinstance(record, Judged) and record.accepted for record in records)
    if not (nothing_new and before is not None and _same(before, told)):
        records.append(Halted(by=by, code=said.code, message=said.message))
        tx.append(recorded.subject, recorded.id, stamp(passing.now), records)
    tx.save_crossing(halted)
    return Settled(halted)


def _same(before: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    """Whether two halts differ at most in when to come again."""
    return {**before, "details": None} == {**told, "details": None}


def _again(said: Halt) -> dict[str, str]:
    return {} if said.again is None else {"again": stamp(said.again)}


def ticket_body(ticket: TicketRow) -> dict[str, Any]:
    """A ticket as its crossing remembers it, and as the outcome shows it."""
    return {
        "id": ticket.id,
        "ask": ticket.ask,
        "because": ticket.because,
        "due": ticket.due,
        "digest": ticket.body.get("digest", ""),
    }


def requester_of(principal: Any) -> str:
    """The name of the principal on whose behalf a crossing runs; empty if nobody said."""
    if principal is None or isinstance(principal, str):
        return principal or ""
    fields: Any = principal
    return str(fields.get("id", "") if isinstance(principal, Mapping) else fields.id)


def body_names(terms: Terms) -> tuple[str, ...]:
    """The hooks of some terms, by the names that the outbox knows them by."""
    return tuple(effect.name for effect in terms.notify)


def notify(
    tx: Transaction, hooks: Sequence[str], event: str, ticket: TicketRow, subject: Any, *, at: str
) -> None:
    """Put word of a ticket into the outbox, once per hook."""
    notice = {
        "event": event,
        "ticket": ticket.id,
        "ask": ticket.ask,
        "because": ticket.because,
        "boundary": ticket.boundary,
        "subject": ticket.subject,
        "crossing": ticket.crossing,
        "at": at,
        "due": ticket.due,
    }
    for hook in hooks:
        key = f"{ticket.id}/{event}/{ticket.ask}/{hook}"
        tx.enqueue(
            PendingEffect(
                kind="outbox",
                # A group of its own: a hook that fails must keep nothing else waiting.
                crossing=f"{ticket.id}/{hook}",
                subject=ticket.subject,
                name=hook,
                key=key,
                payload=canonical({"proposal": notice, "subject": subject}),
                due=at,
            )
        )


def work_on(
    recorded: Recorded, kind: Literal["resume", "deadline", "durable"], ticket: str, due: str
) -> PendingEffect:
    """Going on with a crossing whose ticket was answered, or seeing to a ticket's deadline."""
    return PendingEffect(
        kind=kind,
        crossing=recorded.id,
        subject=recorded.subject,
        name=work_name(kind, recorded.boundary),
        key=recorded.key,
        payload=canonical({"ticket": ticket}),
        due=due,
    )
