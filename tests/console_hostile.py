"""A store that somebody has filled to break whoever reads it: long, many, and full of markup."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from console_world import HOSTILE
from stores import effect, opened, recorded, swap

from signoff.boundary import KILLS, Kill, TicketRow, Timer, Use, write_kills
from signoff.clock import SystemClock, stamp
from signoff.control import POLICIES, Heartbeat
from signoff.ledger import (
    Committed,
    Judged,
    Opened,
    Proposed,
    Record,
    Rejected,
    Resumed,
    Suspended,
    TimerSet,
    canonical,
)
from signoff.storage import Storage, StoredTransaction

#: Texts that weigh much once they are escaped or encoded, and markup; 1 kB and more each.
HEAVY = (
    " ".join(HOSTILE) * 6,
    "\"'&<>" * 300,
    "\N{PILE OF POO}" * 1_000,
    "\u202e\x1b[2J\x07" * 200,
    "e\u0301\u200b\u0489" * 400,
)

BEGINS = datetime(2026, 3, 1, 12, tzinfo=UTC)


def heavy(number: int, most: int = 1_000_000) -> str:
    """A text that is no other one's."""
    return f"{number} {HEAVY[number % len(HEAVY)]}"[:most]


def name(number: int, most: int) -> str:
    """A name as long as names may be, all of it visible."""
    text = "<b>" if number % 2 else "\N{PILE OF POO}"
    return f"{number}{text * most}"[:most]


@dataclass(frozen=True, kw_only=True)
class Much:
    """How much there is of everything.

    Attributes:
        kinds: Boundaries, codes, models, roles, states, kills, throttles and workers, of each.
        deep: Attempts of one crossing, objections of one attempt, tickets and timers of one
            subject.
        letters: Characters of the longest proposals.
    """

    kinds: int
    deep: int
    letters: int


LITTLE = Much(kinds=120, deep=60, letters=60_000)
LOTS = Much(kinds=2_500, deep=600, letters=1 << 20)


def _crossings(much: Much) -> Iterator[tuple[str, str, list[Record]]]:
    """(subject, crossing, records); each has a boundary, a code and a model of its own."""
    for number in range(much.kinds):
        model = {"model": name(number, 90), "version": heavy(number)}
        no = {
            "code": name(number, 90),
            "message": heavy(number),
            "then": "stop",
            "by": heavy(number + 1),
            "path": heavy(number),
        }
        began = Opened(
            boundary=name(number, 90),
            key=name(number, 190),
            subject={"id": heavy(number)},
            verifiers=[heavy(number + i) for i in range(5)],
            controls=[heavy(number + i) for i in range(5)],
            strength=(heavy(number), heavy(number)),
            principal=heavy(number),
        )
        yield (
            name(number, 190),
            f"{number:024x}",
            [
                began,
                Proposed(attempt=1, fingerprint=model, proposal={heavy(number): heavy(number)}),
                Judged(attempt=1, accepted=False, rejections=(no,)),
                Rejected(code=name(number, 90), ended="stopped", attempts=1),
            ],
        )


def _deep(much: Much) -> Iterator[tuple[str, str, list[Record]]]:
    """One crossing with many attempts of many objections; one whose proposals are long."""
    objections = tuple(
        {"code": heavy(i, 80), "message": heavy(i), "then": "revise", "by": heavy(i)}
        for i in range(much.deep)
    )
    began = Opened(boundary="deep", key="deep", subject={"id": "deep"})
    records: list[Record] = [began]
    for number in range(1, much.deep + 1):
        records += [
            Proposed(
                attempt=number,
                fingerprint={"model": heavy(number), "version": heavy(number)},
                proposal={"lines": [heavy(number + i) for i in range(8)]},
                usage={"in": 1, "out": 2, "usd": 0.01},
            ),
            Judged(
                attempt=number,
                accepted=False,
                rejections=objections if number < 4 else objections[:2],
                evidence={"seen": heavy(number)},
            ),
        ]
    yield "deep", "d" * 24, records
    long = [HOSTILE[0] * (much.letters // len(HOSTILE[0])), '"' * much.letters, "a\n" * 20_000]
    yield (
        "long",
        "e" * 24,
        [
            Opened(boundary="long", key="long", subject={"id": "long", "text": long[1]}),
            *(
                Proposed(attempt=i, fingerprint={"model": "m"}, proposal={"text": text})
                for i, text in enumerate(long, 1)
            ),
            Proposed(attempt=4, fingerprint={"model": "m"}, raw=long[0]),
            Judged(attempt=4, accepted=True, evidence={"text": long[0]}, waived=long[:2]),
            Suspended(ticket=f"{'e' * 24}-1", ask=long[0], because=long[1]),
            Resumed(ticket=f"{'e' * 24}-1", answer="approve", by=long[0], because=long[1]),
            Committed(receipt=long[0], effect=long[1]),
        ],
    )


def _ticket(number: int, **more: Any) -> TicketRow:
    proposal = more.pop("proposal", {"text": heavy(number)})
    fields: dict[str, Any] = {
        "id": f"{number:024x}-1",
        "crossing": f"{number:024x}",
        "subject": name(number, 190),
        "boundary": name(number, 90),
        "ask": f"role:{name(number, 90)}",
        "because": heavy(number),
        "opened": stamp(BEGINS + timedelta(minutes=number)),
        "due": stamp(BEGINS + timedelta(days=9000)),
    }
    fields |= more
    return TicketRow(
        **fields,
        body={
            "digest": heavy(number),
            "version": 7,
            "policies": [heavy(number + i) for i in range(4)],
            "terms": {
                "control": heavy(number),
                "chain": [[heavy(number), 60.0]] * 4,
                "otherwise": "reject",
            },
            "deadline": 0,
            "proposal": proposal,
            "waives": [heavy(number)] * 9,
            "asks": [],
            "requester": heavy(number),
            "editor": "",
            "tenant": heavy(number),
            "switches": [],
        },
    )


def _tickets(much: Much) -> Iterator[TicketRow]:
    """Some for everybody; many about one subject, open, answered and given up."""
    for number in range(much.kinds):
        yield _ticket(number)
    deep: dict[str, Any] = {"subject": "deep", "boundary": "deep", "crossing": "d" * 24}
    for number in range(much.kinds, much.kinds + much.deep):
        said: dict[str, Any] = {}
        if number % 3:
            closed = stamp(BEGINS + timedelta(days=1))
            said = {"status": "denied", "closed": closed, "by": heavy(number)}
            said["reason"] = heavy(number)
        yield _ticket(number, **deep, **said)
    text = HOSTILE[0] * (much.letters // len(HOSTILE[0]))
    more = {"subject": "long", "boundary": "long", "crossing": "e" * 24, "ask": "role:lead"}
    yield _ticket(0, id="long", **more, proposal={"text": text})
    yield _ticket(1, id="longish", **more, proposal={"text": '"<' * 10_000})
    yield _ticket(2, id="work", **{**more, "crossing": ""}, kind="work")


def _kept(much: Much) -> Sequence[Kill]:
    at = stamp(BEGINS)
    kills = [
        Kill(scope=name(number, 290), by=heavy(number), because=heavy(number), at=at)
        for number in range(much.kinds)
    ]
    return [*kills, Kill(scope="long", by="dana", because=HEAVY[0], at=at)]


def _write(tx: StoredTransaction, much: Much) -> None:
    known: dict[str, list[dict[str, Any]]] = {
        "d" * 24: [
            {"code": heavy(i), "message": heavy(i), "by": heavy(i), "then": "stop", "attempt": i}
            for i in range(much.deep)
        ]
    }
    for number, (subject, crossing, records) in enumerate((*_crossings(much), *_deep(much))):
        at = stamp(BEGINS + timedelta(hours=number))
        tx.append(subject, crossing, at, records)
        first = records[0]
        assert isinstance(first, Opened)
        state = {"rejections": known.get(crossing, [])}
        tx.save_crossing(
            recorded(crossing, subject=subject, key=first.key, boundary=first.boundary, state=state)
        )
    for ticket in _tickets(much):
        tx.save_ticket(ticket)
    for number in range(much.kinds):
        tx.enqueue(effect(heavy(number, 200), crossing=f"{number:024x}", due=stamp(BEGINS)))
        throttle = f"throttle:{name(number, 90)}"
        tx.set_switch(throttle, "{}")
        tx.save_use(
            Use(
                throttle=throttle,
                crossing=f"{number:024x}",
                tenant=heavy(number, 200),
                at=stamp(SystemClock().now()),
                state="held",
                usd=1.0,
            )
        )
    tx.set_switch(KILLS, write_kills(_kept(much)))
    policies = {name(n, 90): [heavy(n + i, 300) for i in range(4)] for n in range(much.kinds)}
    tx.set_switch(POLICIES, canonical(policies))
    timers = [
        Timer(
            subject="deep",
            machine=name(1, 90),
            name=f"{number} {HOSTILE[0]}",
            version=1,
            due=stamp(BEGINS + timedelta(days=number)),
            armed=1,
        )
        for number in range(much.deep)
    ]
    tx.swap(swap("deep", state=name(0, 90), data=canonical({"x": HEAVY[1]}), timers=tuple(timers)))
    told = TimerSet(version=1, timers=[(each.name, each.due) for each in timers])
    tx.append("deep", "", stamp(BEGINS + timedelta(days=1)), [told])


async def fill(url: str, much: Much) -> None:
    """Fill a store with so much of everything."""
    async with opened(url) as storage:
        await storage.transact(lambda tx: _write(tx, much))
        await _beats(storage, much)


async def _beats(storage: Storage, much: Much) -> None:
    at = stamp(SystemClock().now())

    def write(tx: StoredTransaction) -> None:
        for number in range(min(much.kinds, 400)):
            beat = Heartbeat(
                process=heavy(number),
                child=heavy(number),
                at=at,
                state="given_up",
                restarts=number,
                error=heavy(number),
            )
            fields = {each: getattr(beat, each) for each in Heartbeat.__slots__}
            tx.connection.run("beat", fields)

    await storage.transact(write)


_filled: dict[Much, bytes] = {}


def hostile(folder: Path, much: Much) -> str:
    """A SQLite store with so much of everything; made once, and copied."""
    if much not in _filled:
        path = folder / "hostile.db"
        asyncio.run(fill(f"sqlite:///{path}", much))
        with sqlite3.connect(path) as store:
            store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store.close()
        _filled[much] = path.read_bytes()
    path = folder / "store.db"
    path.write_bytes(_filled[much])
    return f"sqlite:///{path}"
