"""Applying a retention policy: chains are cut at their beginning, and say so themselves.

What goes is removed in small transactions, each of which leaves the store whole: a chain's records
and the `Cut` that accounts for them change places at once. Kill it anywhere, and run it again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from signoff.clock import stamp
from signoff.errors import BadInput
from signoff.ledger import CONTROLS, Cut, Retained
from signoff.storage._archive import Archive, digests_in
from signoff.storage._connection import CHUNK, Connection, Params, Rows
from signoff.storage._retention import (
    Decided,
    Keep,
    Outlined,
    Retention,
    Unsettled,
    Why,
    before,
    removable,
)
from signoff.storage._storage import Storage
from signoff.storage._transaction import StoredTransaction

#: Chains that are cut in one transaction.
_AT_ONCE = 50

#: Called with (what is done now, how much of it so far, of how much; 0 if nobody knows).
Tell = Callable[[str, int, int], object]


@dataclass(slots=True, kw_only=True)
class Gone:
    """What a retention policy removed, or would remove.

    Attributes:
        policy: Digest of the policy.
        at: When.
        looked: Subjects that a rule of it is about.
        subjects: Whose chains were cut.
        records: That were removed.
        payloads: Large values that nothing refers to any more; not counted beforehand.
        keys: Crossings whose keys are forgotten; not counted beforehand.
        tickets: Closed questions about them; not counted beforehand.
        partitions: Of the ledger that held nothing any more and were dropped (PostgreSQL).
        root: Of the seal that was made afterwards; empty if nothing was removed.
        kept: Subjects with records that are old enough and stay, by why.
    """

    policy: str
    at: str
    looked: int = 0
    subjects: int = 0
    records: int = 0
    payloads: int = 0
    keys: int = 0
    tickets: int = 0
    partitions: int = 0
    root: str = ""
    kept: Counter[Why] = field(default_factory=Counter[Why])


async def retain(
    storage: Storage,
    policy: Retention,
    *,
    by: str,
    now: datetime,
    archive: Archive | None = None,
    dry: bool = False,
    tell: Tell = lambda what, done, total: None,
) -> Gone:
    """Remove what a policy no longer keeps. Whatever happens meanwhile, run it again.

    Nothing goes that has not ended, and runtimes may be at work.

    Args:
        storage: That is open.
        policy: How long what is kept.
        by: Who has it applied; kept on the ledger.
        now: Ages are counted from here.
        archive: Takes what goes, before it goes.
        dry: Only count.
        tell: Hears how far it has come.

    Raises:
        BadInput: If the ledger is not intact, or the archive cannot be written.
        StorageUnavailable: If the store cannot be written.
    """
    gone = Gone(policy=policy.digest, at=stamp(now))
    if dry:
        await storage.survey(lambda connection: _count(connection, policy, now, gone, tell))
        return gone
    tell("proving the ledger", 0, 0)
    if not (await storage.verify()).intact:
        raise BadInput(
            f"the ledger in {storage.url} is not intact, and nothing was removed: "
            "signoff ledger verify says what is wrong"
        )
    await _Retaining(storage, policy, by, now, archive, tell, gone).run()
    gone.partitions = await storage.drop_emptied()
    return gone


def _count(
    connection: Connection, policy: Retention, now: datetime, gone: Gone, tell: Tell
) -> None:
    after = ""
    while True:
        after, chains = _old_chains(connection, policy, now, after, gone)
        for subject, rule in chains:
            _, decided = _decided(connection, subject, rule, now)
            gone.subjects += decided.records > 0
            gone.records += decided.records
            if decided.why is not None:
                gone.kept[decided.why] += 1
        tell("looking at the chains", gone.looked, 0)
        if not after:
            return


def _old_chains(
    connection: Connection, policy: Retention, now: datetime, after: str, gone: Gone
) -> tuple[str, list[tuple[str, Keep]]]:
    """Of the next subjects, those with anything old; and the last of them, empty at the end."""
    rows = connection.run("chains_begun_before", {"after": after, "limit": CHUNK})
    found: list[tuple[str, Keep]] = []
    for subject, length, seq, type, at in rows:
        rule = policy.rule_of(subject)
        if rule is None:
            continue
        gone.looked += 1
        is_cut_already = type == Cut.type and seq == length
        if at < before(now, rule.records) and not is_cut_already:
            found.append((subject, rule))
    return (rows[-1][0] if len(rows) == CHUNK else ""), found


def _decided(
    connection: Connection, subject: str, rule: Keep, now: datetime
) -> tuple[list[Outlined], Decided]:
    outline = [Outlined(*row) for row in connection.run("outline", {"subject": subject})]
    ids = sorted({record.crossing for record in outline if record.crossing})
    found = connection.run("unsettled", {"subject": subject, "crossings": json.dumps(ids)})
    kinds = Counter(kind for kind, _ in found)
    unsettled = Unsettled(
        crossings={id for kind, id in found if kind == "crossing"},
        ticket=kinds["ticket"] > 0,
        timer=kinds["timer"] > 0,
    )
    limit = before(now, rule.records)
    return outline, removable(outline, before=limit, unsettled=unsettled)


@dataclass(slots=True)
class _Retaining:
    storage: Storage
    policy: Retention
    by: str
    now: datetime
    archive: Archive | None
    tell: Tell
    gone: Gone

    async def run(self) -> None:
        await self._cut_chains()
        await self._forget_keys()
        await self._drop_payloads()
        gone = self.gone
        if gone.records or gone.keys or gone.payloads:
            told = Retained(
                policy=gone.policy,
                by=self.by,
                subjects=gone.subjects,
                records=gone.records,
                payloads=gone.payloads,
                keys=gone.keys,
                tickets=gone.tickets,
            )
            await self.storage.transact(lambda tx: tx.append(CONTROLS, "", gone.at, [told]))
            # The seals of before cannot be compared any more; this one can.
            sealed = await self.storage.seal()
            gone.root = str(json.loads(sealed.body)["root"])

    # Chains

    async def _cut_chains(self) -> None:
        after, more = "", True
        while more:
            look = partial(
                _old_chains, policy=self.policy, now=self.now, after=after, gone=self.gone
            )
            after, chains = await self.storage.read(look)
            more = bool(after)
            for start in range(0, len(chains), _AT_ONCE):
                await self._cut(chains[start : start + _AT_ONCE])
            self.tell("cutting the chains", self.gone.looked, 0)

    async def _cut(self, chains: Sequence[tuple[str, Keep]]) -> None:
        kept = self.archive.end if self.archive is not None else 0

        def script(tx: StoredTransaction) -> list[tuple[int, Why | None]]:
            if self.archive is not None:
                self.archive.go_back(kept)  # it may be run again, after losing to another writer
            cut = [self._cut_one(tx, subject, rule) for subject, rule in chains]
            if self.archive is not None:
                self.archive.make_durable()
            return cut

        for records, why in await self.storage.transact(script):
            self.gone.subjects += records > 0
            self.gone.records += records
            if why is not None:
                self.gone.kept[why] += 1

    def _cut_one(self, tx: StoredTransaction, subject: str, rule: Keep) -> tuple[int, Why | None]:
        row = tx.row(subject)  # nobody else writes to the chain until the end
        connection = tx.connection
        outline, decided = _decided(connection, subject, rule, self.now)
        if not decided.records:
            return 0, decided.why
        last = outline[decided.records - 1]
        if self.archive is not None:
            self.archive.take(connection, subject, last.seq)
        tx.drop_records(subject, last.seq)
        cut = Cut(
            upto=last.seq,
            head=last.hash,
            position=last.position,
            removed=decided.records,
            policy=self.policy.digest,
            rule=rule.told,
            by=self.by,
            machine="" if row is None else row.machine,
            state="" if row is None else row.state,
            version=None if row is None else row.version,
        )
        tx.append(subject, "", self.gone.at, [cut])
        return decided.records, decided.why

    # Keys

    async def _forget_keys(self) -> None:
        spans = [rule.keys for rule in self.policy.rules if rule.keys is not None]
        if not spans:
            return
        limit = before(self.now, min(spans))
        # A crossing that is under way may ask for its parts again, which were opened after it.
        oldest = (await self.storage.read(lambda c: c.run("oldest_under_way", {})))[0][0]
        params: dict[str, Any] = {"before": min(limit, oldest or limit), "limit": CHUNK}
        after = ""
        while True:
            look = partial(_run, "keys_before", {**params, "after": after})
            rows = await self.storage.read(look)
            ids = [(id, subject) for id, subject, opened in rows if self._is_due(subject, opened)]
            if ids:
                keys, tickets = await self.storage.transact(partial(self._forget, ids=ids))
                self.gone.keys += keys
                self.gone.tickets += tickets
            self.tell("forgetting keys", self.gone.keys, 0)
            if len(rows) < CHUNK:
                return
            after = rows[-1][0]

    def _is_due(self, subject: str, opened: str) -> bool:
        rule = self.policy.rule_of(subject)
        return rule is not None and rule.keys is not None and opened < before(self.now, rule.keys)

    def _forget(self, tx: StoredTransaction, ids: Sequence[tuple[str, str]]) -> tuple[int, int]:
        keys = tickets = 0
        for id, subject in ids:
            if tx.connection.run("drop_crossing", {"id": id}):
                keys += 1
                of = {"id": id, "subject": subject}
                tickets += len(tx.connection.run("drop_tickets", of))
        return keys, tickets

    # Values that are kept apart

    async def _drop_payloads(self) -> None:
        self.tell("looking for values that nothing refers to", 0, 0)
        last = await self.storage.transact(self._clean_cut)
        unused = await self.storage.survey(lambda connection: _unused(connection, last))
        for start in range(0, len(unused), CHUNK):
            some = unused[start : start + CHUNK]
            self.gone.payloads += await self.storage.transact(
                partial(self._drop, some=some, after=last)
            )

    def _clean_cut(self, tx: StoredTransaction) -> int:
        """The last position, when nobody who writes has yet to commit an earlier one."""
        self.storage.keep_values(tx)
        return int(tx.connection.run("last", {})[0][0] or 0)

    def _drop(self, tx: StoredTransaction, some: Sequence[str], after: int) -> int:
        self.storage.keep_values(tx)
        # A value of the same content may have been recorded anew meanwhile.
        spared = set(_referred(tx.connection, after, None))
        digests = [digest for digest in some if digest not in spared]
        tx.connection.run("drop_payloads", {"digests": json.dumps(digests)})
        return len(digests)


def _run(name: str, params: Params, connection: Connection) -> Rows:
    return connection.run(name, params)


def _unused(connection: Connection, last: int) -> list[str]:
    referred = set(_referred(connection, 0, last))
    unused: list[str] = []
    after = ""
    while rows := connection.run("payload_digests", {"after": after, "limit": CHUNK}):
        unused += [digest for (digest,) in rows if digest not in referred]
        after = rows[-1][0]
    return unused


def _referred(connection: Connection, after: int, until: int | None) -> Iterator[str]:
    """Digests that records refer to, from a position to another."""
    while rows := connection.run("records_referring", {"after": after, "limit": CHUNK}):
        for position, body in rows:
            if until is None or position <= until:
                yield from digests_in(body)
        after = rows[-1][0]
        if until is not None and after >= until:
            return
