"""A record as the ledger keeps it, and the proof that nothing was changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from signoff.ledger._chain import EMPTY, link, merkle_root
from signoff.ledger._record import Cut, Sealed

#: The subject whose chain holds the seals.
SEALS = "signoff:seals"

#: The chain of what concerns no single subject: kills, policies.
CONTROLS = "signoff:controls"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record with its place.

    Attributes:
        position: Place in the whole ledger; grows, with gaps where a transaction was undone.
        subject: Whose chain it is in.
        seq: Place in that chain, from 1, without gaps.
        at: When, as text (see `signoff.clock.stamp`).
        crossing: Id of the crossing; empty for records of the spine alone.
        type: Lower-case name of the record's class.
        body: Canonical JSON of the record's fields.
        hash: The chain's head after this record.
    """

    position: int
    subject: str
    seq: int
    at: str
    crossing: str
    type: str
    body: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that `verify` found wrong."""

    subject: str
    seq: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What `signoff ledger verify` recomputed.

    Attributes:
        records: That are there.
        subjects: Whose chains they are in, without that of the seals.
        seals: Seals among them.
        root: Merkle root over the heads of all chains.
        faults: What is wrong.
        removed: Records that a retention policy removed from the beginnings of chains.
        outlived: Seals that cannot be compared any more, because records went that they cover.
    """

    records: int
    subjects: int
    seals: int
    root: str
    faults: tuple[Fault, ...]
    removed: int = 0
    outlived: int = 0

    @property
    def intact(self) -> bool:
        return not self.faults


class Verifying:
    """Recomputes chains and seals from entries fed in ledger order, then compares the heads.

    Finds an altered, inserted, reordered or removed record, a head that disagrees with its chain,
    a payload that no longer has its digest, and the loss of a tail or of a whole subject that a
    seal covers. Does not find the loss of what came after the last seal together with its head:
    print the seal's root elsewhere.

    A chain whose beginning was removed under a retention policy is recomputed from what its `Cut`
    says; a seal that is older than the last cut counts only if it still can be compared.
    """

    def __init__(self, *, most: int = 100) -> None:
        self._most = most
        self._heads: dict[str, tuple[int, str]] = {}
        self._faults: list[Fault] = []
        self._records = 0
        self._seals = 0
        self._referred: dict[str, tuple[str, int]] = {}
        # The first record of each chain whose beginning is not there, until a cut accounts for it.
        self._begun: dict[str, Entry] = {}
        self._removed = 0
        self._last_cut = 0
        self._unlike: list[Entry] = []

    def feed(self, entry: Entry, body: Mapping[str, Any]) -> None:
        """Take the next entry, in order of position; payloads come after all entries.

        Args:
            entry: The record.
            body: Its parsed body; may be left empty unless the record is a seal or refers to a
                payload, or is a cut.
        """
        self._records += 1
        length, head = self._heads.get(entry.subject, (0, EMPTY))
        if not length and entry.seq > 1:
            self._begun[entry.subject] = entry
        else:
            if entry.seq != length + 1:
                self.fault(entry.subject, entry.seq, f"record {length + 1} is missing before it")
            self._check_link(head, entry)
        if entry.type == Cut.type:
            self._check_cut(entry, body)
        for value in body.values():
            if isinstance(value, dict) and "$payload" in value:
                place = (entry.subject, entry.seq)
                self._referred.setdefault(str(cast("Any", value)["$payload"]), place)
        if entry.subject == SEALS and entry.type == Sealed.type:
            self._check_seal(entry, body)
        self._heads[entry.subject] = (entry.seq, entry.hash)

    def _check_link(self, head: str, entry: Entry) -> None:
        expected = link(
            head,
            subject=entry.subject,
            seq=entry.seq,
            at=entry.at,
            crossing=entry.crossing,
            type=entry.type,
            body=entry.body,
        )
        # None of these columns holds a quote: one that does would let text slip from one column
        # into the next under the same hash.
        if expected != entry.hash or '"' in entry.at + entry.crossing + entry.type:
            self.fault(entry.subject, entry.seq, f"the {entry.type} record was altered")

    def _check_cut(self, entry: Entry, body: Mapping[str, Any]) -> None:
        first = self._begun.get(entry.subject)
        # A later cut may have gone further than this one did.
        if first is not None and body.get("upto") == first.seq - 1:
            self._check_link(str(body.get("head")), first)
            self._removed += first.seq - 1
            self._last_cut = entry.position
            del self._begun[entry.subject]

    def _check_seal(self, entry: Entry, body: Mapping[str, Any]) -> None:
        self._seals += 1
        if body.get("root") != self._root():
            self._unlike.append(entry)

    def _root(self) -> str:
        return merkle_root(
            (subject, length, head)
            for subject, (length, head) in self._heads.items()
            if subject != SEALS
        )

    def payload(self, digest: str, actual: str) -> None:
        """Compare a content-addressed payload with its own digest."""
        self._referred.pop(digest, None)
        if digest != actual:
            self.fault(f"payload {digest[:12]}", 0, "its content no longer has its digest")

    def finish(self, heads: Iterable[tuple[str, int, str]]) -> Verification:
        """Compare with the heads in the subjects' rows, and report."""
        stored = {subject: (length, head) for subject, length, head in heads if length}
        for subject, mine in self._heads.items():
            theirs = stored.pop(subject, None)
            if theirs is None:
                self.fault(subject, mine[0], "its row with the chain's head is gone")
            elif theirs != mine:
                self.fault(subject, mine[0], f"the head says {theirs[0]} records, found {mine[0]}")
        for subject, (length, _) in stored.items():
            self.fault(subject, length, f"all {length} records are gone")
        for subject, first in self._begun.items():
            self.fault(subject, first.seq, f"record {first.seq - 1} is missing before it")
        # What a cut removed cannot be compared with a seal that was made before.
        lost = [seal for seal in self._unlike if seal.position > self._last_cut]
        for seal in lost:
            self.fault(seal.subject, seal.seq, "the sealed records are not those that remain")
        for digest, (subject, seq) in self._referred.items():
            self.fault(subject, seq, f"its payload {digest[:12]} is gone")
        return Verification(
            records=self._records,
            subjects=len([subject for subject in self._heads if subject != SEALS]),
            seals=self._seals,
            root=self._root(),
            faults=tuple(self._faults),
            removed=self._removed,
            outlived=len(self._unlike) - len(lost),
        )

    def fault(self, subject: str, seq: int, what: str) -> None:
        """Note something that is wrong."""
        if len(self._faults) < self._most:
            self._faults.append(Fault(subject=subject, seq=seq, what=what))
