"""A stretch of one subject's chain, recomputed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from signoff.ledger import EMPTY, Cut, Entry, link
from signoff.reading._account import parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainProof:
    """What recomputing a stretch of a chain has shown.

    Attributes:
        first: Place of its first record in the chain of its subject.
        last: Place of its last one.
        faults: (place, what is wrong) with records of it.
        head: Digest after its last record.
    """

    first: int
    last: int
    faults: Sequence[tuple[int, str]]
    head: str

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def prove_stretch(
    before: Entry | None, records: Sequence[Entry], cut: Entry | None = None
) -> ChainProof:
    """Recompute a stretch of a chain.

    Args:
        before: The record before it; None if it begins with the chain.
        records: Consecutive records of one subject, at least one.
        cut: The last `Cut` of the chain, if its beginning was removed.
    """
    seq, head = (0, EMPTY) if before is None else (before.seq, before.hash)
    if before is None and cut is not None and cut.type == Cut.type:
        told = parsed(cut)
        seq, head = int(told.get("upto", 0)), str(told.get("head", EMPTY))
    faults: list[tuple[int, str]] = []
    for entry in records:
        if entry.seq != seq + 1:
            faults.append((entry.seq, f"record {seq + 1} is missing before it"))
        expected = link(
            head,
            subject=entry.subject,
            seq=entry.seq,
            at=entry.at,
            crossing=entry.crossing,
            type=entry.type,
            body=entry.body,
        )
        if expected != entry.hash:
            faults.append((entry.seq, f"the {entry.type} record was altered"))
        seq, head = entry.seq, entry.hash
    return ChainProof(first=records[0].seq, last=records[-1].seq, faults=faults, head=head)
