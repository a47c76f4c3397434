"""The world of lead warming: a CRM with its log of touches, and leads that answer or leave."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from signoff.workloads._plan import Plan
from signoff.workloads._running import BEGINS
from signoff.workloads.contract_renewal.services import Faults, Service
from signoff.workloads.lead_warming.boundary import WITHIN_DAYS, Standing

CONTACTS: Final = frozenset(("mail", "call"))
_BY_THE_AGENT: Final = frozenset((*CONTACTS, "wait", "skip"))
_ACTIONS: Final = frozenset((*_BY_THE_AGENT, "reply", "unsubscribe", "hand_over"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the CRM's log."""

    subject: str
    about: str
    action: str
    number: int
    day: date
    days: int
    words: str

    @property
    def by_the_agent(self) -> bool:
        """Whether the agent made it, not the lead."""
        return self.action in _BY_THE_AGENT


class Crm(Service):
    """The outside CRM: honours keys, loses answers, and knows who has unsubscribed."""

    async def consents(self, lead: str) -> bool:
        """Whether the lead may be contacted, at this moment."""
        return self.found(f"unsubscribe/{lead}") is None


class World:
    """Leads and the CRM; what leads do follows from the seed, never from the agent's store.

    Args:
        folder: Where the CRM keeps its file; it outlives the process.
        seed: Of the leads.
        rows: How many leads.
        begins: The day on which the first of them are known.
        faults: Of the CRM, for the agent.
    """

    def __init__(
        self, folder: Path, *, seed: int, rows: int, begins: date, faults: Faults | None = None
    ) -> None:
        self._seed, self._open = seed, ExitStack()
        path = folder / "crm.db"
        self.crm = Crm("crm", path, faults, actions=_ACTIONS)
        self._open.callback(self.crm.close)
        #: The same file without faults: for what leads do, and for the auditor.
        self._book = Crm("crm", path, actions=_ACTIONS)
        self._open.callback(self._book.close)
        self.leads = {
            id: begins + timedelta(days=int(self._draw(id, "arrives") * 10))
            for id in (f"L-{number:04d}" for number in range(1, rows + 1))
        }

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def entries(self) -> Iterator[Entry]:
        """The CRM's log, oldest first."""
        for effect in self._book.effects():
            said = json.loads(effect.payload)
            days = said.get("days")
            yield Entry(
                subject=said["subject"],
                about=said["about"],
                action=effect.action,
                number=said.get("number", 0),
                day=date.fromisoformat(said["day"]),
                days=days if isinstance(days, int) else WITHIN_DAYS,
                words=str(said.get("words", "")),
            )

    def log(self) -> dict[str, list[Entry]]:
        """The log, by the lead that an entry is about."""
        by_lead: dict[str, list[Entry]] = defaultdict(list)
        for entry in self.entries():
            by_lead[entry.about].append(entry)
        return by_lead

    async def morning(self, today: date) -> None:
        """What leads did over night: some want to talk, some unsubscribe."""
        log = self.log()
        for lead, since in self.leads.items():
            # What was done today is for tomorrow, also if this morning is gone through again.
            done = Counter(
                entry.action
                for entry in log.get(lead, ())
                if entry.day < today or not entry.by_the_agent
            )
            if done["reply"] or done["unsubscribe"]:
                continue
            leaves = self._draw(lead, "leaves one day")
            if leaves < 0.10 and today >= since + timedelta(days=5 + int(leaves * 500)):
                await self._does(lead, "unsubscribe", today)
            elif done["mail"] + done["call"] >= self._talks_after(lead):
                await self._does(lead, "reply", today)

    async def meanwhile(self, standing: Standing) -> None:
        """What a lead does while the model thinks about the next touch."""
        leaves = self._draw(standing.id, "leaves meanwhile")
        if leaves < 0.20 and standing.contacts >= 1 + int(leaves * 30):
            await self._does(standing.id, "unsubscribe", standing.today)

    async def _does(self, lead: str, action: str, today: date) -> None:
        payload = {"subject": lead, "about": lead, "day": today.isoformat()}
        if self._book.found(f"{action}/{lead}") is None:
            await self._book.perform(action, payload, key=f"{action}/{lead}")

    def _talks_after(self, lead: str) -> float:
        draw = self._draw(lead, "talks")
        return 3 + int(draw * 10) if draw < 0.55 else float("inf")

    def _draw(self, lead: str, what: str) -> float:
        drawn = hashlib.sha256(f"{self._seed}/{lead}/{what}".encode()).digest()
        return int.from_bytes(drawn[:6], "big") / 2**48


def world_of(plan: Plan, name: str) -> World:
    """The world that a plan asks for, in a folder of that name."""
    faults = Faults.evenly(plan.faults, seed=plan.seed)
    folder = plan.folder(name)
    return World(folder, seed=plan.seed, rows=plan.rows, begins=BEGINS.date(), faults=faults)
