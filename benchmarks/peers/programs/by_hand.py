"""SQL by hand: one transaction for each crossing, on SQLite with a group commit; the floor.

A table of crossings by key and a table of orders. No chain, no attempts, no recovery: whoever calls
asks again after a crash, and what was sent before its row was written is sent twice.
"""

from __future__ import annotations

import asyncio
import json
import queue
import sqlite3
import threading
from pathlib import Path
from typing import Any

from work import Outbox, accepted, main, proposed

TABLES = (
    "CREATE TABLE IF NOT EXISTS crossings (key TEXT PRIMARY KEY, status TEXT, proposal TEXT)",
    "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, amount INTEGER)",
)


class ByHand:
    async def open(self, store: str, folder: Path) -> None:
        self.outbox = Outbox(folder)
        self.postgres = store.startswith("postgres")
        if self.postgres:
            from psycopg_pool import AsyncConnectionPool

            self.pool = AsyncConnectionPool(store, min_size=8, max_size=8, open=False)
            await self.pool.open(wait=True)
            async with self.pool.connection() as connection:
                for table in TABLES:
                    await connection.execute(table)
            return
        self.db = sqlite3.connect(store, isolation_level=None, check_same_thread=False)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        for table in TABLES:
            self.db.execute(table)
        self.waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._write, daemon=True).start()

    async def cross(self, number: int, pause: float) -> bool:
        if pause:
            await asyncio.sleep(pause)
        proposal = proposed(number)
        await self._keep(proposal)
        return accepted(proposal)

    async def send(self, number: int, pause: float) -> bool:
        order = f"order-{number}"
        status = await self._status(order)
        if status is not None:
            return status == "committed"
        await asyncio.sleep(pause)
        proposal = proposed(number)
        if accepted(proposal):
            await self.outbox.send(order)
        await self._keep(proposal)
        return accepted(proposal)

    async def _status(self, order: str) -> str | None:
        if self.postgres:
            async with self.pool.connection() as connection:
                found = await connection.execute(
                    "SELECT status FROM crossings WHERE key = %s", [order]
                )
                row = await found.fetchone()
        else:
            row = self.db.execute("SELECT status FROM crossings WHERE key = ?", [order]).fetchone()
        return None if row is None else str(row[0])

    async def _keep(self, proposal: dict[str, Any]) -> None:
        if self.postgres:
            async with self.pool.connection() as connection, connection.transaction():
                for sql, row in _rows(proposal):
                    await connection.execute(sql.replace("?", "%s"), row)
            return
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self.waiting.put((proposal, done, loop))
        await done

    def _write(self) -> None:
        while True:
            batch = [self.waiting.get()]
            while len(batch) < 256:
                try:
                    batch.append(self.waiting.get_nowait())
                except queue.Empty:
                    break
            self.db.execute("BEGIN IMMEDIATE")
            for proposal, _, _ in batch:
                for sql, row in _rows(proposal):
                    self.db.execute(sql, row)
            self.db.execute("COMMIT")
            batch[0][2].call_soon_threadsafe(_tell, [done for _, done, _ in batch])

    async def count(self) -> dict[str, int]:
        asked = "SELECT (SELECT count(*) FROM orders), count(*) FROM crossings WHERE status = 'no'"
        if self.postgres:
            async with self.pool.connection() as connection:
                row: Any = await (await connection.execute(asked)).fetchone()
        else:
            row = self.db.execute(asked).fetchone()
        return {"rows": row[0], "rejected": row[1]}

    async def close(self) -> None:
        if self.postgres:
            await self.pool.close()


def _rows(proposal: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    yes = accepted(proposal)
    body = json.dumps(proposal)
    rows: list[tuple[str, list[Any]]] = [
        (
            "INSERT INTO crossings VALUES (?, ?, ?)",
            [proposal["order"], "committed" if yes else "no", body],
        )
    ]
    if yes:
        rows.append(("INSERT INTO orders VALUES (?, ?)", [proposal["order"], proposal["amount"]]))
    return rows


def _tell(waiting: list[Any]) -> None:
    for done in waiting:
        done.set_result(None)


if __name__ == "__main__":
    main(ByHand())
