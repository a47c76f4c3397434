"""A store with tickets in it, and the program that answers them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from signoff import Accept, Boundary, External, Reject, Runtime, Suspended, Verdict
from signoff.control import Approval, Escalation, KillSwitch, Throttle
from signoff.testing import Scripted

HOSTILE = "\x1b[2J\x1b]0;owned\x07[bold red]x[/] \u202egnp.exe"

PRINCIPALS = """\
[principals.dana]
roles = ["sales-lead", "operator"]
may_kill = ["everything"]
[principals.omar]
roles = ["sales-lead"]
may_kill = ["tenant:acme"]
[principals.zed]
"""


@dataclass(frozen=True)
class Renewal:
    id: str
    tenant: str = "acme"


@dataclass(frozen=True)
class Offer:
    discount: float
    message: str = ""


def within_policy(offer: Offer, renewal: Renewal) -> Verdict:
    if offer.discount <= 0.5:
        return Accept()
    return Reject("over_cap", f"{offer.discount:.0%} offered {HOSTILE}")


def deep(offer: Offer, renewal: Renewal) -> bool:
    return offer.discount > 0.2


async def send(offer: Offer, renewal: Renewal, key: str) -> str:
    return f"sent {offer.discount}"


def offering(*offers: Offer, name: str = "renewal.offer") -> Boundary[Renewal, Offer, str]:
    """A boundary at which a deep discount needs a yes."""
    boundary = Boundary(
        name,
        proposer=Scripted(*offers, proposes=Offer),
        verifiers=[within_policy],
        commit=External(send, tries=1),
    )
    return boundary.bounded_by(
        KillSwitch("renewals"),
        Throttle(per_minute=30),
        Approval(
            when=deep,
            ask="role:sales-lead",
            within=timedelta(hours=4),
            otherwise=Escalation(ask="role:operator"),
            four_eyes=True,
        ),
    )


async def suspend(url: str, *subjects: str) -> list[str]:
    """Ask for a deep discount for each subject, on behalf of omar; the ids of the tickets."""
    tickets: list[str] = []
    async with Runtime(url) as runtime:
        for subject in subjects:
            offers = (Offer(0.9, "more"), Offer(0.25, HOSTILE))
            outcome = await runtime.run(offering(*offers), Renewal(subject), principal="omar")
            assert isinstance(outcome, Suspended)
            tickets.append(outcome.ticket.id)
    return tickets


def filled(url: str, *subjects: str) -> list[str]:
    """The same from a test that is not async."""
    return asyncio.run(suspend(url, *subjects))


def signoff(
    *words: str, store: str, folder: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own, in a folder with a file of principals."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SIGNOFF_")}
    done = subprocess.run(
        [sys.executable, "-m", "signoff", *words],
        capture_output=True,
        encoding="utf-8",
        env={**kept, "COLUMNS": "220", "SIGNOFF_STORE": store, **(env or {})},
        stdin=subprocess.DEVNULL,
        cwd=folder,
        check=False,
    )
    assert "Traceback" not in done.stderr
    said = done.stdout + done.stderr
    assert not [c for c in said if not c.isprintable() and c != "\n"], said
    return done


def document(*words: str, store: str, folder: Path) -> Any:
    """What the program prints with `--json`."""
    done = signoff(*words, "--json", store=store, folder=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
