"""Reading from a replica, writing to the primary, and seeing at once what one has written."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Collection, Generator
from dataclasses import dataclass, replace
from typing import TypeVar

from signoff.boundary import PendingEffect, Timer
from signoff.clock import SystemClock
from signoff.errors import SignoffError, StorageUnavailable, StoreNotOurs, UsageError
from signoff.storage._connection import Connection
from signoff.storage._open import storage_at
from signoff.storage._storage import Storage
from signoff.storage._transaction import StoredTransaction

T = TypeVar("T")

#: Seconds that a read waits for the replica to come to what was just written here.
PATIENCE = 1.0

#: Seconds between two looks how far the replica has come, and whether it answers again.
_EVERY = 1.0

#: Seconds after which a replica that says nothing is taken for one that is down.
_SILENT = 3.0

#: Seconds between two looks while somebody waits.
_PAUSE = 0.02

_LOG = logging.getLogger("signoff.storage")

_RECOVERS = "SELECT pg_is_in_recovery()"
_WRITTEN = "SELECT pg_current_wal_insert_lsn()::text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """How far a replica has come.

    Attributes:
        replica: Its URL, without the password.
        record: Position of its last record.
        behind: Positions that the primary is ahead of it; None if the primary does not say.
        down: Why it is not read from now; empty if it is.
    """

    replica: str
    record: int = 0
    behind: int | None = None
    down: str = ""


class ReadFrom(Storage):
    """A store whose reads are answered by a replica, and whose transactions run on the primary.

    What was written through it is seen by every later read through it: a read waits up to a second
    for the replica, and is answered by the primary until the replica has it. Without the replica
    everything is answered by the primary. Made by `reading_from`.
    """

    def __init__(self, primary: Storage, url: str) -> None:
        super().__init__(redact=None, fault_point=None)
        self.url = primary.url
        self._primary = primary
        self._replica_url = url
        self._replica: Storage | None = None
        self._clock = SystemClock()
        #: What the replica must have come to, and until when it is waited for.
        self._wanted: str | int = 0
        self._until = 0.0
        #: Whether it follows the log of the primary's server.
        self._streams = False
        self.lag = Lag(replica=storage_at(url).url, down="it was not asked yet")

    async def open(self, *, exclusive: bool) -> None:
        if exclusive:
            raise UsageError("a runtime reads what it writes: give it the primary")
        await self._look()

    async def close(self) -> None:
        await self._drop()

    async def transact(self, script: Callable[[StoredTransaction], T]) -> T:
        result = await self._primary.transact(script)
        try:
            self._wanted = await self._end_of_primary()
        except SignoffError:
            self._wanted = ""  # nobody knows: the primary answers until the replica is looked at
        self._until = self._clock.elapsed() + PATIENCE
        return result

    async def read(self, look: Callable[[Connection], T]) -> T:
        if (replica := await self._current()) is not None:
            with self._failing():
                async with asyncio.timeout(_SILENT):
                    return await replica.read(look)
        return await self._primary.read(look)

    async def survey(self, look: Callable[[Connection], T]) -> T:
        if (replica := await self._current()) is not None:
            with self._failing():
                return await replica.survey(look)
        return await self._primary.survey(look)

    async def claim_timers(
        self,
        machines: Collection[str],
        *,
        now: str,
        limit: int,
        busy: Collection[tuple[str, str]],
        subject: str = "",
    ) -> list[Timer]:
        raise UsageError("only a runtime may claim work")

    async def claim_effects(
        self,
        names: Collection[str],
        *,
        now: str,
        limit: int,
        busy: Collection[int],
        subject: str = "",
    ) -> list[PendingEffect]:
        raise UsageError("only a runtime may claim work")

    async def claim_commit(self, crossing: str, *, busy: Collection[int]) -> PendingEffect | None:
        raise UsageError("only a runtime may claim work")

    def _keep_writers_out(self, tx: StoredTransaction, connection: Connection) -> None:
        self._primary._keep_writers_out(tx, connection)  # pyright: ignore[reportPrivateUsage]  # one of us

    def keep_values(self, tx: StoredTransaction) -> None:
        """As the primary does: what is written goes there."""
        self._primary.keep_values(tx)

    async def watch(self) -> None:
        """Look how far the replica has come, again and again, until this is cancelled."""
        while True:
            await self._look()
            await asyncio.sleep(_EVERY)

    # The replica

    async def _current(self) -> Storage | None:
        """The replica, if it answers and has come to what was last written here."""
        if self.lag.down or self._replica is None:
            return None
        while self._wanted:
            with self._failing():
                if await self._has_come(self._replica):
                    break
            if self.lag.down or self._clock.elapsed() >= self._until:
                return None
            await asyncio.sleep(_PAUSE)
        return self._replica

    async def _has_come(self, replica: Storage) -> bool:
        wanted = self._wanted
        if wanted == "":
            wanted = await self._end_of_primary()
        if isinstance(wanted, int):
            come = await _last(replica) >= wanted
        else:
            look = f"SELECT pg_last_wal_replay_lsn() >= '{wanted}'::pg_lsn"
            rows = await replica.read(lambda connection: connection.raw(look, ()))
            come = bool(rows[0][0])
        if come:
            self._wanted = 0
        return come

    async def _end_of_primary(self) -> str | int:
        """A place behind all that was written: in the log of the server, or in the ledger."""
        if self._streams:
            rows = await self._primary.read(lambda connection: connection.raw(_WRITTEN, ()))
            return str(rows[0][0])
        return await _last(self._primary)

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(_SILENT):
                if self._replica is None:
                    await self._open()
                assert self._replica is not None
                record = await _last(self._replica)
        except (SignoffError, UsageError, TimeoutError) as error:
            self._tell(_said(error))
            await self._drop()
            return
        behind: int | None = None
        with contextlib.suppress(SignoffError, TimeoutError):
            async with asyncio.timeout(_SILENT):
                behind = max(await _last(self._primary) - record, 0)
        if self.lag.down:
            _LOG.warning("%s is read from", self.lag.replica)
        self.lag = replace(self.lag, record=record, behind=behind, down="")

    async def _open(self) -> None:
        replica = storage_at(self._replica_url)
        replica.reconnect_after = ()  # the primary answers meanwhile
        await replica.open(exclusive=False)
        self._replica = replica
        if self._replica_url.startswith("postgres"):
            rows = await replica.read(lambda connection: connection.raw(_RECOVERS, ()))
            self._streams = bool(rows[0][0])
        first, other = await _first(self._primary), await _first(replica)
        if first and other and first != other:
            raise StoreNotOurs("it is a replica of another store")

    @contextlib.contextmanager
    def _failing(self) -> Generator[None]:
        """What fails on the replica is done on the primary."""
        try:
            yield
        except (StorageUnavailable, TimeoutError, UsageError) as error:  # or it was just closed
            self._tell(_said(error))

    def _tell(self, down: str) -> None:
        """Say that it went down; the next look says when it is back."""
        if not self.lag.down:
            _LOG.warning("%s is not read from: %s", self.lag.replica, down)
        self.lag = replace(self.lag, down=down)

    async def _drop(self) -> None:
        replica, self._replica = self._replica, None
        if replica is not None:
            with contextlib.suppress(SignoffError, TimeoutError):
                async with asyncio.timeout(_SILENT):
                    await replica.close()


@contextlib.asynccontextmanager
async def reading_from(primary: Storage, url: str) -> AsyncGenerator[ReadFrom]:
    """A store whose reads are answered by a replica of it, while this is open.

    Args:
        primary: The store, open; it is written to, and read from whenever the replica is not there.
        url: Of the replica. It need not answer now.

    Raises:
        BadInput: If the URL names no database.
    """
    storage = ReadFrom(primary, url)
    await storage.open(exclusive=False)
    watching = asyncio.create_task(storage.watch())
    try:
        yield storage
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        await storage.close()


async def _last(storage: Storage) -> int:
    return int(await storage.read(lambda connection: connection.run("last", {})[0][0] or 0))


async def _first(storage: Storage) -> str:
    look = {"after": 0, "limit": 1}
    rows = await storage.read(lambda connection: connection.run("records", look))
    return str(rows[0][-1]) if rows else ""


def _said(error: BaseException) -> str:
    return "it does not answer" if isinstance(error, TimeoutError) else str(error)
