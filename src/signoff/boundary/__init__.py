"""Boundary owns the contract between proposer, verifier, commit and typed reject.

The files are listed in the order of a decision's life: `_proposer` suggests, `_parse` reads,
`_verifier` judges with a `_verdict`, `_commit` acts, `_settle` and `_external` write, `_outcome`
tells. The one loop through all of them is `_crossing`.
"""

from signoff.boundary._again import InFlight, answer_again
from signoff.boundary._answered import DEADLINE, Answered, digest_of
from signoff.boundary._asking import Asked
from signoff.boundary._attempt import Settled
from signoff.boundary._boundary import Boundary, Level
from signoff.boundary._budget import Budget
from signoff.boundary._commit import (
    Commit,
    Effect,
    EffectRefused,
    External,
    Probe,
    Transactional,
    Write,
    signature_types,
)
from signoff.boundary._control import (
    AGREE,
    Agree,
    AskPerson,
    Control,
    Granted,
    Halt,
    Object,
    Otherwise,
    Passing,
    Said,
    Terms,
)
from signoff.boundary._course import Parent
from signoff.boundary._crossing import Crossing
from signoff.boundary._effect import Carried, DidNotHappen, Happened, InDoubt, carry_out
from signoff.boundary._events import (
    Added,
    Adding,
    EventRow,
    Log,
    OffsetRow,
    StreamRow,
    add_events,
    checked_stream,
)
from signoff.boundary._external import perform, read_payload, receipt_body
from signoff.boundary._kills import (
    EVERYTHING,
    KILLS,
    Kill,
    checked_scope,
    read_kills,
    write_kills,
)
from signoff.boundary._outcome import Committed, Outcome, Rejected, Suspended, Ticket, Unknown
from signoff.boundary._parse import Parsed, Unparsed, parse
from signoff.boundary._ports import (
    CrossingStore,
    PendingEffect,
    Recorded,
    Row,
    Status,
    Swap,
    Timer,
    Transaction,
    Use,
    work_name,
)
from signoff.boundary._proposer import (
    Answer,
    Cross,
    Crossed,
    Proposer,
    Question,
    Refused,
    Unfinished,
)
from signoff.boundary._standing import Standing
from signoff.boundary._strength import Strength
from signoff.boundary._subject import (
    Subject,
    adapter_of,
    crossing_id,
    crossing_key,
    in_json,
    subject_id,
    tenant_of,
)
from signoff.boundary._suspend import notify, requester_of, ticket_body, work_on
from signoff.boundary._ticket import TicketRow, TicketStatus
from signoff.boundary._verdict import Accept, Consequence, Reject, Rejection, Verdict
from signoff.boundary._verifier import (
    Evidence,
    Lookup,
    Predicate,
    Verifier,
    gather,
    judge,
    source_version,
)
from signoff.boundary._watch import NOT_WATCHED, Step, StepName, Watch
from signoff.boundary._wire import Shape, wire_shape

__all__ = [
    "AGREE",
    "DEADLINE",
    "EVERYTHING",
    "KILLS",
    "NOT_WATCHED",
    "Accept",
    "Added",
    "Adding",
    "Agree",
    "Answer",
    "Answered",
    "AskPerson",
    "Asked",
    "Boundary",
    "Budget",
    "Carried",
    "Commit",
    "Committed",
    "Consequence",
    "Control",
    "Cross",
    "Crossed",
    "Crossing",
    "CrossingStore",
    "DidNotHappen",
    "Effect",
    "EffectRefused",
    "EventRow",
    "Evidence",
    "External",
    "Granted",
    "Halt",
    "Happened",
    "InDoubt",
    "InFlight",
    "Kill",
    "Level",
    "Log",
    "Lookup",
    "Object",
    "OffsetRow",
    "Otherwise",
    "Outcome",
    "Parent",
    "Parsed",
    "Passing",
    "PendingEffect",
    "Predicate",
    "Probe",
    "Proposer",
    "Question",
    "Recorded",
    "Refused",
    "Reject",
    "Rejected",
    "Rejection",
    "Row",
    "Said",
    "Settled",
    "Shape",
    "Standing",
    "Status",
    "Step",
    "StepName",
    "StreamRow",
    "Strength",
    "Subject",
    "Suspended",
    "Swap",
    "Terms",
    "Ticket",
    "TicketRow",
    "TicketStatus",
    "Timer",
    "Transaction",
    "Transactional",
    "Unfinished",
    "Unknown",
    "Unparsed",
    "Use",
    "Verdict",
    "Verifier",
    "Watch",
    "Write",
    "adapter_of",
    "add_events",
    "answer_again",
    "carry_out",
    "checked_scope",
    "checked_stream",
    "crossing_id",
    "crossing_key",
    "digest_of",
    "gather",
    "in_json",
    "judge",
    "notify",
    "parse",
    "perform",
    "read_kills",
    "read_payload",
    "receipt_body",
    "requester_of",
    "signature_types",
    "source_version",
    "subject_id",
    "tenant_of",
    "ticket_body",
    "wire_shape",
    "work_name",
    "work_on",
    "write_kills",
]
