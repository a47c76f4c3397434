"""Records of our own format: one trial a line, in columns with the names that people use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from signoff.corpus._fields import (
    Unreadable,
    digest_of,
    judgement,
    label,
    moment,
    number,
    shown,
    text,
)
from signoff.corpus._problems import Problems
from signoff.diagnosis import Trial

_INPUT = ("input", "task", "question")
_MODEL = ("model", "proposer")
_NUMBER = ("trial", "number")
_OK = ("ok", "outcome", "reward")
_GROUP = ("group", "boundary", "category", "service")
_AT = ("at", "time", "timestamp")
_ERROR = ("error", "err")
_PROPOSAL = ("proposal", "raw")
_EFFECT = ("effect",)
_VERDICT = ("verdict",)

#: A record without any of these says nothing about an answer.
_SAYS = (*_OK, *_PROPOSAL, *_VERDICT, *_EFFECT, *_ERROR)


def trials(line: int, record: Mapping[str, Any], problems: Problems) -> Iterator[Trial]:
    """The trial of one record. A number of 0 asks for one to be given.

    Raises:
        Unreadable: If a column holds what it cannot.
    """
    input, model = _named(record, _INPUT), _named(record, _MODEL)
    if not any(record.get(column) is not None for column in _SAYS):
        raise Unreadable("says nothing about an answer: no `ok`, `proposal`, `verdict` or `error`")
    trial, run = _numbered(record)
    ok, verdict = judgement(record, _OK), text(_first(record, _VERDICT))
    if ok is None and verdict:
        ok = verdict == "accepted"
    proposal = _first(record, _PROPOSAL)
    yield Trial(
        input=input,
        model=f"{model}@{run}" if run else model,
        number=trial,
        ok=ok,
        proposal=digest_of(proposal, "proposal"),
        verdict=verdict,
        effect=digest_of(_first(record, _EFFECT), "effect"),
        group=label(_first(record, _GROUP), "group"),
        at=at(record, _AT, line, problems),
        error=text(_first(record, _ERROR)),
        shown=shown(record.get("shown", proposal)),
    )


def at(record: Mapping[str, Any], columns: tuple[str, ...], line: int, problems: Problems) -> str:
    """When it was; empty, and noted, if that cannot be read."""
    try:
        return moment(_first(record, columns))
    except Unreadable as error:
        problems.note(line, str(error))
        return ""


def _first(record: Mapping[str, Any], columns: tuple[str, ...]) -> object:
    for name in columns:
        if (value := record.get(name)) is not None:
            return value
    return None


def _named(record: Mapping[str, Any], columns: tuple[str, ...]) -> str:
    name = label(_first(record, columns), columns[0])
    if not name:
        raise Unreadable(f"no `{columns[0]}`")
    return name


def _numbered(record: Mapping[str, Any]) -> tuple[int, str]:
    """The number of the trial, and the run that it belongs to: a `run` that is no number."""
    value, run = _first(record, _NUMBER), record.get("run")
    if isinstance(run, str) and run and not run.isdigit():
        return number(value, "trial") if value is not None else 0, label(run, "run")
    if value is None:
        value = run
    return (0 if value is None else number(value, "trial")), ""
