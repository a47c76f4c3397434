"""Proving a ledger, and leaving a seal for a later proof."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Generator
from dataclasses import replace
from typing import Any

from signoff.cli._output import console
from signoff.ledger import SEALS, Fault, Sealed, Verification
from signoff.reading import existing, parsed


async def prove(url: str, sealed: str = "") -> Verification:
    """Recompute everything; with `sealed`, the seal with that root must be there, too."""
    async with existing(url) as storage:
        with _waiting("recomputing every hash"):
            verification = await storage.verify()
        if not sealed:
            return verification
        async for entry in storage.of_subject(SEALS):
            if entry.type == Sealed.type and parsed(entry).get("root") == sealed:
                return verification
    lost = Fault(subject=SEALS, seq=0, what=f"no seal has the root {sealed}")
    return replace(verification, faults=(*verification.faults, lost))


def as_json(verification: Verification) -> dict[str, Any]:
    """What was found, for programs."""
    return {
        "intact": verification.intact,
        "records": verification.records,
        "subjects": verification.subjects,
        "seals": verification.seals,
        "root": verification.root,
        "removed": verification.removed,
        "seals_outlived": verification.outlived,
        "faults": [
            {"subject": fault.subject, "record": fault.seq, "what": fault.what}
            for fault in verification.faults
        ],
    }


async def make_seal(url: str) -> tuple[str, dict[str, Any]]:
    """Record a seal: when, and its fields."""
    async with existing(url) as storage:
        entry = await storage.seal()
    return entry.at, json.loads(entry.body)


@contextlib.contextmanager
def _waiting(why: str) -> Generator[None]:
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    with console(stderr=True).status(why):
        yield
