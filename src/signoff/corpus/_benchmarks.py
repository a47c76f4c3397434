"""Records of three public benchmarks, as their projects publish them or nearly so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from signoff.corpus._fields import (
    Unreadable,
    digest_of,
    items,
    judgement,
    label,
    number,
    shown,
    text,
)
from signoff.corpus._jsonl import at
from signoff.corpus._problems import Problems
from signoff.diagnosis import Trial

#: What tau-bench records among the calls, and what changes nothing whatever it says.
_NO_CALLS = frozenset({"respond", "think", "calculate"})

#: The category of the leaderboard in which no function fits.
_NO_CALL_ASKED = "relevance"

#: How the tools of tau-bench that write begin.
_WRITES = ("book_", "cancel_", "exchange_", "modify_", "return_", "send_", "update_")


def bfcl(line: int, record: Mapping[str, Any], problems: Problems) -> Iterator[Trial]:
    """Berkeley Function Calling Leaderboard: the verdict is the class of its checker's error.

    The proposal is the calls themselves, in any order, so that a text whose form alone was refused
    is still the same proposal. Where no call was asked for, any text is no call.

    Raises:
        Unreadable: If a column holds what it cannot.
    """
    task, ok = _required(record, "task"), _judged(record, "ok")
    group = task.rpartition("_")[0]
    said: object = record.get("calls", record.get("raw"))
    calls = sorted(items(said), key=lambda call: digest_of(call, "calls"))
    no_call = "calls" in record or group == _NO_CALL_ASKED
    proposal = calls if calls or no_call else said
    run = label(record.get("run"), "run")
    model = _required(record, "model")
    yield Trial(
        input=task,
        model=f"{model}@{run}" if run else model,
        number=1,
        ok=ok,
        proposal=digest_of(proposal, "calls"),
        verdict="accepted" if ok else text(record.get("err")) or "rejected",
        group=group,
        at=at(record, ("run",), line, problems),
        shown=shown(said),
    )


def mcpmark(line: int, record: Mapping[str, Any], problems: Problems) -> Iterator[Trial]:
    """MCPMark: outcomes only, with the harness's error.

    Raises:
        Unreadable: If a column holds what it cannot.
    """
    ok = _judged(record, "ok")
    yield Trial(
        input=_required(record, "task"),
        model=_required(record, "model"),
        number=number(record.get("run", 0), "run"),
        ok=ok,
        verdict="accepted" if ok else "rejected",
        group=label(record.get("service"), "service"),
        error=text(record.get("err")),
    )


def tau(line: int, record: Mapping[str, Any], problems: Problems) -> Iterator[Trial]:
    """tau-bench: the proposal is the sequence of calls, the effect those that wrote.

    Raises:
        Unreadable: If a column holds what it cannot.
    """
    ok = _judged(record, "reward")
    steps = [items(step) for step in items(record.get("steps"))]
    calls = [list(step[:2]) for step in steps if step and step[0] not in _NO_CALLS]
    writes = [list(step[:2]) for step in steps if _wrote(step)]
    yield Trial(
        input=_required(record, "task"),
        model=_required(record, "model"),
        number=number(record.get("trial", 0), "trial") + 1,
        ok=ok,
        proposal=digest_of(calls, "steps") if "steps" in record else "",
        verdict="accepted" if ok else "rejected",
        effect=digest_of(writes, "steps") if writes else "",
        group=label(record.get("env"), "env"),
        error=text(record.get("error")),
        shown=shown(" > ".join(str(call[0]) for call in calls)),
    )


def _wrote(step: Any) -> bool:
    return len(step) > 2 and bool(step[2]) and str(step[0]).startswith(_WRITES)


def _required(record: Mapping[str, Any], column: str) -> str:
    value = label(record.get(column), column)
    if not value:
        raise Unreadable(f"no `{column}`")
    return value


def _judged(record: Mapping[str, Any], column: str) -> bool:
    ok = judgement(record, (column,))
    if ok is None:
        raise Unreadable(f"no `{column}`")
    return ok
