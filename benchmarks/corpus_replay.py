"""Two models compared by 200,000 recorded trials: time, memory, and a line of a gigabyte.

25,000 inputs, four trials of each by either model, proposals of some 300 characters of which one in
four is fenced text; compressed. One run reads it as spans, another meets a line of a gigabyte.
"""

from __future__ import annotations

import gzip
import json
import random
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from benchmarks.machine import in_child, scratch

SECONDS, MEGABYTES = 30.0, 500.0
INPUTS, TRIALS = 25_000, 4
GIGABYTE = 1_000


def measure() -> tuple[list[Figure], dict[str, Any]]:
    runs = {kind: in_child("corpus_replay", "run", kind=kind) for kind in ("own", "spans", "long")}
    figures = [
        Figure(
            what,
            f"{runs[kind]['wall']:.1f} s, {runs[kind]['rss_mb']:.0f} MB",
            "< 30 s, < 500 MB",
            runs[kind]["wall"] < SECONDS and runs[kind]["rss_mb"] < MEGABYTES,
            f"{runs[kind]['trials']:,} trials from {runs[kind]['megabytes']:.0f} MB, read in "
            f"{runs[kind]['reading']:.1f} s, compared in {runs[kind]['comparing']:.1f} s and told "
            f"as Markdown, JSON and JUnit in {runs[kind]['telling']:.1f} s; "
            f"{runs[kind]['decision']}; one process, ru_maxrss",
        )
        for kind, what in (
            ("own", "a corpus of 200,000 records replayed"),
            ("spans", "the same as OpenTelemetry spans"),
            ("long", "the same with a line of a gigabyte in it"),
        )
    ]
    return figures, {"runs": runs}


def run(kind: str) -> dict[str, Any]:
    """Write a corpus and replay it; for a child process."""
    from signoff.corpus import read_corpus
    from signoff.replay import as_json, as_junit, as_markdown, compare

    with scratch() as folder:
        path = _write(folder / "corpus.jsonl.gz", kind)
        began = time.perf_counter()
        corpus = read_corpus(path)
        read = time.perf_counter()
        comparison = compare(*corpus.pair("old", "new"))
        compared = time.perf_counter()
        told = [as_markdown(comparison), json.dumps(as_json(comparison)), as_junit(comparison)]
        ended = time.perf_counter()
        return {
            "kind": kind,
            "trials": len(corpus.trials),
            "skipped": corpus.skipped,
            "decision": comparison.decision,
            "megabytes": path.stat().st_size / 1e6,
            "reading": read - began,
            "comparing": compared - read,
            "telling": ended - compared,
            "wall": ended - began,
            "reports": [len(each) for each in told],
            "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "python": sys.version.split()[0],
        }


def _write(path: Path, kind: str) -> Path:
    record: Callable[..., dict[str, Any]] = _span if kind == "spans" else _record
    chance = random.Random(1)
    with gzip.open(path, "wt", compresslevel=1) as file:
        for number in range(INPUTS):
            steady = chance.random() < 0.8
            for model in ("old", "new"):
                for trial in range(1, TRIALS + 1):
                    said = 0 if steady else chance.randrange(3)
                    ok = chance.random() < 0.9
                    file.write(json.dumps(record(number, model, trial, said, ok)) + "\n")
            if kind == "long" and number == INPUTS // 2:
                file.write('{"input": "')
                for _ in range(GIGABYTE):
                    file.write("x" * 1_000_000)
                file.write('"}\n')
    return path


def _proposal(number: int, said: int) -> dict[str, Any]:
    return {
        "order": f"order-{number}",
        "discount": said / 100,
        "note": f"as agreed with the customer on the telephone, version {said} " * 3,
        "lines": [{"article": f"a-{line}", "price": line * 1.5} for line in range(3)],
    }


def _record(number: int, model: str, trial: int, said: int, ok: bool) -> dict[str, Any]:
    proposal: Any = _proposal(number, said)
    if trial == TRIALS:
        proposal = f"```json\n{json.dumps(proposal)}\n```"
    return {
        "input": f"order-{number}",
        "model": model,
        "trial": trial,
        "ok": ok,
        "verdict": "accepted" if ok else ("over_cap", "malformed")[number % 2],
        "proposal": proposal,
        "effect": f"discount {said}" if ok else None,
        "group": ("north", "south", "west")[number % 3],
        "at": "2026-03-01T12:00:00Z",
    }


def _span(number: int, model: str, trial: int, said: int, ok: bool) -> dict[str, Any]:
    asked = [{"role": "user", "parts": [{"type": "text", "content": f"Discount {number}?"}]}]
    text = json.dumps(_proposal(number, said))
    answered = [{"role": "assistant", "parts": [{"type": "text", "content": text}]}]
    told: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": model,
        "gen_ai.input.messages": json.dumps(asked),
        "gen_ai.output.messages": json.dumps(answered),
        "signoff.verdict": "accepted" if ok else "over_cap",
    }
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in told.items()]
    span = {"name": "chat", "startTimeUnixNano": "1772366400000000000", "attributes": attributes}
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [span]}]}]}
