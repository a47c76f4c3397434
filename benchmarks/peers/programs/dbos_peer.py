"""DBOS: a durable workflow for each order, whose id is the order's.

Proposing and committing are steps; verifying is deterministic and stands in the workflow itself.
The step that commits writes its row with `ON CONFLICT DO NOTHING`, for steps are done at least
once. After a crash `launch` recovers what was pending. With SQLite its database is in WAL mode,
`synchronous` as SQLite has it: FULL.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

from dbos import DBOS, SetWorkflowID
from work import Outbox, accepted, main, proposed

peer: Any = None
AGENT = os.environ.get("PEER_AGENT") == "1"


if AGENT:
    from pydantic_ai import Agent
    from pydantic_ai.durable_exec.dbos import DBOSAgent
    from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
    from pydantic_ai.models.function import AgentInfo, FunctionModel

    async def _answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        import json

        number, pause = json.loads(messages[-1].parts[-1].content)  # type: ignore[union-attr]
        if pause:
            await asyncio.sleep(pause)
        return ModelResponse(parts=[TextPart(json.dumps(proposed(number)))])

    agent = DBOSAgent(Agent(FunctionModel(_answer), name="orders"))


@DBOS.step()
async def propose(number: int, pause: float) -> dict[str, Any]:
    if pause:
        await asyncio.sleep(pause)
    return proposed(number)


@DBOS.step()
async def commit(proposal: dict[str, Any]) -> str:
    await peer.run(
        "INSERT INTO orders VALUES (?, ?) ON CONFLICT DO NOTHING",
        proposal["order"], proposal["amount"],
    )  # fmt: skip
    return str(proposal["order"])


@DBOS.step()
async def send(proposal: dict[str, Any]) -> str:
    return str(await peer.outbox.send(proposal["order"]))


@DBOS.workflow()
async def order(number: int, pause: float, sends: bool) -> bool:
    if AGENT:
        import json

        said = await agent.run(json.dumps([number, pause]))
        proposal = json.loads(said.output)
    else:
        proposal = await propose(number, pause)
    if not accepted(proposal):
        return False
    await (send(proposal) if sends else commit(proposal))
    return True


class Dbos:
    async def open(self, store: str, folder: Path) -> None:
        self.outbox = Outbox(folder)
        self.postgres = store.startswith("postgres")
        if self.postgres:
            from psycopg_pool import AsyncConnectionPool

            self.pool: Any = AsyncConnectionPool(
                store, min_size=8, max_size=8, open=False, kwargs={"autocommit": True}
            )
            await self.pool.open(wait=True)
            system = store
        else:
            import threading

            self.lock = threading.Lock()
            self.db = sqlite3.connect(store, isolation_level=None, check_same_thread=False)
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA synchronous = FULL")
            first = sqlite3.connect(f"{store}.dbos")
            first.execute("PRAGMA journal_mode = WAL")
            first.close()
            system = f"sqlite:///{store}.dbos"
        await self.run("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, amount INTEGER)")
        DBOS(
            config={
                "name": "orders",
                "system_database_url": system,
                "log_level": "ERROR",
                "application_version": "1",
                "executor_id": "local",
            }
        )
        await asyncio.to_thread(DBOS.launch)

    async def run(self, sql: str, *row: Any) -> list[Any]:
        if self.postgres:
            async with self.pool.connection() as connection:
                done = await connection.execute(sql.replace("?", "%s"), row)
                return list(await done.fetchall()) if done.description else []

        def write() -> list[Any]:
            with self.lock:
                return self.db.execute(sql, row).fetchall()

        return await asyncio.to_thread(write)

    async def cross(self, number: int, pause: float) -> bool:
        return await self._run(number, pause, sends=False)

    async def send(self, number: int, pause: float) -> bool:
        return await self._run(number, pause, sends=True)

    async def _run(self, number: int, pause: float, *, sends: bool) -> bool:
        with SetWorkflowID(f"order-{number}"):
            handle = await DBOS.start_workflow_async(order, number, pause, sends)
        return bool(await handle.get_result())

    async def count(self) -> dict[str, int]:
        [(rows,)] = await self.run("SELECT count(*) FROM orders")
        flows = await DBOS.list_workflows_async(name="order", status="SUCCESS")
        return {"rows": rows, "rejected": len(flows) - rows}

    async def close(self) -> None:
        if self.postgres:
            await self.pool.close()


if __name__ == "__main__":
    sys.modules["dbos_peer"] = sys.modules["__main__"]
    peer = Dbos()
    main(peer)
