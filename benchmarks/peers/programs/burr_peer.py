"""Burr: an application for each order with the SQLite persister, which saves after each action.

WAL mode and `synchronous=FULL` are set on the persister's connection. After a crash each
application is built from what the persister has, and goes on with its next action.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiosqlite
from burr.core import ApplicationBuilder, State, action, default, when
from burr.integrations.persisters.b_aiosqlite import AsyncSQLitePersister
from work import Outbox, accepted, main, proposed

peer: Any = None


@action(reads=["number", "pause"], writes=["proposal", "yes"])
async def propose(state: State) -> State:
    if state["pause"]:
        await asyncio.sleep(state["pause"])
    proposal = proposed(state["number"])
    return state.update(proposal=proposal, yes=accepted(proposal))


@action(reads=["proposal", "sends"], writes=["status"])
async def commit(state: State) -> State:
    proposal = state["proposal"]
    if state["sends"]:
        await peer.outbox.send(proposal["order"])
    else:
        await peer.db.execute(
            "INSERT INTO orders VALUES (?, ?) ON CONFLICT DO NOTHING",
            [proposal["order"], proposal["amount"]],
        )
    return state.update(status="committed")


@action(reads=[], writes=["status"])
async def reject(state: State) -> State:
    return state.update(status="rejected")


class Burr:
    async def open(self, store: str, folder: Path) -> None:
        self.outbox = Outbox(folder)
        self.db = await aiosqlite.connect(store, isolation_level=None)
        await self.db.execute("PRAGMA journal_mode = WAL")
        await self.db.execute("PRAGMA synchronous = FULL")
        await self.db.execute(
            "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, amount INTEGER)"
        )
        self.saved = await aiosqlite.connect(f"{store}.burr")
        await self.saved.execute("PRAGMA journal_mode = WAL")
        await self.saved.execute("PRAGMA synchronous = FULL")
        self.persister = AsyncSQLitePersister(self.saved)
        await self.persister.initialize()

    async def _run(self, number: int, pause: float, *, sends: bool) -> bool:
        id = f"order-{number}"
        begun = {"number": number, "pause": pause, "sends": sends}
        if sends:
            known = await self.persister.load(None, id)
            if known is not None and known["state"].get("status"):
                return bool(known["state"]["status"] == "committed")
        builder = (
            ApplicationBuilder()
            .with_actions(propose, commit, reject)
            .with_transitions(("propose", "commit", when(yes=True)), ("propose", "reject", default))
            .with_identifiers(app_id=id)
            .with_state_persister(self.persister)
        )
        if sends:
            builder = builder.initialize_from(
                self.persister, resume_at_next_action=True,
                default_state=begun, default_entrypoint="propose",
            )  # fmt: skip
        else:
            builder = builder.with_state(**begun).with_entrypoint("propose")
        application = await builder.abuild()
        _, _, state = await application.arun(halt_after=["commit", "reject"])
        return bool(state["status"] == "committed")

    async def cross(self, number: int, pause: float) -> bool:
        return await self._run(number, pause, sends=False)

    async def send(self, number: int, pause: float) -> bool:
        return await self._run(number, pause, sends=True)

    async def count(self) -> dict[str, int]:
        done = await self.db.execute("SELECT count(*) FROM orders")
        [(rows,)] = await done.fetchall()
        done = await self.saved.execute("SELECT count(*) FROM burr_state WHERE position = 'reject'")
        [(no,)] = await done.fetchall()
        return {"rows": rows, "rejected": no}

    async def close(self) -> None:
        await self.db.close()
        await self.saved.close()


if __name__ == "__main__":
    peer = Burr()
    main(peer)
