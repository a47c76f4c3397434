"""Commands run beside the console, one at a time, and what they found."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from signoff.clock import Clock, stamp
from signoff.console.studies._standing import Found, Standing
from signoff.replacing import replacing
from signoff.words import plain

#: Seconds that a study may take, and bytes that it may print.
_LONGEST, _MOST = 900, 64 * 1024 * 1024

#: Characters of what a command complains of.
_SAID = 2000

#: Studies that may wait for their turn.
_WAITING = 8


@dataclass(frozen=True, slots=True)
class Study:
    """A command of `signoff`, without `--json` and `--store`.

    Attributes:
        words: The command's words. No shell reads them.
        folder: Where it is run.
    """

    words: tuple[str, ...]
    folder: Path = field(default_factory=Path)

    @property
    def name(self) -> str:
        """What it is kept under."""
        told = json.dumps([self.words, str(self.folder.absolute())])
        return hashlib.sha256(told.encode()).hexdigest()[:24]


class Studies:
    """Runs studies, and keeps what each of them found last.

    Args:
        folder: Where that is kept, as one file each.
        store: Says the URL of the store that they are about; handed over in the environment, so
            that no password stands in a list of processes.
        clock: Says when.
    """

    def __init__(self, folder: Path, store: Callable[[], str], clock: Clock) -> None:
        self._folder = folder
        self._store = store
        self._clock = clock
        self._turn = asyncio.Semaphore(1)
        self._tasks: dict[str, tuple[str, asyncio.Task[None]]] = {}
        self._found: dict[str, Found | None] = {}
        self._failed: dict[str, Found] = {}

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        """Nothing goes on afterwards."""
        try:
            yield
        finally:
            tasks = [task for _, task in self._tasks.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def look(self, study: Study) -> Standing:
        """Where a study stands."""
        name = study.name
        if name not in self._found:
            self._found[name] = self._kept(name)
        since, _ = self._tasks.get(name, ("", None))
        return Standing(since=since, found=self._found[name], failed=self._failed.get(name))

    def begin(self, study: Study) -> Standing:
        """Run a study, unless it is under way or too many wait already."""
        name = study.name
        if name not in self._tasks and len(self._tasks) < _WAITING:
            since = stamp(self._clock.now())
            self._tasks[name] = (since, asyncio.create_task(self._run(study, since)))
        return self.look(study)

    def look_first(self, study: Study) -> Standing:
        """Where a study stands; one that was never made begins."""
        standing = self.look(study)
        return standing if standing.found or standing.since else self.begin(study)

    async def _run(self, study: Study, since: str) -> None:
        try:
            async with self._turn:
                self._keep(study.name, await self._command(study, since))
        finally:
            del self._tasks[study.name]

    async def _command(self, study: Study, since: str) -> Found:
        began = self._clock.elapsed()
        # With -P, a module in the folder is none of the command's own.
        words = [sys.executable, "-P", "-m", "signoff", *study.words, "--json"]
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                cwd=study.folder,
                env={**os.environ, **self._environment()},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except (OSError, ValueError) as error:
            return Found(at=since, seconds=0.0, status=-1, error=f"it cannot be run: {error}")
        try:
            # Pages come first.
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process.pid, 10)
            async with asyncio.timeout(_LONGEST):
                assert process.stdout is not None
                assert process.stderr is not None
                printed, said = await asyncio.gather(
                    _read(process.stdout, _MOST), _read(process.stderr, _MOST)
                )
                status = await process.wait()
        except TimeoutError:
            took = self._clock.elapsed() - began
            told = f"it was stopped after {_LONGEST // 60} minutes"
            return Found(at=since, seconds=took, status=-1, error=told)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        seconds = self._clock.elapsed() - began
        value, told = _value(printed), plain(said.decode(errors="replace").strip()[-_SAID:])
        if value is None and not told:
            told = "it printed nothing that can be read"
        return Found(at=since, seconds=seconds, status=status, value=value, error=told)

    def _environment(self) -> Mapping[str, str]:
        return {"SIGNOFF_STORE": _wherever(self._store()), "NO_COLOR": "1", "COLUMNS": "200"}

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _kept(self, name: str) -> Found | None:
        try:
            return Found.from_text(self._path(name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def _keep(self, name: str, found: Found) -> None:
        before = self._found.get(name)
        if found.value is None and before is not None and before.value is not None:
            self._failed[name] = found
            return
        self._failed.pop(name, None)
        self._found[name] = found
        # It can be found again, so a disk that is full does no harm.
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with replacing(self._path(name), readable="by_owner") as file:
                file.write(found.as_text())


def _wherever(store: str) -> str:
    """The URL of a store for whoever is run in another folder."""
    scheme, _, path = store.partition(":///")
    return f"{scheme}:///{Path(path).absolute()}" if scheme == "sqlite" else store


async def _read(stream: asyncio.StreamReader, most: int) -> bytes:
    """All that comes; what is too much is thrown away."""
    kept = bytearray()
    while chunk := await stream.read(64 * 1024):
        if len(kept) + len(chunk) <= most:
            kept += chunk
    return bytes(kept)


def _value(printed: bytes) -> Any:
    try:
        return json.loads(printed)
    except (ValueError, RecursionError):
        return None
