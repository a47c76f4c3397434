"""LangGraph: three nodes and a checkpointer, `durability="sync"`, a thread for each order.

A checkpoint is durable before the next node begins. The row of state is written by the last node,
with `ON CONFLICT DO NOTHING`, as its pages advise for nodes that may run again. After a crash each
thread is invoked with no input, which goes on from its last checkpoint.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from work import Outbox, accepted, main, proposed


class State(TypedDict, total=False):
    number: int
    pause: float
    sends: bool
    proposal: dict[str, Any]
    status: str


class LangGraph:
    async def open(self, store: str, folder: Path) -> None:
        self.outbox = Outbox(folder)
        self.postgres = store.startswith("postgres")
        if self.postgres:
            from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
            from psycopg.rows import dict_row
            from psycopg_pool import AsyncConnectionPool

            self.pool: Any = AsyncConnectionPool(
                store, min_size=8, max_size=8, open=False,
                kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
            )  # fmt: skip
            await self.pool.open(wait=True)
            saver: Any = AsyncPostgresSaver(self.pool)
        else:
            import aiosqlite
            from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

            self.db = await aiosqlite.connect(store, isolation_level=None)
            await self.db.execute("PRAGMA journal_mode = WAL")
            await self.db.execute("PRAGMA synchronous = FULL")
            self.checkpoints = await aiosqlite.connect(f"{store}.checkpoints")
            await self.checkpoints.execute("PRAGMA synchronous = FULL")
            saver = AsyncSqliteSaver(self.checkpoints)
        await saver.setup()
        await self._run("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, amount INTEGER)")
        graph: Any = StateGraph(State)
        graph.add_node("propose", self._propose)
        graph.add_node("commit", self._commit)
        graph.add_node("reject", self._reject)
        graph.add_edge(START, "propose")
        graph.add_conditional_edges(
            "propose", lambda state: "commit" if accepted(state["proposal"]) else "reject"
        )
        graph.add_edge("commit", END)
        graph.add_edge("reject", END)
        self.graph = graph.compile(checkpointer=saver)

    async def _run(self, sql: str, *row: Any) -> list[Any]:
        if self.postgres:
            async with self.pool.connection() as connection:
                done = await connection.execute(sql.replace("?", "%s"), row)
                return (
                    [tuple(r.values()) for r in await done.fetchall()] if done.description else []
                )
        done = await self.db.execute(sql, row)
        return list(await done.fetchall())

    async def _propose(self, state: State) -> State:
        if state["pause"]:
            await asyncio.sleep(state["pause"])
        return {"proposal": proposed(state["number"])}

    async def _commit(self, state: State) -> State:
        proposal = state["proposal"]
        if state["sends"]:
            await self.outbox.send(proposal["order"])
        else:
            await self._run(
                "INSERT INTO orders VALUES (?, ?) ON CONFLICT DO NOTHING",
                proposal["order"], proposal["amount"],
            )  # fmt: skip
        return {"status": "committed"}

    async def _reject(self, state: State) -> State:
        return {"status": "rejected"}

    async def cross(self, number: int, pause: float) -> bool:
        return await self._invoke({"number": number, "pause": pause, "sends": False})

    async def send(self, number: int, pause: float) -> bool:
        config = {"configurable": {"thread_id": f"order-{number}"}}
        known = await self.graph.aget_state(config)
        if known.values.get("status"):
            return bool(known.values["status"] == "committed")
        begun = {"number": number, "pause": pause, "sends": True}
        return await self._invoke(None if known.next else begun, number)

    async def _invoke(self, begun: dict[str, Any] | None, number: int = -1) -> bool:
        number = number if begun is None else begun["number"]
        config = {"configurable": {"thread_id": f"order-{number}"}}
        ended = await self.graph.ainvoke(begun, config, durability="sync")
        return bool(ended["status"] == "committed")

    async def count(self) -> dict[str, int]:
        [(rows,)] = await self._run("SELECT count(*) FROM orders")
        if self.postgres:
            [(threads,)] = await self._run("SELECT count(DISTINCT thread_id) FROM checkpoints")
        else:
            done = await self.checkpoints.execute(
                "SELECT count(DISTINCT thread_id) FROM checkpoints"
            )
            [(threads,)] = await done.fetchall()
        return {"rows": rows, "rejected": threads - rows}

    async def close(self) -> None:
        if self.postgres:
            await self.pool.close()
        else:
            await self.db.close()
            await self.checkpoints.close()


if __name__ == "__main__":
    main(LangGraph())
