"""The work that is measured: approve an order, once with signoff and once by hand.

The model's answer is a JSON text; it is parsed into the same pydantic model and held against the
same two rules on both sides. Two shapes:

plain  no spine: four records, the subject's chain head, the crossing.
spine  the order also stands on a state machine: six records, the row's compare-and-swap with new
       data, its old timer dropped and a new one set.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from signoff import Runtime
from signoff.boundary import (
    Accept,
    Answer,
    Boundary,
    Committed,
    Question,
    Reject,
    Transactional,
    Verdict,
    Write,
)
from signoff.ledger import Fingerprint
from signoff.state import After, Handle, StateMachine

LIMIT = 500.0


class Order(BaseModel):
    """The subject."""

    model_config = ConfigDict(frozen=True)

    id: str
    customer: str = "Acme"
    total: float = 120.0
    approvals: int = 0


class Approval(BaseModel):
    """The proposal."""

    model_config = ConfigDict(frozen=True)

    order: str
    amount: float
    note: str


def answer_for(order: Order) -> str:
    """What the model says: the same cost on both sides, and next to nothing."""
    return f'{{"order": "{order.id}", "amount": {order.total}, "note": "within the usual range"}}'


# With signoff


class Model:
    """A proposer that answers at once, with text."""

    proposes = Approval
    fingerprint = Fingerprint(model="benchmark", version="1", prompt="0" * 64)

    async def __call__(self, question: Question[Order], /) -> Answer:
        return Answer(content=answer_for(question.subject))


def about_this_order(approval: Approval, order: Order) -> Verdict:
    if approval.order == order.id:
        return Accept()
    return Reject("wrong_order", f"this is about order {order.id}", path="order")


def within_limit(approval: Approval, order: Order) -> Verdict:
    if approval.amount <= LIMIT:
        return Accept()
    return Reject("over_limit", f"{LIMIT} is allowed", path="amount")


def approve(approval: Approval, order: Order, write: Write[Order]) -> str:
    return f"approved {approval.order}"


def approve_and_count(approval: Approval, order: Order, write: Write[Order]) -> str:
    write.replace(order.model_copy(update={"approvals": order.approvals + 1}))
    return f"approved {approval.order}"


plain: Boundary[Order, Approval, str] = Boundary(
    "order.approve",
    proposer=Model(),
    verifiers=[about_this_order, within_limit],
    commit=Transactional(approve),
)

spine: Boundary[Order, Approval, str] = Boundary(
    "order.move",
    proposer=Model(),
    verifiers=[about_this_order, within_limit],
    commit=Transactional(approve_and_count),
)

State = Literal["placed", "approved"]
_MONTH = timedelta(days=30)

lifecycle = StateMachine[State](
    "order",
    {"placed": {"approved"}, "approved": {"placed"}},
    start="placed",
    timers=[
        After(_MONTH, at="placed", go="approved"),
        After(_MONTH, at="approved", go="placed"),
    ],
    subject=Order,
)


async def cross_plain(runtime: Runtime, order: Order) -> None:
    outcome = await runtime.run(plain, order, key=f"order.approve/{order.id}")
    assert isinstance(outcome, Committed), outcome


async def cross_spine(runtime: Runtime, handle: Handle[State, Order]) -> None:
    to: State = "approved" if handle.state == "placed" else "placed"
    outcome = await runtime.advance(handle, to, through=spine)
    assert isinstance(outcome, Committed), outcome


# By hand, into the same tables


Run = Callable[[str, Sequence[Any]], Any]
RunMany = Callable[[str, Sequence[Sequence[Any]]], Any]


class ByHand:
    """The statements that a careful person would write for the same rows, in one transaction.

    No more than needed: one look at the crossing, one at the subject, one batch of records, one
    write each. No ports, no unions, no second look, no retry, no verdict per verifier.
    """

    def __init__(self, run: Run, run_many: RunMany, *, postgres: bool = False) -> None:
        self.run = run
        self.run_many = run_many
        self.sql = _for_postgres(_SQL) if postgres else _SQL

    def start(self, order: Order) -> None:
        """A row on the state machine, with its record and its timer."""
        now = datetime.now(UTC)
        data = order.model_dump(mode="json")
        due = _stamp(now + _MONTH)
        body = {"machine": "order", "state": "placed", "version": 1, "subject": data}
        records = [("started", body)]
        records.append(("timerset", {"version": 1, "timers": [["placed->approved", due]]}))
        rows, head = _chained("0" * 64, 0, order.id, "", _stamp(now), records)
        self.run_many(self.sql["record"], rows)
        row = (order.id, len(rows), head, "order", "placed", 1, json.dumps(data))
        self.run(self.sql["add"], row)
        self.run(self.sql["timer"], (order.id, "placed->approved", "order", 1, due, 1))

    def cross_plain(self, order: Order, answer: str) -> str:
        key = f"order.approve/{order.id}"
        crossing = hashlib.sha256(key.encode()).hexdigest()[:24]
        at = _stamp(datetime.now(UTC))
        records, receipt = self._judged("order.approve", key, order, answer, None)
        if self.run(self.sql["crossing"], (crossing,)).fetchone() is not None:
            raise AssertionError("answered before")
        found = self.run(self.sql["subject"], (order.id,)).fetchone()
        assert found is None
        rows, head = _chained("0" * 64, 0, order.id, crossing, at, records)
        self.run_many(self.sql["record"], rows)
        self.run(self.sql["add"], (order.id, len(rows), head, None, None, None, None))
        self._save(crossing, key, order.id, "order.approve", at, receipt)
        return receipt

    def cross_spine(self, order: Order, version: int, answer: str) -> str:
        key = f"order.move/{order.id}/{version}"
        crossing = hashlib.sha256(key.encode()).hexdigest()[:24]
        now = datetime.now(UTC)
        at = _stamp(now)
        records, receipt = self._judged("order.move", key, order, answer, version)
        if self.run(self.sql["crossing"], (crossing,)).fetchone() is not None:
            raise AssertionError("answered before")
        length, head, state, stands_at, data = self.run(self.sql["subject"], (order.id,)).fetchone()
        assert stands_at == version
        order = Order.model_validate_json(data)
        moved = order.model_copy(update={"approvals": order.approvals + 1}).model_dump(mode="json")
        to = "approved" if state == "placed" else "placed"
        timer, due = f"{to}->{state}", _stamp(now + _MONTH)
        new = version + 1
        body = {"machine": "order", "source": state, "state": to, "version": new}
        records.append(("moved", {**body, "because": "order.move", "subject": moved}))
        records.append(("timerset", {"version": new, "timers": [[timer, due]]}))
        rows, head = _chained(head, length, order.id, crossing, at, records)
        self.run_many(self.sql["record"], rows)
        row = (length + len(rows), head, to, new, json.dumps(moved), order.id, version)
        assert self.run(self.sql["swap"], row).rowcount == 1
        self.run(self.sql["drop"], (order.id,))
        self.run(self.sql["timer"], (order.id, timer, "order", new, due, new))
        self._save(crossing, key, order.id, "order.move", at, receipt)
        return receipt

    def _judged(
        self, boundary: str, key: str, order: Order, answer: str, version: int | None
    ) -> tuple[list[tuple[str, dict[str, Any]]], str]:
        approval = Approval.model_validate_json(answer)
        if approval.order != order.id or approval.amount > LIMIT:
            raise AssertionError("rejected")
        standing = {} if version is None else {"version": version}
        receipt = f"approved {approval.order}"
        opened = {
            "boundary": boundary,
            "key": key,
            "subject": order.model_dump(mode="json"),
            "verifiers": _LABELS,
            **standing,
        }
        proposed = {
            "attempt": 1,
            "fingerprint": {"model": "benchmark", "version": "1", "prompt": "0" * 64},
            "proposal": approval.model_dump(mode="json"),
            "seconds": 0.000012,
        }
        return [
            ("opened", opened),
            ("proposed", proposed),
            ("judged", {"attempt": 1, "accepted": True, **standing}),
            ("committed", {"receipt": receipt, "attempts": 1}),
        ], receipt

    def _save(
        self, crossing: str, key: str, subject: str, boundary: str, at: str, receipt: str
    ) -> None:
        state = json.dumps({"receipt": receipt})
        row = (crossing, key, subject, boundary, "committed", 1, at, state)
        self.run(self.sql["save"], row)


_LABELS = ["about_this_order@01234567", "within_limit@01234567"]

_SQL = {
    "crossing": "SELECT status, state FROM signoff_crossings WHERE id = ?",
    "subject": "SELECT length, head, state, version, data FROM signoff_subjects WHERE id = ?",
    "record": "INSERT INTO signoff_records (subject, seq, at, crossing, type, body, hash) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)",
    "add": "INSERT INTO signoff_subjects (id, length, head, machine, state, version, data) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)",
    "swap": "UPDATE signoff_subjects SET length = ?, head = ?, state = ?, version = ?, data = ? "
    "WHERE id = ? AND version = ?",
    "drop": "DELETE FROM signoff_timers WHERE subject = ?",
    "timer": "INSERT INTO signoff_timers (subject, name, machine, version, due, armed) "
    "VALUES (?, ?, ?, ?, ?, ?)",
    "save": "INSERT INTO signoff_crossings "
    "(id, key, subject, boundary, status, attempts, opened, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
}


def _for_postgres(sql: dict[str, str]) -> dict[str, str]:
    there = {name: x.replace("signoff_", "signoff.").replace("?", "%s") for name, x in sql.items()}
    return {**there, "subject": f"{there['subject']} FOR UPDATE"}


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")[:26] + "Z"


def _chained(
    head: str, length: int, subject: str, crossing: str, at: str, records: Sequence[tuple[str, Any]]
) -> tuple[list[tuple[Any, ...]], str]:
    rows: list[tuple[Any, ...]] = []
    for kind, fields in records:
        length += 1
        body = json.dumps(fields, sort_keys=True, separators=(",", ":"))
        envelope = json.dumps([head, subject, length, at, crossing, kind], separators=(",", ":"))
        head = hashlib.sha256(f"{envelope}{body}".encode()).hexdigest()
        rows.append((subject, length, at, crossing, kind, body, head))
    return rows, head


def connect(path: str) -> sqlite3.Connection:
    """The settings of signoff's own connection."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA wal_autocheckpoint = 4000")
    db.execute("PRAGMA cache_size = -32000")
    return db


def census(db: sqlite3.Connection) -> dict[str, int]:
    """Rows per table, and the size of the records: what both sides must have in common."""
    tables = ("records", "subjects", "crossings", "timers", "effects", "payloads")
    counts = {
        name: db.execute(f"SELECT count(*) FROM signoff_{name}").fetchone()[0] for name in tables
    }
    size = db.execute("SELECT sum(length(body)) FROM signoff_records").fetchone()[0]
    return {**counts, "record_bytes": size or 0}
