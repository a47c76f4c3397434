"""The same key again: no model call, no write."""

from __future__ import annotations

import asyncio

import psycopg
from deals import Deal, Offer, asked, lifecycle, running, selling

from signoff.boundary import External


async def _sell(offer: Offer, deal: Deal, key: str) -> str:
    return "sold"


def test_the_same_key_again_writes_nothing_to_a_file(sqlite_url: str) -> None:
    async def main() -> None:
        boundary = selling(Offer(price=7), commit=External(_sell))
        refused = selling(Offer(price=50), attempts=1)
        async with running(sqlite_url) as runtime:
            handle = await runtime.start(lifecycle(), Deal(id="spine"))
            await runtime.run(boundary, Deal())
            await runtime.advance(handle, "sold", through=refused, key="r")
            before = runtime.ledger.commits  # type: ignore[attr-defined]
            for _ in range(10):
                await runtime.run(boundary, Deal())
                await runtime.advance(handle, "sold", through=refused, key="r")
            assert runtime.ledger.commits == before  # type: ignore[attr-defined]
            assert (asked(boundary), asked(refused)) == (1, 1)

    asyncio.run(main())


def test_the_same_key_again_writes_nothing_to_a_server(postgres_database: str) -> None:
    async def main() -> None:
        boundary = selling(Offer(price=7), commit=External(_sell))
        async with running(postgres_database) as runtime:
            await runtime.run(boundary, Deal())
            with psycopg.connect(postgres_database, autocommit=True) as admin:

                def written() -> object:
                    return admin.execute("SELECT pg_current_wal_insert_lsn()").fetchone()

                before = written()
                for _ in range(10):
                    await runtime.run(boundary, Deal())
                assert written() == before
            assert asked(boundary) == 1

    asyncio.run(main())
